"""The regularisation path against fits of its own points."""

import tracemalloc
import warnings
from dataclasses import replace

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, SMOOTH_LOSSES, make
from scipy import sparse
from scipy.optimize import linprog, minimize

from sklearn_linloss import (
    SoftmaxClassifierCV,
    _empty_model,
    _path,
    linear_path,
    losses,
)
from sklearn_linloss._base import settings_of
from sklearn_linloss._empty_model import alpha_max, best_flows, best_levels
from sklearn_linloss._path import _extrapolate, _Known
from sklearn_linloss._problem import check_problem

ALPHAS = np.geomspace(1.0, 1e-4, 7)


def largest_alpha(model, X, y, sample_weight=None):
    """Where the path of a model begins, and the intercept there."""
    problem = check_problem(model, X, y, sample_weight)
    loss = settings_of(model).loss
    return alpha_max(problem, loss, model.l1_ratio, model.fit_intercept)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_each_point_is_the_optimum_of_its_strength(loss, l1_ratio, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    weight = np.linspace(0.5, 2.0, len(y))
    tol = 1e-6
    path = linear_path(
        X,
        y,
        loss=loss,
        l1_ratio=l1_ratio,
        alphas=ALPHAS[::-1],
        sample_weight=weight,
        tol=tol,
        random_state=0,
    )
    np.testing.assert_array_equal(path.alphas, ALPHAS)
    n_rows = 1 if n_classes == 2 else 3
    assert path.coefs.shape == (7, n_rows, 4)
    assert path.intercepts.shape == (7, n_rows)
    assert (path.gaps <= tol).all()
    for alpha, W, b, objective in zip(
        ALPHAS, path.coefs, path.intercepts, path.objectives, strict=True
    ):
        values, _ = reference.loss_terms(X @ W.T + b, y, loss)
        value = weight @ values / weight.sum()
        value += reference.penalty(W, alpha, l1_ratio)
        assert objective == pytest.approx(value, rel=1e-10)
        alone = make(loss, alpha=alpha, l1_ratio=l1_ratio, tol=tol).fit(X, y, weight)
        assert objective == pytest.approx(alone.objective_, rel=2 * tol)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_alpha_max_of_the_golden_cases(alpha_max_case, standardised, kind):
    X, y = standardised(alpha_max_case["dataset"])
    X = sparse.csr_matrix(X) if kind == "csr" else X
    for l1_ratio in (1.0, 0.25):
        path = linear_path(
            X, y, loss=alpha_max_case["loss"], l1_ratio=l1_ratio, alphas=1, tol=1e-9
        )
        expected = alpha_max_case["alpha_max"] / l1_ratio
        assert path.alphas[0] == pytest.approx(expected, rel=1e-6)
        assert not path.coefs.any()
        assert path.objectives[0] == pytest.approx(alpha_max_case["objective_at_W0"])
        below = linear_path(
            X,
            y,
            loss=alpha_max_case["loss"],
            l1_ratio=l1_ratio,
            alphas=[0.999 * path.alphas[0]],
            tol=1e-9,
        )
        assert below.coefs.any()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
def test_the_path_begins_where_the_first_weight_enters(
    loss, n_classes, class_weight, fit_intercept, iris
):
    X, y = iris
    X, y = X[y < n_classes] + 0.3, y[y < n_classes]
    weight = np.linspace(0.5, 2.0, len(y))
    params = {
        "loss": loss,
        "l1_ratio": 1.0,
        "sample_weight": weight,
        "class_weight": class_weight,
        "fit_intercept": fit_intercept,
        "tol": 1e-9,
    }
    path = linear_path(X, y, alphas=5, eps=0.01, **params)
    np.testing.assert_allclose(np.diff(np.log(path.alphas)), np.log(0.01) / 4)
    assert not path.coefs[0].any()
    assert path.coefs[1].any()
    below = linear_path(X, y, alphas=[0.999 * path.alphas[0]], **params)
    assert below.coefs.any()


XOR = np.tile([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], (10, 1))
CONSTANT = np.tile([0.1, 300.0, 0.0], (40, 1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("data", ["xor", "constant", "constant of three"])
@pytest.mark.parametrize("loss", LOSSES)
def test_features_that_say_nothing(loss, data, l1_ratio, layout):
    X, y = CONSTANT, np.arange(40) % 2
    if data == "xor":
        X, y = XOR, np.tile([0, 1, 1, 0], 10)
    elif data == "constant of three":
        # Of unequal sizes: the hinge alone has kinks.
        y = np.repeat([0, 1, 2], [8, 12, 20])
    path = linear_path(layout(X), y, loss=loss, l1_ratio=l1_ratio, alphas=4, eps=0.1)
    np.testing.assert_allclose(path.alphas, np.geomspace(1.0, 0.1, 4))
    np.testing.assert_allclose(path.coefs, 0.0, atol=1e-10)
    share = np.bincount(y) / len(y)
    if loss == "softmax":
        alone = -share @ np.log(share)
    elif loss == "hinge":
        alone = by_linear_program(share)
    else:
        alone = min_squared(share)
    np.testing.assert_allclose(path.objectives, alone, rtol=1e-4)


def min_squared(share):
    """The lowest mean of the squared hinge of intercepts."""
    if len(share) == 2:
        return 4.0 * share[0] * share[1]

    def cost(b):
        slack = np.maximum(1.0 + b - b[:, None], 0.0) ** 2
        np.fill_diagonal(slack, 0.0)
        return share @ slack.sum(axis=1)

    return minimize(cost, np.zeros(len(share))).fun


def test_a_small_feature_beside_a_large_constant(iris):
    X, y = iris
    alone = linear_path(1e-8 * X, y, l1_ratio=1.0, alphas=1)
    beside = linear_path(
        np.column_stack([1e-8 * X, np.full(len(X), 1e6)]), y, l1_ratio=1.0, alphas=1
    )
    np.testing.assert_allclose(beside.alphas, alone.alphas)


# -- intercepts of the hinge alone ---------------------------------------------------


def cost_of_intercepts(mass, b):
    slack = 1.0 + b - b[:, None]
    np.fill_diagonal(slack, 0.0)
    return float(mass @ np.maximum(slack, 0.0).sum(axis=1))


def by_linear_program(mass):
    """The lowest cost, and the most slack variables, by a dense linear program."""
    K = len(mass)
    pairs = [(k, j) for k in range(K) for j in range(K) if j != k]
    A = np.zeros((len(pairs), K + len(pairs)))
    for row, (k, j) in enumerate(pairs):
        A[row, [j, k, K + row]] = 1.0, -1.0, -1.0
    solution = linprog(
        np.r_[np.zeros(K), [mass[k] for k, _ in pairs]],
        A_ub=A,
        b_ub=-np.ones(len(pairs)),
        bounds=[(None, None)] * K + [(0.0, None)] * len(pairs),
    )
    return solution.fun


def masses(n_classes):
    """Of many kinds: random, counts with ties, equal, geometric, a few heavy ones."""
    rng = np.random.default_rng(n_classes)
    ranks = np.arange(n_classes)
    kinds = [
        rng.dirichlet(np.ones(n_classes)),
        rng.dirichlet(np.full(n_classes, 0.1)) + 1e-9,
        1.0 + rng.integers(3, size=n_classes),
        np.ones(n_classes),
        1.0 / (1.0 + ranks),
        1.5 ** -np.minimum(ranks, 40.0),
        np.where(ranks < 2, 20.0, 1.0),
    ]
    return [rng.permutation(mass / mass.sum()) for mass in kinds]


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5, 8, 13, 20])
def test_intercepts_of_the_hinge_alone(n_classes):
    for mass in masses(n_classes):
        lowest = by_linear_program(mass)
        b = best_levels(mass)
        assert cost_of_intercepts(mass, b) == pytest.approx(lowest, rel=1e-9)
        flows = best_flows(mass, b)
        assert flows.sum() == pytest.approx(lowest, rel=1e-7)
        assert_circulation(flows, mass)


def assert_circulation(flows, mass):
    assert (flows >= 0.0).all()
    assert (flows <= mass[:, None] * (1.0 + 1e-12)).all()
    np.testing.assert_array_equal(np.diag(flows), 0.0)
    np.testing.assert_allclose(flows.sum(axis=0), flows.sum(axis=1), rtol=0, atol=1e-8)


@pytest.mark.parametrize("n_classes", [200, 1000])
def test_intercepts_of_many_classes(n_classes):
    # A circulation whose sum is the cost of intercepts proves both the best.
    kinds = masses(n_classes) if n_classes < 1000 else masses(n_classes)[:1]
    for mass in kinds:
        b = best_levels(mass)
        flows = best_flows(mass, b)
        assert_circulation(flows, mass)
        assert flows.sum() == pytest.approx(cost_of_intercepts(mass, b), rel=1e-6)


def test_memory_for_many_classes():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((400, 5)), np.arange(400) % 200
    X[:40], y[:40] = X[:40] + 1.0, 0
    model = make("hinge")
    tracemalloc.start()
    largest, intercept = largest_alpha(model, X, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100e6
    mass = np.bincount(y) / 400.0
    b = best_levels(mass)
    np.testing.assert_allclose(intercept, b - b.mean())
    assert 0.0 < largest < np.inf


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_where_the_path_of_the_hinge_begins(n_classes, fit_intercept):
    # Directly: the smallest max-norm over all dual variables of the empty model.
    rng = np.random.default_rng(n_classes)
    y = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=25) // 2])
    X = rng.standard_normal((len(y), 3)) + y[:, None]
    weight = rng.uniform(0.5, 2.0, len(y))
    model = make("hinge", l1_ratio=0.5, fit_intercept=fit_intercept)
    found, _ = largest_alpha(model, X, y, weight)
    expected = 2.0 * smallest_pull(X, y, weight / weight.sum(), fit_intercept)
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_of_sparse_data_in_single_precision(loss, iris):
    X, y = iris
    X = sparse.csr_matrix(X)
    single = linear_path(X.astype(np.float32), y, loss=loss, l1_ratio=0.5, alphas=3)
    double = linear_path(X, y, loss=loss, l1_ratio=0.5, alphas=3)
    np.testing.assert_allclose(single.alphas, double.alphas, rtol=1e-5)
    np.testing.assert_allclose(single.objectives, double.objectives, rtol=5e-4)


@pytest.mark.parametrize("most", [1, 50, 400])
def test_a_path_of_the_hinge_with_too_many_kinks(most, monkeypatch):
    rng = np.random.default_rng(0)
    y = rng.integers(5, size=200) * rng.integers(2, size=200)
    X = rng.standard_normal((200, 6)) + y[:, None]
    model = make("hinge", l1_ratio=0.5)
    exact, _ = largest_alpha(model, X, y)
    few = replace(_empty_model.RULES, most_kinks=most)
    monkeypatch.setattr(_empty_model, "RULES", few)
    bound, _ = largest_alpha(model, X, y)
    assert exact * (1.0 - 1e-6) <= bound <= 10.0 * exact
    fit = model.set_params(alpha=bound, tol=1e-6).fit(X, y)
    alone = by_linear_program(np.bincount(y) / len(y))
    assert fit.objective_ == pytest.approx(alone, rel=2e-6)


def smallest_pull(X, y, pi, balanced):
    """min |sum_i a_i x_i|_inf over the best dual variables a of the hinge at W = 0."""
    n, K = len(y), y.max() + 1
    pairs = [(i, j) for i in range(n) for j in range(K) if j != y[i]]
    net = np.zeros((len(pairs), K))
    for row, (i, j) in enumerate(pairs):
        net[row, [j, y[i]]] = pi[i], -pi[i]
    gain = np.array([pi[i] for i, _ in pairs])
    if K == 2:
        # One row of coefficients: the class of positive scores.
        net[:, 0] = 0.0
    pull = np.vstack([net[:, [k]].T * X[[i for i, _ in pairs]].T for k in range(K)])
    bounds = [(0.0, 1.0)] * len(pairs)
    most = gain.sum()
    if balanced:
        solution = linprog(-gain, A_eq=net.T, b_eq=np.zeros(K), bounds=bounds)
        most = -solution.fun
    column = np.ones((len(pull), 1))
    solution = linprog(
        np.r_[np.zeros(len(pairs)), 1.0],
        A_ub=np.vstack(
            [
                np.hstack([pull, -column]),
                np.hstack([-pull, -column]),
                np.r_[-gain, 0.0][None],
            ]
        ),
        b_ub=np.r_[np.zeros(2 * len(pull)), -most * (1.0 - 1e-9)],
        A_eq=np.column_stack([net.T, np.zeros(K)]) if balanced else None,
        b_eq=np.zeros(K) if balanced else None,
        bounds=[*bounds, (0.0, None)],
    )
    return solution.x[-1]


def test_warm_starts_save_iterations(standardised):
    X, y = standardised("digits")
    params = {"solver": "lbfgs", "alphas": np.geomspace(0.1, 1e-3, 10)}
    path = linear_path(X, y, **params)
    alone = [
        make("softmax", solver="lbfgs", alpha=alpha).fit(X, y).n_iter_
        for alpha in path.alphas
    ]
    assert path.n_iters.sum() < 0.8 * sum(alone)


def test_a_warm_start_does_not_take_longer(standardised):
    X, y = standardised("digits")
    model = make("hinge", alpha=1.0, solver="newton", warm_start=True, random_state=0)
    cold = model.fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ <= cold


def test_what_cannot_be_served(iris):
    X, y = iris
    for bad, message in (
        ({"alphas": 0}, "positive number"),
        ({"alphas": 2.5}, "positive number"),
        ({"alphas": np.nan}, "positive number"),
        ({"alphas": np.inf}, "positive number"),
        ({"alphas": "many"}, "positive number"),
        ({"alphas": []}, "alphas is empty"),
        ({"alphas": [np.inf, 1.0]}, "alphas must be finite"),
        ({"alphas": [np.nan, 1.0]}, "alphas must be finite"),
        ({"alphas": [[1.0, 0.1]]}, "alphas must be a list"),
        ({"eps": 1.0}, "between 0 and 1"),
        ({"eps": np.nan}, "between 0 and 1"),
        ({"alphas": [-1.0]}, "alphas must be finite and not negative"),
        ({"loss": "log_loss", "alphas": [1.0]}, "softmax"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_path(X, y, **bad)
    with pytest.raises(TypeError, match="unknown"):
        linear_path(X, y, unknown=1)
    with pytest.raises(TypeError, match="alphas"):
        linear_path(X, y, alpha=1.0)


def test_predictions_are_exact_on_parabolas():
    rng = np.random.default_rng(0)
    coefficients = rng.standard_normal((3, 2, 5))

    def model(place):
        W = coefficients[0] + place * coefficients[1] + place**2 * coefficients[2]
        return W, W[:, 0]

    def known(place):
        W, b = model(place)
        return _Known(place, W, b, scores=X @ W.T + b)

    X = rng.standard_normal((4, 5))
    found = _extrapolate([known(place) for place in (2.0, 0.5, -1.5)], -2.7)
    right = known(-2.7)
    for name in ("coef", "intercept", "scores"):
        np.testing.assert_allclose(getattr(found, name), getattr(right, name))


def test_a_repeated_strength_is_one_place_of_the_parabola(iris, monkeypatch):
    X, y = iris
    seen = []

    def extrapolate(path, target):
        seen.append([known.place for known in path])
        return _extrapolate(path, target)

    monkeypatch.setattr(_path, "_extrapolate", extrapolate)
    linear_path(X, y, alphas=[1.0, 0.3, 0.1, 0.1, 0.03, 0.01])
    assert max(map(len, seen)) == 3
    assert all(len(set(places)) == len(places) for places in seen)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", LOSSES)
def test_strengths_may_repeat_and_end_at_zero(loss, iris):
    X, y = iris
    X = X + np.random.default_rng(0).standard_normal(X.shape)  # not separable
    path = linear_path(X, y, loss=loss, alphas=[1.0, 0.1, 0.1, 0.01, 0.0], tol=1e-5)
    assert np.nanmax(path.gaps) <= 1e-5
    np.testing.assert_allclose(path.objectives[1], path.objectives[2], rtol=1e-5)


def test_few_steps_under_weak_penalties(standardised):
    # The gap is hundreds of times what is left of the descent there. No ascent goes
    # before the steps with so few samples.
    X, y = standardised("digits")
    path = linear_path(X[:150], y[:150], alphas=np.logspace(-2, -6, 9), solver="newton")
    assert path.gaps.max() <= 1e-4
    assert path.n_iters[1:].max() <= 4


# -- what a path says of itself --------------------------------------------------------


@pytest.mark.parametrize("loss", ["softmax", "hinge", "squared_hinge"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_features_in_use_and_the_loss_that_they_explain(loss, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    weight = 1.0 + np.arange(len(y)) % 3
    path = linear_path(
        X, y, loss=loss, l1_ratio=0.9, alphas=5, sample_weight=weight, tol=1e-8
    )
    mean_loss = getattr(losses, loss)

    def loss_of(W, b):
        scores = X @ W.T + b
        if n_classes == 2:
            scores = np.column_stack([np.zeros(len(y)), scores])
        return np.average(mean_loss.value(scores, y), weights=weight)

    empty = loss_of(np.zeros_like(path.coefs[0]), path.intercepts[0])
    assert path.df[0] == 0
    for k in range(5):
        used = [j for j in range(X.shape[1]) if path.coefs[k, :, j].any()]
        assert path.df[k] == len(used)
        explained = 1.0 - loss_of(path.coefs[k], path.intercepts[k]) / empty
        assert path.deviance_ratio[k] == pytest.approx(explained, abs=1e-6)
    assert path.deviance_ratio[-1] > 0.5


@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions_along_a_path(n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    path = linear_path(X, names, alphas=[0.1, 0.01, 0.001], tol=1e-9)
    for alpha in path.alphas:
        alone = make("softmax", alpha=alpha, tol=1e-9).fit(X, names)
        np.testing.assert_array_equal(path.predict(X, alpha), alone.predict(X))
        np.testing.assert_allclose(
            path.decision_function(sparse.csr_matrix(X), alpha),
            alone.decision_function(X),
            atol=1e-5,
        )
    coef, intercept = path.at(0.25 * path.alphas[0] + 0.75 * path.alphas[1])
    np.testing.assert_allclose(coef, 0.25 * path.coefs[0] + 0.75 * path.coefs[1])
    np.testing.assert_allclose(
        intercept, 0.25 * path.intercepts[0] + 0.75 * path.intercepts[1]
    )
    for alpha in (0.2, 1e-4):
        with pytest.raises(ValueError, match="is not within the path"):
            path.predict(X, alpha)
    with pytest.raises(ValueError, match="X has 2 features"):
        path.predict(X[:, :2], 0.1)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_plot_of_a_path(n_classes, iris):
    pytest.importorskip("matplotlib").use("Agg")
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    path = linear_path(X, y, l1_ratio=1.0, alphas=6)
    ax = path.plot()
    used = path.coefs.any(axis=(0, 1))
    assert len(ax.lines) == used.sum()
    drawn = np.array([line.get_ydata() for line in ax.lines]).T
    expected = path.coefs[:, 0] if n_classes == 2 else np.sqrt((path.coefs**2).sum(1))
    np.testing.assert_allclose(drawn, expected[:, used])
    assert path.plot(ax=ax) is ax


def test_a_search_takes_the_strengths_of_a_path(standardised):
    """The same number of them, over the same length, where neither is given."""
    X, y = standardised("iris")
    path = linear_path(X, y, l1_ratio=1.0, tol=1e-2)
    search = SoftmaxClassifierCV(l1_ratios=[1.0], tol=1e-2, cv=2, refit=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the best alpha is the smallest
        search.fit(X, y)
    np.testing.assert_allclose(search.alphas_, path.alphas, rtol=1e-6)
