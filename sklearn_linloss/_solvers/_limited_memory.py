"""The limited-memory BFGS method, with as few arrays as it needs.

J. Nocedal and S. J. Wright, "Numerical optimization", 2006: the two loops of algorithm
7.4 from a first matrix that the caller knows, scaled as in equation 7.20, and steps
that meet the Wolfe conditions (3.6).
"""

from collections import deque
from dataclasses import dataclass

import numpy as np
from scipy.linalg.blas import daxpy


@dataclass(frozen=True)
class Rules:
    """Numbers of the step lengths, as they are usual."""

    descent: float = 1e-3  # c_1 of the conditions (3.6)
    flat: float = 0.9  # and c_2
    longer: float = 4.0  # factor of a step that is too short
    inside: float = 0.1  # part of a bracket within which steps stay, from either end
    trials: int = 20  # of a step
    curved: float = 1e-16  # least change of a slope along a step, over that at zero


RULES = Rules()


def minimize(evaluate, theta, known, first_matrix, memory, first_length):
    """The points that the steps from `theta` reach, as long as they descend.

    Parameters
    ----------
    evaluate : callable
        theta -> value, gradient.
    theta : ndarray
    known : tuple
        What `evaluate` says of it.
    first_matrix : callable
        An approximate inverse of the Hessian times a gradient, which it changes.
    memory : int
        How many steps, and changes of the gradient, are kept.
    first_length : callable
        slope -> length of the first step, whose slope is negative.

    Yields
    ------
    theta, value
    """
    value, gradient = known
    del known
    pairs, gamma = deque(maxlen=memory), 1.0
    while True:
        move = _direction(gradient, pairs, first_matrix, gamma)
        slope = gradient @ move
        if not slope < 0.0:
            if not pairs:
                return
            pairs.clear()  # rounding has made them useless
            continue
        length = 1.0 if pairs else first_length(slope)
        found = _search(evaluate, theta, value, slope, move, length)
        if found is None:
            if not pairs:
                return
            pairs.clear()
            continue
        length, theta, value, new = found
        del found
        move *= length
        change = np.subtract(new, gradient, out=gradient)
        gradient = new
        del new
        product = move @ change
        if product > RULES.curved * -slope * length:
            if len(pairs) == memory:
                pairs.popleft()
            scaled = first_matrix(change.copy())
            gamma = product / (change @ scaled)
            del scaled
            pairs.append((move, change, product))
        del move, change
        yield theta, value


def _direction(gradient, pairs, first_matrix, gamma):
    """Minus the inverse of the Hessian times a gradient."""
    direction, parts = -gradient, []
    for move, change, product in reversed(pairs):
        part = (move @ direction) / product
        daxpy(change, direction, a=-part)
        parts.append(part)
    direction = first_matrix(direction)
    direction *= gamma
    for (move, change, product), part in zip(pairs, reversed(parts), strict=True):
        daxpy(move, direction, a=part - (change @ direction) / product)
    return direction


def _search(evaluate, theta, value, slope, move, length):
    """A step that meets the Wolfe conditions, where it leads, and what is known there;
    None where rounding hides the descent.
    """
    low, low_value, low_slope = 0.0, value, slope
    high = np.inf
    for _ in range(RULES.trials):
        there = length * move
        there += theta
        there_value, gradient = evaluate(there)
        there_slope = gradient @ move
        descends = there_value <= value + RULES.descent * length * slope
        if descends and abs(there_slope) <= RULES.flat * -slope:
            return length, there, there_value, gradient
        del there, gradient
        if not descends or there_slope > 0.0:
            high = length
            length = _least_of_cubic(
                low, low_value, low_slope, high, there_value, there_slope
            )
        else:
            low, low_value, low_slope = length, there_value, there_slope
            length = RULES.longer * length if high == np.inf else 0.5 * (low + high)
    return None


def _least_of_cubic(low, low_value, low_slope, high, value, slope):
    """Where the cubic through two points is least, well within them; equation 3.59."""
    width = high - low
    inside = RULES.inside * width
    with np.errstate(invalid="ignore", over="ignore"):
        first = low_slope + slope - 3.0 * (value - low_value) / width
        root = np.sqrt(first**2 - low_slope * slope)
        least = high - width * (slope + root - first) / (slope - low_slope + 2.0 * root)
    if not np.isfinite(least):
        least = low + 0.5 * width
    return min(max(least, low + inside), high - inside)
