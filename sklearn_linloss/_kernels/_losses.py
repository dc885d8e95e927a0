"""The losses of the scores, their derivatives, and what the duals of samples need."""

import math

import numpy as np

from .._jit import inlined, jit
from ._codes import HINGE, SOFTMAX, SQUARED_HINGE, check_code
from ._exponentials import exp_of_negative, log_of, log_of_one_plus

_BLOCK = 64  # rows of scores that stay in the cache


@inlined
def _hinge(slack, width):
    """The hinge of a positive slack, smoothed, and its derivative."""
    if slack >= width:
        return slack - 0.5 * width, 1.0
    return 0.5 * slack * slack / width, slack / width


@inlined
def margin_loss(loss, margin, delta, width):
    """Loss of the one-row form and its derivative in the margin."""
    if loss == SOFTMAX:
        # exp of a negative number only: no overflow.
        e = exp_of_negative(-abs(margin))
        value = log_of_one_plus(e) + max(-margin, 0.0)
        return value, -(e if margin >= 0.0 else 1.0) / (1.0 + e)
    slack = delta - margin
    if slack <= 0.0:
        return 0.0, 0.0
    if loss == HINGE:
        value, slope = _hinge(slack, width)
        return value, -slope
    return slack * slack, -2.0 * slack  # the squared hinge (`_codes.py`)


@inlined
def row_loss(loss, scores, i, y, delta, width, gradient, r):
    """Loss of the K >= 3 scores in row i; writes its gradient to row r.

    Rows are given by number because a slice of an array costs as much as a row. The
    true class gets minus the sum of the others: no cancellation in p - 1.
    """
    if loss != SOFTMAX:
        return _slack_loss(loss, scores, i, y, delta, width, gradient, r)
    n_classes = scores.shape[1]
    true_score = scores[i, y]
    others = 0.0
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
    gradient[r, y] = -others * scale
    return value


@inlined
def _slack_loss(loss, scores, i, y, delta, width, gradient, r):
    """The same of the sums over slacks."""
    others = 0.0
    value = 0.0
    if loss == HINGE or loss == SQUARED_HINGE:
        for j in range(scores.shape[1]):
            slack = scores[i, j] - scores[i, y] + delta
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
    else:
        value = others = np.nan
    gradient[r, y] = -others
    return value


@inlined
def block_loss(
    loss, scores, y, weight, delta, width, first, rows, gradient, kept, terms
):  # fmt: skip
    """Weighted losses of some `rows` from `first` on, of K >= 3 scores, in `terms[0]`,
    and their gradients if they are `kept`.

    `terms` is scratch of K + 3 numbers a row: each loop there takes several rows at a
    time, whatever K is.
    """
    n_classes = scores.shape[1]
    if loss != SOFTMAX:
        for r in range(rows):
            i = first + r
            g = i * kept
            value = _slack_loss(loss, scores, i, y[i], delta, width, gradient, g)
            terms[0, r] = weight[i] * value
            for j in range(n_classes):
                gradient[g, j] *= weight[i]
        return
    # In the first rows: the largest score and then the loss, the sum of the others'
    # exponentials, and that of the true class.
    for r in range(rows):
        i = first + r
        for j in range(n_classes):
            terms[j + 3, r] = scores[i, j]
        terms[0, r] = terms[2, r] = scores[i, y[i]]
        terms[1, r] = 0.0
    for j in range(n_classes):
        for r in range(rows):
            terms[0, r] = max(terms[0, r], terms[j + 3, r])
    for j in range(2, n_classes + 3):
        for r in range(rows):
            terms[j, r] = exp_of_negative(terms[j, r] - terms[0, r])
    for r in range(rows):
        i = first + r
        terms[0, r] -= scores[i, y[i]]
        terms[y[i] + 3, r] = 0.0
    for j in range(n_classes):
        for r in range(rows):
            terms[1, r] += terms[j + 3, r]
    for r in range(rows):
        lack, others, pi = terms[0, r], terms[1, r], weight[first + r]
        total = others + terms[2, r]
        near = log_of_one_plus(min(others, 1.0))
        # What is not a number goes through.
        far = log_of(total) if total > 0.0 else total
        terms[0, r] = pi * (lack + (near if lack == 0.0 and others <= 1.0 else far))
        terms[2, r] = pi / total
    if kept:
        for r in range(rows):
            i, scale = first + r, terms[2, r]
            for j in range(n_classes):
                gradient[i, j] = terms[j + 3, r] * scale
            gradient[i, y[i]] = -terms[1, r] * scale


@jit
def loss_gradient(loss, scores, y, weight, delta, width, gradient):
    """Weighted mean of the loss; gradient[i] = weight[i] * dL_i/dscores.

    A `gradient` of one row is scratch for many scores: only the mean is wanted.
    """
    check_code(loss)
    kept = len(gradient) == len(scores)
    total = 0.0
    if scores.ndim == 1 and not kept:
        # Without a store. Vector code with one runs only where arrays lie apart, and
        # scratch would be taken to have a number for each sample: the order of the sum
        # would depend on where it lies.
        for i in range(len(scores)):
            margin = scores[i] if y[i] == 1 else -scores[i]
            value, _ = margin_loss(loss, margin, delta, width)
            total += weight[i] * value
        return total
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            value, slope = margin_loss(loss, sign * scores[i], delta, width)
            gradient[i] = weight[i] * sign * slope
            total += weight[i] * value
        return total
    terms = np.empty((scores.shape[1] + 3, _BLOCK))
    for first in range(0, len(scores), _BLOCK):
        rows = min(_BLOCK, len(scores) - first)
        block_loss(
            loss, scores, y, weight, delta, width, first, rows, gradient, kept, terms
        )
        for r in range(rows):
            total += terms[0, r]
    return total


@inlined
def batch_loss(loss, scores, y, weight, delta, rows, squares, reach, gradient):
    """Mean loss of a batch and its gradient in the scores.

    `weight` is relative to its mean over the training set, so that the mean over
    batches is the mean over the set. With `squares`, the squared lengths of all rows of
    X, no row pulls further than to the zero of its own loss, as its tangent goes, in a
    step of `reach`: there, the step f / |g|^2 of B. T. Polyak (N. Loizou et al.,
    "Stochastic Polyak step-size for SGD", AISTATS 2021, who bound it too).
    """
    total = 0.0
    share = 1.0 / len(rows)
    for r in range(len(rows)):
        i = rows[r]
        if scores.shape[1] == 1:
            sign = 1.0 if y[i] == 1 else -1.0
            value, slope = margin_loss(loss, sign * scores[r, 0], delta, 0.0)
            gradient[r, 0] = sign * slope
        else:
            value = row_loss(loss, scores, r, y[i], delta, 0.0, gradient, r)
        part = share * weight[i]
        total += part * value
        if len(squares):
            slope = 0.0
            for k in range(scores.shape[1]):
                slope += gradient[r, k] * gradient[r, k]
            step = part * reach * squares[i] * slope
            if step > value:
                part *= value / step
        for k in range(scores.shape[1]):
            gradient[r, k] *= part
    return total


@jit
def loss_hessian(loss, scores, y, weight, delta, width, direction, gradient, out):
    """out[i] = weight[i] * (Hessian of L_i in the scores) @ direction[i].

    For the hinges, of the quadratic piece that holds at `scores`. `gradient` is scratch
    of one row.
    """
    check_code(loss)
    if scores.ndim == 1:
        for i in range(len(scores)):
            margin = scores[i] if y[i] == 1 else -scores[i]
            _, slope = margin_loss(loss, margin, delta, width)
            if loss == SOFTMAX:
                second = -slope * (1.0 + slope)
            elif loss == SQUARED_HINGE:
                second = 2.0 if slope < 0.0 else 0.0
            elif loss == HINGE:
                second = 1.0 / width if -1.0 < slope < 0.0 else 0.0
            else:
                second = np.nan
            out[i] = weight[i] * second * direction[i]
        return
    n, n_rows = scores.shape
    for i in range(n):
        k = y[i]
        row_loss(loss, scores, i, k, delta, width, gradient, 0)
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
                elif loss == HINGE:
                    second = 1.0 / width if gradient[0, j] < 1.0 else 0.0
                else:
                    second = np.nan
            value = weight[i] * second * (direction[i, j] - direction[i, k])
            out[i, j] = value
            total += value
        out[i, k] = -total


@jit
def adjust_flows(pull, y, weight, factor, shift):
    """pull[i, j] <- pull[i, j] * factor[k, j] + weight[i] * shift[k, j], k = y[i].

    The true class gets minus the sum of the others; a margin's class has one factor,
    that to the other class. Returns the largest a_ij and the largest sum of one row.
    """
    largest = 0.0
    largest_sum = 0.0
    if pull.ndim == 1:
        for i in range(len(pull)):
            pull[i] *= factor[y[i], 1 - y[i]]
            largest = max(largest, abs(pull[i]) / weight[i])
        return largest, largest
    for i in range(len(pull)):
        k = y[i]
        others = 0.0
        for j in range(pull.shape[1]):
            if j != k:
                value = pull[i, j] * factor[k, j] + weight[i] * shift[k, j]
                pull[i, j] = value
                others += value
                largest = max(largest, value / weight[i])
        pull[i, k] = -others
        largest_sum = max(largest_sum, others / weight[i])
    return largest, largest_sum


@jit
def add_by_class(rows, y, total):
    """Add row i to row y[i] of the totals."""
    for i in range(len(rows)):
        for j in range(rows.shape[1]):
            total[y[i], j] += rows[i, j]


@jit
def entropy(pull, y, weight, scale):
    """-sum_i pi_i L_i*(scale * a_i) of the softmax and its derivative in `scale` > 0.

    The entropy of the probabilities whose distance from the truth is scale * a_i.
    """
    value = 0.0
    slope = 0.0
    if pull.ndim == 1:
        # No branches: several samples at a time.
        beyond = 0.0
        for i in range(len(pull)):
            mass = abs(pull[i])
            wrong = scale * mass / weight[i]
            right = 1.0 - wrong
            log_wrong = log_of(wrong) if wrong > 0.0 else 0.0
            near = log_of_one_plus(-min(wrong, 0.5))
            far = log_of(right) if right > 0.0 else 0.0
            log_right = near if wrong <= 0.5 else far
            value -= scale * mass * log_wrong + weight[i] * right * log_right
            slope += mass * (log_right - log_wrong)
            beyond += 0.0 if right > 0.0 else mass
        return value, slope if beyond == 0.0 else -np.inf
    n_classes = pull.shape[1]
    masses = np.empty((n_classes, _BLOCK))
    others, logs = np.empty((2, _BLOCK))
    beyond = 0.0
    for first in range(0, len(pull), _BLOCK):
        n = min(_BLOCK, len(pull) - first)
        pi = weight[first : first + n]
        for r in range(n):
            for j in range(n_classes):
                masses[j, r] = abs(pull[first + r, j])
            masses[y[first + r], r] = 0.0
        others[:n] = 0.0
        logs[:n] = 0.0
        for j in range(n_classes):
            for r in range(n):
                mass = masses[j, r]
                p = scale * mass / pi[r]
                others[r] += mass
                logs[r] += mass * (log_of(p) if p > 0.0 else 0.0)
        for r in range(n):
            mass = others[r]
            wrong = scale * mass / pi[r]
            right = 1.0 - wrong
            near = log_of_one_plus(-min(wrong, 0.5))
            far = log_of(right) if right > 0.0 else 0.0
            log_right = near if wrong <= 0.5 else far
            value -= scale * logs[r] + pi[r] * right * log_right
            slope += mass * log_right - logs[r]
            beyond += 0.0 if right > 0.0 else mass
    return value, slope if beyond == 0.0 else -np.inf


@inlined
def _proximal_term(slack, multiplier, width, bend, cap):
    """The maximum of `proximal_hinge` for one slack, and its maximiser."""
    a = min(max((slack + width * multiplier) / (width + bend), 0.0), cap)
    return a * slack - 0.5 * (bend * a * a + width * (a - multiplier) ** 2), a


@jit
def proximal_hinge(
    scores, y, weight, delta, width, bend, cap, multipliers, pull, second
):
    """A hinge of an augmented Lagrangian.

    For each slack the maximum of a * slack - bend / 2 * a^2 - width / 2 * (a -
    multiplier)^2 over 0 <= a <= cap; the true class has the multiplier zero. Writes
    weight[i] times the gradient in the scores to `pull`, and weight[i] times the second
    derivative in the slack to `second`, zero for the true class. Returns the weighted
    mean.
    """
    total = 0.0
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            slack = delta - sign * scores[i]
            value, a = _proximal_term(slack, multipliers[i], width, bend, cap)
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
            value, a = _proximal_term(slack, multipliers[i, j], width, bend, cap)
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
    scores, change, t, y, weight, delta, width, bend, cap, multipliers
):  # fmt: skip
    """Value of `proximal_hinge` at scores + t * change, and its derivative in t."""
    total = 0.0
    slope = 0.0
    if scores.ndim == 1:
        for i in range(len(scores)):
            sign = 1.0 if y[i] == 1 else -1.0
            slack = delta - sign * (scores[i] + t * change[i])
            value, a = _proximal_term(slack, multipliers[i], width, bend, cap)
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
            value, a = _proximal_term(slack, multipliers[i, j], width, bend, cap)
            row_value += value
            row_slope += a * (change[i, j] - true_change)
        total += weight[i] * row_value
        slope += weight[i] * row_slope
    return total, slope
