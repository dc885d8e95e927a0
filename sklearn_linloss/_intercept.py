"""The intercept of the hinge, where several serve equally well.

The hinge is piecewise linear, and its best intercepts may form an interval that can
flip every prediction (strong penalties, few samples). The one in the middle is taken:
it stays far from the kinks at which predictions and objective change, scales with the
margin and ignores the origin of the features.

The hinge smoothed by an exponential, ``width * log(1 + exp(slack / width))``, has one
best intercept, which tends to the centre of the interval as the width falls: its
smallest distance to a kink, in slacks, is the largest.
"""

import numpy as np

from . import _kernels

_PART = 0.1  # of the tolerance that the choice may cost
_FALL = 3.0
_WIDTHS = _FALL ** -np.arange(1.0, 28.0)  # of the margin
_STEPS, _HALVINGS = 20, 10
_ROUNDING = 1e-14
# In widths: a step that ends the search, the longest, where a kink is lost in rounding,
# and which kinks are watched.
_NEGLIGIBLE, _LONGEST, _FAR, _REACH = 1e-4, 5.0, 25.0, 49.0
# Below such a width, of the margin, an intercept that is still near is the only one.
_FINE, _NEAR = 1e-4, 3.0


def central_intercept(objective, theta, certifier, tol):
    """`theta` with the central one of the intercepts that cost at most _PART * tol.

    Or less where the gap leaves less: a converged fit stays within its tolerance.
    """
    f = objective
    b = f.intercepts(theta) - f.intercepts(theta).mean() * (f.n_rows > 1)
    scores = f.scores(theta, np.float64)
    value = f.loss_value(scores)
    total = value + f.penalty_value(theta)
    gap = certifier.gap(total)
    room = tol - gap if gap <= tol else tol
    allowed = value + min(_PART * tol, 0.99 * room) * total
    if allowed <= value or f.delta == 0.0:
        return theta
    scores -= b
    point = b
    last = None  # of the widths that cost no more than is allowed
    for width in _WIDTHS * f.delta:
        point = _descend(f, scores, point, width)
        if width <= _FINE * f.delta and np.abs(point - b).max() <= _NEAR * width:
            return theta  # it is the only one
        if f.loss_value(scores + point) > allowed:
            continue
        if last is not None:
            # Its distance from the centre is proportional to the width.
            centre = point + (point - last) / (_FALL - 1.0)
            if f.loss_value(scores + centre) <= allowed:
                point = centre
            break
        last = point
    else:
        return theta
    theta = theta.copy()
    f.intercepts(theta)[:] = point
    return theta


def _descend(f, scores, point, width):
    """Minimise the smoothed hinge by Newton's method from a point."""
    smooth = _SmoothHinge(f, scores, point, width)
    value, gradient, hessian = smooth.expand(point)
    for _ in range(_STEPS):
        step = -np.linalg.lstsq(hessian, gradient, rcond=1e-12)[0]
        step *= min(1.0, _LONGEST * width / max(np.abs(step).max(), width))
        for _ in range(_HALVINGS):
            trial = smooth.expand(point + step)
            if trial[0] <= value + _ROUNDING * abs(value):
                break
            step *= 0.5
        else:
            break
        point = point + step
        value, gradient, hessian = trial
        if np.abs(step).max() <= _NEGLIGIBLE * width:
            break
        if not smooth.covers(point):
            smooth = _SmoothHinge(f, scores, point, width)
            value, gradient, hessian = smooth.expand(point)
    return point


class _SmoothHinge:
    """The smoothed hinge as a function of the intercept, around a point.

    Only samples with a slack near a kink are visited again; for the others it is
    linear. Values are up to a constant.
    """

    def __init__(self, f, scores, point, width):
        self._f = f
        self._width = width
        self._point = point
        there = scores + point
        if f.n_rows == 1:
            sign = np.where(f.y == 1, -1.0, 1.0)
            slack = f.delta + sign[:, None] * there
        else:
            own = there[np.arange(f.n_samples), f.y]
            slack = there - own[:, None] + f.delta
        near = (np.abs(slack) <= _REACH * width).any(axis=1)
        self._scores, self._y, self._weight = scores[near], f.y[near], f.weight[near]
        _, pull = f.loss_gradient(there)
        self._far = pull[~near].sum(axis=0)

    def covers(self, point):
        """Whether no other sample can have come near a kink, after one more step."""
        moved = 2.0 * (np.abs(point - self._point).max() + _LONGEST * self._width)
        return moved <= (_REACH - _FAR) * self._width

    def expand(self, b):
        """Value, gradient and Hessian."""
        f = self._f
        gradient, hessian = np.empty(f.n_rows), np.empty((f.n_rows, f.n_rows))
        value = _kernels.exponential_hinge(
            self._scores,
            b,
            self._y,
            self._weight,
            f.delta,
            self._width,
            _FAR,
            gradient,
            hessian,
        )
        value += self._far @ (b - self._point)
        return value, gradient + self._far, hessian
