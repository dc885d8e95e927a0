"""Certificates of linear classifiers, whoever has fitted them."""

from dataclasses import dataclass, replace
from inspect import signature
from typing import Any

import numpy as np
from sklearn.linear_model import (
    LogisticRegression,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from .. import losses
from .._audit import Case, Certificate, certify_case
from .._audited import AuditedClassifier, dense
from .._problem import check_weight
from .._typing import ArrayLike, LossName, Matrix

_TAKEN = (
    "LogisticRegression, LogisticRegressionCV, LinearSVC, SGDClassifier, a Pipeline"
)


def certify(
    model: Any,
    X: Matrix,
    y: ArrayLike,
    *,
    loss: LossName | None = None,
    alpha: float | None = None,
    l1_ratio: float | None = None,
    delta: float | None = None,
    fit_intercept: bool | None = None,
    sample_weight: ArrayLike | None = None,
    improve: bool = False,
) -> Certificate:
    """Bound how far a fitted linear classifier is from its optimum.

    The objective is::

        sum_i w_i L(W x_i + b, y_i) / sum_i w_i
            + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)

    as the classifiers of this package minimise it. For a classifier of scikit-learn it
    follows from its parameters; for arrays, `loss` and `alpha` tell it. The lower bound
    comes from a dual point [1]_. To find a good one, a model near the optimum is
    fitted, so that a certificate takes about as long as a fit.

    Parameters
    ----------
    model : estimator, or tuple of two arrays
        A fitted classifier: of this package, or `LogisticRegression` or its CV,
        `LinearSVC` or `SGDClassifier` of two classes, or a pipeline or a search that
        ends in one. Or ``(coef, intercept)`` of any origin, of the shapes (n_classes,
        n_features) and (n_classes,), and for two classes (1, n_features) and (1,).
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        The data that it was fitted to; for a pipeline, what its first step was given.
    y : array-like of shape (n_samples,)
        The labels. The rows of a `coef` belong to them in sorted order.
    loss : {"hinge", "squared_hinge", "softmax"}, default=None
        The loss. Required for arrays; for a classifier it follows from its parameters.
    alpha : float, default=None
        Strength of the penalty against the mean loss, ``1 / (C * sum(sample_weight))``
        for a C. Required for arrays; for a classifier it follows from its parameters.
    l1_ratio : float, default=None
        Mix of the penalty; None is that of the model, and for arrays 0, an L2 penalty.
    delta : float, default=None
        Margin of the hinges; None is that of the model, and for arrays 1.
    fit_intercept : bool, default=None
        Whether the model has an intercept without a penalty; None is what the model
        says, and for arrays True. Pass a penalised intercept as the coefficient of a
        column of ones in X.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights it was fitted with. Those of a model's `class_weight` multiply them.
    improve : bool, default=False
        Whether to find the optimum as well, to compare with.

    Returns
    -------
    certificate : Certificate
        The objective, the lower bound, the relative gap and more. It prints as a text.

    Raises
    ------
    ValueError
        If the model minimises another kind of objective, if a parameter contradicts
        those of the model, or if the data are invalid.

    References
    ----------
    .. [1] S. Shalev-Shwartz and T. Zhang, "Accelerated proximal stochastic dual
       coordinate ascent for regularized loss minimization", Mathematical Programming
       2016, section 1.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.preprocessing import scale
    >>> from sklearn_linloss.inspection import certify
    >>> X, y = load_wine(return_X_y=True)
    >>> X = scale(X)
    >>> model = LogisticRegression().fit(X, y)
    >>> certificate = certify(model, X, y, improve=True)
    >>> bool(certificate.bound <= certificate.optimum.objective)
    True
    >>> certificate.gap < 1e-3, certificate.optimum.changed_predictions
    (True, 0)
    """
    given = {
        "loss": loss,
        "alpha": alpha,
        "l1_ratio": l1_ratio,
        "delta": delta,
        "fit_intercept": fit_intercept,
    }
    if isinstance(model, tuple):
        return certify_case(_case_of_arrays(model, X, y, sample_weight, given), improve)
    check_is_fitted(model)
    model, X = _classifier_in(model, X)
    if isinstance(model, AuditedClassifier):
        known = {name: getattr(model, name, None) for name in given}
        known["loss"] = known["loss"] or "softmax"
        _compare(given, known, model)
        return model.certify(X, y, sample_weight, improve=improve)
    case = _case_of_known(model, X, y, sample_weight)
    known = {name: getattr(case, name) for name in given if name in vars(case)}
    known |= {"loss": case.loss.name, "delta": case.loss.delta}
    _compare(given, known, model)
    return certify_case(case, improve)


def _classifier_in(model, X):
    """The classifier that a pipeline or a search ends in, and the data it sees."""
    while True:
        if isinstance(model, Pipeline):
            X, model = model[:-1].transform(X) if len(model) > 1 else X, model[-1]
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            return model, X


def _compare(given, known, model):
    """Raise where a parameter is not what the model says of itself."""
    for name, value in given.items():
        if value is None or (name == "delta" and known["loss"] == "softmax"):
            continue
        own = known[name]
        if value != own and not (
            isinstance(value, float) and np.isclose(value, own, rtol=1e-9, atol=0.0)
        ):
            value, own = (
                each.item() if isinstance(each, np.generic) else each
                for each in (value, own)
            )
            raise ValueError(
                f"{name}={value!r} contradicts {type(model).__name__}, whose objective "
                f"has {name}={own!r}. Leave it out, or give the arrays (coef_, "
                "intercept_) to certify them by another objective."
            )


def _check(X, y, model=None):
    """The data as arrays; the features have to be those that `model` knows."""
    accepted = {"accept_sparse": "csr", "dtype": [np.float64, np.float32]}
    if model is None:
        X = check_array(X, **accepted)
    else:
        X = validate_data(model, X, reset=False, **accepted)
    y = column_or_1d(y)
    check_consistent_length(X, y)
    return X, y


# -- arrays ----------------------------------------------------------------------------


def _case_of_arrays(arrays, X, y, sample_weight, given):
    """The case of coefficients and intercepts of any origin."""
    missing = [name for name in ("loss", "alpha") if given[name] is None]
    if missing:
        raise ValueError(
            "Arrays do not tell which objective they were fitted to: pass "
            f"{' and '.join(missing)}."
        )
    X, y = _check(X, y)
    coef, intercept = arrays
    coef = np.atleast_2d(dense(coef)).astype(np.float64)
    intercept = np.atleast_1d(np.asarray(intercept, dtype=np.float64))
    weight = None if sample_weight is None else check_weight(sample_weight, X)
    classes = np.unique(y if weight is None else y[weight > 0.0])
    n_rows = 1 if len(classes) == 2 else len(classes)
    if coef.shape != (n_rows, X.shape[1]) or intercept.shape != (n_rows,):
        of_two = (
            " Of two rows of coefficients pass the second minus the first; under L2 "
            "that is the same problem with half of alpha."
        )
        remedy = of_two * (n_rows == 1)
        raise ValueError(
            f"{len(classes)} classes and {X.shape[1]} features need a coef of shape "
            f"{(n_rows, X.shape[1])} and an intercept of shape {(n_rows,)}, got "
            f"{coef.shape} and {intercept.shape}.{remedy}"
        )
    terms = _Terms(
        given["loss"],
        l1_ratio=0.0 if given["l1_ratio"] is None else given["l1_ratio"],
        fit_intercept=given["fit_intercept"] is not False,
        delta=1.0 if given["delta"] is None else given["delta"],
    )
    if not 0.0 <= given["alpha"] < np.inf or not 0.0 <= terms.l1_ratio <= 1.0:
        raise ValueError("alpha must not be negative, and l1_ratio must be in [0, 1].")
    if not terms.fit_intercept and intercept.any():
        raise ValueError("With fit_intercept=False the intercept must be zero.")
    name = f"(coef, intercept) of {len(coef)} x {X.shape[1]}"
    return _case(
        name, X, y, weight, classes, coef, intercept, terms, float(given["alpha"])
    )


def _case(name, X, y, weight, classes, coef, intercept, terms, alpha):
    kinds = {"hinge": losses.hinge, "squared_hinge": losses.squared_hinge}
    kinds["softmax"] = losses.softmax
    if terms.loss not in kinds:
        raise ValueError(f"loss must be one of {sorted(kinds)}, got {terms.loss!r}.")
    return Case(
        model=name,
        X=X,
        y=y,
        weight=weight,
        classes=classes,
        coef=coef,
        intercept=intercept,
        loss=kinds[terms.loss].at_margin(terms.delta),
        alpha=alpha,
        l1_ratio=float(terms.l1_ratio),
        fit_intercept=terms.fit_intercept,
        intercept_scaling=terms.intercept_scaling,
    )


# -- classifiers of scikit-learn -------------------------------------------------------


@dataclass(frozen=True)
class _Terms:
    """An objective, up to the strength of its penalty."""

    loss: str
    l1_ratio: float
    fit_intercept: bool
    intercept_scaling: float = 0.0
    delta: float = 1.0
    # alpha times the total weight, or times the total weight over the number of rows.
    of_sum: float | None = None
    of_mean: float | None = None


def _case_of_known(model, X, y, sample_weight):
    """The case of a classifier of scikit-learn."""
    if isinstance(model, (RidgeClassifier, RidgeClassifierCV)):
        raise ValueError(
            "RidgeClassifier minimises squared differences of scores from -1 and 1, "
            "which is none of the losses that are certified here; its normal equations "
            "are solved directly, and need no certificate."
        )
    terms_of = [of for kind, of in _KNOWN.items() if isinstance(model, kind)]
    if not terms_of:
        raise ValueError(
            f"certify does not know what {type(model).__name__} minimises. It takes "
            f"{_TAKEN}, and the classifiers of this package. For any other linear "
            "model pass the arrays (coef_, intercept_), the loss and alpha."
        )
    X, y = _check(X, y, model)
    terms = terms_of[0](model)
    if not terms.fit_intercept:
        terms = replace(terms, intercept_scaling=0.0)
    weight = _weight(model, X, y, sample_weight)
    total = len(y) if weight is None else weight.sum()
    if terms.of_sum is not None:
        alpha = terms.of_sum / total
    else:
        alpha = terms.of_mean * len(y) / total
    coef = dense(model.coef_).astype(np.float64)
    intercept = np.broadcast_to(model.intercept_, len(coef)).astype(np.float64)
    name = " ".join(repr(model).split())
    return _case(name, X, y, weight, model.classes_, coef, intercept, terms, alpha)


def _weight(model, X, y, sample_weight):
    """Weights of the samples times those of their classes, as scikit-learn has them."""
    if sample_weight is None and model.class_weight is None:
        return None
    weight = check_weight(sample_weight, X)
    if model.class_weight is None:
        return weight
    known = {}
    counts = "sample_weight" in signature(compute_class_weight).parameters
    if counts and not isinstance(model, SGDClassifier):
        known["sample_weight"] = weight
    by_class = compute_class_weight(
        model.class_weight, classes=model.classes_, y=y, **known
    )
    return weight * by_class[np.searchsorted(model.classes_, y)]


def _of_logistic_regression(model):
    several = len(model.classes_) > 2
    by_liblinear = model.solver == "liblinear"
    if several and (by_liblinear or getattr(model, "multi_class", None) == "ovr"):
        raise _one_against_the_rest(model, "softmax")
    if not several and getattr(model, "multi_class", None) == "multinomial":
        raise ValueError(
            "With multi_class='multinomial' two classes have two rows of coefficients, "
            "whose penalty is not that of one row; fit the model with the default."
        )
    C = np.unique(getattr(model, "C_", model.C if hasattr(model, "C") else None))
    ratio = getattr(model, "l1_ratio_", getattr(model, "l1_ratio", None))
    ratios = {"l2": 0.0, "l1": 1.0, None: 0.0}
    penalty = getattr(model, "penalty", "deprecated")
    ratio = ratios.get(penalty, ratio)
    if len(C) > 1 or len(np.unique(ratio)) > 1:
        raise ValueError(
            "Each class was fitted with a C or l1_ratio of its own, so that there is "
            "no one objective to certify."
        )
    ratio = np.ravel(ratio)[0]
    return _Terms(
        "softmax",
        l1_ratio=0.0 if ratio is None else float(ratio),
        fit_intercept=model.fit_intercept,
        intercept_scaling=float(model.intercept_scaling) if by_liblinear else 0.0,
        of_sum=0.0 if penalty is None else 1.0 / C[0],
    )


def _of_linear_svc(model):
    if len(model.classes_) > 2:
        raise _one_against_the_rest(model, model.loss)
    if model.multi_class != "ovr":
        raise ValueError(
            "LinearSVC with multi_class='crammer_singer' has two rows of coefficients "
            "for two classes; the default has one."
        )
    return _Terms(
        model.loss,
        l1_ratio=1.0 if model.penalty == "l1" else 0.0,
        fit_intercept=model.fit_intercept,
        intercept_scaling=float(model.intercept_scaling),
        of_sum=1.0 / model.C,
    )


def _of_sgd_classifier(model):
    names = {"hinge": "hinge", "squared_hinge": "squared_hinge", "log_loss": "softmax"}
    if model.loss not in names:
        raise ValueError(
            f"SGDClassifier(loss={model.loss!r}) has a loss that is not certified; "
            f"{', '.join(names)} are."
        )
    if len(model.classes_) > 2:
        raise _one_against_the_rest(model, names[model.loss])
    ratio = {"l2": 0.0, "l1": 1.0, None: 0.0}.get(model.penalty, model.l1_ratio)
    return _Terms(
        names[model.loss],
        l1_ratio=float(ratio),
        fit_intercept=model.fit_intercept,
        of_mean=0.0 if model.penalty is None else model.alpha,
    )


def _one_against_the_rest(model, loss):
    return ValueError(
        f"This {type(model).__name__} has three or more classes, and fits a problem "
        "for each against the rest. Certify them one by one: the arrays (coef_[k:k+1], "
        f"intercept_[k:k+1]) with y == classes_[k] and loss={loss!r}. Where the "
        "intercept is penalised, it is a coefficient of one more column of X."
    )


_KNOWN = {
    LogisticRegression: _of_logistic_regression,
    LinearSVC: _of_linear_svc,
    SGDClassifier: _of_sgd_classifier,
}
