"""Fits of smooth losses on tall tables, by way of sampled losses."""

import _reference as reference
import numpy as np
import pytest

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._solvers import _newton, _steps, _surrogates
from sklearn_linloss._solvers._common import Options, Progress


def table(n_samples=12_000, n_features=5, seed=0):
    """Three classes, one of them rare; a heavy tail, a feature that few rows have."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    X[:, 0] = np.exp(1.5 * X[:, 0])
    X[:, -1] *= 30.0 * (rng.random(n_samples) < 1e-3)
    scores = X @ rng.standard_normal((n_features, 3)) - [0.0, 0.0, 6.0]
    scores += scores.std() * rng.gumbel(size=scores.shape)
    return X, scores.argmax(axis=1)


def make(loss, **parameters):
    parameters = {"solver": "newton", "alpha": 1e-6, "random_state": 0} | parameters
    if loss == "softmax":
        return SoftmaxClassifier(**parameters)
    return SVMClassifier(loss, **parameters)


def always(monkeypatch):
    """Let the squared hinge go over after its first step."""
    take_steps = _newton.take_steps

    def take_one(*args):
        result, ended = take_steps(*args[:-1], 1)
        return result, ended

    monkeypatch.setattr(_newton, "take_steps", take_one)


def phases(monkeypatch):
    seen = []
    enter = Progress.enter

    def entered(self, phase):
        seen.append(phase)
        enter(self, phase)

    monkeypatch.setattr(Progress, "enter", entered)
    return seen


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_optimum(loss, dtype, fit_intercept, monkeypatch):
    X, y = table()
    X = X.astype(dtype)
    weight = np.random.default_rng(1).uniform(0.1, 3.0, len(y))
    asked = {"fit_intercept": fit_intercept, "tol": 1e-5}
    if loss == "squared_hinge":
        always(monkeypatch)
    seen = phases(monkeypatch)
    model = make(loss, **asked).fit(X, y, weight)
    assert seen[-1] == "sampled losses"
    value = reference.objective_of(model, X.astype(np.float64), y, weight)
    assert value == pytest.approx(model.objective_, rel=1e-6)
    assert model.gap_ <= model.tol
    monkeypatch.undo()
    monkeypatch.setattr(_newton, "samples_pay", lambda f: False)
    other = make(loss, **asked).fit(X, y, weight)
    assert model.objective_ == pytest.approx(other.objective_, rel=2e-5)


def test_the_same_bits_for_any_number_of_threads():
    X, y = table()
    one, two = (make("softmax", n_jobs=n).fit(X, y) for n in (1, 2))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    np.testing.assert_array_equal(one.intercept_, two.intercept_)


def test_other_steps_go_on_where_samples_lead_nowhere(monkeypatch):
    X, y = table()
    monkeypatch.setattr(_surrogates, "_landing", lambda f, theta, *args: theta)
    seen = phases(monkeypatch)
    model = make("softmax").fit(X, y)
    assert "sampled losses" in seen
    assert seen[-1] != "sampled losses"
    assert model.gap_ <= model.tol


def objective(loss, monkeypatch, n_samples=6000, **parameters):
    """What a fit of a table minimises."""
    found = []

    def solve(f, theta, *args):
        found.append(f)
        raise KeyboardInterrupt

    monkeypatch.setattr(_newton, "_solve", solve)
    with pytest.raises(KeyboardInterrupt):
        make(loss, **parameters).fit(*table(n_samples))
    monkeypatch.undo()
    return found[0]


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_a_sample_has_the_slope_of_all_rows(loss, monkeypatch):
    """So that a step to the minimum of its loss goes nowhere from the optimum."""
    f = objective(loss, monkeypatch)
    X, y = table(6000)
    model = make(loss, tol=1e-12).fit(X, y)
    theta = f.pack(model.coef_, model.intercept_)
    scores = f.scores(theta, np.float64)
    _, pull = f.loss_gradient(scores)
    slope = f.backward(pull)
    chance = np.full(len(y), 0.3)
    sample = _surrogates._drawn(f, chance, np.random.default_rng(0))
    options = Options(tol=1e-12, max_iter=100)
    landing = _surrogates._landing(sample, theta, slope, options)
    size = np.abs(theta).max()
    np.testing.assert_allclose(landing, theta, atol=1e-4 * size)
    # Without that slope it does.
    own = sample.loss_gradient(sample.scores(theta))[1]
    elsewhere = _surrogates._landing(sample, theta, sample.backward(own), options)
    assert np.abs(elsewhere - theta).max() > 1e-3 * size


def test_leverages_of_independent_features(monkeypatch):
    """Those of least squares, whatever the units."""
    f = objective("softmax", monkeypatch, alpha=1e-9)
    X, _ = table(6000)
    options = Options(tol=1e-4, max_iter=1)
    theta = np.zeros(f.size)
    _, _, second = f.expand(f.scores(theta))
    coordinates = _surrogates._coordinates(f, options)
    found = _surrogates.leverages(f, f.scores(theta), second, coordinates)
    Z = np.column_stack([X - X.mean(axis=0), np.ones(len(X))])
    # All rows have the same second derivatives at zero.
    expected = np.einsum("ij,ji->i", Z, np.linalg.pinv(Z))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found.sum() == pytest.approx(f.n_features + 1, rel=1e-4)


def test_steps_do_not_hold_the_intercepts_of_rare_classes(monkeypatch):
    """A Newton step on the squared hinge with L2 solves its system."""
    f = objective("squared_hinge", monkeypatch)
    rng = np.random.default_rng(0)
    theta = 0.1 * rng.standard_normal(f.size)
    model = _surrogates.model_of(f)
    steps = _steps.Steps(f, model, theta, Options(tol=1e-4, max_iter=1))
    scores = f.scores(theta)
    _, pull, second = (np.copy(each) for each in model.expand(scores))
    found = []
    monkeypatch.setattr(
        _steps, "line_search", lambda *args: found.append(args[-3]) or 1.0
    )
    steps.take(f, theta, scores)
    change = f.scores(found[0])
    own = np.arange(len(f.y)), f.y
    bent = second * (change - change[own][:, None])
    bent[own] = -bent.sum(axis=1)
    gradient = f.backward(pull)
    f.penalised(gradient)[:] += f.penalty.gradient(f.penalised(theta))
    rest = gradient + f.backward(bent)
    f.penalised(rest)[:] += f.penalty.convexity * f.penalised(found[0])
    assert np.abs(rest).max() < 1e-8 * np.abs(gradient).max()
