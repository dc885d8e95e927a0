"""What the classifiers do on collections of Dask."""

from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from .._advice import warn_of_unread
from .._base import LinearLossClassifier, can_stream, options_of, settings_of
from .._compat import available_if, fit_context
from .._fit import Fit, start_of
from .._solvers._clock import Clock
from .._typing import ArrayLike
from ._audit import certificate_of
from ._collections import is_dask_collection, stand_in
from ._parts import PartsLostError, opened
from ._predictions import PredictsOnDask, pairs_of_collections
from ._problem import count, divide, held_out_of, problem_of, refuse_unserved
from ._shard import Selection
from ._solve import run


class OnDask(PredictsOnDask, LinearLossClassifier):
    """Fits on collections; on local data those of the local class.

    A subclass names it before that class.
    """

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
    ) -> Self:
        """Fit the model, by rounds over the workers that have the rows.

        Parameters
        ----------
        X : dask.array or dask.dataframe of shape (n_samples, n_features)
            Training data: float64, float32, or blocks of CSR. Its partitions are
            computed once, and stay where they are. Local data are fitted locally.
        y : dask.array or dask.dataframe of shape (n_samples,)
            Class labels, in partitions like those of X.
        sample_weight : dask.array or dask.dataframe of shape (n_samples,), default=None
            Weights of the samples, relative to their sum; None means equal weights.
        coef_init : array-like of shape (n_classes, n_features), default=None
            Coefficients to start from; of shape (1, n_features) for two classes. Where
            they and the intercepts are far off, with an objective of more than 1000
            times that of zeros, fits start from zeros. With "sgd", and with a
            `learning_rate` other than "auto", they start from what is given.
        intercept_init : array-like of shape (n_classes,), default=None
            Intercepts to start from; of shape (1,) for two classes.
        X_val : dask.array or dask.dataframe of shape (n_val, n_features), default=None
            Validation data, as of the local class.
        y_val : dask.array or dask.dataframe of shape (n_val,), default=None
            Their labels, which must occur in `y`.
        sample_weight_val : dask.array or dask.dataframe, default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is invalid or cannot be served, or if the fit diverges. The
            estimator is then as it was before the call.
        RuntimeError
            If data are lost with a worker and cannot be computed again.
        """
        validation = X_val, y_val, sample_weight_val
        if not is_dask_collection(X):
            starts = coef_init, intercept_init
            return super().fit(X, y, sample_weight, *starts, *validation)
        _check_validation(*validation)
        data, starts = (X, y, sample_weight), (coef_init, intercept_init)
        return self._all_or_nothing(self._fit_collection, data, validation, starts)

    @available_if(can_stream)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: Any = None,
    ) -> Self:
        """Update the model by one pass of SGD over the partitions, in their order.

        The model goes from worker to worker, and does what `partial_fit` of the local
        class would, called for one partition after the other.

        Parameters
        ----------
        X : dask.array or dask.dataframe of shape (n_samples, n_features)
            Samples, as of `fit`. Local data are a chunk of the local class.
        y : dask.array or dask.dataframe of shape (n_samples,)
            Their class labels. A partition need not have samples of all classes.
        classes : array-like of shape (n_classes,), default=None
            All labels that may occur. Required in the first call.
        sample_weight : dask.array or dask.dataframe of shape (n_samples,), default=None
            Weights of the samples. They are not divided by their sum.

        Returns
        -------
        self : object
            The updated estimator. It has no `objective_`, `gap_` and `loss_curve_`.

        Raises
        ------
        ValueError
            If the data or parameters are invalid or not supported, or if the model
            diverges. The estimator is then as it was before the call.
        RuntimeError
            If data are lost with a worker and cannot be computed again.
        """
        if not is_dask_collection(X):
            return super().partial_fit(X, y, classes, sample_weight)
        data = X, y, sample_weight
        return self._all_or_nothing(self._partial_fit_collection, data, classes)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy of the predictions.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.
        y : collection or array-like of shape (n_samples,)
            Their labels.
        sample_weight : collection or array-like of shape (n_samples,), default=None
            Their weights.

        Returns
        -------
        score : float
            Part of the weight of the samples that is predicted right.
        """
        if not is_dask_collection(X):
            return super().score(X, y, sample_weight)
        pairs = pairs_of_collections(self, X, y, sample_weight)
        hits = pairs.true == pairs.predicted
        return float(np.average(hits, weights=pairs.weight))

    def certify(
        self, X: Any, y: Any, sample_weight: Any = None, *, improve: bool = False
    ) -> Any:
        """Certify the fitted model anew, on data that are given.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples; those that the model was fitted to, if the certificate is to be one
            of the fit.
        y : collection or array-like of shape (n_samples,)
            Their labels, of which each of `classes_` must occur.
        sample_weight : collection or array-like of shape (n_samples,), default=None
            Their weights, which those of `class_weight` multiply.
        improve : bool, default=False
            Whether to find the optimum, to compare with; for local data only.

        Returns
        -------
        certificate : Certificate
            The objective, a proven lower bound of it and the gap; of local data what
            the local class returns, with the proof.

        Raises
        ------
        ValueError
            If the data are not ones that the objective is defined on, or the model has
            a `penalty_factor`.
        RuntimeError
            If data are lost with a worker and cannot be computed again.
        """
        if not is_dask_collection(X):
            return self.to_local().certify(X, y, sample_weight, improve=improve)
        check_is_fitted(self)
        refuse_unserved(self)
        if improve:
            raise ValueError(
                "improve=True is not supported for Dask collections. To compare with a "
                "model nearer to the optimum, fit one with a smaller tol."
            )
        validate_data(self, stand_in(X), reset=False)
        with opened(self.client, X, y, sample_weight) as parts:
            problem = problem_of(parts, count(parts), self.class_weight, self.n_jobs)
            if not np.array_equal(problem.classes, self.classes_):
                raise ValueError(
                    f"y has the classes {problem.classes}, but the model has "
                    f"{self.classes_}."
                )
            while True:
                with suppress(PartsLostError):
                    return certificate_of(self, problem)

    # -- private ----------------------------------------------------------------------

    def _partial_fit_collection(self, data, classes):
        row = stand_in(data[0])
        validate_data(self, row, reset="classes_" not in vars(self))
        model = self.to_local()
        # Blocks are arrays, whose features have no names.
        names = model.__dict__.pop("feature_names_in_", None)
        # A row without weight: what does not depend on the data is checked at once.
        known = getattr(model, "classes_", [0]) if classes is None else classes
        model.partial_fit(np.asarray(row), known[:1], classes, [0.0])
        with opened(self.client, *data) as parts:
            model = parts.updated("update", model, classes)
        if names is not None:
            model.feature_names_in_ = names
        self._take_from(model)
        return self

    def _fit_collection(self, data, validation, starts):
        previous, clock = self.__dict__.copy(), Clock(self.max_time)
        refuse_unserved(self)
        validate_data(self, stand_in(data[0]), reset=True)
        with opened(self.client, *data) as parts:
            return self._fit_parts(parts, clock, validation, starts, previous)

    def _fit_parts(
        self, parts, clock, validation=(None,) * 3, starts=(None,) * 2, previous=()
    ):  # fmt: skip
        """Fit the rows of `parts`."""
        settings, options = settings_of(self), replace(options_of(self), clock=clock)
        with ExitStack() as stack:
            problem, held_out = self._problems(parts, validation, stack)
            classes, shape = problem.classes, (problem.n_rows, problem.n_features)
            W, b = self._start(previous, classes, shape, *starts)
            solver = problem.choose_solver(settings)
            warn_of_unread(self, solver)
            f = problem.objective_for(solver, settings)
            progress = self._progress(f, solver, settings, options, held_out, None)
            start = start_of(f, solver, options, W, b)
            fit = Fit(f, solver, start, options, progress, run)
            self._take_fit(fit, f, classes, progress)
        return self

    def _problems(self, parts, validation, stack):
        """The problem, and that of validation data or None, whose parts go onto the
        stack.
        """
        census = count(parts)
        fixed = self.class_weight, self.n_jobs
        if validation[0] is not None:
            problem = problem_of(parts, census, *fixed)
            validate_data(self, stand_in(validation[0]), reset=False)
            others = stack.enter_context(opened(self.client, *validation))
            return problem, held_out_of(problem, others, count(others))
        if not self.early_stopping:
            return problem_of(parts, census, *fixed), None
        others = stack.enter_context(parts.another())
        for each in (parts, others):
            divide(each, census, partial(_held_out, self.validation_fraction))
        rows = Selection(fold=True, inside=False)
        problem = problem_of(parts, count(parts, rows), *fixed, rows)
        rows = Selection(fold=True, inside=True)
        return problem, held_out_of(problem, others, count(others, rows), rows)


def _check_validation(X, y, weight):
    """Raise where validation data are not whole, or not collections."""
    if X is None:
        if y is not None or weight is not None:
            raise ValueError("y_val or sample_weight_val was given without X_val.")
    elif y is None:
        raise ValueError("X_val was given without y_val.")
    elif not is_dask_collection(X):
        raise TypeError(
            f"X_val must be a Dask collection, as X is, got {type(X).__name__}."
        )


def _held_out(fraction, places):
    """Whether samples at these places among those of their label are held out."""
    return np.floor((places + 1) * fraction) > np.floor(places * fraction)
