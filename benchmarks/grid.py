"""Default fits of data x loss x alpha: seconds, passes over X, and the certified gap.

    LINLOSS_DATA=FOLDER python benchmarks/grid.py [--data NAME ...] [--loss LOSS ...]
        [--alpha ALPHA ...]

prints a row for every data set and loss, and at the end how many fits ended above their
tolerance: their gaps are printed bold. Data: those that scikit-learn ships, those in
the folder, if it is named (data_folder.py), and the simulated ones of other files here.
One thread, CPU seconds of single fits.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import time
import warnings

import data_folder
import numpy as np
import scaling
import skewed
from passes import Passes
from sklearn import datasets
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

BUNDLED = ("iris", "wine", "breast_cancer", "digits")
BYTES = ("cifar10_20k", "fashion_mnist")
LOSSES = ("softmax", "squared_hinge", "hinge")
ALPHAS = (1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)


def simulated(n, d, k):
    return lambda: scaling.simulate(n, d, k)


SIMULATED = {
    "20000 x 50 x 50": simulated(20_000, 50, 50),
    "1000 x 10000 x 5": simulated(1000, 10_000, 5),
    "skewed 50000 x 40 x 23": lambda: skewed.simulate(50_000),
}


def load(name):
    """X and y: standardised, or minmax-scaled or divided by 255 in the folder."""
    if name in SIMULATED:
        return SIMULATED[name]()
    if name in BUNDLED:
        X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
        return StandardScaler().fit_transform(X), y
    scale = "byte" if name in BYTES else "none"
    return data_folder.load(name, scale, "float32")


def cell(model, X, y, passes):
    """Seconds, passes and gap of a fit, and whether the gap is within the tolerance."""
    passes.count = 0
    start = time.process_time()
    model.fit(X, y)
    seconds = time.process_time() - start
    certified = model.gap_ <= model.tol
    gap = f"{model.gap_:.0e}" if certified else f"**{model.gap_:.0e}**"
    return f"{seconds:.2f} s, {passes.count}, {gap}", certified


def main():
    """Print the table."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    names = [*BUNDLED, *data_folder.names(), *SIMULATED]
    parser.add_argument("--data", nargs="+", default=names, choices=names)
    parser.add_argument("--loss", nargs="+", default=LOSSES, choices=LOSSES)
    parser.add_argument("--alpha", nargs="+", type=float, default=ALPHAS)
    asked = parser.parse_args()
    passes, above = Passes(), 0
    heads = [f"{alpha:g}" for alpha in asked.alpha]
    print(f"| data, loss | {' | '.join(heads)} |\n" + "|---" * (len(heads) + 1) + "|")
    for name in asked.data:
        X, y = load(name)
        few = np.unique(np.r_[: min(500, len(y)), np.unique(y, return_index=True)[1]])
        for loss in asked.loss:
            print(f"| {name}, {loss} |", end="", flush=True)
            for alpha in asked.alpha:
                if loss == "softmax":
                    model = SoftmaxClassifier(alpha=alpha, random_state=0)
                else:
                    model = SVMClassifier(loss=loss, alpha=alpha, random_state=0)
                model.set_params(max_iter=5).fit(X[few], y[few])  # compiled
                text, certified = cell(model.set_params(max_iter=1000), X, y, passes)
                above += not certified
                print(f" {text} |", end="", flush=True)
            print(flush=True)
    print(f"\nFits that ended above their tolerance: {above}")


if __name__ == "__main__":
    main()
