"""Small fits by each solver, for the lane in which kernels run as plain Python.

There a debugger and coverage see them. The developer guide lists the lines of kernels
that no test of the lane enters.
"""

from dataclasses import replace

import numpy as np
import pytest
from _models import LOSSES, make, models
from _reference import objective_of
from scipy import sparse

from sklearn_linloss._solvers import _working_set

pytestmark = pytest.mark.plain_python

TOL = 1e-2


def data(n_classes, kind):
    rng = np.random.default_rng(n_classes)
    y = np.arange(30) % n_classes
    X = rng.normal(size=(30, 5)) + 2.0 * np.eye(n_classes, 5)[y]
    if kind == "csr":
        X[rng.uniform(size=X.shape) < 0.4] = 0.0
        X[3:, -1] = 0.0  # a feature that most batches lack
    return X, y


def assert_agreement(fits, X, y):
    """No proven bound exceeds what another solver has reached, and all are close."""
    values = {solver: objective_of(fit, X, y) for solver, fit in fits.items()}
    best = min(values.values())
    for solver, fit in fits.items():
        assert fit.objective_ == pytest.approx(values[solver], rel=1e-9)
        assert values[solver] * (1.0 - fit.gap_) <= best * (1.0 + 1e-12)
        if solver != "sgd":  # which stops on a plateau
            assert values[solver] <= best / (1.0 - TOL)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_bounds_and_objectives_of_all_solvers_agree(loss, l1_ratio, n_classes, kind):
    X, y = data(n_classes, kind)
    given = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"alpha": 0.1, "l1_ratio": l1_ratio, "tol": TOL}
    fits = {
        model.solver: model(**params).fit(given, y)
        for model in models([loss], l1_ratio=l1_ratio)
    }
    assert_agreement(fits, X, y)


@pytest.mark.parametrize("kind", ["dense", "csr", "csr by columns"])
@pytest.mark.parametrize("penalty", ["elementwise", "grouped"])
@pytest.mark.parametrize("loss", ["squared_hinge", "softmax"])
def test_few_features_of_many(loss, penalty, kind, monkeypatch):
    """More coefficients than Newton's method takes at once: a working set of them."""
    if kind == "csr by columns":
        rules = replace(_working_set.RULES, by_columns=0)
        monkeypatch.setattr(_working_set, "RULES", rules)
        kind = "csr"
    X, y = data(3, kind)
    rng = np.random.default_rng(0)
    rest = rng.normal(size=(len(y), 1100))
    rest *= rng.uniform(size=rest.shape) < 0.03
    X = np.hstack([X, rest])
    given = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"alpha": 0.2, "l1_ratio": 1.0, "penalty": penalty, "tol": TOL}
    fits = {
        solver: make(loss, solver=solver, **params).fit(given, y)
        for solver in ("newton", "gd")
    }
    assert_agreement(fits, X, y)
    assert 0 < np.count_nonzero(fits["newton"].coef_.any(axis=0)) < 40


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("l1_ratio", [0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_groups(loss, l1_ratio, kind):
    X, y = data(3, kind)
    given = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"alpha": 0.1, "l1_ratio": l1_ratio, "penalty": "grouped", "tol": TOL}
    solvers = ("sdca", "gd") if loss == "hinge" else ("newton", "sdca", "gd")
    fits = {
        solver: make(loss, solver=solver, **params).fit(given, y) for solver in solvers
    }
    assert_agreement(fits, X, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_chunks_of_a_stream_move_as_the_whole_does(loss, dtype):
    X, y = data(3, "csr")
    X = X.astype(dtype)
    (model,) = (each for each in models([loss]) if each.solver == "sgd")
    params = {"alpha": 0.1, "learning_rate": "constant", "eta0": 0.05, "shuffle": False}
    dense, rows = (
        model(batch_size=10, average=True, **params).partial_fit(given, y, [0, 1, 2])
        for given in (X, sparse.csr_matrix(X))
    )
    assert dense.t_ == rows.t_ == 3
    np.testing.assert_allclose(dense.coef_, rows.coef_, rtol=1e-4, atol=1e-6)
