"""An array of a library that follows the array API, on its device."""

import numpy as np

from .._compat import converted, device_of, namespace_of
from ._base import Design

# Bytes of a block of rows: large enough to keep a device busy.
_BLOCK_BYTES = 1 << 26


class Arrays(Design):
    """Rows in a dense array of another library, which stays where it is.

    Products are operations of the array API [1]_. What has a number for each sample is
    an array of the library, here and there; all else is on the host. Scores are class
    after class in memory.

    References
    ----------
    .. [1] Consortium for Python Data API Standards, "Python array API standard",
       https://data-apis.org/array-api/latest/
    """

    only_products = True

    def __init__(self, X, n_threads=1):
        self.xp, self._device = namespace_of(X), device_of(X)
        single = X.dtype == self.xp.float32
        super().__init__(X.shape, np.float32 if single else np.float64, n_threads)
        self._X = X

    def own(self, array):
        """An array of the host where X is."""
        return self.xp.asarray(array, device=self._device)

    def host(self, array):
        """An array of the library as an ndarray."""
        return converted(array, self.xp)

    def precision(self, dtype):
        """The library's name of a dtype of NumPy."""
        return getattr(self.xp, np.dtype(dtype).name)

    def scores(self, W, b):
        xp, W_there, b_there = self.xp, self.own(W), self.own(b)[:, None]
        parts = [xp.matmul(W_there, X.T) for _, X in self._converted(W.dtype)]
        scores = parts[0] if len(parts) == 1 else xp.concat(parts, axis=1)
        scores += b_there
        return scores.T

    def add_adjoint(self, gradient, total):
        dtype = np.float32 if gradient.dtype == self.xp.float32 else np.float64
        adjoint = 0.0
        for rows, X in self._converted(dtype):
            part = self.xp.matmul(gradient[rows, :].T, X)
            adjoint = adjoint + self.xp.astype(part, self.xp.float64)
        total += self.host(adjoint)

    def multiplied(self, scale):
        other = Arrays(self._X * self.own(scale.astype(self.dtype)), self.n_threads)
        other.scale = scale
        return other

    def moments(self, weight):
        xp, weight = self.xp, self.own(weight)
        # Around the first row, a large mean costs no digits.
        origin = xp.astype(self._X[:1, :], xp.float64)
        mean = square = 0.0
        for rows, X in self._blocks(np.float64):
            X = X - origin
            mean = mean + xp.matmul(weight[rows], X)
            square = square + xp.matmul(weight[rows], X * X)
        mean, square = self.host(mean), self.host(square)
        variance = np.maximum(square - mean**2, 0.0)
        return mean + self.host(origin)[0], variance

    def covariance(self, weight, centre, dtype, check):
        xp = self.xp
        weight, centre = self.own(weight.astype(dtype)), self.own(centre.astype(dtype))
        total = 0.0
        for rows, X in self._blocks(dtype):
            check()
            Z = X - centre
            total = total + xp.matmul((Z * weight[rows][:, None]).T, Z)
        return self.host(total)

    def on_features(self, features):
        features = self.own(features)
        return Arrays(self.xp.take(self._X, features, axis=1), self.n_threads)

    def squared_norms(self, centre, metric=None):
        xp, centre = self.xp, self.own(centre.astype(np.float64))
        root = None if metric is None else self.own(np.sqrt(metric.astype(np.float64)))
        norms = []
        for _, X in self._blocks(np.float64):
            Z = X - centre if root is None else (X - centre) * root
            norms.append(xp.sum(Z * Z, axis=1))
        return xp.concat(norms)

    def rows(self, rows):
        return self.host(self.some(self.own(rows), self.dtype))

    def some(self, rows, dtype):
        """Rows whose numbers are an array of the library, in a precision, there."""
        X = self.xp.take(self._X, rows, axis=0)
        return self.xp.astype(X, self.precision(dtype), copy=False)

    def second_moments_by(self, weights, centre):
        """sum_i w_i z_i z_i^T for each w of `weights`, with z_i = (x_i - centre, 1).

        In float64, on the host; `weights` are arrays of the library.
        """
        xp, centre = self.xp, self.own(centre)
        totals = [0.0] * len(weights)
        for rows, X in self._blocks(np.float64):
            ones = xp.ones((X.shape[0], 1), dtype=xp.float64, device=self._device)
            Z = xp.concat([X - centre, ones], axis=1)
            for place, weight in enumerate(weights):
                part = xp.matmul((Z * weight[rows][:, None]).T, Z)
                totals[place] = totals[place] + part
        return list(self.host(xp.stack(totals)))

    def _converted(self, dtype):
        """The same as `_blocks` in as few as may be: one where X has that precision."""
        if dtype == self.dtype:
            return [(slice(0, self.n_samples), self._X)]
        return self._blocks(dtype)

    def _blocks(self, dtype):
        """Slices of rows, and X over them in a precision."""
        step = max(1, _BLOCK_BYTES // (8 * self.n_features))
        for start in range(0, self.n_samples, step):
            rows = slice(start, min(start + step, self.n_samples))
            X = self._X[rows, :]
            yield rows, self.xp.astype(X, self.precision(dtype), copy=False)
