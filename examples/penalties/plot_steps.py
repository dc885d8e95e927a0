"""
Steps on a penalty: to and fro, and to zero
===========================================

One coefficient under a penalty alone, step by step. On the left the penalty is the
absolute value. A subgradient step takes the rate off, or adds it, and jumps over zero
for ever; the proximal step stops there. On the right it is the square, whose slope is
2w. With a rate of one the step is w - 2w = -w: the coefficient changes its sign in each
step and never shrinks. Half of that rate would end at zero at once, a smaller one gets
there by and by, a larger one moves away.
"""

import matplotlib.pyplot as plt
import numpy as np

STEPS = np.arange(9)


def walk(step, start=1.0):
    """The coefficient before the first step and after each."""
    places = [start]
    for _ in STEPS[1:]:
        places.append(step(places[-1]))
    return places


def subgradient(w, rate=0.3):
    return w - rate * np.sign(w)


def proximal(w, rate=0.3):
    return np.sign(w) * max(abs(w) - rate, 0.0)


figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
left.plot(STEPS, walk(subgradient), "C1o-", label="subgradient, rate 0.3")
left.plot(STEPS, walk(proximal), "C0o-", label="proximal, rate 0.3")
left.set_title("penalty |w|")
for rate, color in ((0.2, "C0"), (0.5, "C2"), (1.0, "C1"), (1.05, "C3")):
    places = walk(lambda w, rate=rate: w - rate * 2 * w)
    right.plot(STEPS, places, "o-", color=color, label=f"rate {rate:g}")
right.set_title("penalty w²")
for ax in (left, right):
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.set(xlabel="step", ylabel="coefficient")
    ax.legend(fontsize="small")

plt.show()
