"""Who watches a fit from outside: a validation set, scikit-learn's callbacks."""

import numpy as np


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

    def end(self, theta):
        """It ended with this model; returns whether a callback asks to stop."""
        if self._iteration is None:
            return False
        iteration, self._iteration = self._iteration, None
        return iteration.call_on_fit_task_end(
            estimator=self._estimator,
            reconstruction_attributes=lambda: self.attributes(theta),
            **self._data,
        )

    def finish(self):
        """The fit is over; an iteration that was given up ends without a model."""
        if self._iteration is not None:
            self._iteration.call_on_fit_task_end(estimator=self._estimator)
        self._context.call_on_fit_task_end(
            estimator=self._estimator, reconstruction_attributes={}, **self._data
        )


def begin_callbacks(estimator, X, y, sample_weight):
    """The callbacks of a fit that begins; None where scikit-learn has none."""
    if not hasattr(estimator, "_init_callback_context"):
        return None
    context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
    metadata = None if sample_weight is None else {"sample_weight": sample_weight}
    return Callbacks(estimator, context, {"X": X, "y": y, "metadata": metadata})
