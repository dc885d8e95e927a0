"""Warnings: when there is one, and whether what it advises applies."""

import warnings

import numpy as np
import pytest
from _models import LOSSES, make
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import _advice


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(_advice, "_SAID", set())


def said(model, X, y, **fit_params):
    """The texts of the warnings of a fit."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, **fit_params)
    return [str(each.message) for each in caught]


@pytest.mark.parametrize("solver", ["gd", "sgd", "saga"])
@pytest.mark.parametrize("kind", ["dense", "csr", "raw", "raw csr"])
def test_what_a_short_fit_advises(kind, solver):
    X, y = load_wine(return_X_y=True)
    X = X if "raw" in kind else StandardScaler().fit_transform(X)
    X = sparse.csr_matrix(X) if "csr" in kind else X
    (message,) = said(make("softmax", solver=solver, max_iter=3, alpha=1e-3), X, y)
    assert "after 3 iterations (max_iter=3)" in message
    assert "Increase max_iter or tol" in message
    assert ("StandardScaler" in message) == (kind == "raw")
    assert "eta0" not in message


def test_a_scaled_column_that_is_constant_is_no_reason_to_scale():
    X, y = load_iris(return_X_y=True)
    X = np.c_[StandardScaler().fit_transform(X), np.full(len(y), 1e3)]
    (message,) = said(make("softmax", solver="gd", max_iter=2), X, y)
    assert "scale" not in message


def test_a_rate_of_your_own_is_a_remedy():
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    params = {"learning_rate": "constant", "eta0": 1e-3, "max_iter": 5, "alpha": 0.01}
    for solver in ("gd", "sgd"):
        for loss in ("hinge", "softmax"):
            (message,) = said(make(loss, solver=solver, **params), X, y)
            assert "use another eta0" in message
            plateau = "before the objective reached a plateau" in message
            assert plateau == (solver == "sgd" or loss == "hinge")


def test_the_limit_of_precision_is_named():
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    # Rounding leaves gaps of 1e-12 here. Under stronger penalties they may be zero.
    model = make("softmax", solver="lbfgs", alpha=1e-6, tol=1e-15)
    (message,) = said(model, X, y)
    assert "(limit of precision)" in message
    assert "Increase tol" in message
    assert "max_iter" not in message


@pytest.mark.parametrize(
    "params", [{"alpha": 0.0}, {"penalty_factor": np.zeros(4)}], ids=["alpha", "factor"]
)
def test_without_a_penalty_no_gap_is_named(params):
    X, y = load_iris(return_X_y=True)
    (message,) = said(make("softmax", max_iter=3, **params), X, y)
    assert "before the subgradient was small" in message
    assert "nan" not in message


@pytest.mark.parametrize("data", ["iris", "wine", "digits", "breast_cancer"])
def test_small_standardised_data_end_without_a_warning(data, standardised):
    assert said(make("softmax", solver="sgd"), *standardised(data)) == []


def test_early_stopping_speaks_of_the_validation_loss():
    X, y = load_iris(return_X_y=True)
    (message,) = said(make("softmax", early_stopping=True, max_iter=3), X, y)
    assert "before the validation loss stopped falling" in message


UNREAD = {
    "eta0": 0.1,
    "power_t": 0.3,
    "momentum": 0.5,
    "batch_size": 8,
    "average": True,
    "shuffle": False,
}


@pytest.mark.parametrize("name", UNREAD)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_the_automatic_solver_does_not_read(loss, name):
    X, y = load_iris(return_X_y=True)
    model = make(loss, alpha=0.1, tol=0.1, **{name: UNREAD[name]})
    plain = make(loss, alpha=0.1, tol=0.1)
    assert said(plain, X, y) == []
    (message,) = said(model, X, y)
    assert message.startswith(f"{name} had no effect: solver='auto' picked 'newton'")
    assert model.coef_.tobytes() == plain.coef_.tobytes()
    # Once is enough; who names a solver is not lectured, nor who has what is read.
    assert said(model, X, y) == []
    assert said(model.set_params(solver="newton"), X, y) == []
    model.set_params(solver="auto", early_stopping=True, max_iter=500)
    assert bool(said(model, X, y)) == (name in ("eta0", "power_t"))
    model.set_params(learning_rate="invscaling", tol=0)
    assert said(model, X, y) == []


def test_a_search_says_so_once():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(make("softmax", tol=0.1), {"eta0": [0.01, 0.1, 1.0, 10.0]})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search.fit(X, y)
        search.fit(X, y)
    assert len(caught) == 1
    assert "eta0 had no effect" in str(caught[0].message)


def test_the_warning_of_a_fit_points_to_its_caller():
    X, y = load_iris(return_X_y=True)
    with pytest.warns(UserWarning, match="momentum had no effect") as caught:
        make("softmax", momentum=0.5).fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(ConvergenceWarning) as caught:
        make("softmax", solver="gd", max_iter=1).fit(X, y)
    assert caught[0].filename == __file__
    # Through wrappers of scikit-learn as well.
    with pytest.warns(ConvergenceWarning) as caught:
        make_pipeline(make("softmax", solver="gd", max_iter=1)).fit(X, y)
    assert caught[0].filename == __file__
