"""Newton's method on explicit second derivatives, for few coefficients or active pairs.

The hinge is solved by the method of multipliers, with the dual variables a_ij of sample
i and wrong class j as multipliers:

1. Take the first multipliers from dual coordinate ascent, which goes on while it gains
   more than Newton steps. On tall tables they are the slopes at the model of a sample
   of the rows (`_samples.py`).
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

Smooth losses are their own model and need no multipliers: stage 1, on large data whose
steps cost much, gives them a start. On tall tables the softmax goes by sampled losses
(`_surrogates.py`). Where steps on the squared hinge stay short, those or interior
points follow (`_interior.py`), and it gets multipliers where few pairs are
active, or those fail. Under next to no penalty the hinges go through stronger
ones first. Smooth losses with L1, and the hinge with L1 alone, have ways of their
own, `_working_set.py` and `_sparse_interior.py`. With L1 and L2 the hinge takes the
latter after some steps on a matrix, and at once where that is too large.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from . import (
    _costs,
    _gd,
    _interior,
    _secants,
    _sparse_interior,
    _surrogates,
    _working_set,
)
from ._common import (
    Best,
    Checkpoints,
    SolverResult,
    Stall,
    best_multiple,
    is_separated,
)
from ._conjugate_gradients import within_reach
from ._continuation import approach, is_weak
from ._models import model_of
from ._newton_rules import RULES
from ._registry import RULES as LIMITS
from ._samples import start_from_samples
from ._sdca import DualAscent, ascend, overlap
from ._secants import descend, pairs_are_few
from ._stages import (
    ascent_pays,
    has_matrix,
    is_large,
    lacks_matrix,
    matrix_cost,
    metric_cost,
    only_by_pairs,
    products_pay,
    samples_pay,
    secants_pay,
    two_passes,
)
from ._steps import Steps


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    if f.loss.smooth and not f.penalty.is_smooth:
        return _solve_sparse(f, theta, certifier, options, progress)
    has_matrix = f.penalty.convexity > 0.0 and f.size <= LIMITS.newton_largest
    if _sparse_interior.applies(f) and not has_matrix:
        return _solve_sparse_hinge(f, theta, certifier, options, progress)
    progress.record(f.value(theta, np.float64), theta)
    by_solve = _solve_by_products if f.design.only_products else _solve
    if f.loss.of_slacks and not theta.any() and is_weak(f):
        if ascent_pays(f, warm=False) and overlap(f, _rng(options)) < RULES.apart:
            result, lost = _ascend_alone(f, theta, certifier, options, progress)
            if not lost:
                return result
        if f.penalty.is_smooth:
            theta, pull = approach(by_solve, f, theta, options, progress)
            certifier.certify(theta, pull)
            options = replace(options, pull=pull)
    return by_solve(f, theta, certifier, options, progress)


def _ascend_alone(f, theta, certifier, options, progress):
    """Dual ascent, where rows hardly overlap; whether it comes nowhere near."""
    progress.enter("dual ascent")
    best = Best(theta, f.value(theta, np.float64))
    ascent = DualAscent(f, _rng(options), accelerated=False)
    lost = False

    def ends(iteration, _, value):
        nonlocal lost
        far = certifier.gap(value) > RULES.hinge_gap
        lost = far and RULES.ascent_alone <= iteration < options.max_iter
        return lost

    limit = options.max_iter
    result = ascend(f, ascent, best, certifier, options, progress, limit, ends)
    return result, lost and not progress.stopped


def _rng(options):
    return np.random.default_rng(options.seed)


def _solve_sparse(f, theta, certifier, options, progress):
    """Smooth losses with L1: a working set, after stage 1 where that pays."""
    if not theta.any() and ascent_pays(f, warm=False):
        best = Best(theta, f.value(theta, np.float64))
        progress.record(best.value, theta)
        common = best, certifier, options, progress
        result = _ascend(f, theta, None, False, *common)
        if result.converged:
            return result
        theta, options = result.theta, replace(options, scores=None)
    return _working_set.solve(f, theta, certifier, options, progress)


def _solve_sparse_hinge(f, theta, certifier, options, progress):
    """The hinge with L1: interior points, from a model that is given, or else from that
    of gradient steps, which find zeros. Those go on where it fails.
    """

    def is_over(result):
        at_end = progress.n_iter >= options.max_iter
        return result.converged or progress.stopped or at_end

    best = Best(theta, f.value(theta, np.float64))
    common = best, certifier, options, progress
    if theta.any():
        if progress.n_iter < 0:
            progress.record(best.value, theta)
        result = _sparse_interior.solve(f, theta, *common)
        if is_over(result):
            return result
        theta = result.theta
        progress.hand_over("newton")
    few = min(progress.n_iter + RULES.gradient_steps, options.max_iter)
    first = replace(options, max_iter=few)
    result = _gd.solve(f, theta, certifier, first, progress)
    if is_over(result):
        return result
    best.consider(result.theta, f.value(result.theta, np.float64))
    result = _sparse_interior.solve(f, result.theta, *common)
    if is_over(result):
        return result
    progress.hand_over("newton")
    return _gd.solve(f, result.theta, certifier, options, progress)


def _solve_by_products(f, theta, certifier, options, progress):
    """Stages 2 to 6 alone, where no rows can be had for dual ascent."""
    pull = options.pull
    if secants_pay(f):
        result = _secants.solve(f, theta, certifier, options, progress)
        if not result.stalled or f.size > LIMITS.newton_largest:
            return replace(result, stalled=result.stalled and options.hands_over)
        theta, pull = result.theta, result.pull
    best = Best(theta, f.value(theta, np.float64))
    common = best, certifier, options, progress
    result, ended = take_steps(f, theta, pull, RULES.width_after_fit, *common)
    return replace(result, stalled=options.hands_over and not ended)


def _solve(f, theta, certifier, options, progress):
    """The same at one strength, from its multipliers if there are any."""
    best = Best(theta, f.value(theta, np.float64))
    pull, width = options.pull, RULES.width_after_fit
    result = SolverResult(theta, converged=False, pull=pull)
    common = best, certifier, options, progress
    by_secants = secants_pay(f)
    by_samples = samples_pay(f)
    if by_samples and not f.loss.of_slacks:
        if not theta.any():
            theta = start_from_samples(_solve, f, theta, best, options, progress, 1)
        if theta.any():
            result = _surrogates.solve(f, theta, *common)
            if result.converged or progress.stopped:
                return result
            theta = result.theta
        by_samples = False
    # The squared hinge, which is smooth, has multipliers where steps are stuck, or few
    # pairs active.
    by_slopes = f.loss.smooth and by_secants
    ascends = ascent_pays(f, warm=theta.any()) and not (by_slopes and pull is not None)
    by_matrix = not (f.loss.smooth or by_secants or only_by_pairs(f))
    if by_matrix and not (theta.any() or pull is not None):
        theta = start_from_samples(_solve, f, theta, best, options, progress)
        if theta.any():
            width, ascends = RULES.width_after_sample, False
            scores = f.scores(theta, np.float64)
            _, pull = f.loss_gradient(scores, width * f.loss.delta)
            result = SolverResult(theta, converged=False, pull=pull)
            if not progress.proceeds(options.max_iter):
                certifier.certify(theta, pull.copy(), scores)
            del scores
    sent_back = False
    by_products = products_pay(f)
    goes_inside = not (lacks_matrix(f) or by_products)
    sparse = _sparse_interior.applies(f)
    # Quasi-Newton steps before exact ones: more after each time that these failed.
    least = 0 if f.loss.of_slacks else np.inf
    while progress.proceeds(options.max_iter):
        if ascends:
            result = _ascend(f, theta, pull, sent_back, *common)
            if result.converged or result.stalled or progress.stopped:
                return result
            theta = result.theta
            needed = not f.loss.smooth or (sent_back and not by_secants)
            pull = result.pull if needed else None
            width = RULES.width_after_ascent
            del result  # its dual variables may be needed no longer
        if has_matrix(f) and not by_products and is_separated(f, best.value):
            by_secants = by_slopes = False  # a matrix of the few active pairs is small
        stuck = not by_secants
        if by_secants and not (by_slopes and pull is not None):
            leaves = partial(pairs_are_few, f, least)
            model = model_of(f, pull, width)
            pull = result = None  # as large as what the steps need
            result, ended = descend(f, theta, model, *common, leaves)
            if ended:
                break
            theta, pull, stuck = result.theta, result.pull, result.stalled
            if f.loss.smooth and has_matrix(f) and not by_products:
                by_secants = by_slopes = False  # steps by the matrix after all
            elif by_slopes and not stuck:
                _, pull = f.loss_gradient(f.scores(theta, np.float64))
        if not by_secants or not stuck:
            most = RULES.many_with_l1 if goes_inside and sparse else np.inf
            result, ended = take_steps(f, theta, pull, width, *common, most)
            if ended or result.stalled:
                break
            if by_samples:
                result = _surrogates.solve(f, result.theta, *common)
                if result.converged or progress.stopped:
                    return result
                by_samples = False
            if goes_inside and (sparse or _interior.pays(f, result.theta)):
                inside = _sparse_interior if sparse else _interior
                result = inside.solve(f, result.theta, *common)
                if result.converged or progress.stopped:
                    return result
                goes_inside = False
            least = max(2 * least, RULES.least_if_failed)
        theta, pull = result.theta, None if by_slopes else result.pull
        ascends = sent_back = stuck
        if stuck and (f.loss.smooth or by_secants) and f.dtype != np.float64:
            # Rounding to single precision may be what keeps the steps short.
            f = f.with_precision(np.float64)
            ascends = sent_back = False
    return result


def _ascend(f, theta, pull, sent_back, best, certifier, options, progress):
    """Stage 1: dual ascent, while it gains more than Newton steps.

    After Newton steps on a smooth loss that failed (`sent_back`), while it gains at
    all.
    """
    progress.enter("dual ascent")
    ascent = DualAscent(f, _rng(options), is_large(f))
    if pull is not None:
        ascent.start_from(pull, theta)
    elif theta.any() and not sent_back:
        ascent.start_near(theta)
    limit = options.max_iter
    if sent_back and f.loss.smooth:
        ends = Stall(replace(options, hands_over=True))
        limit = min(progress.n_iter + RULES.ascent_if_large, limit)
    else:
        ends = _Ascended(f, ascent, options, progress.n_iter)
        if pull is not None and is_separated(f, best.value):
            limit = min(progress.n_iter + RULES.hinge_least, limit)
        elif not only_by_pairs(f):
            most = RULES.ascent_if_large if is_large(f) else RULES.ascent_if_small
            limit = min(most, limit)
    result = ascend(f, ascent, best, certifier, options, progress, limit, ends)
    return replace(result, stalled=only_by_pairs(f) and ends.stalled)


def take_steps(f, theta, pull, width, best, certifier, options, progress, most=np.inf):
    """Stages 2 to 6, and whether they end the fit.

    They do not where too many pairs are active, where the squared hinge is stuck,
    where those of the softmax no longer descend, or after the `most` steps.
    """
    progress.enter("Newton steps")
    most += progress.n_iter
    scores = f.scores(theta, np.float64)
    model = model_of(f, pull, width)
    steps = Steps(f, model, theta, options)
    idle = 0  # steps without descent
    while progress.proceeds(options.max_iter):
        if f.loss.smooth:
            pull = None  # none is asked for where the steps end
        step = steps.take(f, theta, scores)  # 2 to 4
        if step is None:
            return SolverResult(best.theta, converged=False, pull=pull), False
        theta, scores, decrement, length = step
        before = best.value
        value = f.loss_value(scores) + f.penalty_value(theta)
        target = options.tol * best.value
        best.consider(*best_multiple(f, theta, scores, value, options.tol))
        # 5. Stop, if the maximisers prove that the tolerance is met.
        pull = model.pull(scores)
        criterion = certifier.gap(best.value)
        far = target > 0.0 and not within_reach(decrement, target)
        if model.worth_certifying(decrement, criterion * best.value, far):
            model.let_go_of_second()
            certificate = certifier.certify(theta, pull, scores)
            best.consider(certificate.theta, certificate.objective)
            criterion = certifier.gap(best.value)
            if f.penalty.is_zero:
                criterion = certificate.criterion
        progress.record(best.value, best.theta)
        exact = decrement <= RULES.exact * best.value or not model.ends_exactly
        if options.reached(criterion) and exact:
            return SolverResult(best.theta, converged=True, pull=pull), True
        # 6. Multipliers and width.
        if model.advance(decrement, length, criterion * best.value):
            steps.anchor.point = theta
        ends = model.stuck and f.penalty.convexity > 0.0
        idle = 0 if best.value < (1.0 - RULES.rounding) * before else idle + 1
        if model.damps and idle >= RULES.most_idle and options.tol > 0.0:
            stalled = options.hands_over and f.dtype == np.float64
            # Rounding may have led to a model that is worse than none.
            worse = f.value(best.theta, np.float64) > f.value_at_zero
            theta = np.zeros_like(theta) if worse else best.theta
            return SolverResult(theta, False, pull, stalled=stalled), False
        if ends or progress.n_iter >= most:
            return SolverResult(best.theta, converged=False, pull=pull), False
    return SolverResult(best.theta, converged=False, pull=pull), True


class _Ascended:
    """End of stage 1: whether Newton steps gain more than more dual ascent."""

    def __init__(self, f, ascent, options, first_iteration):
        self._f, self._ascent, self._tol = f, ascent, options.tol
        self._by_entries = not f.design.counts_from_centre
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
        rest = np.log(gap / max(self._tol, RULES.rounding))
        if self._f.loss.smooth and secants_pay(self._f):
            # The gap itself: relative to an objective far above the optimum it is one.
            gap *= value / self._f.value_at_zero
        rate = np.log(self._last_gap / gap) / (iteration - self._last_iteration)
        if not self._by_entries or self._f.size <= LIMITS.newton_largest:
            # Else it is the mean rate: the gap rises whenever an intercept is moved.
            self._last_gap, self._last_iteration = gap, iteration
        nearby, trial = RULES.hinge_gap, RULES.hinge_least
        patience = RULES.hinge_patience
        by_secants, by_products = secants_pay(self._f), products_pay(self._f)
        separated = is_separated(self._f, value)
        if self._f.loss.smooth:
            nearby, trial = RULES.smooth_gap, RULES.smooth_least
            patience = RULES.smooth_patience
            if by_secants and separated:
                return False
        elif by_secants and not by_products:
            nearby, trial = np.inf, RULES.secant_least
            if only_by_pairs(self._f):
                patience = RULES.secant_patience
            if separated:
                nearby, trial = RULES.separated_gap, RULES.separated_least
        elif only_by_pairs(self._f) or self._by_entries:
            step = self._iterations_of(self._step())
            if only_by_pairs(self._f) or by_products:
                nearby = np.inf
            trial = max(trial, RULES.least_steps * step)
            patience = max(patience, RULES.patience_steps * step)
        if by_secants and self._by_entries:
            # Rows of few entries make iterations that cost far less than what follows:
            # a metric, or exact steps of many products.
            follows = metric_cost(self._f)
            if by_products:
                follows = RULES.least_steps * self._step()
            first = self._iterations_of(follows)
            trial, patience = max(trial, first), max(patience, first)
        # After Newton steps that failed, for as many iterations as were made before.
        tried = gap <= nearby and iteration >= self._first + max(trial, self._first)
        return tried and rest > patience * rate

    def _step(self):
        """Cost of a Newton step; infinite with too many active pairs."""
        f, dual = self._f, self._ascent.dual
        if products_pay(f):
            return RULES.products_of_step * two_passes(f)
        free = (dual > 0.0) & (dual < 1.0)
        pairs, rows = np.count_nonzero(free), np.count_nonzero(free.any(axis=1))
        step = np.inf if f.size > LIMITS.newton_largest else matrix_cost(f)
        if pairs <= RULES.most_pairs:
            length = f.design.n_stored / f.n_samples
            step = min(step, _costs.pair_matrix(pairs, rows, length))
        return step

    def _iterations_of(self, cost):
        """How many iterations cost as much."""
        flop = RULES.flop_by_entries if self._by_entries else RULES.flop
        return flop * cost / max(two_passes(self._f), 1.0)
