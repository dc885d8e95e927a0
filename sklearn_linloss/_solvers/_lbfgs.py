"""L-BFGS for the softmax with L2, by scipy."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ._common import Checkpoints, SolverResult, certified, feature_metric


@dataclass(frozen=True)
class Rules:
    """What scipy is told, and when to certify."""

    memory: int = 20  # pairs of steps and gradient changes that are kept
    near: float = 10.0  # estimated gap over the tolerance, below which to certify
    evaluations_per_iteration: int = 20  # most of the objective, on the average


RULES = Rules()


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`.

    The variables are scaled by the square roots of the Hessian's diagonal, which makes
    the fit blind to the units of the features.
    """
    f = objective
    curvature = f.loss.curvature(f.n_classes) * feature_metric(f)
    f.penalised(curvature)[:] += f.penalty.curvature
    scale = 1.0 / np.sqrt(curvature)
    due = Checkpoints()
    certified_result = None
    distance = 0.0

    def value_and_gradient(u):
        nonlocal distance
        options.clock.check()
        theta = scale * u
        value, gradient = f.data_gradient(theta)
        w = f.penalised(theta)
        f.penalised(gradient)[:] += f.penalty.smooth_gradient(w)
        if f.penalty.convexity > 0.0:
            # The gap of the dual point that the gradient of the loss is, before the
            # constraint of the intercept is met.
            slope = f.penalised(gradient)
            distance = (slope @ slope) / (2.0 * f.penalty.convexity)
        return value + f.penalty.value(w), scale * gradient

    def after_iteration(intermediate_result):
        nonlocal certified_result
        theta = scale * intermediate_result.x
        value = intermediate_result.fun
        progress.record(value, theta, distance / value if distance > 0.0 else None)
        near = distance <= RULES.near * options.tol * progress.loss_curve[-1]
        if near and due(progress.n_iter):
            certified_result = certified(certifier, theta, options, progress)
        if certified_result is not None or not progress.proceeds(options.max_iter):
            raise StopIteration

    start = theta / scale
    progress.record(value_and_gradient(start)[0], theta)
    progress.proceeds(options.max_iter)
    result = minimize(
        value_and_gradient,
        start,
        jac=True,
        method="L-BFGS-B",
        callback=after_iteration,
        options={
            "maxiter": options.max_iter,
            "maxfun": RULES.evaluations_per_iteration * options.max_iter,
            "maxcor": RULES.memory,
            # Only the certificate ends the fit, or a line search that rounding stops.
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    if certified_result is not None:
        return certified_result
    theta = scale * result.x
    while options.tol == 0.0 and progress.proceeds(options.max_iter):
        # scipy came to rest early; with tol=0 all iterations are on record.
        progress.record(result.fun, theta)
    return SolverResult(theta, options.reached(certifier.criterion(theta)))
