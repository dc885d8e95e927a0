"""
Subgradients never reach zero, the proximal step does
=====================================================

A step along a subgradient of an L1 penalty pushes every weight by ``eta0 * alpha``
towards zero, and past it: a weight that the optimum does without jumps to and fro,
within twice that length (dotted). How many weights are nearly zero is then a matter of
the threshold. The proximal step, with the same rate, stops at zero.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits

from sklearn_linloss import SoftmaxClassifier, losses

ALPHA, RATE, EVERY, CHECKS = 0.01, 0.2, 20, 40
X, y = load_digits(return_X_y=True)
X = X[:, X.std(axis=0) > 0.0] / 16.0  # a constant pixel would keep its zero


def counts(W):
    return (W == 0.0).sum(), (np.abs(W) < 1e-3).sum()


model = SoftmaxClassifier(
    alpha=ALPHA,
    l1_ratio=1.0,
    solver="gd",
    learning_rate="constant",
    eta0=RATE,
    max_iter=EVERY,
    tol=0,
    warm_start=True,
)
proximal = np.array([counts(model.fit(X, y).coef_) for _ in range(CHECKS)])

W, b, subgradient = np.zeros((10, X.shape[1])), np.zeros(10), []
for t in range(1, EVERY * CHECKS + 1):
    pull = losses.softmax.gradient(X @ W.T + b, y) / len(y)
    W = W - RATE * (pull.T @ X + ALPHA * np.sign(W))
    b = b - RATE * pull.sum(axis=0)
    if t % EVERY == 0:
        subgradient.append(counts(W))
subgradient = np.array(subgradient)

figure, (number, size) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
steps = EVERY * np.arange(1, CHECKS + 1)
number.plot(steps, proximal[:, 0], "C0", label="proximal: zero")
number.plot(steps, subgradient[:, 0], "C1", label="subgradient: zero")
number.plot(steps, subgradient[:, 1], "C1:", label="subgradient: below 0.001")
number.set(xlabel="step", ylabel=f"of {W.size} weights", ylim=(-15, W.size))
number.set_title("zeros")
number.legend()
for name, weights, width in (("proximal", model.coef_, 4), ("subgradient", W, 1.5)):
    weights = np.sort(np.abs(weights), axis=None)
    zeros = (weights == 0.0).sum()
    ranks = np.arange(zeros, W.size)
    size.semilogy(ranks, weights[zeros:], lw=width, label=f"{name}, {zeros} zeros")
size.axhline(2 * RATE * ALPHA, color="0.5", ls=":")
size.set(xlabel="weights, from the smallest", ylabel="absolute value", ylim=(1e-6, 10))
size.set_title("after the last step")
size.legend()

plt.show()
