"""mlpack's linear_svm: the Weston-Watkins hinge with L2, by L-BFGS."""

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
            # It halves nothing: lambda |W|^2 / 2 beside the mean loss.
            "lambda_": alpha,
            "delta": 1.0,
            "no_intercept": not fit_intercept,
            "num_classes": len(np.unique(y)),
            "optimizer": "lbfgs",
            "tolerance": 1e-15,
        }

    def skip(self, X, loss, l1_ratio, fit_intercept, **objective):
        if loss != "hinge" or l1_ratio > 0.0 or hasattr(X, "tocsr"):
            return True, "another loss or penalty, or sparse data"
        return fit_intercept, "it penalises the intercept"

    def run(self, n_iter):
        result = linear_svm(
            training=self.X, labels=self.y, max_iterations=n_iter + 1, **self.params
        )
        self.model = result["output_model"]

    def get_result(self):
        # Its scores are linear: those of the unit vectors are the coefficients.
        unit = np.vstack([np.eye(self.X.shape[1]), np.zeros(self.X.shape[1])])
        scores = linear_svm(input_model=self.model, test=unit)["probabilities"]
        return {"coef": (scores[:-1] - scores[-1]).T, "intercept": scores[-1]}
