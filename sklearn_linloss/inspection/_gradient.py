"""Gradients against centred differences."""

from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.extmath import safe_sparse_dot

from .. import losses
from .._base import LinearLossClassifier
from .._compat import check_sample_weight
from .._penalty import ElasticNet

# Rounding of a computed value, in units of its terms' precision.
_ROUNDING = 16.0 * np.finfo(np.float64).eps
_ROWS_SHOWN = 5


def numerical_gradient(f, W, h=1e-5):
    """Gradient of a function by centred differences.

    It computes ``(f(W + h e) - f(W - h e)) / (2 h)`` for every entry of `W`, at two
    calls of `f` each. The error falls with h squared, that of a forward difference
    with h only.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `W`, returns a number.
    W : array-like
        The point, of any shape.
    h : float, default=1e-5
        The step, in the unit of `W`.

    Returns
    -------
    gradient : ndarray of the shape of `W`, float64
        Of the function's value in each entry of `W`.

    Raises
    ------
    ValueError
        If `h` is not positive or too small for the entries of `W`, or if `f` returns
        something else than a number.

    References
    ----------
    .. [1] J. Nocedal and S. J. Wright, "Numerical optimization", 2nd edition, Springer
       2006, section 8.1.

    Examples
    --------
    >>> from sklearn_linloss.inspection import numerical_gradient
    >>> def cube(w):
    ...     return w**3
    >>> w, h = 1.0, 1e-3
    >>> round((cube(w + h) - cube(w)) / h, 9)
    3.003001
    >>> numerical_gradient(cube, [w], h).round(9)
    array([3.000001])
    """
    if not 0.0 < h < np.inf:
        raise ValueError(f"h must be positive and finite, got {h}.")
    W = np.asarray(W, dtype=np.float64)

    def value(flat):
        return _number(f(flat.reshape(W.shape)), "f")

    return _slopes(value, W.ravel(), range(W.size), h).reshape(W.shape)


@dataclass(frozen=True, eq=False, repr=False)
class GradientCheck:
    """What `check_gradient` found. Printed, it shows the worst coordinates.

    Attributes
    ----------
    coordinates : ndarray of shape (n_checked,)
        Positions in the entries of W followed by those of b.
    names : list of str
        The same as indices, such as ``"W[2, 0]"`` and ``"b[1]"``.
    analytic : ndarray of shape (n_checked,)
        The gradient under test.
    numerical : ndarray of shape (n_checked,)
        Centred differences.
    relative_error : ndarray of shape (n_checked,)
        ``|analytic - numerical| / max(|analytic|, |numerical|)``, and 0 for 0/0.
    is_kink : ndarray of shape (n_checked,), bool
        Whether the interval of the difference holds a kink: a margin at zero, or a
        coefficient at zero under L1. Where the loss of a function is not given, those
        of its kinks are found at which the difference is off: its slopes on both
        sides differ, and do not approach each other as the step shrinks.
    agrees : ndarray of shape (n_checked,), bool
        Whether the relative error is at most `tol`, or the difference no larger than
        the kinks and the rounding of the differences explain.
    value : float
        The value under test.
    reference_value : float or None
        The value of the reference objective, if that was asked.
    value_agrees : bool
        Whether it is finite, and that of the reference.
    tol : float
        Largest relative error.
    parts : dict of str to GradientCheck
        The same for the "data" and the "penalty" alone. Empty for a callable.
    """

    coordinates: np.ndarray
    names: list
    analytic: np.ndarray
    numerical: np.ndarray
    relative_error: np.ndarray
    is_kink: np.ndarray
    agrees: np.ndarray
    value: float
    reference_value: float | None
    value_agrees: bool
    tol: float
    parts: dict = field(default_factory=dict)

    @property
    def passed(self):
        """Whether all coordinates, the value and the parts agree."""
        return bool(
            self.agrees.all()
            and self.value_agrees
            and all(part.passed for part in self.parts.values())
        )

    def __repr__(self):
        lines = [
            f"Gradient check {'passed' if self.passed else 'FAILED'}: {self._verdict()}"
        ]
        if not self.value_agrees:
            against = ""
            if self.reference_value is not None:
                against = f", that of the reference {self.reference_value:.8g}"
            lines.append(f"The value is {self.value:.8g}{against}.")
        for name, part in self.parts.items():
            lines.append(
                f"The {name} alone {'passed' if part.passed else 'FAILED'}: "
                f"{part._verdict()}"
            )
        lines.append(f"{'':12}{'analytic':>14}{'numerical':>14}{'relative error':>16}")
        for i in self._worst_first()[:_ROWS_SHOWN]:
            row = (
                f"{self.names[i]:12}{self.analytic[i]:14.6g}{self.numerical[i]:14.6g}"
                f"{self.relative_error[i]:16.1e}  {self._note(i)}"
            )
            lines.append(row.rstrip())
        return "\n".join(lines)

    def _verdict(self):
        n_checked, n_wrong = len(self.agrees), np.count_nonzero(~self.agrees)
        kinks = np.count_nonzero(self.is_kink)
        at_a_kink = f", {kinks} at a kink" if kinks else ""
        if n_wrong:
            return f"{n_wrong} of {n_checked} coordinates differ{at_a_kink}."
        notes = [self._note(i) for i in range(n_checked)]
        excused = {
            "at a kink": notes.count("kink"),
            "in rounding": notes.count("rounding"),
        }
        n_close = n_checked - sum(excused.values())
        if n_close == n_checked:
            return f"{n_checked} coordinates agree to {self.tol:g}."
        others = "".join(f", {n} {why}" for why, n in excused.items() if n)
        return f"{n_close} of {n_checked} agree to {self.tol:g}{others}."

    def _worst_first(self):
        # NaN sorts last, as the largest.
        return np.lexsort((self.relative_error, ~self.agrees))[::-1]

    def _note(self, i):
        if not self.agrees[i]:
            return "differs"
        if self.relative_error[i] <= self.tol:
            return ""
        return "kink" if self.is_kink[i] else "rounding"


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
    fun,
    X,
    y,
    W,
    b=None,
    *,
    loss=None,
    alpha=None,
    l1_ratio=None,
    delta=None,
    sample_weight=None,
    reference=None,
    n_coordinates=20,
    h=1e-5,
    tol=1e-5,
    random_state=None,
):
    """Compare a gradient with centred differences, at sampled coordinates.

    The objective that a reference computes, in plain NumPy, is::

        sum_i w_i L(W x_i + b, y_i) / sum_i w_i
            + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)

    A function that is consistent with its own gradient may still be another one, with
    a penalised intercept or a mean over n - 1: only the reference finds that.

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
        Half the interval of a difference, in the unit of `W`. Take less where features
        are far above 100: its square times theirs is the error of a difference.
    tol : float, default=1e-5
        Largest relative error.
    random_state : int, RandomState instance or None, default=None
        Seed of the choice of coordinates.

    Returns
    -------
    check : GradientCheck
        ``check.passed`` is the verdict. A coordinate whose interval holds a kink fails
        only where it is further off than the kinks can move it.

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
        subject, problem = _of_estimator(fun, X, y, W, b, loss, options)
    elif isinstance(fun, losses.Loss):
        subject, problem = _of_loss(fun, X, y, W, b, loss, options)
    elif callable(fun):
        subject, problem = _of_function(fun, X, y, W, b, loss, options, reference)
    else:
        raise ValueError(
            "fun must be a function, a loss of sklearn_linloss.losses, an "
            f"SVMClassifier or a SoftmaxClassifier, got {type(fun).__name__}."
        )
    reference = problem is not None and reference is not False
    compared = problem if reference else subject

    point = _Point(W, b)
    rng = np.random.default_rng(check_random_state(random_state).randint(2**31 - 1))
    coordinates = point.sample(n_coordinates, rng)
    values, gradients = subject.gradient(W, b)
    values, gradients = np.array(values), np.array(gradients)[:, coordinates]

    def terms(flat):
        return np.array(compared.values(*point.split(flat)))

    expected = terms(point.flat)
    slopes = _slopes(terms, point.flat, coordinates, h).T
    size = np.abs(expected).sum()
    if problem is not None:
        kinks = problem.kinks(W, b, point.indices(coordinates), h)
        size += np.abs(problem.scores(W, b)).max()
    rounding = _ROUNDING * size
    if problem is None:
        off = ~_agree(gradients[0], slopes[0], tol, rounding / h)
        kinks = np.zeros_like(slopes)
        kinks[0, off] = _found_kinks(
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
        agrees = _agree(analytic, numerical, tol, kink + rounding / h)
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


# -- what is checked, and against what -----------------------------------------------


class _Function:
    """A user's function; its value has one term."""

    def __init__(self, fun):
        self.fun = fun

    def values(self, W, b):
        return [self._call(W, b)[0]]

    def gradient(self, W, b):
        value, *gradients = self._call(W, b)
        for gradient, point, name in zip(gradients, (W, b), "Wb", strict=False):
            if np.shape(gradient) != point.shape:
                raise ValueError(
                    f"fun returned a gradient of shape {np.shape(gradient)} for {name} "
                    f"of shape {point.shape}."
                )
        flat = [np.asarray(g, dtype=np.float64).ravel() for g in gradients]
        return [value], [np.concatenate(flat)]

    def _call(self, W, b):
        # Copies: a function may keep or change what it is given.
        arguments = [array.copy() for array in (W, b) if array is not None]
        result = self.fun(*arguments)
        expected = "(value, grad_W)" if b is None else "(value, grad_W, grad_b)"
        if not isinstance(result, tuple) or len(result) != 1 + len(arguments):
            raise ValueError(f"fun must return a tuple {expected}.")
        return _number(result[0], "fun"), *result[1:]


class _Compiled:
    """The objective that fits minimise, as the terms data and penalty."""

    def __init__(self, objective):
        self.objective = objective

    def values(self, W, b):
        f = self.objective
        theta = self._theta(W, b)
        return [f.loss_value(f.scores(theta)), f.penalty_value(theta)]

    def gradient(self, W, b):
        f = self.objective
        theta = self._theta(W, b)
        value, gradient = f.data_gradient(theta)
        grad_W = f.weights(gradient).reshape(f.matrix_shape)
        grad_W = grad_W.T if f.is_sparse else grad_W
        grad_b = f.intercepts(gradient)
        if f.mean is not None:
            # theta has centred features: its intercepts are b + W mean.
            grad_W = grad_W + np.outer(grad_b, f.mean)
        data = np.concatenate([grad_W.ravel(), grad_b])
        penalty = np.zeros_like(data)
        penalty[: W.size] = f.penalty.min_norm_subgradient(W, 0.0).ravel()
        return [value, f.penalty_value(theta)], [data, penalty]

    def _theta(self, W, b):
        return self.objective.pack(W, np.zeros(len(W)) if b is None else b)


class _Transposed:
    """The reference for W of shape (n_features, n_rows)."""

    def __init__(self, problem):
        self.problem = problem

    def values(self, W, b):
        return self.problem.values(W.T, b)

    def scores(self, W, b):
        return self.problem.scores(W.T, b)

    def kinks(self, W, b, indices, h):
        swapped = [(i, j) if j is None else (j, i) for i, j in indices]
        return self.problem.kinks(W.T, b, swapped, h)


@dataclass(frozen=True)
class _Problem:
    """The reference: the objective in NumPy, as the terms data and penalty."""

    X: object
    y: np.ndarray
    weight: np.ndarray
    loss: losses.Loss
    delta: float
    penalty: ElasticNet
    n_classes: int

    def scores(self, W, b):
        """Scores of all classes; one row W is that of class 1 against zero."""
        scores = safe_sparse_dot(self.X, W.T, dense_output=True)
        scores = scores if b is None else scores + b
        if len(W) == 1:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        return scores

    def values(self, W, b):
        values = self.loss.value(self.scores(W, b), self.y, self.delta)
        alpha, l1_ratio = self.penalty.alpha, self.penalty.l1_ratio
        mix = l1_ratio * np.abs(W).sum() + (1.0 - l1_ratio) / 2.0 * (W**2).sum()
        return [self.weight @ values / self.weight.sum(), alpha * mix]

    def kinks(self, W, b, indices, h):
        """How far kinks may move a centred difference from the slope at its middle.

        For a slope that jumps by `j` it is j / 2, and for one that bends by `c`, as
        that of a squared slack does, it is c h / 4.
        """
        moved = np.zeros((2, len(indices)))
        margins = None
        if self.loss.name != "softmax":
            scores = self.scores(W, b)
            rows = np.arange(len(self.y))
            margins = np.abs(scores - scores[rows, self.y][:, None] + self.delta)
            margins[rows, self.y] = np.inf
        for i, (k, feature) in enumerate(indices):
            if feature is not None and abs(W[k, feature]) <= h:
                moved[1, i] = self.penalty.l1
            if margins is not None:
                moved[0, i] = self._data_kinks(
                    margins, k + (len(W) == 1), self._column(feature), h
                )
        return moved

    def _data_kinks(self, margins, k, x, h):
        crosses = margins <= h * x[:, None]
        # The score of its true class moves all margins of a sample.
        count = np.where(self.y == k, crosses.sum(axis=1), crosses[:, k])
        jump = x / 2.0 if self.loss.name == "hinge" else h * x**2 / 2.0
        return self.weight @ (count * jump) / self.weight.sum()

    def _column(self, feature):
        """What a coefficient multiplies in each sample, in absolute value."""
        if feature is None:
            return np.ones(len(self.y))
        if sparse.issparse(self.X):
            return np.abs(self.X[:, [feature]].toarray().ravel())
        return np.abs(self.X[:, feature])

    def compiled(self, fit_intercept):
        # Compiled code is imported here and not before.
        from .._objective import LinearObjective

        return LinearObjective(
            self.X,
            self.y,
            self.weight,
            loss=self.loss,
            penalty=self.penalty,
            delta=self.delta,
            n_classes=self.n_classes,
            fit_intercept=fit_intercept,
            dtype=np.float64,
        )


def _of_function(fun, X, y, W, b, loss, options, reference):
    """A user's function, and its reference where its loss is known."""
    if loss is not None:
        loss = getattr(losses, loss)
        if _is_transposed(W, X):
            return _Function(fun), _Transposed(_problem(loss, X, y, W.T, b, **options))
        return _Function(fun), _problem(loss, X, y, W, b, **options)
    given = [name for name, value in options.items() if value is not None]
    given += ["reference"] if reference else []
    if given:
        raise ValueError(f"{' and '.join(given)} of a function need its loss as well.")
    return _Function(fun), None


def _of_loss(fun, X, y, W, b, loss, options):
    """The compiled objective with a loss, and its reference."""
    if loss is not None:
        raise ValueError(f"fun is {fun!r}: loss must not be given as well.")
    problem = _problem(fun, X, y, W, b, **options)
    if len(W) == 2:
        raise ValueError("W must have one row for two classes, got two.")
    return _Compiled(problem.compiled(b is not None)), problem


def _of_estimator(estimator, X, y, W, b, loss, options):
    """The compiled objective of an estimator, and its reference."""
    sample_weight = options.pop("sample_weight")
    given = [name for name, value in options.items() if value is not None]
    given += ["loss"] if loss is not None else []
    if given:
        raise ValueError(
            f"{' and '.join(given)} come from the estimator and must not be given."
        )
    if X is None or y is None:
        raise ValueError("X and y are needed to check an estimator.")
    if estimator.fit_intercept != (b is not None):
        raise ValueError(
            "b must be given where the estimator has fit_intercept=True, and only "
            "there."
        )
    model = clone(estimator)
    model._validate_params()
    X, y = model._check_data(X, y)
    weight = model._check_weight(sample_weight, X)
    X, codes, classes, weight, _ = model._weigh(X, y, weight)
    _check_shapes(W, b, len(classes), X.shape[1], "fitted")
    problem = _Problem(
        X,
        codes,
        weight,
        model._loss(),
        float(model._delta()),
        model._penalty(),
        len(classes),
    )
    f = model._objective(X, codes, weight, len(classes), np.float64, centre=True)
    return _Compiled(f), problem


def _problem(loss, X, y, W, b, *, alpha, l1_ratio, delta, sample_weight):
    """The reference for data whose labels are indices."""
    if X is None or y is None:
        raise ValueError("X and y are needed where the loss is known.")
    X = check_array(X, accept_sparse="csr", dtype=np.float64, order="C")
    if sparse.issparse(X) and not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    y = check_array(y, ensure_2d=False, dtype=None, input_name="y")
    check_consistent_length(X, y)
    if W.ndim != 2:
        raise ValueError(f"W must have two dimensions, got shape {W.shape}.")
    n_classes = max(2, len(W))
    if y.ndim != 1 or y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes:
        raise ValueError(
            f"With W of {len(W)} rows, y must hold indices of classes: integers from 0 "
            f"to {n_classes - 1}."
        )
    weight = check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
    if not weight.any():
        raise ValueError("The weights of all samples are zero.")
    _check_shapes(W, b, None, X.shape[1], "checked")
    return _Problem(
        X,
        y.astype(np.intp),
        weight,
        loss,
        1.0 if delta is None else float(delta),
        ElasticNet(float(alpha or 0.0), float(l1_ratio or 0.0)),
        n_classes,
    )


def _is_transposed(W, X):
    shape = np.shape(X)
    return W.ndim == len(shape) == 2 and W.shape[1] != shape[1] == W.shape[0]


def _check_shapes(W, b, n_classes, n_features, how):
    if W.shape[1] != n_features == len(W):
        raise ValueError(
            f"W must have one row of {n_features} coefficients for each class, got "
            f"shape {W.shape}; pass W.T."
        )
    n_rows = len(W) if n_classes is None else 1 if n_classes == 2 else n_classes
    if W.shape != (n_rows, n_features):
        raise ValueError(
            f"W must have shape {(n_rows, n_features)}, got {W.shape}"
            + ("; two classes are fitted as one row." if n_classes == 2 else ".")
        )
    if b is not None and b.shape != (n_rows,):
        raise ValueError(f"b must have shape {(n_rows,)}, got {b.shape}.")


class _Point:
    """W and b as one flat vector."""

    def __init__(self, W, b):
        self.W, self.b = W, b
        self.flat = W.ravel() if b is None else np.concatenate([W.ravel(), b])

    def split(self, flat):
        size = self.W.size
        W = flat[:size].reshape(self.W.shape)
        return W, None if self.b is None else flat[size:]

    def sample(self, n_coordinates, rng):
        """Positions of some coefficients and of all intercepts."""
        size = self.W.size
        chosen = np.arange(size)
        if n_coordinates is not None and n_coordinates < size:
            chosen = np.sort(rng.choice(size, n_coordinates, replace=False))
        return np.concatenate([chosen, np.arange(size, self.flat.size)])

    def indices(self, coordinates):
        """Row and feature of each; the feature of an intercept is None."""
        n_features = self.W.shape[1]
        return [
            divmod(int(c), n_features) if c < self.W.size else (c - self.W.size, None)
            for c in coordinates
        ]

    def names(self, coordinates):
        names = []
        for c in coordinates:
            if c < self.W.size:
                index = np.unravel_index(c, self.W.shape)
                names.append("W[" + ", ".join(str(i) for i in index) + "]")
            else:
                names.append(f"b[{c - self.W.size}]")
        return names


def _slopes(f, flat, coordinates, h):
    """Centred differences of `f`, a number or an array of them, along coordinates."""
    slopes = []
    for c in coordinates:
        up, down = flat.copy(), flat.copy()
        up[c] += h
        down[c] -= h
        # What was added in fact, after rounding.
        width = up[c] - down[c]
        if width == 0.0:
            raise ValueError(f"h={h:g} is too small beside an entry of {flat[c]:g}.")
        with np.errstate(invalid="ignore"):
            slopes.append((f(up) - f(down)) / width)
    return np.array(slopes)


def _agree(analytic, numerical, tol, allowed):
    """Whether slopes agree, to a relative tolerance and what is allowed beyond it."""
    with np.errstate(invalid="ignore"):
        error = np.abs(analytic - numerical)
        scale = np.maximum(np.abs(analytic), np.abs(numerical))
        return (error <= tol * scale + allowed) & np.isfinite(error)


def _found_kinks(f, flat, coordinates, h, tol, rounding):
    """How far kinks may move centred differences: half of what the slopes jump by.

    A jump is the difference of the slopes on both sides. That of a smooth function
    halves with the step. That of a kink does not, or vanishes when the step no longer
    reaches it; two halvings leave no place where it could seem to.
    """
    moved = np.zeros(len(coordinates))
    steps = h / np.array([1.0, 2.0, 4.0])
    with np.errstate(invalid="ignore"):
        middle = f(flat).sum()
        for i, c in enumerate(coordinates):
            jumps = np.empty(len(steps))
            scale = 0.0
            for k, step in enumerate(steps):
                up, down = flat.copy(), flat.copy()
                up[c] += step
                down[c] -= step
                right = (f(up).sum() - middle) / (up[c] - flat[c])
                left = (middle - f(down).sum()) / (flat[c] - down[c])
                jumps[k] = right - left
                scale = max(scale, abs(left), abs(right))
            noise = tol * scale + 4.0 * rounding / steps[-1]
            halves = np.abs(jumps[:-1] - 2.0 * jumps[1:]) <= noise
            # What grows as the step shrinks is noise of the function.
            grows = np.abs(jumps[1:]) > np.abs(jumps[:-1]) + noise
            if not halves.all() and not grows.any():
                moved[i] = np.abs(jumps[0]) / 2.0
    return moved


def _number(value, name):
    value = np.asarray(value)
    if value.size != 1:
        raise ValueError(f"{name} must return one number, got shape {value.shape}.")
    return float(value.item())
