"""The one door to numba: compiled without the GIL, cached on disk where possible."""

import numba

# Not `fastmath=True`: "nnan" and "ninf" would break the checks for finite values.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
_OPTIONS = {
    "nogil": True,
    "fastmath": _FASTMATH,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
_WITHIN = {"forceinline": True, "no_cpython_wrapper": True}


def jit(function):
    """Compile `function` on its first call, once for each signature.

    Numba refuses `cache=True` when the decorator runs if it finds no directory
    to write to (read-only installs); the function is then compiled in each process.
    """
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return numba.njit(**_OPTIONS)(function)


def inlined(function):
    """The same for what kernels call: a part of each kernel, and of its cache.

    A callee of its own is optimised twice, alone and in its caller's module. Which copy
    runs depends on whether the caller was compiled or found on disk, and reassociated
    sums differ in their last bits.
    """
    return numba.njit(**_OPTIONS, **_WITHIN)(function)
