"""Newton steps on a model of the objective: direction and length.

They are the stages 2 to 4 of `_newton.py`.
"""

from functools import partial

import numpy as np

from ._conjugate_gradients import preconditioner_for, solve_by_conjugate_gradients
from ._models import Anchor, line_search
from ._newton_rules import RULES
from ._pair_products import solve_by_pair_products
from ._registry import RULES as LIMITS
from ._stages import iterations_pay, lacks_matrix, products_pay, samples_pay
from ._systems import (
    hessian,
    minimize_quadratic,
    solve_by_coefficients,
    solve_by_pairs,
)


class Steps:
    """Stages 2 to 4: Newton steps on a model of the data part plus the penalty.

    After a step that the line search made short, the next ones are damped. The
    objective may have a linear term, of a `slope`.
    """

    def __init__(self, f, model, theta, options, slope=None):
        self.anchor = Anchor(f, theta, slope)
        self._model = model
        self._options = options
        self._damping = 0.0
        self._iterative = iterations_pay(f)
        self._by_products = products_pay(f)
        # Rare classes are common there, and weak penalties.
        self._tall = slope is not None or samples_pay(f)

    def take(self, f, theta, scores):
        """The next coefficients, their scores, the descent predicted for the full step,
        and the step length; None if too many pairs are active.
        """
        # 2. Model.
        anchor = self.anchor
        value, pull, second = self._model.expand(scores)
        most = np.inf if self._by_products else RULES.most_pairs
        if lacks_matrix(f) and np.count_nonzero(second) > most:
            return None
        anchor.strength = self._model.proximal
        gradient = f.backward(pull.astype(f.dtype, copy=False))
        del pull  # of the softmax, as large as what the system needs
        if self._tall and f.n_rows > 1:
            # What all classes have in common is rounding, and has next to no ridge.
            gradient -= f.class_mean(gradient)
        gradient += anchor.gradient(theta)
        value += anchor.value(theta)
        # 3. Direction.
        iterations = None
        target = self._options.tol * (value + f.penalty_value(theta))
        if self._by_products:
            iterations = partial(
                solve_by_pair_products,
                target=target,
                clock=self._options.clock,
                exact=True,
            )
        elif self._iterative:
            iterations = partial(
                solve_by_conjugate_gradients,
                preconditioner=preconditioner_for(f, second, self._options.seed),
                clock=self._options.clock,
                target=target,
            )
        move, decrement, zeros = _newton_step(
            f, theta, gradient, second, anchor, self._damping, iterations, self._tall
        )
        # 4. Step length.
        change = f.scores(move).astype(np.float64, copy=False)
        length = line_search(
            f, self._model, anchor, theta, scores, value, move, change, decrement
        )
        theta = theta + length * move
        # Without a third array of that size.
        change *= length
        change += scores
        if length == 1.0:
            f.penalised(theta)[zeros] = 0.0  # theta + move is zero but for rounding
        if self._model.damps:
            if length < RULES.short:
                more = max(RULES.more * self._damping, RULES.least_damping)
                self._damping = min(more, RULES.most_damping)
            elif length > RULES.long:
                self._damping /= RULES.more
                if self._damping < RULES.least_damping:
                    self._damping = 0.0
        return theta, change, decrement, length


def _newton_step(f, theta, gradient, second, anchor, damping, iterations, tall):
    """Stage 3: the direction, the descent that it predicts, and which coefficients it
    sets to zero.

    The ridge holds directions without curvature (a class without active pairs, a
    penalty without L2): it is that of the anchor, or else proportional to the gradient.
    On `tall` tables that would hold the intercepts of rare classes.
    """
    w = f.penalised(theta)
    ridge = anchor.strength * anchor.metric
    residual = gradient.copy()
    f.penalised(residual)[:] = f.penalty.min_norm_subgradient(w, f.penalised(gradient))
    if anchor.strength == 0.0:
        bend = f.total_curvature(second)
        least = RULES.smallest_damping * bend
        unit = f.loss.delta if f.loss.delta > 0.0 else 1.0
        size = np.sqrt((residual**2 / anchor.metric).sum())
        held = damping * bend if tall else RULES.damping * size / unit
        ridge = max(held, least) * anchor.metric
        if f.penalty.convexity > 0.0:
            f.penalised(ridge)[:] = damping * bend * f.penalised(anchor.metric)
    if not f.penalty.is_smooth:
        move, landing = minimize_quadratic(
            f.sum_of(hessian, second), gradient, w, f.penalty, ridge
        )
        zeros = landing == 0.0
    else:
        f.penalised(ridge)[:] += f.penalty.curvature
        move = -solve_system(f, second, ridge, residual, iterations)
        zeros = np.zeros(f.n_penalised, dtype=bool)
    change = f.penalty.value(w + f.penalised(move)) - f.penalty.value(w)
    return move, -(gradient @ move + change), zeros


def solve_system(f, second, ridge, right, iterations):
    """(H + diag(ridge))^-1 right, in the cheapest way that is exact enough."""
    at_hand = not (f.design.only_products or f.design.in_parts)
    if iterations is None and f.loss.of_slacks and at_hand:
        few = np.count_nonzero(second) < RULES.by_pairs_below * f.size
        spread = (f.second_moment / f.feature_values(f.penalised(ridge))).sum()
        exact = second.max() * spread < RULES.most_cancelled
        too_many = f.size > LIMITS.newton_largest
        if (few and exact) or too_many or lacks_matrix(f):
            return solve_by_pairs(f, second, ridge, right)
    if iterations is not None:
        return iterations(f, second, ridge, right)
    return solve_by_coefficients(f, second, ridge, right)
