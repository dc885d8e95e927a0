"""Wide and barely penalised images: CPU seconds to a certificate, one thread.

    LINLOSS_DATA=FOLDER python benchmarks/wide.py [--data NAME ...] [--loss LOSS ...]
        [--alpha ALPHA ...] [--repeat N] [--raw]

with `cifar10_20k.npz` and `fashion_mnist.npz` in the folder (data_folder.py). Medians
of `--repeat` fits. `--raw` leaves pixels between 0 and 255, and multiplies alpha by
255^2: the same models.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import time
import warnings

import data_folder
import numpy as np

from sklearn_linloss import SoftmaxClassifier, SVMClassifier


def main():
    """Print a table of the data sets, losses and strengths asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["cifar10_20k", "fashion_mnist"])
    losses = ["softmax", "squared_hinge", "hinge"]
    parser.add_argument("--loss", nargs="+", default=losses, choices=losses)
    parser.add_argument("--alpha", nargs="+", type=float, default=[1e-2, 1e-4, 1e-6])
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--raw", action="store_true")
    asked = parser.parse_args()
    unit = 1.0 if asked.raw else 255.0
    print("| data | loss | alpha | seconds | iterations | gap |")
    print("|---|---|---|---|---|---|")
    for name in asked.data:
        X, y = data_folder.load(name)
        X /= np.float32(unit)
        for loss in asked.loss:
            for alpha in asked.alpha:
                model = make(loss, alpha * (255.0 / unit) ** 2)
                model.fit(X[:500], y[:500])  # compiled
                seconds = np.median([timed(model, X, y) for _ in range(asked.repeat)])
                print(
                    f"| {name} | {loss} | {alpha:g} | {seconds:.1f} | {model.n_iter_} "
                    f"| {model.gap_:.1e} |",
                    flush=True,
                )


def make(loss, alpha):
    """A classifier at its defaults."""
    if loss == "softmax":
        return SoftmaxClassifier(alpha=alpha, random_state=0)
    return SVMClassifier(loss=loss, alpha=alpha, random_state=0)


def timed(model, X, y):
    """CPU seconds of a fit."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


if __name__ == "__main__":
    main()
