"""A design that the package does not have: rows in three arrays."""

import _reference as reference
import numpy as np
import pytest

from sklearn_linloss import losses
from sklearn_linloss._design import Design
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet
from sklearn_linloss._solvers import run
from sklearn_linloss._solvers._common import Options, Progress


class InParts(Design):
    """Rows in several arrays, one after the other."""

    def __init__(self, parts):
        ends = np.cumsum([0] + [len(part) for part in parts])
        super().__init__((ends[-1], parts[0].shape[1]), parts[0].dtype)
        self._parts = [
            (slice(start, stop), part)
            for start, stop, part in zip(ends, ends[1:], parts, strict=False)
        ]

    def scores(self, W, b):
        return np.vstack([part.astype(W.dtype) @ W.T + b for _, part in self._parts])

    def add_adjoint(self, gradient, total):
        for rows, part in self._parts:
            total += gradient[rows].T @ part

    def moments(self, weight):
        mean = sum(weight[rows] @ part for rows, part in self._parts)
        square = sum(weight[rows] @ (part - mean) ** 2 for rows, part in self._parts)
        return mean, square


def objective_in_parts(problem, standardised):
    X, y = standardised(problem["dataset"])
    weight = reference.golden_weight(problem["sample_weight"], len(y))
    return Objective(
        InParts([X[:20], X[20:77], X[77:]]),
        y.astype(np.intp),
        np.ones(len(y)) if weight is None else weight,
        loss=getattr(losses, problem["loss"]).at_margin(problem["delta"]),
        penalty=ElasticNet(problem["alpha"], problem["l1_ratio"]),
        n_classes=y.max() + 1,
        fit_intercept=problem["intercept"],
        dtype=np.float64,
    )


def solve(f, solver, **options):
    start, options = np.zeros(f.size), Options(**options)
    result, certifier, _ = run(solver, f, start, options, Progress(solver, options))
    value = f.value(result.theta)
    return value, certifier.gap(value), certifier.bound


@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
def test_the_optimum_of_the_whole(smooth_problem, solver, standardised):
    loss, l1_ratio = smooth_problem["loss"], smooth_problem["l1_ratio"]
    if solver == "lbfgs" and (loss != "softmax" or l1_ratio > 0.0):
        solver = "gd"
    f = objective_in_parts(smooth_problem, standardised)
    value, gap, bound = solve(f, solver, tol=1e-6, max_iter=5000)
    optimum = smooth_problem["lower_bound"]
    assert bound <= optimum * (1.0 + 1e-12)
    assert optimum * (1.0 - 1e-12) <= value <= optimum * (1.0 + 2e-6)
    assert 1.0 - optimum / value - 1e-12 <= gap <= 1e-6


def test_the_hinge_of_the_whole(hinge_problem, standardised):
    f = objective_in_parts(hinge_problem, standardised)
    value, gap, bound = solve(f, "gd", tol=1e-2, max_iter=3000)
    optimum = hinge_problem["lower_bound"]
    assert bound <= optimum * (1.0 + 1e-12) <= value * (1.0 + 2e-12)
    assert gap >= 1.0 - optimum / value - 1e-12


@pytest.mark.parametrize(
    ("solver", "method"),
    [
        ("sgd", "rows"),
        ("saga", "rows"),
        ("sdca", "squared_norms"),
        ("newton", "dense_blocks"),
    ],
)
def test_what_a_solver_misses_is_named(solver, method, golden, standardised):
    problem = next(p for p in golden["problems"] if p["loss"] == "softmax")
    f = objective_in_parts(problem, standardised)
    with pytest.raises(NotImplementedError, match=f"InParts does not define {method}"):
        solve(f, solver, tol=1e-4, max_iter=5)
