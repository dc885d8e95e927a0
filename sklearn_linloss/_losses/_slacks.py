"""What the two hinges share: they are sums over slacks."""

import numpy as np

from ._base import of_wrong_classes
from ._compiled import CompiledLoss, kernels
from ._namespace import SlacksInNamespace


class SlackLoss(CompiledLoss):
    """A sum over the slacks ``s_j - s_y + delta`` of the wrong classes j.

    For each it is the maximum of ``a * slack - bend / 2 * a^2`` over ``0 <= a <= cap``.

    Attributes
    ----------
    bend, cap : float
    """

    of_slacks = True
    bend: float
    cap: float

    def slacks(self, scores, y):
        """s_j - s_y + delta for j != y, and minus infinity at the true class."""
        rows = np.arange(len(y))
        slacks = scores - scores[rows, y][:, None] + self.delta
        slacks[rows, y] = -np.inf
        return slacks

    def in_namespace(self, xp):
        return SlacksInNamespace(xp, self)

    def conjugate(self, dual, y):
        others, total = of_wrong_classes(dual, y)
        square, linear = self.bend * (others**2).sum(axis=1), self.delta * total
        return 0.5 * square - linear, square - linear

    def dual_value(self, pull, y, share):
        # The true class has minus the sum of the others, which are not negative.
        own = pull if pull.ndim == 1 else pull[np.arange(len(y)), y]
        mass, square = self.delta * np.abs(own).sum(), 0.0
        if self.bend > 0.0:
            squares = own**2
            if pull.ndim > 1:
                squares = np.einsum("ij,ij->i", pull, pull) - squares
            square = self.bend * (squares / share).sum()
        return lambda scale: (
            scale * (mass - 0.5 * scale * square),
            mass - scale * square,
        )

    def coupling(self, second, share, sum_by_class):
        """Sum over the samples of pi_i (Hessian of L_i), shape (n_rows, n_rows).

        `second` holds pi_i times second derivatives in the slacks, at the true class
        nothing. Each bends along the difference of two classes.
        """
        if second.shape[1] == 1:
            return second.sum(axis=0, keepdims=True)
        bend = sum_by_class(second)
        np.fill_diagonal(bend, 0.0)
        return np.diag(bend.sum(axis=0) + bend.sum(axis=1)) - bend - bend.T

    # -- in an augmented Lagrangian --------------------------------------------------

    def augmented(self, scores, y, share, width, multipliers, pull, second):
        """sum_i pi_i of the loss with multipliers of the slacks.

        For each slack that is the maximum of ``a * slack - bend / 2 * a^2 - width / 2 *
        (a - multiplier)^2``. Writes pi_i times its gradient in the scores to `pull`,
        and pi_i times its second derivatives in the slacks to `second`.
        """
        return kernels().proximal_hinge(
            scores,
            y,
            share,
            self.delta,
            width,
            self.bend,
            self.cap,
            multipliers,
            pull,
            second,
        )

    def augmented_along(self, scores, change, t, y, share, width, multipliers):
        """The same at scores + t * change, and its derivative in t."""
        return kernels().proximal_hinge_along(
            scores,
            change,
            t,
            y,
            share,
            self.delta,
            width,
            self.bend,
            self.cap,
            multipliers,
        )
