"""The losses on plain score arrays, in NumPy.

Each loss is an object with `value`, `gradient` and `conjugate`. Scores have shape
``(K,)`` with an integer label, or ``(n, K)`` with ``n`` labels, for ``K >= 2`` classes.

>>> import math
>>> import numpy as np
>>> from sklearn_linloss import losses
>>> cat, car, frog = [3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]
>>> hinges = losses.hinge.value([cat, car, frog], [0, 1, 2])
>>> hinges.round(10), round(float(hinges.mean()), 2)
(array([ 2.9,  0. , 12.9]), 5.27)
>>> losses.hinge.value([13, -7, 11], 0, delta=10)
8.0

With weights 1, 1 and 10 the frog counts for most of the mean:

>>> round(float(np.average(hinges, weights=[1, 1, 10])), 2)
10.99

Logarithms are natural; 0.89, which the lecture's slide has for the cat, is to base 10.

>>> round(losses.softmax.value(cat, 0), 2)
2.04
>>> round(losses.softmax.value(cat, 0) / math.log(10), 2)
0.89

Where all scores are zero, the losses are ``delta * (K - 1)`` and ``log(K)``. A program
that starts from weights of zero should print these numbers first.

>>> zero = np.zeros(10)
>>> losses.hinge.value(zero, 0, delta=2), round(losses.softmax.value(zero, 0), 4)
(18.0, 2.3026)

Two rows of weights give the same score. The one that spreads its weight has the smaller
L2 norm; the L1 norms are equal.

>>> one, quarters = np.array([1, 0, 0, 0]), np.full(4, 0.25)
>>> int(one @ np.ones(4)), int(quarters @ np.ones(4))
(1, 1)
>>> float((one**2).sum()), float((quarters**2).sum())
(1.0, 0.25)
>>> float(np.abs(one).sum()), float(np.abs(quarters).sum())
(1.0, 1.0)

The estimators run compiled versions of the same formulas (`_kernels`).
"""

from typing import Any

import numpy as np

from . import _losses
from ._losses._base import balanced, of_wrong_classes
from ._losses.softmax import probabilities
from ._typing import Array, ArrayLike

__all__ = ["hinge", "softmax", "squared_hinge"]

_OUTSIDE = 1e-12  # how far dual points may be by rounding


class Loss:
    """A loss L(s, y) of the scores of one sample with true class y.

    Parameters
    ----------
    kind : type
        The class of the loss; called with a margin, it makes the loss.

    Attributes
    ----------
    name : str
        The name that the estimators use.
    smooth, twice_differentiable : bool
        Whether the gradient is Lipschitz-continuous, and differentiable in turn.
    """

    def __init__(self, kind: type[_losses.Loss]) -> None:
        self._kind = kind
        self.name = kind.name
        self.smooth = kind.smooth
        self.twice_differentiable = kind.twice_differentiable

    def __repr__(self) -> str:
        return f"<loss {self.name!r}>"

    def at_margin(self, delta: float = 1.0) -> _losses.Loss:
        """The loss as fits take it.

        Parameters
        ----------
        delta : float, default=1.0
            Margin of the hinges, in the unit of the scores; the softmax has none.

        Returns
        -------
        loss : sklearn_linloss._losses.Loss
            With all that solvers and certificates ask of it.
        """
        if not delta >= 0.0:
            raise ValueError(f"delta must not be negative, got {delta}.")
        return self._kind(delta)

    def curvature(self, n_classes: int, width: float = 0.0) -> float:
        """Largest eigenvalue of the Hessian in the scores.

        Parameters
        ----------
        n_classes : int
            Two classes count as the one row that the estimators fit.
        width : float, default=0.0
            Interval over which a hinge is smoothed.

        Returns
        -------
        curvature : float
            Infinite for the hinge itself.
        """
        return self.at_margin().curvature(n_classes, width)

    def value(self, scores: ArrayLike, y: ArrayLike, delta: float = 1.0) -> Any:
        """Loss of each sample.

        Parameters
        ----------
        scores : array-like of shape (n_classes,) or (n_samples, n_classes)
            Scores, one a class.
        y : int or array-like of int of shape (n_samples,)
            Index of the true class.
        delta : float, default=1.0
            Margin of the hinges, in the unit of the scores; the softmax has none.

        Returns
        -------
        value : float or ndarray of shape (n_samples,)
            Not averaged; a number for one sample.
        """
        scores, y, single = _as_rows(scores, y)
        value = self.at_margin(delta).value(scores, y)
        return float(value[0]) if single else value

    def gradient(self, scores: ArrayLike, y: ArrayLike, delta: float = 1.0) -> Array:
        """(Sub)gradient of the loss of each sample with respect to its scores.

        Parameters
        ----------
        scores : array-like of shape (n_classes,) or (n_samples, n_classes)
            Scores, one a class.
        y : int or array-like of int of shape (n_samples,)
            Index of the true class.
        delta : float, default=1.0
            Margin of the hinges, in the unit of the scores; the softmax has none.

        Returns
        -------
        gradient : ndarray of the shape of `scores`
            The entries of a row sum to zero.
        """
        scores, y, single = _as_rows(scores, y)
        gradient = balanced(self.at_margin(delta).gradient(scores, y), y)
        return gradient[0] if single else gradient

    def conjugate(self, dual: ArrayLike, y: ArrayLike, delta: float = 1.0) -> Any:
        """Fenchel conjugate L*(a) = sup_s <a, s> - L(s) at each dual point.

        Parameters
        ----------
        dual : array-like of shape (n_classes,) or (n_samples, n_classes)
            Dual points a, in the space of the gradient.
        y : int or array-like of int of shape (n_samples,)
            Index of the true class.
        delta : float, default=1.0
            Margin of the hinges, in the unit of the scores; the softmax has none.

        Returns
        -------
        value : float or ndarray of shape (n_samples,)
            Infinite outside the domain.
        """
        dual, y, single = _as_rows(dual, y)
        loss = self.at_margin(delta)
        others, total = of_wrong_classes(dual, y)
        inside = np.maximum(others, 0.0)
        value, _ = loss.conjugate(inside, y)
        outside = (others < 0.0).any(axis=1)
        outside |= ~np.isclose(dual[np.arange(len(y)), y], -total)
        size = loss.dual_size(inside.max(axis=1), inside.sum(axis=1))
        outside |= size > 1.0 + _OUTSIDE
        value[outside] = np.inf
        return float(value[0]) if single else value


class _Softmax(Loss):
    """The softmax, which has no margin and has probabilities."""

    def at_margin(self, delta: float = 1.0) -> _losses.Loss:
        return self._kind()

    def predict_proba(self, scores: ArrayLike) -> Array:
        """Softmax of the scores, along the last axis.

        Parameters
        ----------
        scores : array-like of shape (n_classes,) or (n_samples, n_classes)
            Scores, one a class.

        Returns
        -------
        proba : ndarray of the shape of `scores`
            Entries in [0, 1] that sum to one in each row.
        """
        return probabilities(_as_float(scores))


def _as_float(array):
    array = np.asarray(array)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _as_rows(scores, y):
    """Scores as (n, K), labels as (n,), and whether the caller gave one sample."""
    scores = _as_float(scores)
    y = np.asarray(y)
    if scores.ndim not in (1, 2) or scores.shape[-1] < 2:
        raise ValueError(
            "Expected scores of shape (n_classes,) or (n_samples, n_classes) with at "
            f"least two classes, got {scores.shape}."
        )
    if y.shape != scores.shape[:-1]:
        raise ValueError(
            f"Scores of shape {scores.shape} need labels of shape "
            f"{scores.shape[:-1]}, got {y.shape}."
        )
    if y.dtype.kind not in "iu":
        raise ValueError(f"Labels must be integers, got dtype {y.dtype}.")
    if y.size and (y.min() < 0 or y.max() >= scores.shape[-1]):
        raise ValueError(f"Labels must lie in [0, {scores.shape[-1] - 1}].")
    return np.atleast_2d(scores), np.atleast_1d(y), scores.ndim == 1


hinge = Loss(_losses.Hinge)
squared_hinge = Loss(_losses.SquaredHinge)
softmax = _Softmax(_losses.Softmax)
