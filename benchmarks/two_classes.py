"""Two classes: CPU seconds to an excess of 1e-3 and 1e-6, beside scikit-learn.

    LINLOSS_DATA=FOLDER python benchmarks/two_classes.py [--data NAME ...]
        [--loss LOSS ...] [--alpha ALPHA ...] [--rows N] [--repeat N]

Data are "dense" (`--rows` x 50, correlated), "sparse" (`--rows` x 100000, 60 numbers a
row) and files of the folder (data_folder.py), by default a9a where it is there. Each
solver is timed at the loosest of some tolerances whose excess over a reference,
certified to 1e-8, is within the target. Without an intercept all of them minimise the
same objective; with one, liblinear penalises it and is left out, and so is LinearSVC.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import statistics
import time
import warnings
from functools import partial
from itertools import product

import data_folder
import numpy as np
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, losses

LOSSES = ("softmax", "hinge", "squared_hinge")
TOLS = 10.0 ** np.arange(-1.0, -9.0, -1.0)


def dense(n, d=50, seed=0):
    """X = Z (I + G / 2) with normal Z and G / sqrt(d); labels from 30 % of features."""
    rng = np.random.default_rng(seed)
    mix = np.eye(d) + 0.5 * rng.standard_normal((d, d)) / np.sqrt(d)
    X = rng.standard_normal((n, d)) @ mix
    w = rng.standard_normal(d) * (rng.random(d) < 0.3)
    return X, (X @ w + rng.standard_normal(n) > 0.0).astype(int)


def text(n, d=100_000, seed=0):
    """Rows of norm one, of columns drawn with a probability ~ 1 / rank^1.05."""
    rng = np.random.default_rng(seed)
    chance = np.arange(1.0, d + 1) ** -1.05
    columns = rng.choice(d, (n, 60), p=chance / chance.sum())
    rows = np.repeat(np.arange(n), 60)
    X = sparse.csr_matrix((np.ones(rows.size), (rows, columns.ravel())), shape=(n, d))
    X = sparse.diags(1.0 / np.sqrt(X.multiply(X).sum(axis=1)).A1) @ X
    w = rng.standard_normal(d) * (rng.random(d) < 0.3)
    return X.tocsr(), (X @ w + 0.1 * rng.standard_normal(n) > 0.0).astype(int)


def load(name, rows):
    if name in ("dense", "sparse"):
        return {"dense": dense, "sparse": text}[name](rows)
    return data_folder.load(name, dtype="float64")


def objective(X, y, coef, intercept, loss, alpha):
    """In float64, in NumPy."""
    w = np.ravel(coef)
    scores = X @ w + np.ravel(intercept)[0]
    both = np.column_stack([np.zeros(len(y)), scores])
    return getattr(losses, loss).value(both, y).mean() + 0.5 * alpha * w @ w


def ours(loss, alpha, fit_intercept, tol):
    common = {"alpha": alpha, "fit_intercept": fit_intercept, "tol": tol}
    common |= {"max_iter": 10_000, "random_state": 0}
    if loss == "softmax":
        return SoftmaxClassifier(**common)
    return SVMClassifier(loss, **common)


def rivals(loss, alpha, fit_intercept, X):
    """Names, and what makes each from a tolerance."""
    C = 1.0 / (alpha * X.shape[0])
    common = {"C": C, "fit_intercept": fit_intercept, "max_iter": 10_000}
    if loss == "softmax":
        solvers = ["lbfgs", "newton-cg"] + ["liblinear"] * (not fit_intercept)
        solvers += ["newton-cholesky"] * (X.shape[1] <= 1000)
        for solver in solvers:
            yield solver, partial(LogisticRegression, solver=solver, **common)
        return
    if fit_intercept:
        return
    common["random_state"] = 0
    for dual in [True] + [False] * (loss == "squared_hinge"):
        name = "LinearSVC " + ("dual" if dual else "primal")
        yield name, partial(LinearSVC, loss=loss, dual=dual, **common)


def seconds(make, X, y, repeat):
    """Median CPU seconds, and the model."""
    taken = []
    for _ in range(repeat):
        model = make()
        start = time.process_time()
        model.fit(X, y)
        taken.append(time.process_time() - start)
    return statistics.median(taken), model


def times_to(targets, make, X, y, excess_of, repeat):
    """Median seconds at the loosest tolerance within each target; nan if none is."""
    found = dict.fromkeys(targets, np.nan)
    for tol in TOLS:
        model = make(tol=tol).fit(X, y)
        excess = excess_of(model)
        met = [t for t in targets if excess <= t and np.isnan(found[t])]
        if met:
            taken, _ = seconds(partial(make, tol=tol), X, y, repeat)
            found |= dict.fromkeys(met, taken)
        if not np.isnan(list(found.values())).any():
            break
    return found


def compare(name, loss, alpha, fit_intercept, asked):
    X, y = load(name, asked.rows)
    mine = partial(ours, loss, alpha, fit_intercept)
    best = mine(tol=1e-8).fit(X, y)

    def excess_of(model):
        value = objective(X, y, model.coef_, model.intercept_, loss, alpha)
        return value / reference - 1.0

    reference = objective(X, y, best.coef_, best.intercept_, loss, alpha)
    times = partial(times_to, (1e-3, 1e-6), X=X, y=y, excess_of=excess_of)
    own = times(make=mine, repeat=asked.repeat)
    others = {
        name: times(make=make, repeat=asked.repeat)
        for name, make in rivals(loss, alpha, fit_intercept, X)
    }
    for target, taken in own.items():
        finite = {
            n: each[target] for n, each in others.items() if np.isfinite(each[target])
        }
        rival, ratio = "", ""
        if finite:
            fastest = min(finite, key=finite.get)
            rival = f"{fastest} {finite[fastest]:.3f}"
            ratio = f"{taken / finite[fastest]:.2f}"
        cells = [name, loss, f"{alpha:g}", "yes" if fit_intercept else "no"]
        cells += [f"{target:g}", f"{taken:.3f}", rival, ratio, f"{best.gap_:.0e}"]
        print("|", " | ".join(cells), "|", flush=True)


def main():
    """Print a table of the data sets, losses and strengths asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    known = ["a9a"] * ("a9a" in data_folder.names())
    parser.add_argument("--data", nargs="+", default=[*known, "dense", "sparse"])
    parser.add_argument("--loss", nargs="+", default=LOSSES, choices=LOSSES)
    parser.add_argument("--alpha", nargs="+", type=float, default=[1e-3, 1e-5])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    titles = (
        "data",
        "loss",
        "alpha",
        "intercept",
        "excess",
        "sklearn_linloss",
        "fastest rival",
    )
    print("|", " | ".join([*titles, "ratio", "gap"]), "|")
    print("|---" * (len(titles) + 2) + "|")
    for case in product(asked.data, asked.loss, asked.alpha, (True, False)):
        compare(*case, asked)


if __name__ == "__main__":
    main()
