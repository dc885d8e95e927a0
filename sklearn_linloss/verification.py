"""Check a certificate of a linear classifier, with NumPy and SciPy alone.

This file imports nothing else, so that it can be copied, read and run where the package
that made the certificate is not trusted. What a certificate claims is that no
coefficients W and intercepts b have a smaller

    F(W, b) = sum_i pi_i L(W x_i + b, y_i) + R(W)

than a number D. The proof is a list of numbers a_ij >= 0, one for each sample i and
wrong class j, in the domain of the conjugate L*. With a_iy = -sum_j a_ij for the true
class y,

    L(s, y) >= sum_j a_ij s_j - L*(a_i)        for all scores s,           (1)
    R(W) >= -<V, W> - R*(V)                    for V = sum_i pi_i a_i x_i^T,  (2)

by the definition of conjugates. Add (1) over the samples, weighted by pi_i, and (2):
the terms with W cancel, and those with b do where sum_i pi_i a_i = 0, which leaves

    F(W, b) >= D = -sum_i pi_i L*(a_i) - R*(V).

`verify` makes the a_ij feasible, computes F and D anew from the data, and compares.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from scipy.special import xlog1py, xlogy

__all__ = ["CertificateError", "Verified", "verify"]

FORMAT = "linear classifier certificate 1"
LOSSES = "hinge", "squared_hinge", "softmax"
# What two computations of one number may differ by, of the objective.
ROUNDING = 1e-9
_SEAL = "seal"


class CertificateError(ValueError):
    """Raised where a certificate does not hold, or is one of other data."""


@dataclass(frozen=True)
class Verified:
    """What `verify` has computed itself.

    Attributes
    ----------
    objective : float
        F of the model in the certificate.
    bound : float
        D, which no model goes below; nan without a penalty.
    gap : float
        (F - D) / F, the part of the objective that can be saved at most.
    """

    objective: float
    bound: float
    gap: float


def verify(certificate: Any, X: Any, y: ArrayLike) -> Verified:
    """Compute both sides of a certificate anew, and compare.

    Parameters
    ----------
    certificate : str, path, mapping or Certificate
        A file that `Certificate.save` has written, its arrays by their names, or what
        `certify` has returned.
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data that the certificate is of: what the classifier itself was given, at
        the end of a pipeline.
    y : array-like of shape (n_samples,)
        The labels.

    Returns
    -------
    verified : Verified
        The objective, the bound and the relative gap, as computed here.

    Raises
    ------
    CertificateError
        If the file was changed, if the data are others, or if the claimed objective or
        bound is not what the data give.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn_linloss.inspection import certify, verify
    >>> X, y = load_iris(return_X_y=True)
    >>> certificate = certify(LogisticRegression(C=0.1).fit(X, y), X, y)
    >>> bool(verify(certificate, X, y).gap < 1e-4)
    True
    >>> y[0] = 2
    >>> verify(certificate, X, y)
    Traceback (most recent call last):
    sklearn_linloss.verification.CertificateError: The data are not those that were
    certified.
    """
    c = read(certificate)
    if str(c["format"]) != FORMAT:
        raise CertificateError(
            f"The certificate has the format {c['format']!s}; this reads {FORMAT!r}."
        )
    if str(c[_SEAL]) != seal(c):
        raise CertificateError("The certificate was changed after it was made.")
    problem, data = given(c, X, y)
    if str(c["data"]) != data:
        raise CertificateError("The data are not those that were certified.")
    value = objective(problem, *model_of(c, c["coef"], c["intercept"]))
    bound = lower_bound(problem, dual_point(problem, c))
    gap = relative_gap(problem, value, bound)
    allowed = ROUNDING * max(value, value_at_zero(problem) * 1e-10)
    compare("objective", c["objective"], value, allowed)
    if problem.alpha > 0.0:  # else there is no bound: both are nan
        compare("bound", c["bound"], bound, allowed)
        compare("gap", c["gap"], gap, 2.0 * ROUNDING)
    return Verified(value, bound, gap)


def compare(name, claimed, found, allowed):
    """Raise if a number is not what was claimed, or no number."""
    if not abs(claimed - found) <= allowed:
        raise CertificateError(
            f"The {name} is {found}, but the certificate claims {claimed}."
        )


# -- what was certified ----------------------------------------------------------------


def read(certificate):
    """The arrays of a certificate by their names; pickles are not read."""
    certificate = getattr(certificate, "arrays", certificate)
    if isinstance(certificate, Mapping):
        return certificate
    try:
        with np.load(certificate, allow_pickle=False) as arrays:
            return {"format": arrays["format"], **arrays}
    except OSError:  # there is no such file
        raise
    except Exception as error:  # NumPy has one for each kind of file
        raise CertificateError(
            f"{certificate!r} is not a file that Certificate.save has written."
        ) from error


def seal(arrays):
    """A hash of all arrays of a certificate: who changes one changes that.

    It guards against accidents. Against lies there are the computations of `verify`.
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        if name != _SEAL:
            array = np.ascontiguousarray(arrays[name])
            total.update(f"{name} {array.dtype.str} {array.shape} ".encode())
            total.update(array.tobytes())
    return total.hexdigest()


class Problem(NamedTuple):
    """F: the data and what the objective is made of.

    Attributes
    ----------
    X : ndarray or csr_array of shape (n_samples, n_features), float64
        With one more column where the intercept is penalised.
    y : ndarray of int of shape (n_samples,)
        The true classes, by their number.
    share : ndarray of shape (n_samples,)
        pi_i, the weights of the samples over their sum.
    n_classes : int
    loss : {"hinge", "squared_hinge", "softmax"}
    delta, alpha, l1_ratio : float
    grouped : bool
        Whether the L1 part sums the norms of the coefficients of each feature.
    free : bool
        Whether there is an intercept without a penalty.
    """

    X: Any
    y: np.ndarray
    share: np.ndarray
    n_classes: int
    loss: str
    delta: float
    alpha: float
    l1_ratio: float
    grouped: bool
    free: bool


def given(c, X, y):
    """The problem that a certificate speaks of, on some data, and a hash of those."""
    if sparse.issparse(X):
        X = sparse.csr_array(X, dtype=np.float64, copy=True)
        X.sum_duplicates()
        X.eliminate_zeros()
    else:
        X = np.ascontiguousarray(X, dtype=np.float64)
    n_weights, n_features = len(c["sample_weight"]), np.shape(c["coef"])[1]
    shapes = {X.shape, (len(y), n_features), (n_weights or len(y), n_features)}
    if len(shapes) > 1:
        raise CertificateError("The data do not have the shape of those certified.")
    y = codes(c, y)
    weight = c["sample_weight"] if len(c["sample_weight"]) else np.ones(len(y))
    check(c, y, weight)
    data = fingerprint(X, y)
    scaling = float(c["intercept_scaling"])
    if scaling > 0.0:
        column = np.full((len(y), 1), scaling)
        X = sparse.hstack([X, column]) if sparse.issparse(X) else np.hstack([X, column])
        X = sparse.csr_array(X) if sparse.issparse(X) else X
    problem = Problem(
        X,
        y,
        weight / weight.sum(),
        len(c["classes"]),
        str(c["loss"]),
        *(float(c[name]) for name in ("delta", "alpha", "l1_ratio")),
        bool(c["grouped"]),
        bool(c["fit_intercept"]) and scaling == 0.0,
    )
    return problem, data


def codes(c, y):
    """The numbers of the labels among the classes."""
    y = np.asarray(y)
    y = y.astype(str) if np.asarray(c["classes"]).dtype.kind == "U" else y
    known = np.isin(y, c["classes"])
    counted = known | (c["sample_weight"] == 0.0 if len(c["sample_weight"]) else False)
    if not counted.all():
        raise CertificateError(
            "The data have labels that are not among the classes of the model."
        )
    return np.where(known, np.searchsorted(c["classes"], y), 0)


def check(c, y, weight):
    """Raise unless the parameters of the objective are those of a convex one."""
    mass = np.bincount(y, weight, len(c["classes"]))
    if not ((weight >= 0.0).all() and (mass > 0.0).all()):
        raise CertificateError("A weight is below zero, or a class has no samples.")
    if str(c["loss"]) not in LOSSES:
        raise CertificateError(
            f"The loss is {c['loss']!s}, which is not one of {LOSSES}."
        )
    at_least_0 = "delta", "alpha", "l1_ratio", "intercept_scaling"
    if not all(c[name] >= 0.0 for name in at_least_0) or c["l1_ratio"] > 1.0:
        raise CertificateError(
            "A parameter of the objective is negative, or l1_ratio is above 1."
        )
    if not c["fit_intercept"] and np.any(c["intercept"]):
        raise CertificateError(
            "The model has an intercept, but its objective has none."
        )


def fingerprint(X, y):
    """A hash of the data."""
    total = hashlib.sha256(f"{X.shape} ".encode())
    arrays = (X.indptr, X.indices, X.data) if sparse.issparse(X) else (X,)
    for array in (*arrays, y):
        kind = np.int64 if array.dtype.kind == "i" else np.float64
        total.update(array.astype(kind).tobytes())
    return total.hexdigest()


def model_of(c, W, b):
    """Coefficients and free intercepts; a penalised one is one more coefficient."""
    scaling = float(c["intercept_scaling"])
    if scaling > 0.0:
        return np.column_stack([W, b / scaling]), np.zeros(len(b))
    return W, b


# -- the upper side: the objective of the model ----------------------------------------


def objective(problem, W, b):
    """F(W, b)."""
    values, _ = losses_and_slopes(problem, W, b)
    size = sizes(problem, W)
    l2 = 0.5 * (1.0 - problem.l1_ratio) * np.square(W).sum()
    penalty = problem.alpha * (problem.l1_ratio * size.sum() + l2)
    return float(problem.share @ values + penalty)


def scores_of(problem, W, b):
    """Scores of all classes, (n_samples, n_classes).

    One row of coefficients is the score of the second of two; the first has 0.
    """
    scores = problem.X @ W.T + b
    if scores.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(scores)), scores])
    return scores


def losses_and_slopes(problem, W, b):
    """L of each sample, and its slopes in the scores of the wrong classes."""
    scores = scores_of(problem, W, b)
    rows = np.arange(len(scores))
    above = scores - scores[rows, problem.y][:, None]
    if problem.loss == "softmax":
        highest = above.max(axis=1)
        slopes = np.exp(above - highest[:, None])
        slopes[rows, above.argmax(axis=1)] = 0.0  # for log1p, which is exact near 0
        rest = slopes.sum(axis=1)
        values = np.log1p(rest) + highest
        slopes[rows, above.argmax(axis=1)] = 1.0
        slopes /= 1.0 + rest[:, None]
    else:
        slack = np.maximum(above + problem.delta, 0.0)
        slack[rows, problem.y] = 0.0
        squared = problem.loss == "squared_hinge"
        values = (slack**2 if squared else slack).sum(axis=1)
        slopes = 2.0 * slack if squared else (slack > 0.0).astype(float)
    slopes[rows, problem.y] = 0.0
    return values, slopes


def sizes(problem, W):
    """What the L1 part sums: absolute values, or norms of the columns."""
    if problem.grouped and len(W) > 1:
        return np.sqrt(np.square(W).sum(axis=0))
    return np.abs(W)


def value_at_zero(problem):
    """F(0, 0)."""
    others = problem.n_classes - 1
    per_class = {"hinge": problem.delta, "squared_hinge": problem.delta**2}
    return per_class.get(problem.loss, 0.0) * others or np.log(problem.n_classes)


def relative_gap(problem, value, bound):
    """(F - D) / F, and for an F next to nothing over 1e-10 F(0, 0)."""
    return float(
        np.maximum(value - bound, 0.0) / max(value, 1e-10 * value_at_zero(problem))
    )


# -- the lower side: the bound ---------------------------------------------------------


def dual_point(problem, c):
    """a_ij of the wrong classes, zero for the true one, (n_samples, n_classes).

    For smooth losses they are the slopes at a model in the certificate, times a number;
    for the hinge the certificate has them one by one.
    """
    if problem.loss == "hinge":
        parts = c["dual_data"], c["dual_indices"], c["dual_indptr"]
        shape = len(problem.y), problem.n_classes
        try:
            a = sparse.csr_array(parts, shape=shape)
            a.check_format()
        except ValueError as error:
            raise CertificateError(
                "The dual variables are not the parts of a matrix."
            ) from error
        a = a.toarray()
    else:
        model = model_of(c, c["dual_coef"], c["dual_intercept"])
        a = float(c["dual_scale"]) * losses_and_slopes(problem, *model)[1]
    if not (a >= 0.0).all() or a[np.arange(len(a)), problem.y].any():
        raise CertificateError("The dual point is not in the domain.")
    return a


def lower_bound(problem, a):
    """D of a dual point, which is made feasible first, in whole."""
    if problem.alpha == 0.0:
        return np.nan
    a, V = feasible(problem, a)
    return float(
        -problem.share @ conjugates(problem, a) - penalty_conjugate(problem, V)
    )


def feasible(problem, a):
    """The dual point, and its V, after the least changes that make it feasible."""
    a = balanced(problem, a)
    V = pulled(problem, a)
    part = min(largest_scale(problem, a, V), 1.0)
    return part * a, part * V


def largest_scale(problem, a, V):
    """The largest multiple of a dual point that is in the domains.

    These are 0 <= a_ij <= 1 for the hinge and sum_j a_ij <= 1 for the softmax; and V up
    to alpha for a pure L1 penalty, whose R* is zero there and infinite beyond.
    """
    largest = {"hinge": a.max(), "softmax": a.sum(axis=1).max()}.get(problem.loss, 0.0)
    if problem.l1_ratio == 1.0:
        largest = max(largest, sizes(problem, V).max() / problem.alpha)
    return 1.0 / largest if largest > 0.0 else np.inf


def balanced(problem, a):
    """a with sum_i pi_i a_i = 0, as a free intercept wants it.

    What a class gets too much flows on from its samples.
    """
    if not problem.free:
        return a
    pull = with_true_class(problem, a * problem.share[:, None])
    surplus = pull.sum(axis=0)
    excess, lack = np.maximum(surplus, 0.0), np.maximum(-surplus, 0.0)
    if excess.sum() == 0.0 or lack.sum() == 0.0:
        return a
    mass = np.bincount(problem.y, problem.share, problem.n_classes)
    flow = np.outer(excess / mass, lack / lack.sum())
    return a + flow[problem.y]


def with_true_class(problem, a):
    """A copy with minus the sum of the others in the place of the true class."""
    a = a.copy()
    a[np.arange(len(a)), problem.y] = -a.sum(axis=1)
    return a


def pulled(problem, a):
    """V; one row for two classes, that of the second."""
    pull = with_true_class(problem, a * problem.share[:, None])
    V = (problem.X.T @ pull).T
    return V[1:] if problem.n_classes == 2 else V


def conjugates(problem, a):
    """L*(a_i) of each sample."""
    total = a.sum(axis=1)
    if problem.loss == "hinge":
        return -problem.delta * total
    if problem.loss == "squared_hinge":
        return 0.25 * np.square(a).sum(axis=1) - problem.delta * total
    total = np.minimum(total, 1.0)
    return xlogy(a, a).sum(axis=1) + xlog1py(1.0 - total, -total)


def penalty_conjugate(problem, V):
    """R*(V), for a V where it is finite."""
    if problem.l1_ratio == 1.0:
        return 0.0
    l1 = problem.alpha * problem.l1_ratio
    l2 = problem.alpha * (1.0 - problem.l1_ratio)
    return np.square(np.maximum(sizes(problem, V) - l1, 0.0)).sum() / (2.0 * l2)
