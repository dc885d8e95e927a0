"""The regularisation path: one data set, falling strengths, warm starts."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.extmath import safe_sparse_dot

from ._advice import warn_of_gaps
from ._base import attributes_of, options_of, settings_of
from ._blas import one_blas_thread
from ._compat import beside, labels_beside, on_host, with_callbacks
from ._empty_model import alpha_max, loss_without_coefficients
from ._fit import Fit
from ._problem import check_problem, local
from ._softmax import SoftmaxClassifier
from ._solvers import run
from ._solvers._clock import Clock
from ._solvers._common import Progress, dual_multiple
from ._svm import SVMClassifier
from ._typing import Array, ArrayLike, LossName, Matrix
from ._watch import UNWATCHED, begin_task, watch

_POINTS = 3  # of the path, on which a prediction rests
_LARGE = 3000  # coefficients
_WEAKER = 0.25  # part of a strength, down to which columns are idle that are left out
_MOST_SCORES = 4_000_000  # that are kept for a prediction


@dataclass(frozen=True)
class LinearPath:
    """Models along falling strengths of the penalty, each with its duality gap.

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
        Relative duality gap of each model: the objective exceeds its minimum by at most
        this fraction of itself.
    n_iters : ndarray of shape (n_alphas,)
        Number of iterations of each fit, which starts from the models before it.
    deviance_ratio : ndarray of shape (n_alphas,)
        The fraction of the mean loss that the features explain: 1 minus the mean loss
        over that of the best model whose coefficients are zero. For the softmax it is
        the explained fraction of the deviance, also known as McFadden's pseudo R^2.
    classes : ndarray of shape (n_classes,)
        The labels.
    """

    alphas: np.ndarray
    coefs: np.ndarray
    intercepts: np.ndarray
    objectives: np.ndarray
    gaps: np.ndarray
    n_iters: np.ndarray
    deviance_ratio: np.ndarray
    classes: np.ndarray

    @property
    def df(self) -> Array:
        """Number of features with a nonzero coefficient; shape (n_alphas,)."""
        return np.count_nonzero((self.coefs != 0.0).any(axis=1), axis=1)

    def at(self, alpha: float) -> tuple[Array, Array]:
        """Give the coefficients and intercepts at a strength.

        Between two strengths of the path, they are interpolated linearly, as glmnet
        does. Such models are near the optimum, but have no duality gap.

        Parameters
        ----------
        alpha : float
            The strength, at most the largest and at least the smallest of the path.

        Returns
        -------
        coef : ndarray of shape (n_classes, n_features)
            Of shape (1, n_features) for two classes.
        intercept : ndarray of shape (n_classes,)
            Of shape (1,) for two classes.

        Raises
        ------
        ValueError
            If the path does not reach `alpha`.
        """
        if not self.alphas[-1] <= alpha <= self.alphas[0]:
            raise ValueError(
                f"alpha={alpha} is not within the path, which runs from "
                f"{self.alphas[0]:g} to {self.alphas[-1]:g}."
            )
        before = np.flatnonzero(self.alphas >= alpha)[-1]
        after = min(before + 1, len(self.alphas) - 1)
        step = self.alphas[before] - self.alphas[after]
        share = (self.alphas[before] - alpha) / step if step > 0.0 else 0.0
        return tuple(
            (1.0 - share) * models[before] + share * models[after]
            for models in (self.coefs, self.intercepts)
        )

    def decision_function(self, X: Matrix, alpha: float) -> Array:
        """Compute the scores of the model at a strength.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        alpha : float
            The strength, within the range of the path; see `at`.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes)
            Of shape (n_samples,) for two classes: the score of the second one.

        Raises
        ------
        ValueError
            If X has another number of features, or the path does not reach `alpha`.
        """
        there, X = X, local(X, "A path")
        X = check_array(X, accept_sparse="csr", dtype=[np.float64, np.float32])
        coef, intercept = self.at(alpha)
        if X.shape[1] != coef.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but the path was fitted with "
                f"{coef.shape[1]}."
            )
        scores = safe_sparse_dot(X, coef.T, dense_output=True) + intercept
        return beside(scores[:, 0] if len(self.classes) == 2 else scores, there)

    def predict(self, X: Matrix, alpha: float) -> Array:
        """Predict labels with the model at a strength.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.
        alpha : float
            The strength, within the range of the path; see `at`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            For each sample the label of the largest score.
        """
        scores = on_host(self.decision_function(X, alpha))
        places = scores > 0.0 if scores.ndim == 1 else scores.argmax(axis=1)
        return labels_beside(self.classes[places.astype(np.intp)], X)

    def plot(self, *, ax: Any = None) -> Any:
        """Draw the coefficients against the strength; needs matplotlib.

        There is a line for each feature. It shows the coefficient if there are two
        classes, and otherwise the Euclidean norm of the coefficients of all classes.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; a new figure by default.

        Returns
        -------
        ax : matplotlib Axes
            Where it was drawn.
        """
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        one_row = self.coefs.shape[1] == 1
        lines = self.coefs[:, 0] if one_row else np.linalg.norm(self.coefs, axis=1)
        ax.plot(self.alphas, lines[:, (lines != 0.0).any(axis=0)])
        ax.set(
            xscale="log",
            xlabel="alpha",
            ylabel="coefficient" if one_row else "norm of the coefficients",
        )
        ax.invert_xaxis()
        return ax


def linear_path(
    X: Matrix,
    y: ArrayLike,
    *,
    loss: LossName = "softmax",
    delta: float = 1.0,
    l1_ratio: float = 0.0,
    alphas: int | ArrayLike = 20,
    eps: float = 1e-4,
    sample_weight: ArrayLike | None = None,
    callbacks: Sequence[Any] = (),
    **params: Any,
) -> LinearPath:
    """Fit models along falling strengths of the penalty.

    Each fit starts from the models before it, which makes a path much faster than
    separate fits.

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
    alphas : int or array-like of shape (n_alphas,), default=20
        Strengths of the penalty: a list, or how many to take. A number takes them at
        equal ratios, from `alpha_max` down to ``eps * alpha_max``. `alpha_max` is the
        smallest strength at which the L1 part of the penalty makes every coefficient
        zero, except those whose `penalty_factor` is 0. (With such factors the hinge
        needs a list.) If there is no L1 part, it is that of pure L1, since no strength
        of L2 does so. If the features are constant, it is 1. For the hinge on large
        data (more than 20000 pairs of a sample and a class whose hinge has a kink at
        zero) it is an upper bound of that strength.
    eps : float, default=1e-4
        Ratio of the smallest to the largest strength, if `alphas` is a number.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples.
    callbacks : sequence of callbacks, default=()
        Callbacks of scikit-learn (version 1.9 and later), for example
        :class:`~sklearn_linloss.callbacks.GapProgress`. The path is their task "fit",
        its fits are the parts of that, and iterations those of a fit.
    **params
        Other parameters of :class:`SVMClassifier` or :class:`SoftmaxClassifier`, for
        example `tol`, `solver` or `class_weight`.

    Returns
    -------
    path : LinearPath
        The models, in the order of falling strengths.

    Raises
    ------
    ValueError
        If a parameter or the data are invalid.
    TypeError
        If `callbacks` has something else than callbacks.
    ImportError
        If there are callbacks, and scikit-learn is older than 1.9.

    See Also
    --------
    sklearn.linear_model.enet_path : The same for regression.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import linear_path
    >>> X, y = load_iris(return_X_y=True)
    >>> X = X - X.mean(axis=0)
    >>> path = linear_path(X, y, l1_ratio=1.0, alphas=4, eps=1e-3, tol=1e-6)
    >>> path.df
    array([0, 1, 3, 4])
    >>> path.deviance_ratio[1:].round(2)
    array([0.72, 0.91, 0.96])
    >>> path.predict(X[:3], alpha=path.alphas[-1])
    array([0, 0, 0])
    """
    model = path_model(loss, delta, l1_ratio, params)
    watch(model, callbacks)
    alphas = check_alphas(alphas, eps)
    problem = check_problem(model, X, y, sample_weight)
    intercept = None
    if np.ndim(alphas) == 0:
        grouped = model.penalty == "grouped"
        fixed = model.fit_intercept, grouped, model.penalty_factor
        loss = settings_of(model).loss
        largest, intercept = alpha_max(problem, loss, l1_ratio, *fixed)
        alphas = strengths(largest, alphas, eps)
    follower = PathFollower(model, problem)
    return _follow_watched(model, follower, alphas, intercept, X, y, sample_weight)


@one_blas_thread
@with_callbacks
def _follow_watched(model, follower, alphas, intercept, *data):
    """The path of some strengths, of which the callbacks of the model are told."""
    task = begin_task(model, len(alphas), *data)
    path = follow_path(follower, alphas, intercept, task)
    task.end()
    return path


def path_model(loss, delta, l1_ratio, params):
    """An estimator with the parameters of the fits of a path.

    Raises
    ------
    TypeError, ValueError
        If they are invalid, or not those of a path.
    """
    if "alpha" in params:
        raise TypeError("A path has many strengths: give them as alphas, not as alpha.")
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
    return model


def check_alphas(alphas, eps):
    """The strengths of a path, or their number, once they are valid.

    Raises
    ------
    ValueError
        If they are not.
    """
    if np.ndim(alphas) == 0:
        check_count(alphas, eps)
        return alphas
    alphas = check_strengths(alphas)
    if alphas.ndim > 1:
        raise ValueError(f"alphas must be a list, got the shape {alphas.shape}.")
    return alphas


def follow_path(follower, alphas, intercept=None, task=UNWATCHED):
    """The path of some strengths.

    Parameters
    ----------
    follower : PathFollower
    alphas : ndarray of shape (n_alphas,)
    intercept : ndarray of shape (n_rows,), default=None
        That of the best model without coefficients, where the path begins there.
    task : Task, default=UNWATCHED

    Returns
    -------
    path : LinearPath
    """
    model, problem = follower.model, follower.problem
    alphas = np.sort(alphas)[::-1]
    intercept = intercept if model.fit_intercept else None
    if intercept is not None:
        follower.start(intercept)
    fits = []
    for alpha in alphas:
        model.alpha = float(alpha)
        fit = follower.fit(task.fit())
        fit.forget_samples()
        fits.append(fit)
    warn_of_gaps(fits, model)
    names = "intercept", "objective", "gap", "n_iter"
    of_fits = {
        f"{name}s": np.array([getattr(fit, name) for fit in fits]) for name in names
    }
    loss, mass = settings_of(model).loss, problem.class_mass
    empty = loss_without_coefficients(mass, loss, model.fit_intercept, intercept)
    return LinearPath(
        alphas,
        coefs=_stacked([fit.coef for fit in fits]),
        **of_fits,
        deviance_ratio=1.0 - np.array([fit.loss for fit in fits]) / empty,
        classes=problem.classes,
    )


def _stacked(coefs):
    """Models in one array; the zeros of features that none uses are not written."""
    stack = np.zeros((len(coefs), *coefs[0].shape), coefs[0].dtype)
    for each, coef in zip(stack, coefs, strict=True):
        used = (coef != 0.0).any(axis=0)
        each[:, used] = coef[:, used]
    return stack


def check_strengths(alphas):
    """Given strengths as an array of float64.

    Raises
    ------
    ValueError
        If there are none, or if one is not a number that a penalty can have.
    """
    array = np.asarray(alphas, dtype=np.float64)
    if array.size == 0:
        raise ValueError("alphas is empty: give a list of strengths, or their number.")
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
    problem : Problem
    run : callable, default=_solvers.run
        What minimises.
    """

    def __init__(self, model, problem, run=run):
        self.model, self.problem = model, problem
        self._run = run
        self._problem, self._idle = None, np.inf
        self._options = options_of(model)
        self._objectives = {}
        self._kind = None  # of the last fit, by its objective
        self._known = []  # the last one last

    def start(self, intercept):
        """Start from an intercept without coefficients."""
        coef = np.zeros((len(intercept), self.problem.n_features))
        self._known = [_Known(np.inf, coef, intercept)]

    def forget(self):
        """Make the next fit on its own."""
        self._known = []

    def forget_duals(self):
        """Make it from the models alone."""
        self._known = [replace(known, pull=None) for known in self._known]

    @one_blas_thread
    def fit(self, callbacks=None):
        """The fit at the model's present parameters.

        Parameters
        ----------
        callbacks : Callbacks, default=None

        Returns
        -------
        fit : Fit
        """
        settings = settings_of(self.model)
        problem = self._problem_at(settings)
        solver = problem.choose_solver(settings)
        kind = solver, settings.penalty.power
        if kind not in self._objectives:
            self._objectives[kind] = problem.objective_for(solver, settings)
        if kind != self._kind:
            # The scores of another objective may be rounded in another way.
            self._known = [replace(known, scores=None) for known in self._known]
            self._kind = kind
        penalty = problem.penalty(settings)
        f = self._objectives[kind].with_terms(settings.loss, penalty)
        alpha = self.model.alpha
        place = np.log(alpha) if alpha > 0.0 else -np.inf
        theta, scores, pull = self._predict(f, place)
        clock = Clock(self.model.max_time)
        options = replace(self._options, pull=pull, scores=scores, clock=clock)
        if callbacks is not None:
            callbacks.attributes = partial(attributes_of, None, f, problem.classes)
        progress = Progress(solver, options, callbacks=callbacks)
        fit = Fit(f, solver, theta, options, progress, self._run)
        if callbacks is not None:
            callbacks.finish(**fit.attributes, classes_=problem.classes)
        # A polynomial has one value at a place.
        others = [known for known in self._known if known.place != place]
        self._known = others[1 - _POINTS :]
        self.forget_duals()
        pull = None if f.loss.smooth else fit.pull
        scores = fit.scores if _combines_scores(f) else None
        self._known.append(_Known(place, fit.coef, fit.intercept, pull, scores))
        return fit

    def _problem_at(self, settings):
        """The problem without columns that are idle, and stay so for a while."""
        idle = settings.idle_sizes(len(self.problem.classes))
        if np.any(idle < self._idle):
            self._idle = _WEAKER * idle
            self._problem = self.problem.without_idle_columns(self._idle)
            if self._problem is self.problem:
                self._idle = 0.0  # nor are they idle under weaker penalties
            self._objectives, self._kind = {}, None
        return self._problem

    def _predict(self, f, place):
        """Where to start: theta, its scores or None, and pi_i * a_i or None."""
        if not self._known:
            return np.zeros(f.size), None, None
        last = self._known[-1]
        theta, scores = f.pack(last.coef, last.intercept), last.scores
        path = [known for known in self._known if place < known.place < np.inf]
        if len(path) > 1 and place > -np.inf and _predictions_pay(f):
            value = _value(f, theta, scores)
            for first in range(len(path) - 1):
                prediction = _extrapolate(path[first:], place)
                start = f.pack(prediction.coef, prediction.intercept)
                if _value(f, start, prediction.scores) < value:
                    theta, scores = start, prediction.scores
                    break
        if last.pull is None:
            return theta, scores, None
        return theta, scores, last.pull * dual_multiple(f, last.pull, theta)


@dataclass(frozen=True)
class _Known:
    """A model of a path, at the logarithm of its strength.

    Its dual variables `pull` and its scores, as `Options` has them, may be missing.
    """

    place: float
    coef: np.ndarray
    intercept: np.ndarray
    pull: np.ndarray | None = None
    scores: np.ndarray | None = None


def _predictions_pay(f):
    """Whether to compare predictions costs less than they gain: not where most of many
    coefficients are zero.
    """
    return f.penalty.is_smooth or f.size <= _LARGE


def _combines_scores(f):
    """Whether the scores of predictions are combined from those of known models: a
    pass over the rows takes longer, as long as their memory does not count.
    """
    host = not (f.design.in_parts or f.design.only_products)
    return host and f.n_samples * f.n_rows <= _MOST_SCORES and _predictions_pay(f)


def _value(f, theta, scores):
    """The objective, by the scores where they are known."""
    if scores is None:
        return f.value(theta)
    return f.loss_value(scores) + f.penalty_value(theta)


def _extrapolate(path, target):
    """The model on the polynomial through those of a path."""
    places = {known.place for known in path}
    shares = [
        prod(
            (target - other) / (known.place - other) for other in places - {known.place}
        )
        for known in path
    ]

    def combined(name):
        parts = [getattr(known, name) for known in path]
        if any(part is None for part in parts):
            return None
        return sum(share * part for share, part in zip(shares, parts, strict=True))

    coef, intercept, scores = map(combined, ("coef", "intercept", "scores"))
    return _Known(target, coef, intercept, scores=scores)
