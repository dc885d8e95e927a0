"""scikit-learn's LogisticRegression."""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression


class Solver(BaseSolver):
    name = "LogisticRegression"
    sampling_strategy = "iteration"
    parameters = {"solver": ["lbfgs", "saga", "newton-cg", "newton-cholesky"]}

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        self.X, self.y = X, y
        self.model = LogisticRegression(
            C=1.0 / (alpha * len(y)),
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            solver=self.solver,
            tol=1e-15,
            random_state=0,
        )

    def skip(self, X, loss, l1_ratio, **objective):
        if loss != "softmax":
            return True, "another loss"
        if l1_ratio > 0.0 and self.solver != "saga":
            return True, "no L1"
        return False, None

    def run(self, n_iter):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.set_params(max_iter=n_iter + 1).fit(self.X, self.y)

    def get_result(self):
        return {"coef": self.model.coef_, "intercept": self.model.intercept_}
