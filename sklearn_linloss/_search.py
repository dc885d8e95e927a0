"""The grid of a search, its folds, and their results."""

import time
from collections import Counter
from copy import copy
from dataclasses import dataclass
from numbers import Number
from typing import ClassVar

import numpy as np
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.exceptions import FitFailedWarning
from sklearn.utils._param_validation import (
    validate_parameter_constraints,
)
from sklearn.utils.validation import validate_data

from ._base import LinearLossClassifier, settings_of
from ._compat import (
    needs_all_labels,
    safe_indexing,
    scores_labels_only,
)
from ._orbits import at_unit_margin, find_orbits, objective_scale
from ._path import PathFollower
from ._predictor import labels_of, scores_of
from ._problem import check_problem
from ._warn import warn
from ._watch import UNWATCHED, call_watched


class Grid:
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
        self.loss = settings_of(model).loss
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

    @property
    def n_fits(self):
        """How many models it has, up to their scale."""
        return int(self.orbit.max()) + 1

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
        """An estimator with the model of a point, for a scorer.

        It has the parameters of the point, and of a fit only what predicts, the
        objective, the gap and the number of iterations.
        """
        fitted = copy(model)
        vars(fitted).update(self.params[point])
        fitted.coef_, fitted.intercept_ = self.scaled(fit, point)
        scale = objective_scale(self.loss, self.deltas[point])
        fitted.objective_, fitted.gap_ = scale * fit.objective, fit.gap
        fitted.n_iter_ = fit.n_iter
        return fitted


def list_of(values, name):
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
class Run:
    """What all folds have in common."""

    # Errors that are those of all fits, and not of one.
    hopeless: ClassVar[tuple] = ()

    model: LinearLossClassifier
    preprocessor: object
    scorer: object
    counts_hits: bool
    preprocessor_params: dict
    score_params: dict
    error_score: object
    labels: np.ndarray
    room: float  # bytes for the models of a fold

    def fold(self, grid, data, train, test, task=UNWATCHED):
        """Fit every orbit on one part of the data, and score every point on another.

        The data are X, y and the weights; the task is that of the fold.
        """
        task.begin()
        fold = self._fold(grid, data, train, test, task)
        task.end()
        return fold

    def _fold(self, grid, data, train, test, task):
        fold = Fold(grid, self.error_score)
        prepared = self._attempt(fold.fit_errors, self._prepare, data, train)
        if prepared is None:
            fold.fit_errors *= len(fold.fits)
            return fold
        model, follower, preprocessor, fitted_data = prepared
        fold.classes = model.classes_
        held_out = self._attempt(
            fold.score_errors, self._test_part, model, preprocessor, data, test
        )
        if held_out is None:
            fold.score_errors *= len(fold.scores)
        for path in grid.paths:
            follower.forget()
            for orbit in path:
                first = int(np.argmax(grid.orbit == orbit))
                model.alpha = grid.unit_alphas[first]
                model.l1_ratio = grid.unit_l1_ratios[first]
                start = time.perf_counter()
                with task.part("fit").is_fit_of(model):
                    watched = call_watched, model, follower.fit, *fitted_data
                    fit = self._attempt(fold.fit_errors, *watched)
                fold.fit_times[orbit] = time.perf_counter() - start
                if fit is None:
                    continue
                fold.fits[orbit] = fit
                if held_out is not None:
                    self._score_orbit(fold, grid, orbit, model, held_out)
                fold.lighten(fit, self.room)
        return fold

    def _attempt(self, errors, function, *args):
        """What a function returns, or None and a line in `errors`."""
        try:
            return function(*args)
        except Exception as error:
            if self.error_score == "raise" or isinstance(error, self.hopeless):
                raise
            errors.append(f"{type(error).__name__}: {error}")
            return None

    def _prepare(self, data, train):
        """The model with its classes, what fits it, the fitted preprocessor, and the
        data as they are fitted.
        """
        X, y, sample_weight = data
        X, y, preprocessor = _rows(X, train), y[train], self.preprocessor
        sample_weight = _rows(sample_weight, train)
        if preprocessor is not None:
            preprocessor = clone(preprocessor)
            params = _part(self.preprocessor_params, train)
            X = preprocessor.fit_transform(X, y, **params)
        model = copy(self.model)
        problem = check_problem(model, X, y, sample_weight, self.labels)
        model.classes_ = problem.classes
        follower = PathFollower(model, problem)
        return model, follower, preprocessor, (X, y, sample_weight)

    def _test_part(self, model, preprocessor, data, test):
        """The data to score on, and what else the scorer takes."""
        X, y, _ = data
        X = _rows(X, test)
        if preprocessor is not None:
            X = preprocessor.transform(X)
        if self.counts_hits:
            X = validate_data(model, X, reset=False, accept_sparse="csr")
        return X, y[test], _part(self.score_params, test)

    def _score_orbit(self, fold, grid, orbit, model, held_out):
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
            score = self._attempt(fold.score_errors, self._score, fitted, *held_out)
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
    hits = labels_of(model, scores_of(model, X)) == y
    return np.average(hits, weights=sample_weight)


class Fold:
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
        n_points = len(grid.orbit)
        self.classes = None
        self.fits = [None] * grid.n_fits
        self.fit_times = np.zeros(grid.n_fits)
        self.scores = np.full(
            n_points, np.nan if error_score == "raise" else error_score
        )
        self.score_times = np.zeros(n_points)
        self.n_features, self.keeps_models = None, False
        self.fit_errors, self.score_errors = [], []

    def lighten(self, fit, room):
        """Drop what is not needed any more of a fit."""
        fit.forget_samples()
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


def warn_of_failures(folds, error_score):
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
        warn(
            f"{len(errors)} fits failed out of a total of {n_fits}. Their scores are "
            f"set to error_score={error_score}; error_score='raise' shows where.\n"
            f"{_counted(errors)}",
            FitFailedWarning,
        )
    errors = [error for fold in folds for error in fold.score_errors]
    if errors:
        warn(
            f"Scoring failed {len(errors)} times. These scores are set to error_score="
            f"{error_score}; error_score='raise' shows where.\n{_counted(errors)}",
            UserWarning,
        )


def _counted(errors):
    """Each of the errors on a line, and how often it was made."""
    return "\n".join(f"{n} times: {error}" for error, n in Counter(errors).items())


class CVResults(dict):
    """Results by their names, one of which had another name in version 0.1."""

    def __missing__(self, name):
        if name != "orbit":
            raise KeyError(name)
        warn(
            'cv_results_["orbit"] is now cv_results_["model"]; the old name will be '
            "removed in version 0.2.",
            FutureWarning,
        )
        return self["model"]


def cv_results(grid, folds):
    """What GridSearchCV keeps, in its form, and which model each point is."""
    results = CVResults()

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
        warn(
            f"One or more of the mean test scores are not finite: {mean}. They rank "
            "last. If error_score is a number, it is the score of a fold that failed.",
            UserWarning,
        )
    ranked = np.where(np.isnan(mean), -np.inf, mean)
    results["rank_test_score"] = rankdata(-ranked, method="min").astype(np.int32)
    results["model"] = grid.orbit
    return results


def _rows(values, rows):
    return None if values is None else safe_indexing(values, rows)


def _part(params, rows):
    """The rows of metadata that are there."""
    return {
        name: _rows(value, rows) for name, value in params.items() if value is not None
    }
