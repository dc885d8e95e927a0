"""
Tuning by GridSearchCV and by the CV classifier
===============================================

The same grid of ``alpha`` and ``delta`` over the same folds, by ``GridSearchCV`` and by
``SVMClassifierCV``. The scores are the same; the time is not, because neighbouring
strengths have neighbouring solutions, and because all points with one product ``alpha *
delta`` are one model up to its scale. The scaler is fitted inside each fold on both
sides.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SVMClassifier, SVMClassifierCV
from sklearn_linloss.inspection import ValidationSurfaceDisplay

X, y = load_wine(return_X_y=True)
alphas, deltas = np.logspace(-4, 1, 11), np.logspace(-1, 1, 5)


def grid_search():
    pipeline = make_pipeline(StandardScaler(), SVMClassifier(random_state=0, tol=1e-6))
    grid = {"svmclassifier__alpha": alphas, "svmclassifier__delta": deltas}
    return GridSearchCV(pipeline, grid, cv=5).fit(X, y)


def cv_classifier():
    search = SVMClassifierCV(
        alphas=alphas,
        deltas=deltas,
        cv=5,
        preprocessor=StandardScaler(),
        random_state=0,
        tol=1e-6,
    )
    return search.fit(X, y)


cv_classifier()  # compile, outside the clock
seconds = []
searches = []
for search in (grid_search, cv_classifier):
    start = time.perf_counter()
    searches.append(search())
    seconds.append(time.perf_counter() - start)

# %%
# Both find the same scores, and so the same best point.

theirs, ours = (search.cv_results_["mean_test_score"] for search in searches)
n_models = len(np.unique(searches[1].cv_results_["model"]))
print(f"GridSearchCV {seconds[0]:.1f} s, SVMClassifierCV {seconds[1]:.1f} s")
print(f"{len(ours)} points, {n_models} models")
print(f"largest difference of a mean score: {np.abs(ours - theirs).max():.3f}")

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11, 4), layout="constrained", width_ratios=(1, 3)
)
bars = left.bar(["Grid\nSearchCV", "SVM\nClassifierCV"], seconds, color=["C7", "C0"])
left.bar_label(bars, [f"{s:.1f} s" for s in seconds])
left.set(ylabel="time (s)", title=f"wine, {5 * len(ours)} fits")
left.spines[["top", "right"]].set_visible(False)
ValidationSurfaceDisplay.from_estimator(searches[1], ax=right)
right.set_title(f"{len(ours)} points, {n_models} models")

plt.show()
