"""Epochs of dual coordinate ascent, and the best dual variables of one sample."""

import math

import numpy as np

from .._jit import inlined, jit
from ._codes import HINGE, SOFTMAX, SQUARED_HINGE, check_code
from ._fetch import IN_CACHE, fetch_ahead, fetch_csr_row, fetch_row, unsigned
from ._products import row_scores

_ROOT_STEPS = 60  # of Newton's method, inside a bracket, for one root
_ROOT_TOL = 1e-14  # absolute, of a logit; relative, of a sum of dual variables
_LOG_TOL = 1e-2  # of the logarithm of a probability: largest step to end with
# Of the sum of a row's probabilities, which need not be more exact than the changes
# that wait (0012 in docs/adr/).
_SUM_TOL = 1e-7
_ROWS_AHEAD = 2  # of a CSR, that are asked for before they are visited (0053)
SMALLEST_CURVATURE = 1e-30  # of a row in its dual variables, instead of zero


@inlined
def best_dual(reach, true, q, curvature, cap, total, dual):
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
def bend_and_cap(loss):
    """Of a hinge, as its object in `losses.py` has them."""
    if loss == HINGE:
        return 0.0, 1.0
    if loss == SQUARED_HINGE:
        return 0.5, np.inf
    return np.nan, np.nan


@inlined
def dual_margin(loss, score, y, delta, q, old):
    """The best dual variable of a row of the margin form, all others fixed."""
    margin = score if y == 1 else -score
    if loss == SOFTMAX:
        u = _tilted_logit(-margin, q, q * old - margin)
        e = math.exp(-abs(u))
        return (1.0 if u >= 0.0 else e) / (1.0 + e)
    bend, cap = bend_and_cap(loss)
    a = (delta - margin + q * old) / (q + bend)
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
        step = dual_margin(loss, scores[0], y, delta, q, dual[i]) - dual[i]
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
        bend, cap = bend_and_cap(loss)
        best_dual(reach, y, q, bend, cap, total, new)
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


@jit
def sdca_movable(loss, terms, pass_, scores, dual, movable):
    """Which rows of the margin form a visit would move, at these scores.

    Takes `Terms` and a `SdcaPass`, and writes to `movable`.
    """
    check_code(loss)
    y, weight, delta, _, l2 = terms
    order, still, squares, b_scale = pass_
    for i in order:
        q = max(weight[i] / l2 * (squares[i] + b_scale), SMALLEST_CURVATURE)
        best = dual_margin(loss, scores[i], y[i], delta, q, dual[i])
        movable[i] = abs(best - dual[i]) > still / (1.0 + q)


@inlined
def _shrink_groups(U, l1, l2, lengths, W):
    """W = S(U, l1) / l2 with S of whole columns: those of a length above l1."""
    n_rows, n_features = W.shape
    lengths[:] = 0.0
    for k in range(n_rows):
        for f in range(n_features):
            lengths[f] += U[k, f] * U[k, f]
    for f in range(n_features):
        length = math.sqrt(lengths[f])
        lengths[f] = (length - l1) / (length * l2) if length > l1 else 0.0
    for k in range(n_rows):
        for f in range(n_features):
            W[k, f] = lengths[f] * U[k, f]


@inlined
def _gain(weight, q, share, push):
    """What a visit adds to the return value of an epoch."""
    square = 0.0
    for k in range(len(push)):
        square += (push[k] / share) ** 2
    return weight * (1.0 + q) * square


@jit
def sdca_epoch_dense(loss, design, terms, pass_, state, U, grouped):
    """One pass of dual coordinate ascent over `DenseRows`.

    Takes `Terms`, a `SdcaPass` and a `SdcaState`. W = S(U, l1) / l2, where U may be
    None if l1 = 0; S is that of features as a whole where they are `grouped`. The
    intercept is a feature of value sqrt(b_scale) whose coefficients count from those at
    the start. Returns what the gain of the dual objective goes with, the sum of
    pi_i (1 + q_i) |change of a_i|^2.
    """
    check_code(loss)
    X, centre = design
    y, weight, delta, l1, l2 = terms
    order, still, squares, b_scale = pass_
    W, b, dual, idle, scratch, logs, x = state
    n_rows, n_features = W.shape
    scores, reach, new, push = scratch[0], scratch[1], scratch[2], scratch[3]
    gain = 0.0
    for t in range(len(order)):
        i = order[t]
        fetch_row(X, order[min(t + 1, len(order) - 1)])
        for f in range(n_features):
            x[f] = X[i, f] - centre[f]
        row_scores(x, W, b, scores)
        q = max(weight[i] / l2 * (squares[i] + b_scale), SMALLEST_CURVATURE)
        share = weight[i] / l2
        least = still / (1.0 + q)
        idle[i] += 1
        if not _move_dual(
            loss, scores, i, y[i], delta, q, share, least, dual, reach, new, logs, push
        ):
            continue
        idle[i] = 0
        gain += _gain(weight[i], q, share, push)
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
                if grouped:
                    for f in range(n_features):
                        U[k, f] += p * x[f]
                    continue
                for f in range(n_features):
                    u = U[k, f] + p * x[f]
                    U[k, f] = u
                    W[k, f] = (u - min(max(u, -l1), l1)) / l2
        if grouped and U is not None:
            _shrink_groups(U, l1, l2, x, W)
    return gain


@inlined
def _csr_scores(data, indices, begin, end, W, row):
    """Scores of a row of a CSR, without intercepts."""
    in_cache = len(W) <= IN_CACHE
    n_rows = len(row)
    for k in range(n_rows):
        row[k] = 0.0
    for p in range(begin, end):
        if not in_cache:
            fetch_ahead(W, indices, p)
        e = unsigned(p)
        x, f = data[e], unsigned(indices[e])
        for k in range(n_rows):
            row[k] += x * W[f, k]


@inlined
def _csr_margins(loss, design, terms, pass_, state, U):
    """`sdca_epoch_csr` for the margin form: all of a row but its entries is scalar.

    Coefficients are not asked for ahead: the processor has the loads of a whole row
    under way as it is.
    """
    data, indices, indptr = design
    y, weight, delta, l1, l2 = terms
    order, still, squares, b_scale = pass_
    W, b, dual, idle = state.W, state.b, state.dual, state.idle
    zero = W.dtype.type(0.0)
    last = len(order) - 1
    gain = 0.0
    for t in range(len(order)):
        i = order[t]
        fetch_csr_row(data, indices, indptr, order[min(t + _ROWS_AHEAD, last)])
        begin, end = indptr[i], indptr[i + 1]
        total = zero
        for p in range(begin, end):
            e = unsigned(p)
            total += data[e] * W[unsigned(indices[e]), 0]
        score = total + (b[0, 0] if len(b) else 0.0)
        q = max(weight[i] / l2 * (squares[i] + b_scale), SMALLEST_CURVATURE)
        step = dual_margin(loss, score, y[i], delta, q, dual[i]) - dual[i]
        if abs(step) <= still / (1.0 + q):
            idle[i] += 1
            continue
        idle[i] = 0
        dual[i] += step
        gain += weight[i] * (1.0 + q) * step * step
        push = weight[i] / l2 * (step if y[i] == 1 else -step)
        if len(b):
            b[0, 0] += b_scale * push
        if U is None:
            change = W.dtype.type(push)
            for p in range(begin, end):
                e = unsigned(p)
                W[unsigned(indices[e]), 0] += change * data[e]
        else:
            change = W.dtype.type(l2 * push)
            for p in range(begin, end):
                e = unsigned(p)
                f = unsigned(indices[e])
                u = U[f, 0] + change * data[e]
                U[f, 0] = u
                W[f, 0] = (u - min(max(u, -l1), l1)) / l2
    return gain


@jit
def sdca_epoch_csr(loss, design, terms, pass_, state, U, grouped):
    """`sdca_epoch_dense` for `CsrRows`."""
    check_code(loss)
    return _csr_epoch(loss, design, terms, pass_, state, state.dual, U, grouped)


@inlined
def _csr_epoch(loss, design, terms, pass_, state, dual, U, grouped):
    """The same, with the array whose dimensions decide as an argument."""
    if dual.ndim == 1:
        return _csr_margins(loss, design, terms, pass_, state, U)
    data, indices, indptr = design
    y, weight, delta, l1, l2 = terms
    order, still, squares, b_scale = pass_
    W, b, _, idle, scratch, logs, row = state
    n_rows = W.shape[1]
    scores, reach, new, push = scratch[0], scratch[1], scratch[2], scratch[3]
    last = len(order) - 1
    gain = 0.0
    for t in range(len(order)):
        i = order[t]
        fetch_csr_row(data, indices, indptr, order[min(t + _ROWS_AHEAD, last)])
        _csr_scores(data, indices, indptr[i], indptr[i + 1], W, row)
        for k in range(n_rows):
            scores[k] = row[k] + (b[0, k] if len(b) else 0.0)
        q = max(weight[i] / l2 * (squares[i] + b_scale), SMALLEST_CURVATURE)
        share = weight[i] / l2
        least = still / (1.0 + q)
        idle[i] += 1
        if not _move_dual(
            loss, scores, i, y[i], delta, q, share, least, dual, reach, new, logs, push
        ):
            continue
        idle[i] = 0
        gain += _gain(weight[i], q, share, push)
        for k in range(n_rows):
            row[k] = push[k] if U is None else l2 * push[k]
            if len(b):
                b[0, k] += b_scale * push[k]
        for p in range(indptr[i], indptr[i + 1]):
            e = unsigned(p)
            x, f = data[e], unsigned(indices[e])
            if U is None:
                for k in range(n_rows):
                    W[f, k] += row[k] * x
            elif grouped:
                square = 0.0
                for k in range(n_rows):
                    u = U[f, k] + row[k] * x
                    U[f, k] = u
                    square += u * u
                length = math.sqrt(square)
                part = (length - l1) / (length * l2) if length > l1 else 0.0
                for k in range(n_rows):
                    W[f, k] = part * U[f, k]
            else:
                for k in range(n_rows):
                    u = U[f, k] + row[k] * x
                    U[f, k] = u
                    W[f, k] = (u - min(max(u, -l1), l1)) / l2
    return gain
