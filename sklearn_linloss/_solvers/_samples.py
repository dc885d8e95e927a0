"""The hinge on tall tables: Newton's method from the models of samples of the rows.

The first steps only find the neighbourhood of the optimum, and a sample of the rows
tells where that is. Samples grow by a factor (R. H. Byrd, G. M. Chin, J. Nocedal and Y.
Wu, "Sample size selection in optimization methods for machine learning", Mathematical
Programming 2012). Rows that others cannot stand for are drawn with larger chances: long
ones, whose features are rare or have heavy tails, and those of small classes
(docs/adr/0057).
"""

from dataclasses import dataclass, replace

import numpy as np

from .._certificate import Certifier
from .._design import design_of
from ._common import Progress, is_separated
from ._continuation import typical_strength
from ._sdca import squared_norms
from ._stages import rows_can_be_drawn


@dataclass(frozen=True)
class Rules:
    """Numbers of the samples; 0057 is a decision in docs/adr/."""

    per_coefficient: float = 6.0  # rows of the first sample (0057)
    # Its rows at least, so that small data have none: fits of repeated and of weighted
    # rows would differ.
    fewest: float = 2000.0
    growth: float = 6.0  # rows of a sample over those of the one before
    most: float = 0.2  # of all rows in a sample
    tol: float = 1e-2  # relative gap at which the model of a sample is left
    iterations: int = 1000  # at most, for a sample, whatever the fit itself may make
    # Strength, in the units of `_continuation.py`, from which the few iterations of
    # dual ascent that the hinge takes cost less (0057).
    strong: float = 50.0


RULES = Rules()


def sample_sizes(f):
    """Mean numbers of rows of the samples, which grow; none where dual ascent costs
    less, or rows cannot be chosen.
    """
    if not (f.n_rows > 1 and rows_can_be_drawn(f)):
        return []
    sizes, size = [], max(RULES.per_coefficient * f.size, RULES.fewest)
    while size <= RULES.most * f.n_samples:
        sizes.append(size)
        size *= RULES.growth
    if sizes and f.penalty.convexity >= RULES.strong * typical_strength(f):
        return []
    return sizes


def start_from_samples(solve, f, theta, best, options, progress, most=None):
    """The model of the largest sample, or that of another if it is better; `theta`
    where samples do not pay.

    The whole fit of a sample is one iteration. Where the classes of a sample come
    apart, so that its optimum says little of the others, the start stays what it is.

    Parameters
    ----------
    solve : callable
        A solver.
    f : Objective
    theta : ndarray
        Where the fit of the first sample starts.
    best : Best
        Takes the models of the samples that are better.
    options : Options
    progress : Progress
    most : int, optional
        Samples at most, if there is a limit.

    Returns
    -------
    theta : ndarray
    """
    sizes = sample_sizes(f)[:most]
    chances = row_chances(f) if sizes else None
    rng = np.random.default_rng(options.seed)
    start = replace(
        options,
        tol=max(options.tol, RULES.tol),
        max_iter=RULES.iterations,
        pull=None,
        scores=None,
        verbose=0,
    )
    for size in sizes:
        if not progress.proceeds(options.max_iter):
            break
        progress.enter("a sample of the rows")
        chance = np.minimum(size * chances, 1.0)
        (rows,) = (rng.random(f.n_samples) < chance).nonzero()
        design = design_of(f.design.rows(rows), f.design.n_threads)
        g = f.on_samples(design, f.y[rows], f.share[rows] / chance[rows])
        of_sample = Progress("newton", start)
        of_sample.certifier = Certifier(g)
        begin = g.join(*f.parts(theta))
        of_sample.record(g.value(begin, np.float64), begin)
        result = solve(g, begin, of_sample.certifier, start, of_sample)
        if is_separated(g, g.value(result.theta, np.float64)):
            break
        theta = f.join(*g.parts(result.theta))
        best.consider(theta, f.value(theta, np.float64))
        progress.record(best.value, best.theta)
    return best.theta


def row_chances(f):
    """Chances of the rows to be in a sample of one row.

    By equal parts they are proportional to the weights of the rows, to those times the
    squared lengths, and equal for all classes.
    """
    lengths = f.share * squared_norms(f)
    total = lengths.sum()
    of_length = lengths / total if total > 0.0 else f.share
    of_class = f.share / (f.n_classes * f.class_mass()[f.y])
    return (f.share + of_length + of_class) / 3.0
