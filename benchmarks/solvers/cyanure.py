"""Cyanure, with its own choice of algorithm.

J. Mairal, "Cyanure: an open-source toolbox for empirical risk minimization for Python,
C++, and soon more", arXiv:1912.08165, 2019.
"""

import contextlib
import os

import numpy as np
from benchopt import BaseSolver
from cyanure.estimators import Classifier


class Solver(BaseSolver):
    name = "cyanure"
    sampling_strategy = "iteration"
    requirements = ["pip::cyanure"]

    def set_objective(self, X, y, loss, alpha, l1_ratio, fit_intercept):
        self.X, self.y = X, y
        penalty = {0.0: "l2", 1.0: "l1"}.get(l1_ratio, "elastic-net")
        elastic = {}
        if penalty == "elastic-net":
            elastic = {"lambda_2": alpha * (1.0 - l1_ratio)}
        self.model = Classifier(
            loss="multiclass-logistic",
            penalty=penalty,
            lambda_1=alpha * l1_ratio if elastic else alpha,
            fit_intercept=fit_intercept,
            tol=1e-15,
            duality_gap_interval=1000,
            n_threads=1,
            verbose=False,
            **elastic,
        )

    def skip(self, loss, **objective):
        return loss != "softmax", "another loss"

    def run(self, n_iter):
        self.model.set_params(max_iter=n_iter + 1)
        with open(os.devnull, "w") as sink, contextlib.redirect_stdout(sink):
            self.model.fit(self.X, self.y)

    def get_result(self):
        intercept = np.ravel(self.model.intercept_) if self.model.fit_intercept else 0.0
        return {"coef": self.model.coef_.T, "intercept": intercept}
