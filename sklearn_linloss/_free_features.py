"""Dual points where some features have no penalty.

The conjugate of the penalty is finite only where the dual point does not pull on their
coefficients: sum_i pi_i a_i z_i = 0 for z_i the values of these features, and a 1 for
the intercept. A point that nearly does so is moved by

    a_ij += leeway_ij * (t_ij - t_i,y_i),    t_i = C z_i,

where the leeway keeps it in the domain, and C solves the linear system that the
constraint then is. The system is that of a Newton step on these coefficients, with the
leeway for second derivatives.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve


@dataclass(frozen=True)
class Rules:
    """Limits of the search."""

    rounds: int = 8  # of a system and a move, which is cut at the leeway
    ridge: float = 1e-11  # of the diagonal, for features that others determine
    rounding: float = 1e-13  # pull over the sum of what it is made of: it is none


RULES = Rules()


def let_go(objective, pull):
    """Let the dual points pi_i * a_i not pull on what has no penalty, in place.

    Parameters
    ----------
    objective : Objective
    pull : ndarray of shape (n_samples, n_rows)

    Returns
    -------
    done : bool
    """
    f = objective.free_part
    size_of_z = np.append(_root_mean_square(f), [1.0] * f.fit_intercept)
    for _ in range(RULES.rounds):
        surplus = _by_row(f, f.backward(pull))
        size = np.multiply.outer(np.abs(pull).sum(axis=0), size_of_z)
        if (np.abs(surplus) <= RULES.rounding * size).all():
            return True
        leeway = objective.leeway(pull)
        move = _scores(f, _solve(_system(f, leeway), -surplus))
        if f.n_rows > 1:
            rows = np.arange(f.n_samples)
            move -= move[rows, f.y][:, None]
        move = leeway * np.clip(move, -1.0, 1.0)
        if f.n_rows > 1:
            move[rows, f.y] = -move.sum(axis=1)
        pull += move
    return False


def _root_mean_square(f):
    """Of each feature, as it counts in `theta`."""
    return np.sqrt(f.second_moment if f.mean is None else f.variance)


def _by_row(f, theta):
    """`theta` as (n_rows, n_features + 1), without the last column if that is all."""
    parts = [f.coefficients(theta)]
    if f.fit_intercept:
        parts.append(f.intercepts(theta)[:, None])
    return np.concatenate(parts, axis=1)


def _scores(f, C):
    """C z_i."""
    theta = np.empty(f.size)
    f.coefficients(theta)[:] = C[:, : f.n_features]
    f.intercepts(theta)[:] = C[:, f.n_features :].ravel()
    return f.scores(theta)


def _system(f, leeway):
    """Second derivatives of sum_ij leeway_ij (t_ij - t_i,y_i)^2 / 2 in C."""
    K, width = f.n_rows, f.n_features + f.fit_intercept
    centre = np.zeros(f.n_features) if f.mean is None else f.mean
    system = np.zeros((K, width, K, width))
    for rows, X in f.design.dense_blocks():
        Z = np.ones((len(X), width))
        Z[:, : f.n_features] = X - centre
        y, weight = f.y[rows], leeway[rows]
        if K == 1:
            system[0, :, 0] += Z.T @ (weight * Z)
            continue
        for k in np.unique(y):
            of_class = y == k
            for j in np.flatnonzero(weight[of_class].any(axis=0)):
                some = Z[of_class]
                gram = some.T @ (weight[of_class, j, None] * some)
                system[j, :, j] += gram
                system[k, :, k] += gram
                system[j, :, k] -= gram
                system[k, :, j] -= gram
    return system


def _solve(system, right):
    """The solution of a system of C, but for directions in which it is nothing."""
    matrix = system.reshape(right.size, right.size)
    diagonal = np.einsum("ii->i", matrix)
    diagonal += RULES.ridge * diagonal + np.finfo(float).tiny
    unit = 1.0 / np.sqrt(diagonal)
    try:
        factor = cho_factor(matrix * np.multiply.outer(unit, unit), check_finite=False)
    except LinAlgError:
        return np.zeros_like(right)
    solution = cho_solve(factor, unit * right.ravel(), check_finite=False)
    return (unit * solution).reshape(right.shape)
