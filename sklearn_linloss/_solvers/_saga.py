"""Mini-batch SAGA for the smooth losses, with any penalty and a step found on the way.

A. Defazio, F. Bach and S. Lacoste-Julien, "SAGA: a fast incremental gradient method
with support for non-strongly convex composite objectives", NeurIPS 2014. Its table
holds one gradient in the scores a sample, (n_samples, n_rows) numbers.
"""

from dataclasses import dataclass

import numpy as np

from .. import _kernels
from .._certificate import Certifier
from ._common import (
    Checkpoints,
    SolverResult,
    Stall,
    batch_curvature,
    certified,
    diverged,
    snapshot,
)


@dataclass(frozen=True)
class Rules:
    """How the step is found; reasons are in benchmarks/NOTES.md, under SAGA."""

    batch: int = 16  # rows, unless the user says how many
    start: float = 3.0  # first step, over the one that is safe for a typical batch
    growth: float = 1.5  # of the step in an epoch, until the objective rises
    slowest_growth: float = 1.05
    shrink: float = 0.5  # of the step, after the objective rose
    caution: float = 0.5  # of the growth beyond 1, what is left after a rise
    mild: float = 2.0  # rise of the objective up to which the table is kept (0006)
    # Factor of the step in the epoch before a certificate, whose bound suffers most
    # from the noise of the steps.
    calm: float = 0.2
    rounding: float = 10.0  # units in the last place that count as no rise
    retreats: int = 20  # epochs undone in a row, after which rounding ends the descent


RULES = Rules()


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    rng = np.random.default_rng(options.seed)
    state = _State(f, theta, options)
    L, intercept_scale = batch_curvature(f, state.batch_size, 0.0, rng)
    step = RULES.start / L
    growth = RULES.growth
    value = f.value(theta)
    progress.record(value, theta)
    estimate = Certifier(f, f.dtype)
    due = Checkpoints(ratio=1.4, first=4)
    retreats = 0
    longest = np.inf  # after the last time that the objective rose
    noise = RULES.rounding * np.finfo(f.dtype).eps
    stalls, gap = Stall(options), np.inf
    while progress.proceeds(options.max_iter):
        before = snapshot(state, "_theta", "_mean", "_table")
        epoch = progress.n_iter + 1
        certifying = due(epoch)
        order = rng.permutation(f.n_samples)
        taken = RULES.calm * step if certifying else step
        state.run_epoch(order, taken, intercept_scale)
        theta = state.model()
        new_value = np.inf
        if np.isfinite(theta).all():
            scores = f.scores(theta)
            new_value = f.loss_value(scores) + f.penalty_value(theta)
        if not new_value <= value * (1.0 + noise):
            retreats += 1
            if retreats == 1:
                longest = RULES.shrink * step
            state.return_to(before, keep_table=new_value <= RULES.mild * value)
            if retreats > RULES.retreats:
                if not np.isfinite(new_value):
                    raise diverged("saga", epoch)
                if options.tol > 0.0:
                    break
                # With tol=0 iterations are counted, although the model stays.
                progress.record(value, before.model())
            step *= RULES.shrink
            growth = max(1.0 + RULES.caution * (growth - 1.0), RULES.slowest_growth)
            due.postpone(epoch)
            continue
        retreats = 0
        falls = new_value < value * (1.0 - noise)
        # Near the optimum the step stays below those that raised the objective: growth
        # would meet them again and again.
        step = step * growth if falls else max(step, min(step * growth, longest))
        value = new_value
        progress.record(value, theta)
        if stalls(epoch, gap, value):
            break
        if not certifying:
            continue
        scores = scores.astype(np.float64, copy=False)
        gap = estimate.criterion(theta, value, scores=scores)
        if not options.reached(gap):
            continue
        result = certified(certifier, theta, options, progress)
        if result is not None:
            return result
    theta = state.model()
    converged = options.reached(certifier.criterion(theta))
    return SolverResult(theta, converged, stalled=stalls.stalled)


class _State:
    """Iterate, table of gradients and their mean, in the precision of X."""

    def __init__(self, f, theta, options):
        self._f = f
        automatic = options.batch_size == "auto"
        size = RULES.batch if automatic else options.batch_size
        self.batch_size = min(size, f.n_samples)
        self._theta = theta.astype(f.dtype)
        _, pull = f.loss_gradient(f.scores(theta))
        # Relative weights, of mean one; the table is that of the mean over samples.
        self._weight = f.share * f.n_samples
        self._table = pull * pull.dtype.type(f.n_samples)
        self._mean = f.backward(pull).astype(f.dtype)
        zeros = np.zeros(f.n_features)
        self._centre = (f.mean if f.mean is not None else zeros).astype(f.dtype)

    def return_to(self, before, keep_table):
        """Undo an epoch, but for its table of gradients if `keep_table` is true.

        Any table is valid. That of an epoch that raised the objective a little is newer
        than the one before, whose old gradients would mislead shorter steps as well.
        """
        self._theta = before._theta
        if not keep_table:
            self._mean, self._table = before._mean, before._table
            return
        # Summed anew: large gradients have left rounding errors of their size.
        mean = self._f.backward(self._table) / self._f.n_samples
        self._mean = mean.astype(self._f.dtype)

    def model(self):
        """The iterate."""
        return self._theta.astype(np.float64)

    def run_epoch(self, order, step, intercept_scale):
        """One pass."""
        f = self._f
        number = f.dtype.type
        l1, l2 = number(f.penalty.l1), number(f.penalty.l2)
        scale = number(intercept_scale)
        f.design.saga_epoch(
            f.loss,
            self._centre,
            _kernels.Terms(f.y, self._weight, f.loss.delta, l1, l2),
            _kernels.SagaPass(order, self.batch_size, number(step), scale),
            _kernels.SagaState(
                *f.arrays(self._theta), *f.arrays(self._mean), self._table
            ),
        )
