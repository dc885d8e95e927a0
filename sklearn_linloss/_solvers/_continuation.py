"""Hinges under a penalty that is next to nothing, by way of stronger ones.

Where classes come apart, the model tends to that of the largest margin as the strength
goes to zero, and the dual variables to a multiple of the strength: what solves one
strength nearly solves the next, ten times weaker. From afar, neither the dual variables
nor the model are found: a pass of dual ascent moves a model by the square of a row over
n times the strength, a million times too far (docs/adr/0021).
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from .._certificate import Certifier
from ._common import dual_multiple
from ._sdca import squared_norms


@dataclass(frozen=True)
class Rules:
    """Numbers of the continuation; 0021 is a decision in docs/adr/."""

    # Strengths are measured in m / (n delta), with m the mean squared length of a row
    # from the centre. A strength below `weak` is approached by way of stronger ones.
    # The first of these is `first`, and each is at most `ratio` times the next one.
    weak: float = 1e-6
    first: float = 1e-4
    ratio: float = 10.0
    tol: float = 1e-3  # relative gap at which a stronger one is left
    iterations: int = 200  # after which it is left in any case
    # Part of its objective that is penalty, below which weaker ones hardly change the
    # model, as where classes overlap, and are passed over.
    least: float = 0.1


RULES = Rules()


def is_weak(f):
    """Whether the penalty of an objective is next to nothing."""
    strength = f.penalty.convexity
    if strength == 0.0:
        return False
    # From zero rows are longer than from the centre. The ascent asks for that, too, and
    # of a CSR it takes less than the moments.
    sparse = not f.design.counts_from_centre
    if sparse and strength >= RULES.weak * _unit(f, f.share @ squared_norms(f)):
        return False
    return strength < RULES.weak * typical_strength(f)


def typical_strength(f):
    """The unit of strengths, as in `Rules`."""
    return _unit(f, f.variance.sum())


def _unit(f, mean_square):
    margin = f.loss.delta if f.loss.delta > 0.0 else 1.0
    return mean_square / (f.n_samples * margin)


def _stronger(f):
    """Objectives with stronger penalties than that of `f`, the strongest first."""
    largest = RULES.first * typical_strength(f) / f.penalty.convexity
    count = int(np.ceil(np.log(largest) / np.log(RULES.ratio)))
    multiples = np.geomspace(largest, 1.0, count + 1)[:-1]
    return [f.with_terms(f.loss, f.penalty.times(multiple)) for multiple in multiples]


def approach(solve, f, theta, options, progress):
    """Solve for stronger penalties first.

    Parameters
    ----------
    solve : callable
        A solver, which takes up the dual variables that it is given.
    f : Objective
    theta : ndarray
    options : Options
    progress : Progress

    Returns
    -------
    theta : ndarray
    pull : ndarray of shape (n_samples, n_rows) or None
        pi_i * a_i near those of the optimum of `f`, where it needs such.
    """
    pull = options.pull
    for g, weaker in pairwise([*_stronger(f), f]):
        start = replace(
            options,
            tol=max(options.tol, RULES.tol),
            max_iter=min(progress.n_iter + RULES.iterations, options.max_iter),
            pull=pull,
        )
        result = solve(g, theta, Certifier(g), start, _Seen(progress, f, g))
        theta, pull = result.theta, result.pull
        if pull is None:
            _, pull = g.loss_gradient(g.scores(theta, np.float64))
        if g.penalty_value(theta) < RULES.least * g.value(theta, np.float64):
            # The squared hinge then takes plain steps, which need no multipliers.
            return theta, None if f.loss.smooth else pull
        pull = pull * dual_multiple(weaker, pull, theta)
    return theta, pull


class _Seen:
    """Records what a solver of a stronger penalty does as progress of the fit itself.

    The solver minimises `g`, and tells objectives of `g`. Users see those of `f`, their
    own problem, for the same models: they differ by the two penalties only.
    """

    def __init__(self, progress, f, g):
        self._progress, self._f, self._g = progress, f, g

    def record(self, objective, theta, gap=None):
        """As `Progress.record`, but of `f`, to which a gap of `g` does not apply."""
        g = self._g.penalty_value(theta)
        self._progress.record(objective - g + self._f.penalty_value(theta), theta)

    def amend(self, objective):
        """Ignored: what a certificate of `g` corrects is no objective of `f`."""

    def __getattr__(self, name):
        return getattr(self._progress, name)
