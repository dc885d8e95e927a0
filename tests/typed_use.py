"""The public names as users write them, for the type checker; nothing runs this file.

Each ignored error is one that the checker has to find: it complains of those that are
not errors.
"""

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

from sklearn_linloss import (
    LinearPath,
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
    SVMClassifierCV,
    linear_path,
    losses,
    show_versions,
    warmup,
)
from sklearn_linloss.inspection import (
    GradientCheck,
    LossCurveDisplay,
    LossDisplay,
    RandomSearchResult,
    check_gradient,
    numerical_gradient,
    random_search,
)


def use() -> None:
    X = np.zeros((6, 2), dtype=np.float32)
    y = ["a", "b", "c"] * 2

    svm = SVMClassifier("squared_hinge", delta=2, alpha=1e-3, random_state=0).fit(X, y)
    assert_type(svm, SVMClassifier)
    assert_type(svm.predict(X), NDArray[Any])
    assert_type(svm.decision_function([[0.0, 1.0]]), NDArray[Any])
    assert_type(svm.coef_, NDArray[Any])
    assert_type(svm.gap_, float)
    assert_type(svm.partial_fit(X, y, classes=["a", "b", "c"]), SVMClassifier)
    assert_type(svm.sparsify().densify(), SVMClassifier)
    svm.fit(X)  # type: ignore[call-arg]
    SVMClassifier("softmax")  # type: ignore[arg-type]
    SVMClassifier(solver="adam")  # type: ignore[arg-type]
    SVMClassifier(alpha="strong")  # type: ignore[arg-type]
    SVMClassifier(C=1.0)  # type: ignore[call-arg]

    softmax = SoftmaxClassifier(penalty="grouped", class_weight={"a": 2.0})
    assert_type(softmax.fit(X, y, sample_weight=np.ones(6)), SoftmaxClassifier)
    assert_type(softmax.predict_proba(X), NDArray[Any])
    SoftmaxClassifier(1e-3)  # type: ignore[call-arg]

    search = SVMClassifierCV(alphas=[0.1, 1.0], deltas=[1.0, 2.0]).fit(X, y)
    assert_type(search, SVMClassifierCV)
    assert_type(search.score(X, y), float)
    assert_type(search.scorer_, Callable[..., float])
    assert_type(SoftmaxClassifierCV(alphas=5).fit(X, y), SoftmaxClassifierCV)

    path = linear_path(X, y, loss="hinge", alphas=5, tol=1e-3)
    assert_type(path, LinearPath)
    assert_type(path.at(0.1), tuple[NDArray[Any], NDArray[Any]])
    assert_type(path.df, NDArray[Any])
    linear_path(X, y, loss="absolute")  # type: ignore[arg-type]

    assert_type(losses.hinge.gradient([1.0, 2.0], 0), NDArray[Any])
    warmup(svm, n_samples=1000, dtype=np.float32)
    show_versions()

    assert_type(check_gradient(svm, X, y, svm.coef_, svm.intercept_), GradientCheck)
    assert_type(check_gradient(svm, X, y, svm.coef_).passed, bool)
    assert_type(random_search(X, y, n_iter=10), RandomSearchResult)
    assert_type(numerical_gradient(lambda W: float(W.sum()), svm.coef_), NDArray[Any])
    random_search(X, y, loss="absolute")  # type: ignore[arg-type]
    assert_type(LossCurveDisplay.from_estimator([svm, softmax]), LossCurveDisplay)
    assert_type(LossDisplay.from_losses("hinge", slopes=True).plot(), LossDisplay)
