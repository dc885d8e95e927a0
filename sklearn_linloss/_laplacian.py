"""Systems of a Laplacian: what holds classes together by their differences alone."""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.sparse.csgraph import connected_components

ROUNDING = 1e-12  # eigenvalue over the largest: smaller ones are taken for zero
# Square of the least pivot over that of the largest, for the Cholesky factor to do: it
# would follow directions that `ROUNDING` leaves alone.
SAFE = 1e-6


def solve_laplacian(matrix, right):
    """The solution of least norm of a positive semi-definite system.

    Its null space holds what is constant on each connected part of the graph, whose
    edges are the entries that are not zero; a single number is solved as it is.
    """
    n = len(matrix)
    if n > 1:
        part = np.zeros(n, np.intp)
        if not matrix.all():
            _, part = connected_components(matrix != 0.0, directed=False)
        sizes = np.bincount(part)
        right = right - (np.bincount(part, right) / sizes)[part]
        # Fills the null space.
        filled = matrix + np.equal.outer(part, part) * (
            np.trace(matrix) / n / sizes[part]
        )
        try:
            factor = cho_factor(filled, check_finite=False)
        except LinAlgError:
            pass
        else:
            pivots = factor[0].diagonal()
            if pivots.min() ** 2 > SAFE * pivots.max() ** 2:
                return cho_solve(factor, right, check_finite=False)
    return np.linalg.lstsq(matrix, right, rcond=ROUNDING)[0]
