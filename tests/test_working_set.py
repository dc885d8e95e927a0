"""Newton's method under an L1 penalty, its matrices and descents written out."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from _models import make
from _objectives import make_objective
from scipy import optimize, sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from sklearn_linloss import SoftmaxClassifier, _kernels, linear_path
from sklearn_linloss._solvers import _by_columns, _registry, _systems, _working_set
from sklearn_linloss._solvers._common import Options

LOSSES = ["softmax", "squared_hinge"]


def sparse_data(n_samples, n_features, n_classes, density=0.05, seed=0):
    """A few features that say something, among many."""
    rng = np.random.default_rng(seed)
    X = sparse.random(n_samples, n_features, density, "csr", random_state=rng)
    X = sparse.csr_array(X)
    W = np.zeros((n_classes, n_features))
    W[:, :20] = rng.normal(size=W[:, :20].shape)
    y = (X @ W.T + 0.1 * rng.normal(size=(n_samples, n_classes))).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X, y


def jacobian_product(f, second_of_sample):
    """J^T diag(second derivatives) J, J the Jacobian of the scores."""
    J = np.stack([f.scores(unit) for unit in np.eye(f.size)], axis=-1)
    return np.einsum("iap,iab,ibq->pq", J, second_of_sample, J)


def second_derivatives(f, scores):
    """pi_i times those of each sample, by differences of the gradient."""
    step = 1e-6
    columns = []
    for k in range(f.n_rows):
        ahead, behind = scores.copy(), scores.copy()
        ahead[:, k] += step
        behind[:, k] -= step
        change = f.loss_gradient(ahead)[1] - f.loss_gradient(behind)[1]
        columns.append(change / (2.0 * step))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_part_of_the_hessian(loss, container, n_classes, fit_intercept):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 9)) * (rng.random((50, 9)) < 0.15)
    y = np.arange(50) % n_classes
    f = make_objective(
        container(X),
        y,
        loss,
        weight=1.0 + y,
        fit_intercept=fit_intercept,
    )
    theta = rng.normal(size=f.size)
    scores = f.scores(theta)
    chosen = np.sort(rng.choice(f.n_penalised, 7, replace=False))
    _, pull = f.loss_gradient(scores)
    H = _systems.hessian_on(f, f.loss.second(pull, f.y, f.share), chosen)
    index = np.append(chosen, np.arange(f.n_penalised, f.size))
    expected = jacobian_product(f, second_derivatives(f, scores))[np.ix_(index, index)]
    if fit_intercept and n_classes > 2:
        corner = expected[len(chosen) :, len(chosen) :]
        corner += corner.trace() / n_classes  # what makes it definite
    np.testing.assert_allclose(H, expected, atol=1e-6)


def quadratic_model(f, theta):
    """The model of a Newton step as a function of the step, and its least value."""
    scores = f.scores(theta)
    gradient = f.backward(f.loss_gradient(scores)[1])
    H = jacobian_product(f, second_derivatives(f, scores))
    w = f.penalised(theta)

    def model(move):
        quadratic = gradient @ move + 0.5 * move @ H @ move
        return quadratic + f.penalty.value(w + f.penalised(move))

    # Of w = positive - negative, both bounded, the penalty is smooth.
    def split(u):
        positive, negative, b = np.split(u, [len(w), 2 * len(w)])
        move = np.append(positive - negative - w, b)
        slope = gradient + H @ move
        smooth = slope[: len(w)] + f.penalty.l2 * (positive - negative)
        gradients = [f.penalty.l1 + smooth, f.penalty.l1 - smooth, slope[len(w) :]]
        value = gradient @ move + 0.5 * move @ H @ move
        value += f.penalty.l1 * (positive + negative).sum()
        value += 0.5 * f.penalty.l2 * ((positive - negative) ** 2).sum()
        return value, np.concatenate(gradients)

    free = f.size - len(w)
    start = np.concatenate([np.maximum(w, 0.0), np.maximum(-w, 0.0), np.zeros(free)])
    best = optimize.minimize(
        split,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * (2 * len(w)) + [(None, None)] * free,
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-15, "gtol": 1e-10},
    )
    return model, best.fun


def start_of_a_step(loss, n_classes, seed=1, **settings):
    """An objective, and a model half of whose coefficients are zero."""
    rng = np.random.default_rng(seed)
    X, y = sparse_data(80, 12, n_classes, density=0.3)
    f = make_objective(X, y, loss, **settings)
    theta = 0.3 * rng.normal(size=f.size)
    theta[rng.random(f.size) < 0.5] = 0.0
    return f, theta


@pytest.mark.parametrize("calls", [1, 3])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_descent_by_columns_minimises_the_quadratic_model(loss, n_classes, calls):
    f, theta = start_of_a_step(loss, n_classes, alpha=0.02, l1_ratio=0.8, centre=False)
    _, pull = f.loss_gradient(f.scores(theta))
    gradient = f.backward(pull)
    w = f.penalised(theta).copy()
    classes, features = f.coordinates(np.arange(f.n_penalised))
    landing, b_move = w.copy(), np.zeros(f.n_rows)
    state = np.zeros((80, f.n_rows)), landing, b_move, np.empty(f.size)
    for _ in range(calls):  # each goes on from the last one
        f.design.descend(
            f.loss,
            _kernels.Terms(f.y, f.share, f.loss.delta, f.penalty.l1, f.penalty.l2),
            f.loss.second(pull, f.y, f.share),
            (features, classes),
            (f.penalised(gradient), f.intercepts(gradient), np.zeros(f.n_penalised)),
            2000 if calls == 1 else 10,
            1e-14,
            state,
        )
    model, least = quadratic_model(f, theta)
    accuracy = 1e-8 if calls == 1 else 1e-3
    assert model(np.append(landing - w, b_move)) == pytest.approx(least, abs=accuracy)
    assert (landing == 0.0).any()


@pytest.mark.parametrize("l1_ratio", [1.0, 0.8])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_conjugate_gradients_by_columns(loss, n_classes, fit_intercept, l1_ratio):
    f, theta = start_of_a_step(
        loss, n_classes, alpha=0.01, l1_ratio=l1_ratio, fit_intercept=fit_intercept
    )
    scores = f.scores(theta)
    _, pull = f.loss_gradient(scores)
    chosen = np.arange(f.n_penalised)
    quadratic = _by_columns.QuadraticByColumns(
        f, theta, scores, pull, f.backward(pull), chosen, np.zeros(f.n_penalised)
    )
    quadratic.minimize(1e-9)
    step, target = quadratic.step
    model, least = quadratic_model(f, theta)
    assert model(step) == pytest.approx(least, abs=1e-9)
    assert (target == 0.0).any()
    assert f.penalised(theta + step) == pytest.approx(target, abs=1e-14)


@pytest.mark.parametrize("container", [np.ascontiguousarray, sparse.csr_array])
def test_a_part_of_the_features(container):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(30, 8)) * (rng.random((30, 8)) < 0.5)
    f = make_objective(container(X), np.arange(30) % 3, "softmax", l1_ratio=1.0)
    features = np.array([1, 4, 6])
    part = _working_set._Part(f, features)
    some = rng.normal(size=part.f.size)
    whole = part.whole(some)
    np.testing.assert_array_equal(part.of(whole), some)
    np.testing.assert_allclose(part.f.scores(some), f.scores(whole))
    assert part.f.value(some) == pytest.approx(f.value(whole))
    chosen = np.array([0, 2, 5, 7])
    places = part.places(chosen)
    np.testing.assert_array_equal(f.penalised(whole)[places], some[chosen])
    there, back = part.among(np.sort(np.append(places, 0)))
    assert len(there) == len(back) == len(chosen)
    assert set(back) == set(chosen)


def test_what_classes_have_in_common_changes_no_loss():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 5))
    f = make_objective(X, np.arange(40) % 4, "softmax", l1_ratio=1.0)
    theta = 2.0 + rng.normal(size=f.size)
    before = f.loss_value(f.scores(theta)), f.penalty_value(theta)
    f.penalty.remove_common(f.coefficients(theta))
    assert f.loss_value(f.scores(theta)) == pytest.approx(before[0])
    assert f.penalty_value(theta) < before[1]
    for shift in (-1e-3, 1e-3):
        moved = theta.copy()
        f.penalised(moved)[:] += shift
        assert f.penalty_value(moved) >= f.penalty_value(theta)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("columns", [0, 1000], ids=["by columns", "by a matrix"])
def test_wide_sparse_data(columns, loss, n_classes, monkeypatch):
    rules = replace(_working_set.RULES, by_columns=columns, least=10)
    monkeypatch.setattr(_working_set, "RULES", rules)
    X, y = sparse_data(120, 4000, n_classes)
    model = make(loss, alpha=2e-3, l1_ratio=1.0, tol=1e-7).fit(X, y)
    assert model.solver_ == "newton"
    assert model.gap_ <= 1e-7
    assert 0 < np.count_nonzero(model.coef_) < 0.1 * model.coef_.size
    # All features at once, by steps that know no working set.
    other = make(loss, alpha=2e-3, l1_ratio=1.0, tol=1e-5, solver="gd", max_iter=50_000)
    assert model.objective_ == pytest.approx(other.fit(X, y).objective_, rel=2e-5)


def test_wide_sparse_data_of_two_classes_against_liblinear():
    X, y = sparse_data(300, 4000, 2)
    alpha = 2e-3
    model = SoftmaxClassifier(alpha=alpha, l1_ratio=1.0, fit_intercept=False, tol=1e-8)
    model.fit(X, y)
    old = LogisticRegression().penalty == "l2"  # scikit-learn before 1.8
    other = LogisticRegression(
        C=1.0 / (300 * alpha),
        **({"penalty": "l1"} if old else {"l1_ratio": 1.0}),
        solver="liblinear",
        fit_intercept=False,
        tol=1e-8,
        max_iter=100_000,
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_, other.coef_, atol=1e-4)


@pytest.mark.parametrize("loss", LOSSES)
def test_next_to_no_penalty_on_many_classes(loss, standardised):
    """What all classes have in common kept such fits from their end."""
    X, y = standardised("digits")
    model = make(loss, alpha=1e-4, l1_ratio=1.0, max_iter=200).fit(X, y)
    assert model.gap_ <= 1e-4


def test_a_fit_with_a_sampled_matrix(monkeypatch):
    """It sees some rows, others for another seed, and ends at the optimum."""
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(2000, 12)), rng.integers(0, 4, 2000)
    X[:, 0] += y
    parameters = {"alpha": 1e-3, "l1_ratio": 1.0, "tol": 1e-6}
    exact = SoftmaxClassifier(solver="saga", **parameters).fit(X, y)
    sampled = replace(_working_set.RULES, rows=0.0, least_rows=100)
    monkeypatch.setattr(_working_set, "RULES", sampled)
    samples = []

    def seen(f, second, chosen, rows=None):
        samples.append(rows)
        return _systems.hessian_on(f, second, chosen, rows)

    monkeypatch.setattr(_working_set, "hessian_on", seen)

    def fit(seed):
        samples.clear()
        model = SoftmaxClassifier(random_state=seed, **parameters).fit(X, y)
        assert model.gap_ <= 1e-6
        assert model.objective_ == pytest.approx(exact.objective_, rel=2e-6)
        assert [len(np.unique(rows)) for rows in samples] == [100] * len(samples)
        return model.coef_, samples[0]

    (one, rows), (again, _), (_, other_rows) = fit(0), fit(0), fit(1)
    np.testing.assert_array_equal(one, again)
    assert (rows != other_rows).any()


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_samples_of_rows_estimate_the_hessian(loss, n_classes):
    """On the average over the parts of a partition they are the Hessian itself."""
    rng = np.random.default_rng(6)
    X, y = rng.normal(size=(60, 5)), np.arange(60) % n_classes
    f = make_objective(X, y, loss, weight=1.0 + y)
    scores = f.scores(rng.normal(size=f.size))
    second = f.loss.second(f.loss_gradient(scores)[1], f.y, f.share)
    parts = rng.permutation(60).reshape(4, 15)
    chosen = np.arange(f.n_penalised)
    estimates = [_systems.hessian_on(f, second, chosen, part) for part in parts]
    expected = jacobian_product(f, second_derivatives(f, scores))
    if n_classes > 2:
        corner = expected[f.n_penalised :, f.n_penalised :]
        corner += corner.trace() / n_classes  # what makes it definite
    np.testing.assert_allclose(np.mean(estimates, axis=0), expected, atol=1e-6)
    assert abs(estimates[0] - expected).max() > 0.01


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("data", ["dense", "wide and sparse"])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_fit_that_ends_early_has_a_gap_like_its_excess(
    loss, n_classes, data, fit_intercept
):
    """It was a multiple of the root of the excess, hundreds of times as large."""
    X, y = sparse_data(120, 4000, n_classes)
    if data == "dense":
        rng = np.random.default_rng(0)
        X = rng.normal(size=(400, 15))
        y = (X[:, :n_classes] + rng.normal(size=(400, n_classes))).argmax(axis=1)
    parameters = {"alpha": 3e-3, "l1_ratio": 1.0, "fit_intercept": fit_intercept}
    lowest = make(loss, tol=1e-10, **parameters).fit(X, y).objective_
    far = make(loss, tol=0.01, **parameters).fit(X, y).n_iter_
    for max_iter in range(far, far + 20):
        model = make(loss, tol=1e-12, max_iter=max_iter, **parameters)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y)
        excess = model.objective_ / lowest - 1.0
        if excess < 1e-7:
            break
        if excess <= 2e-5:
            assert model.gap_ <= 20.0 * excess
    assert excess < 1e-7  # so that it came by


def test_a_fit_that_ends_early_with_more_than_a_matrix_holds(monkeypatch):
    """Only columns are left then, by which steps are exact, too."""
    rules = replace(_working_set.RULES, most=5, by_columns=0)
    monkeypatch.setattr(_working_set, "RULES", rules)
    X, y = sparse_data(300, 4000, 3)
    with pytest.warns(ConvergenceWarning):
        model = SoftmaxClassifier(alpha=2e-3, l1_ratio=1.0, max_iter=3).fit(X, y)
    best = SoftmaxClassifier(alpha=2e-3, l1_ratio=1.0, tol=1e-7).fit(X, y)
    excess = model.objective_ / best.objective_ - 1.0
    assert 1e-4 < model.gap_ <= 20.0 * excess


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_dual_point_of_a_step_is_feasible(loss, n_classes):
    rng = np.random.default_rng(6)
    X = rng.normal(size=(60, 5))
    y = np.arange(60) % n_classes
    f = make_objective(X, y, loss, alpha=0.01, l1_ratio=1.0)
    theta = np.zeros(f.size)
    scores = f.scores(theta)
    value, pull = f.loss_gradient(scores)
    steps = _working_set._Steps(
        _working_set._Part(f, None),
        theta,
        scores,
        (value, pull),
        _working_set.Curvature(),
        Options(tol=1e-4, max_iter=1),
    )
    steps.take(settled=True, samples=False)
    dual = steps.dual_point() / f.share[:, None]
    if n_classes == 2:
        wrong = np.where(y == 1, -dual[:, 0], dual[:, 0])[:, None]
    else:
        assert dual.sum(axis=1) == pytest.approx(0.0, abs=1e-12)
        wrong = np.where(np.arange(n_classes) == y[:, None], 0.0, dual)
    assert wrong.min() >= 0.0
    if loss == "softmax":
        assert wrong.sum(axis=1).max() <= 1.0


def test_more_coefficients_than_a_matrix_holds(monkeypatch):
    monkeypatch.setattr(_working_set, "RULES", replace(_working_set.RULES, most=5))
    monkeypatch.setattr(_registry, "RULES", replace(_registry.RULES, newton_largest=5))
    rng = np.random.default_rng(5)
    X, y = rng.normal(size=(200, 30)), rng.integers(0, 3, 200)
    model = SoftmaxClassifier(alpha=1e-3, l1_ratio=1.0).fit(X, y)
    assert model.solver_ == "gd"
    assert model.gap_ <= 1e-4


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_a_sparse_path_is_that_of_single_fits(l1_ratio):
    X, y = sparse_data(200, 1500, 3)
    path = linear_path(X, y, l1_ratio=l1_ratio, alphas=6, eps=0.05, tol=1e-6)
    assert (path.gaps <= 1e-6).all()
    for alpha, objective in zip(path.alphas, path.objectives, strict=True):
        alone = SoftmaxClassifier(alpha=alpha, l1_ratio=l1_ratio, tol=1e-6).fit(X, y)
        assert objective == pytest.approx(alone.objective_, rel=2e-6)
