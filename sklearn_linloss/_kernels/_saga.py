"""Epochs of SAGA."""

import math

import numpy as np

from .._jit import inlined, jit
from ._codes import check_code
from ._fetch import fetch_ahead
from ._losses import batch_loss
from ._products import batch_scores, centred_adjoint, centred_offset, column_sum


@jit
def saga_epoch_dense(loss, design, terms, pass_, state):
    """One pass of mini-batch SAGA over `DenseRows`.

    Takes `Terms`, a `SagaPass` and a `SagaState`.
    """
    check_code(loss)
    X, centre = design
    y, weight, delta, l1, l2 = terms
    order, batch_size, step, b_scale = pass_
    W, b, mean_gradient, b_mean_gradient, table = state
    n_rows, n_features = W.shape
    n = X.shape[0]
    change = np.empty_like(W)
    offset = np.empty(n_rows, W.dtype)
    scores = np.empty((batch_size, n_rows), W.dtype)
    unbounded = np.empty(0)
    pull = np.empty((batch_size, n_rows), W.dtype)
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        size = len(rows)
        centred_offset(W, centre, b, offset)
        batch_scores(X, rows, W, offset, scores)
        batch_loss(
            loss, scores[:size], y, weight, delta, rows, unbounded, 0.0, pull[:size]
        )
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                # batch_loss divided by the size of the batch.
                new = pull[r, k] * size
                pull[r, k] = new - table[i, k]
                table[i, k] = new
        centred_adjoint(X, rows, pull[:size], centre, change)
        in_batch = W.dtype.type(1.0 / size)
        in_all = W.dtype.type(1.0 / n)
        for k in range(n_rows):
            for j in range(n_features):
                d = change[k, j]
                w = W[k, j] - step * (d * in_batch + mean_gradient[k, j])
                mean_gradient[k, j] += d * in_all
                if l1 > 0.0:
                    w -= min(max(w, -step * l1), step * l1)
                W[k, j] = w / (1.0 + step * l2)
            if len(b):
                d = W.dtype.type(column_sum(pull[:size], k))
                b[0, k] -= step * b_scale * (d * in_batch + b_mean_gradient[0, k])
                b_mean_gradient[0, k] += d * in_all


@inlined
def _catch_up(W, slopes, f, missed, shrinks, totals, step, l1):
    """`missed` proximal steps w <- prox(w - step * slope) at once, for a row of W.

    `shrinks` holds powers of the factor by which L2 shrinks w in a step, `totals` their
    sums: how far a slope of one moves w in so many steps.
    """
    shrink, power, total = shrinks[1], shrinks[missed], totals[missed]
    for k in range(W.shape[1]):
        w = W[f, k]
        slope = slopes[f, k]
        if l1 == 0.0:
            W[f, k] = power * w - step * total * slope
            continue
        if w == 0.0 and abs(slope) <= l1:
            continue
        sign = math.copysign(W.dtype.type(1.0), w if w != 0.0 else -slope)
        result = power * w - step * total * (slope + sign * l1)
        if result * sign <= 0.0:
            # It meets zero on the way; from there it may stay or go on.
            result = w
            for _ in range(missed):
                result -= step * slope
                result -= min(max(result, -step * l1), step * l1)
                result *= shrink
                if result == 0.0 and abs(slope) <= l1:
                    break
        W[f, k] = result


@jit
def saga_epoch_csr(loss, design, terms, pass_, state):
    """`saga_epoch_dense` for `CsrRows`.

    A feature takes the steps that it missed when a batch next meets it, so that a batch
    costs as much as its stored entries.
    """
    check_code(loss)
    data, indices, indptr = design
    y, weight, delta, l1, l2 = terms
    order, batch_size, step, b_scale = pass_
    W, b, mean_gradient, b_mean_gradient, table = state
    n_features, n_rows = W.shape
    n = len(indptr) - 1
    change = np.zeros_like(W)
    done = np.zeros(n_features, np.int64)
    touched = np.empty(n_features, np.int64)
    scores = np.empty((batch_size, n_rows), W.dtype)
    unbounded = np.empty(0)
    pull = np.empty((batch_size, n_rows), W.dtype)
    n_batches = (len(order) + batch_size - 1) // batch_size
    shrinks = np.ones(n_batches + 1, W.dtype)
    totals = np.zeros(n_batches + 1, W.dtype)
    for t in range(n_batches):
        shrinks[t + 1] = shrinks[t] / (1.0 + step * l2)
        totals[t + 1] = totals[t] + shrinks[t + 1]
    for t in range(n_batches):
        rows = order[t * batch_size : (t + 1) * batch_size]
        size = len(rows)
        n_touched = 0
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                scores[r, k] = b[0, k] if len(b) else 0.0
            for p in range(indptr[i], indptr[i + 1]):
                fetch_ahead(W, indices, p)
                fetch_ahead(mean_gradient, indices, p)
                j = indices[p]
                if done[j] <= t:
                    if done[j] < t:
                        missed = t - done[j]
                        _catch_up(
                            W, mean_gradient, j, missed, shrinks, totals, step, l1
                        )
                    done[j] = t + 1
                    touched[n_touched] = j
                    n_touched += 1
                for k in range(n_rows):
                    scores[r, k] += data[p] * W[j, k]
        batch_loss(
            loss, scores[:size], y, weight, delta, rows, unbounded, 0.0, pull[:size]
        )
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                new = pull[r, k] * size
                pull[r, k] = new - table[i, k]
                table[i, k] = new
            for p in range(indptr[i], indptr[i + 1]):
                j = indices[p]
                for k in range(n_rows):
                    change[j, k] += data[p] * pull[r, k]
        in_batch = 1.0 / size
        in_all = 1.0 / n
        for a in range(n_touched):
            j = touched[a]
            for k in range(n_rows):
                d = change[j, k]
                change[j, k] = 0.0
                w = W[j, k] - step * (d * in_batch + mean_gradient[j, k])
                mean_gradient[j, k] += d * in_all
                if l1 > 0.0:
                    w -= min(max(w, -step * l1), step * l1)
                W[j, k] = w / (1.0 + step * l2)
        if len(b):
            for k in range(n_rows):
                d = column_sum(pull[:size], k)
                b[0, k] -= step * b_scale * (d * in_batch + b_mean_gradient[0, k])
                b_mean_gradient[0, k] += d * in_all
    for j in range(n_features):
        if done[j] < n_batches:
            missed = n_batches - done[j]
            _catch_up(W, mean_gradient, j, missed, shrinks, totals, step, l1)
