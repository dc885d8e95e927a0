"""The cross-entropy of the softmax."""

import numpy as np

from ._base import of_wrong_classes
from ._compiled import CompiledLoss, kernels
from ._namespace import SoftmaxInNamespace


class Softmax(CompiledLoss):
    """Cross-entropy of the softmax, logsumexp(s) - s_y, in natural logarithms."""

    name, twice_differentiable = "softmax", True

    def __init__(self):
        super().__init__(delta=0.0)  # it has no margin

    def value(self, scores, y):
        rows = np.arange(len(y))
        relative = scores - scores[rows, y][:, None]
        largest = relative.max(axis=1)
        exponentials = np.exp(relative - largest[:, None])
        top = relative.argmax(axis=1)
        exponentials[rows, top] = 0.0
        return np.log1p(exponentials.sum(axis=1)) + largest

    def gradient(self, scores, y):
        return probabilities(scores)

    def in_namespace(self, xp):
        return SoftmaxInNamespace(xp)

    def conjugate(self, dual, y):
        others, total = of_wrong_classes(dual, y)
        rest = np.maximum(1.0 - total, 0.0)
        with np.errstate(divide="ignore"):
            slopes = _xlogx(others).sum(axis=1) - total * np.log(rest)
        return _xlogx(others).sum(axis=1) + _xlogx(rest), slopes

    def curvature(self, n_classes, width=0.0):
        return 0.25 if n_classes == 2 else 0.5

    def steepest(self, spread):
        return 1.0

    def dual_size(self, largest, largest_sum):
        return largest_sum

    def best_scores(self, mass):
        return np.log(mass)

    def leeway(self, dual):
        rest = 1.0 - dual.sum(axis=1, keepdims=True)
        return dual * np.maximum(rest, 0.0)

    def dual_value(self, pull, y, share):
        return lambda scale: kernels().entropy(pull, y, share, scale)

    def intercept_hessian(self, pull, y, share, sum_by_class):
        if pull.shape[1] == 1:
            return self.coupling(self.second(pull, y, share), share, sum_by_class)
        root = np.sqrt(share)
        p = pull / root[:, None]
        p[np.arange(len(y)), y] += root  # the roots of the shares times probabilities
        coupling = -(p.T @ p)
        # The rows of a Laplacian add up to zero, also where rounding would tell.
        np.fill_diagonal(coupling, 0.0)
        np.fill_diagonal(coupling, -coupling.sum(axis=1))
        return coupling

    # -- second derivatives, for Newton's method -------------------------------------
    #
    # They are determined by the probabilities; of two classes by that of the wrong one.

    def probabilities_of(self, pull, y, share):
        """What made the gradient in the scores `pull`, (n, n_rows)."""
        relative = pull / share[:, None]
        if pull.shape[1] == 1:
            return np.abs(relative)
        own = np.arange(len(y)), y
        # Next to zero, rounding would leave a negative number.
        relative[own] = np.maximum(relative[own] + 1.0, 0.0)
        return relative

    def second(self, pull, y, share):
        """The probabilities, or for one row pi_i times the second derivatives: what
        the kernels of Newton's method take.
        """
        p = self.probabilities_of(pull, y, share)
        return p if p.shape[1] > 1 else _bends(p, share)

    def class_curvature(self, second, share):
        """The diagonal of pi_i (Hessian of L_i), shape (n_samples, n_rows)."""
        if second.shape[1] == 1:
            return second
        return _bends(second, share)

    def coupling(self, second, share, sum_by_class):
        """Sum over the samples of pi_i (Hessian of L_i), shape (n_rows, n_rows)."""
        if second.shape[1] == 1:
            return second.sum(axis=0, keepdims=True)
        weighted = share[:, None] * second
        return np.diag(weighted.sum(axis=0)) - second.T @ weighted

    def bend(self, second, share, dtype):
        """The map of changes of the scores by pi_i (Hessian of L_i), in place."""
        p = second.astype(dtype, copy=False)
        if p.shape[1] == 1:
            return lambda change: np.multiply(change, p, out=change)
        weighted = (share[:, None] * second).astype(dtype, copy=False)

        def bent(change):
            change -= np.einsum("ik,ik->i", p, change)[:, None]
            change *= weighted
            return change

        return bent


def probabilities(scores):
    """Softmax of the scores, along the last axis."""
    proba = np.exp(scores - scores.max(axis=-1, keepdims=True))
    proba /= proba.sum(axis=-1, keepdims=True)
    return proba


def _bends(p, share):
    """share * p * (1 - p)."""
    bends = share[:, None] * p
    bends *= 1.0 - p
    return bends


def _xlogx(p):
    return p * np.log(np.where(p > 0.0, p, 1.0))
