"""
Loss curves of three solvers
============================

Gradient descent, mini-batch SGD and Newton's method fit the same softmax to handwritten
digits. The mini-batches of SGD see the objective with noise (pale), which hides how the
full objective still falls. On the right is the distance of each curve from the lower
bound that the smallest duality gap certifies: no model of these data lies below it, and
no reference solution is needed to know that. Newton's method takes the fewest steps,
and each of them costs the most time.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sklearn_linloss import SoftmaxClassifier
from sklearn_linloss.inspection import LossCurveDisplay

X, y = load_digits(return_X_y=True)
X = X / 16.0

models = {
    "gradient descent": SoftmaxClassifier(alpha=1e-3, solver="gd", tol=1e-5),
    "SGD": SoftmaxClassifier(
        alpha=1e-3, solver="sgd", tol=0, max_iter=25, random_state=0
    ),
    "Newton": SoftmaxClassifier(alpha=1e-3, solver="newton", tol=1e-7),
}
for model in models.values():
    model.fit(X, y)

figure, (losses, excess) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
LossCurveDisplay.from_estimator(models, log_scale=True, ax=losses)
losses.set(xlim=(0, 25), title="full objectives, and what SGD sees")
LossCurveDisplay.from_estimator(models, excess_over="certificate", ax=excess)
excess.set_title("distance to the certified bound")

plt.show()
