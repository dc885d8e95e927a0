"""The time that a fit has."""

from concurrent.futures import Future, TimeoutError
from threading import Thread
from time import perf_counter

_POLL = 0.1  # seconds, after which Ctrl-C is heard at last


class OutOfTimeError(Exception):
    """The time of a fit is over, in the middle of an iteration."""


class Clock:
    """Runs from its making.

    Parameters
    ----------
    limit : float, default=None
        Seconds until the time is over; without end for None.
    """

    def __init__(self, limit=None):
        self._begun = perf_counter()
        self._limit = limit

    @property
    def elapsed(self):
        """Seconds since it was made."""
        return perf_counter() - self._begun

    def is_over(self, seconds=0.0):
        """Whether the time is over in so many seconds."""
        return self._limit is not None and self.elapsed + seconds >= self._limit

    def check(self):
        """Raise OutOfTimeError if the time is over."""
        if self.is_over():
            raise OutOfTimeError

    def patiently(self, function, *args):
        """Call a function in a thread, and hear Ctrl-C and the end of the time.

        For long ones that leave the interpreter to others. One that is given up goes on
        until it ends, without effect.
        """
        future = Future()

        def work():
            try:
                future.set_result(function(*args))
            except BaseException as error:
                future.set_exception(error)

        Thread(target=work, daemon=True).start()
        while True:
            try:
                return future.result(_POLL)
            except TimeoutError:
                if future.done():
                    raise
                self.check()
