"""Entries of a matrix are asked for before they are needed."""

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from .._jit import inlined

_AHEAD = 12  # entries of a CSR that are visited while memory answers (0011)
_LINE = 64  # bytes of a cache line
IN_CACHE = 2048  # rows of coefficients, up to which none need be asked for


def _asks_for(target, builder, signature, arguments):
    """Code that asks for an entry of an array, the places of which follow it."""
    kind, *indices = signature.args
    indices = [
        target.cast(builder, value, index, types.intp)
        for value, index in zip(arguments[1:], indices, strict=True)
    ]
    array = make_array(kind)(target, builder, arguments[0])
    entry = cgutils.get_item_pointer(target, builder, kind, array, indices)
    number, address = ir.IntType(32), ir.IntType(8).as_pointer()
    form = ir.FunctionType(ir.VoidType(), [address, number, number, number])
    call = builder.module.declare_intrinsic("llvm.prefetch", [address], form)
    # To be read, and kept in all caches, as data.
    how = [ir.Constant(number, code) for code in (0, 3, 1)]
    builder.call(call, [builder.bitcast(entry, address), *how])
    return target.get_dummy_value()


@intrinsic
def _fetch(context, matrix, row, column):
    """Ask for an entry of a matrix that is needed soon; never faults, changes nothing.

    With CSR the rows of W come in no order that a processor could guess.
    """
    return types.void(matrix, row, column), _asks_for


@intrinsic
def _fetch_entry(context, array, place):
    """The same of an array of one dimension."""
    return types.void(array, place), _asks_for


if config.DISABLE_JIT:

    def _fetch(matrix, row, column):
        pass

    def _fetch_entry(array, place):
        pass


@inlined
def unsigned(i):
    """A number that is not negative, as an index: no code asks whether it counts from
    the end, which takes longer than to use an entry of a CSR.
    """
    return np.uintp(i)


@inlined
def fetch_ahead(matrix, indices, p):
    """Ask for the row of a matrix that the entry some way after the p-th meets."""
    j = unsigned(indices[unsigned(min(p + _AHEAD, len(indices) - 1))])
    _fetch(matrix, j, 0)
    _fetch(matrix, j, matrix.shape[1] - 1)


@inlined
def fetch_row(X, i):
    """Ask for a row of a dense matrix."""
    for j in range(0, X.shape[1], _LINE // X.itemsize):
        _fetch(X, i, j)


@inlined
def fetch_csr_row(data, indices, indptr, i):
    """Ask for a row of a CSR."""
    begin, end = indptr[i], indptr[i + 1]
    for p in range(begin, end, _LINE // data.itemsize):
        _fetch_entry(data, p)
    for p in range(begin, end, _LINE // indices.itemsize):
        _fetch_entry(indices, p)
