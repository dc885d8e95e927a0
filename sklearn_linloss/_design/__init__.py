"""The data as solvers see them: a linear map, its adjoint, and sums over rows.

Only here is it known what kind X is.
"""

from scipy import sparse

from .._compat import namespace_of
from ._base import Design, readonly
from ._columns import Columns, canonical, like, stacked, take_rows
from ._scaled import Scaled

__all__ = [
    "Columns",
    "Design",
    "Scaled",
    "canonical",
    "design_of",
    "kind_of",
    "like",
    "readonly",
    "stacked",
    "take_rows",
]


def design_of(X, n_threads=1):
    """The design of a C-contiguous ndarray, a CSR or an array of another library, in
    float32 or float64.
    """
    # Compiled code is imported here and not before: predicting needs none.
    if sparse.issparse(X):
        from .csr import Csr

        return Csr(X, n_threads)
    if namespace_of(X) is not None:
        from .arrays import Arrays

        return Arrays(X, n_threads)
    from .dense import Dense

    return Dense(X, n_threads)


def kind_of(X):
    """What the choice of a solver asks of X, by the names of `Request`."""
    return {"by_products": namespace_of(X) is not None, "sparse": sparse.issparse(X)}
