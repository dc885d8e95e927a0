"""The optimum of problems that are hard for one reason each, and of known equals."""

from dataclasses import replace
from itertools import product

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make, models
from _objectives import make_objective
from scipy import optimize, sparse
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import normalize
from sklearn.svm import SVC

from sklearn_linloss import losses
from sklearn_linloss._penalty import ElasticNet
from sklearn_linloss._solvers import (
    Request,
    _common,
    _metric,
    _newton,
    _secants,
    _steps,
    choose,
)
from sklearn_linloss._solvers._common import best_multiple

HINGES = ("hinge", "squared_hinge")
PENALTIES = {"l2": 0.0, "elastic_net": 0.5, "l1": 1.0}

all_losses = pytest.mark.parametrize("loss", LOSSES)
penalties = pytest.mark.parametrize(
    "l1_ratio", PENALTIES.values(), ids=PENALTIES.keys()
)
intercepts = pytest.mark.parametrize("fit_intercept", [True, False])


def blobs(n, d, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(n_classes, d))[y], y


def hinge_optimum(X, y, n_classes, fit_intercept):
    """Smallest mean hinge without a penalty, as a linear program."""
    n, d = X.shape
    if fit_intercept:
        X = np.hstack([X, np.ones((n, 1))])
        d += 1
    pairs = [(i, j) for i in range(n) for j in range(n_classes) if j != y[i]]
    A = sparse.lil_matrix((len(pairs), n_classes * d + len(pairs)))
    for r, (i, j) in enumerate(pairs):
        A[r, j * d : (j + 1) * d] = X[i]
        A[r, y[i] * d : (y[i] + 1) * d] = -X[i]
        A[r, n_classes * d + r] = -1.0
    cost = np.r_[np.zeros(n_classes * d), np.full(len(pairs), 1.0 / n)]
    free = [(None, None)] * (n_classes * d)
    result = optimize.linprog(
        cost,
        A_ub=A.tocsr(),
        b_ub=-np.ones(len(pairs)),
        bounds=free + [(0.0, None)] * len(pairs),
    )
    return result.fun


# -- known equals --------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1e-3, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("solver", ["auto", "newton", "sdca"])
def test_two_class_hinge_has_the_objective_of_svc(solver, alpha, breast_cancer):
    X, y = breast_cancer
    ours = make("hinge", solver=solver, alpha=alpha, tol=1e-7, max_iter=50_000)
    ours.fit(X, y)
    theirs = SVC(kernel="linear", C=1.0 / (alpha * len(y)), tol=1e-9).fit(X, y)
    best = reference.objective(theirs.coef_, theirs.intercept_, X, y, "hinge", alpha)
    assert ours.objective_ == pytest.approx(best, rel=1e-6)


@penalties
@intercepts
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("delta", [0.2, 1.0, 7.0])
@pytest.mark.parametrize("loss", HINGES)
def test_a_margin_is_a_strength(loss, delta, n_classes, fit_intercept, l1_ratio):
    """F*(alpha, rho, delta) = scale * F*(alpha', rho', 1)."""
    X, y = blobs(60, 4, n_classes)
    alpha = 0.05
    if loss == "hinge":
        scale, l1, l2 = delta, alpha * l1_ratio, alpha * delta * (1.0 - l1_ratio)
    else:
        scale, l1, l2 = delta**2, alpha * l1_ratio / delta, alpha * (1.0 - l1_ratio)
    common = {"tol": 1e-9, "fit_intercept": fit_intercept}
    left = make(loss, alpha=alpha, l1_ratio=l1_ratio, delta=delta, **common)
    right = make(loss, alpha=l1 + l2, l1_ratio=l1 / (l1 + l2), **common)
    left.fit(X, y)
    right.fit(X, y)
    assert left.objective_ == pytest.approx(scale * right.objective_, rel=1e-6)
    if l1_ratio < 1.0:
        # Strong convexity determines the coefficients.
        np.testing.assert_allclose(left.coef_ / delta, right.coef_, atol=5e-4)


@intercepts
@pytest.mark.parametrize("loss", HINGES)
def test_separable_rows_reach_zero_without_a_penalty(loss, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20, 5))
    y = X[:, :3].argmax(axis=1)
    model = make(loss, alpha=0.0, fit_intercept=fit_intercept).fit(X, y)
    assert model.objective_ == pytest.approx(0.0, abs=1e-12)


@intercepts
@pytest.mark.parametrize("seed", range(3))
def test_the_hinge_without_a_penalty_is_a_linear_program(seed, fit_intercept):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(60, 3)) + 2.0, rng.integers(3, size=60)
    model = make("hinge", alpha=0.0, tol=1e-6, fit_intercept=fit_intercept).fit(X, y)
    best = hinge_optimum(X, y, 3, fit_intercept)
    assert model.objective_ == pytest.approx(best, rel=1e-5)


# -- hard for one reason -------------------------------------------------------------


def assert_reaches(model, X, y, tol):
    """The gap, and a second opinion on the objective; no warning is an error."""
    model.set_params(tol=tol).fit(X, y)
    assert model.gap_ <= tol
    value = reference.objective_of(model, X, y)
    assert model.objective_ == pytest.approx(value, rel=1e-10)


@penalties
@all_losses
def test_features_of_very_different_scales(loss, l1_ratio, breast_cancer):
    X, y = breast_cancer
    factor = np.logspace(-3, 3, X.shape[1])
    model = make(loss, alpha=1e-2, l1_ratio=l1_ratio)
    assert_reaches(model, X * factor, y, 1e-6)


@all_losses
def test_a_scale_is_a_strength(loss, iris):
    """Features times s and alpha times s^2 are the same problem."""
    X, y = iris
    plain = make(loss, alpha=1e-2, tol=1e-9).fit(X, y)
    for scale in (1e3, 1e-3):
        scaled = make(loss, alpha=1e-2 * scale**2, tol=1e-9).fit(scale * X, y)
        assert scaled.objective_ == pytest.approx(plain.objective_, rel=1e-8)
        assert scaled.n_iter_ <= 1.5 * plain.n_iter_ + 5


@all_losses
def test_a_duplicated_feature_doubles_the_budget(loss, iris):
    """Two equal columns share a weight: half the L2 penalty for the same scores."""
    X, y = iris
    single = make(loss, alpha=0.5e-2, tol=1e-9).fit(X, y)
    double = make(loss, alpha=1e-2)
    assert_reaches(double, np.hstack([X, X]), y, 1e-9)
    assert double.objective_ == pytest.approx(single.objective_, rel=1e-8)


@penalties
@all_losses
def test_a_constant_feature_is_left_alone(loss, l1_ratio, iris):
    X, y = iris
    without = make(loss, alpha=1e-2, l1_ratio=l1_ratio, tol=1e-8).fit(X, y)
    model = make(loss, alpha=1e-2, l1_ratio=l1_ratio)
    assert_reaches(model, np.hstack([X, np.full((len(y), 1), 5.0)]), y, 1e-8)
    assert model.objective_ == pytest.approx(without.objective_, rel=1e-7)
    np.testing.assert_allclose(model.coef_[:, -1], 0.0, atol=1e-6)


@all_losses
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_many_classes(loss, fit_intercept):
    X, y = blobs(600, 8, 150)
    model = make(loss, alpha=1e-3, fit_intercept=fit_intercept)
    assert_reaches(model, X, y, 1e-5)


@intercepts
@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
@pytest.mark.parametrize("loss", HINGES)
def test_more_coefficients_than_samples(loss, container, fit_intercept):
    X, y = blobs(100, 800, 5)
    X[np.abs(X) < 1.0] = 0.0
    model = make(loss, alpha=1e-2, fit_intercept=fit_intercept)
    assert_reaches(model, container(X), y, 1e-7)
    # In the space of the rows it is a small problem.
    _, r = np.linalg.qr((X - fit_intercept * X.mean(axis=0)).T)
    small = make(loss, alpha=1e-2, fit_intercept=fit_intercept, tol=1e-7).fit(r.T, y)
    assert model.objective_ == pytest.approx(small.objective_, rel=2e-7)


@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
@pytest.mark.parametrize("loss", HINGES)
def test_many_coefficients_and_many_samples(loss, container):
    X, y = blobs(600, 400, 10)
    X[np.abs(X) < 1.0] = 0.0
    model = make(loss, alpha=1e-2)
    assert_reaches(model, container(X), y, 1e-4)
    assert model.solver_ == "newton"


@pytest.fixture
def by_secants(monkeypatch):
    """Every fit goes by quasi-Newton steps; how many, a list, afterwards."""
    made = []
    step = _secants.Descent.step

    def note(descent):
        made.append(descent)
        return step(descent)

    monkeypatch.setattr(_secants.Descent, "step", note)
    monkeypatch.setattr(_newton, "secants_pay", lambda f: True)
    monkeypatch.setattr(_newton, "ascent_pays", lambda f, warm: False)
    return made


@pytest.fixture(scope="module")
def ill_conditioned():
    """1000 samples in ten classes, with 350 features of very different deviations."""
    X, y = blobs(1000, 350, 10)
    rotation, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(350, 350)))
    return X * np.arange(1.0, 351.0) ** -1.5 @ rotation, y


@pytest.mark.parametrize(
    ("n_classes", "stored"), [(2, 1.0), (4, 1.0), (4, 0.05), (12, 1.0), (12, 0.05)]
)
def test_the_squared_hinge_makes_no_matrix_where_steps_without_do(
    n_classes, stored, monkeypatch
):
    """Classes that overlap, a weak penalty, and a matrix of 1200 to 2900 rows."""
    matrices = []
    system = _steps.solve_by_coefficients

    def note(*arguments):
        matrices.append(arguments)
        return system(*arguments)

    monkeypatch.setattr(_steps, "solve_by_coefficients", note)
    d = {2: 1200, 4: 600, 12: 240}[n_classes]
    rng = np.random.default_rng(n_classes)
    X = rng.normal(size=(3000, d)) * (rng.random((3000, d)) < stored)
    scores = X @ rng.normal(size=(d, n_classes)) / np.sqrt(stored * d)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    X = sparse.csr_array(X) if stored < 1.0 else X
    model = make("squared_hinge", alpha=1e-4, random_state=0)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 150
    assert not matrices


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("n_features", "as_newton"), [(20000, True), (20001, False)])
def test_wide_data_have_newton_while_a_metric_can_be_had(loss, n_features, as_newton):
    loss = getattr(losses, loss).at_margin()
    request = Request(loss, ElasticNet(1e-6, 0.0), "auto", 20000, n_features, 10)
    # The hinge can always begin as an ascent.
    expected = "newton" if as_newton or not loss.smooth else "sdca"
    assert choose("auto", request) == expected


@pytest.mark.parametrize(("n_samples", "solver"), [(30_000, "lbfgs"), (10_000, "sdca")])
def test_two_classes_of_wide_text(n_samples, solver):
    loss = losses.softmax.at_margin()
    request = Request(loss, ElasticNet(1e-4, 0.0), "auto", n_samples, 25_000, 1)
    assert choose("auto", request) == solver


@pytest.mark.parametrize(("is_sparse", "solver"), [(True, "sdca"), (False, "lbfgs")])
def test_few_samples_of_many_features(is_sparse, solver):
    loss = losses.softmax.at_margin()
    request = Request(loss, ElasticNet(1e-4, 0.0), "auto", 2000, 30_000, 5)
    assert choose("auto", replace(request, sparse=is_sparse)) == solver


def test_a_loss_without_rows_in_turn_has_lbfgs_on_few_sparse_samples():
    """As its kernels are not compiled."""

    class Uncompiled(type(losses.softmax.at_margin())):
        code = None

    loss = Uncompiled()
    request = Request(loss, ElasticNet(1e-4, 0.0), "auto", 2000, 30_000, 5)
    assert choose("auto", replace(request, sparse=True)) == "lbfgs"


def test_gradient_descent_without_a_penalty_ends_in_single_precision():
    """Far from zero rounding the coefficients moves the gradient."""
    X, y = load_iris(return_X_y=True)
    rng = np.random.default_rng(0)
    y = np.where(rng.random(150) < 0.2, rng.integers(0, 3, 150), y)
    X = (X + 30.0).astype(np.float32)
    model = make("softmax", alpha=0, solver="gd", tol=1e-6, max_iter=3000).fit(X, y)
    assert model.n_iter_ < 500


def few_documents():
    """400 documents of about 22000 words, without any relation to their classes."""
    rng = np.random.default_rng(0)
    words, rows = rng.integers(0, 30_000, 40_000), np.repeat(np.arange(400), 100)
    X = sparse.csr_array((np.ones(40_000), (rows, words)), (400, 30_000))
    return X, rng.integers(0, 4, 400)


def test_few_documents_of_many_words():
    model = make("softmax", alpha=1e-6, random_state=0)
    assert_reaches(model, *few_documents(), 1e-4)
    assert model.solver_ == "sdca"
    assert model.n_iter_ < 100


@pytest.mark.parametrize(
    ("loss", "shape", "n_words", "n_classes", "alpha"),
    [
        ("hinge", (8000, 20_000), 80, 2, 3e-6),
        ("hinge", (5000, 3000), 60, 2, 1e-6),
        ("softmax", (800, 20_000), 150, 10, 1e-6),
    ],
)
def test_ascent_goes_on_where_rows_have_few_entries(
    loss, shape, n_words, n_classes, alpha, monkeypatch
):
    """Its iterations cost next to nothing beside a metric, or a matrix of pairs."""
    for steps in ("take_steps", "descend"):
        monkeypatch.setattr(_newton, steps, lambda *args: pytest.fail("no ascent"))
    rng = np.random.default_rng(0)
    words = (shape[1] ** rng.random((shape[0], n_words))).astype(int)
    rows = np.repeat(np.arange(shape[0]), n_words)
    X = sparse.csr_matrix((np.ones(words.size), (rows, words.ravel())), shape)
    X = normalize(X)
    scores = X @ rng.normal(size=(shape[1], n_classes))
    scores += 0.3 * scores.std() * rng.normal(size=scores.shape)
    model = make(loss, alpha=alpha, random_state=0)
    assert_reaches(model, X, scores.argmax(axis=1), 1e-4)


def test_ascent_on_text_goes_on_while_the_intercept_moves(monkeypatch):
    for steps in ("take_steps", "descend"):
        monkeypatch.setattr(_newton, steps, lambda *args: pytest.fail("no ascent"))
    rng = np.random.default_rng(0)
    chance = np.arange(1.0, 100_001) ** -1.05
    words = rng.choice(100_000, (10_000, 60), p=chance / chance.sum())
    rows = np.repeat(np.arange(10_000), 60)
    X = normalize(sparse.csr_matrix((np.ones(words.size), (rows, words.ravel()))))
    scores = X @ rng.normal(size=X.shape[1]) + 0.1 * rng.normal(size=10_000)
    model = make("hinge", alpha=1e-3, random_state=0)
    assert_reaches(model, X, (scores > 0.0).astype(int), 1e-5)


def test_lbfgs_goes_on_where_ascent_stalls(monkeypatch):
    never_near = dict(stalled_for=2, stalled_gap=0.0, stalled_objective=0.0)
    monkeypatch.setattr(_common, "RULES", replace(_common.RULES, **never_near))
    model = make("softmax", alpha=1e-6, random_state=0)
    assert_reaches(model, *few_documents(), 1e-4)
    assert model.solver_ == "lbfgs"


METRICS = {
    "all eigenvectors": {},
    "some for many features": {"sketched_from": 10, "most_features": 10},
    "some where they suffice": {"sketched_from": 10, "hidden": 1e4},
}


@all_losses
@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
@pytest.mark.parametrize("alpha", [1e-3, 1e-5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
def test_one_metric_for_all_classes(
    container, dtype, alpha, metric, loss, ill_conditioned, by_secants, monkeypatch
):
    rules = replace(_metric.RULES, rank=60, **metric)
    monkeypatch.setattr(_metric, "RULES", rules)
    X, y = ill_conditioned
    X = container(X.astype(dtype))
    model = make(loss, alpha=alpha, max_iter=5000)
    assert_reaches(model, X, y, 1e-4)
    assert by_secants


@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
@pytest.mark.parametrize("max_iter", [5, 10])
def test_an_early_end_has_a_gap_of_the_size_of_its_excess(
    max_iter, container, by_secants
):
    # The gap of the gradient of the loss is 12 and 16 times the excess.
    X, y = blobs(300, 50, 4)
    X = container(X * np.arange(1.0, 51.0) ** -1.5)
    lowest = make("squared_hinge", alpha=1e-3, solver="gd", tol=1e-9).fit(X, y)
    model = make("squared_hinge", alpha=1e-3, solver="newton", max_iter=max_iter)
    with pytest.warns(ConvergenceWarning):
        model.set_params(tol=1e-8).fit(X, y)
    excess = 1.0 - lowest.objective_ / model.objective_
    assert len(by_secants) == max_iter
    assert excess <= model.gap_ <= 3.0 * excess


@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
def test_newton_goes_on_where_ascent_is_slow(container, ill_conditioned):
    X, y = ill_conditioned
    slow = make("hinge", alpha=1e-5, solver="sdca", max_iter=300, tol=0.0).fit(X, y)
    assert slow.gap_ > 1e-4
    model = make("hinge", alpha=1e-5)
    assert_reaches(model, container(X), y, 1e-6)
    assert model.n_iter_ < 100
    assert slow.objective_ * (1.0 - slow.gap_) <= model.objective_ < slow.objective_


@pytest.mark.parametrize(("most", "exact"), [(3400, True), (0, False)])
def test_exact_steps_for_few_active_pairs(most, exact, ill_conditioned, monkeypatch):
    X, y = ill_conditioned
    reference = make("hinge", alpha=1e-5, tol=1e-7).fit(X, y)
    pairs = []
    solve = _steps.solve_by_pairs

    def count(f, second, ridge, right):
        pairs.append(np.count_nonzero(second))
        return solve(f, second, ridge, right)

    monkeypatch.setattr(_steps, "solve_by_pairs", count)
    monkeypatch.setattr(_newton, "RULES", replace(_newton.RULES, most_pairs=most))
    monkeypatch.setattr(_steps, "RULES", replace(_newton.RULES, most_pairs=most))
    model = make("hinge", alpha=1e-5)
    assert_reaches(model, X, y, 1e-4)
    assert bool(pairs) == exact
    assert max(pairs, default=0) <= most
    assert model.objective_ == pytest.approx(reference.objective_, rel=2e-4)


@pytest.mark.parametrize("seed", range(4))
def test_classes_that_come_apart(seed):
    """There quasi-Newton steps from an early model are a fiftieth of their length."""
    X, y = make_classification(1500, 1000, n_informative=8, n_classes=4, random_state=0)
    model = make("squared_hinge", random_state=seed)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 200


@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
def test_many_classes_take_few_steps(container, monkeypatch):
    """On dense rows, by products with the active pairs; on others as before."""
    numbers = []
    solve = _secants.solve_by_pair_products

    def count(f, second, *args, **kwargs):
        numbers.append(np.count_nonzero(second))
        return solve(f, second, *args, **kwargs)

    monkeypatch.setattr(_secants, "solve_by_pair_products", count)
    rng = np.random.default_rng(0)
    y = np.arange(2500) % 180
    X = rng.normal(size=(2500, 16)) + 0.5 * rng.normal(size=(180, 16))[y]
    model = make("hinge", alpha=1e-3)
    assert_reaches(model, container(X), y, 1e-3)
    if container is sparse.csr_array:
        assert not numbers
        return
    assert 10 < len(numbers) <= model.n_iter_ < 50  # 83 by quasi-Newton steps
    assert max(numbers) < 0.2 * 2500 * 180


@pytest.mark.parametrize("alpha", [1e-5, 1e-6])
def test_weak_penalties_take_few_steps_where_classes_overlap(alpha):
    """As many as 157 and 164, when each began with a matrix of all coefficients."""
    rng = np.random.default_rng(0)
    y = np.arange(2000) % 25
    X = rng.normal(size=(2000, 15)) + 0.5 * rng.normal(size=(25, 15))[y]
    model = make("hinge", alpha=alpha)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 80


def test_few_samples_of_many_classes(monkeypatch):
    # Less than ascent is otherwise worth, and more pairs than Newton's method takes.
    monkeypatch.setattr(_newton, "RULES", replace(_newton.RULES, most_pairs=300))
    monkeypatch.setattr(_steps, "RULES", replace(_newton.RULES, most_pairs=300))
    X, y = blobs(90, 80, 40)
    model = make("hinge", alpha=1e-3)
    assert_reaches(model, X, y, 1e-4)


def test_ascent_is_not_left_where_margins_are_hard():
    # Its gap swings over decades until it falls at once; steps crawl from kink to kink.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 200))
    y = (X @ rng.normal(size=(200, 30)) + rng.gumbel(size=(600, 30))).argmax(axis=1)
    model = make("hinge", alpha=1e-6)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 130


def test_ascent_after_short_steps_is_brief():
    # Newton's steps on the squared hinge get stuck here, and need multipliers from an
    # ascent that cannot reach the optimum either.
    X, y = load_digits(return_X_y=True)
    X = X / 16.0
    X = np.hstack([X, X[:, :-1] * X[:, 1:]])
    model = make("squared_hinge", alpha=1e-8)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 170


@pytest.mark.parametrize("solver", ["auto", "sdca"])
@pytest.mark.parametrize("alpha", [1e-3, 1e-6, 1e-8])
def test_the_margin_is_found_however_weak_the_penalty(alpha, solver):
    # Far more features than samples: all margins are met, and the model is the same.
    X, y = make_classification(150, 600, n_informative=8, n_classes=4, random_state=0)
    hard = make("hinge", alpha=1e-3, tol=1e-4, solver=solver).fit(X, y)
    model = make("hinge", alpha=alpha, solver=solver)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 100
    scale = np.abs(hard.coef_).max()
    np.testing.assert_allclose(model.coef_, hard.coef_, atol=0.05 * scale)


@pytest.mark.parametrize("alpha", [1e-2, 1e-4])
@pytest.mark.parametrize("loss", HINGES)
def test_the_margin_is_found_on_raw_features(loss, alpha):
    # A mean square of 1e5: the default strength is next to nothing. The largest margin
    # is that of a stronger penalty, at which dual ascent alone finds it.
    rng = np.random.default_rng(5)
    X, y = 100.0 * rng.lognormal(size=(450, 340)), rng.integers(10, size=450)
    hard = make("hinge", alpha=1.0, solver="sdca").fit(X, y)
    model = make(loss, alpha=alpha)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 150
    assert model.objective_ / alpha == pytest.approx(hard.objective_, rel=5e-4)


@pytest.mark.parametrize("alpha", [1e-6, 1e-7])
@pytest.mark.parametrize("loss", HINGES)
def test_rows_that_hardly_overlap_take_few_passes(loss, alpha):
    # Ascent alone finds their margin, and no way by stronger penalties is shorter.
    rng = np.random.default_rng(2)
    X, y = rng.normal(size=(300, 2000)), rng.integers(9, size=300)
    hard = make("hinge", alpha=1e-3, solver="sdca").fit(X, y)
    model = make(loss, alpha=alpha)
    assert_reaches(model, X, y, 1e-4)
    assert model.n_iter_ < 40
    assert model.objective_ / alpha == pytest.approx(hard.objective_ / 1e-3, rel=5e-4)


@pytest.mark.parametrize("loss", HINGES)
def test_heavy_rows_that_hardly_overlap_are_certified(loss):
    rng = np.random.default_rng(2)
    X, y = rng.lognormal(sigma=2.0, size=(300, 3000)), rng.integers(5, size=300)
    assert make(loss, alpha=1e-6).fit(X, y).gap_ <= 1e-4


@pytest.mark.parametrize("loss", HINGES)
def test_ascent_forgets_an_intercept_that_all_classes_have(loss):
    # It changes no loss, but the rounding of scores around it does.
    X, y = make_classification(
        100, 5, n_informative=4, n_redundant=0, n_classes=3, random_state=0
    )
    start = {"coef_init": np.ones((3, 5)), "intercept_init": np.full(3, 1e12)}
    model = make(loss, alpha=0.01, solver="sdca", random_state=0).fit(X, y, **start)
    assert np.abs(model.intercept_).max() < 1e3
    assert model.gap_ <= 1e-4


@pytest.mark.parametrize("max_iter", [1, 12, 25])
@pytest.mark.parametrize("loss", HINGES)
def test_a_fit_that_ends_on_its_way_has_a_true_gap(loss, max_iter):
    rng = np.random.default_rng(5)
    X, y = 100.0 * rng.lognormal(size=(450, 340)), rng.integers(10, size=450)
    best = make(loss, alpha=1e-4).fit(X, y)
    early = make(loss, alpha=1e-4, max_iter=max_iter, tol=1e-9)
    with pytest.warns(ConvergenceWarning):
        early.fit(X, y)
    assert early.n_iter_ == len(early.loss_curve_) - 1 == max_iter
    value = reference.objective_of(early, X, y)
    assert early.objective_ == pytest.approx(value, rel=1e-10)
    assert early.objective_ * (1.0 - early.gap_) <= best.objective_


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_rare_classes_of_much_weight_take_few_steps(loss, n_classes):
    # Dual ascent, with which larger fits begin, is as slow as the heaviest rows are.
    rng = np.random.default_rng(0)
    share = np.r_[0.97, np.full(n_classes - 1, 0.03 / (n_classes - 1))]
    y = rng.choice(n_classes, 20_000, p=share)
    centres = 0.3 * rng.normal(size=(n_classes, 20))
    X = rng.normal(size=(20_000, 20)) + centres[y]
    model = make(loss, class_weight="balanced", solver="newton", tol=1e-4).fit(X, y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ <= 6


def test_the_best_multiple_of_a_model():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 60)), np.arange(40) % 3
    margins_of_one = np.linalg.lstsq(X, np.eye(3)[y])[0].T
    for loss, l1_ratio in product(LOSSES, (0.0, 0.5)):
        f = make_objective(X, y, loss, 1e-6, l1_ratio)
        for size in (0.99, 1.0, 1.5):
            theta = size * f.pack(margins_of_one, np.zeros(3))
            theta *= 8.0 if loss == "softmax" else 1.0
            value = f.value(theta)
            assert value < 0.02 * f.value_at_zero
            multiple, better = best_multiple(f, theta, f.scores(theta), value, 1e-4)
            assert better == pytest.approx(f.value(multiple), rel=1e-12)
            best = optimize.minimize_scalar(
                lambda t, f=f, theta=theta: f.value(t * theta),
                bounds=(0.01, 10.0),
                method="bounded",
                options={"xatol": 1e-10},
            ).fun
            assert better - best <= 0.05 * (value - best) + 1e-5 * best
        far = 1e-3 * theta
        same, value = best_multiple(f, far, f.scores(far), f.value(far), 1e-4)
        assert same is far
        assert value == f.value(far)


@penalties
@pytest.mark.parametrize(
    "model",
    # Those that reach a tight tolerance.
    [m for m in models(HINGES) if m.solver not in ("gd", "sgd", "saga")],
    ids=str,
)
def test_the_solvers_of_a_hinge_agree(model, l1_ratio, breast_cancer):
    X, y = breast_cancer
    best = make(model.loss, alpha=1e-2, l1_ratio=l1_ratio, tol=1e-8).fit(X, y)
    other = model(alpha=1e-2, l1_ratio=l1_ratio, tol=1e-4, max_iter=20_000).fit(X, y)
    assert other.gap_ <= 1e-4
    assert other.objective_ == pytest.approx(best.objective_, rel=1.1e-4)


def test_float32_rows_end_close_to_float64(standardised):
    X, y = standardised("digits")
    double = make("hinge", solver="sdca", alpha=1e-2, tol=1e-5).fit(X, y)
    single = make("hinge", solver="sdca", alpha=1e-2, tol=1e-5)
    single.fit(X.astype(np.float32), y)
    assert single.coef_.dtype == np.float32
    assert single.gap_ <= 1e-5
    assert single.objective_ == pytest.approx(double.objective_, rel=3e-5)


@pytest.mark.parametrize("seed", [9, 394, 415, 539])
def test_what_rounding_costs_a_float32_model_is_gained_before(seed):
    """The optimum is at kinks, where rounding costs to first order: 3e-6 here."""
    X, y = load_iris(return_X_y=True)
    weight = np.ones(150)
    weight[[70, 83]] = 148.0
    model = make("hinge", alpha=1e-2, random_state=seed)
    model.fit(X.astype(np.float32), y, weight)
    assert model.gap_ <= model.tol


@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
def test_a_vanishing_slope_ends_a_fit_whose_objective_still_falls(solver):
    # Without a penalty the loss of separable classes falls for ever.
    y = np.arange(40) % 2
    X = np.random.default_rng(0).normal(size=(40, 3)) + 6.0 * y[:, None]
    model = make("softmax", alpha=0.0, solver=solver, tol=1e-2).fit(X, y)
    assert model.n_iter_ < 100
