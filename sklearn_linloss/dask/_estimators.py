"""What the classifiers do on collections of Dask."""

from copy import copy
from dataclasses import replace
from typing import Any, Self

import numpy as np
from dask import delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from .. import _solvers
from .._advice import warn_of_unread
from .._base import LinearLossClassifier, options_of, settings_of
from .._compat import fit_context
from .._fit import Fit
from .._predictor import labels_of, scores_of
from .._problem import at_precision
from .._solvers._clock import Clock
from .._typing import ArrayLike, Matrix
from ._collections import array_of, blocks_of, client_of, is_dask_collection, stand_in
from ._parts import Parts
from ._problem import survey
from ._solve import choose, run


class OnDask(LinearLossClassifier):
    """Fits and predictions on collections; on local data those of the local class.

    A subclass names it before that class.
    """

    client: Any
    _local_class: Any

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
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
            Coefficients to start from; of shape (1, n_features) for two classes.
        intercept_init : array-like of shape (n_classes,), default=None
            Intercepts to start from; of shape (1,) for two classes.
        X_val, y_val, sample_weight_val : array-like, default=None
            Validation data, with local data only.

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
        if any(each is not None for each in validation):
            raise ValueError("X_val is not supported on Dask collections.")
        return self._all_or_nothing(
            self._fit_collection, X, y, sample_weight, coef_init, intercept_init
        )

    def decision_function(self, X: Any) -> Any:
        """Confidence scores of the samples for each class.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : array of shape (n_samples, n_classes) or (n_samples,)
            For two classes one number, positive where `classes_[1]` is predicted. A
            dask.array that is not yet computed, where X is a collection.
        """
        return self._lazily("decision_function", X)

    def predict(self, X: Any) -> Any:
        """Most likely class of each sample.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        labels : array of shape (n_samples,)
            The class of the largest score. A dask.array that is not yet computed, where
            X is a collection.
        """
        return self._lazily("predict", X)

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
        blocks = blocks_of(X, y, sample_weight)
        parts = client_of(self.client).compute(
            [delayed(_weight_of_hits)(block, self.to_local()) for block in blocks],
            sync=True,
        )
        hits, total = np.sum(parts, axis=0)
        return float(hits / total)

    def to_local(self) -> Any:
        """The model as an estimator of the local class.

        Returns
        -------
        model : SVMClassifier or SoftmaxClassifier
            With the same parameters, and the attributes of the fit.
        """
        names = self._local_class._get_param_names()
        model = self._local_class(**{name: getattr(self, name) for name in names})
        fitted = {
            k: v for k, v in vars(self).items() if k not in self.get_params(False)
        }
        model.__dict__.update(fitted)
        return model

    # -- private ----------------------------------------------------------------------

    def __sklearn_clone__(self):
        # The client is shared; a copy of it would be another one.
        other = super(OnDask, copy(self)).__sklearn_clone__()
        other.client = self.client
        return other

    def __getstate__(self):
        # A client belongs to its process, and is left out of copies and pickles.
        return {**super().__getstate__(), "client": None}

    def _fit_collection(self, X, y, sample_weight, coef_init, intercept_init):
        previous, clock = self.__dict__.copy(), Clock(self.max_time)
        if self.penalty_factor is not None:
            raise ValueError("penalty_factor is not supported for Dask collections.")
        validate_data(self, stand_in(X), reset=True)
        settings = settings_of(self)
        client = client_of(self.client)
        parts = Parts(client, client.compute(blocks_of(X, y, sample_weight)))
        try:
            problem = survey(parts, self.class_weight, self.n_jobs)
            request = settings.request(*problem.shape)
            solver = choose(settings, request)
            warn_of_unread(self, solver)
            classes, shape = problem.classes, problem.shape[:0:-1]
            W, b = self._start(previous, classes, shape, coef_init, intercept_init)
            f = problem.objective(settings)
            f = at_precision(f, _solvers.SOLVERS[solver], settings)
            options = replace(options_of(self), clock=clock)
            progress = self._progress(f, solver, settings, options, None, classes, None)
            fit = Fit(f, solver, f.pack(W, b), options, progress, run)
            self._take_fit(fit, f, classes, progress)
        finally:
            parts.close()
        return self

    def _lazily(self, method, X):
        """What a method of the local class gives for each block."""
        model = self.to_local()
        if not is_dask_collection(X):
            return getattr(model, method)(X)
        check_is_fitted(self)
        validate_data(self, stand_in(X), reset=False)
        # Blocks are arrays, whose features have no names.
        model.__dict__.pop("feature_names_in_", None)
        blocks = array_of(X)
        like = getattr(model, method)(np.zeros((1, self.n_features_in_)))[:0]
        chunks = (blocks.chunks[0], *((n,) for n in like.shape[1:]))
        return blocks.map_blocks(
            _of_block,
            model=model,
            method=method,
            like=like,
            dtype=like.dtype,
            meta=like,
            chunks=chunks,
            drop_axis=[1] if like.ndim == 1 else [],
        )


class ProbabilitiesOnDask(OnDask):
    """Probabilities on collections; on local data those of the local class."""

    def predict_proba(self, X: Any) -> Any:
        """Probability of each class for each sample.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        proba : array of shape (n_samples, n_classes)
            Rows sum to one; columns in the order of `classes_`. A dask.array that is
            not yet computed, where X is a collection.
        """
        return self._lazily("predict_proba", X)

    def predict_log_proba(self, X: Any) -> Any:
        """Natural logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : collection or array-like of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_proba : array of shape (n_samples, n_classes)
            Columns in the order of `classes_`. A dask.array that is not yet computed,
            where X is a collection.
        """
        return self._lazily("predict_log_proba", X)


def _of_block(X, model, method, like):
    """What a method of a model gives for a block of samples, or for none."""
    return getattr(model, method)(X) if X.shape[0] > 0 else like


def _weight_of_hits(block, model):
    """The weight of the samples that are predicted right, and of all."""
    if len(block.y) == 0:
        return 0.0, 0.0
    hits = labels_of(model, scores_of(model, block.X)) == block.y
    return block.weight @ hits, block.weight.sum()
