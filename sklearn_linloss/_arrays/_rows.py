"""Arrays with a number for each sample and class, which stay on their device."""

import numpy as np


class Rows:
    """Stands for an ndarray of shape (n_samples, n_rows) in expressions of solvers.

    Arrays of NumPy in such expressions are small, and move to the device.

    Parameters
    ----------
    design : Arrays
    array : array of the design's library

    Attributes
    ----------
    array : array
        The present numbers; operations in place set others, and write to none.
    """

    # NumPy leaves operators of its arrays and numbers to those of this class.
    __array_ufunc__ = None

    def __init__(self, design, array):
        self._design = design
        self.array = array

    def __array_function__(self, function, types, args, kwargs):
        xp = self._design.xp
        if function is np.vdot:
            left, right = (
                xp.astype(each.array, xp.float64, copy=False) for each in args
            )
            return float(xp.sum(left * right))
        if function is np.count_nonzero:
            return int(xp.count_nonzero(args[0].array))
        return NotImplemented

    def sum(self, axis):
        """Sum over all samples, an ndarray of shape (n_rows,)."""
        if axis != 0:
            raise NotImplementedError("Rows are summed over all samples only.")
        xp = self._design.xp
        return self._design.host(xp.sum(self.array, axis=0, dtype=xp.float64))

    def astype(self, dtype, copy=True):
        """The same in another precision; `copy` has no effect."""
        xp, dtype = self._design.xp, self._design.precision(dtype)
        return self._new(xp.astype(self.array, dtype, copy=False))

    def copy(self):
        """Another that can be changed by itself."""
        return self._new(self.array)

    def __add__(self, other):
        return self._new(self.array + self._there(other))

    def __sub__(self, other):
        return self._new(self.array - self._there(other))

    def __mul__(self, other):
        return self._new(self.array * self._there(other))

    __radd__ = __add__
    __rmul__ = __mul__

    def __iadd__(self, other):
        self.array = self.array + self._there(other)
        return self

    def __isub__(self, other):
        self.array = self.array - self._there(other)
        return self

    def __imul__(self, other):
        self.array = self.array * self._there(other)
        return self

    def _new(self, array):
        return Rows(self._design, array)

    def _there(self, other):
        if isinstance(other, Rows):
            return other.array
        return self._design.own(other) if np.ndim(other) else float(other)
