"""
L1 selects features, L2 shrinks them
====================================

The coefficients of one class of wine, from a strong penalty on the right to a weak one.
Under L1 they leave zero one by one, some return to it, and most of them are not needed;
under L2 all of them grow together, and none is ever exactly zero.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import linear_path
from sklearn_linloss.inspection import RegularizationPathDisplay

wine = load_wine()
X = StandardScaler().fit_transform(wine.data)

paths = {
    "L1": linear_path(X, wine.target, l1_ratio=1.0, alphas=40),
    "L2": linear_path(X, wine.target, l1_ratio=0.0, alphas=40),
}
display = RegularizationPathDisplay.from_path(
    paths, class_label=0, feature_names=wine.feature_names
)

plt.show()
