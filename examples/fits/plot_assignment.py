"""
A course assignment, number by number
=====================================

The SVM of CS231n's first assignment on made-up images of the same shape: 3072 pixels
minus the mean image, a column of ones for the bias, 10 classes, a start at ``0.001 *
randn``, batches of 200, a rate of 1e-7 and a penalty of ``reg * sum(W * W)``, which is
``alpha = 2 * reg``. The loss of every batch (pale) is that of the loop one writes by
hand (dots); the estimator knows that of all data, too (black). One thing differs: the
course draws each batch with replacement. Here an epoch is a permutation, and the loop
is given the same ones.
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_linloss import SVMClassifier

N, CLASSES, BATCH, EPOCHS = 2000, 10, 200, 70
RATE, REG = 1e-7, 2.5e4
rng = np.random.default_rng(0)


def blurred(count):
    """Noise of 8 x 8 blocks in three colours, as rows of 32 x 32 x 3 pixels."""
    blocks = rng.standard_normal((count, 8, 8, 3))
    return blocks.repeat(4, axis=1).repeat(4, axis=2).reshape(count, -1)


y = rng.integers(CLASSES, size=N)
X = 128.0 + 6.0 * blurred(CLASSES)[y] + 55.0 * blurred(N)
X = X.clip(0, 255).round()
X = np.hstack([X - X.mean(axis=0), np.ones((N, 1))])
start = 0.001 * rng.standard_normal((X.shape[1], CLASSES))

model = SVMClassifier(
    alpha=2 * REG,
    fit_intercept=False,
    solver="sgd",
    learning_rate="constant",
    eta0=RATE,
    momentum=0,
    batch_size=BATCH,
    max_iter=EPOCHS,
    tol=0,
    random_state=0,
).fit(X, y, coef_init=start.T)

# The generator of the permutations, as random_state=0 makes it.
seed = np.random.RandomState(0).randint(np.iinfo(np.int32).max)
shuffler = np.random.default_rng(seed)
W, history = start, []
for _ in range(EPOCHS):
    for rows in shuffler.permutation(N).reshape(-1, BATCH):
        scores, each = X[rows] @ W, np.arange(BATCH)
        margins = scores - scores[each, y[rows], None] + 1.0
        margins[each, y[rows]] = 0.0
        history.append(margins.clip(0).sum() / BATCH + REG * (W * W).sum())
        pull = (margins > 0).astype(float)
        pull[each, y[rows]] = -pull.sum(axis=1)
        W = W - RATE * (X[rows].T @ pull / BATCH + 2 * REG * W)

difference = np.max(np.abs(model.batch_loss_curve_ / history - 1.0))
print(f"largest relative difference of {len(history)} losses: {difference:.1e}")
assert difference < 1e-10

figure, both = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
updates, epochs = np.arange(len(history)), np.arange(EPOCHS + 1) * (N // BATCH)
for axes, first, every in zip(both, (0, 500), (20, 5), strict=True):
    seen, whole, dots = updates >= first, epochs >= first, slice(first, None, every)
    curve, noisy = model.loss_curve_, model.batch_loss_curve_
    axes.plot(updates[seen], noisy[seen], alpha=0.5, label="batches, SVMClassifier")
    axes.plot(updates[dots], history[dots], ".", label="NumPy loop, some of them")
    axes.plot(epochs[whole], curve[whole], "k", label="all data, SVMClassifier")
    axes.set(xlabel="update", ylabel="objective")
both[0].set(yscale="log", title="from the start")
both[1].set_title("the last 200 updates")
both[0].legend()

plt.show()
