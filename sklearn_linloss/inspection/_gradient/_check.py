"""A gradient compared with centred differences."""

from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from ... import losses
from ..._base import LinearLossClassifier
from ..._compat import validate_params
from ..._typing import ArrayLike, LossName, Matrix, Seed
from ._differences import agree, found_kinks, slopes_along
from ._result import GradientCheck
from ._subjects import Point, of_estimator, of_function, of_loss

# Rounding of a computed value, in units of its terms' precision.
_ROUNDING = 16.0 * np.finfo(np.float64).eps


@validate_params(
    {
        "loss": [StrOptions({"hinge", "squared_hinge", "softmax"}), None],
        "alpha": [Interval(Real, 0, None, closed="left"), None],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "delta": [Interval(Real, 0, None, closed="neither"), None],
        "reference": ["boolean", None],
        "n_coordinates": [Interval(Integral, 1, None, closed="left"), None],
        "h": [Interval(Real, 0, None, closed="neither")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def check_gradient(
    fun: Callable[..., tuple[Any, ...]] | LinearLossClassifier | losses.Loss,
    X: Matrix | None,
    y: ArrayLike | None,
    W: ArrayLike,
    b: ArrayLike | None = None,
    *,
    loss: LossName | None = None,
    alpha: float | None = None,
    l1_ratio: float | None = None,
    delta: float | None = None,
    sample_weight: ArrayLike | None = None,
    reference: bool | None = None,
    n_coordinates: int | None = 20,
    h: float = 1e-5,
    tol: float = 1e-5,
    random_state: Seed = None,
) -> GradientCheck:
    """Compare a gradient with centred differences, at sampled coordinates.

    The objective that a reference computes, in plain NumPy, is::

        sum_i w_i L(W x_i + b, y_i) / sum_i w_i
            + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)

    A function may agree with its own gradient and still not be this objective, for
    example because it penalises the intercept or divides by n - 1. Only the comparison
    with the reference finds that.

    Parameters
    ----------
    fun : callable, Loss, SVMClassifier or SoftmaxClassifier
        What to check, one of

        - your function ``fun(W, b) -> (value, grad_W, grad_b)``, or with ``b=None``
          ``fun(W) -> (value, grad_W)``;
        - a loss, such as ``losses.hinge``: its compiled objective;
        - an estimator: the compiled objective that its `fit` minimises, with its
          parameters and class weights.
    X : {array-like, sparse matrix} of shape (n_samples, n_features) or None
        Samples. A function without `loss` needs none.
    y : array-like of shape (n_samples,) or None
        Labels for an estimator, else indices of the classes.
    W : array-like of shape (n_rows, n_features)
        Coefficients, at which to check. One row for two classes; a function may take
        two, and may take its transpose of shape (n_features, n_rows), for scores
        ``X @ W``. For a function without `loss`, of any shape.
    b : array-like of shape (n_rows,), default=None
        Intercepts. With None there are none.
    loss : {"hinge", "squared_hinge", "softmax"}, default=None
        The loss that a function computes. With it the function is compared with the
        reference, and kinks are known rather than found.
    alpha : float, default=None
        Strength of the penalty. None means 0.
    l1_ratio : float, default=None
        Mix of the penalty: 0 is L2, 1 is L1. None means 0.
    delta : float, default=None
        Margin of the hinges. None means 1.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the samples, relative to their sum.
    reference : bool, default=None
        Whether to take differences of the reference, rather than of the value that
        `fun` itself computes. None means that it is done where the loss is known.
    n_coordinates : int or None, default=20
        Number of entries of `W` to check; None checks all. Those of `b` always are.
    h : float, default=1e-5
        Half the width of the interval of a difference, in the unit of `W`. Choose a
        smaller one if features are far above 100: the error of a difference grows with
        the square of `h` and the square of the features.
    tol : float, default=1e-5
        Largest relative error.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of coordinates.

    Returns
    -------
    check : GradientCheck
        ``check.passed`` says whether the gradient is right. Where the interval of a
        difference contains a kink of the objective, a coordinate fails only if it
        differs by more than the kink explains.

    Raises
    ------
    ValueError
        If the input is invalid, or does not fit together.

    References
    ----------
    .. [1] CS231n, course notes "Learning and evaluation", section on gradient checks,
       Stanford University.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_linloss import SVMClassifier
    >>> from sklearn_linloss.inspection import check_gradient
    >>> X, y = load_iris(return_X_y=True)
    >>> W = np.arange(12.0).reshape(3, 4) / 10
    >>> check_gradient(SVMClassifier(alpha=0.1), X, y, W, np.zeros(3)).passed
    True

    A squared hinge with a factor 2 forgotten in its gradient:

    >>> def wrong(W):
    ...     margins = X @ W.T - (X * W[y]).sum(axis=1)[:, None] + 1
    ...     slack = np.where(np.arange(3) == y[:, None], 0, np.maximum(margins, 0))
    ...     pull = slack.copy()
    ...     pull[np.arange(150), y] = -pull.sum(axis=1)
    ...     return (slack**2).sum() / 150, pull.T @ X / 150
    >>> sample = {"n_coordinates": 2, "random_state": 0}
    >>> check_gradient(wrong, X, y, W, loss="squared_hinge", **sample)
    Gradient check FAILED: 2 of 2 coordinates differ.
                      analytic     numerical  relative error
    W[1, 0]           -4.89664      -9.79328         5.0e-01  differs
    W[2, 3]            3.75309       7.50619         5.0e-01  differs
    """
    W = check_array(W, dtype=np.float64, ensure_2d=False, allow_nd=True, input_name="W")
    if b is not None:
        b = check_array(b, dtype=np.float64, ensure_2d=False, input_name="b")
        if b.ndim != 1:
            raise ValueError(f"b must have one dimension, got shape {b.shape}.")
    options = {
        "alpha": alpha,
        "l1_ratio": l1_ratio,
        "delta": delta,
        "sample_weight": sample_weight,
    }
    if isinstance(fun, LinearLossClassifier):
        subject, problem = of_estimator(fun, X, y, W, b, loss, options)
    elif isinstance(fun, losses.Loss):
        subject, problem = of_loss(fun, X, y, W, b, loss, options)
    elif callable(fun):
        subject, problem = of_function(fun, X, y, W, b, loss, options, reference)
    else:
        raise ValueError(
            "fun must be a function, a loss of sklearn_linloss.losses, an "
            f"SVMClassifier or a SoftmaxClassifier, got {type(fun).__name__}."
        )
    reference = problem is not None and reference is not False
    compared = problem if reference else subject

    point = Point(W, b)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    coordinates = point.sample(n_coordinates, rng)
    values, gradients = subject.gradient(W, b)
    values, gradients = np.array(values), np.array(gradients)[:, coordinates]

    def terms(flat):
        return np.array(compared.values(*point.split(flat)))

    expected = terms(point.flat)
    slopes = slopes_along(terms, point.flat, coordinates, h).T
    size = np.abs(expected).sum()
    if problem is not None:
        kinks = problem.kinks(W, b, point.indices(coordinates), h)
        size += np.abs(problem.scores(W, b)).max()
    rounding = _ROUNDING * size
    if problem is None:
        off = ~agree(gradients[0], slopes[0], tol, rounding / h)
        kinks = np.zeros_like(slopes)
        kinks[0, off] = found_kinks(
            terms, point.flat, coordinates[off], h, tol, rounding
        )

    def compare(rows, parts):
        with np.errstate(invalid="ignore"):
            analytic, numerical = gradients[rows].sum(axis=0), slopes[rows].sum(axis=0)
            error = np.abs(analytic - numerical)
            scale = np.maximum(np.abs(analytic), np.abs(numerical))
            relative = np.divide(
                error, scale, out=np.zeros_like(error), where=scale != 0.0
            )
        kink = kinks[rows].sum(axis=0)
        agrees = agree(analytic, numerical, tol, kink + rounding / h)
        value, against = float(values[rows].sum()), float(expected[rows].sum())
        allowed = tol * max(abs(value), abs(against)) + rounding
        return GradientCheck(
            coordinates=coordinates,
            names=point.names(coordinates),
            analytic=analytic,
            numerical=numerical,
            relative_error=relative,
            is_kink=kink > 0.0,
            agrees=agrees,
            value=value,
            reference_value=against if reference else None,
            value_agrees=abs(value - against) <= allowed,
            tol=tol,
            parts=parts,
        )

    parts = {}
    if len(values) == 2:
        parts = {"data": compare([0], {}), "penalty": compare([1], {})}
    return compare(slice(None), parts)
