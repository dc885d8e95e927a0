"""The interior point method, against the equations that it solves, written out."""

import _reference as reference
import numpy as np
import pytest
from _objectives import make_objective
from scipy import sparse
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import _kernels
from sklearn_linloss._certificate import Certifier
from sklearn_linloss._solvers import _interior, _newton
from sklearn_linloss._solvers._common import Best, Options, Progress

ALPHA, DELTA = 1e-3, 0.7


def problem(n_classes, fit_intercept=True, container=np.asarray, **options):
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(40, 3)) * [1.0, 3.0, 0.3] + 1.0
    scores = X @ rng.normal(size=(3, n_classes))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    options |= {"alpha": ALPHA, "delta": DELTA, "fit_intercept": fit_intercept}
    weight = rng.uniform(0.5, 2.0, size=40)
    return make_objective(container(X), y, "squared_hinge", weight=weight, **options)


def minimised(solve, f, **options):
    options = Options(**options)
    certifier, progress = Certifier(f), Progress("newton", options)
    theta = np.zeros(f.size)
    if solve is _newton.solve:
        return solve(f, theta, certifier, options, progress), progress
    best = Best(theta, f.value(theta))
    progress.record(best.value, theta)
    return solve(f, theta, best, certifier, options, progress), progress


def wrong_pairs(f):
    """Samples and wrong classes, and how the slacks of such pairs change with theta."""
    jacobian = np.stack([f.scores(unit) for unit in np.eye(f.size)], axis=-1)
    if f.n_rows == 1:
        sign = np.where(f.y == 1, -1.0, 1.0)
        slopes = sign[:, None] * jacobian[:, 0]
        return np.arange(f.n_samples), np.zeros(f.n_samples, int), slopes
    i, j = np.nonzero(np.arange(f.n_rows) != f.y[:, None])
    return i, j, jacobian[i, j] - jacobian[i, f.y[i]]


@pytest.mark.plain_python
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_directions_solve_the_whole_newton_system(n_classes, fit_intercept):
    """Of all three equations at once, without anything eliminated."""
    f = problem(n_classes, fit_intercept)
    point = _interior._Point(f, np.random.default_rng(0).normal(size=f.size))
    i, j, A = wrong_pairs(f)
    share, m = f.share[i], len(i)
    penalty = np.full(f.size, 1e-6 * ALPHA)
    f.penalised(penalty)[:] = ALPHA
    for _ in range(3):
        a, u = point._pairs.a[i, j], point._pairs.u[i, j]
        # max(0, s)^2 is the maximum of a * s - a^2 / 4.
        slack = DELTA + A @ point.theta
        np.testing.assert_allclose(slack - a / 2 + u, 0.0, atol=1e-9)
        assert (a > 0.0).all() and (u > 0.0).all()
        system = np.block(
            [
                [np.diag(penalty), A.T * share, np.zeros((f.size, m))],
                [A, -np.eye(m) / 2, np.eye(m)],
                [np.zeros((m, f.size)), np.diag(u), np.diag(a)],
            ]
        )
        slope = A.T @ (share * a)
        f.penalised(slope)[:] += ALPHA * f.penalised(point.theta)
        step = np.linalg.solve(system, -np.concatenate([slope, np.zeros(m), u * a]))
        dtheta, (da, du) = step[: f.size], np.split(step[f.size :], 2)

        point._factor()
        move, change, longest, after = point._direction()
        scale = np.abs(A @ dtheta).max()
        np.testing.assert_allclose(A @ move, A @ dtheta, atol=1e-6 * scale)
        np.testing.assert_allclose(change, f.scores(move), atol=1e-9 * scale)
        ends = (a, da), (u, du)
        first = min((-x[dx < 0.0] / dx[dx < 0.0]).min() for x, dx in ends)
        assert longest == pytest.approx(first, rel=1e-5)
        products = (a + 0.3 * da) * (u + 0.3 * du)
        assert after(0.3) == pytest.approx(share @ products, rel=1e-5)
        assert 0.0 < point.step() <= 1.0


@pytest.mark.plain_python
@pytest.mark.parametrize("n_classes", [2, 4])
def test_corrections_lead_products_into_a_range(n_classes):
    f = problem(n_classes)
    point = _interior._Point(f, np.random.default_rng(0).normal(size=f.size))
    i, j, A = wrong_pairs(f)
    a, u, target = (
        each[i, j] for each in (point._pairs.a, point._pairs.u, point._pairs.target)
    )
    point._factor()
    move, change, _, _ = point._direction()
    # From u da + a du = target and A @ move - da / 2 + du = 0.
    da = (target + a * (A @ move)) / (u + a / 2)
    du = da / 2 - A @ move
    products = (a + 0.4 * da) * (u + 0.4 * du)
    low, high = np.quantile(np.abs(products), [0.3, 0.7])
    assert (products < low).any() and (products > high).any()
    point._visit(_kernels.aim_at_range, change, 0.4, low, high)
    expected = target + np.maximum(np.clip(products, low, high) - products, -high)
    found = point._pairs.target[i, j]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-9)


@pytest.mark.plain_python
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_threads", [1, 3])
@pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])
def test_the_optimum_within_few_steps(n_classes, n_threads, container):
    """Its objective and its bound, by the formulas of the slow reference."""
    f = problem(n_classes, container=container, n_threads=n_threads)
    result, _ = minimised(_interior.solve, f, tol=1e-9, max_iter=25)
    assert result.converged
    W, b = f.unpack(result.theta)
    X = f.design.dense_rows(np.arange(f.n_samples), np.float64)
    terms = "squared_hinge", ALPHA, 0.0, DELTA, f.share
    dual = reference.balanced(result.pull / f.share[:, None], f.y, f.share)
    value = reference.objective(W, b, X, f.y, *terms)
    gap = (value - reference.dual_bound(dual, X, f.y, *terms)) / value
    assert 0.0 <= gap <= 1e-8


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tails_and_rare_classes_take_tens_of_steps(seed):
    """They took some 300, as each met many kinks."""
    rng = np.random.default_rng(seed)
    n, d = 3000, 20
    X = rng.standard_normal((n, d))
    X[:, ::3] = np.exp(1.5 * X[:, ::3])
    X[:, 1::3] *= rng.random((n, 7)) < 10.0 ** rng.uniform(-3.0, -1.0, 7)
    X = StandardScaler().fit_transform(X)
    # Of class 0 are those that are left.
    y, free = np.zeros(n, dtype=int), np.ones(n, dtype=bool)
    for k, count in enumerate([2, 5, 11, 24, 55, 123, 273, 607, 1350], start=1):
        scores = X @ rng.standard_normal(d) + 3.0 * rng.gumbel(size=n)
        own = np.argsort(np.where(free, -scores, np.inf))[:count]
        y[own], free[own] = k, False
    f = make_objective(X, y, "squared_hinge", alpha=1e-6)
    result, progress = minimised(_newton.solve, f, tol=1e-4, max_iter=80)
    assert result.converged, progress.loss_curve[-1]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_powers_of_a_feature_take_tens_of_steps(seed):
    """With nine pairs and more for each coefficient, they took 200 to 1000."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((500, 1))
    X = z ** np.arange(1, 13) + 0.05 * rng.standard_normal((500, 12))
    X = np.hstack([X, X[:, :6] * rng.standard_normal((500, 1))])
    shares = np.geomspace(1.0, 0.03, 10)
    y = np.append(np.arange(10), rng.choice(10, 490, p=shares / shares.sum()))
    f = make_objective(X, y, "squared_hinge", alpha=1e-3)
    result, progress = minimised(_newton.solve, f, tol=1e-4, max_iter=90)
    assert result.converged, progress.loss_curve[-1]
