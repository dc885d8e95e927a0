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

from ._jit import inlined, jit
from .losses import hinge, softmax, squared_hinge

HINGE = hinge.code
SQUARED_HINGE = squared_hinge.code
SOFTMAX = softmax.code

_GRAM_BLOCK = 256


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
def _row_loss(loss, scores, y, delta, width, gradient):
    """Loss of one sample with K >= 3 scores; writes its gradient.

    The true class gets minus the sum of the others: no cancellation in p - 1.
    """
    n_classes = scores.shape[0]
    true_score = scores[y]
    others = 0.0
    value = 0.0
    if loss == SOFTMAX:
        largest = true_score
        for j in range(n_classes):
            largest = max(largest, scores[j])
        for j in range(n_classes):
            e = math.exp(scores[j] - largest)
            gradient[j] = e
            if j != y:
                others += e
        true = math.exp(true_score - largest)
        if true_score == largest:
            value = math.log1p(others)
        else:
            value = math.log(others + true) + (largest - true_score)
        scale = 1.0 / (others + true)
        for j in range(n_classes):
            gradient[j] *= scale
        others *= scale
    else:
        for j in range(n_classes):
            slack = scores[j] - true_score + delta
            g = 0.0
            if slack > 0.0 and j != y:
                if loss == HINGE:
                    term, g = _hinge(slack, width)
                    value += term
                else:
                    value += slack * slack
                    g = 2.0 * slack
                others += g
            gradient[j] = g
    gradient[y] = -others
    return value


@jit
def loss_gradient(loss, scores, y, weight, delta, width, gradient):
    """Weighted mean of the loss; gradient[i] = weight[i] * dL_i/dscores."""
    n, n_rows = scores.shape
    total = 0.0
    for i in range(n):
        if n_rows == 1:
            sign = 1.0 if y[i] == 1 else -1.0
            value, slope = _margin_loss(loss, sign * scores[i, 0], delta, width)
            gradient[i, 0] = weight[i] * sign * slope
        else:
            value = _row_loss(loss, scores[i], y[i], delta, width, gradient[i])
            for j in range(n_rows):
                gradient[i, j] *= weight[i]
        total += weight[i] * value
    return total


@jit
def loss_value(loss, scores, y, weight, delta, width):
    """Weighted mean of the loss."""
    n, n_rows = scores.shape
    scratch = np.empty(n_rows)
    total = 0.0
    for i in range(n):
        if n_rows == 1:
            sign = 1.0 if y[i] == 1 else -1.0
            value, _ = _margin_loss(loss, sign * scores[i, 0], delta, width)
        else:
            value = _row_loss(loss, scores[i], y[i], delta, width, scratch)
        total += weight[i] * value
    return total


@jit
def loss_hessian(loss, scores, y, weight, delta, width, direction, out):
    """out[i] = weight[i] * (Hessian of L_i in the scores) @ direction[i].

    For the hinges, of the quadratic piece that holds at `scores`.
    """
    n, n_rows = scores.shape
    gradient = np.empty(n_rows)
    for i in range(n):
        k = y[i]
        if n_rows == 1:
            margin = scores[i, 0] if k == 1 else -scores[i, 0]
            _, slope = _margin_loss(loss, margin, delta, width)
            if loss == SOFTMAX:
                second = -slope * (1.0 + slope)
            elif loss == SQUARED_HINGE:
                second = 2.0 if slope < 0.0 else 0.0
            else:
                second = 1.0 / width if -1.0 < slope < 0.0 else 0.0
            out[i, 0] = weight[i] * second * direction[i, 0]
            continue
        _row_loss(loss, scores[i], k, delta, width, gradient)
        if loss == SOFTMAX:
            gradient[k] += 1.0
            mean = 0.0
            for j in range(n_rows):
                mean += gradient[j] * direction[i, j]
            for j in range(n_rows):
                out[i, j] = weight[i] * gradient[j] * (direction[i, j] - mean)
            continue
        total = 0.0
        for j in range(n_rows):
            second = 0.0
            if j != k and gradient[j] > 0.0:
                if loss == SQUARED_HINGE:
                    second = 2.0
                elif gradient[j] < 1.0:
                    second = 1.0 / width
            value = weight[i] * second * (direction[i, j] - direction[i, k])
            out[i, j] = value
            total += value
        out[i, k] = -total


@jit
def intercept_hessian(loss, pull, y, weight, hessian):
    """Hessian of the mean of a smooth loss in the intercepts.

    `pull` is what `loss_gradient` wrote: it determines the second derivatives.
    """
    n, n_rows = pull.shape
    hessian[:] = 0.0
    p = np.empty(n_rows)
    for i in range(n):
        k = y[i]
        w = weight[i]
        if n_rows == 1:
            size = abs(pull[i, 0]) / w
            if loss == SOFTMAX:
                hessian[0, 0] += w * size * (1.0 - size)
            elif size > 0.0:
                hessian[0, 0] += 2.0 * w
        elif loss == SOFTMAX:
            for j in range(n_rows):
                p[j] = pull[i, j] / w
            p[k] += 1.0
            for j in range(n_rows):
                hessian[j, j] += w * p[j]
                for m in range(n_rows):
                    hessian[j, m] -= w * p[j] * p[m]
        else:
            for j in range(n_rows):
                if j != k and pull[i, j] > 0.0:
                    hessian[j, j] += 2.0 * w
                    hessian[k, k] += 2.0 * w
                    hessian[j, k] -= 2.0 * w
                    hessian[k, j] -= 2.0 * w


@jit
def class_flows(dual, y, flows):
    """flows[k, j] = sum of dual[i, j] over the samples of class k, for j != k.

    `dual` holds pi_i * a_i. In the one-row form the single flow of a class goes to
    the other class.
    """
    n, n_rows = dual.shape
    flows[:] = 0.0
    for i in range(n):
        k = y[i]
        if n_rows == 1:
            flows[k, 1 - k] += abs(dual[i, 0])
            continue
        for j in range(n_rows):
            if j != k:
                flows[k, j] += dual[i, j]


@jit
def adjust_flows(loss, dual, y, weight, factor, shift):
    """dual[i, j] <- dual[i, j] * factor[k, j] + weight[i] * shift[k, j], k = y[i].

    The true class gets minus the sum of the others. Returns the largest scale at
    which the result stays in the domain of the conjugates.
    """
    n, n_rows = dual.shape
    largest = 0.0
    largest_sum = 0.0
    for i in range(n):
        k = y[i]
        if n_rows == 1:
            dual[i, 0] *= factor[k, 1 - k]
            others = abs(dual[i, 0])
            largest = max(largest, others / weight[i])
        else:
            others = 0.0
            for j in range(n_rows):
                if j != k:
                    value = dual[i, j] * factor[k, j] + weight[i] * shift[k, j]
                    dual[i, j] = value
                    others += value
                    largest = max(largest, value / weight[i])
            dual[i, k] = -others
        largest_sum = max(largest_sum, others / weight[i])
    bound = 0.0
    if loss == HINGE:
        bound = largest
    elif loss == SOFTMAX:
        bound = largest_sum
    return 1.0 / bound if bound > 0.0 else np.inf


@jit
def dual_value(loss, dual, y, weight, delta, scale):
    """-sum_i pi_i L_i*(scale * a_i) and its derivative in `scale`, for scale > 0."""
    n, n_rows = dual.shape
    value = 0.0
    slope = 0.0
    for i in range(n):
        k = y[i]
        others = 0.0
        for j in range(n_rows):
            if n_rows > 1 and j == k:
                continue
            mass = abs(dual[i, j])
            others += mass
            if loss == SQUARED_HINGE:
                square = mass * mass / weight[i]
                value += scale * delta * mass - 0.25 * scale * scale * square
                slope += delta * mass - 0.5 * scale * square
            elif loss == SOFTMAX and mass > 0.0:
                log_p = math.log(scale * mass / weight[i])
                value -= scale * mass * log_p
                slope -= mass * log_p
        if loss == HINGE:
            value += scale * delta * others
            slope += delta * others
        elif loss == SOFTMAX:
            rest = 1.0 - scale * others / weight[i]
            if rest > 0.0:
                log_rest = math.log1p(-scale * others / weight[i])
                value -= weight[i] * rest * log_rest
                slope += others * log_rest
            else:
                slope -= np.inf if others > 0.0 else 0.0
    return value, slope


@inlined
def _nesterov_step(W, velocity, mean, gradient, rate, reach, momentum, l1, l2, blend):
    """One step on a matrix of coefficients; returns the penalty before it.

    `reach` is the distance that a gradient of one, constant until now, moves a weight
    in this step: soft thresholding by `reach * l1` has the right fixed point. `mean`
    moves by `blend` of the way to the result.
    """
    penalty = 0.0
    threshold = reach * l1
    for k in range(W.shape[0]):
        for j in range(W.shape[1]):
            w = W[k, j]
            penalty += l1 * abs(w) + 0.5 * l2 * w * w
            push = rate * (gradient[k, j] + l2 * w)
            v = momentum * velocity[k, j] - push
            velocity[k, j] = v
            w += momentum * v - push
            if l1 > 0.0:
                w -= min(max(w, -threshold), threshold)
            W[k, j] = w
            if blend > 0.0:
                mean[k, j] += blend * (w - mean[k, j])
    return penalty


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
            value = _row_loss(loss, scores[r], y[i], delta, 0.0, gradient[r])
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

    Two rows by five classes at a time: each number loaded serves several products.
    """
    n_rows, n_features = W.shape
    n_batch = len(rows)
    for start in range(0, n_batch - 1, 2):
        i0, i1 = rows[start], rows[start + 1]
        k = 0
        while k + 5 <= n_rows:
            a0 = a1 = a2 = a3 = a4 = W.dtype.type(0.0)
            c0 = c1 = c2 = c3 = c4 = W.dtype.type(0.0)
            for j in range(n_features):
                x0, x1 = X[i0, j], X[i1, j]
                w0, w1, w2 = W[k, j], W[k + 1, j], W[k + 2, j]
                w3, w4 = W[k + 3, j], W[k + 4, j]
                a0 += w0 * x0
                a1 += w1 * x0
                a2 += w2 * x0
                a3 += w3 * x0
                a4 += w4 * x0
                c0 += w0 * x1
                c1 += w1 * x1
                c2 += w2 * x1
                c3 += w3 * x1
                c4 += w4 * x1
            scores[start, k] = offset[k] + a0
            scores[start, k + 1] = offset[k + 1] + a1
            scores[start, k + 2] = offset[k + 2] + a2
            scores[start, k + 3] = offset[k + 3] + a3
            scores[start, k + 4] = offset[k + 4] + a4
            scores[start + 1, k] = offset[k] + c0
            scores[start + 1, k + 1] = offset[k + 1] + c1
            scores[start + 1, k + 2] = offset[k + 2] + c2
            scores[start + 1, k + 3] = offset[k + 3] + c3
            scores[start + 1, k + 4] = offset[k + 4] + c4
            k += 5
        while k < n_rows:
            a0 = c0 = W.dtype.type(0.0)
            for j in range(n_features):
                a0 += W[k, j] * X[i0, j]
                c0 += W[k, j] * X[i1, j]
            scores[start, k] = offset[k] + a0
            scores[start + 1, k] = offset[k] + c0
            k += 1
    if n_batch % 2 == 1:
        i0 = rows[n_batch - 1]
        for k in range(n_rows):
            a0 = W.dtype.type(0.0)
            for j in range(n_features):
                a0 += W[k, j] * X[i0, j]
            scores[n_batch - 1, k] = offset[k] + a0


@inlined
def _batch_adjoint(X, rows, pull, centre, gradient):
    """gradient[k] = sum_r pull[r, k] (X[rows[r]] - centre), four rows at a time."""
    n_rows, n_features = gradient.shape
    n_batch = len(rows)
    for k in range(n_rows):
        total = gradient.dtype.type(_column_sum(pull, k))
        for j in range(n_features):
            gradient[k, j] = -total * centre[j]
    for start in range(0, n_batch - 3, 4):
        i0, i1 = rows[start], rows[start + 1]
        i2, i3 = rows[start + 2], rows[start + 3]
        k = 0
        while k + 2 <= n_rows:
            p0, p1 = pull[start, k], pull[start + 1, k]
            p2, p3 = pull[start + 2, k], pull[start + 3, k]
            q0, q1 = pull[start, k + 1], pull[start + 1, k + 1]
            q2, q3 = pull[start + 2, k + 1], pull[start + 3, k + 1]
            for j in range(n_features):
                x0, x1, x2, x3 = X[i0, j], X[i1, j], X[i2, j], X[i3, j]
                gradient[k, j] += p0 * x0 + p1 * x1 + p2 * x2 + p3 * x3
                gradient[k + 1, j] += q0 * x0 + q1 * x1 + q2 * x2 + q3 * x3
            k += 2
        if k < n_rows:
            p0, p1 = pull[start, k], pull[start + 1, k]
            p2, p3 = pull[start + 2, k], pull[start + 3, k]
            for j in range(n_features):
                gradient[k, j] += (
                    p0 * X[i0, j] + p1 * X[i1, j] + p2 * X[i2, j] + p3 * X[i3, j]
                )
    for r in range(n_batch - n_batch % 4, n_batch):
        i0 = rows[r]
        for k in range(n_rows):
            p0 = pull[r, k]
            for j in range(n_features):
                gradient[k, j] += p0 * X[i0, j]


@jit
def sgd_epoch_dense(
    loss, X, centre, y, weight, delta, order, batch_size, rates, reaches, blends,
    b_scale, momentum, l1, l2, W, W_velocity, W_mean, b, b_velocity, b_mean,
    batch_losses,
):  # fmt: skip
    """One pass of mini-batch SGD over the rows in `order`.

    `W` is (n_rows, n_features), and its features count from `centre`; `b` is
    (1, n_rows), or (0, n_rows) where there is no intercept. `rates`, `blends` (for the
    average of the iterates) and `batch_losses` have one entry a batch.
    """
    n_rows = W.shape[0]
    gradient = np.empty_like(W)
    offset = np.empty(n_rows, W.dtype)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    for t in range(len(rates)):
        rows = order[t * batch_size : (t + 1) * batch_size]
        scores = np.empty((len(rows), n_rows), W.dtype)
        pull = np.empty_like(scores)
        _centred_offset(W, centre, b, offset)
        _batch_scores(X, rows, W, offset, scores)
        value = _batch_loss(loss, scores, y, weight, delta, rows, pull)
        _batch_adjoint(X, rows, pull, centre, gradient)
        if len(b):
            for k in range(n_rows):
                b_gradient[0, k] = _column_sum(pull, k)
        rate, reach, blend = rates[t], reaches[t], blends[t]
        batch_losses[t] = value + _nesterov_step(
            W, W_velocity, W_mean, gradient, rate, reach, momentum, l1, l2, blend
        )
        rate *= b_scale
        _nesterov_step(
            b, b_velocity, b_mean, b_gradient, rate, 0.0, momentum, 0.0, 0.0, blend
        )


@jit
def sgd_epoch_csr(
    loss, data, indices, indptr, y, weight, delta, order, batch_size, rates,
    reaches, blends, b_scale, momentum, l1, l2, W, W_velocity, W_mean,
    b, b_velocity, b_mean, batch_losses,
):  # fmt: skip
    """`sgd_epoch_dense` for rows in CSR; `W` is (n_features, n_rows), not centred."""
    n_rows = W.shape[1]
    gradient = np.empty_like(W)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    for t in range(len(rates)):
        rows = order[t * batch_size : (t + 1) * batch_size]
        scores = np.zeros((len(rows), n_rows), W.dtype)
        pull = np.empty_like(scores)
        for r in range(len(rows)):
            i = rows[r]
            if len(b):
                scores[r] = b[0]
            for p in range(indptr[i], indptr[i + 1]):
                for k in range(n_rows):
                    scores[r, k] += data[p] * W[indices[p], k]
        value = _batch_loss(loss, scores, y, weight, delta, rows, pull)
        gradient[:] = 0.0
        for r in range(len(rows)):
            i = rows[r]
            for p in range(indptr[i], indptr[i + 1]):
                for k in range(n_rows):
                    gradient[indices[p], k] += data[p] * pull[r, k]
        if len(b):
            for k in range(n_rows):
                b_gradient[0, k] = _column_sum(pull, k)
        rate, reach, blend = rates[t], reaches[t], blends[t]
        batch_losses[t] = value + _nesterov_step(
            W, W_velocity, W_mean, gradient, rate, reach, momentum, l1, l2, blend
        )
        rate *= b_scale
        _nesterov_step(
            b, b_velocity, b_mean, b_gradient, rate, 0.0, momentum, 0.0, 0.0, blend
        )


@jit
def proximal_hinge(scores, y, weight, delta, width, centre, dual, second):
    """The hinge of an augmented Lagrangian with multipliers `centre`.

    For each slack: max_{0 <= a <= 1} a * slack - width / 2 * (a - centre)^2. Writes the
    maximisers a to `dual` and weight[i] times the second derivative in the slack to
    `second`; the entries of the true class are zero. Returns the weighted mean.
    """
    n, n_rows = scores.shape
    total = 0.0
    for i in range(n):
        k = y[i]
        for j in range(n_rows):
            dual[i, j] = 0.0
            second[i, j] = 0.0
            if n_rows == 1:
                slack = delta - (scores[i, 0] if k == 1 else -scores[i, 0])
            elif j == k:
                continue
            else:
                slack = scores[i, j] - scores[i, k] + delta
            free = centre[i, j] + slack / width
            a = min(max(free, 0.0), 1.0)
            dual[i, j] = a
            if 0.0 < free < 1.0:
                second[i, j] = weight[i] / width
            total += weight[i] * (a * slack - 0.5 * width * (a - centre[i, j]) ** 2)
    return total


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
    from d = 0 and writes d to `move` and w + d, with exact zeros, to `landing`. It ends
    when a sweep moves no coordinate by more than `tol` times the largest move.
    """
    size = len(gradient)
    n_weights = len(w)
    slope = gradient.copy()
    move[:] = 0.0
    landing[:] = w
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
            break


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
        _batch_adjoint(X, rows, pull[:size], centre, change)
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
def _catch_up(w, slope, missed, step, l1, l2):
    """`missed` proximal steps w <- prox(w - step * slope) at once."""
    shrink = 1.0 / (1.0 + step * l2)
    if l1 > 0.0 and w == 0.0 and abs(slope) <= l1:
        return w
    sign = 0.0
    if l1 > 0.0:
        sign = math.copysign(1.0, w if w != 0.0 else -slope)
    power = shrink**missed
    total = missed if l2 == 0.0 else shrink * (1.0 - power) / (1.0 - shrink)
    result = power * w - step * (slope + sign * l1) * total
    if l1 == 0.0 or result * sign > 0.0:
        return result
    # It meets zero on the way; from there it may stay or go on.
    for _ in range(missed):
        w -= step * slope
        w = (w - min(max(w, -step * l1), step * l1)) * shrink
        if w == 0.0 and abs(slope) <= l1:
            break
    return w


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
    for t in range(n_batches):
        rows = order[t * batch_size : (t + 1) * batch_size]
        size = len(rows)
        n_touched = 0
        for r in range(size):
            i = rows[r]
            for k in range(n_rows):
                scores[r, k] = b[0, k] if len(b) else 0.0
            for p in range(indptr[i], indptr[i + 1]):
                j = indices[p]
                if done[j] <= t:
                    if done[j] < t:
                        for k in range(n_rows):
                            W[j, k] = _catch_up(
                                W[j, k], mean_gradient[j, k], t - done[j], step, l1, l2
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
            for k in range(n_rows):
                W[j, k] = _catch_up(
                    W[j, k], mean_gradient[j, k], n_batches - done[j], step, l1, l2
                )
