"""Random search: what any optimiser should beat."""

from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_random_state, check_X_y
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets

from .. import losses
from .._compat import validate_params
from .._typing import Array, ArrayLike, LossName, Matrix, Seed

_POSITIVE = [Interval(Real, 0, None, closed="neither")]
_CONSTRAINTS = {
    "loss": [StrOptions({"hinge", "squared_hinge", "softmax"})],
    "delta": _POSITIVE,
    "fit_intercept": ["boolean"],
    "n_iter": [Interval(Integral, 1, None, closed="left")],
    "scale": _POSITIVE,
    "step": _POSITIVE,
    "random_state": ["random_state"],
}


@dataclass(frozen=True, eq=False)
class RandomSearchResult:
    """The best model of a random search.

    Attributes
    ----------
    coef : ndarray of shape (n_classes, n_features)
        Coefficients; of shape (1, n_features) for two classes.
    intercept : ndarray of shape (n_classes,)
        Intercepts; of shape (1,) for two classes. Zeros without `fit_intercept`.
    classes : ndarray of shape (n_classes,)
        The labels, in the order of the rows.
    loss : float
        Mean loss of the best model.
    loss_curve : ndarray of shape (n_iter,)
        Mean loss of the best model up to each evaluation.
    """

    coef: np.ndarray
    intercept: np.ndarray
    classes: np.ndarray
    loss: float
    loss_curve: np.ndarray

    def predict(self, X: Matrix) -> Array:
        """Predict the label of the largest score.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Predicted labels.

        Raises
        ------
        ValueError
            If `X` is invalid or has not as many features as the search had.
        """
        X = check_array(X, accept_sparse="csr")
        if X.shape[1] != self.coef.shape[1]:
            raise ValueError(
                f"X has {X.shape[1]} features, but the search had {self.coef.shape[1]}."
            )
        scores = safe_sparse_dot(X, self.coef.T, dense_output=True) + self.intercept
        if len(self.classes) == 2:
            return self.classes[(scores[:, 0] > 0.0).astype(np.intp)]
        return self.classes[scores.argmax(axis=1)]


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def random_search(
    X: Matrix,
    y: ArrayLike,
    *,
    loss: LossName = "hinge",
    delta: float = 1.0,
    fit_intercept: bool = True,
    n_iter: int = 1000,
    scale: float = 0.01,
    random_state: Seed = None,
) -> RandomSearchResult:
    """The best of many random models.

    Coefficients and intercepts are drawn from a normal distribution of mean zero, and
    those of the smallest mean loss, without penalty, are kept.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Class labels.
    loss : {"hinge", "squared_hinge", "softmax"}, default="hinge"
        The loss.
    delta : float, default=1.0
        Margin of the hinges, in the unit of the scores.
    fit_intercept : bool, default=True
        Whether to draw intercepts too.
    n_iter : int, default=1000
        Number of models to evaluate.
    scale : float, default=0.01
        Standard deviation of the coefficients and intercepts.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    result : RandomSearchResult
        The best model and the course of the search.

    Raises
    ------
    ValueError
        If the input is invalid or has one class only.

    See Also
    --------
    random_local_search : Random steps from the best model so far; much better.

    References
    ----------
    .. [1] CS231n, course notes "Optimization: stochastic gradient descent", Stanford
       University.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss.inspection import random_local_search, random_search
    >>> X, y = load_iris(return_X_y=True)
    >>> random = random_search(X, y, n_iter=500, random_state=0)
    >>> local = random_local_search(X, y, n_iter=500, random_state=0)
    >>> local.loss < random.loss < 2.0
    True
    """
    problem = _Problem(X, y, loss, delta, fit_intercept, random_state)
    return problem.search(lambda best: problem.draw(scale), n_iter)


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def random_local_search(
    X: Matrix,
    y: ArrayLike,
    *,
    loss: LossName = "hinge",
    delta: float = 1.0,
    fit_intercept: bool = True,
    n_iter: int = 1000,
    scale: float = 0.01,
    step: float = 0.01,
    random_state: Seed = None,
) -> RandomSearchResult:
    """Random steps, of which those that lower the mean loss are taken.

    The search starts from a random model as `random_search` draws it, the first of the
    evaluations. Steps are normal, of mean zero, from the best model so far.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Class labels.
    loss : {"hinge", "squared_hinge", "softmax"}, default="hinge"
        The loss.
    delta : float, default=1.0
        Margin of the hinges, in the unit of the scores.
    fit_intercept : bool, default=True
        Whether to move intercepts too.
    n_iter : int, default=1000
        Number of models to evaluate.
    scale : float, default=0.01
        Standard deviation of the coefficients and intercepts of the first model.
    step : float, default=0.01
        Standard deviation of the entries of a step.
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    result : RandomSearchResult
        The best model and the course of the search.

    Raises
    ------
    ValueError
        If the input is invalid or has one class only.

    See Also
    --------
    random_search : Models that do not learn from each other.

    References
    ----------
    .. [1] CS231n, course notes "Optimization: stochastic gradient descent", Stanford
       University.
    """
    problem = _Problem(X, y, loss, delta, fit_intercept, random_state)

    def candidate(best):
        return problem.draw(scale) if best is None else best + problem.draw(step)

    return problem.search(candidate, n_iter)


class _Problem:
    """The mean loss as a function of (W, b), b the last column where there is one."""

    def __init__(self, X, y, loss, delta, fit_intercept, random_state):
        self.X, y = check_X_y(X, y, accept_sparse="csr")
        check_classification_targets(y)
        self.classes, self.codes = np.unique(y, return_inverse=True)
        if len(self.classes) < 2:
            raise ValueError(
                f"At least 2 classes are needed, y has only {self.classes[0]!r}."
            )
        self.loss, self.delta = getattr(losses, loss), delta
        self.fit_intercept = fit_intercept
        self.n_rows = 1 if len(self.classes) == 2 else len(self.classes)
        seed = check_random_state(random_state).randint(2**31 - 1)
        self.rng = np.random.default_rng(seed)

    def draw(self, deviation):
        shape = (self.n_rows, self.X.shape[1] + self.fit_intercept)
        return deviation * self.rng.normal(size=shape)

    def split(self, model):
        if self.fit_intercept:
            return model[:, :-1].copy(), model[:, -1].copy()
        return model, np.zeros(self.n_rows)

    def mean_loss(self, model):
        W, b = self.split(model)
        scores = safe_sparse_dot(self.X, W.T, dense_output=True) + b
        if self.n_rows == 1:
            # One row is the score of the second class against zero.
            scores = np.column_stack([np.zeros(len(scores)), scores])
        return self.loss.value(scores, self.codes, self.delta).mean()

    def search(self, candidate, n_iter):
        best, best_loss = None, np.inf
        loss_curve = np.empty(n_iter)
        for i in range(n_iter):
            model = candidate(best)
            mean_loss = self.mean_loss(model)
            if mean_loss < best_loss:
                best, best_loss = model, mean_loss
            loss_curve[i] = best_loss
        if best is None:
            raise ValueError("No model had a finite loss; choose a smaller scale.")
        return RandomSearchResult(
            *self.split(best), self.classes, float(best_loss), loss_curve
        )
