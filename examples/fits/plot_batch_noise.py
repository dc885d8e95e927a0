"""
Larger mini-batches are less noisy
==================================

On the left the objective as mini-batches of SGD saw it, for two sizes. On the right its
standard deviation at one fixed model (a learning rate of almost nothing leaves it
alone): it falls like one over the square root of the batch size, so that four times the
work halves the noise. Batches are drawn without replacement, hence a little faster.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_linloss import SoftmaxClassifier, losses
from sklearn_linloss.inspection import LossCurveDisplay

SIZES = [1, 4, 16, 64, 256]
X, y = load_digits(return_X_y=True)
X, y = X[: 7 * 256] / 16.0, y[: 7 * 256]


def sgd(**params):
    return SoftmaxClassifier(
        alpha=1e-3, solver="sgd", momentum=0.0, tol=0, random_state=0, **params
    )


models = {
    f"size {size}": sgd(batch_size=size, max_iter=10).fit(X, y) for size in (16, 128)
}

fixed = SoftmaxClassifier(alpha=1e-3).fit(X, y)
still = {"learning_rate": "constant", "eta0": 1e-9, "max_iter": 10}
measured = [
    sgd(batch_size=size, **still)
    .fit(X, y, coef_init=fixed.coef_, intercept_init=fixed.intercept_)
    .batch_loss_curve_.std()
    for size in SIZES
]
spread = losses.softmax.value(fixed.decision_function(X), y).std()
n = len(y)
expected = [spread * np.sqrt((n - size) / (n - 1) / size) for size in SIZES]

figure, (curves, noise) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
LossCurveDisplay.from_estimator(models, log_scale=True, ax=curves)
curves.set_title("while it learns")
noise.loglog(SIZES, expected, color="0.5", label="theory")
noise.loglog(SIZES, measured, "o", label="measured")
noise.set(
    xlabel="samples in a mini-batch",
    ylabel="standard deviation of the loss",
    title="at a fixed model",
)
noise.set_xticks(SIZES, SIZES)
noise.set_xticks([], minor=True)
noise.legend()

plt.show()
