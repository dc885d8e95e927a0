"""One thread for the BLAS of NumPy and SciPy while a model is fitted.

The threads of a fit are those that `n_jobs` asks for. More of them, below each product
of two vectors, change the last bits of a model with the number of processors, and take
many times the time where other processes want the same ones.
"""

import os
from contextlib import ContextDecorator
from functools import lru_cache
from threading import Lock

import threadpoolctl


class _OneBlasThread(ContextDecorator):
    """Limits BLAS from the first of the fits that overlap in time until the last ends.

    The limit is one of the process. If each fit kept what it found and put it back, one
    that began within another would put back one thread, for good. Of OpenBLAS,
    threadpoolctl lets only the first thread set it that did; here any may.
    """

    def __init__(self):
        self._begin()

    def _begin(self):
        self._lock, self._inside, self._limit = Lock(), 0, None

    def __enter__(self):
        with self._lock:
            if self._inside == 0:
                _let_any_thread_set_it()
                self._limit = _controller().limit(limits=1, user_api="blas")
            self._inside += 1

    def __exit__(self, *error):
        with self._lock:
            if self._inside == 0:
                return  # in a child that was forked within
            self._inside -= 1
            if self._inside == 0:
                self._restore()

    def _restore(self):
        _let_any_thread_set_it()
        self._limit.restore_original_limits()
        _let_any_thread_set_it()

    def begin_in_child(self):
        """Forget the fits of the process that this one was forked from."""
        if self._inside > 0:
            self._restore()
        self._begin()


@lru_cache(maxsize=1)
def _controller():
    """It looks through the libraries that are loaded, which takes milliseconds."""
    return threadpoolctl.ThreadpoolController()


def _let_any_thread_set_it():
    # Older versions have no such rule.
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


one_blas_thread = _OneBlasThread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=one_blas_thread.begin_in_child)
