"""Whether a change left all models as they were: seeded fits on ten data sets.

    python benchmarks/same_models.py save        # before the change
    python benchmarks/same_models.py             # after it, on the same machine

Each fit is kept as its objective, its iterations and the products of its model with
fixed directions, in `same_models.json`. Iterates repeat to the last digits on one
machine only: another processor or BLAS rounds differently.
"""

import json
import platform
import sys
import warnings
from itertools import product
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    SVMClassifier,
    SVMClassifierCV,
    linear_path,
)

MASTER = Path(__file__).with_name("same_models.json")
LARGEST_CHANGE = 1e-12
LOSSES = ("softmax", "hinge", "squared_hinge")
SOLVERS = ("auto", "gd", "lbfgs", "newton", "saga", "sdca", "sgd")
PENALTIES = ((1e-3, 0.0), (1e-2, 0.5))


def data_sets():
    """Name, X, y and weights of each."""
    rng = np.random.default_rng(0)
    for load in (load_iris, load_wine, load_breast_cancer):
        X, y = load(return_X_y=True)
        yield load.__name__[5:], StandardScaler().fit_transform(X), y, None
    X, y = load_digits(return_X_y=True)
    yield "digits_float32", (X / 16.0).astype(np.float32), y, None
    n = 400
    y = rng.integers(4, size=n)
    counts = sparse.random(n, 600, 0.02, "csr", random_state=0)
    topics = sparse.csr_matrix(np.repeat(np.eye(4), 150, axis=1)[y])
    yield "csr", (counts + 0.3 * counts.multiply(topics)).tocsr(), y, None
    yield "csr_two_float32", counts.astype(np.float32), y % 2, rng.uniform(0.5, 2.0, n)
    X = rng.standard_normal((60, 300))
    yield "wide", X, (X[:, :3].argmax(axis=1)), None
    y = np.arange(600) % 30
    centres = rng.standard_normal((30, 12))
    yield "many_classes", centres[y] + rng.standard_normal((600, 12)), y, None
    X = rng.standard_normal((6000, 20)) + 5.0
    noise = rng.standard_normal((6000, 3))
    yield "tall", X, (X[:, :3] + noise).argmax(axis=1), rng.uniform(0.1, 3.0, 6000)
    X = np.exp(1.5 * rng.standard_normal((500, 15)))
    yield "heavy_tails", X, (np.log(X[:, 0]) + noise[:500, 0] > 0.0) * 1, None


def classifier(loss, **params):
    """The estimator of a loss."""
    if loss == "softmax":
        return SoftmaxClassifier(random_state=0, **params)
    return SVMClassifier(loss, delta=2.0, random_state=0, **params)


def digest(*arrays):
    """Products with fixed directions, which a change of any entry changes."""
    flat = np.concatenate([np.ravel(a).astype(np.float64) for a in arrays])
    directions = np.random.default_rng(1).standard_normal((3, len(flat)))
    return [float(v) for v in directions @ flat] + [float(np.abs(flat).sum())]


def fits():
    """Name and digest of each."""
    for name, X, y, weight in data_sets():
        for loss, solver, (alpha, l1_ratio) in product(LOSSES, SOLVERS, PENALTIES):
            model = classifier(
                loss, alpha=alpha, l1_ratio=l1_ratio, solver=solver, max_iter=20
            )
            try:
                model.fit(X, y, weight)
            except ValueError as refusal:
                if "does not support" not in str(refusal):
                    raise
                continue
            yield (
                f"{name} {loss} {solver} {alpha:g} {l1_ratio:g}",
                [model.objective_, float(model.n_iter_)]
                + digest(model.coef_, model.intercept_),
            )
        for loss, fit_intercept in product(LOSSES, (False, True)):
            options = dict(alpha=1e-3, fit_intercept=fit_intercept)
            model = classifier(loss, **options)
            for rows in np.array_split(np.arange(X.shape[0]), 3):
                model.partial_fit(X[rows], y[rows], np.unique(y))
            yield f"{name} {loss} stream", digest(model.coef_, model.intercept_)
            model = classifier(loss, solver="gd", learning_rate="constant", **options)
            model.set_params(eta0=1e-3, max_iter=20).fit(X, y, weight)
            yield f"{name} {loss} textbook", digest(model.coef_, model.intercept_)
            model = classifier(loss, early_stopping=True, max_iter=10, **options)
            model.fit(X, y, weight)
            yield f"{name} {loss} early", digest(model.coef_, model.intercept_)
        for loss, l1_ratio in product(LOSSES, (0.0, 1.0)):
            path = linear_path(
                X,
                y,
                loss=loss,
                l1_ratio=l1_ratio,
                alphas=3,
                max_iter=30,
                random_state=0,
            )
            yield f"{name} {loss} path {l1_ratio:g}", digest(path.alphas, path.coefs)
    X, y = load_iris(return_X_y=True)
    for chooser in (SoftmaxClassifierCV, SVMClassifierCV):
        cv = chooser(alphas=4, random_state=0).fit(X, y)
        yield f"iris {chooser.__name__}", digest(cv.scores_, cv.coef_)


def largest_change(now, before):
    """Relative to the largest number of a digest."""
    now, before = np.array(now), np.array(before)
    return float(np.abs(now - before).max() / max(np.abs(before).max(), 1e-300))


def main():
    """Save the fits, or compare them with the saved ones."""
    warnings.simplefilter("ignore")
    results = {}
    for name, values in fits():
        while name in results:
            name += "'"
        results[name] = values
    if sys.argv[1:] == ["save"]:
        machine = (
            f"{platform.processor() or platform.machine()}, NumPy {np.__version__}"
        )
        text = json.dumps({"machine": machine, "fits": results}, indent=0)
        MASTER.write_text(text + "\n")
        print(f"{len(results)} fits saved")
        return 0
    before = json.loads(MASTER.read_text())["fits"]
    if results.keys() != before.keys():
        print("other fits than before:", sorted(results.keys() ^ before.keys()))
        return 1
    changes = {name: largest_change(results[name], before[name]) for name in results}
    other = {name: c for name, c in changes.items() if not c <= LARGEST_CHANGE}
    for name, change in sorted(other.items(), key=lambda item: -item[1]):
        print(f"{change:.1e}  {name}")
    equal = sum(change == 0.0 for change in changes.values())
    print(f"{len(results)} fits: {equal} equal, {len(other)} beyond {LARGEST_CHANGE}")
    return bool(other)


if __name__ == "__main__":
    sys.exit(main())
