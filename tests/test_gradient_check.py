import re
import subprocess
import sys

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from sklearn_linloss import _objective, _penalty, losses
from sklearn_linloss.inspection import check_gradient, numerical_gradient

KINKED_LOSSES = ("hinge", "squared_hinge")


def problem(n_classes, seed=0, n_samples=60, n_features=4, n_rows=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    y = rng.integers(n_classes, size=n_samples)
    y[:n_classes] = np.arange(n_classes)
    n_rows = n_rows or (1 if n_classes == 2 else n_classes)
    W, b = rng.normal(size=(n_rows, n_features)), rng.normal(size=n_rows)
    weight = rng.uniform(0.2, 3.0, size=n_samples)
    for array in (X, y, W, b, weight):
        array.flags.writeable = False  # what is written to raises
    return X, y, W, b, weight


def lecture_code(X, y, loss, alpha=0.0, l1_ratio=0.0, delta=1.0, weight=None):
    """Value and gradient from the slow formulas, as a user would write them."""
    params = (X, y, loss, alpha, l1_ratio, delta, weight)

    def fun(W, b):
        return reference.objective(W, b, *params), *reference.subgradient(W, b, *params)

    return fun


# -- centred differences -------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 3), (2, 1, 3)])
def test_gradient_of_a_function_of_any_shape(shape):
    rng = np.random.default_rng(0)
    A, W = rng.normal(size=shape), rng.normal(size=shape)
    kept = np.array(W)

    def f(V):
        value = (A * np.sin(V)).sum()
        V += 100.0  # what it is given is its own
        return value

    gradient = numerical_gradient(f, W)
    assert gradient.shape == shape
    np.testing.assert_allclose(gradient, A * np.cos(kept), atol=1e-9)
    np.testing.assert_array_equal(W, kept)


def test_large_entries_and_integers():
    # 1e9 + 1e-5 is rounded by 1e-8: the true width of the interval counts.
    slope = numerical_gradient(lambda w: 3.0 * (w[0] - 1e9), [1_000_000_000])
    np.testing.assert_allclose(slope, [3.0], rtol=1e-12)
    with pytest.raises(ValueError, match="too small"):
        numerical_gradient(np.sum, [1e20])


@pytest.mark.parametrize("h", [0.0, -1e-5, np.inf, np.nan])
def test_bad_step(h):
    with pytest.raises(ValueError, match="h must be positive"):
        numerical_gradient(np.sum, [1.0], h=h)


def test_a_function_of_more_than_a_number():
    with pytest.raises(ValueError, match=r"f must return one number, got shape \(2,\)"):
        numerical_gradient(lambda w: w, [1.0, 2.0])


# -- correct code passes -------------------------------------------------------------


@pytest.mark.parametrize("weighted", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_compiled_objectives_pass(loss, n_classes, l1_ratio, fit_intercept, weighted):
    X, y, W, b, weight = problem(n_classes)
    weight = weight if weighted else None
    b = b if fit_intercept else None
    penalty = {"alpha": 0.3, "l1_ratio": l1_ratio}
    margin = {} if loss == "softmax" else {"delta": 1.7}
    zeros = np.zeros(len(W))
    grad_W, grad_b = reference.subgradient(
        W, zeros if b is None else b, X, y, loss, 0.3, l1_ratio, 1.7, weight
    )
    expected = np.append(grad_W, grad_b if fit_intercept else [])
    subjects = [
        (make(loss, fit_intercept=fit_intercept, **penalty, **margin), {}),
        (getattr(losses, loss), penalty | margin),
    ]
    for data in (X, sparse.csr_matrix(X)):
        for fun, params in subjects:
            for numerics in (None, False):
                check = check_gradient(
                    fun,
                    data,
                    y,
                    W,
                    b,
                    sample_weight=weight,
                    reference=numerics,
                    n_coordinates=None,
                    **params,
                )
                assert check.passed, check
                assert len(check.names) == W.size + (len(W) if fit_intercept else 0)
                np.testing.assert_allclose(check.analytic, expected, atol=1e-12)
                smooth = ~check.is_kink
                assert smooth.sum() > W.size / 2
                np.testing.assert_allclose(
                    check.numerical[smooth], expected[smooth], atol=1e-8
                )
                assert set(check.parts) == {"data", "penalty"}
                for attribute in ("analytic", "numerical", "value"):
                    total = sum(
                        getattr(part, attribute) for part in check.parts.values()
                    )
                    np.testing.assert_allclose(
                        getattr(check, attribute), total, atol=1e-8
                    )


@pytest.mark.parametrize("n_rows", [1, 2, 4])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_correct_functions_pass(loss, l1_ratio, n_rows):
    X, y, W, b, weight = problem(max(2, n_rows), n_rows=n_rows)
    params = {"alpha": 0.2, "l1_ratio": l1_ratio, "delta": 0.8}
    fun = lecture_code(X, y, loss, weight=weight, **params)
    params |= {"loss": loss, "sample_weight": weight}
    check = check_gradient(fun, X, y, W, b, **params)
    assert check.passed, check
    assert check.reference_value == pytest.approx(check.value, rel=1e-12)
    zeros = np.zeros(n_rows)
    check = check_gradient(lambda W: fun(W, zeros)[:2], X, y, W, **params)
    assert check.passed, check
    own = check_gradient(fun, X, y, W, b, reference=False, **params)
    assert own.passed
    assert own.reference_value is None


def test_a_function_alone_of_any_shape():
    W, b = np.linspace(-1.0, 2.0, 24).reshape(2, 3, 4), np.array([0.3, -0.2])

    def fun(W, b):
        return (
            np.sin(W).sum() * b[0] + b[1] ** 2,
            b[0] * np.cos(W),
            (np.array([np.sin(W).sum(), 2.0 * b[1]])),
        )

    check = check_gradient(fun, None, None, W, b, n_coordinates=None)
    assert check.passed, check
    assert check.names[:2] + check.names[-2:] == [
        "W[0, 0, 0]",
        "W[0, 0, 1]",
        "b[0]",
        "b[1]",
    ]
    wrong = check_gradient(
        lambda W, b: (*fun(W, b)[:2], np.zeros(2)), None, None, W, b, n_coordinates=1
    )
    np.testing.assert_array_equal(wrong.agrees, [True, False, False])


def test_class_weights_and_labels_of_an_estimator():
    X, y, W, b, _ = problem(3)
    by_class = np.array([0.5, 1.0, 4.0])
    names = np.array(["a", "b", "c"])
    model = make("softmax", class_weight=dict(zip(names, by_class, strict=True)))
    before = dict(vars(model))
    check = check_gradient(model, X, names[y], W, b)
    assert check.passed, check
    expected = reference.objective(
        W, b, X, y, "softmax", model.alpha, sample_weight=by_class[y]
    )
    assert check.value == pytest.approx(expected, rel=1e-12)
    assert vars(model) == before


def test_float32_data_are_checked_in_double_precision():
    X, y, W, b, _ = problem(3)
    check = check_gradient(make("softmax"), X.astype(np.float32), y, W, b)
    assert check.passed, check
    assert check.relative_error.max() < 1e-5


# -- wrong code does not -------------------------------------------------------------


def forgotten_factor(X, y, W, b, alpha):
    values, G = reference.loss_terms(reference.scores(W, b, X), y, "squared_hinge")
    n = len(y)
    value = values.mean() + reference.penalty(W, alpha)
    return value, G.T @ X / 2 / n + alpha * W, G.sum(axis=0) / 2 / n


def forgotten_penalty(X, y, W, b, alpha):
    return lecture_code(X, y, "squared_hinge")(W, b)


def penalised_intercept(X, y, W, b, alpha):
    value, grad_W, grad_b = lecture_code(X, y, "squared_hinge", alpha)(W, b)
    return value + alpha / 2 * b @ b, grad_W, grad_b + alpha * b


def dropped_true_class(X, y, W, b, alpha):
    values, G = reference.loss_terms(reference.scores(W, b, X), y, "squared_hinge")
    if len(W) == 1:
        G[y == 1] = 0.0
    else:
        G[np.arange(len(y)), y] = 0.0
    value = values.mean() + reference.penalty(W, alpha)
    return value, G.T @ X / len(y) + alpha * W, G.mean(axis=0)


def divided_by_n_minus_1(X, y, W, b, alpha):
    value, grad_W, grad_b = lecture_code(X, y, "squared_hinge")(W, b)
    factor = len(y) / (len(y) - 1)
    penalty = reference.penalty(W, alpha)
    return factor * value + penalty, factor * grad_W + alpha * W, factor * grad_b


@pytest.mark.parametrize("n_samples", [60, 2000])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("wrong", "is_consistent"),
    [
        (forgotten_factor, False),
        (forgotten_penalty, True),
        (penalised_intercept, True),
        (dropped_true_class, False),
        (divided_by_n_minus_1, True),
    ],
)
def test_usual_errors(wrong, is_consistent, n_classes, n_samples):
    X, y, W, b, _ = problem(n_classes, n_samples=n_samples)
    alpha = 1e-2

    def fun(W, b):
        return wrong(X, y, W, b, alpha)

    params = {"loss": "squared_hinge", "alpha": alpha, "n_coordinates": 3}
    check = check_gradient(fun, X, y, W, b, random_state=0, **params)
    assert not check.passed
    assert not check.agrees.all()
    # Errors that the value shares escape where there is no reference.
    own = check_gradient(fun, X, y, W, b, reference=False, random_state=0, **params)
    assert own.passed == is_consistent
    assert lecture_check_passes(X, y, W, b, alpha)


def lecture_check_passes(X, y, W, b, alpha):
    fun = lecture_code(X, y, "squared_hinge", alpha)
    return check_gradient(
        fun, X, y, W, b, loss="squared_hinge", alpha=alpha, n_coordinates=3
    ).passed


def test_where_each_error_shows():
    X, y, W, b, _ = problem(3)
    wrong = {}
    for error in (forgotten_penalty, penalised_intercept):

        def fun(W, b, error=error):
            return error(X, y, W, b, 0.1)

        check = check_gradient(
            fun, X, y, W, b, loss="squared_hinge", alpha=0.1, n_coordinates=None
        )
        wrong[error] = ~check.agrees
        assert not check.value_agrees
        assert f"The value is {check.value:.8g}" in repr(check)
    np.testing.assert_array_equal(wrong[forgotten_penalty], [True] * 12 + [False] * 3)
    np.testing.assert_array_equal(wrong[penalised_intercept], [False] * 12 + [True] * 3)


@pytest.mark.parametrize("numerics", [None, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_failing_part_is_named(monkeypatch, loss, numerics):
    X, y, W, b, _ = problem(3)
    model = make(loss, alpha=0.1)
    assert check_gradient(model, X, y, W, b, reference=numerics).passed
    with monkeypatch.context() as patch:
        right = _objective.Objective.loss_gradient

        def doubled(self, scores, width=0.0):
            value, gradient = right(self, scores, width)
            return value, 2.0 * gradient

        patch.setattr(_objective.Objective, "loss_gradient", doubled)
        check = check_gradient(model, X, y, W, b, reference=numerics)
        assert not check.passed
        assert not check.parts["data"].passed
        assert check.parts["penalty"].passed
    with monkeypatch.context() as patch:
        patch.setattr(
            _penalty.ElasticNet, "min_norm_subgradient", lambda self, w, g: g + w
        )
        check = check_gradient(model, X, y, W, b, reference=numerics)
        assert not check.passed
        assert check.parts["data"].passed
        assert not check.parts["penalty"].passed


def test_an_estimator_whose_objective_is_consistently_wrong(monkeypatch):
    X, y, W, b, _ = problem(3)
    model = make("softmax", alpha=0.1)
    right = _objective.Objective.loss_gradient
    right_value = _objective.Objective.loss_value

    def larger_gradient(self, scores, width=0.0):
        value, gradient = right(self, scores, width)
        return 60 / 59 * value, 60 / 59 * gradient

    monkeypatch.setattr(_objective.Objective, "loss_gradient", larger_gradient)
    monkeypatch.setattr(
        _objective.Objective,
        "loss_value",
        lambda self, scores, width=0.0: 60 / 59 * right_value(self, scores, width),
    )
    assert check_gradient(model, X, y, W, b, reference=False).passed
    assert not check_gradient(model, X, y, W, b).passed


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_and_values_that_are_not_finite_fail(bad):
    W, b = np.ones((2, 2)), np.zeros(2)
    for result in (
        (1.0, np.full((2, 2), bad), b),
        (bad, np.zeros((2, 2)), b),
    ):
        check = check_gradient(lambda W, b, result=result: result, None, None, W, b)
        assert not check.passed
        assert "FAILED" in repr(check)


# -- kinks ---------------------------------------------------------------------------


@pytest.mark.parametrize("h", [1e-5, 1e-4])
@pytest.mark.parametrize("loss", LOSSES)
def test_many_rows_pass_at_every_seed(loss, h):
    n_kinks, worst = 0, 0.0
    for seed in range(30):
        X, y, W, b, _ = problem(5, seed, n_samples=500, n_features=10)
        check = check_gradient(
            getattr(losses, loss), X, y, W, b, alpha=0.01, n_coordinates=None, h=h
        )
        assert check.passed, check
        # Slopes near zero are lost in rounding.
        clear = ~check.is_kink & (np.abs(check.analytic) > 1e-3)
        assert clear.sum() > 40
        assert check.relative_error[clear].max() < 1e-5
        n_kinks += check.is_kink.sum()
        worst = max(worst, check.relative_error[check.is_kink].max(initial=0.0))
    if loss == "softmax":
        assert n_kinks == 0
    elif h == 1e-4:
        assert 5 <= n_kinks <= 50
    if loss == "hinge" and h == 1e-4:
        # Not to know about kinks would fail.
        assert worst > 1e-4


@pytest.mark.parametrize("loss", LOSSES)
def test_a_margin_at_zero_is_marked(loss):
    # Scores 1 and 0, margin 1: at the kink. The second feature does not move it.
    X, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
    W, b = np.array([[1.0, -3.0], [0.0, 3.0], [-5.0, -3.0]]), np.zeros(3)
    check = check_gradient(getattr(losses, loss), X, y, W, b, n_coordinates=None)
    assert check.passed, check
    marked = {n for n, kink in zip(check.names, check.is_kink, strict=True) if kink}
    assert marked == (
        {"W[0, 0]", "W[1, 0]", "b[0]", "b[1]"} if loss in KINKED_LOSSES else set()
    )
    if loss == "hinge":
        first = check.names.index("W[1, 0]")
        assert check.analytic[first] == 0.0  # the indicator is strict
        assert check.numerical[first] == pytest.approx(0.25)
        assert check.relative_error[first] == 1.0


@pytest.mark.parametrize("y", [[0], [1]])
@pytest.mark.parametrize("loss", KINKED_LOSSES)
def test_a_margin_of_one_row_is_marked(loss, y):
    score = 2.0 * y[0] - 1.0
    for shift, kinked in ((0.0, True), (5e-6, True), (-5e-6, True), (2e-5, False)):
        check = check_gradient(
            getattr(losses, loss), [[1.0]], y, [[score + shift]], n_coordinates=None
        )
        assert check.passed, check
        assert check.is_kink[0] == kinked


@pytest.mark.parametrize(("h", "kinked"), [(1e-5, 1), (1e-2, 2)])
def test_coefficients_at_zero_are_kinks_of_l1(h, kinked):
    X, y, *_ = problem(2, n_features=3)
    W, b = np.array([[0.0, 5e-3, -2.0]]), np.zeros(1)
    for l1_ratio in (0.0, 0.3, 1.0):
        model = make("softmax", alpha=0.2, l1_ratio=l1_ratio)
        check = check_gradient(model, X, y, W, b, h=h, tol=1e-3)
        assert check.passed, check
        expected = np.arange(4) < (kinked if l1_ratio > 0.0 else 0)
        np.testing.assert_array_equal(check.is_kink, expected)
        np.testing.assert_array_equal(check.parts["penalty"].is_kink, expected)
        assert not check.parts["data"].is_kink.any()


def test_any_subgradient_passes_at_a_kink_and_nothing_else():
    X, y, W = np.array([[2.0]]), np.array([1]), np.array([[0.5]])
    for slope, passes in ((0.0, True), (-1.0, True), (-2.0, True), (-2.1, False)):

        def fun(W, slope=slope):
            return max(0.0, 1.0 - 2.0 * W[0, 0]), np.array([[slope]])

        check = check_gradient(fun, X, y, W, loss="hinge")
        assert check.is_kink.all()
        assert check.passed == passes


def test_kinks_everywhere_do_not_hide_an_error():
    # With so large a step most coordinates cross some.
    X, y, W, b, _ = problem(3, n_samples=500)
    fun = lecture_code(X, y, "hinge", alpha=0.1)
    params = {"loss": "hinge", "alpha": 0.1, "h": 1e-2, "n_coordinates": None}
    check = check_gradient(fun, X, y, W, b, **params)
    assert check.passed, check
    assert check.is_kink.mean() > 0.7

    def halved(W, b):
        value, grad_W, grad_b = fun(W, b)
        return value, grad_W / 2, grad_b / 2

    assert not check_gradient(halved, X, y, W, b, **params).passed


def test_gradients_of_zero_are_not_lost_in_rounding():
    # Balanced classes: the slope in b is exactly zero, its difference is not.
    X = np.random.default_rng(0).normal(size=(100, 3)) * 50.0
    y = np.arange(100) % 2
    for loss in ("hinge", "softmax"):
        check = check_gradient(
            getattr(losses, loss), X, y, np.full((1, 3), 1e-4), np.zeros(1), h=1e-5
        )
        assert check.passed, check


# -- kinks of a function whose loss is not told ---------------------------------------


def hinge_alone(X, y):
    """The hinge of several classes with its gradient, as an assignment has it."""

    def fun(W):
        scores = X @ W
        rows = np.arange(len(y))
        margins = scores - scores[rows, y][:, None] + 1.0
        margins[rows, y] = 0.0
        pull = (margins > 0.0).astype(float)
        pull[rows, y] = -pull.sum(axis=1)
        return np.maximum(margins, 0.0).sum() / len(y), X.T @ pull / len(y)

    return fun


def test_kinks_of_a_correct_hinge_are_found():
    n_kinks = 0
    for seed in range(20):
        X, y, W, *_ = problem(5, seed, n_samples=500, n_features=10)
        fun = hinge_alone(X, y)
        check = check_gradient(fun, None, None, W.T, h=1e-3, n_coordinates=None)
        assert check.passed, check
        assert ("at a kink" in repr(check)) == check.is_kink.any()
        n_kinks += check.is_kink.sum()

        def halved(W, fun=fun):
            value, gradient = fun(W)
            return value, gradient / 2.0

        wrong = check_gradient(halved, None, None, W.T, h=1e-3, n_coordinates=None)
        assert not wrong.passed
        assert (~wrong.agrees).mean() > 0.8
    assert n_kinks > 20


@pytest.mark.parametrize("part", [0.0, 0.1, 0.25, 1 / 3, 0.5, 2 / 3, 0.95])
@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_a_kink_anywhere_in_the_interval(part, side):
    h = 1e-4
    place = 1.0 + side * part * h

    def fun(W):
        return np.maximum(W - place, 0.0).sum() + 3.0 * W.sum(), 3.0 + (W > place)

    def check(change=0.0):
        def changed(W):
            value, gradient = fun(W)
            return value, gradient + change

        return check_gradient(changed, None, None, np.ones(1), h=h)

    assert check().passed
    assert check().is_kink.all()
    # The slopes on the sides are 3 and 4.
    assert not check(1.5 * side).passed
    assert not check(-1.5 * side).passed


def test_smooth_functions_have_no_kinks():
    W = np.linspace(-2.0, 2.0, 30)

    def fun(W):
        return (np.exp(W) + 1e3 * W**2).sum(), 1.01 * (np.exp(W) + 2e3 * W)

    check = check_gradient(fun, None, None, W, h=1e-3, n_coordinates=None)
    assert not check.agrees.any()
    assert not check.is_kink.any()


# -- the layout of the course ----------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("with_b", [True, False])
def test_coefficients_of_a_class_in_a_column(loss, with_b):
    X, y, W, b, weight = problem(5, n_features=4)
    b = b if with_b else None
    zeros = np.zeros(len(W))
    params = {"alpha": 0.2, "l1_ratio": 0.3, "delta": 0.8}
    lecture = lecture_code(X, y, loss, weight=weight, **params)

    def fun(W, b=zeros):
        value, grad_W, grad_b = lecture(W.T, b)
        return (value, grad_W.T, grad_b)[: 3 if with_b else 2]

    W = np.where(np.arange(4) == 2, 0.0, W).T  # kinks of L1
    params |= {"loss": loss, "sample_weight": weight, "n_coordinates": None}
    check = check_gradient(fun, X, y, W, b, **params)
    assert check.passed, check
    assert check.reference_value == pytest.approx(check.value, rel=1e-12)
    assert check.names[:2] == ["W[0, 0]", "W[0, 1]"]
    at_zero = [f"W[2, {k}]" for k in range(5)]
    marked = {n for n, k in zip(check.names, check.is_kink, strict=True) if k}
    assert marked >= set(at_zero)

    def without_penalty(W, b=zeros):
        value, *gradients = fun(W, b)
        gradients[0] = gradients[0] - 0.2 * 0.7 * W
        return value, *gradients

    assert not check_gradient(without_penalty, X, y, W, b, **params).passed


# -- the result ----------------------------------------------------------------------


def test_relative_errors_are_as_defined():
    X, y, W, b, _ = problem(3)
    W = W * np.array([1.0, 1.0, 1.0, 0.0])
    X = X * np.array([1.0, 1.0, 1.0, 0.0])  # 0/0 in the last feature
    check = check_gradient(make("softmax"), X, y, W, b, n_coordinates=None)
    for a, n, error in zip(
        check.analytic, check.numerical, check.relative_error, strict=True
    ):
        expected = 0.0 if a == n == 0.0 else abs(a - n) / max(abs(a), abs(n))
        assert error == expected
    last = [f"W[{k}, 3]" for k in range(3)]
    assert [
        n for n, e in zip(check.names, check.analytic, strict=True) if e == 0.0
    ] == (last)


def test_coordinates_are_sampled_and_intercepts_always_there():
    X, y, W, b, _ = problem(3, n_features=30)
    checks = [
        check_gradient(make("softmax"), X, y, W, b, n_coordinates=7, random_state=seed)
        for seed in (0, 0, 1)
    ]
    chosen = [check.coordinates for check in checks]
    assert all(len(c) == len(set(c)) == 10 for c in chosen)
    assert all(list(c[-3:]) == [90, 91, 92] for c in chosen)
    np.testing.assert_array_equal(chosen[0], chosen[1])
    assert set(chosen[0]) != set(chosen[2])
    for check in checks:
        grad_W, grad_b = reference.subgradient(W, b, X, y, "softmax", 1e-4)
        expected = np.append(grad_W, grad_b)[check.coordinates]
        np.testing.assert_allclose(check.analytic, expected, atol=1e-12)
        index = [tuple(map(int, re.findall(r"\d+", n))) for n in check.names[:7]]
        np.testing.assert_array_equal([grad_W[i] for i in index], expected[:7])
    assert len(check_gradient(make("softmax"), X, y, W, b).coordinates) == 23


def test_what_is_printed():
    X, y, W, b, _ = problem(3)
    passed = repr(check_gradient(make("hinge"), X, y, W, b))
    assert passed.startswith("Gradient check passed: 15 coordinates agree to 1e-05.")
    assert "The data alone passed" in passed
    assert "The penalty alone passed" in passed

    def one_wrong(W, b):
        value, grad_W, grad_b = lecture_code(X, y, "softmax")(W, b)
        grad_W[1, 2] *= 2.0
        return value, grad_W, grad_b

    lines = repr(check_gradient(one_wrong, X, y, W, b, loss="softmax")).split("\n")
    assert lines[0] == "Gradient check FAILED: 1 of 15 coordinates differ."
    assert re.fullmatch(r"W\[1, 2\] .* 5\.0e-01  differs", lines[2])
    assert len(lines) == 7
    assert max(map(len, lines)) <= 80


def test_a_tolerance_is_printed_for_those_that_meet_it():
    X, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([0, 1])
    W, b = np.array([[1.0, -3.0], [0.0, 3.0], [-5.0, -3.0]]), np.zeros(3)
    check = check_gradient(losses.hinge, X, y, W, b, n_coordinates=None)
    assert check.passed
    met = np.count_nonzero(check.relative_error <= check.tol)
    assert met < 9
    first = repr(check).split("\n")[0]
    assert f"{met} of 9 agree to 1e-05" in first
    assert f"{9 - met} at a kink" in first


def test_the_result_is_frozen():
    X, y, W, b, _ = problem(3)
    check = check_gradient(make("hinge"), X, y, W, b)
    with pytest.raises(AttributeError):
        check.tol = 1.0


# -- bad input -----------------------------------------------------------------------


def two_numbers(W, b):
    return np.zeros(2), W, b


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"fun": 3}, "fun must be a function, a loss"),
        ({"fun": LogisticRegression()}, "got LogisticRegression"),
        ({"alpha": 0.1}, "alpha must not be given: the estimator has"),
        ({"loss": "hinge"}, "loss must not be given: the estimator has"),
        ({"b": None}, "fit_intercept=True"),
        ({"fun": make("hinge", fit_intercept=False)}, "fit_intercept=True"),
        ({"X": None}, "X and y are needed"),
        ({"W": np.zeros((2, 4))}, r"W must have shape \(3, 4\), got \(2, 4\)"),
        ({"b": np.zeros(2)}, r"b must have shape \(3,\), got \(2,\)"),
        ({"b": np.zeros((3, 1))}, "b must have one dimension"),
        ({"W": np.full((3, 4), np.nan)}, "W contains NaN"),
        ({"fun": losses.hinge, "loss": "hinge"}, "loss must not be given, as"),
        ({"fun": losses.hinge, "X": None}, "X and y are needed"),
        ({"fun": losses.hinge, "W": np.zeros(4)}, "two dimensions"),
        ({"fun": losses.hinge, "W": np.zeros((3, 5))}, r"shape \(3, 4\)"),
        ({"fun": losses.hinge, "W": np.zeros((4, 3))}, r"pass W\.T"),
        ({"W": np.zeros((4, 3))}, r"pass W\.T"),
        ({"fun": losses.hinge, "W": np.zeros((1, 4))}, "integers from 0 to 1"),
        ({"fun": losses.hinge, "y": np.full(60, "a")}, "indices of classes"),
        ({"fun": losses.hinge, "y": np.zeros(60)}, "indices of classes"),
        ({"fun": losses.hinge, "y": [0, 1]}, "inconsistent numbers of samples"),
        ({"fun": losses.hinge, "sample_weight": np.zeros(60)}, "(?i)weights .*zero"),
        ({"fun": two_numbers}, "one number"),
        ({"fun": lambda W, b: 1.0}, r"tuple \(value, grad_W, grad_b\)"),
        ({"fun": lambda W: (1.0, W, W), "b": None}, r"tuple \(value, grad_W\)"),
        ({"fun": lambda W, b: (1.0, W[0], b)}, r"gradient of shape \(4,\) for W"),
        ({"fun": two_numbers, "alpha": 0.1}, "alpha must not be given without loss"),
        ({"fun": two_numbers, "reference": True}, "reference must not be given"),
        ({"loss": "absolute"}, "'loss' parameter"),
        ({"alpha": -1.0}, "'alpha' parameter"),
        ({"l1_ratio": 2.0}, "'l1_ratio' parameter"),
        ({"delta": 0.0}, "'delta' parameter"),
        ({"h": 0.0}, "'h' parameter"),
        ({"tol": -1.0}, "'tol' parameter"),
        ({"n_coordinates": 0}, "'n_coordinates' parameter"),
        ({"fun": make("hinge", alpha=-1.0)}, "'alpha' parameter"),
    ],
)
def test_bad_input(change, message):
    X, y, W, b, _ = problem(3)
    arguments = {"fun": make("hinge"), "X": X, "y": y, "W": W, "b": b} | change
    with pytest.raises(ValueError, match=message):
        check_gradient(**arguments)


def test_two_classes_are_one_row():
    X, y, *_ = problem(2)
    for fun in (make("hinge"), losses.hinge):
        with pytest.raises(ValueError, match="one row"):
            check_gradient(fun, X, y, np.zeros((2, 4)), np.zeros(2))


def test_importing_the_package_is_light():
    code = (
        "import sys, sklearn_linloss.inspection"
        "; print([m for m in ('numba', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
