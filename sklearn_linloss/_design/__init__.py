"""The data as solvers see them: a linear map, its adjoint, and sums over rows.

Only here is it known what kind X is.
"""

from scipy import sparse

from ._base import Design, readonly
from ._columns import Columns, canonical, like

__all__ = [
    "Columns",
    "Design",
    "canonical",
    "design_of",
    "like",
    "readonly",
]


def design_of(X, n_threads=1):
    """The design of a C-contiguous ndarray or a CSR, in float32 or float64."""
    # Compiled code is imported here and not before: predicting needs none.
    if sparse.issparse(X):
        from .csr import Csr

        return Csr(X, n_threads)
    from .dense import Dense

    return Dense(X, n_threads)
