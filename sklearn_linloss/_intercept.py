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
_WIDTH_SHRINK = 0.3
_STEPS = 50


def smallest_intercept(objective, theta, certifier, tol):
    """`theta` with the smallest intercept whose objective is higher by _PART * tol.

    By less where the gap leaves less: a converged fit stays within its tolerance.

    Minimises the hinge of the intercept b plus a multiple of |b|^2, by Newton's method
    on the smoothed hinge, over a width that shrinks.
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
    ridge = slack / size
    scores = scores - b
    centre = np.zeros_like(scores)
    pull, second = np.empty_like(scores), np.empty_like(scores)

    def smoothed(b, width):
        data = _kernels.proximal_hinge(
            scores + b, f.y, f.weight, f.delta, width, centre, pull, second
        )
        return data + 0.5 * ridge * (b @ b)

    def length_of(step, point, width, here, decrement):
        start = scores + point
        change = np.tile(step, (f.n_samples, 1))

        def along(t):
            data, slope = _kernels.proximal_hinge_along(
                start, change, t, f.y, f.weight, f.delta, width, centre
            )
            at_t = point + t * step
            slope += ridge * (at_t @ step)
            return -(data + 0.5 * ridge * (at_t @ at_t)), -slope

        return maximize_concave(along, np.inf, -here, decrement - here, decrement)[0]

    def descend(point, width, smallest_width):
        for _ in range(_STEPS):
            here = smoothed(point, width)
            gradient, hessian = _derivatives(f, pull, second)
            gradient += ridge * point
            hessian[np.diag_indices_from(hessian)] += ridge
            step = -np.linalg.lstsq(hessian, gradient, rcond=1e-14)[0]
            decrement = -(gradient @ step)
            point = point + length_of(step, point, width, here, decrement) * step
            if decrement <= 0.1 * slack:
                if width <= smallest_width:
                    break
                width = max(_WIDTH_SHRINK * width, smallest_width)
        return point

    # With few slacks near zero the smoothing costs the square of the width, else as
    # much as the width.
    safe = slack / f.n_classes
    usual = np.sqrt(safe * f.delta)
    point, width = b, f.delta
    for smallest_width in (usual, safe):
        point = descend(point, width, smallest_width)
        if f.loss_value(scores + point) <= value + slack and point @ point < size:
            theta = theta.copy()
            f.intercepts(theta)[:] = point
            break
        width = smallest_width
    return theta


def _derivatives(f, pull, second):
    """Gradient and Hessian of the smoothed hinge in the intercepts."""
    gradient = pull.sum(axis=0)
    if f.n_rows == 1:
        return gradient, np.array([[second.sum()]])
    flows = np.empty((f.n_classes, f.n_classes))
    _kernels.class_flows(second, f.y, flows)
    flows += flows.T.copy()
    return gradient, np.diag(flows.sum(axis=1)) - flows
