"""Exported graphs say what the classifiers say."""

import numpy as np
import pytest
from _models import LOSSES, make
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV
from sklearn_linloss.onnx import register_converters

skl2onnx = pytest.importorskip("skl2onnx", reason="the onnx extra")
onnxruntime = pytest.importorskip("onnxruntime", reason="runs the graphs")

all_losses = pytest.mark.parametrize("loss", LOSSES)
ARRAY = {"zipmap": False}
LABELS = {
    "int": np.array([-7, 3, 2**40]),
    "string": np.array(["setosa", "versicolor", "virginica"]),
    "object": np.array(["a", "bb", "ç"], dtype=object),
    "bool": np.array([False, True]),
    "float": np.array([0.0, 1.0, 5.0]),
}


@pytest.fixture(scope="module", autouse=True)
def registered():
    register_converters()


def problem(n_classes=3, labels="int", dtype=np.float32):
    X, y = load_iris(return_X_y=True)
    kept = y >= 3 - n_classes  # for two classes those that overlap
    X, y = X[kept].astype(dtype), y[kept] - (3 - n_classes)
    return X, LABELS[labels][:n_classes][y]


def run(model, X, options=None):
    """Outputs of the exported model in onnxruntime."""
    if options is not None:
        options = {id(model): options}
    graph = skl2onnx.to_onnx(model, X[:1], options=options)
    session = onnxruntime.InferenceSession(
        graph.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {session.get_inputs()[0].name: X})


def assert_same(model, X, outputs):
    """The labels, and the probabilities or the scores, are those of the model."""
    labels, numbers = outputs
    np.testing.assert_array_equal(labels, model.predict(X))
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(X)
    else:
        expected = model.decision_function(X).reshape(len(X), -1)
    assert numbers.dtype == X.dtype
    assert numbers.shape == expected.shape
    tolerance = 1e-5 if X.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(numbers, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", ["int", "string", "object"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("scaled", [False, True], ids=["alone", "pipeline"])
@all_losses
def test_labels_and_numbers(loss, scaled, n_classes, labels, dtype):
    X, y = problem(n_classes, labels, dtype)
    classifier = make(loss, alpha=0.01)
    model = make_pipeline(StandardScaler(), classifier) if scaled else classifier
    model.fit(X, y)
    assert_same(model, X, run(model, X, ARRAY))


@pytest.mark.parametrize("labels", ["bool", "float"])
@all_losses
def test_other_labels_become_integers(loss, labels):
    n_classes = len(LABELS[labels])
    X, y = problem(n_classes, labels, np.float64)
    model = make(loss, alpha=0.01).fit(X, y)
    outputs = run(model, X, ARRAY)
    assert outputs[0].dtype == np.int64
    assert_same(model, X, outputs)


def test_fractions_are_no_labels():
    X, y = problem(2)
    model = make("hinge", alpha=0.01).fit(X, np.where(y == y[0], "no", "yes"))
    model.classes_ = np.array([0.5, 1.5])
    with pytest.raises(ValueError, match="integer and string labels"):
        run(model, X)


@pytest.mark.parametrize("n_classes", [2, 3])
@all_losses
def test_integer_features_are_cast(loss, n_classes):
    X, y = problem(n_classes)
    X = np.rint(X).astype(np.int64)
    model = make(loss, alpha=0.01).fit(X.astype(np.float64), y)
    labels, numbers = run(model, X, ARRAY)
    assert_same(model, X.astype(np.float32), (labels, numbers))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_by_label(n_classes):
    X, y = problem(n_classes, "string")
    model = make("softmax", alpha=0.01).fit(X, y)
    _, rows = run(model, X)
    assert list(rows[0]) == list(model.classes_)
    numbers = [list(row.values()) for row in rows]
    np.testing.assert_allclose(numbers, model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
@all_losses
def test_raw_scores(loss, n_classes):
    X, y = problem(n_classes)
    model = make(loss, alpha=0.01).fit(X, y)
    labels, scores = run(model, X, {"raw_scores": True, "zipmap": False})
    expected = model.decision_function(X)
    if n_classes == 2:
        expected = np.column_stack([-expected, expected])
    np.testing.assert_array_equal(labels, model.predict(X))
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5)


@all_losses
def test_labels_by_number(loss):
    X, y = problem(3, "string")
    model = make(loss, alpha=0.01).fit(X, y)
    labels, _ = run(model, X, {"nocl": True})
    np.testing.assert_array_equal(model.classes_[labels], model.predict(X))


def test_the_softmax_tells_its_classes():
    X, y = problem(3, "string")
    model = make("softmax", alpha=0.01).fit(X, y)
    *_, classes = run(model, X, ARRAY | {"output_class_labels": True})
    np.testing.assert_array_equal(classes, model.classes_)


@pytest.mark.parametrize("n_classes", [2, 3])
@all_losses
def test_extreme_scores(loss, n_classes):
    """Probabilities neither overflow nor turn into nan."""
    X, y = problem(n_classes)
    model = make(loss, alpha=0.01).fit(X, y)
    model.coef_ = model.coef_ * np.float32(1e4)
    outputs = run(model, X, ARRAY)
    assert np.isfinite(outputs[1]).all()
    np.testing.assert_array_equal(outputs[0], model.predict(X))


def test_sparse_coefficients():
    X, y = problem()
    model = make("softmax", alpha=0.05, l1_ratio=1.0).fit(X, y).sparsify()
    assert_same(model, X, run(model, X, ARRAY))


@pytest.mark.parametrize("preprocessor", [None, StandardScaler()], ids=str)
@pytest.mark.parametrize("kind", [SVMClassifierCV, SoftmaxClassifierCV])
def test_the_best_estimator_of_a_search(kind, preprocessor):
    X, y = problem()
    search = kind(alphas=[0.1, 0.01], cv=3, preprocessor=preprocessor).fit(X, y)
    best = search.best_estimator_
    assert_same(best, X, run(best, X, ARRAY))


# -- searches, and classifiers within others ------------------------------------------


def svm(**params):
    return make("hinge", alpha=0.01, **params)


def softmax(**params):
    return make("softmax", alpha=0.01, **params)


def logistic():
    return LogisticRegression(max_iter=1000)


def scaled(classifier):
    return make_pipeline(StandardScaler(), classifier)


def search(kind, preprocessor=None):
    return kind(alphas=[0.1, 0.01], cv=3, preprocessor=preprocessor)


def voting(*models, **params):
    named = [(str(i), model) for i, model in enumerate(models)]
    return VotingClassifier(named, flatten_transform=False, **params)


def stacking(*models, final, **params):
    named = [(str(i), model) for i, model in enumerate(models)]
    return StackingClassifier(named, final, cv=3, **params)


def calibrated(model, **params):
    return CalibratedClassifierCV(model, cv=3, **params)


WITHIN = {
    "svm search": lambda: search(SVMClassifierCV),
    "softmax search": lambda: search(SoftmaxClassifierCV),
    "scaled svm search": lambda: search(SVMClassifierCV, StandardScaler()),
    "scaled softmax search": lambda: search(SoftmaxClassifierCV, StandardScaler()),
    "svm search in a pipeline": lambda: scaled(search(SVMClassifierCV)),
    "softmax search in a pipeline": lambda: scaled(search(SoftmaxClassifierCV)),
    "svm in a grid search": lambda: GridSearchCV(svm(), {"delta": [1.0]}, cv=3),
    "one svm vs rest": lambda: OneVsRestClassifier(svm()),
    "one scaled svm vs rest": lambda: OneVsRestClassifier(scaled(svm())),
    "one searched svm vs rest": lambda: OneVsRestClassifier(
        search(SVMClassifierCV, StandardScaler())
    ),
    "one softmax vs rest": lambda: OneVsRestClassifier(softmax()),
    "pipeline of one vs rest": lambda: scaled(OneVsRestClassifier(svm())),
    "one svm vs one": lambda: OneVsOneClassifier(svm()),
    "one scaled svm vs one": lambda: OneVsOneClassifier(scaled(svm())),
    "one scaled softmax vs one": lambda: OneVsOneClassifier(scaled(softmax())),
    "calibrated svm": lambda: calibrated(svm()),
    "calibrated softmax": lambda: calibrated(softmax()),
    "calibrated scaled svm": lambda: calibrated(scaled(svm())),
    "calibrated scaled softmax": lambda: calibrated(scaled(softmax())),
    "calibrated svm search": lambda: calibrated(search(SVMClassifierCV)),
    "soft votes": lambda: voting(
        softmax(), logistic(), search(SoftmaxClassifierCV), voting="soft"
    ),
    "hard votes": lambda: voting(svm(), softmax(), scaled(svm(delta=3.0))),
    "stacked softmax": lambda: stacking(softmax(), logistic(), final=logistic()),
    "stacked svms": lambda: stacking(
        svm(), scaled(svm()), search(SVMClassifierCV), final=softmax()
    ),
    "stacked scores": lambda: stacking(
        svm(), scaled(softmax()), final=softmax(), stack_method="decision_function"
    ),
    "stacked with the features": lambda: stacking(
        svm(), final=softmax(), passthrough=True
    ),
    "stacked below an svm": lambda: stacking(softmax(), final=svm()),
    "bagged softmax": lambda: BaggingClassifier(softmax(), 3, random_state=0),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", WITHIN)
def test_searches_and_classifiers_within_others(kind, n_classes, dtype):
    X, y = problem(n_classes, "string", dtype)
    if kind.endswith(" vs one"):
        y = np.unique(y, return_inverse=True)[1]
    model = WITHIN[kind]().fit(X, y)
    options = None if isinstance(model, GridSearchCV) else ARRAY
    found, numbers = run(model, X, options)
    np.testing.assert_array_equal(np.ravel(found), model.predict(X))
    if hasattr(model, "predict_proba"):
        expected = model.predict_proba(X)
    elif hasattr(model, "decision_function"):
        expected = model.decision_function(X).reshape(len(X), -1)
        if kind.endswith(" vs one") and n_classes == 2:
            numbers = numbers[:, 1:]  # skl2onnx puts 1 - score before it
        if expected.shape[1] < numbers.shape[1]:
            expected = np.column_stack([-expected, expected])
    else:
        return  # hard votes
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    np.testing.assert_allclose(numbers, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    ("model", "n_classes", "remedy"),
    [
        (calibrated(svm(), method="isotonic"), 3, "method='sigmoid'"),
        (OneVsOneClassifier(svm()), 3, "encode them"),
        (BaggingClassifier(scaled(svm()), 2, random_state=0), 3, "SoftmaxClassifier"),
        (
            AdaBoostClassifier(svm(), n_estimators=2, random_state=0),
            3,
            "SoftmaxClassifier",
        ),
        (TunedThresholdClassifierCV(svm(), cv=3), 2, "SoftmaxClassifier"),
        (stacking(svm(), softmax(), final=softmax()), 2, "all have probabilities"),
        (
            stacking(svm(), logistic(), final=softmax()),
            2,
            "all have probabilities",
        ),
        (
            stacking(svm(), final=softmax(), stack_method="predict"),
            3,
            "stack_method at its default",
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_skl2onnx_would_get_wrong_is_refused(model, n_classes, remedy):
    labels = "int" if getattr(model, "stack_method", "auto") == "predict" else "string"
    X, y = problem(n_classes, labels)
    model.fit(X, y)
    with pytest.raises(NotImplementedError, match=f"skl2onnx cannot .*{remedy}"):
        run(model, X)


def test_several_labels_a_sample_are_refused():
    X, y = problem(3)
    Y = (y[:, None] >= np.unique(y)[1:]).astype(int)
    model = OneVsRestClassifier(svm()).fit(X, Y)
    with pytest.raises(NotImplementedError, match="several labels"):
        run(model, X)


def test_registering_twice_and_classifiers_of_scikit_learn():
    register_converters()
    X, y = problem(3)
    options = ARRAY.copy()
    run(OneVsRestClassifier(svm()).fit(X, y % 11), X, options)
    assert options == ARRAY
    model = OneVsRestClassifier(logistic()).fit(X, y % 11)
    found, numbers = run(model, X, ARRAY)
    np.testing.assert_array_equal(found, model.predict(X))
    np.testing.assert_allclose(numbers, model.predict_proba(X), atol=1e-5)
