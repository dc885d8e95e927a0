"""Certificates of models that other solvers have fitted."""

import _reference as reference
import numpy as np
import pandas as pd
import pytest
from _models import make
from scipy import optimize, sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SoftmaxClassifierCV, SVMClassifier
from sklearn_linloss.inspection import Certificate, certify, verify

pytestmark = [
    # What is audited here are fits at their defaults, whether they converge or not.
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn"),
]


def counts_of_words(n_classes, n_documents=240, n_words=300, length=30):
    """Rows like tf-idf: words by Zipf's law, somewhat other ones in each class."""
    rng = np.random.default_rng(n_classes)
    y = np.arange(n_documents) % n_classes
    common = 1.0 / np.arange(1, n_words + 1)
    words = common * np.exp(rng.normal(size=(n_classes, n_words)))
    words /= words.sum(axis=1, keepdims=True)
    counts = np.array([rng.multinomial(length, words[k]) for k in y])
    return normalize(sparse.csr_matrix(np.log1p(counts))), y


DATA = {
    "iris": lambda: load_iris(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
    "breast_cancer": lambda: load_breast_cancer(return_X_y=True),
    "digits": lambda: load_digits(return_X_y=True),
    "text of two classes": lambda: counts_of_words(2),
    "text of five classes": lambda: counts_of_words(5),
}
SOLVERS = "lbfgs", "newton-cg", "newton-cholesky", "sag", "saga", "liblinear"
MODELS = {
    **{solver: LogisticRegression(solver=solver, random_state=0) for solver in SOLVERS},
    "sparse": LogisticRegression(solver="saga", l1_ratio=1.0, random_state=0),
    "squared_hinge": LinearSVC(random_state=0),
    "hinge": LinearSVC(loss="hinge", random_state=0),
    "wide intercept": LinearSVC(intercept_scaling=5.0, random_state=0),
    "sparse svm": LinearSVC(penalty="l1", dual=False, random_state=0),
    "no intercept": LinearSVC(fit_intercept=False, random_state=0),
}
if LogisticRegression().penalty == "l2":  # before 1.8
    MODELS["sparse"].set_params(penalty="elasticnet")
OF_TWO = set(MODELS) - {*SOLVERS, "sparse"} | {"liblinear"}


def problem_of(name, model):
    X, y = DATA[name]()
    return X, (y == 1).astype(int) if model in OF_TWO else y


def twin(model, X):
    """Our classifier of the same problem, and the data as it sees them."""
    loss = getattr(model, "loss", "softmax")
    l1 = getattr(model, "penalty", None) == "l1" or getattr(model, "l1_ratio", 0) == 1.0
    penalised = isinstance(model, LinearSVC) or model.solver == "liblinear"
    if penalised and model.fit_intercept:
        column = np.full((X.shape[0], 1), float(model.intercept_scaling))
        X = sparse.csr_matrix(sparse.hstack([sparse.csr_matrix(X), column]))
    ours = make(
        loss,
        alpha=1.0 / (model.C * X.shape[0]),
        l1_ratio=float(l1),
        fit_intercept=not penalised and model.fit_intercept,
        tol=1e-10,
        max_iter=20_000,
    )
    return ours, X


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", DATA)
def test_fits_of_scikit_learn(name, model):
    """No bound above the optimum, and no gap much larger than what is lost."""
    X, y = problem_of(name, model)
    theirs = clone(MODELS[model]).fit(X, y)
    certificate = certify(theirs, X, y)
    verified = verify(certificate, X, y)
    assert verified.gap == pytest.approx(certificate.gap, rel=1e-6, abs=1e-12)

    ours, seen = twin(theirs, X)
    W, b = theirs.coef_, theirs.intercept_
    if seen.shape[1] > X.shape[1]:
        W, b = np.column_stack([W, b / theirs.intercept_scaling]), 0.0 * b
    terms = (ours.get_params().get("loss", "softmax"), ours.alpha, ours.l1_ratio)
    value = reference.objective(W, b, seen, y, *terms)
    assert certificate.objective == pytest.approx(value, rel=1e-9)

    ours.fit(seen, y)
    best = min(reference.objective(ours.coef_, ours.intercept_, seen, y, *terms), value)
    assert certificate.bound <= best * (1.0 + 1e-12)
    lost = (value - best) / value
    if lost > 1e-8:
        assert certificate.gap <= 30.0 * lost
    else:
        assert certificate.gap <= 1e-5 if terms[2] else 1e-6


@pytest.mark.parametrize("l1_ratio", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_arrays_far_from_the_optimum(loss, n_classes, l1_ratio, iris):
    """Whatever the numbers are: bounds hold, and are near the optimum."""
    X, y = iris[0][iris[1] < n_classes], iris[1][iris[1] < n_classes]
    rng = np.random.default_rng(n_classes)
    n_rows = 1 if n_classes == 2 else n_classes
    arrays = 3.0 * rng.normal(size=(n_rows, X.shape[1])), rng.normal(size=n_rows)
    terms = {"loss": loss, "alpha": 0.02, "l1_ratio": l1_ratio}
    certificate = certify(arrays, X, y, **terms, improve=True)
    value = reference.objective(*arrays, X, y, loss, 0.02, l1_ratio)
    ours = make(loss, alpha=0.02, l1_ratio=l1_ratio, tol=1e-8, max_iter=50_000)
    ours.fit(X, y)
    assert certificate.objective == pytest.approx(value, rel=1e-9)
    assert certificate.bound <= ours.objective_ * (1.0 + 1e-12)
    assert certificate.bound >= 0.99 * ours.objective_
    optimum = certificate.optimum
    assert optimum.objective == pytest.approx(ours.objective_, rel=1e-5)
    assert optimum.gap <= 1e-5
    np.testing.assert_allclose(
        optimum.objective,
        reference.objective(
            optimum.coef, optimum.intercept, X, y, loss, 0.02, l1_ratio
        ),
        rtol=1e-9,
    )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_the_best_intercept(loss, n_classes, iris):
    """Of the hinge by a linear program, of the others by a general minimiser."""
    X, y = iris[0][iris[1] < n_classes], iris[1][iris[1] < n_classes]
    rng = np.random.default_rng(0)
    n_rows = 1 if n_classes == 2 else n_classes
    W, b = rng.normal(size=(n_rows, X.shape[1])), 5.0 * rng.normal(size=n_rows)
    certificate = certify((W, b), X, y, loss=loss, alpha=0.1)

    def value(intercept):
        return reference.objective(W, intercept, X, y, loss, 0.1)

    if loss == "hinge":
        best = value_of_best_intercept(reference.scores(W, 0.0, X), y)
        best += reference.penalty(W, 0.1)
    else:
        best = optimize.minimize(value, b, method="Powell", options={"ftol": 1e-13}).fun
    found = value(certificate.best_intercept)
    assert found == pytest.approx(best, rel=1e-8)
    assert certificate.intercept_gain == pytest.approx(value(b) - best, rel=1e-6)


def value_of_best_intercept(scores, y):
    """Least mean hinge over the intercepts, as a linear program."""
    if scores.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    n, n_classes = scores.shape
    pairs = [(i, j) for i in range(n) for j in range(n_classes) if j != y[i]]
    A = sparse.lil_matrix((len(pairs), n_classes + len(pairs)))
    slack = np.empty(len(pairs))
    for r, (i, j) in enumerate(pairs):
        A[r, j], A[r, y[i]], A[r, n_classes + r] = 1.0, -1.0, -1.0
        slack[r] = 1.0 + scores[i, j] - scores[i, y[i]]
    return optimize.linprog(
        np.r_[np.zeros(n_classes), np.full(len(pairs), 1.0 / n)],
        A_ub=A.tocsr(),
        b_ub=-slack,
        bounds=[(None, None)] * n_classes + [(0.0, None)] * len(pairs),
    ).fun


def test_stationarity_is_the_largest_slope(iris):
    X, y = iris
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(3, 4)), rng.normal(size=3)
    certificate = certify((W, b), X, y, loss="softmax", alpha=0.1)
    slopes = reference.subgradient(W, b, X, y, "softmax", 0.1)
    expected = max(np.abs(part).max() for part in slopes)
    assert certificate.stationarity == pytest.approx(expected, rel=1e-9)


# -- what follows from a model ---------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(C=0.3, class_weight="balanced"),
        LogisticRegression(C=0.3, class_weight={0: 3.0, 1: 0.5}, solver="liblinear"),
        LinearSVC(C=0.3, class_weight="balanced", dual=False),
        LinearSVC(C=0.3, loss="hinge", max_iter=100_000),
        LogisticRegressionCV(
            Cs=[0.1, 1.0],
            class_weight="balanced",
            cv=3,
            l1_ratios=(0,),
            use_legacy_attributes=False,
            scoring="accuracy",
        )
        if "use_legacy_attributes" in LogisticRegressionCV().get_params()
        else LogisticRegressionCV(Cs=[0.1, 1.0], class_weight="balanced", cv=3),
    ],
    ids=lambda model: type(model).__name__,
)
def test_weights_are_those_of_the_fit(model, breast_cancer):
    """With other weights it would be another problem, and far from its optimum."""
    X, y = breast_cancer
    weight = 1.0 + np.arange(len(y)) % 4
    model = clone(model).set_params(tol=1e-8).fit(X, y, sample_weight=weight)
    assert certify(model, X, y, sample_weight=weight).gap < 1e-5
    assert certify(model, X, y).gap > 1e-4


@pytest.mark.parametrize("penalty", ["l2", "l1", "elasticnet"])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "log_loss"])
def test_sgd_classifier(loss, penalty, breast_cancer):
    """Its objective is a mean over rows, which a weight multiplies."""
    X, y = breast_cancer[0][:, :4], breast_cancer[1]
    weight = 1.0 + np.arange(len(y)) % 4
    model = SGDClassifier(
        loss,
        penalty=penalty,
        l1_ratio=0.4,
        alpha=0.05,
        learning_rate="invscaling",
        eta0=0.3,
        power_t=0.75,
        max_iter=600,
        tol=None,
        random_state=0,
    )
    model.fit(X, y, sample_weight=weight)
    gap = certify(model, X, y, sample_weight=weight).gap
    assert gap < 0.03
    assert gap < 0.7 * certify(model, X, y).gap


def test_pipelines_and_searches(breast_cancer):
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, y)
    alone = certify(model[-1], model[:-1].transform(X), y)
    certificate = certify(model, X, y)
    assert certificate.objective == alone.objective
    search = GridSearchCV(model, {"logisticregression__C": [0.5]}, cv=3).fit(X, y)
    assert certify(search, X, y).objective == alone.objective
    verify(certificate, model[:-1].transform(X), y)


def test_without_a_penalty_there_is_no_bound(breast_cancer):
    X, y = breast_cancer
    X = X[:, :3]
    model = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y)
    certificate = certify(model, X, y, improve=True)
    assert np.isnan(certificate.bound) and np.isnan(certificate.gap)
    assert certificate.stationarity < 1e-5
    assert certificate.optimum.objective == pytest.approx(certificate.objective)
    assert "no lower bound" in str(certificate)
    verify(certificate, X, y)


# -- ours ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_our_models_are_certified_anew(loss, n_classes, iris):
    X, y = iris[0][iris[1] < n_classes], iris[1][iris[1] < n_classes]
    labels = np.array(["b", "a", "c"])[y]
    weight = np.arange(len(y)) % 3.0
    model = make(loss, alpha=0.05, class_weight="balanced", tol=1e-3)
    model.fit(X, labels, sample_weight=weight)
    certificate = model.certify(X, labels, sample_weight=weight)
    assert certificate.objective == pytest.approx(model.objective_, rel=1e-9)
    assert certificate.gap <= model.gap_ + 1e-9
    verify(certificate, X, labels)
    assert certify(model, X, labels, sample_weight=weight).gap == certificate.gap


def test_grouped_penalties(iris):
    X, y = iris
    model = SoftmaxClassifier(alpha=0.03, l1_ratio=0.5, penalty="grouped", tol=1e-8)
    certificate = model.fit(X, y).certify(X, y)
    assert certificate.objective == pytest.approx(model.objective_, rel=1e-9)
    assert certificate.gap <= 1e-6
    assert verify(certificate, X, y).gap <= 1e-6


def test_a_search_is_certified_behind_its_preprocessor(iris):
    X, y = iris
    search = SoftmaxClassifierCV(alphas=[0.1], cv=3, preprocessor=StandardScaler())
    search.fit(X, y)
    certificate = search.certify(X, y)
    assert certificate.objective == pytest.approx(search.objective_, rel=1e-9)
    assert certify(search, X, y).objective == certificate.objective


def test_classes_without_weight_are_no_classes(iris):
    X, y = iris
    model = SVMClassifier(alpha=0.1, class_weight={0: 1.0, 1: 2.0, 2: 0.0}).fit(X, y)
    certificate = model.certify(X, y)
    assert certificate.objective == pytest.approx(model.objective_, rel=1e-9)
    verify(certificate, X, y)


def test_single_precision_and_sparse_data(iris):
    X, y = iris
    X = X.astype(np.float32)
    dense = SoftmaxClassifier(alpha=0.05, tol=1e-5).fit(X, y)
    rows = sparse.csr_matrix(X)
    wide = sparse.csr_matrix((X.ravel(), np.tile(np.arange(4), len(X)), rows.indptr))
    assert dense.certify(wide, y).gap == pytest.approx(dense.certify(X, y).gap)


# -- what is refused -------------------------------------------------------------------


def fitted(model, X, y):
    with np.errstate(all="ignore"):
        return model.fit(X, y)


def test_other_classes_are_refused(iris):
    X, y = iris
    model = fitted(LogisticRegression(), X, y)
    with pytest.raises(ValueError, match="not among the classes of the model"):
        certify(model, X, y + 1)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (RidgeClassifier(), "squared differences"),
        (LinearSVC(), "one by one"),
        (SGDClassifier(), "one by one"),
        (Perceptron(), "does not know what"),
        (SGDClassifier("modified_huber"), "not certified"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_objectives_are_refused(model, reason, iris):
    with pytest.raises(ValueError, match=reason):
        certify(fitted(model, *iris), *iris)


@pytest.mark.parametrize(
    ("term", "value"),
    [
        ("loss", "hinge"),
        ("alpha", 0.5),
        ("l1_ratio", 1.0),
        ("fit_intercept", False),
    ],
)
@pytest.mark.parametrize("ours", [False, True])
def test_contradictions_are_refused(term, value, ours, iris):
    X, y = iris
    alpha = 1.0 / len(y)
    model = SoftmaxClassifier(alpha=alpha) if ours else LogisticRegression()
    model.fit(X, y)
    with pytest.raises(ValueError, match=f"{term}=.*contradicts"):
        certify(model, X, y, **{term: value})
    certify(model, X, y, loss="softmax", alpha=alpha, l1_ratio=0.0, fit_intercept=True)


def test_arrays_that_say_too_little_or_do_not_fit(iris):
    X, y = iris
    W, b = np.zeros((3, 4)), np.zeros(3)
    with pytest.raises(ValueError, match="loss and alpha"):
        certify((W, b), X, y)
    with pytest.raises(ValueError, match="one of"):
        certify((W, b), X, y, loss="log", alpha=0.1)
    with pytest.raises(ValueError, match="negative"):
        certify((W, b), X, y, loss="softmax", alpha=-0.1)
    with pytest.raises(ValueError, match="coef of shape"):
        certify((W[:2], b[:2]), X, y, loss="softmax", alpha=0.1)
    with pytest.raises(ValueError, match="half of alpha"):
        certify((W[:2], b[:2]), X[y < 2], y[y < 2], loss="softmax", alpha=0.1)
    with pytest.raises(ValueError, match="must be zero"):
        certify((W, b + 1), X, y, loss="softmax", alpha=0.1, fit_intercept=False)
    with pytest.raises(ValueError, match="not finite"):
        certify((W + np.nan, b), X, y, loss="softmax", alpha=0.1)
    with pytest.raises(ValueError, match="a class has no samples"):
        certify(LogisticRegression().fit(X, y), X[:90], y[:90])


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("ours", [False, True])
def test_features_are_those_of_the_fit(ours, iris):
    """In their order, too: a model of the same columns in another is another one."""
    X, y = iris
    X = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifier(alpha=0.1) if ours else LogisticRegression()
    model.fit(X, y)
    assert certify(model, X, y).gap < 1e-3
    with pytest.raises(ValueError, match="same order as they were in fit"):
        certify(model, X[list("dcba")], y)
    with pytest.raises(ValueError, match="has 3 features, but"):
        certify(model, X[list("abc")].to_numpy(), y)


def test_a_contradiction_is_told_in_plain_numbers(iris):
    X, y = iris
    for model in (LogisticRegression(), SoftmaxClassifier(alpha=np.float64(0.25))):
        with pytest.raises(ValueError, match=r"has alpha=0\.\d+\. Leave"):
            certify(model.fit(X, y), X, y, alpha=np.float64(3.0))


# -- what is shown ---------------------------------------------------------------------


def test_texts(breast_cancer):
    X, y = breast_cancer
    model = LogisticRegression(C=0.25, solver="saga", max_iter=5, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    certificate = certify(model, X, y, improve=True)
    assert isinstance(certificate, Certificate)
    part = f"{100.0 * certificate.gap:.3g} %"
    for text in (str(certificate), certificate._repr_html_()):
        assert "LogisticRegression(C=0.25" in text
        assert part in text
        assert f"{certificate.bound:.10g}" in text
        assert "changed predictions" in text
    assert "<table>" in certificate._repr_html_()


def test_what_the_optimum_would_change(breast_cancer):
    X, y = breast_cancer
    model = LogisticRegression(solver="saga", max_iter=3, random_state=0)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    optimum = certify(model, X, y, improve=True).optimum
    best = LogisticRegression(tol=1e-10, max_iter=10_000).fit(X, y)
    change = np.abs(best.predict_proba(X) - model.predict_proba(X)).max()
    assert optimum.largest_probability_change == pytest.approx(change, rel=1e-3)
    assert optimum.changed_predictions == (best.predict(X) != model.predict(X)).sum()
    np.testing.assert_allclose(optimum.coef, best.coef_, atol=1e-4)
