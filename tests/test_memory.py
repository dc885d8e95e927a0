"""Arrays that a fit holds at a time, beside X."""

import tracemalloc
import warnings

import numpy as np
import pytest
from scipy import sparse

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._design import design_of

# Numbers of fixed cost: blocks of rows and the like.
SLACK = 40_000


def numbers_beside(model, X, y):
    """How many float64 fit in the peak of a fit's memory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)  # compiles
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            model.fit(X, y)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return (peak - before) / 8


@pytest.mark.parametrize(
    ("model", "most"),
    [
        (SoftmaxClassifier(random_state=0), 6),
        (SVMClassifier(random_state=0), 7),
        (SVMClassifier("squared_hinge", random_state=0), 6),
    ],
    ids=["softmax", "hinge", "squared_hinge"],
)
def test_a_fit_holds_few_arrays_of_the_size_of_its_scores(model, most):
    n, d, K = 8000, 12, 30
    rng = np.random.default_rng(0)
    y = np.arange(n) % K
    X = rng.standard_normal((K, d))[y] + rng.standard_normal((n, d))
    bound = most * (n * K + K * d) + 2 * d * d
    assert numbers_beside(model, X, y) <= bound + SLACK


def test_lbfgs_holds_few_arrays_of_many_coefficients():
    n, d, n_classes = 30, 21000, 3
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((n, d)), np.arange(n) % n_classes
    model = SoftmaxClassifier(alpha=1e-2, solver="lbfgs")
    # 75 with the loop of SciPy.
    assert numbers_beside(model, X, y) <= 19 * n_classes * (n + d) + SLACK


@pytest.mark.parametrize("is_sparse", [True, False])
def test_moments_of_many_features_take_few_arrays(is_sparse):
    d = 25000
    X = np.ones((50, d), np.float32)
    if is_sparse:
        indices = np.random.default_rng(0).integers(d, size=240_000)
        entries = np.ones(len(indices), np.float32), indices
        X = sparse.csr_matrix((*entries, np.arange(0, 240_001, 20)), (12000, d))
    design, weight = design_of(X), np.full(X.shape[0], 1.0 / X.shape[0])
    design.moments(weight)  # compiles
    tracemalloc.start()
    try:
        design.moments(weight)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / 8 <= 14 * d + SLACK
