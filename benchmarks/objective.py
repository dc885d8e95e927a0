"""The objective of a linear classifier, for benchopt: see README.md."""

import numpy as np
from benchopt import BaseObjective

from sklearn_linloss import losses


class Objective(BaseObjective):
    """Mean loss plus an elastic-net penalty; the intercept is not penalised."""

    name = "Linear classifier"
    min_benchopt_version = "1.6"
    parameters = {
        "loss": ["softmax", "hinge"],
        "alpha": [1e-4],
        "l1_ratio": [0.0],
        "fit_intercept": [True],
    }

    def skip(self, X, y):
        """Two classes have one row of scores, of which `losses` knows nothing."""
        return len(np.unique(y)) < 3, "fewer than three classes"

    def set_data(self, X, y):
        """`y` holds class indices; at least three classes."""
        self.X, self.y = X, y

    def get_objective(self):
        """What the solvers minimise."""
        return {
            "X": self.X,
            "y": self.y,
            "loss": self.loss,
            "alpha": self.alpha,
            "l1_ratio": self.l1_ratio,
            "fit_intercept": self.fit_intercept,
        }

    def evaluate_result(self, coef, intercept):
        """In float64, whatever the solver computes in."""
        coef = np.asarray(coef, dtype=np.float64)
        scores = self.X @ coef.T + np.asarray(intercept, dtype=np.float64)
        data = getattr(losses, self.loss).value(scores, self.y).mean()
        l1, l2 = self.alpha * self.l1_ratio, self.alpha * (1.0 - self.l1_ratio)
        penalty = l1 * np.abs(coef).sum() + 0.5 * l2 * (coef**2).sum()
        return {"value": data + penalty, "nonzeros": np.count_nonzero(coef)}

    def get_one_result(self):
        """For benchopt's own tests."""
        n_classes = len(np.unique(self.y))
        return {
            "coef": np.zeros((n_classes, self.X.shape[1])),
            "intercept": np.zeros(n_classes),
        }
