"""What the displays draw, against the arrays of the estimators."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
    SVMClassifierCV,
    linear_path,
)
from sklearn_linloss.inspection import (
    BoundaryDisplay,
    ClassTemplateDisplay,
    LossCurveDisplay,
    LossDisplay,
    RegularizationPathDisplay,
    ValidationSurfaceDisplay,
)

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SHAPE_2X2 = (2, 2)


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frame():
    """Iris as a data frame, and its labels as strings."""
    iris = load_iris(as_frame=True)
    return iris.data, iris.target_names[iris.target]


@pytest.fixture(scope="module")
def sgd(frame):
    X, y = frame
    return SoftmaxClassifier(
        solver="sgd", batch_size=30, max_iter=6, tol=0, random_state=0
    ).fit(X, y, X_val=X, y_val=y)


@pytest.fixture(scope="module")
def newton(frame):
    return SoftmaxClassifier(solver="newton").fit(*frame)


def two_classes(X, y):
    kept = y != "setosa"
    return X[kept], y[kept]


def legend_texts(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def vertices(contours):
    """All corners of the lines of a contour set."""
    return np.vstack([line for level in contours.allsegs for line in level])


def test_importing_the_displays_imports_neither_matplotlib_nor_numba():
    code = (
        "import sys, sklearn_linloss.inspection\n"
        "print([m for m in ('matplotlib', 'numba') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_without_matplotlib_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match="LossDisplay needs matplotlib"):
        LossDisplay.from_losses()


# -- LossCurveDisplay ---------------------------------------------------------------


def test_curves_of_one_fit(sgd):
    display = LossCurveDisplay.from_estimator(sgd)
    assert_array_equal(display.lines_["sgd"].get_ydata(), sgd.loss_curve_)
    assert_array_equal(display.lines_["sgd"].get_xdata(), range(7))
    seen = display.batch_lines_["sgd"]
    assert_array_equal(seen.get_ydata(), sgd.batch_loss_curve_)
    # Five updates in each of the six epochs.
    assert_allclose(seen.get_xdata(), np.arange(30) / 5)
    held_out = display.validation_lines_["sgd"]
    assert_array_equal(held_out.get_ydata(), sgd.validation_loss_curve_)
    assert_array_equal(held_out.get_xdata(), range(7))
    assert {seen.get_color(), held_out.get_color()} == {
        display.lines_["sgd"].get_color()
    }
    assert legend_texts(display.ax_) == [
        "sgd",
        "sgd, mini-batches",
        "sgd, validation loss",
    ]
    assert display.ax_.get_xlabel() == "epoch"
    assert display.ax_.get_ylabel() == "loss"
    assert display.ax_.get_yscale() == "linear"
    assert display.figure_ is display.ax_.figure


def test_curves_of_several_fits_on_given_axes(sgd, newton):
    figure, ax = plt.subplots()
    display = LossCurveDisplay.from_estimator(
        [sgd, newton, newton], batches=False, log_scale=True, ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert list(display.lines_) == ["sgd", "newton", "newton 2"]
    assert_array_equal(display.lines_["newton"].get_ydata(), newton.loss_curve_)
    assert len({line.get_color() for line in display.lines_.values()}) == 3
    assert display.batch_lines_ == {}
    assert ax.get_xlabel() == "epoch or step"
    assert ax.get_yscale() == "log"
    assert LossCurveDisplay.from_estimator({"name": newton}).ax_.get_xlabel() == "step"


def test_excess_over_the_certificate(sgd, newton):
    display = LossCurveDisplay.from_estimator(
        {"a": sgd, "b": newton}, excess_over="certificate"
    )
    bound = newton.objective_ * (1.0 - newton.gap_)
    assert bound > sgd.objective_ * (1.0 - sgd.gap_)
    assert display.lower_bound == bound
    assert_allclose(
        display.lines_["a"].get_ydata(), sgd.loss_curve_ - bound, rtol=1e-12
    )
    last = display.lines_["b"].get_ydata()[-1]
    assert_allclose(last, newton.gap_ * newton.objective_, rtol=1e-6)
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "objective above its lower bound"
    assert display.batch_lines_ == display.validation_lines_ == {}


def test_excess_over_a_given_optimum(newton):
    display = LossCurveDisplay.from_estimator(
        newton, excess_over=newton.objective_, log_scale=False
    )
    excess = display.lines_["newton"].get_ydata()
    assert excess[-1] == 0.0
    assert_allclose(excess[0], np.log(3) - newton.objective_)
    assert display.ax_.get_yscale() == "linear"
    rounded = newton.objective_ * (1.0 + 1e-12)
    above = LossCurveDisplay.from_estimator(newton, excess_over=rounded)
    assert above.lines_["newton"].get_ydata()[-1] == 0.0
    with pytest.raises(ValueError, match="belongs to another problem"):
        LossCurveDisplay.from_estimator(newton, excess_over=newton.objective_ + 0.01)


def test_curves_of_two_classes_in_a_pipeline_and_a_search(frame):
    X, y = two_classes(*frame)
    pipeline = make_pipeline(StandardScaler(), SVMClassifier(solver="sdca")).fit(X, y)
    search = SVMClassifierCV(alphas=[0.1, 1.0], cv=2).fit(X, y)
    display = LossCurveDisplay.from_estimator({"a": pipeline, "b": search})
    assert_array_equal(display.lines_["a"].get_ydata(), pipeline[-1].loss_curve_)
    assert display.lines_["a"].get_ydata()[0] == pytest.approx(1.0)
    assert_array_equal(
        display.lines_["b"].get_ydata(), search.best_estimator_.loss_curve_
    )


def test_a_stream_has_mini_batches_alone(frame):
    X, y = frame
    stream = SoftmaxClassifier(batch_size=50).partial_fit(X, y, classes=np.unique(y))
    display = LossCurveDisplay.from_estimator(stream)
    assert display.lines_ == {}
    assert_allclose(display.batch_lines_["sgd"].get_xdata(), np.arange(3) / 3)
    assert_array_equal(
        display.batch_lines_["sgd"].get_ydata(), stream.batch_loss_curve_
    )
    with pytest.raises(ValueError, match="needs a fit with a duality gap"):
        LossCurveDisplay.from_estimator(stream, excess_over="certificate")


def test_curves_need_a_fit_of_ours(frame, sgd):
    with pytest.raises(NotFittedError):
        LossCurveDisplay.from_estimator(SVMClassifier())
    other = LogisticRegression(C=0.1).fit(*frame)
    with pytest.raises(ValueError, match="recorded no loss curve"):
        LossCurveDisplay.from_estimator(other)
    with pytest.raises(ValueError, match="nothing to draw"):
        LossCurveDisplay.from_estimator([])
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="needs 1 axes here, got 2"):
        LossCurveDisplay.from_estimator(sgd, ax=axes)


# -- ClassTemplateDisplay -----------------------------------------------------------


@pytest.fixture(scope="module")
def digits_model():
    X, y = load_digits(return_X_y=True)
    return SoftmaxClassifier(alpha=1.0, tol=1e-2).fit(X, y)


def test_templates_are_the_coefficients(digits_model):
    display = ClassTemplateDisplay.from_estimator(digits_model, image_shape=(8, 8))
    coef = digits_model.coef_
    assert len(display.images_) == len(display.axes_) == 10
    for k, image in enumerate(display.images_):
        assert_array_equal(image.get_array(), coef[k].reshape(8, 8))
        assert image.get_clim() == (-np.abs(coef).max(), np.abs(coef).max())
        assert display.axes_[k].get_title() == str(k)
        assert len(display.axes_[k].get_xticks()) == 0
    assert display.colorbar_.ax.get_ylabel() == "coefficient of the pixel"
    # The colour bar is one more.
    assert len(display.figure_.axes) == 11


def test_templates_on_a_scale_each(digits_model):
    names = [f"digit {k}" for k in range(10)]
    figure, axes = plt.subplots(2, 5)
    display = ClassTemplateDisplay.from_estimator(
        digits_model, image_shape=(8, 8), scale="class", class_names=names, ax=axes
    )
    assert display.colorbar_ is None
    assert display.figure_ is figure
    for k, axes_of_class in enumerate(axes.ravel()):
        assert display.axes_[k] is axes_of_class
        assert axes_of_class.get_title() == names[k]
        largest = np.abs(digits_model.coef_[k]).max()
        assert display.images_[k].get_clim() == (-largest, largest)


@pytest.mark.parametrize("scale", ["common", "class"])
def test_templates_in_colour(scale):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 12)), np.arange(30) % 3
    model = SoftmaxClassifier(alpha=0.1).fit(X, y)
    display = ClassTemplateDisplay.from_estimator(
        model, image_shape=(2, 2, 3), scale=scale
    )
    for k, image in enumerate(display.images_):
        shown = image.get_array()
        template = model.coef_[k].reshape(2, 2, 3)
        limit = np.abs(model.coef_ if scale == "common" else template).max()
        assert_allclose(2.0 * shown - 1.0, template / limit, atol=1e-12)
    assert display.colorbar_ is None


def test_templates_of_two_classes_in_a_pipeline(frame):
    X, y = two_classes(*frame)
    pipeline = make_pipeline(StandardScaler(), SVMClassifier(l1_ratio=1.0, alpha=0.1))
    pipeline.fit(X, y)
    row = pipeline[-1].coef_.reshape(SHAPE_2X2)
    pipeline[-1].sparsify()
    display = ClassTemplateDisplay.from_estimator(pipeline, image_shape=SHAPE_2X2)
    assert_array_equal(display.images_[0].get_array(), -row)
    assert_array_equal(display.images_[1].get_array(), row)
    titles = [axes.get_title() for axes in display.axes_]
    assert titles == ["versicolor", "virginica"]
    label = display.colorbar_.ax.get_ylabel()
    assert label == "coefficient of the transformed pixel"


def test_templates_without_coefficients_have_a_range(frame):
    model = SVMClassifier(l1_ratio=1.0, alpha=100.0).fit(*frame)
    assert not model.coef_.any()
    display = ClassTemplateDisplay.from_estimator(model, image_shape=SHAPE_2X2)
    assert display.images_[0].get_clim() == (-1.0, 1.0)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"image_shape": (8, 9)}, "has 72 values, but there are 64 features"),
        ({"image_shape": (4, 4, 4)}, "image_shape must be"),
        ({"image_shape": (64,)}, "image_shape must be"),
        ({"class_names": ["a"]}, "There are 10 classes, but 1 class_names"),
        ({"scale": "row"}, "scale must be"),
    ],
)
def test_wrong_templates(digits_model, arguments, message):
    with pytest.raises(ValueError, match=message):
        ClassTemplateDisplay.from_estimator(
            digits_model, **({"image_shape": (8, 8)} | arguments)
        )


def test_templates_with_the_bias_trick(digits_model):
    X, y = load_digits(return_X_y=True)
    X = np.hstack([X[:200] / 16, np.ones((200, 1))])
    trick = SVMClassifier(alpha=0.1, fit_intercept=False).fit(X, y[:200])
    display = ClassTemplateDisplay.from_estimator(trick, image_shape=(8, 8))
    np.testing.assert_array_equal(
        display.templates.reshape(10, 64), trick.coef_[:, :64]
    )
    for model, shape in ((trick, (4, 4)), (digits_model, (7, 9))):
        with pytest.raises(ValueError, match="values, but there are"):
            ClassTemplateDisplay.from_estimator(model, image_shape=shape)


def test_a_grid_of_templates_has_no_empty_axes():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(28, 4)), np.arange(28) % 7
    model = SoftmaxClassifier(alpha=0.1).fit(X, y)
    display = ClassTemplateDisplay.from_estimator(model, image_shape=SHAPE_2X2)
    assert len(display.axes_) == 7
    assert len(display.figure_.axes) == 8  # with the colour bar


def test_templates_need_an_axes_each_and_coefficients(digits_model, frame):
    _, axes = plt.subplots(3, 3)
    with pytest.raises(ValueError, match="needs 10 axes here, got 9"):
        ClassTemplateDisplay.from_estimator(digits_model, image_shape=(8, 8), ax=axes)
    other = KNeighborsClassifier().fit(*frame)
    with pytest.raises(ValueError, match="KNeighborsClassifier has no coef_"):
        ClassTemplateDisplay.from_estimator(other, image_shape=(2, 2))


# -- RegularizationPathDisplay ------------------------------------------------------


@pytest.fixture(scope="module")
def paths(frame):
    X, y = frame
    X = StandardScaler().fit_transform(X)
    return {
        "L1": linear_path(X, y, l1_ratio=1.0, alphas=6),
        "L2": linear_path(X, y, alphas=5),
    }


def test_paths_side_by_side(paths, frame):
    display = RegularizationPathDisplay.from_path(
        paths, class_label="versicolor", feature_names=frame[0].columns
    )
    assert len(display.axes_) == 3
    for name, path in paths.items():
        assert len(display.lines_[name]) == 4
        for j, line in enumerate(display.lines_[name]):
            assert_array_equal(line.get_xdata(), path.alphas)
            assert_array_equal(line.get_ydata(), path.coefs[:, 1, j])
        counts = display.count_lines_[name]
        assert_array_equal(counts.get_xdata(), path.alphas)
        assert_array_equal(counts.get_ydata(), (path.coefs[:, 1] != 0.0).sum(axis=1))
    assert display.count_lines_["L1"].get_ydata()[0] == 0
    assert {axes.get_xscale() for axes in display.axes_} == {"log"}
    titles = [axes.get_title() for axes in display.axes_]
    assert titles == ["L1", "L2", "non-zeros"]
    assert display.axes_[0].get_ylabel() == "coefficient for class versicolor"
    assert display.axes_[0].get_ylim() == display.axes_[1].get_ylim()
    assert legend_texts(display.axes_[2]) == ["L1", "L2"]
    (legend,) = display.figure_.legends
    largest = np.max([np.abs(p.coefs[:, 1]).max(axis=0) for p in paths.values()], 0)
    expected = frame[0].columns[np.argsort(-largest)]
    assert [text.get_text() for text in legend.get_texts()] == list(expected)


def test_few_features_are_labelled(paths):
    figure, axes = plt.subplots(2)
    path = paths["L2"]
    display = RegularizationPathDisplay.from_path(path, n_labelled=2, ax=axes)
    assert display.figure_ is figure
    assert list(display.axes_) == list(axes)
    assert display.class_name == "virginica"
    largest = np.argsort(-np.abs(path.coefs[:, 2]).max(axis=0))
    ticks = axes[1].get_yticks()
    assert_array_equal(ticks, np.round(ticks))
    assert legend_texts(axes[0]) == [f"feature {j}" for j in largest[:2]]
    colors = [line.get_color() for line in display.lines_["path"]]
    assert [colors[j] for j in largest] == ["C0", "C1", "0.8", "0.8"]
    assert axes[1].get_legend() is None


def test_paths_of_two_classes_change_sign_and_drop_zero(frame):
    X, y = two_classes(*frame)
    path = linear_path(X, y, alphas=[1.0, 0.1, 0.01, 0.0], tol=1e-2, max_iter=100)
    second = RegularizationPathDisplay.from_path([path])
    first = RegularizationPathDisplay.from_path(path, class_label="versicolor")
    assert second.class_name == "virginica"
    for j in range(4):
        kept = path.coefs[:3, 0, j]
        assert_array_equal(second.lines_["path"][j].get_xdata(), [1.0, 0.1, 0.01])
        assert_array_equal(second.lines_["path"][j].get_ydata(), kept)
        assert_array_equal(first.lines_["path"][j].get_ydata(), -kept)


def test_wrong_paths(paths, frame):
    X, y = frame
    with pytest.raises(TypeError, match=r"what linear_path returns.*SVMClassifier"):
        RegularizationPathDisplay.from_path(SVMClassifier().fit(X, y))
    with pytest.raises(TypeError, match=r"what linear_path returns.*SVMClassifierCV"):
        RegularizationPathDisplay.from_path(SVMClassifierCV())
    with pytest.raises(ValueError, match="'rose' is not among the classes"):
        RegularizationPathDisplay.from_path(paths, class_label="rose")
    with pytest.raises(ValueError, match="4 features, but 1 feature_names"):
        RegularizationPathDisplay.from_path(paths, feature_names=["a"])
    narrow = linear_path(X.iloc[:, :2], y, alphas=[0.1])
    with pytest.raises(ValueError, match=r"different numbers of features: \[2, 4\]"):
        RegularizationPathDisplay.from_path([narrow, paths["L2"]])
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="needs 3 axes here, got 2"):
        RegularizationPathDisplay.from_path(paths, ax=axes)


# -- ValidationSurfaceDisplay -------------------------------------------------------

ALPHAS, DELTAS = [0.1, 0.01, 1.0], [1.0, 10.0]


@pytest.fixture(scope="module")
def grid_search(frame):
    pipeline = make_pipeline(StandardScaler(), SVMClassifier(tol=1e-3))
    grid = {
        "svmclassifier__alpha": ALPHAS,
        "svmclassifier__delta": DELTAS,
        "svmclassifier__l1_ratio": [0.0, 0.5],
    }
    return GridSearchCV(pipeline, grid, cv=3).fit(*frame)


def mean_score(search, name="test_score", **params):
    """The mean score at the one point of these parameters, found by their suffixes."""
    (k,) = [
        k
        for k, point in enumerate(search.cv_results_["params"])
        if all(
            value == params[name.split("__")[-1]]
            for name, value in point.items()
            if name.split("__")[-1] in params
        )
    ]
    return search.cv_results_[f"mean_{name}"][k]


def test_surface_of_a_pipeline_in_a_grid_search(grid_search):
    display = ValidationSurfaceDisplay.from_estimator(grid_search)
    assert_array_equal(display.alphas, sorted(ALPHAS))
    assert_array_equal(display.deltas, sorted(DELTAS))
    l1_ratio = grid_search.best_params_["svmclassifier__l1_ratio"]
    expected = [
        [
            mean_score(grid_search, alpha=alpha, delta=delta, l1_ratio=l1_ratio)
            for alpha in sorted(ALPHAS)
        ]
        for delta in sorted(DELTAS)
    ]
    assert_array_equal(display.surface_.get_array().reshape(2, 3), expected)
    assert display.ax_.get_xscale() == display.ax_.get_yscale() == "log"
    assert_allclose(display.ax_.get_xlim(), (10**-2.5, 10**0.5))
    assert_allclose(display.ax_.get_ylim(), (10**-0.5, 10**1.5))
    assert_array_equal(
        np.ravel(display.chosen_.get_xydata()),
        [grid_search.best_params_[f"svmclassifier__{p}"] for p in ("alpha", "delta")],
    )
    assert display.colorbar_.ax.get_ylabel() == "mean score over 3 folds"
    assert display.ax_.get_xlabel() == "alpha (strength of the penalty)"
    assert display.ax_.get_ylabel() == "delta (margin)"


def lines_of(display):
    return sorted(sorted(map(tuple, x.get_xydata())) for x in display.model_lines_)


@pytest.mark.parametrize(
    "loss, l1_ratio, expected",
    [
        ("hinge", 0.0, [[(0.01, 10.0), (0.1, 1.0)], [(0.1, 10.0), (1.0, 1.0)]]),
        ("hinge", 1.0, [[(a, 1.0), (a, 10.0)] for a in (0.01, 0.1, 1.0)]),
        ("squared_hinge", 0.0, [[(a, 1.0), (a, 10.0)] for a in (0.01, 0.1, 1.0)]),
        ("squared_hinge", 1.0, [[(0.01, 1.0), (0.1, 10.0)], [(0.1, 1.0), (1.0, 10.0)]]),
        ("hinge", 0.5, []),
    ],
)
@pytest.mark.parametrize("two", [False, True])
def test_orbits_join_the_points_of_one_model(frame, loss, l1_ratio, expected, two):
    X, y = two_classes(*frame) if two else frame
    model = SVMClassifier(loss, l1_ratio=l1_ratio, tol=1e-2)
    grid = {"alpha": ALPHAS, "delta": DELTAS}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    computed = ValidationSurfaceDisplay.from_estimator(search)
    assert lines_of(computed) == expected
    own = SVMClassifierCV(
        loss, alphas=ALPHAS, deltas=DELTAS, l1_ratios=[l1_ratio], cv=2, tol=1e-2
    )
    figure, ax = plt.subplots()
    recorded = ValidationSurfaceDisplay.from_estimator(own.fit(X, y), ax=ax)
    assert recorded.ax_ is ax
    assert recorded.figure_ is figure
    assert lines_of(recorded) == expected
    for line in recorded.model_lines_:
        at = [
            mean_score(own, alpha=alpha, delta=delta)
            for alpha, delta in line.get_xydata()
        ]
        assert len(set(at)) == 1
    texts = legend_texts(ax)
    assert texts == ["the same model, up to scale", "chosen"][not expected :]
    without = ValidationSurfaceDisplay.from_estimator(search, join_models=False)
    assert without.model_lines_ == []
    assert recorded.colorbar_.ax.get_ylabel() == "mean accuracy over 2 folds"


def test_orbits_of_a_loss_in_the_grid(frame):
    grid = {"alpha": ALPHAS, "delta": DELTAS, "loss": ["squared_hinge"]}
    search = GridSearchCV(SVMClassifier(tol=1e-2), grid, cv=2).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search)
    assert lines_of(display) == [[(a, 1.0), (a, 10.0)] for a in (0.01, 0.1, 1.0)]


@pytest.mark.parametrize("deltas", [None, [0.5]])
def test_a_curve_without_margins(frame, deltas):
    X, y = frame
    if deltas is None:
        search = SoftmaxClassifierCV(alphas=ALPHAS, cv=4, selection="best")
    else:
        search = SVMClassifierCV(alphas=ALPHAS, deltas=deltas, cv=4)
    display = ValidationSurfaceDisplay.from_estimator(search.fit(X, y))
    results = search.cv_results_
    order = np.argsort(ALPHAS)
    mean = results["mean_test_score"][order]
    error = results["std_test_score"][order] / 2.0
    assert_array_equal(display.line_.get_xdata(), sorted(ALPHAS))
    assert_array_equal(display.line_.get_ydata(), mean)
    band = display.band_.get_paths()[0].vertices
    for alpha, low, high in zip(
        sorted(ALPHAS), mean - error, mean + error, strict=True
    ):
        assert band[band[:, 0] == alpha, 1].min() == pytest.approx(low)
        assert band[band[:, 0] == alpha, 1].max() == pytest.approx(high)
    assert_allclose(display.chosen_.get_xydata(), [[search.alpha_, search.best_score_]])
    assert display.surface_ is display.colorbar_ is None
    assert display.ax_.get_ylabel() == "mean accuracy over 4 folds"
    assert legend_texts(display.ax_) == ["one standard error", "chosen"]


def test_one_of_several_metrics(frame):
    search = GridSearchCV(
        SoftmaxClassifier(),
        {"alpha": [0.0, *ALPHAS]},
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
        refit="neg_log_loss",
    )
    display = ValidationSurfaceDisplay.from_estimator(search.fit(*frame))
    scores = search.cv_results_["mean_test_neg_log_loss"]
    order = np.argsort(ALPHAS)
    # A strength of zero is left out.
    assert_array_equal(display.line_.get_ydata(), scores[1:][order])
    assert display.ax_.get_ylabel() == "mean neg log loss over 2 folds"
    other = ValidationSurfaceDisplay.from_estimator(search, metric="accuracy")
    scores = search.cv_results_["mean_test_accuracy"]
    assert_array_equal(other.line_.get_ydata(), scores[1:][order])
    with pytest.raises(ValueError, match="metric must be among"):
        ValidationSurfaceDisplay.from_estimator(search, metric="recall")


def test_a_grid_with_holes_leaves_them_empty(frame):
    grid = [
        {"alpha": [0.1, 1.0], "delta": [1.0]},
        {"alpha": [0.1], "delta": [10.0, 100.0]},
    ]
    search = GridSearchCV(SVMClassifier(tol=1e-2), grid, cv=2).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search)
    empty = np.ma.getmaskarray(display.surface_.get_array()).reshape(3, 2)
    assert_array_equal(empty, [[False, False], [False, True], [False, True]])
    assert lines_of(display) == [[(0.1, 10.0), (1.0, 1.0)]]


class Shift(TransformerMixin, BaseEstimator):
    """A step with a delta that is no margin."""

    def __init__(self, delta=0.0):
        self.delta = delta

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return np.asarray(X) + self.delta


class Foreign(ClassifierMixin, BaseEstimator):
    """A classifier of someone else, with parameters of the same names."""

    def __init__(self, loss="hinge", alpha=1.0, delta=1.0, l1_ratio=0.0, base=None):
        self.loss = loss
        self.base = base
        self.alpha = alpha
        self.delta = delta
        self.l1_ratio = l1_ratio

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize(
    "model, alpha, delta",
    [
        (Foreign(), "alpha", "delta"),
        (
            make_pipeline(Shift(), SVMClassifier(tol=1e-2)),
            "svmclassifier__alpha",
            "shift__delta",
        ),
    ],
)
def test_no_orbits_where_nothing_is_known_of_the_model(frame, model, alpha, delta):
    search = GridSearchCV(model, {alpha: ALPHAS, delta: DELTAS}, cv=2).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search)
    assert display.model_lines_ == []
    assert display.mean_scores.shape == (3, 2)
    assert legend_texts(display.ax_) == ["chosen"]


def test_other_parameters_may_be_estimators(frame):
    X, y = frame
    pipeline = make_pipeline(StandardScaler(), SVMClassifier(tol=1e-2))
    grid = {
        "standardscaler": [StandardScaler(), RandomForestClassifier(), "passthrough"],
        "svmclassifier__alpha": ALPHAS,
        "svmclassifier__class_weight": [None, "balanced"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score=0.0)
    with pytest.warns(FitFailedWarning):
        search.fit(X, y)
    display = ValidationSurfaceDisplay.from_estimator(search)
    at = {
        point["svmclassifier__alpha"]: score
        for point, score in zip(
            search.cv_results_["params"],
            search.cv_results_["mean_test_score"],
            strict=True,
        )
        if all(
            point[name] is search.best_params_[name]
            for name in ("standardscaler", "svmclassifier__class_weight")
        )
    }
    assert_array_equal(display.mean_scores, [at[alpha] for alpha in sorted(ALPHAS)])


def test_another_parameter_may_be_nan(frame):
    grid = {"alpha": ALPHAS, "base": [np.nan]}
    search = GridSearchCV(Foreign(), grid, cv=2).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search)
    assert_array_equal(display.line_.get_xdata(), sorted(ALPHAS))


def test_the_chosen_point_need_not_be_the_best(frame):
    search = SoftmaxClassifierCV(
        alphas=np.logspace(-4, 0, 9), cv=5, selection="one_standard_error"
    ).fit(*frame)
    assert search.cv_results_["rank_test_score"][search.best_index_] > 1
    display = ValidationSurfaceDisplay.from_estimator(search)
    assert_allclose(display.chosen_.get_xydata(), [[search.alpha_, search.best_score_]])


def test_without_a_choice_the_best_point_is_marked(frame):
    search = GridSearchCV(
        SoftmaxClassifier(),
        {"alpha": ALPHAS},
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
        refit=False,
    ).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search, metric="neg_log_loss")
    best = search.cv_results_["mean_test_neg_log_loss"].argmax()
    assert display.chosen_.get_xdata() == [ALPHAS[best]]
    with pytest.raises(ValueError, match="metric must be among"):
        ValidationSurfaceDisplay.from_estimator(search)


def test_one_strength_and_several_margins(frame):
    search = SVMClassifierCV(alphas=[0.1], deltas=DELTAS, cv=2).fit(*frame)
    display = ValidationSurfaceDisplay.from_estimator(search)
    assert_array_equal(
        display.surface_.get_array().ravel(), search.cv_results_["mean_test_score"]
    )
    low, high = display.ax_.get_xlim()
    assert low < 0.1 < high


def test_wrong_searches(frame, newton):
    with pytest.raises(ValueError, match="SoftmaxClassifier is not a search"):
        ValidationSurfaceDisplay.from_estimator(newton)
    with pytest.raises(NotFittedError):
        ValidationSurfaceDisplay.from_estimator(SVMClassifierCV())
    search = GridSearchCV(LogisticRegression(), {"C": [0.1]}, cv=2).fit(*frame)
    with pytest.raises(ValueError, match="no parameter alpha"):
        ValidationSurfaceDisplay.from_estimator(search)
    search.cv_results_["params"] = [{"a__alpha": 1.0, "b__alpha": 1.0}]
    with pytest.raises(ValueError, match="several parameters alpha"):
        ValidationSurfaceDisplay.from_estimator(search)


# -- LossDisplay --------------------------------------------------------------------


def test_losses_against_the_margin():
    display = LossDisplay.from_losses(delta=2.0, slopes=True)
    m = display.margins
    assert (m[0], m[-1]) == (-4.0, 8.0)
    short = np.maximum(0.0, 2.0 - m)
    values = {
        "hinge": short,
        "squared_hinge": short**2,
        "softmax": np.log1p(np.exp(-m)),
    }
    slopes = {
        "hinge": np.where(m < 2.0, -1.0, 0.0),
        "squared_hinge": -2.0 * short,
        "softmax": -1.0 / (1.0 + np.exp(m)),
    }
    for name in values:
        assert_array_equal(display.lines_[name].get_xdata(), m)
        assert_allclose(display.lines_[name].get_ydata(), values[name], atol=1e-14)
        drawn = display.slope_lines_[name].get_ydata()
        away = np.abs(m - 2.0) > 1e-9
        assert_allclose(drawn[away], slopes[name][away], atol=1e-14)
    labels = ["hinge", "squared hinge", "-log p (softmax)", "delta"]
    assert [legend_texts(axes) for axes in display.axes_] == [labels, labels]
    # The last line is where delta is.
    assert set(display.axes_[0].lines[-1].get_xdata()) == {2.0}


def test_one_loss_on_given_axes():
    _, ax = plt.subplots()
    display = LossDisplay.from_losses("softmax", margins=[0, 1], ax=ax)
    assert display.axes_[0] is ax
    assert display.margins.dtype == np.float64
    assert_allclose(ax.lines[0].get_ydata(), np.log1p(np.exp([0.0, -1.0])))
    assert list(display.lines_) == ["softmax"]
    assert display.slope_lines_ == {}


def test_wrong_losses():
    with pytest.raises(ValueError, match="loss must be among"):
        LossDisplay.from_losses(["hinge", "log"])
    with pytest.raises(ValueError, match="delta must be positive"):
        LossDisplay.from_losses(delta=0.0)
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match="needs 2 axes here, got 1"):
        LossDisplay.from_losses(slopes=True, ax=ax)


# -- BoundaryDisplay ----------------------------------------------------------------

PETALS = ["petal length (cm)", "petal width (cm)"]


@pytest.mark.parametrize("scaled", [False, True])
def test_boundary_of_two_classes(frame, scaled):
    X, y = two_classes(*frame)
    X = X[PETALS]
    svm = SVMClassifier(alpha=0.01, delta=0.5, tol=1e-9)
    model = (make_pipeline(MinMaxScaler(), svm) if scaled else svm).fit(X, y)
    display = BoundaryDisplay.from_estimator(model, X, y)

    def scores(points):
        return model.decision_function(pd.DataFrame(points, columns=PETALS))

    (boundary,), (margins,) = display.boundaries_, display.margins_
    assert_allclose(scores(vertices(boundary)), 0.0, atol=1e-9)
    assert_allclose(np.abs(scores(vertices(margins))), 0.5, atol=1e-9)
    assert_array_equal(margins.levels, [-0.5, 0.5])
    sign = np.where(y == "virginica", 1.0, -1.0)
    inside = sign * model.decision_function(X) <= 0.5 * 1.01
    assert 0 < inside.sum() < len(y)
    assert_array_equal(display.support_.get_offsets(), X[inside])
    if not scaled:
        # The others hold nothing: without them the model is the same.
        alone = SVMClassifier(alpha=0.01 * len(y) / inside.sum(), delta=0.5, tol=1e-9)
        alone.fit(X[inside], y[inside])
        assert_allclose(alone.coef_, model.coef_, rtol=1e-3)
    for k, label in enumerate(["versicolor", "virginica"]):
        assert_array_equal(display.samples_[k].get_offsets(), X[y == label])
    assert display.ax_.get_xlabel() == PETALS[0]
    assert display.ax_.get_ylabel() == PETALS[1]
    assert legend_texts(display.ax_) == [
        "versicolor",
        "virginica",
        "score = 0",
        "score = ±0.5",
        "support vectors",
    ]


def test_boundaries_of_three_classes(frame):
    X, y = frame
    X = X[PETALS].to_numpy()
    model = SVMClassifier(alpha=0.01).fit(X, y)
    figure, ax = plt.subplots()
    names = ["a", "b", "c"]
    display = BoundaryDisplay.from_estimator(
        model, X, y, class_names=names, grid_resolution=150, ax=ax
    )
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert len(display.boundaries_) == len(display.margins_) == 3
    for sets, lead in ((display.boundaries_, 0.0), (display.margins_, 1.0)):
        for k, contours in enumerate(sets):
            scores = model.decision_function(vertices(contours))
            others = np.delete(scores, k, axis=1).max(axis=1)
            # Between grid points the best other class may change.
            assert_allclose(scores[:, k] - others, lead, atol=0.02)
    regions = display.regions_.surface_
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    assert_array_equal(model.classes_[regions.get_array().ravel()], model.predict(grid))
    for k, samples in enumerate(display.samples_):
        color = samples.get_facecolor()[0][:3]
        assert_allclose(regions.cmap(regions.norm(k))[:3], color)
    scores = model.decision_function(X)
    codes = np.searchsorted(model.classes_, y)
    own = scores[np.arange(150), codes]
    scores[np.arange(150), codes] = -np.inf
    inside = own - scores.max(axis=1) <= 1.01
    assert_array_equal(display.support_.get_offsets(), X[inside])
    assert 0 < inside.sum() < 150
    assert legend_texts(ax)[:3] == names
    assert ax.get_xlabel() == "feature 0"


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.DataFrame])
@pytest.mark.parametrize("two", [False, True])
def test_a_softmax_has_no_margin(frame, convert, two):
    X, y = two_classes(*frame) if two else frame
    X = convert(X[PETALS].to_dict("list"))
    search = SoftmaxClassifierCV(alphas=[0.1], cv=2, preprocessor=StandardScaler())
    display = BoundaryDisplay.from_estimator(search.fit(X, y), X, y)
    assert display.margins_ == []
    assert display.support_ is None
    assert len(display.boundaries_) == (1 if two else 3)
    assert display.ax_.get_xlabel() == PETALS[0]
    last = "score = 0" if two else "tie of the best two"
    assert legend_texts(display.ax_)[-1] == last


def test_a_boundary_out_of_sight_is_not_drawn(frame):
    X, y = frame
    X, y = X[PETALS], y
    model = SVMClassifier(alpha=0.01).fit(X, y)
    setosa = y == "setosa"
    display = BoundaryDisplay.from_estimator(model, X[setosa], y[setosa])
    assert display.boundaries_ == []
    assert [len(s.get_offsets()) for s in display.samples_] == [50, 0, 0]


def test_the_regions_reach_around_a_constant_feature(frame):
    X, y = frame
    X = np.column_stack([X[PETALS[0]], np.full(150, 3.0)])
    display = BoundaryDisplay.from_estimator(SVMClassifier(alpha=0.1).fit(X, y), X, y)
    assert display.xx0.min() < X[:, 0].min() < X[:, 0].max() < display.xx0.max()
    assert display.xx1.min() < 3.0 < display.xx1.max()


def test_wrong_boundaries(frame, newton):
    X, y = frame
    with pytest.raises(ValueError, match="exactly two features"):
        BoundaryDisplay.from_estimator(newton, X, y)
    model = SVMClassifier(alpha=0.1).fit(X[PETALS], y)
    with pytest.raises(ValueError, match=r"y has the shape \(149,\)"):
        BoundaryDisplay.from_estimator(model, X[PETALS], y[1:])
    with pytest.raises(ValueError, match=r"labels that the estimator lacks: .*rose"):
        BoundaryDisplay.from_estimator(model, X[PETALS], np.full(150, "rose"))
    with pytest.raises(ValueError, match="3 classes, but 2 class_names"):
        BoundaryDisplay.from_estimator(model, X[PETALS], y, class_names=["a", "b"])
    _, axes = plt.subplots(1, 2)
    with pytest.raises(ValueError, match="needs 1 axes here, got 2"):
        BoundaryDisplay.from_estimator(model, X[PETALS], y, ax=axes)


def test_plot_draws_again(frame, sgd):
    """Each call draws what the display holds, and makes a figure of its own."""
    display = LossCurveDisplay.from_estimator(sgd)
    first = display.figure_
    assert display.plot(log_scale=True) is display
    assert display.figure_ is not first
    assert_array_equal(display.lines_["sgd"].get_ydata(), sgd.loss_curve_)
    assert display.ax_.get_yscale() == "log"


# -- the gallery ----------------------------------------------------------------------

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_an_example_in_a_kernel_leaves_its_arguments_alone(tmp_path):
    """A Jupyter kernel is started with the name of a file of its own."""
    connection = tmp_path / "kernel.json"
    connection.write_text("{}")
    subprocess.run(
        [sys.executable, EXAMPLES / "losses" / "plot_losses.py", str(connection)],
        env=os.environ | {"MPLBACKEND": "Agg"},
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    assert connection.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [connection]


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("plot_*.py")), ids=lambda path: path.name
)
def test_the_gallery_takes_no_arguments(path):
    assert "argv" not in path.read_text()
