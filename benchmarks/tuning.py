"""Tuning lambda and delta: the CV classifiers against GridSearchCV and
LogisticRegressionCV, over the same grid and folds.

    LINLOSS_DATA=folder OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/tuning.py

prints the table of README.md. `--data wine usps` and `--loss softmax` choose rows,
`--folds 1` times the first of the five folds alone, where five take hours.
"""

import argparse
import time
import warnings

import data_folder
import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
    SVMClassifierCV,
)

ALPHAS, DELTAS = np.logspace(-6, 1, 15), np.logspace(-1, 1, 5)
BUNDLED = ("wine", "breast_cancer", "digits")
FOLDER = {"usps": "minmax", "fashion_mnist": "byte"}
ROWS = 10000
AS_GOOD, FLOOR = 1e-4, 0.3


def load(name):
    if name in FOLDER:
        X, y = data_folder.load(name, FOLDER[name], "float32")
        return X[:ROWS], y[:ROWS]
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def seconds(search, X, y):
    start = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - start


def searches(loss, cv):
    """Ours and GridSearchCV over the same classifier."""
    params = {"cv": cv, "refit": False}
    if loss == "softmax":
        ours = SoftmaxClassifierCV(
            alphas=ALPHAS, random_state=0, store_coefs_paths=True, **params
        )
        model, grid = SoftmaxClassifier(random_state=0), {"alpha": ALPHAS}
    else:
        ours = SVMClassifierCV(
            loss, alphas=ALPHAS, deltas=DELTAS, random_state=0, **params
        )
        model = SVMClassifier(loss, random_state=0)
        grid = {"alpha": ALPHAS, "delta": DELTAS}
    return ours, GridSearchCV(model, grid, **params)


def logistic_regression_cv(X, y, cv, excess, patience):
    """scikit-learn's, at the loosest tolerance whose worst fit is as good as ours, or
    the first that takes longer than `patience`.

    Returns its seconds, its tolerance and the worst relative excess of a fit.
    """
    n = len(cv[0][0])
    for tol in 10.0 ** -np.arange(2.0, 10.0):
        search = LogisticRegressionCV(
            Cs=1.0 / (ALPHAS * n),
            cv=cv,
            tol=tol,
            max_iter=10000,
            l1_ratios=(0.0,),
            use_legacy_attributes=False,
            scoring="accuracy",
        )
        elapsed = seconds(search, X, y)
        worst = excess(search.coefs_paths_[:, 0])
        if worst <= AS_GOOD or elapsed > patience:
            break
    return elapsed, tol, worst


def worst_excess(X, y, cv, optima):
    """A function of coefs_paths (n_folds, n_alphas, n_rows, n_features + 1)."""

    def excess(paths):
        worst = 0.0
        for (train, _), fold, best in zip(cv, paths, optima, strict=True):
            for alpha, W, lowest in zip(ALPHAS, fold, best, strict=True):
                scores = X[train] @ W[:, :-1].T + W[:, -1]
                if scores.shape[1] == 1:
                    scores = np.hstack([np.zeros_like(scores), scores])
                scores -= scores.max(axis=1, keepdims=True)
                proba = np.exp(scores)
                proba /= proba.sum(axis=1, keepdims=True)
                value = log_loss(y[train], proba)
                value += alpha / 2.0 * np.square(W[:, :-1]).sum()
                worst = max(worst, value / lowest - 1.0)
        return worst

    return excess


def row(name, loss, n_folds):
    X, y = load(name)
    cv = list(StratifiedKFold(5).split(X, y))[:n_folds]
    ours, theirs = searches(loss, cv)
    few = list(StratifiedKFold(5).split(X[:500], y[:500]))[:1]
    for search in (ours, theirs):  # compile
        search.set_params(cv=few).fit(X[:500], y[:500])
        search.set_params(cv=cv)
    # Once again at the end: the machine is shared.
    first = seconds(ours, X, y)
    grid_seconds = seconds(theirs, X, y)
    own_seconds = np.median([first, seconds(ours, X, y), seconds(ours, X, y)])
    equal = sum(
        np.count_nonzero(
            ours.cv_results_[f"split{k}_test_score"]
            == theirs.cv_results_[f"split{k}_test_score"]
        )
        for k in range(n_folds)
    )
    n_models = len(np.unique(ours.cv_results_["model"]))
    n_points = len(ours.cv_results_["model"])
    cells = [
        name,
        loss,
        f"{n_folds}",
        f"{n_models} of {n_points}",
        f"{own_seconds:.2f}",
        f"{grid_seconds:.1f}",
        f"{own_seconds / grid_seconds:.3f}",
        f"{equal} of {n_points * n_folds}",
    ]
    if loss == "softmax":
        optima = [
            [
                fit.objective_ * (1.0 - fit.gap_)
                for fit in (
                    SoftmaxClassifier(alpha=alpha, tol=1e-5, random_state=0).fit(
                        X[train], y[train]
                    )
                    for alpha in ALPHAS
                )
            ]
            for train, _ in cv
        ]
        excess = worst_excess(X, y, cv, optima)
        patience = own_seconds / FLOOR
        elapsed, tol, worst = logistic_regression_cv(X, y, cv, excess, patience)
        more, less = ("", "") if worst <= AS_GOOD else ("> ", "< ")
        cells += [
            f"{more}{elapsed:.1f} ({tol:g}, {worst:.0e})",
            f"{less}{own_seconds / elapsed:.3f}",
        ]
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", nargs="*", default=[*BUNDLED, *FOLDER])
    parser.add_argument("--loss", nargs="*", default=["hinge", "softmax"])
    parser.add_argument("--folds", type=int, default=5)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    for name in args.data:
        for loss in args.loss:
            row(name, loss, args.folds)


if __name__ == "__main__":
    main()
