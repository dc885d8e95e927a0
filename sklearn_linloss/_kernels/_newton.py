"""The matrices of Newton's method, and the descent on its models with L1."""

import math

import numpy as np

from .._jit import jit
from ._codes import SOFTMAX, check_code

_GRAM_BLOCK = 256  # samples whose weighted rows are copied before their product


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
    check_code(loss)
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
                    # In one statement it would take three seconds more to compile.
                    total = grams[k, j]
                    total += np.dot(block.T, block)
                    filled = 0
            if filled > 0:
                part = block[:filled]
                total = grams[k, j]
                total += np.dot(part.T, part)
        if n_rows > 1 and loss != SOFTMAX:
            first = last


@jit
def csr_second_moments(data, indices, indptr, weight, total):
    """total += sum_i weight[i] z_i z_i^T, lower triangle, for z_i = (x_i, 1).

    The indices of a row have to be sorted.
    """
    last = len(total) - 1
    for i in range(len(indptr) - 1):
        w = weight[i]
        if w == 0.0:
            continue
        for p in range(indptr[i], indptr[i + 1]):
            x = w * data[p]
            products = total[indices[p]]
            for q in range(indptr[i], p + 1):
                products[indices[q]] += x * data[q]
            total[last, indices[p]] += x
        total[last, last] += w


@jit
def quadratic_descent(H, gradient, w, l1, l2, ridge, sweeps, tol, move, landing):
    """Coordinate descent on gradient @ d + d @ H @ d / 2 + ridge @ d^2 / 2 + R(w + d).

    R is the elastic net on the first len(w) coordinates, the others are free. Starts
    from `move`, which holds d, and `landing`, which holds w + d with exact zeros. It
    ends when a sweep moves no coordinate by more than `tol` times the largest move;
    returns whether that was before the last sweep.
    """
    size = len(gradient)
    n_penalised = len(w)
    slope = gradient + H @ move
    for _ in range(sweeps):
        largest = 0.0
        largest_step = 0.0
        for a in range(size):
            curvature = H[a, a] + ridge[a]
            g = slope[a] + ridge[a] * move[a]
            if a < n_penalised:
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
