"""The slow formulas that other tests lean on, against finite differences and optima."""

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, SMOOTH_LOSSES


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_subgradient_is_the_slope_of_the_objective(loss, n_rows):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(12, 3)), rng.integers(max(2, n_rows), size=12)
    W, b = rng.normal(size=(n_rows, 3)), rng.normal(size=n_rows)
    problem = (X, y, loss, 0.3, 0.4, 1.7, 1.0 + np.arange(12) % 3)
    grad_W, grad_b = reference.subgradient(W, b, *problem)
    direction_W, direction_b = rng.normal(size=W.shape), rng.normal(size=n_rows)
    h = 1e-6
    up = reference.objective(W + h * direction_W, b + h * direction_b, *problem)
    down = reference.objective(W - h * direction_W, b - h * direction_b, *problem)
    slope = np.vdot(grad_W, direction_W) + grad_b @ direction_b
    assert (up - down) / (2 * h) == pytest.approx(slope, rel=1e-6)


def test_optima_of_the_golden_file_have_their_objective(
    problem_with_model, standardised
):
    problem = problem_with_model
    X, y = standardised(problem["dataset"])
    weight = reference.golden_weight(problem["sample_weight"], len(y))
    settings = (problem["loss"], problem["alpha"], problem["l1_ratio"])
    settings += (problem["delta"], weight)
    W = np.array(problem["coef"])
    b = np.zeros(len(W))
    if problem["intercept"]:
        b = _fitted_intercept(W, X, y, *settings)
    value = reference.objective(W, b, X, y, *settings)
    assert value == pytest.approx(problem["objective"], rel=1e-9)
    gap = reference.relative_gap(W, b, X, y, *settings, free=problem["intercept"])
    assert -1e-12 <= gap <= 1e-4


def _fitted_intercept(W, X, y, *settings):
    from scipy import optimize

    return optimize.minimize(
        lambda b: reference.objective(W, b, X, y, *settings),
        np.zeros(len(W)),
        jac=lambda b: reference.subgradient(W, b, X, y, *settings)[1],
        method="BFGS",
        options={"gtol": 1e-9},
    ).x


@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
def test_the_gap_away_from_the_optimum_is_positive(loss):
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 3
    W, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    assert reference.relative_gap(W, b, X, y, loss, 0.1) > 0.01
