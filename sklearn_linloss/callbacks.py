"""Callbacks of scikit-learn (version 1.9 and later) that know of the duality gap."""

import sys
from math import inf, log, nan
from threading import Lock
from time import monotonic
from typing import Any, NamedTuple

from ._compat import close_listener, open_listener, require_callbacks, send

__all__ = ["GapProgress"]

_WIDTH = 30  # of the bar, in characters
_PAUSE = 0.1  # seconds between two drawings
_MOST = 0.99  # of a fit that is not certified

# The bars of the runs that this process draws, by the identifiers of the runs. They
# stay here because a callback is sent to workers, and a bar cannot be.
_BARS: dict[Any, "_Bar"] = {}


class GapProgress:
    """Progress bar whose measure is the duality gap.

    A callback of scikit-learn: ``SVMClassifier().set_callbacks(GapProgress())``. One
    line on the standard error stream, in terminals and notebooks, shows how much is
    done, the last gap and the time. Set it on what you fit, alone or as a part of
    something: a classifier, a search, a pipeline or scikit-learn's `GridSearchCV`,
    with any number of processes; :func:`~sklearn_linloss.linear_path` takes it as
    ``callbacks=[GapProgress()]``.

    Attributes
    ----------
    max_propagation_depth : None
        Says to scikit-learn that the callback serves estimators at any depth.

    Raises
    ------
    ImportError
        If this scikit-learn has no callbacks as version 1.9 has them.

    See Also
    --------
    sklearn.callback.ProgressBar : Counts iterations, of at most `max_iter`.

    Notes
    -----
    The part of a fit that is done is ``log(first / gap) / log(first / tol)``, with the
    first gap that is known and the lowest one so far. Between certificates this gap is
    an estimate, so that the bar is full only when a fit has ended with ``gap_ <= tol``;
    otherwise it stays where it is. If no gap is known, as within a fit by "sgd", or if
    the gap does not end the fit (``tol=0`` or ``alpha=0``), the bar shows iterations as
    a part of `max_iter`. All parts of a path or a search count the same, and so do the
    steps of a pipeline.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> from sklearn_linloss.callbacks import GapProgress
    >>> X, y = load_digits(return_X_y=True)
    >>> model = SoftmaxClassifier(alpha=0.01).set_callbacks(GapProgress())
    >>> model = model.fit(X / 16, y)
    """

    max_propagation_depth = None

    def __init__(self) -> None:
        require_callbacks("GapProgress")
        self._handles: dict[Any, Any] = {}

    def setup(self, estimator: Any, context: Any) -> None:
        """Draw the empty bar; scikit-learn calls it when all begins.

        Parameters
        ----------
        estimator : estimator
            What is fitted.
        context : CallbackContext
            The task as a whole.
        """
        bar = _BARS[context.root_uuid] = _Bar(context.estimator_name)
        self._handles[context.root_uuid] = open_listener(bar.take)

    def teardown(self, estimator: Any, context: Any) -> None:
        """Draw the bar for the last time; scikit-learn calls it when all is over.

        Parameters
        ----------
        estimator : estimator
            What was fitted.
        context : CallbackContext
            The task as a whole.
        """
        close_listener(self._handles.pop(context.root_uuid))
        _BARS.pop(context.root_uuid).close()

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing; scikit-learn calls it when a task begins.

        Parameters
        ----------
        estimator : estimator
            Whose task it is.
        context : CallbackContext
            The task.
        """

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Note what is done; scikit-learn calls it when a task or an iteration ends.

        Parameters
        ----------
        estimator : estimator
            Whose task it was.
        context : CallbackContext
            The task.
        fitted_estimator : estimator, default=None
            The model at the end of the task, where there is one.
        """
        path = _path_to(context)
        of_fit = context.task_name == "iteration" and hasattr(fitted_estimator, "gap_")
        done = 0.0
        if of_fit:
            *path, (number, _) = path
            done = (number + 1) / path[-1][1]
        gap = float(getattr(fitted_estimator, "gap_", nan))
        tol = getattr(estimator, "tol", nan)
        note = _Note(tuple(path), gap, tol, done, ended=not of_fit)
        send(self._handles[context.root_uuid], note)


class _Note(NamedTuple):
    """What a bar is told: that a task ended, or an iteration of it.

    Attributes
    ----------
    path : tuple of (int, int or None)
        From the whole to the task, what identifies each, and how many parts it has.
    gap : float
        Relative duality gap; nan where it is not known.
    tol : float
        Where it ends the fit.
    done : float
        The part of `max_iter` that is done.
    ended : bool
        Whether it is the task that ended.
    """

    path: tuple[tuple[int, int | None], ...]
    gap: float
    tol: float
    done: float
    ended: bool


def _path_to(context):
    path = []
    while context is not None:
        path.append((context.task_id, context.max_subtasks))
        context = context.parent
    return path[::-1]


class _Progress:
    """Of a task: what its parts have done, or, where it is a fit, the gap."""

    def __init__(self, n_parts):
        self._n_parts = n_parts
        self._parts = {}
        self._first = nan
        self._done = 0.0
        self._is_fit = self._ended = False

    def at(self, path):
        """That of the task at the end of a path from here."""
        if not path:
            return self
        (number, n_parts), *rest = path
        if number not in self._parts:
            self._parts[number] = _Progress(n_parts)
        return self._parts[number].at(rest)

    def take(self, note):
        """Take what happened to this very task."""
        if note.ended:
            self._ended = True
            # A gap that is not known, and a tolerance that does not count, pass.
            if not (self._is_fit and note.gap > note.tol > 0.0):
                self._done = 1.0
            return
        self._is_fit = True
        if not self._first > 0.0:
            self._first = note.gap
        self._done = max(self._done, min(self._measure(note), _MOST))

    def _measure(self, note):
        if not (self._first > 0.0 and note.tol > 0.0):
            return note.done
        if note.gap <= note.tol:
            return 1.0
        if self._first <= note.tol:
            return 0.0
        return log(self._first / note.gap) / log(self._first / note.tol)

    @property
    def done(self):
        """Between 0 and 1."""
        if not self._parts:
            return self._done
        parts = [part.done for part in self._parts.values()]
        if self._ended:
            # Parts that nobody told of are done.
            n_parts = max(self._n_parts or 0, len(parts))
            return 1.0 - sum(1.0 - part for part in parts) / n_parts
        return sum(parts) / self._n_parts if self._n_parts else 0.0


class _Bar:
    """One line of text, drawn anew when something was done."""

    def __init__(self, name):
        self._name = name
        self._whole = None
        self._gap = nan
        self._begun, self._drawn = monotonic(), -inf
        self._length = 0
        self._lock = Lock()
        self._draw()

    def take(self, note):
        """Draw what a note says, unless the last drawing is fresh."""
        with self._lock:
            (_, n_parts), *path = note.path
            if self._whole is None:
                self._whole = _Progress(n_parts)
            self._whole.at(path).take(note)
            if note.gap >= 0.0:
                self._gap = note.gap
            if monotonic() - self._drawn >= _PAUSE:
                self._draw()

    def close(self):
        """Draw the end, and go on to the next line."""
        with self._lock:
            self._draw(end="\n")

    def _draw(self, end=""):
        if sys.stderr is None:  # a program without a console
            return
        done = 0.0 if self._whole is None else self._whole.done
        filled = int(_WIDTH * done)
        bar = "#" * filled + "." * (_WIDTH - filled)
        gap = f", gap {self._gap:.1e}" if self._gap >= 0.0 else ""
        seconds = monotonic() - self._begun
        line = f"{self._name} [{bar}] {int(100 * done)} %{gap}, {seconds:.1f} s"
        sys.stderr.write("\r" + line.ljust(self._length) + end)
        sys.stderr.flush()
        self._length = len(line)
        self._drawn = monotonic()
