"""Epochs of SGD over a CSR, row by row, with a step of its own for each feature."""

import math

import numpy as np

from .._jit import inlined, jit
from ._codes import SOFTMAX, check_code
from ._fetch import fetch_ahead
from ._losses import margin_loss, row_loss
from ._sdca import SMALLEST_CURVATURE, bend_and_cap, best_dual, dual_margin
from ._sgd import elastic_net

# How far the softmax may go with a row, in units of the way to the zero of its loss, as
# its tangent goes (0040).
_FURTHEST = 2.0
# In the first epoch sizes of features that differ by less from that of all entries
# count alike (0040).
_ALIKE = 10.0
# From the second epoch on a row goes so many times the way of a proximal step of a rate
# that is smaller by the same factor (0046).
_RELAXATION = 2.0
# Columns of what is known of a feature.
COUNT, SUM, SLOPE, STEP = range(4)
# Entries of the totals.
SEEN, ROWS, ENTRIES, SIZES = range(4)
# A row with fewer moving classes than one in so many moves them one by one.
_FEW = 4


@inlined
def _shrink_row(W, j, span, l2):
    """Let the penalty alone act on row j of W for a while: the flow, in closed form."""
    decay = W.dtype.type(math.exp(-l2 * span))
    for k in range(W.shape[1]):
        W[j, k] *= decay


@inlined
def _catch_up(W, mean, j, first, last, step, since, now, clock, l2, blends):
    """Bring row j of W to the time `now`.

    Its mean takes part in the ends of the batches from `first` until `last`, whose
    times are in `clock`.
    """
    number = W.dtype.type
    for t in range(first, last):
        _shrink_row(W, j, step * (clock[t] - since), l2)
        since = clock[t]
        for k in range(W.shape[1]):
            mean[j, k] += number(blends[t]) * (W[j, k] - mean[j, k])
    if now > since:
        _shrink_row(W, j, step * (now - since), l2)


@inlined
def _step_of(features, j, typical, root, floor):
    """The step of a feature whose rows have moved the model before.

    `typical` is the mean size of all entries, by which a feature counts instead of by
    its own; zero for none. `root` is the root of the mean number of entries of a row,
    and `floor` the curvature of the penalty, summed over the rows so far.
    """
    size = features[j, SUM] / features[j, COUNT]
    if typical > 0.0:
        if size > _ALIKE * typical:
            size /= _ALIKE
        elif size * _ALIKE < typical:
            size *= _ALIKE
        else:
            size = typical
    return 1.0 / (root * size * math.sqrt(features[j, SLOPE]) + floor)


@jit
def csr_sizes(design, features, totals):
    """Count the entries of `CsrRows` and their sizes, as a `SgdPast` has them."""
    data, indices, indptr = design
    for p in range(len(indices)):
        size = abs(data[p])
        features[indices[p], COUNT] += 1.0
        features[indices[p], SUM] += size
        totals[SIZES] += size
    totals[ROWS] += len(indptr) - 1.0
    totals[ENTRIES] += len(indices)


@inlined
def _row_gradient(loss, scores, y, delta, gradient):
    """The loss of a row of scores; writes its gradient."""
    if scores.shape[1] == 1:
        sign = 1.0 if y == 1 else -1.0
        value, slope = margin_loss(loss, sign * scores[0, 0], delta, 0.0)
        gradient[0, 0] = sign * slope
        return value
    return row_loss(loss, scores, 0, y, delta, 0.0, gradient, 0)


@inlined
def _proximal_gradient(loss, scores, y, delta, q, reach, dual, gradient):
    """The gradient of a hinge where a row ends that moves to the least sum of its loss
    and of the distance, as its step measures it.

    A gradient g moves the scores by -q g. What is asked for is the dual variables of
    the row, which start at zero.
    """
    if scores.shape[1] == 1:
        a = dual_margin(loss, scores[0, 0], y, delta, q, 0.0)
        gradient[0, 0] = -a if y == 1 else a
        return
    for k in range(len(reach)):
        reach[k] = delta + scores[0, k] - scores[0, y]
    bend, cap = bend_and_cap(loss)
    total = best_dual(reach, y, q, bend, cap, 0.0, dual)
    for k in range(len(reach)):
        gradient[0, k] = dual[k]
    gradient[0, y] = -total


@jit
def sgd_rows_csr(loss, design, terms, pass_, state, past):
    """One pass of SGD over `CsrRows`, each of which makes a step of its own.

    The penalty is L2: single rows would leave few coefficients at zero with L1.
    Takes `Terms`, a `SgdPass`, a `SgdState` and a `SgdPast`. Batches have one rate, and
    count for `batch_losses` and for the mean of the iterates. Velocities stay.

    A weight of feature j moves by rate / (c_j sqrt(G_j) + F) times its slope. G_j is
    the sum of the squared slopes so far, over all classes (J. Duchi, E. Hazan and Y.
    Singer, "Adaptive subgradient methods", JMLR 2011). c_j brings in the size of its
    entries, so that units do not matter (S. Ross, P. Mineiro and J. Langford,
    "Normalized online learning", UAI 2013), and F the curvature of the penalty, by
    which steps are at most 1 / (l2 t) after t rows. Between the rows that have its
    feature a weight follows the flow of the penalty, at the last step of the feature.

    A row ends where its hinge and the distance are least together; from the second
    epoch on it goes to where those of half the rate are, and as far again (0046). With
    the softmax its tangent bounds the step.
    """
    check_code(loss)
    data, indices, indptr = design
    y, weight, delta, _, l2 = terms
    order, cuts, rates, blends = pass_[:4]
    W, b, _, _, W_mean, b_mean, _, batch_losses = state
    features, totals, ridge = past
    n_features, n_rows = W.shape
    n_batches = len(rates)
    number = W.dtype.type
    averaging = blends.max() > 0.0
    penalised = averaging or l2 > 0.0
    penalty = 0.0
    for j in range(n_features):
        penalty += elastic_net(W, j, 0.0, l2)
    clock = np.empty(n_batches)
    now = 0.0
    for t in range(n_batches):
        now += rates[t] * (cuts[t + 1] - cuts[t])
        clock[t] = now
    # Of each feature the ends of batches that its mean has seen, and its time.
    done = np.zeros(n_features, np.int64)
    since = np.zeros(n_features)
    longest = 0
    for i in range(len(indptr) - 1):
        longest = max(longest, indptr[i + 1] - indptr[i])
    steps = np.empty(longest)
    scores = np.empty((1, n_rows), W.dtype)
    gradient = np.empty((1, n_rows), W.dtype)
    moving = np.empty(n_rows, np.int64)
    reach, dual = np.empty(n_rows), np.empty(n_rows)
    root = math.sqrt(1.0 + totals[ENTRIES] / totals[ROWS])
    typical, relaxation = 0.0, _RELAXATION
    if totals[SEEN] < totals[ROWS]:
        typical, relaxation = totals[SIZES] / max(totals[ENTRIES], 1.0), 1.0
    now = 0.0
    for t in range(n_batches):
        total = 0.0
        for r in range(cuts[t], cuts[t + 1]):
            i = order[r]
            start, end = indptr[i], indptr[i + 1]
            for k in range(n_rows):
                scores[0, k] = b[0, k] if len(b) else 0.0
            for p in range(start, end):
                fetch_ahead(W, indices, p)
                fetch_ahead(features, indices, p)
                x, j = number(data[p]), indices[p]
                if penalised:
                    first = done[j] if averaging else t
                    step = features[j, STEP]
                    _catch_up(
                        W, W_mean, j, first, t, step, since[j], now, clock, l2, blends
                    )
                    done[j], since[j] = t, now
                for k in range(n_rows):
                    scores[0, k] += x * W[j, k]
            value = _row_gradient(loss, scores, y[i], delta, gradient)
            total += weight[i] * value
            totals[SEEN] += 1.0
            now += rates[t]
            square = 0.0
            for k in range(n_rows):
                square += gradient[0, k] * gradient[0, k]
            square *= weight[i] * weight[i]
            if square == 0.0:
                continue
            floor = ridge * totals[SEEN]
            length = 0.0
            for p in range(start, end):
                j = indices[p]
                features[j, SLOPE] += data[p] * data[p] * square
                if data[p] != 0.0:
                    features[j, STEP] = _step_of(features, j, typical, root, floor)
                steps[p - start] = features[j, STEP]
                length += data[p] * data[p] * steps[p - start]
            if len(b):
                features[n_features, SLOPE] += square
                b_step = 1.0 / (root * math.sqrt(features[n_features, SLOPE]))
                length += b_step
            rate = rates[t] * weight[i]
            if loss == SOFTMAX:
                furthest = _FURTHEST * value * weight[i] * weight[i]
                if rate * length * square > furthest:
                    rate = furthest / (length * square)
            else:
                q = max(rate * length / relaxation, SMALLEST_CURVATURE)
                _proximal_gradient(loss, scores, y[i], delta, q, reach, dual, gradient)
            n_moving = 0
            for k in range(n_rows):
                moving[n_moving] = k
                n_moving += gradient[0, k] != 0.0
            for p in range(start, end):
                j = indices[p]
                push = number(rate * data[p] * steps[p - start])
                if n_moving * _FEW < n_rows:
                    for a in range(n_moving):
                        W[j, moving[a]] -= push * gradient[0, moving[a]]
                else:
                    for k in range(n_rows):
                        W[j, k] -= push * gradient[0, k]
            if len(b):
                for k in range(n_rows):
                    b[0, k] -= number(rate * b_step) * gradient[0, k]
        batch_losses[t] = penalty + total / (cuts[t + 1] - cuts[t])
        if averaging and len(b):
            for k in range(n_rows):
                b_mean[0, k] += number(blends[t]) * (b[0, k] - b_mean[0, k])
    if penalised:
        for j in range(n_features):
            step = features[j, STEP]
            if step == 0.0 and ridge > 0.0:
                # Its rows are still to come.
                step = 1.0 / (ridge * totals[SEEN])
            first = done[j] if averaging else n_batches
            _catch_up(
                W, W_mean, j, first, n_batches, step, since[j], now, clock, l2, blends
            )
