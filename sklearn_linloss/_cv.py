"""Classifiers that choose alpha, delta and l1_ratio by cross-validation."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from sklearn.utils._param_validation import (
    StrOptions,
)

from ._cv_base import LinearLossClassifierCV
from ._softmax import ProbabilityPredictor, SoftmaxClassifier
from ._svm import SVMClassifier
from ._typing import (
    ArrayLike,
    ClassWeight,
    HingeName,
    PenaltyName,
    Seed,
    Selection,
    SolverName,
)


class SVMClassifierCV(LinearLossClassifierCV):
    """:class:`SVMClassifier` that chooses its parameters by cross-validation.

    It scores every combination of `alphas`, `deltas` and `l1_ratios`, as
    :class:`~sklearn.model_selection.GridSearchCV` does, in a fraction of the time:
    within a fold each fit starts from the ones before, and combinations that are the
    same model up to its scale are fitted once. The scores are the same up to the
    tolerance of the fits.

    Which combinations are the same follows from a change of units. Dividing the
    coefficients and intercepts by `delta` turns the hinge with ``(alpha, l1_ratio,
    delta)`` into the problem with ``delta=1`` and::

        alpha'             = alpha * (l1_ratio + delta * (1 - l1_ratio))
        alpha' * l1_ratio' = alpha * l1_ratio

    and the squared hinge into that with ``alpha' = alpha * (l1_ratio / delta + 1 -
    l1_ratio)`` and ``alpha' * l1_ratio' = alpha * l1_ratio / delta``. With L2, m
    strengths and m margins that grow by the same ratio are 2m - 1 models of the hinge,
    and m of the squared hinge.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge"}, default="hinge"
        The loss.
    alphas : int or array-like of shape (n_alphas,), default=20
        Strengths of the penalty: a list, or how many to take. A number takes them at
        equal ratios, from `alpha_max` down to ``eps * alpha_max``. `alpha_max` is the
        smallest strength at which the L1 part of the penalty makes every coefficient
        zero at ``delta=1``. If there is no L1 part, it is that of pure L1, since no
        strength of L2 does so. If the features are constant, it is 1. For the hinge on
        large data (more than 20000 pairs of a sample and a class whose hinge has a kink
        at zero) it is an upper bound of that strength.
    deltas : array-like of shape (n_deltas,), default=(1.0,)
        Margins to try.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty to try: 0 is L2, 1 is L1, and between them elastic net.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        Whether the coefficients become zero one by one, or those of a feature for all
        classes together.
    penalty_factor : array-like of shape (n_features,), default=None
        A factor of the strength for each feature, as in :class:`SVMClassifier`.
        If there is a `preprocessor`, these are the features that it gives.
    eps : float, default=1e-4
        Ratio of the smallest to the largest strength, if `alphas` is a number.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV. None means five stratified folds.
    scoring : str, callable or None, default=None
        A scorer, as for GridSearchCV. None means the accuracy. It is given a classifier
        for each fold, whose attributes are those that predict, `objective_`, `gap_` and
        `n_iter_`; :meth:`score` gives it the search.
    selection : {"best", "one_standard_error"}, default="best"
        Which combination to choose. "best" is the one with the best mean score.
        "one_standard_error" is the one with the strongest penalty (at ``delta=1``)
        among those whose mean score is at most one standard error below the best one,
        where the error is that of the best mean (T. Hastie, R. Tibshirani and J.
        Friedman, "The elements of statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone of it is
        fitted to the training part of each fold, and one to all data for the final
        model.
    n_jobs : int or None, default=None
        Number of processors, as joblib counts: None means 1, unless in a
        `joblib.parallel_config` context, and -1 means all of them. Folds get them
        first; twice as many as folds, for example, are two threads for each fit. The
        last fit, on all data, has all of them. The result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without that, the search cannot
        predict.
    error_score : "raise" or float, default=np.nan
        Score of a combination in a fold where its fit or its scoring failed, with a
        warning; "raise" raises the error instead. A combination with a nan ranks last.
        If all combinations fail in one fold, a number ranks them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`. "auto" keeps
        them if they take at most 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SVMClassifier`.
    tol : float, default=1e-4
        Each fit stops when its relative duality gap is at most `tol`.
    max_iter : int, default=1000
        The largest number of iterations of each fit.
    max_time : float, default=None
        The largest time of each fit, in seconds; None means no limit. A fit that runs
        out of time ends with its best model and computes the gap of that model. It ends
        a little late, because an iteration, or a product with all of X, is not
        interrupted. With a limit the models depend on the speed of the machine.
    class_weight : dict or "balanced", default=None
        Weights of the classes. "balanced" gives every class the same total weight, in
        the training part of each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers. The folds are not drawn from it: `cv` has a seed of its
        own.
    verbose : int, default=0
        Verbosity of joblib, which reports the folds.

    Attributes
    ----------
    alpha_, delta_, l1_ratio_ : float
        The chosen parameters.
    best_index_ : int
        Index of the chosen combination in `cv_results_`.
    best_params_ : dict
        The chosen parameters by their names.
    best_score_ : float
        Mean score of the chosen combination.
    cv_results_ : dict of arrays
        The results of all combinations in the form of GridSearchCV, and a column
        `model`. Combinations with the same number there are the same model up to its
        scale. They share a fit, and its time stands beside each of them. (The column
        was called `orbit`; that name works until version 0.2.)
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths: as given, or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas)
        Score of each combination in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas, \
n_classes, n_features + 1)
        Coefficients of each fit, with the intercept in the last column, if they are
        stored (see `store_coefs_paths`). Two classes have one row. The row of a class
        that the training part of a fold lacks is nan. If the folds differ in the number
        of features that `preprocessor` makes, this is a list with an array for each
        fold, and None for a fold that could not be fitted.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SVMClassifier or Pipeline
        The model fitted to all data, in a pipeline with its preprocessor if there is
        one.
    refit_time_ : float
        Time of the fit to all data, in seconds.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has string names for all of them.

    See Also
    --------
    SVMClassifier : The classifier.
    linear_path : The models along a path of strengths.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SVMClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> search = SVMClassifierCV(
    ...     alphas=[1e-2, 1e-1, 1.0], deltas=[0.1, 1.0], preprocessor=StandardScaler()
    ... ).fit(X, y)
    >>> search.alpha_, search.delta_
    (0.1, 1.0)
    >>> search.cv_results_["model"]
    array([0, 1, 1, 2, 2, 3])
    """

    _parameter_constraints: dict = {
        **LinearLossClassifierCV._parameter_constraints,
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "deltas": ["array-like"],
    }

    def __init__(
        self,
        loss: HingeName = "hinge",
        *,
        alphas: int | ArrayLike = 20,
        deltas: ArrayLike = (1.0,),
        l1_ratios: ArrayLike = (0.0,),
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        eps: float = 1e-4,
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        selection: Selection = "best",
        preprocessor: Any = None,
        n_jobs: int | None = None,
        refit: bool = True,
        error_score: float | Literal["raise"] = np.nan,
        store_coefs_paths: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        class_weight: ClassWeight = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.alphas = alphas
        self.deltas = deltas
        self.l1_ratios = l1_ratios
        self.penalty = penalty
        self.penalty_factor = penalty_factor
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.preprocessor = preprocessor
        self.n_jobs = n_jobs
        self.refit = refit
        self.error_score = error_score
        self.store_coefs_paths = store_coefs_paths
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _model(self, **params):
        return SVMClassifier(self.loss, **params)

    def _margins(self):
        return self.deltas


class SoftmaxClassifierCV(ProbabilityPredictor, LinearLossClassifierCV):
    """:class:`SoftmaxClassifier` that chooses its parameters by cross-validation.

    It scores every combination of `alphas` and `l1_ratios`, as
    :class:`~sklearn.model_selection.GridSearchCV` does, in a fraction of the time:
    within a fold each fit starts from the ones before. The scores are the same up to
    the tolerance of the fits.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=20
        Strengths of the penalty: a list, or how many to take. A number takes them at
        equal ratios, from `alpha_max` down to ``eps * alpha_max``. `alpha_max` is the
        smallest strength at which the L1 part of the penalty makes every coefficient
        zero. If there is no L1 part, it is that of pure L1, since no strength of L2
        does so. If the features are constant, it is 1.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty to try: 0 is L2, 1 is L1, and between them elastic net.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        Whether the coefficients become zero one by one, or those of a feature for all
        classes together.
    penalty_factor : array-like of shape (n_features,), default=None
        A factor of the strength for each feature, as in :class:`SoftmaxClassifier`.
        If there is a `preprocessor`, these are the features that it gives.
    eps : float, default=1e-4
        Ratio of the smallest to the largest strength, if `alphas` is a number.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV. None means five stratified folds.
    scoring : str, callable or None, default=None
        A scorer, as for GridSearchCV. None means the accuracy. It is given a classifier
        for each fold, whose attributes are those that predict, `objective_`, `gap_` and
        `n_iter_`; :meth:`score` gives it the search.
    selection : {"best", "one_standard_error"}, default="best"
        Which combination to choose. "best" is the one with the best mean score.
        "one_standard_error" is the one with the largest `alpha` among those whose mean
        score is at most one standard error below the best one, where the error is that
        of the best mean (T. Hastie, R. Tibshirani and J. Friedman, "The elements of
        statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone of it is
        fitted to the training part of each fold, and one to all data for the final
        model.
    n_jobs : int or None, default=None
        Number of processors, as joblib counts: None means 1, unless in a
        `joblib.parallel_config` context, and -1 means all of them. Folds get them
        first; twice as many as folds, for example, are two threads for each fit. The
        last fit, on all data, has all of them. The result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without that, the search cannot
        predict.
    error_score : "raise" or float, default=np.nan
        Score of a combination in a fold where its fit or its scoring failed, with a
        warning; "raise" raises the error instead. A combination with a nan ranks last.
        If all combinations fail in one fold, a number ranks them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`. "auto" keeps
        them if they take at most 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SoftmaxClassifier`.
    tol : float, default=1e-4
        Each fit stops when its relative duality gap is at most `tol`.
    max_iter : int, default=1000
        The largest number of iterations of each fit.
    max_time : float, default=None
        The largest time of each fit, in seconds; None means no limit. A fit that runs
        out of time ends with its best model and computes the gap of that model. It ends
        a little late, because an iteration, or a product with all of X, is not
        interrupted. With a limit the models depend on the speed of the machine.
    class_weight : dict or "balanced", default=None
        Weights of the classes. "balanced" gives every class the same total weight, in
        the training part of each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers. The folds are not drawn from it: `cv` has a seed of its
        own.
    verbose : int, default=0
        Verbosity of joblib, which reports the folds.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen parameters.
    best_index_ : int
        Index of the chosen combination in `cv_results_`.
    best_params_ : dict
        The chosen parameters by their names.
    best_score_ : float
        Mean score of the chosen combination.
    cv_results_ : dict of arrays
        The results of all combinations in the form of GridSearchCV, and a column
        `model`. Combinations with the same number there are the same model up to its
        scale. They share a fit, and its time stands beside each of them. (The column
        was called `orbit`; that name works until version 0.2.)
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths: as given, or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas)
        Score of each combination in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas, n_classes, \
n_features + 1)
        Coefficients of each fit, with the intercept in the last column, if they are
        stored (see `store_coefs_paths`). Two classes have one row. The row of a class
        that the training part of a fold lacks is nan. If the folds differ in the number
        of features that `preprocessor` makes, this is a list with an array for each
        fold, and None for a fold that could not be fitted.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SoftmaxClassifier or Pipeline
        The model fitted to all data, in a pipeline with its preprocessor if there is
        one.
    refit_time_ : float
        Time of the fit to all data, in seconds.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has string names for all of them.

    See Also
    --------
    SoftmaxClassifier : The classifier.
    linear_path : The models along a path of strengths.
    sklearn.linear_model.LogisticRegressionCV : Without certificates.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SoftmaxClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> search = SoftmaxClassifierCV(
    ...     alphas=[1e-3, 1e-2, 1e-1, 1.0], preprocessor=StandardScaler()
    ... ).fit(X, y)
    >>> search.alpha_
    0.01
    """

    def __init__(
        self,
        *,
        alphas: int | ArrayLike = 20,
        l1_ratios: ArrayLike = (0.0,),
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        eps: float = 1e-4,
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        selection: Selection = "best",
        preprocessor: Any = None,
        n_jobs: int | None = None,
        refit: bool = True,
        error_score: float | Literal["raise"] = np.nan,
        store_coefs_paths: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        class_weight: ClassWeight = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.penalty = penalty
        self.penalty_factor = penalty_factor
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.selection = selection
        self.preprocessor = preprocessor
        self.n_jobs = n_jobs
        self.refit = refit
        self.error_score = error_score
        self.store_coefs_paths = store_coefs_paths
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    def _model(self, **params):
        return SoftmaxClassifier(**params)

    def _margins(self):
        return np.ones(1)
