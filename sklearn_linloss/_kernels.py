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

from ._jit import jit
from .losses import hinge, softmax, squared_hinge

HINGE = hinge.code
SQUARED_HINGE = squared_hinge.code
SOFTMAX = softmax.code

_GRAM_BLOCK = 256


@jit
def _hinge(slack, width):
    """The hinge of a positive slack, smoothed, and its derivative."""
    if slack >= width:
        return slack - 0.5 * width, 1.0
    return 0.5 * slack * slack / width, slack / width


@jit
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


@jit
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
    if loss == HINGE:
        return 1.0 / largest
    if loss == SOFTMAX:
        return 1.0 / largest_sum
    return np.inf


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


@jit
def _nesterov_step(W, velocity, mean, gradient, rate, momentum, l1, l2, blend):
    """One step on a matrix of coefficients; returns the penalty before it.

    Soft thresholding takes rate / (1 - momentum), the distance that a constant
    gradient moves a weight each step, so that the fixed point is the right one.
    `mean` moves by `blend` of the way to the result.
    """
    penalty = 0.0
    threshold = rate / (1.0 - momentum) * l1
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


@jit
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


@jit
def _column_sum(matrix, column):
    total = 0.0
    for r in range(matrix.shape[0]):
        total += matrix[r, column]
    return total


@jit
def sgd_epoch_dense(
    loss, X, centre, y, weight, delta, order, batch_size, rates, blends, momentum,
    l1, l2, W, W_velocity, W_mean, b, b_velocity, b_mean, batch_losses,
):  # fmt: skip
    """One pass of mini-batch SGD over the rows in `order`.

    `W` is (n_rows, n_features), and its features count from `centre`; `b` is
    (1, n_rows), or (0, n_rows) where there is no intercept. `rates`, `blends` (for the
    average of the iterates) and `batch_losses` have one entry a batch.
    """
    n_rows, n_features = W.shape
    gradient = np.empty_like(W)
    b_gradient = np.empty((b.shape[0], n_rows), W.dtype)
    for t in range(len(rates)):
        rows = order[t * batch_size : (t + 1) * batch_size]
        scores = np.empty((len(rows), n_rows), W.dtype)
        pull = np.empty_like(scores)
        for k in range(n_rows):
            offset = b[0, k] if len(b) else 0.0
            for j in range(n_features):
                offset -= W[k, j] * centre[j]
            for r in range(len(rows)):
                i = rows[r]
                score = offset
                for j in range(n_features):
                    score += W[k, j] * X[i, j]
                scores[r, k] = score
        value = _batch_loss(loss, scores, y, weight, delta, rows, pull)
        for k in range(n_rows):
            total = _column_sum(pull, k)
            for j in range(n_features):
                gradient[k, j] = -total * centre[j]
            for r in range(len(rows)):
                i = rows[r]
                g = pull[r, k]
                if g != 0.0:
                    for j in range(n_features):
                        gradient[k, j] += g * X[i, j]
            if len(b):
                b_gradient[0, k] = total
        batch_losses[t] = value + _nesterov_step(
            W, W_velocity, W_mean, gradient, rates[t], momentum, l1, l2, blends[t]
        )
        _nesterov_step(
            b, b_velocity, b_mean, b_gradient, rates[t], momentum, 0.0, 0.0, blends[t]
        )


@jit
def sgd_epoch_csr(
    loss, data, indices, indptr, y, weight, delta, order, batch_size, rates, blends,
    momentum, l1, l2, W, W_velocity, W_mean, b, b_velocity, b_mean, batch_losses,
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
        batch_losses[t] = value + _nesterov_step(
            W, W_velocity, W_mean, gradient, rates[t], momentum, l1, l2, blends[t]
        )
        _nesterov_step(
            b, b_velocity, b_mean, b_gradient, rates[t], momentum, 0.0, 0.0, blends[t]
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
def add_pair_grams(loss, X, centre, y, weight, second, grams):
    """Add sum_i w_i z_i z_i^T for each pair of classes (k, j) to grams[k, j].

    z_i is (x_i - centre, 1). For the hinges the pairs are those of the true class k
    with the others, w_i = second[i, j] for samples of class k. For the softmax they are
    all pairs j > k, and `second` holds the probabilities: w_i = weight[i] p_ik p_ij.
    The one-row form has one pair of all samples, w_i = second[i, 0].
    """
    n, n_features = X.shape
    n_rows = second.shape[1]
    block = np.empty((_GRAM_BLOCK, n_features + 1))
    for k in range(n_rows):
        for j in range(n_rows):
            if n_rows > 1 and (j == k or (loss == SOFTMAX and j < k)):
                continue
            filled = 0
            for i in range(n):
                w = second[i, j]
                if n_rows > 1:
                    if loss == SOFTMAX:
                        w *= weight[i] * second[i, k]
                    elif y[i] != k:
                        continue
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


@jit
def quadratic_descent(H, gradient, w, l1, l2, ridge, sweeps, tol, move):
    """Coordinate descent on gradient @ d + d @ H @ d / 2 + ridge @ d^2 / 2 + R(w + d).

    R is the elastic net on the first len(w) coordinates, the others are free. Starts
    from d = `move` and improves it in place, until a sweep moves no coordinate by more
    than `tol` times the largest move.
    """
    size = len(gradient)
    n_weights = len(w)
    slope = gradient + np.dot(H, move)
    for _ in range(sweeps):
        largest = 0.0
        largest_step = 0.0
        for a in range(size):
            curvature = H[a, a] + ridge[a]
            g = slope[a] + ridge[a] * move[a]
            if a < n_weights:
                curvature += l2
                here = w[a] + move[a]
                if curvature == 0.0:
                    continue
                target = here - (g + l2 * here) / curvature
                threshold = l1 / curvature
                target -= min(max(target, -threshold), threshold)
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
