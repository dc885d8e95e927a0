"""One step of dual coordinate ascent, against a general-purpose optimiser."""

import _reference as reference
import numpy as np
import pytest
from _objectives import make_objective
from scipy import optimize, sparse

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._design import design_of
from sklearn_linloss._design.csr import Csr
from sklearn_linloss._solvers import _continuation, _sdca
from sklearn_linloss._solvers._sdca import DualAscent

ALPHA = 0.3


def ascent_on(X, y, loss, l1_ratio=0.0, fit_intercept=False, delta=1.5):
    weight = 1.0 + np.arange(len(y)) % 2
    f = make_objective(
        X, y, loss, ALPHA, l1_ratio, delta, weight, fit_intercept=fit_intercept
    )
    ascent = DualAscent(f, np.random.default_rng(0))
    # Without a proximal term, unless a test wants one, and every change is made.
    ascent._strength = f.penalty.l2 if l1_ratio < 1.0 else ascent._strength
    ascent.settle(0.0)
    return f, ascent


def dual_objective(f, ascent, loss):
    signed = ascent.pull()
    return reference.dual_value(
        signed / f.share[:, None],
        f.design.rows(slice(None)),
        f.y,
        loss,
        f.penalty.alpha,
        l1_ratio=f.penalty.l1_ratio,
        delta=f.loss.delta,
        sample_weight=f.share,
    )


@pytest.mark.plain_python
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("seed", range(4))
def test_one_row_is_solved_exactly(loss, n_classes, seed):
    rng = np.random.default_rng(seed)
    X = 2.0 * rng.normal(size=(n_classes, 3))
    y = np.arange(n_classes)
    f, ascent = ascent_on(X, y, loss)
    ascent.iterate()
    before = ascent.dual.copy()
    row = seed % n_classes
    ascent._run_epoch(np.array([row]))
    reached = dual_objective(f, ascent, loss)

    others = [j for j in range(f.n_rows) if f.n_rows == 1 or j != row]

    def negative(a):
        ascent.dual = before.copy()
        ascent.dual[row, others] = a
        return -dual_objective(f, ascent, loss)

    bound = 1.0 if loss == "hinge" else None
    best = optimize.minimize(
        negative,
        before[row, others],
        bounds=[(0.0, bound)] * len(others),
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-10},
    )
    assert reached >= -best.fun - 1e-9
    assert reached <= -best.fun + 1e-6


@pytest.mark.plain_python
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_every_visit_raises_the_dual(loss, l1_ratio):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    f, ascent = ascent_on(X, y, loss, l1_ratio)
    values = [0.0]
    for row in rng.permutation(30):
        ascent._run_epoch(np.array([row]))
        values.append(dual_objective(f, ascent, loss))
    assert (np.diff(values) >= -1e-12).all()
    assert values[-1] > values[1] > 0.0


@pytest.mark.plain_python
@pytest.mark.parametrize(
    ("l1_ratio", "fit_intercept"),
    [(0.0, True), (0.0, False), (0.4, True), (0.4, False), (1.0, False)],
)
def test_sparse_rows_take_the_steps_of_dense_ones(l1_ratio, fit_intercept):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), np.arange(40) % 3
    X[rng.random(X.shape) < 0.5] = 0.0
    fits = []
    for container in (np.ascontiguousarray, sparse.csr_array):
        _, ascent = ascent_on(
            container(X), y, "hinge", l1_ratio, fit_intercept=fit_intercept
        )
        # Only dense rows are centred; without that the steps are the same.
        ascent._centre = np.zeros_like(ascent._centre)
        ascent._squares = (X**2).sum(axis=1)
        ascent._b_scale = 0.1 * fit_intercept
        ascent._visits_a_move = 0.0
        ascent._rng = np.random.default_rng(0)
        for _ in range(3):
            ascent.iterate()
        fits.append(ascent)
    dense, by_row = fits
    np.testing.assert_allclose(by_row.dual, dense.dual, atol=1e-10)
    np.testing.assert_allclose(by_row._W.T, dense._W, atol=1e-10)
    np.testing.assert_allclose(by_row._b, dense._b, atol=1e-10)


@pytest.mark.plain_python
def test_the_model_is_that_of_the_dual_variables():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), np.arange(30) % 3
    f, ascent = ascent_on(X, y, "hinge", l1_ratio=0.4)
    for _ in range(3):
        ascent.iterate()
    V = ascent.pull().T @ X
    l1, l2 = 0.4 * ALPHA, 0.6 * ALPHA
    expected = -np.sign(V) * np.maximum(np.abs(V) - l1, 0.0) / l2
    W, _ = f.unpack(ascent.model())
    np.testing.assert_allclose(W, expected, atol=1e-12)
    assert (W == 0.0).any()


@pytest.mark.plain_python
def test_a_start_on_sparse_rows_is_in_their_coordinates():
    # Once centred as the objective is, unlike the rows that it visits.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)) + 3.0, np.arange(30) % 3
    f, ascent = ascent_on(sparse.csr_array(X), y, "hinge", fit_intercept=True)
    W, b = rng.normal(size=(3, 4)), rng.normal(size=3)
    ascent._strength, ascent._b_scale = ALPHA, 0.0
    ascent.start_near(f.pack(W, b))
    start_W, start_b = f.unpack(ascent.model())
    np.testing.assert_allclose(start_b, b)
    expected = -ascent.pull().T @ X / ALPHA
    assert np.abs(ascent.pull().sum(axis=0)).max() > 0.01
    np.testing.assert_allclose(start_W, expected)


@pytest.mark.plain_python
@pytest.mark.parametrize("l1_ratio", [0.0, 0.4])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_the_gap_is_that_of_model_and_dual_variables(loss, l1_ratio):
    rng = np.random.default_rng(0)
    X, y = 3.0 * rng.normal(size=(30, 4)), np.arange(30) % 3
    f, ascent = ascent_on(X, y, loss, l1_ratio)
    ascent._strength = 5.0 * f.penalty.l2
    for left in (1.0, 0.6, 0.6, 0.6, 0.1, 1.0, 1.0, 1.0):
        ascent.iterate()
        theta = ascent.model()
        W, b = f.unpack(theta)
        primal = reference.objective(
            W,
            b,
            X,
            y,
            loss,
            ALPHA,
            l1_ratio=l1_ratio,
            delta=f.loss.delta,
            sample_weight=f.share,
        )
        scores = X @ W.T
        gap = ascent.gap(scores, f.loss_value(scores))
        expected = primal - dual_objective(f, ascent, loss)
        np.testing.assert_allclose(gap, expected, rtol=1e-8, atol=1e-12)
        # Weakening the proximal term changes neither rows nor what belongs together.
        strength, dual = ascent._strength, ascent.dual.copy()
        ascent._relax(left)
        assert ascent._strength == max(left * strength, f.penalty.l2)
        np.testing.assert_array_equal(ascent.dual, dual)
        U = -ascent.pull().T @ X
        U += (ascent._strength - f.penalty.l2) * ascent._W_anchor
        U = np.sign(U) * np.maximum(np.abs(U) - f.penalty.l1, 0.0)
        W, _ = f.unpack(ascent.model())
        np.testing.assert_allclose(W, U / ascent._strength, atol=1e-12)
    assert ascent._strength == f.penalty.l2
    assert gap < 0.3 * primal


def binary_rows(n_samples=60):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, 5))
    X[rng.random(X.shape) < 0.4] = 0.0
    y = (X[:, 0] + 0.5 * rng.normal(size=n_samples) > 0.0).astype(int)
    return X, y


@pytest.mark.plain_python
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_scores_tell_which_rows_raise_the_dual(loss):
    X, y = binary_rows()
    f, ascent = ascent_on(X, y, loss)
    ascent._still = 1e-9
    for _ in range(3):
        ascent.iterate()
    W, _ = f.unpack(ascent.model())
    told = ascent._movable(X @ W.T)
    at = ascent.dual.copy()
    reached = dual_objective(f, ascent, loss)
    cap = np.inf if loss == "squared_hinge" else 1.0
    for row, movable in enumerate(told):
        better = False
        for step in (1e-5, -1e-5):
            ascent.dual = at.copy()
            ascent.dual[row] = np.clip(at[row] + step, 0.0, cap)
            better |= dual_objective(f, ascent, loss) > reached + 1e-15
        if better:
            assert movable
        ascent.dual = at.copy()
        ascent.refresh()
        ascent._run_epoch(np.array([row]))
        assert movable == (ascent.dual[row] != at[row])
    assert not told.all()


@pytest.mark.plain_python
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_rows_of_two_classes_sleep_and_wake(loss, fit_intercept):
    X, y = binary_rows()
    f, ascent = ascent_on(X, y, loss, fit_intercept=fit_intercept)
    visited, scores = [], None
    run_epoch = ascent._run_epoch
    ascent._run_epoch = lambda order: (visited.append(len(order)), run_epoch(order))[1]
    for _ in range(60):
        ascent.iterate(scores)
        W, b = f.unpack(ascent.model())
        scores = (X @ W.T + b).reshape(-1, 1)
        loss_value = f.loss_value(scores)
        ascent.settle(ascent.gap(scores, loss_value))
    primal = reference.objective(
        W, b, X, y, loss, ALPHA, delta=f.loss.delta, sample_weight=f.share
    )
    assert primal - dual_objective(f, ascent, loss) <= 1e-8 * primal
    # Of the hinge, few rows have their slack between kinks.
    most = 0.5 if loss == "hinge" else 0.99
    assert sum(visited) <= most * len(y) * len(visited)


@pytest.mark.plain_python
@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_what_an_epoch_says_that_it_gains(loss, n_classes, kind):
    X, y = binary_rows()
    y = y + 2 * (X[:, 1] > 1.0) * (n_classes > 2)
    f, ascent = ascent_on(kind(X), y, loss)
    ascent.iterate()
    before = ascent.pull()
    gain = ascent._run_epoch(np.arange(0, len(y), 2))
    change = (ascent.pull() - before) / f.share[:, None]
    q = f.share * np.square(X).sum(axis=1) / f.penalty.l2
    expected = (f.share * (1.0 + q)) @ np.square(change).sum(axis=1)
    assert gain == pytest.approx(expected, rel=1e-12)
    assert gain > 0.0


@pytest.mark.plain_python
def test_an_iteration_ends_where_its_epochs_gain_too_little():
    rows, rules = np.arange(100), _sdca.RULES
    rest = _sdca._Shrinking(len(rows))
    rest.look(None)
    around = rules.scores * len(rows) + rules.calls_of_iteration
    takes = len(rows) + rules.calls_of_epoch
    # Each epoch gains half of the last one: the first whose rate is below the mean one.
    for count in range(1, 30):
        rest.note(rows, np.zeros(len(rows), np.int32), 0.5**count)
        mean = (1.0 - 0.5**count) / (around + count * takes)
        assert rest.over == (0.5**count / takes < mean)
        if rest.over:
            break
    assert 2 < count < 10
    rest.look(lambda: rows < 3)
    assert not rest.over


def test_moments_are_not_needed_to_see_that_a_penalty_is_strong(monkeypatch):
    """On sparse rows they took as long as several epochs."""
    X, y = binary_rows()

    def fail(*args):
        raise AssertionError

    monkeypatch.setattr(Csr, "moments", fail)
    for loss in ("hinge", "squared_hinge"):
        f = make_objective(sparse.csr_array(X), y, loss, 1e-3, fit_intercept=False)
        assert not _continuation.is_weak(f)


@pytest.mark.parametrize("kind", [np.array, sparse.csr_array])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_a_penalty_is_weak_below_a_part_of_the_variance(kind, fit_intercept):
    X, y = binary_rows()
    X = X + 3.0
    variance = ((X - X.mean(axis=0)) ** 2).mean(axis=0).sum()
    for factor in (0.9, 1.1):
        alpha = factor * _continuation.RULES.weak * variance / len(y)
        f = make_objective(kind(X), y, "hinge", alpha, fit_intercept=fit_intercept)
        assert _continuation.is_weak(f) == (factor < 1.0)


@pytest.mark.plain_python
def test_without_scores_no_row_stays_asleep():
    X, y = binary_rows()
    _, ascent = ascent_on(X, y, "hinge")
    for _ in range(40):
        ascent.iterate()
    visited = []
    run_epoch = ascent._run_epoch
    ascent._run_epoch = lambda order: (visited.extend(order), run_epoch(order))[1]
    ascent.iterate()
    assert set(visited) == set(range(len(y)))


@pytest.mark.plain_python
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_squared_norms_of_sparse_rows(dtype):
    X = np.random.default_rng(0).normal(size=(9, 4)).astype(dtype)
    X[3] = X[8] = X[5, 1:] = 0.0
    squares = design_of(sparse.csr_array(X)).squared_norms(None)
    np.testing.assert_allclose(squares, (X.astype(float) ** 2).sum(axis=1), rtol=1e-12)


@pytest.mark.parametrize(
    ("Classifier", "most"), [(SVMClassifier, 70), (SoftmaxClassifier, 15)]
)
def test_a_weak_penalty_does_not_slow_the_ascent_down(Classifier, most, standardised):
    # Without a proximal term that takes 126 and 22 iterations, with it 44 and 9.
    X, y = standardised("digits")
    model = Classifier(alpha=1e-4, solver="sdca", tol=1e-2, random_state=0).fit(X, y)
    assert model.gap_ <= 1e-2
    assert model.n_iter_ <= most


def test_few_iterations_lead_the_way_for_newton_on_small_data(standardised):
    # With a proximal term in them 92 iterations, without it 18.
    X, y = standardised("wine")
    model = SVMClassifier(alpha=1e-6, solver="newton", random_state=0).fit(X, y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ <= 45


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_start_near_the_optimum_saves_iterations(loss, standardised):
    X, y = standardised("digits")
    common = {"loss": loss, "solver": "sdca", "tol": 1e-3, "random_state": 0}
    neighbour = SVMClassifier(**common, alpha=1.1e-2).fit(X, y)
    cold = SVMClassifier(**common, alpha=1e-2).fit(X, y)
    warm = SVMClassifier(**common, alpha=1e-2).fit(
        X, y, coef_init=neighbour.coef_, intercept_init=neighbour.intercept_
    )
    assert warm.gap_ <= 1e-3
    assert warm.n_iter_ < cold.n_iter_


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_an_optimum_near_zero_is_certified_for_single_precision(kind, fit_intercept):
    # More features than samples: the optimum is a hundred-thousandth of that at zero,
    # and the gap that is asked for less than what scores in float32 tell.
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3
    X = rng.normal(size=(90, 4000)).astype(np.float32)
    X = sparse.csr_matrix(X) if kind == "csr" else X
    params = dict(alpha=1e-3, tol=1e-3, solver="sdca", fit_intercept=fit_intercept)
    model = SVMClassifier(random_state=0, **params).fit(X, y)
    assert model.coef_.dtype == np.float32
    assert model.objective_ < 1e-4 * model.loss_curve_[0]
    assert model.gap_ <= 1e-3
    assert model.n_iter_ < 100
