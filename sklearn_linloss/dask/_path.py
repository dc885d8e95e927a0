"""Paths on collections of Dask."""

from typing import Any

import numpy as np
from sklearn.utils.validation import validate_data

from .._base import settings_of
from .._empty_model import alpha_max_of
from .._path import (
    LinearPath,
    PathFollower,
    check_alphas,
    follow_path,
    path_model,
    strengths,
)
from .._path import linear_path as local_path
from .._typing import ArrayLike, LossName
from ._collections import is_dask_collection, stand_in
from ._parts import PartsLostError, opened
from ._problem import count, problem_of, refuse_unserved
from ._solve import run


def linear_path(
    X: Any,
    y: Any,
    *,
    client: Any = None,
    loss: LossName = "softmax",
    delta: float = 1.0,
    l1_ratio: float = 0.0,
    alphas: int | ArrayLike = 20,
    eps: float = 1e-4,
    sample_weight: Any = None,
    **params: Any,
) -> LinearPath:
    """Fit models along falling strengths of the penalty, on rows that stay on workers.

    Parameters
    ----------
    X : dask.array or dask.dataframe of shape (n_samples, n_features)
        Training data, as of :class:`SoftmaxClassifier`. Local data are fitted locally.
    y : dask.array or dask.dataframe of shape (n_samples,)
        Class labels, in partitions like those of X.
    client : distributed.Client, default=None
        The cluster to fit on; None means the current client.
    loss : {"softmax", "hinge", "squared_hinge"}, default="softmax"
        The loss.
    delta : float, default=1.0
        Margin of the hinges.
    l1_ratio : float, default=0.0
        Mix of the penalty.
    alphas : int or array-like of shape (n_alphas,), default=20
        Strengths of the penalty, as of :func:`sklearn_linloss.linear_path`. Where a
        number of them is given, the largest one for the hinge is an upper bound of the
        smallest strength without coefficients.
    eps : float, default=1e-4
        Ratio of the smallest to the largest strength, if `alphas` is a number.
    sample_weight : dask.array or dask.dataframe of shape (n_samples,), default=None
        Weights of the samples.
    **params
        Other parameters of :class:`SVMClassifier` or :class:`SoftmaxClassifier`.

    Returns
    -------
    path : sklearn_linloss.LinearPath
        The models, in the order of falling strengths. It predicts local data.

    Raises
    ------
    ValueError
        If a parameter or the data are invalid.
    RuntimeError
        If data are lost with a worker and cannot be computed again.

    See Also
    --------
    sklearn_linloss.linear_path : The same on local data.
    """
    of_path: dict[str, Any] = {"loss": loss, "delta": delta, "l1_ratio": l1_ratio}
    if not is_dask_collection(X):
        of_path |= {"alphas": alphas, "eps": eps, "sample_weight": sample_weight}
        return local_path(X, y, **of_path, **params)
    model = path_model(**of_path, params=params)
    refuse_unserved(model)
    alphas = check_alphas(alphas, eps)
    validate_data(model, stand_in(X), reset=True)
    with opened(client, X, y, sample_weight) as parts:
        problem = problem_of(parts, count(parts), model.class_weight, model.n_jobs)
        intercept = None
        if np.ndim(alphas) == 0:
            largest, intercept = largest_strength(problem, model, l1_ratio)
            alphas = strengths(largest, alphas, eps)
        return follow_path(Follower(model, problem), alphas, intercept)


def largest_strength(problem, model, l1_ratio):
    """Where a path of a model begins, and its intercept there."""
    return alpha_max_of(
        problem.totals(),
        settings_of(model).loss,
        l1_ratio,
        model.fit_intercept,
        model.penalty == "grouped",
    )


class Follower(PathFollower):
    """Fits rows on workers at falling strengths.

    Parameters
    ----------
    model : SVMClassifier or SoftmaxClassifier
    problem : DistributedProblem
    """

    def __init__(self, model, problem):
        super().__init__(model, problem, run)

    def fit(self, callbacks=None):
        """The fit at the model's present parameters."""
        while True:
            try:
                return super().fit(callbacks)
            except PartsLostError:
                # The dual variables of the last fit went with their worker.
                self.forget_duals()
