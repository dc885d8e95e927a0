"""The intercept of the hinge, where several serve equally well.

The hinge is piecewise linear, and its best intercepts may form an interval that can
flip every prediction (strong penalties, balanced classes). Of the intercepts as good as
the fit's own, up to a small part of the tolerance, the smallest is taken, for centred
features: it scales with the margin and ignores the origin of the features.
"""

import numpy as np

from . import _kernels
from ._certificate import maximize_concave

_PART = 0.1  # of the tolerance that the choice may cost
_STEPS = 50
_NEGLIGIBLE = 1e-3  # of the width
_REACH = 0.05  # of the margin
_FEW_SCORES = 5000  # visited anyway


def smallest_intercept(objective, theta, certifier, tol):
    """`theta` with the smallest intercept whose objective is higher by _PART * tol.

    By less where the gap leaves less: a converged fit stays within its tolerance.

    Minimises the hinge of the intercept b plus a multiple of |b|^2, by Newton's method
    on the smoothed hinge.
    """
    f = objective
    b = f.intercepts(theta) - f.intercepts(theta).mean() * (f.n_rows > 1)
    scores = f.scores(theta, np.float64)
    value = f.loss_value(scores)
    total = value + f.penalty_value(theta)
    gap = certifier.gap(total)
    room = tol - gap if gap <= tol else tol
    slack = min(_PART * tol, 0.99 * room) * total
    size = b @ b
    if size == 0.0 or slack <= 0.0:
        return theta
    scores -= b
    if f.n_rows == 1:
        return _with_intercept(f, theta, _nearest_to_zero(f, scores, b, value + slack))
    # With few slacks near zero the smoothing costs the square of the width, else as
    # much as the width.
    safe = slack / f.n_classes
    point = b
    for width in (np.sqrt(safe * f.delta), safe):
        point = _descend(f, scores, point, width, slack / size, 0.1 * slack)
        if f.loss_value(scores + point) <= value + slack and point @ point < size:
            return _with_intercept(f, theta, point)
        if np.sqrt(size) - np.linalg.norm(point) <= width:
            break  # nowhere to go
    return theta


def _with_intercept(f, theta, b):
    theta = theta.copy()
    f.intercepts(theta)[:] = b
    return theta


def _nearest_to_zero(f, scores, b, level):
    """The intercept between 0 and b that is nearest to 0 and no worse than `level`.

    For the single row of two classes. Newton's method on the convex, piecewise linear
    hinge reaches it from below in as many steps as there are pieces at most.
    """
    sign = np.where(f.y == 1, 1.0, -1.0)
    slack = f.delta - sign * scores[:, 0]
    toward = sign * np.sign(b[0])
    far = abs(b[0])
    size = 0.0
    while size < far:
        rest = slack - toward * size
        active = (rest > 0.0) | ((rest == 0.0) & (toward < 0.0))
        excess = f.weight[active] @ rest[active] - level
        slope = f.weight[active] @ toward[active]
        if excess <= 0.0 or slope <= 0.0:
            break
        step = min(excess / slope, far - size)
        if size + step == size:
            break
        size += step
    return np.sign(b) * size


def _descend(f, scores, point, width, ridge, tol):
    """Minimise the smoothed hinge of the intercept plus ridge / 2 |b|^2."""
    reach = _REACH * f.delta if scores.size > _FEW_SCORES else np.inf
    near = _SmoothedHinge(f, scores, point, width, reach)
    for _ in range(_STEPS):
        here, gradient, hessian = near.derivatives(point)
        gradient += ridge * point
        np.einsum("ii->i", hessian)[:] += ridge
        step = -np.linalg.lstsq(hessian, gradient, rcond=1e-14)[0]
        decrement = -(gradient @ step)
        if decrement <= 0.0:
            break
        along = near.line(point, step, ridge)
        start = -here - 0.5 * ridge * (point @ point)
        cap = near.room(point, step)
        t, _ = maximize_concave(along, cap, start, start + decrement, decrement)
        point = point + t * step
        if t == cap:
            reach *= 2.0
            near = _SmoothedHinge(f, scores, point, width, reach)
        elif decrement <= tol or t * np.abs(step).max() <= _NEGLIGIBLE * width:
            break
    return point


class _SmoothedHinge:
    """The hinge of the intercept, smoothed over `width`, within `reach` of a point.

    There it is linear in the intercept for all samples but those with a slack near
    zero, and only these are visited again. Values are up to a constant.
    """

    def __init__(self, f, scores, point, width, reach):
        self._f = f
        self._width = width
        self._point = point
        self._reach = reach
        scores = scores + point
        if f.n_rows == 1:
            sign = np.where(f.y == 1, 1.0, -1.0)[:, None]
            slack = f.delta - sign * scores
        else:
            own = scores[np.arange(f.n_samples), f.y]
            slack = scores - own[:, None] + f.delta
            slack[np.arange(f.n_samples), f.y] = np.inf
        near = (np.abs(slack) <= 2.0 * reach + width).any(axis=1)
        self._scores = scores[near]
        self._y = f.y[near]
        self._weight = f.weight[near]
        self._centre = np.zeros_like(self._scores)
        self._pull = np.empty_like(self._scores)
        self._second = np.empty_like(self._scores)
        _, far = f.loss_gradient(scores)
        self._far = far[~near].sum(axis=0)

    def room(self, point, step):
        """The largest t whose point + t * step is within reach."""
        with np.errstate(divide="ignore"):
            there = (self._reach - np.sign(step) * (point - self._point)) / abs(step)
        return there.min()

    def derivatives(self, point):
        """Value, gradient and Hessian."""
        f = self._f
        move = point - self._point
        value = _kernels.proximal_hinge(
            self._scores + move,
            self._y,
            self._weight,
            f.delta,
            self._width,
            self._centre,
            self._pull,
            self._second,
        )
        gradient = self._pull.sum(axis=0) + self._far
        if f.n_rows == 1:
            hessian = np.array([[self._second.sum()]])
        else:
            flows = np.empty((f.n_classes, f.n_classes))
            _kernels.class_flows(self._second, self._y, flows)
            flows += flows.T.copy()
            hessian = np.diag(flows.sum(axis=1)) - flows
        return value + self._far @ move, gradient, hessian

    def line(self, point, step, ridge):
        """Minus the value with the ridge at point + t * step, and its derivative."""
        f = self._f
        move = point - self._point
        start = self._scores + move
        change = np.empty_like(start)
        change[:] = step

        def along(t):
            value, slope = _kernels.proximal_hinge_along(
                start,
                change,
                t,
                self._y,
                self._weight,
                f.delta,
                self._width,
                self._centre,
            )
            at_t = point + t * step
            value += self._far @ (move + t * step) + 0.5 * ridge * (at_t @ at_t)
            slope += self._far @ step + ridge * (at_t @ step)
            return -value, -slope

        return along
