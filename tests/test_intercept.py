"""The intercept of the hinge where an interval of them is optimal."""

import numpy as np
import pytest
from _models import make
from _objectives import make_objective
from scipy import sparse
from sklearn.model_selection import StratifiedKFold

from sklearn_linloss._intercept import _SmoothHinge

# Balanced classes and a strong penalty: every sample stays inside the margin, and the
# loss of the two classes changes by opposite amounts as the intercept moves.
X = np.array([[-1.0], [-2.0], [-1.5], [1.0], [4.0], [2.5]])
Y = np.array([0, 0, 0, 1, 1, 1])


def best_interval(model, X, delta):
    """Ends of the interval of best intercepts, among the kinks of the loss."""
    sign = 2.0 * Y - 1.0
    scores = X @ model.coef_[0]
    kinks = sign * delta - scores
    losses = [np.maximum(0.0, delta - sign * (scores + kink)).mean() for kink in kinks]
    best = kinks[np.isclose(losses, min(losses), rtol=1e-9)]
    return best.min(), best.max()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("solver", ["gd", "newton", "sdca"])
@pytest.mark.parametrize("delta", [0.1, 1.0, 10.0])
@pytest.mark.parametrize("origin", [0.0, 50.0])
def test_the_central_intercept_is_taken(solver, delta, origin, kind):
    model = make("hinge", solver=solver, alpha=100.0, delta=delta, tol=1e-6)
    # Any start in the interval is optimal already.
    model.fit(kind(X + origin), Y, intercept_init=[0.5 * delta])
    assert model.gap_ <= 1e-6
    low, high = best_interval(model, X + origin, delta)
    assert high - low > 0.5 * delta
    middle = (low + high) / 2.0
    assert abs(model.intercept_[0] - middle) <= 0.02 * (high - low)


def test_the_centre_does_not_depend_on_the_solver(standardised):
    # A fold on which an interval of best intercepts flips a prediction.
    X, y = standardised("iris")
    train, test = list(StratifiedKFold(5).split(X, y))[3]
    models = [
        make("hinge", solver=solver, alpha=1.0, tol=1e-6, max_iter=20000).fit(
            X[train], y[train]
        )
        for solver in ("newton", "sdca", "gd")
    ]
    for model in models[1:]:
        np.testing.assert_allclose(model.intercept_, models[0].intercept_, atol=3e-3)
        np.testing.assert_array_equal(
            model.predict(X[test]), models[0].predict(X[test])
        )


def test_the_choice_scales_with_the_margin(iris):
    X, y = iris
    small = make("hinge", alpha=10.0, delta=1.0, tol=1e-6).fit(X, y)
    large = make("hinge", alpha=1.0, delta=10.0, tol=1e-6).fit(X, y)
    np.testing.assert_allclose(
        large.decision_function(X), 10.0 * small.decision_function(X), rtol=1e-6
    )
    np.testing.assert_array_equal(large.predict(X), small.predict(X))


def test_no_better_intercept_is_given_up(iris):
    X, y = iris
    model = make("hinge", alpha=0.1, tol=1e-6).fit(X, y)
    scores = X @ model.coef_.T

    def loss(b):
        s = scores + b
        margins = s - s[np.arange(len(y)), y][:, None] + 1.0
        margins[np.arange(len(y)), y] = 0.0
        return np.maximum(margins, 0.0).sum(axis=1).mean()

    here = loss(model.intercept_)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 1e-1, 1.0):
        for _ in range(200):
            other = loss(model.intercept_ + size * rng.normal(size=3))
            assert other >= here * (1.0 - 1e-5)


def test_the_choice_keeps_a_converged_fit_within_the_tolerance():
    rng = np.random.default_rng(44)
    y = np.arange(40) % 2
    rng.shuffle(y)
    features = rng.normal(size=(40, 5))
    features += 2.0 * rng.normal(size=(2, 5))[y] * rng.random()
    # No warning, which is an error here: so the gap is what was asked for.
    model = make("hinge", solver="newton", alpha=0.03, tol=1e-3).fit(features, y)
    assert model.gap_ <= 1e-3


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_the_smoothed_hinge_around_a_point(n_classes):
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % n_classes
    weight = rng.uniform(0.5, 2.0, size=60)
    f = make_objective(X, y, "hinge", weight=weight, delta=2.0)
    scores = 3.0 * rng.normal(size=(60, f.n_rows))
    point, width = 0.1 * rng.normal(size=f.n_rows), 0.02
    smooth = _SmoothHinge(f, scores, point, width)

    def slow(b):
        s = scores + b
        s = s if f.n_rows > 1 else np.hstack([np.zeros((60, 1)), s])
        slack = (s - s[np.arange(60), y][:, None] + 2.0) / width
        slack[np.arange(60), y] = -np.inf
        return weight @ (width * np.logaddexp(0.0, slack)).sum(axis=1) / weight.sum()

    value, gradient, hessian = smooth.expand(point)
    for step in rng.uniform(-0.1, 0.1, size=(4, f.n_rows)):
        assert smooth.covers(point + step)
        change = smooth.expand(point + step)[0] - value
        assert change == pytest.approx(slow(point + step) - slow(point), rel=1e-9)
    eye = np.eye(f.n_rows)
    slopes = [(slow(point + 1e-6 * e) - slow(point - 1e-6 * e)) / 2e-6 for e in eye]
    np.testing.assert_allclose(gradient, slopes, rtol=1e-6, atol=1e-8)
    bends = [
        (smooth.expand(point + 1e-6 * e)[1] - smooth.expand(point - 1e-6 * e)[1]) / 2e-6
        for e in eye
    ]
    np.testing.assert_allclose(hessian, bends, rtol=1e-5, atol=1e-6)
