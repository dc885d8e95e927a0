"""What is checked, and against what."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.base import clone
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils.extmath import safe_sparse_dot

from ... import losses
from ..._base import settings_of
from ..._compat import check_sample_weight
from ..._design import canonical, design_of
from ..._losses import Loss
from ..._penalty import ElasticNet, GroupedElasticNet, penalty_of
from ..._problem import check_problem
from ._differences import one_number


def of_function(fun, X, y, W, b, loss, options, reference):
    """A user's function, and its reference where its loss is known."""
    if loss is not None:
        loss = getattr(losses, loss)
        if _is_transposed(W, X):
            return _Function(fun), _Transposed(
                _reference(loss, X, y, W.T, b, **options)
            )
        return _Function(fun), _reference(loss, X, y, W, b, **options)
    given = [name for name, value in options.items() if value is not None]
    given += ["reference"] if reference else []
    if given:
        raise ValueError(f"{' and '.join(given)} must not be given without loss.")
    return _Function(fun), None


def of_loss(fun, X, y, W, b, loss, options):
    """The compiled objective with a loss, and its reference."""
    if loss is not None:
        raise ValueError(f"loss must not be given, as fun is {fun!r} itself.")
    reference = _reference(fun, X, y, W, b, **options)
    if len(W) == 2:
        raise ValueError("W must have one row for two classes, got two.")
    return _Compiled(reference.compiled(b is not None)), reference


def of_estimator(estimator, X, y, W, b, loss, options):
    """The compiled objective of an estimator, and its reference."""
    sample_weight = options.pop("sample_weight")
    given = [name for name, value in options.items() if value is not None]
    given += ["loss"] if loss is not None else []
    if given:
        raise ValueError(
            f"{' and '.join(given)} must not be given: the estimator has its own."
        )
    if X is None or y is None:
        raise ValueError("X and y are needed to check an estimator.")
    if estimator.fit_intercept != (b is not None):
        raise ValueError(
            "b must be given if the estimator has fit_intercept=True, and only then."
        )
    model = clone(estimator)
    model._validate_params()
    problem, settings = check_problem(model, X, y, sample_weight), settings_of(model)
    _check_shapes(W, b, problem.n_classes, problem.X.shape[1])
    reference = _Reference(
        problem.X,
        problem.codes,
        problem.weight,
        settings.loss,
        penalty_of(model.penalty, model.alpha, model.l1_ratio),
        problem.n_classes,
        1.0 if model.penalty_factor is None else np.asarray(model.penalty_factor),
    )
    return _Compiled(problem.objective(settings, dtype=np.float64)), reference


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
        return one_number(result[0], "fun"), *result[1:]


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
        grad_W = f.coefficients(gradient)
        grad_b = f.intercepts(gradient)
        if f.mean is not None:
            # theta has centred features: its intercepts are b + W mean.
            grad_W = grad_W + np.outer(grad_b, f.mean)
        slope = f.penalty.min_norm_subgradient(f.penalised(theta), 0.0)
        slope_W = f.coefficients(slope)
        if f.design.scale is not None:
            # theta has coefficients W / scale.
            grad_W, slope_W = grad_W / f.design.scale, slope_W / f.design.scale
        data = np.concatenate([grad_W.ravel(), grad_b])
        penalty = np.zeros_like(data)
        penalty[: W.size] = slope_W.ravel()
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
class _Reference:
    """The reference: the objective in NumPy, as the terms data and penalty."""

    X: object
    y: np.ndarray
    weight: np.ndarray
    loss: Loss
    penalty: ElasticNet
    n_classes: int
    factor: float | np.ndarray = 1.0

    def scores(self, W, b):
        """Scores of all classes; one row W is that of class 1 against zero."""
        scores = safe_sparse_dot(self.X, W.T, dense_output=True)
        scores = scores if b is None else scores + b
        if len(W) == 1:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        return scores

    def values(self, W, b):
        values = self.loss.value(self.scores(W, b), self.y)
        alpha, l1_ratio = self.penalty.alpha, self.penalty.l1_ratio
        norms, squares = (self.factor * terms for terms in (self._norms(W), W**2))
        mix = l1_ratio * norms.sum() + (1.0 - l1_ratio) / 2.0 * squares.sum()
        return [self.weight @ values / self.weight.sum(), alpha * mix]

    def _norms(self, W):
        """What the L1 part of the penalty sums, broadcast against W."""
        grouped = isinstance(self.penalty, GroupedElasticNet)
        return np.sqrt((W**2).sum(axis=0, keepdims=True)) if grouped else np.abs(W)

    def kinks(self, W, b, indices, h):
        """How far kinks may move a centred difference from the slope at its middle.

        For a slope that jumps by `j` it is j / 2, and for one that bends by `c`, as
        that of a squared slack does, it is c h / 4.
        """
        moved = np.zeros((2, len(indices)))
        margins = None
        if self.loss.of_slacks:
            margins = np.abs(self.loss.slacks(self.scores(W, b), self.y))
        norms = np.broadcast_to(self._norms(W), W.shape)
        l1 = np.broadcast_to(self.penalty.l1 * self.factor, W.shape[1])
        for i, (k, feature) in enumerate(indices):
            if feature is not None and norms[k, feature] <= h:
                moved[1, i] = l1[feature]
            if margins is not None:
                moved[0, i] = self._data_kinks(
                    margins, k + (len(W) == 1), self._column(feature), h
                )
        return moved

    def _data_kinks(self, margins, k, x, h):
        crosses = margins <= h * x[:, None]
        # The score of its true class moves all margins of a sample.
        count = np.where(self.y == k, crosses.sum(axis=1), crosses[:, k])
        jump = h * x**2 / 2.0 if self.loss.smooth else x / 2.0
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
        from ..._objective import Objective

        return Objective(
            design_of(self.X),
            self.y,
            self.weight,
            loss=self.loss,
            penalty=self.penalty,
            n_classes=self.n_classes,
            fit_intercept=fit_intercept,
            dtype=np.float64,
        )


def _reference(loss, X, y, W, b, *, alpha, l1_ratio, delta, sample_weight):
    """The reference for data whose labels are indices."""
    if X is None or y is None:
        raise ValueError("X and y are needed if loss is given.")
    X = check_array(X, accept_sparse="csr", dtype=np.float64, order="C")
    X = canonical(X)
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
    _check_shapes(W, b, None, X.shape[1])
    return _Reference(
        X,
        y.astype(np.intp),
        weight,
        loss.at_margin(1.0 if delta is None else float(delta)),
        ElasticNet(float(alpha or 0.0), float(l1_ratio or 0.0)),
        n_classes,
    )


def _is_transposed(W, X):
    shape = np.shape(X)
    return W.ndim == len(shape) == 2 and W.shape[1] != shape[1] == W.shape[0]


def _check_shapes(W, b, n_classes, n_features):
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


class Point:
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
