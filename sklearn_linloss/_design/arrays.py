"""An array of a library that follows the array API, on its device."""

import numpy as np

from .._compat import device_of, namespace_of, on_host
from ._base import Design

# Bytes of a block of rows: large enough to keep a device busy.
_BLOCK_BYTES = 1 << 26


class Arrays(Design):
    """Rows in a dense array of another library, which stays where it is.

    Products are operations of the array API [1]_, with coefficients and sums that
    come and go as they are small. `loss_gradient` leaves the scores on the device.

    References
    ----------
    .. [1] Consortium for Python Data API Standards, "Python array API standard",
       https://data-apis.org/array-api/latest/
    """

    def __init__(self, X, n_threads=1):
        self._xp, self._device = namespace_of(X), device_of(X)
        single = X.dtype == self._xp.float32
        super().__init__(X.shape, np.float32 if single else np.float64, n_threads)
        self._X = X
        self._kept = {}

    def own(self, array):
        return self._xp.asarray(array, device=self._device)

    def scores(self, W, b):
        xp, W_there, b_there = self._xp, self.own(W), self.own(b)
        scores = np.empty((self.n_samples, len(W)), W.dtype)
        for rows, X in self._blocks(W.dtype):
            scores[rows] = on_host(xp.matmul(X, W_there.T) + b_there)
        return scores

    def add_adjoint(self, gradient, total):
        for rows, X in self._blocks(gradient.dtype):
            slopes = self.own(np.ascontiguousarray(gradient[rows].T))
            total += on_host(self._xp.matmul(slopes, X))

    def moments(self, weight):
        xp, weight = self._xp, self._keep(weight)
        # Around the first row, a large mean costs no digits.
        origin = xp.astype(self._X[:1, :], xp.float64)
        mean = square = 0.0
        for rows, X in self._blocks(np.float64):
            X = X - origin
            mean = mean + xp.matmul(weight[rows], X)
            square = square + xp.matmul(weight[rows], X * X)
        mean, square = on_host(mean), on_host(square)
        variance = np.maximum(square - mean**2, 0.0)
        return mean + on_host(origin)[0], variance

    def reads_once(self, n_rows):
        return True

    def loss_gradient(self, loss, y, weight, W, b, dtype):
        xp, n_rows = self._xp, len(W)
        y, weight = self._keep(y), self._keep(weight)
        W, b = self.own(W.astype(dtype)), self.own(b.astype(dtype))
        each = xp.arange(max(n_rows, 2), dtype=y.dtype, device=self._device)
        value = total = b_total = 0.0
        for rows, X in self._blocks(dtype):
            scores = xp.matmul(X, W.T) + b
            if n_rows == 1:
                scores = xp.concat([xp.zeros_like(scores), scores], axis=1)
            values, slopes = loss.in_namespace(xp, scores, y[rows][:, None] == each)
            slopes = slopes * xp.astype(weight[rows], scores.dtype)[:, None]
            slopes = slopes[:, 1:] if n_rows == 1 else slopes
            value = value + xp.sum(weight[rows] * xp.astype(values, xp.float64))
            total = total + xp.astype(xp.matmul(slopes.T, X), xp.float64)
            b_total = b_total + xp.sum(slopes, axis=0, dtype=xp.float64)
        return float(value), on_host(total), on_host(b_total)

    def _keep(self, array):
        """A host array of one number a sample, moved once."""
        if id(array) not in self._kept:
            # With the original, so that its identity is not given to another.
            self._kept[id(array)] = array, self.own(array)
        return self._kept[id(array)][1]

    def _blocks(self, dtype):
        """Slices of rows, and X over them in a precision."""
        dtype = getattr(self._xp, np.dtype(dtype).name)
        step = max(1, _BLOCK_BYTES // (8 * self.n_features))
        for start in range(0, self.n_samples, step):
            rows = slice(start, min(start + step, self.n_samples))
            yield rows, self._xp.astype(self._X[rows, :], dtype, copy=False)
