"""What fitted models do on collections of Dask."""

from copy import copy
from typing import Any

import numpy as np
from dask import delayed
from sklearn.utils.validation import check_is_fitted, validate_data

from ._blocks import Pairs, pairs_of
from ._collections import array_of, blocks_of, client_of, is_dask_collection, stand_in


class PredictsOnDask:
    """Predictions of collections, made lazily; of local data those of the local class.

    A subclass names it before that class.
    """

    client: Any
    _local_class: Any

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

    def to_local(self) -> Any:
        """The model as an estimator of the local class.

        Returns
        -------
        model : SVMClassifier or SoftmaxClassifier
            With the same parameters, and the attributes of the fit.
        """
        names = self._local_class._get_param_names()
        model = self._local_class(**{name: getattr(self, name) for name in names})
        model.__dict__.update(self._attributes_of(self))
        return model

    # -- private ----------------------------------------------------------------------

    def _take_from(self, model):
        """The attributes of a fitted model, in the place of what there was."""
        for name in self._attributes_of(self):
            del self.__dict__[name]
        self.__dict__.update(self._attributes_of(model))

    def _attributes_of(self, model):
        """What fits have given a model."""
        given = {*self._local_class._get_param_names(), "client"}
        return {k: v for k, v in vars(model).items() if k not in given}

    def __sklearn_clone__(self):
        # The client is shared; a copy of it would be another one.
        other = super(PredictsOnDask, copy(self)).__sklearn_clone__()
        other.client = self.client
        return other

    def __getstate__(self):
        # A client belongs to its process, and is left out of copies and pickles.
        return {**super().__getstate__(), "client": None}

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


class ProbabilitiesOnDask(PredictsOnDask):
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


def pairs_of_collections(model, X, y, sample_weight):
    """Labels and predicted labels of collections, as `Pairs`."""
    local, blocks = delayed(model.to_local()), blocks_of(X, y, sample_weight)
    several = client_of(model.client).compute(
        [delayed(pairs_of)(block, local) for block in blocks], sync=True
    )
    return Pairs.join(several)


def _of_block(X, model, method, like):
    """What a method of a model gives for a block of samples, or for none."""
    return getattr(model, method)(X) if X.shape[0] > 0 else like
