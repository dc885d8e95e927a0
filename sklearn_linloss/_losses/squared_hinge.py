"""The squared hinge."""

import numpy as np

from ._slacks import SlackLoss


class SquaredHinge(SlackLoss):
    """Squared hinge, sum_{j != y} max(0, s_j - s_y + delta)^2."""

    name, degree = "squared_hinge", 2
    bend, cap = 0.5, np.inf

    def value(self, scores, y):
        return (np.maximum(self.slacks(scores, y), 0.0) ** 2).sum(axis=1)

    def gradient(self, scores, y):
        return 2.0 * np.maximum(self.slacks(scores, y), 0.0)

    def curvature(self, n_classes, width=0.0):
        return 2.0 if n_classes == 2 else 2.0 * n_classes

    def steepest(self, spread):
        return 2.0 * (self.delta + spread)

    def best_scores(self, mass):
        # Of two classes least squares: both are within the margin.
        return self.delta * mass / mass.sum() if len(mass) == 2 else None

    def dual_size(self, largest, largest_sum):
        return 0.0

    def second(self, pull, y, share):
        """pi_i times second derivatives in the slacks, from the gradient in the scores
        `pull`, (n, n_rows).
        """
        active = pull != 0.0 if pull.shape[1] == 1 else pull > 0.0
        return 2.0 * share[:, None] * active

    def intercept_hessian(self, pull, y, share, sum_by_class):
        return self.coupling(self.second(pull, y, share), share, sum_by_class)
