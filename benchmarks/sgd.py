"""Mini-batch SGD with its automatic rate: where it ends, and the time of an epoch.

    LINLOSS_DATA=folder OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/sgd.py

prints the tables of README.md. `--only accuracy` and `--only time` print one of them.
The folder holds what floors.py reads, and a9a.
"""

import argparse
import statistics
import time
import warnings
from functools import cache
from unittest import mock

import data_folder
import numpy as np
from sklearn import datasets
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss._solvers import _sgd
from sklearn_linloss._solvers._sgd_state import resolve_batch_size

ALPHA = 1e-4
LOSSES = ("softmax", "hinge", "squared_hinge")
# The excess that is asked for: of the optimum, or of the objective at zero.
FLOORS = {"softmax": (0.01, 0.002), "hinge": (0.03, 0.005)}
FLOORS["squared_hinge"] = FLOORS["hinge"]
BUNDLED = ("iris", "wine", "breast_cancer", "digits")
FOLDER = {
    "usps": "minmax",
    "letter": "minmax",
    "satimage": "minmax",
    "a9a": "none",
    "fashion_mnist": "byte",
    "news20bydate_tfidf": "none",
}


@cache
def load(name):
    if name in FOLDER:
        return data_folder.load(name, FOLDER[name], "float32")
    X, y = getattr(datasets, f"load_{name.removesuffix(' raw')}")(return_X_y=True)
    return (X if name.endswith("raw") else StandardScaler().fit_transform(X)), y


def make(loss, **params):
    params = {"random_state": 0} | params
    if loss == "softmax":
        return SoftmaxClassifier(**params)
    return SVMClassifier(loss, **params)


# -- where it ends -------------------------------------------------------------------


def excess(name, loss, factor):
    """Excess over the certified optimum, as a part of what is asked for."""
    X, y = load(name)
    size = resolve_batch_size("auto", X.shape[0])
    epochs = max(20, -(-1000 // -(-X.shape[0] // size)))
    # The same problem for every factor.
    alpha = ALPHA * factor**2
    fitted = make(loss, alpha=alpha, solver="sgd", tol=0, max_iter=epochs)
    fitted.fit(factor * X, y)
    optimum, at_zero = optimum_of(name, loss)
    of_optimum, of_zero = FLOORS[loss]
    over = fitted.objective_ - optimum
    return over / optimum, over / max(of_optimum * optimum, of_zero * at_zero)


@cache
def optimum_of(name, loss):
    """A proven lower bound of the optimum, and the objective at zero."""
    X, y = load(name)
    tol = 1e-3 if X.shape[0] > 5000 else 1e-4
    model = make(loss, alpha=ALPHA, tol=tol, max_iter=3000).fit(X, y)
    return model.objective_ * (1.0 - model.gap_), model.loss_curve_[0]


def accuracy():
    print("| data | " + " | ".join(LOSSES) + " |")
    print("|---" * (len(LOSSES) + 1) + "|")
    small = (*BUNDLED, "digits raw")
    cases = [(name, 1.0) for name in (*small, *FOLDER)]
    cases += [(name, 1000.0) for name in small]
    for name, factor in cases:
        title = name if factor == 1.0 else f"{name} times {factor:g}"
        entries = []
        for loss in LOSSES:
            relative, of_floor = excess(name, loss, factor)
            entries.append(f"{100.0 * relative:.2f} % ({of_floor:.2f})")
        print(f"| {title} | " + " | ".join(entries) + " |", flush=True)


# -- the time of an epoch ------------------------------------------------------------


def epoch_of_ours(X, y, loss, **params):
    """Median time of the updates of an epoch."""
    times = []
    run_epoch = _sgd.run_epoch

    def timed(*args):
        start = time.perf_counter()
        result = run_epoch(*args)
        times.append(time.perf_counter() - start)
        return result

    model = make(
        loss, alpha=ALPHA, solver="sgd", batch_size=64, tol=0, max_iter=6, **params
    )
    model.fit(X, y)
    with mock.patch.object(_sgd, "run_epoch", timed):
        model.fit(X, y)
    return statistics.median(times)


def epoch_of_sgd_classifier(X, y, loss):
    """Time of a fit of three epochs, divided by three; its preparation is in it."""
    model = SGDClassifier(loss=loss, alpha=ALPHA, tol=None, random_state=0, max_iter=3)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.fit(X, y)
        times.append((time.perf_counter() - start) / model.max_iter)
    return statistics.median(times)


def epoch_of_torch(X, y, loss):
    """Time of an epoch of batches by indexing, with Nesterov momentum."""
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    X, y = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
    W = torch.zeros(len(y.unique()), X.shape[1], requires_grad=True)
    b = torch.zeros(len(W), requires_grad=True)
    optimizer = torch.optim.SGD(
        [W, b], lr=0.01, momentum=0.9, nesterov=True, weight_decay=ALPHA
    )
    criteria = {
        "softmax": functional.cross_entropy,
        "hinge": functional.multi_margin_loss,
    }
    times = []
    for _ in range(4):
        start = time.perf_counter()
        for rows in torch.randperm(len(y)).split(64):
            optimizer.zero_grad()
            criteria[loss](functional.linear(X[rows], W, b), y[rows]).backward()
            optimizer.step()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def epoch_times():
    print("| data | loss | sklearn_linloss | rival | ratio | floor |")
    print("|---|---|---|---|---|---|")
    for name, floor in (("fashion_mnist", 0.05), ("news20bydate_tfidf", 0.5)):
        X, y = load(name)
        for loss, theirs in (("softmax", "log_loss"), ("hinge", "hinge")):
            ours = epoch_of_ours(X, y, loss)
            rivals = [("SGDClassifier", epoch_of_sgd_classifier(X, y, theirs), floor)]
            if name == "fashion_mnist":
                rivals.append(("PyTorch", epoch_of_torch(X, y, loss), 0.25))
            for rival, taken, floor_ in rivals:
                print(
                    f"| {name} | {loss} | {ours:.3f} s | {rival} {taken:.3f} s "
                    f"| {ours / taken:.2f} | {floor_} |",
                    flush=True,
                )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=["accuracy", "time"])
    only = parser.parse_args().only
    warnings.simplefilter("ignore")
    if only != "time":
        accuracy()
    if only != "accuracy":
        epoch_times()


if __name__ == "__main__":
    main()
