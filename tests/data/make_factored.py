"""Optima of penalties with a factor for each feature, by glmnet: writes factored.json.

    python -m venv others
    others/bin/pip install scikit-learn python-glmnet setuptools
    others/bin/python tests/data/make_factored.py

glmnet rescales the factors to a sum of n_features, which its lambda makes good here.
For two classes and for more, its objective is that of this package.
"""

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from glmnet import LogitNet
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.preprocessing import scale

# Data, strength and mix.
PROBLEMS = [
    ("iris", 0.02, 1.0),
    ("wine", 0.05, 0.5),
    ("breast_cancer", 0.02, 1.0),
    ("breast_cancer", 0.05, 0.3),
]


def data_of(name):
    load = {
        "iris": load_iris,
        "wine": load_wine,
        "breast_cancer": load_breast_cancer,
    }[name]
    X, y = load(return_X_y=True)
    return scale(X), y


def factors(d, with_zeros):
    """Some of each size; zeros among them if they are asked for."""
    factor = 0.25 * (1 + np.arange(d) % 7)
    factor[1::8] *= 1.0 - with_zeros
    return factor


def optimum(X, y, alpha, l1_ratio, factor):
    """F at the model that glmnet finds."""
    mean = factor.mean()
    model = LogitNet(
        alpha=l1_ratio,
        lambda_path=np.array([4.0, 2.0, 1.0]) * alpha * mean,
        standardize=False,
        n_splits=0,
        tol=1e-14,
        max_iter=10_000_000,
    ).fit(X, y, relative_penalties=factor)
    W = model.coef_path_[..., -1]
    W, b = np.atleast_2d(W), np.atleast_2d(model.intercept_path_)[:, -1]
    scores = X @ W.T + b
    if len(W) == 1:
        scores = np.column_stack([np.zeros(len(y)), scores])
    top = scores.max(axis=1)
    log_sum = np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top
    loss = (log_sum - scores[np.arange(len(y)), y]).mean()
    mix = l1_ratio * np.abs(W) + (1.0 - l1_ratio) / 2.0 * W**2
    return float(loss + alpha * (factor * mix).sum())


if __name__ == "__main__":
    optima = []
    for name, alpha, l1_ratio in PROBLEMS:
        X, y = data_of(name)
        for with_zeros in (False, True):
            factor = factors(X.shape[1], with_zeros)
            optima.append(
                {
                    "data": name,
                    "alpha": alpha,
                    "l1_ratio": l1_ratio,
                    "factor": factor.tolist(),
                    "value": optimum(X, y, alpha, l1_ratio, factor),
                }
            )
    versions = {name: version(name) for name in ("python-glmnet", "numpy")}
    target = Path(__file__).with_name("factored.json")
    target.write_text(
        json.dumps({"versions": versions, "optima": optima}, indent=1) + "\n"
    )
