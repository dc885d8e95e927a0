import _reference as reference
import numpy as np
import pytest
from _models import LOSSES
from _objectives import make_objective
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit

from sklearn_linloss._certificate import (
    Certifier,
    balance_flows,
    circulation,
    maximize_concave,
)

SLACK = 1e-12


def golden_objective(problem, standardised, centre=True):
    X, y = standardised(problem["dataset"])
    weight = reference.golden_weight(problem["sample_weight"], len(y))
    return make_objective(
        X,
        y,
        problem["loss"],
        problem["alpha"],
        problem["l1_ratio"],
        problem["delta"],
        weight,
        fit_intercept=problem["intercept"],
        centre=centre,
    )


def assert_honest(f, certifier, theta, certificate, problem):
    """Neither the bound nor any gap claims more than the true optimum allows."""
    optimum = problem["lower_bound"]
    assert certifier.bound <= optimum * (1.0 + SLACK)
    for value in (certificate.objective, f.value(theta)):
        excess = (value - optimum) / value
        assert certifier.gap(value) >= excess - SLACK
    assert certificate.objective == pytest.approx(f.value(certificate.theta), rel=1e-12)
    assert certificate.objective <= f.value(theta) * (1.0 + SLACK)


def test_no_bound_of_a_random_model_exceeds_the_optimum(problem, standardised):
    f = golden_objective(problem, standardised)
    rng = np.random.default_rng(0)
    shared = Certifier(f)
    for scale in (0.01, 0.1, 0.3, 1.0, 3.0):
        W = scale * rng.normal(size=(f.n_rows, f.n_features))
        b = scale * rng.normal(size=f.n_rows)
        theta = f.pack(W, b)
        for certifier in (Certifier(f), shared):
            certificate = certifier.certify(theta)
            assert_honest(f, certifier, theta, certificate, problem)


def test_what_is_known_of_a_model_is_not_computed_again(problem, standardised):
    f = golden_objective(problem, standardised)
    theta = 0.3 * np.random.default_rng(0).normal(size=f.size)
    scores = f.scores(theta)
    loss = f.loss_gradient(scores)
    before = loss[1].copy()
    right = Certifier(f).certify(theta)
    found = Certifier(f).certify(theta, scores=scores, loss=loss)
    np.testing.assert_array_equal(found.theta, right.theta)
    assert (found.objective, found.criterion) == (right.objective, right.criterion)
    # An intercept that is not fitted gives a lower bound, too, and is kept.
    certifier = Certifier(f)
    kept = certifier.certify(theta, scores=scores, loss=loss, unbalanced=np.inf)
    np.testing.assert_array_equal(kept.theta, theta)
    assert_honest(f, certifier, theta, kept, problem)
    np.testing.assert_array_equal(loss[1], before)


def test_no_bound_on_a_path_exceeds_the_optimum_and_they_rise(problem, standardised):
    f = golden_objective(problem, standardised, centre=False)
    certifier = Certifier(f)
    theta = np.zeros(f.size)
    bounds = []
    for t in range(60):
        certificate = certifier.certify(theta)
        assert_honest(f, certifier, theta, certificate, problem)
        bounds.append(certifier.bound)
        _, gradient = f.data_gradient(theta)
        f.penalised(gradient)[:] += f.penalty.l2 * f.penalised(theta)
        step = 0.02 / (1.0 + 0.1 * t) / f.value_at_zero
        theta = theta - step * gradient
        f.penalised(theta)[:] = f.penalty.prox_rest(f.penalised(theta), step)
    assert (np.diff(bounds) >= 0.0).all()
    assert bounds[-1] > 0.0


def test_the_bound_meets_the_optimum_at_the_optimum(problem_with_model, standardised):
    problem = problem_with_model
    f = golden_objective(problem, standardised)
    certifier = Certifier(f)
    W = np.array(problem["coef"])
    # Close intercepts suffice: the certificate fits them.
    theta = f.pack(W, np.zeros(f.n_rows))
    for _ in range(4):
        certificate = certifier.certify(theta)
        theta = certificate.theta
    assert certificate.objective == pytest.approx(problem["objective"], rel=1e-9)
    # The square root of rounding errors is what pure L1 leaves.
    assert certificate.criterion <= (1e-5 if problem["l1_ratio"] == 1.0 else 1e-8)


def test_bounds_of_random_feasible_points_of_the_hinge(hinge_problem, standardised):
    f = golden_objective(hinge_problem, standardised)
    rng = np.random.default_rng(1)
    certifier = Certifier(f)
    theta = np.zeros(f.size)
    for sparsity in (0.0, 0.5, 0.9, 0.99):
        a = rng.uniform(size=(f.n_samples, f.n_rows))
        a[rng.uniform(size=a.shape) < sparsity] = 0.0
        a[rng.uniform(size=a.shape) < 0.1] = 1.0
        rows = np.arange(f.n_samples)
        if f.n_rows == 1:
            a[:, 0] *= np.where(f.y == 1, -1.0, 1.0)
        else:
            a[rows, f.y] = 0.0
            a[rows, f.y] = -a.sum(axis=1)
        certificate = certifier.certify(theta, f.share[:, None] * a)
        assert_honest(f, certifier, theta, certificate, hinge_problem)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_bound_is_at_least_half_as_good_as_a_slow_one(
    loss, n_classes, l1_ratio, fit_intercept
):
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % n_classes
    weight = rng.uniform(0.5, 2.0, size=30)
    alpha = 0.1
    f = make_objective(
        X, y, loss, alpha, l1_ratio, 1.0, weight, fit_intercept=fit_intercept
    )
    W = 0.1 * rng.normal(size=(f.n_rows, 4))
    theta = f.pack(W, np.zeros(f.n_rows))
    certifier = Certifier(f)
    # From the certificate's own model, so that both bounds use one dual point.
    theta = certifier.certify(theta).theta
    W, b = f.unpack(theta)
    certifier = Certifier(f)
    certifier.certify(theta)
    slow = reference.relative_gap(
        W, b, X, y, loss, alpha, l1_ratio, 1.0, weight, fit_intercept
    )
    fast = certifier.gap(f.value(theta))
    assert fast <= 2.0 * slow + 1e-9


def test_the_gap_is_relative_to_the_objective():
    f = make_objective(np.eye(4), np.array([0, 1, 0, 1]), "softmax", 0.1)
    certifier = Certifier(f)
    certifier.bound = 0.3
    assert certifier.gap(0.4) == pytest.approx(0.25)
    # Rounding may put a value below the bound: no gap is negative.
    assert certifier.gap(0.3 - 1e-17) == 0.0


def test_without_a_penalty_there_is_no_bound():
    f = make_objective(np.eye(4), np.array([0, 1, 0, 1]), "softmax", 0.0)
    certifier = Certifier(f)
    certificate = certifier.certify(f.pack(np.ones((1, 4)), np.zeros(1)))
    assert np.isnan(certifier.bound)
    assert np.isnan(certifier.gap(0.5))
    assert certificate.criterion > 0.0


# -- balancing flows -----------------------------------------------------------------

flow = st.just(0.0) | st.floats(1e-3, 1.0)


@st.composite
def flow_matrices(draw):
    K = draw(st.integers(2, 5))
    entries = draw(st.lists(flow, min_size=K * K, max_size=K * K))
    flows = np.array(entries).reshape(K, K)
    np.fill_diagonal(flows, 0.0)
    weight = draw(st.lists(st.floats(0.05, 1.0), min_size=K, max_size=K))
    return flows, np.array(weight) / np.sum(weight)


@given(flow_matrices())
@example((np.zeros((3, 3)), np.full(3, 1 / 3)))
@example((np.array([[0.0, 1.0, 0], [0, 0, 0], [0, 0, 0]]), np.full(3, 1 / 3)))
def test_balanced_flows(case):
    flows, class_weight = case
    factor, shift = balance_flows(flows.copy(), class_weight)
    after = flows * factor + class_weight[:, None] * shift
    np.testing.assert_allclose(after.sum(axis=0), after.sum(axis=1), atol=1e-12)
    off_diagonal = ~np.eye(len(flows), dtype=bool)
    # No less than rounding: every single a_ij is multiplied by the factor.
    assert factor[off_diagonal].min() >= -1e-12
    assert shift[off_diagonal].min() >= 0.0
    if len(flows) == 2:
        # More than the given may leave the domain of a single number a sample.
        assert factor.max() <= 1.0
        assert (shift == 0.0).all()


@pytest.mark.parametrize("n_classes", [2, 4])
def test_adjusted_dual_points_are_balanced_and_signed(n_classes):
    rng = np.random.default_rng(n_classes)
    y = np.arange(60) % n_classes
    pi = rng.uniform(0.5, 2.0, size=60)
    pi /= pi.sum()
    if n_classes == 2:
        dual = pi[:, None] * rng.uniform(size=(60, 1))
        dual[y == 1] *= -1.0
    else:
        dual = pi[:, None] * rng.uniform(size=(60, n_classes))
        dual[np.arange(60), y] = 0.0
        dual[np.arange(60), y] = -dual.sum(axis=1)
    f = make_objective(np.eye(60), y, "hinge", weight=pi)
    flows = f.class_flows(dual)
    for k, j in np.ndindex(n_classes, n_classes):
        column = np.abs(dual[y == k, 0 if n_classes == 2 else j]).sum()
        assert flows[k, j] == pytest.approx(0.0 if j == k else column)
    factor, shift = balance_flows(flows, np.bincount(y, weights=pi))
    cap = f.adjust_flows(dual, factor, shift)
    np.testing.assert_allclose(dual.sum(axis=0), 0.0, atol=1e-15)
    a = dual / pi[:, None]
    others = np.where(np.eye(n_classes)[y] == 1.0, 0.0, a) if n_classes > 2 else abs(a)
    assert others.min() >= -1e-15
    assert cap == pytest.approx(1.0 / others.max())


# -- the search for a scale ----------------------------------------------------------


@given(
    top=st.floats(1e-5, 30.0),
    height=st.floats(0.1, 10.0),
    cap=st.floats(0.05, 5.0) | st.just(np.inf),
)
def test_maximum_of_a_parabola(top, height, cap):
    def parabola(t):
        u = t / top
        return height * u * (2.0 - u), height * (2.0 - 2.0 * u) / top

    t, value = maximize_concave(parabola, cap, 0.0, height)
    best = parabola(min(top, cap))[0]
    assert 0.0 <= t <= cap
    assert value == pytest.approx(parabola(t)[0])
    assert best * (1.0 + 1e-12) >= value >= best - 0.02 * height


@given(cap=st.floats(0.3, 4.0), tilt=st.floats(-3.0, 3.0))
def test_maximum_of_an_entropy_with_an_infinite_slope_at_the_cap(cap, tilt):
    def entropy(t):
        p = t / cap
        rest = 1.0 - p
        value = tilt * p - sum(q * np.log(q) for q in (p, rest) if q > 0.0)
        if rest <= 0.0:
            return value, -np.inf
        return value, (tilt - np.log(p) + np.log(rest)) / cap

    grid = np.linspace(1e-9, cap, 20001)
    best = max(entropy(t)[0] for t in grid)
    t, value = maximize_concave(entropy, cap, 0.0, best + 1e-3)
    assert value == pytest.approx(entropy(t)[0])
    assert best + 1e-6 >= value >= 0.98 * best - 1e-4


@pytest.mark.parametrize("cap", [0.3, np.inf])
@pytest.mark.parametrize("power", [1.5, 2.0, 4.0])
def test_a_maximum_takes_fewer_calls_where_several_points_come_at_once(power, cap):
    calls, alone = 0, 0
    for top in np.geomspace(0.05, 5.0, 20):
        ready = set()

        def hill(t, top=top):
            away = t - top
            slope = -power * np.sign(away) * abs(away) ** (power - 1.0)
            return top**power - abs(away) ** power, slope

        def counted(t, hill=hill):
            nonlocal alone
            alone += 1
            return hill(t)

        def answered(t, hill=hill, ready=ready):
            nonlocal calls
            calls += t not in ready
            return hill(t)

        def foresee(function, points, answered=answered, ready=ready):
            assert function is answered
            assert all(0.0 < point for point in points)
            ready.clear()
            ready.update(points)

        search = cap, 0.0, top**power, hill(0.0)[1]
        maximize_concave(counted, *search)
        t, value = maximize_concave(answered, *search, foresee)
        best = hill(min(top, cap))[0]
        assert 0.0 <= t <= cap
        assert value == hill(t)[0]
        assert best * (1.0 + 1e-12) >= value >= best - 0.02 * top**power
    assert calls < 0.8 * alone


def test_nothing_is_taken_where_the_function_only_falls():
    t, value = maximize_concave(lambda t: (-t, -1.0), 2.0, 0.0, 1.0)
    assert (t, value) == (0.0, 0.0)


def test_flows_next_to_nothing_do_not_overflow():
    flows = np.array([[0.0, 1e-310, 0.0], [0.0, 0.0, 0.1], [0.3, 0.0, 0.0]])
    factor, shift = balance_flows(flows, np.full(3, 1.0 / 3.0))
    assert np.isfinite(factor).all() and np.isfinite(shift).all()
    moved = factor * flows + shift / 3.0
    np.testing.assert_allclose(moved.sum(axis=0), moved.sum(axis=1), atol=1e-12)


# -- what is free in a hinge's dual point ----------------------------------------------


def random_pull(rng, n_classes, n_samples=90):
    """pi_i a_i with a third of the a_ij between 0 and 1, the others at the ends."""
    y = np.arange(n_samples) % n_classes
    shape = (n_samples, 1 if n_classes == 2 else n_classes)
    a = rng.choice([0.0, 1.0, np.nan], size=shape)
    a[np.isnan(a)] = rng.uniform(size=np.isnan(a).sum())
    if n_classes == 2:
        a[y == 1] *= -1.0
    else:
        a[np.arange(n_samples), y] = 0.0
        a[np.arange(n_samples), y] = -a.sum(axis=1)
    return y, a / n_samples


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_free_dual_variables_balance_the_flows(n_classes):
    rng = np.random.default_rng(n_classes)
    y, pull = random_pull(rng, n_classes)
    f = make_objective(np.eye(90), y, "hinge")
    before = np.abs(pull)
    assert np.abs(pull.sum(axis=0)).max() > 1e-3
    leeway = f.leeway_flows(pull)
    np.testing.assert_allclose(leeway, f.class_flows(f.leeway(pull)), rtol=1e-14)
    f.use_leeway(pull, circulation(f.class_flows(pull), leeway))
    flows = f.class_flows(pull)
    np.testing.assert_allclose(flows.sum(axis=0), flows.sum(axis=1), atol=1e-15)
    wrong = np.ones(pull.shape, dtype=bool)
    if n_classes > 2:
        wrong[np.arange(90), y] = False
    after = np.abs(pull)[wrong] * 90
    assert after.min() >= 0.0
    assert after.max() <= 1.0
    held = np.isin(before[wrong] * 90, [0.0, 1.0])
    np.testing.assert_array_equal(np.abs(pull)[wrong][held], before[wrong][held])


def test_more_than_is_free_stays_within_the_domain():
    leeway = np.array([[0.0, 0.1, 0.0], [0.1, 0.0, 0.2], [0.0, 0.1, 0.0]])
    flows = np.array([[0.0, 9.0, 0.0], [0.0, 0.0, 9.0], [1.0, 0.0, 0.0]])
    part = circulation(flows, leeway)
    assert np.abs(part).max() == 1.0
    nothing = circulation(flows, np.zeros_like(leeway))
    np.testing.assert_array_equal(nothing, 0.0)


def smoothed_optimum(f, X, y, alpha, width):
    """Model and a_ij of the hinge rounded off by exponentials, by L-BFGS."""
    n = len(y)
    wrong = ~np.eye(f.n_classes, dtype=bool)[y]
    others = np.eye(f.n_classes)

    def scores_of(theta):
        W, b = f.unpack(theta)
        scores = X @ W.T + b
        return scores if f.n_rows > 1 else np.hstack([np.zeros((n, 1)), scores])

    def shares(scores):
        slack = (scores - scores[np.arange(n), y][:, None] + 1.0) / width
        return np.where(wrong, expit(slack), 0.0), np.where(wrong, slack, -np.inf)

    def value_and_gradient(theta):
        a, slack = shares(scores_of(theta))
        pull = (a - a.sum(axis=1)[:, None] * others[y])[:, -f.n_rows :] / n
        W, _ = f.unpack(theta)
        gradient = f.pack(pull.T @ X + alpha * W, pull.sum(axis=0))
        value = width * np.logaddexp(0.0, slack).sum() / n
        return value + 0.5 * alpha * (W**2).sum(), gradient

    theta = minimize(
        value_and_gradient,
        np.zeros(f.size),
        jac=True,
        options={"gtol": 1e-10, "maxiter": 5000},
    ).x
    a, _ = shares(scores_of(theta))
    pull = (a - a.sum(axis=1)[:, None] * others[y])[:, -f.n_rows :] / n
    return theta, pull


@pytest.mark.parametrize("n_classes", [2, 8])
def test_flows_off_by_little_cost_the_hinge_little(n_classes):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 5))
    y = (X[:, :3] @ rng.normal(size=(3, n_classes))).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    f = make_objective(X, y, "hinge", alpha=1e-2)
    theta, pull = smoothed_optimum(f, X, y, 1e-2, width=3e-3)
    balanced = Certifier(f).certify(theta, pull.copy()).criterion
    assert balanced < 1e-2
    # A twentieth of what is free, to every other class.
    towards = np.where(np.arange(f.n_rows) % 2 == 0, 0.05, 0.0)
    free = f.leeway(pull)
    pull += free * towards
    if n_classes > 2:
        pull[np.arange(400), y] -= (free * towards).sum(axis=1)
    assert np.abs(pull.sum(axis=0)).sum() > 0.01 * free.sum()
    assert Certifier(f).certify(theta, pull).criterion < 1.2 * balanced
