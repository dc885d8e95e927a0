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

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cached_property, partial
from itertools import pairwise

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import row_norms

from . import _kernels

# Rows converted at a time where X is stored in another precision than is computed.
_BLOCK_BYTES = 1 << 20
# Shapes where compiled products beat BLAS (benchmarks/README.md); small ones are not
# worth a compilation.
_MOST_ROWS, _FEWEST_FEATURES, _SMALL = 32, 64, 1e6
# Columns of a CSR for each one with entries, from where on the others are left out.
_FEW = 2
# Of the square of a feature in single precision: less is no variance.
_ROUNDING_OF_SINGLE = 1e-14
# Rows that stand for all where only the order of magnitude matters.
_MIDDLE_OF = 33
# Rows whose scores and gradient are computed before the next are read.
_CACHED_ROWS = 48
# Sums over samples have so many parts, whatever the number of threads, so that the
# result does not depend on it; fewer where their accumulators would be large.
_PARTS, _ACCUMULATORS, _SMALL_PART = 16, 1 << 20, 1e4


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
    n_threads : int, default=1
        How many share the compiled passes over the samples.
    centre : bool or ndarray of shape (n_features,), default=True
        Whether `theta` has centred features, or what they count from instead of their
        mean; without a free intercept they are as they are.
    columns : Columns, default=None
        Which columns of the user's data those of X are, where they are not all.
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
        n_threads=1,
        centre=True,
        columns=None,
    ):
        self.X = X
        self.columns = columns
        self.y = y
        self.weight = sample_weight / sample_weight.sum()
        self.loss = loss
        self.code = _kernels.code_of(loss)
        self.penalty = penalty
        self.delta = delta
        self.n_classes = n_classes
        self.fit_intercept = fit_intercept
        self.dtype = np.dtype(dtype)
        self.n_threads = n_threads

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
        # What is kept for the next fit of the same data.
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

    def with_precision(self, dtype):
        """The same objective with products in another precision."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other

    def uncentred(self):
        """The same objective with the user's intercepts in `theta`."""
        other = copy(self)
        other.mean = None
        return other

    @property
    def variance(self):
        """Weighted variance of each feature."""
        return self._moments[1]

    @property
    def largest_offset(self):
        """Largest distance of a feature from zero, in its standard deviations."""
        mean, variance = self._moments
        varies = variance > _ROUNDING_OF_SINGLE * mean**2
        square = np.divide(mean**2, variance, out=np.zeros_like(mean), where=varies)
        return float(np.sqrt(square.max(initial=0.0)))

    @property
    def second_moment(self):
        """Weighted mean square of each feature; infinite beyond its range."""
        mean, variance = self._moments
        with np.errstate(over="ignore"):
            return variance + mean**2

    # -- theta ------------------------------------------------------------------

    def pack(self, W, b):
        """Flat vector of the user's coefficients and intercepts (n_rows,)."""
        return self.join(W if self.columns is None else W[:, self.columns.places], b)

    def join(self, W, b):
        """The same from the coefficients (n_rows, n_features) of the columns of X."""
        theta = np.empty(self.size)
        self._matrix(theta)[:] = W.T if self.is_sparse else W
        if self.fit_intercept:
            theta[self.n_weights :] = b
            if self.mean is not None:
                theta[self.n_weights :] += W @ self.mean
        return theta

    def unpack(self, theta):
        """Coefficients and intercepts, as the user knows them."""
        W, b = self.parts(theta)
        return (W if self.columns is None else self.columns.fill(W)), b

    def parts(self, theta):
        """Coefficients (a view) of the columns of X as they are, and intercepts."""
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

    def class_mean(self, theta):
        """`theta` with every class in the place of their mean: what changes no loss of
        three or more classes.
        """
        mean = np.empty_like(theta)
        axis = 1 if self.is_sparse else 0
        self._matrix(mean)[:] = self._matrix(theta).mean(axis=axis, keepdims=True)
        if self.fit_intercept:
            self.intercepts(mean)[:] = self.intercepts(theta).mean()
        return mean

    def by_classes(self, matrix):
        """A view of a matrix over `theta` with entry (j, k, l) for classes k and l of
        feature j, without the intercepts.
        """
        leading = matrix[: self.n_weights, : self.n_weights]
        leading = leading.reshape(self.matrix_shape * 2)
        labels = "jkjl->jkl" if self.is_sparse else "kjlj->jkl"
        return np.einsum(labels, leading)

    # -- the linear map ---------------------------------------------------------

    def scores(self, theta, dtype=None):
        """W x_i + b for every sample, shape (n_samples, n_rows); linear in theta."""
        W, b = self.parts(theta)
        dtype = self.dtype if dtype is None else dtype
        return self._forward(W.astype(dtype, copy=False), b.astype(dtype))

    def backward(self, gradient):
        """Adjoint of `scores`: sum_i gradient_i (x_i, 1) in the layout of `theta`."""

        def total(rows):
            return gradient[rows].sum(axis=0, dtype=np.float64)

        flat = self._centring(sum(self._over_parts(total, gradient.size)))
        self._add_adjoint(gradient, self._matrix(flat))
        return flat

    # -- values -----------------------------------------------------------------

    def loss_value(self, scores, width=0.0):
        """sum_i pi_i L_i; `width` > 0 smooths the hinge."""
        return self._loss_gradient(scores, width, np.empty_like(scores[:1]))

    def loss_gradient(self, scores, width=0.0):
        """sum_i pi_i L_i and pi_i dL_i/dscores, shape (n_samples, n_rows)."""
        gradient = np.empty_like(scores)
        return self._loss_gradient(scores, width, gradient), gradient

    def _loss_gradient(self, scores, width, gradient):
        scores, gradient = self.vector_form(scores), self.vector_form(gradient)
        # One row of gradient is scratch, for each part its own.
        kept = len(gradient) == len(scores)

        def part(rows):
            return _kernels.loss_gradient(
                self.code,
                scores[rows],
                self.y[rows],
                self.weight[rows],
                self.delta,
                width,
                gradient[rows] if kept else gradient.copy(),
            )

        return sum(self._over_parts(part, scores.size))

    def vector_form(self, scores):
        """What is (n_samples, n_rows) as kernels take it: a vector for one row."""
        return scores.reshape(-1) if self.n_rows == 1 else scores

    def dual_value(self, dual):
        """-sum_i pi_i L_i*(scale * a_i) and its derivative, as a function of the scale.

        `dual` holds pi_i * a_i.
        """
        if not self.loss.of_slacks:
            return partial(self._entropy, self.vector_form(dual))
        # The true class has minus the sum of the others.
        own = np.zeros(self.n_samples) if self.n_rows == 1 else self._of_true(dual)
        mass = self.delta * (np.abs(dual).sum() - np.abs(own).sum())
        square = 0.0
        if self.loss.bend > 0.0:
            squares = np.einsum("ij,ij->i", dual, dual) - own**2
            square = self.loss.bend * (squares / self.weight).sum()
        return lambda scale: (
            scale * (mass - 0.5 * scale * square),
            mass - scale * square,
        )

    def _entropy(self, dual, scale):
        def part(rows):
            return _kernels.entropy(dual[rows], self.y[rows], self.weight[rows], scale)

        values, slopes = zip(*self._over_parts(part, dual.size), strict=True)
        return sum(values), sum(slopes)

    def class_flows(self, dual):
        """flows[k, j] = sum of dual[i, j] over the samples of class k, for j != k.

        `dual` holds pi_i * a_i. In the one-row form the single flow of a class goes to
        the other class.
        """
        if self.n_rows == 1:
            mass = np.bincount(self.y, weights=np.abs(dual[:, 0]))
            return np.diag(mass)[::-1].T
        flows = self._by_class @ dual
        np.fill_diagonal(flows, 0.0)
        return flows

    def adjust_flows(self, dual, factor, shift):
        """Scale and shift what flows between classes, in place.

        dual[i, j] becomes dual[i, j] * factor[k, j] + pi_i * shift[k, j] with k = y[i],
        for j != k. Returns the largest scale that leaves the result in the domain of
        the conjugates.
        """
        largest, largest_sum = _kernels.adjust_flows(
            self.vector_form(dual), self.y, self.weight, factor, shift
        )
        size = self.loss.dual_size(largest, largest_sum)
        return 1.0 / size if size > 0.0 else np.inf

    def intercept_hessian(self, pull):
        """Hessian of the mean of a smooth loss in the intercepts.

        `pull` is what `loss_gradient` wrote: it determines the second derivatives.
        """
        weight = self.weight[:, None]
        relative = pull / weight
        if self.loss.twice_differentiable:
            if self.n_rows == 1:
                p = np.abs(relative)
                return weight.T @ (p * (1.0 - p))
            relative[np.arange(self.n_samples), self.y] += 1.0
            weighted = weight * relative
            return np.diag(weighted.sum(axis=0)) - relative.T @ weighted
        if self.n_rows == 1:
            return 2.0 * weight.T @ (relative != 0.0)
        # An active pair of classes bends along their difference.
        bend = self.class_flows(2.0 * weight * (relative > 0.0))
        return np.diag(bend.sum(axis=0) + bend.sum(axis=1)) - bend - bend.T

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

    def gram(self, rows, others, by_feature):
        """x_i @ diag(by_feature) @ x_j for rows i and others j, centred as `theta` is.

        In float64, block by block of the features.
        """
        if self.is_sparse:
            X = self.X[rows].astype(np.float64)
            Y = self.X[others].astype(np.float64)
            gram = (X @ sparse.diags(by_feature) @ Y.T).toarray()
            if self.mean is not None:
                weighted = by_feature * self.mean
                gram += weighted @ self.mean
                gram -= np.add.outer(X @ weighted, Y @ weighted)
            return gram
        gram = np.zeros((len(rows), len(others)))
        step = max(1, 4 * _BLOCK_BYTES // (8 * len(others)))
        for start in range(0, self.n_features, step):
            block = slice(start, start + step)
            mean = 0.0 if self.mean is None else self.mean[block]
            Z = (self.X[rows, block] - mean) * by_feature[block]
            gram += Z @ (self.X[others, block] - mean).T
        return gram

    def squared_norms(self, centre):
        """|x_i - centre|^2 of each sample; with CSR the centre is ignored."""
        if self.is_sparse:
            norms = np.empty(self.n_samples)
            for rows in self._row_blocks(8 * self.X.nnz // self.n_samples):
                ends = self.X.indptr[rows.start : rows.stop + 1]
                squares = np.square(self.X.data[ends[0] : ends[-1]], dtype=np.float64)
                of_row = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
                norms[rows] = np.bincount(of_row, squares, len(ends) - 1)
            return norms
        norms = np.empty(self.n_samples)
        for rows in self._row_blocks(8 * self.n_features):
            norms[rows] = row_norms(self.X[rows] - centre, squared=True)
        return norms

    def loss_hessian(self, scores, direction, width=0.0):
        """pi_i (Hessian of L_i) direction_i, shape (n_samples, n_rows)."""
        out = np.empty_like(scores)
        arrays = [self.vector_form(each) for each in (scores, direction, out)]

        def part(rows):
            some_scores, some_direction, some_out = (each[rows] for each in arrays)
            _kernels.loss_hessian(
                self.code,
                some_scores,
                self.y[rows],
                self.weight[rows],
                self.delta,
                width,
                some_direction,
                np.empty((1, self.n_rows)),
                some_out,
            )

        self._over_parts(part, scores.size)
        return out

    def penalty_value(self, theta):
        """R(W)."""
        return self.penalty.value(self.weights(theta))

    def value(self, theta, dtype=None):
        """F."""
        return self.loss_value(self.scores(theta, dtype)) + self.penalty_value(theta)

    def data_gradient(self, theta, dtype=None):
        """Value and (sub)gradient of the data part of F."""
        dtype = self.dtype if dtype is None else dtype
        if not self._reads_once:
            value, gradient = self.loss_gradient(self.scores(theta, dtype))
            return value, self.backward(gradient)
        W, b = self.parts(theta)
        if self.n_rows > 1:
            # Losses see differences of scores only, and their gradient sums to zero.
            W, b = W[:-1] - W[-1], b[:-1] - b[-1]
        W, b = readonly(W.astype(dtype)), readonly(b.astype(dtype))

        def part(rows):
            value, total, b_total = 0.0, np.zeros(W.shape), np.zeros(self.n_rows)
            scratch = np.zeros((2, _CACHED_ROWS, self.n_rows), dtype)
            for block, X in self._blocks(dtype, rows):
                value += _kernels.dense_loss_gradient(
                    self.code,
                    readonly(X),
                    np.arange(len(X)),
                    self.y[block],
                    self.weight[block],
                    self.delta,
                    W,
                    b,
                    *scratch,
                    np.empty(W.shape, dtype),
                    total,
                    b_total,
                )
            return value, total, b_total

        parts = self._over_parts(part, self.X.size, W.size)
        value, total, b_total = map(sum, zip(*parts, strict=True))
        flat = self._centring(b_total)
        matrix = self._matrix(flat)
        matrix[: len(total)] += total
        if self.n_rows > 1:
            matrix[-1] -= total.sum(axis=0)
        return value, flat

    def stationarity(self, theta, data_gradient):
        """Max-norm of the smallest subgradient of F, in the user's coordinates."""
        W, b = self._split(data_gradient)
        if self.mean is not None:
            W = W + np.outer(b, self.mean)
        subgradient = self.penalty.min_norm_subgradient(self._split(theta)[0], W)
        return max(np.abs(subgradient).max(), np.abs(b).max(initial=0.0))

    def magnitude(self, theta):
        """What the value of F is rounded like: the sum of the terms that it and the
        scores are made of, without their signs.
        """
        W, b = self.parts(theta)
        terms = np.abs(W) @ np.sqrt(self.second_moment) + np.abs(b)
        slope = self.loss.steepest(self.delta + terms.max())
        return self.value_at_zero + self.value(theta, np.float64) + slope * terms.sum()

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

    def _of_true(self, dual):
        return dual[np.arange(self.n_samples), self.y]

    @property
    def _by_class(self):
        """Indicators of the samples of each class, a CSR of shape (K, n_samples)."""
        if "by_class" not in self.workspace:
            order = np.argsort(self.y, kind="stable")
            ends = np.cumsum(np.bincount(self.y, minlength=self.n_classes))
            shape = self.n_classes, self.n_samples
            parts = np.ones(self.n_samples), order, np.append(0, ends)
            self.workspace["by_class"] = sparse.csr_matrix(parts, shape=shape)
        return self.workspace["by_class"]

    def _row_blocks(self, row_bytes, start=0, stop=None):
        """Slices of rows that take about a block each."""
        stop = self.n_samples if stop is None else stop
        step = max(1, int(_BLOCK_BYTES / max(row_bytes, 8 * self.n_rows)))
        for first in range(start, stop, step):
            yield slice(first, min(first + step, stop))

    def _centring(self, total):
        """The gradient of theta where that of the user's coefficients is zero, and that
        of the intercepts `total`.
        """
        flat = np.zeros(self.size)
        if self.mean is not None:
            pair = (self.mean, -total) if self.is_sparse else (-total, self.mean)
            np.multiply.outer(*pair, out=self._matrix(flat))
        if self.fit_intercept:
            self.intercepts(flat)[:] = total
        return flat

    def _over_parts(self, work, entries, accumulators=1):
        """The results of `work`, a function of a slice of samples, in their order.

        `entries` says how much there is to do, and `accumulators` how large a result
        is.
        """
        n_parts = min(_PARTS, entries // _SMALL_PART, _ACCUMULATORS // accumulators)
        if n_parts < 2:
            return [work(slice(0, self.n_samples))]
        ends = np.linspace(0, self.n_samples, int(n_parts) + 1).astype(int)
        parts = [slice(*pair) for pair in pairwise(ends)]
        if self.n_threads == 1:
            return list(map(work, parts))
        results, waiting = [None] * len(parts), deque(enumerate(parts))

        def take_parts():
            while True:
                try:
                    place, rows = waiting.popleft()
                except IndexError:
                    return
                results[place] = work(rows)

        # This thread works, too: waking one up for each part costs more.
        others = [self._pool.submit(take_parts) for _ in range(self.n_threads - 1)]
        take_parts()
        for other in others:
            other.result()
        return results

    @cached_property
    def _pool(self):
        """Further threads that wait for work until the objective is gone."""
        return ThreadPoolExecutor(self.n_threads - 1)

    def _blocks(self, dtype, part=slice(None)):
        """Slices of the samples of a part, and dense X over them in `dtype`; one slice
        where X has it.
        """
        start, stop, _ = part.indices(self.n_samples)
        if self.X.dtype == dtype:
            yield slice(start, stop), self.X[start:stop]
            return
        for rows in self._row_blocks(12 * self.n_features, start, stop):
            yield rows, self.X[rows].astype(dtype)

    def _forward(self, W, b):
        scores = np.empty((self.n_samples, self.n_rows), dtype=W.dtype)
        if self._is_skinny:
            W = readonly(W)

            def part(rows):
                for block, X in self._blocks(W.dtype, rows):
                    each = np.arange(len(X))
                    _kernels.dense_scores(readonly(X), each, W, b, scores[block])

            self._over_parts(part, self.X.size)
            return scores
        if self.is_sparse:
            W = readonly(np.ascontiguousarray(W.T))
            data, indices, indptr = self.csr

            def part(rows):
                ends = indptr[rows.start : rows.stop + 1]
                _kernels.csr_scores(data, indices, ends, W, scores[rows])

            self._over_parts(part, self.X.nnz * self.n_rows)
        else:
            for rows, X in self._blocks(W.dtype):
                scores[rows] = X @ W.T
        if self.fit_intercept:
            scores += b
        return scores

    @property
    def _reads_once(self):
        """Whether a gradient is best computed block by block, reading X once."""
        return (
            not self.is_sparse and self.n_rows <= _MOST_ROWS and self.X.size >= _SMALL
        )

    @property
    def _is_skinny(self):
        """Whether products with X have too few columns for BLAS to be at its best."""
        return (
            self._reads_once and self.n_rows > 1 and self.n_features >= _FEWEST_FEATURES
        )

    def _add_adjoint(self, gradient, total):
        """total += sum_i gradient_i x_i, of `matrix_shape`."""
        if self.is_sparse:
            gradient = readonly(np.ascontiguousarray(gradient))
            _kernels.csr_adjoint(*self.csr, gradient, total)
            return
        if not self._is_skinny:
            for rows, X in self._blocks(gradient.dtype):
                total += gradient[rows].T @ X
            return

        def part(rows):
            result = np.zeros(total.shape)
            scratch = np.empty(total.shape, gradient.dtype)
            for block, X in self._blocks(gradient.dtype, rows):
                each, slopes = np.arange(len(X)), readonly(gradient[block])
                _kernels.dense_adjoint(readonly(X), each, slopes, scratch, result)
            return result

        total += sum(self._over_parts(part, self.X.size, total.size))

    @cached_property
    def _moments(self):
        """Weighted mean and variance of each feature; infinite beyond its range."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._sparse_moments() if self.is_sparse else self._dense_moments()

    def _dense_moments(self):
        # Around an entry in the middle, a large mean costs no digits.
        some = np.linspace(0, self.n_samples - 1, _MIDDLE_OF).astype(np.intp)
        origin = np.median(self.X[some].astype(np.float64), axis=0)

        def part(rows):
            sums = np.zeros((2, self.n_features))
            for block in self._row_blocks(8 * self.n_features, rows.start, rows.stop):
                X = self.X[block] - origin
                sums[0] += self.weight[block] @ X
                sums[1] += self.weight[block] @ np.square(X, out=X)
            return sums

        mean, square = sum(self._over_parts(part, self.X.size, 2 * self.n_features))
        return mean + origin, np.maximum(square - mean**2, 0.0)

    def _sparse_moments(self):
        X, d = self.X, self.n_features

        def total(values, entries):
            columns = X.indices[entries.start : entries.stop]
            return np.bincount(columns, weights=values, minlength=d).astype(np.float64)

        def over_entries(rows):
            ends = X.indptr[rows.start : rows.stop + 1].astype(np.int64)
            entries = slice(int(ends[0]), int(ends[-1]))
            weight = np.repeat(self.weight[rows], np.diff(ends))
            return entries, weight, X.data[entries].astype(np.float64)

        def first(rows):
            entries, weight, x = over_entries(rows)
            return np.array([total(weight, entries), total(weight * x, entries)])

        stored, mean = sum(self._over_parts(first, X.nnz, 2 * d))

        def second(rows):
            entries, weight, x = over_entries(rows)
            x -= mean[X.indices[entries]]
            return total(weight * x * x, entries)

        variance = sum(self._over_parts(second, X.nnz, 2 * d))
        variance += np.maximum(1.0 - stored, 0.0) * mean**2
        return mean, variance


class Columns:
    """The columns of a CSR that have entries; the others need no coefficient.

    Attributes
    ----------
    places : ndarray of int
        Which they are.
    """

    def __init__(self, places, n_columns):
        self.places = places
        self._n_columns = n_columns

    @classmethod
    def of(cls, X):
        """Those of X where they are few, else None."""
        if not sparse.issparse(X):
            return None
        used = np.zeros(X.shape[1], dtype=bool)
        used[X.indices] = True
        places = np.flatnonzero(used)
        # A matrix without columns is no matrix.
        places = places if len(places) else np.zeros(1, dtype=np.intp)
        return cls(places, X.shape[1]) if _FEW * len(places) <= X.shape[1] else None

    def take(self, X):
        """X without the others."""
        return X[:, self.places]

    def fill(self, W):
        """Coefficients of all columns, zero for the others."""
        full = np.zeros((len(W), self._n_columns), W.dtype)
        full[:, self.places] = W
        return full


def readonly(array):
    """A view of the one type that kernels compile for, memory maps included."""
    view = array.view()
    view.flags.writeable = False
    return view
