"""Quasi-Newton steps in one metric of the features, for many coefficients.

The limited-memory BFGS method (J. Nocedal and S. J. Wright, "Numerical optimization",
2006, algorithm 7.4), whose first matrix is not a multiple of the identity but the
inverse of the Hessian that `_metric.py` approximates:

1. Model: as in `_newton.py`.
2. Direction: from the metric, and the last moves and what they changed in the gradient.
   For the hinge, once few pairs of a sample and a class are active, exactly, by
   products with those alone (`_pair_products.py`).
3. Step length: search along it, in the scores.
4. Stop: for an L2 penalty of strength l2 the gap of any model is, but for the
   intercept, |gradient of F|^2 / (2 l2) at its own slopes; for the hinge it is that of
   the augmented Lagrangian, and what the maximisers leave of the loss. That gradient
   is 10 to 100 times what the model lacks, as it counts curvature twice. Once it is
   near the tolerance, dual ascent from the same dual point lowers it.
5. Multipliers of the hinge move where the first of these two parts is the smaller one,
   or after a few steps. The width follows their ratio, so that both fall at one rate.

A step costs what a product with the Hessian costs, and its model is never out of date.
Conjugate gradients on a piecewise quadratic spend a hundred products on a step that the
next kinks cut to a fifth (docs/adr/0018), which pays only where products are next to
free (docs/adr/0037, 0054).
"""

from collections import deque
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from ._common import Best, SolverResult, best_multiple, is_separated
from ._metric import SharedMetric
from ._models import Anchor, line_search, model_of
from ._newton_rules import RULES as NEWTON_RULES
from ._pair_products import by_entries, many_pairs, most_pairs, solve_by_pair_products
from ._registry import RULES as LIMITS
from ._sdca import DualAscent


@dataclass(frozen=True)
class Rules:
    """Numbers by the stage that uses them; 0018 is a decision in docs/adr/."""

    memory: int = 10  # pairs of a move and a change; 30 are no better (0018)
    # A change of the gradient along a move, over the product of their lengths, below
    # which it is rounding.
    curved: float = 1e-12
    renewal: int = 30  # most steps after which the metric takes present curvatures
    # 4. Dual ascent begins once the estimated gap is below `far` tolerances. It has at
    # most `most_ascent` iterations, and ends with one that leaves more than the part
    # `left` of the gap (0038).
    far: float = 30.0
    most_ascent: int = 8
    left: float = 0.85
    # An ascent that misses the tolerance by a factor r is tried again once the
    # estimated gap is below 1 / r of what it was, and below `nearer` of it.
    nearer: float = 0.8
    # Steps are stuck if in so many of them neither the gap falls to `nearer` of itself,
    # nor the objective by the part `lower` of what the tolerance allows.
    patience: int = 100
    lower: float = 0.1


RULES = Rules()


class Descent:
    """Steps from `theta` on an objective with an L2 penalty.

    Parameters
    ----------
    f : Objective
    theta : ndarray
    model : SmoothModel or AugmentedHinge
        That of the loss.
    options : Options
    """

    def __init__(self, f, theta, model, options):
        self._f = f
        self._options = options
        self._metric = None
        self._model = model
        self._anchor = Anchor(f, theta)
        self._pairs = deque(maxlen=RULES.memory)
        self._steps = self._renewal = 0
        self._most_pairs, self._many_pairs = most_pairs(f), many_pairs(f)
        self.theta = theta
        self.refresh()
        # A model that is far too narrow for its multipliers, as long as products pay.
        while self._many_pairs > 0 and self.n_pairs <= self._many_pairs:
            if not model.widen(self._infeasible, self._slackness):
                break
            self._evaluate()

    @property
    def value(self):
        """F at `theta`."""
        f = self._f
        return self._loss + f.penalty_value(self.theta)

    @property
    def gap(self):
        """An estimate of value - bound at the present slopes or maximisers."""
        return self._infeasible + self._slackness

    @property
    def n_pairs(self):
        """How many pairs of a sample and a class are active."""
        return np.count_nonzero(self._second)

    def refresh(self):
        """Compute the scores, and what follows, free of accumulated rounding."""
        self.scores = None  # before there are two
        self.scores = self._f.scores(self.theta, np.float64)
        self._evaluate()

    def pull(self):
        """pi_i * a_i of a dual point; None where it is the gradient of the loss."""
        return None if self._f.loss.smooth else self._pull.copy()

    @property
    def asked_from(self):
        """The estimated gap, in tolerances, below which to ask for a certificate.

        It is above 1 where `nearer_dual_point` can improve the bound.
        """
        return RULES.far if self._ascends else 1.0

    @property
    def _ascends(self):
        """Whether the rows are at hand for dual ascent."""
        design = self._f.design
        at_hand = not (design.only_products or design.in_parts)
        return at_hand and self._f.penalty.is_uniform

    def nearer_dual_point(self, value, target):
        """A dual point for a certificate, and an estimate of value - bound.

        The bound of the present dual point suffers most from the gradient along
        features that vary much. A few iterations of dual ascent remove that part; they
        end once the estimate is at most `target`.
        """
        pull, rest = None, self.gap - (self.value - value)
        if rest <= target or not self._ascends:
            return self.pull(), rest
        f = self._f
        rng = np.random.default_rng(self._options.seed)
        ascent = DualAscent(f, rng, accelerated=False)
        ascent.start_from(self._pull, self.theta)
        # As large as the dual variables of the ascent, and of its results.
        self._pull = self._second = None
        self._model.let_go()
        for _ in range(RULES.most_ascent):
            ascent.settle(rest / value)
            ascent.iterate()
            nearer = ascent.pull()
            dual_value, _ = f.dual_value(nearer)(1.0)
            # R*(V) = R(W) at the model W that belongs to V.
            before, rest = rest, value - dual_value + f.penalty_value(ascent.model())
            if rest < before:
                pull = nearer
            del nearer
            if rest <= target or rest > RULES.left * before:
                break
        _, self._pull, self._second = self._model.expand(self.scores)
        return self.pull() if pull is None else pull, min(rest, before)

    def step(self):
        """One step; returns its length."""
        f, anchor = self._f, self._anchor
        move = -self._direction(self._gradient)
        change = f.scores(move).astype(np.float64, copy=False)
        descent = -0.5 * (self._gradient @ move)
        length = line_search(
            f,
            self._model,
            anchor,
            self.theta,
            self.scores,
            self._model_value,
            move,
            change,
            descent,
        )
        if length == 0.0:
            return 0.0
        before = self._gradient
        self.theta = self.theta + length * move
        change *= length
        self.scores += change
        del change  # as large as the next multipliers
        self._evaluate()
        if self._model.balance(self._infeasible, self._slackness):
            anchor.point = self.theta
            self._pairs.clear()
            self._evaluate()
        else:
            self._learn(length * move, self._gradient - before)
        return length

    def _renew_metric(self):
        """Take the present curvatures: often at first, when they change most."""
        f = self._f
        self._renewal = self._steps + min(max(self._steps, 1), RULES.renewal)
        coupling = f.coupling(self._second)
        self._metric = SharedMetric.of(f, coupling, self._options)
        self._metric.adapt(coupling, f.feature_values(f.penalised(self._ridge())))

    def _ridge(self):
        """The second derivatives of the penalty and the anchor."""
        ridge = self._anchor.strength * self._anchor.metric
        self._f.penalised(ridge)[:] += self._f.penalty.convexity
        return ridge

    def _evaluate(self):
        """Model, gradient and the estimate of the gap at the present scores."""
        f, anchor = self._f, self._anchor
        value, self._pull, self._second = self._model.expand(self.scores)
        anchor.strength = self._model.proximal
        gradient = f.backward(self._pull.astype(f.dtype, copy=False))
        w = f.penalised(self.theta)
        f.penalised(gradient)[:] += f.penalty.gradient(w)
        self._infeasible = f.penalised(gradient) @ f.penalised(gradient)
        self._infeasible /= 2.0 * f.penalty.convexity
        self._model_value = value + anchor.value(self.theta)
        self._gradient = gradient + anchor.gradient(self.theta)
        self._loss, self._slackness = value, 0.0
        if not f.loss.smooth:
            self._loss = f.loss_value(self.scores)
            dual_value, _ = f.dual_value(self._pull)(1.0)
            work = np.vdot(self._pull, self.scores)
            self._slackness = max(self._loss - dual_value - work, 0.0)
            # Flows between classes that do not balance cost a margin for each unit.
            flow = 0.5 * np.abs(f.intercepts(gradient)).sum()
            self._infeasible += f.loss.delta * flow

    def _learn(self, move, change):
        product = move @ change
        sizes = np.linalg.norm(move) * np.linalg.norm(change)
        if product > RULES.curved * sizes:
            self._pairs.append((move, change, product))

    def _direction(self, gradient):
        """(Hessian)^-1 gradient: exact by active pairs where these are few."""
        # Asked only where there are such products: the second derivatives may be afar.
        if self._most_pairs > 0 and self.n_pairs <= self._most_pairs:
            return self._by_pairs(gradient)
        many = self._many_pairs > 0 and self.n_pairs <= self._many_pairs
        if many and by_entries(self._f):
            return self._by_pairs(gradient)
        if many or self._steps == self._renewal:
            self._renew_metric()
        if many:
            return self._by_pairs(gradient, self._metric)
        self._steps += 1
        return self._by_secants(gradient)

    def _by_pairs(self, gradient, metric=None):
        """(Hessian)^-1 gradient, by products with active pairs."""
        return solve_by_pair_products(
            self._f,
            self._second,
            self._ridge(),
            gradient,
            target=self._options.tol * self.value,
            clock=self._options.clock,
            metric=metric,
            exact=self._f.loss.smooth,
        )

    def _by_secants(self, gradient):
        """(Hessian)^-1 gradient, by the two loops of algorithm 7.4."""
        direction = gradient.copy()
        parts = []
        for move, change, product in reversed(self._pairs):
            part = (move @ direction) / product
            direction -= part * change
            parts.append(part)
        direction = self._metric(self._f, direction)
        for (move, change, product), part in zip(
            self._pairs, reversed(parts), strict=True
        ):
            direction += (part - (change @ direction) / product) * move
        return direction


def descend(f, theta, model, best, certifier, options, progress, leaves):
    """Steps until the tolerance is met, or exact steps are the better ones.

    Parameters
    ----------
    leaves : callable
        (descent, steps so far, objective) -> whether exact steps are better.
    f, theta, model, best, certifier, options, progress
        As `Descent` and solvers take them.

    Returns
    -------
    result : SolverResult
        Stalled where neither objective nor gap falls any more.
    ended : bool
        Whether it ends the fit.
    """
    progress.enter("quasi-Newton steps")
    descent = Descent(f, theta, model, options)
    begun = progress.n_iter
    asked = np.inf  # the estimated gap that asks for the next certificate
    lowest, nearest, since = np.inf, np.inf, 0
    while progress.proceeds(options.max_iter):
        length = descent.step()
        value = descent.value
        target = options.tol * best.value
        scaled = best_multiple(f, descent.theta, descent.scores, value, options.tol)
        best.consider(*scaled)
        gap = descent.gap - (value - best.value)
        criterion = np.inf
        if gap <= min(descent.asked_from * target, asked):
            pull, rest = descent.nearer_dual_point(best.value, target)
            if rest <= target:
                criterion = _certify(descent, pull, best, certifier)
                rest = criterion * best.value
            del pull
            asked = RULES.nearer * gap
            if rest > target:
                asked = min(asked, gap * target / rest)
        progress.record(best.value, best.theta, gap / best.value)
        if options.reached(criterion):
            return SolverResult(best.theta, True, descent.pull()), True
        since += 1
        if gap < RULES.nearer * nearest or value < lowest - RULES.lower * target:
            lowest, nearest, since = min(lowest, value), min(nearest, gap), 0
        stuck = length == 0.0 or since >= RULES.patience
        if stuck or leaves(descent, progress.n_iter - begun, best.value):
            pull = descent.pull()
            return SolverResult(descent.theta, False, pull, stalled=stuck), False
    criterion = _certify(descent, descent.pull(), best, certifier)
    if not (options.reached(criterion) or progress.stopped):
        pull, _ = descent.nearer_dual_point(best.value, 0.0)
        criterion = _certify(descent, pull, best, certifier)
    return SolverResult(best.theta, options.reached(criterion), descent.pull()), True


def solve(f, theta, certifier, options, progress):
    """These steps alone; stalled where double precision does not help either."""
    best = Best(theta, f.value(theta, np.float64))
    model = model_of(f, options.pull, NEWTON_RULES.width_after_fit)
    leaves = partial(pairs_are_few, f, np.inf)
    while progress.proceeds(options.max_iter):
        result, ended = descend(
            f, theta, model, best, certifier, options, progress, leaves
        )
        if ended:
            return result
        if f.dtype == np.float64:
            return replace(result, theta=best.theta)
        # Rounding to single precision may be what keeps the steps short.
        f = f.with_precision(np.float64)
        model = model_of(f, result.pull, NEWTON_RULES.width_after_fit)
        theta = result.theta
    return SolverResult(best.theta, converged=False)


def pairs_are_few(f, least, descent, made, value):
    """Whether exact steps by a matrix of the active pairs are better, after `made`
    steps of which there have to be `least`.

    Where products with active pairs can be used, they are better than that matrix,
    unless the classes come apart and the coefficients are few.
    """
    rules = NEWTON_RULES
    if made < least:
        return False
    if by_entries(f):
        # The squared hinge needs multipliers where its own steps do not end.
        begun = not f.loss.smooth or made >= rules.separated_least
        return begun and is_separated(f, value)
    by_products = most_pairs(f) > 0
    if is_separated(f, value) and not (by_products and f.size > LIMITS.newton_largest):
        few = descent.n_pairs <= rules.most_pairs
        return few and made >= rules.separated_least
    if by_products:
        return False
    return not f.loss.smooth and descent.n_pairs <= rules.few * rules.most_pairs


def _certify(descent, pull, best, certifier):
    """The relative gap of the best model, after a bound from a dual point."""
    descent.refresh()
    certificate = certifier.certify(descent.theta, pull, descent.scores)
    best.consider(certificate.theta, certificate.objective)
    return certifier.gap(best.value)
