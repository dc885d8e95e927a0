"""
Lambda and delta are one parameter
==================================

Cross-validated accuracy of the multiclass SVM over the strength of the penalty and the
margin. For the hinge with L2 only ``alpha * delta`` matters: with it fixed, a larger
margin makes the same model larger. So the score is constant along the white lines, and
:class:`~sklearn_linloss.SVMClassifierCV` fits one model for each of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SVMClassifierCV
from sklearn_linloss.inspection import ValidationSurfaceDisplay

X, y = load_wine(return_X_y=True)

search = SVMClassifierCV(
    alphas=np.logspace(-3, 0.5, 8),
    deltas=np.logspace(-1, 0.5, 4),
    preprocessor=StandardScaler(),
).fit(X, y)

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ValidationSurfaceDisplay.from_estimator(search, ax=ax)
n_points, n_models = (
    len(search.cv_results_["params"]),
    search.cv_results_["model"].max(),
)
ax.set_title(f"wine: {n_points} points, {n_models + 1} models")

plt.show()
