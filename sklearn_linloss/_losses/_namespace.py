"""Losses as operations of the array API, for arrays that stay where they are.

Two classes are two columns of scores, of which the first is zero. All methods take

    scores : array of shape (n, K), K >= 2
    true : array of shape (n, K), bool, which marks the true classes
    pairs : array of shape (n, K)
        One number for each pair of a sample and a wrong class, and zero for the true
        one. Dual variables a_ij are such.
    share : array of shape (n, 1), float64
"""

import math


class _InNamespace:
    def __init__(self, xp):
        self._xp = xp

    def balanced(self, pairs, true):
        """Pairs with minus the sum of the others for the true class."""
        xp = self._xp
        return xp.where(true, -xp.sum(pairs, axis=1, keepdims=True), pairs)

    def relative(self, scores, true, shift=0.0, of_true=0.0):
        """What wrong classes have more than the true one, and a shift; the true class
        has `of_true`.
        """
        xp = self._xp
        own = xp.sum(xp.where(true, scores, 0.0), axis=1, keepdims=True)
        return xp.where(true, of_true, scores - (own - shift))


class SlacksInNamespace(_InNamespace):
    """A `SlackLoss`.

    Parameters
    ----------
    xp : namespace
    loss : SlackLoss
    """

    def __init__(self, xp, loss):
        super().__init__(xp)
        self._delta, self._bend, self._cap = loss.delta, loss.bend, loss.cap

    def arguments(self, scores, true, width=0.0, multipliers=None):
        """The pairs that values depend on: slacks, and the width times multipliers."""
        slacks = self.relative(scores, true, self._delta)
        return slacks if multipliers is None else slacks + width * multipliers

    def at(self, arguments, width=0.0):
        """Values of the samples, and the slopes in the slacks, which are pairs.

        With a width that of `SlackLoss.augmented`, plus width / 2 times the squares of
        the multipliers. For each pair it is the maximum of a * argument less
        (bend + width) / 2 * a^2. The arguments are overwritten.
        """
        xp, bend = self._xp, self._bend + width
        if bend == 0.0:
            a = xp.astype(arguments > 0.0, arguments.dtype)
        else:
            a = xp.clip(arguments * (1.0 / bend), 0.0, self._cap)
            arguments -= (0.5 * bend) * a
        arguments *= a
        return xp.sum(arguments, axis=1), a

    def second(self, a, width=0.0):
        """Second derivatives in the slacks, from the slopes."""
        square = width + self._bend
        active = a > 0.0
        if math.isfinite(self._cap):
            active = active & (a < self._cap)
        second = self._xp.astype(active, a.dtype)
        second *= 1.0 / square if square > 0.0 else 0.0
        return second

    def bent(self, a, true, direction, width):
        """The Hessian of each L_i times a direction, where the slopes are `a`."""
        bent = self.second(a, width) * self.relative(direction, true)
        return self.balanced(bent, true)

    def total_curvature(self, second, share):
        """Sum of the second derivatives over samples and rows of coefficients."""
        return float(self._xp.sum(share * second))

    def entry(self, second, true, k, j):
        """Entry (k, j) of the Hessian of each L_i in the scores."""
        xp = self._xp
        if k == j:
            return second[:, k] + xp.where(true[:, k], xp.sum(second, axis=1), 0.0)
        of_k = xp.where(true[:, k], second[:, j], 0.0)
        return -(of_k + xp.where(true[:, j], second[:, k], 0.0))

    def dual_value(self, pairs, share):
        """-sum_i pi_i L_i*(scale * a_i) and its derivative, as a function of the scale.

        From pi_i * a_i.
        """
        xp = self._xp
        mass, square = self._delta * float(xp.sum(pairs)), 0.0
        if self._bend > 0.0:
            square = self._bend * float(xp.sum(pairs * pairs / share))
        return lambda scale: (
            scale * (mass - 0.5 * scale * square),
            mass - scale * square,
        )


class SoftmaxInNamespace(_InNamespace):
    """The `Softmax`, as `SlacksInNamespace`."""

    def arguments(self, scores, true, width=0.0):
        """The pairs that values depend on, with minus infinity at the true class."""
        return self.relative(scores, true, of_true=-math.inf)

    def at(self, arguments, width=0.0):
        """Values of the samples, and the probabilities of the wrong classes.

        The arguments are overwritten.
        """
        xp = self._xp
        largest = xp.clip(xp.max(arguments, axis=1, keepdims=True), 0.0, None)
        arguments -= largest
        a = xp.exp(arguments)
        rest = xp.sum(a, axis=1, keepdims=True)
        # Where the true class leads, `largest` is 0, and the rest may be next to
        # nothing.
        values = largest + xp.log1p(rest + xp.expm1(-largest))
        a /= rest + xp.exp(-largest)
        return values[:, 0], a

    def second(self, a):
        """What determines the second derivatives: the slopes themselves."""
        return a

    def bent(self, a, true, direction, width):
        p = self._probabilities(a, true)
        mean = self._xp.sum(p * direction, axis=1, keepdims=True)
        return p * (direction - mean)

    def total_curvature(self, second, share):
        xp = self._xp
        others = xp.sum(second, axis=1, keepdims=True)
        if second.shape[1] == 2:  # one row
            return float(xp.sum(share * others * (1.0 - others)))
        bends = xp.sum(second * (1.0 - second), axis=1, keepdims=True)
        return float(xp.sum(share * (bends + others * (1.0 - others))))

    def entry(self, second, true, k, j):
        p = self._probabilities(second, true)
        return p[:, k] * (1.0 - p[:, k]) if k == j else -p[:, k] * p[:, j]

    def dual_value(self, pairs, share):
        xp = self._xp
        dual = pairs / share
        mass = float(xp.sum(pairs))
        logs = xp.log(xp.where(dual > 0.0, dual, 1.0))
        entropy = float(xp.sum(pairs * logs))
        others = xp.sum(dual, axis=1)
        weight = share[:, 0]

        def at(scale):
            scale = float(scale)
            rest = 1.0 - scale * others
            logs = xp.log1p(xp.where(rest > 0.0, -scale * others, 0.0))
            of_pairs = mass * math.log(scale) + entropy
            value = -scale * of_pairs - float(xp.sum(weight * rest * logs))
            slope = float(xp.sum(weight * others * logs)) - of_pairs
            if bool(xp.any((rest <= 0.0) & (others > 0.0))):
                slope = -math.inf
            return value, slope

        return at

    def _probabilities(self, a, true):
        return self._xp.where(true, 1.0 - self._xp.sum(a, axis=1, keepdims=True), a)
