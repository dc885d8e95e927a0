"""Classifiers that choose alpha, delta and l1_ratio by cross-validation."""

import numpy as np
from sklearn.utils._param_validation import (
    StrOptions,
)

from ._cv_base import LinearLossClassifierCV
from ._softmax import ProbabilityPredictor, SoftmaxClassifier
from ._svm import SVMClassifier


class SVMClassifierCV(LinearLossClassifierCV):
    """:class:`SVMClassifier` that chooses its parameters by cross-validation.

    It scores every combination of `alphas`, `deltas` and `l1_ratios` as
    :class:`~sklearn.model_selection.GridSearchCV` does, for a small part of the time:
    in each fold the fits start from one another, and points of the grid that are the
    same model are fitted once. For the hinge, ``(alpha, l1_ratio, delta)`` is the
    problem of ``delta=1`` with::

        alpha'            = alpha * (l1_ratio + delta * (1 - l1_ratio))
        alpha' * l1_ratio' = alpha * l1_ratio

    whose coefficients and intercepts are multiplied by `delta`; for the squared hinge
    ``alpha' = alpha * (l1_ratio / delta + 1 - l1_ratio)`` and ``alpha' * l1_ratio' =
    alpha * l1_ratio / delta``. With L2, a geometric grid of m strengths and m margins
    of the same ratio holds 2m - 1 models of the hinge, and m of the squared hinge.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge"}, default="hinge"
        The loss.
    alphas : int or array-like of shape (n_alphas,), default=10
        Strengths of the penalty, or how many of them, spaced evenly in the logarithm
        from `alpha_max`, the smallest that makes every coefficient zero at
        ``delta=1``, down to ``eps * alpha_max``. Without an L1 part no strength does
        that, and the path begins where that of the pure L1 penalty does. Where every
        coefficient is zero at any strength (constant features), it begins at 1. For the
        hinge on large data (more than 20000 pairs of a sample and a class whose hinge
        has a kink at zero) `alpha_max` is a bound from above.
    deltas : array-like of shape (n_deltas,), default=(1.0,)
        Margins.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        Whether the coefficients become zero one by one, or those of a feature for all
        classes together.
    eps : float, default=1e-4
        Length of a path of strengths that are not given.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV; None is five stratified ones.
    scoring : str, callable or None, default=None
        A scorer; None is the accuracy.
    selection : {"best", "one_standard_error"}, default="best"
        The point with the best mean score, or the one with the strongest penalty (at
        ``delta=1``) among those whose mean score is no more than one standard error of
        the best point's below the best (T. Hastie, R. Tibshirani and J. Friedman, "The
        elements of statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone is fitted
        to the training part of each fold, and to all data for the final model.
    n_jobs : int or None, default=None
        Folds to fit at once, as joblib counts; the result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without, it does not predict.
    error_score : "raise" or float, default=np.nan
        Score of a point in a fold where its fit or its score failed, with a warning;
        or "raise" the error. A point with a nan ranks last: where a fold fails at every
        point, give a number to rank them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`; "auto" keeps
        them if they take no more than 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SVMClassifier`.
    tol : float, default=1e-4
        Largest relative duality gap of each fit.
    max_iter : int, default=1000
        Most iterations of each fit.
    max_time : float, default=None
        Seconds after which each fit ends with its best model, the gap of which is then
        computed. It ends a little later: an iteration, or a product with all of X, is
        not cut short. None means no limit. With a limit the models depend on the speed
        of the machine.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced" is taken in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers; `cv` has its own.
    verbose : int, default=0
        Verbosity of joblib over the folds.

    Attributes
    ----------
    alpha_, delta_, l1_ratio_ : float
        The chosen parameters.
    best_index_, best_params_, best_score_
        Their place in `cv_results_`, the same as a dict, and their mean score.
    cv_results_ : dict of arrays
        As GridSearchCV gives it. The integer column `orbit` says which points shared a
        fit; its time stands beside each of them.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths, as given or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas)
        Score of each point in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_deltas, n_alphas, \
n_classes, n_features + 1)
        Coefficients, the intercept last; one row for two classes, and nan for a class
        that a training part lacks. Where the number of features that `preprocessor`
        makes depends on the fold, a list of such arrays, one for each fold, or None
        for one that could not be fitted. Only if they are stored, see
        `store_coefs_paths`.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SVMClassifier or Pipeline
        The model fitted to all data, behind its preprocessor if there is one.
    refit_time_ : float
        Seconds that took.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names for all of them.

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
    >>> search.cv_results_["orbit"]
    array([0, 1, 1, 2, 2, 3])
    """

    _parameter_constraints: dict = {
        **LinearLossClassifierCV._parameter_constraints,
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "deltas": ["array-like"],
    }

    def __init__(
        self,
        loss="hinge",
        *,
        alphas=10,
        deltas=(1.0,),
        l1_ratios=(0.0,),
        penalty="elementwise",
        eps=1e-4,
        cv=None,
        scoring=None,
        selection="best",
        preprocessor=None,
        n_jobs=None,
        refit=True,
        error_score=np.nan,
        store_coefs_paths="auto",
        fit_intercept=True,
        solver="auto",
        tol=1e-4,
        max_iter=1000,
        max_time=None,
        class_weight=None,
        random_state=None,
        verbose=0,
    ):
        self.loss = loss
        self.alphas = alphas
        self.deltas = deltas
        self.l1_ratios = l1_ratios
        self.penalty = penalty
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

    It scores every combination of `alphas` and `l1_ratios` as
    :class:`~sklearn.model_selection.GridSearchCV` does, for a part of the time: in each
    fold the fits start from one another.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=10
        Strengths of the penalty, or how many of them, spaced evenly in the logarithm
        from `alpha_max`, the smallest that makes every coefficient zero, down to ``eps
        * alpha_max``. Without an L1 part no strength does that, and the path begins
        where that of the pure L1 penalty does. Where every coefficient is zero at any
        strength (constant features), it begins at 1.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        Mixes of the penalty.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        Whether the coefficients become zero one by one, or those of a feature for all
        classes together.
    eps : float, default=1e-4
        Length of a path of strengths that are not given.
    cv : int, splitter or iterable of (train, test), default=None
        The folds, as for GridSearchCV; None is five stratified ones.
    scoring : str, callable or None, default=None
        A scorer; None is the accuracy.
    selection : {"best", "one_standard_error"}, default="best"
        The point with the best mean score, or the one with the largest alpha among
        those whose mean score is no more than one standard error of the best point's
        below the best (T. Hastie, R. Tibshirani and J. Friedman, "The elements of
        statistical learning", 2009, section 7.10).
    preprocessor : transformer or None, default=None
        For example a :class:`~sklearn.preprocessing.StandardScaler`. A clone is fitted
        to the training part of each fold, and to all data for the final model.
    n_jobs : int or None, default=None
        Folds to fit at once, as joblib counts; the result does not depend on it.
    refit : bool, default=True
        Whether to fit the chosen model to all data. Without, it does not predict.
    error_score : "raise" or float, default=np.nan
        Score of a point in a fold where its fit or its score failed, with a warning;
        or "raise" the error. A point with a nan ranks last: where a fold fails at every
        point, give a number to rank them by the other folds.
    store_coefs_paths : bool or "auto", default="auto"
        Whether to keep the coefficients of all fits in `coefs_paths_`; "auto" keeps
        them if they take no more than 10 megabytes.
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    solver : str, default="auto"
        The solver, as for :class:`SoftmaxClassifier`.
    tol : float, default=1e-4
        Largest relative duality gap of each fit.
    max_iter : int, default=1000
        Most iterations of each fit.
    max_time : float, default=None
        Seconds after which each fit ends with its best model, the gap of which is then
        computed. It ends a little later: an iteration, or a product with all of X, is
        not cut short. None means no limit. With a limit the models depend on the speed
        of the machine.
    class_weight : dict or "balanced", default=None
        Weights of the classes; "balanced" is taken in each fold.
    random_state : int, RandomState instance or None, default=None
        Seed of the solvers; `cv` has its own.
    verbose : int, default=0
        Verbosity of joblib over the folds.

    Attributes
    ----------
    alpha_, l1_ratio_ : float
        The chosen parameters.
    best_index_, best_params_, best_score_
        Their place in `cv_results_`, the same as a dict, and their mean score.
    cv_results_ : dict of arrays
        As GridSearchCV gives it, with an integer column `orbit`: points of one number
        are one model.
    alphas_ : ndarray of shape (n_alphas,) or (n_l1_ratios, n_alphas)
        The strengths, as given or falling.
    scores_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas)
        Score of each point in each fold.
    coefs_paths_ : ndarray of shape (n_splits, n_l1_ratios, n_alphas, n_classes, \
n_features + 1)
        Coefficients, the intercept last; one row for two classes, and nan for a class
        that a training part lacks. Where the number of features that `preprocessor`
        makes depends on the fold, a list of such arrays, one for each fold, or None
        for one that could not be fitted. Only if they are stored, see
        `store_coefs_paths`.
    n_splits_ : int
        Number of folds.
    scorer_ : callable
        The scorer.
    best_estimator_ : SoftmaxClassifier or Pipeline
        The model fitted to all data, behind its preprocessor if there is one.
    refit_time_ : float
        Seconds that took.
    classes_, coef_, intercept_, n_iter_, objective_, gap_
        Those of the model fitted to all data.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names for all of them.

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
        alphas=10,
        l1_ratios=(0.0,),
        penalty="elementwise",
        eps=1e-4,
        cv=None,
        scoring=None,
        selection="best",
        preprocessor=None,
        n_jobs=None,
        refit=True,
        error_score=np.nan,
        store_coefs_paths="auto",
        fit_intercept=True,
        solver="auto",
        tol=1e-4,
        max_iter=1000,
        max_time=None,
        class_weight=None,
        random_state=None,
        verbose=0,
    ):
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.penalty = penalty
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
