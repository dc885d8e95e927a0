"""The intercept of the hinge, where several serve equally well.

The hinge is piecewise linear, and its best intercepts may form an interval that can
flip every prediction (strong penalties, few samples). The one in the middle is taken:
it stays far from the kinks at which predictions and objective change, scales with the
margin and ignores the origin of the features.

The hinge smoothed by an exponential, ``width * log(1 + exp(slack / width))``, has one
best intercept, which tends to the centre of the interval as the width falls: its
smallest distance to a kink, in slacks, is the largest.
"""

from dataclasses import dataclass

import numpy as np

from ._laplacian import solve_laplacian


@dataclass(frozen=True)
class Rules:
    """Widths and accuracies of the search; 0004 is a decision in docs/adr/."""

    part: float = 0.1  # of the tolerance that the choice may cost (0004)
    # -- the widths: fall^-1, fall^-2, ... in margins (0004) ---------------------------
    fall: float = 3.0
    n_widths: int = 27
    # The widest are skipped where the smoothed hinge bends at the next: by `seen` of
    # what one sample of mean weight at a kink contributes (0004).
    skipped: int = 3
    seen: float = 1e-4
    # -- Newton's method at one width, with lengths in widths ------------------------
    steps: int = 20
    halvings: int = 10  # of a step
    rounding: float = 1e-14  # of the objective
    negligible: float = 1e-4  # step that ends the search
    rough: float = 0.1  # step that ends it at widths on the way
    longest: float = 5.0  # step
    far: float = 25.0  # slack at which rounding hides that the hinge is smoothed
    reach: float = 49.0  # slack up to which samples are visited again
    # -- the only optimal intercept (0004) -------------------------------------------
    fine: float = 1e-4  # width at which to tell, in margins
    near: float = 3.0  # distance of the smoothed optimum, in widths, at most
    flat: float = 1e-4  # least curvature over the largest, at least
    # -- lowest_intercept -----------------------------------------------------------
    narrowest: float = 1e-12  # width, in margins
    newton_steps: int = 100
    newton_halvings: int = 60  # of a step
    balanced: float = 1e-15  # slope over the sum of all that it is made of


RULES = Rules()
_WIDTHS = RULES.fall ** -np.arange(1.0, RULES.n_widths + 1.0)


def central_intercept(objective, theta, certifier, tol):
    """`theta` with the central one of the intercepts that cost little.

    At most `RULES.part` of the tolerance, and less where the gap leaves less: a
    converged fit stays within its tolerance.
    """
    f = objective
    b = f.intercepts(theta) - f.intercepts(theta).mean() * (f.n_rows > 1)
    scores = f.scores(theta, np.float64)
    value = f.loss_value(scores)
    total = value + f.penalty_value(theta)
    gap = certifier.gap(total)
    room = tol - gap if gap <= tol else tol
    allowed = value + min(RULES.part * tol, 0.99 * room) * total
    if allowed <= value or f.loss.delta == 0.0:
        return theta
    g, scores = f.on_host(scores)
    scores -= b
    if _is_the_only_one(g, scores, b):
        return theta
    widths = _WIDTHS * f.loss.delta
    point, hessian = _descend(g, scores, b, widths[RULES.skipped], RULES.rough)
    least = RULES.seen / (f.n_samples * widths[RULES.skipped])
    if hessian is None or _bends(g, hessian)[0] < least:
        point = b  # the kinks are further away
    else:
        widths = widths[RULES.skipped :]
    last, costs = point, True
    for width in widths:
        # The distance of the optimum from the centre is proportional to the width.
        start = point + (point - last) / RULES.fall
        last = point
        accuracy = RULES.rough if costs else RULES.negligible
        point, _ = _descend(g, scores, start, width, accuracy)
        if g.loss_value(scores + point) > allowed:
            continue
        if costs:
            point, _ = _descend(g, scores, point, width)
            costs = False
            continue
        centre = point + (point - last) / (RULES.fall - 1.0)
        if g.loss_value(scores + centre) <= allowed:
            point = centre
        break
    else:
        return theta
    theta = theta.copy()
    f.intercepts(theta)[:] = point
    return theta


def lowest_intercept(objective, scores):
    """What to add to the scores of all samples, for the least loss.

    Parameters
    ----------
    objective : Objective
    scores : ndarray of shape (n_samples, n_rows), float64

    Returns
    -------
    shift : ndarray of shape (n_rows,)
        Zero where nothing is better.
    """
    f, zero = objective, np.zeros(scores.shape[1])
    if f.loss.smooth:
        return _lowest_of_smooth(f, scores)
    if not f.loss.of_slacks:
        return zero
    # The spread of the scores is how far the best one may be.
    width = max(f.loss.delta, np.ptp(scores))
    best, lowest, point = zero, f.loss_value(scores), zero
    while width > RULES.narrowest * f.loss.delta:
        point, _ = _descend(f, scores, point, width)
        value = f.loss_value(scores + point)
        if value < lowest:
            best, lowest = point, value
        width /= RULES.fall
    return best


def _lowest_of_smooth(f, scores):
    """Newton's method, which ends where rounding does not let it descend."""
    shift = np.zeros(scores.shape[1])
    value, gradient = f.loss_gradient(scores)
    for _ in range(RULES.newton_steps):
        slope = gradient.sum(axis=0)
        if np.abs(slope).max() <= RULES.balanced * np.abs(gradient).sum():
            break
        step = -solve_laplacian(f.intercept_hessian(gradient), slope)
        for _ in range(RULES.newton_halvings):
            trial, trial_gradient = f.loss_gradient(scores + shift + step)
            if trial <= value + RULES.rounding * value:
                break
            step *= 0.5
        else:
            break
        shift, value, gradient = shift + step, trial, trial_gradient
    return shift


def _is_the_only_one(f, scores, b):
    """Whether kinks on all sides hold the intercept where it is."""
    width = RULES.fine * f.loss.delta
    point, hessian = _descend(f, scores, b, width, RULES.rough)
    if hessian is None or np.abs(point - b).max() > RULES.near * width:
        return False
    bends = _bends(f, hessian)
    return bends[0] > RULES.flat * bends[-1]


def _bends(f, hessian):
    """Eigenvalues of the Hessian, without the zero of a common constant."""
    return np.linalg.eigvalsh(hessian)[min(1, f.n_rows - 1) :]


def _descend(f, scores, point, width, accuracy=RULES.negligible):
    """Minimise the smoothed hinge by Newton's method from a point.

    Returns the Hessian too, or None where the search did not end.
    """
    smooth = _SmoothHinge(f, scores, point, width)
    value, gradient, hessian = smooth.expand(point)
    for _ in range(RULES.steps):
        step = -solve_laplacian(hessian, gradient)
        step *= min(1.0, RULES.longest * width / max(np.abs(step).max(), width))
        for _ in range(RULES.halvings):
            trial = smooth.expand(point + step)
            if trial[0] <= value + RULES.rounding * abs(value):
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

    Only slacks near a kink are visited again; in the others it is linear. Values are up
    to a constant. With one row of scores the intercept of class 0 is zero.
    """

    def __init__(self, f, scores, point, width):
        self._width = width
        self._point = point
        self._n_classes, self._free = f.n_classes, slice(f.n_classes - f.n_rows, None)
        slack = scores + point
        if f.n_rows == 1:
            slack *= np.where(f.y == 1, -1.0, 1.0)[:, None]
        else:
            slack -= slack[np.arange(f.n_samples), f.y, None]
        slack += f.loss.delta
        reach = RULES.reach * width
        near = np.abs(slack) <= reach
        far = slack > reach
        if f.n_rows > 1:
            near[np.arange(f.n_samples), f.y] = far[np.arange(f.n_samples), f.y] = False
        samples, to = near.nonzero()
        self._slack, self._weight = slack[near], f.share[samples]
        self._from = f.y[samples]
        self._to = to if f.n_rows > 1 else 1 - self._from
        leaving = np.bincount(f.y, f.share * np.count_nonzero(far, axis=1), f.n_classes)
        arriving = f.share @ far if f.n_rows > 1 else leaving[::-1]
        self._far = (arriving - leaving)[self._free]

    def covers(self, point):
        """Whether no other slack can have come near a kink, after one more step."""
        moved = 2.0 * (np.abs(point - self._point).max() + RULES.longest * self._width)
        return moved <= (RULES.reach - RULES.far) * self._width

    def expand(self, b):
        """Value, gradient and Hessian."""
        shift = b - self._point
        by_class = np.zeros(self._n_classes)
        by_class[self._free] = shift
        slack = self._slack + by_class[self._to] - by_class[self._from]
        # In place where that is possible: all slacks may be near a kink.
        e = np.abs(slack)
        e /= -self._width
        np.exp(e, out=e)
        smooth = np.log1p(e)
        smooth *= self._width
        smooth += np.maximum(slack, 0.0)
        value = self._weight @ smooth + self._far @ shift
        share = np.add(e, 1.0, out=smooth)
        np.divide(1.0, share, out=share)
        rest = np.multiply(e, share, out=e)
        slope = np.where(slack > 0.0, share, rest)
        slope *= self._weight
        bend = np.multiply(share, rest, out=share)
        bend *= self._weight / self._width
        gradient = self._sums(self._to, slope) - self._sums(self._from, slope)
        bends = self._sums(self._from * self._n_classes + self._to, bend, 2)
        hessian = np.diag(bends.sum(axis=0) + bends.sum(axis=1)) - bends - bends.T
        free = self._free
        return value, gradient[free] + self._far, hessian[free, free]

    def _sums(self, keys, terms, power=1):
        shape = (self._n_classes,) * power
        return np.bincount(keys, terms, self._n_classes**power).reshape(shape)
