"""Compilation ahead of the first request."""

import warnings
from itertools import product
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.base import clone

from ._base import LinearLossClassifier, settings_of
from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier

# Entries of X from which the compiled products are used, and some more.
_ENTRIES = 1_200_000
# Iterations in which a solver uses all its code.
_ITERATIONS = 40
# So tight that no solver ends early, and so loose that float32 data stay float32.
_TOL = 1e-5
# Solvers take other branches where the classes can be separated than where labels are
# random, and where the penalty is weak than where it is strong.
_PENALTY_FACTORS = (1.0, 1e4)


def warmup(
    estimator: SVMClassifier | SoftmaxClassifier | None = None,
    *,
    n_samples: int = 1000,
    n_features: int = 20,
    n_classes: int = 3,
    dtype: type[np.float32] | type[np.float64] = np.float64,
    sparse: bool = False,
) -> None:
    """Compile the code for fits of some kind of data, or load it from disk.

    Without it, the first fit on a machine waits some seconds for the compiler, and the
    first fit in a process waits part of a second until the compiled code is loaded from
    disk. A server can call this before its first request.

    Parameters
    ----------
    estimator : SVMClassifier or SoftmaxClassifier, default=None
        The classifier with its parameters, which stays as it is. None means both, with
        their defaults.
    n_samples, n_features, n_classes : int, default=1000, 20 and 3
        Shape of the data to come. The solver that "auto" picks depends on it, and so
        does the code that multiplies by X.
    dtype : {np.float32, np.float64}, default=np.float64
        Precision of the data.
    sparse : bool, default=False
        Whether X will be a sparse matrix.

    Examples
    --------
    >>> from sklearn_linloss import SVMClassifier, warmup
    >>> warmup(SVMClassifier(alpha=1e-3), n_samples=1797, n_features=64, n_classes=10)
    """
    if not isinstance(estimator, LinearLossClassifier | None):
        raise TypeError(
            "warmup takes an SVMClassifier or SoftmaxClassifier, or None for both, got "
            f"{type(estimator).__name__}."
        )
    rng = np.random.default_rng(0)
    rows = min(n_samples, max(_ENTRIES // n_features, 10 * n_classes))
    rows = max(rows, 2 * n_classes)  # a row of each class to train on, and to hold out
    y = np.arange(rows) % n_classes
    X: Any = np.eye(n_features, dtype=dtype)[y % n_features]
    X = X + rng.random((rows, n_features), dtype=dtype)
    X = csr_matrix(X) if sparse else X
    both = SVMClassifier(), SoftmaxClassifier()
    for model in both if estimator is None else [clone(estimator)]:
        n_rows = 1 if n_classes == 2 else n_classes
        settings = settings_of(model)
        solver = settings.choose_solver(n_samples, n_features, n_rows, sparse=sparse)
        model.set_params(
            solver=solver,
            verbose=0,
            tol=min(model.tol, _TOL),
            max_iter=_ITERATIONS,
            max_time=None,
            class_weight=None,  # by labels that are not known
            validation_fraction=0.5,  # also few rows have then all classes
        )
        for factor, labels in product(_PENALTY_FACTORS, (y, rng.permutation(y))):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                clone(model).set_params(alpha=factor * model.alpha).fit(X, labels)
