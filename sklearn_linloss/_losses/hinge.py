"""The Weston-Watkins hinge."""

import numpy as np

from ._slacks import SlackLoss


class Hinge(SlackLoss):
    """Weston-Watkins hinge, sum_{j != y} max(0, s_j - s_y + delta) [1]_.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support vector machines for multi-class pattern
       recognition", ESANN 1999, equation 5.

    Examples
    --------
    The true class in the sum would add `delta`, and would not move the gradient.

    >>> import numpy as np
    >>> from sklearn_linloss import losses
    >>> scores = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
    >>> all_classes = np.maximum(scores - scores.diagonal()[:, None] + 1.0, 0.0)
    >>> (all_classes.sum(axis=1) - losses.hinge.value(scores, [0, 1, 2])).round(10)
    array([1., 1., 1.])

    Twice the weights keep a loss of zero, and no other.

    >>> losses.hinge.value(2.0 * scores, [0, 1, 2]).round(10)
    array([ 4.8,  0. , 23.8])
    """

    name, smooth, degree = "hinge", False, 1
    bend, cap = 0.0, 1.0

    def value(self, scores, y):
        return np.maximum(self.slacks(scores, y), 0.0).sum(axis=1)

    def gradient(self, scores, y):
        return (self.slacks(scores, y) > 0.0).astype(np.float64)

    def smoothed(self, scores, y, width):
        # Y. Nesterov, "Smooth minimization of non-smooth functions", Mathematical
        # Programming 2005: max_{0 <= a <= 1} a * slack - width / 2 * a^2.
        slacks = self.slacks(scores, y)
        a = np.clip(slacks / width, 0.0, 1.0)
        terms = a * (np.maximum(slacks, 0.0) - 0.5 * width * a)
        return terms.sum(axis=1), a

    def curvature(self, n_classes, width=0.0):
        largest = 1.0 if n_classes == 2 else float(n_classes)
        return largest / width if width > 0.0 else np.inf

    def dual_size(self, largest, largest_sum):
        return largest

    def leeway(self, dual):
        return dual * (1.0 - dual)
