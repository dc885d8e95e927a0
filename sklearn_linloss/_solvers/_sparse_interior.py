"""An interior point method for the hinges with an L1 penalty.

With slacks s_ij of the pairs of a sample and a wrong class, losses max_a a s - bend
a^2 / 2 over 0 <= a <= cap, and coefficients w = p - q, the optimum solves

    s_ij - bend a_ij + u_ij - v_ij = 0,     u_ij a_ij = 0,     v_ij (cap - a_ij) = 0,
    r_k + l2 w_k = g_k,     p_k (l1 + g_k) = 0,     q_k (l1 - g_k) = 0,

where r is the slope of the loss by the dual variables pi_i a_ij, and a, u, v, p and q
are not negative. There is no v without a cap. The path through the interior has one
positive product in the place of the zeros, which falls; `_interior.py` has the method
and its sources.

Newton's systems have a row for each coefficient that is chosen: all of them where they
are few, or else those that are used or have slopes near the L1 strength. Others enter
where their slopes exceed it, and what stays at zero is let go. So it goes on from a
model that has most zeros already.
"""

from dataclasses import dataclass

import numpy as np

from .._penalty import ElasticNet
from ._common import SolverResult, feature_metric
from ._systems import hessian_on, solver_of_definite


@dataclass(frozen=True)
class Rules:
    """Numbers of the method; 0045 is a decision in docs/adr/."""

    most: int = 4000  # coefficients in a matrix
    few: int = 1500  # coefficients, up to which all are chosen from the start (0051)
    steps: int = 150  # after which the method has failed (0051)
    # Others that may be chosen at a time: at least, and over those that are.
    least: int = 200
    more: float = 0.5
    # Slopes over the L1 strength, from which coefficients are chosen at the start and
    # later, below which those at zero are let go, and that of the path, at most, where
    # one is taken in.
    near: float = 0.8
    enters: float = 0.95
    far: float = 0.5
    inside: float = 0.9
    near_end: float = 0.3  # gap over the objective, from which choices are revised
    product: float = 0.03  # of the couples at the start, in units of the loss
    corrections: int = 2  # systems more that bring products into a range, at most
    range: float = 10.0  # products may differ from the path's by this factor
    longer: float = 1.5  # a step that a correction aims at, over the present one
    longer_by: float = 0.1  # and more
    worth: float = 0.01  # what a correction must add to the step
    short_of: float = 0.995  # of the longest step
    near_proof: float = 3.0  # tolerances within which the gap asks for a certificate
    exact: float = 1e-6  # that tolerance where a fit has none
    stuck: float = 1e-6  # a step this short leads nowhere
    # Steps that a fit makes after its last one, for their dual points alone, until the
    # gap is at most `loose` times what they gained: as in `_working_set.py` (0035).
    beyond: int = 3
    loose: float = 10.0


RULES = Rules()


def applies(f):
    """Whether the method serves an objective."""
    penalty = f.penalty
    sparse = isinstance(penalty, ElasticNet) and penalty.l1 > 0.0
    hinge = f.loss.of_slacks and f.loss.delta > 0.0
    return hinge and sparse and not (f.design.only_products or f.design.in_parts)


def takes_all(f):
    """Whether the coefficients are so few that all are chosen from the start."""
    return f.n_penalised <= RULES.few


def solve(f, theta, best, certifier, options, progress):
    """Minimise from `theta`."""
    progress.enter("interior points")
    f = f.with_precision(np.float64)
    point = _Point(f, theta)
    most = min(progress.n_iter + RULES.steps, options.max_iter)
    while progress.proceeds(most):
        length = point.step()
        model = point.model()
        scores = f.scores(model)
        value = f.loss_value(scores) + f.penalty_value(model)
        best.consider(model, value)
        gap = point.gap()
        if gap <= RULES.near_proof * (options.tol or RULES.exact) * value:
            certificate = certifier.certify(model, point.pull(), scores)
            best.consider(certificate.theta, certificate.objective)
        progress.record(best.value, best.theta, gap / value)
        if options.reached(certifier.gap(best.value)):
            return SolverResult(best.theta, converged=True, pull=point.pull())
        if not (length > RULES.stuck and np.isfinite(value)):
            break
        # Far from the path the objective says nothing of how near the end is.
        if gap <= RULES.near_end * best.value:
            point.choose()
    else:
        beyond = 0 if progress.stopped else RULES.beyond
        _tighten(f, point, certifier, best.value, beyond)
    return SolverResult(best.theta, converged=False)


def _tighten(f, point, certifier, value, beyond):
    """Raise the bound of a fit that ends early, by the dual variables of its last step
    and of up to `beyond` more, which are made for these alone.

    They end once the gap is about as large as what they gain.
    """
    certifier.raise_bound(point.pull(), value)
    for _ in range(beyond):
        point.choose()
        point.step()
        model = point.model()
        reached = f.loss_value(f.scores(model)) + f.penalty_value(model)
        if not np.isfinite(reached):
            return
        certifier.raise_bound(point.pull(), value)
        if value - certifier.bound <= RULES.loose * (value - reached):
            return


class _Point:
    """Coefficients, their scores, and couples of variables with products on a path.

    Attributes
    ----------
    theta : ndarray
    scores : ndarray of shape (n_samples, n_rows), float64
    chosen : ndarray of int
        Places of the coefficients that may differ from zero.
    """

    def __init__(self, f, theta):
        self._f = f
        self.theta = theta.astype(np.float64)
        self.scores = f.scores(self.theta)
        self._weight = np.repeat(f.share[:, None], f.n_rows, axis=1)
        if f.n_rows > 1:
            self._weight[np.arange(f.n_samples), f.y] = 0.0
        # The couples are (a, u), (cap - a, v), (p, l1 + g) and (q, l1 - g).
        self._pairs = _centred_pairs(f.loss, self._of_slack(self.scores))
        self._product = np.mean(self._pairs[0][0] * self._pairs[0][1])
        self._slope = f.backward(self.pull())
        empty = np.empty(0)
        self.chosen, self._parts = np.empty(0, np.intp), [(empty, empty)] * 2
        w = f.penalised(self.theta)
        used = np.flatnonzero(w)
        if len(used) > RULES.most:
            size = np.abs(w) * np.sqrt(f.penalised(feature_metric(f)))
            largest = np.argsort(-size, kind="stable")[: RULES.most]
            self.theta[np.setdiff1d(used, largest)] = 0.0
            used = np.sort(largest)
        if takes_all(f):
            self._take_in(np.arange(f.n_penalised))
            self._move_on()
        else:
            self._take_in(used)
            self._take_steepest(RULES.near)

    def model(self):
        """The coefficients with exact zeros: where the product of a couple lies in the
        slope rather than in the coefficient.
        """
        f, model = self._f, self.theta.copy()
        f.penalised(model)[self.chosen[self._at_zero()]] = 0.0
        return model

    def gap(self):
        """What the duality gap of the chosen coefficients is, near the path."""
        w = self._f.penalised(self.theta)[self.chosen]
        return self._total + abs(self._rest[: len(w)] @ w)

    def pull(self):
        """The dual variables, as certificates take them."""
        return self._of_pairs(self._pairs[0][0])

    def choose(self):
        """Let go of coefficients at zero, and take in those whose slopes are large."""
        f = self._f
        if takes_all(f):
            return
        (_, low), (_, high) = self._parts
        far = np.minimum(low, high) > (1.0 - RULES.far) * f.penalty.l1
        kept = ~(far & self._at_zero())
        f.penalised(self.theta)[self.chosen[~kept]] = 0.0
        self.chosen = self.chosen[kept]
        self._parts = [(x[kept], z[kept]) for x, z in self._parts]
        self._take_steepest(RULES.enters)

    def step(self):
        """A step along the path; returns its length."""
        # Couples near their end overflow; what is not finite ends the steps.
        with np.errstate(over="ignore", invalid="ignore"):
            return self._step()

    def _step(self):
        self._factor()
        couples = self._couples
        n_pairs, n_parts = len(self._pairs), len(self._parts)
        products = [x * z for x, z in couples]
        moves, longest = self._direction([-each for each in products])
        remains = self._sum(_products(couples, moves, min(longest, 1.0))) / self._total
        count = n_pairs * self._weight.sum()
        count += n_parts * len(self.chosen) / self._f.n_samples
        product = max(remains, 0.0) ** 3 * self._total / count
        # As pi_i times those of the pairs are.
        aims = [product] * n_pairs + [product / self._f.n_samples] * n_parts
        targets = [
            aim - now - dx * dz
            for aim, now, (dx, dz) in zip(aims, products, moves[1:], strict=True)
        ]
        moves, longest = self._direction(targets)
        for _ in range(RULES.corrections):
            if longest >= 1.0:
                break
            further = min(RULES.longer * longest + RULES.longer_by, 1.0)
            there = _products(couples, moves, further)
            others = [
                target + _lack(now, aim)
                for target, now, aim in zip(targets, there, aims, strict=True)
            ]
            other = self._direction(others)
            if min(other[1], 1.0) < longest + RULES.worth:
                break
            targets, (moves, longest) = others, other
        length = min(RULES.short_of * longest, 1.0)
        (move, change), *moves = moves
        moved = [
            (x + length * dx, z + length * dz)
            for (x, z), (dx, dz) in zip(couples, moves, strict=True)
        ]
        self._pairs, self._parts = moved[:n_pairs], moved[n_pairs:]
        self.theta += length * move
        self.scores += length * change
        w = self._f.penalised(self.theta)
        w[self.chosen] = self._parts[0][0] - self._parts[1][0]
        self._product = product
        self._weigh()
        return length

    @property
    def _couples(self):
        return self._pairs + self._parts

    def _take_steepest(self, least):
        """Choose the largest slopes from a part of the L1 strength."""
        f = self._f
        size = np.abs(f.penalised(self._slope))
        size[self.chosen] = 0.0
        places = np.flatnonzero(size > least * f.penalty.l1)
        room = max(RULES.least, int(RULES.more * len(self.chosen)))
        room = min(room, max(RULES.most - len(self.chosen), 0))
        order = np.argsort(-size[places], kind="stable")
        self._take_in(np.sort(places[order[:room]]))
        self._move_on()

    def _move_on(self):
        """Take the scores of coefficients that were chosen."""
        self.scores = self._f.scores(self.theta)
        self._weigh()

    def _take_in(self, places):
        """Choose coefficients, where their couples lie on the path."""
        f = self._f
        l1, w = f.penalty.l1, f.penalised(self.theta)
        product, here = self._product / f.n_samples, w[places]
        g = -here * l1**2 / (product + np.sqrt(product**2 + (here * l1) ** 2))
        most = RULES.inside * l1
        unused = np.clip(f.penalised(self._slope)[places], -most, most)
        g = np.where(here == 0.0, unused, g)
        order = np.argsort(np.append(self.chosen, places), kind="stable")
        self.chosen = np.append(self.chosen, places)[order]
        self._parts = [
            (np.append(x, product / new)[order], np.append(z, new)[order])
            for (x, z), new in zip(self._parts, (l1 + g, l1 - g), strict=True)
        ]
        w[self.chosen] = self._parts[0][0] - self._parts[1][0]

    def _at_zero(self):
        """Which of the chosen coefficients are nearer to zero than their slopes are to
        the L1 strength, both as parts of what they can be.
        """
        f = self._f
        w = np.abs(f.penalised(self.theta)[self.chosen])
        w *= np.sqrt(f.penalised(feature_metric(f))[self.chosen])
        (_, low), (_, high) = self._parts
        most = w.max(initial=0.0)
        return w * f.penalty.l1 <= most * np.minimum(low, high)

    def _of_slack(self, scores):
        """What scores, or their changes, say of slacks, without the margin."""
        f = self._f
        if f.n_rows == 1:
            return np.where(f.y == 1, -1.0, 1.0)[:, None] * scores
        return scores - np.take_along_axis(scores, f.y[:, None], axis=1)

    def _of_pairs(self, values):
        """The gradient in the scores of slopes in the slacks."""
        f, pull = self._f, self._weight * values
        if f.n_rows == 1:
            pull[f.y == 1] *= -1.0
        else:
            pull[np.arange(f.n_samples), f.y] = -pull.sum(axis=1)
        return pull

    def _weigh(self):
        """What the equations lack, and the sum of products."""
        f = self._f
        (a, u), *upper = self._pairs
        self._missing = self._of_slack(self.scores) + f.loss.delta - f.loss.bend * a + u
        for _, v in upper:
            self._missing -= v
        self._total = self._sum([x * z for x, z in self._couples])
        self._slope = f.backward(self.pull())
        w = f.penalised(self.theta)[self.chosen]
        rest = f.penalised(self._slope)[self.chosen] + f.penalty.l2 * w
        rest -= self._parts[0][1] - f.penalty.l1
        self._rest = np.append(rest, f.intercepts(self._slope))

    def _sum(self, products):
        """The weighted sum of products of all couples."""
        of_pairs = sum((self._weight * each).sum() for each in products[:-2])
        return of_pairs + products[-2].sum() + products[-1].sum()

    def _factor(self):
        """Prepare the systems of a step."""
        f = self._f
        self._bend = f.loss.bend + sum(z / x for x, z in self._pairs)
        self._give = sum(x / z for x, z in self._parts)
        self._index = np.append(self.chosen, np.arange(f.n_penalised, f.size))
        H = hessian_on(f, self._weight / self._bend, self.chosen)
        np.einsum("ii->i", H)[: len(self.chosen)] += f.penalty.l2 + 1.0 / self._give
        self._solve = solver_of_definite(H)

    def _direction(self, targets):
        """A solution of the system for changes of the products.

        Returns the changes of the model and its scores and those of each couple, and
        the longest step that leaves all of them positive.
        """
        f, n_chosen = self._f, len(self.chosen)
        of_pairs, of_parts = targets[:-2], targets[-2:]
        signs = 1.0, -1.0
        shift = self._missing + sum(
            sign * target / x
            for sign, target, (x, _) in zip(signs, of_pairs, self._pairs, strict=False)
        )
        bent = sum(
            sign * target / z
            for sign, target, (_, z) in zip(signs, of_parts, self._parts, strict=True)
        )
        right = (
            -self._rest - f.backward(self._of_pairs(shift / self._bend))[self._index]
        )
        right[:n_chosen] += bent / self._give
        move = np.zeros(f.size)
        move[self._index] = self._solve(right)
        change = f.scores(move)
        da = (self._of_slack(change) + shift) / self._bend
        da[self._weight == 0.0] = 0.0
        dg = (bent - f.penalised(move)[self.chosen]) / self._give
        moves = [(move, change)]
        for sign, target, (x, z) in zip(signs, of_pairs, self._pairs, strict=False):
            moves.append((sign * da, (target - sign * z * da) / x))
        for sign, target, (x, z) in zip(signs, of_parts, self._parts, strict=True):
            moves.append(((target - sign * x * dg) / z, sign * dg))
        shrinks = max(
            max((-dx / x).max(initial=0.0), (-dz / z).max(initial=0.0))
            for (x, z), (dx, dz) in zip(self._couples, moves[1:], strict=True)
        )
        return moves, 1.0 / shrinks if shrinks > 0.0 else np.inf


def _centred_pairs(loss, slack):
    """The couples of pairs with the product of the start, which meet their slacks."""
    slack = slack + loss.delta
    if np.isfinite(loss.cap):
        # slack + product / a - product / (1 - a) = 0
        product = RULES.product * loss.delta
        root = np.sqrt(0.25 * slack**2 + product**2)
        # Of a and 1 - a the smaller one, so that nothing cancels.
        small = product / (0.5 * np.abs(slack) + root + product)
        a = np.where(slack > 0.0, 1.0 - small, small)
        rest = np.where(slack > 0.0, small, 1.0 - small)
        return [(a, product / a), (rest, product / rest)]
    product = RULES.product * loss.delta**2 / loss.bend
    # slack - bend * a + product / a = 0
    root = np.sqrt(slack**2 + 4.0 * loss.bend * product) + np.abs(slack)
    a = np.where(slack > 0.0, root / (2.0 * loss.bend), 2.0 * product / root)
    return [(a, product / a)]


def _products(couples, moves, length):
    """Those after a step."""
    return [
        (x + length * dx) * (z + length * dz)
        for (x, z), (dx, dz) in zip(couples, moves[1:], strict=True)
    ]


def _lack(products, aim):
    """What products lack to a range, but never more than its upper end below."""
    high = aim * RULES.range
    return np.maximum(np.clip(products, aim / RULES.range, high) - products, -high)
