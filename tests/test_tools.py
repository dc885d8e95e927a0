"""What other tools make of the classifiers.

The tests of a tool exist where it is installed, as by the extra `tools`.
"""

from importlib.util import find_spec
from shutil import which

import numpy as np
import pytest
from _tiers import only_where
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SoftmaxClassifierCV, SVMClassifier

MODELS = {
    "softmax": lambda: SoftmaxClassifier(alpha=0.01),
    "hinge": lambda: SVMClassifier(alpha=0.01),
    "squared_hinge": lambda: SVMClassifier("squared_hinge", alpha=0.01),
}

all_models = pytest.mark.parametrize("model", MODELS)
all_counts = pytest.mark.parametrize("n_classes", [2, 3])


def where_there_is(module):
    return only_where(lambda: find_spec(module) is not None)


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
    X, y = load_iris(return_X_y=True, as_frame=True)
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


@where_there_is("m2cgen")
@all_models
@all_counts
def test_m2cgen(model, n_classes):
    """Source code without dependencies, of the scores."""
    import m2cgen

    ours, X = fitted(model, n_classes)
    names = {}
    exec(m2cgen.export_to_python(ours.to_sklearn()), names)
    scores = [names["score"](row.tolist()) for row in X]
    np.testing.assert_allclose(scores, ours.decision_function(X), rtol=1e-9, atol=1e-9)


@where_there_is("eli5")
@all_models
@all_counts
def test_eli5(model, n_classes):
    """The weights that it explains are the coefficients."""
    import eli5

    ours, _ = fitted(model, n_classes)
    explained = eli5.explain_weights(ours.to_sklearn(), top=None)
    assert explained.error is None
    assert len(explained.targets) == len(ours.coef_)
    rows = np.column_stack([ours.coef_, ours.intercept_])
    for target, row in zip(explained.targets, rows, strict=True):
        weights = target.feature_weights
        known = [each.weight for each in (*weights.pos, *weights.neg)]
        np.testing.assert_allclose(sorted(known), sorted(row))


@only_where(lambda: which("java") is not None)
@where_there_is("sklearn2pmml")
@all_models
@all_counts
def test_sklearn2pmml(model, n_classes, tmp_path):
    """The tables of the PMML file have the coefficients."""
    from xml.etree import ElementTree

    import sklearn2pmml

    ours, _ = fitted(model, n_classes)
    path = tmp_path / "model.pmml"
    pipeline = sklearn2pmml.make_pmml_pipeline(ours.to_sklearn())
    try:
        sklearn2pmml.sklearn2pmml(pipeline, str(path))
    except RuntimeError:
        pytest.skip("sklearn2pmml does not know this scikit-learn yet")
    tree = ElementTree.parse(path)
    found = {
        float(node.attrib["coefficient"])
        for node in tree.iter()
        if node.tag.endswith("NumericPredictor")
    }
    expected = np.abs(ours.coef_).ravel()
    distance = np.abs(np.abs(sorted(found))[:, None] - expected).min(axis=0)
    assert distance.max() <= 1e-12


@where_there_is("mlflow")
@all_models
def test_mlflow_with_skops(model, tmp_path):
    """MLflow's default format wants to be told which classes to trust."""
    from mlflow import sklearn as mlflow_sklearn

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
