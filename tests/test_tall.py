"""The softmax where there are far more samples than coefficients."""

import tracemalloc

import _reference as reference
import numpy as np
import pytest
from _objectives import make_objective
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_linloss import SoftmaxClassifier
from sklearn_linloss._objective import Objective
from sklearn_linloss._solvers import _lbfgs


def table(n_samples=4000, n_features=6, n_classes=3, mix=None, seed=0):
    """Correlated features, unless a mixing matrix is given, and noisy labels."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    if mix is None:
        mix = np.eye(n_features) + 0.9 * np.ones((n_features, n_features))
    X = X @ mix
    scores = X @ rng.standard_normal((n_features, n_classes))
    scores += scores.std() * rng.gumbel(size=scores.shape)
    return X, scores.argmax(axis=1)


def fit(X, y, weight=None, **parameters):
    return SoftmaxClassifier(random_state=0, **parameters).fit(X, y, weight)


@pytest.mark.parametrize("alpha", [1e-1, 1e-3, 1e-6])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, np.float32])
def test_the_optimum(kind, fit_intercept, alpha):
    X, y = table()
    model = fit(kind(X), y, alpha=alpha, fit_intercept=fit_intercept)
    assert model.solver_ == "lbfgs"
    exact = fit(X, y, alpha=alpha, fit_intercept=fit_intercept, solver="gd", tol=1e-7)
    value = reference.objective_of(model, X, y)
    assert model.gap_ <= model.tol
    assert value == pytest.approx(model.objective_, rel=1e-6)
    assert value * (1.0 - model.gap_) <= exact.objective_ * (1.0 + 1e-6)
    assert exact.objective_ <= value * (1.0 + 1e-6)


def test_correlations_cost_no_iterations(monkeypatch):
    X, y = table(mix=np.array(np.logspace(0, 3, 6)[:, None] ** np.linspace(0, 1, 6)))
    few = fit(X, y, alpha=1e-6)
    monkeypatch.setattr(_lbfgs, "serves_tall", lambda f: False)
    many = fit(X, y, alpha=1e-6)
    assert few.solver_ == many.solver_ == "lbfgs"
    assert 3 * few.n_iter_ < many.n_iter_


def test_samples_without_a_feature():
    """The correlations of some rows say nothing of a column that is zero there."""
    X, y = table(20000)
    X[:, 2] = 0.0
    X[[5, 7777], 2] = 1e3
    model = fit(X, y, alpha=1e-4)
    assert model.solver_ == "lbfgs"
    assert model.gap_ <= model.tol


def test_the_sampled_rows_are_not_held_at_once():
    X, y = table(10_000, 300)
    f = make_objective(X, y, "softmax", alpha=1e-3)
    tracemalloc.start()
    try:
        correlations = _lbfgs._correlations(f, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 9e6  # of 23e6 bytes that the rows have
    expected = np.corrcoef(X[:, :5].T)
    np.testing.assert_allclose(correlations[:5, :5], expected, atol=0.05)


def test_weights_are_repeated_samples():
    X, y = table()
    weight = 1 + np.arange(len(y)) % 3
    weighted = fit(X, y, weight, alpha=1e-3, tol=1e-9)
    repeated = fit(
        np.repeat(X, weight, axis=0), np.repeat(y, weight), alpha=1e-3, tol=1e-9
    )
    assert weighted.solver_ == repeated.solver_ == "lbfgs"
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, atol=1e-4)


def test_newton_takes_over_where_the_gap_falls_slowly():
    rng = np.random.default_rng(2)
    X = np.exp(4.0 * rng.standard_normal((500, 6)))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    scores = X @ rng.standard_normal((6, 4))
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    model = fit(X, y, alpha=1e-7)
    assert model.solver_ == "newton"
    assert model.gap_ <= model.tol
    with pytest.warns(ConvergenceWarning):
        alone = fit(X, y, alpha=1e-7, solver="lbfgs", max_iter=20)
    assert alone.solver_ == "lbfgs"


@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_is_stored_has_the_objective_that_is_told(n_classes):
    """Of coefficients in single precision, whose scores the certificate had."""
    X, y = table(n_classes=n_classes)
    X = X.astype(np.float32)
    for tol in (1e-1, 1e-4):
        model = fit(X, y, alpha=1e-3, tol=tol)
        assert model.solver_ == "lbfgs"
        assert model.coef_.dtype == np.float32
        value = reference.objective_of(model, X.astype(np.float64), y)
        assert model.objective_ == pytest.approx(value, rel=1e-13)


def test_the_first_step_is_long_enough(monkeypatch):
    """No evaluation of the objective but that at the start and one an iteration."""
    X, y = table(20_000, 10, mix=np.eye(10))
    count = 0
    data_gradient = Objective.data_gradient

    def counted(self, *args):
        nonlocal count
        count += 1
        return data_gradient(self, *args)

    monkeypatch.setattr(Objective, "data_gradient", counted)
    for size in (1e-3, 1.0, 1e3):
        count = 0
        model = fit(size * X, y, alpha=1e-3 * size**2, tol=1e-3)
        assert model.solver_ == "lbfgs"
        assert count == model.n_iter_ + 1


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_two_classes(fit_intercept):
    X, y = table(8000, 20, 2)
    model = fit(X, y, alpha=1e-4, fit_intercept=fit_intercept)
    assert model.solver_ == "lbfgs"
    exact = fit(
        X, y, alpha=1e-4, fit_intercept=fit_intercept, solver="newton", tol=1e-9
    )
    assert exact.objective_ <= model.objective_ * (1.0 + 1e-9)
    assert model.objective_ * (1.0 - model.gap_) <= exact.objective_
    few = fit(X[:500], y[:500], alpha=1e-4, fit_intercept=fit_intercept)
    assert few.solver_ == "newton"


def test_two_classes_that_take_many_steps_are_left_to_newton():
    rng = np.random.default_rng(0)
    X = np.exp(4.0 * rng.standard_normal((3000, 20)))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    y = (X @ rng.standard_normal(20) > 0.01 * rng.standard_normal(3000)).astype(int)
    model = fit(X, y, alpha=1e-9)
    assert model.solver_ == "newton"
    assert model.gap_ <= model.tol
