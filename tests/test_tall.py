"""The softmax where there are far more samples than coefficients."""

import tracemalloc

import _reference as reference
import numpy as np
import pytest
from _objectives import make_objective
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_linloss import SoftmaxClassifier
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
