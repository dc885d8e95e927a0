"""Penalties, and everything the solvers ask of them."""

from dataclasses import dataclass

import numpy as np


class Penalty:
    """R(w) = G(w) + H(w), convex, with a smooth G and an H whose proximal map is easy.

    All methods work elementwise on arrays of any shape.

    Attributes
    ----------
    is_zero : bool
    is_smooth : bool
        Whether H is zero.
    convexity : float
        The largest c for which R - c/2 |w|_2^2 is convex.
    """

    is_zero = is_smooth = False
    convexity = 0.0

    def value(self, w):
        """R(w)."""
        raise NotImplementedError

    def smooth_gradient(self, w):
        """Gradient of G."""
        raise NotImplementedError

    def gradient(self, w):
        """A gradient of R where it has one; at kinks that of what is smooth there."""
        raise NotImplementedError

    def prox_rest(self, w, step):
        """argmin_u H(u) + |u - w|^2 / (2 * step)."""
        raise NotImplementedError

    def prox(self, w, step):
        """argmin_u R(u) + |u - w|^2 / (2 * step); `step` broadcasts against `w`."""
        raise NotImplementedError

    def min_norm_subgradient(self, w, gradient):
        """Smallest element of gradient + dR(w)."""
        raise NotImplementedError

    def conjugate(self, v, scale=1.0):
        """R*(scale * v), for `scale >= 0`, and its derivative in `scale`.

        Zero where that is an indicator: the caller keeps to `max_scale`.
        """
        raise NotImplementedError

    def conjugate_gradient(self, v):
        """The model that belongs to v: gradient of R*, for a positive `convexity`."""
        raise NotImplementedError

    def max_scale(self, v):
        """Largest scale for which R*(scale * v) is finite."""
        raise NotImplementedError


@dataclass(frozen=True)
class ElasticNet(Penalty):
    """R(w) = alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|_2^2)."""

    alpha: float
    l1_ratio: float

    def times(self, factor):
        """A multiple of this penalty."""
        return ElasticNet(factor * self.alpha, self.l1_ratio)

    @property
    def l1(self):
        """Weight of |w|_1."""
        return self.alpha * self.l1_ratio

    @property
    def l2(self):
        """Weight of |w|_2^2 / 2."""
        return self.alpha * (1.0 - self.l1_ratio)

    @property
    def is_zero(self):
        return self.alpha == 0.0

    @property
    def is_smooth(self):
        return self.l1 == 0.0

    @property
    def convexity(self):
        return self.l2

    def value(self, w):
        value = 0.0
        if self.l1 > 0.0:
            value += self.l1 * np.abs(w).sum(dtype=np.float64)
        if self.l2 > 0.0:
            value += 0.5 * self.l2 * np.vdot(w, w)
        return float(value)

    def smooth_gradient(self, w):
        return self.l2 * w

    def gradient(self, w):
        return self.l2 * w + self.l1 * np.sign(w)

    def prox_rest(self, w, step):
        # Soft thresholding, with exact zeros.
        if self.l1 == 0.0:
            return w
        threshold = step * self.l1
        return w - np.clip(w, -threshold, threshold)

    def prox(self, w, step):
        return self.prox_rest(w, step) / (1.0 + step * self.l2)

    def min_norm_subgradient(self, w, gradient):
        g = gradient + self.l2 * w
        if self.l1 == 0.0:
            return g
        at_zero = g - np.clip(g, -self.l1, self.l1)
        return np.where(w == 0.0, at_zero, g + self.l1 * np.sign(w))

    def conjugate(self, v, scale=1.0):
        # For the pure L1 norm the indicator of max|v| <= l1, for alpha = 0 that of 0.
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
        return self.prox_rest(v, 1.0) / self.l2

    def max_scale(self, v):
        if self.l2 > 0.0:
            return np.inf
        largest = max(v.max(initial=0.0), -v.min(initial=0.0))
        return self.l1 / largest if largest > 0.0 else np.inf
