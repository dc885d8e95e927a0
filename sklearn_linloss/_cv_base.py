"""What the two classifiers that choose their parameters share."""

import time
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils import assert_all_finite, check_random_state, get_tags, indexable
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
)
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from ._advice import warn_of_gaps
from ._audit import Certificate
from ._base import LinearLossClassifier, settings_of
from ._compat import (
    CallbackSupportMixin,
    accepts_sample_weight,
    beside,
    check_sample_weight,
    fit_context,
    on_host,
    routing_enabled,
    threads_of,
    with_all_labels,
    with_callbacks,
    with_threads,
)
from ._diagram import chain
from ._empty_model import alpha_max
from ._factor import check_factor
from ._path import (
    check_count,
    check_strengths,
    strengths,
)
from ._predictor import LinearPredictor
from ._problem import check_class_weight, check_problem, local, weight_of_each
from ._search import Grid, Run, cv_results, list_of, warn_of_failures
from ._typing import ArrayLike, Matrix
from ._warn import warn
from ._watch import begin_task

# What the fits take over from their parent.
_SHARED = (
    "penalty",
    "penalty_factor",
    "fit_intercept",
    "solver",
    "tol",
    "max_iter",
    "max_time",
    "class_weight",
)
_MOST_BYTES = 10_000_000  # of coefs_paths_, by default
_OF_THE_MODEL = ("classes_", "coef_", "intercept_", "n_iter_", "objective_", "gap_")


class LinearLossClassifierCV(CallbackSupportMixin, LinearPredictor, BaseEstimator):
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
    def scorer_(self) -> Callable[..., float]:
        """The scorer.

        It is not kept: a scorer in a fitted model would be one more thing to trust
        when the model is loaded by skops.
        """
        check_is_fitted(self, "n_splits_")
        return self._scorer()

    def get_metadata_routing(self) -> MetadataRouter:
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
                # As it is: to look at an iterator of splits would use it up.
                splitter=self.cv,
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
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> Self:
        """Choose the parameters, and fit the model with them on all data.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. If there is a `preprocessor`, whatever that accepts.
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
            If the data or parameters are invalid or not supported. The estimator is
            then as it was before the call.
        """
        before = self.__dict__.copy()
        try:
            return self._fit(X, y, sample_weight, params)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _check_has_model(self):
        """Raise unless there is a model that was fitted to all data."""
        if hasattr(self, "best_params_") and not hasattr(self, "best_estimator_"):
            raise NotFittedError(
                f"This {type(self).__name__} was fitted with refit=False: it has the "
                "scores, but no model. Fit it with refit=True, or a classifier with "
                "its best_params_."
            )
        check_is_fitted(self, "best_estimator_")

    def _scores(self, X, method):
        self._check_has_model()
        if self.preprocessor is None:
            return super()._scores(X, method)
        return self.best_estimator_.decision_function(X)

    def score(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **params: Any,
    ) -> float:
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
        self._check_has_model()
        if sample_weight is not None:
            params["sample_weight"] = sample_weight
        if routing_enabled():
            params = process_routing(self, "score", **params).scorer.score
        return self._scorer()(self, X, y, **params)

    def _sk_visual_block_(self):
        """A diagram that ends in the classifier: the chosen one, once it is fitted."""
        preprocessor = self.preprocessor
        if not hasattr(self, "best_estimator_"):
            model = self._model(**{name: getattr(self, name) for name in _SHARED})
        elif preprocessor is None:
            model = self.best_estimator_
        else:
            preprocessor, model = (step for _, step in self.best_estimator_.steps)
        return chain([model] if preprocessor is None else [preprocessor, model])

    def certify(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        improve: bool = False,
    ) -> Certificate:
        """Certify the chosen model anew, on data that are given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples, as `fit` takes them; the certificate is of what `preprocessor`
            makes of them.
        y : array-like of shape (n_samples,)
            Their labels, of which each of `classes_` must occur.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, which those of `class_weight` multiply.
        improve : bool, default=False
            Whether to find the optimum, to compare with.

        Returns
        -------
        certificate : Certificate
            That of the classifier in `best_estimator_`.
        """
        self._check_has_model()
        model = self.best_estimator_
        if self.preprocessor is not None:
            X, model = model[:-1].transform(X), model[-1]
        return model.certify(X, y, sample_weight, improve=improve)

    def to_sklearn(self) -> Any:
        """Make a fitted classifier of scikit-learn that predicts the same.

        Returns
        -------
        classifier : LogisticRegression, LinearSVC or Pipeline
            That of the classifier in `best_estimator_`, behind the fitted preprocessor
            where there is one.
        """
        self._check_has_model()
        if self.preprocessor is None:
            return self.best_estimator_.to_sklearn()
        *steps, (name, model) = self.best_estimator_.steps
        return Pipeline([*steps, (name, model.to_sklearn())])

    @with_callbacks
    def _fit(self, X, y, sample_weight, params):
        if sample_weight is not None:
            n_samples = np.asarray(on_host(y)).shape[:1]
            sample_weight = np.asarray(weight_of_each(sample_weight, n_samples))
        split_params, preprocessor_params, score_params = self._route(
            sample_weight, params
        )
        # Folds are fitted on the host, and the chosen model where X is.
        there, X, y = X, local(X, "A search"), on_host(y)
        if not hasattr(X, "__getitem__"):
            X = np.asarray(X)
        X, y, sample_weight = indexable(X, y, sample_weight)
        y = self._check_data(X, y, sample_weight)
        model = self._new_model()
        data = X, y, sample_weight
        largest = partial(self._largest_strengths, model, *data, preprocessor_params)
        grid = self._grid(model, largest)
        cv = check_cv(self.cv, y, classifier=True)
        splits = list(cv.split(X, y, **split_params))
        if not splits:
            raise ValueError(
                "cv has no splits. A generator has them once; pass a list to fit again."
            )
        run = Run(
            model,
            self.preprocessor,
            with_all_labels(self._scorer(), np.unique(y)),
            self.scoring in (None, "accuracy"),
            preprocessor_params,
            score_params,
            self.error_score,
            np.unique(y),
            self._room(len(splits)),
        )
        # Processors go to the folds first; what is left over is the threads of a fit.
        spare = max(threads_of(self.n_jobs) // max(len(splits), 1), 1)
        n_folds = len(splits)
        task = begin_task(self, n_folds + self.refit, *data, in_turn=False)
        parts = [task.part("fold", grid.n_fits, k) for k in range(n_folds)]
        folds = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)(
            delayed(with_threads)(spare, run.fold, grid, data, *split, part)
            for split, part in zip(splits, parts, strict=True)
        )
        self._take_folds(grid, folds, model)
        if self.refit:
            model.set_params(**self.best_params_, n_jobs=self.n_jobs)
            with task.part("refit", number=n_folds).is_fit_of(model):
                self._refit(run, beside(X, there), y, sample_weight)
        task.end()
        return self

    def _new_model(self):
        """A classifier with the parameters that all fits share."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        shared = {name: getattr(self, name) for name in _SHARED}
        return self._model(random_state=seed, **shared)

    def _room(self, n_folds):
        """Bytes for the models of a fold."""
        most = {"auto": _MOST_BYTES / max(n_folds, 1), True: np.inf, False: 0}
        return most[self.store_coefs_paths]

    def _take_folds(self, grid, folds, model):
        """The attributes of a search, and warnings where it fell short."""
        fits = [fit for fold in folds for fit in fold.fits if fit is not None]
        warn_of_gaps(fits, model)
        warn_of_failures(folds, self.error_score)
        self._record(grid, folds)
        self._warn_at_an_end(grid)

    def _check_data(self, X, y, sample_weight):
        """What no fold could serve is said here; y as an array."""
        n_features = None
        if self.preprocessor is None:
            n_features = validate_data(self, X, y, accept_sparse="csr")[0].shape[1]
        else:
            validate_data(self, X, y, skip_check_array=True)
        check_factor(self.penalty_factor, n_features)
        y = column_or_1d(y, warn=True)
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
        check_class_weight(self.class_weight, y)
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
                f"fit got unexpected arguments {sorted(params)}. Metadata other than "
                "groups need sklearn.set_config(enable_metadata_routing=True)."
            )
        score_params = {}
        if sample_weight is not None and accepts_sample_weight(self._scorer()):
            score_params["sample_weight"] = sample_weight
        return split_params, {}, score_params

    def _scorer(self):
        return check_scoring(self, scoring=self.scoring or "accuracy")

    def _grid(self, model, largest):
        """The grid; `largest` finds where the paths of some `l1_ratios` begin."""
        l1_ratios = list_of(self.l1_ratios, "l1_ratios")
        deltas = list_of(self._margins(), "deltas")
        if np.ndim(self.alphas) > 0:
            alphas = check_strengths(self.alphas)
            if alphas.ndim > 1 and alphas.shape[:-1] != l1_ratios.shape:
                raise ValueError(
                    "alphas must be a list of numbers, or such a list for each of the "
                    f"l1_ratios, got an array of shape {alphas.shape}."
                )
        else:
            check_count(self.alphas, self.eps)
            alphas = [
                strengths(each, self.alphas, self.eps) for each in largest(l1_ratios)
            ]
            alphas = np.array(alphas if len(alphas) > 1 else alphas[0])
        return Grid(model, alphas, deltas, l1_ratios)

    def _largest_strengths(
        self, model, X, y, sample_weight, preprocessor_params, l1_ratios
    ):  # fmt: skip
        """Where the paths of some `l1_ratios` begin."""
        if self.preprocessor is not None:
            X = clone(self.preprocessor).fit_transform(X, y, **preprocessor_params)
        problem = check_problem(clone(model), X, y, sample_weight)
        loss = settings_of(model).loss
        grouped = self.penalty == "grouped"
        fixed = self.fit_intercept, grouped, self.penalty_factor
        return [alpha_max(problem, loss, each, *fixed)[0] for each in l1_ratios]

    def _record(self, grid, folds):
        # Without `refit` no model of an earlier call may stay beside these scores.
        for name in (*_OF_THE_MODEL, "best_estimator_", "refit_time_"):
            self.__dict__.pop(name, None)
        self.n_splits_ = len(folds)
        self.cv_results_ = cv_results(grid, folds)
        self.best_index_ = self._choose(grid)
        self.best_params_ = grid.params[self.best_index_]
        self.best_score_ = self.cv_results_["mean_test_score"][self.best_index_]
        for name, value in self.best_params_.items():
            setattr(self, f"{name}_", value)
        self.alphas_ = grid.alphas
        self.scores_ = np.array([grid.arrange(fold.scores) for fold in folds])
        self._store_paths(grid, folds)

    def _warn_at_an_end(self, grid):
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
        warn(
            f"The best alpha, {self.alpha_:.3g}, is the {last} one that was tried: "
            f"{more} ones may score better.",
            UserWarning,
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
        self.refit_time_ = time.perf_counter() - start
        self._take_best(model, steps)

    def _take_best(self, model, steps=()):
        """The attributes of the chosen model, behind the steps before it."""
        self.best_estimator_ = Pipeline([*steps, ("classifier", model)])
        if not steps:
            self.best_estimator_ = model
        for name in _OF_THE_MODEL:
            setattr(self, name, getattr(model, name))
