"""
Boundaries and support vectors
==============================

Two measures of iris flowers. Only the circled samples hold the boundary of the SVM,
those whose class is not ahead by more than the margin; the others do not pull at it. A
stronger penalty widens the band between the dashed lines and lets more samples into it.
The softmax has no margin: every sample pulls at its boundary.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_iris

from sklearn_linloss import SoftmaxClassifier, SVMClassifier
from sklearn_linloss.inspection import BoundaryDisplay

iris = load_iris(as_frame=True)
X, y = iris.data[["petal length (cm)", "petal width (cm)"]], iris.target

models = {
    "SVM, alpha = 0.003": SVMClassifier(alpha=0.003, tol=1e-7, random_state=0),
    "SVM, alpha = 0.1": SVMClassifier(alpha=0.1, tol=1e-7, random_state=0),
    "softmax, alpha = 0.003": SoftmaxClassifier(alpha=0.003),
}
figure, axes = plt.subplots(1, 3, figsize=(14, 4.5), layout="constrained")
for ax, (title, model) in zip(axes, models.items(), strict=True):
    BoundaryDisplay.from_estimator(
        model.fit(X, y), X, y, class_names=iris.target_names, ax=ax
    )
    ax.set_title(title)

plt.show()
