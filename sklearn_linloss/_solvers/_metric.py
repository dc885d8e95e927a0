"""One metric of the features for all classes, to precondition steps.

The Hessian of the data part couples classes k and l by sum_i pi_i h_ikl z_i z_i^T, with
z_i the centred sample and h_i the Hessian of its loss in the scores. That is about c_kl
S, with c = sum_i pi_i h_i and S the covariance of the features, so that the Hessian is
about the Kronecker product of c and S: one eigendecomposition of S serves all steps
and strengths of a path.

If S is too large for that, or the penalty hides its small eigenvalues, only the leading
eigenvalues are computed, and the last of them stands for all that follow
(Z. Frangella, J. A. Tropp and M. Udell, "Randomized Nystrom preconditioning", SIAM
J. Matrix Analysis and Applications 2023, algorithm 2.1).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, solve_triangular


@dataclass(frozen=True)
class Rules:
    """Numbers of the metric; 0018 is a decision in docs/adr/."""

    most_features: int = 5000  # up to which all eigenvectors are computed (0018)
    sketched_from: int = 1000  # features, from which a sketch costs less than those
    rank: int = 200  # of the sketch (0018)
    columns: int = 25  # of the sketch that are multiplied with X at a time
    # Largest curvature beyond the sketch, over the ridge, for which the sketch will do.
    hidden: float = 10.0
    least_value: float = 1e-14  # of a sketch, over its largest
    flattest: float = 1e-12  # least eigenvalue of c, over its largest
    # L2 over the sum of the variances, below which eigenvalues need double precision.
    single_from: float = 2e-9


RULES = Rules()


class SharedMetric:
    """Approximate inverse of the Hessian.

    Parameters
    ----------
    values, vectors : ndarrays of shape (rank,) and (n_features, rank)
        Eigenvalues of S, ascending, and eigenvectors.
    rest : float, default=None
        What stands for all other eigenvalues, where there are any.
    """

    def __init__(self, values, vectors, rest=None):
        self._values, self._vectors = values.astype(np.float64), vectors
        self._rest = rest
        self._of_classes = self._inverses = self._of_intercepts = self._beyond = None

    @staticmethod
    def of(f, coupling, options):
        """The metric of an objective's data for a coupling of its classes.

        It is kept in the workspace. Raises OutOfTimeError at the end of the time.
        """
        metric = f.workspace.get("metric")
        if metric is None and f.n_features > RULES.sketched_from:
            metric = SharedMetric(*_sketch(f, options))
        possible = f.n_features <= RULES.most_features
        if metric is None or (possible and not metric._serves(f, coupling)):
            metric = SharedMetric(*_eigenvectors(f, options.clock))
        f.workspace["metric"] = metric
        return metric

    def _serves(self, f, coupling):
        """Whether it is precise enough for the present coupling and penalty."""
        if self._rest is None:
            return self._vectors.dtype in (_precision(f), np.float64)
        largest = np.linalg.norm(coupling, 2) * self._rest
        return largest <= RULES.hidden * f.penalty.convexity

    def adapt(self, coupling, ridge):
        """Take c, and the ridge of each feature: their mean stands for all."""
        values, self._of_classes = np.linalg.eigh(coupling)
        values = np.maximum(values, 0.0)
        ridge = ridge.mean()
        self._inverses = 1.0 / (np.multiply.outer(values, self._values) + ridge)
        if self._rest is not None:
            self._beyond = 1.0 / (values[:, None] * self._rest + ridge)
            self._inverses -= self._beyond
        bends = values > RULES.flattest * values.max()
        self._of_intercepts = np.zeros_like(values)
        self._of_intercepts[bends] = 1.0 / values[bends]

    def __call__(self, f, residual):
        """Approximately (H + ridge)^-1 residual."""
        solution = np.empty(f.size)
        Q, V = self._of_classes, self._vectors
        R = Q.T @ f.coefficients(residual)
        parts = R.astype(V.dtype) @ V
        parts *= self._inverses.astype(V.dtype)
        S = (parts @ V.T).astype(np.float64)
        if self._rest is not None:
            S += self._beyond * R
        f.coefficients(solution)[:] = Q @ S
        if f.fit_intercept:
            r = Q.T @ f.intercepts(residual)
            f.intercepts(solution)[:] = Q @ (self._of_intercepts * r)
        return solution


def _precision(f):
    """The precision in which eigenvalues as small as the ridge are not rounding."""
    weak = f.penalty.convexity < RULES.single_from * f.variance.sum()
    return np.dtype(np.float64) if weak else f.dtype


def _eigenvectors(f, clock):
    """All eigenvalues and eigenvectors of the covariance."""
    clock.check()
    covariance = f.covariance(_precision(f), clock.check)
    # NumPy's function releases the interpreter meanwhile. SciPy's default driver gave
    # pairs of equal eigenvectors in single precision (raw pixels, 3072 features).
    values, vectors = clock.patiently(np.linalg.eigh, covariance)
    return np.maximum(values, 0.0), vectors


def _sketch(f, options):
    """The leading eigenvalues and eigenvectors, from a product with random vectors, and
    what stands for the other eigenvalues.
    """
    rank = min(RULES.rank, f.n_features)
    rng = np.random.default_rng(options.seed)
    # Nearly orthonormal, as the features are many more than the rank.
    test = rng.standard_normal((f.n_features, rank)) / np.sqrt(f.n_features)
    image = np.empty_like(test)
    for start in range(0, rank, RULES.columns):
        options.clock.check()
        some = slice(start, start + RULES.columns)
        image[:, some] = f.covariance_times(test[:, some])
    shift = np.finfo(f.dtype).eps * np.linalg.norm(image)
    image += shift * test
    inner = test.T @ image
    try:
        root = np.linalg.cholesky(0.5 * (inner + inner.T))
        factor = solve_triangular(root, image.T, lower=True).T
    except LinAlgError:
        # Rounding left it indefinite: its square root on the positive part.
        values, mixing = np.linalg.eigh(0.5 * (inner + inner.T))
        positive = values > shift
        factor = image @ (mixing[:, positive] / np.sqrt(values[positive]))
    values, vectors = _singular(factor)
    rest = max(values[0] - shift, 0.0) if len(values) == rank else 0.0
    return np.maximum(values - shift, 0.0), vectors.astype(f.dtype), rest


def _singular(factor):
    """Squared singular values, ascending, and left singular vectors of a matrix of many
    rows: by products of its columns, which take a fifth of the time of a decomposition
    of all rows. Values below `RULES.least_value` of the largest are left out.
    """
    values, mixing = np.linalg.eigh(factor.T @ factor)
    known = values > RULES.least_value * values.max(initial=0.0)
    values, mixing = values[known], mixing[:, known]
    vectors = factor @ (mixing / np.sqrt(values))
    # Rounding has tilted those of small values.
    root = np.linalg.cholesky(vectors.T @ vectors)
    return values, solve_triangular(root, vectors.T, lower=True).T
