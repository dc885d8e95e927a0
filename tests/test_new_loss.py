"""A loss that the package does not have: the tutorial of the developer guide runs it.

The max hinge of K. Crammer and Y. Singer, "On the algorithmic implementation of
multiclass kernel-based vector machines", JMLR 2001: only the worst wrong class counts.
"""

import numpy as np
import pytest
from scipy.optimize import linprog
from sklearn.svm import LinearSVC

from sklearn_linloss import SVMClassifier, losses
from sklearn_linloss._losses import Loss, SquaredHinge
from sklearn_linloss._losses._base import of_wrong_classes
from sklearn_linloss._solvers import SOLVER_NAMES


class MaxHinge(Loss):
    """max(0, max_{j != y} s_j - s_y + delta)."""

    name, smooth, degree = "max_hinge", False, 1

    def slacks(self, scores, y):
        rows = np.arange(len(y))
        slacks = scores - scores[rows, y][:, None] + self.delta
        slacks[rows, y] = -np.inf
        return slacks

    def value(self, scores, y):
        return np.maximum(self.slacks(scores, y).max(axis=1), 0.0)

    def gradient(self, scores, y):
        slacks = self.slacks(scores, y)
        gradient = np.zeros_like(slacks)
        rows, worst = np.arange(len(y)), slacks.argmax(axis=1)
        gradient[rows, worst] = slacks[rows, worst] > 0.0
        return gradient

    def smoothed(self, scores, y, width):
        # max of a @ slack - width / 2 * |a|^2 over a >= 0 with a sum of at most 1: the
        # positive parts of slack / width, less what brings their sum down to 1.
        slacks = self.slacks(scores, y)
        largest_first = -np.sort(-slacks, axis=1)[:, :-1] / width
        counts = np.arange(1, largest_first.shape[1] + 1)
        less = (np.cumsum(largest_first, axis=1) - 1.0) / counts
        less = np.maximum(less.max(axis=1, keepdims=True), 0.0)
        a = np.maximum(slacks / width - less, 0.0)
        slacks[np.arange(len(y)), y] = 0.0
        return (a * slacks - 0.5 * width * a**2).sum(axis=1), a

    def conjugate(self, dual, y):
        _, total = of_wrong_classes(dual, y)
        return -self.delta * total, -self.delta * total

    def dual_size(self, largest, largest_sum):
        return largest_sum


class MaxHingeClassifier(SVMClassifier):
    def _loss(self):
        return MaxHinge(self.delta)


def by_linear_program(X, y, alpha, delta, weight):
    """min sum_i pi_i xi_i + alpha |W|_1 over W, b and xi, by HiGHS."""
    (n, d), K = X.shape, y.max() + 1
    size = K * d
    # Columns: W+, W-, b+, b-, xi.
    cost = np.r_[np.full(2 * size, alpha), np.zeros(2 * K), weight / weight.sum()]
    rows, right = [], []
    for i in range(n):
        for j in set(range(K)) - {y[i]}:
            w, b = np.zeros((K, d)), np.zeros(K)
            w[j], w[y[i]], b[j], b[y[i]] = X[i], -X[i], 1.0, -1.0
            slack = np.eye(n)[i]
            rows.append(np.r_[w.ravel(), -w.ravel(), b, -b, -slack])
            right.append(-delta)
    return linprog(cost, A_ub=np.array(rows), b_ub=right).fun


def blobs(n_classes):
    rng = np.random.default_rng(n_classes)
    y = np.arange(40) % n_classes
    return rng.normal(size=(40, 4)) + 1.5 * np.eye(n_classes, 4)[y], y


def assert_certified(model, optimum, tol):
    assert model.objective_ >= optimum * (1.0 - 1e-9)
    excess = 1.0 - optimum / model.objective_
    assert excess - 1e-9 <= model.gap_ <= tol


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_gd_finds_the_value_of_a_linear_program(n_classes):
    X, y = blobs(n_classes)
    weight = np.linspace(0.5, 2.0, len(y))
    model = MaxHingeClassifier(
        alpha=0.02, l1_ratio=1.0, delta=1.5, solver="gd", tol=5e-4, max_iter=20000
    ).fit(X, y, weight)
    optimum = by_linear_program(X, y, 0.02, 1.5, weight)
    assert_certified(model, optimum, 5e-4)


@pytest.mark.parametrize("n_classes", [3, 4])
def test_gd_finds_the_value_of_a_quadratic_program(n_classes):
    X, y = blobs(n_classes)
    alpha = 0.05
    other = LinearSVC(
        multi_class="crammer_singer",
        C=1.0 / (alpha * len(y)),
        fit_intercept=False,
        tol=1e-10,
        max_iter=100000,
    ).fit(X, y)
    value = MaxHinge(1.0).value(X @ other.coef_.T, y).mean()
    optimum = value + alpha / 2.0 * (other.coef_**2).sum()
    model = MaxHingeClassifier(
        alpha=alpha, solver="gd", tol=1e-5, max_iter=20000, fit_intercept=False
    ).fit(X, y)
    assert_certified(model, optimum, 1e-5)


def test_a_bound_is_false_where_a_conjugate_is():
    X, y = blobs(3)

    class Wrong(MaxHinge):
        def dual_size(self, largest, largest_sum):
            return largest  # that of the sum over classes, a larger domain

    model = MaxHingeClassifier(alpha=0.05, solver="gd", max_iter=5000)
    model._loss = lambda: Wrong(1.0)
    with pytest.raises(RuntimeError, match="lower bound"):
        # The smoothed gradients stay inside: a wrong point has to be tried.
        Wrong.smoothed = lambda self, scores, y, width: (
            SquaredHinge(self.delta).value(scores, y),
            np.minimum(SquaredHinge(self.delta).gradient(scores, y), 1.0),
        )
        model.fit(X, y)


@pytest.mark.parametrize("solver", sorted(set(SOLVER_NAMES) - {"gd"}))
def test_the_other_solvers_refuse_it_and_name_the_one_that_does_not(solver):
    X, y = blobs(3)
    expected = f"'{solver}' does not support loss='max_hinge'; use solver='gd'"
    with pytest.raises(ValueError, match=expected):
        MaxHingeClassifier(solver=solver).fit(X, y)


def test_what_would_take_minibatches_refuses_it():
    X, y = blobs(3)
    expected = "'sgd' does not support loss='max_hinge'; use solver='gd'"
    with pytest.raises(ValueError, match=expected):
        MaxHingeClassifier().partial_fit(X, y, np.unique(y))
    with pytest.raises(ValueError, match=expected):
        MaxHingeClassifier(early_stopping=True).fit(X, y)


def test_auto_takes_the_one_that_can():
    X, y = blobs(3)
    model = MaxHingeClassifier(alpha=0.05, max_iter=5000).fit(X, y)
    assert model.solver_ == "gd"
    assert model.gap_ <= 1e-4


@pytest.mark.parametrize(
    "method", ["value", "gradient", "conjugate", "dual_size", "smoothed"]
)
def test_a_method_that_is_missing_is_named(method):
    """Nothing is assumed of a loss that it has not said."""
    missing = type("Mute", (MaxHinge,), {method: getattr(Loss, method)})
    X, y = blobs(3)
    model = MaxHingeClassifier(solver="gd")
    model._loss = lambda: missing()
    with pytest.raises(ValueError, match="'gd' does not support loss='max_hinge'"):
        model.fit(X, y)
    with pytest.raises(NotImplementedError, match=f"does not define {method}"):
        getattr(missing(), method)(np.zeros((1, 3)), np.zeros(1, int))


# -- what follows from a few formulas, against what is compiled ------------------------


def followed(loss, method):
    """What the base makes of the formulas of a loss that has its own."""
    return getattr(Loss, method).__get__(loss)


@pytest.mark.parametrize("width", [0.0, 0.3])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge", "softmax"])
def test_sums_that_follow_are_those_that_are_compiled(name, n_classes, width):
    rng = np.random.default_rng(n_classes)
    loss = getattr(losses, name).at_margin(1.3)
    y, weight = rng.integers(n_classes, size=30), rng.uniform(0.5, 2.0, size=30)
    shape = 30 if n_classes == 2 else (30, n_classes)
    scores, direction = 2.0 * rng.normal(size=(2, *np.atleast_1d(shape)))
    expected, found = np.empty_like(scores), np.empty_like(scores)
    value = loss.total_gradient(scores, y, weight, expected, width)
    assert followed(loss, "total")(scores, y, weight, width) == pytest.approx(value)
    assert followed(loss, "total_gradient")(
        scores, y, weight, found, width
    ) == pytest.approx(value)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    dual = expected.copy()
    at, at_expected = (
        followed(loss, "dual_value")(dual, y, weight),
        loss.dual_value(dual, y, weight),
    )
    for scale in (0.2, 0.9):
        np.testing.assert_allclose(at(scale), at_expected(scale), rtol=1e-10)
    if width > 0.0 or loss.smooth:
        loss.hessian_product(scores, y, weight, direction, expected, width)
        followed(loss, "hessian_product")(scores, y, weight, direction, found, width)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
