"""Classifiers that choose alpha, delta and l1_ratio by cross-validation."""

import time
import warnings
from collections import Counter
from copy import copy
from dataclasses import dataclass
from numbers import Integral, Number, Real

import numpy as np
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ._base import LinearLossClassifier, LinearPredictor
from ._compat import (
    accepts_sample_weight,
    check_sample_weight,
    fit_context,
    needs_all_labels,
    routing_enabled,
    safe_indexing,
    scores_labels_only,
    with_all_labels,
)
from ._empty_model import alpha_max
from ._orbits import at_unit_margin, find_orbits, objective_scale
from ._path import (
    PathFollower,
    check_count,
    check_strengths,
    strengths,
    warn_of_gaps,
)
from ._softmax import ProbabilityPredictor, SoftmaxClassifier
from ._svm import SVMClassifier

# What the fits take over from their parent.
_SHARED = ("fit_intercept", "solver", "tol", "max_iter", "class_weight")
_MOST_BYTES = 10_000_000  # of coefs_paths_, by default
_OF_THE_MODEL = ("classes_", "coef_", "intercept_", "n_iter_", "objective_", "gap_")


class LinearLossClassifierCV(LinearPredictor, BaseEstimator):
    """Base of the classifiers; subclasses give the parameters and the grid."""

    _parameter_constraints: dict = {
        **{name: LinearLossClassifier._parameter_constraints[name] for name in _SHARED},
        "alphas": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like"],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object"],
        "scoring": [str, callable, None],
        "selection": [StrOptions({"best", "one_standard_error"})],
        "preprocessor": [HasMethods(["fit", "transform"]), None],
        "n_jobs": [Integral, None],
        "refit": ["boolean"],
        "error_score": [StrOptions({"raise"}), Real],
        "store_coefs_paths": ["boolean", StrOptions({"auto"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        if self.preprocessor is None:
            tags.input_tags.sparse = True
        else:
            tags.input_tags = get_tags(self.preprocessor).input_tags
        return tags

    @property
    def scorer_(self):
        """The scorer.

        It is not kept: a scorer in a fitted model would be one more thing to trust
        when the model is loaded by skops.
        """
        check_is_fitted(self, "n_splits_")
        return self._scorer()

    def get_metadata_routing(self):
        """Where metadata go: to the fits, the splitter, the scorer, the preprocessor.

        Returns
        -------
        routing : MetadataRouter
            As scikit-learn's user guide on metadata routing describes it.
        """
        router = (
            MetadataRouter(owner=self)
            .add_self_request(self)
            .add(
                splitter=check_cv(self.cv, classifier=True),
                method_mapping=MethodMapping().add(caller="fit", callee="split"),
            )
            .add(
                scorer=self._scorer(),
                method_mapping=MethodMapping()
                .add(caller="score", callee="score")
                .add(caller="fit", callee="score"),
            )
        )
        if self.preprocessor is not None:
            router.add(
                preprocessor=self.preprocessor,
                method_mapping=MethodMapping().add(caller="fit", callee="fit"),
            )
        return router

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose the parameters, and fit the model with them on all data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data; what `preprocessor` takes, where there is one.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, in the fits and in the scores, if the scorer takes
            them.
        **params : dict
            `groups` for the splitter. With metadata routing whatever the splitter, the
            scorer and the preprocessor have requested, `sample_weight` for scores
            included.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is invalid or cannot be served. The estimator is then as it
            was before the call.
        """
        before = self.__dict__.copy()
        try:
            return self._fit(X, y, sample_weight, params)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def decision_function(self, X):
        """Confidence scores of the samples for each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes one number, positive where `classes_[1]` is predicted.
        """
        check_is_fitted(self, "best_estimator_")
        if self.preprocessor is None:
            return super().decision_function(X)
        return self.best_estimator_.decision_function(X)

    def score(self, X, y, sample_weight=None, **params):
        """Score of the chosen model, by `scoring`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights.
        **params : dict
            What the scorer has requested, with metadata routing.

        Returns
        -------
        score : float
            The accuracy by default.
        """
        check_is_fitted(self, "best_estimator_")
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        if routing_enabled():
            params = process_routing(self, "score", **params).scorer.score
        return self._scorer()(self, X, y, **params)

    def _fit(self, X, y, sample_weight, params):
        if sample_weight is not None:
            sample_weight = np.asarray(sample_weight)
        split_params, preprocessor_params, score_params = self._route(
            sample_weight, params
        )
        if not hasattr(X, "__getitem__"):
            X = np.asarray(X)
        X, y, sample_weight = indexable(X, y, sample_weight)
        y = self._check_data(X, y, sample_weight)
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        shared = {name: getattr(self, name) for name in _SHARED}
        model = self._model(random_state=seed, **shared)
        grid = self._grid(model, X, y, sample_weight, preprocessor_params)
        cv = check_cv(self.cv, y, classifier=True)
        splits = list(cv.split(X, y, **split_params))
        room = {"auto": _MOST_BYTES / max(len(splits), 1), True: np.inf, False: 0}
        run = _Run(
            model,
            self.preprocessor,
            with_all_labels(self._scorer(), np.unique(y)),
            self.scoring in (None, "accuracy"),
            preprocessor_params,
            score_params,
            self.error_score,
            np.unique(y),
            room[self.store_coefs_paths],
        )
        folds = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(run.fold)(grid, X, y, sample_weight, train, test)
            for train, test in splits
        )
        fits = [fit for fold in folds for fit in fold.fits if fit is not None]
        # As if fit warned, which is called by two wrappers.
        warn_of_gaps(fits, model, stacklevel=5)
        _warn_of_failures(folds, self.error_score, stacklevel=5)
        self._record(grid, folds)
        self._warn_at_an_end(grid, stacklevel=5)
        if self.refit:
            model.set_params(**self.best_params_)
            self._refit(run, X, y, sample_weight)
        return self

    def _check_data(self, X, y, sample_weight):
        """What no fold could serve is said here; y as an array."""
        if self.preprocessor is None:
            validate_data(self, X, y, accept_sparse="csr")
        else:
            validate_data(self, X, y, skip_check_array=True)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        if sample_weight is not None:
            check_sample_weight(
                sample_weight, np.zeros((len(y), 1)), ensure_non_negative=True
            )
        return y

    def _route(self, sample_weight, params):
        """Metadata of the splitter, the preprocessor and the scorer."""
        if routing_enabled():
            if sample_weight is not None:
                params = {**params, "sample_weight": sample_weight}
            routed = process_routing(self, "fit", **params)
            preprocessor = {} if self.preprocessor is None else routed.preprocessor.fit
            return routed.splitter.split, preprocessor, routed.scorer.score
        params = dict(params)
        split_params = {"groups": params.pop("groups", None)}
        if params:
            raise TypeError(
                f"fit got unexpected arguments {sorted(params)}; metadata other than "
                "groups need sklearn.set_config(enable_metadata_routing=True)."
            )
        score_params = {}
        if sample_weight is not None and accepts_sample_weight(self._scorer()):
            score_params["sample_weight"] = sample_weight
        return split_params, {}, score_params

    def _scorer(self):
        return check_scoring(self, scoring=self.scoring or "accuracy")

    def _grid(self, model, X, y, sample_weight, preprocessor_params):
        l1_ratios = _list_of(self.l1_ratios, "l1_ratios")
        deltas = _list_of(self._margins(), "deltas")
        if np.ndim(self.alphas) > 0:
            alphas = check_strengths(self.alphas)
            if alphas.ndim > 1 and alphas.shape[:-1] != l1_ratios.shape:
                raise ValueError(
                    "alphas must be one list, or one for each of the l1_ratios, got "
                    f"the shape {alphas.shape}."
                )
        else:
            check_count(self.alphas, self.eps)
            if self.preprocessor is not None:
                X = clone(self.preprocessor).fit_transform(X, y, **preprocessor_params)
            alphas = []
            for l1_ratio in l1_ratios:
                model = clone(model).set_params(l1_ratio=l1_ratio)
                largest, _ = alpha_max(model, X, y, sample_weight)
                alphas.append(strengths(largest, self.alphas, self.eps))
            alphas = np.array(alphas if len(alphas) > 1 else alphas[0])
        return _Grid(model, alphas, deltas, l1_ratios)

    def _record(self, grid, folds):
        self.n_splits_ = len(folds)
        self.cv_results_ = _cv_results(grid, folds)
        self.best_index_ = self._choose(grid)
        self.best_params_ = grid.params[self.best_index_]
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        for name, value in self.best_params_.items():
            setattr(self, f"{name}_", value)
        self.alphas_ = grid.alphas
        self.scores_ = np.array([grid.arrange(fold.scores) for fold in folds])
        self._store_paths(grid, folds)

    def _warn_at_an_end(self, grid, stacklevel):
        """Say that the search should go on where its best alpha is the last.

        Where others are as good, up to a standard error, nothing is said.
        """
        best, results = self.best_index_, self.cv_results_
        mean = results["mean_test_score"]
        error = results["std_test_score"][best] / np.sqrt(self.n_splits_)
        orbit = grid.orbit[best]
        path = next(path for path in grid.paths if orbit in path)
        if grid.shape[0] < 2 or len(path) < 2 or orbit not in (path[0], path[-1]):
            return
        others = np.isin(grid.orbit, path) & (grid.orbit != orbit)
        if not (mean[best] - error > mean[others]).all():
            return
        weakest = orbit == path[-1]
        # Above alpha_max all models are one; below 0 there is none.
        ends = not self.alpha_ > 0.0 if weakest else np.ndim(self.alphas) == 0
        if ends and (weakest or self.l1_ratio_ > 0.0):
            return
        last, more = ("smallest", "smaller") if weakest else ("largest", "larger")
        warnings.warn(
            f"The best alpha, {self.alpha_:.3g}, is the {last} of the grid: {more} "
            "ones may score better.",
            UserWarning,
            stacklevel=stacklevel,
        )

    def _store_paths(self, grid, folds):
        """Make `coefs_paths_` of what all folds kept."""
        self.__dict__.pop("coefs_paths_", None)
        fitted = [fold for fold in folds if fold.n_features is not None]
        if not all(fold.keeps_models for fold in fitted):
            return
        classes = np.unique(np.concatenate([fold.classes for fold in fitted]))
        widths = {fold.n_features for fold in fitted}
        if len(widths) == 1:
            width = widths.pop()
            paths = [fold.models(grid, classes, width) for fold in folds]
            self.coefs_paths_ = np.array([grid.arrange(path) for path in paths])
            return
        self.coefs_paths_ = [None] * len(folds)
        for k, fold in enumerate(folds):
            if fold.n_features is not None:
                path = fold.models(grid, classes, fold.n_features)
                self.coefs_paths_[k] = grid.arrange(path)

    def _choose(self, grid):
        results = self.cv_results_
        mean = results["mean_test_score"]
        best = int(results["rank_test_score"].argmin())
        if self.selection == "best" or np.isnan(mean[best]):
            return best
        error = results["std_test_score"][best] / np.sqrt(self.n_splits_)
        good = np.flatnonzero(mean >= mean[best] - error)
        # Within an orbit, and among equals, the first.
        return int(good[np.argmax(grid.unit_alphas[good])])

    def _refit(self, run, X, y, sample_weight):
        start = time.perf_counter()
        steps = []
        if run.preprocessor is not None:
            preprocessor = clone(run.preprocessor)
            X = preprocessor.fit_transform(X, y, **run.preprocessor_params)
            steps = [("preprocessor", preprocessor)]
        model = run.model.fit(X, y, sample_weight)
        self.best_estimator_ = Pipeline([*steps, ("classifier", model)])
        if not steps:
            self.best_estimator_ = model
        self.refit_time_ = time.perf_counter() - start
        for name in _OF_THE_MODEL:
            setattr(self, name, getattr(model, name))


class _Grid:
    """Every combination of the parameters, in the order of ParameterGrid.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
    params : list of dict
        The values at each point.
    unit_alphas, unit_l1_ratios : ndarrays of shape (n_points,)
        Those of the same problem at ``delta=1``.
    orbit : ndarray of shape (n_points,)
    paths : list of lists of int
        As `find_orbits` returns them.
    """

    def __init__(self, model, alphas, deltas, l1_ratios):
        self.alphas = alphas
        self.loss = model._loss().name
        _validate(model, alpha=alphas, delta=deltas, l1_ratio=l1_ratios)
        by_mix = np.broadcast_to(alphas, (len(l1_ratios), alphas.shape[-1]))
        self.shape = (alphas.shape[-1], len(deltas), len(l1_ratios))
        self.params = []
        unit = []
        for i, j, k in np.ndindex(self.shape):
            alpha, delta, l1_ratio = by_mix[k, i], deltas[j], l1_ratios[k]
            values = {"alpha": float(alpha), "l1_ratio": float(l1_ratio)}
            if hasattr(model, "delta"):
                values["delta"] = float(delta)
            self.params.append(dict(sorted(values.items())))
            unit.append(at_unit_margin(self.loss, alpha, l1_ratio, delta))
        self.unit_alphas, self.unit_l1_ratios = np.array(unit).T
        self.deltas = np.array([values.get("delta", 1.0) for values in self.params])
        self.orbit, self.paths = find_orbits(self.unit_alphas, self.unit_l1_ratios)

    def arrange(self, values):
        """Values of all points as an array (n_l1_ratios, n_deltas, n_alphas, ...),
        without the axis of the margins where there are none.
        """
        values = np.asarray(values)
        values = values.reshape(self.shape + values.shape[1:]).swapaxes(0, 2)
        return values if "delta" in self.params[0] else values[:, 0]

    def scaled(self, fit, point):
        """Coefficients and intercepts of a point from the fit of its orbit."""
        delta = float(self.deltas[point])  # a NumPy number would make float64 of them
        return delta * fit.coef, delta * fit.intercept

    def fitted(self, model, fit, point):
        """The estimator that a fit of this point alone would leave, for a scorer."""
        fitted = copy(model)
        vars(fitted).update(self.params[point])
        fitted.coef_, fitted.intercept_ = self.scaled(fit, point)
        scale = objective_scale(self.loss, self.deltas[point])
        fitted.objective_, fitted.gap_ = scale * fit.objective, fit.gap
        fitted.n_iter_ = fit.n_iter
        return fitted


def _list_of(values, name):
    """Values of a parameter as an array."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or array.size == 0:
        raise ValueError(f"{name} must be a list of at least one number, got {values}.")
    return array


def _validate(model, **values):
    """Raise what the classifier would for any of these values of its parameters."""
    constraints = model._parameter_constraints
    for name in constraints.keys() & values.keys():
        for value in np.unique(values[name]):
            validate_parameter_constraints(
                {name: constraints[name]},
                {name: float(value)},
                caller_name=type(model).__name__,
            )


@dataclass
class _Run:
    """What all folds have in common."""

    model: LinearLossClassifier
    preprocessor: object
    scorer: object
    counts_hits: bool
    preprocessor_params: dict
    score_params: dict
    error_score: object
    labels: np.ndarray
    room: float  # bytes for the models of a fold

    def fold(self, grid, X, y, sample_weight, train, test):
        """Fit every orbit on one part of the data, and score every point on another."""
        fold = _Fold(grid, self.error_score)
        prepared = self._attempt(
            fold.fit_errors, self._prepare, X, y, sample_weight, train
        )
        if prepared is None:
            fold.fit_errors *= len(fold.fits)
            return fold
        model, follower, preprocessor = prepared
        fold.classes = model.classes_
        X_test = self._attempt(
            fold.score_errors, self._test_part, model, preprocessor, X, test
        )
        if X_test is None:
            fold.score_errors *= len(fold.scores)
        params = _part(self.score_params, test)
        for path in grid.paths:
            follower.forget()
            for orbit in path:
                first = int(np.argmax(grid.orbit == orbit))
                model.alpha = grid.unit_alphas[first]
                model.l1_ratio = grid.unit_l1_ratios[first]
                start = time.perf_counter()
                fit = self._attempt(fold.fit_errors, follower.fit)
                fold.fit_times[orbit] = time.perf_counter() - start
                if fit is None:
                    continue
                fold.fits[orbit] = fit
                if X_test is not None:
                    self._score_orbit(fold, grid, orbit, model, X_test, y[test], params)
                fold.lighten(fit, self.room)
        return fold

    def _attempt(self, errors, function, *args):
        """What a function returns, or None and a line in `errors`."""
        try:
            return function(*args)
        except Exception as error:
            if self.error_score == "raise":
                raise
            errors.append(f"{type(error).__name__}: {error}")
            return None

    def _prepare(self, X, y, sample_weight, train):
        """The model with its classes, what fits it, and the fitted preprocessor."""
        X, y, preprocessor = _rows(X, train), y[train], self.preprocessor
        if preprocessor is not None:
            preprocessor = clone(preprocessor)
            params = _part(self.preprocessor_params, train)
            X = preprocessor.fit_transform(X, y, **params)
        model = copy(self.model)
        X, y = model._check_data(X, y)
        weight = model._check_weight(_rows(sample_weight, train), X)
        X, codes, model.classes_, weight, _ = model._weigh(X, y, weight)
        follower = PathFollower(model, X, codes, weight, len(model.classes_))
        return model, follower, preprocessor

    def _test_part(self, model, preprocessor, X, test):
        """The data to score on."""
        X = _rows(X, test)
        if preprocessor is not None:
            X = preprocessor.transform(X)
        if self.counts_hits:
            X = validate_data(model, X, reset=False, accept_sparse="csr")
        return X

    def _score_orbit(self, fold, grid, orbit, model, X_test, y_test, params):
        """Score the points that share a fit."""
        points = np.flatnonzero(grid.orbit == orbit)
        for point in points:
            if point > points[0] and scores_labels_only(self.scorer):
                fold.scores[point] = fold.scores[points[0]]
                fold.score_times[point] = fold.score_times[points[0]]
                continue
            fitted = grid.fitted(model, fold.fits[orbit], point)
            n_errors = len(fold.score_errors)
            start = time.perf_counter()
            score = self._attempt(
                fold.score_errors, self._score, fitted, X_test, y_test, params
            )
            fold.score_times[point] = time.perf_counter() - start
            if len(fold.score_errors) == n_errors:
                fold.scores[point] = _number(score)

    def _score(self, fitted, X, y, params):
        if self.counts_hits:
            return _accuracy(fitted, X, y, **params)
        unseen = len(self.labels) - len(fitted.classes_)
        if unseen and needs_all_labels(self.scorer):
            # A class that the training part lacks has probability 0.
            fitted.coef_, fitted.intercept_ = _spread(
                fitted.coef_,
                fitted.intercept_,
                fitted.classes_,
                self.labels,
                0.0,
                -np.inf,
            )
            fitted.classes_ = self.labels
        return self.scorer(fitted, X, y, **params)


def _number(score):
    if np.ndim(score) > 0 or not isinstance(np.asarray(score).item(), Number):
        raise ValueError(f"scoring must return a number, got {score!r}.")
    return score


def _accuracy(model, X, y, sample_weight=None):
    """What the scorer of that name gives, for valid data."""
    if sample_weight is not None and not np.any(sample_weight):
        raise ValueError("The weights of all test samples are zero.")
    hits = model._labels(model._scores(X)) == y
    return np.average(hits, weights=sample_weight)


class _Fold:
    """Fits and scores of one fold.

    Attributes
    ----------
    classes : ndarray
        The labels of the training part.
    fits : list of Fit
        One for each orbit, at the unit margin; None where it failed.
    fit_times : ndarray of shape (n_orbits,)
    scores, score_times : ndarrays of shape (n_points,)
    n_features : int or None
        Of the fitted models.
    keeps_models : bool
        Whether the fits have their coefficients.
    fit_errors, score_errors : list of str
        What went wrong in each fit, and in each score of a model.
    """

    def __init__(self, grid, error_score):
        n_orbits, n_points = grid.orbit.max() + 1, len(grid.orbit)
        self.classes = None
        self.fits = [None] * n_orbits
        self.fit_times = np.zeros(n_orbits)
        self.scores = np.full(
            n_points, np.nan if error_score == "raise" else error_score
        )
        self.score_times = np.zeros(n_points)
        self.n_features, self.keeps_models = None, False
        self.fit_errors, self.score_errors = [], []

    def lighten(self, fit, room):
        """Drop what is not needed any more of a fit."""
        fit.dual = None
        self.n_features = fit.coef.shape[1]
        n_points = len(self.scores)
        self.keeps_models = n_points * (fit.coef.nbytes + fit.intercept.nbytes) <= room
        if not self.keeps_models:
            fit.coef = fit.intercept = None

    def models(self, grid, classes, n_features):
        """Coefficients and intercepts at all points, with a row for each of `classes`
        (one for two), and nan for classes that the training part lacks and for fits
        that failed.
        """
        n_rows = 1 if len(classes) == 2 else len(classes)
        models = []
        for point, orbit in enumerate(grid.orbit):
            if self.fits[orbit] is None:
                models.append(np.full((n_rows, n_features + 1), np.nan))
                continue
            coef, intercept = grid.scaled(self.fits[orbit], point)
            coef, intercept = _spread(
                coef, intercept, self.classes, classes, np.nan, np.nan
            )
            models.append(np.column_stack([coef, intercept]))
        return models


def _spread(coef, intercept, known, classes, coef_else, intercept_else):
    """A model of the classes `known` as one of all `classes`, with other values for
    those that it does not know; one row for two classes.
    """
    if len(classes) == 2:
        return coef, intercept
    if len(known) == 2:
        coef, intercept = np.vstack([-coef, coef]) / 2, np.r_[-intercept, intercept] / 2
    rows = np.searchsorted(classes, known)
    all_coef = np.full((len(classes), coef.shape[1]), coef_else, coef.dtype)
    all_intercept = np.full(len(classes), intercept_else, intercept.dtype)
    all_coef[rows], all_intercept[rows] = coef, intercept
    return all_coef, all_intercept


def _warn_of_failures(folds, error_score, stacklevel):
    """One warning for the fits that failed, and one for the scores.

    Raises
    ------
    ValueError
        If all fits failed.
    """
    errors = [error for fold in folds for error in fold.fit_errors]
    n_fits = sum(len(fold.fits) for fold in folds)
    if len(errors) == n_fits:
        raise ValueError(f"All the {n_fits} fits failed.\n{_counted(errors)}")
    if errors:
        warnings.warn(
            f"{len(errors)} fits failed out of a total of {n_fits}. Their scores are "
            f"set to error_score={error_score}; error_score='raise' shows where.\n"
            f"{_counted(errors)}",
            FitFailedWarning,
            stacklevel=stacklevel,
        )
    errors = [error for fold in folds for error in fold.score_errors]
    if errors:
        warnings.warn(
            f"Scoring failed {len(errors)} times. These scores are set to error_score="
            f"{error_score}; error_score='raise' shows where.\n{_counted(errors)}",
            UserWarning,
            stacklevel=stacklevel,
        )


def _counted(errors):
    """Each of the errors on a line, and how often it was made."""
    return "\n".join(f"{n} times: {error}" for error, n in Counter(errors).items())


def _cv_results(grid, folds):
    """What GridSearchCV keeps, in its form, and the number of each point's orbit."""
    results = {}

    def summarise(name, values):
        results[f"mean_{name}"] = np.average(values, axis=1)
        deviation = values - results[f"mean_{name}"][:, None]
        results[f"std_{name}"] = np.sqrt(np.average(deviation**2, axis=1))

    summarise("fit_time", np.array([fold.fit_times[grid.orbit] for fold in folds]).T)
    summarise("score_time", np.array([fold.score_times for fold in folds]).T)
    for name in grid.params[0]:
        values = [params[name] for params in grid.params]
        results[f"param_{name}"] = np.ma.MaskedArray(values, mask=False)
    results["params"] = grid.params
    scores = np.array([fold.scores for fold in folds]).T
    for k in range(len(folds)):
        results[f"split{k}_test_score"] = scores[:, k]
    summarise("test_score", scores)
    mean = results["mean_test_score"]
    if not np.isfinite(mean).all():
        warnings.warn(
            f"One or more of the mean test scores are not finite: {mean}. Such points "
            "rank last; with a number for error_score a failed fold counts as that.",
            UserWarning,
            stacklevel=6,
        )
    ranked = np.where(np.isnan(mean), -np.inf, mean)
    results["rank_test_score"] = rankdata(-ranked, method="min").astype(np.int32)
    results["orbit"] = grid.orbit
    return results


def _rows(values, rows):
    return None if values is None else safe_indexing(values, rows)


def _part(params, rows):
    """The rows of metadata that are there."""
    return {
        name: _rows(value, rows) for name, value in params.items() if value is not None
    }


class SVMClassifierCV(LinearLossClassifierCV):
    """:class:`SVMClassifier` that chooses its parameters by cross-validation.

    It scores every combination of `alphas`, `deltas` and `l1_ratios` as
    :class:`~sklearn.model_selection.GridSearchCV` does, for a small part of the time:
    in each fold the fits start from one another, and points of the grid that are the
    same model are fitted once. For the hinge, ``(alpha, l1_ratio, delta)`` is the
    problem of ``delta=1`` with::

        alpha'            = alpha * (l1_ratio + delta * (1 - l1_ratio))
        alpha' * l1_ratio' = alpha * l1_ratio

    whose coefficients and intercepts are multiplied by `delta`; for the squared hinge
    ``alpha' = alpha * (l1_ratio / delta + 1 - l1_ratio)`` and ``alpha' * l1_ratio' =
    alpha * l1_ratio / delta``. With L2, a geometric grid of m strengths and m margins
    of the same ratio holds 2m - 1 models of the hinge, and m of the squared hinge.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge"}, default="hinge"
        The loss.
    alphas : int or array-like of shape (n_alphas,), default=10
        Strengths of the penalty, or how many of them, spaced evenly in the logarithm
        from `alpha_max`, the smallest that makes every coefficient zero at
        ``delta=1``, down to ``eps * alpha_max``. Without an L1 part no strength does
        that, and the path begins where that of the pure L1 penalty does. Where every
        coefficient is zero at any strength (constant features), it begins at 1. For the
        hinge on large data (more than 20000 pairs of a sample and a class whose hinge
        has a kink at zero) `alpha_max` is a bound from above.
    deltas : array-like of shape (n_deltas,), default=(1.0,)
        Margins.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty.
    eps : float, default=1e-4
        Length of a path of strengths that are not given.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV; None is five stratified ones.
    scoring : str, callable or None, default=None
        A scorer; None is the accuracy.
    selection : {"best", "one_standard_error"}, default="best"
        The point with the best mean score, or the one with the strongest penalty (at
        ``delta=1``) among those whose mean score is no more than one standard error of
        the best point's below the best (T. Hastie, R. Tibshirani and J. Friedman, "The
        elements of statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone is fitted
        to the training part of each fold, and to all data for the final model.
    n_jobs : int or None, default=None
        Folds to fit at once, as joblib counts; the result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without, it does not predict.
    error_score : "raise" or float, default=np.nan
        Score of a point in a fold where its fit or its score failed, with a warning;
        or "raise" the error. A point with a nan ranks last: where a fold fails at every
        point, give a number to rank them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`; "auto" keeps
        them if they take no more than 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SVMClassifier`.
    tol : float, default=1e-4
        Largest relative duality gap of each fit.
    max_iter : int, default=1000
        Most iterations of each fit.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced" is taken in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers; `cv` has its own.
    verbose : int, default=0
        Verbosity of joblib over the folds.

    Attributes
    ----------
    alpha_, delta_, l1_ratio_ : float
        The chosen parameters.
    best_index_, best_params_, best_score_
        Their place in `cv_results_`, the same as a dict, and their mean score.
    cv_results_ : dict of arrays
        As GridSearchCV gives it. The integer column `orbit` says which points shared a
        fit; its time stands beside each of them.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths, as given or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas)
        Score of each point in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas, \
n_classes, n_features + 1)
        Coefficients, the intercept last; one row for two classes, and nan for a class
        that a training part lacks. Where the number of features that `preprocessor`
        makes depends on the fold, a list of such arrays, one for each fold, or None
        for one that could not be fitted. Only if they are stored, see
        `store_coefs_paths`.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SVMClassifier or Pipeline
        The model fitted to all data, behind its preprocessor if there is one.
    refit_time_ : float
        Seconds that took.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names for all of them.

    See Also
    --------
    SVMClassifier : The classifier.
    linear_path : The models along a path of strengths.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SVMClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> search = SVMClassifierCV(
    ...     alphas=[1e-2, 1e-1, 1.0], deltas=[0.1, 1.0], preprocessor=StandardScaler()
    ... ).fit(X, y)
    >>> search.alpha_, search.delta_
    (0.1, 1.0)
    >>> search.cv_results_["orbit"]
    array([0, 1, 1, 2, 2, 3])
    """

    _parameter_constraints: dict = {
        **LinearLossClassifierCV._parameter_constraints,
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "deltas": ["array-like"],
    }

    def __init__(
        self,
        loss="hinge",
        *,
        alphas=10,
        deltas=(1.0,),
        l1_ratios=(0.0,),
        eps=1e-4,
        cv=None,
        scoring=None,
        selection="best",
        preprocessor=None,
        n_jobs=None,
        refit=True,
        error_score=np.nan,
        store_coefs_paths="auto",
        fit_intercept=True,
        solver="auto",
        tol=1e-4,
        max_iter=1000,
        class_weight=None,
        random_state=None,
        verbose=0,
    ):
        self.loss = loss
        self.alphas = alphas
        self.deltas = deltas
        self.l1_ratios = l1_ratios
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.preprocessor = preprocessor
        self.n_jobs = n_jobs
        self.refit = refit
        self.error_score = error_score
        self.store_coefs_paths = store_coefs_paths
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _model(self, **params):
        return SVMClassifier(self.loss, **params)

    def _margins(self):
        return self.deltas


class SoftmaxClassifierCV(ProbabilityPredictor, LinearLossClassifierCV):
    """:class:`SoftmaxClassifier` that chooses its parameters by cross-validation.

    It scores every combination of `alphas` and `l1_ratios` as
    :class:`~sklearn.model_selection.GridSearchCV` does, for a part of the time: in each
    fold the fits start from one another.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=10
        Strengths of the penalty, or how many of them, spaced evenly in the logarithm
        from `alpha_max`, the smallest that makes every coefficient zero, down to ``eps
        * alpha_max``. Without an L1 part no strength does that, and the path begins
        where that of the pure L1 penalty does. Where every coefficient is zero at any
        strength (constant features), it begins at 1.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty.
    eps : float, default=1e-4
        Length of a path of strengths that are not given.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV; None is five stratified ones.
    scoring : str, callable or None, default=None
        A scorer; None is the accuracy.
    selection : {"best", "one_standard_error"}, default="best"
        The point with the best mean score, or the one with the largest alpha among
        those whose mean score is no more than one standard error of the best point's
        below the best (T. Hastie, R. Tibshirani and J. Friedman, "The elements of
        statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone is fitted
        to the training part of each fold, and to all data for the final model.
    n_jobs : int or None, default=None
        Folds to fit at once, as joblib counts; the result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without, it does not predict.
    error_score : "raise" or float, default=np.nan
        Score of a point in a fold where its fit or its score failed, with a warning;
        or "raise" the error. A point with a nan ranks last: where a fold fails at every
        point, give a number to rank them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`; "auto" keeps
        them if they take no more than 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SoftmaxClassifier`.
    tol : float, default=1e-4
        Largest relative duality gap of each fit.
    max_iter : int, default=1000
        Most iterations of each fit.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced" is taken in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers; `cv` has its own.
    verbose : int, default=0
        Verbosity of joblib over the folds.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen parameters.
    best_index_, best_params_, best_score_
        Their place in `cv_results_`, the same as a dict, and their mean score.
    cv_results_ : dict of arrays
        As GridSearchCV gives it, with an integer column `orbit`: points of one number
        are one model.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths, as given or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas)
        Score of each point in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas, n_classes, \
n_features + 1)
        Coefficients, the intercept last; one row for two classes, and nan for a class
        that a training part lacks. Where the number of features that `preprocessor`
        makes depends on the fold, a list of such arrays, one for each fold, or None
        for one that could not be fitted. Only if they are stored, see
        `store_coefs_paths`.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SoftmaxClassifier or Pipeline
        The model fitted to all data, behind its preprocessor if there is one.
    refit_time_ : float
        Seconds that took.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names for all of them.

    See Also
    --------
    SoftmaxClassifier : The classifier.
    linear_path : The models along a path of strengths.
    sklearn.linear_model.LogisticRegressionCV : Without certificates.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SoftmaxClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> search = SoftmaxClassifierCV(
    ...     alphas=[1e-3, 1e-2, 1e-1, 1.0], preprocessor=StandardScaler()
    ... ).fit(X, y)
    >>> search.alpha_
    0.01
    """

    def __init__(
        self,
        *,
        alphas=10,
        l1_ratios=(0.0,),
        eps=1e-4,
        cv=None,
        scoring=None,
        selection="best",
        preprocessor=None,
        n_jobs=None,
        refit=True,
        error_score=np.nan,
        store_coefs_paths="auto",
        fit_intercept=True,
        solver="auto",
        tol=1e-4,
        max_iter=1000,
        class_weight=None,
        random_state=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.preprocessor = preprocessor
        self.n_jobs = n_jobs
        self.refit = refit
        self.error_score = error_score
        self.store_coefs_paths = store_coefs_paths
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _model(self, **params):
        return SoftmaxClassifier(**params)

    def _margins(self):
        return np.ones(1)
