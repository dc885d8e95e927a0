"""L-BFGS for the softmax with L2, by scipy.

The variables are scaled. On tall tables, of far more samples than coefficients, they
also allow for the correlations of the features: some ten gradients then do
(docs/adr/0055).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import minimize

from ._common import Checkpoints, SolverResult, certified, feature_metric
from ._registry import serves_tall
from ._stages import samples_pay


@dataclass(frozen=True)
class Rules:
    """What scipy is told, when to certify, and what holds for tall tables (0055)."""

    memory: int = 20  # pairs of steps and gradient changes that are kept
    evaluations_per_iteration: int = 20  # most of the objective, on the average
    near: float = 1.0  # estimated gap over the tolerance, below which to certify
    # -- tall tables -------------------------------------------------------------------
    sample: int = 32  # rows for each feature, of which correlations are estimated
    at_a_time: int = 256  # of these rows
    jitter: float = 1e-6  # added to the diagonal of the correlations
    # From iteration `first_look` on, the rate so far tells how many more are needed.
    # If they are more than `patience` times the samples for each coefficient, Newton's
    # method takes over. It starts afresh if the estimated gap is above `lost`. Of two
    # classes, whose Newton steps cost less, they are at most as many as in the next two
    # lines: one number, or a part of the features.
    first_look: int = 4
    patience: float = 0.4
    patience_if_sampled: float = 50.0  # at most, where sampled losses follow (0063)
    patience_of_margins: float = 30.0
    patience_of_features: float = 0.25
    lost: float = 0.01


RULES = Rules()


class _Scaled:
    """Variables u with theta = scale * u, where the Hessian has a diagonal of ones.

    A fit is then blind to the units of the features.
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

    def stretch(self, length):
        """Take a length of theta's as the unit of u."""
        self._scale *= length


class _Whitened(_Scaled):
    """Variables u in which the blocks of the Hessian within classes are about the
    identity.

    They would be, if the second derivatives of all samples were the same, and the
    features had the correlations that they have in some of the rows.
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
        key = "correlations", seed
        if key not in f.workspace:
            f.workspace[key] = _correlations(f, seed)
        block = f.workspace[key] * root
        block *= root[:, None]
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
    total = np.zeros((f.n_features, f.n_features))
    for start in range(0, size, RULES.at_a_time):
        some = rows[start : start + RULES.at_a_time]
        Z = f.design.dense_rows(some, np.float64)
        if f.mean is not None:
            Z -= f.mean
        Z *= np.sqrt(f.share[some, None])
        total += Z.T @ Z
    lengths = np.sqrt(total.diagonal())
    lengths[lengths == 0.0] = 1.0
    total /= lengths
    total /= lengths[:, None]
    return total


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

    most = RULES.patience * f.n_samples / f.size
    if samples_pay(f):
        most = min(most, RULES.patience_if_sampled)
    if f.n_rows == 1:
        by_features = RULES.patience_of_features * f.n_features
        most = min(most, max(RULES.patience_of_margins, by_features))

    def is_far(made, value):
        target = max(options.tol * value, np.finfo(float).tiny)
        if distance <= target:
            return False
        return made * np.log(distance / target) > most * np.log(first / distance)

    value, slope = value_and_gradient(coordinates.of(theta))
    progress.record(value, theta)
    first = max(distance, np.finfo(float).tiny)
    length = np.linalg.norm(slope)
    if is_tall and length > 0.0:
        # Of a quadratic function whose Hessian is the identity, this is how far the
        # optimum is. The first step of scipy has length one.
        coordinates.stretch(length)
        slope *= length
    start = coordinates.of(theta)
    known = [(value, slope)]

    def asked(u):
        return known.pop() if known else value_and_gradient(u)

    progress.proceeds(options.max_iter)
    result = minimize(
        asked,
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
