"""The regularisation path: one data set, falling strengths, warm starts."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_X_y

from ._compat import check_sample_weight
from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier

# alpha_max is rounded, and must not let a coefficient in.
_ROUNDING = 1e-9
_INTERCEPT_STEPS = 50


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
    """Models along a path of strengths, each started from the one before.

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
        begins where that of the pure L1 penalty does. For the hinge, strengths have to
        be given.
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
    if loss == "softmax":
        model = SoftmaxClassifier(l1_ratio=l1_ratio, **params)
    else:
        model = SVMClassifier(loss, delta=delta, l1_ratio=l1_ratio, **params)
    model.set_params(warm_start=True)
    start = {}
    if np.ndim(alphas) == 0:
        if alphas < 1 or alphas != int(alphas):
            raise ValueError(f"alphas must be a positive number of them, got {alphas}.")
        if not 0.0 < eps < 1.0:
            raise ValueError(f"eps must be between 0 and 1, got {eps}.")
        largest, intercept = alpha_max(model, X, y, sample_weight)
        alphas = np.geomspace(largest, eps * largest, int(alphas))
        if model.fit_intercept:
            start = {"intercept_init": intercept}
    alphas = np.sort(np.asarray(alphas, dtype=np.float64))[::-1]
    fits = []
    for alpha in alphas:
        model.set_params(alpha=float(alpha)).fit(X, y, sample_weight, **start)
        start = {}
        fits.append(
            (model.coef_, model.intercept_, model.objective_, model.gap_, model.n_iter_)
        )
    columns = (np.array(column) for column in zip(*fits, strict=True))
    return LinearPath(alphas, *columns, classes=model.classes_)


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
    if not model._loss().smooth:
        raise ValueError(
            "alphas must be given for the hinge: its slope at zero is not unique."
        )
    X, y = check_X_y(X, y, accept_sparse="csr")
    check_classification_targets(y)
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    X, codes, classes, weight, _ = model._weigh(X, y, weight)
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
