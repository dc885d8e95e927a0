"""L-BFGS for the softmax with L2, by scipy.

The variables are coordinates in which the Hessian is nearer to the identity. With far
more samples than coefficients those of a sample of the rows: then some ten gradients
do, however much the features correlate (docs/adr/0055).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from ._common import Checkpoints, SolverResult, certified, feature_metric
from ._registry import serves_tall


@dataclass(frozen=True)
class Rules:
    """What scipy is told, and when to certify."""

    memory: int = 20  # pairs of steps and gradient changes that are kept
    # Newton's method takes over where so many more iterations as there are samples for
    # each coefficient, times `patience`, would not do at the rate since the start; from
    # there, where the estimated gap is more than `lost` (0055).
    first_look: int = 4
    patience: float = 0.4
    lost: float = 0.01
    near: float = 2.0  # estimated gap over the tolerance, below which to certify
    sample: int = 32  # rows of which correlations are estimated, a feature
    jitter: float = 1e-6  # added to them, over the variances
    evaluations_per_iteration: int = 20  # most of the objective, on the average


RULES = Rules()


class _Scaled:
    """theta = scale * u, with the roots of the Hessian's diagonal.

    It makes a fit blind to the units of the features.
    """

    def __init__(self, f, bend):
        curvature = bend * feature_metric(f)
        f.penalised(curvature)[:] += f.penalty.curvature
        self._scale = 1.0 / np.sqrt(curvature)

    def of(self, theta):
        return theta / self._scale

    def theta(self, u):
        return self._scale * u

    def gradient(self, gradient):
        """In u, from that in theta."""
        return self._scale * gradient


class _Whitened(_Scaled):
    """The same with the roots of its blocks within the classes, as if second
    derivatives were the same for all samples, and the correlations of the features
    those of some rows.
    """

    def __init__(self, f, seed):
        # The mean second derivative where the model is the best intercept alone.
        mass = f.class_mass()
        super().__init__(f, (mass * (1.0 - mass)).mean())
        self._f = f
        # The diagonal of each block is one now, of which the penalty has this part.
        part = np.zeros(f.size)
        f.penalised(part)[:] = f.penalty.curvature * f.penalised(self._scale) ** 2
        root = np.sqrt(1.0 - np.minimum(f.coefficients(part)[0], 1.0))
        block = _correlations(f, seed) * np.multiply.outer(root, root)
        np.fill_diagonal(block, 1.0 + RULES.jitter)
        self._root = cholesky(block, lower=True, overwrite_a=True)

    def of(self, theta):
        return self._changed(super().of(theta), lambda W: W @ self._root)

    def theta(self, u):
        return super().theta(self._changed(u, partial(self._solved, trans=1)))

    def gradient(self, gradient):
        return self._changed(super().gradient(gradient), partial(self._solved, trans=0))

    def _solved(self, W, trans):
        return solve_triangular(self._root, W.T, trans=trans, lower=True).T

    def _changed(self, u, change):
        u = u.copy()
        W = self._f.coefficients(u)
        W[:] = change(W)
        return u


def _correlations(f, seed):
    """Those of the features, from a sample of the rows."""
    size = min(RULES.sample * f.n_features, f.n_samples)
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(f.n_samples, size, replace=False))
    Z = f.design.dense_rows(rows, np.float64)
    if f.mean is not None:
        Z -= f.mean
    Z *= np.sqrt(f.share[rows, None])
    lengths = np.linalg.norm(Z, axis=0)
    Z /= np.where(lengths > 0.0, lengths, 1.0)
    return Z.T @ Z


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    is_tall = serves_tall(f) and not (f.design.only_products or f.design.in_parts)
    if is_tall:
        coordinates = _Whitened(f, options.seed)
    else:
        coordinates = _Scaled(f, f.loss.curvature(f.n_classes))
    may_leave = options.hands_over and is_tall
    due = Checkpoints()
    certified_result = None
    leaves = False
    distance = first = 0.0
    began = progress.n_iter + 1

    def value_and_gradient(u):
        nonlocal distance
        options.clock.check()
        theta = coordinates.theta(u)
        value, gradient = f.data_gradient(theta)
        w = f.penalised(theta)
        f.penalised(gradient)[:] += f.penalty.smooth_gradient(w)
        if f.penalty.convexity > 0.0:
            # The gap of the dual point that the gradient of the loss is, before the
            # constraint of the intercept is met.
            slope = f.penalised(gradient)
            distance = (slope @ slope) / (2.0 * f.penalty.convexity)
        return value + f.penalty.value(w), coordinates.gradient(gradient)

    def after_iteration(intermediate_result):
        nonlocal certified_result, leaves
        theta = coordinates.theta(intermediate_result.x)
        value = intermediate_result.fun
        progress.record(value, theta, distance / value if distance > 0.0 else None)
        near = distance <= RULES.near * options.tol * progress.loss_curve[-1]
        if near and due(progress.n_iter):
            certified_result = certified(certifier, theta, options, progress)
        made = progress.n_iter - began
        leaves = may_leave and made >= RULES.first_look and is_far(made, value)
        ended = certified_result is not None
        if ended or not progress.proceeds(options.max_iter) or leaves:
            raise StopIteration

    def is_far(made, value):
        target = max(options.tol * value, np.finfo(float).tiny)
        if distance <= target:
            return False
        most = RULES.patience * f.n_samples / f.size
        return made * np.log(distance / target) > most * np.log(first / distance)

    start = coordinates.of(theta)
    progress.record(value_and_gradient(start)[0], theta)
    first = distance
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
    theta = coordinates.theta(result.x)
    while options.tol == 0.0 and progress.proceeds(options.max_iter):
        # scipy came to rest early; with tol=0 all iterations are on record.
        progress.record(result.fun, theta)
    if leaves and not progress.stopped and progress.n_iter < options.max_iter:
        lost = distance > RULES.lost * result.fun
        theta = coordinates.theta(start) if lost else theta
        return SolverResult(theta, converged=False, stalled=True)
    converged = options.reached(certifier.criterion(theta))
    # Rounding to single precision may have stopped the line search.
    stalled = not converged and options.hands_over
    stalled = stalled and progress.n_iter < options.max_iter and not progress.stopped
    return SolverResult(theta, converged, stalled=stalled)
