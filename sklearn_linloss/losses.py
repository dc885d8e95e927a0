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

Scores of zero cost ``delta * (K - 1)`` and ``log(K)``: what a first step should see.

>>> zero = np.zeros(10)
>>> losses.hinge.value(zero, 0, delta=2), round(losses.softmax.value(zero, 0), 4)
(18.0, 2.3026)

Two templates of one score: L2 prefers the one that spreads, L1 neither.

>>> one, quarters = np.array([1, 0, 0, 0]), np.full(4, 0.25)
>>> int(one @ np.ones(4)), int(quarters @ np.ones(4))
(1, 1)
>>> float((one**2).sum()), float((quarters**2).sum())
(1.0, 0.25)
>>> float(np.abs(one).sum()), float(np.abs(quarters).sum())
(1.0, 1.0)

The estimators run compiled versions of the same formulas (`_kernels`).
"""

import numpy as np

__all__ = ["hinge", "softmax", "squared_hinge"]


class Loss:
    """A loss L(s, y) of the scores of one sample with true class y.

    Attributes
    ----------
    name : str
        The name that the estimators use.
    smooth, twice_differentiable : bool
        Whether the gradient is Lipschitz-continuous, and differentiable in turn.
    of_slacks : bool
        Whether it is a sum over slacks ``s_j - s_y + delta``, of the maximum of ``a *
        slack - bend / 2 * a^2`` over ``0 <= a <= cap`` for each.
    bend, cap : float
        Those of the maximum, where there is one.
    """

    name: str
    smooth = True
    twice_differentiable = of_slacks = False
    bend = cap = None

    def __repr__(self):
        return f"<loss {self.name!r}>"

    def curvature(self, n_classes, width=0.0):
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
        raise NotImplementedError

    def steepest(self, slack):
        """Largest slope in one score.

        Parameters
        ----------
        slack : float
            The largest ``s_j - s_y + delta``.

        Returns
        -------
        slope : float
            Without a sign.
        """
        return 1.0

    def dual_size(self, largest, largest_sum):
        """Size of dual points of which 1 is the largest in the conjugate's domain.

        Parameters
        ----------
        largest, largest_sum : float
            Largest entry of a wrong class, and largest sum of those of a sample.

        Returns
        -------
        size : float
            Zero where the domain has no end.
        """
        raise NotImplementedError

    def value(self, scores, y, delta=1.0):
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
        value = self._value(scores, y, delta)
        return float(value[0]) if single else value

    def gradient(self, scores, y, delta=1.0):
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
        gradient = self._gradient(scores, y, delta)
        # Written as minus the sum of the others, the true class loses no digits.
        rows = np.arange(len(y))
        gradient[rows, y] = 0.0
        gradient[rows, y] = -gradient.sum(axis=1)
        return gradient[0] if single else gradient

    def conjugate(self, dual, y, delta=1.0):
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
        rows = np.arange(len(y))
        others = dual.copy()
        others[rows, y] = 0.0
        total = others.sum(axis=1)
        outside = (others < 0.0).any(axis=1) | ~np.isclose(dual[rows, y], -total)
        value = self._conjugate(np.maximum(others, 0.0), total, delta)
        value[outside] = np.inf
        return float(value[0]) if single else value


class _Hinge(Loss):
    """Weston-Watkins hinge, sum_{j != y} max(0, s_j - s_y + delta) [1]_.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support vector machines for multi-class pattern
       recognition", ESANN 1999, equation 5.

    Examples
    --------
    The true class in the sum would add `delta`, and would not move the gradient.

    >>> import numpy as np
    >>> from sklearn_linloss import losses
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    >>> all_classes = np.maximum(scores - scores.diagonal()[:, None] + 1.0, 0.0)
    >>> (all_classes.sum(axis=1) - losses.hinge.value(scores, [0, 1, 2])).round(10)
    array([1., 1., 1.])

    Twice the weights keep a loss of zero, and no other.

    >>> losses.hinge.value(2.0 * scores, [0, 1, 2]).round(10)
    array([ 4.8,  0. , 23.8])
    """

    name, smooth = "hinge", False
    of_slacks, bend, cap = True, 0.0, 1.0

    def curvature(self, n_classes, width=0.0):
        largest = 1.0 if n_classes == 2 else float(n_classes)
        return largest / width if width > 0.0 else np.inf

    def dual_size(self, largest, largest_sum):
        return largest

    def _value(self, scores, y, delta):
        return np.maximum(_margins(scores, y, delta), 0.0).sum(axis=1)

    def _gradient(self, scores, y, delta):
        return (_margins(scores, y, delta) > 0.0).astype(np.float64)

    def _conjugate(self, others, total, delta):
        return np.where((others > 1.0).any(axis=1), np.inf, -delta * total)


class _SquaredHinge(Loss):
    """Squared hinge, sum_{j != y} max(0, s_j - s_y + delta)^2."""

    name = "squared_hinge"
    of_slacks, bend, cap = True, 0.5, np.inf

    def curvature(self, n_classes, width=0.0):
        return 2.0 if n_classes == 2 else 2.0 * n_classes

    def steepest(self, slack):
        return 2.0 * slack

    def dual_size(self, largest, largest_sum):
        return 0.0

    def _value(self, scores, y, delta):
        return (np.maximum(_margins(scores, y, delta), 0.0) ** 2).sum(axis=1)

    def _gradient(self, scores, y, delta):
        return 2.0 * np.maximum(_margins(scores, y, delta), 0.0)

    def _conjugate(self, others, total, delta):
        return (others**2).sum(axis=1) / 4.0 - delta * total


class _Softmax(Loss):
    """Cross-entropy of the softmax, logsumexp(s) - s_y, in natural logarithms."""

    name, twice_differentiable = "softmax", True

    def curvature(self, n_classes, width=0.0):
        return 0.25 if n_classes == 2 else 0.5

    def predict_proba(self, scores):
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
        scores = _as_float(scores)
        proba = np.exp(scores - scores.max(axis=-1, keepdims=True))
        proba /= proba.sum(axis=-1, keepdims=True)
        return proba

    def dual_size(self, largest, largest_sum):
        return largest_sum

    def _value(self, scores, y, delta):
        rows = np.arange(len(y))
        relative = scores - scores[rows, y][:, None]
        largest = relative.max(axis=1)
        exponentials = np.exp(relative - largest[:, None])
        top = relative.argmax(axis=1)
        exponentials[rows, top] = 0.0
        return np.log1p(exponentials.sum(axis=1)) + largest

    def _gradient(self, scores, y, delta):
        return self.predict_proba(scores)

    def _conjugate(self, others, total, delta):
        true = np.maximum(1.0 - total, 0.0)
        value = _xlogx(others).sum(axis=1) + _xlogx(true)
        return np.where(total > 1.0 + 1e-12, np.inf, value)


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


def _margins(scores, y, delta):
    """s_j - s_y + delta for j != y, and minus infinity at the true class."""
    rows = np.arange(len(y))
    margins = scores - scores[rows, y][:, None] + delta
    margins[rows, y] = -np.inf
    return margins


def _xlogx(p):
    return p * np.log(np.where(p > 0.0, p, 1.0))


hinge = _Hinge()
squared_hinge = _SquaredHinge()
softmax = _Softmax()
