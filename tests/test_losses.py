from inspect import signature

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, SMOOTH_LOSSES
from scipy import optimize

from sklearn_linloss import _kernels, losses
from sklearn_linloss._kernels import _codes

pytestmark = pytest.mark.plain_python

DELTAS = (0.5, 1.0, 10.0)


def loss_object(name):
    return getattr(losses, name)


def random_dual(rng, n, n_classes, loss):
    """Points of the conjugate's domain, boundary included, and their labels."""
    y = rng.integers(n_classes, size=n)
    dual = rng.uniform(size=(n, n_classes))
    if loss == "hinge":
        dual[rng.uniform(size=dual.shape) < 0.2] = 1.0
    dual[rng.uniform(size=dual.shape) < 0.2] = 0.0
    dual[np.arange(n), y] = 0.0
    if loss == "squared_hinge":
        dual *= 4.0
    if loss == "softmax":
        total = np.maximum(dual.sum(axis=1, keepdims=True), 1e-9)
        dual *= rng.uniform(size=(n, 1)) / total
    dual[np.arange(n), y] = -dual.sum(axis=1)
    return dual, y


def in_form(scores):
    """The margin form, one column, is a vector to the kernels."""
    return scores[:, 0] if scores.shape[1] == 1 else scores


def kernel_gradient(loss, scores, y, weight=None, delta=1.0, width=0.0):
    gradient = np.full_like(scores, np.nan)
    weight = np.ones(len(y)) if weight is None else weight
    value = _kernels.loss_gradient(
        _kernels.code_of(loss_object(loss)),
        in_form(scores),
        y,
        weight,
        delta,
        width,
        in_form(gradient),
    )
    return value, gradient


def kernel_value(loss, scores, y, weight=None, delta=1.0, width=0.0):
    weight = np.ones(len(y)) if weight is None else weight
    scratch = np.full_like(scores[:1], np.nan)
    return _kernels.loss_gradient(
        _kernels.code_of(loss_object(loss)),
        in_form(scores),
        y,
        weight,
        delta,
        width,
        in_form(scratch),
    )


def kernel_hessian(loss, scores, y, direction, delta=1.0, width=0.0):
    out = np.full_like(scores, np.nan)
    _kernels.loss_hessian(
        _kernels.code_of(loss_object(loss)),
        in_form(scores),
        y,
        np.ones(len(y)),
        delta,
        width,
        in_form(direction),
        np.empty((1, scores.shape[1])),
        in_form(out),
    )
    return out


def assert_worked_gradient(gradient, case):
    """The file's p - 1 of the true class has an absolute rounding error."""
    y, expected = case["y"], np.array(case["grad_scores"])
    assert gradient[y] == pytest.approx(expected[y], rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(
        np.delete(gradient, y), np.delete(expected, y), rtol=1e-12, atol=0.0
    )


# -- worked numbers ------------------------------------------------------------------


def test_worked_example(sample_case):
    loss = loss_object(sample_case["loss"])
    arguments = sample_case["scores"], sample_case["y"], sample_case["delta"]
    value = loss.value(*arguments)
    assert isinstance(value, float)
    assert value == pytest.approx(sample_case["value"], rel=1e-13, abs=1e-15)
    assert_worked_gradient(loss.gradient(*arguments), sample_case)


def test_worked_example_compiled(compiled_sample_case):
    case = compiled_sample_case
    scores = np.array([case["scores"]], dtype=np.float64)
    y, delta = np.array([case["y"]]), case["delta"]
    value, gradient = kernel_gradient(case["loss"], scores, y, delta=delta)
    assert value == pytest.approx(case["value"], rel=1e-13, abs=1e-15)
    assert_worked_gradient(gradient[0], case)
    assert kernel_value(case["loss"], scores, y, delta=delta) == value


def test_worked_example_from_weights_to_loss(golden):
    case = golden["score_case"]
    scores = np.array(case["W"]) @ case["x"] + case["b"]
    np.testing.assert_allclose(scores, case["scores"], rtol=1e-13)
    assert losses.hinge.value(scores, case["y"]) == pytest.approx(case["hinge"])
    assert losses.softmax.value(scores, case["y"]) == pytest.approx(
        case["softmax"], rel=1e-13
    )


def test_probabilities(proba_case):
    proba = losses.softmax.predict_proba(proba_case["scores"])
    np.testing.assert_allclose(proba, proba_case["proba"], rtol=1e-12, atol=1e-300)
    two_rows = losses.softmax.predict_proba([proba_case["scores"]] * 2)
    np.testing.assert_array_equal(two_rows, [proba, proba])


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_values_at_zero_scores(n_classes, delta):
    zero = np.zeros(n_classes)
    others = n_classes - 1
    for y in range(n_classes):
        assert losses.hinge.value(zero, y, delta) == pytest.approx(delta * others)
        assert losses.squared_hinge.value(zero, y, delta) == pytest.approx(
            delta**2 * others
        )
        assert losses.softmax.value(zero, y, delta) == pytest.approx(np.log(n_classes))


# -- calculus ------------------------------------------------------------------------


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_of_many_rows(name, n_classes, delta):
    rng = np.random.default_rng(n_classes)
    scores = 3.0 * rng.normal(size=(40, n_classes))
    y = rng.integers(n_classes, size=40)
    values, gradients = reference.loss_terms(scores, y, name, delta)
    loss = loss_object(name)
    np.testing.assert_allclose(loss.value(scores, y, delta), values, rtol=1e-12)
    np.testing.assert_allclose(
        loss.gradient(scores, y, delta), gradients, rtol=1e-10, atol=1e-14
    )
    total = loss.gradient(scores, y, delta).sum(axis=1)
    np.testing.assert_allclose(total, 0.0, atol=1e-13)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_gradient_is_the_slope_of_the_value(name, n_classes):
    rng = np.random.default_rng(n_classes)
    loss, h = loss_object(name), 1e-6
    scores = 2.0 * rng.normal(size=(30, n_classes))
    y = rng.integers(n_classes, size=30)
    gradient = loss.gradient(scores, y, 1.3)
    for j in range(n_classes):
        step = h * np.eye(n_classes)[j]
        slope = loss.value(scores + step, y, 1.3) - loss.value(scores - step, y, 1.3)
        np.testing.assert_allclose(slope / (2 * h), gradient[:, j], atol=1e-7)


def test_the_hinge_has_no_pull_at_its_kink():
    # The margin of class 1 is exactly zero: the indicator is strict.
    np.testing.assert_array_equal(losses.hinge.gradient([1.0, 0.0, -5.0], 0), 0.0)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("name", LOSSES)
def test_fenchel_young(name, n_classes):
    rng = np.random.default_rng(n_classes)
    loss = loss_object(name)
    dual, y = random_dual(rng, 200, n_classes, name)
    scores = 3.0 * rng.normal(size=dual.shape)
    conjugate = loss.conjugate(dual, y, 1.5)
    assert np.isfinite(conjugate).all()
    excess = loss.value(scores, y, 1.5) + conjugate - (dual * scores).sum(axis=1)
    assert excess.min() >= -1e-12
    gradient = loss.gradient(scores, y, 1.5)
    tight = loss.value(scores, y, 1.5) + loss.conjugate(gradient, y, 1.5)
    np.testing.assert_allclose(tight, (gradient * scores).sum(axis=1), atol=1e-10)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("name", SMOOTH_LOSSES)
def test_conjugate_is_the_supremum(name, n_classes):
    rng = np.random.default_rng(n_classes)
    loss, delta = loss_object(name), 1.5
    # Interior points: there the supremum is attained.
    dual = rng.uniform(0.05, 1.0, size=(8, n_classes))
    if name == "softmax":
        dual *= 0.8 / n_classes
    y = rng.integers(n_classes, size=8)
    dual[np.arange(8), y] = 0.0
    dual[np.arange(8), y] = -dual.sum(axis=1)
    for a, k in zip(dual, y, strict=True):
        best = optimize.minimize(
            lambda s, a=a, k=k: reference.row_loss(s, k, name, delta)[0] - a @ s,
            np.zeros(n_classes),
            jac=lambda s, a=a, k=k: reference.row_loss(s, k, name, delta)[1] - a,
            method="BFGS",
            options={"gtol": 1e-10},
        )
        assert loss.conjugate(a, k, delta) == pytest.approx(-best.fun, abs=1e-8)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_conjugate_of_the_hinge_is_the_supremum(n_classes):
    rng = np.random.default_rng(n_classes)
    delta = 1.5
    dual, labels = random_dual(rng, 8, n_classes, "hinge")
    for a, y in zip(dual, labels, strict=True):
        # Variables (s, t): maximise <a, s> - sum t with t_j >= max(0, margin_j).
        others = np.delete(np.arange(n_classes), y)
        rows = np.zeros((len(others), 2 * n_classes))
        for r, j in enumerate(others):
            rows[r, [j, y, n_classes + j]] = 1.0, -1.0, -1.0
        cost = np.concatenate([-a, np.ones(n_classes)])
        cost[n_classes + y] = 0.0
        bounds = [(None, None)] * n_classes + [(0.0, None)] * n_classes
        bounds[y] = (0.0, 0.0)
        best = optimize.linprog(
            cost, A_ub=rows, b_ub=np.full(len(others), -delta), bounds=bounds
        )
        assert best.status == 0
        assert losses.hinge.conjugate(a, y, delta) == pytest.approx(-best.fun, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "dual"),
    [
        ("hinge", [-1.1, 1.1, 0.0]),
        ("hinge", [0.1, -0.1, 0.0]),
        ("squared_hinge", [0.1, -0.1, 0.0]),
        ("squared_hinge", [-1.0, 0.5, 0.4]),
        ("softmax", [-1.1, 0.6, 0.5]),
        ("softmax", [0.1, 0.1, -0.2]),
        ("softmax", [0.0, 0.5, 0.0]),
    ],
)
def test_conjugate_is_infinite_outside_its_domain(name, dual):
    assert loss_object(name).conjugate(dual, 0) == np.inf


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("name", SMOOTH_LOSSES)
def test_curvature_is_the_largest_of_all_and_is_reached(name, n_classes):
    rng = np.random.default_rng(0)
    n_rows = 1 if n_classes == 2 else n_classes
    scores = 3.0 * rng.normal(size=(4000, n_rows))
    # Two classes far above the rest: where the softmax curves most.
    scores[:50, 2:] -= 30.0
    scores[:50, :2] = 0.0
    y = rng.integers(n_classes, size=len(scores))
    hessians = np.stack(
        [
            kernel_hessian(name, scores, y, np.broadcast_to(u, scores.shape), 50.0)
            for u in np.eye(n_rows)
        ]
    )
    largest = np.linalg.eigvalsh(hessians.transpose(1, 0, 2))[:, -1].max()
    assert loss_object(name).curvature(n_classes) == pytest.approx(largest, rel=1e-6)


# -- bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scores", "y", "message"),
    [
        ([1.0], 0, "at least two classes"),
        (3.0, 0, "Expected scores of shape"),
        (np.zeros((2, 2, 2)), [0, 0], "Expected scores of shape"),
        ([1.0, 2.0], [0], "need labels of shape"),
        ([[1.0, 2.0]], 0, "need labels of shape"),
        ([[1.0, 2.0]], [0, 1], "need labels of shape"),
        ([1.0, 2.0], 0.0, "Labels must be integers"),
        ([1.0, 2.0], 2, r"Labels must lie in \[0, 1\]"),
        ([1.0, 2.0], -1, r"Labels must lie in \[0, 1\]"),
    ],
)
@pytest.mark.parametrize("method", ["value", "gradient", "conjugate"])
@pytest.mark.parametrize("name", LOSSES)
def test_bad_scores_and_labels(name, method, scores, y, message):
    with pytest.raises(ValueError, match=message):
        getattr(loss_object(name), method)(scores, y)


@pytest.mark.parametrize("delta", [-1.0, np.nan])
@pytest.mark.parametrize("method", ["value", "gradient", "conjugate"])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_margins_are_not_negative(name, method, delta):
    with pytest.raises(ValueError, match="delta must not be negative"):
        getattr(loss_object(name), method)([1.0, 2.0], 0, delta)


@pytest.mark.parametrize("name", LOSSES)
def test_scores_are_not_changed(name):
    scores = np.array([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]])
    kept = scores.copy()
    for method in ("value", "gradient", "conjugate"):
        getattr(loss_object(name), method)(scores, [0, 2])
    losses.softmax.predict_proba(scores)
    np.testing.assert_array_equal(scores, kept)


# -- compiled ------------------------------------------------------------------------


def as_python(function):
    return getattr(function, "py_func", function)


def parameters(kernel):
    return list(signature(as_python(kernel)).parameters)


TAKE_A_CODE = [
    name
    for name in _kernels.__all__
    if name != "code_of" and "loss" in parameters(getattr(_kernels, name))
]


@pytest.mark.parametrize("name", TAKE_A_CODE)
def test_no_kernel_takes_an_unknown_code_for_a_loss(name, monkeypatch):
    # As Python, where the other arguments need no types.
    kernel = as_python(getattr(_kernels, name))
    check = as_python(_codes.check_code)
    monkeypatch.setitem(kernel.__globals__, "check_code", check)
    arguments = dict.fromkeys(parameters(kernel))
    for code in (-1, max(map(_kernels.code_of, map(loss_object, LOSSES))) + 1):
        with pytest.raises(ValueError, match="No loss has this code"):
            kernel(**arguments | {"loss": code})


def test_an_unknown_code_in_compiled_code():
    scores, y, weight = np.ones((2, 3)), np.array([0, 2]), np.ones(2)
    with pytest.raises(ValueError, match="No loss has this code"):
        _kernels.loss_gradient(9, scores, y, weight, 1.0, 0.0, np.empty((2, 3)))


@pytest.mark.parametrize("n_rows", [1, 3, 10])
@pytest.mark.parametrize("name", LOSSES)
def test_kernels_follow_the_formulas(name, n_rows):
    rng = np.random.default_rng(n_rows)
    scores = 3.0 * rng.normal(size=(60, n_rows))
    y = rng.integers(max(n_rows, 2), size=60)
    weight = rng.uniform(0.1, 2.0, size=60)
    values, gradients = reference.loss_terms(scores, y, name, 1.4)
    value, gradient = kernel_gradient(name, scores, y, weight, 1.4)
    assert value == pytest.approx(weight @ values, rel=1e-12)
    assert kernel_value(name, scores, y, weight, 1.4) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(
        gradient, weight[:, None] * gradients, rtol=1e-9, atol=1e-13
    )


@pytest.mark.parametrize("name", LOSSES)
def test_sums_of_margins_do_not_depend_on_where_their_scratch_lies(name):
    """Numba 0.61 summed in another order where it lay right before the data."""
    n, rng = 5000, np.random.default_rng(0)
    y = rng.integers(2, size=n)
    block = np.empty(2 * n + 2)
    scores, weight = block[1 : n + 1], block[n + 1 : -1]
    scores[:], weight[:] = rng.normal(size=n), 1.0 / n
    before, after = (
        _kernels.loss_gradient(
            _kernels.code_of(loss_object(name)), scores, y, weight, 1.4, 0.0, scratch
        )
        for scratch in (block[:1], block[-1:])
    )
    assert before == after


@pytest.mark.parametrize("name", LOSSES)
def test_one_row_is_the_loss_of_the_margin(name):
    margins = np.array([-30.0, -2.0, 0.3, 1.0, 1.4, 2.0, 30.0])
    delta = 1.4
    slack = np.maximum(0.0, delta - margins)
    expected = {
        "hinge": slack,
        "squared_hinge": slack**2,
        "softmax": np.log1p(np.exp(-margins)),
    }[name]
    for y, sign in ((0, -1.0), (1, 1.0)):
        labels = np.full(1, y)
        values = [
            kernel_value(name, np.array([[sign * m]]), labels, delta=delta)
            for m in margins
        ]
        np.testing.assert_allclose(values, expected, rtol=1e-12)


@pytest.mark.parametrize("width", [0.0, 0.5])
@pytest.mark.parametrize("n_rows", [1, 4])
@pytest.mark.parametrize("name", LOSSES)
def test_kernel_derivatives(name, n_rows, width):
    rng = np.random.default_rng(n_rows)
    scores = 2.0 * rng.normal(size=(30, n_rows))
    y = rng.integers(max(n_rows, 2), size=30)
    direction = rng.normal(size=scores.shape)
    h = 1e-6
    up, down = scores + h * direction, scores - h * direction
    _, gradient = kernel_gradient(name, scores, y, width=width)
    slope = kernel_value(name, up, y, width=width)
    slope -= kernel_value(name, down, y, width=width)
    assert slope / (2 * h) == pytest.approx((gradient * direction).sum(), rel=1e-6)
    if name == "hinge" and width == 0.0:
        return
    change = kernel_gradient(name, up, y, width=width)[1]
    change -= kernel_gradient(name, down, y, width=width)[1]
    np.testing.assert_allclose(
        kernel_hessian(name, scores, y, direction, width=width),
        change / (2 * h),
        atol=1e-6,
    )


@pytest.mark.parametrize("n_rows", [1, 3])
def test_the_smoothed_hinge_lies_at_most_half_a_width_below(n_rows):
    rng = np.random.default_rng(3)
    scores = 2.0 * rng.normal(size=(50, n_rows))
    y = rng.integers(max(n_rows, 2), size=50)
    for i in range(50):
        row = scores[i : i + 1], y[i : i + 1]
        exact = kernel_value("hinge", *row)
        smooth = kernel_value("hinge", *row, width=0.6)
        active = kernel_gradient("hinge", *row)[1]
        pairs = abs(active).sum() if n_rows == 1 else np.maximum(active, 0.0).sum()
        assert exact - 0.3 * pairs - 1e-12 <= smooth <= exact + 1e-12
        # One slack in closed form: max over a in [0, 1] of a * slack - width / 2 * a^2.
        if n_rows == 1:
            a = np.linspace(0.0, 1.0, 10001)
            brute = (a * exact - 0.3 * a**2).max()
            assert smooth == pytest.approx(brute, abs=1e-7)


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("name", LOSSES)
def test_huge_scores_stay_finite(name, n_rows):
    n_classes = max(n_rows, 2)
    signs = np.array(np.meshgrid(*[[-1e4, 0.0, 1e4]] * n_rows)).reshape(n_rows, -1).T
    for k in range(n_classes):
        y = np.full(len(signs), k)
        values, gradients = reference.loss_terms(signs, y, name)
        value, gradient = kernel_gradient(name, np.ascontiguousarray(signs), y)
        assert value == pytest.approx(values.sum(), rel=1e-12)
        np.testing.assert_allclose(gradient, gradients, atol=1e-12)
        if n_rows > 1:
            plain = loss_object(name)
            np.testing.assert_allclose(plain.value(signs, y), values, rtol=1e-12)
            np.testing.assert_allclose(plain.gradient(signs, y), gradients, atol=1e-12)


def test_tiny_probabilities_keep_their_digits():
    # 1 - p is 4e-18 here: computed as a difference it would be zero.
    scores = np.array([[40.0, 0.0, -3.0]])
    wrong = np.exp(-40.0) + np.exp(-43.0)
    for gradient, value in (
        (kernel_gradient("softmax", scores, np.array([0]))[1][0], None),
        (losses.softmax.gradient(scores[0], 0), losses.softmax.value(scores[0], 0)),
    ):
        assert gradient[0] == pytest.approx(-wrong, rel=1e-10)
        if value is not None:
            assert value == pytest.approx(wrong, rel=1e-10)
    assert kernel_value("softmax", scores, np.array([0])) == pytest.approx(
        wrong, rel=1e-10
    )


def softmax_terms(margin):
    """Losses of margins, one by one, and their derivatives."""
    one = np.ones(1, np.intp)
    values = [kernel_value("softmax", m.reshape(1, 1), one) for m in margin]
    gradient = kernel_gradient("softmax", margin[:, None], np.ones(len(margin), int))[1]
    return np.array(values), gradient[:, 0]


def test_two_classes_keep_all_digits():
    rng = np.random.default_rng(0)
    tiny = 10.0 ** rng.uniform(-300, 0, 200)
    size = np.r_[rng.uniform(0, 700, 600), 5 * rng.normal(size=600), tiny, 0.0]
    margin = np.r_[size, -size]
    e = np.exp(-np.abs(margin.astype(np.longdouble)))
    values, gradient = softmax_terms(margin)
    right = np.log1p(e) + np.maximum(-margin, 0.0)
    np.testing.assert_allclose(values, right.astype(float), rtol=1e-15)
    slopes = -np.where(margin >= 0.0, e, 1.0) / (1.0 + e)
    np.testing.assert_allclose(gradient, slopes.astype(float), rtol=1e-15)


def test_margins_beyond_the_range_of_the_exponential():
    margin = np.array([800.0, -800.0, np.inf, -np.inf, np.nan])
    # Loops take several at a time, and what is left over one by one.
    values, gradient = softmax_terms(np.repeat(margin, 9))
    np.testing.assert_array_equal(
        values, np.repeat([0.0, 800.0, 0.0, np.inf, np.nan], 9)
    )
    np.testing.assert_array_equal(
        gradient, np.repeat([0.0, -1.0, 0.0, -1.0, np.nan], 9)
    )


@pytest.mark.parametrize("n_rows", [1, 2])
def test_the_entropy_keeps_all_digits(n_rows):
    rng = np.random.default_rng(n_rows)
    wrong = np.r_[10.0 ** rng.uniform(-290, 0, 300), 1.0 - 10.0 ** -rng.uniform(1, 15)]
    wrong = np.r_[wrong, 0.0, 0.25, 0.5, 0.75, 1.0]
    pull = -wrong[:, None] if n_rows == 1 else np.column_stack([-wrong, wrong])
    y = np.zeros(1, np.intp) if n_rows == 2 else np.ones(1, np.intp)
    exact = wrong.astype(np.longdouble)
    rest = 1.0 - exact
    logs = np.log(np.where(exact > 0.0, exact, 1.0))
    log_rest = np.where(rest > 0.0, np.log1p(-np.where(rest > 0.0, exact, 0.0)), 0.0)
    right = -(exact * logs + rest * log_rest)
    slopes = np.where(rest > 0.0, exact * (log_rest - logs), -np.inf)
    of_kernel = [
        _kernels.entropy(row if n_rows == 1 else row[None], y, np.ones(1), 1.0)
        for row in pull
    ]
    values, found = np.transpose(of_kernel)
    np.testing.assert_allclose(values, right.astype(float), rtol=4e-15, atol=1e-300)
    np.testing.assert_allclose(found, slopes.astype(float), rtol=4e-14, atol=1e-300)


@pytest.mark.parametrize("n_classes", [3, 4, 11])
@pytest.mark.parametrize("size", [1.0, 30.0, 1e4])
def test_many_rows_of_several_classes(n_classes, size):
    """More than the kernels take at once, and a rest."""
    rng = np.random.default_rng(n_classes)
    n = 200
    scores = size * rng.standard_normal((n, n_classes))
    scores[::7, 1] = scores[::7, 0]  # ties
    y = rng.integers(n_classes, size=n)
    weight = rng.uniform(0.1, 1.0, n)
    exact = scores.astype(np.longdouble)
    exact -= exact.max(axis=1, keepdims=True)
    proba = np.exp(exact)
    rows = np.arange(n)
    others = proba.copy()
    others[rows, y] = 0.0
    others, total = others.sum(axis=1), proba.sum(axis=1)
    terms = np.where(exact[rows, y] == 0.0, np.log1p(others), np.log(total))
    terms -= exact[rows, y]
    slopes = proba / total[:, None]
    slopes[rows, y] = -others / total
    value, gradient = kernel_gradient("softmax", scores, y, weight)
    assert value == pytest.approx(float(weight @ terms), rel=1e-14)
    assert kernel_value("softmax", scores, y, weight) == value
    expected = (weight[:, None] * slopes).astype(np.float64)
    np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-300)


def test_what_is_not_a_number_in_one_row_stays_there():
    scores = np.zeros((150, 4))
    scores[100, 2] = np.nan
    y = np.arange(150) % 4
    value, gradient = kernel_gradient("softmax", scores, y)
    assert np.isnan(value)
    assert np.isnan(gradient[100]).all()
    assert np.isfinite(np.delete(gradient, 100, axis=0)).all()


def test_entropies_of_many_rows():
    rng = np.random.default_rng(4)
    n, n_classes, scale = 150, 5, 0.7
    proba = rng.dirichlet(np.full(n_classes, 0.3), n)
    proba[3] = [0.0, 1.0, 0.0, 0.0, 0.0]
    y = rng.integers(n_classes, size=n)
    weight = rng.uniform(0.1, 1.0, n)
    pull = proba.copy()
    pull[np.arange(n), y] -= 1.0
    moved = scale * pull
    moved[np.arange(n), y] += 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = -weight @ np.where(moved > 0.0, moved * np.log(moved), 0.0).sum(1)
    arguments = weight[:, None] * pull, y, weight
    value, slope = _kernels.entropy(*arguments, scale)
    assert value == pytest.approx(expected, rel=1e-12)
    step = 1e-6
    ahead, back = (_kernels.entropy(*arguments, scale + d)[0] for d in (step, -step))
    assert slope == pytest.approx((ahead - back) / (2.0 * step), rel=1e-6)
    assert _kernels.entropy(*arguments, 1.0 / abs(pull).max() * 1.01)[1] == -np.inf


@pytest.mark.parametrize("n_rows", [1, 5])
@pytest.mark.parametrize("name", LOSSES)
def test_float32_scores(name, n_rows):
    rng = np.random.default_rng(n_rows)
    scores = (3.0 * rng.normal(size=(80, n_rows))).astype(np.float32)
    y = rng.integers(max(n_rows, 2), size=80)
    weight = np.full(80, 1.0 / 80)
    value, gradient = kernel_gradient(name, scores, y, weight)
    exact, exact_gradient = kernel_gradient(name, scores.astype(np.float64), y, weight)
    assert gradient.dtype == np.float32
    assert value == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(gradient, exact_gradient, atol=1e-7)
