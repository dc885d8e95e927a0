"""Dual points where some features have no penalty.

The conjugate of the penalty is finite only where the dual point does not pull on their
coefficients: sum_i pi_i a_i z_i = 0 for z_i the values of these features, and a 1 for
the intercept. A point that nearly does so is moved by

    a_ij += leeway_ij * (t_ij - t_i,y_i),    t_i = C z_i,

but not below zero, and up by the leeway at most, which keeps it in the domain. These
moves are slopes of a convex function of C, a sum of squares that go on as lines; where
its sum with C times the pull is least, none is left. Newton's method finds it: in one
step, that of a Newton step on these coefficients, unless a move is cut.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ._losses._base import balanced


@dataclass(frozen=True)
class Rules:
    """Limits of Newton's method."""

    steps: int = 30
    halvings: int = 40  # of a step
    descent: float = 1e-4  # over the predicted one, at which a step is taken
    hidden: float = 1e-14  # rise over the value, which may be rounding
    # Of the diagonal without cuts, for directions that others determine, or in which
    # all moves are cut.
    ridge: float = 1e-8
    offset: float = 1e-14  # the same, of that where features count from zero
    rounding: float = 1e-13  # pull over the sum of what it is made of: it is none


RULES = Rules()


def let_go(objective, pull):
    """Let the dual points pi_i * a_i not pull on what has no penalty, in place.

    Parameters
    ----------
    objective : Objective
    pull : ndarray of shape (n_samples, n_rows)
        Unchanged where that is not possible.

    Returns
    -------
    done : bool
    """
    f = objective.free_part
    size = np.append(np.sqrt(f.second_moment), 1.0)[: f.n_features + f.fit_intercept]
    none = RULES.rounding * np.abs(pull).sum() * size
    moves = _Moves(f, pull, objective.leeway(pull))
    C = np.zeros((f.n_rows, len(none)))
    value, move = moves.at(C)
    for _ in range(RULES.steps):
        slope = moves.slope(move)
        if (np.abs(slope) <= none).all():
            pull += move
            return True
        step = moves.newton_step(move, slope)
        descent = -np.vdot(slope, step)
        for _ in range(RULES.halvings):
            trial_value, trial = moves.at(C + step)
            least = RULES.descent * descent - RULES.hidden * abs(value)
            if trial_value <= value - least:
                break
            step, descent = 0.5 * step, 0.5 * descent
        else:
            return False
        C, value, move = C + step, trial_value, trial
    return False


class _Moves:
    """The moves of dual points that belong to C, and the function whose slopes they
    are.
    """

    def __init__(self, f, pull, leeway):
        self._f, self._leeway = f, leeway
        self._surplus = _by_row(f, f.backward(pull))
        size = np.abs(pull)
        self._low, self._high = -size, leeway
        if f.n_rows == 1:
            # The single number of a sample has the sign of its class.
            positive = f.y[:, None] == 0
            self._low = np.where(positive, -size, -leeway)
            self._high = np.where(positive, leeway, size)
        # A feature that is constant but for rounding is no feature.
        offset = np.append(f.second_moment, 1.0)[: f.n_features + f.fit_intercept]
        self._ridge = RULES.ridge * _diagonal(_system(f, leeway))
        self._ridge += RULES.offset * leeway.sum() * np.tile(offset, f.n_rows)

    def at(self, C):
        """The value, and the moves times pi_i."""
        f, leeway = self._f, self._leeway
        t = _scores(f, C)
        if f.n_rows > 1:
            t -= t[np.arange(f.n_samples), f.y][:, None]
        move = np.clip(leeway * t, self._low, self._high)
        square = np.divide(move**2, leeway, out=np.zeros_like(move), where=leeway > 0.0)
        value = (move * t - 0.5 * square).sum() + np.vdot(self._surplus, C)
        return value, balanced(move, f.y) if f.n_rows > 1 else move

    def slope(self, move):
        """Of the function in C: what still pulls."""
        return self._surplus + _by_row(self._f, self._f.backward(move))

    def newton_step(self, move, slope):
        """The step in C."""
        uncut = (move > self._low) & (move < self._high)
        system = _system(self._f, self._leeway * uncut)
        _diagonal(system)[:] += self._ridge
        return _solve(system, -slope)


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
    return system.reshape(K * width, K * width)


def _diagonal(matrix):
    """A view of the diagonal."""
    return np.einsum("ii->i", matrix)


def _solve(system, right):
    """The solution of a positive definite system in C."""
    unit = 1.0 / np.sqrt(np.maximum(_diagonal(system), np.finfo(float).tiny))
    try:
        factor = cho_factor(system * np.multiply.outer(unit, unit), check_finite=False)
    except LinAlgError:
        return np.zeros_like(right)
    solution = cho_solve(factor, unit * right.ravel(), check_finite=False)
    return (unit * solution).reshape(right.shape)
