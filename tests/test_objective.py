from dataclasses import replace

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES
from _objectives import make_objective
from scipy import sparse

from sklearn_linloss._design import _base, dense, design_of


def golden_point(n_classes, n_features):
    c, f = np.ogrid[:n_classes, :n_features]
    W = ((7 * c + 3 * f) % 11 - 5) / 10
    return W, (np.arange(n_classes) - (n_classes - 1) / 2) / 4


def gradient_in_user_coordinates(f, theta):
    """Gradient of the data part by W and b, where theta holds (W, b + W mean)."""
    value, flat = f.data_gradient(theta)
    grad_W = f.coefficients(flat)
    grad_b = f.intercepts(flat)
    if f.mean is not None:
        grad_W = grad_W + np.outer(grad_b, f.mean)
    return value, grad_W, grad_b


@pytest.mark.parametrize("centre", [True, False], ids=["centred", "uncentred"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_worked_point(eval_case, standardised, kind, dtype, centre):
    X, y = standardised(eval_case["dataset"])
    weight = reference.golden_weight(eval_case["sample_weight"], len(y))
    X = X.astype(dtype)
    f = make_objective(
        sparse.csr_matrix(X) if kind == "csr" else X,
        y,
        eval_case["loss"],
        eval_case["alpha"],
        eval_case["l1_ratio"],
        eval_case["delta"],
        weight,
        centre=centre,
    )
    W, b = golden_point(f.n_classes, f.n_features)
    theta = f.pack(W, b)
    value, grad_W, grad_b = gradient_in_user_coordinates(f, theta)
    rho = eval_case["l1_ratio"]
    grad_W = grad_W + eval_case["alpha"] * (rho * np.sign(W) + (1.0 - rho) * W)
    exact = dtype is np.float64
    rtol = 1e-11 if exact else 2e-6
    assert value == pytest.approx(eval_case["data_loss"], rel=rtol)
    assert f.loss_value(f.scores(theta)) == pytest.approx(value, rel=1e-7)
    assert f.penalty_value(theta) == pytest.approx(eval_case["penalty"], rel=1e-12)
    assert f.value(theta) == pytest.approx(eval_case["objective"], rel=rtol)
    atol = 1e-12 if exact else 1e-5
    np.testing.assert_allclose(grad_b, eval_case["grad_b"], rtol=rtol, atol=atol)
    assert np.linalg.norm(grad_W) == pytest.approx(
        eval_case["grad_W_fro"], rel=1e-11 if exact else 1e-5
    )
    expected = eval_case["grad_W_first_row_first4"]
    np.testing.assert_allclose(grad_W[0, :4], expected, rtol=rtol, atol=atol)
    if "grad_W" in eval_case:
        np.testing.assert_allclose(grad_W, eval_case["grad_W"], rtol=rtol, atol=atol)


def random_problem(n_classes, kind, dtype=np.float64, offset=0.0):
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(40, 5)) * (rng.uniform(size=(40, 5)) < 0.6) + offset
    X = X.astype(dtype)
    y = np.arange(40) % n_classes
    n_rows = 1 if n_classes == 2 else n_classes
    W, b = rng.normal(size=(n_rows, 5)), rng.normal(size=n_rows)
    weight = rng.uniform(0.2, 3.0, size=40)
    return (sparse.csr_matrix(X) if kind == "csr" else X), X, y, W, b, weight


@pytest.fixture
def as_if_large(monkeypatch):
    """Compiled products, and sums in parts, for problems of any size."""
    large = replace(dense.RULES, small=0, fewest_features=0)
    monkeypatch.setattr(dense, "RULES", large)
    monkeypatch.setattr(_base, "RULES", replace(_base.RULES, small_part=1))


@pytest.mark.plain_python
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("stored", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 19), (130, 3)])
@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 7, 10])
def test_products_of_large_dense_data(as_if_large, n_classes, shape, stored, n_threads):
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(n_classes + shape[0], shape[1])).astype(stored)
    n, d = X.shape
    y = np.arange(n) % n_classes
    n_rows = 1 if n_classes == 2 else n_classes
    W, b = rng.normal(size=(n_rows, d)), rng.normal(size=n_rows)
    weight = rng.uniform(0.2, 3.0, size=n)
    for loss in LOSSES:
        f = make_objective(
            X, y, loss, 0.2, 0.0, 1.3, weight, dtype=np.float64, n_threads=n_threads
        )
        theta = f.pack(W, b)
        scores = X.astype(np.float64) @ W.T + b
        np.testing.assert_allclose(f.scores(theta), scores, rtol=1e-12, atol=1e-12)
        pull = rng.normal(size=scores.shape)
        adjoint = f.backward(pull).copy()
        expected = pull.T @ (X - f.mean)
        np.testing.assert_allclose(
            f.penalised(adjoint).reshape(n_rows, d), expected, rtol=1e-11, atol=1e-12
        )
        value, grad_W, grad_b = gradient_in_user_coordinates(f, theta)
        assert value + f.penalty_value(theta) == pytest.approx(
            reference.objective(W, b, X, y, loss, 0.2, 0.0, 1.3, weight), rel=1e-12
        )
        exact_W, exact_b = reference.subgradient(
            W, b, X.astype(np.float64), y, loss, 0.0, 0.0, 1.3, weight
        )
        np.testing.assert_allclose(grad_W, exact_W, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(grad_b, exact_b, rtol=1e-10, atol=1e-12)


@pytest.mark.plain_python
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("loss", LOSSES)
def test_threads_change_no_bit(as_if_large, loss, kind):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 7)).astype(np.float32)
    y = np.arange(500) % 4
    results = []
    for n_threads in (1, 2, 5):
        data = sparse.csr_matrix(X) if kind == "csr" else X
        f = make_objective(data, y, loss, n_threads=n_threads)
        theta = f.pack(np.ones((4, 7)) * np.arange(4)[:, None], np.zeros(4))
        scores = f.scores(theta)
        value, pull = f.loss_gradient(scores)
        gradient = f.data_gradient(theta)[1]
        results.append([scores, value, pull, f.backward(pull), gradient])
    for other in results[1:]:
        for left, right in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(left, right)


kinds = pytest.mark.parametrize("kind", ["dense", "csr"])
class_counts = pytest.mark.parametrize("n_classes", [2, 3])


@pytest.mark.plain_python
@kinds
@class_counts
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_value_and_gradient_follow_the_formulas(loss, n_classes, kind, fit_intercept):
    X, dense, y, W, b, weight = random_problem(n_classes, kind)
    b = b if fit_intercept else np.zeros_like(b)
    f = make_objective(X, y, loss, 0.2, 0.4, 1.3, weight, fit_intercept=fit_intercept)
    theta = f.pack(W, b)
    problem = (dense, y, loss, 0.2, 0.4, 1.3, weight)
    expected = reference.objective(W, b, *problem)
    assert f.value(theta) == pytest.approx(expected, rel=1e-12)
    _, grad_W, grad_b = gradient_in_user_coordinates(f, theta)
    slope_W, slope_b = reference.subgradient(W, b, dense, y, loss, 0.0, 0, 1.3, weight)
    np.testing.assert_allclose(grad_W, slope_W, atol=1e-12)
    if fit_intercept:
        np.testing.assert_allclose(grad_b, slope_b, atol=1e-12)
    else:
        assert len(grad_b) == 0


@kinds
@class_counts
@pytest.mark.parametrize("centre", [True, False])
def test_unpack_inverts_pack(n_classes, kind, centre):
    X, _, y, W, b, weight = random_problem(n_classes, kind, offset=3.0)
    f = make_objective(X, y, "softmax", weight=weight, centre=centre)
    back_W, back_b = f.unpack(f.pack(W, b))
    np.testing.assert_allclose(back_W, W, rtol=1e-13)
    np.testing.assert_allclose(back_b, b, rtol=1e-12, atol=1e-12)


@kinds
@class_counts
@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_backward_is_the_adjoint_of_scores(n_classes, kind, centre, fit_intercept):
    X, _, y, _, _, weight = random_problem(n_classes, kind, offset=2.0)
    f = make_objective(
        X, y, "softmax", weight=weight, centre=centre, fit_intercept=fit_intercept
    )
    rng = np.random.default_rng(7)
    theta = rng.normal(size=f.size)
    G = rng.normal(size=(f.n_samples, f.n_rows))
    assert np.vdot(f.scores(theta), G) == pytest.approx(theta @ f.backward(G))


@kinds
@class_counts
@pytest.mark.parametrize("loss", LOSSES)
def test_centred_and_uncentred_are_one_problem(loss, n_classes, kind):
    X, _, y, W, b, weight = random_problem(n_classes, kind, offset=5.0)
    centred, plain = (
        make_objective(X, y, loss, 0.1, 0.3, 1.0, weight, centre=c)
        for c in (True, False)
    )
    assert centred.mean is not None
    assert plain.mean is None
    np.testing.assert_allclose(
        centred.scores(centred.pack(W, b)), plain.scores(plain.pack(W, b)), atol=1e-11
    )
    ours, theirs = (
        gradient_in_user_coordinates(f, f.pack(W, b)) for f in (centred, plain)
    )
    for left, right in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-11)


@kinds
def test_only_the_ratio_of_weights_counts_and_integers_are_repetitions(kind):
    X, dense, y, W, b, _ = random_problem(3, kind)
    counts = 1 + np.arange(40) % 3
    repeated = np.repeat(dense, counts, axis=0)
    f = make_objective(X, y, "squared_hinge", weight=counts.astype(float))
    scaled = make_objective(X, y, "squared_hinge", weight=7.0 * counts)
    g = make_objective(repeated, np.repeat(y, counts), "squared_hinge")
    values = [h.value(h.pack(W, b)) for h in (f, scaled, g)]
    np.testing.assert_allclose(values, values[0], rtol=1e-13)


@kinds
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_moments_survive_a_large_mean(kind, dtype):
    rng = np.random.default_rng(0)
    X = (1000.0 + rng.normal(size=(500, 3))).astype(dtype)
    weight = rng.uniform(0.1, 2.0, size=500)
    f = make_objective(
        sparse.csr_matrix(X) if kind == "csr" else X,
        np.arange(500) % 2,
        "softmax",
        weight=weight,
    )
    pi, exact = weight / weight.sum(), X.astype(np.float64)
    mean = pi @ exact
    np.testing.assert_allclose(
        f.mean, mean, rtol=1e-12 if dtype is np.float64 else 1e-6
    )
    variance = pi @ (exact - mean) ** 2
    np.testing.assert_allclose(
        f.variance, variance, rtol=1e-6 if dtype is np.float64 else 1e-3
    )


@pytest.mark.parametrize("n_samples", [1, 4, 999])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_moments(monkeypatch, dtype, n_samples):
    monkeypatch.setattr(dense, "RULES", replace(dense.RULES, small=0.0))
    rng = np.random.default_rng(1)
    X = (rng.normal(size=(n_samples, 7)) + 100.0 * np.arange(7)).astype(dtype)
    weight = rng.uniform(0.1, 2.0, n_samples)
    weight /= weight.sum()
    mean, variance = design_of(X).moments(weight)
    exact = X.astype(np.longdouble)
    expected = weight @ exact
    np.testing.assert_allclose(mean, expected.astype(float), rtol=1e-12, atol=1e-12)
    expected = weight @ (exact - expected) ** 2
    np.testing.assert_allclose(variance, expected.astype(float), rtol=1e-9, atol=1e-12)


@kinds
def test_float32_data_can_be_computed_in_float64(kind):
    X, dense, y, W, b, weight = random_problem(3, kind, np.float32, offset=1.0)
    f = make_objective(X, y, "softmax", 0.1, 0.0, 1.0, weight, dtype=np.float64)
    expected = reference.objective(
        W, b, dense.astype(np.float64), y, "softmax", 0.1, 0.0, 1.0, weight
    )
    assert f.value(f.pack(W, b)) == pytest.approx(expected, rel=1e-12)


def test_stationarity_is_zero_at_a_known_minimum():
    # Balanced classes and no signal: W = 0 with equal intercepts is optimal.
    X = np.array([[1.0], [-1.0], [1.0], [-1.0]])
    y = np.array([0, 0, 1, 1])
    f = make_objective(X, y, "softmax", 0.1, 1.0)
    zero = np.zeros(f.size)
    assert f.stationarity(zero, f.data_gradient(zero)[1]) == pytest.approx(0.0)
    away = f.pack(np.array([[1.0]]), np.zeros(1))
    value = f.stationarity(away, f.data_gradient(away)[1])
    grad_W, grad_b = reference.subgradient(
        np.array([[1.0]]), np.zeros(1), X, y, "softmax", 0.1, 1.0
    )
    assert value == pytest.approx(max(abs(grad_W).max(), abs(grad_b).max()))


def test_subgradient_trajectory(subgradient_trajectory, iris):
    trajectory = subgradient_trajectory
    X, y = iris
    alpha, step = trajectory["alpha"], trajectory["step"]
    f = make_objective(
        X, y, trajectory["loss"], alpha, 1.0, trajectory["delta"], centre=False
    )
    expected = dict(trajectory["objective_before_step"])
    theta = f.pack(np.zeros((3, 4)), np.zeros(3))
    for t in range(2001):
        value, gradient = f.data_gradient(theta)
        if t in expected:
            objective = value + f.penalty_value(theta)
            assert objective == pytest.approx(expected[t], rel=1e-9), t
        f.penalised(gradient)[:] += alpha * np.sign(f.penalised(theta))
        theta = theta - step * gradient
    weights = f.penalised(theta)
    assert (weights == 0.0).sum() == trajectory["exact_zeros_after_2001"]
    assert (np.abs(weights) < 1e-3).sum() == trajectory["nearly_zero_1e_3"]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_matrix])
def test_products_of_rows_are_those_of_centred_features(container, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 2000)) + 1.0
    y, weight = np.arange(30) % 3, rng.uniform(0.5, 2.0, size=30)
    f = make_objective(
        container(X), y, "hinge", weight=weight, fit_intercept=fit_intercept
    )
    rows, by_feature = np.array([3, 4, 17]), rng.uniform(0.1, 1.0, size=2000)
    Z = X[rows] - fit_intercept * np.average(X, axis=0, weights=weight)
    gram = f.design.gram(rows[:2], rows, by_feature, f.mean)
    np.testing.assert_allclose(gram, Z[:2] * by_feature @ Z.T)
