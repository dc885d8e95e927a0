"""The linear algebra of Newton's method, against dense matrices written out."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from _models import LOSSES
from _objectives import make_objective
from scipy import sparse

from sklearn_linloss._design import _base, dense, design_of
from sklearn_linloss._penalty import ElasticNet
from sklearn_linloss._solvers import (
    _conjugate_gradients,
    _metric,
    _models,
    _pair_products,
    _secants,
    _steps,
    _systems,
)
from sklearn_linloss._solvers._clock import Clock
from sklearn_linloss._solvers._common import Options
from sklearn_linloss._solvers._metric import SharedMetric

pytestmark = pytest.mark.plain_python


def objective(X, y, loss, fit_intercept, **options):
    options |= {"fit_intercept": fit_intercept}
    return make_objective(X, y, loss, weight=1.0 + np.arange(len(y)) % 3, **options)


def dense_hessian(f, score_hessians):
    """J^T diag(score_hessians) J, J the Jacobian of the scores, column by column."""
    jacobian = np.stack([f.scores(unit) for unit in np.eye(f.size)], axis=-1)
    return np.einsum("iap,iab,ibq->pq", jacobian, score_hessians, jacobian)


def star(second, y):
    """Sum of second[i, j] (e_j - e_y)(e_j - e_y)^T for each sample."""
    n, n_rows = second.shape
    if n_rows == 1:
        return second[:, :, None]
    hessians = np.zeros((n, n_rows, n_rows))
    for i in range(n):
        for j in range(n_rows):
            edge = np.eye(n_rows)[j] - np.eye(n_rows)[y[i]]
            hessians[i] += second[i, j] * np.outer(edge, edge)
    return hessians


@pytest.fixture(params=["dense", "csr"])
def container(request):
    return np.ascontiguousarray if request.param == "dense" else sparse.csr_array


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_both_ways_solve_the_system_of_the_hinges(
    n_classes, fit_intercept, container, monkeypatch
):
    # More than one block of rows.
    monkeypatch.setattr(_systems, "RULES", replace(_systems.RULES, rows=7))
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)) + 3.0
    y = np.arange(40) % n_classes
    f = objective(container(X), y, "hinge", fit_intercept)
    second = rng.random((40, f.n_rows)) * (rng.random((40, f.n_rows)) < 0.3)
    if n_classes > 2:
        second[np.arange(40), y] = 0.0
    ridge = np.full(f.size, 0.1)
    f.intercepts(ridge)[:] = 0.7
    right = rng.normal(size=f.size)
    if n_classes > 2:
        # As for any gradient; along the constant the two matrices differ on purpose.
        f.intercepts(right)[:] -= f.intercepts(right).sum() / n_classes
    expected = np.linalg.solve(
        dense_hessian(f, star(second, y)) + np.diag(ridge), right
    )
    for solve in (_systems.solve_by_pairs, _systems.solve_by_coefficients):
        np.testing.assert_allclose(
            solve(f, second, ridge, right), expected, rtol=1e-9, atol=1e-10
        )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_wide_data_need_no_matrix_of_all_coefficients(n_classes):
    # However weak the ridge is, which makes a matrix of pairs ill-conditioned.
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(40, 3200)), np.arange(40) % n_classes
    f = objective(X, y, "squared_hinge", False)
    second = np.ones((40, f.n_rows))
    if n_classes > 2:
        second[np.arange(40), y] = 0.0
    ridge, right = np.full(f.size, 1e-7), rng.normal(size=f.size)
    tracemalloc.start()
    found = _steps.solve_system(f, second, ridge, right, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 * 8 * f.size
    slopes = np.einsum("nij,nj->ni", star(second, y), f.scores(found, np.float64))
    residual = f.backward(slopes) + ridge * found - right
    assert np.linalg.norm(residual) < 1e-5 * np.linalg.norm(right)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_the_hessian_of_the_smooth_losses(loss, n_classes, container):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(30, 5)) + 2.0
    y = np.arange(30) % n_classes
    f = objective(container(X), y, loss, fit_intercept=True)
    theta = 0.3 * rng.normal(size=f.size)
    _, _, second = (
        _models.SmoothModel if loss == "softmax" else _models.AugmentedHinge
    )(f).expand(f.scores(theta))
    H = _systems.hessian(f, second)
    step = 1e-6
    for direction in rng.normal(size=(5, f.size)):
        if n_classes > 2:
            f.intercepts(direction)[:] -= f.intercepts(direction).mean()
        _, ahead = f.data_gradient(theta + step * direction)
        _, behind = f.data_gradient(theta - step * direction)
        expected = (ahead - behind) / (2.0 * step)
        np.testing.assert_allclose(H @ direction, expected, rtol=1e-5, atol=1e-6)


def at_a_point(X, y, fit_intercept):
    """An objective of the softmax, and its second derivatives somewhere."""
    f = objective(X, y, "softmax", fit_intercept)
    theta = 0.3 * np.random.default_rng(1).normal(size=f.size)
    return f, _models.SmoothModel(f).expand(f.scores(theta))[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_covariance_of_a_design(dtype, container, monkeypatch):
    rules = replace(dense.RULES, covariance_rows=7, narrowest_strip=1, strips=4)
    monkeypatch.setattr(dense, "RULES", rules)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 6)).astype(dtype) + 1.0
    weight = rng.uniform(0.5, 2.0, size=40)
    weight /= weight.sum()
    centre = weight @ X
    design, number = design_of(container(X), n_threads=2), np.dtype(np.float64)
    found = design.covariance(weight, centre, number, lambda: None)
    expected = (X - centre).T @ (weight[:, None] * (X - centre))
    np.testing.assert_allclose(np.tril(found), np.tril(expected), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize(("n_classes", "sampled"), [(2, False), (4, False), (4, True)])
def test_systems_without_a_matrix(
    n_classes, sampled, fit_intercept, container, monkeypatch
):
    exact = replace(_conjugate_gradients.RULES, coarsest=1e-20, drawn=1.0)
    monkeypatch.setattr(_conjugate_gradients, "RULES", exact)
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 8)) * np.arange(1.0, 9.0) + 1.0
    y = np.arange(60) % n_classes
    f, second = at_a_point(container(X), y, fit_intercept)
    ridge = np.full(f.size, 0.02)
    f.intercepts(ridge)[:] = 1e-9
    right = rng.normal(size=f.size)
    if n_classes > 2:
        f.intercepts(right)[:] -= f.intercepts(right).sum() / n_classes
    expected = _systems.solve_by_coefficients(f, second, ridge, right)
    if sampled:
        preconditioner = _conjugate_gradients.SampledHessian(f, second, 0)
    else:
        preconditioner = _conjugate_gradients.ClassBlocks(f, second)
    found = _conjugate_gradients.solve_by_conjugate_gradients(
        f,
        second,
        ridge,
        right,
        preconditioner=preconditioner,
        target=0.0,
        clock=Clock(),
    )
    if n_classes > 2:
        # A common constant changes nothing.
        for theta in (found, expected):
            f.intercepts(theta)[:] -= f.intercepts(theta).sum() / n_classes
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_hessian_of_several_classes_visits_stored_entries_only(loss, monkeypatch):
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 30)) * (rng.random((60, 30)) < 0.1)
    y = np.arange(60) % 4
    f = objective(sparse.csr_matrix(X), y, loss, True)
    assert f.design.has_few_products
    second = rng.random((60, 4)) * (rng.random((60, 4)) < 0.5)
    if loss == "softmax":
        second = second / np.maximum(second.sum(axis=1, keepdims=True), 1e-3)
        bends = second[:, :, None] * np.eye(4) - second[:, :, None] * second[:, None]
        bends *= f.share[:, None, None]
    else:
        second[np.arange(60), y] = 0.0
        bends = star(second, y)
    expected = dense_hessian(f, bends)
    # A common constant of the intercepts bends as much as they do on average.
    corner = expected[f.n_penalised :, f.n_penalised :]
    corner += corner.trace() / 4
    dense = sum(X.size for _, X in f.design.dense_blocks())
    assert dense == X.size
    monkeypatch.delattr(type(f.design), "dense_blocks")
    found = _systems.hessian(f, second)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
@pytest.mark.parametrize("far", [1.0, 1e6])
def test_the_hessian_of_two_classes_on_sparse_rows(loss, far):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12)) * (rng.random((300, 12)) < 0.1)
    # Far from zero, where second moments cannot be centred by a difference.
    X[:, 5] = far + rng.normal(size=300)
    f = objective(sparse.csr_matrix(X), rng.integers(2, size=300), loss, True)
    assert f.design.has_few_products
    assert _systems.by_products(f) == (far == 1.0)
    second = rng.random((300, 1)) * (rng.random((300, 1)) < 0.7)
    jacobian = np.column_stack([X - f.mean, np.ones(300)])
    expected = jacobian.T @ (second * jacobian)
    np.testing.assert_allclose(
        _systems.hessian(f, second), expected, rtol=1e-9, atol=1e-11
    )


def test_a_sampled_hessian_estimates_the_matrix(container, monkeypatch):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(500, 4)) * rng.exponential(size=(500, 1)) + 1.0
    y = rng.choice(3, size=500, p=[0.9, 0.08, 0.02])
    f, second = at_a_point(container(X), y, True)
    expected = _systems.hessian(f, second)
    few = replace(_conjugate_gradients.RULES, drawn=5.0)
    monkeypatch.setattr(_conjugate_gradients, "RULES", few)
    drawn = []

    def counted(f, second, sample, negligible):
        drawn.append(len(sample[0]))
        return _systems.hessian(f, second, sample, negligible)

    monkeypatch.setattr(_conjugate_gradients, "hessian", counted)
    estimates = [
        _conjugate_gradients.SampledHessian(f, second, seed)._hessian
        for seed in range(400)
    ]
    assert 20 < np.mean(drawn) <= 60  # rows a class and feature
    error = np.std(estimates, axis=0) / np.sqrt(400)
    assert (np.abs(np.mean(estimates, axis=0) - expected) < 5.0 * error + 1e-12).all()
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert (np.std(estimates, axis=0) < 0.5 * size).all()


def test_blocks_give_way_where_systems_take_long(container):
    # More rows than a sampled Hessian draws, so that it is worth a few products.
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(30000, 3)), rng.integers(0, 40, size=30000)
    f, second = at_a_point(container(X), y, True)
    first = _conjugate_gradients.preconditioner_for(f, second, 0)
    assert _conjugate_gradients.preconditioner_for(f, second, 0) is first
    first.last_system = 300
    sampled = _conjugate_gradients.preconditioner_for(f, second, 0)
    assert isinstance(sampled, _conjugate_gradients.SampledHessian)
    assert _conjugate_gradients.preconditioner_for(f, second, 0) is sampled


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_the_metric_is_exact_where_all_samples_bend_alike(loss, n_classes, container):
    """Without coefficients, and with the same rows in every class."""
    rng = np.random.default_rng(0)
    X = np.tile(rng.normal(size=(20, 6)) + 1.0, (n_classes, 1))
    y = np.repeat(np.arange(n_classes), 20)
    f = make_objective(container(X), y, loss)
    second = _models.model_of(f).expand(f.scores(np.zeros(f.size)))[2]
    ridge = np.full(f.size, 0.1)
    f.intercepts(ridge)[:] = 0.0
    coupling = f.coupling(second)
    metric = SharedMetric.of(f, coupling, Options(tol=0.0, max_iter=1))
    metric.adapt(coupling, f.feature_values(ridge))
    direction = rng.normal(size=f.size)
    if n_classes > 2:
        f.intercepts(direction)[:] -= f.intercepts(direction).mean()
    product = _systems.hessian(f, second) @ direction + ridge * direction
    np.testing.assert_allclose(metric(f, product), direction, rtol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", ["softmax", "squared_hinge", "hinge"])
def test_how_classes_bend_together(loss, n_classes):
    """The sum of the Hessians in the scores, sample by sample."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(30, 5)), np.arange(30) % n_classes
    f = objective(X, y, loss, fit_intercept=True)
    scores = f.scores(0.3 * rng.normal(size=f.size))
    _, _, second = _models.model_of(f).expand(scores)
    if loss == "softmax" and n_classes > 2:
        diagonal = np.einsum("ij,jk->ijk", second, np.eye(n_classes))
        hessians = diagonal - np.einsum("ij,ik->ijk", second, second)
        hessians *= f.share[:, None, None]
    else:
        hessians = star(second, y)
    expected = hessians.sum(axis=0)
    assert np.abs(expected).max() > 0.0
    np.testing.assert_allclose(f.coupling(second), expected, atol=1e-14)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sketch_finds_the_leading_directions(dtype, container, monkeypatch):
    rules = replace(_metric.RULES, rank=12, columns=5)
    monkeypatch.setattr(_metric, "RULES", rules)
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 8)) @ rng.normal(size=(8, 40)) + 1.0  # of rank 8
    weight = rng.uniform(0.5, 2.0, size=200)
    y = np.arange(200) % 3
    f = make_objective(container(X.astype(dtype)), y, "softmax", weight=weight)
    values, vectors, rest = _metric._sketch(f, Options(tol=0.0, max_iter=1))
    assert vectors.dtype == dtype
    n_found = len(values)
    assert 8 <= n_found <= 12
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(n_found), atol=1e-5)
    covariance = np.cov(X.T, aweights=weight, bias=True)
    expected = np.linalg.eigvalsh(covariance)[-n_found:]
    assert 0.0 <= rest < 1e-3
    np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-3)
    rebuilt = vectors * values @ vectors.T
    np.testing.assert_allclose(rebuilt, covariance, atol=1e-3)


def test_eigenvectors_are_orthogonal_in_single_precision():
    """Also where eigenvalues lie as close together as those of neighbouring pixels."""
    X = 0.2 * np.random.default_rng(0).random((2400, 1200)).cumsum(axis=1)
    f = make_objective(X.astype(np.float32), np.arange(2400) % 3, "softmax", 1.0)
    values, vectors = _metric._eigenvectors(f, Clock())
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(1200), atol=5e-6)
    spectrum = np.linalg.eigvalsh(np.cov(X.T, bias=True))
    np.testing.assert_allclose(values, spectrum, atol=1e-6 * spectrum[-1])


@pytest.mark.parametrize("l2", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(5))
def test_the_quadratic_with_an_elastic_net(l2, seed):
    """Coordinate by coordinate, zero is in the subdifferential at what it returns."""
    rng = np.random.default_rng(seed)
    n_penalised, size = 12, 15
    factor = rng.normal(size=(8, size)) * np.logspace(-2, 2, size)  # rank 8 of 15
    H = factor.T @ factor
    gradient = 30.0 * rng.normal(size=size)
    w = rng.normal(size=n_penalised) * (rng.random(n_penalised) < 0.5)
    ridge = np.full(size, 0.1)
    l1 = 5.0
    alpha = l1 + l2
    move, landing = _systems.minimize_quadratic(
        H, gradient, w, ElasticNet(alpha, l1 / alpha), ridge
    )
    np.testing.assert_allclose(landing, w + move[:n_penalised], atol=1e-9)
    slope = gradient + H @ move + ridge * move
    slope[:n_penalised] += l2 * landing
    scale = np.abs(gradient).max()
    zero = landing == 0.0
    assert zero.sum() < n_penalised
    leading = slope[:n_penalised]
    assert (np.abs(leading[zero]) <= l1 + 1e-3 * scale).all()
    np.testing.assert_allclose(
        leading[~zero], -l1 * np.sign(landing[~zero]), atol=1e-3 * scale
    )
    np.testing.assert_allclose(slope[n_penalised:], 0.0, atol=1e-3 * scale)


@pytest.mark.parametrize(
    "to_kind, by_metric",
    [(np.asarray, False), (np.asarray, True), (sparse.csr_array, False)],
)
@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_products_with_active_pairs_solve_the_system(
    fit_intercept, n_threads, to_kind, by_metric, monkeypatch
):
    exact = replace(_conjugate_gradients.RULES, coarsest=1e-24)
    monkeypatch.setattr(_conjugate_gradients, "RULES", exact)
    exact = replace(_pair_products.RULES, coarsest=1e-24, system=np.inf)
    monkeypatch.setattr(_pair_products, "RULES", exact)
    monkeypatch.setattr(_base, "RULES", replace(_base.RULES, small_part=30.0))
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 3)) * [1.0, 5.0, 0.2] + 3.0
    y = np.arange(60) % 5
    X[rng.random(X.shape) < 0.3] = 0.0
    f = objective(to_kind(X), y, "hinge", fit_intercept, n_threads=n_threads)
    second = rng.random((60, 5)) * (rng.random((60, 5)) < 0.2)
    second[np.arange(60), y] = 0.0
    second[:, 4] = 0.0  # a class without active pairs, but as the true one
    ridge = np.full(f.size, 0.01)
    f.intercepts(ridge)[:] = 1e-6
    right = rng.normal(size=f.size)
    right -= f.class_mean(right)
    H = dense_hessian(f, star(second, y)) + np.diag(ridge)
    system = _pair_products.PairSystem(f, second, ridge)
    np.testing.assert_allclose(system.product(right), H @ right, rtol=1e-11, atol=1e-11)
    metric = None
    if by_metric:
        coupling = f.coupling(second)
        metric = SharedMetric.of(f, coupling, Options(tol=0.0, max_iter=1))
        metric.adapt(coupling, f.feature_values(f.penalised(ridge)))
    found = _pair_products.solve_by_pair_products(
        f, second, ridge, right, target=0.0, clock=Clock(), metric=metric
    )
    np.testing.assert_allclose(found, np.linalg.solve(H, right), rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("to_kind", [np.asarray, sparse.csr_array])
def test_without_active_pairs_the_ridge_alone_is_inverted(to_kind):
    rng = np.random.default_rng(4)
    f = objective(to_kind(rng.normal(size=(60, 3))), np.arange(60) % 5, "hinge", True)
    ridge = np.zeros(f.size)
    f.penalised(ridge)[:] = 0.5
    right = np.zeros(f.size)
    f.penalised(right)[:] = rng.normal(size=f.n_penalised)
    system = _pair_products.PairSystem(f, np.zeros((60, 5)), ridge)
    for precondition in (system.by_blocks(), system.by_diagonal()):
        np.testing.assert_allclose(precondition(right), 2.0 * right)


def test_a_width_that_is_too_small_grows_at_first(monkeypatch):
    """Until the two parts of the gap are of comparable size."""
    rules = replace(_pair_products.RULES, part=1.0)
    monkeypatch.setattr(_pair_products, "RULES", rules)
    rng = np.random.default_rng(0)
    n, alpha = 150, 0.1
    rows = np.arange(n)
    X, y = rng.normal(size=(n, 90)), rows % 4
    f = make_objective(X, y, "hinge", alpha=alpha, fit_intercept=False)
    dual = rng.uniform(0.2, 0.8, size=(n, 4))

    def pull_of(dual):
        pull = dual / n
        pull[rows, y] = 0.0
        pull[rows, y] = -pull.sum(axis=1)
        return pull

    theta = -(pull_of(dual).T @ X).ravel() / alpha
    scores = X @ theta.reshape(4, 90).T
    slack = scores - scores[rows, y][:, None] + 1.0
    slack[rows, y] = 0.0

    def imbalance(width):
        t = np.clip(dual + slack / width, 0.0, 1.0)
        gradient = (pull_of(t).T @ X).ravel() + alpha * theta
        left = (np.maximum(slack, 0.0) - t * slack).sum() / n
        return (gradient @ gradient / (2.0 * alpha)) / left

    model = _models.model_of(f, pull_of(dual), 0.3)
    descent = _secants.Descent(f, theta, model, Options(tol=1e-4, max_iter=1))
    widths = 0.3 * 2.0 ** np.arange(12)
    first = next(width for width in widths if imbalance(width) <= 100.0)
    assert first > 1.0
    t = np.clip(dual + slack / first, 0.0, 1.0)
    np.testing.assert_allclose(model.expand(scores)[1], pull_of(t), atol=1e-12)
    np.testing.assert_array_equal(descent.theta, theta)


def test_a_width_does_not_grow_without_end(monkeypatch):
    """Multipliers that are far from feasible stay so at any width."""
    rules = replace(_pair_products.RULES, part=1.0)
    monkeypatch.setattr(_pair_products, "RULES", rules)
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(150, 90)), np.arange(150) % 4
    f = make_objective(X, y, "hinge", alpha=1e-9)
    pull = np.full((150, 4), 0.5 / 150)
    pull[np.arange(150), y] = -1.5 / 150
    model = _models.model_of(f, pull, 0.01)
    theta = np.zeros(f.size)
    descent = _secants.Descent(f, theta, model, Options(tol=1e-4, max_iter=1))
    assert np.isfinite(descent.gap)
