"""
Lambda sets how confident a softmax is
======================================

The mean of the largest probability over the samples, against the strength of the
penalty. The penalty keeps the scores small and so the probabilities close together; in
the end only the intercept is left, and each sample gets the shares of the classes. Up
to a strength of one the predictions change far less than the confidence: how sure a
softmax is says as much about lambda as about the data.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_iris, load_wine
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifier

ALPHAS = np.logspace(-4, 2, 7)

figure, ax = plt.subplots(figsize=(6.5, 4), layout="constrained")
for name, load in [("iris", load_iris), ("wine", load_wine)]:
    X, y = load(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    models = [SoftmaxClassifier(alpha=alpha).fit(X, y) for alpha in ALPHAS]
    confidence = [model.predict_proba(X).max(axis=1).mean() for model in models]
    accuracy = [model.score(X, y) for model in models]
    (line,) = ax.plot(ALPHAS, confidence, marker="o", label=f"{name}, confidence")
    ax.plot(ALPHAS, accuracy, "--", color=line.get_color(), label=f"{name}, accuracy")
ax.set(
    xscale="log",
    xlabel="alpha (strength of the penalty)",
    ylabel="mean over the training samples",
    ylim=(0, 1.05),
)
ax.legend()

plt.show()
