"""Systems of a Laplacian, against the pseudo-inverse."""

import numpy as np
import pytest

from sklearn_linloss._laplacian import solve_laplacian


def laplacian(weights):
    both = weights + weights.T
    return np.diag(both.sum(axis=0)) - both


def random_weights(rng, n, groups=1):
    weights = rng.exponential(size=(n, n)) * np.equal.outer(
        np.arange(n) % groups, np.arange(n) % groups
    )
    np.fill_diagonal(weights, 0.0)
    return weights


@pytest.mark.parametrize(("n", "groups"), [(2, 1), (3, 1), (7, 1), (7, 3), (40, 2)])
@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e12])
def test_the_solution_is_that_of_least_norm(n, groups, scale):
    rng = np.random.default_rng(n)
    matrix = scale * laplacian(random_weights(rng, n, groups))
    right = scale * rng.normal(size=n)
    kept = matrix.copy(), right.copy()
    np.testing.assert_allclose(
        solve_laplacian(matrix, right),
        np.linalg.pinv(matrix, rcond=1e-10) @ right,
        rtol=1e-9,
        atol=1e-9,
    )
    np.testing.assert_array_equal(matrix, kept[0])
    np.testing.assert_array_equal(right, kept[1])


def test_a_single_number_and_nothing_at_all():
    assert solve_laplacian(np.array([[4.0]]), np.array([2.0])) == [0.5]
    assert solve_laplacian(np.zeros((1, 1)), np.array([2.0])) == [0.0]
    zero = solve_laplacian(np.zeros((3, 3)), np.ones(3))
    np.testing.assert_array_equal(zero, 0.0)


def test_a_thread_that_rounding_could_break_is_not_followed():
    weights = random_weights(np.random.default_rng(0), 6, groups=2)
    weights[0, 1] = 1e-14  # all that holds the two groups together
    right = np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    solution = solve_laplacian(laplacian(weights), right)
    assert np.abs(solution).max() < 1e3
