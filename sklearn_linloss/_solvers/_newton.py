"""Newton's method on explicit second derivatives, for few coefficients.

The smooth losses take (proximal) Newton steps. The hinge takes them inside an augmented
Lagrangian: with multipliers a_ij of the slacks, the minimum over W of

    R(W) + sum_i pi_i sum_{j != y} max_{0 <= t <= 1} t * slack_ij - width/2 (t - a_ij)^2

is a smooth problem; its maximisers t are the next multipliers, and the width shrinks.
(R. T. Rockafellar, "Augmented Lagrangians and applications of the proximal point
algorithm in convex programming", Mathematics of Operations Research 1976; X. Li, D. Sun
and K.-C. Toh, "A highly efficient semismooth Newton augmented Lagrangian method for
solving Lasso problems", SIAM J. Optimization 2018.)
"""

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from .. import _kernels
from .._certificate import maximize_concave
from ._common import SolverResult, feature_metric

_INNER_STEPS = 20
_SHORT = 0.2  # a step this short has met too many kinks
_INNER_ACCURACY = 0.01  # of the gap
_SMALLEST_WIDTH, _LARGEST_WIDTH = 0.01, 10.0  # in units of the margin
_SWEEPS = 300
_SWEEP_TOL = 1e-4
_DAMPING, _SMALLEST_DAMPING = 0.1, 1e-10
_ROUNDING = 1e-12
_DUAL_FROM = 0.8  # active pairs a coefficient


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    model = (_Smooth if f.loss.smooth else _AugmentedHinge)(f)
    metric = feature_metric(f)
    scores = f.scores(theta, np.float64)
    best, best_value = theta, f.loss_value(scores) + f.penalty_value(theta)
    progress.record(best_value)
    while progress.n_iter < options.max_iter:
        value, pull, second = model.expand(scores)
        gradient = f.backward(pull)
        move, decrement, zeros = _newton_step(f, theta, gradient, second, metric)
        length = _line_search(f, model, theta, scores, value, move, decrement)
        theta = theta + length * move
        if length == 1.0:
            f.weights(theta)[zeros] = 0.0  # exactly: the move is a sum of small ones
        scores = f.scores(theta, np.float64)
        certificate = certifier.certify(theta, model.dual(scores), scores)
        for candidate, candidate_value in (
            (theta, f.loss_value(scores) + f.penalty_value(theta)),
            (certificate.theta, certificate.objective),
        ):
            if candidate_value < best_value:
                best, best_value = candidate, candidate_value
        progress.record(best_value)
        criterion = certifier.gap(best_value)
        if f.penalty.alpha == 0.0:
            criterion = certificate.criterion
            if not f.loss.smooth:
                criterion = 0.0 if progress.plateaued(options.tol) else np.inf
        if options.reached(criterion):
            return SolverResult(best, converged=True)
        model.advance(scores, decrement, length, best_value - certifier.bound)
    return SolverResult(best, converged=False)


class _Smooth:
    """The softmax and the squared hinge as they are."""

    def __init__(self, f):
        self._f = f

    def value(self, scores):
        """Value of the data part and its gradient in the scores."""
        return self._f.loss_gradient(scores)

    def expand(self, scores):
        """The same, and the second derivatives as `add_pair_grams` takes them."""
        f = self._f
        value, pull = f.loss_gradient(scores)
        weight = f.weight[:, None]
        relative = pull / weight
        if f.loss.name == "squared_hinge":
            active = relative != 0.0 if f.n_rows == 1 else relative > 0.0
            return value, pull, 2.0 * weight * active
        if f.n_rows == 1:
            p = np.abs(relative)
            return value, pull, weight * p * (1.0 - p)
        relative[np.arange(f.n_samples), f.y] += 1.0
        return value, pull, relative

    def dual(self, scores):
        """A dual point for the certificate; with None it takes the gradient."""
        return None

    def advance(self, scores, decrement, length, gap):
        """Nothing changes between the steps."""


class _AugmentedHinge:
    """The hinge in its augmented Lagrangian."""

    def __init__(self, f):
        self._f = f
        self._width = _LARGEST_WIDTH * f.delta
        self._centre = np.zeros((f.n_samples, f.n_rows))
        self._dual = np.empty_like(self._centre)
        self._second = np.empty_like(self._centre)
        self._steps = 0

    def value(self, scores):
        """Value of the data part and its gradient in the scores."""
        f = self._f
        value = _kernels.proximal_hinge(
            scores,
            f.y,
            f.weight,
            f.delta,
            self._width,
            self._centre,
            self._dual,
            self._second,
        )
        pull = f.weight[:, None] * self._dual
        if f.n_rows == 1:
            pull[f.y == 1] *= -1.0
        else:
            pull[np.arange(f.n_samples), f.y] = -pull.sum(axis=1)
        return value, pull

    def expand(self, scores):
        """The same, and the second derivatives as `add_pair_grams` takes them."""
        return *self.value(scores), self._second

    def dual(self, scores):
        """The maximisers t, a dual point for the certificate."""
        return self.value(scores)[1]

    def advance(self, scores, decrement, length, gap):
        """Move the multipliers once the inner problem is solved well enough.

        The width follows how hard that was: too narrow, the inner problem is a
        succession of kinks; wider, it takes more multipliers.
        """
        self._steps += 1
        solved = decrement <= _INNER_ACCURACY * gap
        if length < _SHORT:
            self._width = min(2.0 * self._width, _LARGEST_WIDTH * self._f.delta)
        if not solved and self._steps < _INNER_STEPS:
            return
        self.value(scores)
        self._centre[:] = self._dual
        if not solved:
            self._width *= 3.0
        elif self._steps <= 3:
            self._width *= 0.3
        elif self._steps <= 6:
            self._width *= 0.5
        self._width = max(self._width, _SMALLEST_WIDTH * self._f.delta)
        self._steps = 0


def _newton_step(f, theta, gradient, second, metric):
    """The Newton step on the data part plus the penalty, the descent that it predicts,
    and which coefficients it sets to zero.

    Directions without curvature (a class whose hinges are all in or out, a penalty
    without L2) are damped in proportion to the gradient.
    """
    w = f.weights(theta)
    residual = gradient.copy()
    f.weights(residual)[:] = f.penalty.min_norm_subgradient(w, f.weights(gradient))
    unit = f.delta if f.delta > 0.0 else 1.0
    damping = _DAMPING * np.sqrt((residual**2 / metric).sum()) / unit
    ridge = max(damping, _SMALLEST_DAMPING) * metric
    if f.penalty.l2 > 0.0:
        f.weights(ridge)[:] = 0.0
    if f.penalty.l1 > 0.0:
        move, landing = np.empty(f.size), np.empty(f.n_weights)
        l1, l2 = f.penalty.l1, f.penalty.l2
        H = _hessian(f, second)
        _kernels.quadratic_descent(
            H, gradient, w, l1, l2, ridge, _SWEEPS, _SWEEP_TOL, move, landing
        )
        zeros = landing == 0.0
    else:
        f.weights(ridge)[:] += f.penalty.l2
        pairs_are_few = (
            f.loss.name != "softmax" and np.count_nonzero(second) < _DUAL_FROM * f.size
        )
        solve_system = _solve_by_pairs if pairs_are_few else _solve_by_coefficients
        move = -solve_system(f, second, ridge, residual)
        zeros = np.zeros(f.n_weights, dtype=bool)
    change = f.penalty.value(w + f.weights(move)) - f.penalty.value(w)
    return move, -(gradient @ move + change), zeros


def _solve_by_coefficients(f, second, ridge, right):
    """(H + diag(ridge))^-1 right, by a factor of that matrix."""
    H = _hessian(f, second)
    H[np.diag_indices_from(H)] += ridge
    factor = cho_factor(H, lower=True, overwrite_a=True, check_finite=False)
    return cho_solve(factor, right)


def _solve_by_pairs(f, second, ridge, right):
    """The same for the hinges where few pairs of a sample and a class are active.

    H is U U^T with a column a pair, so that by Woodbury's identity a matrix of the size
    of the pairs is factored.
    """
    sample, column = np.nonzero(second)
    scaled = right / ridge
    if len(sample) == 0:
        return scaled
    root = np.sqrt(second[sample, column])
    rows, place = np.unique(sample, return_inverse=True)
    by_feature = f.feature_values(f.weights(ridge))
    Z = f.dense_rows(rows) / np.sqrt(by_feature)
    gram = Z @ Z.T
    if f.fit_intercept:
        gram += 1.0 / f.intercepts(ridge)[0]
    system = gram[np.ix_(place, place)]
    if f.n_rows > 1:
        true = f.y[sample]
        same = np.subtract.outer  # zero where classes agree
        system *= (
            (same(column, column) == 0).astype(np.float64)
            - (same(column, true) == 0)
            - (same(true, column) == 0)
            + (same(true, true) == 0)
        )
    system *= root[:, None]
    system *= root
    system[np.diag_indices_from(system)] += 1.0
    scores = f.scores(scaled, np.float64)
    image = scores[sample, column]
    if f.n_rows > 1:
        image = image - scores[sample, true]
    factor = cho_factor(system, lower=True, overwrite_a=True, check_finite=False)
    weights = root * cho_solve(factor, root * image)
    pull = np.zeros_like(scores)
    pull[sample, column] = weights
    if f.n_rows > 1:
        np.subtract.at(pull, (sample, true), weights)
    return scaled - f.backward(pull) / ridge


def _line_search(f, model, theta, scores, value, move, decrement):
    """Length of the step: one near the end, found along the segment before."""
    w, dw = f.weights(theta), f.weights(move)
    change = f.scores(move, np.float64)
    l1, l2 = f.penalty.l1, f.penalty.l2

    def along(t):
        data, pull = model.value(scores + t * change)
        at_t = w + t * dw
        slope = np.vdot(pull, change) + dw @ (l1 * np.sign(at_t) + l2 * at_t)
        return -(data + f.penalty.value(at_t)), -slope

    start = -(value + f.penalty.value(w))
    decrement = max(decrement, 0.0)
    length, _ = maximize_concave(along, np.inf, start, start + decrement, decrement)
    if length == 0.0 and decrement <= _ROUNDING * abs(start):
        return 1.0  # rounding hides the descent, but the step is right
    return length


def _hessian(f, second):
    """Second derivatives of the data part in theta."""
    K, d = f.n_rows, f.n_features
    centre = f.mean if f.mean is not None else np.zeros(d)
    grams = np.zeros((K, K, d + 1, d + 1))
    for rows, X in f.dense_blocks():
        _kernels.add_pair_grams(
            f.loss.code,
            X,
            centre,
            np.argsort(f.y[rows], kind="stable"),
            np.bincount(f.y[rows], minlength=f.n_classes),
            f.weight[rows],
            second[rows],
            grams,
        )
    if K > 1:
        grams += grams.transpose(1, 0, 2, 3).copy()
        total = grams.sum(axis=1)
        np.negative(grams, out=grams)
        grams[np.arange(K), np.arange(K)] = total
    H = np.empty((f.size, f.size))
    n_weights = f.n_weights
    inner = (2, 0, 3, 1) if f.is_sparse else (0, 2, 1, 3)
    corner = grams[:, :, :d, :d].transpose(inner)
    H[:n_weights, :n_weights] = corner.reshape(n_weights, n_weights)
    if f.fit_intercept:
        # A common constant of all classes has no effect; this makes it definite.
        H[n_weights:, n_weights:] = grams[:, :, d, d] + (K > 1) * grams[0, 0, d, d]
        side = grams[:, :, :d, d].transpose((2, 0, 1) if f.is_sparse else (0, 2, 1))
        H[:n_weights, n_weights:] = side.reshape(n_weights, K)
        H[n_weights:, :n_weights] = H[:n_weights, n_weights:].T
    return H
