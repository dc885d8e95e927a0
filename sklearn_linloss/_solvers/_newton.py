"""Newton's method on explicit second derivatives, for few coefficients or active pairs.

The smooth losses take (proximal) Newton steps. The hinge takes them inside an augmented
Lagrangian: with multipliers a_ij of the slacks, the minimum over W of

    R(W) + sum_i pi_i sum_{j != y} max_{0 <= t <= 1} t * slack_ij - width/2 (t - a_ij)^2

is a smooth problem; its maximisers t are the next multipliers, and the width shrinks.
(R. T. Rockafellar, "Augmented Lagrangians and applications of the proximal point
algorithm in convex programming", Mathematics of Operations Research 1976; X. Li, D. Sun
and K.-C. Toh, "A highly efficient semismooth Newton augmented Lagrangian method for
solving Lasso problems", SIAM J. Optimization 2018.) The first multipliers come from
dual coordinate ascent, while that gains more than a Newton step: from few iterations
where there are few coefficients, from all of them where too many pairs are active.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from .._certificate import maximize_concave
from . import _costs
from ._common import (
    Best,
    Checkpoints,
    SolverResult,
    Stall,
    feature_metric,
    wrong_class_shares,
)
from ._conjugate_gradients import (
    Preconditioner,
    solve_by_conjugate_gradients,
    within_reach,
)
from ._registry import only_by_pairs
from ._sdca import DualAscent, ascend
from ._systems import hessian, minimize_quadratic, solve_by_coefficients, solve_by_pairs

# Samples from which the hinge starts by ascent, and products a pass over X from which
# smooth losses do, also from a warm start near which conjugate gradients are fast; how
# many iterations below the first such size and above.
_ASCENT_FROM, _LARGE, _LARGE_IF_WARM = 100, 1e5, 3e6
_ASCENT_ITERATIONS = 10, 100
# It ends below some gap, after some iterations, where many more at their rate would not
# lead to the tolerance. The gap of smooth losses falls at a steadier rate.
_ASCENT_RULE = {False: (0.1, 3, 20), True: (np.inf, 8, 30)}
# Where only few active pairs can be had: what a floating-point operation of a factor
# costs, of one of the ascent; after how many steps' worth of ascent it may end, where
# more steps' worth are left.
_MOST_PAIRS = 3400
_FLOP, _TRIAL, _PATIENCE = 0.5, 4.0, 20.0
_INNER_STEPS = 20
_SHORT = 0.2  # a step this short has met too many kinks
_LONG = 0.5  # a shorter one is not the last of an inner problem
_INNER_ACCURACY = 0.1  # of the gap
_SMALLEST_WIDTH, _LARGEST_WIDTH = 0.01, 10.0  # in units of the margin
_WIDTH_AFTER_ASCENT, _WIDTH_AFTER_FIT = 0.3, 0.03
# Short steps after which the squared hinge is stuck: fewer with L1, where they cost
# more, and many on tiny data, where plain steps end exactly: with such a descent left.
_STUCK, _STUCK_WITH_L1, _STUCK_IF_TINY, _TINY, _EXACT = 20, 3, 200, 1e4, 1e-13
_WIDENING = 2.0  # of a width that is too narrow
_SMALL_SYSTEM = 300
_CG_STEPS = 25.0  # about as many solve a system
_LEAST_DAMPING, _MORE = 1e-6, 4.0  # of the curvature of the loss at most
_DAMPING, _SMALLEST_DAMPING = 0.1, 1e-10
_ROUNDING = 1e-12
_PROXIMAL = 1e-8  # of the curvature of the augmented hinge, for pairs all active
_DUAL_FROM = 0.8  # active pairs a coefficient
_MOST_CANCELLED = 1e8  # curvature over ridge, of which differences are taken


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    value = f.value(theta, np.float64)
    progress.record(value, theta)
    best = Best(theta, value)
    # The slopes of a smooth loss say no more than the model they belong to.
    dual = None if f.loss.smooth else options.dual
    width = _WIDTH_AFTER_FIT
    common = best, certifier, options, progress
    ascends, sent_back = _ascent_pays(f, warm=theta.any()), False
    while progress.proceeds(options.max_iter):
        if ascends:
            result = _ascend(f, theta, dual, sent_back, *common)
            if result.converged or result.stalled:
                return result
            theta = result.theta
            # The smooth losses need no multipliers, unless that failed.
            dual = None if f.loss.smooth and not sent_back else result.dual
            width = _WIDTH_AFTER_ASCENT
        result, ended = _take_steps(f, theta, dual, width, *common)
        if ended:
            break
        if f.loss.smooth and f.dtype != np.float64:
            # Perhaps it is only rounding that keeps the steps short.
            f = f.with_precision(np.float64)
            theta, ascends = result.theta, False
            continue
        theta, dual, ascends, sent_back = result.theta, result.dual, True, True
    return result


def _ascend(f, theta, dual, sent_back, best, certifier, options, progress):
    """Dual ascent, while it gains more than Newton's steps, if those did not fail."""
    ascent = DualAscent(f, np.random.default_rng(options.seed), _is_large(f))
    if dual is not None:
        ascent.start_from(dual, theta)
    elif theta.any() and not sent_back:
        ascent.start_near(theta)
    limit = options.max_iter
    if sent_back and f.loss.smooth:
        ends = Stall(replace(options, hands_over=True))
        if f.penalty.l1 > 0.0:
            limit = min(progress.n_iter + _ASCENT_ITERATIONS[True], limit)
    else:
        ends = _Ascended(f, ascent, options, progress.n_iter)
        if not _only_by_pairs(f):
            limit = min(_ASCENT_ITERATIONS[_is_large(f)], limit)
    result = ascend(f, ascent, best, certifier, options, progress, limit, ends)
    return replace(result, stalled=_only_by_pairs(f) and ends.stalled)


def _take_steps(f, theta, dual, width, best, certifier, options, progress):
    """Newton steps, and whether those are the end of the fit: they are not where too
    many pairs are active.
    """
    scores = f.scores(theta, np.float64)
    model = (_AugmentedHinge if f.loss.of_slacks else _Softmax)(f)
    if dual is not None:
        model.start_from(dual, width)
    steps = _Steps(f, model, theta, options.tol)
    while progress.proceeds(options.max_iter):
        step = steps.take(f, theta, scores)
        if step is None:
            return SolverResult(best.theta, converged=False, dual=dual), False
        theta, scores, decrement, length = step
        dual = model.dual(scores)
        criterion = certifier.gap(best.value)
        target = options.tol * best.value
        far = target > 0.0 and not within_reach(decrement, target)
        if model.worth_certifying(decrement, criterion * best.value, far):
            certificate = certifier.certify(theta, dual, scores)
            best.consider(certificate.theta, certificate.objective)
            criterion = certifier.gap(best.value)
            if f.penalty.is_zero:
                criterion = certificate.criterion
        else:
            best.consider(theta, f.loss_value(scores) + f.penalty_value(theta))
        progress.record(best.value, best.theta)
        exact = decrement <= _EXACT * best.value or not model.ends_exactly
        if options.reached(criterion) and exact:
            return SolverResult(best.theta, converged=True, dual=dual), True
        if model.advance(decrement, length, criterion * best.value):
            steps.anchor.centre = theta
        if model.stuck and f.penalty.l2 > 0.0:
            return SolverResult(best.theta, converged=False), False
    return SolverResult(best.theta, converged=False, dual=dual), True


class _Steps:
    """Newton steps on a model of the data part plus the penalty.

    A step that meets much curvature on its way is shortened, and the next ones are
    damped; the systems are solved in the cheapest way.
    """

    def __init__(self, f, model, theta, tol):
        self.anchor = _Anchor(f, theta)
        self._model = model
        self._tol = tol
        self._damping = 0.0
        self._iterative = _iterations_pay(f)
        self._preconditioner = f.workspace.get("preconditioner")

    def take(self, f, theta, scores):
        """The next model, its scores, the descent that was predicted for the whole step
        and the length of the part that was made; None if there are too many pairs.
        """
        anchor = self.anchor
        value, pull, second = self._model.expand(scores)
        if _only_by_pairs(f) and np.count_nonzero(second) > _MOST_PAIRS:
            return None
        anchor.strength = self._model.proximal
        gradient = f.backward(pull.astype(f.dtype, copy=False))
        gradient += anchor.gradient(theta)
        value += anchor.value(theta)
        iterations = None
        if self._iterative:
            old = self._preconditioner
            if old is None or old.is_worn(f):
                self._preconditioner = Preconditioner(f, second)
                f.workspace["preconditioner"] = self._preconditioner
            iterations = partial(
                solve_by_conjugate_gradients,
                preconditioner=self._preconditioner,
                target=self._tol * (value + f.penalty_value(theta)),
            )
        move, decrement, zeros = _newton_step(
            f, theta, gradient, second, anchor, self._damping, iterations
        )
        change = f.scores(move).astype(np.float64, copy=False)
        length = _line_search(
            f, self._model, anchor, theta, scores, value, move, change, decrement
        )
        theta = theta + length * move
        scores = scores + length * change
        if length == 1.0:
            f.weights(theta)[zeros] = 0.0  # exactly: the move is a sum of small ones
        if self._model.damps:
            if length < _SHORT:
                self._damping = max(_MORE * self._damping, _LEAST_DAMPING)
            elif length > _LONG:
                self._damping /= _MORE
                if self._damping < _LEAST_DAMPING:
                    self._damping = 0.0
        return theta, scores, decrement, length


def _iterations_pay(f):
    """Whether conjugate gradients solve Newton's systems for less than a factor."""
    twice = f.loss.twice_differentiable
    if not twice or f.penalty.l1 > 0.0 or f.penalty.l2 == 0.0:
        return False
    n, d, size = f.n_samples, f.n_features, f.size
    if size < _SMALL_SYSTEM:
        return False  # whatever the samples: weights are then repetitions exactly
    iterations = _CG_STEPS * _costs.gradient(n, size) + Preconditioner.cost(f)
    return _costs.newton_matrix(n, d, f.n_rows, size) > iterations


def _ascent_pays(f, warm):
    """Whether dual ascent goes the first part of the way for less."""
    if f.penalty.l2 == 0.0:
        return False
    if not f.loss.smooth:
        return f.n_samples >= _ASCENT_FROM or _only_by_pairs(f)
    if warm and _iterations_pay(f):
        return f.n_samples * f.size >= _LARGE_IF_WARM
    return _is_large(f)


def _only_by_pairs(f):
    return only_by_pairs(f.loss, f.size, f.n_samples * max(f.n_rows - 1, 1))


def _is_large(f):
    return f.n_samples * f.size >= _LARGE


class _Ascended:
    """Whether Newton's steps gain more than to go on with dual ascent."""

    def __init__(self, f, ascent, options, first_iteration):
        self._f, self._ascent, self._tol = f, ascent, options.tol
        self._stalls = Stall(options)
        self._due = Checkpoints(ratio=1.3)
        self._first = first_iteration
        self._last_gap, self._last_iteration = 1.0, first_iteration

    @property
    def stalled(self):
        """Whether the ascent makes no progress at all."""
        return self._stalls.stalled

    def __call__(self, iteration, gap, value):
        if self._stalls(iteration, gap, value):
            return True
        if not self._due(iteration):
            return False
        gap = max(gap, _ROUNDING)
        rate = np.log(self._last_gap / gap) / (iteration - self._last_iteration)
        rest = np.log(gap / max(self._tol, _ROUNDING))
        self._last_gap, self._last_iteration = gap, iteration
        nearby, trial, patience = _ASCENT_RULE[self._f.loss.smooth]
        if _only_by_pairs(self._f):
            step = self._iterations_a_step()
            nearby, trial = np.inf, max(trial, _TRIAL * step)
            patience = max(patience, _PATIENCE * step)
        # Sent back, it goes on for as long again.
        tried = gap <= nearby and iteration >= self._first + max(trial, self._first)
        return tried and rest > patience * rate

    def _iterations_a_step(self):
        """What a Newton step costs, of an iteration; too many pairs cannot be had."""
        f, dual = self._f, self._ascent.dual
        free = (dual > 0.0) & (dual < 1.0)
        pairs, rows = np.count_nonzero(free), np.count_nonzero(free.any(axis=1))
        if pairs > _MOST_PAIRS:
            return np.inf
        step = _costs.pair_matrix(pairs, rows, f.n_features)
        return _FLOP * step / _costs.gradient(f.n_samples, f.size)


class _Anchor:
    """A proximal term, strength / 2 * |theta - centre|^2 in the features' metric."""

    def __init__(self, f, centre):
        self.metric = feature_metric(f)
        self.centre = centre
        self.strength = 0.0

    def value(self, theta):
        """The term."""
        return 0.5 * (self.gradient(theta) @ (theta - self.centre))

    def gradient(self, theta):
        """Its gradient."""
        return self.strength * self.metric * (theta - self.centre)


class _Softmax:
    """The softmax as it is."""

    proximal = 0.0
    damps, stuck, ends_exactly = True, False, False

    def __init__(self, f):
        self._f = f

    def expand(self, scores):
        """Value of the data part, its gradient in the scores, and the second
        derivatives as `add_pair_grams` takes them.
        """
        f = self._f
        value, pull = f.loss_gradient(scores)
        return value, pull, f.loss.second(pull, f.y, f.weight)

    def along(self, scores, change, t):
        """Value of the data part at scores + t * change, and its derivative in t."""
        value, pull = self._f.loss_gradient(scores + t * change)
        return value, np.vdot(pull, change)

    def start_from(self, dual, width):
        """Dual variables have no place here."""

    def dual(self, scores):
        """A dual point for the certificate; with None it takes the gradient."""
        return None

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may show something new: near the tolerance."""
        return not far

    def advance(self, decrement, length, gap):
        """Nothing changes between the steps."""
        return False


class _AugmentedHinge:
    """A hinge in its augmented Lagrangian; the squared one as it is, until that fails.

    Attributes
    ----------
    proximal : float
        Strength of the proximal term that takes the place of an L2 penalty which is
        missing, or next to nothing for the feature that varies most.
    damps : bool
        Whether steps that are too long are mended by damping; here the width is.
    """

    damps = False

    def __init__(self, f):
        self._f = f
        self._largest_variance = feature_metric(f).max()
        self._unit = f.loss.delta  # of the width
        self._width = 0.0 if f.loss.smooth else _LARGEST_WIDTH * self._unit
        self._centre = np.zeros((f.n_samples, f.n_rows))
        self._pull = np.empty_like(self._centre)
        self._second = np.empty_like(self._centre)
        self._steps = 0
        self._short = 0

    @property
    def proximal(self):
        f = self._f
        if f.loss.delta == 0.0 or self._width == 0.0:
            return 0.0
        held = f.penalty.l2 / self._largest_variance
        return max(_PROXIMAL * self._width / f.loss.delta**2 - held, 0.0)

    def start_from(self, dual, width):
        """Take multipliers near the best ones, and a width in units of the margin; of
        the squared hinge, whose multipliers have no bound, for those of their size.
        """
        f = self._f
        self._centre = wrong_class_shares(f, dual)
        if f.loss.smooth:
            size = f.weight @ self._centre.max(axis=1)
            self._unit = f.loss.delta / size if size > 0.0 else f.loss.delta
        self._width = width * self._unit

    @property
    def stuck(self):
        """Whether the squared hinge needs multipliers."""
        most = _STUCK_WITH_L1 if self._f.penalty.l1 > 0.0 else _STUCK
        return self._short >= (_STUCK_IF_TINY if self.ends_exactly else most)

    @property
    def ends_exactly(self):
        """Whether steps cost so little that one more is better than an open gap: then
        weights are repetitions, in all digits.
        """
        f = self._f
        plain = self._width == 0.0 and f.dtype == np.float64
        return plain and f.n_samples * f.size < _TINY

    def expand(self, scores):
        """Value of the data part, its gradient in the scores, and the second
        derivatives as `add_pair_grams` takes them.
        """
        f = self._f
        arrays = (self._centre, self._pull, self._second)
        value = f.loss.augmented(
            f.vector_form(scores),
            f.y,
            f.weight,
            self._width,
            *map(f.vector_form, arrays),
        )
        return value, self._pull, self._second

    def along(self, scores, change, t):
        """Value of the data part at scores + t * change, and its derivative in t."""
        f = self._f
        return f.loss.augmented_along(
            f.vector_form(scores),
            f.vector_form(change),
            t,
            f.y,
            f.weight,
            self._width,
            f.vector_form(self._centre),
        )

    def dual(self, scores):
        """The maximisers, a dual point for the certificate."""
        return self.expand(scores)[1].copy()

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may show something new: not far from the solution of
        the inner problem.
        """
        return not decrement > _INNER_ACCURACY * gap

    def advance(self, decrement, length, gap):
        """Move the multipliers once the inner problem is solved well enough.

        Returns whether it was.

        The width follows how hard that was: too narrow, the inner problem is a
        succession of kinks; wider, it takes more multipliers. Called after `dual`.
        """
        f = self._f
        self._steps += 1
        if self._width == 0.0:
            self._short += length < _SHORT
            if self.stuck and f.penalty.l2 == 0.0:
                self.start_from(self._pull, _WIDTH_AFTER_ASCENT)
            return False
        solved = decrement <= _INNER_ACCURACY * gap and length >= _LONG
        if length < _SHORT:
            self._width *= _WIDENING
        if not solved and self._steps < _INNER_STEPS:
            return False
        self._centre = wrong_class_shares(f, self._pull)
        if not solved:
            self._width *= 3.0
        elif self._steps <= 3:
            self._width *= 0.3
        elif self._steps <= 6:
            self._width *= 0.5
        self._width = max(self._width, _SMALLEST_WIDTH * self._f.loss.delta)
        self._steps = 0
        return True


def _newton_step(f, theta, gradient, second, anchor, damping, iterations):
    """The Newton step on the data part plus the penalty, the descent that it predicts,
    and which coefficients it sets to zero.

    Directions without curvature (a class whose hinges are all in or out, a penalty
    without L2) are damped in proportion to the gradient, or held by the anchor.
    """
    w = f.weights(theta)
    ridge = anchor.strength * anchor.metric
    residual = gradient.copy()
    f.weights(residual)[:] = f.penalty.min_norm_subgradient(w, f.weights(gradient))
    if anchor.strength == 0.0:
        unit = f.loss.delta if f.loss.delta > 0.0 else 1.0
        size = np.sqrt((residual**2 / anchor.metric).sum())
        bend = _total_curvature(f, second)
        ridge = max(_DAMPING * size / unit, _SMALLEST_DAMPING * bend) * anchor.metric
        if f.penalty.l2 > 0.0:
            f.weights(ridge)[:] = damping * bend * f.weights(anchor.metric)
    if f.penalty.l1 > 0.0:
        move, landing = minimize_quadratic(
            hessian(f, second), gradient, w, f.penalty, ridge
        )
        zeros = landing == 0.0
    else:
        f.weights(ridge)[:] += f.penalty.l2
        move = -_solve_system(f, second, ridge, residual, iterations)
        zeros = np.zeros(f.n_weights, dtype=bool)
    change = f.penalty.value(w + f.weights(move)) - f.penalty.value(w)
    return move, -(gradient @ move + change), zeros


def _total_curvature(f, second):
    """Sum over samples and classes of what `second` says, 1 where that is nothing."""
    if f.loss.twice_differentiable:
        second = f.loss.class_curvature(second, f.weight)
    return second.sum() or 1.0


def _solve_system(f, second, ridge, right, iterations):
    """(H + diag(ridge))^-1 right, by the cheapest way."""
    if f.loss.of_slacks:
        few = np.count_nonzero(second) < _DUAL_FROM * f.size
        spread = (f.second_moment / f.feature_values(f.weights(ridge))).sum()
        exact = second.max() * spread < _MOST_CANCELLED
        if (few and exact) or _only_by_pairs(f):
            return solve_by_pairs(f, second, ridge, right)
    if iterations is not None:
        return iterations(f, second, ridge, right)
    return solve_by_coefficients(f, second, ridge, right)


def _line_search(f, model, anchor, theta, scores, value, move, change, decrement):
    """Length of the step: one near the end, found along the segment before."""
    w, dw = f.weights(theta), f.weights(move)
    l1, l2 = f.penalty.l1, f.penalty.l2

    def along(t):
        data, slope = model.along(scores, change, t)
        at_t = w + t * dw
        if anchor.strength > 0.0:
            data += anchor.value(theta + t * move)
            slope += anchor.gradient(theta + t * move) @ move
        slope += dw @ (l1 * np.sign(at_t) + l2 * at_t)
        return -(data + f.penalty.value(at_t)), -slope

    start = -(value + f.penalty.value(w))
    decrement = max(decrement, 0.0)
    rounding = _ROUNDING * abs(start)
    if decrement <= rounding and along(1.0)[0] >= start - rounding:
        return 1.0  # rounding hides the descent, but the step is right
    length, _ = maximize_concave(along, np.inf, start, start + decrement, decrement)
    return length
