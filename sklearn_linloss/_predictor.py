"""Scores and labels of a linear model."""

import numpy as np
from scipy import sparse
from sklearn.base import ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ._compat import check_same_namespace, namespace_of, on_host
from ._problem import refuse_collections
from ._typing import Array, Matrix


class LinearPredictor(ClassifierMixin):
    """Scores and labels from `coef_`, `intercept_` and `classes_`."""

    coef_: Array
    intercept_: Array
    classes_: Array
    n_iter_: int
    objective_: float
    gap_: float

    def decision_function(self, X: Matrix) -> Array:
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
        return self._scores(X, "decision_function")

    def _scores(self, X, method):
        """Scores of samples for a method of that name."""
        check_is_fitted(self)
        refuse_collections(X=X)
        check_same_namespace(X, self, method)
        inside = namespace_of(X) is not None
        dtype = self.coef_.dtype if inside else "numeric"
        X = validate_data(self, X, accept_sparse="csr", reset=False, dtype=dtype)
        return scores_of(self, X)

    def predict(self, X: Matrix) -> Array:
        """Predict the class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        return labels_of(self, self._scores(X, "predict"))


def scores_of(model, X):
    """Scores of valid data."""
    scores = X @ model.coef_.T
    scores = scores.toarray() if sparse.issparse(scores) else scores
    scores = scores + model.intercept_
    return scores[:, 0] if scores.shape[1] == 1 else scores


def labels_of(model, scores):
    """The class of the largest score; of two the second, where its one is positive."""
    xp = namespace_of(scores)
    if xp is not None:
        is_one = scores.ndim == 1
        places = (
            xp.astype(scores > 0.0, xp.int64) if is_one else xp.argmax(scores, axis=1)
        )
        if isinstance(model.classes_, np.ndarray):
            return model.classes_[on_host(places)]
        return xp.take(model.classes_, places, axis=0)
    if scores.ndim == 1:
        return model.classes_[(scores > 0.0).astype(np.intp)]
    return model.classes_[scores.argmax(axis=1)]
