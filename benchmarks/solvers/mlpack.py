"""mlpack's linear_svm: the hinge of Weston and Watkins with L2, by L-BFGS.

Without an intercept, since it penalises its own. The coefficients are read from the
model's parameters: it cannot score samples without an intercept.
"""

import numpy as np
from benchopt import BaseSolver
from mlpack import linear_svm


class Solver(BaseSolver):
    name = "mlpack"
    sampling_strategy = "iteration"
    requirements = ["pip::mlpack"]

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        self.X = np.asarray(X, dtype=np.float64)
        self.y = y
        self.params = {
            "lambda_": alpha,
            "delta": 1.0,
            "no_intercept": True,
            "num_classes": len(np.unique(y)),
            "optimizer": "lbfgs",
            "tolerance": 1e-15,
        }

    def skip(self, X, loss, l1_ratio, fit_intercept, **objective):
        if loss != "hinge" or l1_ratio > 0.0 or hasattr(X, "tocsr"):
            return True, "another loss or penalty, or sparse data"
        return fit_intercept, "it penalises the intercept"

    def run(self, n_iter):
        self.fitted = linear_svm(
            training=self.X, labels=self.y, max_iterations=n_iter + 1, **self.params
        )

    def get_result(self):
        model = self.fitted["output_model"].get_cpp_params()["LinearSVMModel"]
        return {"coef": model["svm"]["parameters"], "intercept": 0.0}
