"""Wide and barely penalised data: CPU seconds to a certificate, one thread.

    LINLOSS_DATA=FOLDER python benchmarks/wide.py [--data NAME ...] [--loss LOSS ...]
        [--alpha ALPHA ...] [--l1-ratio R] [--repeat N] [--raw]

with `cifar10_20k.npz` and `fashion_mnist.npz` in the folder (data_folder.py). Medians
of `--repeat` fits. `--raw` leaves pixels between 0 and 255, and multiplies alpha by
255^2: the same models. Without a folder, names such as `normal:1000x10000x5` draw data:
of a kind (`DRAWN`), with so many samples, features and classes.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import time
import warnings

import data_folder
import numpy as np
from scipy import sparse

from sklearn_linloss import SoftmaxClassifier, SVMClassifier


def unit(rng, shape):
    """Normal rows of length one."""
    X = rng.standard_normal(shape)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def counts(rng, shape, density):
    """Counts in few places."""
    X = sparse.random(*shape, density, "csr", random_state=rng)
    X.data = 1.0 + rng.poisson(2.0, X.nnz)
    return X


DRAWN = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "random": lambda rng, shape: rng.standard_normal(shape),
    "fading": lambda rng, shape: (
        rng.standard_normal(shape) * np.logspace(0.0, -2.0, shape[1])
    ),
    "lognormal": lambda rng, shape: 100.0 * np.exp(rng.standard_normal(shape)),
    "lognormal2": lambda rng, shape: np.exp(2.0 * rng.standard_normal(shape)),
    "unit": unit,
    "student": lambda rng, shape: rng.standard_t(2.0, shape),
    "counts": lambda rng, shape: counts(rng, shape, 0.01),
    "counts5": lambda rng, shape: counts(rng, shape, 0.05),
}
UNEQUAL = ("student", "counts", "counts5")  # classes, each half as large as the last


def draw(name, seed=0):
    """X and y of a linear model with noise; labels of the kind "random" have none."""
    kind, sizes = name.split(":")
    n, d, n_classes = map(int, sizes.split("x"))
    rng = np.random.default_rng(seed)
    X = DRAWN[kind](rng, (n, d))
    scores = X @ rng.standard_normal((d, n_classes))
    scores = (scores - scores.mean(axis=0)) / scores.std(axis=0)
    if kind == "random":
        scores[:] = 0.0
    if kind in UNEQUAL:
        scores -= np.arange(n_classes)
    return X, (scores + 0.3 * rng.gumbel(size=scores.shape)).argmax(axis=1)


def main():
    """Print a table of the data sets, losses and strengths asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["cifar10_20k", "fashion_mnist"])
    losses = ["softmax", "squared_hinge", "hinge"]
    parser.add_argument("--loss", nargs="+", default=losses, choices=losses)
    parser.add_argument("--alpha", nargs="+", type=float, default=[1e-2, 1e-4, 1e-6])
    parser.add_argument("--l1-ratio", type=float, default=0.0)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--raw", action="store_true")
    asked = parser.parse_args()
    print("| data | loss | alpha | seconds | iterations | gap |")
    print("|---|---|---|---|---|---|")
    for name in asked.data:
        if ":" in name:
            (X, y), larger = draw(name), 1.0
        else:
            X, y = data_folder.load(name)
            X /= np.float32(1.0 if asked.raw else 255.0)
            larger = 255.0**2 if asked.raw else 1.0
        for loss in asked.loss:
            for alpha in asked.alpha:
                model = make(loss, alpha * larger, asked.l1_ratio)
                model.fit(X[:500], y[:500])  # compiled
                seconds = np.median([timed(model, X, y) for _ in range(asked.repeat)])
                print(
                    f"| {name} | {loss} | {alpha:g} | {seconds:.1f} | {model.n_iter_} "
                    f"| {model.gap_:.1e} |",
                    flush=True,
                )


def make(loss, alpha, l1_ratio):
    """A classifier with defaults for the rest."""
    parameters = {"alpha": alpha, "l1_ratio": l1_ratio, "random_state": 0}
    if loss == "softmax":
        return SoftmaxClassifier(**parameters)
    return SVMClassifier(loss=loss, **parameters)


def timed(model, X, y):
    """CPU seconds of a fit."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


if __name__ == "__main__":
    main()
