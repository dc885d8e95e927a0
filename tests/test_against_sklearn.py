import warnings

import _reference as reference
import numpy as np
import pytest
from _models import models
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

SOFTMAX = [m for m in models(("softmax",)) if m.deterministic]
ELASTIC_SOFTMAX = [m for m in models(("softmax",), l1_ratio=0.5) if m.deterministic]
HINGE = [m for m in models(("hinge",)) if m.deterministic]


@pytest.fixture(scope="module")
def data():
    """Number of classes -> X, y, weights."""

    def load(n_classes):
        X, y = load_digits(return_X_y=True)
        kept = y < n_classes
        X = StandardScaler().fit_transform(X[kept][:300, 10:40:2])
        rng = np.random.default_rng(n_classes)
        return X, y[kept][:300], rng.uniform(0.2, 3.0, size=len(X))

    return load


def logistic_regression(X, y, weight, alpha, l1_ratio=0.0, class_weight=None):
    mass = weight
    if class_weight is not None:
        labels, codes = np.unique(y, return_inverse=True)
        if class_weight == "balanced":
            # With sample weights, each class's total weight is made equal.
            totals = np.bincount(codes, weights=weight)
            class_weight = dict(
                zip(labels, weight.sum() / (len(labels) * totals), strict=True)
            )
        mass = weight * compute_sample_weight(class_weight, y)
    solver = "saga" if l1_ratio > 0.0 else "newton-cholesky"
    params = {"l1_ratio": l1_ratio} if l1_ratio > 0.0 else {}
    if l1_ratio > 0.0 and LogisticRegression().penalty == "l2":
        params["penalty"] = "elasticnet"
    with warnings.catch_warnings():
        # Older releases want penalty="elasticnet", some newer ones only deprecate it.
        warnings.simplefilter("ignore", FutureWarning)
        return LogisticRegression(
            C=1.0 / (alpha * mass.sum()),
            solver=solver,
            tol=1e-9 if l1_ratio > 0.0 else 1e-12,
            max_iter=20_000,
            random_state=0,
            **params,
        ).fit(X, y, sample_weight=mass)


def assert_same_model(ours, theirs):
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-4)
    shift = theirs.intercept_
    if len(shift) > 1:
        shift = shift - shift.mean()
    np.testing.assert_allclose(ours.intercept_, shift, atol=1e-4)


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("model", SOFTMAX, ids=str)
def test_l2_logistic_regression(model, n_classes, weighted, data):
    X, y, weight = data(n_classes)
    weight = weight if weighted else np.ones(len(y))
    ours = model(alpha=0.01, tol=1e-11, max_iter=20_000).fit(X, y, sample_weight=weight)
    theirs = logistic_regression(X, y, weight, 0.01)
    assert_same_model(ours, theirs)
    np.testing.assert_allclose(
        ours.predict_proba(X), theirs.predict_proba(X), atol=1e-4
    )
    np.testing.assert_allclose(
        ours.predict_log_proba(X), theirs.predict_log_proba(X), atol=1e-3
    )
    np.testing.assert_allclose(
        ours.decision_function(X),
        X @ ours.coef_[0] + ours.intercept_[0]
        if n_classes == 2
        else X @ ours.coef_.T + ours.intercept_,
        atol=1e-10,
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("n_classes", [2, 3, 10])
@pytest.mark.parametrize("model", ELASTIC_SOFTMAX, ids=str)
def test_elastic_net_logistic_regression(model, n_classes, weighted, data):
    X, y, weight = data(n_classes)
    weight = weight if weighted else np.ones(len(y))
    ours = model(alpha=0.05, l1_ratio=0.5, tol=1e-11, max_iter=20_000)
    ours.fit(X, y, sample_weight=weight)
    theirs = logistic_regression(X, y, weight, 0.05, 0.5)
    assert_same_model(ours, theirs)
    assert 0 < np.count_nonzero(ours.coef_) < ours.coef_.size


@pytest.mark.parametrize("class_weight", ["balanced", "dict"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("model", SOFTMAX, ids=str)
def test_class_weights(model, n_classes, class_weight, data):
    X, y, weight = data(n_classes)
    X, y, weight = X[40:], np.sort(y)[40:], weight[40:]
    if class_weight == "dict":
        class_weight = {0: 2.0, 1: 0.5}
    ours = model(class_weight=class_weight, alpha=0.01, tol=1e-11, max_iter=20_000)
    ours.fit(X, y, sample_weight=weight)
    theirs = logistic_regression(X, y, weight, 0.01, class_weight=class_weight)
    assert_same_model(ours, theirs)


@pytest.mark.parametrize("alpha", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("model", HINGE, ids=str)
def test_two_class_hinge_is_the_problem_of_svc(model, alpha, breast_cancer):
    X, y = breast_cancer
    ours = model(alpha=alpha, tol=1e-3, max_iter=20_000).fit(X, y)
    theirs = SVC(kernel="linear", C=1.0 / (alpha * len(y)), tol=1e-6).fit(X, y)
    best = reference.objective(theirs.coef_, theirs.intercept_, X, y, "hinge", alpha)
    assert ours.objective_ == pytest.approx(best, rel=1.1e-3)
    # And no worse than the certificate says.
    assert ours.objective_ * (1.0 - ours.gap_) <= best * (1.0 + 1e-9)


@pytest.mark.parametrize("model", models(("hinge",)), ids=str)
def test_two_class_hinge_predicts_as_svc(model, breast_cancer):
    X, y = breast_cancer
    ours = model(alpha=0.01, max_iter=5000, random_state=0, tol=1e-3).fit(X, y)
    theirs = SVC(kernel="linear", C=1.0 / (0.01 * len(y)), tol=1e-6).fit(X, y)
    agreement = (ours.predict(X) == theirs.predict(X)).mean()
    assert agreement >= 0.99
