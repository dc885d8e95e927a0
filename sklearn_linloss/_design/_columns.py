"""X in the form that a design takes: sorted, and without columns that say nothing."""

import numpy as np
from scipy import sparse

from .._compat import device_of, namespace_of

# Columns of a CSR for each that is in use: from here on, idle ones are left out.
_FEW = 2
_AT_ONCE = 1 << 16  # entries that are looked at, at least, until few are empty
_ROUNDING = 1e-9  # of sums of entries


class Columns:
    """The columns of a CSR that may need a coefficient, or have one to start from.

    Attributes
    ----------
    places : ndarray of int
        Which they are.
    """

    def __init__(self, places, n_columns):
        self.places = places
        self._n_columns = n_columns

    @classmethod
    def of(cls, X, weight, idle, start=None):
        """Those whose weighted sums of the sizes of their entries are above `idle`, one
        number or one for each column, and those of coefficients to start from; None
        where they are many. The weights of the samples add up to one.
        """
        if not sparse.issparse(X):
            return None
        used = np.zeros(X.shape[1], dtype=bool)
        if start is not None:
            used |= start.any(axis=0)
        if np.any(idle):
            sizes = sparse.csr_matrix((np.abs(X.data), X.indices, X.indptr), X.shape)
            used |= ~(sizes.T @ weight <= (1.0 - _ROUNDING) * idle)  # NaN is in use
        else:
            step = max(_AT_ONCE, len(used))
            for first in range(0, len(X.indices), step):
                used[X.indices[first : first + step]] = True
                if _FEW * np.count_nonzero(used) > len(used):
                    return None
        places = np.flatnonzero(used)
        # A matrix without columns is no matrix.
        places = places if len(places) else np.zeros(1, dtype=np.intp)
        return cls(places, X.shape[1]) if _FEW * len(places) <= X.shape[1] else None

    def take(self, X):
        """X without the others."""
        return X[:, self.places]

    def fill(self, W):
        """Coefficients of all columns, zero for the others."""
        full = np.zeros((len(W), self._n_columns), W.dtype)
        full[:, self.places] = W
        return full


def take_rows(X, kept):
    """The rows of X that a mask keeps, or those at some places."""
    xp = namespace_of(X)
    if xp is None:
        return X[kept]
    places = np.flatnonzero(kept) if kept.dtype == bool else kept
    return xp.take(X, xp.asarray(places, device=device_of(X)), axis=0)


def stacked(X, other):
    """The rows of X, and below them those of another one of its kind."""
    if sparse.issparse(X):
        return sparse.vstack([X, other], format="csr")
    return np.concatenate([X, other])


def like(X, other):
    """X of the kind of another one."""
    if sparse.issparse(other):
        return canonical(sparse.csr_matrix(X))
    return X.toarray() if sparse.issparse(X) else X


def canonical(X):
    """X with sorted indices and without duplicates; never in place."""
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    return X
