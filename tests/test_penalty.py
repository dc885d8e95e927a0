import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from sklearn_linloss import losses
from sklearn_linloss._design import design_of
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet, GroupedElasticNet, Penalty
from sklearn_linloss._solvers import Request, able, run
from sklearn_linloss._solvers._common import Options, Progress

MIXES = [(0.7, 0.0), (0.7, 1.0), (0.7, 0.3), (2.0, 0.9)]
mixes = pytest.mark.parametrize(("alpha", "l1_ratio"), MIXES)


def penalty_of(w, alpha, l1_ratio):
    return alpha * (l1_ratio * np.abs(w) + (1.0 - l1_ratio) / 2.0 * w**2)


@mixes
def test_value(alpha, l1_ratio):
    w = np.array([[1.0, -2.0, 0.0], [0.5, 3.0, -0.25]])
    expected = alpha * (l1_ratio * 6.75 + (1.0 - l1_ratio) / 2.0 * 14.3125)
    assert ElasticNet(alpha, l1_ratio).value(w) == pytest.approx(expected, rel=1e-14)
    assert ElasticNet(alpha, l1_ratio).value(np.zeros(3)) == 0.0


def test_value_of_float32_sums_in_float64():
    w = np.full(100_000, 0.1, dtype=np.float32)
    exact = 0.5 * np.square(w.astype(np.float64)).sum()
    assert ElasticNet(1.0, 0.0).value(w.astype(np.float64)) == pytest.approx(exact)
    assert ElasticNet(1.0, 1.0).value(w) == pytest.approx(
        w.astype(np.float64).sum(), rel=1e-12
    )


@mixes
@given(
    w=st.floats(-5.0, 5.0),
    step=st.floats(0.01, 5.0),
)
def test_prox_minimises_its_definition(alpha, l1_ratio, w, step):
    def cost(u):
        return penalty_of(u, alpha, l1_ratio) + (u - w) ** 2 / (2.0 * step)

    found = float(ElasticNet(alpha, l1_ratio).prox(np.array([w]), step)[0])
    grid = np.linspace(-5.0, 5.0, 2001)
    best = min(cost(grid).min(), cost(0.0))
    refined = optimize.minimize_scalar(cost, bounds=(-5.0, 5.0), method="bounded")
    assert cost(found) <= min(best, refined.fun) + 1e-12
    # Strong convexity turns the distance in value into one in u.
    assert abs(found - refined.x) <= 1e-4


@mixes
def test_prox_takes_a_step_for_each_weight(alpha, l1_ratio):
    rng = np.random.default_rng(0)
    w, step = rng.normal(size=20), rng.uniform(0.1, 2.0, size=20)
    penalty = ElasticNet(alpha, l1_ratio)
    one_by_one = [penalty.prox(w[i : i + 1], step[i])[0] for i in range(20)]
    np.testing.assert_allclose(penalty.prox(w, step), one_by_one, rtol=1e-14)


def test_prox_of_l1_gives_exact_zeros_and_shrinks_the_rest():
    w = np.array([0.3, -0.3, 0.7, -0.7, 2.0, 0.0])
    shrunk = ElasticNet(1.0, 1.0).prox(w, 0.7)
    np.testing.assert_array_equal(shrunk[[0, 1, 2, 3, 5]], 0.0)
    assert shrunk[4] == pytest.approx(1.3)
    np.testing.assert_array_equal(ElasticNet(1.0, 1.0).prox_rest(w, 0.7), shrunk)


def test_prox_of_no_penalty_is_the_identity_and_of_a_penalty_is_not():
    w = np.array([0.3, -2.0])
    np.testing.assert_array_equal(ElasticNet(0.0, 0.5).prox(w, 0.7), w)
    for alpha, l1_ratio in MIXES:
        assert (ElasticNet(alpha, l1_ratio).prox(w, 0.7) != w).all()


@pytest.mark.parametrize(("alpha", "l1_ratio"), [m for m in MIXES if m[1] < 1.0])
@given(v=st.floats(-4.0, 4.0), scale=st.floats(0.0, 3.0))
def test_conjugate_is_the_supremum(alpha, l1_ratio, v, scale):
    value, slope = ElasticNet(alpha, l1_ratio).conjugate(np.array([v]), scale)
    top = 13.0 / (alpha * (1.0 - l1_ratio))
    found = optimize.minimize_scalar(
        lambda u: penalty_of(u, alpha, l1_ratio) - scale * v * u,
        bounds=(-top, top),
        method="bounded",
        options={"xatol": 1e-9},
    )
    # Zero is a candidate that the search comes near only.
    assert value == pytest.approx(max(-found.fun, 0.0), rel=1e-6, abs=1e-6)
    h = 1e-6
    if scale > h:
        up = ElasticNet(alpha, l1_ratio).conjugate(np.array([v]), scale + h)[0]
        down = ElasticNet(alpha, l1_ratio).conjugate(np.array([v]), scale - h)[0]
        assert slope == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-4)


def test_conjugate_adds_up_over_entries():
    v = np.array([[1.0, -2.0], [0.1, 3.0]])
    penalty = ElasticNet(0.7, 0.3)
    total = sum(penalty.conjugate(np.array([u]), 1.5)[0] for u in v.ravel())
    assert penalty.conjugate(v, 1.5)[0] == pytest.approx(total, rel=1e-14)


def test_conjugate_of_l1_is_an_indicator():
    penalty = ElasticNet(0.6, 1.0)
    v = np.array([0.1, -1.2, 0.4])
    cap = penalty.max_scale(v)
    # The supremum of <s v, u> - 0.6 |u|_1 is finite up to max|s v| = 0.6 and no more.
    assert cap == pytest.approx(0.5)
    assert penalty.conjugate(v, cap) == (0.0, 0.0)
    assert penalty.max_scale(np.zeros(3)) == np.inf
    assert ElasticNet(0.6, 0.5).max_scale(v) == np.inf


@mixes
def test_min_norm_subgradient_by_brute_force(alpha, l1_ratio):
    rng = np.random.default_rng(1)
    w = rng.normal(size=40)
    w[::2] = 0.0
    g = rng.normal(size=40)
    found = ElasticNet(alpha, l1_ratio).min_norm_subgradient(w, g)
    slopes = np.linspace(-1.0, 1.0, 20001)
    for i in range(40):
        signs = slopes if w[i] == 0.0 else np.sign(w[i])
        choices = g[i] + alpha * (1.0 - l1_ratio) * w[i] + alpha * l1_ratio * signs
        best = np.abs(choices).min()
        assert abs(found[i]) == pytest.approx(best, abs=2e-4)
        # It is one of the subgradients, not only as small as one.
        assert np.abs(choices - found[i]).min() <= 2e-4


class NotNegative(Penalty):
    """|w|^2 / 2 times a strength, for coefficients that are not negative."""

    def __init__(self, strength):
        self.convexity = strength

    def value(self, w):
        return 0.5 * self.convexity * w @ w if (w >= 0.0).all() else np.inf

    def smooth_gradient(self, w):
        return self.convexity * w

    def prox_rest(self, w, step):
        return np.maximum(w, 0.0)

    def prox(self, w, step):
        return np.maximum(w, 0.0) / (1.0 + step * self.convexity)

    def conjugate(self, v, scale=1.0):
        positive = np.maximum(v, 0.0)
        slope = scale * float(np.vdot(positive, positive)) / self.convexity
        return 0.5 * scale * slope, slope

    def conjugate_gradient(self, v):
        return np.maximum(v, 0.0) / self.convexity

    def max_scale(self, v):
        return np.inf


@pytest.mark.parametrize("kind", [ElasticNet, GroupedElasticNet])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_along_a_ray(kind, l1_ratio):
    w = np.random.default_rng(0).normal(size=12)
    penalty = kind(0.7, l1_ratio)
    if kind is GroupedElasticNet:
        penalty = penalty.laid_out(3, features_first=True)
    along, h = penalty.along(w), 1e-6
    for t in (0.4, 1.0, 2.5):
        value, slope = along(t)
        assert value == pytest.approx(penalty.value(t * w), rel=1e-12)
        rise = penalty.value((t + h) * w) - penalty.value((t - h) * w)
        assert slope == pytest.approx(rise / (2.0 * h), rel=1e-6)


def test_a_penalty_that_the_package_does_not_have():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 5)), np.arange(80) % 3
    X[:, 0] += y
    f = Objective(
        design_of(X),
        y,
        np.ones(80),
        loss=losses.softmax.at_margin(),
        penalty=NotNegative(0.05),
        n_classes=3,
        fit_intercept=False,
        dtype=np.float64,
    )

    def objective(w):
        W = w.reshape(3, 5)
        value = losses.softmax.value(X @ W.T, y).mean()
        gradient = losses.softmax.gradient(X @ W.T, y).T @ X / 80
        return value + 0.025 * w @ w, gradient.ravel() + 0.05 * w

    bounds, tight = [(0.0, None)] * 15, {"ftol": 1e-15, "gtol": 1e-10}
    expected = optimize.minimize(
        objective, np.zeros(15), jac=True, bounds=bounds, options=tight
    )
    options = Options(tol=1e-7, max_iter=2000)
    result, certifier, _ = run("gd", f, np.zeros(15), options, Progress("gd", options))
    assert (result.theta == 0.0).any()
    value = f.value(result.theta)
    assert expected.fun * (1.0 - 1e-9) <= value <= expected.fun * (1.0 + 2e-7)
    assert certifier.bound <= expected.fun * (1.0 + 1e-9)
    assert certifier.gap(value) <= 1e-7
    request = Request(f.loss, f.penalty, "auto", 80, 5, 3)
    assert able(request) == ["gd"]


def test_a_multiple_of_a_penalty():
    w = np.array([0.5, -2.0, 0.0])
    for l1_ratio in (0.0, 0.3, 1.0):
        penalty = ElasticNet(0.7, l1_ratio)
        assert penalty.times(3.0).value(w) == pytest.approx(3.0 * penalty.value(w))
