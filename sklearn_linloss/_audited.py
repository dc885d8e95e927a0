"""What classifiers offer to those who did not fit them: a certificate, and a copy that
other tools know.
"""

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_is_fitted

from ._audit import Case, Certificate, certify_case
from ._compat import on_host
from ._problem import (
    check_class_weight,
    check_data,
    check_weight,
    local,
    weights_by_class,
)
from ._typing import Array, ArrayLike, ClassWeight, Matrix, PenaltyName


class AuditedClassifier:
    """Certificates of a fitted classifier, and its copy in scikit-learn."""

    # What the classifiers have, and what their subclasses say of the loss.
    alpha: float
    l1_ratio: float
    fit_intercept: bool
    penalty: PenaltyName
    penalty_factor: ArrayLike | None
    class_weight: ClassWeight
    classes_: Array
    coef_: Array
    intercept_: Array
    _loss: Any
    _counterpart: Any

    def certify(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        improve: bool = False,
    ) -> Certificate:
        """Certify the fitted model anew, on data that are given.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples; those that the model was fitted to, if the certificate is to be one
            of the fit.
        y : array-like of shape (n_samples,)
            Their labels, of which each of `classes_` must occur.
        sample_weight : array-like of shape (n_samples,), default=None
            Their weights, which those of `class_weight` multiply.
        improve : bool, default=False
            Whether to find the optimum, to compare with.

        Returns
        -------
        certificate : Certificate
            As of :func:`inspection.certify`: the objective, a proven lower bound of it,
            and the proof. Its gap may be smaller than `gap_`: more is done for it.

        Raises
        ------
        ValueError
            If the data are not ones that the objective is defined on, or the model has
            a `penalty_factor`.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from sklearn_linloss import SoftmaxClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = SoftmaxClassifier(alpha=0.01, tol=1e-3).fit(X, y)
        >>> bool(model.certify(X, y).gap <= 1e-3)
        True
        """
        check_is_fitted(self)
        if self.penalty_factor is not None:
            raise ValueError(
                "certify does not support penalty_factor; gap_ is the duality gap of "
                "the fit."
            )
        X, y = check_data(self, local(X, "certify"), y, reset=False)
        weight = weight_of(self.class_weight, X, y, sample_weight)
        case = Case(
            model=" ".join(repr(self).split()),
            X=X,
            y=y,
            weight=weight,
            classes=on_host(self.classes_),
            coef=dense(self.coef_).astype(np.float64),
            intercept=on_host(self.intercept_).astype(np.float64),
            loss=self._loss(),
            alpha=self.alpha,
            l1_ratio=self.l1_ratio,
            penalty=self.penalty,
            fit_intercept=self.fit_intercept,
        )
        return certify_case(case, improve)

    def to_sklearn(self) -> Any:
        """Make a fitted classifier of scikit-learn that predicts the same.

        Tools that know classifiers by their class take it. It has the coefficients, the
        classes and the names of the features; parameters other than the loss and
        `fit_intercept` are the defaults, and count only where it is fitted anew.

        Returns
        -------
        classifier : LogisticRegression or LinearSVC
            The first for the softmax, with the same probabilities; the second for the
            hinges.
        """
        check_is_fitted(self)
        classifier = self._counterpart()
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(classifier, name, getattr(self, name))
        classifier.classes_ = on_host(self.classes_)
        classifier.coef_ = dense(self.coef_).copy()
        classifier.intercept_ = on_host(self.intercept_).copy()
        return classifier


def dense(W):
    """Coefficients as an ndarray."""
    return W.toarray() if sparse.issparse(W) else on_host(W)


def weight_of(class_weight, X, y, sample_weight):
    """Weights of the samples with those of their classes; None if there are none."""
    if sample_weight is None and class_weight is None:
        return None
    weight = check_weight(sample_weight, X)
    check_class_weight(class_weight, y)
    classes, codes = np.unique(y, return_inverse=True)
    mass = np.bincount(codes, weights=weight)
    counted = mass > 0.0
    by_class = np.zeros(len(classes))
    known = classes[counted], mass[counted]
    by_class[counted] = weights_by_class(class_weight, *known)
    return weight * by_class[codes]
