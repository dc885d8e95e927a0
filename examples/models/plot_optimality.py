"""
How far from the optimum are they?
==================================

Solvers stop where their own rule is met, which says little about how much of the
objective is left. :func:`~sklearn_linloss.inspection.certify` finds out, for a fitted
classifier of any origin: from the model and its data it computes a bound below which no
model of that objective is. Here are scikit-learn's solvers at their default settings,
first on features as they come, then on scaled ones.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import LinearSVC

from sklearn_linloss.inspection import certify

# %%
# The data
# --------
# Four tables that scikit-learn has, and two sets of made-up documents: words by Zipf's
# law, somewhat different ones in each class, weighted and normalised as in tf-idf.


def documents(n_classes, n_documents=600, n_words=400, length=40):
    rng = np.random.default_rng(n_classes)
    y = np.arange(n_documents) % n_classes
    common = 1.0 / np.arange(1, n_words + 1)
    words = common * np.exp(rng.normal(size=(n_classes, n_words)))
    words /= words.sum(axis=1, keepdims=True)
    counts = np.array([rng.multinomial(length, words[k]) for k in y])
    return normalize(sparse.csr_matrix(np.log1p(counts))), y


data = {
    "iris": load_iris(return_X_y=True),
    "wine": load_wine(return_X_y=True),
    "breast_cancer": load_breast_cancer(return_X_y=True),
    "digits": load_digits(return_X_y=True),
    "documents, 2 classes": documents(2),
    "documents, 5 classes": documents(5),
}

# %%
# The classifiers
# ---------------
# Those in the second group are of two classes, and tell the second from the others.

several = {
    f"LogisticRegression, {solver}": LogisticRegression(solver=solver, random_state=0)
    for solver in ("lbfgs", "newton-cg", "newton-cholesky", "sag", "saga")
}
two = {
    "LogisticRegression, liblinear": LogisticRegression(
        solver="liblinear", random_state=0
    ),
    "LinearSVC": LinearSVC(random_state=0),
    "LinearSVC, hinge": LinearSVC(loss="hinge", random_state=0),
    "SGDClassifier": SGDClassifier(random_state=0),
}


def gaps(scaled):
    """The relative gap of each classifier on each data set."""
    table = {}
    for name, (X, y) in data.items():
        for kind, model in (several | two).items():
            labels = y == 1 if kind in two else y
            if scaled:
                scaler = StandardScaler(with_mean=not sparse.issparse(X))
                model = make_pipeline(scaler, model)
            with warnings.catch_warnings():
                # Some say that they did not converge, and some should.
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.simplefilter("ignore", RuntimeWarning)
                model.fit(X, labels)
            table.setdefault(name, {})[kind] = certify(model, X, labels).gap
    return pd.DataFrame(table)


# %%
# Features as they come
# ---------------------
# The entries are the part of the objective that another model would save, at most. The
# bound is tight: at least half of it would indeed be saved, where that is not next to
# nothing.

as_they_come = gaps(scaled=False)
as_they_come.style.format("{:.0e}")

# %%
# Scaled to unit variance
# -----------------------

scaled = gaps(scaled=True)
scaled.style.format("{:.0e}")

# %%
# Both in one picture
# -------------------
# A point is a data set. To the left of the line at 1e-4 is what the solvers of this
# package certify by default.

figure, ax = plt.subplots(figsize=(7, 4.5), layout="constrained")
for shift, (label, table) in zip(
    (0.15, -0.15), {"as they come": as_they_come, "scaled": scaled}.items(), strict=True
):
    rows = np.arange(len(table))[::-1] + shift
    x = np.maximum(table.to_numpy(), 1e-10)
    ax.plot(x, np.repeat(rows[:, None], x.shape[1], axis=1), "o", alpha=0.6, ms=5)
    for line in ax.lines[-x.shape[1] :]:
        line.set_color("C0" if shift > 0.0 else "C1")
    ax.lines[-1].set_label(label)
ax.axvline(1e-4, color="0.5", lw=1)
ax.set_yticks(np.arange(len(table))[::-1], table.index)
ax.set(xscale="log", xlabel="part of the objective that can be saved, at most")
ax.legend(title="features")

plt.show()

# %%
# One of them, in words
# ---------------------
# A certificate says what it found when it is shown, here beside the optimum.

X, y = data["wine"]
model = LogisticRegression(max_iter=100)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    model.fit(X, y)
certify(model, X, y, improve=True)
