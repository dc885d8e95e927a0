"""Mini-batch stochastic gradient descent: Nesterov momentum, proximal L1."""

import numpy as np

from .. import _kernels
from ._common import SolverResult, diverged, snapshot
from ._sgd_state import SCHEDULES, State


def solve(objective, theta, certifier, options, progress):
    """Minimise by passes over shuffled mini-batches from `theta`."""
    f = objective
    rng = np.random.default_rng(options.seed)
    state = State(f, theta, options, f.n_samples)
    schedule = SCHEDULES[options.learning_rate](f, state, options, rng)
    weight = f.relative_weight
    progress.record(f.value(theta), theta)
    dual_average = np.float64(0.0)
    converged = False
    while not converged and progress.proceeds(options.max_iter):
        epoch = progress.n_iter + 1
        order = f.order(rng, options.shuffle)
        before = snapshot(state, "theta", "velocity", "mean", "response")
        updates = state.updates + np.arange(1, state.updates_in(f.n_samples) + 1)
        rates = schedule.rates(updates, epoch)
        batch_losses = run_epoch(f, state, weight, order, rates)
        theta, value = state.model(), np.inf
        if np.isfinite(theta).all():
            value, pull = f.loss_gradient(f.scores(theta))
            value += f.penalty_value(theta)
        if not schedule.accepts(value, progress):
            state = before.at_rest()
            continue
        if not np.isfinite(value):
            raise diverged("sgd", epoch, rates.max())
        if progress.validation is not None:
            progress.validation.cycle = schedule.cycle
        progress.record(value, theta)
        progress.batch_loss_curve.extend(batch_losses)
        if not f.loss.smooth:
            # Single subgradients certify nothing; late ones weigh more.
            dual_average = dual_average + 2.0 / (epoch + 1.0) * (pull - dual_average)
        finished = schedule.finished(epoch, progress)
        converged = finished and not options.early_stopping
    theta = progress.model
    pull = None if f.loss.smooth else dual_average.astype(np.float64)
    certifier.certify(theta, pull)
    return SolverResult(theta, converged, by_gap=False)


def advance(f, stream, weight, shuffle):
    """One pass over the chunk of data in `f`; returns the loss of each batch."""
    state = stream.state
    updates = state.updates + np.arange(1, state.updates_in(f.n_samples) + 1)
    rates = stream.schedule.stream_rates(f, updates)
    order = f.order(stream.rng, shuffle)
    batch_losses = run_epoch(f, state, weight, order, rates)
    if not np.isfinite(state.model()).all():
        raise diverged("sgd", updates[-1], rates.max())
    return batch_losses


def run_epoch(f, state, weight, order, rates):
    """One pass over the rows of `f` in `order`, with one rate a batch.

    Returns the objective as estimated by each batch.
    """
    batch_losses = np.empty(len(rates))
    blends = state.blends(len(rates))
    state.updates += len(rates)
    f.sgd_epoch(
        state.centre,
        weight,
        _kernels.SgdPass(
            order,
            min(state.batch_size, f.n_samples),
            rates,
            blends,
            state.momentum,
            state.intercept_scale,
            state.metric,
            state.basis,
            state.damping,
            state.squares(f),
        ),
        _kernels.SgdState(
            *f.arrays(state.theta),
            *f.arrays(state.velocity),
            *f.arrays(state.mean),
            state.response,
            batch_losses,
        ),
    )
    return batch_losses
