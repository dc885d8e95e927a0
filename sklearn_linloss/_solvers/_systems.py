"""The linear algebra of Newton's method, by coefficients or by active pairs."""

from dataclasses import dataclass, replace
from functools import partial, reduce

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, get_blas_funcs

from .. import _kernels
from .._penalty import ElasticNet


@dataclass(frozen=True)
class Rules:
    """Limits of the loops, and what rounding takes; 0014 is a decision in docs/adr/."""

    rounds: int = 20  # of coordinate descent and a linear system on the support
    sweeps: int = 20  # of coordinate descent in a round
    halvings: int = 5  # of a step that meets zeros
    sweep_tol: float = 1e-5  # relative change in a sweep that ends the sweeps
    rest: float = 1e-6  # of the fall so far: rounds end when one gains less
    rounding: float = 1e-12  # of a step: coefficients left this small are zero
    # Parts of the diagonal to add, in turn, to a matrix that rounding left indefinite:
    # the least with which it is not (0014).
    more: tuple = (1e-15, 1e-13, 1e-12, 1e-10, 1e-8, 1e-6, 1e-4, 1e-2, 1.0)
    # Mean of a feature over its deviation, up to which second moments are centred by a
    # difference: that loses its square to rounding (0022).
    largest_offset: float = 1e3
    rows: int = 256  # that are held at a time, with all their products (0013)
    mirrored: int = 64  # rows of a triangle that are copied at once


RULES = Rules()


def hessian(f, second, sample=None, negligible=None):
    """Second derivatives of the data part in theta.

    Those of a weighted `sample`, (rows, weights), estimate them. They need not have
    what is `negligible`, (least, totals), as `add_pair_grams` takes these.
    """
    if sample is None and f.n_rows > 1 and by_products(f):
        return hessian_on(f, second, np.arange(f.n_penalised))
    H = _hessian(f, second, sample, negligible=negligible)
    if not f.fit_intercept:
        return np.ascontiguousarray(H[: f.size, : f.size])
    if f.n_rows > 1:
        # A common constant of all classes has no effect; this makes it definite.
        corner = H[f.n_penalised :, f.n_penalised :]
        corner += corner.trace() / f.n_rows
    return H


def _hessian(f, second, sample, features=None, negligible=None):
    """Second derivatives in the features, all or some, and an intercept for each class.

    It is large beside the scores: there is one such matrix at a time.
    """
    K, d = f.n_rows, f.n_features if features is None else len(features)
    first, size = f.design.features_first, K * (d + 1)
    if f.design.only_products:
        H, blocks = np.empty((size, size)), f.hessian_blocks(second)
        grams, sides, corner = _by_pairs(H, K, first)
        grams[:], sides[:] = blocks[:, :, :d, :d], blocks[:, :, :d, d]
        corner[:] = blocks[:, :, d, d]
        return _with_sides(H, K)
    centre = f.mean if f.mean is not None else np.zeros(f.n_features)
    centre = centre if features is None else centre[features]
    if sample is None and features is None and K == 1 and by_products(f):
        return f.design.second_moments(second[:, 0], centre)

    least, totals = (np.empty(0), np.empty(0)) if negligible is None else negligible

    def of_blocks(blocks, share):
        H = np.zeros((size, size))
        for rows, X in blocks:
            _kernels.add_pair_grams(
                f.loss.code,
                X if features is None else np.take(X, features, axis=1),
                centre,
                np.argsort(f.y[rows], kind="stable"),
                np.bincount(f.y[rows], minlength=f.n_classes),
                share[rows],
                second[rows],
                least[rows] if len(least) else least,
                totals,
                *_by_pairs(H, K, first),
            )
        return H

    def of_part(rows):
        return of_blocks(f.design.dense_blocks(rows), f.share)

    if sample is None:
        work = f.n_samples * d * K
        # All results are held at once, beside a block of each thread.
        H = reduce(np.add, f.design.over_parts(of_part, work, 8 * size**2))
    else:
        rows, weights = sample
        share = f.share.copy()
        share[rows] *= weights
        parts = np.array_split(rows, len(rows) // (RULES.rows + d) + 1)
        blocks = ((part, f.design.dense_rows(part, f.dtype)) for part in parts)
        H = of_blocks(blocks, share)
    if K > 1:
        for each in _by_pairs(H, K, first):
            _couple(each)
    return _with_sides(H, K)


def _by_pairs(H, n_rows, features_first):
    """Views of a matrix of second derivatives by pairs of classes: what two features
    have, a feature and an intercept, and two intercepts.
    """
    n_penalised = len(H) - n_rows
    corner, shape = H[n_penalised:, n_penalised:], (n_rows, n_penalised // n_rows)
    of_features, of_sides = (0, 2, 1, 3), (0, 2, 1)
    if features_first:
        shape, of_features, of_sides = shape[::-1], (1, 3, 0, 2), (1, 2, 0)
    grams = H[:n_penalised, :n_penalised].reshape(shape * 2).transpose(of_features)
    sides = H[:n_penalised, n_penalised:].reshape((*shape, n_rows))
    return grams, sides.transpose(of_sides), corner


def _couple(pairs):
    """From what each pair of classes bends to their second derivatives, in place."""
    n_rows = len(pairs)
    for k in range(n_rows):
        pairs[k, :k] += pairs[:k, k]
        pairs[:k, k] = pairs[k, :k]
    total = np.zeros(pairs.shape[1:])
    for k in range(n_rows):
        total += pairs[:, k]
    for k in range(n_rows):  # of all at once NumPy would make a copy
        np.negative(pairs[k], out=pairs[k])
        pairs[k, k] = total[k]


def _with_sides(H, n_rows):
    """Second derivatives whose last rows are those of the intercepts, too."""
    H[-n_rows:, :-n_rows] = H[:-n_rows, -n_rows:].T
    return H


def hessian_on(f, second, chosen, rows=None):
    """`hessian` between some of the penalised coefficients, in order, and all of the
    intercepts; for dense data some rows, drawn with equal chances, may estimate it.
    """
    classes, features = f.coordinates(chosen)
    n_chosen, K = len(chosen), f.n_rows
    if f.design.has_few_products:
        H = f.design.second_moments_on(f.loss, f.y, f.share, second, features, classes)
        if f.mean is not None:
            _centre(H, f.mean[features], classes)
    elif (f.loss.of_slacks and K > 1) or f.design.only_products:
        sample = None if rows is None else (rows, np.ones(len(rows)))
        H = _hessian_by_pairs_on(f, second, features, classes, sample)
        H *= 1.0 if rows is None else f.n_samples / len(rows)
    else:
        H = _dense_hessian_on(f, second, features, classes, rows)
    if not f.fit_intercept:
        return np.ascontiguousarray(H[:n_chosen, :n_chosen])
    if K > 1:
        H[n_chosen:, n_chosen:] += H[n_chosen:, n_chosen:].trace() / K
    return H


def _hessian_by_pairs_on(f, second, features, classes, sample):
    """`hessian_on` by blocks of pairs of classes, for losses of slacks."""
    K, used = f.n_rows, None
    place, n_used = features, f.n_features
    if not f.design.only_products:
        used, place = np.unique(features, return_inverse=True)
        n_used = len(used)
    H = _hessian(f, second, sample, used)
    if f.design.features_first:
        index = place * K + classes
    else:
        index = classes * n_used + place
    index = np.append(index, K * n_used + np.arange(K))
    return H[np.ix_(index, index)]


def _dense_hessian_on(f, second, features, classes, rows):
    """`hessian_on` of the softmax, and of two classes, by dense products."""
    K, size = f.n_rows, len(features) + f.n_rows
    centre = (f.mean if f.mean is not None else np.zeros(f.n_features))[features]
    of_class = np.append(classes, np.arange(K))
    own = [np.flatnonzero(of_class == k) for k in range(K)]
    H = np.zeros((size, size), f.dtype, order="F")
    within = [np.zeros((len(each), len(each)), f.dtype, order="F") for each in own]
    rows = np.arange(f.n_samples) if rows is None else rows
    for part in np.array_split(rows, len(rows) // (RULES.rows + size) + 1):
        p = second[part].astype(f.dtype)
        Z = np.ones((len(part), size), f.dtype)
        Z[:, : len(features)] = f.design.dense_rows(part, f.dtype)[:, features]
        Z[:, : len(features)] -= centre
        if K == 1:
            Z *= np.sqrt(p)
            H = _add_gram(1.0, Z, H)
            continue
        Z *= np.sqrt(f.share[part, None]).astype(f.dtype)
        for k, index in enumerate(own):
            within[k] = _add_gram(1.0, Z[:, index] * np.sqrt(p[:, k, None]), within[k])
        Z *= p[:, of_class]
        H = _add_gram(-1.0, Z, H)
    if K > 1:
        for index, gram in zip(own, within, strict=True):
            H[np.ix_(index, index)] += gram
    H += np.tril(H, -1).T
    return (f.n_samples / len(rows)) * np.ascontiguousarray(H, np.float64)


def _add_gram(sign, Z, total):
    """total + sign * Z.T @ Z, lower triangle, in place."""
    syrk = get_blas_funcs("syrk", (total,))
    return syrk(sign, Z.T, beta=1.0, c=total, lower=1, overwrite_c=1)


def _centre(H, centre, classes):
    """Make features count from a centre in second derivatives with the intercepts."""
    n_chosen = len(centre)
    within, side = H[:n_chosen, :n_chosen], H[:n_chosen, n_chosen:]
    # side[p, l] = sum_i h_i,kl x_ij, and the corner sum_i h_i,kl.
    of_class = np.zeros((side.shape[1], n_chosen))
    of_class[classes, np.arange(n_chosen)] = centre
    within -= side @ of_class
    side -= of_class.T @ H[n_chosen:, n_chosen:]
    within -= of_class.T @ side.T
    H[n_chosen:, :n_chosen] = side.T


def by_products(f):
    """Whether the matrix of second derivatives is summed from single products."""
    few = f.design.has_few_products
    return few and f.largest_offset < RULES.largest_offset


def solve_by_coefficients(f, second, ridge, right):
    """(H + diag(ridge))^-1 right, by a factor of that matrix."""
    return CoefficientSystem(f, f.sum_of(hessian, second), ridge)(f, right)


class CoefficientSystem:
    """(H + diag(ridge))^-1 by a factor of that matrix; H is overwritten.

    All classes have the same ridge. Coefficients that all classes have in common change
    no loss: along those H is zero, and only the ridge is left, which rounding may hide.
    So that part of the system is solved by itself, and gets the mean curvature of the
    classes in the matrix.
    """

    def __init__(self, f, H, ridge):
        self._ridge = ridge
        if f.n_rows > 1:
            share = f.penalised(f.class_mean(_diagonal(H))) / f.n_rows
            f.by_classes(H)[:] += f.feature_values(share)[:, None, None]
        _diagonal(H)[:] += ridge
        self._solve = solver_of_definite(H)

    def __call__(self, f, right):
        """(H + diag(ridge))^-1 right."""
        if f.n_rows == 1:
            return self._solve(right)
        common = f.class_mean(right)
        return common / self._ridge + self._solve(right - common)


def solver_of_definite(matrix):
    """right -> matrix^-1 right, for a positive definite matrix but for rounding.

    The least multiple of its own diagonal is added with which Cholesky's method
    succeeds: that is blind to the units of its rows. The matrix, of which the lower
    triangle counts, has the factor in its upper one.
    """
    diagonal = _diagonal(matrix).copy()
    diagonal = np.maximum(diagonal, np.finfo(float).tiny * max(diagonal.max(), 1.0))
    for more in RULES.more:
        mirror(matrix)
        _diagonal(matrix)[:] = (1.0 + more) * diagonal
        try:
            factor = cho_factor(
                matrix.T, lower=True, overwrite_a=True, check_finite=False
            )
        except LinAlgError:
            continue
        return partial(cho_solve, factor, check_finite=False)
    return lambda right: right / diagonal


def mirror(matrix):
    """Write the lower triangle of a matrix to its upper one."""
    step = RULES.mirrored
    for start in range(0, len(matrix), step):
        stop = start + step
        matrix[start:stop, stop:] = matrix[stop:, start:stop].T
        block = np.tril(matrix[start:stop, start:stop])
        matrix[start:stop, start:stop] = block + np.tril(block, -1).T


def solve_definite(matrix, right):
    """matrix^-1 right, as `solver_of_definite` does."""
    return solver_of_definite(matrix)(right)


def solve_by_pairs(f, second, ridge, right):
    """(H + diag(ridge))^-1 right for the hinges, by few active pairs of a sample and a
    class.

    H is U U^T with one column for each active pair, so that by Woodbury's identity only
    a matrix of that size, I + U^T diag(ridge)^-1 U, has to be factored.
    """
    sample, column = np.nonzero(second)
    scaled = right / ridge
    if len(sample) == 0:
        return scaled
    root = np.sqrt(second[sample, column])
    true = f.y[sample] if f.n_rows > 1 else np.empty(0, np.intp)
    scores = f.scores(scaled, np.float64)
    image = scores[sample, column]
    if f.n_rows > 1:
        image = image - scores[sample, true]
    system = partial(_pair_system, f, sample, true, column, root, ridge)
    try:
        factor = cho_factor(system().T, overwrite_a=True, check_finite=False)
        weights = root * cho_solve(factor, root * image, check_finite=False)
    except LinAlgError:
        weights = root * solve_definite(system(), root * image)
    pull = np.zeros_like(scores)
    pull[sample, column] = weights
    if f.n_rows > 1:
        np.subtract.at(pull, (sample, true), weights)
    return scaled - f.backward(pull) / ridge


def _pair_system(f, sample, true, other, root, ridge):
    """I + U^T diag(ridge)^-1 U, lower triangle."""
    first = np.diff(sample, prepend=-1) > 0
    rows, place = sample[first], np.cumsum(first) - 1
    ends = np.append(np.flatnonzero(first), len(sample))
    by_feature = 1.0 / f.feature_values(f.penalised(ridge))
    system = np.empty((len(sample), len(sample)))

    def write(start):
        stop = min(start + RULES.rows, len(rows))
        gram = f.design.gram(rows[start:stop], rows[:stop], by_feature, f.mean)
        if f.fit_intercept:
            gram += 1.0 / f.intercepts(ridge)[0]
        pairs = np.arange(ends[start], ends[stop])
        _kernels.pair_system(gram, start, pairs, place, true, other, root, system)

    # The last ones have most to do.
    f.design.share_out(write, range(0, len(rows), RULES.rows)[::-1])
    return system


def _diagonal(matrix):
    """A view of the diagonal."""
    return np.einsum("ii->i", matrix)


def minimize_quadratic(H, gradient, w, penalty, ridge):
    """Minimise gradient @ d + d @ (H + diag(ridge)) @ d / 2 + R(w + d) over d.

    R is the penalty of the leading len(w) coordinates.

    Returns
    -------
    move, landing : ndarrays
        d, and the leading coordinates of w + d with exact zeros.
    """
    if not penalty.is_uniform:
        return _minimize_weighted(H, gradient, w, penalty, ridge)
    elementwise = isinstance(penalty, ElasticNet)
    minimize = _minimize_elementwise if elementwise else _minimize_grouped
    return minimize(H, gradient, w, penalty, ridge)


def _minimize_weighted(H, gradient, w, penalty, ridge):
    """`minimize_quadratic` for a penalty with a weight for each coefficient.

    The coefficients are multiplied by their weights; those of weight zero, which no
    penalty holds, come after the others, beside the intercepts.
    """
    held = np.flatnonzero(penalty.weights > 0.0)
    rest = np.flatnonzero(penalty.weights == 0.0)
    order = np.concatenate([held, rest, np.arange(len(w), len(gradient))])
    weights = penalty.weights[held]
    unit = np.append(weights, np.ones(len(gradient) - len(held)))
    # The L2 part goes to the quadratic.
    gradient, ridge = gradient.copy(), ridge.copy()
    gradient[: len(w)] += penalty.smooth_gradient(w)
    ridge[: len(w)] += penalty.curvature
    move, landing = np.empty(len(gradient)), w.copy()
    of_held, landed = minimize_quadratic(
        H[np.ix_(order, order)] / np.multiply.outer(unit, unit),
        gradient[order] / unit,
        weights * w[held],
        replace(penalty.base, alpha=penalty.l1, l1_ratio=1.0),
        ridge[order] / unit**2,
    )
    move[order] = of_held / unit
    landing[held] = landed / weights
    landing[rest] += move[rest]
    return move, landing


def _minimize_elementwise(H, gradient, w, penalty, ridge):
    """Coordinate descent finds the signs, and a linear system on the support goes on
    from there, up to the first sign that it would change.
    """
    l1, l2 = penalty.l1, penalty.l2
    move, landing = np.zeros(len(gradient)), w.copy()
    curvature = ridge.copy()
    curvature[: len(w)] += l2
    reached = -np.inf
    for _ in range(RULES.rounds):
        if _kernels.quadratic_descent(
            H, gradient, w, l1, l2, ridge, RULES.sweeps, RULES.sweep_tol, move, landing
        ):
            break
        support = np.ones(len(gradient), dtype=bool)
        support[: len(w)] = landing != 0.0
        slope = gradient + H @ move + ridge * move
        fall = (
            penalty.value(w) - penalty.value(landing) - 0.5 * move @ (gradient + slope)
        )
        if fall - reached <= RULES.rest * fall:
            break
        slope[: len(w)] += l2 * landing + l1 * np.sign(landing)
        system = H[np.ix_(support, support)]
        _diagonal(system)[:] += curvature[support]
        step = np.zeros(len(gradient))
        step[support] = -solve_definite(system, slope[support])
        step, more = _stop_at_zero(H, slope, curvature, landing, step)
        move += step
        landing += step[: len(w)]
        landing[np.abs(landing) <= RULES.rounding * np.abs(step[: len(w)])] = 0.0
        move[: len(w)][landing == 0.0] = -w[landing == 0.0]
        reached = fall + more
    return move, landing


def _stop_at_zero(H, slope, curvature, landing, step):
    """The step, with coordinates that would change their sign ending at zero, and by
    how much the quadratic then falls.

    The step is halved until the quadratic falls. If it never does, the step ends where
    the first coordinate meets zero, and another round follows in any case.
    """
    leading = step[: len(landing)]
    ends = (landing != 0.0) & ((landing + leading) * landing <= 0.0)
    if not ends.any():
        return step, -0.5 * (slope @ step)
    for halvings in range(RULES.halvings):
        part = 0.5**halvings * step
        leading = part[: len(landing)]
        crossing = (landing != 0.0) & ((landing + leading) * landing <= 0.0)
        leading[crossing] = -landing[crossing]
        change = slope @ part + 0.5 * (part @ (H @ part) + curvature @ (part * part))
        if change < 0.0:
            return part, -change
    return (-landing[ends] / step[: len(landing)][ends]).min() * step, -np.inf


def _minimize_grouped(H, gradient, w, penalty, ridge):
    """Descent on the groups finds those that are zero, and Newton's method on the
    others goes on from there.
    """
    size, n_penalised = len(gradient), len(w)
    groups = np.ascontiguousarray(penalty.groups(np.arange(n_penalised)))
    parts = H[groups[:, :, None], groups[:, None, :]]
    values, vectors = np.linalg.eigh(parts)
    values = np.maximum(values, 0.0)
    move, landing = np.zeros(size), w.copy()

    def rise(move, landing):
        bent = H @ move + ridge * move
        return gradient @ move + 0.5 * (move @ bent) + penalty.value(landing)

    for _ in range(RULES.rounds):
        if _kernels.grouped_descent(
            H,
            gradient,
            groups,
            values,
            vectors,
            w,
            penalty.l1,
            penalty.l2,
            ridge,
            RULES.sweeps,
            RULES.sweep_tol,
            move,
            landing,
        ):
            break
        support = np.ones(size, dtype=bool)
        support[:n_penalised] = penalty.pulls(landing) != 0.0
        slope = gradient + H @ move + ridge * move
        slope[:n_penalised] += penalty.gradient(landing)
        system = H[np.ix_(support, support)]
        _diagonal(system)[:] += ridge[support]
        place = np.cumsum(support) - 1
        for group in groups[support[groups[:, 0]]]:
            u, index = landing[group], place[group]
            system[np.ix_(index, index)] += penalty.bend_of_group(u)
        step = np.zeros(size)
        step[support] = -solve_definite(system, slope[support])
        before = rise(move, landing)
        for halvings in range(RULES.halvings):
            part = 0.5**halvings * step
            moved, landed = move + part, landing + part[:n_penalised]
            if rise(moved, landed) < before:
                move, landing = moved, landed
                break
    return move, landing
