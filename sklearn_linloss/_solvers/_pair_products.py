"""Newton's systems of the hinge by products with its active pairs.

Of the pairs of a sample and a class few are active, and they alone bend the augmented
Lagrangian. A product with its second derivatives visits them and no others, at a small
part of what a pass over all scores costs: conjugate gradients then cost less than the
pass in which a step finds its pairs. Where classes are many, each class's block, of its
features and intercept, is inverted as a preconditioner. It leaves out what couples two
classes: the few samples that are active between them. Where features are many, that
costs too much, and the metric of `_metric.py` takes its place. On the rows of a CSR
products cost less than either, and a diagonal will do.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from . import _costs
from ._conjugate_gradients import iterate
from ._newton_rules import RULES as STEPS
from ._registry import too_large


@dataclass(frozen=True)
class Rules:
    """When the method applies; 0037 is a decision in docs/adr/."""

    # Largest cost of a preconditioner, in passes over X. Where Newton's matrix costs
    # more than that, and is not too large, its cost takes the place of this one.
    passes: float = 2.0
    # Part of all pairs that is active, up to which products with these pairs, in the
    # shared metric, are better than quasi-Newton steps; what may be left of a step's
    # descent there; and the most that such a system may cost, in passes over X (0054).
    part: float = 0.1
    coarsest: float = 0.1
    system: float = 5.0
    most_by_entries: int = 200  # products for a system on CSR that need not be exact
    # Least curvature along an intercept, over the mean of all classes, and ridge of
    # the features that rounding leaves, over the largest curvature of their class.
    flattest: float = 1e-6
    least_ridge: float = 1e-14


RULES = Rules()


def most_pairs(f):
    """How many active pairs leave a system cheaper than a few passes; 0 if it never is.

    The method serves the hinge of three classes or more on dense rows, where Newton's
    matrix is not small.
    """
    if not (_applies(f) and f.design.counts_from_centre):
        return 0
    passes = RULES.passes * _costs.gradient(f.n_samples, f.size)
    most = _costs.pairs_of_blocks(passes, f.n_features, f.n_rows)
    if most > 0.0 and not too_large(f.size, f.n_samples * (f.n_rows - 1)):
        # Products replace that matrix, so they may cost as much.
        matrix = _costs.slack_matrix(f.n_samples, f.n_features, f.size)
        most = max(most, _costs.pairs_of_blocks(matrix, f.n_features, f.n_rows))
    return max(int(most), 0)


def many_pairs(f):
    """How many active pairs leave a product with them cheaper than steps with all
    scores; 0 if such products cannot be had.
    """
    if not _applies(f):
        return 0
    part = 1.0 if by_entries(f) else RULES.part
    return int(part * f.n_samples * f.n_rows)


def by_entries(f):
    """Whether products with active pairs read few stored entries, for fewer features
    than samples: they then cost less than a metric, or a matrix of these pairs.
    """
    return _applies(f) and not f.design.counts_from_centre


def _applies(f):
    """Whether there are products with active pairs."""
    if not f.loss.of_slacks or f.n_rows == 1:
        return False
    if not (f.penalty.is_smooth and f.penalty.convexity > 0.0):
        return False
    design = f.design
    if design.only_products or design.in_parts:
        return False
    if min(f.size, f.n_samples * (f.n_rows - 1)) < STEPS.small_system:
        return False
    if design.counts_from_centre:
        return not f.loss.smooth
    return design.has_few_products and f.n_features <= f.n_samples


def avoids_matrix(f):
    """Whether Newton's systems of a hinge are too large for a factor, or products with
    active pairs cost less.
    """
    n_pairs = f.n_samples * max(f.n_rows - 1, 1)
    return too_large(f.size, n_pairs) or most_pairs(f) > 0


def solve_by_pair_products(
    f, second, ridge, right, *, target, clock, metric=None, exact=False
):  # fmt: skip
    """(H + diag(ridge))^-1 right, good enough for a step that may reach `target`.

    A `metric` of the features takes the place of the classes' blocks. On the rows of a
    CSR the diagonal does, and only an `exact` solution is as good as in Newton's method
    otherwise.
    """
    system = PairSystem(f, second, ridge)

    def product(direction):
        clock.check()
        return system.product(direction)

    limits = ()
    if by_entries(f):
        precondition = system.by_diagonal()
        if not exact:
            limits = RULES.coarsest, RULES.most_by_entries
    elif metric is not None:
        precondition = partial(metric, f)
        cost = _costs.pair_product(system.n_pairs, f.n_features, f.n_rows)
        most = RULES.system * _costs.gradient(f.n_samples, f.size) / cost
        limits = RULES.coarsest, most
    else:
        precondition = system.by_blocks()
    solution, _ = iterate(product, precondition, right, target, *limits)
    return solution


class PairSystem:
    """H + diag(ridge), and about its inverse.

    Parameters
    ----------
    f : Objective
        Of three classes or more.
    second : ndarray of shape (n_samples, n_rows)
        pi_i times second derivatives in the slacks, most of them zero.
    ridge : ndarray
    """

    def __init__(self, f, second, ridge):
        self._f, self._ridge = f, ridge
        self._sample, self._other = np.nonzero(second)
        self._second = second[self._sample, self._other]
        self.n_pairs = len(self._other)
        starts = np.searchsorted(self._sample, np.arange(f.n_samples + 1))
        self._pairs = starts, self._other, self._second
        self._centre = np.zeros(f.n_features) if f.mean is None else f.mean

    def product(self, direction):
        """The matrix times a direction."""
        f = self._f
        W = f.coefficients(direction)
        offset = -(W @ self._centre)
        if f.fit_intercept:
            offset += f.intercepts(direction)
        W, offset = W.astype(f.dtype), offset.astype(f.dtype)
        total, b_total = f.design.bend_pairs(f.y, self._pairs, W, offset)
        bent = self._ridge * direction
        total -= np.multiply.outer(b_total, self._centre)
        f.coefficients(bent)[:] += total
        if f.fit_intercept:
            f.intercepts(bent)[:] += b_total
        return bent

    def by_diagonal(self):
        """A preconditioner: about the inverse of the diagonal, as if active pairs were
        spread over all rows alike.
        """
        f, diagonal = self._f, self._ridge.copy()
        bend = self._bend_of_classes()
        f.coefficients(diagonal)[:] += np.multiply.outer(bend, f.variance)
        if f.fit_intercept:
            bend = np.maximum(bend, RULES.flattest * bend.mean())
            bend[bend == 0.0] = (
                1.0  # no pair is active, so that there is no slope either
            )
            f.intercepts(diagonal)[:] += bend
        return lambda residual: residual / diagonal

    def by_blocks(self):
        """A preconditioner: the inverse of the matrix within each class."""
        f = self._f
        inverses = np.linalg.inv(self._blocks()).astype(f.dtype)

        def precondition(residual):
            parts = np.zeros((f.n_rows, f.n_features + 1), f.dtype)
            parts[:, :-1] = f.coefficients(residual)
            if f.fit_intercept:
                parts[:, -1] = f.intercepts(residual)
            parts = np.matmul(inverses, parts[:, :, None])[:, :, 0]
            solution = np.empty(f.size)
            f.coefficients(solution)[:] = parts[:, :-1]
            if f.fit_intercept:
                f.intercepts(solution)[:] = parts[:, -1]
            return solution

        return precondition

    def _bend_of_classes(self):
        """Sum of the second derivatives of all pairs that a class is in."""
        f = self._f
        bend = np.bincount(self._other, self._second, f.n_rows)
        return bend + np.bincount(f.y[self._sample], self._second, f.n_rows)

    def _blocks(self):
        """The matrix within each class, shape (n_rows, d + 1, d + 1)."""
        f = self._f
        of_sample = np.bincount(self._sample, self._second, f.n_samples)
        sample = np.append(self._sample, np.arange(f.n_samples))
        weight = np.append(self._second, of_sample)
        of_class = np.append(self._other, f.y)
        order = np.argsort(of_class, kind="stable")
        ends = np.searchsorted(of_class[order], np.arange(f.n_rows + 1))
        blocks = np.zeros((f.n_rows, f.n_features + 1, f.n_features + 1))
        centre = self._centre.astype(f.dtype)

        def fill(k):
            own = order[ends[k] : ends[k + 1]]
            rows = np.full((len(own), f.n_features + 1), f.fit_intercept, f.dtype)
            X = f.design.dense_rows(sample[own], f.design.dtype)
            np.subtract(X, centre, out=rows[:, :-1])
            rows *= np.sqrt(weight[own], dtype=f.dtype)[:, None]
            blocks[k] = rows.T @ rows

        f.design.share_out(fill, range(f.n_rows))
        diagonal = np.einsum("kii->ki", blocks)
        ridge = f.feature_values(f.penalised(self._ridge))
        largest = diagonal[:, :-1].max(axis=1, keepdims=True)
        diagonal[:, :-1] += np.maximum(ridge, RULES.least_ridge * largest)
        bends = diagonal[:, -1]
        bends += f.intercepts(self._ridge)[0] if f.fit_intercept else 1.0
        np.maximum(bends, RULES.flattest * bends.mean(), out=bends)
        bends[bends == 0.0] = 1.0  # no pair is active, so that there is no slope either
        return blocks
