"""Excess and gap of gradient descent on the hinge after 1000 iterations.

    python benchmarks/hinge_steps.py

The optimum is that of the default solver at a gap of 1e-8.
"""

import warnings

from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SVMClassifier

PROBLEMS = [(load_iris, 1e-2), (load_breast_cancer, 5e-3), (load_digits, 1e-2)]


def main():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for load, alpha in PROBLEMS:
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        optimum = SVMClassifier(alpha=alpha, tol=1e-8).fit(X, y).objective_
        fit = SVMClassifier(alpha=alpha, solver="gd", tol=0, max_iter=1000).fit(X, y)
        excess = fit.objective_ / optimum - 1.0
        print(f"{load.__name__:20s} excess {excess:.1e}  gap {fit.gap_:.1e}")


if __name__ == "__main__":
    main()
