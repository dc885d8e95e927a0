"""
Tuning the loss and lambda on handwritten digits
================================================

A pipeline of a scaler and a classifier. Its loss, and the strength ``alpha`` of its
penalty, which courses call lambda, are chosen together by cross-validation. The margin
``delta`` of the hinges stays at 1: another one with its best ``alpha`` is the same
classifier.

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

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

PICTURE = Path("digits_grid_search.png")
ALPHAS = np.logspace(-4, 0, 5)
CLASSIFIERS = {
    "hinge": SVMClassifier("hinge", tol=1e-3, random_state=0),
    "squared hinge": SVMClassifier("squared_hinge", tol=1e-3, random_state=0),
    "softmax": SoftmaxClassifier(tol=1e-3, random_state=0),
}


def search():
    """Tune on three quarters of the digits, test on the rest."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.25, stratify=y, random_state=0
    )
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", SVMClassifier())])
    grid = {"classify": list(CLASSIFIERS.values()), "classify__alpha": ALPHAS}
    tuned = GridSearchCV(pipeline, grid, cv=5, n_jobs=2).fit(X_train, y_train)
    return tuned, tuned.score(X_test, y_test)


def print_table(scores):
    """Mean accuracy over the folds, with a row for each alpha."""
    print("mean accuracy over 5 folds")
    print(f"{'alpha':>8}" + "".join(f"{name:>15}" for name in CLASSIFIERS))
    for alpha, row in zip(ALPHAS, scores, strict=True):
        print(f"{alpha:8g}" + "".join(f"{score:15.4f}" for score in row))


def draw(scores):
    """Save a picture of the scores, in the order of the table."""
    figure, ax = plt.subplots(figsize=(5, 4), layout="constrained")
    image = ax.imshow(scores, aspect="auto", cmap="Blues")
    for (row, column), score in np.ndenumerate(scores):
        dark = score > 0.5 * (scores.min() + scores.max())
        ax.text(
            column,
            row,
            f"{score:.4f}" + (" *" if score == scores.max() else ""),
            ha="center",
            va="center",
            color="white" if dark else "black",
        )
    ax.set_xticks(range(len(CLASSIFIERS)), CLASSIFIERS)
    ax.set_yticks(range(len(ALPHAS)), [f"{alpha:g}" for alpha in ALPHAS])
    ax.set(xlabel="loss", ylabel="alpha (lambda)", title="digits, L2 penalty")
    figure.colorbar(image, label="mean accuracy over 5 folds (* best)")
    figure.savefig(PICTURE, dpi=120)


def main():
    tuned, test_accuracy = search()
    scores = tuned.cv_results_["mean_test_score"]
    scores = scores.reshape(len(CLASSIFIERS), len(ALPHAS)).T
    print_table(scores)
    draw(scores)
    best = tuned.best_estimator_["classify"]
    loss = list(CLASSIFIERS)[tuned.best_index_ // len(ALPHAS)]
    print(f"best: {loss}, alpha={best.alpha:g}")
    print(f"test accuracy: {test_accuracy:.4f}")
    print(f"certified within {best.gap_:.3%} of the optimum")
    print(f"picture: {PICTURE}")


if __name__ == "__main__":
    main()
