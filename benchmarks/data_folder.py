"""Data sets from a folder that the user names in LINLOSS_DATA.

A file `<name>.npz` with arrays `X_train` (or `X`) and `y_train` (or `y`), or a sparse
matrix `<name>_train.npz` as SciPy saves it beside labels `<name>_y_train.npy`. The name
of the labels may lack the last word of the matrix's.
"""

import os
from pathlib import Path

import numpy as np
from scipy import sparse
from sklearn.preprocessing import MinMaxScaler

VARIABLE = "LINLOSS_DATA"


def folder():
    """The folder, or None."""
    value = os.environ.get(VARIABLE)
    return Path(value) if value else None


def names():
    """The data sets in the folder."""
    if folder() is None:
        return []
    dense = [p.stem for p in folder().glob("*.npz") if not _is_part(p.stem)]
    by_row = [p.stem.removesuffix("_train") for p in folder().glob("*_train.npz")]
    return sorted(dense + [n for n in by_row if _labels(n).exists()])


def load(name, scale="none", dtype="float32"):
    """X and class indices y.

    `scale` is "none", "minmax" (every feature to [-1, 1]) or "byte" (divided by 255).
    """
    if _labels(name).exists():
        X = sparse.load_npz(folder() / f"{name}_train.npz").tocsr().astype(dtype)
        y = np.load(_labels(name))
    else:
        with np.load(folder() / f"{name}.npz") as file:
            X = file["X_train"] if "X_train" in file else file["X"]
            y = file["y_train"] if "y_train" in file else file["y"]
        X = X.reshape(len(X), -1)
    if scale == "minmax":
        X = MinMaxScaler((-1.0, 1.0)).fit_transform(X.astype(np.float64))
    elif scale == "byte":
        X = X.astype(dtype) / X.dtype.type(255) if X.dtype.kind == "f" else X / 255.0
    X = X.astype(dtype)
    return X if sparse.issparse(X) else np.ascontiguousarray(X), _codes(y)


def _labels(name):
    whole = folder() / f"{name}_y_train.npy"
    return whole if whole.exists() else folder() / f"{_stem(name)}_y_train.npy"


def _stem(name):
    return name.rsplit("_", 1)[0]


def _is_part(stem):
    return stem.endswith(("_train", "_test"))


def _codes(y):
    return np.unique(y, return_inverse=True)[1]
