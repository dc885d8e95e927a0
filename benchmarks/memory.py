"""Peak memory of a fit and of predict beside X, a file larger than what they may take.

    python benchmarks/memory.py
    LINLOSS_DATA=folder python benchmarks/memory.py --folder
    python benchmarks/memory.py --arrays

The first prints the table of README.md for one gigabyte of float32 on disk, mapped into
memory and written to a temporary directory; the second for some data sets of a folder.
Counted is anonymous memory, every 2 ms: pages of the file are not. Needs Linux.
The third counts by tracemalloc what fits of generated data hold beside X, in arrays of
n K + K d float64, and prints it over its bound: 6 of them and 2 d^2 numbers.
"""

import argparse
import ctypes
import tempfile
import threading
import time
import tracemalloc
import warnings
from multiprocessing import get_context
from pathlib import Path

import data_folder
import numpy as np

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

SHAPE = 262_144, 1024
FITS = [
    (SoftmaxClassifier, {"solver": "sdca"}),
    (SoftmaxClassifier, {"solver": "saga"}),
    (SoftmaxClassifier, {"solver": "saga", "l1_ratio": 1.0}),
    (SoftmaxClassifier, {"solver": "lbfgs"}),
    (SoftmaxClassifier, {"solver": "newton"}),
    (SoftmaxClassifier, {"solver": "gd"}),
    (SoftmaxClassifier, {"solver": "sgd"}),
    (SoftmaxClassifier, {"solver": "sgd", "average": True}),
    (SVMClassifier, {"solver": "sdca"}),
    (SVMClassifier, {"solver": "newton"}),
    (SVMClassifier, {"solver": "gd"}),
    (SVMClassifier, {"solver": "sgd"}),
]
FOLDER = [
    ("fashion_mnist", "byte", "float32", SoftmaxClassifier, {"solver": "sdca"}),
    ("fashion_mnist", "byte", "float32", SVMClassifier, {"solver": "sdca"}),
    ("news20bydate_tfidf", "none", "float32", SoftmaxClassifier, {"solver": "sdca"}),
    ("letter", "minmax", "float64", SVMClassifier, {"solver": "newton"}),
    ("usps", "minmax", "float64", SVMClassifier, {"solver": "newton"}),
]
# n, d, K
SHAPES = [(20000, 60, 12), (20000, 30, 60), (30000, 20, 3), (50000, 50, 2)]
MB = 2**20


def anonymous():
    """Anonymous memory of this process, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024.0
    raise OSError("no RssAnon: Linux is needed")


class Peak:
    """The peak of anonymous memory beyond that at the start, in MB."""

    def __enter__(self):
        ctypes.CDLL(None).malloc_trim(0)
        self.growth = 0.0
        self._start = anonymous()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._done.set()
        self._thread.join()

    def _watch(self):
        while not self._done.is_set():
            self.growth = max(self.growth, anonymous() - self._start)
            time.sleep(0.002)


def measure(X, y, make, params):
    """Peaks of fit and predict, sizes of X and of n K + K d in float64, in MB."""
    warnings.simplefilter("ignore")
    # Enough iterations for every stage of a solver.
    max_iter = 200 if params["solver"] == "newton" and len(y) < 1e5 else 3
    model = make(tol=1e-4, max_iter=max_iter, random_state=0, **params)
    some = slice(0, 2000)
    model.fit(X[some], y[some]).predict(X[some])  # compiles
    with Peak() as fit:
        model.fit(X, y)
    with Peak() as predict:
        model.predict(X)
    size = X.data.nbytes + X.indices.nbytes if hasattr(X, "nnz") else X.nbytes
    state = 8 * len(model.classes_) * sum(X.shape)
    return fit.growth, predict.growth, size / MB, state / MB


def measure_file(path, make, params):
    X = np.memmap(path, np.float32, "r", shape=SHAPE)
    # The systems of "newton" are bounded by n_classes * n_features^2.
    n_classes = 5 if params["solver"] == "newton" else 10
    return measure(X, np.arange(SHAPE[0]) % n_classes, make, params)


def measure_named(name, scale, dtype, make, params):
    return measure(*data_folder.load(name, scale, dtype), make, params)


def arrays_of(n, d, n_classes, model):
    """What a fit holds, in arrays of n K + K d float64, and over its bound."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % n_classes
    X = 3.0 / np.sqrt(d) * rng.standard_normal((n_classes, d))[y]
    X += rng.standard_normal((n, d))
    warnings.simplefilter("ignore")
    model.fit(X, y)  # compiles
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    model.fit(X, y)
    held = (tracemalloc.get_traced_memory()[1] - before) / 8
    tracemalloc.stop()
    state = n * n_classes + n_classes * d
    return held / state, held / (6 * state + 2 * d * d)


def print_arrays():
    models = [
        ("softmax", SoftmaxClassifier(random_state=0)),
        ("hinge", SVMClassifier(random_state=0)),
        ("squared hinge", SVMClassifier("squared_hinge", random_state=0)),
    ]
    print("| n x d x K | loss | arrays | over the bound |\n" + "|---" * 4 + "|")
    for shape in SHAPES:
        for name, model in models:
            held, part = arrays_of(*shape, model)
            data = " x ".join(map(str, shape))
            print(f"| {data} | {name} | {held:.1f} | {part:.2f} |", flush=True)


def write(path):
    n, d = SHAPE
    rng = np.random.default_rng(0)
    X = np.memmap(path, np.float32, "w+", shape=SHAPE)
    for start in range(0, n, 4096):
        block = rng.random((4096, d), dtype=np.float32)
        block[np.arange(4096), (start + np.arange(4096)) % 10] += 0.5
        X[start : start + 4096] = block
    X.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", action="store_true")
    parser.add_argument("--arrays", action="store_true")
    arguments = parser.parse_args()
    if arguments.arrays:
        print_arrays()
        return
    heads = ["model", "X, MB", "n K + K d in float64, MB", "fit, MB", "predict, MB"]
    if arguments.folder:
        print("| data | " + " | ".join(heads) + " |\n" + "|---" * 6 + "|")
        jobs = [(measure_named, f"| {fit[0]} ", fit) for fit in FOLDER]
    else:
        print("| " + " | ".join(heads) + " |\n" + "|---" * 5 + "|")
        jobs = [(measure_file, "", fit) for fit in FITS]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "X.float32"
        if not any(title for _, title, _ in jobs):
            write(path)
        # A process each: memory that an earlier fit gave back would hide the peak.
        with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            for function, title, fit in jobs:
                arguments = fit if title else (path, *fit)
                in_fit, in_predict, size, state = pool.apply(function, arguments)
                *_, make, params = fit
                name = " ".join(
                    [make.__name__, *(f"{k}={v}" for k, v in params.items())]
                )
                cells = f"{name} | {size:.0f} | {state:.1f} | {in_fit:.0f}"
                print(f"{title}| {cells} | {in_predict:.0f} |", flush=True)


if __name__ == "__main__":
    main()
