"""What fits advise: remedies where they stop early, and parameters without effect."""

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from . import _solvers
from ._fit import scaling_applies
from ._warn import warn

# The defaults of what only some solvers read.
_OF_STEPS = {
    "eta0": 0.01,
    "power_t": 0.5,
    "momentum": 0.9,
    "batch_size": "auto",
    "average": False,
    "shuffle": True,
}
# Warnings of them that this process has had.
_SAID: set[tuple] = set()


def warn_not_converged(estimator, objective, out_of_time):
    """Warn that the solver did not meet its rule, with remedies that apply."""
    by_plateau = not _solvers.SOLVERS[estimator.solver_].ends_by_gap or (
        estimator.learning_rate == "constant" and not objective.loss.smooth
    )
    if estimator.early_stopping:
        state = "before the validation loss stopped falling"
    elif by_plateau:
        state = "before the objective reached a plateau"
    elif objective.penalty.is_zero:
        state = "before the subgradient was small"
    else:
        state = f"at a relative duality gap of {estimator.gap_:.1e}"
    if out_of_time:
        limit = f"max_time={estimator.max_time:g}"
        remedies = ["increase max_time or tol"]
    elif estimator.n_iter_ >= estimator.max_iter:
        limit, remedies = f"max_iter={estimator.max_iter}", ["increase max_iter or tol"]
    else:
        limit, remedies = "limit of precision", ["increase tol"]
        if objective.design.dtype == np.float32:
            remedies.append("give X in float64")
    if estimator.learning_rate != "auto":
        remedies.append("use another eta0")
    if scaling_applies(objective):
        remedies.append("scale the features, for example with StandardScaler")
    remedy = ", or ".join(remedies)
    warn(
        f"The solver {estimator.solver_!r} stopped after {estimator.n_iter_} "
        f"iterations ({limit}) {state} (tol={estimator.tol:g}). "
        f"{remedy[0].upper()}{remedy[1:]}.",
        ConvergenceWarning,
    )


def warn_of_unread(estimator, solver):
    """Warn of parameters set by the user that have no effect.

    Only where "auto" chose the solver: who names one knows what it reads; and once
    a process, as the filters of Python would show it for each fit of a search.
    """
    if estimator.solver != "auto":
        return
    rate = estimator.learning_rate
    unread = set(_OF_STEPS) - set(_solvers.SOLVERS[solver].reads)
    if rate != "auto":
        unread.discard("eta0")
    if rate == "invscaling":
        unread.discard("power_t")
    names = [
        name
        for name, default in _OF_STEPS.items()
        if name in unread and getattr(estimator, name, default) != default
    ]
    said = (*names, solver, rate)
    if names and said not in _SAID:
        _SAID.add(said)
        warn(
            f"{', '.join(names)} had no effect: solver='auto' picked {solver!r}, "
            f"with learning_rate={rate!r}. Mini-batches need solver='sgd'; eta0 "
            "needs learning_rate='constant', 'invscaling' or 'adaptive'.",
            UserWarning,
        )


def warn_of_gaps(fits, model):
    """One warning for all the fits that stopped before their tolerance."""
    open_ = [fit for fit in fits if not (fit.converged or fit.wanted)]
    if open_ and model.tol > 0.0:
        worst = max(fit.gap for fit in open_)
        scale = ""
        if any(fit.unscaled for fit in open_):
            scale = ", or scale the features, for example with StandardScaler"
        warn(
            f"{len(open_)} of {len(fits)} fits stopped before they reached "
            f"tol={model.tol:g}; the largest relative duality gap is {worst:.1e}. "
            f"Increase max_iter or tol{scale}.",
            ConvergenceWarning,
        )
