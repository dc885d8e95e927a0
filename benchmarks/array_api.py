"""Fits on arrays of another library: time, and what crosses the bus.

    SCIPY_ARRAY_API=1 python benchmarks/array_api.py --library torch
    SCIPY_ARRAY_API=1 LINLOSS_DATA=FOLDER python benchmarks/array_api.py --fashion
    SCIPY_ARRAY_API=1 python benchmarks/array_api.py --apart

Against the same fits on NumPy arrays, each run `--repeats` times in turns, of which the
median counts: of the processor's time on the CPU, else of the clock's. The data are
drawn, or Fashion-MNIST in float32, divided by 255. Arrays in the memory of the host are
fitted there; with `--apart` they are taken for those of a device, and the bytes move
nowhere, but are the same. Threads: set OMP_NUM_THREADS=1.
"""

import argparse
import time
import warnings
from importlib import import_module
from statistics import median

import data_folder
import numpy as np
import sklearn

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, _compat
from sklearn_linloss._design.arrays import Arrays

MODELS = {
    "softmax": SoftmaxClassifier(),
    "hinge": SVMClassifier(),
    "squared hinge": SVMClassifier(loss="squared_hinge"),
    "softmax, lbfgs": SoftmaxClassifier(solver="lbfgs"),
    "softmax, gd": SoftmaxClassifier(solver="gd"),
    "softmax, sgd": SoftmaxClassifier(solver="sgd"),
}


class Bus:
    """Counts the bytes that designs send and receive."""

    def __init__(self):
        self.sent = self.received = 0
        own, host = Arrays.own, Arrays.host

        def sending(design, array):
            self.sent += np.asarray(array).nbytes
            return own(design, array)

        def receiving(design, array):
            result = host(design, array)
            self.received += result.nbytes
            return result

        Arrays.own, Arrays.host = sending, receiving


def clouds(n_samples, n_features, n_classes):
    """Clouds around the means of classes, in float32."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n_samples)
    means = rng.normal(size=(n_classes, n_features)) / np.sqrt(n_features)
    X = 2.0 * means[y] + rng.normal(size=(n_samples, n_features))
    return X.astype(np.float32), y


def timed(model, X, y, wait):
    """A fitted clone and its seconds."""
    model = sklearn.clone(model)
    clock = time.process_time if wait is None else time.perf_counter
    wait = wait or (lambda: None)
    wait()
    start = clock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the gap is printed
        model.fit(X, y)
    wait()
    return model, clock() - start


def waiter(library, device):
    """What waits for a device to finish; None for the CPU."""
    if library.__name__ == "torch" and str(device).startswith("cuda"):
        return library.cuda.synchronize
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default="torch")
    parser.add_argument("--device", default=None)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--fashion", action="store_true")
    parser.add_argument("--shape", type=int, nargs=3, default=[5000, 100, 10])
    parser.add_argument("--alpha", type=float, default=1e-4)
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--max-iter", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    args = parser.parse_args()
    fashion = args.fashion
    X, y = data_folder.load("fashion_mnist", "byte") if fashion else clouds(*args.shape)
    library = import_module(args.library)
    there = library.asarray(X, device=args.device)
    wait = waiter(library, args.device)
    sklearn.set_config(array_api_dispatch=True)
    if args.apart:
        _compat._in_memory_of_host = lambda array: False
    bus = Bus()
    scores = 4 * len(y) * len(np.unique(y))
    print(f"X has {X.nbytes} bytes, its scores {scores} in float32.")
    print(
        f"{'model':16}{'steps':>6}{'gap':>9}{'seconds':>9}{'NumPy':>8}{'ratio':>7}"
        f"{'sent a step':>13}{'received':>10}"
    )
    for name in args.models:
        model = MODELS[name].set_params(
            alpha=args.alpha, tol=args.tol, max_iter=args.max_iter, random_state=0
        )
        timed(model, X[:1000], y[:1000], wait)  # compiles
        pairs = []
        for _ in range(args.repeats):
            bus.sent = bus.received = 0
            fitted, seconds = timed(model, there, y, wait)
            pairs.append((seconds, timed(model, X, y, wait)[1]))
        here, numpy = (median(times) for times in zip(*pairs, strict=True))
        sent, received = (
            round(count / fitted.n_iter_) for count in (bus.sent, bus.received)
        )
        print(
            f"{name:16}{fitted.n_iter_:6}{fitted.gap_:9.1e}{here:9.2f}{numpy:8.2f}"
            f"{here / numpy:7.2f}{sent:13}{received:10}",
            flush=True,
        )


if __name__ == "__main__":
    main()
