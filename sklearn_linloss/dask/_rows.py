"""Arrays with a number for each row of the data, which stay on the workers."""

import numpy as np

from ._shard import Kept


class Rows:
    """Stands for an array of shape (n_samples, n_rows) in expressions of solvers.

    Operations on it wait for the next round; those that end in numbers are one.

    Parameters
    ----------
    parts : Parts
    name : str
        Of the call that makes it.
    *args
        Of that call.
    place : int, default=0
        Among the results of the call.
    """

    # NumPy leaves operators of its arrays and numbers to those of this class.
    __array_ufunc__ = None

    def __init__(self, parts, name, *args, place=0):
        self._parts, self._epoch = parts, parts.epoch
        self._number = parts.new_number()
        self._changes = 0
        self.keep = {place: self._number}
        made = None if place else parts.key(name, *args)
        self._value = (self._number, 0) if made is None else made

    def __del__(self):
        self._parts.forget(self._number)

    @classmethod
    def made(cls, parts, name, *args):
        """Those that a call makes, with the next round."""
        rows = cls(parts, name, *args)
        parts.tell(name, *args, keep=rows.keep)
        return rows

    @property
    def kept(self):
        """What is sent for it."""
        return Kept(self._number, self._epoch)

    @property
    def value(self):
        """What tells arrays apart that may not hold the same numbers."""
        return self._value

    def changed(self):
        """Note that it holds other numbers now."""
        self._changes += 1
        self._value = self._number, self._changes

    def __array_function__(self, function, types, args, kwargs):
        if function not in (np.vdot, np.count_nonzero) or kwargs:
            return NotImplemented
        return self._parts.ask(f"numpy.{function.__name__}", *args)

    def sum(self, axis):
        """Sum over all samples, of shape (n_rows,)."""
        if axis != 0:
            raise NotImplementedError("Rows are summed over all samples only.")
        return self._parts.ask("numpy.sum", self, 0)

    def astype(self, dtype, copy=True):
        """The same in another precision."""
        name = "numpy.array" if copy else "numpy.asarray"
        return self._new(name, self, np.dtype(dtype))

    def copy(self):
        """A copy."""
        return self._new("numpy.copy", self)

    def __add__(self, other):
        return self._new("operator.add", self, other)

    def __sub__(self, other):
        return self._new("operator.sub", self, other)

    def __mul__(self, other):
        return self._new("operator.mul", self, other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __iadd__(self, other):
        return self._change("operator.iadd", other)

    def __isub__(self, other):
        return self._change("operator.isub", other)

    def __imul__(self, other):
        return self._change("operator.imul", other)

    def _new(self, name, *args):
        return Rows.made(self._parts, name, *args)

    def _change(self, name, other):
        self._parts.tell(name, self, other, keep={0: self._number})
        self.changed()
        return self
