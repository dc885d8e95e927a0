"""Arguments of kernels that belong together, as named tuples.

n samples have n_rows scores: one for two classes, else as many as classes. W is
(n_rows, n_features), or (n_features, n_rows) for a CSR; b is (1, n_rows), or empty
without intercepts. Numbers are in the precision of X where nothing else is said.

Each tuple takes most of a microsecond of a call, and nothing of its loops, so that few
tuples are better than many. What may be None stays an argument of its own: numba drops
the code for the other case where an argument is None, and not where a field is.
"""

from typing import NamedTuple

import numpy as np


class DenseRows(NamedTuple):
    """The rows of an ndarray.

    Attributes
    ----------
    X : ndarray of shape (n, n_features), read-only
    centre : ndarray of shape (n_features,)
        What the features of models count from.
    """

    X: np.ndarray
    centre: np.ndarray


class CsrRows(NamedTuple):
    """The rows of a CSR, whose features are never centred.

    Attributes
    ----------
    data, indices : ndarray of shape (n_stored,), read-only
    indptr : ndarray of shape (n + 1,), read-only
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray


class CscColumns(NamedTuple):
    """The columns of a CSC, whose features are never centred.

    Attributes
    ----------
    data, indices : ndarray of shape (n_stored,), read-only
    indptr : ndarray of shape (n_features + 1,), read-only
    """

    data: np.ndarray
    indices: np.ndarray
    indptr: np.ndarray


class ColumnModel(NamedTuple):
    """A quadratic model of the loss between m coefficients, and the intercepts.

    Attributes
    ----------
    features, classes : ndarray of shape (m,), read-only
        Coefficient a is that of feature `features[a]` in class `classes[a]`.
    second : ndarray of shape (n, n_rows), read-only
        Second derivatives, as `add_pair_grams` takes them.
    gradient, b_gradient : ndarray of shape (m,) and (n_rows,), or the last one empty
        The gradient of the loss where the descent starts, read-only.
    ridge : ndarray of shape (m,), read-only
        What is added to the second derivative of each coefficient.
    """

    features: np.ndarray
    classes: np.ndarray
    second: np.ndarray
    gradient: np.ndarray
    b_gradient: np.ndarray
    ridge: np.ndarray


class ColumnDescent(NamedTuple):
    """What coordinate descent on such a model changes.

    Attributes
    ----------
    change : ndarray of shape (n, n_rows), float64
        The change of the scores since the model was made; that of samples without
        second derivatives is of no account.
    landing : ndarray of shape (m,), float64
        The coefficients.
    b_move : ndarray of shape (n_rows,), float64, or empty
        The change of the intercepts.
    curvature : ndarray of shape (m + n_rows,) or (m,), float64
        Takes the second derivatives of coefficients and intercepts, with those of the
        penalty and the ridge.
    """

    change: np.ndarray
    landing: np.ndarray
    b_move: np.ndarray
    curvature: np.ndarray


class Terms(NamedTuple):
    """What the objective asks for beside scores and coefficients.

    Attributes
    ----------
    y : ndarray of shape (n,), intp
        Class indices.
    weight : ndarray of shape (n,), float64
        Shares of the total weight, or n times as much where batches are averaged.
    delta : float
        The margin of the loss.
    l1, l2 : float
        The strengths of the penalty, with those of a proximal term.
    """

    y: np.ndarray
    weight: np.ndarray
    delta: float
    l1: float
    l2: float


class SgdPass(NamedTuple):
    """How a pass of mini-batch SGD goes.

    Attributes
    ----------
    order : ndarray of int
        The samples, batch by batch.
    cuts : ndarray of shape (n_batches + 1,), int
        Where in `order` the batches begin, and the last one ends.
    rates, blends : ndarray of shape (n_batches,), float64
        Steps, and how far the mean of the iterates moves to the next one.
    momentum : float
    b_scale : float
        How much longer the steps of the intercepts are.
    metric : ndarray of shape (n_features,)
        How much longer the steps of each feature are; dense only.
    basis, damping : ndarray of shapes (k, n_features) and (k,)
        Rows, orthonormal in the metric, along which gradients lose the part `damping`;
        dense only.
    squares : ndarray of shape (n,), float64, or empty
        The squared lengths of the rows in the metric, which bound the steps of single
        rows.
    row_reaches : ndarray of shape (n_batches,), float64
        The steps in which no row may pass the zero of its own loss.
    """

    order: np.ndarray
    cuts: np.ndarray
    rates: np.ndarray
    blends: np.ndarray
    momentum: float
    b_scale: float
    metric: np.ndarray
    basis: np.ndarray
    damping: np.ndarray
    squares: np.ndarray
    row_reaches: np.ndarray


class SgdState(NamedTuple):
    """What a pass of mini-batch SGD changes.

    Attributes
    ----------
    W, b : ndarray
        The iterate.
    W_velocity, b_velocity, W_mean, b_mean : ndarray
        Its velocity, and the mean of the iterates.
    response : ndarray of shape (1,), float64
        The velocity that a constant slope of minus one has brought about.
    batch_losses : ndarray of shape (n_batches,), float64
        Takes the objective as each batch estimates it.
    """

    W: np.ndarray
    b: np.ndarray
    W_velocity: np.ndarray
    b_velocity: np.ndarray
    W_mean: np.ndarray
    b_mean: np.ndarray
    response: np.ndarray
    batch_losses: np.ndarray


class SgdPast(NamedTuple):
    """What SGD by rows of a CSR knows of features and rows, and a pass adds to.

    Attributes
    ----------
    features : ndarray of shape (n_features + 1, 4), float64
        The number of entries of a feature, the sum of their sizes, that of its squared
        slopes, and its last step. The last row is that of the intercepts.
    totals : ndarray of shape (4,), float64
        The rows that passes have seen; the rows of X, the number of its entries and the
        sum of their sizes.
    ridge : float
        The curvature of the penalty in a row's objective, times the first rate.
    """

    features: np.ndarray
    totals: np.ndarray
    ridge: float


class SagaPass(NamedTuple):
    """How a pass of mini-batch SAGA goes.

    Attributes
    ----------
    order : ndarray of int
        The samples, batch by batch.
    batch_size : int
    step : float
    b_scale : float
        How much longer the steps of the intercepts are.
    """

    order: np.ndarray
    batch_size: int
    step: float
    b_scale: float


class SagaState(NamedTuple):
    """What a pass of mini-batch SAGA changes.

    Attributes
    ----------
    W, b : ndarray
        The iterate.
    mean_gradient, b_mean_gradient : ndarray
        The image of `table`, a mean over the samples.
    table : ndarray of shape (n, n_rows)
        The last gradient in the scores of each sample.
    """

    W: np.ndarray
    b: np.ndarray
    mean_gradient: np.ndarray
    b_mean_gradient: np.ndarray
    table: np.ndarray


class SdcaPass(NamedTuple):
    """How a pass of dual coordinate ascent goes.

    Attributes
    ----------
    order : ndarray of int
        The samples to visit.
    still : float
        Dual variables that would change by at most so much, were it not for the
        curvature of their own row, stay.
    squares : ndarray of shape (n,), float64
        The squared norms of the rows.
    b_scale : float
        The square of the feature whose coefficients the intercepts are.
    """

    order: np.ndarray
    still: float
    squares: np.ndarray
    b_scale: float


class SdcaState(NamedTuple):
    """What a pass of dual coordinate ascent changes.

    Attributes
    ----------
    W, b : ndarray
        The model, with `b` in float64.
    dual : ndarray of shape (n, n_rows), or (n,) for one row, float64
        The dual variables of the wrong classes.
    idle : ndarray of shape (n,), int32
        Visits in turn that left those of a sample where they were.
    scratch : ndarray of shape (4, n_rows), float64
    logs : tuple of an ndarray of shape (n_rows,), float64, or empty
        Further scratch for the softmax of three or more classes.
    row : ndarray of shape (n_features,), or (n_rows,) for a CSR
        Scratch for what a row adds to the model.
    """

    W: np.ndarray
    b: np.ndarray
    dual: np.ndarray
    idle: np.ndarray
    scratch: np.ndarray
    logs: tuple
    row: np.ndarray


class BlockSums(NamedTuple):
    """Where sums over the rows of an ndarray are made block by block.

    Attributes
    ----------
    scores, pull : ndarray of shape (size, n_rows)
        Take the scores of a block of `size` rows, and the gradient in them.
    part : ndarray of the shape of the coefficients
        Takes the gradient of some blocks.
    total, b_total : ndarray of that shape and (n_rows,), float64
        Gradients are added to them.
    """

    scores: np.ndarray
    pull: np.ndarray
    part: np.ndarray
    total: np.ndarray
    b_total: np.ndarray


class Pairs(NamedTuple):
    """What an interior point method knows of the pairs of a sample and a wrong class.

    All are float64 arrays of shape (n, n_rows), zero at the true class.

    Attributes
    ----------
    a, u : ndarray
        Dual variables, and the multipliers that keep them positive.
    second : ndarray
        Second derivatives in the slacks, times the weights.
    target : ndarray
        The changes of u * a that a step is to make.
    """

    a: np.ndarray
    u: np.ndarray
    second: np.ndarray
    target: np.ndarray
