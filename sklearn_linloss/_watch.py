"""Who watches a fit from outside: a validation set, scikit-learn's callbacks."""

from contextlib import contextmanager

import numpy as np

from ._compat import require_callbacks, with_callbacks


class Validation:
    """The loss on samples that the fit does not see.

    Parameters
    ----------
    objective : Objective
        Of the validation samples, in the coordinates of the fit.
    options : Options
        With `early_stopping` the best model is kept, and the fit stops after
        `n_iter_no_change` iterations, none of which lowered the loss by more than
        `tol` times itself. With ``tol=0`` it makes all its iterations.

    Attributes
    ----------
    curve : list of float
        The mean loss at the start and after each iteration.
    cycle : tuple of int, or None
        The iterations before and at the end of the present cycle of a learning rate
        that falls in cycles, for solvers that have one. As the loss falls with the
        rate, the fit then stops at the end of a cycle only; also when the loss fell by
        less than `tol` times itself in each `n_iter_no_change` iterations of the cycle,
        on the average.
    """

    def __init__(self, objective, options):
        self.curve = []
        self.cycle = None
        self._objective = objective
        self._options = options
        self._best = np.inf
        self._mark, self._since = np.inf, 0

    def improves(self, theta):
        """Note the loss of a model, and say whether to keep it instead of the best."""
        f = self._objective
        loss = f.loss_value(f.scores(theta))
        self.curve.append(loss)
        self._since += 1
        if len(self.curve) == 1 or loss < self._mark * (1.0 - self._options.tol):
            self._mark, self._since = loss, 0
        better = loss < self._best
        self._best = min(loss, self._best)
        return better or not self._options.early_stopping

    @property
    def satisfied(self):
        """Whether the fit should stop."""
        options = self._options
        if not options.early_stopping or options.tol == 0.0:
            return False
        stalled = self._since >= options.n_iter_no_change
        if self.cycle is None:
            return stalled
        start, end = self.cycle
        if len(self.curve) - 1 < end:
            return False
        gain = min(self.curve[: start + 1]) - self._best
        spans = (end - start) / options.n_iter_no_change
        return stalled or gain <= options.tol * self._best * spans


class Callbacks:
    """Tells scikit-learn's callbacks of the fit and of each iteration.

    Attributes
    ----------
    attributes : callable
        Takes the vector of a model, and returns the fitted attributes to predict with.
        To be set before the first iteration.
    """

    def __init__(self, estimator, context, data):
        self.attributes = None
        self._estimator = estimator
        self._context = context
        self._data = data
        self._iteration = None
        self._listened = bool(getattr(estimator, "_skl_callbacks", ()))
        context.call_on_fit_task_begin(estimator=estimator, **data)

    def begin(self):
        """An iteration begins."""
        if not self._listened:
            return
        self._iteration = self._context.subcontext(task_name="iteration")
        self._iteration.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    def end(self, theta, gap):
        """It ended with this model, whose relative gap is about `gap` (nan: unknown);
        returns whether a callback asks to stop.
        """
        if self._iteration is None:
            return False
        iteration, self._iteration = self._iteration, None
        return iteration.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=lambda: {**self.attributes(theta), "gap_": gap},
            **self._data,
        )

    def finish(self, **attributes):
        """The fit is over; an iteration that was given up ends without a model.

        `attributes` are fitted ones that the estimator itself has not.
        """
        if self._iteration is not None:
            self._iteration.call_on_fit_task_end(estimator=self._estimator)
        self._context.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=attributes,
            **self._data,
        )


class Task:
    """What callbacks are told of a path or a search, or of a part of one.

    Parameters
    ----------
    estimator : estimator, default=None
        That with the callbacks.
    context : CallbackContext, default=None
        None where nobody watches.
    data : dict, default=None
        `X`, `y` and `metadata`, as hooks take them.
    """

    def __init__(self, estimator=None, context=None, data=None):
        self._estimator, self._context, self._data = estimator, context, data or {}

    def begin(self):
        """It begins; returns itself."""
        if self._context is not None:
            self._context.call_on_fit_task_begin(
                estimator=self._estimator, **self._data
            )
        return self

    def end(self):
        """It ended."""
        if self._context is not None:
            self._context.call_on_fit_task_end(estimator=self._estimator, **self._data)

    def part(self, name, n_parts=0, number=None):
        """A part of it, with so many parts of its own; the next one, or, where the
        parts are not in turn, that of a number.
        """
        if self._context is None:
            return self
        context = self._context.subcontext(
            task_name=name, task_id=number, max_subtasks=n_parts
        )
        return Task(self._estimator, context)

    def fit(self):
        """The callbacks of the next part, a fit of the same estimator, which begins."""
        if self._context is None:
            return None
        context = self._context.subcontext(
            task_name="fit", max_subtasks=self._estimator.max_iter
        )
        return Callbacks(self._estimator, context, self._data)

    @contextmanager
    def is_fit_of(self, model):
        """All of it is the fit of another estimator, inside of this context."""
        if self._context is None:
            yield
            return
        with self._context.propagate_callback_context(model):
            self.begin()
            yield
        self.end()


UNWATCHED = Task()


def watch(estimator, callbacks):
    """Give an estimator a sequence of callbacks.

    Raises
    ------
    TypeError
        If it is something else.
    ImportError
        If this scikit-learn has no callbacks.
    """
    if not isinstance(callbacks, list | tuple):
        raise TypeError(f"callbacks must be a list of callbacks, got {callbacks!r}.")
    if callbacks:
        require_callbacks("Parameter callbacks")
        estimator.set_callbacks(*callbacks)


def begin_task(estimator, n_parts, *data, in_turn=True):
    """The task of an estimator that begins something of so many parts.

    `data` are X, y and the weights. Parts that are not in turn have numbers.
    """
    if not getattr(estimator, "_skl_callbacks", ()):
        return UNWATCHED
    context = estimator._init_callback_context(
        max_subtasks=n_parts, sequential_subtasks=in_turn
    )
    return Task(estimator, context, _as_hooks_take(*data)).begin()


def begin_callbacks(estimator, *data):
    """The callbacks of a fit that begins; None where scikit-learn has none.

    `data` are X, y and the weights.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
    return Callbacks(estimator, context, _as_hooks_take(*data))


@with_callbacks
def call_watched(estimator, function, *data):
    """What a function returns that fits an estimator; it is handed the callbacks."""
    return function(begin_callbacks(estimator, *data))


def _as_hooks_take(X, y, sample_weight):
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return {"X": X, "y": y, "metadata": metadata}
