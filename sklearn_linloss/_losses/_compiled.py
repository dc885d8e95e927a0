"""Losses whose sums over samples are compiled."""

from functools import cache

import numpy as np

from ._base import Loss


@cache
def kernels():
    """Compiled code, imported with the first sum: predicting needs none."""
    from .. import _kernels

    return _kernels


class CompiledLoss(Loss):
    """A loss that the kernels know; two classes are their margin form."""

    @property
    def code(self):
        """What kernels know it by."""
        return kernels().code_of(self)

    def total(self, scores, y, share, width=0.0):
        # A gradient of one row is scratch.
        return self.total_gradient(scores, y, share, np.empty_like(scores[:1]), width)

    def total_gradient(self, scores, y, share, gradient, width=0.0):
        return kernels().loss_gradient(
            self.code, scores, y, share, self.delta, width, gradient
        )

    def hessian_product(self, scores, y, share, direction, out, width=0.0):
        n_rows = 1 if scores.ndim == 1 else scores.shape[1]
        kernels().loss_hessian(
            self.code,
            scores,
            y,
            share,
            self.delta,
            width,
            direction,
            np.empty((1, n_rows)),
            out,
        )
