"""
Distances for numbers, margins for classes
==========================================

A regression is told a number and pays for how far its answer is from it, on either
side: the absolute error (L1 loss) and the squared one (L2 loss) on the left. A
classifier is told a class and pays for how little the score of that class is ahead: on
the right.
Being ahead by more than asked costs nothing under the hinges, where the squared error
between score and label would call it a mistake (dotted).
"""

import matplotlib.pyplot as plt
import numpy as np

from sklearn_linloss import losses

residual = np.linspace(-2.5, 2.5, 201)
ahead = np.linspace(-1.5, 4, 221)
scores = np.stack([np.zeros_like(ahead), ahead], axis=1)
true = np.ones(len(ahead), dtype=int)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(residual, np.abs(residual), label="absolute error")
left.plot(residual, residual**2, label="squared error")
left.set(title="distance-based", xlabel="answer minus number", ylabel="loss")
for name in ("hinge", "squared_hinge", "softmax"):
    right.plot(ahead, getattr(losses, name).value(scores, true), label=name)
right.plot(ahead, (ahead - 1) ** 2, "k:", label="squared error to 1")
right.set(title="margin-based", xlabel="score of the true class minus the other")
for ax in (left, right):
    ax.set_ylim(0, 5)
    ax.legend(fontsize="small")

plt.show()
