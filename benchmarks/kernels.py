"""One value and gradient of the softmax objective, against scikit-learn's.

    LINLOSS_DATA=folder OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/kernels.py

prints the table of README.md: `Objective.data_gradient` beside `loss_gradient` of
scikit-learn's LinearModelLoss, which its lbfgs calls, on the same arrays; both kinds of
product with X that a dense design chooses from; and the time of reading X once.

    OPENBLAS_NUM_THREADS=1 python benchmarks/kernels.py --threads 2

times fits with one thread and with two.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/kernels.py --steps

times a step of `gd` with a constant rate beside one value and gradient.
"""

import argparse
import statistics
import time
import warnings
from functools import partial
from unittest import mock

import data_folder
import numpy as np
from scipy import sparse
from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.linear_model._linear_loss import LinearModelLoss

from sklearn_linloss import SoftmaxClassifier, losses
from sklearn_linloss._certificate import Certifier
from sklearn_linloss._design import design_of
from sklearn_linloss._design.dense import Dense
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet
from sklearn_linloss._solvers import _gd
from sklearn_linloss._solvers._common import Options, Progress

ALPHA = 1e-4
# Rows, features, classes.
SHAPES = [
    (60000, 784, 10),
    (60000, 784, 2),
    (60000, 784, 3),
    (60000, 784, 26),
    (20000, 784, 150),
    (200000, 16, 10),
    (15000, 3072, 10),
]


def dense(shape, dtype, rng):
    n, d, k = shape
    X = rng.random((n, d), dtype=np.float32).astype(dtype)
    return X, rng.integers(k, size=n)


def objective(X, y, loss=losses.softmax, centre=True):
    return Objective(
        design_of(X),
        y,
        np.ones(len(y)),
        loss=loss.at_margin(1.0),
        penalty=ElasticNet(ALPHA, 0.0),
        n_classes=int(y.max()) + 1,
        fit_intercept=True,
        dtype=X.dtype,
        centre=centre,
    )


def ours(X, y, theta):
    """A call, and the value it gives."""
    f = objective(X, y)
    W, b = theta
    packed = f.pack(W, b)

    def call():
        value, gradient = f.data_gradient(packed)
        weights = f.penalised(packed)
        f.penalised(gradient)[:] += f.penalty.l2 * weights
        return value + f.penalty_value(packed)

    return call


def rival(X, y, theta):
    W, b = theta
    if len(b) == 1:
        base = HalfBinomialLoss()
        coef = np.append(W[0], b).astype(X.dtype)
    else:
        base = HalfMultinomialLoss(n_classes=len(b))
        coef = np.asfortranarray(np.c_[W, b].astype(X.dtype))
    model = LinearModelLoss(base_loss=base, fit_intercept=True)
    y = y.astype(X.dtype)

    def call():
        return model.loss_gradient(coef, X, y, l2_reg_strength=ALPHA, n_threads=1)[0]

    return call


def read(X):
    """A call that reads X once."""
    flat = (X.data if sparse.issparse(X) else X).ravel()
    return lambda: np.dot(flat, flat)


def times(calls, repeats):
    """Medians of the calls, taken in turn."""
    for call in calls:
        call()
    spent = [[] for _ in calls]
    for _ in range(repeats):
        for call, list_ in zip(calls, spent, strict=True):
            start = time.perf_counter()
            call()
            list_.append(time.perf_counter() - start)
    return [statistics.median(list_) for list_ in spent]


def by(kind, call):
    """The call with one kind of product with a dense X."""

    def forced():
        with mock.patch.object(Dense, "reads_once", lambda *args: kind == "blocks"):
            return call()

    return forced


def row(name, X, y, repeats, floor):
    k = int(y.max()) + 1
    rng = np.random.default_rng(1)
    n_rows = 1 if k == 2 else k
    theta = 0.1 * rng.standard_normal((n_rows, X.shape[1])), np.zeros(n_rows)
    mine, theirs = ours(X, y, theta), rival(X, y, theta)
    np.testing.assert_allclose(mine(), theirs(), rtol=1e-4)
    calls = [mine, theirs, read(X)]
    if not sparse.issparse(X):
        calls += [by("blocks", mine), by("BLAS", mine)]
    t = times(calls, repeats)
    cells = [name, X.dtype.name, " x ".join(map(str, (*X.shape, k)))]
    cells += [f"{1e3 * s:.1f}" for s in t[:3]]
    cells += [f"{1e3 * s:.1f}" for s in t[3:]] or ["", ""]
    cells += [f"{t[0] / t[1]:.2f}", f"{floor}"]
    print("| " + " | ".join(cells) + " |", flush=True)


def compare_threads(n_threads, repeats):
    warnings.simplefilter("ignore")
    X, y = dense(SHAPES[0], np.float32, np.random.default_rng(0))
    # Labels that X tells, or the optimum is at hand.
    X[:, :10] += np.eye(10, dtype=np.float32)[y]
    heads = [
        "solver",
        "iterations",
        "one thread, s",
        f"{n_threads} threads, s",
        "ratio",
    ]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for solver in ("lbfgs", "gd"):
        params = dict(solver=solver, alpha=1e-7, tol=1e-6, max_iter=100)
        models = [SoftmaxClassifier(n_jobs=n, **params) for n in (1, n_threads)]
        one, several = times([partial(model.fit, X, y) for model in models], repeats)
        cells = f"{models[0].n_iter_} | {one:.2f} | {several:.2f}"
        print(f"| {solver} | {cells} | {one / several:.2f} |", flush=True)


def descend(f, theta, n_steps):
    options = Options(0.0, n_steps, learning_rate="constant", eta0=1e-6)
    _gd.solve(f, theta, Certifier(f), options, Progress("gd", options))


def compare_steps(repeats, n_steps=10):
    """The constant-rate step: how much longer so many more of them take."""
    X, y = dense(SHAPES[0], np.float32, np.random.default_rng(0))
    heads = ["loss", "value and gradient, ms", "step, ms", "ratio", "target"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    for loss in (losses.softmax, losses.hinge, losses.squared_hinge):
        f = objective(X, y, loss, centre=False)
        theta = np.zeros(f.size)
        # The solver alone: with tol=0 an estimator computes in float64.
        fits = [partial(descend, f, theta, steps) for steps in (1, 1 + n_steps)]
        gradient, one, more = times([partial(f.data_gradient, theta), *fits], repeats)
        step = (more - one) / n_steps
        cells = f"{loss.name} | {1e3 * gradient:.1f} | {1e3 * step:.1f}"
        print(f"| {cells} | {step / gradient:.2f} | 1.3 |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--steps", action="store_true")
    options = parser.parse_args()
    if options.steps:
        compare_steps(options.repeats)
        return
    if options.threads:
        compare_threads(options.threads, options.repeats)
        return
    repeats = options.repeats
    heads = ["data", "X", "shape", "sklearn_linloss, ms", "LinearModelLoss, ms"]
    heads += ["reading X, ms", "by blocks, ms", "by BLAS, ms", "ratio", "floor"]
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for shape in SHAPES:
            row("random", *dense(shape, dtype, rng), repeats, 0.5)
    if "news20bydate_tfidf" in data_folder.names():
        for dtype in ("float32", "float64"):
            X, y = data_folder.load("news20bydate_tfidf", "none", dtype)
            row("news20", X, y, repeats, 0.35)


if __name__ == "__main__":
    main()
