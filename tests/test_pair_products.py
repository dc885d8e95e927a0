"""Fits whose steps are solved by products with active pairs of a CSR."""

import numpy as np
import pytest
from scipy import sparse

from sklearn_linloss import SVMClassifier


@pytest.mark.parametrize(
    "loss, alpha, most_iter", [("hinge", 1e-4, 150), ("squared_hinge", 1e-5, 250)]
)
def test_hinges_on_counts_of_words_are_certified(loss, alpha, most_iter):
    """The matrices of active pairs and of coefficients cost a second or more a step
    there, and left gaps of 5e-4 and 0.4 after 150 iterations.
    """
    rng = np.random.default_rng(1)
    n, d, K = 2500, 1200, 6
    chance = 1.0 / np.arange(1, d + 1)
    y = rng.choice(K, n, p=np.arange(1, K + 1) / 21)
    sample = np.repeat(np.arange(n), 60)
    word = rng.choice(d, len(sample), p=chance / chance.sum())
    # One word in twenty speaks for the class, and one label in twenty is wrong.
    order = np.stack([rng.permutation(d) for _ in range(K)])
    word = np.where(rng.random(len(word)) < 0.05, order[y[sample], word], word)
    counts = rng.lognormal(size=len(word))
    X = sparse.csr_array((counts, (sample, word)), shape=(n, d))
    X.sum_duplicates()
    X.data = np.log1p(X.data).astype(np.float32)
    y = np.where(rng.random(n) < 0.05, rng.integers(K, size=n), y)
    model = SVMClassifier(loss, alpha=alpha, max_iter=most_iter, random_state=0)
    model.fit(X, y)
    assert model.gap_ <= 1e-4
