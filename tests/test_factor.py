"""Penalties with a factor for each feature, zero included."""

import json
from pathlib import Path

import _reference as reference
import numpy as np
import pandas as pd
import polars as pl
import pytest
from _models import LOSSES, SMOOTH_LOSSES, make, serves
from _tiers import only_where
from scipy import optimize, sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import scale

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifierCV,
    linear_path,
)
from sklearn_linloss._certificate import Certifier, make_feasible
from sklearn_linloss._design import Scaled, design_of
from sklearn_linloss._factor import Weighted, penalty_by_feature
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet, GroupedElasticNet
from sklearn_linloss._solvers import _systems
from sklearn_linloss.inspection import check_gradient

OPTIMA = json.loads((Path(__file__).parent / "data" / "factored.json").read_text())
K = 3
KINDS = {"elementwise": ElasticNet, "grouped": GroupedElasticNet}
kinds = pytest.mark.parametrize("kind", KINDS)
layouts = pytest.mark.parametrize("features_first", [True, False])
containers = pytest.mark.parametrize(
    "container", [np.asarray, sparse.csr_matrix], ids=["dense", "csr"]
)
FACTOR = np.array([1.0, 0.0, 0.4, 2.5, 0.0, 1.7])


def penalty_of(W, alpha, l1_ratio, factor, kind="elementwise"):
    """By its definition, of coefficients with a row for each class."""
    total = 0.0
    for j in range(W.shape[1]):
        w = W[:, j].astype(float)
        size = np.abs(w).sum() if kind == "elementwise" else np.sqrt(w @ w)
        total += factor[j] * (l1_ratio * size + (1.0 - l1_ratio) / 2.0 * (w @ w))
    return alpha * total


def objective_of(model, X, y, loss):
    """F of a fitted model, from the formulas."""
    value = reference.data_loss(model.coef_, model.intercept_, X, y, loss)
    params = model.alpha, model.l1_ratio, model.penalty_factor, model.penalty
    return value + penalty_of(model.coef_, *params)


def flat(W, features_first):
    return (W.T if features_first else W).ravel()


def unflat(w, features_first, d=6):
    return w.reshape(d, K).T if features_first else w.reshape(K, d)


def weighted(kind, l1_ratio=0.3, alpha=0.7, features_first=False, weights=FACTOR):
    base = KINDS[kind](alpha, l1_ratio).laid_out(K, features_first)
    return Weighted(base, weights, K, features_first)


def cost_of(W, kind, l1_ratio, alpha=0.7):
    """That penalty: weights of the L1 part, and L2 where they are positive."""
    held = (FACTOR > 0.0).astype(float)
    l1 = penalty_of(W, alpha * l1_ratio, 1.0, FACTOR, kind)
    return l1 + penalty_of(W, alpha * (1.0 - l1_ratio), 0.0, held, kind)


def wine(n_classes=3):
    X, y = load_wine(return_X_y=True)
    X = scale(X)[:, :6]
    return X, (y if n_classes == 3 else (y > 0).astype(int))


# -- the penalty -----------------------------------------------------------------------


@layouts
@kinds
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
def test_what_solvers_see_is_the_penalty_of_scaled_coefficients(
    kind, l1_ratio, features_first
):
    W = np.random.default_rng(0).normal(size=(K, 6))
    for factor in (FACTOR, 0.1 + FACTOR):
        penalty = penalty_by_feature(kind, 0.7, l1_ratio, factor)
        seen = penalty.laid_out(K, features_first)
        value = seen.value(flat(W / penalty.scale, features_first))
        expected = penalty_of(W, 0.7, l1_ratio, factor, kind)
        assert value == pytest.approx(expected, rel=1e-13)
        assert seen.times(3.0).value(
            flat(W / penalty.scale, features_first)
        ) == pytest.approx(3.0 * expected, rel=1e-13)
        uniform = type(seen) is not Weighted
        assert uniform == ((factor > 0.0).all() and l1_ratio in (0.0, 1.0))
        assert (seen.convexity > 0.0) == ((factor > 0.0).all() and l1_ratio < 1.0)


@layouts
@kinds
def test_gradient_by_differences(kind, features_first):
    W = np.random.default_rng(0).normal(size=(K, 6))
    penalty = weighted(kind, features_first=features_first)

    def of(w):
        return cost_of(unflat(w, features_first), kind, 0.3)

    w = flat(W, features_first)
    assert penalty.value(w) == pytest.approx(of(w), rel=1e-13)
    slope = optimize.approx_fprime(w, of, 1e-7)
    np.testing.assert_allclose(penalty.gradient(w), slope, atol=1e-5)
    held = flat(np.tile(FACTOR > 0.0, (K, 1)), features_first)
    np.testing.assert_allclose(penalty.smooth_gradient(w), 0.49 * held * w, rtol=1e-13)
    np.testing.assert_allclose(penalty.curvature, 0.49 * held, rtol=1e-13)


@layouts
@kinds
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_prox_minimises_its_definition(kind, l1_ratio, features_first):
    rng = np.random.default_rng(2)
    W, step = rng.normal(size=(K, 6)), rng.uniform(0.1, 2.0, size=6)
    penalty = weighted(kind, l1_ratio, features_first=features_first)
    steps = flat(np.tile(step, (K, 1)), features_first)
    found = unflat(penalty.prox(flat(W, features_first), steps), features_first)

    def cost(U):
        return cost_of(U, kind, l1_ratio) + ((U - W) ** 2 / step / 2.0).sum()

    best = cost(found)
    # Convex: no better point nearby is no better point at all.
    for size in (1e-1, 1e-3, 1e-5):
        for _ in range(200):
            assert best <= cost(found + size * rng.normal(size=W.shape)) + 1e-13
    for j in range(6):
        without = found.copy()
        without[:, j] = 0.0
        assert best <= cost(without) + 1e-13
    np.testing.assert_array_equal(found[:, 1], W[:, 1])
    rest = penalty.prox_rest(flat(W, features_first), steps)
    shrunk = rest / (1.0 + steps * penalty.curvature)
    np.testing.assert_allclose(flat(found, features_first), shrunk, rtol=1e-13)


@layouts
@kinds
def test_conjugate_is_the_supremum(kind, features_first):
    rng = np.random.default_rng(3)
    V = rng.normal(size=(K, 6)) * (FACTOR > 0.0)
    penalty = weighted(kind, features_first=features_first)
    v = flat(V, features_first)
    for factor in (0.0, 0.7, 3.0):
        value, slope = penalty.conjugate(v, factor)
        best = optimize.minimize(
            lambda w, t=factor: cost_of(w.reshape(K, 6), kind, 0.3) - t * w @ V.ravel(),
            rng.normal(size=V.size),
            method="Powell",
            options={"ftol": 1e-14, "xtol": 1e-10, "maxfev": 200_000},
        )
        assert value == pytest.approx(-best.fun, rel=1e-6, abs=1e-6)
        up, down = (penalty.conjugate(v, factor + h)[0] for h in (1e-6, -1e-6))
        if factor > 0.0:
            assert slope == pytest.approx((up - down) / 2e-6, rel=1e-5)
    # The model at which the supremum is.
    model = penalty.conjugate_gradient(v)
    value = v @ model - cost_of(unflat(model, features_first), kind, 0.3)
    assert value == pytest.approx(penalty.conjugate(v)[0], rel=1e-12)
    assert penalty.max_scale(v) == np.inf


@layouts
@kinds
def test_the_conjugate_without_l2_is_an_indicator(kind, features_first):
    V = np.random.default_rng(4).normal(size=(K, 6))
    penalty = weighted(kind, 1.0, features_first=features_first)
    size = np.abs(V).max(axis=0) if kind == "elementwise" else np.linalg.norm(V, axis=0)
    held = FACTOR > 0.0
    cap = (0.7 * FACTOR[held] / size[held]).min()
    found = penalty.max_scale(flat(V, features_first))
    assert found == pytest.approx(cap, rel=1e-13)
    assert penalty.conjugate(flat(V, features_first), cap) == (0.0, 0.0)
    pulls = unflat(penalty.pulls(flat(V, features_first)), features_first)
    assert (pulls[:, ~held] == np.inf).all()
    assert pulls[:, held].max() * cap == pytest.approx(0.7, rel=1e-13)


@layouts
@kinds
def test_min_norm_subgradient(kind, features_first):
    rng = np.random.default_rng(5)
    W, G = rng.normal(size=(2, K, 6))
    W[:, [0, 1, 2]] = 0.0
    penalty = weighted(kind, features_first=features_first)
    found = penalty.min_norm_subgradient(
        flat(W, features_first), flat(G, features_first)
    )
    found = unflat(found, features_first)

    def rise(move, h=1e-7):
        change = cost_of(W + h * move, kind, 0.3) - cost_of(W, kind, 0.3)
        return change / h + (G * move).sum()

    # The steepest descent is along its negative, and as steep as it is long.
    for j in range(6):
        move = np.zeros_like(W)
        move[:, j] = -found[:, j]
        assert rise(move) == pytest.approx(-(found[:, j] ** 2).sum(), abs=1e-5)
        for _ in range(50):
            move[:, j] = rng.normal(size=K)
            move /= np.linalg.norm(move)
            assert rise(move) >= -np.linalg.norm(found[:, j]) - 1e-5


@layouts
@kinds
@pytest.mark.parametrize("l1_ratio", [0.3, 1.0])
def test_the_quadratic_of_a_step(kind, l1_ratio, features_first):
    """Nothing is left to gain, and zeros are exact."""
    rng = np.random.default_rng(6)
    size = K * 6 + K
    root = rng.normal(size=(40, size))
    H, gradient = root.T @ root / 40, rng.normal(size=size)
    W = rng.normal(size=(K, 6)) * (np.arange(6) % 2)
    w, ridge = flat(W, features_first), rng.uniform(0.01, 0.02, size)
    penalty = weighted(kind, l1_ratio, 3.0, features_first=features_first)
    move, landing = _systems.minimize_quadratic(H, gradient, w, penalty, ridge)
    np.testing.assert_allclose(landing, w + move[: K * 6], atol=1e-12)
    w_of = slice(K * 6)

    def total(move):
        square = move @ H @ move + move @ (ridge * move)
        return gradient @ move + square / 2.0 + penalty.value(w + move[w_of])

    # Proximal gradient steps, slowly, from there: nothing is left to gain.
    step = 1.0 / np.linalg.eigvalsh(H + np.diag(ridge)).max()
    best = move.copy()
    for _ in range(3000):
        best = best - step * (gradient + H @ best + ridge * best)
        best[w_of] = penalty.prox(w + best[w_of], np.full(K * 6, step)) - w
    fall = penalty.value(w) - total(best)
    assert total(move) <= total(best) + 1e-5 * fall
    assert (landing == 0.0).any()
    assert (unflat(landing, features_first)[:, FACTOR == 0.0] != 0.0).all()


@layouts
@kinds
def test_the_penalty_of_some_coefficients(kind, features_first):
    """Of whole features if they are grouped, and else of any."""
    rng = np.random.default_rng(7)
    W = rng.normal(size=(K, 6))
    chosen = np.zeros((K, 6), bool)
    chosen[:, [1, 2, 5]] = True
    if kind == "elementwise":
        chosen[0, [1, 3]] = False, True
    places = np.flatnonzero(flat(chosen, features_first))
    penalty = weighted(kind, features_first=features_first)
    value = penalty.at(places).value(flat(W, features_first)[places])
    expected = cost_of(np.where(chosen, W, 0.0), kind, 0.3)
    assert value == pytest.approx(expected, rel=1e-13)


def test_what_all_classes_have_in_common_is_taken_where_no_l2_holds_it():
    W = np.random.default_rng(8).normal(size=(K, 6))
    mixed, pure = W.copy(), W.copy()
    weighted("elementwise", 0.3).remove_common(mixed)
    free = FACTOR == 0.0
    np.testing.assert_array_equal(mixed[:, ~free], W[:, ~free])
    np.testing.assert_allclose(mixed[:, free].sum(axis=0), 0.0, atol=1e-14)
    weighted("elementwise", 1.0).remove_common(pure)
    np.testing.assert_array_equal(np.median(pure, axis=0), 0.0)


# -- the design ------------------------------------------------------------------------


@containers
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_scaled_columns(container, dtype):
    """Every product, against that of a scaled copy."""
    rng = np.random.default_rng(9)
    X = (rng.normal(size=(40, 6)) * (rng.random((40, 6)) < 0.4)).astype(dtype)
    factor = rng.uniform(0.5, 2.0, 6)
    scaled = Scaled(design_of(container(X)), factor)
    copy = design_of(container(X.astype(np.float64) * factor))
    rtol = 1e-12 if dtype == np.float64 else 1e-5
    weight, centre = rng.dirichlet(np.ones(40)), rng.normal(size=6)
    W, b, G = rng.normal(size=(K, 6)), rng.normal(size=K), rng.normal(size=(40, K))
    rows = np.array([3, 5, 6])
    products = [
        lambda design: design.scores(W, b),
        lambda design: design.moments(weight),
        lambda design: np.tril(
            design.covariance(weight, centre, np.float64, lambda: None)
        ),
        lambda design: design.gram(rows, rows[:2], factor, centre),
        lambda design: design.dense_rows(rows, np.float64),
        lambda design: np.vstack([block for _, block in design.dense_blocks()]),
        lambda design: design.on_features(rows[:2]).dense_rows(rows, np.float64),
    ]
    if container is sparse.csr_matrix:
        products += [
            lambda design: design.rows(rows).toarray(),
            lambda design: design.second_moments(weight, centre),
        ]
    else:
        products += [lambda design: design.rows(rows)]
    for product in products:
        np.testing.assert_allclose(product(scaled), product(copy), rtol, atol=1e-6)
    for design in (scaled, copy):
        total = np.ones((6, K) if design.features_first else (K, 6))
        design.add_adjoint(G, total)
        total = total.T if design.features_first else total
        expected = 1.0 + G.T @ (X.astype(np.float64) * factor)
        np.testing.assert_allclose(total, expected, rtol=1e-6)
    centred = np.zeros(6) if container is sparse.csr_matrix else centre
    np.testing.assert_allclose(
        scaled.squared_norms(centred), copy.squared_norms(centred), rtol=1e-5
    )


# -- dual points -----------------------------------------------------------------------


def objective(X, y, loss, factor, fit_intercept=True, l1_ratio=0.5):
    penalty = penalty_by_feature("elementwise", 0.1, l1_ratio, factor)
    design = design_of(X)
    if penalty.scale is not None:
        design = Scaled(design, penalty.scale)
    return Objective(
        design,
        y,
        1.0 + np.arange(len(y)) % 3,
        loss=make(loss)._loss(),
        penalty=penalty,
        n_classes=y.max() + 1,
        fit_intercept=fit_intercept,
        dtype=np.float64,
    )


@containers
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_dual_points_let_go_of_free_features(loss, n_classes, fit_intercept, container):
    X, y = wine(n_classes)
    f = objective(container(X), y, loss, FACTOR, fit_intercept)
    rng = np.random.default_rng(10)
    theta = 0.02 * rng.normal(size=f.size)
    width = 5.0 if loss == "hinge" else 0.0
    _, pull = f.loss_gradient(f.scores(theta), width)
    assert np.abs((X[:, [1, 4]]).T @ pull).max() > 1e-3
    assert make_feasible(f, pull) > 0.0
    np.testing.assert_allclose(X[:, [1, 4]].T @ pull, 0.0, atol=1e-12)
    if fit_intercept:
        np.testing.assert_allclose(pull.sum(axis=0), 0.0, atol=1e-12)
    a = pull / f.share[:, None]
    if n_classes == 2:
        a = np.where(y[:, None] == 1, -a, a)
    else:
        np.testing.assert_allclose(a.sum(axis=1), 0.0, atol=1e-13)
        a[np.arange(len(y)), y] = 0.0
    assert a.min() >= 0.0
    if loss == "softmax":
        assert a.sum(axis=1).max() <= 1.0
    elif loss == "hinge":
        assert a.max() <= 1.0


def test_dual_points_that_nothing_can_move_prove_nothing():
    X, y = wine()
    f = objective(X, y, "hinge", FACTOR)
    _, pull = f.loss_gradient(f.scores(np.zeros(f.size)))  # all at their ends
    kept = pull.copy()
    assert make_feasible(f, pull) == 0.0
    np.testing.assert_array_equal(pull, kept)
    certifier = Certifier(f)
    certifier.certify(np.zeros(f.size), kept)
    assert certifier.bound == 0.0


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_no_bound_is_above_an_optimum(loss, n_classes, l1_ratio):
    X, y = wine(n_classes)
    f = objective(X, y, loss, FACTOR, l1_ratio=l1_ratio)
    model = make(
        loss,
        alpha=0.1,
        l1_ratio=l1_ratio,
        penalty_factor=FACTOR,
        tol=1e-7,
        max_iter=3000,
    ).fit(X, y, sample_weight=1.0 + np.arange(len(y)) % 3)
    best = f.pack(model.coef_, model.intercept_)
    assert f.value(best) == pytest.approx(model.objective_, rel=1e-10)
    rng = np.random.default_rng(11)
    bounds = []
    for size in (3.0, 1.0, 0.3, 0.1, 0.01, 0.0):
        theta = best + size * rng.normal(size=f.size)
        certifier = Certifier(f)
        width = max(size, 0.3)  # of the smoothed hinge; other losses have none
        pull = None
        if loss == "hinge":
            _, pull = f.loss_gradient(f.scores(theta), width)
        certifier.certify(theta, pull)
        assert certifier.bound <= model.objective_ * (1.0 + 1e-12)
        bounds.append(certifier.bound)
    # The slopes of a smoothed hinge are no dual points of this model.
    assert loss == "hinge" or bounds[-1] >= 0.99 * model.objective_


# -- fits ------------------------------------------------------------------------------


@containers
@pytest.mark.parametrize("optimum", OPTIMA["optima"], ids=lambda o: o["data"])
def test_the_optimum_of_glmnet(optimum, container):
    load = {
        "iris": load_iris,
        "wine": load_wine,
        "breast_cancer": load_breast_cancer,
    }[optimum["data"]]
    X, y = load(return_X_y=True)
    X = scale(X)
    model = SoftmaxClassifier(
        alpha=optimum["alpha"],
        l1_ratio=optimum["l1_ratio"],
        penalty_factor=optimum["factor"],
        tol=1e-7,
    ).fit(container(X), y)
    assert model.gap_ <= 1e-7
    assert model.objective_ == pytest.approx(optimum["value"], rel=1e-7)
    value = objective_of(model, X, y, "softmax")
    assert model.objective_ == pytest.approx(value, rel=1e-12)
    assert 0 < (model.coef_ == 0.0).sum()
    free = np.equal(optimum["factor"], 0.0)
    assert (model.coef_[:, free] != 0.0).all()


@only_where(lambda solver, loss, l1_ratio: serves(solver, loss, l1_ratio=l1_ratio))
@pytest.mark.parametrize("solver", ["newton", "gd", "lbfgs", "saga", "sdca"])
@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
@containers
def test_scaled_by_hand(container, loss, l1_ratio, solver):
    """Of L2 and L1 alone the factors are units of the features."""
    X, y = wine()
    factor = 0.3 + FACTOR
    units = factor if l1_ratio == 1.0 else np.sqrt(factor)
    tol = 1e-3 if loss == "hinge" and solver == "gd" else 1e-5
    params = {"alpha": 0.05, "l1_ratio": l1_ratio, "max_iter": 5000}
    model = make(loss, penalty_factor=factor, tol=tol, solver=solver, **params)
    model.fit(container(X), y)
    by_hand = make(loss, tol=1e-7, **params).fit(X / units, y)
    assert model.solver_ == solver
    assert model.gap_ <= tol
    assert model.objective_ >= by_hand.objective_ * (1.0 - 1e-7)
    assert model.objective_ <= by_hand.objective_ * (1.0 + tol + 1e-7)
    value = objective_of(model, X, y, loss)
    assert model.objective_ == pytest.approx(value, rel=1e-11)
    if l1_ratio == 0.0 and loss != "hinge" and solver != "saga":
        np.testing.assert_allclose(model.coef_, by_hand.coef_ / units, atol=0.02)


def takes_groups(solver, loss, l1_ratio, kind, n_classes):
    """Whether a solver takes such a penalty: not Newton's method for the hinge."""
    grouped = kind == "grouped" and l1_ratio > 0.0 and n_classes > 2
    by_gd = solver == "newton" and loss == "hinge" and grouped
    return serves(solver, loss, l1_ratio=l1_ratio) and not by_gd


@only_where(takes_groups)
@containers
@pytest.mark.parametrize("solver", ["newton", "gd", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_free_column_of_ones_is_an_intercept(
    loss, n_classes, l1_ratio, kind, solver, container
):
    """Two ways through the code that have only their objective in common."""
    X, y = wine(n_classes)
    tol = 1e-3 if loss == "hinge" and solver == "gd" else 1e-6
    params = {"alpha": 0.05, "l1_ratio": l1_ratio, "penalty": kind, "max_iter": 5000}
    plain = make(loss, tol=1e-6, **params).fit(X, y)
    model = make(
        loss,
        tol=tol,
        solver=solver,
        fit_intercept=False,
        penalty_factor=[1.0] * 6 + [0.0],
        **params,
    ).fit(container(np.hstack([X, np.ones((len(y), 1))])), y)
    assert model.gap_ <= tol
    assert model.objective_ >= plain.objective_ * (1.0 - 1e-6)
    assert model.objective_ <= plain.objective_ * (1.0 + tol + 1e-6)
    if loss != "hinge":
        b = model.coef_[:, 6]
        np.testing.assert_allclose(b, plain.intercept_, atol=5e-3)
        assert abs(b.sum()) <= 1e-12 or n_classes == 2


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", LOSSES)
def test_free_features_may_be_added_to_others(loss, fit_intercept):
    """Their coefficients make up for it at no cost; an intercept, too."""
    X, y = wine()
    params = {
        "alpha": 0.05,
        "l1_ratio": 0.5,
        "penalty_factor": FACTOR,
        "fit_intercept": fit_intercept,
        "tol": 1e-6,
        "max_iter": 3000,
    }
    model = make(loss, **params).fit(X, y)
    sheared = X.copy()
    sheared[:, 0] += 2.0 * X[:, 1] - 3.0 * X[:, 4]
    sheared[:, 4] *= 1e3
    other = make(loss, **params).fit(sheared, y)
    assert max(model.gap_, other.gap_) <= 1e-6
    assert other.objective_ == pytest.approx(model.objective_, rel=2e-6)


@containers
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_constant_feature_is_the_intercept(loss, n_classes, l1_ratio, container):
    X, y = wine(n_classes)
    X = np.hstack([X, np.full((len(y), 1), 0.7)])
    params = {"alpha": 0.02, "l1_ratio": l1_ratio}
    for constant in (0.0, 1.0):
        factor = [1.0] * 5 + [0.0, constant]
        model = make(loss, penalty_factor=factor, **params).fit(container(X), y)
        assert model.gap_ <= 1e-4
        np.testing.assert_allclose(model.coef_[:, 6], 0.0, atol=1e-13)


@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_free_features_in_any_units(loss, l1_ratio):
    X, y = wine()
    units = [1.0, 1e4, 1.0, 1.0, 1e-4, 1.0]
    offset = [0.0, 1e6, 0.0, 0.0, 0.0, 0.0]
    params = {"alpha": 0.05, "l1_ratio": l1_ratio, "penalty_factor": FACTOR}
    plain = make(loss, tol=1e-7, **params).fit(X, y)
    other = make(loss, tol=1e-5, **params).fit(X * units + offset, y)
    assert other.gap_ <= 1e-5
    assert other.objective_ == pytest.approx(plain.objective_, rel=1.1e-5)


def test_the_hinge_with_l1_as_a_linear_program():
    X, y = wine(2)
    alpha, n = 0.05, len(y)
    # Over the two parts of each coefficient, the intercept and the slacks.
    sign = 2.0 * y - 1.0
    margins = sign[:, None] * np.hstack([X, -X, np.ones((n, 1))])
    solution = optimize.linprog(
        np.r_[alpha * FACTOR, alpha * FACTOR, 0.0, np.full(n, 1.0 / n)],
        A_ub=-np.hstack([margins, np.eye(n)]),
        b_ub=-np.ones(n),
        bounds=[(0.0, None)] * 12 + [(None, None)] + [(0.0, None)] * n,
    )
    model = make("hinge", alpha=alpha, l1_ratio=1.0, penalty_factor=FACTOR, tol=1e-7)
    model.fit(X, y)
    assert model.objective_ == pytest.approx(solution.fun, rel=2e-7)
    assert model.gap_ <= 1e-7


@containers
@kinds
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
def test_coefficients_are_zero_where_slopes_are_small(loss, l1_ratio, kind, container):
    """On all of many features, of which the solver looks at few."""
    rng = np.random.default_rng(0)
    X = sparse.random(150, 1000, 0.05, "csr", random_state=rng)
    y = np.argmax(X[:, :4].toarray() + 0.05 * rng.random((150, 4)), axis=1)
    factor = rng.choice([0.0, 0.5, 1.0, 2.0], 1000, p=[0.003, 0.2, 0.597, 0.2])
    factor[:4] = [0.5, 2.0, 1.0, 1.0]
    alpha = 0.01
    model = make(
        loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        penalty=kind,
        penalty_factor=factor,
        tol=1e-6,
    ).fit(container(X.toarray()), y)
    assert model.gap_ <= 1e-6
    W, X = model.coef_, X.toarray()
    slope, _ = reference.subgradient(W, model.intercept_, X, y, loss, 0.0)
    size = np.abs(slope) if kind == "elementwise" else np.linalg.norm(slope, axis=0)
    size, used = np.atleast_2d(size), np.atleast_2d(W != 0.0)
    used = used if kind == "elementwise" else used.any(axis=0, keepdims=True)
    limit = np.broadcast_to(alpha * l1_ratio * factor, size.shape)
    assert (size[~used] <= limit[~used] * 1.01 + 1e-6).all()
    assert (size[used] >= limit[used] * 0.99 - 1e-6).all()
    assert 10 < used.sum() < 0.5 * used.size
    assert used[:, factor == 0.0].all()


@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_free_features_may_separate_a_class(loss, l1_ratio):
    """The softmax then has no optimum, but a bound that models come near to."""
    X, y = load_iris(return_X_y=True)
    model = make(
        loss, alpha=0.02, l1_ratio=l1_ratio, penalty_factor=[0.0, 0.0, 0.75, 1.0]
    ).fit(scale(X), y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ < 100


@pytest.mark.parametrize("factor", [FACTOR, 0.3 + FACTOR], ids=["zeros", "positive"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
@containers
def test_single_precision(container, loss, l1_ratio, factor):
    X, y = wine()
    X = X + 3.0
    X[np.random.default_rng(0).random(X.shape) < 0.3] = 0.0
    X = X.astype(np.float32)
    params = {"alpha": 0.05, "l1_ratio": l1_ratio, "penalty_factor": factor}
    exact = make(loss, tol=1e-7, max_iter=3000, **params).fit(X.astype(float), y)
    model = make(loss, tol=1e-5, **params).fit(container(X), y)
    assert model.coef_.dtype == np.float32
    assert model.gap_ <= 1e-5
    assert model.objective_ == pytest.approx(exact.objective_, rel=2e-5)
    value = objective_of(model, X.astype(float), y, loss)
    assert model.objective_ == pytest.approx(value, rel=1e-9)


def test_columns_without_entries_keep_their_factors():
    X, y = wine()
    wide = sparse.csr_matrix(np.hstack([np.zeros((len(y), 20)), X]))
    factor = np.r_[np.full(20, 7.0), FACTOR]
    params = {"alpha": 0.05, "l1_ratio": 0.5, "tol": 1e-8}
    model = SoftmaxClassifier(penalty_factor=factor, **params).fit(wide, y)
    narrow = SoftmaxClassifier(penalty_factor=FACTOR, **params).fit(X, y)
    np.testing.assert_allclose(model.coef_[:, 20:], narrow.coef_, atol=1e-6)
    np.testing.assert_array_equal(model.coef_[:, :20], 0.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_factors_that_are_all_the_same(loss):
    X, y = wine()

    def fit(alpha, factor, **params):
        return make(loss, alpha=alpha, penalty_factor=factor, **params).fit(X, y)

    plain = fit(0.3, None, l1_ratio=0.5)
    for alpha, factor in ((0.3, np.ones(6)), (0.1, [3] * 6)):
        same = fit(alpha, factor, l1_ratio=0.5)
        np.testing.assert_allclose(same.coef_, plain.coef_, rtol=1e-12)
    if loss == "hinge":
        return
    with pytest.warns(ConvergenceWarning):  # separable: no optimum
        none = fit(0.3, np.zeros(6), max_iter=3)
    with pytest.warns(ConvergenceWarning):
        np.testing.assert_array_equal(none.coef_, fit(0.0, None, max_iter=3).coef_)
    assert np.isnan(none.gap_)


def test_early_stopping_and_validation_data():
    X, y = wine()
    params = {"alpha": 0.01, "penalty_factor": 0.3 + FACTOR}
    model = SoftmaxClassifier(early_stopping=True, random_state=0, **params).fit(X, y)
    assert model.solver_ == "sgd"
    assert model.score(X, y) > 0.9
    model = SoftmaxClassifier(**params).fit(X, y, X_val=X[::2], y_val=y[::2])
    last = reference.data_loss(model.coef_, model.intercept_, X[::2], y[::2], "softmax")
    assert model.validation_loss_curve_[-1] == pytest.approx(last, rel=1e-6)


def test_a_warm_start_goes_on_from_the_coefficients_as_they_are():
    X, y = wine()
    model = SoftmaxClassifier(
        alpha=0.05, penalty_factor=0.3 + FACTOR, tol=1e-6, warm_start=True
    ).fit(X, y)
    value = model.objective_
    model.set_params(solver="gd").fit(X, y)
    assert model.loss_curve_[0] == pytest.approx(value, rel=1e-12)
    assert model.n_iter_ <= 2


# -- paths and searches ----------------------------------------------------------------


@kinds
@pytest.mark.parametrize("factor", [FACTOR, 0.3 + FACTOR], ids=["zeros", "positive"])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_begins_where_the_first_feature_enters(
    loss, n_classes, l1_ratio, factor, kind
):
    X, y = wine(n_classes)
    params = {
        "loss": loss,
        "l1_ratio": l1_ratio,
        "penalty": kind,
        "penalty_factor": factor,
        "tol": 1e-4,
        "max_iter": 5000,
    }
    if loss == "hinge" and (factor == 0.0).any():
        with pytest.raises(ValueError, match="alphas must be a list for the hinge"):
            linear_path(X, y, **params)
        return
    path = linear_path(X, y, alphas=5, eps=0.1, **params)
    assert (path.gaps <= 1e-4).all()
    held = factor > 0.0
    assert not path.coefs[0][:, held].any()
    assert path.coefs[0][:, ~held].all()
    grouped_hinge = loss == "hinge" and kind == "grouped" and n_classes > 2
    if not grouped_hinge:  # for which the largest strength is a bound from above
        params["tol"] = 1e-6
        below = linear_path(X, y, alphas=[0.98 * path.alphas[0]], **params)
        assert below.coefs[0][:, held].any()
    empty = path.objectives[0] - penalty_of(
        path.coefs[0], path.alphas[0], l1_ratio, factor, kind
    )
    for k in range(5):
        mean = reference.data_loss(path.coefs[k], path.intercepts[k], X, y, loss)
        cost = penalty_of(path.coefs[k], path.alphas[k], l1_ratio, factor, kind)
        assert path.objectives[k] == pytest.approx(mean + cost, rel=1e-9)
        if held.all():
            ratio = 1.0 - mean / empty
            assert path.deviance_ratio[k] == pytest.approx(ratio, abs=1e-4)


def test_a_path_of_the_hinge_with_free_features():
    X, y = wine()
    alphas = [0.2, 0.1, 0.05]
    path = linear_path(X, y, loss="hinge", alphas=alphas, penalty_factor=FACTOR)
    assert (path.gaps <= 1e-4).all()
    for k, alpha in enumerate(alphas):
        alone = make("hinge", alpha=alpha, penalty_factor=FACTOR, tol=1e-6).fit(X, y)
        assert path.objectives[k] == pytest.approx(alone.objective_, rel=1.1e-4)


@pytest.mark.parametrize("cv_class", [SoftmaxClassifierCV, SVMClassifierCV])
def test_a_search_over_mixes(cv_class):
    """Columns are scaled in another way for each mix; each point is the fit alone."""
    X, y = wine()
    factor = 0.3 + FACTOR
    search = cv_class(
        alphas=[0.2, 0.1],
        l1_ratios=[0.0, 0.5, 1.0],
        penalty_factor=factor,
        cv=3,
        tol=1e-6,
        store_coefs_paths=True,
    )
    search = clone(search).fit(X, y)
    loss = "softmax" if cv_class is SoftmaxClassifierCV else "hinge"
    assert search.objective_ == pytest.approx(
        objective_of(search.best_estimator_, X, y, loss), rel=1e-10
    )
    if loss == "hinge":
        return
    grid = GridSearchCV(
        SoftmaxClassifier(penalty_factor=factor, tol=1e-6),
        {"alpha": [0.2, 0.1], "l1_ratio": [0.0, 0.5, 1.0]},
        cv=3,
    ).fit(X, y)
    np.testing.assert_allclose(
        search.cv_results_["mean_test_score"], grid.cv_results_["mean_test_score"]
    )
    choice = GridSearchCV(
        SoftmaxClassifier(alpha=0.1), {"penalty_factor": [None, factor, FACTOR]}, cv=3
    ).fit(X, y)
    assert choice.best_estimator_.gap_ <= 1e-4


@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_a_search_finds_where_to_begin(l1_ratio):
    X, y = wine()
    search = SoftmaxClassifierCV(
        alphas=3, eps=0.1, l1_ratios=[l1_ratio], penalty_factor=FACTOR, cv=3
    ).fit(X, y)
    path = linear_path(
        X, y, alphas=3, eps=0.1, l1_ratio=l1_ratio, penalty_factor=FACTOR
    )
    np.testing.assert_allclose(search.alphas_, path.alphas, rtol=1e-12)


# -- what is refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("factor", "message"),
    [
        ([1.0, 2.0], r"each of the 6 features, got the shape \(2,\)"),
        (np.ones((1, 6)), r"got the shape \(1, 6\)"),
        ([-1.0] + [1.0] * 5, "not negative"),
        ([np.nan] + [1.0] * 5, "finite"),
        ([np.inf] + [1.0] * 5, "finite"),
        ([1e-13] + [1.0] * 5, "12 orders of magnitude"),
        (["high"] * 6, "penalty_factor must be a list of numbers"),
        ("high", "array-like or None"),
        (1.0, "array-like or None"),
    ],
)
def test_factors_that_are_none(factor, message):
    X, y = wine()
    model = SoftmaxClassifier(penalty_factor=factor)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert not hasattr(model, "coef_")
    with pytest.raises(ValueError, match=message):
        linear_path(X, y, penalty_factor=factor)
    for alphas in (20, [0.1]):
        search = SoftmaxClassifierCV(alphas=alphas, penalty_factor=factor)
        with pytest.raises(ValueError, match=message) as raised:
            search.fit(X, y)
        assert "fits failed" not in str(raised.value)


@pytest.mark.parametrize("solver", ["saga", "sdca", "sgd"])
@pytest.mark.parametrize(
    ("factor", "l1_ratio"), [(FACTOR, 0.0), (FACTOR, 1.0), (0.3 + FACTOR, 0.5)]
)
def test_solvers_that_cannot_say_so(factor, l1_ratio, solver):
    X, y = wine()
    model = SoftmaxClassifier(penalty_factor=factor, l1_ratio=l1_ratio, solver=solver)
    with pytest.raises(ValueError, match=r"penalty_factor.*use solver='gd'"):
        model.fit(X, y)


def test_uses_that_are_not_supported_say_so():
    X, y = wine()
    model = SoftmaxClassifier(penalty_factor=FACTOR).fit(X, y)
    with pytest.raises(ValueError, match="certify does not support penalty_factor"):
        model.certify(X, y)
    with pytest.raises(ValueError, match="not supported by partial_fit"):
        model.partial_fit(X, y)
    rates = SoftmaxClassifier(
        penalty_factor=FACTOR, solver="gd", learning_rate="constant"
    )
    with pytest.raises(ValueError, match='needs learning_rate="auto"'):
        rates.fit(X, y)


@pytest.mark.filterwarnings("ignore:The best alpha")
@pytest.mark.parametrize("make_series", [pd.Series, pl.Series])
def test_factors_in_a_series(make_series):
    X, y = wine()
    series = make_series(FACTOR)
    model = SoftmaxClassifier(alpha=0.1, penalty_factor=series).fit(X, y)
    array = SoftmaxClassifier(alpha=0.1, penalty_factor=FACTOR).fit(X, y)
    np.testing.assert_array_equal(model.coef_, array.coef_)
    assert model.penalty_factor is series
    for alphas in (3, [0.1]):
        factor = series if alphas == [0.1] else make_series(0.3 + FACTOR)
        search = SVMClassifierCV(alphas=alphas, penalty_factor=factor, cv=2)
        assert search.fit(X, y).gap_ <= 1e-4
    paths = [
        linear_path(X, y, alphas=3, penalty_factor=each) for each in (series, FACTOR)
    ]
    np.testing.assert_array_equal(paths[0].coefs, paths[1].coefs)
    assert check_gradient(model, X, y, model.coef_, model.intercept_).passed


# -- others that know the model --------------------------------------------------------


def test_a_copy_in_scikit_learn_predicts_the_same():
    X, y = wine()
    model = SoftmaxClassifier(penalty_factor=FACTOR).fit(X, y)
    np.testing.assert_allclose(
        model.to_sklearn().predict_proba(X), model.predict_proba(X), rtol=1e-12
    )


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor", [FACTOR, 0.3 + FACTOR], ids=["zeros", "positive"])
@kinds
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
def test_the_gradient_check(l1_ratio, kind, factor, loss):
    X, y = wine()
    W = np.arange(18.0).reshape(3, 6) / 10
    W[:, 2] = 0.0
    model = make(
        loss, alpha=0.1, l1_ratio=l1_ratio, penalty=kind, penalty_factor=factor
    )
    assert check_gradient(model, X + 0.5, y, W, np.zeros(3)).passed


def test_parameters_are_not_changed():
    X, y = wine()
    factor = FACTOR.copy()
    model = SoftmaxClassifier(penalty_factor=factor).fit(X, y)
    assert model.penalty_factor is factor
    np.testing.assert_array_equal(factor, FACTOR)
    np.testing.assert_array_equal(clone(model).penalty_factor, factor)
    assert clone(SoftmaxClassifier()).penalty_factor is None
