"""The quadratic model of a proximal Newton step on sparse data, without its matrix.

Coordinate descent on the columns of X finds which coefficients are zero, and the signs
of the others. Between those the model is smooth, and conjugate gradients minimise it in
some dozens of iterations where descent takes thousands of sweeps.
"""

from dataclasses import dataclass

import numpy as np

from .. import _kernels


@dataclass(frozen=True)
class Rules:
    """Limits of the loops; 0065 is a decision in docs/adr/."""

    sweeps: int = 20  # of coordinate descent, at most
    sweep_tol: float = 0.1  # change of a sweep over that of the first, which ends it
    few_sweeps: int = 5  # of them between conjugate gradients
    rounds: int = 20  # of descent and conjugate gradients
    iterations: int = 200  # of conjugate gradients in a round
    halvings: int = 5  # of a step on which coefficients become zero
    flattest: float = 1e-12  # curvature of a direction over that of its coordinates


RULES = Rules()


class QuadraticByColumns:
    """A quadratic model of the loss between some coefficients, plus the penalty.

    The features count from zero, not from the centre of `theta`.

    Parameters
    ----------
    f : Objective
    theta : ndarray
        Where it is expanded.
    scores, pull : ndarrays of shape (n_samples, n_rows)
        The scores there, and the gradient in them.
    gradient : ndarray
        The gradient in theta.
    chosen : ndarray of int
        Which coefficients may move.
    ridge : ndarray of shape (len(chosen),)
        What is added to their second derivatives.
    """

    def __init__(self, f, theta, scores, pull, gradient, chosen, ridge):
        self._f, self._scores, self._second = f, scores, f.second(pull)
        self._chosen, self._ridge = chosen, ridge
        self._classes, self._features = f.coordinates(chosen)
        centre = np.zeros(f.n_features) if f.mean is None else f.mean
        self._centre = centre[self._features]
        self._b_slope = f.intercepts(gradient)
        self._slope = gradient[chosen]
        if f.fit_intercept:
            self._slope += self._centre * self._b_slope[self._classes]
        self._start = f.penalised(theta)
        self._landing = self._start[chosen]
        self._b_move = np.zeros(len(self._b_slope))
        self._change = np.zeros_like(scores)
        self._bends = np.empty(len(chosen) + len(self._b_slope))

    def descend(self, sweeps=RULES.sweeps):
        """Sweeps over the columns."""
        f = self._f
        moved = self._landing - self._start[self._chosen]
        f.design.descend(
            f.loss,
            _kernels.Terms(f.y, f.share, f.loss.delta, f.penalty.l1, f.penalty.l2),
            self._second,
            (self._features, self._classes),
            (self._slope + self._ridge * moved, self._b_slope, self._ridge),
            sweeps,
            RULES.sweep_tol,
            (self._change, self._landing, self._b_move, self._bends),
        )

    def minimize(self, accuracy):
        """Go on until no slope is off by more than a part `accuracy` of the strength of
        the L1 penalty.
        """
        penalty = self._f.penalty
        self.descend(RULES.few_sweeps)
        for _ in range(RULES.rounds):
            self._remove_common()
            slope, b_slope = self._slopes()
            off = penalty.min_norm_subgradient(self._landing, slope)
            if np.abs(off).max(initial=0.0) <= accuracy * penalty.l1:
                return
            self._step_on_support(off, b_slope, accuracy * penalty.l1)
            self.descend(RULES.few_sweeps)

    @property
    def step(self):
        """From theta to where the model has come, and the coefficients there."""
        f = self._f
        step, target = np.zeros(f.size), self._start.copy()
        target[self._chosen] = self._landing
        f.penalised(step)[:] = target - self._start
        if f.fit_intercept:
            moved = self._landing - self._start[self._chosen]
            f.intercepts(step)[:] = self._b_move + self._by_class(moved)
        return step, target

    def _remove_common(self):
        """Subtract what all classes have in common: along that the model is flat."""
        f = self._f
        if f.n_rows > 1 and f.penalty.convexity == 0.0:
            target = self._start.copy()
            target[self._chosen] = self._landing
            f.penalty.remove_common(f.coefficients(target))
            self._landing = target[self._chosen]

    def _slopes(self):
        """Those of the smooth part of the model without L2, from a centre."""
        slope, b_slope = self._product(slice(None), self._change)
        moved = self._landing - self._start[self._chosen]
        slope += self._slope + self._ridge * moved
        if self._f.fit_intercept:
            b_slope += self._b_slope
            slope -= self._centre * self._b_slope[self._classes]
        return slope, b_slope

    def _product(self, some, change):
        """How slopes of some coefficients, from a centre, change with the scores."""
        f = self._f
        bent = f.loss_hessian(self._scores, change)
        features, classes = self._features[some], self._classes[some]
        slope = f.design.slopes_of(features, classes, bent)
        if not f.fit_intercept:
            return slope, np.empty(0)
        b_slope = bent.sum(axis=0)
        return slope - self._centre[some] * b_slope[classes], b_slope

    def _changed(self, some, move, b_move):
        """The change of the scores with coefficients whose features have a centre."""
        f = self._f
        change = np.zeros_like(self._scores)
        features, classes = self._features[some], self._classes[some]
        f.design.add_scores_of(features, classes, move, change)
        if f.fit_intercept:
            change += b_move - self._by_class(move, some)
        return change

    def _by_class(self, move, some=slice(None)):
        """What a move of coefficients adds to the centred intercepts."""
        n_rows = self._f.n_rows
        return np.bincount(self._classes[some], self._centre[some] * move, n_rows)

    def _step_on_support(self, slope, b_slope, accuracy):
        """Conjugate gradients between the coefficients that are not zero.

        Where their move, halved until the model falls, would cross zeros for long, it
        ends at the first one.
        """
        support = np.flatnonzero(self._landing)
        held = self._ridge[support] + self._f.penalty.l2

        def product(move):
            coefficients, intercepts = move[: len(support)], move[len(support) :]
            change = self._changed(support, coefficients, intercepts)
            bent, b_bent = self._product(support, change)
            return np.append(bent + held * coefficients, b_bent)

        right = -np.append(slope[support], b_slope)
        places = np.append(support, np.arange(len(self._chosen), len(self._bends)))
        bends = self._bends[places]
        bends[bends <= 0.0] = 1.0  # no slope either
        move = conjugate_gradients(product, right, bends, accuracy)
        for halvings in range(RULES.halvings):
            part = self._stopped_at_zero(support, 0.5**halvings * move)
            if right @ part > 0.5 * (part @ product(part)):
                break
        else:
            part = self._up_to_zero(support, move)
        self._take(support, part[: len(support)], part[len(support) :])

    def _stopped_at_zero(self, support, move):
        """A move whose coefficients do not change their signs, but end at zero."""
        here, move = self._landing[support], move.copy()
        crossing = np.flatnonzero((here + move[: len(here)]) * here <= 0.0)
        move[crossing] = -here[crossing]
        return move

    def _up_to_zero(self, support, move):
        """A move up to where the first coefficient meets zero."""
        here, part = self._landing[support], move.copy()
        lengths = np.full(len(here), np.inf)
        np.divide(-here, move[: len(here)], out=lengths, where=move[: len(here)] != 0.0)
        lengths[lengths < 0.0] = np.inf
        length = lengths.min(initial=1.0)
        part *= length
        first = np.flatnonzero(lengths == length)
        part[first] = -here[first]
        return part

    def _take(self, support, move, b_move):
        """Make a move of coefficients on the support, and of centred intercepts."""
        self._change += self._changed(support, move, b_move)
        landing = self._landing[support] + move
        landing[move == -self._landing[support]] = 0.0
        self._landing[support] = landing
        if self._f.fit_intercept:
            self._b_move += b_move - self._by_class(move, support)


def conjugate_gradients(product, right, bends, accuracy):
    """An approximate solution of a positive semidefinite system.

    Parameters
    ----------
    product : callable
        Vector -> its product with the matrix.
    right : ndarray
    bends : ndarray
        The diagonal of the matrix, which scales the unknowns.
    accuracy : float
        Largest entry of the residual that may be left.

    Returns
    -------
    solution : ndarray
    """
    solution, residual = np.zeros_like(right), right.copy()
    direction, last = np.zeros_like(right), np.inf
    for _ in range(RULES.iterations):
        if np.abs(residual).max(initial=0.0) <= accuracy:
            break
        scaled = residual / bends
        size = residual @ scaled
        direction = scaled + (size / last) * direction
        image = product(direction)
        bend = direction @ image
        if not bend > RULES.flattest * (direction @ (bends * direction)):
            break
        solution += (size / bend) * direction
        residual -= (size / bend) * image
        last = size
    return solution
