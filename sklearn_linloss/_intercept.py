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

_PART = 0.1  # of the tolerance that the choice may cost
_FALL = 3.0
_WIDTHS = _FALL ** -np.arange(1.0, 28.0)  # of the margin
# The widest are skipped where the next sees kinks enough, of a sample.
_SKIPPED, _SEEN = 3, 1e-4
_STEPS, _HALVINGS = 20, 10
_ROUNDING = 1e-14
# In widths: a step that ends the search, and one on the way, the longest, where a kink
# is lost in rounding, and which kinks are watched.
_NEGLIGIBLE, _ROUGH, _LONGEST, _FAR, _REACH = 1e-4, 0.1, 5.0, 25.0, 49.0
# An intercept is the only one if at such a width, of the margin, the best is so near,
# in widths, and the Hessian not flatter in any direction.
_FINE, _NEAR, _FLAT = 1e-4, 3.0, 1e-4


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
    if allowed <= value or f.loss.delta == 0.0:
        return theta
    scores -= b
    if _is_the_only_one(f, scores, b):
        return theta
    widths = _WIDTHS * f.loss.delta
    point, hessian = _descend(f, scores, b, widths[_SKIPPED], _ROUGH)
    least = _SEEN / (f.n_samples * widths[_SKIPPED])
    if hessian is None or _bends(f, hessian)[0] < least:
        point = b  # the kinks are further away
    else:
        widths = widths[_SKIPPED:]
    last, costs = point, True
    for width in widths:
        # Its distance from the centre is proportional to the width.
        start = point + (point - last) / _FALL
        last = point
        point, _ = _descend(f, scores, start, width, _ROUGH if costs else _NEGLIGIBLE)
        if f.loss_value(scores + point) > allowed:
            continue
        if costs:
            point, _ = _descend(f, scores, point, width)
            costs = False
            continue
        centre = point + (point - last) / (_FALL - 1.0)
        if f.loss_value(scores + centre) <= allowed:
            point = centre
        break
    else:
        return theta
    theta = theta.copy()
    f.intercepts(theta)[:] = point
    return theta


def _is_the_only_one(f, scores, b):
    """Whether kinks on all sides hold the intercept where it is."""
    width = _FINE * f.loss.delta
    point, hessian = _descend(f, scores, b, width, _ROUGH)
    if hessian is None or np.abs(point - b).max() > _NEAR * width:
        return False
    bends = _bends(f, hessian)
    return bends[0] > _FLAT * bends[-1]


def _bends(f, hessian):
    """Second derivatives, without that of a common constant."""
    return np.linalg.eigvalsh(hessian)[min(1, f.n_rows - 1) :]


def _descend(f, scores, point, width, accuracy=_NEGLIGIBLE):
    """Minimise the smoothed hinge by Newton's method from a point.

    Returns the Hessian too, or None where the search did not end.
    """
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
        if np.abs(step).max() <= accuracy * width:
            return point, hessian
        if not smooth.covers(point):
            smooth = _SmoothHinge(f, scores, point, width)
            value, gradient, hessian = smooth.expand(point)
    return point, None


class _SmoothHinge:
    """The smoothed hinge as a function of the intercept, around a point.

    Only samples with a slack near a kink are visited again; for the others it is
    linear. Values are up to a constant.
    """

    def __init__(self, f, scores, point, width):
        self._width = width
        self._point = point
        self._n_rows = f.n_rows
        there = scores + point
        if f.n_rows == 1:
            self._sign = np.where(f.y == 1, -1.0, 1.0)[:, None]
            slack = f.loss.delta + self._sign * there
        else:
            samples = np.arange(f.n_samples)
            slack = there - there[samples, f.y][:, None] + f.loss.delta
            slack[samples, f.y] = -np.inf
        near = (np.abs(slack) <= _REACH * width).any(axis=1)
        self._slack, self._y = slack[near], f.y[near]
        self._weight = f.weight[near]
        if f.n_rows == 1:
            self._sign = self._sign[near]
        else:
            of_class = np.equal.outer(np.arange(f.n_rows), self._y)
            self._weight_of_class = of_class * self._weight
        _, pull = f.loss_gradient(there)
        self._far = ~near @ pull

    def covers(self, point):
        """Whether no other sample can have come near a kink, after one more step."""
        moved = 2.0 * (np.abs(point - self._point).max() + _LONGEST * self._width)
        return moved <= (_REACH - _FAR) * self._width

    def expand(self, b):
        """Value, gradient and Hessian."""
        shift = b - self._point
        if self._n_rows == 1:
            slack = self._slack + self._sign * shift
        else:
            slack = self._slack + shift
            slack -= shift[self._y, None]
        # In place where that is possible: all samples may be near a kink.
        e = np.abs(slack)
        e /= -self._width
        np.exp(e, out=e)
        smooth = np.log1p(e)
        smooth *= self._width
        smooth += np.maximum(slack, 0.0)
        value = self._weight @ smooth.sum(axis=1) + self._far @ shift
        share = np.add(e, 1.0, out=smooth)
        np.divide(1.0, share, out=share)
        rest = np.multiply(e, share, out=e)
        slope = np.where(slack > 0.0, share, rest)
        bend = np.multiply(share, rest, out=share)
        bend /= self._width
        if self._n_rows == 1:
            gradient = self._weight @ (self._sign * slope)
            return value, gradient + self._far, (self._weight @ bend)[:, None]
        gradient = self._weight @ slope - self._weight_of_class @ slope.sum(axis=1)
        bend = self._weight_of_class @ bend
        hessian = np.diag(bend.sum(axis=0) + bend.sum(axis=1)) - bend - bend.T
        return value, gradient + self._far, hessian
