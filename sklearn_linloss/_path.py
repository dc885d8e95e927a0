"""The regularisation path: one data set, falling strengths, warm starts."""

import warnings
from dataclasses import dataclass, replace
from math import prod

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_X_y

from ._base import Fit, leave_out_empty
from ._compat import check_sample_weight
from ._softmax import SoftmaxClassifier
from ._solvers._common import Progress
from ._svm import SVMClassifier

# alpha_max is rounded, and must not let a coefficient in.
_ROUNDING, _ROUNDING_OF_LP = 1e-9, 1e-6
_KINK = 1e-9
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
        begins where that of the pure L1 penalty does.
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
    start = None
    if np.ndim(alphas) == 0:
        largest, intercept = alpha_max(model, X, y, sample_weight)
        alphas = strengths(largest, alphas, eps)
        start = intercept if model.fit_intercept else None
    alphas = np.sort(np.asarray(alphas, dtype=np.float64))[::-1]
    if not (alphas >= 0.0).all():
        raise ValueError(f"alphas must not be negative, got {alphas}.")
    X, y = model._check_data(X, y)
    weight = model._check_weight(sample_weight, X)
    X, codes, classes, weight, _ = model._weigh(X, y, weight)
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


def strengths(largest, count, eps):
    """`count` strengths from the largest down to `eps` of it."""
    if count < 1 or count != int(count):
        raise ValueError(f"alphas must be a positive number of them, got {count}.")
    if not 0.0 < eps < 1.0:
        raise ValueError(f"eps must be between 0 and 1, got {eps}.")
    return np.geomspace(largest, eps * largest, int(count))


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
    if not model._loss().smooth:
        return _alpha_max_of_hinge(model, X, codes, weight / weight.sum())
    # Without coefficients the samples of a class are one sample.
    mass = np.bincount(codes, weights=weight)
    each = np.arange(len(classes))
    nothing = np.zeros((len(classes), 1))
    f = model._objective(nothing, each, mass, len(classes), np.float64, centre=False)
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
    _, pull = f.loss_gradient(np.tile(b, (len(classes), 1)))
    share = weight / mass[codes]
    sums = safe_sparse_dot((each[:, None] == codes) * share, X)
    slope = np.abs(pull.T @ sums).max()
    return float(slope / (model.l1_ratio or 1.0) * (1.0 + _ROUNDING)), b


def _alpha_max_of_hinge(model, X, codes, weight):
    """The same for the hinge, whose slope at zero is not unique.

    The best dual variables of the empty model are a face of their domain; alpha_max is
    the smallest max-norm of their pull on the coefficients, a linear program over the
    samples whose hinges have a kink there. Without an L1 part any point of the face
    does.
    """
    mass = np.bincount(codes, weights=weight)
    K = len(mass)
    b, flows = np.zeros(K), mass[:, None] * (1.0 - np.eye(K))
    if model.fit_intercept:
        b = best_levels(mass)
        flows = best_flows(mass, b)
    slack = 1.0 + b - b[:, None]
    np.fill_diagonal(slack, -1.0)
    kinks = np.abs(slack) <= _KINK if model.l1_ratio > 0.0 else np.zeros((K, K), bool)
    # What a unit of flow from class k to class j pulls.
    settled = np.where(kinks, 0.0, flows) / mass[:, None]
    moves = settled - np.diag(settled.sum(axis=1))
    pull = safe_sparse_dot(moves[codes].T * weight, X)
    largest = np.abs(pull).max()
    if kinks.any():
        largest = _smallest_pull(X, codes, weight, flows, kinks, pull)
    intercept = model.delta * (b[1:] - b[:1] if K == 2 else b - b.mean())
    largest /= model.l1_ratio or 1.0
    return float(largest * (1.0 + _ROUNDING_OF_LP)), intercept


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


def _smallest_pull(X, codes, weight, flows, kinks, pull):
    """The smallest max-norm of the pull, over the dual variables at kinks."""
    K, d = pull.shape
    columns, balance, upper = [], [], []
    for k, j in zip(*np.nonzero(kinks), strict=True):
        rows = np.flatnonzero(codes == k)
        pulled = (sparse.csr_matrix(X[rows]).multiply(weight[rows][:, None])).T
        column = [sparse.csr_matrix((d, len(rows)))] * K
        column[j], column[k] = pulled, -pulled
        columns.append(sparse.vstack(column))
        unit = np.zeros((K, len(rows)))
        unit[j], unit[k] = weight[rows], -weight[rows]
        balance.append(unit)
        upper.append(len(rows))
    A = sparse.hstack(columns, format="csr")
    bound = np.ones((K * d, 1))
    balance = np.hstack(balance)
    settled = np.where(kinks, 0.0, flows)
    n = A.shape[1]
    solution = linprog(
        np.r_[np.zeros(n), 1.0],
        A_ub=sparse.vstack([sparse.hstack([A, -bound]), sparse.hstack([-A, -bound])]),
        b_ub=np.r_[-pull.ravel(), pull.ravel()],
        A_eq=np.hstack([balance, np.zeros((K, 1))]),
        b_eq=settled.sum(axis=1) - settled.sum(axis=0),
        bounds=[(0.0, 1.0)] * n + [(0.0, None)],
    )
    return solution.x[-1]
