"""The solvers.

A solver is a function of (objective, theta, certifier, options, progress) that returns
a SolverResult. It knows arrays only: no labels, no scikit-learn.
"""

from dataclasses import replace

from ._clock import OutOfTimeError
from ._common import SolverResult
from ._registry import SOLVER_NAMES, SOLVERS, Request, able, choose, heirs

__all__ = ["SOLVERS", "SOLVER_NAMES", "Request", "able", "choose", "run"]


def run(solver, objective, theta, options, progress):
    """Minimise an objective from `theta`; compiled code is imported here.

    Where that solver stalls and may hand over, others have the iterations that are
    left. Of the intercepts that serve the hinge equally well the central one is taken.

    Returns
    -------
    result : SolverResult
    certifier : Certifier
        With the best bound of the fit.
    solver : str
        The one that ended it.
    """
    from .._certificate import Certifier
    from .._intercept import central_intercept

    certifier = progress.certifier = Certifier(objective)
    then = heirs(solver, objective)
    options = replace(options, hands_over=options.hands_over and bool(then))
    result = _solve(solver, objective, theta, certifier, options, progress)
    for heir in then:
        if not result.stalled:
            break
        solver, theta = heir, result.theta
        progress.hand_over(solver)
        result = _solve(solver, objective, theta, certifier, options, progress)
    has_kinks = objective.loss.of_slacks and not objective.loss.smooth
    if has_kinks and objective.fit_intercept and SOLVERS[solver].ends_by_gap:
        theta = central_intercept(objective, result.theta, certifier, options.tol)
        result = replace(result, theta=theta)
    return result, certifier, solver


def _solve(solver, objective, theta, certifier, options, progress):
    """What a solver returns, or the last model on record when its time was over."""
    try:
        return SOLVERS[solver].solve(objective, theta, certifier, options, progress)
    except OutOfTimeError:
        if progress.model is None:  # before the first iteration
            progress.record(objective.value(theta), theta)
        theta = progress.interrupt()
    if objective.loss.smooth:
        certifier.certify(theta)
    return SolverResult(theta, converged=False)
