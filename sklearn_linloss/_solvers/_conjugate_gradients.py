"""Newton's systems for the softmax by conjugate gradients, without their matrix.

The blocks of single classes on the diagonal of the matrix are the preconditioner: what
couples the classes of one sample has rank one (J. Nocedal and S. J. Wright, "Numerical
optimization", 2006, sections 5.1 and 7.1). If a system takes many iterations all the
same, the preconditioner becomes an estimate of the whole matrix, from rows that are
drawn with chances proportional to their second derivatives (P. Xu, J. Yang, F. Roosta,
C. Re and M. W. Mahoney, "Sub-sampled Newton methods with non-uniform sampling", NeurIPS
2016).
"""

from dataclasses import dataclass
from functools import partial

import numpy as np

from . import _costs
from ._systems import CoefficientSystem, hessian


@dataclass(frozen=True)
class Rules:
    """When a system is solved well enough; 0009 is a decision in docs/adr/."""

    largest_blocks: float = 7e6  # numbers in the blocks of all classes (0009)
    most_rows: float = 4.0  # rows a feature, for a block; those of most weight (0009)
    drawn: float = 16.0  # rows of each class and feature in a sampled Hessian (0019)
    # Part of what a class bends that a sampled Hessian may lack: that of pairs of
    # classes between which a row says next to nothing (0063).
    lacking: float = 0.01
    # What may be left of a step's descent: at most `coarsest` of it, and near the
    # optimum `enough` of what the tolerance allows, but never below `finest` (0009).
    coarsest: float = 1e-2
    enough: float = 0.1
    finest: float = 1e-3
    reach: float = 1000.0  # factor by which a step lowers the descent at best (0009)
    most_steps: int = 500  # iterations for a system
    flattest: float = 1e-12  # least curvature along an intercept, over that of all


RULES = Rules()


class _Preconditioner:
    """What both share: a count of their use, by which they are renewed."""

    _applications = 0
    last_system = 0  # iterations that the last system took

    def is_worn(self, f):
        """Whether applying it has cost more than a new one would."""
        used = self._applications * _costs.gradient(f.n_samples, f.size)
        return used > self.cost(f)

    def __call__(self, f, residual):
        """Approximately (H + ridge)^-1 residual."""
        self._applications += 1
        return self._apply(f, residual)


class ClassBlocks(_Preconditioner):
    """Inverses of the classes' blocks of the Hessian.

    Parameters
    ----------
    f : Objective
    second : ndarray of shape (n_samples, n_rows)
        Probabilities, or for the one-row form the second derivatives.
    """

    def __init__(self, f, second):
        curvature = f.loss.class_curvature(second, f.share)
        centre = np.zeros(f.n_features) if f.mean is None else f.mean
        centre = centre.astype(f.dtype)
        d, most = f.n_features, _most_rows(f)
        self._blocks = np.empty((f.n_rows, d, d), f.dtype)
        for k, weights in enumerate(curvature.T):
            rows, scale = slice(None), 1.0
            if f.n_samples > most:
                # The rows of the largest second derivatives stand for all.
                rows = np.sort(np.argpartition(-weights, most)[:most])
                total = weights[rows].sum()
                scale = weights.sum() / total if total > 0.0 else 0.0
            X = f.design.dense_rows(rows, f.dtype) - centre
            X *= np.sqrt(scale * weights[rows])[:, None].astype(f.dtype)
            self._blocks[k] = X.T @ X
        bend = curvature.sum(axis=0)
        self._intercepts = np.maximum(bend, RULES.flattest * bend.sum())
        self._inverses = np.empty_like(self._blocks)
        self._ridge = None

    @staticmethod
    def cost(f):
        """Floating-point operations to make one."""
        return _costs.class_blocks(_most_rows(f), f.n_features, f.n_rows)

    def prepare(self, f, ridge):
        """Invert the blocks plus a ridge."""
        ridge = f.feature_values(f.penalised(ridge))
        if self._ridge is not None and np.array_equal(ridge, self._ridge):
            return
        self._ridge = ridge
        for block, inverse in zip(self._blocks, self._inverses, strict=True):
            inverse[:] = np.linalg.inv(block.astype(np.float64) + np.diag(ridge))

    def _apply(self, f, residual):
        solution = np.empty(f.size)
        R = f.coefficients(residual).astype(f.dtype)
        S = np.matmul(self._inverses, R[:, :, None])[:, :, 0]
        f.coefficients(solution)[:] = S
        if f.fit_intercept:
            f.intercepts(solution)[:] = f.intercepts(residual) / self._intercepts
        return solution


class SampledHessian(_Preconditioner):
    """A factor of the Hessian of three classes or more, from some of the rows.

    A row is drawn with the probability of its largest part in what a class bends, times
    a number of rows, and weighs the inverse of that probability.

    Parameters
    ----------
    f : Objective
    second : ndarray of shape (n_samples, n_rows)
        Probabilities.
    seed : int
    """

    def __init__(self, f, second, seed):
        parts = f.loss.class_curvature(second, f.share)
        centre = np.zeros(f.n_features) if f.mean is None else f.mean
        lengths = 1.0 + f.design.squared_norms(centre)
        parts *= lengths[:, None]
        totals = parts.sum(axis=0)
        parts /= np.where(totals > 0.0, totals, 1.0)
        chance = np.minimum(RULES.drawn * f.n_features * parts.max(axis=1), 1.0)
        random = np.random.default_rng(seed).random(f.n_samples)
        (rows,) = (random < chance).nonzero()
        least = RULES.lacking / (max(len(rows), 1) * lengths)
        sample, negligible = (rows, 1.0 / chance[rows]), (least, totals)
        self._hessian = hessian(f, second, sample, negligible)
        self._ridge = self._system = None

    @staticmethod
    def cost(f):
        """Floating-point operations to make one."""
        rows = min(f.n_samples, RULES.drawn * f.n_features * f.n_rows)
        # A row says something of about as many pairs of classes as there are classes.
        return _costs.slack_matrix(rows, f.n_features, f.size)

    def prepare(self, f, ridge):
        """Factor the matrix plus a ridge."""
        if self._ridge is None or not np.array_equal(ridge, self._ridge):
            self._ridge = ridge
            self._system = CoefficientSystem(f, self._hessian.copy(), ridge)

    def _apply(self, f, residual):
        return self._system(f, residual)


def preconditioner_for(f, second, seed):
    """A preconditioner at second derivatives, kept in the workspace until worn."""
    kept = f.workspace.get("preconditioner")
    sampled = isinstance(kept, SampledHessian)
    if kept is not None and not sampled and _sampling_pays(f, kept):
        kept, sampled = None, True
    if kept is None or kept.is_worn(f):
        kept = SampledHessian(f, second, seed) if sampled else ClassBlocks(f, second)
    f.workspace["preconditioner"] = kept
    return kept


def may_sample_hessian(f):
    """Whether an estimate of the whole matrix can be held, and is more than blocks."""
    return f.n_rows > 1 and f.size**2 <= RULES.largest_blocks


def _sampling_pays(f, blocks):
    """Whether the last system took longer than a sampled Hessian does."""
    if not may_sample_hessian(f):
        return False
    last = blocks.last_system * _costs.gradient(f.n_samples, f.size)
    return last > SampledHessian.cost(f)


def blocks_are_small(f):
    """Whether the blocks of all classes can be held."""
    return f.n_rows * f.n_features**2 <= RULES.largest_blocks


def _most_rows(f):
    return int(min(f.n_samples, RULES.most_rows * f.n_features))


def within_reach(descent, target):
    """Whether a step that descends so far may leave less than `target`."""
    return descent <= RULES.reach * target


def solve_by_conjugate_gradients(
    f, second, ridge, right, *, preconditioner, target, clock
):  # fmt: skip
    """(H + diag(ridge))^-1 right, exact enough for a step that may reach `target`."""
    preconditioner.prepare(f, ridge)
    bend = f.loss.bend(second, f.share, f.dtype)

    def product(direction):
        clock.check()
        return f.backward(bend(f.scores(direction))) + ridge * direction

    solution, preconditioner.last_system = iterate(
        product, partial(preconditioner, f), right, target
    )
    return solution


def iterate(product, precondition, right, target, coarsest=None, most=None):
    """Conjugate gradients from zero, and how many iterations they took.

    Parameters
    ----------
    product, precondition : callables
        Vector -> a positive definite matrix times it, and about its inverse times it.
    right : ndarray
    target : float
        Objective less the lowest one, which a step along the solution may reach.
    coarsest, most : float, optional
        Part of the descent that may be left in any case, and iterations, where they are
        not those of `Rules`.
    """
    coarsest = RULES.coarsest if coarsest is None else coarsest
    most = RULES.most_steps if most is None else most
    solution = np.zeros_like(right)
    residual = right.copy()
    scaled = precondition(residual)
    direction = scaled
    square = residual @ scaled
    # Half the squared residual in the norm of the preconditioner estimates what is left
    # of the descent.
    descent = 0.5 * square
    enough = coarsest * descent
    if within_reach(descent, target):
        enough = min(max(RULES.finest * descent, RULES.enough * target), enough)
    taken = 0
    while taken < most:
        taken += 1
        bent = product(direction)
        curvature = direction @ bent
        if not curvature > 0.0:
            break
        length = square / curvature
        solution += length * direction
        residual -= length * bent
        scaled = precondition(residual)
        before, square = square, residual @ scaled
        if not 0.5 * square > enough:
            break
        direction = scaled + square / before * direction
    return solution, taken
