"""
Features that speak for a class
===============================

The measures of wine with the largest coefficients for each cultivar (blue), and against
it (red). They can be compared because a scaler has given them one unit. The L1 part of
the penalty leaves few of them: what is not drawn is exactly zero.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifier
from sklearn_linloss.inspection import FeaturesDisplay, top_features

X, y = load_wine(return_X_y=True, as_frame=True)
model = make_pipeline(StandardScaler(), SoftmaxClassifier(alpha=0.1, l1_ratio=0.5))
model.fit(X, y)
names = ["first cultivar", "second cultivar", "third cultivar"]

# %%
# As a table:

print(top_features(model, n_features=2, n_against=1, class_names=names))

# %%
# As a picture:

figure, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
FeaturesDisplay.from_estimator(
    model, n_features=5, n_against=5, class_names=names, ax=axes
)

plt.show()
