"""Mini-batch stochastic gradient descent: Nesterov momentum, proximal L1."""

import numpy as np

from .. import _kernels
from .._design import design_of
from ._common import SolverResult, diverged
from ._sgd_state import RULES, State, schedule_of
from ._sgd_stream import Rows


def solve(objective, theta, certifier, options, progress):
    """Minimise by passes over shuffled mini-batches from `theta`."""
    f = objective
    rng = np.random.default_rng(options.seed)
    state = State(f, theta, options, f.n_samples)
    schedule = schedule_of(f, state, options, rng)
    weight = f.relative_weight
    progress.record(f.value(theta), theta)
    dual_average = np.float64(0.0)
    converged = False
    while not converged and progress.proceeds(options.max_iter):
        epoch = progress.n_iter + 1
        order = f.order(rng, options.shuffle)
        before = state.frozen()
        updates = state.updates + np.arange(1, state.updates_in(f.n_samples) + 1)
        rates = schedule.rates(updates, epoch)
        batch_losses = run_epoch(f, state, schedule, weight, order, rates)
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


def advance(f, stream, weight):
    """One pass over the chunk of data in `f`; returns the loss of each batch."""
    if stream.sample is None:
        return _pass(f, stream, weight)
    updates = stream.state.updates + stream.state.updates_in(f.n_samples)
    f = _measured(f, stream, weight)
    if f.n_samples < stream.full_batch:
        rows = Rows.of(f, weight, stream.order(f))
        batch_losses = _wait_for_batches(rows, f, stream)
    else:
        if stream.waiting is not None:
            _pass_over(stream.waiting, f, stream)
            stream.wait(None)
        batch_losses = _pass(f, stream, weight)
    stream.state.updates = updates
    return batch_losses


def _wait_for_batches(rows, f, stream):
    """Steps by the rows of a small chunk, and by those before that waited for them.

    What does not fill a batch waits for the next chunk, and the model shows its step.
    """
    if stream.waiting is not None:
        rows = stream.waiting.and_then(rows)
    size, batch_losses = stream.full_batch, []
    if len(rows.y) >= size:
        batch_losses.append(_pass_over(rows.at(slice(size)), f, stream))
        rows = rows.at(slice(size, None))
    stream.wait(None)
    if len(rows.y):
        settled = stream.state.frozen()
        batch_losses.append(_pass_over(rows, f, stream))
        stream.wait(rows, settled)
    return np.concatenate(batch_losses)


def _measured(f, stream, weight):
    """The chunk in `f`, from the centre that a stream has when its rows are known, too.

    Each time that the rows have doubled, the stream measures a sample of them anew. As
    long as that holds all rows before this chunk, they are learned from again.
    """
    if stream.is_misled(f):
        stream.forget(f)
    before = stream.sample
    stream.take(f, weight)
    if stream.is_due:
        sample = _objective_of(stream.sample.rows, f)
        if before.is_whole:
            stream.begin_again(sample)
            _pass_over(before.rows, f, stream)
        else:
            stream.measure(sample)
    return f.counted_from(stream.centre)


def _objective_of(rows, f):
    """That of `f` on some rows of a stream."""
    return f.on_samples(design_of(rows.X), rows.y, rows.weight)


def _pass_over(rows, f, stream):
    """A pass over some rows of a stream; returns the loss of each batch."""
    g = _objective_of(rows, f).counted_from(stream.centre)
    return _pass(g, stream, rows.weight)


def _pass(f, stream, weight):
    """A pass over the rows of `f`; returns the loss of each batch."""
    state, rates, order = stream.state, stream.rates(f), stream.order(f)
    batch_losses = run_epoch(f, state, stream.schedule, weight, order, rates)
    if not np.isfinite(state.model()).all():
        raise diverged("sgd", state.updates, rates.max())
    return batch_losses


def run_epoch(f, state, schedule, weight, order, rates):
    """One pass over the rows of `f` in `order`, in batches with one rate each.

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
            state.cuts(f.n_samples, schedule.measures),
            rates,
            blends,
            state.momentum,
            state.intercept_scale,
            state.metric,
            state.basis,
            state.damping,
            state.squares(f),
            schedule.row_reaches(rates, state.momentum),
        ),
        _kernels.SgdState(
            *f.arrays(state.theta),
            *f.arrays(state.velocity),
            *f.arrays(state.mean),
            state.response,
            batch_losses,
        ),
        _past(f, state),
    )
    return batch_losses


def _past(f, state):
    """What passes by rows know of earlier rows; None where batches make steps."""
    if state.features is None:
        return None
    ridge = RULES.row_rate * f.penalty.l2
    return _kernels.SgdPast(state.features, state.totals, ridge)
