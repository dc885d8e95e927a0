"""Solvers on rows that lie on workers."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .. import _solvers
from .._certificate import Certifier
from .._solvers import _costs, _gd, _lbfgs, _working_set
from .._solvers._clock import OutOfTimeError
from .._solvers._common import Best, SolverResult, diverged
from .._solvers._models import model_of
from .._solvers._newton import take_steps
from .._solvers._newton_rules import RULES as NEWTON
from .._solvers._registry import RULES as LIMITS
from .._solvers._secants import descend
from ._parts import PartsLostError

__all__ = ["choose", "run"]


@dataclass(frozen=True)
class Rules:
    """What "newton" decides by, where its decisions are not those of local data."""

    # Of an exact step: the quasi-Newton steps that it replaces take as long for their
    # round trips alone.
    negligible_flops: float = 3e9
    far: int = 30  # quasi-Newton steps on the hinge, after which exact ones go on


RULES = Rules()


def choose(settings, request):
    """The name of the solver for data on workers.

    Raises
    ------
    ValueError
        If the one that was named cannot serve it.
    """
    if settings.early_stopping:
        if settings.solver not in ("auto", "sgd"):
            raise ValueError(
                f"early_stopping=True does not work with solver={settings.solver!r}; "
                "use solver='sgd' or 'auto'."
            )
        settings = replace(settings, solver="sgd")
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
    if name == "newton" and not _has_newton_steps(request):
        return f"more than {LIMITS.newton_largest} coefficients on Dask collections"
    return _solvers.SOLVERS[name].refuses(request)


def _has_newton_steps(request):
    """Whether one of the ways of `_newton` is open."""
    few = request.n_coefficients <= LIMITS.newton_largest
    return few or by_support(request) or by_metric(request)


def by_support(problem):
    """Whether the loss and penalty of a request, or an objective, are of those whose
    steps are on the coefficients that are not zero.
    """
    return problem.loss.smooth and not problem.penalty.is_smooth


def by_metric(problem):
    """The same for steps in one metric of all features."""
    penalty = problem.penalty
    few = problem.n_features <= LIMITS.newton_features
    return penalty.is_smooth and penalty.convexity > 0.0 and few


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
            options = replace(options, pull=None)
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
    """Quasi-Newton steps in the shared metric, and exact ones where those cost little,
    on the loss or on the augmented Lagrangian of the hinge, whose multipliers stay on
    the workers. With L1, proximal steps on the support.
    """
    if by_support(f):
        return _working_set.solve(f, theta, certifier, options, progress)
    best = Best(theta, f.value(theta, np.float64))
    progress.record(best.value, best.theta)
    leaves = partial(_exact_steps_pay, f)
    # What steps begin from is as large as their other arrays, and theirs alone: a tuple
    # of arguments would hold it, too.
    pulls, width = [options.pull], NEWTON.width_after_fit
    exact = not by_metric(f) or (f.loss.smooth and _is_cheap(f, _most_pairs(f)))
    while progress.proceeds(options.max_iter):
        if exact:
            result, ended = take_steps(
                f, theta, pulls.pop(), width, best, certifier, options, progress
            )
        else:
            model = model_of(f, pulls.pop(), width)
            result, ended = descend(
                f, theta, model, best, certifier, options, progress, leaves
            )
            del model
        if ended or (exact and result.stalled):
            return result
        theta, width = result.theta, NEWTON.width_after_ascent
        pulls.append(result.pull)
        result = replace(result, pull=None)
        if exact:
            # The squared hinge is stuck, and needs multipliers: its slopes.
            pulls[0] = f.loss_gradient(f.scores(theta, np.float64))[1]
        elif f.size <= LIMITS.newton_largest:
            exact = True
        elif f.dtype == np.float64:
            return SolverResult(
                best.theta, False, pulls.pop(), stalled=options.hands_over
            )
        else:
            # Rounding to single precision may be what keeps the steps short.
            f = f.with_precision(np.float64)
    return SolverResult(best.theta, converged=False)


def _exact_steps_pay(f, descent, made, value):
    """Whether exact steps on the hinge are the better ones now."""
    near = descent.gap <= NEWTON.hinge_gap * value or made >= RULES.far
    return near and not f.loss.smooth and _is_cheap(f, descent.n_pairs)


def _is_cheap(f, n_pairs):
    """Whether second derivatives over so many pairs of a sample and a class cost less
    than the quasi-Newton steps that they replace.
    """
    if f.size > LIMITS.newton_largest:
        return False
    # The factor is the driver's work, and not shared.
    matrix = f.size**3 / 3.0 + 2.0 * n_pairs * (f.n_features + 1) ** 2
    gradients = LIMITS.replaced_steps * _costs.gradient(f.n_samples, f.size)
    return matrix <= max(gradients, RULES.negligible_flops)


def _most_pairs(f):
    """All pairs of two classes of a sample."""
    return f.n_samples * max(f.n_rows * (f.n_rows - 1) // 2, 1)


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
        finished = progress.plateaued(options.tol)
        converged = finished and not options.early_stopping
    theta = progress.model
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
