"""Newton's method on smooth losses with an L1 penalty: most coefficients are zero.

1. Working set: the features of the coefficients that are not zero, or that pull the
   hardest; all of them where there are few.
2. Candidates, within it: the coefficients that are not zero or whose slopes come near
   the strength of the L1 penalty.
3. Direction: minimise the quadratic model of the loss plus the penalty over those. Its
   matrix is used again as long as the steps that it gives are good, also at the next
   strength of a path.
4. Step: all of it, if the objective then falls; else a line search.
5. Stop: a certificate over all features, once the steps on the working set are small.
   Under pure L1 a dual point must meet |slope| <= alpha for every coefficient. The
   gradient violates that by about as much as the last step was long, and the gap of a
   gradient that is scaled until it fits falls only like the square root of the excess.
   The gradient as the quadratic model foresees it after the step fits at once, and is
   the dual point here.

Where steps on the squared hinge stay short, interior points follow
(`_sparse_interior.py`). 2 to 4 are the proximal Newton method (J. D. Lee, Y. Sun and M.
A. Saunders, "Proximal Newton-type methods for minimizing composite functions", SIAM J.
Optimization 2014). A working set that at most doubles is that of M. Massias, A.
Gramfort and J. Salmon, "Celer: a fast solver for the Lasso with dual extrapolation",
ICML 2018.
"""

from dataclasses import dataclass

import numpy as np

from .._penalty import ElasticNet
from . import _costs, _sparse_interior
from ._by_columns import QuadraticByColumns
from ._common import Best, SolverResult, feature_metric
from ._models import Anchor, SmoothModel, line_search
from ._newton_rules import RULES as STEPS
from ._registry import RULES as LIMITS
from ._systems import hessian_on, minimize_quadratic


@dataclass(frozen=True)
class Rules:
    """Numbers of the working set; 0023 and 0035 are decisions in docs/adr/."""

    # -- 1. and 2. coefficients ------------------------------------------------------
    # Coefficients that may enter an empty model; later, as many as are in use.
    least: int = 200
    # A coefficient at zero is a candidate where its slope is at least this part of the
    # L1 strength; the second number holds where the first would make a large matrix.
    near: float = 0.8
    nearer: float = 0.95
    # -- 3. the direction ------------------------------------------------------------
    most: int = 4000  # coefficients in a matrix
    # Candidates, from which on sparse data coordinate descent costs less than a matrix.
    by_columns: int = 1000
    # A matrix of dense data is estimated from `rows` rows for each coefficient, and at
    # least `least_rows`, where those are less than the part `fewer` of all rows. `rows`
    # grows by the factor `more` each time that an estimate was bad near the end.
    rows: float = 10.0
    least_rows: int = 2000
    fewer: float = 0.35
    more: float = 2.0
    damping: float = 1e-4  # ridge over the norm of the gradient, without L2 (0035)
    # A fit is near its end where a step promises less than this part of the objective.
    quadratic: float = 1e-2
    # -- 4. the step, and 5. the stop ------------------------------------------------
    # The matrix is made anew where a step promises more than this part of what the step
    # before it promised.
    slow: float = 0.1
    good: float = 0.25  # descent over the promised one, from which a step is taken
    # A working set is left where a step promises less than `solved` times what the
    # first step on it did, or than `accuracy` times the gap that is asked for.
    solved: float = 0.1
    accuracy: float = 0.1
    # Under pure L1 a step that promises less than this many times the gap that is asked
    # for is followed by a look at its dual point.
    closes: float = 20.0
    # Sum of the slopes in the intercepts, over the gap that is asked for, up to which a
    # certificate does not fit the intercepts once more.
    unbalanced: float = 0.01
    # A step that promises more than this many objectives has no curvature to go by.
    absurd: float = 1e12
    # After a fit that ended before its tolerance, up to `beyond` more steps are made
    # for their dual points, until the gap is at most `loose` times what they gained.
    # None is made where its matrix would cost more than `dear` passes over dense data.
    beyond: int = 3
    loose: float = 10.0
    dear: float = 200.0
    # Exact steps near the end, where the first step on a working set, or the last one
    # on the set before, promises less than `solved` times the gap that is asked for;
    # after so many, coordinate descent is faster.
    closing: int = 8
    # Steps that kinks cut, and steps of any kind, after which interior points follow
    # (0045, 0051).
    short: int = 5
    many: int = 15
    failures: int = 3  # steps whose descent is lost in rounding, which end a fit


RULES = Rules()


def solve(f, theta, certifier, options, progress):
    """Minimise from `theta`."""
    result = _solve(f, theta, certifier, options, progress)
    ended_early = not (result.converged or result.stalled or progress.out_of_time)
    if ended_early and f.penalty.convexity == 0.0:
        _tighten(f, result.theta, certifier, options)
    return result


def _solve(f, theta, certifier, options, progress):
    """The fit itself; where it ends early, its gap may be far above its excess."""
    progress.enter("working set")
    known = options.scores
    scores = f.scores(theta, np.float64) if known is None else known
    loss, pull = f.loss_gradient(scores)
    best = Best(theta, loss + f.penalty_value(theta))
    if progress.n_iter < 0:
        progress.record(best.value, theta)
    small = f.size <= LIMITS.newton_largest or f.design.in_parts
    kind = type(f.penalty).__name__
    curvature = f.workspace.setdefault(("curvature", f.loss.name, kind), Curvature())
    strict = f.penalty.convexity == 0.0
    accuracy = RULES.accuracy**2 if strict else 1.0
    slope = None if small else f.penalised(f.backward(pull.astype(f.dtype)))
    failures, closing, short, decrement = 0, 0, 0, np.inf
    begun, goes_inside = progress.n_iter, _sparse_interior.applies(f)
    while progress.proceeds(options.max_iter):
        features, whole = (None, True) if small else _features(f, theta, slope)
        part = _Part(f, features)
        steps = _Steps(part, theta, scores, (loss, pull), curvature, options)
        first, last = np.inf, decrement  # on this working set, and on the one before
        while progress.proceeds(options.max_iter):
            near = min(first, last) <= RULES.solved * options.tol * best.value
            settled = near and closing < RULES.closing
            decrement = steps.take(settled)
            closing += settled
            if decrement is None:
                return SolverResult(best.theta, converged=False, stalled=True)
            best.consider(steps.whole, steps.value)
            progress.record(best.value, best.theta)
            close = strict and decrement <= RULES.closes * options.tol * best.value
            if close and steps.knows_dual_point:
                certifier.raise_bound(steps.dual_point(), best.value)
                if settled and options.reached(certifier.gap(best.value)):
                    return SolverResult(best.theta, converged=True)
            target = accuracy * options.tol * best.value
            first = decrement if first == np.inf else first
            exact = (whole and steps.exact) or settled
            enough = target if exact else max(target, RULES.solved * first)
            if decrement <= enough or steps.stuck:
                break
            short += steps.short
            slow = short >= RULES.short or progress.n_iter >= begun + RULES.many
            # Steps by columns go on where a matrix would be large (0065).
            if goes_inside and slow and steps.exact:
                common = best, certifier, options, progress
                result = _sparse_interior.solve(f, steps.whole, *common)
                if result.converged or progress.stopped:
                    return result
                goes_inside = False
        theta, scores, loss, pull = steps.whole, steps.scores, *steps.loss
        certificate = certifier.certify(
            theta,
            scores=scores,
            loss=(loss, pull),
            unbalanced=RULES.unbalanced * options.tol * best.value,
        )
        best.consider(certificate.theta, certificate.objective)
        progress.amend(best.value)
        if options.reached(certifier.gap(best.value)):
            return SolverResult(best.theta, converged=True)
        slope = certifier.pulled
        failures += steps.stuck
        if failures > RULES.failures and options.tol > 0.0:
            return SolverResult(best.theta, False, stalled=options.hands_over)
        if decrement <= target or steps.stuck:
            accuracy *= RULES.accuracy
            # Rounding of the products may be what is left.
            f = f.with_precision(np.float64)
    return SolverResult(best.theta, converged=False)


def _tighten(f, theta, certifier, options):
    """Raise the bound under pure L1 by the dual points of a few more steps.

    The model stays as it is: the steps are made for their dual points alone. They end
    once the gap is about as large as what the steps gain, and are not made at all where
    their matrix would cost too much.
    """
    f = f.with_precision(np.float64)
    scores = f.scores(theta)
    loss, pull = f.loss_gradient(scores)
    value = loss + f.penalty_value(theta)
    slope = f.penalised(f.backward(pull))
    near = np.count_nonzero(f.penalty.pulls(slope) >= RULES.near * f.penalty.l1)
    if not f.design.has_few_products:
        if near**2 > RULES.dear * _costs.gradient(1, f.size):
            return
    small = f.size <= LIMITS.newton_largest or f.design.in_parts
    features = None if small else _features(f, theta, slope)[0]
    part = _Part(f, features)
    steps = _Steps(part, theta, scores, (loss, pull), Curvature(), options)
    for _ in range(RULES.beyond):
        steps.forget()
        steps.take(settled=True, samples=False)
        if not steps.knows_dual_point:
            return
        certifier.raise_bound(steps.dual_point(), value)
        if value - certifier.bound <= RULES.loose * (value - steps.value):
            return


def _features(f, theta, slope):
    """The features of the working set, and whether all that may be used are among them.

    `slope` is the gradient of the loss with respect to the coefficients, or minus it.
    """
    used = f.penalty.pulls(f.penalised(theta)) != 0.0
    size = f.penalty.pulls(slope)
    least = min(RULES.near * f.penalty.l1, size.max())
    more = max(np.count_nonzero(used), RULES.least)
    marks = np.zeros(f.n_penalised)
    chosen = _largest(size, used, more, least)
    marks[chosen] = 1.0
    features = np.flatnonzero(f.coefficients(marks).any(axis=0))
    others = np.count_nonzero(~used & (size > f.penalty.l1))
    return features, others <= more


def _largest(size, used, more, least):
    """Places of the coefficients in use, and of those that may come into use.

    The latter are the `more` largest among those whose `size` is at least `least`, and
    any that are as large as the last of these.
    """
    others = size[~used & (size >= least)]
    if len(others) > more:
        least = -np.partition(-others, more - 1)[more - 1]
    return np.flatnonzero(used | (size >= least))


def matrix_on(f, second, chosen, sample):
    """Second derivatives between some coefficients, and the intercepts.

    A `sample`, (part of the rows, seed to draw them with), estimates them; None is all.
    """
    rows = None
    if sample is not None:
        part, seed = sample
        count = max(round(part * f.n_samples), 1)
        rng = np.random.default_rng(seed)
        rows = np.sort(rng.choice(f.n_samples, count, replace=False))
    return hessian_on(f, second, chosen, rows)


class _Part:
    """The objective on some of its features, all of them for None."""

    def __init__(self, f, features):
        self._whole = f
        self._features = features
        self.f = f if features is None else f.on_features(features)

    def of(self, theta):
        """The part of a model."""
        if self._features is None:
            return theta.copy()
        f, some = self._whole, np.empty(self.f.size)
        self.f.coefficients(some)[:] = f.coefficients(theta)[:, self._features]
        self.f.intercepts(some)[:] = f.intercepts(theta)
        return some

    def whole(self, some):
        """The model of a part, zero elsewhere."""
        if self._features is None:
            return some.copy()
        f, theta = self._whole, np.zeros(self._whole.size)
        f.coefficients(theta)[:, self._features] = self.f.coefficients(some)
        f.intercepts(theta)[:] = self.f.intercepts(some)
        return theta

    def places(self, chosen):
        """Where coefficients of the part are in the whole."""
        if self._features is None:
            return chosen
        classes, features = self.f.coordinates(chosen)
        return self._whole.places(classes, self._features[features])

    def among(self, places):
        """Which coefficients of the whole the part has, and where."""
        if self._features is None:
            return np.arange(len(places)), places
        classes, features = self._whole.coordinates(places)
        where = np.searchsorted(self._features, features)
        where = np.minimum(where, len(self._features) - 1)
        there = np.flatnonzero(self._features[where] == features)
        return there, self.f.places(classes[there], where[there])


class Curvature:
    """Second derivatives between some coefficients of the whole, and the intercepts."""

    def __init__(self):
        self.forget()

    def forget(self):
        """Drop the matrix, whose steps were not good."""
        self._places, self._matrix, self.total = np.empty(0, np.intp), None, 1.0
        self.sampled = False

    def keep(self, places, matrix, total, sampled):
        """Keep the matrix of the coefficients at `places`, which are in order."""
        self._places, self._matrix, self.total = places, matrix, total
        self.sampled = sampled

    def on(self, part, needed):
        """Coefficients of a part that the matrix knows, and the matrix between these.

        None if it lacks one of those that are `needed`.
        """
        if self._matrix is None:
            return None
        there, chosen = part.among(self._places)
        if not np.isin(needed, chosen, assume_unique=True).all():
            return None
        if len(there) == len(self._places):
            return chosen, self._matrix
        n_intercepts = len(self._matrix) - len(self._places)
        index = np.append(there, len(self._places) + np.arange(n_intercepts))
        return chosen, self._matrix[np.ix_(index, index)]


class _Steps:
    """Stages 2 to 4 on a working set."""

    def __init__(self, part, theta, scores, loss, curvature, options):
        f = part.f
        self._part, self._f = part, f
        self._curvature = curvature
        self.theta = part.of(theta)
        self.scores = scores
        self._loss, self._pull = loss
        self._metric = feature_metric(f)
        self._damping = 0.0
        self._last = np.inf
        self.exact = self.stuck = self.short = False
        self._before = None
        self._rows, self._seed, self._tol = RULES.rows, options.seed, options.tol

    @property
    def value(self):
        """The objective."""
        return self._loss + self._f.penalty_value(self.theta)

    @property
    def loss(self):
        """The loss, and its gradient in the scores."""
        return self._loss, self._pull

    @property
    def knows_dual_point(self):
        """Whether the last step had the second derivatives of all samples."""
        return self._before is not None

    def forget(self):
        """Make the matrix of the next step anew."""
        self._curvature.forget()

    def dual_point(self):
        """pi_i a_i: the gradient in the scores, to first order in the last step.

        Samples that leave the domain of the conjugates have the gradient itself.
        """
        f, (scores, pull, change) = self._f, self._before
        _, point = f.loss_gradient(scores + change)
        return f.within_domain(pull + f.loss_hessian(scores, change), point)

    @property
    def whole(self):
        """The model, on all features."""
        return self._part.whole(self.theta)

    def take(self, settled, samples=True):
        """One step; returns the descent that it predicted.

        The quadratic model is minimised with its matrix where that costs little, or
        where the working set is settled, and else by coordinate descent. `samples` says
        whether some rows of dense data may do for the matrix. Returns None, without a
        step, where the matrix would be too large and there is no other way.
        """
        f, w = self._f, self._f.penalised(self.theta)
        gradient = f.backward(self._pull.astype(f.dtype, copy=False))
        size = f.penalty.pulls(f.penalised(gradient))
        used = f.penalty.pulls(w) != 0.0
        more = max(np.count_nonzero(used), RULES.least)
        needed = _largest(size, used, more, f.penalty.l1)
        chosen = _largest(size, used, more, RULES.near * f.penalty.l1)
        if len(chosen) > RULES.by_columns:
            chosen = _largest(size, used, more, RULES.nearer * f.penalty.l1)
        known = self._curvature.on(self._part, needed)
        fresh = known is None
        if len(chosen) > RULES.most and not self._has_columns:
            return None
        self.exact = not (fresh and self._by_columns(len(chosen)))
        if not self.exact:
            step, target = self._descend(gradient, chosen, settled)
        else:
            chosen, H = self._second_derivatives(chosen, samples) if fresh else known
            index = np.append(chosen, np.arange(f.n_penalised, f.size))
            step, target = np.zeros(f.size), w.copy()
            step[index], target[chosen] = minimize_quadratic(
                H,
                gradient[index],
                w[chosen],
                f.penalty.at(chosen),
                self._ridge(gradient)[index],
            )
        rise = f.penalty.value(target) - f.penalty.value(w)
        decrement = -(gradient @ step + rise)
        if not decrement <= RULES.absurd * self.value:
            self.stuck, self._before = True, None
            return decrement
        change = f.scores(step).astype(np.float64, copy=False)
        known = settled or self.exact
        known &= not self.exact or (fresh and not self._curvature.sampled)
        self._before = (self.scores, self._pull, change) if known else None
        length = self._go(step, change, target, decrement)
        self.stuck, self.short = length == 0.0, length < STEPS.long
        if f.n_rows > 1 and f.penalty.convexity == 0.0:
            f.penalty.remove_common(f.coefficients(self.theta))
        if length < STEPS.long or decrement > RULES.slow * self._last:
            if self._curvature.sampled and decrement < RULES.quadratic * self.value:
                self._rows *= RULES.more
            self._curvature.forget()
        if fresh or length > STEPS.long:
            self._adapt(length)
        self._last = decrement if self.exact else np.inf
        return decrement

    @property
    def _has_columns(self):
        """Whether coordinate descent on the columns of X is possible, and cheap."""
        f = self._f
        return f.design.has_few_products and isinstance(f.penalty, ElasticNet)

    def _by_columns(self, count):
        """Whether for so many coefficients coordinate descent costs less."""
        return self._has_columns and count > RULES.by_columns

    def _descend(self, gradient, chosen, settled):
        """Stage 3 without a matrix, by coordinate descent on the columns of X.

        Returns the step, and the coefficients after it.
        """
        f = self._f
        second = f.second(self._pull)
        ridge = self._damping * f.total_curvature(second) * self._metric[chosen]
        model = QuadraticByColumns(
            f, self.theta, self.scores, self._pull, gradient, chosen, ridge
        )
        if settled:
            model.minimize(RULES.accuracy * self._tol)
        else:
            model.descend()
        return model.step

    def _adapt(self, length):
        """Damp the steps after short ones."""
        if length < STEPS.short:
            self._damping = max(STEPS.more * self._damping, STEPS.least_damping)
        elif length > STEPS.long:
            self._damping /= STEPS.more
            if self._damping < STEPS.least_damping:
                self._damping = 0.0

    def _second_derivatives(self, chosen, samples):
        """The matrix of second derivatives between some coefficients; it is kept."""
        f = self._f
        second = f.second(self._pull)
        sample = self._sample(len(chosen)) if samples else None
        H = f.sum_of(matrix_on, second, chosen, sample)
        places, total = self._part.places(chosen), f.total_curvature(second)
        self._curvature.keep(places, H, total, sample is not None)
        return chosen, H

    def _sample(self, count):
        """The part of the rows that is enough for the matrix, and a seed to draw them.

        None where all rows are to be taken.
        """
        f = self._f
        enough = max(int(self._rows * count), RULES.least_rows)
        whole = f.design.has_few_products or f.design.only_products
        if whole or enough > RULES.fewer * f.n_samples:
            return None
        return enough / f.n_samples, self._seed

    def _ridge(self, gradient):
        """A ridge, which bounds the step in directions without curvature.

        It is in proportion to the gradient, and so vanishes towards the optimum.
        """
        f = self._f
        bend = self._curvature.total
        if f.penalty.convexity > 0.0:
            return self._damping * bend * self._metric
        residual = gradient.copy()
        f.penalised(residual)[:] = f.penalty.min_norm_subgradient(
            f.penalised(self.theta), f.penalised(gradient)
        )
        unit = f.loss.delta if f.loss.delta > 0.0 else 1.0
        size = np.sqrt((residual**2 / self._metric).sum())
        least = max(STEPS.smallest_damping, self._damping) * bend
        return max(RULES.damping * size / unit, least) * self._metric

    def _go(self, step, change, target, decrement):
        """Stage 4: move along a step to a target, and say how far.

        `change` is that of the scores.
        """
        f = self._f
        scores = self.scores + change
        loss, pull = f.loss_gradient(scores)
        least = RULES.good * decrement - STEPS.rounding * self.value
        length = 1.0
        if not self.value - loss - f.penalty.value(target) >= least:
            length = line_search(
                f,
                SmoothModel(f),
                Anchor(f, self.theta),
                self.theta,
                self.scores,
                self._loss,
                step,
                change,
                decrement,
            )
        self.theta = self.theta + length * step
        if length == 1.0:
            f.penalised(self.theta)[:] = target
            self.scores, self._loss, self._pull = scores, loss, pull
        else:
            self.scores = self.scores + length * change
            self._loss, self._pull = f.loss_gradient(self.scores)
        return length
