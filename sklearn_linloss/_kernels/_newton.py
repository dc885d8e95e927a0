"""The matrices of Newton's method, and the descent on its models with L1."""

import math

import numpy as np

from .._jit import inlined, jit
from ._codes import SOFTMAX, check_code
from ._fetch import fetch_ahead, unsigned

_GRAM_BLOCK = 256  # samples whose weighted rows are copied before their product
_ROOT_STEPS = 60  # of Newton's method for the norm of a group
_ROOT_TOL = 1e-14  # relative


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
def bend_pairs(X, starts, other, y, second, W, b, total, b_total):
    """Add the second derivatives times (W, b), of active pairs alone, to the totals.

    Pair p, of row i and the class `other[p]`, is one of `starts[i]` to `starts[i + 1]`.
    Its slack changes by the score of that class less that of the true one.
    """
    n_features = X.shape[1]
    for i in range(len(y)):
        first, last, k = starts[i], starts[i + 1], y[i]
        if first == last:
            continue
        true = b[k]
        for f in range(n_features):
            true += W[k, f] * X[i, f]
        of_row = 0.0
        for p in range(first, last):
            j = other[p]
            score = b[j]
            for f in range(n_features):
                score += W[j, f] * X[i, f]
            pull = second[p] * (score - true)
            of_row += pull
            b_total[j] += pull
            pull = W.dtype.type(pull)
            for f in range(n_features):
                total[j, f] += pull * X[i, f]
        b_total[k] -= of_row
        pull = W.dtype.type(of_row)
        for f in range(n_features):
            total[k, f] -= pull * X[i, f]


@jit
def csr_bend_pairs(
    data, indices, indptr, starts, other, y, second, W, b, total, b_total
):
    """`bend_pairs` for the rows of a CSR, and W of shape (n_features, n_rows)."""
    slopes = np.empty(W.shape[1], W.dtype)
    for i in range(len(y)):
        first, last, k = starts[i], starts[i + 1], y[i]
        if first == last:
            continue
        for p in range(first, last):
            slopes[p - first] = b[other[p]] - b[k]
        for q in range(indptr[i], indptr[i + 1]):
            fetch_ahead(W, indices, q)
            e = unsigned(q)
            x, f = W.dtype.type(data[e]), unsigned(indices[e])
            for p in range(first, last):
                slopes[p - first] += x * (W[f, other[p]] - W[f, k])
        of_row = 0.0
        for p in range(first, last):
            slopes[p - first] *= second[p]
            of_row += slopes[p - first]
            b_total[other[p]] += slopes[p - first]
        b_total[k] -= of_row
        for q in range(indptr[i], indptr[i + 1]):
            fetch_ahead(total, indices, q)
            e = unsigned(q)
            x, f = W.dtype.type(data[e]), unsigned(indices[e])
            for p in range(first, last):
                total[f, other[p]] += x * slopes[p - first]
            total[f, k] -= x * of_row


@inlined
def _add_gram(rows, k, j, grams, sides, corner):
    """Add the products of the columns of some rows, of which the last is the 1."""
    product = np.dot(rows.T, rows)
    last = len(product) - 1
    # In loops: statements on slices would take seconds more to compile.
    for f in range(last):
        for g in range(last):
            grams[k, j, f, g] += product[f, g]
        sides[k, j, f] += product[f, last]
    corner[k, j] += product[last, last]


@jit
def add_pair_grams(
    loss,
    X,
    centre,
    by_class,
    counts,
    weight,
    second,
    least,
    totals,
    grams,
    sides,
    corner,
):
    """Add sum_i w_i z_i z_i^T for each pair of classes (k, j) to grams[k, j].

    z_i is x_i - centre; sums of w_i z_i go to `sides`, and those of w_i to `corner`.
    For the hinges the pairs are those of the true class k with the others, w_i =
    second[i, j] for samples of class k. For the softmax they are all pairs j > k, and
    `second` holds the probabilities: w_i = weight[i] p_ik p_ij. The one-row form has
    one pair of all samples, w_i = second[i, 0]. `by_class` has the samples sorted by
    their true class, `counts` how many there are of each. If `least` is not empty, a
    w_i of the softmax counts only if it is more than least[i] times the smaller one of
    the `totals` of the two classes.
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
                negligible = 0.0
                if n_rows > 1 and loss == SOFTMAX:
                    w *= weight[i] * second[i, k]
                    if len(least) > 0:
                        negligible = least[i] * min(totals[j], totals[k])
                if w <= negligible:
                    continue
                root = math.sqrt(w)
                for f in range(n_features):
                    block[filled, f] = root * (X[i, f] - centre[f])
                block[filled, n_features] = root
                filled += 1
                if filled == _GRAM_BLOCK:
                    _add_gram(block, k, j, grams, sides, corner)
                    filled = 0
            if filled > 0:
                _add_gram(block[:filled], k, j, grams, sides, corner)
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
                e = unsigned(q)
                products[unsigned(indices[e])] += x * data[e]
            total[last, indices[p]] += x
        total[last, last] += w


@inlined
def _add_multiple(factor, values, places, count, total):
    """total[places[q]] += factor * values[q] for the first of them."""
    for q in range(count):
        e = unsigned(q)
        total[places[e]] += factor * values[e]


@jit
def csr_second_moments_on(
    loss, data, indices, indptr, y, weight, second, first, classes, total
):
    """total += sum_i h_i[k, l] x_ij x_im for coefficients (k, j) and (l, m), lower
    triangle.

    Those of feature j are the ones from first[j] to first[j + 1], in the classes
    `classes`; after them comes one for each class, whose feature is a constant 1.
    `second` holds the second derivatives h_i as `add_pair_grams` takes them. The
    indices of a row have to be sorted.
    """
    check_code(loss)
    n, n_rows = second.shape
    size = len(total)
    place = np.empty(size, np.uintp)
    value = np.empty(size)
    pulled = np.empty(size)
    of_class = np.empty(size, np.intp)
    for i in range(n):
        bend = second[i].sum()
        if bend == 0.0:
            continue
        true = y[i]
        count = 0
        for p in range(indptr[i], indptr[i + 1]):
            for a in range(first[indices[p]], first[indices[p] + 1]):
                if second[i, classes[a]] == 0.0 and classes[a] != true:
                    continue  # a wrong class whose slack is not active
                place[count] = a
                value[count] = data[p]
                of_class[count] = classes[a]
                count += 1
        for k in range(n_rows):
            place[count] = size - n_rows + k
            value[count] = 1.0
            of_class[count] = k
            count += 1
        if n_rows == 1:
            for p in range(count):
                _add_multiple(bend * value[p], value, place, p + 1, total[place[p]])
        elif loss == SOFTMAX:
            for p in range(count):
                pulled[p] = second[i, of_class[p]] * value[p]
            for p in range(count):
                k, pull = of_class[p], weight[i] * pulled[p]
                products = total[place[p]]
                for q in range(p + 1):
                    e = unsigned(q)
                    own = value[e] if of_class[e] == k else 0.0
                    products[place[e]] += pull * (own - pulled[e])
        else:
            for p in range(count):
                k, products = of_class[p], total[place[p]]
                for q in range(p + 1):
                    e = unsigned(q)
                    j = of_class[e]
                    if j == k:
                        h = bend if k == true else second[i, k]
                    elif k == true:
                        h = -second[i, j]
                    elif j == true:
                        h = -second[i, k]
                    else:
                        h = 0.0
                    products[place[e]] += h * value[p] * value[e]


@inlined
def _bend(loss, second, weight, y, i, k, slacks):
    """Entry (k, k) of h_i."""
    if second.shape[1] == 1:
        return second[i, 0]
    if loss == SOFTMAX:
        return weight[i] * second[i, k] * (1.0 - second[i, k])
    return slacks[i] if k == y[i] else second[i, k]


@inlined
def _bent(loss, second, weight, y, i, k, slacks, change, total):
    """Entry k of h_i times the change of the scores of a sample of several classes."""
    if loss == SOFTMAX:
        return weight[i] * second[i, k] * (change[i, k] - total[i])
    if k == y[i]:
        return slacks[i] * change[i, k] - total[i]
    return second[i, k] * (change[i, k] - change[i, y[i]])


@jit
def csc_descent(loss, columns, terms, model, sweeps, tol, state):
    """Coordinate descent on the quadratic model of a loss plus the penalty.

    Between two sweeps over all coefficients, some are over those that are not zero. The
    gradients are those without the `change` from which it starts. It ends when a sweep
    over all changes scores by at most `tol` times what the first one did, as the
    curvature measures it; returns the number of sweeps.
    """
    check_code(loss)
    data, indices, indptr = columns.data, columns.indices, columns.indptr
    features, classes, second = model.features, model.classes, model.second
    gradient, b_gradient, ridge = model.gradient, model.b_gradient, model.ridge
    change, landing, b_move = state.change, state.landing, state.b_move
    curvature = state.curvature
    n, n_rows = second.shape
    one = n_rows == 1
    l1, l2, y, weight = terms.l1, terms.l2, terms.y, terms.weight
    size, n_intercepts = len(features), len(b_move)
    # Of a sample: the sum of the second derivatives of its slacks, and that of changes
    # times them, or times probabilities. Of one row of scores, only their product.
    slacks, total = np.zeros(n), np.zeros(n)
    for i in range(n):
        for k in range(n_rows):
            total[i] += second[i, k] * change[i, k]
    if not one and loss != SOFTMAX:
        for i in range(n):
            slacks[i] = second[i].sum()
    for a in range(size):
        bend = ridge[a] + l2
        for p in range(indptr[features[a]], indptr[features[a] + 1]):
            x, i = np.float64(data[p]), indices[p]
            bend += _bend(loss, second, weight, y, i, classes[a], slacks) * x * x
        curvature[a] = bend
    for k in range(n_intercepts):
        bend = 0.0
        for i in range(n):
            bend += _bend(loss, second, weight, y, i, k, slacks)
        curvature[size + k] = bend
    start = landing.copy()
    first = 0.0
    count = 0
    for sweep in range(sweeps):
        over_all = sweep % 5 == 0
        largest = 0.0
        for k in range(n_intercepts):
            bend = curvature[size + k]
            if bend == 0.0:
                continue
            slope = b_gradient[k]
            for i in range(n):
                if one:
                    slope += total[i]
                else:
                    slope += _bent(loss, second, weight, y, i, k, slacks, change, total)
            step = -slope / bend
            b_move[k] += step
            for i in range(n):
                if not one:
                    change[i, k] += step
                total[i] += second[i, k] * step
            largest = max(largest, bend * step * step)
        for a in range(size):
            here, bend = landing[a], curvature[a]
            if bend == 0.0 or (here == 0.0 and not over_all):
                continue
            k, begin, end = classes[a], indptr[features[a]], indptr[features[a] + 1]
            slope = 0.0
            if one:
                for p in range(begin, end):
                    e = unsigned(p)
                    slope += np.float64(data[e]) * total[unsigned(indices[e])]
            else:
                for p in range(begin, end):
                    slope += np.float64(data[p]) * _bent(
                        loss, second, weight, y, indices[p], k, slacks, change, total
                    )
            slope += gradient[a] + ridge[a] * (here - start[a]) + l2 * here
            target = here - slope / bend
            threshold = l1 / bend
            target -= min(max(target, -threshold), threshold)
            step = target - here
            if step == 0.0:
                continue
            landing[a] = target
            for p in range(begin, end):
                e = unsigned(p)
                x, i = np.float64(data[e]), unsigned(indices[e])
                if not one:
                    change[i, k] += step * x
                total[i] += second[i, k] * step * x
            largest = max(largest, bend * step * step)
        count += 1
        if sweep == 0:
            first = largest
        elif over_all and largest <= tol * tol * first:
            break
    if one:
        for i in range(n):
            bend = second[i, 0]
            change[i, 0] = total[i] / bend if bend > 0.0 else 0.0
    return count


@jit
def csc_scores_of(columns, features, classes, values, scores):
    """Add to the scores what coefficients give.

    Coefficient a is that of feature `features[a]` in class `classes[a]`.
    """
    data, indices, indptr = columns.data, columns.indices, columns.indptr
    for a in range(len(features)):
        k, value = classes[a], values[a]
        if value == 0.0:
            continue
        for p in range(indptr[features[a]], indptr[features[a] + 1]):
            e = unsigned(p)
            scores[unsigned(indices[e]), k] += value * np.float64(data[e])


@jit
def csc_slopes_of(columns, features, classes, pull, slopes):
    """The slopes in such coefficients, where those in the scores are `pull`."""
    data, indices, indptr = columns.data, columns.indices, columns.indptr
    for a in range(len(features)):
        k, slope = classes[a], 0.0
        for p in range(indptr[features[a]], indptr[features[a] + 1]):
            e = unsigned(p)
            slope += np.float64(data[e]) * pull[unsigned(indices[e]), k]
        slopes[a] = slope


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


@jit
def _smallest_group(values, rotated, l2, l1):
    """The norm of the u that minimises u @ (A + l2) @ u / 2 - r @ u + l1 |u|.

    `values` are the eigenvalues of A, and `rotated` is r along its eigenvectors, longer
    than l1. The norm solves an equation of one unknown, as that of a trust region does:
    Newton's method comes to it from below.
    """
    norm = 0.0
    for _ in range(_ROOT_STEPS):
        square = 0.0
        slope = 0.0
        for k in range(len(values)):
            bend = values[k] + l2
            part = rotated[k] / (bend * norm + l1)
            square += part * part
            slope += part * part * bend / (bend * norm + l1)
        if not slope > 0.0:
            break
        step = (np.sqrt(square) - 1.0) * square / slope
        norm += step
        if step <= _ROOT_TOL * norm:
            break
    return norm


@jit
def grouped_descent(
    H, gradient, groups, values, vectors, w, l1, l2, ridge, sweeps, tol, move, landing
):  # fmt: skip
    """`quadratic_descent` with R(w) = l1 sum_g |w_g| + l2 |w|^2 / 2.

    Row g of `groups` has the coordinates of a group, which have one `ridge`; `values`
    and `vectors` are the eigenvalues and eigenvectors of their part of H. Each group
    goes where the quadratic is least along it.
    """
    size, n_penalised = len(gradient), len(w)
    n_groups, K = groups.shape
    slope = gradient + H @ move
    right, rotated, target = np.empty(K), np.empty(K), np.empty(K)
    for _ in range(sweeps):
        largest = 0.0
        largest_step = 0.0
        for g in range(n_groups):
            bend = ridge[groups[g, 0]]
            for k in range(K):
                a = groups[g, k]
                right[k] = bend * landing[a] - slope[a] - bend * move[a]
                for m in range(K):
                    right[k] += H[a, groups[g, m]] * landing[groups[g, m]]
            length = 0.0
            for k in range(K):
                rotated[k] = 0.0
                for m in range(K):
                    rotated[k] += vectors[g, m, k] * right[m]
                length += rotated[k] * rotated[k]
                target[k] = 0.0
            if np.sqrt(length) > l1:
                norm = _smallest_group(values[g], rotated, l2 + bend, l1)
                for k in range(K):
                    part = rotated[k] * norm
                    part /= (values[g, k] + l2 + bend) * norm + l1
                    for m in range(K):
                        target[m] += vectors[g, m, k] * part
            for k in range(K):
                a = groups[g, k]
                step = target[k] - landing[a]
                if step != 0.0:
                    landing[a] = target[k]
                    move[a] += step
                    slope += step * H[a]
                largest = max(largest, abs(move[a]))
                largest_step = max(largest_step, abs(step))
        for a in range(n_penalised, size):
            curvature = H[a, a] + ridge[a]
            if curvature == 0.0:
                continue
            step = -(slope[a] + ridge[a] * move[a]) / curvature
            if step != 0.0:
                move[a] += step
                slope += step * H[a]
            largest = max(largest, abs(move[a]))
            largest_step = max(largest_step, abs(step))
        if largest_step <= tol * largest:
            return True
    return False
