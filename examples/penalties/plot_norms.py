"""
Two ways to measure a length
============================

The L1 norm adds the steps along the axes, as a walk through the blocks of a town; the
L2 norm is the straight line. On the left both measure the way from the origin to one
point: 7 and 5. In the middle are all points of length one: a square that stands on its
corner, and a circle. On the right is why that matters for a penalty: the smallest value
of a loss (its levels are grey) among the models of one length. The corner of the square
lies on an axis, where one coefficient is exactly zero; the circle has no corner, and
both coefficients are used.
"""

import matplotlib.pyplot as plt
import numpy as np

point = np.array([3.0, 4.0])
angles = np.linspace(0, 2 * np.pi, 401)
circle = np.stack([np.cos(angles), np.sin(angles)])
square = circle / np.abs(circle).sum(axis=0)


def loss(w):
    """A loss of two coefficients, smallest at (0.4, 1.6)."""
    u, v = w[0] - 0.4, w[1] - 1.6
    return u * u + 0.5 * u * v + 0.8 * v * v


figure, (way, unit, fit) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
way.plot([0, 3, 3], [0, 0, 4], "C0", label=f"L1: {np.abs(point).sum():.0f}")
way.plot([0, 3], [0, 4], "C1", label=f"L2: {np.sqrt((point**2).sum()):.0f}")
way.plot(*point, "ko")
way.set(title="the length of (3, 4)", xlim=(-0.5, 5), ylim=(-0.5, 5))
unit.plot(*square, "C0", label="L1 norm of one")
unit.plot(*circle, "C1", label="L2 norm of one")
unit.set(title="all points of length one")
grid = np.stack(np.meshgrid(np.linspace(-1.3, 1.8, 200), np.linspace(-1.3, 2, 200)))
fit.contour(*grid, loss(grid), levels=12, colors="0.75", linewidths=0.8)
for shape, color, name in ((square, "C0", "L1"), (circle, "C1", "L2")):
    best = shape[:, loss(shape).argmin()].round(2) + 0.0  # no minus before a zero
    fit.plot(*shape, color)
    label = f"{name}: best at ({best[0]:.2f}, {best[1]:.2f})"
    fit.plot(*best, "o", color=color, label=label)
fit.set(title="the best model of length one")
for ax in (way, unit, fit):
    ax.set_aspect("equal")
    ax.axhline(0, color="0.5", linewidth=0.8)
    ax.axvline(0, color="0.5", linewidth=0.8)
    ax.legend(fontsize="small", loc="lower right")

plt.show()
