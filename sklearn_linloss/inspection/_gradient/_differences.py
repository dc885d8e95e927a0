"""Centred differences, and what kinks and rounding do to them."""

from collections.abc import Callable

import numpy as np

from ..._typing import Array, ArrayLike


def numerical_gradient(
    f: Callable[[Array], float], W: ArrayLike, h: float = 1e-5
) -> Array:
    """Gradient of a function by centred differences.

    It computes ``(f(W + h e) - f(W - h e)) / (2 h)`` for every entry of `W`, at two
    calls of `f` each. The error falls with h squared, that of a forward difference
    with h only.

    Parameters
    ----------
    f : callable
        Takes an array of the shape of `W`, returns a number.
    W : array-like
        The point, of any shape.
    h : float, default=1e-5
        The step, in the unit of `W`.

    Returns
    -------
    gradient : ndarray of the shape of `W`, float64
        Of the function's value in each entry of `W`.

    Raises
    ------
    ValueError
        If `h` is not positive or too small for the entries of `W`, or if `f` returns
        something else than a number.

    References
    ----------
    .. [1] J. Nocedal and S. J. Wright, "Numerical optimization", 2nd edition, Springer
       2006, section 8.1.

    Examples
    --------
    >>> from sklearn_linloss.inspection import numerical_gradient
    >>> def cube(w):
    ...     return w**3
    >>> w, h = 1.0, 1e-3
    >>> round((cube(w + h) - cube(w)) / h, 9)
    3.003001
    >>> numerical_gradient(cube, [w], h).round(9)
    array([3.000001])
    """
    if not 0.0 < h < np.inf:
        raise ValueError(f"h must be positive and finite, got {h}.")
    W = np.asarray(W, dtype=np.float64)

    def value(flat):
        return one_number(f(flat.reshape(W.shape)), "f")

    return slopes_along(value, W.ravel(), range(W.size), h).reshape(W.shape)


def slopes_along(f, flat, coordinates, h):
    """Centred differences of `f`, a number or an array of them, along coordinates."""
    slopes = []
    for c in coordinates:
        up, down = flat.copy(), flat.copy()
        up[c] += h
        down[c] -= h
        # What was added in fact, after rounding.
        width = up[c] - down[c]
        if width == 0.0:
            raise ValueError(f"h={h:g} is too small beside an entry of {flat[c]:g}.")
        with np.errstate(invalid="ignore"):
            slopes.append((f(up) - f(down)) / width)
    return np.array(slopes)


def agree(analytic, numerical, tol, allowed):
    """Whether slopes agree, to a relative tolerance and what is allowed beyond it."""
    with np.errstate(invalid="ignore"):
        error = np.abs(analytic - numerical)
        scale = np.maximum(np.abs(analytic), np.abs(numerical))
        return (error <= tol * scale + allowed) & np.isfinite(error)


def found_kinks(f, flat, coordinates, h, tol, rounding):
    """How far kinks may move centred differences: half of what the slopes jump by.

    A jump is the difference of the slopes on both sides. That of a smooth function
    halves with the step. That of a kink does not, or vanishes when the step no longer
    reaches it; two halvings leave no place where it could seem to.
    """
    moved = np.zeros(len(coordinates))
    steps = h / np.array([1.0, 2.0, 4.0])
    with np.errstate(invalid="ignore"):
        middle = f(flat).sum()
        for i, c in enumerate(coordinates):
            jumps = np.empty(len(steps))
            scale = 0.0
            for k, step in enumerate(steps):
                up, down = flat.copy(), flat.copy()
                up[c] += step
                down[c] -= step
                right = (f(up).sum() - middle) / (up[c] - flat[c])
                left = (middle - f(down).sum()) / (flat[c] - down[c])
                jumps[k] = right - left
                scale = max(scale, abs(left), abs(right))
            noise = tol * scale + 4.0 * rounding / steps[-1]
            halves = np.abs(jumps[:-1] - 2.0 * jumps[1:]) <= noise
            # What grows as the step shrinks is noise of the function.
            grows = np.abs(jumps[1:]) > np.abs(jumps[:-1]) + noise
            if not halves.all() and not grows.any():
                moved[i] = np.abs(jumps[0]) / 2.0
    return moved


def one_number(value, name):
    value = np.asarray(value)
    if value.size != 1:
        raise ValueError(f"{name} must return one number, got shape {value.shape}.")
    return float(value.item())
