"""The table and the picture of the features that speak most for each class."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_linloss import SoftmaxClassifier, SoftmaxClassifierCV, SVMClassifier
from sklearn_linloss.inspection import FeaturesDisplay, top_features

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def known():
    """A model whose coefficients are these."""
    model = LogisticRegression()
    model.classes_ = np.array(["a", "b", "c"])
    model.coef_ = np.array(
        [[3.0, -1.0, 0.0, 2.0], [0.0, 0.0, 0.0, 0.0], [-2.0, -4.0, 5.0, -3.0]]
    )
    model.intercept_ = np.zeros(3)
    return model


@pytest.fixture(scope="module")
def frame():
    iris = load_iris(as_frame=True)
    return iris.data, iris.target_names[iris.target]


def test_the_largest_for_and_the_smallest_against(known):
    table = top_features(known, n_features=2, n_against=2, feature_names=list("wxyz"))
    assert table.class_names == ["a", "b", "c"]
    # Zeros speak for nothing, and no feature is listed twice.
    assert table.features == [["w", "z", "x"], [], ["y", "z", "x"]]
    assert [list(coefs) for coefs in table.coefs] == [
        [3.0, 2.0, -1.0],
        [],
        [5.0, -3.0, -4.0],
    ]


def test_rows_make_a_data_frame_and_the_text_is_one(known):
    table = top_features(known, n_features=1, feature_names=list("wxyz"))
    data = pd.DataFrame(table.rows, columns=table.columns)
    assert data.to_dict("list") == {
        "class": ["a", "c"],
        "feature": ["w", "y"],
        "coefficient": [3.0, 5.0],
    }
    assert str(table).splitlines() == [
        "class  feature  coefficient",
        "a      w                  3",
        "c      y                  5",
    ]


def test_a_table_without_rows_is_its_head(known):
    assert str(top_features(known, n_features=0)) == "class  feature  coefficient"


def test_two_classes_have_opposite_rows(frame):
    X, y = frame
    model = SVMClassifier(alpha=0.01).fit(X[:100], y[:100])
    table = top_features(model, n_features=4, n_against=4)
    assert table.class_names == ["setosa", "versicolor"]
    assert sorted(table.features[0]) == sorted(X.columns)
    assert_array_equal(table.coefs[0], -table.coefs[1][::-1])
    assert dict(zip(table.features[1], table.coefs[1], strict=True)) == dict(
        zip(X.columns, model.coef_[0], strict=True)
    )


def test_names_come_from_the_words_of_a_vectorizer():
    texts = ["red apple", "green apple", "red brick", "grey brick"]
    model = make_pipeline(CountVectorizer(), SoftmaxClassifier(alpha=0.01))
    table = top_features(
        model.fit(texts, ["fruit", "fruit", "stone", "stone"]), n_features=1
    )
    assert table.features == [["apple"], ["brick"]]


@pytest.mark.parametrize("search", [False, True])
def test_names_pass_through_searches_and_nested_pipelines(frame, search):
    model = SoftmaxClassifierCV(alphas=[0.1], preprocessor=StandardScaler())
    outer = make_pipeline(StandardScaler(), model)
    if search:
        outer = GridSearchCV(outer, {"softmaxclassifiercv__tol": [1e-2]}, cv=2)
    table = top_features(outer.fit(*frame), n_features=1)
    assert table.features[0] == ["sepal width (cm)"]


def test_features_without_names_are_numbered(frame):
    X, y = frame
    alone = SoftmaxClassifier(alpha=0.1).fit(X.to_numpy(), y)
    behind = make_pipeline(
        FunctionTransformer(np.asarray), SoftmaxClassifier(alpha=0.1)
    ).fit(X, y)
    for model in (alone, behind):
        assert top_features(model, n_features=1).features[0] == ["feature 1"]


def test_sparse_coefficients_stay_as_they_are(frame):
    model = SoftmaxClassifier(alpha=0.1, l1_ratio=1.0).fit(*frame)
    dense = top_features(model)
    sparsified = top_features(model.sparsify())
    assert sparsified.rows == dense.rows
    assert model.coef_.format == "csr"


def test_what_is_wrong_is_said(known, frame):
    with pytest.raises(ValueError, match="must not be negative"):
        top_features(known, n_features=-1)
    with pytest.raises(ValueError, match="4 features, but 2 feature_names"):
        top_features(known, feature_names=["w", "x"])
    with pytest.raises(ValueError, match="3 classes, but 1 class_names"):
        top_features(known, class_names=["a"])
    with pytest.raises(ValueError, match="KNeighborsClassifier has no coef_"):
        top_features(KNeighborsClassifier().fit(*frame))
    with pytest.raises(NotFittedError):
        top_features(SoftmaxClassifier())


def test_bars_are_the_table(known):
    names = list("wxyz")
    display = FeaturesDisplay.from_estimator(
        known, n_features=2, n_against=1, feature_names=names, class_names="ABC"
    )
    assert [axes.get_title() for axes in display.axes_] == ["A", "B", "C"]
    first, last = display.axes_[0], display.axes_[2]
    assert [bar.get_width() for bar in display.bars_[2]] == [5.0, -4.0]
    assert [tick.get_text() for tick in last.get_yticklabels()] == ["y", "x"]
    assert first.yaxis_inverted()  # the strongest is at the top
    colors = {bar.get_facecolor() for bar in display.bars_[0]}
    assert len(colors) == 2
    assert len(display.bars_[1]) == 0
    assert "transformed" not in display.figure_.get_supxlabel()


def test_bars_on_given_axes_say_that_the_features_are_transformed(frame):
    figure, axes = plt.subplots(1, 3)
    model = make_pipeline(StandardScaler(), SoftmaxClassifier(alpha=0.1)).fit(*frame)
    display = FeaturesDisplay.from_estimator(model, ax=axes)
    assert display.figure_ is figure
    assert axes[0].get_xlabel() == "coefficient of the transformed feature"
    with pytest.raises(ValueError, match="needs 3 axes"):
        display.plot(ax=axes[:2])
