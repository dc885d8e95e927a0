"""All compiled code.

It stands in one file because numba's disk cache notices changes in a function's own
file only. Kernels see arrays and numbers, and tell the losses apart by `Loss.code`.

Shapes: `scores` and `gradient` are (n, n_rows), where n_rows is K for K >= 3 classes
and 1 for two classes; `y` holds the class index of each sample and `weight` its
share pi_i of the total weight. One row is the margin form: with s = +1 for class 1
and -1 for class 0, a sample's loss depends on m = s * score. Sums run in float64.

`width` > 0 smooths the hinge: max_{0 <= a <= 1} a * slack - width / 2 * a^2 for each
slack (Y. Nesterov, "Smooth minimization of non-smooth functions", Mathematical
Programming 2005). The other losses ignore it.
"""

import math

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ._jit import inlined, jit
from .losses import hinge, softmax, squared_hinge

HINGE = hinge.code
SQUARED_HINGE = squared_hinge.code
SOFTMAX = softmax.code

_AHEAD = 12  # entries of a CSR: as long as memory takes
_LINE = 64  # bytes that come from memory together
_GRAM_BLOCK = 256
_SUMMED_ROWS = 1024  # in the precision of X, before double precision takes over
_ROOT_STEPS, _ROOT_TOL = 60, 1e-14
_LOG_TOL, _SUM_TOL = 1e-2, 1e-7
_SMALLEST_LOG = -600.0
_COASTED = 1e-16  # of a weight: a velocity that no longer moves it
_SMALLEST_CURVATURE = 1e-30


@intrinsic
def _fetch(context, matrix, row, column):
    """Ask for an entry of a matrix that is needed soon; never faults, changes nothing.

    With CSR the rows of W come in no order that a processor could guess.
    """

    def emit(target, builder, signature, arguments):
        kind, *indices = signature.args
        indices = [
            target.cast(builder, value, index, types.intp)
            for value, index in zip(arguments[1:], indices, strict=True)
        ]
        array = make_array(kind)(target, builder, arguments[0])
        entry = cgutils.get_item_pointer(target, builder, kind, array, indices)
        number, address = ir.IntType(32), ir.IntType(8).as_pointer()
        form = ir.FunctionType(ir.VoidType(), [address, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", [address], form)
        # To be read, and kept in all caches, as data.
        how = [ir.Constant(number, code) for code in (0, 3, 1)]
        builder.call(call, [builder.bitcast(entry, address), *how])
        return target.get_dummy_value()

    return types.void(matrix, row, column), emit


if config.DISABLE_JIT:

    def _fetch(matrix, row, column):
        pass


@inlined
def _fetch_ahead(matrix, indices, p):
    """Ask for the row of a matrix that the entry some way after the p-th meets."""
    j = indices[min(p + _AHEAD, len(indices) - 1)]
    _fetch(matrix, j, 0)
    _fetch(matrix, j, matrix.shape[1] - 1)


@inlined
def _fetch_row(X, i):
    """Ask for a row of a dense matrix."""
    for j in range(0, X.shape[1], _LINE // X.itemsize):
        _fetch(X, i, j)


@inlined
def _hinge(slack, width):
    """The hinge of a positive slack, smoothed, and its derivative."""
    if slack >= width:
        return slack - 0.5 * width, 1.0
    return 0.5 * slack * slack / width, slack / width


@inlined
def _margin_loss(loss, margin, delta, width):
    """Loss of the one-row form and its derivative in the margin."""
    if loss == SOFTMAX:
        # exp of a negative number only: no overflow.
        e = math.exp(-abs(margin))
        value = math.log1p(e) + max(-margin, 0.0)
        return value, -(e if margin >= 0.0 else 1.0) / (1.0 + e)
    slack = delta - margin
    if slack <= 0.0:
        return 0.0, 0.0
    if loss == HINGE:
        value, slope = _hinge(slack, width)
        return value, -slope
    return slack * slack, -2.0 * slack


@inlined
def _row_loss(loss, scores, i, y, delta, width, gradient, r):
    """Loss of the K >= 3 scores in row i; writes its gradient to row r.

    Rows are given by number because a slice of an array costs as much as a row. The
    true class gets minus the sum of the others: no cancellation in p - 1.
    """
    n_classes = scores.shape[1]
    true_score = scores[i, y]
    others = 0.0
    value = 0.0
    if loss == SOFTMAX:
        largest = true_score
        for j in range(n_classes):
            largest = max(largest, scores[i, j])
        for j in range(n_classes):
            e = math.exp(scores[i, j] - largest)
            gradient[r, j] = e
            if j != y:
                others += e
        true = math.exp(true_score - largest)
        if true_score == largest:
            value = math.log1p(others)
        else:
            value = math.log(others + true) + (largest - true_score)
        scale = 1.0 / (others + true)
        for j in range(n_classes):
            gradient[r, j] *= scale
        others *= scale
    else:
        for j in range(n_classes):
            slack = scores[i, j] - true_score + delta
            g = 0.0
            if slack > 0.0 and j != y:
                if loss == HINGE:
                    term, g = _hinge(slack, width)
                    value += term
                else:
                    value += slack * slack
                    g = 2.0 * slack
                others += g
            gradient[r, j] = g
    gradient[r, y] = -others
    return value


@jit
def loss_gradient(loss, scores, y, weight, delta, width, gradient):
    """Weighted mean of the loss; gradient[i] = weight[i] * dL_i/dscores.

    A `gradient` of one row is scratch for many scores: only the mean is wanted.
    """
    kept = len(gradient) == len(scores)
    total = 0.0
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            value, slope = _margin_loss(loss, sign * scores[i], delta, width)
            gradient[i * kept] = weight[i] * sign * slope
            total += weight[i] * value
        return total
    for i in range(len(scores)):
        r = i * kept
        value = _row_loss(loss, scores, i, y[i], delta, width, gradient, r)
        for j in range(scores.shape[1]):
            gradient[r, j] *= weight[i]
        total += weight[i] * value
    return total


@jit
def loss_hessian(loss, scores, y, weight, delta, width, direction, gradient, out):
    """out[i] = weight[i] * (Hessian of L_i in the scores) @ direction[i].

    For the hinges, of the quadratic piece that holds at `scores`. `gradient` is scratch
    of one row.
    """
    if scores.ndim == 1:
        for i in range(len(scores)):
            margin = scores[i] if y[i] == 1 else -scores[i]
            _, slope = _margin_loss(loss, margin, delta, width)
            if loss == SOFTMAX:
                second = -slope * (1.0 + slope)
            elif loss == SQUARED_HINGE:
                second = 2.0 if slope < 0.0 else 0.0
            else:
                second = 1.0 / width if -1.0 < slope < 0.0 else 0.0
            out[i] = weight[i] * second * direction[i]
        return
    n, n_rows = scores.shape
    for i in range(n):
        k = y[i]
        _row_loss(loss, scores, i, k, delta, width, gradient, 0)
        if loss == SOFTMAX:
            gradient[0, k] += 1.0
            mean = 0.0
            for j in range(n_rows):
                mean += gradient[0, j] * direction[i, j]
            for j in range(n_rows):
                out[i, j] = weight[i] * gradient[0, j] * (direction[i, j] - mean)
            continue
        total = 0.0
        for j in range(n_rows):
            second = 0.0
            if j != k and gradient[0, j] > 0.0:
                if loss == SQUARED_HINGE:
                    second = 2.0
                elif gradient[0, j] < 1.0:
                    second = 1.0 / width
            value = weight[i] * second * (direction[i, j] - direction[i, k])
            out[i, j] = value
            total += value
        out[i, k] = -total


@jit
def adjust_flows(dual, y, weight, factor, shift):
    """dual[i, j] <- dual[i, j] * factor[k, j] + weight[i] * shift[k, j], k = y[i].

    The true class gets minus the sum of the others; a margin's class has one factor,
    that to the other class. Returns the largest a_ij and the largest sum of one row.
    """
    largest = 0.0
    largest_sum = 0.0
    if dual.ndim == 1:
        for i in range(len(dual)):
            dual[i] *= factor[y[i], 1 - y[i]]
            largest = max(largest, abs(dual[i]) / weight[i])
        return largest, largest
    for i in range(len(dual)):
        k = y[i]
        others = 0.0
        for j in range(dual.shape[1]):
            if j != k:
                value = dual[i, j] * factor[k, j] + weight[i] * shift[k, j]
                dual[i, j] = value
                others += value
                largest = max(largest, value / weight[i])
        dual[i, k] = -others
        largest_sum = max(largest_sum, others / weight[i])
    return largest, largest_sum


@jit
def entropy(dual, y, weight, scale):
    """-sum_i pi_i L_i*(scale * a_i) of the softmax and its derivative in `scale` > 0.

    The entropy of the probabilities whose distance from the truth is scale * a_i.
    """
    value = 0.0
    slope = 0.0
    for i in range(len(dual)):
        others = 0.0
        if dual.ndim == 1:
            others = abs(dual[i])
            if others > 0.0:
                log_p = math.log(scale * others / weight[i])
                value -= scale * others * log_p
                slope -= others * log_p
        else:
            for j in range(dual.shape[1]):
                if j != y[i] and dual[i, j] != 0.0:
                    mass = abs(dual[i, j])
                    others += mass
                    log_p = math.log(scale * mass / weight[i])
                    value -= scale * mass * log_p
                    slope -= mass * log_p
        rest = 1.0 - scale * others / weight[i]
        if rest > 0.0:
            log_rest = math.log1p(-scale * others / weight[i])
            value -= weight[i] * rest * log_rest
            slope += others * log_rest
        else:
            slope -= np.inf if others > 0.0 else 0.0
    return value, slope


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
def _momentum_step(W, velocity, mean, gradient, rate, shrink, momentum, kink, blend):
    """One step of Nesterov's momentum, with weight decay and soft thresholding.

    `mean` moves by `blend` of the way to the result.
    """
    number = W.dtype.type
    rate, shrink, momentum = number(rate), number(shrink), number(momentum)
    kink, blend = number(kink), number(blend)
    tiny = np.finfo(W.dtype).tiny
    for k in range(W.shape[0]):
        for j in range(W.shape[1]):
            push = rate * gradient[k, j]
            v = shrink * momentum * velocity[k, j] - push
            # Subnormal numbers are very slow.
            velocity[k, j] = v if abs(v) >= tiny else number(0.0)
            W[k, j] = shrink * W[k, j] + momentum * v - push
        if kink > 0.0:
            for j in range(W.shape[1]):
                W[k, j] -= min(max(W[k, j], -kink), kink)
        if blend > 0.0:
            for j in range(W.shape[1]):
                mean[k, j] += blend * (W[k, j] - mean[k, j])


@inlined
def _penalty(W, k, l1, l2):
    """The elastic net of row k of W."""
    total = W.dtype.type(0.0)
    l1, l2 = W.dtype.type(l1), W.dtype.type(0.5 * l2)
    for j in range(W.shape[1]):
        w = W[k, j]
        total += (l1 + l2 * abs(w)) * abs(w)
    return total


@inlined
def _batch_loss(loss, scores, y, weight, delta, rows, gradient):
    """Mean loss of a batch and its gradient in the scores.

    `weight` is relative to its mean over the training set, so that the mean over
    batches is the mean over the set.
    """
    total = 0.0
    share = 1.0 / len(rows)
    for r in range(len(rows)):
        i = rows[r]
        if scores.shape[1] == 1:
            sign = 1.0 if y[i] == 1 else -1.0
            value, slope = _margin_loss(loss, sign * scores[r, 0], delta, 0.0)
            gradient[r, 0] = sign * slope
        else:
            value = _row_loss(loss, scores, r, y[i], delta, 0.0, gradient, r)
        total += share * weight[i] * value
        for k in range(scores.shape[1]):
            gradient[r, k] *= share * weight[i]
    return total


@inlined
def _column_sum(matrix, column):
    total = 0.0
    for r in range(matrix.shape[0]):
        total += matrix[r, column]
    return total


@inlined
def _centred_offset(W, centre, b, offset):
    """offset = b - W @ centre, without b where there is no intercept."""
    for k in range(W.shape[0]):
        total = W.dtype.type(0.0)
        for j in range(W.shape[1]):
            total += W[k, j] * centre[j]
        offset[k] = (b[0, k] if len(b) else 0.0) - total


@inlined
def _batch_scores(X, rows, W, offset, scores):
    """scores[r] = offset + W @ X[rows[r]].

    Three rows by three classes at a time: each number loaded serves several products.
    What is left over is filled up with rows and classes of the tile before.
    """
    n_rows, n_features = W.shape
    last = len(rows) - 1
    for r0 in range(0, len(rows), 3):
        r1, r2 = min(r0 + 1, last), min(r0 + 2, last)
        i0, i1, i2 = rows[r0], rows[r1], rows[r2]
        for start in range(0, n_rows, 3):
            k0 = max(min(start, n_rows - 3), 0)
            k1, k2 = min(k0 + 1, n_rows - 1), min(k0 + 2, n_rows - 1)
            a0 = a1 = a2 = W.dtype.type(0.0)
            b0 = b1 = b2 = W.dtype.type(0.0)
            c0 = c1 = c2 = W.dtype.type(0.0)
            if k1 == k0:
                for j in range(n_features):
                    w = W[k0, j]
                    a0 += w * X[i0, j]
                    b0 += w * X[i1, j]
                    c0 += w * X[i2, j]
                scores[r0, k0] = offset[k0] + a0
                scores[r1, k0] = offset[k0] + b0
                scores[r2, k0] = offset[k0] + c0
                break
            for j in range(n_features):
                x0, x1, x2 = X[i0, j], X[i1, j], X[i2, j]
                w = W[k0, j]
                a0 += w * x0
                b0 += w * x1
                c0 += w * x2
                w = W[k1, j]
                a1 += w * x0
                b1 += w * x1
                c1 += w * x2
                w = W[k2, j]
                a2 += w * x0
                b2 += w * x1
                c2 += w * x2
            o0, o1, o2 = offset[k0], offset[k1], offset[k2]
            scores[r0, k0], scores[r0, k1], scores[r0, k2] = o0 + a0, o1 + a1, o2 + a2
            scores[r1, k0], scores[r1, k1], scores[r1, k2] = o0 + b0, o1 + b1, o2 + b2
            scores[r2, k0], scores[r2, k1], scores[r2, k2] = o0 + c0, o1 + c1, o2 + c2


@jit
def dense_scores(X, rows, W, offset, scores):
    """scores = X[rows] @ W.T + offset."""
    _batch_scores(X, rows, W, offset, scores)


@jit
def csr_scores(data, indices, indptr, W, scores):
    """scores = X @ W for W of shape (n_features, n_rows), in the precision of W."""
    n_rows = W.shape[1]
    for i in range(len(indptr) - 1):
        for k in range(n_rows):
            scores[i, k] = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            _fetch_ahead(W, indices, p)
            x, j = scores.dtype.type(data[p]), indices[p]
            for k in range(n_rows):
                scores[i, k] += x * W[j, k]


@jit
def csr_adjoint(data, indices, indptr, gradient, total):
    """total += X.T @ gradient, of shape (n_features, n_rows)."""
    n_rows = gradient.shape[1]
    for i in range(len(indptr) - 1):
        for p in range(indptr[i], indptr[i + 1]):
            _fetch_ahead(total, indices, p)
            x, j = gradient.dtype.type(data[p]), indices[p]
            for k in range(n_rows):
                total[j, k] += x * gradient[i, k]


@inlined
def _batch_adjoint(X, rows, pull, gradient):
    """gradient[k] += sum_r pull[r, k] X[rows[r]], four rows by three classes at a time.

    The last tile repeats its last row, times zero, where there are too few.
    """
    n_rows, n_features = gradient.shape
    last = len(rows) - 1
    one, zero = gradient.dtype.type(1.0), gradient.dtype.type(0.0)
    for r0 in range(0, len(rows), 4):
        r1, r2, r3 = min(r0 + 1, last), min(r0 + 2, last), min(r0 + 3, last)
        i0, i1, i2, i3 = rows[r0], rows[r1], rows[r2], rows[r3]
        one1 = one if r0 + 1 <= last else zero
        one2 = one if r0 + 2 <= last else zero
        one3 = one if r0 + 3 <= last else zero
        k = 0
        while k + 3 <= n_rows:
            p0, p1 = pull[r0, k], one1 * pull[r1, k]
            p2, p3 = one2 * pull[r2, k], one3 * pull[r3, k]
            q0, q1 = pull[r0, k + 1], one1 * pull[r1, k + 1]
            q2, q3 = one2 * pull[r2, k + 1], one3 * pull[r3, k + 1]
            s0, s1 = pull[r0, k + 2], one1 * pull[r1, k + 2]
            s2, s3 = one2 * pull[r2, k + 2], one3 * pull[r3, k + 2]
            for j in range(n_features):
                x0, x1, x2, x3 = X[i0, j], X[i1, j], X[i2, j], X[i3, j]
                gradient[k, j] += p0 * x0 + p1 * x1 + p2 * x2 + p3 * x3
                gradient[k + 1, j] += q0 * x0 + q1 * x1 + q2 * x2 + q3 * x3
                gradient[k + 2, j] += s0 * x0 + s1 * x1 + s2 * x2 + s3 * x3
            k += 3
        while k < n_rows:
            p0, p1 = pull[r0, k], one1 * pull[r1, k]
            p2, p3 = one2 * pull[r2, k], one3 * pull[r3, k]
            for j in range(n_features):
                gradient[k, j] += (
                    p0 * X[i0, j] + p1 * X[i1, j] + p2 * X[i2, j] + p3 * X[i3, j]
                )
            k += 1


@inlined
def _centred_adjoint(X, rows, pull, centre, gradient):
    """gradient[k] = sum_r pull[r, k] (X[rows[r]] - centre)."""
    for k in range(gradient.shape[0]):
        total = gradient.dtype.type(_column_sum(pull, k))
        for j in range(gradient.shape[1]):
            gradient[k, j] = -total * centre[j]
    _batch_adjoint(X, rows, pull, gradient)


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
def _damp(W, decay, basis, damping, gradient):
    """Take `damping` of the components along the orthonormal rows of `basis` from the
    gradient, the penalty's included. Four at a time: none changes the others.
    """
    last = len(damping) - 1
    for a in range(0, len(damping), 4):
        a1, a2, a3 = min(a + 1, last), min(a + 2, last), min(a + 3, last)
        for k in range(W.shape[0]):
            p0 = p1 = p2 = p3 = W.dtype.type(0.0)
            for j in range(W.shape[1]):
                g = gradient[k, j] + decay * W[k, j]
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
def dense_adjoint(X, rows, gradient, part, total):
    """total += gradient.T @ X[rows], with `part` as scratch like `total` in the
    precision of X, in which few rows are summed.
    """
    for first in range(0, len(rows), _SUMMED_ROWS):
        last = min(first + _SUMMED_ROWS, len(rows))
        part[:] = 0.0
        _batch_adjoint(X, rows[first:last], gradient[first:last], part)
        for k in range(total.shape[0]):
            for j in range(total.shape[1]):
                total[k, j] += part[k, j]


@jit
def dense_loss_gradient(
    loss, X, rows, y, weight, delta, W, offset, scores, pull, part, total, b_total
):  # fmt: skip
    """sum_i weight[i] L_i over the rows; adds its gradient to `total` and `b_total`.

    Block by block as many rows as `scores` and `pull` hold, so that X is read from
    memory once. `part` is scratch like `total`, in the precision of X. Both lack the
    last of three or more classes, which gets minus the sum of the others.
    """
    n_rows = scores.shape[1]
    size = len(scores)
    value = 0.0
    for start in range(0, len(rows), _SUMMED_ROWS):
        stop = min(start + _SUMMED_ROWS, len(rows))
        part[:] = 0.0
        for first in range(start, stop, size):
            block = rows[first : min(first + size, stop)]
            _batch_scores(X, block, W, offset, scores)
            for r in range(len(block)):
                i = block[r]
                if n_rows == 1:
                    sign = 1.0 if y[i] == 1 else -1.0
                    term, slope = _margin_loss(loss, sign * scores[r, 0], delta, 0.0)
                    pull[r, 0] = sign * slope
                else:
                    term = _row_loss(loss, scores, r, y[i], delta, 0.0, pull, r)
                value += weight[i] * term
                for k in range(n_rows):
                    pull[r, k] *= weight[i]
            _batch_adjoint(X, block, pull, part)
            for k in range(n_rows):
                b_total[k] += _column_sum(pull[: len(block)], k)
        for k in range(len(part)):
            for j in range(part.shape[1]):
                total[k, j] += part[k, j]
    return value


@jit
def sgd_epoch_dense(
    loss, X, centre, y, weight, delta, order, batch_size, rates, blends, response,
    b_scale, momentum, l1, l2, basis, damping, W, W_velocity, W_mean,
    b, b_velocity, b_mean, batch_losses,
):  # fmt: skip
    """One pass of mini-batch SGD over the rows in `order`.

    `W` is (n_rows, n_features), and its features count from `centre`; `b` is
    (1, n_rows), or (0, n_rows) where there is no intercept. `rates`, `blends` (for the
    average of the iterates) and `batch_losses` have one entry a batch. Gradients lose
    the part `damping` of their components along the orthonormal rows of `basis`.
    """
    n_rows, n_features = W.shape
    gradient = np.empty_like(W)
    offset = np.empty(n_rows, W.dtype)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    scores = np.empty((batch_size, n_rows), W.dtype)
    pull = np.empty_like(scores)
    moving = np.empty(batch_size, order.dtype)
    shrinks, reaches = np.empty(len(rates)), np.empty(len(rates))
    _decays(rates, momentum, l2, response, shrinks, reaches)
    decay = W.dtype.type(l2)
    # With three or more classes scores are differences to the last one's, whose
    # gradient is minus the sum of the others.
    n_free = max(n_rows - 1, 1)
    free = np.empty((n_free, n_features), W.dtype) if n_rows > 1 else W
    scores[:] = 0.0
    for t in range(len(rates)):
        rows = order[t * batch_size : (t + 1) * batch_size]
        size = len(rows)
        _centred_offset(W, centre, b, offset)
        if n_rows > 1:
            for k in range(n_free):
                offset[k] -= offset[n_free]
                for j in range(n_features):
                    free[k, j] = W[k, j] - W[n_free, j]
        _batch_scores(X, rows, free, offset, scores[:size])
        value = _batch_loss(loss, scores[:size], y, weight, delta, rows, pull[:size])
        for k in range(n_rows):
            value += _penalty(W, k, l1, l2)
        batch_losses[t] = value
        size = _moving_rows(rows, pull, moving)
        _centred_adjoint(X, moving[:size], pull[:size], centre, gradient[:n_free])
        if n_rows > 1:
            gradient[n_free] = 0.0
            for k in range(n_free):
                for j in range(n_features):
                    gradient[n_free, j] -= gradient[k, j]
        _damp(W, decay, basis, damping, gradient)
        rate, blend = rates[t], blends[t]
        _momentum_step(
            W, W_velocity, W_mean, gradient, rate, shrinks[t], momentum,
            reaches[t] * l1, blend,
        )  # fmt: skip
        if len(b):
            for k in range(n_rows):
                b_gradient[0, k] = _column_sum(pull[:size], k)
        rate *= b_scale
        _momentum_step(
            b, b_velocity, b_mean, b_gradient, rate, 1.0, momentum, 0.0, blend
        )


@inlined
def _coasting_tables(shrinks, kinks, momentum):
    """What `_coast` needs to skip updates, one entry an update.

    `logs` sums the logarithms of `shrinks`, `powers` are those of `momentum`, `totals`
    sum the soft thresholds in units of the weights at the start; with a velocity of at
    most `still` a weight that is zero stays so. Returns also whether there are
    logarithms to sum.
    """
    n = len(shrinks)
    logs, powers, totals = np.zeros(n + 1), np.ones(n + 1), np.zeros(n + 1)
    still = np.full(n + 1, np.inf)
    for t in range(n):
        if not shrinks[t] > 0.0:
            return logs, powers, totals, still, False
        logs[t + 1] = logs[t] + math.log(shrinks[t])
        powers[t + 1] = powers[t] * momentum
        totals[t + 1] = totals[t] + kinks[t] / math.exp(logs[t + 1])
    for t in range(n - 1, -1, -1):
        if momentum > 0.0:
            later = still[t + 1] / (shrinks[min(t + 1, n - 1)] * momentum)
            still[t] = min(kinks[t] / momentum, later)
    return logs, powers, totals, still, logs[n] > _SMALLEST_LOG


@inlined
def _coast(
    W, velocity, mean, j, first, last, shrinks, kinks, logs, powers, totals, still,
    skips, momentum, blends, averaging,
):  # fmt: skip
    """Bring row j of W through the updates `first` to `last`, which lack its feature.

    What is needed step by step: a mean of the iterates, and thresholds on a weight that
    still has a velocity. All else has a closed form.
    """
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
def sgd_epoch_csr(
    loss, data, indices, indptr, y, weight, delta, order, batch_size, rates, blends,
    response, b_scale, momentum, l1, l2, W, W_velocity, W_mean,
    b, b_velocity, b_mean, batch_losses,
):  # fmt: skip
    """`sgd_epoch_dense` for rows in CSR; `W` is (n_features, n_rows), not centred.

    A feature coasts through the updates whose batches lack it when it is met next, so
    that a batch costs as much as its stored entries. The penalty in `batch_losses` is
    that at the start of the pass.
    """
    n_features, n_rows = W.shape
    n_batches = len(rates)
    number = W.dtype.type
    averaging = blends.max() > 0.0
    shrinks, reaches = np.empty(n_batches), np.empty(n_batches)
    _decays(rates, momentum, l2, response, shrinks, reaches)
    kinks = reaches * l1
    logs, powers, totals, still, skips = _coasting_tables(shrinks, kinks, momentum)
    penalty = 0.0
    for j in range(n_features):
        penalty += _penalty(W, j, l1, l2)
    # Of each feature the updates that it has taken, and those that a batch touches.
    done = np.zeros(n_features, np.int64)
    touched = np.empty(n_features, np.int32)
    gradient = np.zeros_like(W)
    scores = np.empty((batch_size, n_rows), W.dtype)
    pull = np.empty_like(scores)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    mu, tiny = number(momentum), np.finfo(W.dtype).tiny
    for t in range(n_batches):
        rows = order[t * batch_size : (t + 1) * batch_size]
        size = len(rows)
        n_touched = 0
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                scores[r, k] = b[0, k] if len(b) else 0.0
            for p in range(indptr[i], indptr[i + 1]):
                _fetch_ahead(W, indices, p)
                _fetch_ahead(W_velocity, indices, p)
                x, j = number(data[p]), indices[p]
                if done[j] <= t:
                    if done[j] < t:
                        _coast(
                            W, W_velocity, W_mean, j, done[j], t, shrinks, kinks,
                            logs, powers, totals, still, skips, momentum, blends,
                            averaging,
                        )  # fmt: skip
                    done[j] = t + 1
                    touched[n_touched] = j
                    n_touched += 1
                for k in range(n_rows):
                    scores[r, k] += x * W[j, k]
        batch_losses[t] = penalty + _batch_loss(
            loss, scores[:size], y, weight, delta, rows, pull[:size]
        )
        for r in range(size):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                _fetch_ahead(gradient, indices, p)
                x, j = number(data[p]), indices[p]
                for k in range(n_rows):
                    gradient[j, k] += x * pull[r, k]
        rate, shrink, kink = number(rates[t]), number(shrinks[t]), number(kinks[t])
        for a in range(n_touched):
            _fetch_ahead(W, touched, a)
            _fetch_ahead(gradient, touched, a)
            _fetch_ahead(W_velocity, touched, a)
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
                b_gradient[0, k] = _column_sum(pull[:size], k)
        _momentum_step(
            b, b_velocity, b_mean, b_gradient, rates[t] * b_scale, 1.0, momentum, 0.0,
            blends[t],
        )  # fmt: skip
    for j in range(n_features):
        if done[j] < n_batches:
            _coast(
                W, W_velocity, W_mean, j, done[j], n_batches, shrinks, kinks,
                logs, powers, totals, still, skips, momentum, blends, averaging,
            )  # fmt: skip


@inlined
def _proximal_term(slack, centre, width, bend, cap):
    """max_{0 <= a <= cap} a * slack - bend / 2 * a^2 - width / 2 * (a - centre)^2, and
    its maximiser.
    """
    a = min(max((slack + width * centre) / (width + bend), 0.0), cap)
    return a * slack - 0.5 * (bend * a * a + width * (a - centre) ** 2), a


@jit
def proximal_hinge(scores, y, weight, delta, width, bend, cap, centre, pull, second):
    """A hinge of an augmented Lagrangian with multipliers `centre`.

    For each slack the maximum of a * slack - bend / 2 * a^2 - width / 2 * (a -
    centre)^2 over 0 <= a <= cap, where `centre` is zero for the true class. Writes
    weight[i] times the gradient in the scores to `pull`, and weight[i] times the second
    derivative in the slack to `second`, zero for the true class. Returns the weighted
    mean.
    """
    total = 0.0
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            slack = delta - sign * scores[i]
            value, a = _proximal_term(slack, centre[i], width, bend, cap)
            pull[i] = -sign * weight[i] * a
            second[i] = weight[i] / (width + bend) if 0.0 < a < cap else 0.0
            total += weight[i] * value
        return total
    # Every class is treated alike, so that the loop vectorises; the true one, whose
    # slack is delta, is taken out again.
    true_value, _ = _proximal_term(delta, 0.0, width, bend, cap)
    for i in range(len(scores)):
        k = y[i]
        active = weight[i] / (width + bend)
        base = delta - scores[i, k]
        row_value = -true_value
        others = 0.0
        for j in range(scores.shape[1]):
            slack = scores[i, j] + base
            value, a = _proximal_term(slack, centre[i, j], width, bend, cap)
            row_value += value
            second[i, j] = active if 0.0 < a < cap else 0.0
            pull[i, j] = weight[i] * a
            others += weight[i] * a
        pull[i, k] -= others
        second[i, k] = 0.0
        total += weight[i] * row_value
    return total


@jit
def proximal_hinge_along(
    scores, change, t, y, weight, delta, width, bend, cap, centre
):  # fmt: skip
    """Value of `proximal_hinge` at scores + t * change, and its derivative in t."""
    total = 0.0
    slope = 0.0
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            slack = delta - sign * (scores[i] + t * change[i])
            value, a = _proximal_term(slack, centre[i], width, bend, cap)
            total += weight[i] * value
            slope -= weight[i] * a * sign * change[i]
        return total, slope
    true_value, _ = _proximal_term(delta, 0.0, width, bend, cap)
    for i in range(len(scores)):
        k = y[i]
        true_change = change[i, k]
        base = delta - scores[i, k] - t * true_change
        row_value = -true_value
        row_slope = 0.0
        for j in range(scores.shape[1]):
            slack = scores[i, j] + t * change[i, j] + base
            value, a = _proximal_term(slack, centre[i, j], width, bend, cap)
            row_value += value
            row_slope += a * (change[i, j] - true_change)
        total += weight[i] * row_value
        slope += weight[i] * row_slope
    return total, slope


@jit
def pair_system(gram, first, pairs, place, true, other, root, system):
    """Rows `pairs` of I + diag(root) Z Z^T diag(root), lower triangle.

    Pair p joins the class `other[p]` to the true class `true[p]` of the sample whose
    products are row `place[p] - first` of `gram`; `true` is empty in the one-row form.
    """
    for p in pairs:
        row = gram[place[p] - first]
        for m in range(p + 1):
            common = 1.0
            if len(true):
                common = (
                    1.0 * (other[p] == other[m])
                    + (true[p] == true[m])
                    - (other[p] == true[m])
                    - (true[p] == other[m])
                )
            system[p, m] = root[p] * root[m] * common * row[place[m]]
        system[p, p] += 1.0


@jit
def add_pair_grams(loss, X, centre, by_class, counts, weight, second, grams):
    """Add sum_i w_i z_i z_i^T for each pair of classes (k, j) to grams[k, j].

    z_i is (x_i - centre, 1). For the hinges the pairs are those of the true class k
    with the others, w_i = second[i, j] for samples of class k. For the softmax they are
    all pairs j > k, and `second` holds the probabilities: w_i = weight[i] p_ik p_ij.
    The one-row form has one pair of all samples, w_i = second[i, 0]. `by_class` has the
    samples sorted by their true class, `counts` how many there are of each.
    """
    n, n_features = X.shape
    n_rows = second.shape[1]
    block = np.empty((_GRAM_BLOCK, n_features + 1))
    first = 0
    last = n
    for k in range(n_rows):
        if n_rows > 1 and loss != SOFTMAX:
            last = first + counts[k]
        for j in range(n_rows):
            if n_rows > 1 and (j == k or (loss == SOFTMAX and j < k)):
                continue
            filled = 0
            for a in range(first, last):
                i = by_class[a]
                w = second[i, j]
                if n_rows > 1 and loss == SOFTMAX:
                    w *= weight[i] * second[i, k]
                if w <= 0.0:
                    continue
                root = math.sqrt(w)
                for f in range(n_features):
                    block[filled, f] = root * (X[i, f] - centre[f])
                block[filled, n_features] = root
                filled += 1
                if filled == _GRAM_BLOCK:
                    grams[k, j] += np.dot(block.T, block)
                    filled = 0
            if filled > 0:
                part = block[:filled]
                grams[k, j] += np.dot(part.T, part)
        if n_rows > 1 and loss != SOFTMAX:
            first = last


@jit
def quadratic_descent(H, gradient, w, l1, l2, ridge, sweeps, tol, move, landing):
    """Coordinate descent on gradient @ d + d @ H @ d / 2 + ridge @ d^2 / 2 + R(w + d).

    R is the elastic net on the first len(w) coordinates, the others are free. Starts
    from `move`, which holds d, and `landing`, which holds w + d with exact zeros. It
    ends when a sweep moves no coordinate by more than `tol` times the largest move;
    returns whether that was before the last sweep.
    """
    size = len(gradient)
    n_weights = len(w)
    slope = gradient + H @ move
    for _ in range(sweeps):
        largest = 0.0
        largest_step = 0.0
        for a in range(size):
            curvature = H[a, a] + ridge[a]
            g = slope[a] + ridge[a] * move[a]
            if a < n_weights:
                curvature += l2
                here = landing[a]
                if curvature == 0.0:
                    continue
                target = here - (g + l2 * here) / curvature
                threshold = l1 / curvature
                target -= min(max(target, -threshold), threshold)
                landing[a] = target
                step = target - here
            else:
                if curvature == 0.0:
                    continue
                step = -g / curvature
            if step != 0.0:
                move[a] += step
                slope += step * H[a]
            largest = max(largest, abs(move[a]))
            largest_step = max(largest_step, abs(step))
        if largest_step <= tol * largest:
            return True
    return False


@jit
def saga_epoch_dense(
    loss, X, centre, y, weight, delta, order, batch_size, step, l1, l2,
    W, mean_gradient, b, b_mean_gradient, b_scale, table,
):  # fmt: skip
    """One pass of mini-batch SAGA over the rows in `order`.

    `table` holds the last gradient in the scores of each sample and `mean_gradient` its
    image, the mean over the samples. The intercept takes steps of `step * b_scale`.
    """
    n_rows, n_features = W.shape
    n = X.shape[0]
    change = np.empty_like(W)
    offset = np.empty(n_rows, W.dtype)
    scores = np.empty((batch_size, n_rows), W.dtype)
    pull = np.empty((batch_size, n_rows), W.dtype)
    for first in range(0, len(order), batch_size):
        rows = order[first : first + batch_size]
        size = len(rows)
        _centred_offset(W, centre, b, offset)
        _batch_scores(X, rows, W, offset, scores)
        _batch_loss(loss, scores[:size], y, weight, delta, rows, pull[:size])
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                # _batch_loss divided by the size of the batch.
                new = pull[r, k] * size
                pull[r, k] = new - table[i, k]
                table[i, k] = new
        _centred_adjoint(X, rows, pull[:size], centre, change)
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
                d = W.dtype.type(_column_sum(pull[:size], k))
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
def saga_epoch_csr(
    loss, data, indices, indptr, y, weight, delta, order, batch_size, step,
    l1, l2, W, mean_gradient, b, b_mean_gradient, b_scale, table,
):  # fmt: skip
    """`saga_epoch_dense` for rows in CSR; `W` is (n_features, n_rows), not centred.

    A feature takes the steps that it missed when a batch next meets it, so that a batch
    costs as much as its stored entries.
    """
    n_features, n_rows = W.shape
    n = len(indptr) - 1
    change = np.zeros_like(W)
    done = np.zeros(n_features, np.int64)
    touched = np.empty(n_features, np.int64)
    scores = np.empty((batch_size, n_rows), W.dtype)
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
                _fetch_ahead(W, indices, p)
                _fetch_ahead(mean_gradient, indices, p)
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
        _batch_loss(loss, scores[:size], y, weight, delta, rows, pull[:size])
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
                d = _column_sum(pull[:size], k)
                b[0, k] -= step * b_scale * (d * in_batch + b_mean_gradient[0, k])
                b_mean_gradient[0, k] += d * in_all
    for j in range(n_features):
        if done[j] < n_batches:
            missed = n_batches - done[j]
            _catch_up(W, mean_gradient, j, missed, shrinks, totals, step, l1)


@inlined
def _best_dual(reach, true, q, curvature, cap, total, dual):
    """dual[j] = clip((reach[j] - q * t) / (q + curvature), 0, cap), t = sum of dual.

    That t is a root of a decreasing piecewise linear function: Newton from `total`,
    inside a bracket, because it may cycle. `true` gets zero. Returns t.
    """
    low = 0.0
    high = np.inf
    scale = 1.0 / (q + curvature)
    for _ in range(_ROOT_STEPS):
        found = 0.0
        inside = 0.0
        for j in range(len(reach)):
            a = (reach[j] - q * total) * scale
            if a <= 0.0 or j == true:
                a = 0.0
            elif a >= cap:
                a = cap
            else:
                inside += 1.0
            dual[j] = a
            found += a
        residual = found - total
        if abs(residual) <= _ROOT_TOL * (1.0 + found):
            break
        if residual > 0.0:
            low = total
        else:
            high = total
        total += residual / (1.0 + inside * q * scale)
        if not low < total < high:
            total = 0.5 * (low + high) if high < np.inf else found
    return found


@inlined
def _tilted_log(u, q, target, tol):
    """The root of u + q * exp(u) = target, from u, and its exponential."""
    e = 0.0
    if target > 1.0:
        # Where exp(u) matters Newton must not come from far left: it would overshoot.
        u = max(u, math.log(target / q))
    for _ in range(_ROOT_STEPS):
        u = min(u, target)  # the root is below
        e = math.exp(u)
        step = (target - u - q * e) / (1.0 + q * e)
        u += step
        # The exponential of a short step by its series.
        e *= 1.0 + step * (1.0 + 0.5 * step * (1.0 + step / 3.0))
        if abs(step) <= tol:
            break
    return u, e


@inlined
def _best_probabilities(reach, q, shift, logs, tol, new):
    """new[j] = p_j with log p_j + q * p_j = reach[j] - t, where t makes their sum one.

    The sum is convex and decreasing in t: Newton from `shift`, with `logs` to start
    from for the logarithms.
    """
    log_tol = max(_LOG_TOL, math.sqrt(tol))
    for _ in range(_ROOT_STEPS):
        total = 0.0
        slope = 0.0
        for j in range(len(reach)):
            u, p = _tilted_log(logs[j], q, reach[j] - shift, log_tol)
            logs[j] = u
            new[j] = p
            total += p
            slope += p / (1.0 + q * p)
        if abs(total - 1.0) <= tol:
            break
        shift += (total - 1.0) / slope


@inlined
def _tilted_logit(u, q, target):
    """The root of u + q / (1 + exp(-u)) = target, from u."""
    low = target - q
    high = target
    for _ in range(_ROOT_STEPS):
        u = min(max(u, low), high)
        e = math.exp(-abs(u))
        p = (1.0 if u >= 0.0 else e) / (1.0 + e)
        residual = target - u - q * p
        if residual > 0.0:
            low = u
        else:
            high = u
        step = residual / (1.0 + q * p * (1.0 - p))
        if abs(step) <= _ROOT_TOL:
            break
        u = u + step if low < u + step < high else 0.5 * (low + high)
    return u


@inlined
def _dual_margin(loss, score, y, delta, q, old):
    """The best dual variable of a row of the margin form, all others fixed."""
    margin = score if y == 1 else -score
    if loss == SOFTMAX:
        u = _tilted_logit(-margin, q, q * old - margin)
        e = math.exp(-abs(u))
        return (1.0 if u >= 0.0 else e) / (1.0 + e)
    curvature = 0.5 if loss == SQUARED_HINGE else 0.0
    cap = 1.0 if loss == HINGE else np.inf
    a = (delta - margin + q * old) / (q + curvature)
    return min(max(a, 0.0), cap)


@inlined
def _move_dual(
    loss, scores, i, y, delta, q, share, still, dual, reach, new, logs, push
):  # fmt: skip
    """Put the dual variables of row i where they are best, all others fixed; returns
    whether they moved.

    Changes of at most `still` are not made. push = -share * (change of the row's a),
    what moves the scores of each class. `logs` holds scratch for the softmax and is
    empty for the hinges: the length of a tuple is known before what the other kind
    needs is compiled.
    """
    if dual.ndim == 1:
        step = _dual_margin(loss, scores[0], y, delta, q, dual[i]) - dual[i]
        if abs(step) <= still:
            return False
        dual[i] += step
        push[0] = share * step if y == 1 else -share * step
        return True
    n_rows = len(scores)
    total = 0.0
    for j in range(n_rows):
        total += dual[i, j]
    if len(logs) == 0:
        base = delta - scores[y] + q * total
        for j in range(n_rows):
            reach[j] = base + scores[j] + q * dual[i, j]
        curvature = 0.5 if loss == SQUARED_HINGE else 0.0
        cap = 1.0 if loss == HINGE else np.inf
        _best_dual(reach, y, q, curvature, cap, total, new)
    else:
        largest = -np.inf
        for j in range(n_rows):
            old = 1.0 - total if j == y else dual[i, j]
            reach[j] = scores[j] + q * old
            largest = max(largest, scores[j])
        norm = 0.0
        for j in range(n_rows):
            norm += math.exp(scores[j] - largest)
        shift = largest + math.log(norm)
        for j in range(n_rows):
            logs[0][j] = scores[j] - shift
        _best_probabilities(reach, q, shift, logs[0], max(still, _SUM_TOL), new)
        new[y] = 0.0
    moved = False
    others = 0.0
    for j in range(n_rows):
        step = new[j] - dual[i, j]
        if abs(step) <= still:
            push[j] = 0.0
            continue
        dual[i, j] = new[j]
        moved = True
        others += step
        push[j] = -share * step
    push[y] = share * others
    return moved


@inlined
def _row_scores(x, W, b, scores):
    """scores = W @ x + b, three classes at a time."""
    n_rows, n_features = W.shape
    last = n_rows - 1
    for k in range(0, n_rows, 3):
        k1, k2 = min(k + 1, last), min(k + 2, last)
        a0 = a1 = a2 = W.dtype.type(0.0)
        for f in range(n_features):
            a0 += W[k, f] * x[f]
            a1 += W[k1, f] * x[f]
            a2 += W[k2, f] * x[f]
        scores[k], scores[k1], scores[k2] = a0, a1, a2
    if len(b):
        for k in range(n_rows):
            scores[k] += b[0, k]


@jit
def sdca_epoch_dense(
    loss, X, centre, y, weight, delta, still, order, l1, l2,
    W, U, b, b_scale, squares, dual, moved, scratch, logs, x,
):  # fmt: skip
    """One pass of dual coordinate ascent over the rows in `order`.

    W = S(U, l1) / l2, where U may be None if l1 = 0. The intercept is a feature of
    value sqrt(b_scale) whose coefficients count from those at the start; `squares` are
    the squared norms of the rows, `moved` tells which rows changed. Dual variables that
    would change by at most `still`, were it not for the curvature of their own row,
    stay. `scratch` is (4, n_rows), `logs` as `_move_dual` wants it, `x` takes a row.
    """
    n_rows, n_features = W.shape
    scores, reach, new, push = scratch[0], scratch[1], scratch[2], scratch[3]
    for t in range(len(order)):
        i = order[t]
        _fetch_row(X, order[min(t + 1, len(order) - 1)])
        for f in range(n_features):
            x[f] = X[i, f] - centre[f]
        _row_scores(x, W, b, scores)
        q = max(weight[i] / l2 * (squares[i] + b_scale), _SMALLEST_CURVATURE)
        share = weight[i] / l2
        least = still / (1.0 + q)
        moved[i] = _move_dual(
            loss, scores, i, y[i], delta, q, share, least, dual, reach, new, logs, push
        )
        if not moved[i]:
            continue
        for k in range(n_rows):
            if push[k] == 0.0:
                continue
            if len(b):
                b[0, k] += b_scale * push[k]
            if U is None:
                p = W.dtype.type(push[k])
                for f in range(n_features):
                    W[k, f] += p * x[f]
            else:
                p = W.dtype.type(l2 * push[k])
                for f in range(n_features):
                    u = U[k, f] + p * x[f]
                    U[k, f] = u
                    W[k, f] = (u - min(max(u, -l1), l1)) / l2


@jit
def sdca_epoch_csr(
    loss, data, indices, indptr, y, weight, delta, still, order, l1, l2,
    W, U, b, b_scale, squares, dual, moved, scratch, logs, row,
):  # fmt: skip
    """`sdca_epoch_dense` for rows in CSR; `W` is (n_features, n_rows), not centred.

    `row` is (n_rows,) in the precision of W.
    """
    n_rows = W.shape[1]
    scores, reach, new, push = scratch[0], scratch[1], scratch[2], scratch[3]
    for i in order:
        for k in range(n_rows):
            row[k] = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            _fetch_ahead(W, indices, p)
            x, f = data[p], indices[p]
            for k in range(n_rows):
                row[k] += x * W[f, k]
        for k in range(n_rows):
            scores[k] = row[k] + (b[0, k] if len(b) else 0.0)
        q = max(weight[i] / l2 * (squares[i] + b_scale), _SMALLEST_CURVATURE)
        share = weight[i] / l2
        least = still / (1.0 + q)
        moved[i] = _move_dual(
            loss, scores, i, y[i], delta, q, share, least, dual, reach, new, logs, push
        )
        if not moved[i]:
            continue
        for k in range(n_rows):
            row[k] = push[k] if U is None else l2 * push[k]
            if len(b):
                b[0, k] += b_scale * push[k]
        for p in range(indptr[i], indptr[i + 1]):
            x, f = data[p], indices[p]
            if U is None:
                for k in range(n_rows):
                    W[f, k] += row[k] * x
            else:
                for k in range(n_rows):
                    u = U[f, k] + row[k] * x
                    U[f, k] = u
                    W[f, k] = (u - min(max(u, -l1), l1)) / l2
