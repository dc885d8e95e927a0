"""Sparse paths of the softmax: CPU seconds, certified, beside glmnet's.

    pip install python-glmnet
    LINLOSS_DATA=FOLDER python benchmarks/paths.py [--data NAME ...] [--l1-ratio R ...]
        [--repeat N] [--excess E]

Both sides follow the same strengths: 50 of them down to a hundredth of the largest, and
on text 20 down to a tenth. A reference path, certified to 1e-7, says how far each model
is above the optimum. Ours is the loosest of some tolerances whose largest excess is
within `--excess`, or the tightest where none is, and so is glmnet's, which has no
certificate. Without files in the folder (data_folder.py) there are digits, which
scikit-learn carries, and simulated text.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import statistics
import time
import warnings

import data_folder
import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits

from sklearn_linloss import linear_path, losses

SIMULATED = "simulated text"
OURS = (1e-2, 1e-3, 1e-4, 1e-5)
GLMNET = (1e-5, 1e-6, 1e-7, 1e-8)


def simulate(n_samples=4000, n_features=20_000, n_classes=5, seed=0):
    """Rows of norm one, 40 columns each, drawn with a probability ~ 1 / rank^1.05."""
    rng = np.random.default_rng(seed)
    chance = np.arange(1.0, n_features + 1) ** -1.05
    columns = rng.choice(n_features, (n_samples, 40), p=chance / chance.sum())
    rows = np.repeat(np.arange(n_samples), 40)
    entries = np.ones(rows.size), (rows, columns.ravel())
    X = sparse.csr_matrix(entries, shape=(n_samples, n_features))
    X = sparse.diags(1.0 / np.sqrt(X.multiply(X).sum(axis=1)).A1) @ X
    W = rng.standard_normal((n_classes, n_features)) * (rng.random(n_features) < 0.3)
    scores = X @ W.T + 0.3 * rng.standard_normal((n_samples, n_classes))
    return X.tocsr().astype(np.float32), scores.argmax(axis=1)


def load(name):
    if name == SIMULATED:
        return simulate()
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16.0, y
    return data_folder.load(name)


def seconds(function, repeat):
    """Median CPU seconds, and the last result."""
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        result = function()
        taken.append(time.process_time() - start)
    return statistics.median(taken), result


def objective(X, y, W, b, alpha, l1_ratio):
    """In float64, in NumPy."""
    scores = X @ W.T.astype(np.float64) + b
    if len(W) == 1:
        scores = np.column_stack([np.zeros(len(y)), scores])
    size = l1_ratio * np.abs(W).sum() + 0.5 * (1.0 - l1_ratio) * np.square(W).sum()
    return losses.softmax.value(scores, y).mean() + alpha * size


def glmnet_path(X, y, alphas, l1_ratio, tol):
    """Coefficients and intercepts along the path, or None without the package."""
    try:
        from glmnet import LogitNet
    except ImportError:
        return None
    model = LogitNet(
        alpha=l1_ratio,
        lambda_path=alphas,
        standardize=False,
        n_splits=0,
        tol=tol,
        max_iter=10**7,
    ).fit(X, y)
    d, count = X.shape[1], len(alphas)
    coefs = model.coef_path_.reshape(-1, d, count)
    intercepts = model.intercept_path_.reshape(-1, count)
    return np.moveaxis(coefs, -1, 0), intercepts.T


def first_within(target, tols, path_at, excess_of, repeat):
    """Seconds, excess and tolerance of the loosest path within the target."""
    for tol in tols:
        taken, path = seconds(lambda tol=tol: path_at(tol), repeat)
        if path is None:
            return None
        excess = excess_of(*path)
        if excess <= target:
            break
    return taken, excess, tol


def compare(name, l1_ratio, asked):
    X, y = load(name)
    text = sparse.issparse(X) and X.shape[1] > len(y)
    count, eps = (20, 0.1) if text else (50, 0.01)
    settings = {"l1_ratio": l1_ratio, "alphas": count, "eps": eps}
    reference = linear_path(X, y, tol=1e-7, **settings)
    double = X.astype(np.float64)

    def excess_of(coefs, intercepts):
        models = zip(coefs, intercepts, reference.alphas, strict=True)
        values = [objective(double, y, *model, l1_ratio) for model in models]
        return float(np.max(values / reference.objectives - 1.0))

    def ours(tol):
        path = linear_path(X, y, tol=tol, **settings)
        return path.coefs, path.intercepts

    columns = double.tocsc() if sparse.issparse(X) else np.asfortranarray(double)

    def theirs(tol):
        return glmnet_path(columns, y, reference.alphas, l1_ratio, tol)

    mine = first_within(asked.excess, OURS, ours, excess_of, asked.repeat)
    other = first_within(asked.excess, GLMNET, theirs, excess_of, asked.repeat)
    cells = ["{:.2f} s (excess {:.0e}, tol {:.0e})".format(*mine), "not installed", ""]
    if other is not None:
        cells[1] = "{:.2f} s (excess {:.0e}, tol {:.0e})".format(*other)
        cells[2] = f"{mine[0] / other[0]:.2f}"
    rows = [name, f"{l1_ratio:g}", *cells, f"{reference.gaps.max():.0e}"]
    print("|", " | ".join(rows), "|", flush=True)


def main():
    """Print a table of the data sets and mixes asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="+", default=["digits", SIMULATED])
    parser.add_argument("--l1-ratio", nargs="+", type=float, default=[1.0, 0.5])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--excess", type=float, default=1e-4)
    asked = parser.parse_args()
    titles = "data", "l1_ratio", "sklearn_linloss", "glmnet", "ratio"
    print("|", " | ".join(titles), "| largest gap of the reference |")
    print("|---|---|---|---|---|---|")
    for name in asked.data:
        for l1_ratio in asked.l1_ratio:
            compare(name, l1_ratio, asked)


if __name__ == "__main__":
    main()
