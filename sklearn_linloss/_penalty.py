"""Penalties, and everything the solvers ask of them."""

from dataclasses import dataclass, replace

import numpy as np


def penalty_of(kind, alpha, l1_ratio):
    """The penalty of an estimator, whose parameter `penalty` is `kind`."""
    grouped = kind == "grouped" and l1_ratio > 0.0  # else the two are the same
    mix = GroupedElasticNet if grouped else ElasticNet
    return mix(float(alpha), float(l1_ratio))


class Penalty:
    """R(w) = G(w) + H(w), convex, with a smooth G and an H whose proximal map is easy.

    All methods take flat arrays, or such of the `matrix_shape` of an objective.

    Attributes
    ----------
    is_zero : bool
    is_smooth : bool
        Whether H is zero.
    convexity : float
        The largest c for which R - c/2 |w|_2^2 is convex.
    is_elementwise : bool
        Whether it is a sum over single coefficients.
    is_uniform : bool
        Whether all features are penalised alike.
    free_features : ndarray of int
        Those that are not penalised.
    scale : ndarray of shape (n_features,) or None
        What the columns of X are multiplied by, so that solvers see this penalty as it
        is laid out.
    power : float
        That of a factor for each feature, of which the scale consists.
    idle_slope : float or ndarray of shape (n_features,)
        Where the slopes of a feature in the wrong classes of all samples add up to no
        more, it gets no coefficients.
    """

    is_zero = is_smooth = False
    is_elementwise = is_uniform = True
    convexity = 0.0
    free_features = np.empty(0, dtype=np.intp)
    scale = None
    power = idle_slope = 0.0

    @property
    def curvature(self):
        """Second derivatives of G: a number, or one for each coefficient."""
        return self.convexity

    def laid_out(self, n_rows, features_first):
        """This penalty for coefficients in the order of an objective."""
        return self

    def on_features(self, features):
        """The penalty of some features."""
        return self

    def at(self, places):
        """The penalty of some coefficients."""
        return self

    def value(self, w):
        """R(w)."""
        raise NotImplementedError

    def smooth_gradient(self, w):
        """Gradient of G."""
        raise NotImplementedError

    def gradient(self, w):
        """A gradient of R where it has one; at kinks that of what is smooth there."""
        raise NotImplementedError

    def along(self, w):
        """R(t w) and its derivative in t, as a function of t >= 0."""
        return lambda t: (self.value(t * w), np.vdot(w, self.gradient(t * w)))

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
class _Mix(Penalty):
    """A norm and half the squared Euclidean one, with the shares of `l1_ratio`."""

    alpha: float
    l1_ratio: float

    def times(self, factor):
        """A multiple of this penalty."""
        return replace(self, alpha=factor * self.alpha)

    @property
    def l1(self):
        """Weight of the norm, H."""
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

    def smooth_gradient(self, w):
        return self.l2 * w

    def along(self, w):
        square = self.l2 * float(np.vdot(w, w))
        norm = self.value(w) - 0.5 * square
        return lambda t: (t * (norm + 0.5 * t * square), norm + t * square)

    def prox(self, w, step):
        return self.prox_rest(w, step) / (1.0 + step * self.l2)

    def conjugate_gradient(self, v):
        return self.prox_rest(v, 1.0) / self.l2

    def pulls(self, v):
        """What H compares with `l1` where a coefficient is zero and the slope is v.

        Larger than that, it does not stay zero.
        """
        raise NotImplementedError

    def remove_common(self, W):
        """Subtract what all classes have in common, in place: it changes no loss.

        `W` has the shape (n_classes, n_features), of three or more. Of all that could
        be subtracted, that which leaves the least norm; zeros stay.
        """
        raise NotImplementedError


class ElasticNet(_Mix):
    """R(w) = alpha * (l1_ratio * |w|_1 + (1 - l1_ratio) / 2 * |w|_2^2)."""

    @property
    def idle_slope(self):
        return self.l1

    def value(self, w):
        value = 0.0
        if self.l1 > 0.0:
            value += self.l1 * np.abs(w).sum(dtype=np.float64)
        if self.l2 > 0.0:
            value += 0.5 * self.l2 * np.vdot(w, w)
        return float(value)

    def gradient(self, w):
        return self.l2 * w + self.l1 * np.sign(w)

    def prox_rest(self, w, step):
        # Soft thresholding, with exact zeros.
        if self.l1 == 0.0:
            return w
        threshold = step * self.l1
        return w - np.clip(w, -threshold, threshold)

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

    def max_scale(self, v):
        if self.l2 > 0.0:
            return np.inf
        largest = max(v.max(initial=0.0), -v.min(initial=0.0))
        return self.l1 / largest if largest > 0.0 else np.inf

    def pulls(self, v):
        return np.abs(v)

    def remove_common(self, W):
        # The median, where no class is zero.
        full = np.flatnonzero((W != 0.0).all(axis=0))
        W[:, full] -= np.partition(W[:, full], len(W) // 2, axis=0)[len(W) // 2]


@dataclass(frozen=True)
class GroupedElasticNet(_Mix):
    """R(W) = alpha * (l1_ratio * sum_j |W_j|_2 + (1 - l1_ratio) / 2 * |W|_2^2).

    W_j are the coefficients of feature j in all classes: they become zero together (M.
    Yuan and Y. Lin, "Model selection and estimation in regression with grouped
    variables", J. Royal Statistical Society B 2006).
    """

    n_rows: int = 1
    features_first: bool = True

    is_elementwise = False

    @property
    def idle_slope(self):
        # The slope in the true class is minus the sum of the others.
        return self.l1 / np.sqrt(2.0)

    def laid_out(self, n_rows, features_first):
        if n_rows == 1:
            return ElasticNet(self.alpha, self.l1_ratio)
        return replace(self, n_rows=n_rows, features_first=features_first)

    def groups(self, w):
        """The same numbers with a row for each feature, a view."""
        if self.features_first:
            return w.reshape(-1, self.n_rows)
        return w.reshape(self.n_rows, -1).T

    def _norms(self, w):
        return np.sqrt(np.square(self.groups(w), dtype=np.float64).sum(axis=1))

    def _spread(self, values, like):
        """A number for each feature, laid out like an array of coefficients."""
        spread = np.repeat if self.features_first else np.tile
        return spread(values, self.n_rows).reshape(like.shape)

    def value(self, w):
        value = self.l1 * self._norms(w).sum()
        if self.l2 > 0.0:
            value += 0.5 * self.l2 * np.vdot(w, w)
        return float(value)

    def gradient(self, w):
        norms = self._norms(w)
        norms[norms == 0.0] = np.inf
        return self.l2 * w + self._spread(self.l1 / norms, w) * w

    def bend_of_group(self, u):
        """Second derivatives of R in the coefficients of one feature, not zero."""
        norm = np.linalg.norm(u)
        own = (self.l1 / norm + self.l2) * np.eye(len(u))
        return own - self.l1 / norm**3 * np.outer(u, u)

    def prox_rest(self, w, step):
        threshold = self.l1 * (self.groups(step)[:, 0] if np.ndim(step) else step)
        return self._shrunk(w, threshold)

    def _shrunk(self, w, threshold):
        """Groups shorter by a threshold, and zero where that is all of their length."""
        norms = self._norms(w)
        rest = np.maximum(norms - threshold, 0.0)
        part = np.divide(rest, norms, out=np.zeros_like(norms), where=rest > 0.0)
        return self._spread(part.astype(w.dtype), w) * w

    def min_norm_subgradient(self, w, gradient):
        g = gradient + self.l2 * w
        at_zero = self._spread(self._norms(w) == 0.0, w)
        return np.where(at_zero, self._shrunk(g, self.l1), gradient + self.gradient(w))

    def conjugate(self, v, scale=1.0):
        # As that of the elastic net, at the norms.
        if self.l2 == 0.0:
            return 0.0, 0.0
        size = self._norms(v)
        excess = np.maximum(scale * size - self.l1, 0.0)
        value = np.vdot(excess, excess) / (2.0 * self.l2)
        return float(value), float(np.vdot(size, excess) / self.l2)

    def max_scale(self, v):
        if self.l2 > 0.0:
            return np.inf
        largest = self._norms(v).max(initial=0.0)
        return self.l1 / largest if largest > 0.0 else np.inf

    def pulls(self, v):
        return self._spread(self._norms(v), v)

    def remove_common(self, W):
        W -= W.mean(axis=0)
