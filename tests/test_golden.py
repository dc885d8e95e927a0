"""The estimators against optima and trajectories that were computed elsewhere."""

import _reference as reference
import numpy as np
import pytest
from _models import make, models, serves
from _tiers import only_where, slow_where

from sklearn_linloss._solvers import SOLVER_NAMES

# First-order steps reach no tight tolerance on the hinge.
CERTIFYING_SOLVERS = [name for name in SOLVER_NAMES if name != "sgd"]


def fit_problem(problem, standardised, **params):
    X, y = standardised(problem["dataset"])
    weight = reference.golden_weight(problem["sample_weight"], len(y))
    if problem["loss"] != "softmax":
        params["delta"] = problem["delta"]
    model = make(
        problem["loss"],
        alpha=problem["alpha"],
        l1_ratio=problem["l1_ratio"],
        fit_intercept=problem["intercept"],
        **params,
    )
    model.fit(X, y, sample_weight=weight)
    value = reference.objective_of(model, X, y, weight)
    assert model.objective_ == pytest.approx(value, rel=1e-12)
    return model


def assert_certified(model, problem):
    optimum = problem["lower_bound"]
    assert model.objective_ >= optimum * (1.0 - 1e-12)
    excess = (model.objective_ - optimum) / model.objective_
    assert model.gap_ >= excess - 1e-12


def test_every_optimum_with_the_default_solver(problem, standardised):
    model = fit_problem(problem, standardised, tol=1e-8)
    assert_certified(model, problem)
    assert model.gap_ <= 1e-8
    assert model.objective_ == pytest.approx(problem["objective"], rel=1e-6)


def solves_smooth_problem(solver, smooth_problem):
    if solver == "saga" and (
        smooth_problem["alpha"] < 1e-3 or smooth_problem["delta"] > 1.0
    ):
        return False  # ill-conditioned: not what a stochastic solver is for
    loss, l1_ratio = smooth_problem["loss"], smooth_problem["l1_ratio"]
    return serves(solver, loss, l1_ratio=l1_ratio)


@only_where(solves_smooth_problem)
@slow_where(
    lambda solver, smooth_problem: (
        solver == "saga" and smooth_problem["dataset"] == "digits"
    )
)
@pytest.mark.parametrize("solver", CERTIFYING_SOLVERS)
def test_smooth_optima(smooth_problem, standardised, solver):
    tol = 1e-6 if solver == "saga" else 1e-9
    model = fit_problem(
        smooth_problem, standardised, solver=solver, tol=tol, max_iter=50_000
    )
    assert_certified(model, smooth_problem)
    assert model.gap_ <= tol
    assert model.objective_ == pytest.approx(smooth_problem["objective"], rel=1e-6)
    if smooth_problem["unique_coef"] and "coef" in smooth_problem:
        # Strong convexity: alpha (1 - l1_ratio) / 2 |W - W*|^2 <= F - F*.
        strength = smooth_problem["alpha"] * (1.0 - smooth_problem["l1_ratio"])
        radius = np.sqrt(2.0 * tol * model.objective_ / strength)
        distance = np.linalg.norm(model.coef_ - smooth_problem["coef"])
        assert distance <= radius + 1e-7
    if smooth_problem["l1_ratio"] > 0.0 and "coef" in smooth_problem and tol < 1e-6:
        zeros = np.array(smooth_problem["coef"]) == 0.0
        assert (model.coef_[zeros] == 0.0).all()


def solves_hinge_problem(solver, hinge_problem):
    return serves(solver, "hinge", l1_ratio=hinge_problem["l1_ratio"])


@only_where(solves_hinge_problem)
@slow_where(
    lambda solver, hinge_problem: (
        solver == "gd" and hinge_problem["dataset"] == "digits"
    )
)
@pytest.mark.parametrize("solver", CERTIFYING_SOLVERS)
def test_hinge_optima(hinge_problem, standardised, solver):
    model = fit_problem(
        hinge_problem, standardised, solver=solver, tol=1e-3, max_iter=50_000
    )
    assert_certified(model, hinge_problem)
    assert model.gap_ <= 1e-3
    assert model.objective_ <= hinge_problem["objective"] * 1.0011


@pytest.mark.parametrize("loss_solver", models(), ids=str)
def test_the_gap_dominates_the_excess_also_when_loose(
    loss_solver, standardised, golden
):
    for problem in golden["problems"]:
        if problem["loss"] != loss_solver.loss or problem["dataset"] != "iris":
            continue
        if not serves(
            loss_solver.solver, problem["loss"], l1_ratio=problem["l1_ratio"]
        ):
            continue
        for max_iter in (1, 5, 25):
            model = fit_problem(
                problem,
                standardised,
                solver=loss_solver.solver,
                tol=0.0,
                max_iter=max_iter,
                random_state=0,
            )
            assert_certified(model, problem)


def test_identities_between_margins(golden, standardised):
    by_name = {problem["name"]: problem for problem in golden["problems"]}
    for identity in golden["identities"]:
        if identity["left"] not in by_name or identity["right"] not in by_name:
            continue
        left, right = (
            fit_problem(
                by_name[identity[side]], standardised, tol=1e-6, max_iter=50_000
            )
            for side in ("left", "right")
        )
        assert left.objective_ == pytest.approx(
            identity["factor"] * right.objective_, rel=2e-6
        )


def test_gradient_descent_trajectory(proximal_trajectory, iris):
    trajectory = proximal_trajectory
    X, y = iris
    params = {"delta": trajectory["delta"]} if trajectory["loss"] != "softmax" else {}
    model = make(
        trajectory["loss"],
        solver="gd",
        learning_rate="constant",
        eta0=trajectory["step"],
        alpha=trajectory["alpha"],
        l1_ratio=1.0 if trajectory["penalty"] == "l1" else 0.0,
        tol=0,
        max_iter=2001,
        **params,
    ).fit(X, y)
    times, values = zip(*trajectory["objective_before_step"], strict=True)
    np.testing.assert_allclose(model.loss_curve_[list(times)], values, rtol=1e-9)
    assert (model.coef_ == 0.0).sum() == trajectory["exact_zeros_after_2001"]
    assert (np.abs(model.coef_) < 1e-3).sum() == trajectory["nearly_zero_1e_3"]


# Pure L1 gives dual ascent no strong convexity: a minute and more at this tolerance.
@slow_where(
    lambda solver, alpha_max_case: (
        solver == "sdca" and alpha_max_case["dataset"] == "digits"
    )
)
@pytest.mark.parametrize(
    "solver", [s for s in CERTIFYING_SOLVERS if serves(s, "softmax", l1_ratio=1.0)]
)
@pytest.mark.parametrize("factor", ["1.001", "0.999"])
def test_alpha_at_which_l1_lets_the_first_weight_in(
    alpha_max_case, standardised, factor, solver
):
    X, y = standardised(alpha_max_case["dataset"])
    model = make(
        alpha_max_case["loss"],
        solver=solver,
        alpha=float(factor) * alpha_max_case["alpha_max"],
        l1_ratio=1.0,
        tol=1e-10,
        max_iter=50_000,
    ).fit(X, y)
    assert np.count_nonzero(model.coef_) == alpha_max_case["nnz_at"][factor]
    if factor == "1.001":
        assert model.objective_ == pytest.approx(
            alpha_max_case["objective_at_W0"], rel=1e-9
        )
        intercept = np.array(alpha_max_case["intercept"])
        np.testing.assert_allclose(
            model.intercept_, intercept - intercept.mean(), atol=1e-5
        )


@pytest.mark.parametrize("index", range(14))
def test_confidence_falls_with_lambda(golden, standardised, index):
    row = golden["lambda_vs_confidence"][index]
    X, y = standardised(row["dataset"])
    model = make("softmax", alpha=row["alpha"], tol=1e-8, max_iter=50_000).fit(X, y)
    proba = model.predict_proba(X)
    assert proba.max(axis=1).mean() == pytest.approx(row["mean_max_proba"], abs=2e-3)
    assert np.linalg.norm(model.coef_) == pytest.approx(row["W_fro"], rel=1e-3)
    assert (model.predict(X) != y).sum() == row["train_errors"]
