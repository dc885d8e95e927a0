"""Arrays that a fit holds at a time, beside X."""

import tracemalloc
import warnings

import numpy as np
import pytest

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

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
