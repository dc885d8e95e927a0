"""The model without coefficients: its intercept, and where L1 leaves no other."""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from sklearn.utils.sparsefuncs import min_max_axis

from ._blas import one_blas_thread
from ._design import design_of
from ._penalty import ElasticNet
from ._solvers import SOLVERS
from ._solvers._registry import RULES as LIMITS


@dataclass(frozen=True)
class Rules:
    """What counts as rounding, and limits of loops and of the linear program."""

    # -- alpha_max, at which no coefficient may enter --------------------------------
    rounding: float = 1e-9  # relative, added to it
    rounding_of_lp: float = 1e-6  # the same after a linear program
    nothing: float = 1e-13  # what rounding leaves of a sum that is zero, of its terms
    kink: float = 1e-9  # slack, in margins, up to which a hinge is at its kink
    most_kinks: int = 20000  # variables of the linear program
    lp_rounds: int = 50  # linear programs with more and more constraints
    lp_rows: int = 50  # coefficients whose constraints a round adds
    # -- intercepts without coefficients ---------------------------------------------
    intercept_steps: int = 50  # iterations, and halvings of a step
    free_steps: int = 1000  # iterations, with coefficients that are not penalised
    free_tol: float = 1e-8  # of their slopes, over those at zero
    tie: float = 1e-12  # relative difference of equal costs
    width: float = 1.0 / 64.0  # in margins, of the smoothed hinge
    least_bend: float = 1e-9  # ridge of the Hessian, over the masses of the classes
    negligible: float = 1e-15  # predicted descent over the value that ends the steps


RULES = Rules()


class Totals(NamedTuple):
    """Sums over samples that the empty model, and where it ends, depend on.

    Attributes
    ----------
    mass : ndarray of shape (n_classes,)
        Sum of the weights of each class.
    sums : ndarray of shape (n_classes, n_features)
        Weighted sums of the samples of each class.
    low, high : ndarrays of shape (n_features,)
        Range of each feature.
    """

    mass: np.ndarray
    sums: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @staticmethod
    def of(X, codes, weight, n_classes):
        """Those of some samples."""
        n = len(codes)
        shape = n_classes, n
        of_class = sparse.csr_matrix((weight, (codes, np.arange(n))), shape)
        low, high = (
            min_max_axis(X, axis=0)
            if sparse.issparse(X)
            else (X.min(axis=0), X.max(axis=0))
        )
        mass = np.bincount(codes, weights=weight, minlength=n_classes)
        return Totals(mass, _dense(of_class @ X), low, high)

    @staticmethod
    def pool(several):
        """Those of all samples from those of disjoint ones."""
        mass, sums, low, high = zip(*several, strict=True)
        return Totals(sum(mass), sum(sums), np.min(low, axis=0), np.max(high, axis=0))


def best_intercept(objective):
    """The best intercept without coefficients, of an objective that has one.

    Returns
    -------
    intercept : ndarray of shape (n_rows,)
        Its sum is zero for three or more classes.
    """
    f = objective
    mass = f.class_mass()
    if has_kinks(f.loss):
        return _levels_of_rows(best_levels(mass), f.loss.delta)
    b = f.loss.best_scores(mass)
    if b is not None:
        return b[1:] - b[:1] if f.n_rows == 1 else b - b.mean()
    from ._certificate import Certifier
    from ._solvers._common import Options, Progress

    alone = _one_sample_a_class(mass, f.loss, fit_intercept=True)
    # Few coefficients are Newton's, where the loss is one that it knows.
    solver = "newton" if f.loss.code is not None else "gd"
    options = Options(tol=0.0, max_iter=RULES.intercept_steps)
    solve, zero = SOLVERS[solver].solve, np.zeros(alone.size)
    progress = Progress(solver, options)
    theta = solve(alone, zero, Certifier(alone), options, progress).theta
    b = alone.intercepts(theta)
    return b - b.mean() * (f.n_rows > 1)


def loss_without_coefficients(mass, loss, fit_intercept, intercept=None):
    """The mean loss of the best model that has no coefficients.

    `mass` is the sum of the weights of each class, and `intercept` the intercept of
    that model, where it is known.
    """
    alone = _one_sample_a_class(mass, loss, fit_intercept)
    theta = np.zeros(alone.size)
    if fit_intercept:
        known = intercept is not None
        alone.intercepts(theta)[:] = intercept if known else best_intercept(alone)
    return alone.loss_value(alone.scores(theta))


def has_kinks(loss):
    """Whether it is the hinge, whose best intercepts are found as a flow."""
    return loss.of_slacks and not loss.smooth


def _levels_of_rows(levels, delta):
    """Intercepts of the rows from levels of the classes."""
    rows = levels[1:] - levels[:1] if len(levels) == 2 else levels - levels.mean()
    return delta * rows


def _one_sample_a_class(mass, loss, fit_intercept):
    """The objective without coefficients: the samples of a class are one sample."""
    from ._objective import Objective

    return Objective(
        design_of(np.zeros((len(mass), 1))),
        np.arange(len(mass)),
        mass,
        loss=loss,
        penalty=ElasticNet(1.0, 0.0),
        n_classes=len(mass),
        fit_intercept=fit_intercept,
        dtype=np.float64,
        centre=False,
    )


@one_blas_thread
def alpha_max(
    problem, loss, l1_ratio, fit_intercept, grouped=False, factor=None
):  # fmt: skip
    """The smallest strength at which every penalised coefficient is zero.

    Parameters
    ----------
    problem : Problem
    loss : sklearn_linloss._losses.Loss
    l1_ratio : float
    fit_intercept : bool
    grouped : bool
        Whether the coefficients of a feature are zero together. For the hinge the
        result may then be larger.
    factor : array-like of shape (n_features,), optional
        The factors of the features.

    Returns
    -------
    alpha_max : float
        For ``l1_ratio=0`` that of the pure L1 penalty.
    intercept : ndarray of shape (n_rows,)
        The best intercept without coefficients; None where some are not penalised.

    Raises
    ------
    ValueError
        If it is not known.
    """
    if factor is not None:
        factor = np.asarray(factor, dtype=np.float64)
        held = np.flatnonzero(factor > 0.0)
        free = problem.X[:, np.flatnonzero(factor == 0.0)]
        problem = _with_columns(problem, held, 1.0 / factor[held])
        if len(held) == 0:
            return 0.0, None
        if free.shape[1]:
            grouped &= problem.n_classes > 2
            largest = _alpha_max_beside(free, problem, loss, fit_intercept, grouped)
            return largest / (l1_ratio or 1.0), None
    samples = problem.X, problem.codes, problem.weight
    totals = Totals.of(*samples, problem.n_classes)
    kinks = partial(_Kinks, *samples)
    return alpha_max_of(totals, loss, l1_ratio, fit_intercept, grouped, kinks)


def alpha_max_of(totals, loss, l1_ratio, fit_intercept, grouped=False, kinks=None):
    """The same from sums over samples.

    Parameters
    ----------
    totals : Totals
    loss, l1_ratio, fit_intercept, grouped
        As `alpha_max` takes them.
    kinks : callable, default=None
        Which pairs of classes have kinks -> `_Kinks` of the samples. Without the
        samples the result for the hinge may be larger.

    Returns
    -------
    alpha_max, intercept
        As `alpha_max` returns them.
    """
    if not (loss.smooth or has_kinks(loss)):
        raise ValueError(
            f"It is not known where a path with loss={loss.name!r} begins: give alphas."
        )
    grouped &= len(totals.mass) > 2
    if has_kinks(loss):
        kinks = kinks if l1_ratio > 0.0 and not grouped else None
        largest, b = _alpha_max_of_hinge(totals, loss, fit_intercept, grouped, kinks)
    else:
        largest, b = _alpha_max_of_others(totals, loss, fit_intercept, grouped)
    return largest / (l1_ratio or 1.0), b


def _with_columns(problem, columns, scale):
    """The problem on some columns of X, multiplied by numbers."""
    X = problem.X[:, columns].astype(np.float64)
    X = X @ sparse.diags(scale) if sparse.issparse(X) else X * scale
    return replace(problem, X=X.tocsr() if sparse.issparse(X) else X)


def _alpha_max_beside(free, problem, loss, fit_intercept, grouped):
    """The same for ``l1_ratio=1``, where the columns `free` are not penalised."""
    if has_kinks(loss):
        raise ValueError(
            "alphas must be a list for the hinge if penalty_factor has zeros: the "
            "largest strength of the path cannot be computed."
        )
    from ._certificate import Certifier
    from ._objective import Objective
    from ._solvers._common import Options, Progress

    f = Objective(
        design_of(free if sparse.issparse(free) else np.ascontiguousarray(free)),
        problem.codes,
        problem.weight,
        loss=loss,
        penalty=ElasticNet(0.0, 0.0),
        n_classes=problem.n_classes,
        fit_intercept=fit_intercept,
        dtype=np.float64,
    )
    newton = loss.code is not None and f.size <= LIMITS.newton_largest
    solver = "newton" if newton else "gd"
    options = Options(tol=RULES.free_tol, max_iter=RULES.free_steps)
    progress = Progress(solver, options)
    solve, zero = SOLVERS[solver].solve, np.zeros(f.size)
    theta = solve(f, zero, Certifier(f), options, progress).theta
    _, pull = f.loss_gradient(f.scores(theta))
    totals = Totals.of(problem.X, problem.codes, problem.weight, problem.n_classes)
    mass_of_pull = np.abs(pull).sum(axis=0).max()
    slopes = _dense((problem.X.T @ pull).T)
    largest = _largest_slope(slopes, totals, mass_of_pull, grouped)
    return largest * (1.0 + RULES.rounding_of_lp)


def _alpha_max_of_others(totals, loss, fit_intercept, grouped):
    """The same for ``l1_ratio=1``, where the loss has a gradient."""
    mass = totals.mass
    f = _one_sample_a_class(mass, loss, fit_intercept)
    b = best_intercept(f) if fit_intercept else np.zeros(f.n_rows)
    _, pull = f.loss_gradient(np.tile(b, (len(mass), 1)))
    means = totals.sums / mass[:, None]
    if fit_intercept:
        # The pulls on the best intercept have sum zero: the features may be centred.
        means -= mass @ means / mass.sum()
    mass_of_pull = np.abs(pull).sum(axis=0).max()
    largest = _largest_slope(pull.T @ means, totals, mass_of_pull, grouped)
    return largest * (1.0 + RULES.rounding), b


def _largest_slope(slopes, totals, mass, grouped):
    """The largest of slopes (n_rows, n_features) that are sums over samples, or the
    largest length of those of a feature, where they are grouped.

    It is 0 where all of them may be what rounding left of terms of weight `mass`: of
    constant features, or of classes whose means are equal.
    """
    size = np.abs(slopes)
    farthest = np.maximum(np.abs(totals.low), np.abs(totals.high))
    least = RULES.nothing * mass * farthest
    size[size <= least] = 0.0
    return float((np.linalg.norm(size, axis=0) if grouped else size).max(initial=0.0))


def _alpha_max_of_hinge(totals, loss, fit_intercept, grouped, kinks):
    """The same for the hinge, whose slope at zero is not unique.

    The best dual variables of the empty model are a face of their domain; alpha_max is
    the smallest max-norm of their pull on the coefficients, a linear program over the
    samples whose hinges have a kink there. Where those are None, as without an L1 part,
    any point of the face does. With more than `RULES.most_kinks` free variables the
    result may be larger, of a point of the face that is not the best.
    """
    total = totals.mass.sum()
    mass, sums = totals.mass / total, totals.sums / total
    K = len(mass)
    b, flows = np.zeros(K), mass[:, None] * (1.0 - np.eye(K))
    if fit_intercept:
        b = best_levels(mass)
        flows = best_flows(mass, b)
        # As much flows into a class as out of it: the features may be centred.
        sums = sums - np.outer(mass, sums.sum(axis=0))

    def pull_of(flows):
        share = flows / mass[:, None]
        return (share.T - np.diag(share.sum(axis=1))) @ sums

    largest = _largest_slope(pull_of(flows), totals, 2.0 * flows.sum(), grouped)
    slack = 1.0 + b - b[:, None]
    np.fill_diagonal(slack, -1.0)
    at_kinks = np.abs(slack) <= RULES.kink
    solvable = 0 < np.count_nonzero(at_kinks) <= RULES.most_kinks
    if largest > 0.0 and solvable and kinks is not None:
        settled = np.where(at_kinks, 0.0, flows)
        free = kinks(at_kinks)
        largest = _smallest_pull(free, flows, settled, mass, pull_of(settled))
    return largest * (1.0 + RULES.rounding_of_lp), _levels_of_rows(b, loss.delta)


def best_levels(mass):
    """Best intercepts of the hinge with unit margin and no features.

    They minimise sum_k mass_k sum_{j != k} max(0, 1 + b_j - b_k). Some of the best are
    whole numbers (the dual is a flow), rise with the mass (by exchange), and leave no
    level out. So they cut the classes, sorted by mass, into levels. A cut costs the
    mass below it times the number of classes above, and a class costs its mass times
    the lighter ones on its level: the best cuts are found by dynamic programming.

    Parameters
    ----------
    mass : ndarray of shape (n_classes,)
        Sum of the weights of each class.

    Returns
    -------
    b : ndarray of shape (n_classes,)
        With the fewest levels among the best.
    """
    K = len(mass)
    order = np.argsort(mass, kind="stable")
    places = np.arange(K + 1)
    below = np.r_[0.0, np.cumsum(mass[order])]
    by_place = np.r_[0.0, np.cumsum(places[:-1] * mass[order])]
    cost_of_cut = below * (K - places)
    cost, n_levels, begin = np.zeros(K + 1), np.zeros(K + 1, int), np.zeros(K + 1, int)
    for end in range(1, K + 1):
        # The last level has the classes from one of these places to the end.
        start = places[:end]
        level = by_place[end] - by_place[start] - start * (below[end] - below[start])
        total = cost[start] + cost_of_cut[start] + level
        best = np.flatnonzero(total <= total.min() * (1.0 + RULES.tie))
        begin[end] = best[np.argmin(n_levels[best])]
        cost[end] = total[begin[end]]
        n_levels[end] = n_levels[begin[end]] + 1
    b, end = np.empty(K), K
    while end > 0:
        b[order[begin[end] : end]] = n_levels[end] - 1
        end = begin[end]
    return b


def best_flows(mass, b):
    """Best dual variables of the same problem, summed over each pair of classes.

    They are a circulation between the classes, of up to ``mass[k]`` from class k to
    each other, and of the largest sum. Among the best these are the limit of those of
    the hinge smoothed by an exponential, which Newton's method finds.

    Parameters
    ----------
    mass : ndarray of shape (n_classes,)
        Sum of the weights of each class; together 1.
    b : ndarray of shape (n_classes,)
        Best intercepts.

    Returns
    -------
    flows : ndarray of shape (n_classes, n_classes)
    """
    value, flows, bend = _smooth_flows(mass, b)
    free = np.arange(len(mass)) != np.argmax(mass)
    for _ in range(RULES.intercept_steps):
        slope = flows.sum(axis=0) - flows.sum(axis=1)
        hessian = -bend - bend.T
        # The ridge holds classes that no kink is near, where the Hessian is zero.
        np.fill_diagonal(hessian, -hessian.sum(axis=1) + RULES.least_bend * mass)
        step = np.zeros_like(b)
        try:
            step[free] = -np.linalg.solve(hessian[np.ix_(free, free)], slope[free])
        except np.linalg.LinAlgError:  # a mass that is next to nothing
            break
        step /= max(1.0, np.abs(step).max())
        is_last = -(slope @ step) <= RULES.negligible * value
        for _ in range(RULES.intercept_steps):
            trial = _smooth_flows(mass, b + step)
            if trial[0] <= value * (1.0 + RULES.tie):
                break
            step *= 0.5
        else:
            break
        b = b + step
        value, flows, bend = trial
        if is_last:
            break
    return flows


def _smooth_flows(mass, b):
    """Value, dual variables and second derivatives, by pairs, of the smooth hinge."""
    slack = (1.0 + b - b[:, None]) / RULES.width
    np.fill_diagonal(slack, -np.inf)
    e = np.exp(-np.abs(slack))
    share = 1.0 / (1.0 + e)
    flows = mass[:, None] * np.where(slack > 0.0, share, e * share)
    value = mass @ (np.log1p(e) + np.maximum(slack, 0.0)).sum(axis=1)
    return RULES.width * float(value), flows, mass[:, None] * e * share**2 / RULES.width


def _dense(matrix):
    return matrix.toarray() if sparse.issparse(matrix) else matrix


class _Kinks:
    """The dual variables of the hinge that the best intercepts leave free.

    Each belongs to a sample of class `source` and a class `target`. Where there are too
    many for a linear program, samples of a class that follow each other share theirs.
    """

    def __init__(self, X, codes, weight, kinks):
        source, target = np.nonzero(kinks)
        size = np.bincount(codes)
        most = max(RULES.most_kinks // len(source), 1)
        n_groups = np.minimum(size, most)
        first = np.cumsum(n_groups) - n_groups
        order = np.argsort(codes, kind="stable")
        place = np.empty(len(codes), int)
        place[order] = np.arange(len(codes)) - np.repeat(np.cumsum(size) - size, size)
        self._group = first[codes] + place * n_groups[codes] // size[codes]
        count = n_groups[source]
        self._source, self._target = source.repeat(count), target.repeat(count)
        begin = np.cumsum(count) - count
        self.n = count.sum()
        self._group_of_kink = (
            first[source].repeat(count) + np.arange(self.n) - begin.repeat(count)
        )
        self._X, self._weight, self._n_classes = X, weight / weight.sum(), len(kinks)
        self._mean = self._weight @ X

    def _row(self, k, values):
        """What each of them, at 1, adds to class k; values are those of samples."""
        total = np.bincount(self._group, weights=self._weight * values)
        sign = (self._target == k).astype(float) - (self._source == k)
        return sparse.csr_matrix(sign * total[self._group_of_kink])

    def balance(self):
        """What they add to the classes, of shape (n_classes, n)."""
        ones = np.ones(len(self._weight))
        return sparse.vstack([self._row(k, ones) for k in range(self._n_classes)])

    def pulls(self, k, feature):
        """What they add to the pull on a coefficient, with the feature centred."""
        column = _dense(self._X[:, [feature]])
        return self._row(k, column.ravel() - self._mean[feature])

    def pull(self, a):
        """The pull of them all, of shape (n_classes, n_features)."""
        shape = (self._group.max() + 1, self._n_classes)
        places = np.r_[self._target, self._source]
        groups = np.r_[self._group_of_kink, self._group_of_kink]
        moves = sparse.csr_matrix((np.r_[a, -a], (groups, places)), shape)
        moves = moves[self._group].multiply(self._weight[:, None]).tocsr()
        pull = _dense(moves.T.tocsr() @ self._X)
        return pull - np.outer(moves.sum(axis=0), self._mean)

    def fractions(self, flows, mass):
        """Their values where all samples of a class have the same."""
        return (flows / mass[:, None])[self._source, self._target]


def _smallest_pull(kinks, flows, settled, mass, pull):
    """The smallest max-norm of the pull, over the dual variables at kinks.

    A linear program with a growing set of constraints: those of the coefficients that
    an earlier solution pulled most.
    """
    K, d = pull.shape
    size = np.abs(pull + kinks.pull(kinks.fractions(flows, mass)))
    # The unit: a bound on the result.
    unit = largest = size.max()
    balance = sparse.hstack([kinks.balance(), np.zeros((K, 1))])
    lack = settled.sum(axis=1) - settled.sum(axis=0)
    taken, rows, right = set(), [], []
    for _ in range(RULES.lp_rounds):
        for place in np.argsort(-size, axis=None)[: RULES.lp_rows]:
            k, feature = divmod(int(place), d)
            if (k, feature) in taken:
                continue
            taken.add((k, feature))
            row = kinks.pulls(k, feature) / unit
            rows += [sparse.hstack([row, [[-1.0]]]), sparse.hstack([-row, [[-1.0]]])]
            right += [-pull[k, feature] / unit, pull[k, feature] / unit]
        solution = linprog(
            np.r_[np.zeros(kinks.n), 1.0],
            A_ub=sparse.vstack(rows),
            b_ub=right,
            A_eq=K * balance,
            b_eq=K * lack,
            bounds=[(0.0, 1.0)] * kinks.n + [(0.0, None)],
        )
        if solution.status != 0:
            break
        size = np.abs(pull + kinks.pull(solution.x[:-1]))
        largest = min(largest, size.max())
        if size.max() <= unit * (solution.x[-1] + RULES.rounding_of_lp):
            break
    return largest
