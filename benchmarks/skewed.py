"""Tables with very unequal classes and heavy-tailed features: seconds to a certificate.

    python benchmarks/skewed.py [--rows N] [--alpha ALPHA ...] [--max-iter N]

Simulated: 40 standardised float32 features, of which a third are log-normal, a third
zero in all but a few rows, a third normal; 23 classes with shares from 0.57 down to
1e-5, drawn from a softmax of a random model of the features.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import time
import warnings

import numpy as np

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

LARGEST, SMALLEST = 0.57, 1e-5  # shares of the classes


def simulate(n, d=40, n_classes=23, seed=0):
    """X and y; every class has at least two samples."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, d), dtype=np.float32)
    tails, rare = np.arange(d) % 3 == 0, np.arange(d) % 3 == 1
    X[:, tails] = np.exp(1.5 * X[:, tails])
    for j in np.flatnonzero(rare):
        X[:, j] *= rng.random(n) < 10.0 ** rng.uniform(-4.0, -1.0)
    X -= X.mean(axis=0)
    deviation = X.std(axis=0)
    X /= np.where(deviation > 0.0, deviation, 1.0)

    # Quotas of the classes, filled from the samples that score highest for the rarest.
    shares = np.geomspace(0.2, SMALLEST, n_classes - 1)
    shares *= (1.0 - LARGEST) / shares.sum()
    counts = np.maximum((n * shares).astype(int), 2)
    W = rng.standard_normal((n_classes, d)).astype(np.float32)
    y = np.zeros(n, dtype=np.intp)
    free = np.ones(n, dtype=bool)
    for k in range(n_classes - 1, 0, -1):
        score = X @ W[k] + 3.0 * rng.gumbel(size=n).astype(np.float32)
        score[~free] = -np.inf
        chosen = np.argpartition(-score, counts[k - 1])[: counts[k - 1]]
        y[chosen], free[chosen] = k, False
    return X, y


def main():
    """Print a table of losses and strengths."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--alpha", nargs="+", type=float, default=[1e-6])
    parser.add_argument("--max-iter", type=int, default=1000)
    asked = parser.parse_args()
    X, y = simulate(asked.rows)
    print("| loss | alpha | seconds | solver | iterations | gap |")
    print("|---|---|---|---|---|---|")
    for loss in ("softmax", "squared_hinge", "hinge"):
        for alpha in asked.alpha:
            settings = {
                "alpha": alpha,
                "max_iter": asked.max_iter,
                "random_state": 0,
            }
            if loss == "softmax":
                model = SoftmaxClassifier(**settings)
            else:
                model = SVMClassifier(loss=loss, **settings)
            model.fit(X[:20_000], y[:20_000])  # compiled
            start = time.process_time()
            model.fit(X, y)
            seconds = time.process_time() - start
            print(
                f"| {loss} | {alpha:g} | {seconds:.1f} | {model.solver_} "
                f"| {model.n_iter_} | {model.gap_:.1e} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
