"""The CV classifiers against GridSearchCV, golden error counts and the formulas."""

import pickle
import tracemalloc
import warnings
from copy import copy

import _reference as reference
import numpy as np
import pandas as pd
import pytest
import sklearn
from _models import LOSSES, make
from _tiers import only_where, slow_where
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.exceptions import (
    ConvergenceWarning,
    FitFailedWarning,
    NotFittedError,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_score,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.fixes import parse_version

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV
from sklearn_linloss._losses import Loss
from sklearn_linloss._orbits import at_unit_margin, objective_scale

ALPHAS = np.logspace(-4, 1, 6)
DELTAS = np.logspace(-1, 1, 3)


def since_scikit_learn(version):
    return only_where(
        lambda: parse_version(sklearn.__version__) >= parse_version(version)
    )


def make_cv(loss, **params):
    params = {"random_state": 0} | params
    if loss == "softmax":
        params.pop("deltas", None)
        return SoftmaxClassifierCV(**params)
    return SVMClassifierCV(loss, **params)


def grid_search(loss, alphas, deltas=(1.0,), l1_ratios=(0.0,), cv=None, **params):
    grid = {"alpha": alphas, "l1_ratio": l1_ratios}
    if loss != "softmax":
        grid["delta"] = deltas
    return GridSearchCV(make(loss, **params), grid, cv=cv)


def split_scores(results):
    names = sorted(name for name in results if name.startswith("split"))
    return np.array([results[name] for name in names])


# -- scores --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
@pytest.mark.parametrize("loss", LOSSES)
def test_scores_are_those_of_grid_search(loss, name, standardised):
    X, y = standardised(name)
    tol = 1e-6
    mine = make_cv(loss, alphas=ALPHAS, deltas=DELTAS, tol=tol).fit(X, y)
    theirs = grid_search(loss, ALPHAS, DELTAS, tol=tol).fit(X, y)
    params = theirs.cv_results_["params"]
    assert mine.cv_results_["params"] == params
    # A sample may fall on another side only if the certificates allow it.
    differ = split_scores(mine.cv_results_) != split_scores(theirs.cv_results_)
    folds = list(StratifiedKFold(5).split(X, y))
    for k, point in zip(*np.nonzero(differ), strict=True):
        train, test = folds[k]
        alone = clone(theirs.estimator).set_params(**params[point])
        alone.fit(X[train], y[train])
        assert_near_ties(mine, alone, X[train], X[test], k, params[point], tol)
    assert mine.best_score_ == pytest.approx(theirs.best_score_, abs=0.01)


def assert_near_ties(mine, alone, X_train, X_test, fold, params, tol):
    """Both are within tol of the optimum, so their coefficients are close."""
    where = (list(mine.alphas_).index(params["alpha"]),)
    if "delta" in params:
        where = (list(mine.deltas).index(params["delta"]), *where)
    model = mine.coefs_paths_[(fold, 0, *where)]
    scores = X_test @ model[:, :-1].T + model[:, -1]
    other = alone.decision_function(X_test).reshape(scores.shape)
    if scores.shape[1] == 1:
        flipped = ((scores > 0.0) != (other > 0.0))[:, 0]
        margin = np.abs(scores[:, 0])
    else:
        flipped = scores.argmax(axis=1) != other.argmax(axis=1)
        ordered = np.sort(scores, axis=1)
        margin = ordered[:, -1] - ordered[:, -2]
    # F is alpha-strongly convex in W.
    apart = 2.0 * np.sqrt(2.0 * tol * alone.objective_ / params["alpha"])
    centre = X_train.mean(axis=0)
    reach = np.linalg.norm(X_test - centre, axis=1)
    drift = np.abs(model[:, :-1] @ centre + model[:, -1]).max() * np.sqrt(tol)
    assert (margin[flipped] <= np.sqrt(2.0) * reach[flipped] * apart + drift).all()


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_golden_error_counts(loss, golden):
    from sklearn.datasets import load_iris

    X, y = load_iris(return_X_y=True)
    entries = [e for e in golden["cv_error_counts"] if e["loss"] == loss]
    alphas = sorted({e["alpha"] for e in entries})
    deltas = sorted({e["delta"] for e in entries})
    assert len(entries) == len(alphas) * len(deltas)
    tol = 1e-8
    mine = make_cv(
        loss, alphas=alphas, deltas=deltas, tol=tol, preprocessor=StandardScaler()
    ).fit(X, y)
    pipeline = Pipeline([("scale", StandardScaler()), ("svm", make(loss, tol=tol))])
    theirs = GridSearchCV(pipeline, {"svm__alpha": alphas, "svm__delta": deltas})
    theirs.fit(X, y)
    for entry in entries:
        for results, prefix in ((mine.cv_results_, ""), (theirs.cv_results_, "svm__")):
            point = next(
                i
                for i, params in enumerate(results["params"])
                if params[f"{prefix}alpha"] == entry["alpha"]
                and params[f"{prefix}delta"] == entry["delta"]
            )
            errors = 30.0 * (1.0 - split_scores(results)[:, point])
            np.testing.assert_allclose(errors, entry["errors_per_fold"], atol=1e-9)


def test_results_have_the_form_of_grid_search(iris):
    X, y = iris
    mine = make_cv("hinge", alphas=ALPHAS[:3], deltas=DELTAS[:2]).fit(X, y)
    theirs = grid_search("hinge", ALPHAS[:3], DELTAS[:2]).fit(X, y)
    assert set(mine.cv_results_) == {*theirs.cv_results_, "model"}
    for name, expected in theirs.cv_results_.items():
        column = mine.cv_results_[name]
        assert type(column) is type(expected)
        if name != "params":
            assert column.dtype == expected.dtype
        if "time" not in name and name != "params":
            np.testing.assert_allclose(column, expected, rtol=1e-12)
    frame = pd.DataFrame(mine.cv_results_)
    assert len(frame) == 6
    assert frame["model"].dtype.kind == "i"
    assert mine.best_index_ == theirs.best_index_
    assert mine.best_params_ == theirs.best_params_
    assert mine.best_score_ == theirs.best_score_
    assert mine.n_splits_ == 5
    assert (frame["mean_fit_time"] > 0.0).all()


@pytest.mark.parametrize(
    "scoring",
    [
        "roc_auc",
        "neg_log_loss",
        make_scorer(accuracy_score),
        lambda model, X, y: float(np.abs(model.coef_).sum()),
    ],
)
def test_any_scorer(scoring, breast_cancer):
    X, y = breast_cancer
    mine = make_cv("softmax", alphas=ALPHAS[2:], scoring=scoring, tol=1e-9).fit(X, y)
    theirs = grid_search("softmax", ALPHAS[2:], tol=1e-9).set_params(scoring=scoring)
    theirs.fit(X, y)
    np.testing.assert_allclose(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_), rtol=2e-3
    )
    assert mine.score(X, y) == pytest.approx(theirs.score(X, y), rel=2e-3)


def test_points_of_one_orbit_are_scored_each_where_their_scale_matters(iris):
    X, y = iris

    def size(model, X, y):
        return float(np.abs(model.coef_).max())

    mine = make_cv("squared_hinge", alphas=[0.1], deltas=[1.0, 10.0], scoring=size).fit(
        X, y
    )
    assert list(mine.cv_results_["model"]) == [0, 0]
    np.testing.assert_allclose(
        mine.scores_[:, 0, 1, 0], 10.0 * mine.scores_[:, 0, 0, 0]
    )


# -- orbits --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss, l1_ratio, shared",
    [
        ("hinge", 0.0, lambda alpha, delta: alpha * delta),
        ("hinge", 1.0, lambda alpha, delta: alpha),
        ("squared_hinge", 0.0, lambda alpha, delta: alpha),
        ("squared_hinge", 1.0, lambda alpha, delta: alpha / delta),
    ],
)
def test_orbits_of_pure_penalties(loss, l1_ratio, shared, iris):
    X, y = iris
    m = 4
    grid = np.logspace(-3, 0, m)
    model = make_cv(
        loss, alphas=grid, deltas=10.0 * grid, l1_ratios=[l1_ratio], cv=2, refit=False
    ).fit(X, y)
    orbit = model.cv_results_["model"]
    keys = [
        round(np.log10(shared(params["alpha"], params["delta"])), 6)
        for params in model.cv_results_["params"]
    ]
    assert len(set(orbit)) == len(set(keys)) == len({*zip(orbit, keys, strict=True)})
    assert len(set(orbit)) in (m, 2 * m - 1)
    # Numbered in the order of their first points.
    _, first = np.unique(orbit, return_index=True)
    assert (np.diff(first) > 0).all()


def test_orbits_of_an_elastic_net_are_matched_exactly(iris):
    X, y = iris
    # At unit margin l1 and l2 are (.1, .1): of the hinge with delta = 2 as well.
    same = {"alpha": 0.15, "l1_ratio": 2.0 / 3.0, "delta": 2.0}
    model = make_cv(
        "hinge",
        alphas=[0.2, same["alpha"]],
        deltas=[1.0, same["delta"]],
        l1_ratios=[0.5, same["l1_ratio"], same["l1_ratio"] * (1.0 + 1e-9)],
        cv=2,
        refit=False,
    ).fit(X, y)
    params = model.cv_results_["params"]
    orbit = model.cv_results_["model"]
    one = params.index({"alpha": 0.2, "delta": 1.0, "l1_ratio": 0.5})
    assert orbit[one] == orbit[params.index(same)]
    assert len(set(orbit)) == len(orbit) - 1


def test_the_former_name_of_a_column(iris):
    X, y = iris
    results = make_cv("hinge", alphas=[0.1], deltas=[1.0, 2.0], cv=2).fit(X, y)
    results = pickle.loads(pickle.dumps(results.cv_results_))
    with pytest.warns(FutureWarning, match=r'now cv_results_\["model"\]'):
        former = results["orbit"]
    np.testing.assert_array_equal(former, results["model"])
    # Who reads all columns is not warned, and sees none twice.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "orbit" not in pd.DataFrame(results).columns
    with pytest.raises(KeyError, match="no_such_column"):
        results["no_such_column"]


def test_an_unknown_loss_has_no_orbits():
    for function, args in (
        (at_unit_margin, (0.1, 0.5, 2.0)),
        (objective_scale, (2.0,)),
    ):
        with pytest.raises(ValueError, match="margin does to the loss 'log_loss'"):
            function(LossOfNoDegree(1.0), *args)


class LossOfNoDegree(Loss):
    name = "log_loss"


@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_each_point_is_the_optimum_of_its_own_problem(loss, l1_ratio, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    alphas, deltas, tol = [1.0, 0.01], [0.5, 3.0], 1e-7
    model = make_cv(
        loss, alphas=alphas, deltas=deltas, l1_ratios=[l1_ratio], cv=2, tol=tol
    ).fit(X, y)
    n_rows = 1 if n_classes == 2 else n_classes
    assert model.coefs_paths_.shape == (2, 1, 2, 2, n_rows, 5)
    for k, (train, _) in enumerate(StratifiedKFold(2).split(X, y)):
        for i, alpha in enumerate(alphas):
            for j, delta in enumerate(deltas):
                W = model.coefs_paths_[k, 0, j, i, :, :-1]
                b = model.coefs_paths_[k, 0, j, i, :, -1]
                value = reference.objective(
                    W, b, X[train], y[train], loss, alpha, l1_ratio, delta
                )
                alone = make(
                    loss, alpha=alpha, delta=delta, l1_ratio=l1_ratio, tol=tol
                ).fit(X[train], y[train])
                lowest = alone.objective_ * (1.0 - alone.gap_)
                assert lowest * (1.0 - 1e-12) <= value <= lowest * (1.0 + 3 * tol)


# -- data ----------------------------------------------------------------------------


@since_scikit_learn("1.7")  # before, GridSearchCV did not weigh its scores
@pytest.mark.parametrize("loss", LOSSES)
def test_weights_and_groups(loss, iris):
    X, y = iris
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    X, y = X[order], y[order]
    weight, groups = rng.uniform(0.1, 3.0, len(y)), np.arange(len(y)) % 7
    cv = GroupKFold(4)
    mine = make_cv(loss, alphas=ALPHAS[2:], cv=cv, tol=1e-7)
    mine.fit(X, y, sample_weight=weight, groups=groups)
    theirs = grid_search(loss, ALPHAS[2:], cv=cv, tol=1e-7)
    theirs.fit(X, y, sample_weight=weight, groups=groups)
    np.testing.assert_allclose(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_), rtol=1e-12
    )
    np.testing.assert_allclose(
        mine.coef_, theirs.best_estimator_.coef_, rtol=1e-3, atol=1e-5
    )


def test_metadata_are_routed(iris):
    X, y = iris
    weight = np.linspace(0.1, 3.0, len(y))
    groups = np.arange(len(y)) % 5
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        mine = make_cv("hinge", alphas=[0.1, 0.01], cv=GroupKFold(5), scoring=scorer)
        mine.set_fit_request(sample_weight=True)
        mine.fit(X, y, sample_weight=weight, groups=groups)
        for k, (train, test) in enumerate(GroupKFold(5).split(X, y, groups)):
            alone = make("hinge", alpha=0.1).fit(X[train], y[train], weight[train])
            expected = alone.score(X[test], y[test], weight[test])
            assert mine.scores_[k, 0, 0, 0] == pytest.approx(expected, rel=1e-12)
        with pytest.raises(TypeError, match="unknown"):
            mine.fit(X, y, unknown=groups)


def test_splits_that_can_be_read_once(iris):
    X, y = iris
    weight = np.linspace(0.1, 3.0, len(y))
    with config_context(enable_metadata_routing=True):
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        params = {"alphas": [0.1], "scoring": scorer}
        search = make_cv("hinge", cv=KFold(3).split(X), **params)
        whole = make_cv("hinge", cv=KFold(3), **params)
        search.get_metadata_routing()
        for each in (search, whole):
            each.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(search.scores_, whole.scores_)
    for cv in (search.cv, []):  # used up
        with pytest.raises(ValueError, match="cv has no splits"):
            make_cv("hinge", alphas=[0.1], cv=cv).fit(X, y)


class Spy(TransformerMixin, BaseEstimator):
    """Counts the samples that it was fitted to."""

    fitted_to = []

    def fit(self, X, y=None):
        self.fitted_to.append(len(X))
        self.mean_ = X.mean(axis=0)
        return self

    def transform(self, X):
        return X - self.mean_


def test_the_preprocessor_sees_training_parts_only(iris):
    X, y = iris
    Spy.fitted_to.clear()
    spy = Spy()
    make_cv("softmax", alphas=[0.1, 1.0], cv=3, preprocessor=spy).fit(X, y)
    assert Spy.fitted_to == [100, 100, 100, 150]
    assert not hasattr(spy, "mean_")


def test_frames_strings_and_text(iris):
    X, y = iris
    frame = pd.DataFrame(X, columns=list("abcd"))
    names = np.array(["x", "y", "z"])[y]
    plain = make_cv("hinge", alphas=[0.1, 1.0]).fit(X, y)
    model = make_cv("hinge", alphas=[0.1, 1.0]).fit(frame, names)
    assert list(model.feature_names_in_) == list("abcd")
    assert list(model.classes_) == ["x", "y", "z"]
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    expected = np.array(["x", "y", "z"])[plain.predict(X)]
    np.testing.assert_array_equal(model.predict(frame), expected)
    scaled = make_cv("hinge", alphas=[0.1, 1.0], preprocessor=StandardScaler())
    scaled.fit(frame, names)
    assert list(scaled.feature_names_in_) == list("abcd")
    assert scaled.score(frame, names) > 0.9
    text = ["red apple", "green apple", "red car", "blue car"] * 5
    fruit = np.array([1, 1, 0, 0] * 5)
    words = make_cv("softmax", alphas=[0.01], cv=2, preprocessor=TfidfVectorizer())
    assert words.fit(text, fruit).score(text, fruit) == 1.0
    assert words.predict_proba(text).shape == (20, 2)


def test_a_class_that_a_training_part_lacks(iris):
    X, y = iris
    mine = make_cv("hinge", alphas=[0.1, 1.0], cv=KFold(3)).fit(X, y)
    theirs = grid_search("hinge", [0.1, 1.0], cv=KFold(3)).fit(X, y)
    np.testing.assert_array_equal(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_)
    )
    paths = mine.coefs_paths_
    for k in range(3):
        assert np.isnan(paths[k, ..., k, :]).all()
        assert np.isfinite(np.delete(paths[k], k, axis=-2)).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_class_weights_of_a_class_that_a_training_part_lacks(loss, iris):
    X, y = iris
    mine = make_cv(loss, alphas=[0.1], cv=KFold(3), class_weight={2: 3.0})
    mine.fit(X, y)
    weight = np.where(y == 2, 3.0, 1.0)
    for k, (train, test) in enumerate(KFold(3).split(X)):
        alone = make(loss, alpha=0.1).fit(X[train], y[train], weight[train])
        assert mine.scores_[k].item() == alone.score(X[test], y[test])


TEXTS = [
    f"{word} {other} {kind}"
    for word, other, kind in zip(
        np.random.default_rng(0).choice([f"w{i}" for i in range(60)], 80),
        np.random.default_rng(1).choice([f"v{i}" for i in range(60)], 80),
        ["sport", "news"] * 40,
        strict=True,
    )
]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "preprocessor, data",
    [
        (TfidfVectorizer(), "text"),
        (OneHotEncoder(handle_unknown="ignore"), "categories"),
        (PCA(0.9), "digits"),
        (VarianceThreshold(), "digits"),
    ],
)
def test_a_width_that_depends_on_the_fold(preprocessor, data, loss, standardised):
    if data == "text":
        X, y = TEXTS, np.arange(80) % 2
    elif data == "categories":
        rng = np.random.default_rng(0)
        X, y = rng.geometric(0.1, (90, 2)), np.arange(90) % 3
    else:
        X, y = standardised(data)
        X, y = X[:150], y[:150] % 3
    alphas, tol = [0.01, 0.1], 1e-7
    mine = make_cv(loss, alphas=alphas, preprocessor=preprocessor, tol=tol).fit(X, y)
    pipeline = Pipeline([("pre", preprocessor), ("model", make(loss, tol=tol))])
    theirs = GridSearchCV(pipeline, {"model__alpha": alphas}).fit(X, y)
    np.testing.assert_allclose(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_), atol=0.04
    )
    assert mine.best_score_ == pytest.approx(theirs.best_score_, abs=0.01)
    assert isinstance(mine.coefs_paths_, list)
    folds = StratifiedKFold(5).split(np.zeros(len(y)), y)
    for path, (train, _) in zip(mine.coefs_paths_, folds, strict=True):
        part = [X[i] for i in train] if data == "text" else X[train]
        width = clone(preprocessor).fit_transform(part, y[train]).shape[1]
        deltas = () if loss == "softmax" else (1,)
        n_rows = 1 if y.max() == 1 else 3
        assert path.shape == (1, *deltas, 2, n_rows, width + 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_scorer_sees_a_fitted_model(loss, dtype, iris):
    X, y = iris
    X = X.astype(dtype)
    train, test = next(StratifiedKFold(2).split(X, y))
    seen = []

    def scorer(model, X_test, y_test):
        seen.append(copy(model))
        return 0.0

    params = {"alphas": [0.1, 0.01], "deltas": [0.5, 3.0], "l1_ratios": [0.0, 0.5]}
    make_cv(loss, cv=[(train, test)], scoring=scorer, refit=False, **params).fit(X, y)
    assert len(seen) == (4 if loss == "softmax" else 8)
    for model in seen:
        assert model.coef_.dtype == model.intercept_.dtype == dtype
        assert model.objective_ == pytest.approx(
            reference.objective_of(model, X[train], y[train]), rel=1e-6
        )
        assert 0.0 <= model.gap_ <= 1e-4
        assert isinstance(model.n_iter_, int)
    # Started from the model before it, a fit may need no step, but not all of them.
    assert max(model.n_iter_ for model in seen) > 0


# -- folds that fail -----------------------------------------------------------------


class Picky(TransformerMixin, BaseEstimator):
    """Refuses parts of the data with a certain row, to fit or to transform."""

    def __init__(self, fit=None, transform=None):
        self.fit_row, self.transform_row = fit, transform
        self.fit_, self.transform_ = fit, transform

    def get_params(self, deep=True):
        return {"fit": self.fit_row, "transform": self.transform_row}

    def fit(self, X, y=None):
        if self.fit_row is not None and (X[:, 0] == self.fit_row).any():
            raise ValueError("a row that cannot be fitted")
        return self

    def transform(self, X):
        if self.transform_row is not None and (X[:, 0] == self.transform_row).any():
            raise ValueError("a row that cannot be transformed")
        return X


def caught(function, *args, **params):
    with warnings.catch_warnings(record=True) as messages:
        warnings.simplefilter("always")
        result = function(*args, **params)
    return result, messages


@pytest.mark.parametrize("error_score", [np.nan, 0.25])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_training_part_of_one_class(loss, error_score, iris):
    X, y = iris
    X, y = X[:100], np.r_[np.zeros(30), np.arange(70) % 2].astype(int)
    cv = TimeSeriesSplit(5)
    alphas = [1.0, 0.1, 0.01]
    mine = make_cv(loss, alphas=alphas, cv=cv, error_score=error_score)
    theirs = grid_search(loss, alphas, cv=cv).set_params(error_score=error_score)
    mine, messages = caught(mine.fit, X, y)
    theirs, their_messages = caught(theirs.fit, X, y)
    scores = split_scores(theirs.cv_results_)
    assert (np.isnan(scores) if np.isnan(error_score) else scores == 0.25)[0].all()
    np.testing.assert_allclose(split_scores(mine.cv_results_), scores, atol=0.07)
    np.testing.assert_array_equal(
        np.isnan(mine.cv_results_["mean_test_score"]),
        np.isnan(theirs.cv_results_["mean_test_score"]),
    )
    if np.isnan(error_score):
        np.testing.assert_array_equal(
            mine.cv_results_["rank_test_score"], theirs.cv_results_["rank_test_score"]
        )
        assert mine.best_index_ == theirs.best_index_
    kinds = {w.category for w in messages} - {ConvergenceWarning}
    assert kinds == {w.category for w in their_messages} - {ConvergenceWarning}
    (failed,) = (w for w in messages if w.category is FitFailedWarning)
    assert "3 fits failed out of a total of 15" in str(failed.message)
    assert "one class" in str(failed.message)
    assert {w.filename for w in messages} == {__file__}
    assert np.isnan(mine.coefs_paths_[0]).all()
    assert np.isfinite(mine.coefs_paths_[1:]).all()
    with pytest.raises(ValueError, match="one class"):
        mine.set_params(error_score="raise").fit(X, y)


@pytest.mark.parametrize("where, message", [("fit", "fitted"), ("transform", "formed")])
def test_a_preprocessor_that_fails(where, message, iris):
    X, y = iris
    X = X.copy()
    X[7, 0] = 1000.0
    # A transform of the training part fails too.
    picky = Picky(**{where: 1000.0})
    alphas = [0.1, 1.0]
    mine = make_cv("hinge", alphas=alphas, preprocessor=picky, refit=False)
    mine, messages = caught(mine.fit, X, y)
    pipeline = Pipeline([("picky", picky), ("model", make("hinge"))])
    theirs = GridSearchCV(pipeline, {"model__alpha": alphas}, refit=False)
    theirs, _ = caught(theirs.fit, X, y)
    np.testing.assert_array_equal(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_)
    )
    assert message in str(messages[0].message)
    with pytest.raises(ValueError, match=message):
        mine.set_params(error_score="raise").fit(X, y)


def test_only_the_points_that_a_solver_refuses(iris):
    X, y = iris
    params = {"solver": "lbfgs", "tol": 1e-6}
    mine = make_cv("softmax", alphas=[0.1, 1.0], l1_ratios=[0.0, 0.5], **params)
    mine, messages = caught(mine.fit, X, y)
    theirs = grid_search("softmax", [0.1, 1.0], l1_ratios=[0.0, 0.5], **params)
    theirs, _ = caught(theirs.fit, X, y)
    np.testing.assert_array_equal(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_)
    )
    assert mine.best_params_ == theirs.best_params_
    assert "10 fits failed out of a total of 20" in str(messages[0].message)
    assert np.isnan(mine.coefs_paths_[:, 1]).all()
    assert np.isfinite(mine.coefs_paths_[:, 0]).all()


def test_a_scorer_that_fails(iris):
    X, y = iris

    def scorer(model, X, y):
        if len(np.unique(y)) < 3 or model.alpha == 1.0:
            raise ZeroDivisionError("no such score")
        return model.alpha

    cv = KFold(7)
    mine = make_cv("softmax", alphas=[0.1, 1.0], cv=cv, scoring=scorer)
    mine, messages = caught(mine.fit, X, y)
    theirs = grid_search("softmax", [0.1, 1.0], cv=cv).set_params(scoring=scorer)
    theirs, _ = caught(theirs.fit, X, y)
    np.testing.assert_array_equal(
        split_scores(mine.cv_results_), split_scores(theirs.cv_results_)
    )
    assert "Scoring failed 14 times" in str(messages[0].message)
    assert {w.filename for w in messages} == {__file__}
    with pytest.raises(ZeroDivisionError):
        mine.set_params(error_score="raise").fit(X, y)
    for result in ({"a": 1.0}, None, np.zeros(2)):
        mine.set_params(scoring=lambda *_, result=result: result)
        with pytest.raises(ValueError, match="must return a number"):
            mine.fit(X, y)


@since_scikit_learn("1.7")  # before, GridSearchCV did not weigh its scores
@pytest.mark.parametrize("scoring", [None, "roc_auc"])
def test_a_test_part_without_weight(scoring, breast_cancer):
    X, y = breast_cancer
    weight = np.ones(len(y))
    weight[next(StratifiedKFold(5).split(X, y))[1]] = 0.0
    mine = make_cv("hinge", alphas=[0.1, 1.0], scoring=scoring)
    mine, messages = caught(mine.fit, X, y, sample_weight=weight)
    theirs = grid_search("hinge", [0.1, 1.0]).set_params(scoring=scoring)
    theirs, _ = caught(theirs.fit, X, y, sample_weight=weight)
    expected = split_scores(theirs.cv_results_)
    assert np.isnan(expected[0]).all()
    np.testing.assert_allclose(split_scores(mine.cv_results_), expected, rtol=1e-3)
    assert "Scoring failed 2 times" in str(messages[0].message)
    choice = mine.set_params(selection="one_standard_error")
    choice, _ = caught(choice.fit, X, y, sample_weight=weight)
    assert choice.best_index_ == 0


def test_data_that_no_fold_can_use(iris):
    X, y = iris
    bad = X.copy()
    bad[0, 0] = np.nan
    model = make_cv("hinge", alphas=[0.1])
    with pytest.raises(ValueError, match="contains NaN"):
        model.fit(bad, y)
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        model.fit(X, y, sample_weight=np.r_[-1.0, np.ones(149)])


RARE = np.arange(10.0)[:, None], np.array(["a"] * 5 + ["b"] * 4 + ["c"])
TWO = RARE[0], np.array(["a"] * 8 + ["b"] * 2)


@since_scikit_learn("1.9")  # before, LogisticRegressionCV did not tell the labels
@pytest.mark.parametrize("data", [RARE, TWO], ids=["three", "two"])
@pytest.mark.parametrize("scoring", ["neg_log_loss", "neg_brier_score"])
def test_probabilities_of_all_classes(scoring, data):
    X, y = data
    params = {"cv": 5, "scoring": scoring}
    alphas = np.array([0.1, 0.01])
    mine = make_cv("softmax", alphas=alphas, tol=1e-10, **params).fit(X, y)
    theirs, _ = caught(
        LogisticRegressionCV(
            Cs=1.0 / (8 * alphas),  # of ten samples eight are fitted
            l1_ratios=(0.0,),
            tol=1e-10,
            max_iter=10000,
            use_legacy_attributes=False,
            **params,
        ).fit,
        X,
        y,
    )
    expected = theirs.scores_[:, 0]
    assert np.isfinite(expected).all()
    seen = np.array([len(np.unique(y[train])) for train, _ in folds_of(X, y)])
    full = seen == len(np.unique(y))
    np.testing.assert_allclose(mine.scores_[full, 0], expected[full], rtol=1e-4)
    if scoring == "neg_brier_score":
        # Theirs goes to the probability 0 of a class that it was not shown.
        np.testing.assert_allclose(mine.scores_[~full, 0], expected[~full], atol=1e-2)


def folds_of(X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(StratifiedKFold(5).split(X, y))


def test_a_class_that_was_not_shown_has_no_probability():
    X, y = RARE
    labels = np.unique(y)
    mine, _ = caught(
        make_cv("softmax", alphas=[0.1], cv=5, scoring="neg_log_loss").fit, X, y
    )
    for k, (train, test) in enumerate(folds_of(X, y)):
        alone = make("softmax", alpha=0.1).fit(X[train], y[train])
        proba = np.zeros((len(test), 3))
        proba[:, np.isin(labels, alone.classes_)] = alone.predict_proba(X[test])
        expected = -log_loss(y[test], proba, labels=labels)
        assert mine.scores_[k, 0, 0] == pytest.approx(expected, rel=1e-3)


def test_labels_that_a_scorer_was_made_with():
    X, y = TWO
    scorer = make_scorer(
        brier_score_loss,
        greater_is_better=False,
        response_method="predict_proba",
        pos_label="a",
    )
    mine, _ = caught(make_cv("softmax", alphas=[0.1], scoring=scorer, cv=5).fit, X, y)
    theirs, _ = caught(
        grid_search("softmax", [0.1]).set_params(scoring=scorer).fit, X, y
    )
    np.testing.assert_allclose(
        mine.scores_[:, 0, 0], split_scores(theirs.cv_results_)[:, 0], rtol=1e-3
    )


# -- choosing ------------------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_one_standard_error(loss, standardised):
    X, y = standardised("wine")
    params = {"alphas": ALPHAS, "deltas": DELTAS}
    best = make_cv(loss, **params).fit(X, y)
    model = make_cv(loss, selection="one_standard_error", **params).fit(X, y)
    results = model.cv_results_
    scores = split_scores(results)
    mean = scores.mean(axis=0)
    error = scores[:, best.best_index_].std() / np.sqrt(5)
    enough = mean >= mean.max() - error

    def strength(params):
        return params["alpha"] * (params["delta"] if loss == "hinge" else 1.0)

    strengths = np.array([strength(p) for p in results["params"]])
    assert enough[model.best_index_]
    chosen = strengths[model.best_index_]
    assert chosen == pytest.approx(strengths[enough].max(), rel=1e-12)
    assert chosen >= strengths[best.best_index_]
    assert model.alpha_ == results["params"][model.best_index_]["alpha"]
    seed = model.best_estimator_.random_state
    alone = make(loss, random_state=seed, **model.best_params_).fit(X, y)
    np.testing.assert_array_equal(model.coef_, alone.coef_)


def toward(target):
    """A scorer that likes one strength best."""
    return lambda model, X, y: -abs(np.log10(model.alpha / target))


def ends_said(X, y, loss="softmax", **params):
    """What a search says of the ends of its grid."""
    _, messages = caught(make_cv(loss, **params).fit, X, y)
    return [str(w.message) for w in messages if "The best alpha" in str(w.message)]


@pytest.mark.parametrize("loss", LOSSES)
def test_a_best_alpha_at_an_end_is_said(loss, iris):
    X, y = iris
    params = {"loss": loss, "alphas": [1.0, 0.1, 0.01]}
    (said,) = ends_said(X, y, scoring=toward(1e-3), **params)
    assert "0.01, is the smallest" in said
    (said,) = ends_said(X, y, scoring=toward(1e3), **params)
    assert "1, is the largest" in said
    assert not ends_said(X, y, scoring=toward(0.1), **params)


def test_an_end_that_is_no_reason_to_go_on(iris):
    X, y = iris
    assert not ends_said(X, y, alphas=[1.0], scoring=toward(0.1))
    assert not ends_said(X, y, alphas=[1.0, 0.1], scoring=lambda *_: 0.5)
    noise = X + 3.0 * np.random.default_rng(0).standard_normal(X.shape)
    params = {"alphas": [1.0, 0.0], "scoring": lambda model, X, y: -model.alpha}
    assert not ends_said(noise, y, **params)

    def uncertain(model, X, y):
        return 10.0 * X[0, 0] + toward(0.01)(model, X, y)

    assert not ends_said(X, y, alphas=[1.0, 0.1], scoring=uncertain)
    # Above alpha_max all models are one, where the penalty has an L1 part.
    params = {"alphas": 3, "scoring": toward(1e3)}
    assert not ends_said(X, y, l1_ratios=[0.5], **params)
    assert ends_said(X, y, l1_ratios=[0.0], **params)


def test_an_end_of_the_orbits_is_meant(iris):
    # alpha = .01 and delta = 10 are the model of .1 and 1, in the middle.
    X, y = iris

    def product(target):
        return lambda model, *_: -abs(np.log10(model.alpha * model.delta / target))

    params = {"loss": "hinge", "alphas": [0.01, 0.1, 1.0], "deltas": [0.1, 1.0, 10.0]}
    assert not ends_said(X, y, scoring=product(0.1), **params)
    assert ends_said(X, y, scoring=product(1e-6), **params)


@pytest.mark.parametrize("loss", LOSSES)
def test_paths_are_kept_on_request(loss, iris):
    X, y = iris
    few = make_cv(loss, alphas=ALPHAS, store_coefs_paths=True).fit(X, y)
    none = make_cv(loss, alphas=ALPHAS, store_coefs_paths=False).fit(X, y)
    auto = make_cv(loss, alphas=ALPHAS).fit(X, y)
    np.testing.assert_array_equal(auto.coefs_paths_, few.coefs_paths_)
    assert not hasattr(none, "coefs_paths_")
    np.testing.assert_array_equal(none.scores_, few.scores_)
    np.testing.assert_array_equal(none.coef_, few.coef_)
    assert not hasattr(
        few.set_params(store_coefs_paths=False).fit(X, y), "coefs_paths_"
    )


@pytest.mark.slow
def test_large_paths_are_not_kept_by_default():
    rng = np.random.default_rng(0)
    X = sparse.random(60, 40000, density=1e-3, format="csr", random_state=0)
    y = rng.integers(3, size=60)

    def search(n_alphas, **params):
        alphas = np.geomspace(1.0, 1e-2, n_alphas)
        params = {"alphas": alphas, "cv": 2, "tol": 1e-2, "solver": "gd"} | params
        tracemalloc.start()
        model, _ = caught(make_cv("softmax", **params).fit, X, y)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return model, peak

    model, peak = search(30)
    assert not hasattr(model, "coefs_paths_")
    of_a_model = model.coef_.nbytes
    assert len(pickle.dumps(model)) < 1.5 * of_a_model
    # Nor on the way: two folds of the 24 strengths more would be 48 models.
    _, least = search(6)
    assert peak < least + 12 * of_a_model
    model, _ = search(6, store_coefs_paths=True)
    assert model.coefs_paths_.nbytes > 10e6


@pytest.mark.parametrize("loss", LOSSES)
def test_a_number_of_alphas(loss, iris):
    X, y = iris
    model = make_cv(loss, alphas=5, l1_ratios=[1.0, 0.5], eps=1e-2, cv=3).fit(X, y)
    assert model.alphas_.shape == (2, 5)
    np.testing.assert_allclose(model.alphas_[1], 2.0 * model.alphas_[0], rtol=1e-9)
    np.testing.assert_allclose(model.alphas_[:, -1], 1e-2 * model.alphas_[:, 0])
    for l1_ratio, alpha in zip([1.0, 0.5], model.alphas_[:, 0], strict=True):
        params = {"l1_ratio": l1_ratio, "tol": 1e-7}
        assert not make(loss, alpha=1.001 * alpha, **params).fit(X, y).coef_.any()
        assert make(loss, alpha=0.999 * alpha, **params).fit(X, y).coef_.any()
    assert make_cv(loss, alphas=5).fit(X, y).alphas_.shape == (5,)


@pytest.mark.parametrize("loss", LOSSES)
def test_features_that_say_nothing(loss):
    X, y = np.tile([0.1, 300.0], (30, 1)), np.repeat([0, 1, 2], [5, 10, 15])
    params = {"l1_ratios": [0.0, 1.0], "cv": 5}
    for preprocessor in (None, StandardScaler()):
        model = make_cv(loss, preprocessor=preprocessor, **params).fit(X, y)
        np.testing.assert_allclose(model.alphas_[:, 0], 1.0)
        # The most frequent class.
        assert model.score(X, y) == model.best_score_ == 0.5
        assert np.abs(model.coef_).max() <= 1e-10


def test_without_refit(iris):
    X, y = iris
    model = make_cv("hinge", alphas=[0.1], refit=False).fit(X, y)
    assert model.alpha_ == 0.1
    for method in (model.predict, model.decision_function):
        with pytest.raises(NotFittedError, match="fitted with refit=False"):
            method(X)
    for method in (model.score, model.certify):
        with pytest.raises(NotFittedError, match="fitted with refit=False"):
            method(X, y)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        make_cv("hinge", alphas=[0.1], refit=False).predict(X)


def test_without_refit_no_earlier_model_stays(iris):
    X, y = iris
    model = make_cv("hinge", alphas=[0.1]).fit(X, y)
    model.set_params(refit=False).fit(X[:, :2], y)
    fresh = make_cv("hinge", alphas=[0.1], refit=False).fit(X[:, :2], y)
    assert vars(model).keys() == vars(fresh).keys()
    with pytest.raises(NotFittedError, match="fitted with refit=False"):
        model.predict(X[:, :2])
    assert model.set_params(refit=True).fit(X, y).score(X, y) > 0.9


def test_folds_in_parallel_change_nothing(iris):
    X, y = iris
    alone = make_cv("hinge", alphas=ALPHAS, deltas=DELTAS).fit(X, y)
    both = make_cv("hinge", alphas=ALPHAS, deltas=DELTAS, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(alone.coefs_paths_, both.coefs_paths_)
    np.testing.assert_array_equal(alone.scores_, both.scores_)


def test_one_warning_for_all_fits(iris):
    X, y = iris
    model = make_cv("hinge", alphas=[1e-3, 1e-4], max_iter=1, refit=False)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    messages = [w for w in caught if w.category is ConvergenceWarning]
    assert len(messages) == 1
    assert "10 of 10 fits" in str(messages[0].message)
    assert messages[0].filename == __file__


def test_it_nests_in_cross_validation(iris):
    X, y = iris
    scores = cross_val_score(make_cv("hinge", alphas=[0.1, 1.0]), X, y, cv=3)
    assert scores.min() > 0.8


@pytest.mark.parametrize(
    "params, error",
    [
        ({"alphas": [-1.0]}, "alpha"),
        ({"alphas": [0.1], "deltas": [0.0]}, "delta"),
        ({"alphas": [0.1], "l1_ratios": [2.0]}, "l1_ratio"),
        ({"alphas": 0}, "alphas"),
        ({"alphas": []}, "alphas is empty"),
        ({"alphas": [np.inf, 1.0]}, "alphas must be finite"),
        ({"alphas": [np.nan]}, "alphas must be finite"),
        ({"alphas": [[[0.1]]]}, "alphas must be a list"),
        ({"alphas": [[0.1], [0.2]]}, "alphas must be a list"),
        ({"alphas": [0.1], "deltas": []}, "deltas must be a list"),
        ({"alphas": [0.1], "deltas": [np.inf]}, "delta"),
        ({"alphas": [0.1], "deltas": [[1.0]]}, "deltas must be a list"),
        ({"alphas": [0.1], "l1_ratios": []}, "l1_ratios must be a list"),
        ({"alphas": [0.1], "l1_ratios": [np.nan]}, "l1_ratio"),
        ({"alphas": [0.1], "selection": "worst"}, "selection"),
        ({"alphas": [0.1], "solver": "lbfgs"}, "lbfgs"),
    ],
)
def test_bad_parameters_leave_no_trace(params, error, iris):
    X, y = iris
    model = make_cv("hinge", alphas=[0.1]).fit(X, y)
    before = dict(vars(model))
    model.set_params(**params)
    with pytest.raises(ValueError, match=error):
        model.fit(X, y)
    model.set_params(**{name: before[name] for name in params})
    assert vars(model) == before
    with pytest.raises(TypeError, match="unexpected"):
        model.fit(X, y, unknown=1)


# One loss of each class will do, and the hinge takes longest.
@slow_where(lambda loss: loss == "hinge")
@pytest.mark.parametrize("loss", LOSSES)
def test_check_estimator(loss):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = make_cv(loss, alphas=2, cv=2)
        results = check_estimator(model, on_skip=None, on_fail=None)
    failed = [
        f"{r['check_name']}: {r['exception']}"
        for r in results
        if r["status"] != "passed"
    ]
    assert failed == []
    assert len(results) >= 60
