"""A CSR with sorted indices and without duplicates."""

from functools import cached_property, reduce
from itertools import pairwise

import numpy as np
from scipy import sparse

from .. import _kernels
from ._base import Design, readonly

# Share of entries that are stored, up to which products of two, one by one, cost less
# than a dense product of blocks (0022).
_FEW_PRODUCTS = 0.2
# Stored entries, from which threads pay that share the columns of a gradient.
_STRIPS_FROM = 100_000
# Share of the columns, below which scores are summed by column.
_FEW_COLUMNS = 0.1


class Csr(Design):
    """Rows in a CSR, used as it is."""

    features_first = True
    counts_from_centre = False

    def __init__(self, X, n_threads=1):
        super().__init__(X.shape, X.dtype, n_threads)
        self._X = X
        self.n_stored = X.nnz

    def scores(self, W, b):
        if "_by_columns" in self.__dict__:
            used = np.flatnonzero(W.any(axis=0))
            if len(used) < _FEW_COLUMNS * self.n_features:
                return self._scores_of(used, W, b)
        if not W.any():
            return np.tile(b, (self.n_samples, 1))
        scores = np.empty((self.n_samples, len(W)), dtype=W.dtype)
        W = readonly(np.ascontiguousarray(W.T))

        def part(rows):
            _kernels.csr_scores(*self._rows_of(rows), W, scores[rows])

        self.for_rows(part, self.n_stored * len(b))
        if b.any():
            scores += b
        return scores

    def _scores_of(self, columns, W, b):
        """The same where only some columns have coefficients."""
        X = self._by_columns
        scores = np.zeros((self.n_samples, len(W)), dtype=W.dtype)
        _kernels.csc_scores(
            *map(readonly, (X.data, X.indices, X.indptr)),
            columns,
            readonly(np.ascontiguousarray(W[:, columns].T)),
            scores,
        )
        if b.any():
            scores += b
        return scores

    def add_adjoint(self, gradient, total):
        gradient = readonly(np.ascontiguousarray(gradient))
        data, indices, _ = self._rows

        def add(strip):
            _kernels.csr_adjoint(data, indices, *strip, gradient, total)

        # A part of the rows would need a total of its own, which is large. The sum of a
        # column takes its rows in order, whatever the strips.
        self.share_out(add, self._strips)

    def moments(self, weight):
        d = self.n_features

        def about(centre):
            """Sums of powers of the stored entries of each column."""

            def part(rows):
                total = np.zeros((3, d))
                some = map(readonly, (weight[rows], centre))
                _kernels.csr_moments(*self._rows_of(rows), *some, total)
                return total

            # The results of all parts are held at once: a sixteenth of what other sums
            # may have (0064).
            return sum(self.over_parts(part, self.n_stored, 16 * 3 * d))

        stored, mean, _ = about(np.zeros(d))
        variance = about(mean)[2]
        # A constant column has no variance: what is left is the rounding of the sums.
        rounding = self.n_samples * np.finfo(np.float64).eps
        absent = 1.0 - stored
        variance += np.where(absent > rounding, absent, 0.0) * mean**2
        variance[variance <= (rounding * mean) ** 2] = 0.0
        return mean, variance

    def covariance(self, weight, centre, dtype, check):
        X = sparse.diags(np.sqrt(weight)) @ self._X.astype(np.float64)
        total = (X.T @ X).toarray(order="F")
        total -= np.multiply.outer(weight.sum() * centre, centre)
        return total.astype(dtype, copy=False)

    @cached_property
    def largest_entry(self):
        data = self._X.data
        return float(max(data.max(initial=0.0), -data.min(initial=0.0)))

    @property
    def has_few_products(self):
        dense = self.n_samples * self.n_features
        return self.n_stored < _FEW_PRODUCTS * dense

    def second_moments(self, weight, centre):
        size = self.n_features + 1

        def part(rows):
            result = np.zeros((size, size))
            some = readonly(weight[rows])
            _kernels.csr_second_moments(*self._rows_of(rows), some, result)
            return result

        # Without the copy that `sum` makes of the first of them.
        total = reduce(np.add, self.over_parts(part, self.n_stored, size**2))
        total += np.tril(total, -1).T
        sums, mass = total[-1, :-1].copy(), total[-1, -1]
        cross = np.multiply.outer(centre, sums - 0.5 * mass * centre)
        total[:-1, :-1] -= cross + cross.T
        total[-1, :-1] = total[:-1, -1] = sums - mass * centre
        return total

    def second_moments_on(self, loss, y, weight, second, features, classes):
        first = np.searchsorted(features, np.arange(self.n_features + 1))
        size = len(features) + second.shape[1]

        def part(rows):
            result = np.zeros((size, size))
            _kernels.csr_second_moments_on(
                loss.code,
                *self._rows_of(rows),
                y[rows],
                readonly(weight[rows]),
                readonly(second[rows]),
                first,
                readonly(classes),
                result,
            )
            return result

        # Without the copy that `sum` makes of the first of them.
        total = reduce(np.add, self.over_parts(part, self.n_stored, size**2))
        total += np.tril(total, -1).T
        return total

    def bend_pairs(self, y, pairs, W, b):
        starts, other, second = pairs
        W = np.ascontiguousarray(W.T)

        def of_part(rows):
            sums = np.zeros(W.shape), np.zeros(W.shape[1])
            own = starts[rows.start : rows.stop + 1]
            some = *self._rows_of(rows), own, other, y[rows], second
            _kernels.csr_bend_pairs(*some, W, b, *sums)
            return sums

        entries = len(other) * self.n_stored // self.n_samples
        parts = self.over_parts(of_part, entries, W.size)
        total, b_total = map(sum, zip(*parts, strict=True))
        return total.T, b_total

    def add_scores_of(self, features, classes, values, scores):
        _kernels.csc_scores_of(
            self._columns, *map(readonly, (features, classes, values)), scores
        )

    def slopes_of(self, features, classes, pull):
        slopes = np.empty(len(features))
        _kernels.csc_slopes_of(
            self._columns, *map(readonly, (features, classes, pull)), slopes
        )
        return slopes

    def descend(self, loss, terms, second, coordinates, slopes, sweeps, tol, state):
        model = map(readonly, (*coordinates, second, *slopes))
        return _kernels.csc_descent(
            loss.code,
            self._columns,
            terms,
            _kernels.ColumnModel(*model),
            sweeps,
            tol,
            _kernels.ColumnDescent(*state),
        )

    def on_features(self, features):
        X = self._by_columns[:, features]
        some = Csr(X.tocsr(), self.n_threads)
        some._by_columns = X
        return some

    def multiplied(self, scale):
        data = self._X.data * scale.astype(self.dtype)[self._X.indices]
        parts = data, self._X.indices, self._X.indptr
        return Csr(sparse.csr_matrix(parts, self._X.shape), self.n_threads)

    @cached_property
    def _by_columns(self):
        return self._X.tocsc()

    @property
    def _columns(self):
        """X by columns as kernels take it."""
        X = self._by_columns
        return _kernels.CscColumns(*map(readonly, (X.data, X.indices, X.indptr)))

    def squared_norms(self, centre, metric=None):
        data, _, indptr = self._rows
        norms = np.empty(self.n_samples)
        _kernels.csr_squared_norms(data, indptr, norms)
        return norms

    def gram(self, rows, others, by_feature, centre=None):
        X = self._X[rows].astype(np.float64)
        Y = self._X[others].astype(np.float64)
        gram = (X @ sparse.diags(by_feature) @ Y.T).toarray()
        if centre is not None:
            weighted = by_feature * centre
            gram += weighted @ centre
            gram -= np.add.outer(X @ weighted, Y @ weighted)
        return gram

    def rows(self, rows):
        return self._X[rows]

    def dense_rows(self, rows, dtype):
        return self._X[rows].toarray().astype(dtype, copy=False)

    def dense_blocks(self, part=slice(None)):
        start, stop, _ = part.indices(self.n_samples)
        for rows in self.row_blocks(8 * self.n_features, start, stop):
            yield rows, readonly(self._X[rows].astype(np.float64).toarray())

    def sgd_epoch(self, loss, centre, terms, pass_, state):
        _kernels.sgd_epoch_csr(loss.code, self._rows, terms, pass_, state)

    def sgd_rows(self, loss, terms, pass_, state, past):
        _kernels.sgd_rows_csr(loss.code, self._rows, terms, pass_, state, past)

    def add_sizes(self, features, totals):
        _kernels.csr_sizes(self._rows, features, totals)

    def saga_epoch(self, loss, centre, terms, pass_, state):
        _kernels.saga_epoch_csr(loss.code, self._rows, terms, pass_, state)

    def sdca_epoch(self, loss, centre, terms, pass_, state, U, grouped):
        return _kernels.sdca_epoch_csr(
            loss.code, self._rows, terms, pass_, state, U, grouped
        )

    def _rows_of(self, part):
        """The rows of a part as kernels take them."""
        data, indices, indptr = self._rows
        return data, indices, indptr[part.start : part.stop + 1]

    @cached_property
    def _strips(self):
        """Where rows begin and end in strips of the columns, one for each thread."""
        _, indices, indptr = self._rows
        count = self.n_threads if self.n_stored >= _STRIPS_FROM else 1
        ends, cuts = [indptr[:-1]], ()
        if count > 1:
            shares = np.arange(1, count) * self.n_stored // count
            cuts = np.partition(indices, shares)[shares]
        for column in cuts:
            before = np.append(0, np.cumsum(indices < column, dtype=indptr.dtype))
            ends.append(indptr[:-1] + before[indptr[1:]] - before[indptr[:-1]])
        ends.append(indptr[1:])
        return list(pairwise(map(readonly, ends)))

    @cached_property
    def _rows(self):
        """X as kernels take it."""
        X = self._X
        return _kernels.CsrRows(*map(readonly, (X.data, X.indices, X.indptr)))
