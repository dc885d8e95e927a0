"""L-BFGS for the softmax with L2.

Its first matrix is diagonal. On tall tables, of far more samples than coefficients, it
also allows for the correlations of the features: some ten gradients then do
(docs/adr/0055).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ._common import Checkpoints, SolverResult, certified, feature_metric
from ._limited_memory import minimize
from ._registry import serves_tall
from ._stages import samples_pay


@dataclass(frozen=True)
class Rules:
    """What is kept, when to certify, and what holds for tall tables (0055)."""

    # Pairs of a step and a gradient's change that are kept: as many as make this many
    # arrays of n K + K d numbers, within limits (0064).
    pairs_as_large_as: float = 4.0
    most_pairs: int = 20
    least_pairs: int = 3
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


class _Diagonal:
    """The inverse of a diagonal that the Hessian has, if the second derivatives of all
    samples are the same.

    A fit is then blind to the units of the features.
    """

    def __init__(self, f, bend):
        self._f = f
        curvature = bend * feature_metric(f)
        f.penalised(curvature)[:] += f.penalty.curvature
        self._of_features = 1.0 / f.feature_values(f.penalised(curvature))
        self._of_intercepts = 1.0 / bend

    def __call__(self, gradient):
        """Its product with a gradient, in place."""
        f = self._f
        f.coefficients(gradient)[:] *= self._of_features
        f.intercepts(gradient)[:] *= self._of_intercepts
        return gradient


class _Whitening(_Diagonal):
    """The inverse of blocks within classes, that the Hessian would have, if the second
    derivatives of all samples were the same, and the features had the correlations that
    they have in some of the rows.
    """

    def __init__(self, f, seed):
        # The mean second derivative where the model is the best intercept alone.
        mass = f.class_mass()
        super().__init__(f, (mass * (1.0 - mass)).mean())
        # The diagonal of each block is one after scaling, of which the penalty has this
        # part.
        part = np.minimum(f.penalty.curvature * self._of_features, 1.0)
        root = np.sqrt(1.0 - part)
        key = "correlations", seed
        if key not in f.workspace:
            f.workspace[key] = _correlations(f, seed)
        block = f.workspace[key] * root
        block *= root[:, None]
        np.fill_diagonal(block, 1.0 + RULES.jitter)
        self._factor = cho_factor(block, lower=True, overwrite_a=True)
        self._scale = np.sqrt(self._of_features)

    def __call__(self, gradient):
        f = self._f
        W = f.coefficients(gradient)
        W *= self._scale
        W[:] = cho_solve(self._factor, W.T).T
        W *= self._scale
        f.intercepts(gradient)[:] *= self._of_intercepts
        return gradient


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


def _n_pairs(f):
    """How many pairs are kept: fewer of many coefficients beside few samples."""
    state = f.n_classes * (f.n_samples + f.n_features)
    count = int(RULES.pairs_as_large_as * state / (2 * f.size))
    return min(max(count, RULES.least_pairs), RULES.most_pairs)


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    is_tall = serves_tall(f) and not (f.design.only_products or f.design.in_parts)
    if is_tall:
        metric = _Whitening(f, options.seed)
    else:
        metric = _Diagonal(f, f.loss.curvature(f.n_classes))
    may_leave = options.hands_over and is_tall
    due = Checkpoints()
    began = progress.n_iter + 1
    distance = 0.0

    def evaluate(theta):
        nonlocal distance
        options.clock.check()
        value, gradient = f.data_gradient(theta)
        w = f.penalised(theta)
        f.penalised(gradient)[:] += f.penalty.smooth_gradient(w)
        if f.penalty.convexity > 0.0:
            # The gap of the dual point that the gradient of the loss is, before the
            # constraint of the intercept is met.
            slope = f.penalised(gradient)
            distance = (slope @ slope) / (2.0 * f.penalty.convexity)
        return value + f.penalty.value(w), gradient

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

    def first_length(slope):
        # Of a quadratic function whose Hessian the metric inverts, the optimum is at 1.
        return 1.0 if is_tall else 1.0 / np.sqrt(-slope)

    known = evaluate(theta)
    value = known[0]
    progress.record(value, theta)
    first = max(distance, np.finfo(float).tiny)
    steps = minimize(evaluate, theta, known, metric, _n_pairs(f), first_length)
    start, leaves = theta if may_leave else None, False
    del known
    while progress.proceeds(options.max_iter):
        there = next(steps, None)
        if there is not None:
            theta, value = there
        elif options.tol > 0.0:
            break  # rounding ended a line search
        # With tol=0 all iterations are on record.
        progress.record(value, theta, distance / value if distance > 0.0 else None)
        near = distance <= RULES.near * options.tol * progress.loss_curve[-1]
        if near and due(progress.n_iter):
            result = certified(certifier, theta, options, progress)
            if result is not None:
                return result
        made = progress.n_iter - began
        leaves = may_leave and made >= RULES.first_look and is_far(made, value)
        if leaves or progress.stopped:
            break
    del steps
    if leaves and not progress.stopped and progress.n_iter < options.max_iter:
        lost = distance > RULES.lost * value
        return SolverResult(start if lost else theta, converged=False, stalled=True)
    converged = options.reached(certifier.criterion(theta))
    # Rounding to single precision may have stopped the line search.
    stalled = not converged and options.hands_over
    stalled = stalled and progress.n_iter < options.max_iter and not progress.stopped
    return SolverResult(theta, converged, stalled=stalled)
