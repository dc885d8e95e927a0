"""Interior points for the hinges with L1, against other solvers and full systems."""

from dataclasses import replace

import numpy as np
import pytest
from _models import make
from _objectives import make_objective
from scipy import optimize, sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize

from sklearn_linloss import SVMClassifier
from sklearn_linloss._certificate import Certifier
from sklearn_linloss._solvers import _sparse_interior
from sklearn_linloss._solvers._common import Best, Options, Progress

HINGES = ["hinge", "squared_hinge"]
ALPHA, DELTA = 0.02, 0.7


def counts(n_samples, n_features, n_classes, density=0.03, seed=0):
    """Counts in few places, and classes of unequal sizes."""
    rng = np.random.default_rng(seed)
    X = sparse.random(n_samples, n_features, density, "csr", random_state=rng)
    X = sparse.csr_array(X)
    X.data = 1.0 + rng.poisson(2.0, size=X.nnz)
    scores = X @ rng.normal(size=(n_features, n_classes))
    scores -= 3.0 * np.arange(n_classes)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def linear_program(X, y, alpha):
    """The least objective of the hinge with pure L1 and an intercept."""
    n, K = X.shape[0], y.max() + 1
    X = sparse.hstack([X, np.ones((n, 1))]).tocsr()
    d = X.shape[1]
    if K == 2:
        slopes = sparse.diags(1.0 - 2.0 * y) @ X
    else:
        i, j = np.nonzero(np.arange(K) != y[:, None])

        def of_class(k):
            unit = sparse.csr_array((np.ones(len(i)), (np.arange(len(i)), k)))
            unit.resize((len(i), K))
            rows = [X[[a]] for a in i]
            return sparse.vstack(
                [sparse.kron(unit[[p]], rows[p]) for p in range(len(i))]
            )

        slopes = of_class(j) - of_class(y[i])
    m, rows = slopes.shape[0], 1 if K == 2 else K
    free = np.tile(np.arange(d) == d - 1, rows)
    cost = np.where(free, 0.0, alpha)
    # w = p - q, and 1 + slopes @ w <= slack.
    result = optimize.linprog(
        np.concatenate([cost, cost, np.full(m, 1.0 / n)]),
        A_ub=sparse.hstack([slopes, -slopes, -sparse.eye(m)]).tocsr(),
        b_ub=-np.ones(m),
        method="highs",
    )
    assert result.status == 0
    return result.fun


def wrong_pairs(f):
    """Samples and wrong classes, and how the slacks of such pairs change with theta."""
    jacobian = np.stack([f.scores(unit) for unit in np.eye(f.size)], axis=-1)
    if f.n_rows == 1:
        sign = np.where(f.y == 1, -1.0, 1.0)
        slopes = sign[:, None] * jacobian[:, 0]
        return np.arange(f.n_samples), np.zeros(f.n_samples, int), slopes
    i, j = np.nonzero(np.arange(f.n_rows) != f.y[:, None])
    return i, j, jacobian[i, j] - jacobian[i, f.y[i]]


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", HINGES)
def test_directions_solve_the_whole_newton_system(
    loss, n_classes, l1_ratio, fit_intercept
):
    """Of all equations at once, without anything eliminated."""
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(30, 4)) + 1.0, np.arange(30) % n_classes
    f = make_objective(
        X,
        y,
        loss,
        alpha=ALPHA,
        l1_ratio=l1_ratio,
        delta=DELTA,
        weight=rng.uniform(0.5, 2.0, size=30),
        fit_intercept=fit_intercept,
    )
    theta = rng.normal(size=f.size)
    f.penalised(theta)[::3] = 0.0
    point = _sparse_interior._Point(f, theta)
    i, j, A = wrong_pairs(f)
    share, m, l1, l2 = f.share[i], len(i), f.penalty.l1, f.penalty.l2
    bend, cap = (0.0, 1.0) if loss == "hinge" else (0.5, np.inf)
    for _ in range(3):
        n = len(point.chosen)
        A_chosen = A[:, np.append(point.chosen, np.arange(f.n_penalised, f.size))]
        a, u = (each[i, j] for each in point._pairs[0])
        v = point._pairs[1][1][i, j] if loss == "hinge" else np.zeros(m)
        (p, low), (q, high) = point._parts
        w = f.penalised(point.theta)[point.chosen]
        np.testing.assert_allclose(p - q, w, atol=1e-12)
        np.testing.assert_allclose(low + high, 2.0 * l1)
        # Unknown are the changes of theta, a, u, v, p, q and of the slope g.
        size = A_chosen.shape[1]
        sizes = np.cumsum([size, m, m, m, n, n])
        slack = DELTA + A @ point.theta
        E, one, zero = np.eye(size)[:n], np.eye(m), np.zeros
        to_g = np.vstack([-np.eye(n), zero((size - n, n))])
        curvature = np.zeros((size, size))
        curvature[:n, :n] = l2 * np.eye(n)
        if loss == "hinge":
            upper = [zero((m, size)), np.diag(-v), zero((m, m)), np.diag(cap - a)]
        else:
            upper = [zero((m, size)), zero((m, m)), zero((m, m)), one]
        rest = [zero((m, n))] * 3
        system = np.block(
            [
                [curvature, A_chosen.T * share, *[zero((size, m))] * 2]
                + [*[zero((size, n))] * 2, to_g],
                [A_chosen, -bend * one, one, -one, *rest],
                [zero((m, size)), np.diag(u), np.diag(a), zero((m, m)), *rest],
                [*upper, *rest],
                [-E, *[zero((n, m))] * 3, np.eye(n), -np.eye(n), zero((n, n))],
                [zero((n, size)), *[zero((n, m))] * 3, np.diag(low), zero((n, n))]
                + [np.diag(p)],
                [zero((n, size)), *[zero((n, m))] * 3, zero((n, n)), np.diag(high)]
                + [np.diag(-q)],
            ]
        )
        slope = A_chosen.T @ (share * a)
        slope[:n] += l2 * w - (low - l1)
        upper_lack = v * (cap - a) if loss == "hinge" else np.zeros(m)
        lack = [slope, slack - bend * a + u - v, u * a, upper_lack, np.zeros(n)]
        lack += [p * low, q * high]
        step = np.linalg.lstsq(system, -np.concatenate(lack), rcond=None)[0]
        dtheta, da, du, dv, dp, dq, dg = np.split(step, sizes)

        point._factor()
        products = [x * z for x, z in point._couples]
        ((move, change), *moves), longest = point._direction(
            [-each for each in products]
        )
        scale = np.abs(A_chosen @ dtheta).max()
        np.testing.assert_allclose(A @ move, A_chosen @ dtheta, atol=1e-6 * scale)
        np.testing.assert_allclose(change, f.scores(move), atol=1e-9 * scale)
        expected = [(p, dp), (low, dg), (q, dq), (high, -dg), (a, da), (u, du)]
        if loss == "hinge":
            expected += [(cap - a, -da), (v, dv)]
        for (x, dx), (_, known) in zip(
            expected[4:6], [(a, moves[0][0][i, j]), (u, moves[0][1][i, j])], strict=True
        ):
            np.testing.assert_allclose(known, dx, atol=1e-5 * np.abs(dx).max() + 1e-9)
            assert (x > 0.0).all()
        first = min((-x[dx < 0.0] / dx[dx < 0.0]).min(initial=9) for x, dx in expected)
        assert longest == pytest.approx(first, rel=1e-4) or first == 9
        assert 0.0 < point.step() <= 1.0


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_hinge_has_the_optimum_of_a_linear_program(n_classes):
    """Gradient descent, which fitted that many coefficients, left 5 % and more."""
    X, y = counts(120, 3200 // (1 if n_classes == 2 else 3) + 1, n_classes)
    model = SVMClassifier(alpha=3e-3, l1_ratio=1.0).fit(X, y)
    assert model.solver_ == "newton"
    assert model.gap_ <= 1e-4
    lowest = linear_program(X, y, 3e-3)
    assert lowest * (1.0 - 1e-8) <= model.objective_ <= lowest * (1.0 + 1e-4)
    assert 0 < np.count_nonzero(model.coef_) < 0.2 * model.coef_.size


def test_without_a_tolerance_all_iterations_are_made():
    """Interior points end once rounding stops them, long before."""
    X, y = counts(60, 10, 3, density=0.5)
    options = {"alpha": 0.02, "l1_ratio": 1.0, "tol": 0.0, "max_iter": 450}
    model = SVMClassifier(solver="newton", **options).fit(X, y)
    assert model.n_iter_ == 450
    assert len(model.loss_curve_) == 451
    assert 0.0 <= model.gap_ <= 1e-6


@pytest.mark.parametrize("alpha", [1e-3, 1e-4])
def test_kinks_of_the_squared_hinge_do_not_end_a_fit(alpha):
    """Newton's steps on the support were cut short, up to the cap on such steps."""
    X, y = counts(400, 1200, 3, density=0.01)
    model = SVMClassifier("squared_hinge", alpha=alpha, l1_ratio=1.0).fit(X, y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ <= 100


@pytest.mark.parametrize("loss", HINGES)
def test_elastic_nets_on_more_features_than_samples(loss):
    """Gradient descent, which dual ascent handed over to, left 18 % and 0.9 %."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_t(1.5, (60, 400)), np.arange(60) % 10
    options = {"alpha": 0.05, "l1_ratio": 0.5, "random_state": 0}
    model = SVMClassifier(loss, **options).fit(X, y)
    assert model.gap_ <= 1e-4
    other = SVMClassifier(loss, solver="gd", tol=0.0, **options).fit(X, y)
    assert model.objective_ <= other.objective_


def test_an_elastic_net_on_features_in_many_units():
    """Newton's steps were 400."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((240, 10)) * 10.0 ** rng.uniform(-6.0, 6.0, 10)
    shares = np.geomspace(1.0, 1e-3, 18)
    scores = X / X.std(axis=0) @ rng.standard_normal((10, 18)) + np.log(shares)
    y = np.append(np.arange(18), scores[18:].argmax(axis=1))
    model = SVMClassifier(alpha=1e-2, l1_ratio=0.05, random_state=0).fit(X, y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ <= 100


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
@pytest.mark.parametrize("loss", HINGES)
@pytest.mark.parametrize("n_classes", [2, 3])
def test_from_nothing(n_classes, loss, l1_ratio):
    X, y = counts(150, 40, n_classes, density=0.2)
    f = make_objective(X, y, loss, alpha=ALPHA, l1_ratio=l1_ratio)
    other = make(loss, alpha=ALPHA, l1_ratio=l1_ratio, solver="gd", tol=1e-3)
    lowest = other.set_params(max_iter=20_000).fit(X, y).objective_
    start = np.zeros(f.size)
    options = Options(tol=1e-6, max_iter=60)
    certifier, progress = Certifier(f), Progress("newton", options)
    best = Best(start, f.value(start))
    progress.record(best.value, start)
    result = _sparse_interior.solve(f, start, best, certifier, options, progress)
    assert result.converged
    value = f.value(result.theta)
    assert lowest * (1.0 - 2e-3) <= value <= lowest * (1.0 + 2e-6)
    assert (f.penalised(result.theta) == 0.0).any()


def test_choices_follow_the_slopes(monkeypatch):
    rules = replace(_sparse_interior.RULES, few=0, least=40)
    monkeypatch.setattr(_sparse_interior, "RULES", rules)
    X, y = counts(150, 60, 3, density=0.2)
    f = make_objective(X, y, "hinge", alpha=0.02, l1_ratio=1.0)
    point = _sparse_interior._Point(f, np.zeros(f.size))
    assert len(point.chosen) == 40
    seen = set()
    for _ in range(60):
        if point.gap() <= 1e-6 * f.value(point.theta):
            break
        point.step()
        point.choose()
        seen.add(len(point.chosen))
        assert (np.diff(point.chosen) > 0).all()
        np.testing.assert_allclose(point.scores, f.scores(point.theta), atol=1e-8)
        others = np.setdiff1d(np.arange(f.n_penalised), point.chosen)
        assert (f.penalised(point.theta)[others] == 0.0).all()
    assert len(seen) > 1
    assert point.gap() <= 1e-6 * f.value(point.theta)
    # Nothing that is left out would come in.
    slopes = f.penalised(f.backward(point.pull()))
    others = np.setdiff1d(np.arange(f.n_penalised), point.chosen)
    assert np.abs(slopes[others]).max() <= f.penalty.l1


def test_more_coefficients_at_the_start_than_a_matrix_holds(monkeypatch):
    rules = replace(_sparse_interior.RULES, few=0, most=60)
    monkeypatch.setattr(_sparse_interior, "RULES", rules)
    X, y = counts(150, 60, 3, density=0.2)
    f = make_objective(X, y, "hinge", alpha=0.02, l1_ratio=1.0)
    point = _sparse_interior._Point(f, np.linspace(-1.0, 1.0, f.size))
    assert len(point.chosen) == 60
    largest = np.argsort(-np.abs(f.penalised(point.theta)), kind="stable")[:60]
    np.testing.assert_array_equal(np.sort(largest), point.chosen)


@pytest.mark.parametrize("data", ["digits", "text"])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_a_fit_that_ends_early_has_a_gap_like_its_excess(loss, data, standardised):
    """The hinge proved next to nothing where its interior points ended early."""
    if data == "digits":
        X, y = standardised("digits")
    else:
        X, y = counts(400, 1200, 3, density=0.02)
        X = sparse.csr_matrix(normalize(X))
    parameters = {"alpha": 1e-2 if data == "digits" else 1e-3, "l1_ratio": 1.0}
    lowest = make(loss, tol=1e-9, **parameters).fit(X, y).objective_
    first = make(loss, tol=1e-2, **parameters).fit(X, y).n_iter_
    for max_iter in range(max(first - 2, 1), first + 20):
        model = make(loss, tol=1e-12, max_iter=max_iter, **parameters)
        with pytest.warns(ConvergenceWarning):
            model.fit(X, y)
        excess = model.objective_ / lowest - 1.0
        if excess <= 5e-5:
            break
    assert 1e-8 < excess <= 5e-5
    assert model.gap_ <= 20.0 * excess
