"""Data in any units, far from zero, nearly empty, with weights of any size.

Every fit ends certified, or it warns and its gap is true.
"""

import tracemalloc
import warnings

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from _tiers import slow_where
from scipy import sparse
from scipy.optimize import linprog, minimize
from sklearn import config_context
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from sklearn.svm import SVC

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._certificate import Certifier

LARGE = 1e-11  # of the sum of the terms that an objective is made of: rounding
HINGES = ("hinge", "squared_hinge")
losses = pytest.mark.parametrize("loss", LOSSES)
containers = pytest.mark.parametrize("container", [np.asarray, sparse.csr_matrix])


def salaries(n=300):
    """Age in years and salary in yen, three classes."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, n).astype(float)
    salary = rng.lognormal(15.3, 0.5, n).round()
    level = 0.03 * age + 0.4 * np.log(salary) + rng.normal(size=n)
    return np.c_[age, salary], np.digitize(level, [7.2, 8.0])


def optimum(X, y, loss, alpha):
    """The smallest F by L-BFGS, in units in which the features have deviation one; of
    the hinge by a linear program, for a penalty that is next to nothing.
    """
    K, (n, d) = y.max() + 1, X.shape
    mean, scale = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / scale

    def value_and_gradient(v):
        W, b = v[: K * d].reshape(K, d), v[K * d :]
        values, G = reference.loss_terms(Z @ W.T + b, y, loss)
        ridge = alpha / scale**2
        gradient = G.T @ Z / n + ridge * W
        value = values.mean() + 0.5 * (ridge * W**2).sum()
        return value, np.append(gradient, G.mean(axis=0))

    if loss != "hinge":
        options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-10}
        start = np.zeros(K * (d + 1))
        return minimize(
            value_and_gradient, start, jac=True, method="L-BFGS-B", options=options
        ).fun
    rows, excess = [], []
    for i in range(n):
        for j in set(range(K)) - {y[i]}:
            row = np.zeros((K, d + 1))
            row[j], row[y[i]] = np.append(Z[i], 1.0), -np.append(Z[i], 1.0)
            rows.append(row.ravel())
    excess = -sparse.eye(len(rows))
    A = sparse.hstack([sparse.csr_matrix(np.array(rows)), excess])
    cost = np.r_[np.zeros(K * (d + 1)), np.full(len(rows), 1.0 / n)]
    free, positive = [(None, None)] * (K * (d + 1)), [(0.0, None)] * len(rows)
    solution = linprog(cost, A, -np.ones(len(rows)), bounds=free + positive)
    return solution.fun


@containers
@losses
def test_a_column_of_large_numbers(loss, container):
    X, y = salaries()
    alpha = 1e-6
    fit = make(loss, alpha=alpha).fit(container(X), y)
    assert fit.gap_ <= 1e-4
    best = optimum(X, y, loss, alpha)
    # Linear programming leaves out the penalty.
    assert fit.objective_ <= best * (1.0 + 2e-4)
    assert fit.objective_ >= best * (1.0 - 1e-6)


@losses
def test_a_column_of_large_numbers_in_float32(loss):
    X, y = salaries()
    fit = make(loss, alpha=1e-3).fit(X.astype(np.float32), y)
    double = make(loss, alpha=1e-3, tol=1e-8).fit(X, y)
    assert fit.gap_ <= 1e-4
    assert fit.objective_ == pytest.approx(double.objective_, rel=2e-4)


@losses
@pytest.mark.parametrize("alpha", [5e-13, 1e-18])
def test_a_penalty_next_to_nothing(loss, alpha):
    X, y = load_wine(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = make(loss, alpha=alpha).fit(X, y)
    # Wine can be told apart without an error.
    assert fit.score(X, y) == 1.0
    assert fit.objective_ < 1e-3


def test_three_samples_far_apart():
    fit = SoftmaxClassifier().fit(np.array([[0.0], [1e10], [2e10]]), np.arange(3))
    assert fit.gap_ <= 1e-4
    assert list(fit.predict([[0.0], [1e10], [2e10]])) == [0, 1, 2]


@losses
def test_units_of_all_features_at_once(loss):
    """F(cX, alpha c^2) has the same minimum for every c, in one step more or less."""
    X, y = load_wine(return_X_y=True)
    one = make(loss, alpha=1e-2, tol=1e-7).fit(X, y)
    for unit in (2.0**-20, 2.0**20):
        other = make(loss, alpha=1e-2 * unit**2, tol=1e-7).fit(unit * X, y)
        assert other.objective_ == pytest.approx(one.objective_, rel=1e-6)


@pytest.mark.parametrize("unit", [1e6, 1e12])
@pytest.mark.parametrize("loss", HINGES)
def test_large_units_lead_to_the_largest_margin(loss, unit):
    """A penalty that hardly counts leaves the model of the support vector machine."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 6)), np.arange(80) % 2
    X[:, 0] += 8 * y
    margin = SVC(kernel="linear", C=1e10, tol=1e-8).fit(X, y)
    fit = make(loss).fit(unit * X, y)
    assert fit.gap_ <= 1e-4
    assert unit * np.linalg.norm(fit.coef_) == pytest.approx(
        np.linalg.norm(margin.coef_), rel=2e-3
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("unit", [1e6, 1e9, 1e12])
@losses
def test_large_units_of_all_features(loss, unit, dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), np.arange(60) % 3
    X[np.arange(60), y] += 2
    X = (unit * X).astype(dtype)
    fit = make(loss).fit(X, y)
    assert fit.gap_ <= 1e-4
    assert fit.score(X, y) == 1.0
    assert fit.n_iter_ < 300


def counts(n):
    """Counts to thousands beside numbers below one, four classes."""
    rng = np.random.default_rng(0)
    scale = 10.0 ** rng.uniform(-1, 4, 20)
    Z = rng.normal(size=(n, 20))
    X = np.abs(Z) * scale
    X[:, ::2] = rng.poisson(scale[::2], size=(n, 10))
    noise = 1.5 * rng.gumbel(size=(n, 4))
    return X, (Z @ rng.normal(size=(20, 4)) + noise).argmax(axis=1)


@pytest.mark.parametrize(
    ("loss", "alpha"), [("squared_hinge", 1e-4), ("hinge", 1e-6), ("softmax", 1e-6)]
)
def test_counts_beside_small_numbers(loss, alpha):
    fit = make(loss, alpha=alpha).fit(*counts(4000))
    assert fit.gap_ <= 1e-4
    assert fit.n_iter_ < 300


def wider_than_long():
    return np.random.default_rng(0).normal(size=(12, 300)), np.arange(12) % 5


def raw_digits():
    X, y = load_digits(return_X_y=True)
    return 16 * X, y


@slow_where(lambda data: data is raw_digits)
@pytest.mark.parametrize(("data", "limit"), [(wider_than_long, 100), (raw_digits, 500)])
def test_classes_that_are_told_apart(data, limit):
    """The squared hinge near zero, where plain Newton steps meet kinks at once."""
    auto = SVMClassifier("squared_hinge", random_state=0).fit(*data())
    sdca = SVMClassifier("squared_hinge", solver="sdca", random_state=0).fit(*data())
    assert auto.gap_ <= 1e-4
    assert auto.n_iter_ <= limit
    assert auto.objective_ == pytest.approx(sdca.objective_, rel=2e-4)


@pytest.mark.slow
def test_more_features_than_samples_by_an_elastic_net():
    model = SVMClassifier("squared_hinge", l1_ratio=0.5, random_state=0)
    assert model.fit(*wider_than_long()).gap_ <= 1e-4


@slow_where(lambda loss: loss != "hinge")
@losses
def test_a_solver_that_stalls_hands_over(loss):
    """Dual ascent makes nothing of features with all of the variance."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 400)) * np.logspace(-1, 3, 400)
    y = rng.integers(0, 9, 600)
    settings = {"alpha": 1e-3, "l1_ratio": 0.5, "max_iter": 400}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        auto = make(loss, **settings).fit(X, y)
        sdca = make(loss, solver="sdca", **settings).fit(X, y)
    assert auto.objective_ < 0.9 * sdca.objective_
    assert auto.solver_ == ("gd" if loss == "softmax" else "newton")
    assert len(auto.loss_curve_) == auto.n_iter_ + 1


@pytest.mark.parametrize(
    ("mean", "deviation"), [(1.7e18, 1e16), (0.0, 1e16), (3e20, 5e19)]
)
def test_newton_steps_that_come_nowhere_hand_over(mean, deviation):
    """A column beside which the second derivatives of the others have no digits."""
    X, y = load_iris(return_X_y=True)
    X = scale(X)
    X[:, 0] = mean + deviation * X[:, 0]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = make("softmax").fit(X, y)
        other = make("softmax", solver="lbfgs").fit(X, y)
    assert {each.category for each in caught} == {ConvergenceWarning}
    assert fit.objective_ <= 1.1 * other.objective_
    assert fit.score(X, y) > 0.7
    assert fit.n_iter_ < 300
    # Named, it goes on to the end; no number overflows on the way.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make("softmax", solver="newton").fit(X, y)
    assert {each.category for each in caught} == {ConvergenceWarning}


def test_features_with_all_of_the_variance_end_certified():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 400)) * np.logspace(-1, 3, 400)
    y = rng.integers(0, 9, 600)
    assert make("hinge", alpha=1e-3).fit(X, y).gap_ <= 1e-4


# -- float32, far from zero ------------------------------------------------------------


@containers
@losses
def test_float32_with_an_offset_of_thousands_of_deviations(loss, container):
    """Metres of a map projection: their products in float32 say nothing."""
    rng = np.random.default_rng(0)
    X = np.c_[rng.normal(5.4e6, 2e3, 300), rng.normal(4.5e5, 2e3, 300)]
    level = (X - X.mean(axis=0)) @ [5e-4, 3e-4] + rng.normal(size=300)
    y = np.digitize(level, [-0.5, 0.5])
    X = X.astype(np.float32)
    single = make(loss).fit(container(X), y)
    double = make(loss).fit(X.astype(np.float64), y)
    assert single.coef_.dtype == np.float32
    assert single.objective_ == pytest.approx(double.objective_, rel=2e-4)
    assert single.score(X, y) == pytest.approx(double.score(X, y), abs=0.01)


@losses
def test_float32_with_heavy_tails(loss):
    """Slopes of single rows, rounded, are more than a weak penalty holds."""
    rng = np.random.default_rng(5)
    X = np.exp(2.0 * rng.normal(size=(3000, 30)))
    noise = 6.0 * rng.gumbel(size=(3000, 6))
    y = (np.log(X) @ rng.normal(size=(30, 6)) + noise).argmax(axis=1)
    X = X.astype(np.float32)
    single = make(loss).fit(X, y)
    double = make(loss).fit(X.astype(np.float64), y)
    assert single.gap_ <= 1e-4
    assert single.objective_ == pytest.approx(double.objective_, rel=2e-4)


@containers
@pytest.mark.parametrize("alpha", [1e-4, 1e-7])
@pytest.mark.parametrize("loss", HINGES)
def test_float32_keeps_the_margin(loss, alpha, container):
    """Coefficients that are rounded leave samples short of it, by more than a weak
    penalty is worth.
    """
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 300)).astype(np.float32), np.arange(40) % 4
    fit = make(loss, alpha=alpha, fit_intercept=False).fit(container(X), y)
    double = make(loss, alpha=alpha, fit_intercept=False).fit(X.astype(float), y)
    assert fit.coef_.dtype == np.float32
    assert fit.gap_ <= 1e-4
    assert fit.objective_ == pytest.approx(double.objective_, rel=2e-4)
    value = reference.objective_of(fit, X.astype(float), y)
    assert fit.objective_ == pytest.approx(value, rel=1e-6)


@losses
def test_what_rounding_costs_is_said(loss):
    """An offset of a million deviations cannot be stored in float32."""
    rng = np.random.default_rng(1)
    y = np.arange(60) % 3
    X = (1e6 + rng.normal(size=(60, 2)) + y[:, None]).astype(np.float32)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = make(loss).fit(X, y)
    assert fit.objective_ == pytest.approx(reference.objective_of(fit, X, y), rel=1e-9)
    assert fit.gap_ > fit.tol
    assert [each.category for each in caught] == [ConvergenceWarning]


# -- weights and empty data ------------------------------------------------------------


@losses
def test_weights_whose_sum_overflows(loss):
    X, y = load_wine(return_X_y=True)
    plain = make(loss, tol=1e-8).fit(X, y)
    heavy = make(loss, tol=1e-8).fit(X, y, sample_weight=np.full(len(y), 1e308))
    assert heavy.objective_ == pytest.approx(plain.objective_, rel=2e-8)


def test_weights_that_no_fit_can_tell_apart():
    X, y = load_wine(return_X_y=True)
    weight = 10.0 ** np.linspace(-300, 300, len(y))
    model = SVMClassifier()
    with pytest.raises(ValueError, match=r"weights.*orders of magnitude.*in class"):
        model.fit(X, y, sample_weight=weight)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("solver", ["auto", "sdca", "gd"])
@pytest.mark.parametrize("n_features", [4, 2000])
@losses
def test_no_entries_at_all(loss, n_features, solver, l1_ratio, fit_intercept):
    y = np.arange(200) % 3
    X = sparse.csr_matrix((200, n_features))
    fit = make(loss, solver=solver, l1_ratio=l1_ratio, fit_intercept=fit_intercept).fit(
        X, y
    )
    best = intercept_alone(y, None, loss, 1.0, fit_intercept)
    assert fit.objective_ == pytest.approx(best, rel=1.1e-4)
    assert fit.gap_ <= 1e-4
    assert not fit.coef_.any()


@containers
def test_entries_whose_powers_overflow(container):
    X, y = load_wine(return_X_y=True)
    X = X.copy()
    X[0, 0] = 1e200
    with pytest.raises(ValueError, match="StandardScaler"):
        SVMClassifier().fit(container(X), y)


@containers
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_that_were_promised_to_be_finite(value, container):
    X, y = load_wine(return_X_y=True)
    X = X.copy()
    X[3, 0] = value
    with config_context(assume_finite=True):
        with pytest.raises(ValueError, match="X contains NaN, infinity"):
            SVMClassifier().fit(container(X), y)


@losses
def test_columns_without_entries_cost_nothing(loss):
    rng = np.random.default_rng(0)
    small = sparse.random(150, 40, 0.2, format="csr", random_state=rng)
    y = np.arange(150) % 4
    width = 1 << 20
    places = np.sort(rng.choice(width, 40, replace=False)).astype(np.int32)
    parts = small.data, places[small.indices], small.indptr
    wide = sparse.csr_matrix(parts, shape=(150, width))
    narrow_fit = make(loss, tol=1e-6).fit(small, y)
    tracemalloc.start()
    fit = make(loss, tol=1e-6).fit(wide, y)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(fit.coef_[:, places], narrow_fit.coef_)
    assert np.count_nonzero(fit.coef_) == np.count_nonzero(narrow_fit.coef_)
    assert fit.n_features_in_ == width
    assert peak < 4 * fit.coef_.nbytes


@containers
@pytest.mark.parametrize("solver", ["newton", "gd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.1, 1.0, 3.0])
@pytest.mark.parametrize(("loss", "K"), [("squared_hinge", 8), ("softmax", 5)])
def test_a_constant_column_without_a_penalty(loss, K, value, dtype, solver, container):
    """It has no variance, though the mean of 0.1 is rounded."""
    y = np.r_[np.zeros(28, int), np.arange(1, K)]
    X = container(np.full((len(y), 1), value, dtype))
    fit = make(loss, alpha=0.0, solver=solver).fit(X, y)
    best = minimize(
        lambda b: reference.loss_terms(np.tile(b, (len(y), 1)), y, loss)[0].mean(),
        np.zeros(K),
    )
    assert fit.objective_ == pytest.approx(best.fun, rel=1e-5)
    assert fit.n_iter_ <= 20


def test_columns_that_only_validation_data_have():
    rng = np.random.default_rng(0)
    X = sparse.random(90, 20, 0.3, format="csr", random_state=rng)
    y = np.arange(90) % 3
    empty = sparse.csr_matrix((90, 50))
    wide = sparse.hstack([X, empty], format="csr")
    other = sparse.hstack([X, sparse.csr_matrix(np.ones((90, 50)))], format="csr")
    curves = [
        SoftmaxClassifier(alpha=0.01).fit(wide, y, X_val=V, y_val=y)
        for V in (wide, other)
    ]
    np.testing.assert_allclose(*[fit.validation_loss_curve_ for fit in curves])


# -- impossible certificates -----------------------------------------------------------


@losses
def test_a_bound_above_the_objective_raises(loss, monkeypatch):
    raise_bound = Certifier.raise_bound

    def too_high(self, *args):
        raise_bound(self, *args)
        self.bound += 0.5 * abs(self.bound) + 1.0

    monkeypatch.setattr(Certifier, "raise_bound", too_high)
    X, y = load_wine(return_X_y=True)
    with pytest.raises(RuntimeError, match="lower bound"):
        make(loss, alpha=0.1).fit(X, y)


# -- everything at once ----------------------------------------------------------------


def draw(seed):
    """A problem with scales over twelve decades, offsets, weights over thirty."""
    rng = np.random.default_rng(seed)
    K, d = int(rng.integers(2, 7)), int(rng.integers(1, 13))
    n = int(rng.integers(8, 60))
    single, is_sparse = rng.random() < 0.35, rng.random() < 0.4
    y = rng.permutation(np.arange(n) % K)
    Z = rng.normal(size=(n, d)) + rng.normal(size=(K, d))[y] * rng.uniform(0, 3)
    if is_sparse:
        Z[rng.random(Z.shape) < 0.5] = 0.0
    scale = 10.0 ** rng.uniform(-6, 6, d)
    X = Z * scale
    if rng.random() < 0.5:
        offset = 10.0 ** rng.uniform(0, 3 if single else 6, d)
        X += offset * scale * (rng.random(d) < 0.5) * (Z != 0.0 if is_sparse else 1.0)
    weight = 10.0 ** rng.uniform(-15, 15, n) if rng.random() < 0.5 else None
    loss = LOSSES[rng.integers(3)]
    parameters = {
        "alpha": 10.0 ** rng.uniform(-12, 3),
        "l1_ratio": rng.choice([0.0, 0.0, 0.5, 1.0]),
        "fit_intercept": bool(rng.random() < 0.8),
    }
    delta = 10.0 ** rng.uniform(-3, 3) if rng.random() < 0.5 else 1.0
    if loss != "softmax":
        parameters["delta"] = delta
    X = X.astype(np.float32 if single else np.float64)
    return (sparse.csr_matrix(X) if is_sparse else X), y, weight, loss, parameters


def intercept_alone(y, weight, loss, delta, fit_intercept):
    """The smallest objective without features."""
    K = y.max() + 1
    mass = np.bincount(y, weights=reference.shares(y, weight))
    n_rows = 1 if K == 2 else K
    if not fit_intercept:
        return reference.row_loss(np.zeros(n_rows), 0, loss, delta)[0]
    if loss == "softmax":
        return -(mass * np.log(mass)).sum()
    if K == 2:
        return (
            2.0 * delta * mass.min() if loss == "hinge" else 4 * delta**2 * mass.prod()
        )
    if loss == "squared_hinge":

        def value(b):
            terms = [reference.row_loss(b, k, loss, delta) for k in range(K)]
            return mass @ [v for v, _ in terms], mass @ [g for _, g in terms]

        options = {"ftol": 1e-15, "gtol": 1e-13}
        zero = np.zeros(K)
        return minimize(value, zero, jac=True, method="L-BFGS-B", options=options).fun
    pairs = [(k, j) for k in range(K) for j in range(K) if j != k]
    moves = np.zeros((len(pairs), K))
    for row, (k, j) in enumerate(pairs):
        moves[row, [k, j]] = -1.0, 1.0
    return linprog(
        np.r_[np.zeros(K), [mass[k] for k, _ in pairs]],
        np.hstack([moves, -np.eye(len(pairs))]),
        np.full(len(pairs), -delta),
        bounds=[(None, None)] * K + [(0.0, None)] * len(pairs),
    ).fun


def improved(model, X, y, weight, loss, parameters):
    """The objective after some steps of L-BFGS from a model, in units of the features.

    The hinge goes by a subgradient, which does for a comparison.
    """
    share = reference.shares(y, weight)
    scale = np.where(X.std(axis=0) > 0.0, X.std(axis=0), 1.0)
    mean = X.mean(axis=0) if parameters["fit_intercept"] else np.zeros(X.shape[1])
    Z = (X - mean) / scale
    W, delta = model.coef_.astype(float), parameters.get("delta", 1.0)
    alpha, l1_ratio = parameters["alpha"], parameters["l1_ratio"]
    b = model.intercept_ + W @ mean

    def value_and_gradient(v):
        U, c = v[: W.size].reshape(W.shape), v[W.size :]
        c = c if parameters["fit_intercept"] else b
        values, G = reference.loss_terms(Z @ U.T + c, y, loss, delta)
        G = share[:, None] * G
        V = U / scale
        slope = alpha * (l1_ratio * np.sign(V) + (1.0 - l1_ratio) * V) / scale
        value = share @ values + reference.penalty(V, alpha, l1_ratio)
        return value, np.append(G.T @ Z + slope, G.sum(axis=0))

    start = np.append(W * scale, b)
    steps = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 20, "maxfun": 30},
    )
    return min(steps.fun, value_and_gradient(start)[0])


def complaints(seed, max_iter=1000):
    """What is wrong with the default fit of a problem, and whether it warned."""
    X, y, weight, loss, parameters = draw(seed)
    model = make(loss, max_iter=max_iter, **parameters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, weight)
    dense = X.toarray() if sparse.issparse(X) else X
    delta = parameters.get("delta", 1.0)
    wrong = []
    warned = [w for w in caught if issubclass(w.category, ConvergenceWarning)]
    if len(warned) < len(caught):
        wrong.append("another warning")
    if not (np.isfinite(model.coef_).all() and np.isfinite(model.intercept_).all()):
        return [*wrong, "not finite"], bool(warned)
    if not warned and not model.gap_ <= model.tol:
        wrong.append("an open gap without a warning")
    value = reference.objective_of(model, dense, y, weight)
    terms = np.abs(model.coef_).astype(float) @ np.abs(dense).astype(float).max(axis=0)
    terms = (terms + np.abs(model.intercept_)).sum()
    slope = 2.0 * (delta + terms) if loss == "squared_hinge" else 1.0
    rounding = LARGE * (value + slope * terms)
    if abs(value - model.objective_) > rounding:
        wrong.append("another objective")
    alone = intercept_alone(y, weight, loss, delta, parameters["fit_intercept"])
    if X.dtype == np.float32:
        # The best intercept is no number of that precision.
        rounding += np.finfo(np.float32).eps * slope * (terms + delta)
    if value > alone * (1.0 + model.tol) + rounding:
        wrong.append("worse than the intercept alone")
    zero = reference.row_loss(np.zeros(len(model.coef_)), 0, loss, delta)[0]
    bound = value - model.gap_ * max(value, 1e-10 * zero)
    if bound > alone + rounding:
        wrong.append("a bound above the intercept alone")
    if bound > improved(model, dense, y, weight, loss, parameters) + rounding:
        wrong.append("a bound above another model")
    return wrong, bool(warned)


@slow_where(lambda start: start >= 20)
@pytest.mark.parametrize("start", range(0, 200, 20))
def test_hostile_draws(start):
    wrong = {seed: complaints(seed, 300)[0] for seed in range(start, start + 20)}
    assert not {seed: words for seed, words in wrong.items() if words}


@pytest.mark.parametrize("seed", [1112, 1203])
def test_interior_points_that_overflow(seed):
    """They left a model that was not finite, and fits raised."""
    assert complaints(seed)[0] == []
