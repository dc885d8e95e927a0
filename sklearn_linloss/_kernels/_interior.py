"""The pairs of a sample and a wrong class in an interior point method.

`_solvers/_interior.py` has the equations. A pair has a dual variable a and the
multiplier u of a >= 0; both are zero for the true class, which is no pair.
"""

import numpy as np

from .._jit import inlined, jit


@inlined
def _is_pair(scores, y, i, j):
    return scores.shape[1] == 1 or y[i] != j


@inlined
def _of_slack(scores, y, i, j):
    """What scores, or their changes, say of the slack of a pair, without the margin."""
    if scores.shape[1] == 1:
        return -scores[i, 0] if y[i] == 1 else scores[i, 0]
    return scores[i, j] - scores[i, y[i]]


@inlined
def _direction(pairs, per_weight, change, y, i, j):
    """The changes of a and u that a change of the scores brings, and 1 / a."""
    per_a = 1.0 / pairs.a[i, j]
    aim = pairs.target[i, j] * per_a
    da = pairs.second[i, j] * per_weight * (_of_slack(change, y, i, j) + aim)
    return da, aim - pairs.u[i, j] * per_a * da, per_a


@jit
def centre_pairs(scores, y, delta, bend, product, pairs):
    """a and u with u * a = product that meet their slacks."""
    for i in range(len(scores)):
        for j in range(scores.shape[1]):
            if _is_pair(scores, y, i, j):
                slack = delta + _of_slack(scores, y, i, j)
                root = np.sqrt(slack * slack + 4.0 * bend * product)
                if slack > 0.0:
                    a = (slack + root) / (2.0 * bend)
                else:
                    a = 2.0 * product / (root - slack)
                pairs.a[i, j], pairs.u[i, j] = a, product / a


@jit
def weigh_pairs(y, weight, bend, pairs):
    """Second derivatives in the slacks, and the targets of a step to the boundary.

    Returns the weighted sum of the products that such a step makes zero.
    """
    total = 0.0
    for i in range(len(y)):
        of_row = 0.0
        for j in range(pairs.a.shape[1]):
            if _is_pair(pairs.a, y, i, j):
                a, u = pairs.a[i, j], pairs.u[i, j]
                pairs.second[i, j] = weight[i] / (bend + u / a)
                pairs.target[i, j] = -u * a
                of_row += u * a
        total += weight[i] * of_row
    return total


@jit
def pull_of_pairs(y, pairs, pull):
    """Write the gradient in the scores that the targets ask for."""
    for i in range(len(y)):
        others = 0.0
        for j in range(pairs.a.shape[1]):
            pull[i, j] = 0.0
            if _is_pair(pairs.a, y, i, j):
                pull[i, j] = pairs.second[i, j] * pairs.target[i, j] / pairs.a[i, j]
                others += pull[i, j]
        if pairs.a.shape[1] > 1:
            pull[i, y[i]] = -others
        elif y[i] == 1:
            pull[i, 0] = -others


@jit
def reach_of_pairs(y, weight, change, pairs):
    """The longest step that leaves a and u positive, and the weighted sum of their
    products after a step of t: its terms in t and t^2.
    """
    shrinks, linear, square = 0.0, 0.0, 0.0
    for i in range(len(y)):
        per_weight, slope, bent = 1.0 / weight[i], 0.0, 0.0
        for j in range(change.shape[1]):
            if _is_pair(change, y, i, j):
                da, du, per_a = _direction(pairs, per_weight, change, y, i, j)
                a, u = pairs.a[i, j], pairs.u[i, j]
                shrinks = max(shrinks, max(-da * per_a, -du / u))
                slope += a * du + u * da
                bent += da * du
        linear += weight[i] * slope
        square += weight[i] * bent
    return 1.0 / shrinks, linear, square


@jit
def aim_at_centre(y, weight, change, product, pairs):
    """Targets that lead all products to one value, with what the step to the boundary,
    by `change`, lacks in second order.
    """
    for i in range(len(y)):
        per_weight = 1.0 / weight[i]
        for j in range(change.shape[1]):
            if _is_pair(change, y, i, j):
                da, du, _ = _direction(pairs, per_weight, change, y, i, j)
                lacks = product - pairs.a[i, j] * pairs.u[i, j]
                pairs.target[i, j] = lacks - da * du


@jit
def aim_at_range(y, weight, change, length, low, high, pairs):
    """Add to the targets what the products after a step of `length` lack to a range,
    but never more than its upper end below.
    """
    for i in range(len(y)):
        per_weight = 1.0 / weight[i]
        for j in range(change.shape[1]):
            if _is_pair(change, y, i, j):
                da, du, _ = _direction(pairs, per_weight, change, y, i, j)
                product = (pairs.a[i, j] + length * da) * (pairs.u[i, j] + length * du)
                lacks = min(max(product, low), high) - product
                pairs.target[i, j] += max(lacks, -high)


@jit
def move_pairs(y, weight, change, length, pairs):
    """A step of `length`."""
    for i in range(len(y)):
        per_weight = 1.0 / weight[i]
        for j in range(change.shape[1]):
            if _is_pair(change, y, i, j):
                da, du, _ = _direction(pairs, per_weight, change, y, i, j)
                pairs.a[i, j] += length * da
                pairs.u[i, j] += length * du
