"""Smooth losses on tall tables: steps to the minimum of a sampled loss.

With F_S the objective on a sample S of the rows, weighted so that it estimates F, a
step goes from W to the minimum of

    G(V) = F_S(V) + (grad F(W) - grad F_S(W)) . V,

whose slope at W is that of F, and then as far along that direction as F falls. Newton's
steps on G read the sample only, so that those which rare classes and rare features ask
for, one after the other, cost little (O. Shamir, N. Srebro and T. Zhang,
"Communication-efficient distributed optimization using an approximate Newton-type
method", ICML 2014). The error falls with each step by what the second derivatives of
the sample are off. A row is drawn with a chance in proportion to its leverage, its part
in what a class bends along a feature, so that none of them is off by much (M. B. Cohen
et al., "Uniform sampling for matrix approximation", ITCS 2015). docs/adr/0063 has what
was measured.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from .._design import design_of
from ._common import SolverResult
from ._conjugate_gradients import SampledHessian, may_sample_hessian
from ._models import Anchor, line_search, model_of
from ._samples import RULES as SAMPLES
from ._samples import row_chances
from ._stages import iterations_pay
from ._steps import Steps


@dataclass(frozen=True)
class Rules:
    """Numbers of the steps; 0063 is a decision in docs/adr/."""

    # Rows in a sample for each coefficient, if those are at most this part of all rows.
    # About half of them are drawn, as the chances of others are one.
    per_coefficient: float = 40.0
    most: float = 0.4
    # The part of the chances that goes by leverage. The rest holds rows that the
    # present model says little of.
    by_leverage: float = 0.5
    # Chances are kept while steps leave no more than this part of the gap.
    kept: float = 0.1
    # A sampled loss is minimised until a step promises this part of what the first one
    # did, and is at least so long.
    rest: float = 1e-2
    long: float = 0.3
    inner_steps: int = 30  # at most, to minimise one
    jitter: float = 1e-6  # added to the diagonal of the correlations
    near: float = 1.0  # estimated gap over the tolerance, below which to certify
    # A step that is shorter than `short`, or leaves more than `little` of the gap, was
    # wasted; after `wasted` such steps in a row others go on.
    short: float = 0.1
    little: float = 0.5
    wasted: int = 3


RULES = Rules()


def solve(f, theta, best, certifier, options, progress):
    """Minimise from `theta`; the result is that of other steps that failed, where the
    tolerance is not met.
    """
    progress.enter("sampled losses")
    # Rounding of the slopes would be amplified where only the penalty bends.
    f = f.with_precision(np.float64)
    rng = np.random.default_rng(options.seed)
    model, anchor = model_of(f), Anchor(f, theta)
    by_row, coordinates = row_chances(f), _coordinates(f, options)
    size = max(RULES.per_coefficient * f.size, SAMPLES.fewest)
    size = min(size, RULES.most * f.n_samples)
    scores = f.scores(theta)
    value, pull, second = model.expand(scores)
    slope = f.backward(pull)
    before = gap = np.inf
    chance, wasted = None, 0
    while wasted < RULES.wasted and progress.proceeds(options.max_iter):
        if chance is None or not gap <= RULES.kept * before:
            by_leverage = leverages(f, scores, second, coordinates)
            by_leverage /= by_leverage.sum()
            chance = by_row + RULES.by_leverage * (by_leverage - by_row)
        sample = _drawn(f, np.minimum(size * chance, 1.0), rng)
        move = _landing(sample, theta, slope, options) - theta
        gradient = _with_penalty(f, theta, slope)
        change = f.scores(move)
        length = line_search(
            f, model, anchor, theta, scores, value, move, change, -(gradient @ move)
        )
        theta = theta + length * move
        scores += length * change
        value, pull, second = model.expand(scores)
        slope = f.backward(pull)
        total = value + f.penalty_value(theta)
        best.consider(theta, total)
        # That of the dual point that the slopes are, but for the intercepts.
        uneven = f.penalised(_with_penalty(f, theta, slope))
        before, gap = gap, uneven @ uneven / (2.0 * f.penalty.convexity * total)
        if gap <= RULES.near * options.tol:
            certificate = certifier.certify(theta, None, scores, (value, pull))
            best.consider(certificate.theta, certificate.objective)
        progress.record(best.value, best.theta, gap)
        if options.reached(certifier.gap(best.value)):
            return SolverResult(best.theta, converged=True)
        poor = length < RULES.short or not gap <= RULES.little * before
        wasted = wasted + 1 if poor else 0
    return SolverResult(best.theta, converged=False)


def _with_penalty(f, theta, slope):
    """The gradient of F, from that of the data part."""
    gradient = slope.copy()
    f.penalised(gradient)[:] += f.penalty.gradient(f.penalised(theta))
    return gradient


def _drawn(f, chance, rng):
    """The objective on rows that are drawn with these chances."""
    (rows,) = (rng.random(f.n_samples) < chance).nonzero()
    design = design_of(f.design.rows(rows), f.design.n_threads)
    return f.on_sample(design, f.y[rows], f.share[rows] / chance[rows])


def _landing(f, theta, slope, options):
    """About the minimum of the objective on a sample, plus a linear term with which the
    data part has a `slope` at `theta`.
    """
    model = model_of(f)
    scores = f.scores(theta)
    _, pull, second = model.expand(scores)
    lacks = slope - f.backward(pull)
    if iterations_pay(f) and may_sample_hessian(f):
        # In blocks of classes systems of rare ones take ten times the iterations.
        preconditioner = SampledHessian(f, second, options.seed)
        f.workspace["preconditioner"] = preconditioner
    steps, first = Steps(f, model, theta, options, lacks), None
    for _ in range(RULES.inner_steps):
        options.clock.check()
        theta, scores, descent, length = steps.take(f, theta, scores)
        first = descent if first is None else first
        if descent <= RULES.rest * first and length >= RULES.long:
            break
    return theta


def leverages(f, scores, second, coordinates):
    """The largest part of each row in what a class bends and the penalty holds along
    one of the `coordinates`, a matrix of which each column makes one of the features,
    summed over these.
    """
    centre = 0.0 if f.mean is None else f.mean
    n_columns = f.n_features + f.fit_intercept

    def blocks(part):
        row_bytes = 8 * (2 * n_columns + 2 * f.n_rows)
        for rows in f.design.row_blocks(row_bytes, part.start, part.stop):
            squares = np.ones((rows.stop - rows.start, n_columns))
            Z = f.design.dense_rows(rows, np.float64) - centre
            np.square(Z @ coordinates, out=squares[:, : f.n_features])
            yield rows, _bends(f, scores[rows], second[rows], rows), squares

    def total(part):
        return sum(bends.T @ squares for _, bends, squares in blocks(part))

    largest = np.empty(f.n_samples)

    def write(part):
        for rows, bends, squares in blocks(part):
            largest[rows] = (bends * (squares @ inverse.T)).max(axis=1)

    totals = sum(f.design.over_parts(total, scores.size, f.size))
    held = np.square(coordinates).sum(axis=0)
    totals[:, : f.n_features] += f.penalty.convexity * held
    inverse = np.divide(1.0, totals, out=np.zeros_like(totals), where=totals > 0.0)
    f.design.over_parts(write, scores.size)
    return largest


def _coordinates(f, options):
    """Combinations of the features that are not correlated: the first feature, what the
    first one lacks of the second, and so on.
    """
    covariance = f.covariance(np.float64, options.clock.check)
    deviation = np.sqrt(covariance.diagonal())
    unit = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    correlation = covariance * np.multiply.outer(unit, unit)
    np.fill_diagonal(correlation, 1.0 + RULES.jitter)
    root = cholesky(correlation, lower=True, check_finite=False)
    return solve_triangular(root, np.diag(unit), lower=True).T


def _bends(f, scores, second, rows):
    """Second derivatives of the loss of some samples in the score of each class.

    Slacks may become active on the way: with the square of their distance from the
    margin they count less.
    """
    if not f.loss.of_slacks:
        return f.loss.class_curvature(second, f.share[rows])
    y, share = f.y[rows], f.share[rows, None]
    if f.n_rows == 1:
        slacks = f.loss.delta - np.where(y == 1, 1.0, -1.0)[:, None] * scores
    else:
        slacks = f.loss.slacks(scores, y)
    bends = share / (1.0 + np.square(np.minimum(slacks / f.loss.delta, 0.0)))
    if f.n_rows > 1:
        bends[np.arange(len(y)), y] = bends.sum(axis=1)
    return bends
