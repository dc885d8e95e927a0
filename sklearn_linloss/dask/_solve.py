"""Solvers on rows that lie on workers."""

from dataclasses import replace

import numpy as np

from .. import _solvers
from .._certificate import Certifier
from .._solvers import _gd, _lbfgs, _secants
from .._solvers._clock import OutOfTimeError
from .._solvers._common import Best, SolverResult, diverged
from .._solvers._registry import RULES as LIMITS
from ._parts import PartsLostError

__all__ = ["choose", "run"]


def choose(settings, request):
    """The name of the solver for data on workers.

    Raises
    ------
    ValueError
        If the one that was named cannot serve it.
    """
    if settings.early_stopping:
        raise ValueError("early_stopping=True is not supported on Dask collections.")
    able = [name for name in _SOLVERS if _refuses(name, request) is None]
    if settings.solver == "auto":
        rates = {"auto": ("newton", "lbfgs", "gd"), "constant": ("gd",)}
        order = rates.get(settings.learning_rate, ("sgd",))
        return next(name for name in order if name in able)
    reason = "Dask collections"
    if settings.solver in _SOLVERS:
        reason = _refuses(settings.solver, request)
    if reason is None:
        return settings.solver
    names = " or ".join(map(repr, able))
    raise ValueError(
        f"The solver {settings.solver!r} does not support {reason}; use solver={names}."
    )


def _refuses(name, request):
    """What in a request a solver cannot serve by sums over rows, or None."""
    if name == "newton":
        if not request.penalty.is_smooth:
            return "an L1 penalty (l1_ratio > 0) on Dask collections"
        if request.penalty.convexity == 0.0:
            return "alpha=0 on Dask collections"
        if request.n_features > LIMITS.newton_features:
            return f"more than {LIMITS.newton_features} features on Dask collections"
    return _solvers.SOLVERS[name].refuses(request)


def run(solver, objective, theta, options, progress):
    """Minimise an objective from `theta`, and begin again from the best model where
    arrays on workers are lost.

    As `_solvers.run`; a bound that was proven before stays proven.
    """
    certifier = progress.certifier = Certifier(objective)
    while True:
        try:
            return _run(solver, objective, theta, certifier, options, progress)
        except PartsLostError:
            objective.workspace.clear()
            if progress.model is not None:
                theta = progress.model
                progress.hand_over(solver)


def _run(solver, f, theta, certifier, options, progress):
    try:
        result = _SOLVERS[solver](f, theta, certifier, options, progress)
    except OutOfTimeError:
        theta = progress.interrupt()
        certifier.certify(theta)
        result = SolverResult(theta, converged=False)
    if result.stalled and solver != "gd":
        solver = "gd"
        progress.hand_over(solver)
        result = _gd.solve(f, result.theta, certifier, options, progress)
    return result, certifier, solver


def _newton(f, theta, certifier, options, progress):
    """Quasi-Newton steps in the shared metric, on the loss or on the augmented
    Lagrangian of the hinge, whose multipliers stay on the workers.
    """
    progress.record(f.value(theta, np.float64), theta)
    result = _secants.solve(f, theta, certifier, options, progress)
    return replace(result, stalled=result.stalled and options.hands_over)


def _sgd(f, theta, certifier, options, progress):
    """Passes over the blocks in their order, as a stream of chunks."""
    best = Best(theta, f.value(theta))
    progress.record(best.value, theta)
    state = None, f.unpack(theta)
    converged = False
    while not converged and progress.proceeds(options.max_iter):
        state = f.stream(state, options)
        theta = f.pack(*state[1])
        value = f.value(theta) if np.isfinite(theta).all() else np.inf
        if not np.isfinite(value):
            raise diverged("sgd", progress.n_iter + 1)
        progress.record(value, theta)
        converged = progress.plateaued(options.tol)
    if f.loss.smooth:
        certifier.certify(theta)
    else:
        _gd.certify_hinge(f, theta, certifier)
    return SolverResult(theta, converged, by_gap=False)


_SOLVERS = {
    "newton": _newton,
    "lbfgs": _lbfgs.solve,
    "gd": _gd.solve,
    "sgd": _sgd,
}
