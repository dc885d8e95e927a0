"""The elastic-net penalty and everything the solvers ask of it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ElasticNet:
    """R(w) = alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|_2^2).

    All methods work elementwise on arrays of any shape.
    """

    alpha: float
    l1_ratio: float

    @property
    def l1(self):
        """Weight of |w|_1."""
        return self.alpha * self.l1_ratio

    @property
    def l2(self):
        """Weight of |w|_2^2 / 2."""
        return self.alpha * (1.0 - self.l1_ratio)

    def value(self, w):
        """R(w)."""
        value = 0.0
        if self.l1 > 0.0:
            value += self.l1 * np.abs(w).sum(dtype=np.float64)
        if self.l2 > 0.0:
            value += 0.5 * self.l2 * np.vdot(w, w)
        return float(value)

    def prox(self, w, step):
        """argmin_u R(u) + |u - w|^2 / (2 * step); `step` broadcasts against `w`."""
        return self.prox_l1(w, step) / (1.0 + step * self.l2)

    def prox_l1(self, w, step):
        """The same for the L1 part alone: soft thresholding, with exact zeros."""
        if self.l1 == 0.0:
            return w
        threshold = step * self.l1
        return w - np.clip(w, -threshold, threshold)

    def min_norm_subgradient(self, w, gradient):
        """Smallest element of gradient + dR(w)."""
        g = gradient + self.l2 * w
        if self.l1 == 0.0:
            return g
        at_zero = g - np.clip(g, -self.l1, self.l1)
        return np.where(w == 0.0, at_zero, g + self.l1 * np.sign(w))

    def conjugate(self, v, scale=1.0):
        """R*(scale * v), for `scale >= 0`, and its derivative in `scale`.

        For the pure L1 norm it is the indicator of max|v| <= l1 (and for alpha = 0
        that of v = 0): the caller keeps to `max_scale` and the value is zero.
        """
        if self.l2 == 0.0:
            return 0.0, 0.0
        if self.l1 == 0.0:
            slope = scale * float(np.vdot(v, v)) / self.l2
            return 0.5 * scale * slope, slope
        size = np.abs(v)
        excess = np.maximum(scale * size - self.l1, 0.0)
        value = np.vdot(excess, excess) / (2.0 * self.l2)
        return float(value), float(np.vdot(size, excess) / self.l2)

    def conjugate_gradient(self, v):
        """The model that belongs to v: gradient of R*, for l2 > 0."""
        return self.prox_l1(v, 1.0) / self.l2

    def max_scale(self, v):
        """Largest scale for which R*(scale * v) is finite."""
        if self.l2 > 0.0:
            return np.inf
        largest = np.abs(v).max(initial=0.0)
        return self.l1 / largest if largest > 0.0 else np.inf
