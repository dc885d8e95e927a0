"""Fits of the hinges that start from models of samples of the rows."""

import _reference as reference
import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from sklearn_linloss import SVMClassifier
from sklearn_linloss._solvers import _newton, _samples


def table(n_samples=12_000, n_features=5, noise=1.0, seed=0):
    """Three classes, of which one is rare, and a feature that few rows have."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    X[:, -1] *= 30.0 * (rng.random(n_samples) < 1e-3)
    scores = X @ rng.standard_normal((n_features, 3)) - [0.0, 0.0, 6.0]
    scores += noise * scores.std() * rng.gumbel(size=scores.shape)
    return X, scores.argmax(axis=1)


def fit(X, y, weight=None, **parameters):
    parameters = {"alpha": 1e-5, "random_state": 0} | parameters
    return SVMClassifier(**parameters).fit(X, y, weight)


def without_samples(monkeypatch):
    monkeypatch.setattr(_samples, "sample_sizes", lambda f: [])


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_optimum(dtype, fit_intercept, monkeypatch):
    X, y = table()
    X = X.astype(dtype)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, len(y))
    asked = {"fit_intercept": fit_intercept, "tol": 1e-5}
    model = fit(X, y, weight, **asked)
    value = reference.objective_of(model, X.astype(np.float64), y, weight)
    assert value == pytest.approx(model.objective_, rel=1e-6)
    assert model.gap_ <= model.tol
    without_samples(monkeypatch)
    other = fit(X, y, weight, **asked)
    assert other.n_iter_ > model.n_iter_
    assert model.objective_ == pytest.approx(other.objective_, rel=2e-5)


def test_the_fit_of_a_sample_is_an_iteration():
    X, y = table()
    with pytest.warns(ConvergenceWarning):
        model = fit(X, y, max_iter=1)
    assert model.n_iter_ == 1
    assert len(model.loss_curve_) == 2
    value = reference.objective_of(model, X, y)
    assert model.loss_curve_[-1] == pytest.approx(value, rel=1e-6)
    with pytest.warns(ConvergenceWarning):
        model = fit(X, y, max_iter=3)
    longer = fit(X, y)
    # The last entry is that of a better intercept.
    np.testing.assert_array_equal(model.loss_curve_[:3], longer.loss_curve_[:3])
    again = fit(X, y, max_iter=longer.n_iter_)
    np.testing.assert_array_equal(again.coef_, longer.coef_)
    # A sixth of the rows tells where the optimum is.
    model = fit(X, y)
    assert model.loss_curve_[0] == pytest.approx(2.0)
    assert model.objective_ < model.loss_curve_[1] < 1.05 * model.objective_


def test_the_same_bits_for_any_number_of_threads():
    X, y = table()
    one, two = fit(X, y, n_jobs=1), fit(X, y, n_jobs=2)
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)


def test_rows_that_others_cannot_stand_for_are_drawn(monkeypatch):
    """Whole small classes, and all rows of a rare feature."""
    X, y = table(40_000)
    y[np.flatnonzero(y == 2)[20:]] = 0
    drawn = []

    def watch(f, *args):
        drawn.append((f.y, f.design.rows(np.arange(f.n_samples))))
        return solve(f, *args)

    solve = _newton._solve
    monkeypatch.setattr(_newton, "_solve", watch)
    fit(X, y)
    samples = [each for each in drawn if len(each[0]) < len(y)]
    assert len(samples) == 1
    of_sample, rows = samples[0]
    assert 1000 < len(of_sample) < 4000
    assert np.count_nonzero(of_sample == 2) == 20
    long = np.abs(X[:, -1]) > 30.0
    assert np.isin(X[long, -1], rows[:, -1]).all()


@pytest.mark.parametrize(
    "case", ["strong", "separated", "csr", "few rows", "warm", "l1", "two classes"]
)
def test_where_samples_change_nothing(case, monkeypatch):
    X, y = table(noise=0.0 if case == "separated" else 1.0)
    asked = {}
    if case == "strong":
        asked["alpha"] = 1.0
    elif case == "csr":
        X = sparse.csr_matrix(X)
    elif case == "few rows":
        X, y = X[:5000], y[:5000]
    elif case == "l1":
        asked["l1_ratio"] = 0.5
    elif case == "two classes":
        y = np.minimum(y, 1)
    start = {}
    if case == "warm":
        start = {"coef_init": np.ones((3, 5)), "intercept_init": np.zeros(3)}
    model = SVMClassifier(random_state=0, **asked)
    fits = [model.fit(X, y, **start).coef_.copy()]
    without_samples(monkeypatch)
    fits.append(model.fit(X, y, **start).coef_)
    np.testing.assert_array_equal(*fits)
