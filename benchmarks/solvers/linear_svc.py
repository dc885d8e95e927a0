"""scikit-learn's LinearSVC with the loss of Crammer and Singer: an easier problem.

It minimises another objective than the one that is plotted, and serves as a yardstick
of time alone.
"""

import warnings

from benchopt import BaseSolver
from sklearn.exceptions import ConvergenceWarning
from sklearn.svm import LinearSVC


class Solver(BaseSolver):
    name = "LinearSVC-crammer_singer"
    sampling_strategy = "tolerance"

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        self.X, self.y = X, y
        self.model = LinearSVC(
            multi_class="crammer_singer",
            C=1.0 / (alpha * len(y)),
            fit_intercept=fit_intercept,
            random_state=0,
        )

    def skip(self, loss, l1_ratio, **objective):
        return loss != "hinge" or l1_ratio > 0.0, "another loss or penalty"

    def run(self, tolerance):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model.set_params(tol=tolerance).fit(self.X, self.y)

    def get_result(self):
        intercept = self.model.intercept_ if self.model.fit_intercept else 0.0
        return {"coef": self.model.coef_, "intercept": intercept}
