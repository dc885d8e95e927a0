"""
Tuning lambda and delta on handwritten digits
=============================================

A pipeline of a scaler and the multiclass SVM, its penalty ``alpha`` (lambda) and margin
``delta`` chosen together by cross-validation. The scores repeat along the diagonals:
with an L2 penalty only the product ``alpha * delta`` matters.

.. image:: /images/digits_grid_search.png
   :width: 60%
   :alt: What this program draws
"""
# sphinx_gallery_thumbnail_path = "images/digits_grid_search.png"

from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SVMClassifier

PICTURE = Path("digits_grid_search.png")
ALPHAS = np.logspace(-3, 0, 4)
DELTAS = np.logspace(-1, 1, 3)


def search():
    """Tune on three quarters of the digits, test on the rest."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=0
    )
    svm = SVMClassifier(tol=1e-3, random_state=0)
    pipeline = Pipeline([("scale", StandardScaler()), ("svm", svm)])
    grid = {"svm__alpha": ALPHAS, "svm__delta": DELTAS}
    tuned = GridSearchCV(pipeline, grid, cv=5, n_jobs=2).fit(X_train, y_train)
    return tuned, tuned.score(X_test, y_test)


def print_table(scores):
    """Mean accuracy over the folds, a row an alpha and a column a delta."""
    print("mean accuracy over 5 folds")
    print("   alpha \\ delta" + "".join(f"{delta:10g}" for delta in DELTAS))
    for alpha, row in zip(ALPHAS, scores, strict=True):
        print(f"{alpha:16g}" + "".join(f"{score:10.4f}" for score in row))


def draw(scores, best):
    """Save a picture of the scores over alpha and delta."""
    figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
    image = ax.imshow(scores, origin="lower", aspect="auto", cmap="Blues")
    best_at = best["svm__alpha"], best["svm__delta"]
    for row, alpha in enumerate(ALPHAS):
        for column, delta in enumerate(DELTAS):
            score = scores[row, column]
            dark = score > 0.5 * (scores.min() + scores.max())
            ax.text(
                column,
                row,
                f"{score:.4f}" + (" *" if (alpha, delta) == best_at else ""),
                ha="center",
                va="center",
                color="white" if dark else "black",
            )
    ax.set_xticks(range(len(DELTAS)), [f"{delta:g}" for delta in DELTAS])
    ax.set_yticks(range(len(ALPHAS)), [f"{alpha:g}" for alpha in ALPHAS])
    ax.set(xlabel="delta", ylabel="alpha (lambda)", title="digits, hinge with L2")
    figure.colorbar(image, label="mean accuracy over 5 folds (* best)")
    figure.savefig(PICTURE, dpi=120)


def main():
    tuned, test_accuracy = search()
    scores = tuned.cv_results_["mean_test_score"].reshape(len(ALPHAS), len(DELTAS))
    print_table(scores)
    draw(scores, tuned.best_params_)
    best = tuned.best_estimator_["svm"]
    print(f"best: alpha={best.alpha:g}, delta={best.delta:g}")
    print(f"test accuracy: {test_accuracy:.4f}")
    print(
        f"certified within {best.gap_:.1%} of the optimum ({best.n_iter_} iterations)"
    )
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    main()
