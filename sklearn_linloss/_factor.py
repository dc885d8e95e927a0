"""Penalties with a factor for each feature.

Of the features, some may be penalised more than others, or not at all:

    R(W) = alpha * sum_j f_j * (l1_ratio * |W_j| + (1 - l1_ratio) / 2 * |W_j|_2^2),

where |W_j| is the sum of absolute values, or the norm of a group. With column j of X
times s_j = f_j^(-1/2), and its coefficients divided by that, the L2 part has one
strength for all features, and f_j^(1/2) is left as the factor of the L1 part; without
an L2 part s_j = 1 / f_j leaves nothing. So solvers need to know of factors only
where both parts are there, or where some factor is zero.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ._penalty import ElasticNet, Penalty, penalty_of

_MOST_DECADES = 12  # between factors: beyond, scaled columns have no common digits


def check_factor(factor, n_features=None):
    """Raise where an array is not one of factors for so many features, or any."""
    if factor is None:
        return
    try:
        factor = np.asarray(factor, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"penalty_factor must be a list of numbers, got {factor}."
        ) from None
    n_features = factor.size if n_features is None else n_features
    if factor.shape != (n_features,):
        raise ValueError(
            f"penalty_factor must have a number for each of the {n_features} features, "
            f"got the shape {factor.shape}."
        )
    if not (np.isfinite(factor) & (factor >= 0.0)).all():
        raise ValueError("penalty_factor must be finite and not negative.")
    positive = factor[factor > 0.0]
    if len(positive) and positive.min() < 10.0**-_MOST_DECADES * positive.max():
        raise ValueError(
            f"The numbers in penalty_factor differ by more than {_MOST_DECADES} "
            f"orders of magnitude: {positive.min():.1e} is the smallest, "
            f"{positive.max():.1e} the largest. Give 0 to features that should have no "
            "penalty."
        )


def penalty_by_feature(kind, alpha, l1_ratio, factor):
    """The penalty of an estimator, with what `penalty` and `penalty_factor` are."""
    if factor is None:
        return penalty_of(kind, alpha, l1_ratio)
    factor = np.asarray(factor, dtype=np.float64)
    largest = factor.max(initial=0.0)
    base = penalty_of(kind, largest * alpha, l1_ratio)
    return base if base.is_zero else Factored(base, factor / largest)


class Factored(Penalty):
    """A penalty with a factor for each feature, of coefficients that are as they are.

    Parameters
    ----------
    base : ElasticNet or GroupedElasticNet
    factor : ndarray of shape (n_features,)
    """

    def __init__(self, base, factor):
        self._base, self._factor = base, factor
        self.power = -1.0 if base.l2 == 0.0 else -0.5

    @property
    def free_features(self):
        return np.flatnonzero(self._factor == 0.0)

    @property
    def scale(self):
        scale = np.ones_like(self._factor)
        positive = self._factor > 0.0
        scale[positive] = self._factor[positive] ** self.power
        return None if (scale == 1.0).all() else scale

    @property
    def idle_slope(self):
        return self._factor * self._base.idle_slope

    def on_features(self, features):
        return Factored(self._base, self._factor[features])

    def laid_out(self, n_rows, features_first):
        """That of coefficients divided by the scale."""
        base = self._base.laid_out(n_rows, features_first)
        free = self._factor == 0.0
        left = self._factor ** (1.0 + self.power) if self._base.l2 > 0.0 else ~free
        if not free.any() and (base.is_smooth or (left == 1.0).all()):
            return base
        return Weighted(base, left.astype(np.float64), n_rows, features_first)


@dataclass(frozen=True, eq=False)
class Weighted(Penalty):
    """A penalty whose L1 part has a weight for each feature; zero is no penalty at all.

    Attributes
    ----------
    base : ElasticNet or GroupedElasticNet
    by_feature : ndarray of shape (n_features,)
        The weights.
    n_rows : int
    features_first : bool
    """

    base: ElasticNet
    by_feature: np.ndarray
    n_rows: int
    features_first: bool

    is_uniform = False

    def times(self, factor):
        """A multiple of this penalty."""
        return replace(self, base=self.base.times(factor))

    def on_features(self, features):
        return replace(self, by_feature=self.by_feature[features])

    def holding(self, features):
        """The same, with a weight of one for some features."""
        by_feature = self.by_feature.copy()
        by_feature[features] = 1.0
        return replace(self, by_feature=by_feature)

    def at(self, places):
        """The penalty of some coefficients; of whole features where it is grouped."""
        if self.is_elementwise:
            return replace(self, by_feature=self.weights[places], n_rows=1)
        first = self.base.groups(places)[:, 0]  # of each feature
        return self.on_features(first // self.n_rows if self.features_first else first)

    @property
    def is_elementwise(self):
        return self.base.is_elementwise

    @cached_property
    def weights(self):
        """A weight for each coefficient."""
        spread = np.repeat if self.features_first else np.tile
        return spread(self.by_feature, self.n_rows)

    @property
    def free_features(self):
        return np.flatnonzero(self.by_feature == 0.0)

    @property
    def l1(self):
        """Strength of the L1 part, where the weight is one."""
        return self.base.l1

    @cached_property
    def curvature(self):
        return self.base.l2 * (self.weights > 0.0)

    @property
    def is_zero(self):
        return self.base.is_zero

    @property
    def is_smooth(self):
        return self.base.is_smooth

    @property
    def convexity(self):
        return 0.0 if (self.by_feature == 0.0).any() else self.base.l2

    @cached_property
    def _rest(self):
        """The L1 part without weights."""
        return replace(self.base, alpha=self.l1, l1_ratio=1.0)

    def value(self, w):
        rest = self._rest.value(self._weights_of(w) * w)
        return rest + 0.5 * float(np.vdot(self.smooth_gradient(w), w))

    def smooth_gradient(self, w):
        return self.curvature.reshape(w.shape) * w

    def gradient(self, w):
        # Weights of a group are equal, and leave the direction of its norm's slope.
        return self.smooth_gradient(w) + self._weights_of(w) * self._rest.gradient(w)

    def prox_rest(self, w, step):
        return self._rest.prox_rest(w, step * self._weights_of(w))

    def prox(self, w, step):
        return self.prox_rest(w, step) / (1.0 + step * self.curvature.reshape(w.shape))

    def min_norm_subgradient(self, w, gradient):
        slope = gradient + self.smooth_gradient(w)
        at_zero = self._rest.pulls(w) == 0.0
        at_kink = self.prox_rest(slope, 1.0)
        return np.where(at_zero, at_kink, gradient + self.gradient(w))

    def conjugate(self, v, scale=1.0):
        # The caller sees to it that v is zero where nothing is penalised.
        if self.base.l2 == 0.0:
            return 0.0, 0.0
        excess = self._beyond(scale * v)
        value = np.vdot(excess, excess) / (2.0 * self.base.l2)
        return float(value), float(np.vdot(v, excess) / self.base.l2)

    def conjugate_gradient(self, v):
        return self._beyond(v) / self.base.l2

    def _beyond(self, v):
        """What the L1 part leaves of a slope, of penalised coefficients."""
        return np.where(self._weights_of(v) > 0.0, self.prox_rest(v, 1.0), 0.0)

    def max_scale(self, v):
        return self.base.max_scale(self._divided(v))

    def pulls(self, v):
        """As of the base; infinite where nothing is penalised."""
        pulls = self.base.pulls(self._divided(v))
        return np.where(self._weights_of(v) > 0.0, pulls, np.inf)

    def _divided(self, v):
        """v over the weights, zero where nothing is penalised."""
        weights = self._weights_of(v)
        return np.divide(v, weights, out=np.zeros_like(v), where=weights > 0.0)

    def _weights_of(self, w):
        return self.weights.reshape(w.shape)

    def remove_common(self, W):
        """As of the base, of features that have no L2 part."""
        if self.base.l2 == 0.0:
            self.base.remove_common(W)
            return
        free = self.free_features
        W[:, free] -= W[:, free].mean(axis=0)
