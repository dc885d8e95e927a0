"""Newton's method on explicit second derivatives, for few coefficients or active pairs.

The hinge is solved by the method of multipliers, with the dual variables a_ij of sample
i and wrong class j as multipliers:

1. Take the first multipliers from dual coordinate ascent, which goes on while it gains
   more than Newton steps.
2. Model: with multipliers a and a width w, the data part of the objective becomes

       sum_i pi_i sum_{j != y_i} max_{0 <= t <= 1} t slack_ij - w/2 (t - a_ij)^2,

   which is differentiable. Its sum with R(W) is the augmented Lagrangian, minimised
   over W by the steps 3 and 4.
3. Direction: solve (H + ridge) D = -gradient, with H a generalised second derivative.
4. Step length: search along D, then W <- W + length * D.
5. Stop: the maximisers t_ij are a dual point, and so give a lower bound of the optimum.
6. Multipliers: once that minimum is met well enough, a <- t, and a new width.

The stages 2 to 4 and 6 are the proximal point algorithm on the dual, with c_k = 1/w in
R. T. Rockafellar, "Augmented Lagrangians and applications of the proximal point
algorithm in convex programming", Mathematics of Operations Research 1976, and sigma_k
= 1/w in X. Li, D. Sun and K.-C. Toh, "A highly efficient semismooth Newton augmented
Lagrangian method for solving Lasso problems", SIAM J. Optimization 2018, where 3 and 4
are the inner algorithm.

Smooth losses are their own model and need no multipliers: stage 1, on large data only,
gives them a start. The squared hinge gets multipliers where steps stay short.
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
    dual_of,
    feature_metric,
)
from ._conjugate_gradients import (
    cost_of_preconditioner,
    preconditioner_for,
    solve_by_conjugate_gradients,
    within_reach,
)
from ._newton_rules import RULES
from ._registry import only_by_pairs
from ._sdca import DualAscent, ascend
from ._systems import hessian, minimize_quadratic, solve_by_coefficients, solve_by_pairs


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    value = f.value(theta, np.float64)
    progress.record(value, theta)
    best = Best(theta, value)
    # For a smooth loss, `theta` determines its dual variables.
    pull = None if f.loss.smooth else options.pull
    width = RULES.width_after_fit
    common = best, certifier, options, progress
    ascends, sent_back = _ascent_pays(f, warm=theta.any()), False
    while progress.proceeds(options.max_iter):
        if ascends:
            result = _ascend(f, theta, pull, sent_back, *common)
            if result.converged or result.stalled:
                return result
            theta = result.theta
            # A smooth loss needs no multipliers, unless its Newton steps were stuck.
            pull = None if f.loss.smooth and not sent_back else result.pull
            width = RULES.width_after_ascent
        result, ended = _take_steps(f, theta, pull, width, *common)
        if ended:
            break
        if f.loss.smooth and f.dtype != np.float64:
            # Rounding to single precision may be what keeps the steps short.
            f = f.with_precision(np.float64)
            theta, ascends = result.theta, False
            continue
        theta, pull, ascends, sent_back = result.theta, result.pull, True, True
    return result


def _ascend(f, theta, pull, sent_back, best, certifier, options, progress):
    """Stage 1: dual ascent, while it gains more than Newton steps.

    After Newton steps on a smooth loss that failed (`sent_back`), while it gains at
    all.
    """
    ascent = DualAscent(f, np.random.default_rng(options.seed), _is_large(f))
    if pull is not None:
        ascent.start_from(pull, theta)
    elif theta.any() and not sent_back:
        ascent.start_near(theta)
    limit = options.max_iter
    if sent_back and f.loss.smooth:
        ends = Stall(replace(options, hands_over=True))
        if not f.penalty.is_smooth:
            limit = min(progress.n_iter + RULES.ascent_if_large, limit)
    else:
        ends = _Ascended(f, ascent, options, progress.n_iter)
        if not _only_by_pairs(f):
            large = _is_large(f)
            most = RULES.ascent_if_large if large else RULES.ascent_if_small
            limit = min(most, limit)
    result = ascend(f, ascent, best, certifier, options, progress, limit, ends)
    return replace(result, stalled=_only_by_pairs(f) and ends.stalled)


def _take_steps(f, theta, pull, width, best, certifier, options, progress):
    """Stages 2 to 6, and whether they end the fit.

    They do not where too many pairs are active, or where the squared hinge is stuck.
    """
    scores = f.scores(theta, np.float64)
    model = (_AugmentedHinge if f.loss.of_slacks else _Softmax)(f)
    if pull is not None:
        model.start_from(pull, width)
    steps = _Steps(f, model, theta, options.tol)
    while progress.proceeds(options.max_iter):
        step = steps.take(f, theta, scores)  # 2 to 4
        if step is None:
            return SolverResult(best.theta, converged=False, pull=pull), False
        theta, scores, decrement, length = step
        # 5. Stop, if the maximisers prove that the tolerance is met.
        pull = model.pull(scores)
        criterion = certifier.gap(best.value)
        target = options.tol * best.value
        far = target > 0.0 and not within_reach(decrement, target)
        if model.worth_certifying(decrement, criterion * best.value, far):
            certificate = certifier.certify(theta, pull, scores)
            best.consider(certificate.theta, certificate.objective)
            criterion = certifier.gap(best.value)
            if f.penalty.is_zero:
                criterion = certificate.criterion
        else:
            best.consider(theta, f.loss_value(scores) + f.penalty_value(theta))
        progress.record(best.value, best.theta)
        exact = decrement <= RULES.exact * best.value or not model.ends_exactly
        if options.reached(criterion) and exact:
            return SolverResult(best.theta, converged=True, pull=pull), True
        # 6. Multipliers and width.
        if model.advance(decrement, length, criterion * best.value):
            steps.anchor.point = theta
        if model.stuck and f.penalty.convexity > 0.0:
            return SolverResult(best.theta, converged=False), False
    return SolverResult(best.theta, converged=False, pull=pull), True


class _Steps:
    """Stages 2 to 4: Newton steps on a model of the data part plus the penalty.

    After a step that the line search made short, the next ones are damped.
    """

    def __init__(self, f, model, theta, tol):
        self.anchor = _Anchor(f, theta)
        self._model = model
        self._tol = tol
        self._damping = 0.0
        self._iterative = _iterations_pay(f)

    def take(self, f, theta, scores):
        """The next coefficients, their scores, the descent predicted for the full step,
        and the step length; None if too many pairs are active.
        """
        # 2. Model.
        anchor = self.anchor
        value, pull, second = self._model.expand(scores)
        if _only_by_pairs(f) and np.count_nonzero(second) > RULES.most_pairs:
            return None
        anchor.strength = self._model.proximal
        gradient = f.backward(pull.astype(f.dtype, copy=False))
        gradient += anchor.gradient(theta)
        value += anchor.value(theta)
        # 3. Direction.
        iterations = None
        if self._iterative:
            iterations = partial(
                solve_by_conjugate_gradients,
                preconditioner=preconditioner_for(f, second),
                target=self._tol * (value + f.penalty_value(theta)),
            )
        move, decrement, zeros = _newton_step(
            f, theta, gradient, second, anchor, self._damping, iterations
        )
        # 4. Step length.
        change = f.scores(move).astype(np.float64, copy=False)
        length = _line_search(
            f, self._model, anchor, theta, scores, value, move, change, decrement
        )
        theta = theta + length * move
        scores = scores + length * change
        if length == 1.0:
            f.penalised(theta)[zeros] = 0.0  # theta + move is zero but for rounding
        if self._model.damps:
            if length < RULES.short:
                self._damping = max(RULES.more * self._damping, RULES.least_damping)
            elif length > RULES.long:
                self._damping /= RULES.more
                if self._damping < RULES.least_damping:
                    self._damping = 0.0
        return theta, scores, decrement, length


def _iterations_pay(f):
    """Whether conjugate gradients solve Newton's systems for less than a factor."""
    twice = f.loss.twice_differentiable
    if not twice or not f.penalty.is_smooth or f.penalty.convexity == 0.0:
        return False
    n, d, size = f.n_samples, f.n_features, f.size
    if size < RULES.small_system:
        # Blind to the number of samples, so that weighted and repeated rows take the
        # same way.
        return False
    iterations = RULES.cg_steps * _costs.gradient(n, size) + cost_of_preconditioner(f)
    return _costs.newton_matrix(n, d, f.n_rows, size) > iterations


def _ascent_pays(f, warm):
    """Whether to start with stage 1."""
    if f.penalty.convexity == 0.0:
        return False
    if not f.loss.smooth:
        return f.n_samples >= RULES.ascent_from or _only_by_pairs(f)
    if warm and _iterations_pay(f):
        return f.n_samples * f.size >= RULES.large_if_warm
    return _is_large(f)


def _only_by_pairs(f):
    return only_by_pairs(f.loss, f.size, f.n_samples * max(f.n_rows - 1, 1))


def _is_large(f):
    return f.n_samples * f.size >= RULES.large


class _Ascended:
    """End of stage 1: whether Newton steps gain more than more dual ascent."""

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
        gap = max(gap, RULES.rounding)
        rate = np.log(self._last_gap / gap) / (iteration - self._last_iteration)
        rest = np.log(gap / max(self._tol, RULES.rounding))
        self._last_gap, self._last_iteration = gap, iteration
        nearby, trial = RULES.hinge_gap, RULES.hinge_least
        patience = RULES.hinge_patience
        if self._f.loss.smooth:
            nearby, trial = RULES.smooth_gap, RULES.smooth_least
            patience = RULES.smooth_patience
        if _only_by_pairs(self._f):
            step = self._iterations_a_step()
            nearby, trial = np.inf, max(trial, RULES.least_steps * step)
            patience = max(patience, RULES.patience_steps * step)
        # After Newton steps that failed, for as many iterations as were made before.
        tried = gap <= nearby and iteration >= self._first + max(trial, self._first)
        return tried and rest > patience * rate

    def _iterations_a_step(self):
        """Cost of a Newton step in iterations; infinite with too many active pairs."""
        f, dual = self._f, self._ascent.dual
        free = (dual > 0.0) & (dual < 1.0)
        pairs, rows = np.count_nonzero(free), np.count_nonzero(free.any(axis=1))
        if pairs > RULES.most_pairs:
            return np.inf
        step = _costs.pair_matrix(pairs, rows, f.n_features)
        return RULES.flop * step / _costs.gradient(f.n_samples, f.size)


class _Anchor:
    """A proximal term, strength / 2 * |theta - point|^2 in the features' metric.

    It keeps coefficients bounded that the penalty does not.
    """

    def __init__(self, f, point):
        self.metric = feature_metric(f)
        self.point = point
        self.strength = 0.0

    def value(self, theta):
        """Value of the term at `theta`."""
        return 0.5 * (self.gradient(theta) @ (theta - self.point))

    def gradient(self, theta):
        """Gradient of the term at `theta`."""
        return self.strength * self.metric * (theta - self.point)


class _Softmax:
    """Stage 2 for the softmax, whose model is the loss itself."""

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
        return value, pull, f.loss.second(pull, f.y, f.share)

    def along(self, scores, change, t):
        """Value of the data part at scores + t * change, and its derivative in t."""
        value, pull = self._f.loss_gradient(scores + t * change)
        return value, np.vdot(pull, change)

    def start_from(self, pull, width):
        """Nothing: the model has no multipliers."""

    def pull(self, scores):
        """None: the certificate then takes the gradient of the loss."""
        return None

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may end the fit: only near the optimum."""
        return not far

    def advance(self, decrement, length, gap):
        """Nothing changes between the steps."""
        return False


class _AugmentedHinge:
    """Stages 2 and 6 for the hinges, with an augmented Lagrangian.

    The model of the squared hinge is the loss itself (width 0), until steps stay short.

    Attributes
    ----------
    proximal : float
        Strength of the proximal term, positive where the L2 penalty is missing or
        negligible beside the curvature along the feature that varies most.
    damps : bool
        Whether damping follows short steps. Here a larger width does.
    """

    damps = False

    def __init__(self, f):
        self._f = f
        self._largest_variance = feature_metric(f).max()
        self._unit = f.loss.delta  # of the width
        self._width = 0.0 if f.loss.smooth else RULES.first_width * self._unit
        self._multipliers = np.zeros((f.n_samples, f.n_rows))
        self._pull = np.empty_like(self._multipliers)
        self._second = np.empty_like(self._multipliers)
        self._steps = 0
        self._short = 0

    @property
    def proximal(self):
        f = self._f
        if f.loss.delta == 0.0 or self._width == 0.0:
            return 0.0
        held = f.penalty.convexity / self._largest_variance
        return max(RULES.proximal * self._width / f.loss.delta**2 - held, 0.0)

    def start_from(self, pull, width):
        """Take multipliers, and a width in units of the margin.

        The multipliers of the squared hinge have no upper bound. Its unit is the
        margin over the mean of the largest multiplier of each sample.
        """
        f = self._f
        self._multipliers = dual_of(f, pull)
        if f.loss.smooth:
            size = f.share @ self._multipliers.max(axis=1)
            self._unit = f.loss.delta / size if size > 0.0 else f.loss.delta
        self._width = width * self._unit

    @property
    def stuck(self):
        """Whether the squared hinge needs multipliers."""
        most = RULES.stuck if self._f.penalty.is_smooth else RULES.stuck_with_l1
        return self._short >= (RULES.stuck_if_tiny if self.ends_exactly else most)

    @property
    def ends_exactly(self):
        """Whether steps cost so little that the fit goes on to full precision, where
        weighted and repeated rows have the same model in all digits.
        """
        f = self._f
        plain = self._width == 0.0 and f.dtype == np.float64
        return plain and f.n_samples * f.size < RULES.tiny

    def expand(self, scores):
        """Value of the data part, its gradient in the scores, and the second
        derivatives as `add_pair_grams` takes them.
        """
        f = self._f
        arrays = (self._multipliers, self._pull, self._second)
        value = f.loss.augmented(
            f.vector_form(scores),
            f.y,
            f.share,
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
            f.share,
            self._width,
            f.vector_form(self._multipliers),
        )

    def pull(self, scores):
        """The maximisers t, times pi_i: a dual point for the certificate."""
        return self.expand(scores)[1].copy()

    def worth_certifying(self, decrement, gap, far):
        """Whether a certificate may show something new: not far from the minimum of
        the augmented Lagrangian.
        """
        return not decrement > RULES.inner_accuracy * gap

    def advance(self, decrement, length, gap):
        """Stage 6: a <- t, once the augmented Lagrangian is minimised well enough.

        Returns whether the multipliers moved. The width follows the number of steps
        that the minimum took: with a narrow one a step meets many kinks, with a wide
        one the multipliers move more often. Called after `pull`.
        """
        f = self._f
        self._steps += 1
        if self._width == 0.0:
            self._short += length < RULES.short
            if self.stuck and f.penalty.convexity == 0.0:
                self.start_from(self._pull, RULES.width_after_ascent)
            return False
        solved = decrement <= RULES.inner_accuracy * gap and length >= RULES.long
        if length < RULES.short:
            self._width *= RULES.widening
        if not solved and self._steps < RULES.inner_steps:
            return False
        self._multipliers = dual_of(f, self._pull)
        if not solved:
            self._width *= 3.0
        elif self._steps <= 3:
            self._width *= 0.3
        elif self._steps <= 6:
            self._width *= 0.5
        self._width = max(self._width, RULES.smallest_width * self._f.loss.delta)
        self._steps = 0
        return True


def _newton_step(f, theta, gradient, second, anchor, damping, iterations):
    """Stage 3: the direction, the descent that it predicts, and which coefficients it
    sets to zero.

    The ridge holds directions without curvature (a class without active pairs, a
    penalty without L2): it is that of the anchor, or else proportional to the gradient.
    """
    w = f.penalised(theta)
    ridge = anchor.strength * anchor.metric
    residual = gradient.copy()
    f.penalised(residual)[:] = f.penalty.min_norm_subgradient(w, f.penalised(gradient))
    if anchor.strength == 0.0:
        unit = f.loss.delta if f.loss.delta > 0.0 else 1.0
        size = np.sqrt((residual**2 / anchor.metric).sum())
        bend = _total_curvature(f, second)
        least = RULES.smallest_damping * bend
        ridge = max(RULES.damping * size / unit, least) * anchor.metric
        if f.penalty.convexity > 0.0:
            f.penalised(ridge)[:] = damping * bend * f.penalised(anchor.metric)
    if not f.penalty.is_smooth:
        move, landing = minimize_quadratic(
            hessian(f, second), gradient, w, f.penalty, ridge
        )
        zeros = landing == 0.0
    else:
        f.penalised(ridge)[:] += f.penalty.convexity
        move = -_solve_system(f, second, ridge, residual, iterations)
        zeros = np.zeros(f.n_penalised, dtype=bool)
    change = f.penalty.value(w + f.penalised(move)) - f.penalty.value(w)
    return move, -(gradient @ move + change), zeros


def _total_curvature(f, second):
    """Sum of the second derivatives over samples and classes; 1 where it is zero."""
    if f.loss.twice_differentiable:
        second = f.loss.class_curvature(second, f.share)
    return second.sum() or 1.0


def _solve_system(f, second, ridge, right, iterations):
    """(H + diag(ridge))^-1 right, in the cheapest way that is exact enough."""
    if f.loss.of_slacks:
        few = np.count_nonzero(second) < RULES.by_pairs_below * f.size
        spread = (f.second_moment / f.feature_values(f.penalised(ridge))).sum()
        exact = second.max() * spread < RULES.most_cancelled
        if (few and exact) or _only_by_pairs(f):
            return solve_by_pairs(f, second, ridge, right)
    if iterations is not None:
        return iterations(f, second, ridge, right)
    return solve_by_coefficients(f, second, ridge, right)


def _line_search(f, model, anchor, theta, scores, value, move, change, decrement):
    """Stage 4: length of the step, which is 1 near the optimum."""
    w, dw = f.penalised(theta), f.penalised(move)

    def along(t):
        data, slope = model.along(scores, change, t)
        at_t = w + t * dw
        if anchor.strength > 0.0:
            data += anchor.value(theta + t * move)
            slope += anchor.gradient(theta + t * move) @ move
        slope += dw @ f.penalty.gradient(at_t)
        return -(data + f.penalty.value(at_t)), -slope

    start = -(value + f.penalty.value(w))
    decrement = max(decrement, 0.0)
    rounding = RULES.rounding * abs(start)
    if decrement <= rounding and along(1.0)[0] >= start - rounding:
        return 1.0  # rounding hides the descent, but the step is right
    length, _ = maximize_concave(along, np.inf, start, start + decrement, decrement)
    return length
