"""Epochs of SGD with Nesterov's momentum."""

import math
from typing import NamedTuple

import numpy as np

from .._jit import inlined, jit
from ._codes import check_code
from ._fetch import fetch_ahead
from ._losses import batch_loss
from ._products import batch_scores, centred_adjoint, centred_offset, column_sum

# Of the product of an epoch's shrinks: below it, closed forms would divide by zero.
_SMALLEST_LOG = -600.0
_COASTED = 1e-16  # velocity over its weight, which it then no longer changes


@inlined
def _decays(rates, momentum, l2, response, shrinks, reaches):
    """By how much each update shrinks the weights, and how far it moves them.

    `response` is the velocity that a slope of minus one, constant until now, has given
    to a weight, and `reaches` the step of the weight that comes with it. Penalties act
    over that distance: with `shrinks = 1 - reach * l2` on the weight and its velocity,
    and soft thresholds of `reach * l1`, the fixed points are right, and what happens to
    a weight between two gradients has a closed form.
    """
    c = response[0]
    for t in range(len(rates)):
        reach = momentum * momentum * c + (1.0 + momentum) * rates[t]
        reach /= 1.0 + momentum * momentum * l2 * c
        shrink = 1.0 - reach * l2
        c = shrink * momentum * c + rates[t]
        shrinks[t] = shrink
        reaches[t] = reach
    response[0] = c


@inlined
def _momentum_step(
    W, velocity, mean, gradient, metric, rate, decay, momentum, kink, blend
):
    """One step of Nesterov's momentum, with weight decay and soft thresholding.

    Steps, decay and thresholds are longer by `metric`, one number a column. `mean`
    moves by `blend` of the way to the result.
    """
    number = W.dtype.type
    rate, decay, momentum = number(rate), number(decay), number(momentum)
    kink, blend = number(kink), number(blend)
    tiny, one = np.finfo(W.dtype).tiny, number(1.0)
    for k in range(W.shape[0]):
        for j in range(W.shape[1]):
            shrink = one - metric[j] * decay
            push = rate * metric[j] * gradient[k, j]
            v = shrink * momentum * velocity[k, j] - push
            # Subnormal numbers are very slow.
            velocity[k, j] = v if abs(v) >= tiny else number(0.0)
            W[k, j] = shrink * W[k, j] + momentum * v - push
        if kink > 0.0:
            for j in range(W.shape[1]):
                threshold = kink * metric[j]
                W[k, j] -= min(max(W[k, j], -threshold), threshold)
        if blend > 0.0:
            for j in range(W.shape[1]):
                mean[k, j] += blend * (W[k, j] - mean[k, j])


@inlined
def elastic_net(W, k, l1, l2):
    """The elastic net of row k of W."""
    total = W.dtype.type(0.0)
    l1, l2 = W.dtype.type(l1), W.dtype.type(0.5 * l2)
    for j in range(W.shape[1]):
        w = W[k, j]
        total += (l1 + l2 * abs(w)) * abs(w)
    return total


@inlined
def _moving_rows(rows, pull, moving):
    """Gather the rows of a batch with a gradient, and theirs; returns how many."""
    n_moving = 0
    for r in range(len(rows)):
        still = True
        for k in range(pull.shape[1]):
            still = still and pull[r, k] == 0.0
            pull[n_moving, k] = pull[r, k]
        moving[n_moving] = rows[r]
        n_moving += not still
    return n_moving


@inlined
def _damp(W, decay, metric, basis, damping, gradient):
    """Take `damping` of the components along the rows of `basis` from the gradient, the
    penalty's included. Four at a time: none changes the others.

    The rows are orthonormal in the inner product that `metric` weighs.
    """
    last = len(damping) - 1
    for a in range(0, len(damping), 4):
        a1, a2, a3 = min(a + 1, last), min(a + 2, last), min(a + 3, last)
        for k in range(W.shape[0]):
            p0 = p1 = p2 = p3 = W.dtype.type(0.0)
            for j in range(W.shape[1]):
                g = metric[j] * (gradient[k, j] + decay * W[k, j])
                p0 += basis[a, j] * g
                p1 += basis[a1, j] * g
                p2 += basis[a2, j] * g
                p3 += basis[a3, j] * g
            p0 *= damping[a]
            p1 *= damping[a1] * (a + 1 <= last)
            p2 *= damping[a2] * (a + 2 <= last)
            p3 *= damping[a3] * (a + 3 <= last)
            for j in range(W.shape[1]):
                gradient[k, j] -= (
                    p0 * basis[a, j]
                    + p1 * basis[a1, j]
                    + p2 * basis[a2, j]
                    + p3 * basis[a3, j]
                )


@jit
def sgd_epoch_dense(loss, design, terms, pass_, state):
    """One pass of mini-batch SGD over `DenseRows`.

    Takes `Terms`, a `SgdPass` and a `SgdState`.
    """
    check_code(loss)
    X, centre = design
    y, weight, delta, l1, l2 = terms
    order, cuts, rates, blends, momentum, b_scale, metric = pass_[:7]
    basis, damping, squares, row_reaches = pass_[7:]
    W, b, W_velocity, b_velocity, W_mean, b_mean, response, batch_losses = state
    n_rows, n_features = W.shape
    gradient = np.empty_like(W)
    offset = np.empty(n_rows, W.dtype)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    ones = np.ones(n_rows, W.dtype)
    scores = np.empty((np.diff(cuts).max(), n_rows), W.dtype)
    pull = np.empty_like(scores)
    moving = np.empty(len(scores), order.dtype)
    shrinks, reaches = np.empty(len(rates)), np.empty(len(rates))
    _decays(rates, momentum, l2, response, shrinks, reaches)
    decay = W.dtype.type(l2)
    # With three or more classes scores are differences to the last one's, whose
    # gradient is minus the sum of the others.
    n_free = max(n_rows - 1, 1)
    free = np.empty((n_free, n_features), W.dtype) if n_rows > 1 else W
    scores[:] = 0.0
    for t in range(len(rates)):
        rows = order[cuts[t] : cuts[t + 1]]
        size = len(rows)
        centred_offset(W, centre, b, offset)
        if n_rows > 1:
            for k in range(n_free):
                offset[k] -= offset[n_free]
                for j in range(n_features):
                    free[k, j] = W[k, j] - W[n_free, j]
        batch_scores(X, rows, free, offset, scores[:size])
        value = batch_loss(
            loss, scores[:size], y, weight, delta, rows, squares, row_reaches[t],
            pull[:size],
        )  # fmt: skip
        for k in range(n_rows):
            value += elastic_net(W, k, l1, l2)
        batch_losses[t] = value
        size = _moving_rows(rows, pull, moving)
        centred_adjoint(X, moving[:size], pull[:size], centre, gradient[:n_free])
        if n_rows > 1:
            gradient[n_free] = 0.0
            for k in range(n_free):
                for j in range(n_features):
                    gradient[n_free, j] -= gradient[k, j]
        _damp(W, decay, metric, basis, damping, gradient)
        rate, blend = rates[t], blends[t]
        _momentum_step(
            W, W_velocity, W_mean, gradient, metric, rate, reaches[t] * l2, momentum,
            reaches[t] * l1, blend,
        )  # fmt: skip
        if len(b):
            for k in range(n_rows):
                b_gradient[0, k] = column_sum(pull[:size], k)
        rate *= b_scale
        _momentum_step(
            b, b_velocity, b_mean, b_gradient, ones, rate, 0.0, momentum, 0.0, blend
        )


class _Coasting(NamedTuple):
    """What skips updates: arrays of one entry an update.

    `logs` sums the logarithms of `shrinks`, `powers` are those of the momentum,
    `totals` sum the soft thresholds `kinks` in units of the weights at the start; with
    a velocity of at most `still` a weight that is zero stays so. `skips` tells whether
    there are logarithms to sum.
    """

    shrinks: np.ndarray
    kinks: np.ndarray
    logs: np.ndarray
    powers: np.ndarray
    totals: np.ndarray
    still: np.ndarray
    skips: bool


@inlined
def _coasting_tables(shrinks, kinks, momentum):
    """What `_coast` needs to skip updates."""
    n = len(shrinks)
    logs, powers, totals = np.zeros(n + 1), np.ones(n + 1), np.zeros(n + 1)
    still = np.full(n + 1, np.inf)
    for t in range(n):
        if not shrinks[t] > 0.0:
            return _Coasting(shrinks, kinks, logs, powers, totals, still, False)
        logs[t + 1] = logs[t] + math.log(shrinks[t])
        powers[t + 1] = powers[t] * momentum
        totals[t + 1] = totals[t] + kinks[t] / math.exp(logs[t + 1])
    for t in range(n - 1, -1, -1):
        if momentum > 0.0:
            later = still[t + 1] / (shrinks[min(t + 1, n - 1)] * momentum)
            still[t] = min(kinks[t] / momentum, later)
    skips = logs[n] > _SMALLEST_LOG
    return _Coasting(shrinks, kinks, logs, powers, totals, still, skips)


@inlined
def _coast(W, velocity, mean, j, first, last, tables, momentum, blends, averaging):
    """Bring row j of W through the updates `first` to `last`, which lack its feature.

    What is needed step by step: a mean of the iterates, and thresholds on a weight that
    still has a velocity. All else has a closed form.
    """
    shrinks, kinks, logs, powers, totals, still, skips = tables
    number = W.dtype.type
    tiny = np.finfo(W.dtype).tiny
    if skips and not averaging and totals[last] == 0.0:
        ratio = math.exp(logs[last] - logs[first])
        power = powers[last - first]
        gain = 0.0
        if momentum > 0.0:
            gain = momentum * momentum * (1.0 - power) / (1.0 - momentum)
        gain, power, ratio = number(gain * ratio), number(power * ratio), number(ratio)
        for k in range(W.shape[1]):
            v = velocity[j, k]
            W[j, k] = ratio * W[j, k] + gain * v
            velocity[j, k] = power * v if abs(v) >= tiny else number(0.0)
        return
    for k in range(W.shape[1]):
        w, v = 1.0 * W[j, k], 1.0 * velocity[j, k]
        for t in range(first, last):
            if skips and not averaging:
                if w == 0.0:
                    if abs(v) * shrinks[t] * momentum <= still[t]:
                        v *= math.exp(logs[last] - logs[t]) * powers[last - t]
                        break
                elif abs(v) <= _COASTED * abs(w):
                    lost = (totals[last] - totals[t]) * math.exp(logs[t])
                    ratio = math.exp(logs[last] - logs[t])
                    w = math.copysign(ratio * max(abs(w) - lost, 0.0), w)
                    v *= ratio * powers[last - t]
                    break
            v *= shrinks[t] * momentum
            w = shrinks[t] * w + momentum * v
            w -= min(max(w, -kinks[t]), kinks[t])
            if averaging:
                mean[j, k] += number(blends[t]) * (number(w) - mean[j, k])
        W[j, k] = w
        velocity[j, k] = v


@jit
def sgd_epoch_csr(loss, design, terms, pass_, state):
    """`sgd_epoch_dense` for `CsrRows`.

    A feature coasts through the updates whose batches lack it when it is met next, so
    that a batch costs as much as its stored entries. The penalty in `batch_losses` is
    that at the start of the pass. Nothing is damped.
    """
    check_code(loss)
    data, indices, indptr = design
    y, weight, delta, l1, l2 = terms
    order, cuts, rates, blends, momentum, b_scale = pass_[:6]
    squares, row_reaches = pass_[9:]
    W, b, W_velocity, b_velocity, W_mean, b_mean, response, batch_losses = state
    n_features, n_rows = W.shape
    n_batches = len(rates)
    number = W.dtype.type
    averaging = blends.max() > 0.0
    shrinks, reaches = np.empty(n_batches), np.empty(n_batches)
    _decays(rates, momentum, l2, response, shrinks, reaches)
    kinks = reaches * l1
    tables = _coasting_tables(shrinks, kinks, momentum)
    penalty = 0.0
    for j in range(n_features):
        penalty += elastic_net(W, j, l1, l2)
    # Of each feature the updates that it has taken, and those that a batch touches.
    done = np.zeros(n_features, np.int64)
    touched = np.empty(n_features, np.int32)
    gradient = np.zeros_like(W)
    scores = np.empty((np.diff(cuts).max(), n_rows), W.dtype)
    pull = np.empty_like(scores)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    ones = np.ones(n_rows, W.dtype)
    mu, tiny = number(momentum), np.finfo(W.dtype).tiny
    for t in range(n_batches):
        rows = order[cuts[t] : cuts[t + 1]]
        size = len(rows)
        n_touched = 0
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                scores[r, k] = b[0, k] if len(b) else 0.0
            for p in range(indptr[i], indptr[i + 1]):
                fetch_ahead(W, indices, p)
                fetch_ahead(W_velocity, indices, p)
                x, j = number(data[p]), indices[p]
                if done[j] <= t:
                    if done[j] < t:
                        _coast(
                            W, W_velocity, W_mean, j, done[j], t, tables, momentum,
                            blends, averaging,
                        )  # fmt: skip
                    done[j] = t + 1
                    touched[n_touched] = j
                    n_touched += 1
                for k in range(n_rows):
                    scores[r, k] += x * W[j, k]
        batch_losses[t] = penalty + batch_loss(
            loss, scores[:size], y, weight, delta, rows, squares, row_reaches[t],
            pull[:size],
        )  # fmt: skip
        for r in range(size):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                fetch_ahead(gradient, indices, p)
                x, j = number(data[p]), indices[p]
                for k in range(n_rows):
                    gradient[j, k] += x * pull[r, k]
        rate, shrink, kink = number(rates[t]), number(shrinks[t]), number(kinks[t])
        for a in range(n_touched):
            fetch_ahead(W, touched, a)
            fetch_ahead(gradient, touched, a)
            fetch_ahead(W_velocity, touched, a)
            j = touched[a]
            for k in range(n_rows):
                push = rate * gradient[j, k]
                gradient[j, k] = 0.0
                v = shrink * mu * W_velocity[j, k] - push
                W_velocity[j, k] = v if abs(v) >= tiny else number(0.0)
                w = shrink * W[j, k] + mu * v - push
                W[j, k] = w - min(max(w, -kink), kink)
            if averaging:
                for k in range(n_rows):
                    W_mean[j, k] += number(blends[t]) * (W[j, k] - W_mean[j, k])
        if len(b):
            for k in range(n_rows):
                b_gradient[0, k] = column_sum(pull[:size], k)
        _momentum_step(
            b, b_velocity, b_mean, b_gradient, ones, rates[t] * b_scale, 0.0, momentum,
            0.0, blends[t],
        )  # fmt: skip
    for j in range(n_features):
        if done[j] < n_batches:
            _coast(
                W, W_velocity, W_mean, j, done[j], n_batches, tables, momentum,
                blends, averaging,
            )  # fmt: skip
