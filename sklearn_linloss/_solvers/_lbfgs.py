"""L-BFGS for the softmax with L2, by scipy."""

import numpy as np
from scipy.optimize import minimize

from ._common import Checkpoints, SolverResult, certified, feature_metric

_MEMORY = 20
_NEAR = 10.0  # tolerances, from where on a certificate may meet one
_EVALUATIONS_PER_ITERATION = 20


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`.

    The variables are scaled by the square roots of the Hessian's diagonal, which makes
    the fit blind to the units of the features.
    """
    f = objective
    curvature = f.loss.curvature(f.n_classes) * feature_metric(f)
    f.weights(curvature)[:] += f.penalty.convexity
    scale = 1.0 / np.sqrt(curvature)
    due = Checkpoints()
    certified_result = None
    distance = 0.0

    def value_and_gradient(u):
        nonlocal distance
        theta = scale * u
        value, gradient = f.data_gradient(theta)
        w = f.weights(theta)
        f.weights(gradient)[:] += f.penalty.smooth_gradient(w)
        if f.penalty.convexity > 0.0:
            # The gap if the gradient of the loss were a dual point as it is.
            slope = f.weights(gradient)
            distance = (slope @ slope) / (2.0 * f.penalty.convexity)
        return value + f.penalty.value(w), scale * gradient

    def after_iteration(intermediate_result):
        nonlocal certified_result
        theta = scale * intermediate_result.x
        progress.record(intermediate_result.fun, theta)
        near = distance <= _NEAR * options.tol * progress.loss_curve[-1]
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
            "maxfun": _EVALUATIONS_PER_ITERATION * options.max_iter,
            "maxcor": _MEMORY,
            # Only the certificate ends the fit, or the limit of the precision.
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    if certified_result is not None:
        return certified_result
    theta = scale * result.x
    while options.tol == 0.0 and progress.proceeds(options.max_iter):
        progress.record(result.fun, theta)  # it came to rest before all its iterations
    return SolverResult(theta, options.reached(certifier.criterion(theta)))
