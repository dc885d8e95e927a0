"""Bytes between host and device in fits on arrays of another library.

    SCIPY_ARRAY_API=1 python benchmarks/array_api.py --library array_api_strict

On the CPU they move nowhere, but they are the same as with a device.
"""

import argparse
import warnings
from importlib import import_module

import numpy as np
import sklearn

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._design import arrays

MODELS = {
    "softmax, lbfgs": SoftmaxClassifier(solver="lbfgs"),
    "softmax, gd": SoftmaxClassifier(solver="gd"),
    "squared hinge, gd": SVMClassifier(loss="squared_hinge", solver="gd"),
    "hinge, gd": SVMClassifier(loss="hinge", solver="gd", tol=1e-2),
}


class Bus:
    """Counts the bytes that the design sends and receives."""

    def __init__(self):
        self.sent = self.received = 0
        own, on_host = arrays.Arrays.own, arrays.on_host

        def sending(design, array):
            self.sent += np.asarray(array).nbytes
            return own(design, array)

        def receiving(array):
            result = on_host(array)
            self.received += result.nbytes
            return result

        arrays.Arrays.own, arrays.on_host = sending, receiving


def data(n_samples, n_features, n_classes):
    """Clouds around the means of classes, in float32."""
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n_samples)
    means = rng.normal(size=(n_classes, n_features)) / np.sqrt(n_features)
    X = 2.0 * means[y] + rng.normal(size=(n_samples, n_features))
    return X.astype(np.float32), y


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--library", default="torch")
    parser.add_argument("--device", default=None)
    parser.add_argument("--shape", type=int, nargs=3, default=[5000, 100, 10])
    parser.add_argument("--alpha", type=float, default=1e-2)
    args = parser.parse_args()
    X, y = data(*args.shape)
    there = import_module(args.library).asarray(X, device=args.device)
    sklearn.set_config(array_api_dispatch=True)
    bus = Bus()
    print(
        f"X has {X.nbytes} bytes, its scores {4 * len(y) * args.shape[2]} in float32."
    )
    print(f"{'model':20}{'steps':>6}{'gap':>10}{'sent a step':>13}{'received':>10}")
    for name, model in MODELS.items():
        bus.sent = bus.received = 0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the gap is printed
            model.set_params(alpha=args.alpha, max_iter=300).fit(there, y)
        sent, received = (
            round(count / model.n_iter_) for count in (bus.sent, bus.received)
        )
        print(f"{name:20}{model.n_iter_:6}{model.gap_:10.1e}{sent:13}{received:10}")


if __name__ == "__main__":
    main()
