"""The regularisation path: one data set, falling strengths, warm starts."""

import warnings
from dataclasses import dataclass, replace
from math import prod
from numbers import Real

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.sparsefuncs import min_max_axis
from sklearn.utils.validation import check_X_y

from ._base import Fit, leave_out_empty
from ._compat import check_sample_weight
from ._softmax import SoftmaxClassifier
from ._solvers._common import Progress
from ._svm import SVMClassifier

# alpha_max is rounded, and must not let a coefficient in.
_ROUNDING, _ROUNDING_OF_LP = 1e-9, 1e-6
_NOTHING = 1e-13  # what a sum is left with by rounding, of its terms
_KINK = 1e-9
_MOST_KINKS, _LP_ROUNDS, _LP_ROWS = 20000, 50, 50
_INTERCEPT_STEPS = 50
# Of the intercepts of the hinge alone: equal costs, relative; the width of its smooth
# form, of the margin; the least curvature, of the mass; a decrease, relative.
_TIE, _WIDTH, _LEAST_BEND, _NEGLIGIBLE = 1e-12, 1.0 / 64.0, 1e-9, 1e-15
_POINTS = 3


@dataclass(frozen=True)
class LinearPath:
    """Models along a path of strengths, each with its certificate.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, falling.
    coefs : ndarray of shape (n_alphas, n_classes, n_features)
        Coefficients; of shape (n_alphas, 1, n_features) for two classes.
    intercepts : ndarray of shape (n_alphas, n_classes)
        Intercepts; of shape (n_alphas, 1) for two classes.
    objectives : ndarray of shape (n_alphas,)
        The objective at each model.
    gaps : ndarray of shape (n_alphas,)
        Its relative duality gap.
    n_iters : ndarray of shape (n_alphas,)
        Iterations made from the model before it.
    classes : ndarray of shape (n_classes,)
        The labels.
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    objectives: np.ndarray
    gaps: np.ndarray
    n_iters: np.ndarray
    classes: np.ndarray


def linear_path(
    X,
    y,
    *,
    loss="softmax",
    delta=1.0,
    l1_ratio=0.0,
    alphas=30,
    eps=1e-3,
    sample_weight=None,
    **params,
):
    """Fit models along a path of strengths, each started from the one before.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data.
    y : array-like of shape (n_samples,)
        Class labels.
    loss : {"softmax", "hinge", "squared_hinge"}, default="softmax"
        The loss.
    delta : float, default=1.0
        Margin of the hinges.
    l1_ratio : float, default=0.0
        Mix of the penalty, as in :class:`SoftmaxClassifier`.
    alphas : int or array-like of shape (n_alphas,), default=30
        The strengths, or how many of them, spaced evenly in the logarithm from
        `alpha_max`, the smallest that makes every coefficient zero, down to
        ``eps * alpha_max``. Without an L1 part no strength does that, and the path
        begins where that of the pure L1 penalty does. Where every coefficient is zero
        at any strength (constant features), it begins at 1. For the hinge on large
        data (more than 20000 pairs of a sample and a class whose hinge has a kink at
        zero) `alpha_max` is a bound from above.
    eps : float, default=1e-3
        Length of a path that is not given.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    **params
        Other parameters of :class:`SVMClassifier` or :class:`SoftmaxClassifier`.

    Returns
    -------
    path : LinearPath
        The models, by falling strength.

    Raises
    ------
    ValueError
        If a parameter or the data are invalid, or if strengths are needed.

    See Also
    --------
    sklearn.linear_model.enet_path : The same for regression.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import linear_path
    >>> X, y = load_iris(return_X_y=True)
    >>> path = linear_path(X - X.mean(axis=0), y, l1_ratio=1.0, alphas=4)
    >>> [int((W != 0.0).sum()) for W in path.coefs]
    [0, 2, 4, 6]
    """
    if "alpha" in params:
        raise TypeError("A path has many strengths: give alphas, not alpha.")
    if loss not in ("softmax", "hinge", "squared_hinge"):
        raise ValueError(
            f"loss must be 'softmax', 'hinge' or 'squared_hinge', got {loss!r}."
        )
    if loss == "softmax":
        model = SoftmaxClassifier(l1_ratio=l1_ratio, **params)
    else:
        model = SVMClassifier(loss, delta=delta, l1_ratio=l1_ratio, **params)
    if model.early_stopping:
        raise ValueError("early_stopping=True is not supported along a path.")
    model._validate_params()
    if np.ndim(alphas) == 0:
        check_count(alphas, eps)
    else:
        alphas = check_strengths(alphas)
        if alphas.ndim > 1:
            raise ValueError(f"alphas must be one list, got the shape {alphas.shape}.")
    X, y = model._check_data(X, y)
    weight = model._check_weight(sample_weight, X)
    X, codes, classes, weight, _ = model._weigh(X, y, weight)
    start = None
    if np.ndim(alphas) == 0:
        largest, intercept = _alpha_max(model, X, codes, weight, len(classes))
        alphas = strengths(largest, alphas, eps)
        start = intercept if model.fit_intercept else None
    alphas = np.sort(alphas)[::-1]
    follower = PathFollower(model, X, codes, weight, len(classes))
    if start is not None:
        follower.start(start)
    fits = []
    for alpha in alphas:
        model.set_params(alpha=float(alpha))
        fits.append(follower.fit())
        fits[-1].dual = None  # as large as the scores of all samples
    warn_of_gaps(fits, model)
    return LinearPath(
        alphas,
        *(
            np.array([getattr(fit, name) for fit in fits])
            for name in ("coef", "intercept", "objective", "gap", "n_iter")
        ),
        classes=classes,
    )


def check_strengths(alphas):
    """Given strengths as an array of float64.

    Raises
    ------
    ValueError
        If there are none, or if one is not a number that a penalty can have.
    """
    array = np.asarray(alphas, dtype=np.float64)
    if array.size == 0:
        raise ValueError("alphas is empty: give at least one strength, or a number.")
    if not (np.isfinite(array) & (array >= 0.0)).all():
        raise ValueError(f"alphas must be finite and not negative, got {alphas}.")
    return array


def check_count(alphas, eps):
    """See to it that a path of so many strengths, of such a length, can be made.

    Raises
    ------
    ValueError
        If it cannot.
    """
    if not isinstance(alphas, Real) or not alphas >= 1 or alphas % 1 != 0:
        raise ValueError(
            f"alphas must be a positive number of strengths or a list, got {alphas!r}."
        )
    if not 0.0 < eps < 1.0:
        raise ValueError(f"eps must be between 0 and 1, got {eps}.")


def strengths(largest, count, eps):
    """`count` strengths from the largest down to `eps` of it.

    Where every coefficient is zero at any strength, `largest` is 0 and they start at 1.
    """
    return np.geomspace(largest or 1.0, eps * (largest or 1.0), int(count))


class PathFollower:
    """Fits one data set at falling strengths, each from what the last ones say of it.

    The model is predicted on a parabola, or else a line, in the logarithm of `alpha`; a
    prediction that is no better than the last model is not used. The dual variables of
    the hinge are a multiple of the last ones.

    Parameters
    ----------
    model : SVMClassifier or SoftmaxClassifier
        Whose parameters, as they are at each fit, are those of the fit.
    X, codes, weight, n_classes
        The data as `model._weigh` returns them.
    """

    def __init__(self, model, X, codes, weight, n_classes):
        self._model = model
        self._n_features = X.shape[1]
        X, columns = leave_out_empty(X)
        self._data = X, codes, weight, n_classes, columns
        self._options = model._options()
        self._objectives = {}
        self._known = []  # (log alpha, coef, intercept, dual), the last one last

    def start(self, intercept):
        """Start from an intercept without coefficients."""
        coef = np.zeros((len(intercept), self._n_features))
        self._known = [(np.inf, coef, intercept, None)]

    def forget(self):
        """Make the next fit on its own."""
        self._known = []

    def fit(self):
        """The fit at the model's present parameters.

        Returns
        -------
        fit : Fit
        """
        model = self._model
        X, _, _, n_classes, _ = self._data
        n_rows = 1 if n_classes == 2 else n_classes
        solver = model._choose_solver(X.shape, n_rows)
        if solver not in self._objectives:
            self._objectives[solver] = model._solver_objective(solver, *self._data)
        f = self._objectives[solver].with_penalty(model._penalty(), model._delta())
        log_alpha = np.log(model.alpha) if model.alpha > 0.0 else -np.inf
        theta, dual = self._predict(f, log_alpha)
        options = replace(self._options, dual=dual)
        progress = Progress(solver, options.verbose, options.n_iter_no_change)
        fit = Fit(f, solver, theta, options, progress)
        before = [(*known[:-1], None) for known in self._known[1 - _POINTS :]]
        dual = None if f.loss.smooth else fit.dual
        self._known = [*before, (log_alpha, fit.coef, fit.intercept, dual)]
        return fit

    def _predict(self, f, log_alpha):
        """Where to start: theta, and pi_i * a_i or None."""
        if not self._known:
            return np.zeros(f.size), None
        *_, (_, coef, intercept, dual) = self._known
        theta = f.pack(coef, intercept)
        path = [fit for fit in self._known if log_alpha < fit[0] < np.inf]
        if len(path) > 1 and log_alpha > -np.inf:
            value = f.value(theta)
            for first in range(len(path) - 1):
                prediction = f.pack(*_extrapolate(path[first:], log_alpha))
                if f.value(prediction) < value:
                    theta = prediction
                    break
        if dual is None:
            return theta, None
        return theta, dual * _multiple(f, dual, theta)


def _extrapolate(path, target):
    """Coefficients and intercept on the polynomial through those of a path."""
    places = {place for place, *_ in path}
    shares = [
        prod((target - other) / (place - other) for other in places - {place})
        for place, *_ in path
    ]
    _, coefs, intercepts, _ = zip(*path, strict=True)
    return np.tensordot(shares, coefs, 1), np.tensordot(shares, intercepts, 1)


def _multiple(f, dual, theta):
    """What part of pi_i * a_i pulls most like the penalty at a model.

    At the optimum the two are equal, where coefficients are not zero.
    """
    w = f.weights(theta)
    pull = np.where(w != 0.0, f.weights(f.backward(dual)), 0.0)
    slope = f.penalty.l2 * w + f.penalty.l1 * np.sign(w)
    square = pull @ pull
    return min(max(-(pull @ slope) / square, 0.0), 1.0) if square > 0.0 else 1.0


def warn_of_gaps(fits, model, stacklevel=3):
    """One warning for all the fits that stopped before their tolerance."""
    open_ = [fit for fit in fits if not fit.converged]
    if open_ and model.tol > 0.0:
        worst = max(fit.gap for fit in open_)
        warnings.warn(
            f"{len(open_)} of {len(fits)} fits stopped before tol={model.tol:g}, the "
            f"worst at a relative duality gap of {worst:.1e}. Increase max_iter or "
            "tol, or scale the features, for example with StandardScaler.",
            ConvergenceWarning,
            stacklevel=stacklevel,
        )


def alpha_max(model, X, y, sample_weight=None):
    """The smallest strength at which every coefficient of a model is zero.

    Parameters
    ----------
    model : SVMClassifier or SoftmaxClassifier
        Unfitted; its `alpha` is ignored.
    X, y, sample_weight
        As for `fit`.

    Returns
    -------
    alpha_max : float
        For ``l1_ratio=0`` that of the pure L1 penalty.
    intercept : ndarray of shape (n_rows,)
        The best intercept without coefficients.
    """
    X, y = check_X_y(X, y, accept_sparse="csr")
    check_classification_targets(y)
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    X, codes, classes, weight, _ = model._weigh(X, y, weight)
    return _alpha_max(model, X, codes, weight, len(classes))


def _alpha_max(model, X, codes, weight, n_classes):
    """The same for data as `model._weigh` returns them."""
    if not model._loss().smooth:
        largest, b = _alpha_max_of_hinge(model, X, codes, weight / weight.sum())
    else:
        largest, b = _alpha_max_of_smooth(model, X, codes, weight, n_classes)
    largest /= model.l1_ratio or 1.0
    return largest, b


def _alpha_max_of_smooth(model, X, codes, weight, n_classes):
    """The same for ``l1_ratio=1``, where the loss has a gradient."""
    # Without coefficients the samples of a class are one sample.
    mass = np.bincount(codes, weights=weight)
    each = np.arange(n_classes)
    nothing = np.zeros((n_classes, 1))
    f = model._objective(nothing, each, mass, n_classes, np.float64, centre=False)
    b = np.zeros(f.n_rows)
    if model.fit_intercept:
        alone = model.__class__(**model.get_params())
        alone.set_params(
            alpha=1.0,
            l1_ratio=0.0,
            solver="newton",
            learning_rate="auto",
            tol=0.0,
            max_iter=_INTERCEPT_STEPS,
            class_weight=None,
            warm_start=False,
            early_stopping=False,
            verbose=0,
        )
        b = alone.fit(nothing, each, mass).intercept_
    _, pull = f.loss_gradient(np.tile(b, (n_classes, 1)))
    means = _sums_by_class(X, codes, weight / mass[codes])
    if model.fit_intercept:
        # The pulls on the best intercept have sum zero: the features may be centred.
        means -= mass @ means / mass.sum()
    largest = _largest_slope(pull.T @ means, X, np.abs(pull).sum(axis=0).max())
    return largest * (1.0 + _ROUNDING), b


def _largest_slope(slopes, X, mass):
    """The largest of slopes (n_rows, n_features) that are sums over samples.

    It is 0 where all of them may be what rounding left of terms of weight `mass`: of
    constant features, or of classes whose means are equal.
    """
    if sparse.issparse(X):
        low, high = min_max_axis(X, axis=0)
    else:
        low, high = X.min(axis=0), X.max(axis=0)
    size = np.abs(slopes)
    least = _NOTHING * mass * np.maximum(np.abs(low), np.abs(high))
    return float(size.max(where=size > least, initial=0.0))


def _alpha_max_of_hinge(model, X, codes, weight):
    """The same for the hinge, whose slope at zero is not unique.

    The best dual variables of the empty model are a face of their domain; alpha_max is
    the smallest max-norm of their pull on the coefficients, a linear program over the
    samples whose hinges have a kink there. Without an L1 part any point of the face
    does. With more than _MOST_KINKS free variables the result may be larger, of a point
    of the face that is not the best.
    """
    mass = np.bincount(codes, weights=weight)
    K = len(mass)
    b, flows = np.zeros(K), mass[:, None] * (1.0 - np.eye(K))
    sums = _sums_by_class(X, codes, weight)
    if model.fit_intercept:
        b = best_levels(mass)
        flows = best_flows(mass, b)
        # As much flows into a class as out of it: the features may be centred.
        sums -= np.outer(mass, sums.sum(axis=0))

    def pull_of(flows):
        share = flows / mass[:, None]
        return (share.T - np.diag(share.sum(axis=1))) @ sums

    largest = _largest_slope(pull_of(flows), X, 2.0 * flows.sum())
    slack = 1.0 + b - b[:, None]
    np.fill_diagonal(slack, -1.0)
    at_kinks = np.abs(slack) <= _KINK
    solvable = 0 < np.count_nonzero(at_kinks) <= _MOST_KINKS
    if largest > 0.0 and model.l1_ratio > 0.0 and solvable:
        settled = np.where(at_kinks, 0.0, flows)
        kinks = _Kinks(X, codes, weight, at_kinks)
        largest = _smallest_pull(kinks, flows, settled, mass, pull_of(settled))
    intercept = model.delta * (b[1:] - b[:1] if K == 2 else b - b.mean())
    return largest * (1.0 + _ROUNDING_OF_LP), intercept


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
        best = np.flatnonzero(total <= total.min() * (1.0 + _TIE))
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
    for _ in range(_INTERCEPT_STEPS):
        slope = flows.sum(axis=0) - flows.sum(axis=1)
        hessian = -bend - bend.T
        # Where no kink is near, it is nothing.
        np.fill_diagonal(hessian, -hessian.sum(axis=1) + _LEAST_BEND * mass)
        step = np.zeros_like(b)
        try:
            step[free] = -np.linalg.solve(hessian[np.ix_(free, free)], slope[free])
        except np.linalg.LinAlgError:  # a mass that is next to nothing
            break
        step /= max(1.0, np.abs(step).max())
        is_last = -(slope @ step) <= _NEGLIGIBLE * value
        for _ in range(_INTERCEPT_STEPS):
            trial = _smooth_flows(mass, b + step)
            if trial[0] <= value * (1.0 + _TIE):
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
    slack = (1.0 + b - b[:, None]) / _WIDTH
    np.fill_diagonal(slack, -np.inf)
    e = np.exp(-np.abs(slack))
    share = 1.0 / (1.0 + e)
    flows = mass[:, None] * np.where(slack > 0.0, share, e * share)
    value = mass @ (np.log1p(e) + np.maximum(slack, 0.0)).sum(axis=1)
    return _WIDTH * float(value), flows, mass[:, None] * e * share**2 / _WIDTH


def _sums_by_class(X, codes, weight):
    """Weighted sums of the rows of each class, of shape (n_classes, n_features)."""
    n = len(codes)
    of_class = sparse.csr_matrix((weight, (codes, np.arange(n))), (codes.max() + 1, n))
    return safe_sparse_dot(of_class, X, dense_output=True)


class _Kinks:
    """The dual variables of the hinge that the best intercepts leave free.

    They are of a sample of class `source` and a class `target`. Where there are too
    many for a linear program, neighbours of a class have theirs in common.
    """

    def __init__(self, X, codes, weight, kinks):
        source, target = np.nonzero(kinks)
        size = np.bincount(codes)
        most = max(_MOST_KINKS // len(source), 1)
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
        self._X, self._weight, self._n_classes = X, weight, len(kinks)
        self._mean = safe_sparse_dot(weight, X)

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
        column = self._X[:, [feature]]
        column = column.toarray() if sparse.issparse(column) else column
        return self._row(k, column.ravel() - self._mean[feature])

    def pull(self, a):
        """The pull of them all, of shape (n_classes, n_features)."""
        shape = (self._group.max() + 1, self._n_classes)
        places = np.r_[self._target, self._source]
        groups = np.r_[self._group_of_kink, self._group_of_kink]
        moves = sparse.csr_matrix((np.r_[a, -a], (groups, places)), shape)
        moves = moves[self._group].multiply(self._weight[:, None]).tocsr()
        pull = safe_sparse_dot(moves.T.tocsr(), self._X, dense_output=True)
        return pull - np.outer(moves.sum(axis=0), self._mean)

    def fractions(self, flows, mass):
        """Their values where all samples of a class have the same."""
        return (flows / mass[:, None])[self._source, self._target]


def _smallest_pull(kinks, flows, settled, mass, pull):
    """The smallest max-norm of the pull, over the dual variables at kinks.

    A linear program, in which only those coefficients have a constraint that some
    solution on the way pulled too much.
    """
    K, d = pull.shape
    size = np.abs(pull + kinks.pull(kinks.fractions(flows, mass)))
    # The unit: a bound on the result.
    unit = largest = size.max()
    balance = sparse.hstack([kinks.balance(), np.zeros((K, 1))])
    lack = settled.sum(axis=1) - settled.sum(axis=0)
    taken, rows, right = set(), [], []
    for _ in range(_LP_ROUNDS):
        for place in np.argsort(-size, axis=None)[:_LP_ROWS]:
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
        if size.max() <= unit * (solution.x[-1] + _ROUNDING_OF_LP):
            break
    return largest
