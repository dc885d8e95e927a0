"""The softmax on wide images: CPU seconds to a certificate, one thread.

    LINLOSS_DATA=FOLDER python benchmarks/wide.py [alpha ...]

with `cifar10_20k.npz` in the folder (data_folder.py).
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import sys
import time
import warnings

import data_folder
import numpy as np

from sklearn_linloss import SoftmaxClassifier


def main():
    """Print a table of the strengths given."""
    warnings.simplefilter("ignore")
    X, y = data_folder.load("cifar10_20k")
    X /= np.float32(255)
    print("| alpha | seconds | iterations | gap |\n|---|---|---|---|")
    for alpha in map(float, sys.argv[1:] or ("1e-4", "1e-6")):
        model = SoftmaxClassifier(alpha=alpha, random_state=0)
        model.fit(X[:500], y[:500])  # compiled
        start = time.process_time()
        model.fit(X, y)
        seconds = time.process_time() - start
        print(f"| {alpha:g} | {seconds:.1f} | {model.n_iter_} | {model.gap_:.1e} |")


if __name__ == "__main__":
    main()
