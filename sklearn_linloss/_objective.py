"""The objective of a linear model on one data set.

    F(W, b) = sum_i pi_i L(W x_i + b, y_i) + R(W),    pi_i = weight_i / sum(weight)

Solvers see it as a function of one flat vector `theta`, the coefficients followed by
the intercepts (if any), and as a composition: `scores` and `backward` are the linear
map and its adjoint, the only operations that read X; `loss_value` and `loss_gradient`
act on scores. Each is a sum over samples.

Inside `theta` the features are centred where there is a free intercept: its
intercepts are b + W mu. That is the same problem, exactly, and a better conditioned
one. X itself is never centred, copied or written to.
"""

from copy import copy
from functools import cached_property

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import row_norms
from sklearn.utils.sparsefuncs import mean_variance_axis

from . import _kernels

# Rows converted at a time where X is stored in another precision than is computed.
_BLOCK_BYTES = 1 << 20
# Shapes where a compiled loop beats BLAS (benchmarks/NOTES.md).
_SKINNY_ROWS, _SKINNY_FEATURES = (2, 32), 64


class LinearObjective:
    """F for one data set.

    Parameters
    ----------
    X : C-contiguous ndarray or CSR of shape (n_samples, n_features), float32 or float64
    y : ndarray of shape (n_samples,), intp
        Class indices; each of the `n_classes` occurs.
    sample_weight : ndarray of shape (n_samples,), float64
        Positive weights.
    loss : Loss
    penalty : ElasticNet
    delta : float
        Margin of the hinges.
    n_classes : int
    fit_intercept : bool
    dtype : float dtype
        Precision of the products with X; sums and `theta` are float64 always.
    centre : bool or ndarray of shape (n_features,), default=True
        Whether `theta` has centred features, or what they count from instead of their
        mean; without a free intercept they are as they are.
    """

    def __init__(
        self,
        X,
        y,
        sample_weight,
        *,
        loss,
        penalty,
        delta,
        n_classes,
        fit_intercept,
        dtype,
        centre=True,
    ):
        self.X = X
        self.y = y
        self.weight = sample_weight / sample_weight.sum()
        self.loss = loss
        self.penalty = penalty
        self.delta = delta
        self.n_classes = n_classes
        self.fit_intercept = fit_intercept
        self.dtype = np.dtype(dtype)

        self.n_samples, self.n_features = X.shape
        self.n_rows = 1 if n_classes == 2 else n_classes
        self.n_weights = self.n_rows * self.n_features
        self.is_sparse = sparse.issparse(X)
        # Products with CSR want the classes contiguous, BLAS the features.
        self.matrix_shape = (
            (self.n_features, self.n_rows)
            if self.is_sparse
            else (self.n_rows, self.n_features)
        )
        self.size = self.n_weights + (self.n_rows if fit_intercept else 0)
        # What a solver keeps for its next fit of the same data.
        self.workspace = {}
        self.mean = None
        if fit_intercept and centre is not False:
            self.mean = self._moments[0] if centre is True else centre

    def with_penalty(self, penalty, delta):
        """The objective of the same data with another penalty and margin."""
        other = copy(self)
        other.penalty, other.delta = penalty, delta
        other.__dict__.pop("value_at_zero", None)
        return other

    @property
    def variance(self):
        """Weighted variance of each feature."""
        return self._moments[1]

    @property
    def second_moment(self):
        """Weighted mean square of each feature."""
        mean, variance = self._moments
        return variance + mean**2

    # -- theta ------------------------------------------------------------------

    def pack(self, W, b):
        """Flat vector of coefficients (n_rows, n_features) and intercepts (n_rows,)."""
        theta = np.empty(self.size)
        self._matrix(theta)[:] = W.T if self.is_sparse else W
        if self.fit_intercept:
            theta[self.n_weights :] = b
            if self.mean is not None:
                theta[self.n_weights :] += W @ self.mean
        return theta

    def unpack(self, theta):
        """Coefficients (a view) and intercepts, as the user knows them."""
        W, b = self._split(theta)
        if self.mean is not None:
            b = b - W @ self.mean
        return W, b

    def weights(self, theta):
        """The penalised part of `theta`, a flat view."""
        return theta[: self.n_weights]

    def intercepts(self, theta):
        """The unpenalised part of `theta`, a view; empty without an intercept."""
        return theta[self.n_weights :]

    def per_feature(self, values):
        """`values` of shape (n_features,) laid out along `weights`."""
        if self.is_sparse:
            return np.repeat(values, self.n_rows)
        return np.tile(values, self.n_rows)

    def feature_values(self, weights):
        """The inverse of `per_feature`."""
        matrix = weights.reshape(self.matrix_shape)
        return matrix[:, 0] if self.is_sparse else matrix[0]

    # -- the linear map ---------------------------------------------------------

    def scores(self, theta, dtype=None):
        """W x_i + b for every sample, shape (n_samples, n_rows); linear in theta."""
        W, b = self.unpack(theta)
        dtype = self.dtype if dtype is None else dtype
        scores = self._forward(W.astype(dtype, copy=False))
        if self.fit_intercept:
            scores += b.astype(dtype)
        return scores

    def backward(self, gradient):
        """Adjoint of `scores`: sum_i gradient_i (x_i, 1) in the layout of `theta`."""
        flat = np.empty(self.size)
        self._adjoint(gradient, self._matrix(flat))
        W, b = self._split(flat)
        total = gradient.sum(axis=0, dtype=np.float64)
        if self.mean is not None:
            W -= np.outer(total, self.mean)
        if self.fit_intercept:
            b[:] = total
        return flat

    # -- values -----------------------------------------------------------------

    def loss_value(self, scores, width=0.0):
        """sum_i pi_i L_i; `width` > 0 smooths the hinge."""
        return _kernels.loss_value(
            self.loss.code, scores, self.y, self.weight, self.delta, width
        )

    def loss_gradient(self, scores, width=0.0):
        """sum_i pi_i L_i and pi_i dL_i/dscores, shape (n_samples, n_rows)."""
        gradient = np.empty_like(scores)
        value = _kernels.loss_gradient(
            self.loss.code, scores, self.y, self.weight, self.delta, width, gradient
        )
        return value, gradient

    @property
    def csr(self):
        """The three arrays of a CSR X, as kernels take them."""
        return tuple(map(readonly, (self.X.data, self.X.indices, self.X.indptr)))

    def dense_blocks(self):
        """Slices of rows, and X over them as read-only dense float64."""
        if not self.is_sparse and self.X.dtype == np.float64:
            yield slice(0, self.n_samples), readonly(self.X)
            return
        for rows in self._row_blocks(8 * self.n_features):
            X = self.X[rows].astype(np.float64)
            yield rows, readonly(X.toarray() if self.is_sparse else X)

    def gram(self, rows, by_feature):
        """x_i @ diag(by_feature) @ x_j for some rows, centred as `theta` has them.

        In float64, block by block of the features.
        """
        X = self.X[rows]
        gram = np.zeros((len(rows), len(rows)))
        if self.is_sparse:
            X = X.astype(np.float64)
            gram += (X @ sparse.diags(by_feature) @ X.T).toarray()
            if self.mean is not None:
                weighted = by_feature * self.mean
                cross = X @ weighted
                gram += weighted @ self.mean - np.add.outer(cross, cross)
            return gram
        root = np.sqrt(by_feature)
        step = max(1, _BLOCK_BYTES // (8 * len(rows)))
        for start in range(0, self.n_features, step):
            block = slice(start, start + step)
            Z = X[:, block].astype(np.float64)
            if self.mean is not None:
                Z -= self.mean[block]
            Z *= root[block]
            gram += Z @ Z.T
        return gram

    def squared_norms(self, centre):
        """|x_i - centre|^2 of each sample; with CSR the centre is ignored."""
        if self.is_sparse:
            return row_norms(self.X, squared=True).astype(np.float64)
        norms = np.empty(self.n_samples)
        for rows in self._row_blocks(8 * self.n_features):
            norms[rows] = row_norms(self.X[rows] - centre, squared=True)
        return norms

    def loss_hessian(self, scores, direction, width=0.0):
        """pi_i (Hessian of L_i) direction_i, shape (n_samples, n_rows)."""
        out = np.empty_like(scores)
        _kernels.loss_hessian(
            self.loss.code,
            scores,
            self.y,
            self.weight,
            self.delta,
            width,
            direction,
            out,
        )
        return out

    def penalty_value(self, theta):
        """R(W)."""
        return self.penalty.value(self.weights(theta))

    def value(self, theta, dtype=None):
        """F."""
        return self.loss_value(self.scores(theta, dtype)) + self.penalty_value(theta)

    def data_gradient(self, theta, dtype=None):
        """Value and (sub)gradient of the data part of F."""
        value, gradient = self.loss_gradient(self.scores(theta, dtype))
        return value, self.backward(gradient)

    def stationarity(self, theta, data_gradient):
        """Max-norm of the smallest subgradient of F, in the user's coordinates."""
        W, b = self._split(data_gradient)
        if self.mean is not None:
            W = W + np.outer(b, self.mean)
        subgradient = self.penalty.min_norm_subgradient(self._split(theta)[0], W)
        return max(np.abs(subgradient).max(), np.abs(b).max(initial=0.0))

    @cached_property
    def value_at_zero(self):
        """F(0, 0)."""
        return self.loss.value(np.zeros(self.n_classes), 0, self.delta)

    # -- private ----------------------------------------------------------------

    def _matrix(self, theta):
        """The coefficients in `theta` as a matrix of `matrix_shape`, a view."""
        return self.weights(theta).reshape(self.matrix_shape)

    def _split(self, theta):
        W = self._matrix(theta)
        if self.is_sparse:
            W = W.T
        b = self.intercepts(theta) if self.fit_intercept else np.zeros(self.n_rows)
        return W, b

    def _row_blocks(self, row_bytes):
        """Slices of rows that take about a block each."""
        step = max(1, int(_BLOCK_BYTES / max(row_bytes, 8 * self.n_rows)))
        for start in range(0, self.n_samples, step):
            yield slice(start, min(start + step, self.n_samples))

    def _blocks(self, dtype):
        """Slices of rows, and dense X over them in `dtype`; one where X has it."""
        if self.X.dtype == dtype:
            yield slice(0, self.n_samples), self.X
            return
        for rows in self._row_blocks(12 * self.n_features):
            yield rows, self.X[rows].astype(dtype)

    def _forward(self, W):
        scores = np.empty((self.n_samples, self.n_rows), dtype=W.dtype)
        if self.is_sparse:
            _kernels.csr_scores(*self.csr, readonly(np.ascontiguousarray(W.T)), scores)
            return scores
        for rows, X in self._blocks(W.dtype):
            if self._is_skinny:
                _kernels.dense_scores(readonly(X), readonly(W), scores[rows])
            else:
                scores[rows] = X @ W.T
        return scores

    @property
    def _is_skinny(self):
        """Whether products with X have too few columns for BLAS to be at its best."""
        low, high = _SKINNY_ROWS
        return (
            not self.is_sparse
            and low <= self.n_rows <= high
            and self.n_features >= _SKINNY_FEATURES
        )

    def _adjoint(self, gradient, total):
        """sum_i gradient_i x_i, written to `total` of `matrix_shape`."""
        total[:] = 0.0
        if self.is_sparse:
            gradient = readonly(np.ascontiguousarray(gradient))
            _kernels.csr_adjoint(*self.csr, gradient, total)
            return
        for rows, X in self._blocks(gradient.dtype):
            total += gradient[rows].T @ X

    @cached_property
    def _moments(self):
        """Weighted mean and variance of each feature."""
        if self.is_sparse:
            weights = self.weight.astype(self.X.dtype)
            mean, variance = mean_variance_axis(self.X, axis=0, weights=weights)
            return mean.astype(np.float64), variance.astype(np.float64)
        # Around the first row, a large mean costs no digits.
        origin = self.X[0].astype(np.float64)
        mean = np.zeros(self.n_features)
        square = np.zeros(self.n_features)
        for rows in self._row_blocks(8 * self.n_features):
            X = self.X[rows] - origin
            mean += self.weight[rows] @ X
            square += self.weight[rows] @ np.square(X, out=X)
        return mean + origin, np.maximum(square - mean**2, 0.0)


def readonly(array):
    """A view of the one type that kernels compile for, memory maps included."""
    view = array.view()
    view.flags.writeable = False
    return view
