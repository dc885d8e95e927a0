"""Newton's systems for the softmax by conjugate gradients, without their matrix.

The blocks of single classes on its diagonal serve as preconditioner: sample by sample,
what couples the classes has rank one (J. Nocedal and S. J. Wright, "Numerical
optimization", 2006, sections 5.1 and 7.1).
"""

import numpy as np

_MOST_ROWS = 4.0  # a feature, for a block
# What may be left of a step's descent: of it, and of the target.
_FINEST, _COARSEST, _ENOUGH = 1e-3, 1e-2, 0.1
_REACH = 1000.0  # targets
_MOST_STEPS = 500
_FLATTEST = 1e-12  # intercept, of the curvature of all


class Preconditioner:
    """Inverses of the classes' blocks of the Hessian.

    Parameters
    ----------
    f : LinearObjective
    second : ndarray of shape (n_samples, n_rows)
        Probabilities, or for the one-row form the second derivatives.
    """

    def __init__(self, f, second):
        curvature = _class_curvature(f, second)
        centre = np.zeros(f.n_features) if f.mean is None else f.mean
        centre = centre.astype(f.dtype)
        d, most = f.n_features, _most_rows(f)
        self._blocks = np.empty((f.n_rows, d, d), f.dtype)
        for k, weights in enumerate(curvature.T):
            rows, scale = slice(None), 1.0
            if f.n_samples > most:
                # The rows that bend most stand for all of them.
                rows = np.sort(np.argpartition(-weights, most)[:most])
                total = weights[rows].sum()
                scale = weights.sum() / total if total > 0.0 else 0.0
            X = f.X[rows]
            X = (X.toarray() if f.is_sparse else X).astype(f.dtype, copy=False) - centre
            X *= np.sqrt(scale * weights[rows])[:, None].astype(f.dtype)
            self._blocks[k] = X.T @ X
        bend = curvature.sum(axis=0)
        self._intercepts = np.maximum(bend, _FLATTEST * bend.sum())
        self._inverses = np.empty_like(self._blocks)
        self._ridge = None
        self._applications = 0

    @staticmethod
    def cost(f):
        """Floating-point operations to make one."""
        d = f.n_features
        return 2.0 * f.n_rows * d**2 * (_most_rows(f) + d)

    def is_worn(self, f):
        """Whether its use has cost more than a new one would."""
        return self._applications * 4.0 * f.n_samples * f.size > self.cost(f)

    def prepare(self, ridge):
        """Take the ridge of each feature."""
        if self._ridge is not None and np.array_equal(ridge, self._ridge):
            return
        self._ridge = ridge
        for block, inverse in zip(self._blocks, self._inverses, strict=True):
            inverse[:] = np.linalg.inv(block.astype(np.float64) + np.diag(ridge))

    def __call__(self, f, residual):
        """Approximately (H + ridge)^-1 residual."""
        self._applications += 1
        solution = np.empty(f.size)
        R = f.weights(residual).reshape(f.matrix_shape)
        R = (R.T if f.is_sparse else R).astype(f.dtype)
        S = np.matmul(self._inverses, R[:, :, None])[:, :, 0]
        f.weights(solution).reshape(f.matrix_shape)[:] = S.T if f.is_sparse else S
        if f.fit_intercept:
            f.intercepts(solution)[:] = f.intercepts(residual) / self._intercepts
        return solution


def _most_rows(f):
    return int(min(f.n_samples, _MOST_ROWS * f.n_features))


def within_reach(descent, target):
    """Whether after a step that descends so far less than `target` may be left."""
    return descent <= _REACH * target


def solve_by_conjugate_gradients(f, second, ridge, right, *, preconditioner, target):
    """(H + diag(ridge))^-1 right, so well that the step may reach `target`."""
    preconditioner.prepare(f.feature_values(f.weights(ridge)))
    solution = np.zeros(f.size)
    residual = right.copy()
    scaled = preconditioner(f, residual)
    direction = scaled
    product = residual @ scaled
    # In the norm of the preconditioner, half the squared residual is what is left.
    descent = 0.5 * product
    enough = _COARSEST * descent
    if within_reach(descent, target):
        enough = min(max(_FINEST * descent, _ENOUGH * target), enough)
    bend = _Bend(f, second)
    for _ in range(_MOST_STEPS):
        bent = f.backward(bend(f.scores(direction))) + ridge * direction
        curvature = direction @ bent
        if not curvature > 0.0:
            break
        length = product / curvature
        solution += length * direction
        residual -= length * bent
        scaled = preconditioner(f, residual)
        before, product = product, residual @ scaled
        if not 0.5 * product > enough:
            break
        direction = scaled + product / before * direction
    return solution


class _Bend:
    """The map by pi_i (Hessian of L_i), in the precision of the products with X."""

    def __init__(self, f, second):
        self._second = second.astype(f.dtype)
        self._weighted = self._second
        if f.n_rows > 1:
            self._weighted = (f.weight[:, None] * second).astype(f.dtype)

    def __call__(self, change):
        """Of changes of the scores, shape (n_samples, n_rows), in place."""
        if change.shape[1] > 1:
            change -= np.einsum("ik,ik->i", self._second, change)[:, None]
        change *= self._weighted
        return change


def _class_curvature(f, second):
    """The diagonal of pi_i (Hessian of L_i), shape (n_samples, n_rows)."""
    if f.n_rows == 1:
        return second
    return f.weight[:, None] * second * (1.0 - second)
