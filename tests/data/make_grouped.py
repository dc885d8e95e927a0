"""Optima of the grouped penalty, by solvers of others: writes grouped.json.

    python -m venv others
    others/bin/pip install "numpy<2" scikit-learn adelie clarabel
    others/bin/python tests/data/make_grouped.py

adelie minimises the softmax: its loss is divided by the number of classes. Clarabel, an
interior-point method for cones, minimises the hinges.
"""

import json
from importlib.metadata import version
from pathlib import Path

import adelie
import clarabel
import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.preprocessing import scale

# Data, strength and mix.
PROBLEMS = [("iris", 0.02, 1.0), ("wine", 0.05, 0.5), ("digits", 0.03, 0.8)]


def data_of(name):
    load = {"iris": load_iris, "wine": load_wine, "digits": load_digits}[name]
    X, y = load(return_X_y=True)
    if name == "digits":
        X, y = X[:300, 8:24], y[:300]  # two rows of each image
        X = X[:, X.std(axis=0) > 0.0]
    return np.asfortranarray(scale(X)), y


def softmax(X, y, alpha, l1_ratio):
    n, K = len(y), y.max() + 1
    Y = np.eye(K)[y]
    state = adelie.grpnet(
        X,
        adelie.glm.multinomial(Y),
        penalty=np.ones(X.shape[1]),
        alpha=l1_ratio,
        lmda_path=[10.0 * alpha / K, alpha / K],
        early_exit=False,
        tol=1e-16,
        irls_tol=1e-14,
        max_iters=1_000_000,
        progress_bar=False,
    )
    W = state.betas[-1].toarray().reshape(X.shape[1], K)
    scores = X @ W + state.intercepts[-1]
    top = scores.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(scores - top).sum(axis=1)) + top[:, 0]
    loss = (log_sum - scores[np.arange(n), y]).mean()
    norms = np.linalg.norm(W, axis=1).sum()
    return loss + alpha * (l1_ratio * norms + (1.0 - l1_ratio) / 2.0 * (W**2).sum())


def hinge(X, y, alpha, l1_ratio, squared):
    """Over coefficients (feature by feature), intercepts, slacks and norms."""
    n, d = X.shape
    K = y.max() + 1
    n_coef, n_slack = d * K, n * (K - 1)
    size = n_coef + K + n_slack + d
    slack, norm = n_coef + K, n_coef + K + n_slack
    quadratic, linear = np.zeros(size), np.zeros(size)
    quadratic[:n_coef] = alpha * (1.0 - l1_ratio)
    linear[norm:] = alpha * l1_ratio
    (quadratic if squared else linear)[slack:norm] = (2.0 if squared else 1.0) / n
    rows, columns, values, right = [], [], [], []
    row = 0
    for i in range(n):
        for k in range(K):
            if k == y[i]:
                continue
            # score of k - score of y - slack <= -1
            for of_class, sign in ((k, 1.0), (y[i], -1.0)):
                rows += [row] * (d + 1)
                columns += [*(np.arange(d) * K + of_class), n_coef + of_class]
                values += [*(sign * X[i]), sign]
            rows.append(row)
            columns.append(slack + row)
            values.append(-1.0)
            right.append(-1.0)
            row += 1
    rows += [row + j for j in range(n_slack)]
    columns += [slack + j for j in range(n_slack)]
    values += [-1.0] * n_slack
    right += [0.0] * n_slack
    row += n_slack
    cones = [clarabel.NonnegativeConeT(row)]
    for j in range(d):
        rows += range(row, row + K + 1)
        columns += [norm + j, *range(j * K, j * K + K)]
        values += [-1.0] * (K + 1)
        right += [0.0] * (K + 1)
        row += K + 1
        cones.append(clarabel.SecondOrderConeT(K + 1))
    A = sparse.csc_matrix((values, (rows, columns)), shape=(row, size))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_rel = settings.tol_gap_abs = settings.tol_feas = 1e-11
    solver = clarabel.DefaultSolver(
        sparse.diags(quadratic).tocsc(), linear, A, np.array(right), cones, settings
    )
    return solver.solve().obj_val


if __name__ == "__main__":
    optima = []
    for name, alpha, l1_ratio in PROBLEMS:
        X, y = data_of(name)
        problem = {"data": name, "alpha": alpha, "l1_ratio": l1_ratio}
        optima.append(
            problem | {"loss": "softmax", "value": softmax(X, y, alpha, l1_ratio)}
        )
        for loss in ("hinge", "squared_hinge"):
            value = hinge(X, y, alpha, l1_ratio, loss == "squared_hinge")
            optima.append(problem | {"loss": loss, "value": value})
    versions = {name: version(name) for name in ("adelie", "clarabel", "numpy")}
    target = Path(__file__).with_name("grouped.json")
    target.write_text(
        json.dumps({"versions": versions, "optima": optima}, indent=1) + "\n"
    )
