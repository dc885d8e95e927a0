"""A C-contiguous ndarray."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import get_blas_funcs
from sklearn.utils.extmath import row_norms

from .. import _kernels
from ._base import _BLOCK_BYTES, Design, readonly


@dataclass(frozen=True)
class Rules:
    """Where compiled products beat BLAS (benchmarks/README.md), and their blocks."""

    most_rows: int = 32  # of W (0011 in docs/adr/)
    fewest_features: int = 64
    small: float = 1e6  # entries of X, below which no compilation pays
    cached_rows: int = 48  # samples in a block, whose X is read once (0011)
    nearly_all: float = 0.8  # of the rows: so many are not gathered
    covariance_rows: int = 1000  # samples in a block of the covariance, at least
    middle_of: int = 33  # samples whose median gives the order of magnitude
    middle_columns: int = 1000  # for which that is computed at a time
    # Into how many strips a covariance is cut, and columns in one, at least.
    strips: int = 16
    narrowest_strip: int = 32


RULES = Rules()


class Dense(Design):
    """Rows in an ndarray, used as it is."""

    def __init__(self, X, n_threads=1):
        super().__init__(X.shape, X.dtype, n_threads)
        self._X = X
        self._readonly = readonly(X)

    def scores(self, W, b):
        scores = np.empty((self.n_samples, len(W)), dtype=W.dtype)
        W, skinny = readonly(W), self._is_skinny(len(W))

        def part(rows):
            for block, X in self._blocks(W.dtype, rows):
                if skinny:
                    each = np.arange(len(X))
                    _kernels.dense_scores(readonly(X), each, W, b, scores[block])
                else:
                    np.matmul(X, W.T, out=scores[block])

        self.over_parts(part, self._work(skinny))
        if not skinny and b.any():
            scores += b
        return scores

    def add_adjoint(self, gradient, total):
        skinny = self._is_skinny(gradient.shape[1])

        def part(rows):
            result = np.zeros(total.shape)
            scratch = np.empty(total.shape, gradient.dtype) if skinny else None
            for block, X in self._blocks(gradient.dtype, rows):
                if not skinny:
                    result += gradient[block].T @ X
                    continue
                each, slopes = _without_zeros(gradient[block])
                _kernels.dense_adjoint(
                    readonly(X), each, readonly(slopes), scratch, result
                )
            return result

        total += sum(self.over_parts(part, self._work(skinny), total.size))

    def reads_once(self, n_rows):
        return n_rows <= RULES.most_rows and self.n_stored >= RULES.small

    def loss_gradient(self, loss, y, weight, W, b, dtype):
        n_rows = len(W)
        if n_rows > 1:
            # Losses see differences of scores only, and their gradient sums to zero.
            W, b = W[:-1] - W[-1], b[:-1] - b[-1]
        W, b = readonly(W.astype(dtype)), readonly(b.astype(dtype))

        def part(rows):
            value = 0.0
            sums = _kernels.BlockSums(
                *np.zeros((2, RULES.cached_rows, n_rows), dtype),
                np.empty(W.shape, dtype),
                np.zeros(W.shape),
                np.zeros(n_rows),
            )
            for block, X in self._blocks(dtype, rows):
                value += _kernels.dense_loss_gradient(
                    loss.code,
                    readonly(X),
                    np.arange(len(X)),
                    y[block],
                    weight[block],
                    loss.delta,
                    W,
                    b,
                    sums,
                )
            return value, sums.total, sums.b_total

        parts = self.over_parts(part, self.n_stored, W.size)
        value, total, b_total = map(sum, zip(*parts, strict=True))
        if n_rows > 1:
            total = np.vstack([total, -total.sum(axis=0)])
        return value, total, b_total

    def moments(self, weight):
        # Around an entry in the middle, a large mean costs no digits.
        some = np.linspace(0, self.n_samples - 1, RULES.middle_of).astype(np.intp)
        origin = np.empty(self.n_features)
        for start in range(0, self.n_features, RULES.middle_columns):
            block = slice(start, start + RULES.middle_columns)
            entries = self._X[some, block].astype(np.float64)
            origin[block] = np.median(entries, axis=0, overwrite_input=True)

        compiled = self.n_stored >= RULES.small

        def part(rows):
            sums = np.zeros((2, self.n_features))
            if compiled:
                X = self._readonly[rows]
                _kernels.dense_moments(X, *map(readonly, (weight[rows], origin)), sums)
                return sums
            for block in self.row_blocks(8 * self.n_features, rows.start, rows.stop):
                X = self._X[block] - origin
                sums[0] += weight[block] @ X
                sums[1] += weight[block] @ np.square(X, out=X)
            return sums

        # The results of all parts are held at once: a sixteenth of what other sums may
        # have (0064).
        size = 16 * 2 * self.n_features
        mean, square = sum(self.over_parts(part, self.n_stored, size))
        return mean + origin, np.maximum(square - mean**2, 0.0)

    def covariance(self, weight, centre, dtype, check):
        syrk = get_blas_funcs("syrk", dtype=dtype)
        total = np.zeros((self.n_features, self.n_features), dtype, order="F")
        root, centre = np.sqrt(weight).astype(dtype), centre.astype(dtype)
        # Blocks as large as `total`, which each of them reads and writes.
        step = max(self.n_features, RULES.covariance_rows)
        strips = _strips(self.n_features)
        for start in range(0, self.n_samples, step):
            check()
            rows = slice(start, start + step)
            Z = self._X[rows].astype(dtype, copy=False) - centre
            Z *= root[rows, None]

            def add(strip, Z=Z):
                first, last = strip
                own = Z[:, first:last]
                total[first:last, first:last] += syrk(1.0, own.T, lower=1)
                total[last:, first:last] += Z[:, last:].T @ own

            self.share_out(add, strips)
        return total

    def bend_pairs(self, y, pairs, W, b):
        starts, other, second = pairs
        W = np.ascontiguousarray(W)

        def of_part(rows):
            # Contiguous, so that the loops vectorise.
            sums = np.zeros(W.shape), np.zeros(len(W))
            own = starts[rows.start : rows.stop + 1]
            some = self._readonly[rows], own, other, y[rows], second
            _kernels.bend_pairs(*some, W, b, *sums)
            return sums

        parts = self.over_parts(of_part, len(other) * self.n_features, W.size)
        return map(sum, zip(*parts, strict=True))

    def on_features(self, features):
        return Dense(np.ascontiguousarray(self._X[:, features]), self.n_threads)

    def multiplied(self, scale):
        return Dense(self._X * scale.astype(self.dtype), self.n_threads)

    def squared_norms(self, centre, metric=None):
        norms = np.empty(self.n_samples)
        root = None if metric is None else np.sqrt(metric)

        def part(rows):
            for block in self.row_blocks(8 * self.n_features, rows.start, rows.stop):
                Z = self._X[block] - centre
                if root is not None:
                    Z *= root
                norms[block] = row_norms(Z, squared=True)

        self.over_parts(part, self.n_stored)
        return norms

    def gram(self, rows, others, by_feature, centre=None):
        # Block by block of the features.
        gram = np.zeros((len(rows), len(others)))
        step = max(1, 4 * _BLOCK_BYTES // (8 * len(others)))
        for start in range(0, self.n_features, step):
            block = slice(start, start + step)
            mean = 0.0 if centre is None else centre[block]
            Z = (self._X[rows, block] - mean) * by_feature[block]
            gram += Z @ (self._X[others, block] - mean).T
        return gram

    def rows(self, rows):
        return self._X[rows]

    def dense_rows(self, rows, dtype):
        return self._X[rows].astype(dtype, copy=False)

    def dense_blocks(self, part=slice(None)):
        start, stop, _ = part.indices(self.n_samples)
        if self.dtype == np.float64:
            yield slice(start, stop), self._readonly[start:stop]
            return
        for rows in self.row_blocks(8 * self.n_features, start, stop):
            yield rows, readonly(self._X[rows].astype(np.float64))

    def sgd_epoch(self, loss, centre, terms, pass_, state):
        rows = self._rows(centre)
        _kernels.sgd_epoch_dense(loss.code, rows, terms, pass_, state)

    def saga_epoch(self, loss, centre, terms, pass_, state):
        rows = self._rows(centre)
        _kernels.saga_epoch_dense(loss.code, rows, terms, pass_, state)

    def sdca_epoch(self, loss, centre, terms, pass_, state, U, grouped):
        rows = self._rows(centre)
        return _kernels.sdca_epoch_dense(
            loss.code, rows, terms, pass_, state, U, grouped
        )

    def _rows(self, centre):
        """X as kernels take it."""
        return _kernels.DenseRows(self._readonly, centre)

    def _is_skinny(self, n_rows):
        """Whether products with X have too few columns for BLAS to be at its best."""
        skinny = self.n_features >= RULES.fewest_features
        return skinny and n_rows > 1 and self.reads_once(n_rows)

    def _work(self, skinny):
        """How much there is to do in a product with X, as `over_parts` takes it.

        BLAS does what is small at once.
        """
        return self.n_stored if skinny or self.n_stored >= RULES.small else 0

    def _blocks(self, dtype, part=slice(None)):
        """Slices of the samples of a part, and X over them in `dtype`; one slice where
        X has it.
        """
        start, stop, _ = part.indices(self.n_samples)
        if self.dtype == dtype:
            yield slice(start, stop), self._X[start:stop]
            return
        for rows in self.row_blocks(12 * self.n_features, start, stop):
            yield rows, self._X[rows].astype(dtype)


def _strips(n_features):
    """First and last columns of strips of a lower triangle, of about equal areas."""
    count = max(1, min(RULES.strips, n_features // RULES.narrowest_strip))
    left = np.sqrt(np.linspace(1.0, 0.0, count + 1))
    ends = np.rint(n_features * (1.0 - left)).astype(int)
    return list(pairwise(ends))


def _without_zeros(slopes):
    """The rows that are not all zero and what they hold, where those are clearly fewer:
    hinges leave most samples alone.
    """
    each = np.flatnonzero(slopes.any(axis=1))
    if len(each) > RULES.nearly_all * len(slopes):
        return np.arange(len(slopes)), slopes
    return each, slopes[each]
