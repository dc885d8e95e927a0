"""This package."""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning

from sklearn_linloss import SoftmaxClassifier, SVMClassifier


class Solver(BaseSolver):
    name = "sklearn_linloss"
    sampling_strategy = "tolerance"
    parameters = {"solver": ["auto", "sdca", "saga", "newton"]}

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        self.X, self.y = X, y
        make = SoftmaxClassifier if loss == "softmax" else SVMClassifier
        self.model = make(
            alpha=alpha,
            l1_ratio=l1_ratio,
            fit_intercept=fit_intercept,
            solver=self.solver,
            random_state=0,
            **({} if loss == "softmax" else {"loss": loss}),
        )

    def skip(self, **objective):
        self.set_objective(**objective)
        try:
            # A request that the solver cannot serve is refused at once.
            self._fit(tol=1.0, max_iter=1)
        except ValueError as error:
            return True, str(error)
        return False, None

    def warm_up(self):
        """Compile."""
        self._fit(tol=1e-2, max_iter=20)

    def run(self, tolerance):
        self._fit(tol=min(tolerance, 1.0), max_iter=10_000)

    def _fit(self, **params):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.set_params(**params).fit(self.X, self.y)

    def get_result(self):
        return {"coef": self.model.coef_, "intercept": self.model.intercept_}
