"""What other tools make of the classifiers; each needs the extra `tools`."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SoftmaxClassifierCV, SVMClassifier

EXTRA = "needs the extra tools"
MODELS = {
    "softmax": lambda: SoftmaxClassifier(alpha=0.01),
    "hinge": lambda: SVMClassifier(alpha=0.01),
    "squared_hinge": lambda: SVMClassifier("squared_hinge", alpha=0.01),
}

all_models = pytest.mark.parametrize("model", MODELS)
all_counts = pytest.mark.parametrize("n_classes", [2, 3])


def problem(n_classes):
    X, y = (load_breast_cancer if n_classes == 2 else load_iris)(return_X_y=True)
    return StandardScaler().fit_transform(X), np.array(["a", "b", "c"])[y]


def fitted(model, n_classes):
    X, y = problem(n_classes)
    return MODELS[model]().fit(X, y), X


# -- classifiers of scikit-learn -------------------------------------------------------


@all_models
@all_counts
def test_to_sklearn_predicts_the_same(model, n_classes):
    ours, X = fitted(model, n_classes)
    theirs = ours.to_sklearn()
    assert type(theirs) is (LogisticRegression if model == "softmax" else LinearSVC)
    np.testing.assert_array_equal(theirs.predict(X), ours.predict(X))
    np.testing.assert_allclose(
        theirs.decision_function(X), ours.decision_function(X), rtol=1e-12, atol=1e-12
    )
    if model == "softmax":
        np.testing.assert_allclose(
            theirs.predict_proba(X), ours.predict_proba(X), atol=1e-12
        )
    # A copy: what is done to one does not change the other.
    theirs.coef_ += 1.0
    assert (theirs.coef_ != ours.coef_).all()


def test_to_sklearn_of_sparse_coefficients_and_names():
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    assert isinstance(X, pandas.DataFrame)
    ours = SVMClassifier(alpha=0.1, l1_ratio=1.0, fit_intercept=False).fit(X, y)
    theirs = ours.sparsify().to_sklearn()
    assert list(theirs.feature_names_in_) == list(X.columns)
    assert not theirs.fit_intercept
    np.testing.assert_array_equal(theirs.predict(X), ours.predict(X))


@pytest.mark.parametrize("preprocessor", [None, StandardScaler()], ids=str)
def test_to_sklearn_of_a_search(preprocessor):
    X, y = load_iris(return_X_y=True)
    search = SoftmaxClassifierCV(alphas=[0.1], cv=3, preprocessor=preprocessor)
    theirs = search.fit(X, y).to_sklearn()
    assert isinstance(theirs, LogisticRegression if preprocessor is None else Pipeline)
    np.testing.assert_allclose(theirs.predict_proba(X), search.predict_proba(X))


def test_to_sklearn_needs_a_fit():
    with pytest.raises(NotFittedError):
        SVMClassifier().to_sklearn()


# -- tools that know classifiers by their class ----------------------------------------


@all_models
@all_counts
def test_m2cgen(model, n_classes):
    """Source code without dependencies, of the scores."""
    m2cgen = pytest.importorskip("m2cgen", reason=EXTRA)
    ours, X = fitted(model, n_classes)
    names = {}
    exec(m2cgen.export_to_python(ours.to_sklearn()), names)
    scores = [names["score"](row.tolist()) for row in X]
    np.testing.assert_allclose(scores, ours.decision_function(X), rtol=1e-9, atol=1e-9)


@all_models
@all_counts
def test_eli5(model, n_classes):
    """The weights that it explains are the coefficients."""
    eli5 = pytest.importorskip("eli5", reason=EXTRA)
    ours, _ = fitted(model, n_classes)
    explained = eli5.explain_weights(ours.to_sklearn(), top=None)
    assert explained.error is None
    assert len(explained.targets) == len(ours.coef_)
    rows = np.column_stack([ours.coef_, ours.intercept_])
    for target, row in zip(explained.targets, rows, strict=True):
        weights = target.feature_weights
        known = [each.weight for each in (*weights.pos, *weights.neg)]
        np.testing.assert_allclose(sorted(known), sorted(row))


@all_models
@all_counts
def test_sklearn2pmml(model, n_classes, tmp_path):
    """The tables of the PMML file have the coefficients."""
    sklearn2pmml = pytest.importorskip("sklearn2pmml", reason=EXTRA)
    from xml.etree import ElementTree

    ours, _ = fitted(model, n_classes)
    path = tmp_path / "model.pmml"
    try:
        pipeline = sklearn2pmml.make_pmml_pipeline(ours.to_sklearn())
        sklearn2pmml.sklearn2pmml(pipeline, str(path))
    except RuntimeError:
        pytest.skip("sklearn2pmml lacks Java, or does not know this scikit-learn yet")
    tree = ElementTree.parse(path)
    found = {
        float(node.attrib["coefficient"])
        for node in tree.iter()
        if node.tag.endswith("NumericPredictor")
    }
    expected = np.abs(ours.coef_).ravel()
    distance = np.abs(np.abs(sorted(found))[:, None] - expected).min(axis=0)
    assert distance.max() <= 1e-12


@all_models
def test_mlflow_with_skops(model, tmp_path):
    """MLflow's default format wants to be told which classes to trust."""
    mlflow_sklearn = pytest.importorskip("mlflow.sklearn", reason=EXTRA)
    ours, X = fitted(model, 3)
    kind = type(ours)
    mlflow_sklearn.save_model(
        ours,
        tmp_path / "model",
        serialization_format="skops",
        skops_trusted_types=[f"{kind.__module__}.{kind.__qualname__}"],
    )
    loaded = mlflow_sklearn.load_model(str(tmp_path / "model"))
    np.testing.assert_array_equal(loaded.predict(X), ours.predict(X))
    assert loaded.gap_ == ours.gap_
