"""Columns of CSR data that are too small to get a coefficient under an L1 penalty."""

import numpy as np
import pytest
from _models import make
from scipy import sparse
from sklearn.base import clone

from sklearn_linloss import SoftmaxClassifier, linear_path
from sklearn_linloss._base import settings_of
from sklearn_linloss._design import _columns
from sklearn_linloss._problem import check_problem


def text(n_classes, n_samples=90, n_features=4000, seed=0):
    """A few words in most rows, and many in one or two."""
    rng = np.random.default_rng(seed)
    chance = np.arange(1.0, n_features + 1) ** -1.3
    columns = rng.choice(n_features, (n_samples, 12), p=chance / chance.sum())
    entries = rng.lognormal(size=columns.size) * rng.choice([-1.0, 1.0], columns.size)
    rows = np.repeat(np.arange(n_samples), 12)
    X = sparse.coo_array((entries, (rows, columns.ravel())), (n_samples, n_features))
    W = rng.normal(size=(n_classes, n_features))
    y = (X @ W.T + rng.normal(size=(n_samples, n_classes))).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X.tocsr(), y


def columns_of(model, X, y, weight=None):
    """Those that are left in a fit, or None."""
    problem = check_problem(model, X, y, weight)
    idle = settings_of(model).idle_sizes(problem.n_classes)
    columns = problem.without_idle_columns(idle).columns
    return None if columns is None else columns.places


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(
    ("loss", "penalty", "l1_ratio", "factor"),
    [
        ("softmax", "elementwise", 1.0, False),
        ("softmax", "elementwise", 0.5, True),
        ("softmax", "grouped", 0.5, False),
        ("hinge", "elementwise", 1.0, True),
        ("hinge", "elementwise", 0.5, False),
    ],
)
def test_the_fit_is_that_of_all_columns(loss, penalty, n_classes, l1_ratio, factor):
    X, y = text(n_classes)
    weight = 1.0 + np.arange(len(y)) % 3
    alpha = 0.02 if loss == "softmax" else 0.02 * (n_classes - 1)
    factor = 1.0 + np.arange(X.shape[1]) % 2 if factor else None
    model = make(
        loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        penalty=penalty,
        penalty_factor=factor,
        tol=1e-5,
    ).fit(X, y, sample_weight=weight)
    kept = columns_of(model, X, y, weight)
    assert 0 < len(kept) <= X.shape[1] / 2
    others = np.setdiff1d(np.arange(X.shape[1]), kept)
    assert X[:, others].nnz > 0
    assert not model.coef_[:, others].any()
    used = np.unique(X.indices)
    whole = clone(model).set_params(
        penalty_factor=None if factor is None else factor[used]
    )
    whole.fit(X[:, used].toarray(), y, sample_weight=weight)
    assert whole.gap_ <= 1e-5
    assert model.objective_ == pytest.approx(whole.objective_, rel=2e-5)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_slopes_of_dual_points_are_within_the_bound(loss, n_classes):
    rng = np.random.default_rng(0)
    X, y = text(n_classes)
    a = rng.random((len(y), n_classes)) * (rng.random((len(y), n_classes)) < 0.5)
    a[np.arange(len(y)), y] = 0.0
    if loss == "softmax":
        a /= np.maximum(a.sum(axis=1, keepdims=True), 1.0)
    a[np.arange(len(y)), y] = -a.sum(axis=1)
    share = np.full(len(y), 1.0 / len(y))
    slopes = (share[:, None] * a).T @ X
    bound = settings_of(make(loss)).loss.largest_dual_sum(n_classes) * (share @ abs(X))
    assert (np.abs(slopes) <= bound + 1e-15).all()
    assert (np.linalg.norm(slopes, axis=0) <= np.sqrt(2.0) * bound + 1e-15).all()


def test_dual_variables_of_the_squared_hinge_have_no_bound():
    X, y = text(3)
    kept = columns_of(make("squared_hinge", alpha=0.1, l1_ratio=1.0), X, y)
    np.testing.assert_array_equal(kept, np.unique(X.indices))


@pytest.mark.parametrize("l1_ratio", [1.0, 0.5])
def test_columns_enter_along_a_path(l1_ratio):
    X, y = text(3)
    path = linear_path(X, y, l1_ratio=l1_ratio, alphas=8, eps=1e-2, tol=1e-6)
    kept = [
        columns_of(SoftmaxClassifier(alpha=alpha, l1_ratio=l1_ratio), X, y)
        for alpha in path.alphas
    ]
    assert len(kept[0]) < 30
    assert len(kept[-1]) > 5 * len(kept[0])
    for alpha, coef, objective in zip(
        path.alphas, path.coefs, path.objectives, strict=True
    ):
        alone = SoftmaxClassifier(alpha=alpha, l1_ratio=l1_ratio, tol=1e-6)
        dense = alone.fit(X[:, np.unique(X.indices)].toarray(), y)
        assert objective == pytest.approx(dense.objective_, rel=3e-6)
        assert coef.shape == (3, X.shape[1])


def test_columns_with_coefficients_to_start_from_stay():
    X, y = text(3)
    model = SoftmaxClassifier(alpha=0.05, l1_ratio=1.0)
    kept = columns_of(model, X, y)
    idle = np.setdiff1d(np.arange(X.shape[1]), kept)[0]
    start = np.zeros((3, X.shape[1]))
    start[0, idle] = 10.0
    one = SoftmaxClassifier(alpha=0.05, l1_ratio=1.0, solver="gd", max_iter=1, tol=0.0)
    assert one.fit(X, y, coef_init=start).coef_[0, idle] > 1.0
    assert not model.fit(X, y, coef_init=start).coef_[:, idle].any()


def test_what_batches_learn_has_all_columns_with_entries():
    X, y = text(3)
    settings = {"alpha": 0.05, "l1_ratio": 1.0}
    by_steps = {"solver": "gd", "learning_rate": "constant"}
    for more in ({"solver": "sgd"}, {"early_stopping": True}, by_steps):
        kept = columns_of(SoftmaxClassifier(**settings, **more), X, y)
        np.testing.assert_array_equal(kept, np.unique(X.indices))


def test_few_columns_stay(monkeypatch):
    X, y = text(3)
    model = SoftmaxClassifier(alpha=0.05, l1_ratio=1.0)
    assert len(columns_of(model, X, y)) > 0
    some = X[:, np.unique(X.indices)]
    assert columns_of(model, some, y) is None  # of few coefficients
    monkeypatch.setattr(_columns, "_FEW", 1000)
    assert columns_of(model, X, y) is None
