"""An interior point method for the squared hinge with an L2 penalty.

Newton's steps are short where each of them meets many kinks. A path through the
interior of the dual problem meets none. With pi_i a_ij as dual variables, the slacks
s_ij, and the loss max_a a s - bend a^2 / 2, the optimum solves

    alpha W + sum_ij pi_i a_ij grad s_ij(W) = 0,     s_ij - bend a_ij + u_ij = 0,
    u_ij a_ij = 0,     a_ij >= 0,     u_ij >= 0,

and on the path all products u_ij a_ij have the same positive value, which falls to
zero. The second equation holds from the start on; the error of the first one shrinks
with each step, and the more the longer the step is. A step solves a Newton system whose
second derivatives are 1 / (bend + u_ij / a_ij), several times with one factor: first
for products of zero, then for those of the path, with second-order terms of the first
solution (S. Mehrotra, "On the implementation of a primal-dual interior point method",
SIAM J. Optimization 1992), and again for the pairs whose products would be far from
those of the path (J. Gondzio, "Multiple centrality corrections in a
primal-dual method for linear programming", Computational Optimization and Applications
1996). For the SVM: M. C. Ferris and T. S. Munson, "Interior-point methods for massive
support vector machines", SIAM J. Optimization 2002.
"""

from dataclasses import dataclass

import numpy as np

from .. import _kernels
from . import _costs
from ._common import SolverResult
from ._systems import CoefficientSystem, hessian


@dataclass(frozen=True)
class Rules:
    """Numbers of the method; 0036 is a decision in docs/adr/."""

    # Active pairs for each coefficient, from which the method pays (0051).
    active: float = 1.0
    product: float = 1.0  # of a and u at the start, in squared margins over the bend
    # Corrections of a step, each of which solves one more system: at most so many, and
    # at most for this part of the cost of the matrix, with so many operations for each
    # pair in a system.
    corrections: int = 3
    share: float = 0.3
    per_pair: float = 300.0
    # A correction aims at a step of `longer` times the length, and `longer_by` more.
    longer: float = 1.5
    longer_by: float = 0.1
    worth: float = 0.01  # least gain in length for which a correction is kept
    range: float = 10.0  # products may differ from those of the path by this factor
    short_of: float = 0.995  # of the longest step
    near: float = 3.0  # tolerances within which the estimated gap asks for a proof
    stuck: float = 1e-6  # a step this short leads nowhere
    steps: int = 150  # after which the method has failed (0051)
    of_intercepts: float = 1e-6  # ridge of the intercepts, over that of the penalty


RULES = Rules()


def pays(f, theta):
    """Whether the method applies, and so many pairs are active at `theta` that Newton
    steps on these alone would not cost less.
    """
    penalty = f.penalty
    squares = penalty.is_smooth and penalty.is_uniform and penalty.convexity > 0.0
    hinge = f.loss.of_slacks and f.loss.smooth and f.loss.delta > 0.0
    if not (hinge and squares) or f.design.only_products:
        return False
    _, pull = f.loss_gradient(f.scores(theta, np.float64))
    return np.count_nonzero(pull > 0.0) >= RULES.active * f.size


def solve(f, theta, best, certifier, options, progress):
    """Minimise from `theta`."""
    progress.enter("interior points")
    point = _Point(f, theta)
    most = min(progress.n_iter + RULES.steps, options.max_iter)
    while progress.proceeds(most):
        # Pairs near their end overflow; what is not finite ends the steps.
        with np.errstate(over="ignore", invalid="ignore"):
            length = point.step()
            value = f.loss_value(point.scores) + f.penalty_value(point.theta)
        if not np.isfinite(value):
            progress.record(best.value, best.theta)
            return SolverResult(best.theta, converged=False)
        best.consider(point.theta.copy(), value)
        if point.gap() <= RULES.near * options.tol * value:
            certificate = certifier.certify(point.theta, point.pull(), point.scores)
            best.consider(certificate.theta, certificate.objective)
        progress.record(best.value, best.theta, point.gap() / value)
        if options.reached(certifier.gap(best.value)):
            return SolverResult(best.theta, converged=True, pull=point.pull())
        if not length > RULES.stuck:
            break
    return SolverResult(best.theta, converged=False, pull=point.pull())


class _Point:
    """Coefficients, their scores, and the dual variables and multipliers.

    Attributes
    ----------
    theta : ndarray
    scores : ndarray of shape (n_samples, n_rows), float64
    """

    def __init__(self, f, theta):
        self._f = f
        self.theta = theta.copy()
        self.scores = f.scores(theta, np.float64)
        self._pairs = _kernels.Pairs(*(f.zero_rows() for _ in _kernels.Pairs._fields))
        loss = f.loss
        terms = loss.delta, loss.bend, RULES.product * loss.delta**2 / loss.bend
        self._over_parts(
            lambda rows, pairs: _kernels.centre_pairs(
                self.scores[rows], f.y[rows], *terms, pairs
            )
        )
        matrix = _costs.slack_matrix(f.n_samples, f.n_features, f.size)
        system = _costs.gradient(f.n_samples, f.size)
        system += RULES.per_pair * self.scores.size
        self._corrections = int(min(RULES.share * matrix / system, RULES.corrections))
        self._weigh()

    def gap(self):
        """What the duality gap is, but for rounding."""
        slope = self._f.penalised(self._slope)
        return self._total + slope @ slope / (2.0 * self._f.penalty.convexity)

    def pull(self):
        """The dual variables, as certificates take them."""
        f = self._f
        pull = f.share[:, None] * self._pairs.a
        if f.n_rows == 1:
            pull[f.y == 1] *= -1.0
        else:
            pull[np.arange(f.n_samples), f.y] = -pull.sum(axis=1)
        return pull

    def step(self):
        """A step along the path; returns its length."""
        self._factor()
        move, change, longest, after = self._direction()
        remains = after(min(longest, 1.0)) / self._total
        n_pairs = max(self._f.n_rows - 1, 1)
        product = remains**3 * self._total / n_pairs
        self._visit(_kernels.aim_at_centre, change, product)
        move, change, longest, _ = self._direction()
        low, high = product / RULES.range, product * RULES.range
        for _ in range(self._corrections):
            if longest >= 1.0:
                break
            target = self._pairs.target.copy()
            further = min(RULES.longer * longest + RULES.longer_by, 1.0)
            self._visit(_kernels.aim_at_range, change, further, low, high)
            other = self._direction()
            if min(other[2], 1.0) < longest + RULES.worth:
                self._pairs.target[:] = target
                break
            move, change, longest, _ = other
        length = min(RULES.short_of * longest, 1.0)
        self._visit(_kernels.move_pairs, change, length)
        self.theta += length * move
        self.scores += length * change
        self._weigh()
        return length

    def _factor(self):
        """Prepare the systems of a step."""
        f = self._f
        ridge = np.zeros(f.size)
        f.penalised(ridge)[:] = f.penalty.convexity
        f.intercepts(ridge)[:] = RULES.of_intercepts * f.penalty.convexity
        self._solve = CoefficientSystem(f, hessian(f, self._pairs.second), ridge)

    def _weigh(self):
        """Second derivatives, the sum of products, and the slope in theta."""
        f = self._f
        self._total = sum(
            self._over_parts(
                lambda rows, pairs: _kernels.weigh_pairs(
                    f.y[rows], f.share[rows], f.loss.bend, pairs
                )
            )
        )
        self._slope = f.backward(self.pull())
        f.penalised(self._slope)[:] += f.penalty.gradient(f.penalised(self.theta))

    def _direction(self):
        """A solution of the system for the targets of the products.

        Returns the step, the change of the scores, the largest part of the step that
        keeps a and u positive, and the sum of the products after a part of it, as a
        function of that part.
        """
        f = self._f
        pull = f.zero_rows()
        self._over_parts(
            lambda rows, pairs: _kernels.pull_of_pairs(f.y[rows], pairs, pull[rows])
        )
        move = self._solve(f, -(self._slope + f.backward(pull)))
        change = f.scores(move, np.float64)
        parts = self._visit(_kernels.reach_of_pairs, change)
        reach, linear, square = zip(*parts, strict=True)
        slope, bent = sum(linear), sum(square)
        return move, change, min(reach), lambda t: self._total + t * (slope + t * bent)

    def _visit(self, kernel, change, *numbers):
        """What a kernel returns for each part of the samples."""
        f = self._f
        return self._over_parts(
            lambda rows, pairs: kernel(
                f.y[rows], f.share[rows], change[rows], *numbers, pairs
            )
        )

    def _over_parts(self, work):
        """The results of `work`, a function of a slice of samples and their pairs."""

        def of_part(rows):
            return work(rows, _kernels.Pairs(*(each[rows] for each in self._pairs)))

        return self._f.design.over_parts(of_part, self.scores.size)
