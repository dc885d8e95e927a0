"""A block of rows as a task of Dask makes it, and what it says of itself."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, check_consistent_length, column_or_1d

from .._design import canonical
from .._predictor import labels_of, scores_of
from .._problem import check_weight


class Block(NamedTuple):
    """Rows that have weight, as solvers take them.

    Attributes
    ----------
    X : C-contiguous ndarray or canonical CSR of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Labels.
    weight : ndarray of shape (n_samples,)
        Positive.
    all_labels : ndarray
        Those of the partition, rows without weight included.
    """

    X: object
    y: np.ndarray
    weight: np.ndarray
    all_labels: np.ndarray


class Pairs(NamedTuple):
    """Labels of samples and those that a model predicts, each pair once.

    Attributes
    ----------
    true, predicted : ndarrays of shape (n_pairs,)
    number, weight : ndarrays of shape (n_pairs,)
        Of the samples of each pair.
    """

    true: np.ndarray
    predicted: np.ndarray
    number: np.ndarray
    weight: np.ndarray

    @staticmethod
    def join(several):
        """Those of all samples from those of disjoint ones."""
        several = [each for each in several if len(each.true) > 0]
        return Pairs(*map(np.concatenate, zip(*several, strict=True)))


class Survey(NamedTuple):
    """What the driver has to know of a block before a fit.

    Attributes
    ----------
    n_samples, n_features : int
    dtype : dtype
    is_csr : bool
    labels : ndarray
        Those that occur.
    counts, mass : ndarrays
        Number and sum of the weights of the samples of each.
    least, largest : ndarrays
        Weights of the samples of each.
    n_stored : int
        Numbers that a pass over the rows reads.
    all_labels : ndarray
        Those of the partition, of rows that do not count, too.
    """

    n_samples: int
    n_features: int
    dtype: np.dtype
    is_csr: bool
    labels: np.ndarray
    counts: np.ndarray
    mass: np.ndarray
    least: np.ndarray
    largest: np.ndarray
    n_stored: int
    all_labels: np.ndarray


def make_block(X, y, sample_weight, n_features):
    """Check the rows of a partition.

    Parameters
    ----------
    X : {DataFrame, ndarray, sparse matrix} of shape (n_samples, n_features)
    y : {DataFrame, Series, ndarray} of shape (n_samples,)
    sample_weight : {Series, ndarray} of shape (n_samples,) or None
    n_features : int

    Returns
    -------
    block : Block

    Raises
    ------
    ValueError
        If they are invalid.
    """
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float64, np.float32],
        order="C",
        ensure_min_samples=0,
        input_name="X",
    )
    if X.shape[1] != n_features:
        raise ValueError(
            f"A partition of X has {X.shape[1]} features, where {n_features} are "
            "expected."
        )
    y = column_or_1d(np.asarray(y), warn=False)
    check_consistent_length(X, y)
    _check_labels(y)
    if len(y) == 0:
        return Block(canonical(X), y, np.ones(0), y)
    all_labels = np.unique(y)
    weight = np.ones(len(y))
    if sample_weight is not None:
        weight = np.asarray(sample_weight, dtype=np.float64)
        check_consistent_length(X, weight)
        if weight.any():
            weight = check_weight(weight, X)
    kept = weight > 0.0
    if not kept.all():
        X, y, weight = X[kept], y[kept], weight[kept]
    return Block(canonical(X), y, weight, all_labels)


def _check_labels(y):
    """Raise where labels are missing, or numbers that are no labels."""
    if y.dtype.kind == "f":
        if not np.isfinite(y).all():
            raise ValueError("Input y contains NaN or infinity.")
        if (y != np.floor(y)).any():
            raise ValueError(
                "Unknown label type: continuous. Maybe you are trying to fit a "
                "classifier, which expects discrete classes on a regression target "
                "with continuous values."
            )
    elif y.dtype.kind == "O" and any(
        label is None or label != label for label in y
    ):  # fmt: skip
        raise ValueError("Input y contains NaN.")


def survey(block):
    """What the driver has to know of a block."""
    X, y, weight, all_labels = block
    labels, codes = np.unique(y, return_inverse=True)
    least, largest = np.full(len(labels), np.inf), np.zeros(len(labels))
    np.minimum.at(least, codes, weight)
    np.maximum.at(largest, codes, weight)
    return Survey(
        n_samples=len(weight),
        n_features=X.shape[1],
        dtype=X.dtype,
        is_csr=sparse.issparse(X),
        labels=labels,
        counts=np.bincount(codes, minlength=len(labels)),
        mass=np.bincount(codes, weights=weight, minlength=len(labels)),
        least=least,
        largest=largest,
        n_stored=X.nnz if sparse.issparse(X) else X.size,
        all_labels=all_labels,
    )


def pairs_of(block, model):
    """The pairs of a label and a predicted one, of a fitted model of any class."""
    if len(block.y) == 0:
        return Pairs(block.y, block.y, np.empty(0, np.intp), np.empty(0))
    labels, true = np.unique(block.y, return_inverse=True)
    predicted = labels_of(model, scores_of(model, block.X))
    known, predicted = np.unique(predicted, return_inverse=True)
    pairs, pair = np.unique(true * len(known) + predicted, return_inverse=True)
    return Pairs(
        labels[pairs // len(known)],
        known[pairs % len(known)],
        np.bincount(pair),
        np.bincount(pair, weights=block.weight),
    )
