"""Products with X, dense and CSR, and the pass over X that computes both of them."""

import numpy as np

from .._jit import inlined, jit
from ._codes import check_code
from ._fetch import fetch_ahead, unsigned
from ._losses import block_loss, margin_loss

_SUMMED_ROWS = 1024  # rows whose sum is in the precision of X; float64 adds those sums


@inlined
def column_sum(matrix, column):
    total = 0.0
    for r in range(matrix.shape[0]):
        total += matrix[r, column]
    return total


@inlined
def batch_scores(X, rows, W, offset, scores):
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
    batch_scores(X, rows, W, offset, scores)


@inlined
def row_scores(x, W, b, scores):
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
def csr_scores(data, indices, indptr, W, scores):
    """scores = X @ W for W of shape (n_features, n_rows), in the precision of W."""
    n_rows = W.shape[1]
    if n_rows == 1:
        # In a register, and nothing asked for ahead: the processor has the loads of
        # several rows under way as it is (0053).
        for i in range(len(indptr) - 1):
            score = scores.dtype.type(0.0)
            for p in range(indptr[i], indptr[i + 1]):
                e = unsigned(p)
                score += scores.dtype.type(data[e]) * W[unsigned(indices[e]), 0]
            scores[i, 0] = score
        return
    for i in range(len(indptr) - 1):
        for k in range(n_rows):
            scores[i, k] = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            fetch_ahead(W, indices, p)
            e = unsigned(p)
            x, j = scores.dtype.type(data[e]), unsigned(indices[e])
            for k in range(n_rows):
                scores[i, k] += x * W[j, k]


@jit
def csc_scores(data, indices, indptr, columns, W, scores):
    """scores += X[:, columns] @ W for W of shape (len(columns), n_rows)."""
    for a in range(len(columns)):
        for p in range(indptr[columns[a]], indptr[columns[a] + 1]):
            e = unsigned(p)
            x, i = scores.dtype.type(data[e]), unsigned(indices[e])
            for k in range(W.shape[1]):
                scores[i, k] += x * W[a, k]


@inlined
def centred_offset(W, centre, b, offset):
    """offset = b - W @ centre, without b where there is no intercept."""
    for k in range(W.shape[0]):
        total = W.dtype.type(0.0)
        for j in range(W.shape[1]):
            total += W[k, j] * centre[j]
        offset[k] = (b[0, k] if len(b) else 0.0) - total


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


@jit
def dense_moments(X, weight, origin, sums):
    """Add the weighted sums of X - origin and of its squares to the rows of `sums`.

    Four rows at a time; the last ones are repeated with no weight.
    """
    last = len(X) - 1
    for i0 in range(0, len(X), 4):
        i1, i2, i3 = min(i0 + 1, last), min(i0 + 2, last), min(i0 + 3, last)
        w0 = weight[i0]
        w1 = weight[i1] if i0 + 1 <= last else 0.0
        w2 = weight[i2] if i0 + 2 <= last else 0.0
        w3 = weight[i3] if i0 + 3 <= last else 0.0
        for j in range(X.shape[1]):
            o = origin[j]
            z0, z1, z2, z3 = X[i0, j] - o, X[i1, j] - o, X[i2, j] - o, X[i3, j] - o
            y0, y1, y2, y3 = w0 * z0, w1 * z1, w2 * z2, w3 * z3
            sums[0, j] += (y0 + y1) + (y2 + y3)
            sums[1, j] += (y0 * z0 + y1 * z1) + (y2 * z2 + y3 * z3)


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
def csr_adjoint(data, indices, starts, ends, gradient, total):
    """total += X.T @ gradient, of shape (n_features, n_rows).

    Of row i of X those entries that `starts` and `ends` say.
    """
    n_rows = gradient.shape[1]
    if n_rows == 1:
        for i in range(len(starts)):
            pull = gradient[i, 0]
            if pull == 0.0:  # most rows of a hinge
                continue
            for p in range(starts[i], ends[i]):
                e = unsigned(p)
                total[unsigned(indices[e]), 0] += gradient.dtype.type(data[e]) * pull
        return
    for i in range(len(starts)):
        for p in range(starts[i], ends[i]):
            fetch_ahead(total, indices, p)
            e = unsigned(p)
            x, j = gradient.dtype.type(data[e]), unsigned(indices[e])
            for k in range(n_rows):
                total[j, k] += x * gradient[i, k]


@jit
def csr_moments(data, indices, indptr, weight, centre, total):
    """total[p] += sum_i weight[i] (x_i - centre)^p of the stored entries, p = 0, 1, 2.

    `total` is of shape (3, n_features).
    """
    for i in range(len(indptr) - 1):
        w = weight[i]
        for p in range(indptr[i], indptr[i + 1]):
            e = unsigned(p)
            j = unsigned(indices[e])
            x = np.float64(data[e]) - centre[j]
            total[0, j] += w
            total[1, j] += w * x
            total[2, j] += w * x * x


@jit
def csr_squared_norms(data, indptr, squares):
    """squares[i] = |x_i|^2."""
    for i in range(len(squares)):
        total = 0.0
        for p in range(indptr[i], indptr[i + 1]):
            x = np.float64(data[unsigned(p)])
            total += x * x
        squares[i] = total


@inlined
def centred_adjoint(X, rows, pull, centre, gradient):
    """gradient[k] = sum_r pull[r, k] (X[rows[r]] - centre)."""
    for k in range(gradient.shape[0]):
        total = gradient.dtype.type(column_sum(pull, k))
        for j in range(gradient.shape[1]):
            gradient[k, j] = -total * centre[j]
    _batch_adjoint(X, rows, pull, gradient)


@jit
def dense_loss_gradient(loss, X, rows, y, weight, delta, W, offset, sums):
    """sum_i weight[i] L_i over the rows; adds its gradient to `BlockSums`.

    Block by block as many rows as those take, so that X is read from memory once. W and
    the sums lack the last of three or more classes, which gets minus the sum of the
    others.
    """
    check_code(loss)
    scores, pull, part, total, b_total = sums
    n_rows = scores.shape[1]
    size = len(scores)
    terms, pi = np.empty((n_rows + 3, size)), np.empty(size)
    classes = np.empty(size, np.intp)
    value = 0.0
    for start in range(0, len(rows), _SUMMED_ROWS):
        stop = min(start + _SUMMED_ROWS, len(rows))
        part[:] = 0.0
        for first in range(start, stop, size):
            block = rows[first : min(first + size, stop)]
            batch_scores(X, block, W, offset, scores)
            for r in range(len(block)):
                classes[r], pi[r] = y[block[r]], weight[block[r]]
            if n_rows == 1:
                for r in range(len(block)):
                    sign = 1.0 if classes[r] == 1 else -1.0
                    margin = sign * scores[r, 0]
                    term, slope = margin_loss(loss, margin, delta, 0.0)
                    terms[0, r] = pi[r] * term
                    pull[r, 0] = pi[r] * (sign * slope)
            else:
                count = len(block)
                block_loss(
                    loss, scores, classes, pi, delta, 0.0, 0, count, pull, True, terms
                )
            for r in range(len(block)):
                value += terms[0, r]
            _batch_adjoint(X, block, pull, part)
            for k in range(n_rows):
                b_total[k] += column_sum(pull[: len(block)], k)
        for k in range(len(part)):
            for j in range(part.shape[1]):
                total[k, j] += part[k, j]
    return value
