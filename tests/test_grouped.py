"""The penalty under which a feature is used for all classes or for none."""

import json
from pathlib import Path

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.preprocessing import scale

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV, linear_path
from sklearn_linloss._penalty import ElasticNet, GroupedElasticNet
from sklearn_linloss._solvers import _systems
from sklearn_linloss.inspection import check_gradient

OPTIMA = json.loads((Path(__file__).parent / "data" / "grouped.json").read_text())
K = 3
MIXES = [(0.7, 1.0), (0.7, 0.3), (2.0, 0.9)]
mixes = pytest.mark.parametrize(("alpha", "l1_ratio"), MIXES)
layouts = pytest.mark.parametrize("features_first", [True, False])


def penalty_of(W, alpha, l1_ratio):
    """By its definition, of coefficients with a row for each class."""
    norms = sum(np.sqrt((W[:, j] ** 2).sum()) for j in range(W.shape[1]))
    return alpha * (l1_ratio * norms + (1.0 - l1_ratio) / 2.0 * (W**2).sum())


def laid_out(alpha, l1_ratio, features_first=False, n_rows=K):
    return GroupedElasticNet(alpha, l1_ratio).laid_out(n_rows, features_first)


def flat(W, features_first):
    return (W.T if features_first else W).ravel()


def data_of(name):
    load = {"iris": load_iris, "wine": load_wine, "digits": load_digits}[name]
    X, y = load(return_X_y=True)
    if name == "digits":
        X, y = X[:300, 8:24], y[:300]
        X = X[:, X.std(axis=0) > 0.0]
    return scale(X), y


# -- the penalty -----------------------------------------------------------------------


@layouts
@mixes
def test_value_and_gradient(alpha, l1_ratio, features_first):
    rng = np.random.default_rng(0)
    W = rng.normal(size=(K, 5))
    penalty = laid_out(alpha, l1_ratio, features_first)
    value = penalty.value(flat(W, features_first))
    assert value == pytest.approx(penalty_of(W, alpha, l1_ratio), rel=1e-14)
    slope = penalty.gradient(flat(W, features_first))

    def of(w):
        w = w.reshape(5, K).T if features_first else w.reshape(K, 5)
        return penalty_of(w, alpha, l1_ratio)

    expected = optimize.approx_fprime(flat(W, features_first), of, 1e-7)
    np.testing.assert_allclose(slope, expected, atol=1e-5)
    multiple = penalty.times(3.0).value(flat(W, features_first))
    assert multiple == pytest.approx(3.0 * value)


@mixes
@given(
    w=st.lists(st.floats(-5.0, 5.0), min_size=K, max_size=K), step=st.floats(0.01, 5.0)
)
def test_prox_minimises_its_definition(alpha, l1_ratio, w, step):
    w = np.array(w)

    def cost(u):
        return (
            penalty_of(u[:, None], alpha, l1_ratio) + ((u - w) ** 2).sum() / 2.0 / step
        )

    found = laid_out(alpha, l1_ratio).prox(w, step)
    # The best is a multiple of w: all other directions only cost.
    parts = np.linspace(0.0, 1.0, 2001)
    best = min(cost(part * w) for part in parts)
    assert cost(found) <= best + 1e-12
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert cost(found) <= cost(found + 1e-3 * rng.normal(size=K)) + 1e-12


@layouts
@mixes
def test_prox_takes_a_step_for_each_feature(alpha, l1_ratio, features_first):
    rng = np.random.default_rng(0)
    W, step = rng.normal(size=(K, 6)), rng.uniform(0.1, 2.0, size=6)
    penalty = laid_out(alpha, l1_ratio, features_first)
    steps = flat(np.tile(step, (K, 1)), features_first)
    found = penalty.prox(flat(W, features_first), steps)
    one_by_one = [penalty.prox(W[:, j].copy(), step[j]) for j in range(6)]
    expected = flat(np.array(one_by_one).T, features_first)
    np.testing.assert_allclose(found, expected, rtol=1e-14)


@pytest.mark.parametrize(("alpha", "l1_ratio"), MIXES[1:])
@given(
    v=st.lists(st.floats(-4.0, 4.0), min_size=K, max_size=K), scale=st.floats(0.0, 3.0)
)
def test_conjugate_is_the_supremum(alpha, l1_ratio, v, scale):
    v = np.array(v)
    penalty = laid_out(alpha, l1_ratio)
    value, slope = penalty.conjugate(v, scale)
    length = np.linalg.norm(v)
    top = 10.0 + 30.0 / (alpha * (1.0 - l1_ratio))
    # Along v: what is orthogonal to it costs and gains nothing.
    direction = v / length if length > 0.0 else v

    def loss(t):
        u = t * direction
        return penalty_of(u[:, None], alpha, l1_ratio) - scale * (v @ u)

    found = optimize.minimize_scalar(
        loss, bounds=(0.0, top), method="bounded", options={"xatol": 1e-9}
    )
    assert value == pytest.approx(max(-found.fun, 0.0), rel=1e-6, abs=1e-6)
    h = 1e-6
    if scale > h:
        up, down = (penalty.conjugate(v, scale + s)[0] for s in (h, -h))
        assert slope == pytest.approx((up - down) / (2 * h), rel=1e-4, abs=1e-4)


def test_conjugate_of_the_norm_is_an_indicator():
    penalty = laid_out(0.6, 1.0)
    v = np.array([[0.3, 0.9], [0.0, 1.2], [0.4, 0.0]])  # lengths 0.5 and 1.5
    cap = penalty.max_scale(v.ravel())
    assert cap == pytest.approx(0.4)
    assert penalty.conjugate(v.ravel(), cap) == (0.0, 0.0)
    assert penalty.max_scale(np.zeros(6)) == np.inf


@layouts
@mixes
def test_min_norm_subgradient_by_brute_force(alpha, l1_ratio, features_first):
    rng = np.random.default_rng(1)
    W, G = rng.normal(size=(2, K, 30))
    W[:, ::2] = 0.0
    penalty = laid_out(alpha, l1_ratio, features_first)
    found = penalty.min_norm_subgradient(
        flat(W, features_first), flat(G, features_first)
    )
    found = found.reshape(30, K).T if features_first else found.reshape(K, 30)
    for j in range(30):
        w, g = W[:, j], G[:, j] + alpha * (1.0 - l1_ratio) * W[:, j]
        if w.any():
            expected = g + alpha * l1_ratio * w / np.linalg.norm(w)
            np.testing.assert_allclose(found[:, j], expected, rtol=1e-12)
            continue
        # Any point of a ball: the nearest one to -g.
        best = optimize.minimize(
            lambda s, g=g: ((g + s) ** 2).sum(),
            np.zeros(K),
            constraints={
                "type": "ineq",
                "fun": lambda s: (alpha * l1_ratio) ** 2 - s @ s,
            },
            options={"ftol": 1e-14},
        )
        assert np.linalg.norm(found[:, j]) == pytest.approx(np.sqrt(best.fun), abs=1e-5)


@layouts
@mixes
def test_the_quadratic_of_a_step(alpha, l1_ratio, features_first):
    """Descent on groups and Newton steps against a general minimiser."""
    rng = np.random.default_rng(3)
    d = 6
    root = rng.normal(size=(20, K * d + K))
    H, gradient = root.T @ root / 20, rng.normal(size=K * d + K)
    W = rng.normal(size=(K, d)) * (np.arange(d) % 2)
    w = flat(W, features_first)
    penalty = laid_out(alpha, l1_ratio, features_first)
    ridge = np.full(len(gradient), 0.01)
    move, landing = _systems.minimize_quadratic(H, gradient, w, penalty, ridge)
    np.testing.assert_allclose(landing, w + move[: len(w)], atol=1e-12)

    def total(d):
        return (
            gradient @ d
            + 0.5 * d @ (H + 0.01 * np.eye(len(d))) @ d
            + penalty.value(w + d[: len(w)])
        )

    best = optimize.minimize(total, move, method="Powell", options={"ftol": 1e-14})
    assert total(move) <= best.fun + 1e-6
    zero = penalty.groups(landing == 0.0)
    assert (zero.all(axis=1) == zero.any(axis=1)).all()
    assert zero.any() == (alpha == 2.0)


# -- fits ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "optimum", OPTIMA["optima"], ids=lambda o: f"{o['data']}-{o['loss']}"
)
@pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"]
)
def test_the_optimum_of_others(optimum, container):
    X, y = data_of(optimum["data"])
    model = make(
        optimum["loss"],
        alpha=optimum["alpha"],
        l1_ratio=optimum["l1_ratio"],
        penalty="grouped",
        tol=1e-6,
        max_iter=5000,
    ).fit(container(X), y)
    assert model.gap_ <= 1e-6
    assert model.objective_ == pytest.approx(optimum["value"], rel=1e-6)
    value = reference.data_loss(model.coef_, model.intercept_, X, y, optimum["loss"])
    value += penalty_of(model.coef_, optimum["alpha"], optimum["l1_ratio"])
    assert model.objective_ == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"]
)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_features_go_as_a_whole(loss, l1_ratio, fit_intercept, container):
    """Exact zeros, exactly where the slope of the loss is not longer than l1."""
    X, y = data_of("wine")
    # Zeros here and there, so that CSR are sparse, and noise that is not needed.
    rng = np.random.default_rng(0)
    X = np.hstack([X, rng.normal(size=(len(y), 20))]) * (rng.random((len(y), 33)) > 0.3)
    alpha = 0.12
    model = make(
        loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        penalty="grouped",
        fit_intercept=fit_intercept,
        tol=1e-7,
        max_iter=5000,
    ).fit(container(X), y)
    assert model.gap_ <= 1e-7
    used = model.coef_.any(axis=0)
    assert 0 < used.sum() < 33
    assert (model.coef_[:, used] != 0.0).any(axis=0).all()
    if loss == "hinge":
        return  # whose slope is not unique
    slope, _ = reference.subgradient(model.coef_, model.intercept_, X, y, loss, 0.0)
    lengths = np.linalg.norm(slope, axis=0)
    assert (lengths[~used] <= alpha * l1_ratio * (1.0 + 1e-3)).all()
    assert (lengths[used] >= alpha * l1_ratio * (1.0 - 1e-3)).all()


@pytest.mark.parametrize(
    ("loss", "solver"),
    [
        *[("softmax", solver) for solver in ("newton", "sdca", "gd")],
        *[("squared_hinge", solver) for solver in ("newton", "sdca", "gd")],
        *[("hinge", solver) for solver in ("sdca", "gd")],
    ],
)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_all_solvers_find_one_optimum(loss, solver, dtype):
    X, y = data_of("iris")
    params = {"alpha": 0.02, "l1_ratio": 0.8, "penalty": "grouped", "max_iter": 20_000}
    best = make(loss, tol=1e-8, **params).fit(X, y)
    tol = 1e-4 if solver == "gd" and loss == "hinge" else 1e-5
    model = make(loss, tol=tol, solver=solver, **params).fit(X.astype(dtype), y)
    assert model.gap_ <= tol
    assert best.objective_ * (1.0 - 1e-6) <= model.objective_
    assert model.objective_ <= best.objective_ * (1.0 + 1.1 * tol + 1e-6)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("solver", ["lbfgs", "saga", "sgd"])
def test_solvers_that_cannot_say_so(loss, solver):
    X, y = data_of("iris")
    model = make(loss, l1_ratio=0.5, penalty="grouped", solver=solver)
    with pytest.raises(ValueError, match=r"use solver=.*'gd'"):
        model.fit(X, y)
    model.set_params(l1_ratio=0.0)  # L2 has no groups
    if not (solver == "lbfgs" and loss != "softmax") and (loss, solver) != (
        "hinge",
        "saga",
    ):
        model.set_params(alpha=0.1, max_iter=1000).fit(X, y)


@pytest.mark.parametrize("solver", ["auto", "saga"])
def test_two_classes_have_no_groups(solver):
    X, y = data_of("iris")
    X, y = X[y > 0], y[y > 0]
    params = {"alpha": 0.05, "l1_ratio": 1.0, "solver": solver, "max_iter": 3000}
    plain = make("softmax", **params).fit(X, y)
    grouped = make("softmax", penalty="grouped", **params).fit(X, y)
    np.testing.assert_array_equal(grouped.coef_, plain.coef_)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_begins_where_the_first_feature_enters(loss):
    X, y = data_of("wine")
    path = linear_path(
        X, y, loss=loss, l1_ratio=1.0, penalty="grouped", alphas=8, eps=0.05, tol=1e-5
    )
    assert (path.gaps <= 1e-5).all()
    assert path.df[0] == 0
    assert path.df[-1] > 5
    if loss != "hinge":  # for which the largest strength is a bound from above
        just_below = 0.99 * path.alphas[0]
        below = linear_path(
            X,
            y,
            loss=loss,
            l1_ratio=1.0,
            penalty="grouped",
            alphas=[just_below],
            tol=1e-8,
        )
        assert below.df[0] == 1
    for k in range(8):
        W, b = path.coefs[k], path.intercepts[k]
        mean = reference.data_loss(W, b, X, y, loss)
        value = mean + penalty_of(W, path.alphas[k], 1.0)
        assert path.objectives[k] == pytest.approx(value, rel=1e-9)
    empty = reference.data_loss(path.coefs[0], path.intercepts[0], X, y, loss)
    assert path.deviance_ratio[-1] == pytest.approx(1.0 - mean / empty, abs=1e-4)


@pytest.mark.parametrize("cv_class", [SoftmaxClassifierCV, SVMClassifierCV])
def test_a_search(cv_class):
    X, y = data_of("wine")
    search = cv_class(
        alphas=[0.2, 0.1, 0.03],
        l1_ratios=[1.0],
        penalty="grouped",
        cv=3,
        random_state=0,
    ).fit(X, y)
    used = search.coef_.any(axis=0)
    assert 0 < used.sum() < X.shape[1] or search.alpha_ == 0.03
    value = reference.data_loss(
        search.coef_,
        search.intercept_,
        X,
        y,
        "softmax" if cv_class is SoftmaxClassifierCV else "hinge",
    )
    value += penalty_of(search.coef_, search.alpha_, 1.0)
    assert search.objective_ == pytest.approx(value, rel=1e-9)


def test_a_wide_model_beyond_the_matrix():
    """More features than a working set holds at first, on CSR."""
    rng = np.random.default_rng(0)
    X = sparse.random(200, 3000, 0.05, "csr", random_state=rng)
    y = np.argmax(X[:, :4].toarray() + 0.05 * rng.random((200, 4)), axis=1)
    model = make("softmax", alpha=0.002, l1_ratio=1.0, penalty="grouped", tol=1e-5)
    model.fit(X, y)
    assert model.solver_ == "newton"
    assert model.gap_ <= 1e-5
    slope, _ = reference.subgradient(
        model.coef_, model.intercept_, X.toarray(), y, "softmax", 0.0
    )
    lengths = np.linalg.norm(slope, axis=0)
    used = model.coef_.any(axis=0)
    assert (lengths[~used] <= 0.002 * 1.01).all()


def test_the_gradient_check():
    X, y = data_of("iris")
    W = np.arange(12.0).reshape(3, 4) / 10
    W[:, 1] = 0.0
    model = make("softmax", alpha=0.1, l1_ratio=0.7, penalty="grouped")
    assert check_gradient(model, X, y, W, np.zeros(3)).passed
    assert not check_gradient(
        lambda W, b: (
            reference.data_loss(W, b, X, y, "softmax") + penalty_of(W, 0.1, 0.7),
            reference.subgradient(W, b, X, y, "softmax", 0.1, 0.7)[0],
            reference.subgradient(W, b, X, y, "softmax", 0.1, 0.7)[1],
        ),
        X,
        y,
        W + 0.1,
        np.zeros(3),
    ).passed


def test_a_penalty_without_a_layout_of_several_rows_is_the_elastic_net():
    assert laid_out(0.7, 0.3, n_rows=1) == ElasticNet(0.7, 0.3)


def test_the_hinge_on_features_of_very_different_size():
    """Dual ascent makes no progress there, and gradient descent goes on."""
    rng = np.random.default_rng(5)
    X = rng.standard_t(3, size=(300, 60)) * np.logspace(-2, 2, 60)
    y = (X[:, ::20] / np.logspace(-2, 2, 60)[::20]).argmax(axis=1)
    params = {"alpha": 0.02, "l1_ratio": 0.7, "penalty": "grouped", "tol": 0.1}
    model = make("hinge", max_iter=2000, **params).fit(X, y)
    assert model.solver_ == "gd"
    assert model.gap_ <= 0.1
