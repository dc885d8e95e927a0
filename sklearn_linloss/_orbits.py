"""Which points of a grid of alpha, l1_ratio and delta are the same problem.

A margin only sets the scale of the scores: with W = delta W', b = delta b',

    hinge          F(W, b; alpha, rho, delta) = delta   F(W', b'; alpha', rho', 1)
    squared hinge  F(W, b; alpha, rho, delta) = delta^2 F(W', b'; alpha', rho', 1)

because the loss is positively homogeneous in scores and margin together, the L1 part of
the penalty in W and the L2 part of degree two. Hence

    hinge          alpha' rho' = alpha rho,  alpha' (1 - rho') = alpha (1 - rho) delta
    squared hinge  alpha' rho' = alpha rho / delta,  alpha' (1 - rho') = alpha (1 - rho)
"""

import numpy as np

_SAME = 1e-12  # relative


def objective_scale(loss, delta):
    """What the objective at ``delta=1`` is multiplied by."""
    return delta ** _degree(loss) if loss.delta > 0.0 else 1.0


def at_unit_margin(loss, alpha, l1_ratio, delta):
    """alpha' and l1_ratio' of the same problem at ``delta=1``."""
    l1, l2 = alpha * l1_ratio, alpha * (1.0 - l1_ratio)
    if loss.delta > 0.0:
        l1 *= delta ** (1 - _degree(loss))
        l2 *= delta ** (2 - _degree(loss))
    total = l1 + l2
    return total, (l1 / total if total > 0.0 else l1_ratio)


def _degree(loss):
    """That of a loss with a margin."""
    if loss.degree is None:
        raise ValueError(f"What the margin does to the loss {loss.name!r} is unknown.")
    return loss.degree


def find_orbits(alphas, l1_ratios):
    """Which points share a model up to its scale, and paths through these models.

    Parameters
    ----------
    alphas, l1_ratios : ndarrays of shape (n_points,)
        At the unit margin.

    Returns
    -------
    orbit : ndarray of shape (n_points,)
        Number of the orbit of each point, in the order of their first points.
    paths : list of lists of int
        All orbits: those of one `l1_ratio` in a list, by falling `alpha`.
    """
    mixes = _groups(l1_ratios)
    strengths = _groups(alphas)
    _, first, orbit = np.unique(
        np.column_stack([mixes, strengths]),
        axis=0,
        return_index=True,
        return_inverse=True,
    )
    number = np.argsort(np.argsort(first))
    orbit = number[orbit]
    first = np.sort(first)
    paths = [
        sorted(
            (k for k, point in enumerate(first) if mixes[point] == mix),
            key=lambda k: -alphas[first[k]],
        )
        for mix in np.unique(mixes)
    ]
    return orbit, paths


def _groups(values):
    """Numbers such that equal values, up to rounding, have one."""
    order = np.argsort(values)
    ordered = values[order]
    begins = np.diff(ordered, prepend=-np.inf) > _SAME * np.abs(ordered)
    groups = np.empty(len(values), dtype=np.intp)
    groups[order] = np.cumsum(begins)
    return groups
