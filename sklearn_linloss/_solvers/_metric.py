"""One metric of the features for all classes, to precondition Newton's systems.

The Hessian's block of class k is sum_i pi_i h_ik z_i z_i^T, with z_i the centred sample
and h_ik the second derivative of the loss in its score. That is about c_k S, with c_k =
sum_i pi_i h_ik and S the covariance of the features: one eigendecomposition of S serves
all classes, steps and strengths of a path.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from . import _costs


@dataclass(frozen=True)
class Rules:
    """Numbers of the metric; 0017 is a decision in docs/adr/."""

    flattest: float = 1e-12  # least curvature of a class, over that of all
    # L2 over the sum of the variances, below which eigenvalues need double precision.
    single_from: float = 2e-9


RULES = Rules()


class SharedMetric:
    """Approximate inverses of the classes' blocks of the Hessian.

    Parameters
    ----------
    f : Objective
    """

    def __init__(self, f):
        centre = np.zeros(f.n_features) if f.mean is None else f.mean
        covariance = f.design.covariance(f.share, centre, _precision(f))
        values, self._vectors = eigh(
            covariance, lower=True, overwrite_a=True, check_finite=False
        )
        self._values = np.maximum(values, 0.0).astype(np.float64)
        self._curvature = self._inverses = None

    def serves(self, f):
        """Whether it is as precise as an objective of the same data asks."""
        return self._vectors.dtype in (_precision(f), np.float64)

    @staticmethod
    def cost(f):
        """Floating-point operations to make one."""
        return _costs.eigenvectors(f.n_samples, f.n_features)

    def at(self, f, second):
        """Take the curvatures of the classes from second derivatives; returns self."""
        curvature = f.loss.class_curvature(second, f.share).sum(axis=0)
        self._curvature = np.maximum(curvature, RULES.flattest * curvature.sum())
        return self

    def prepare(self, ridge):
        """Take the ridge of each feature; their mean stands for all."""
        blocks = np.multiply.outer(self._curvature, self._values) + ridge.mean()
        self._inverses = (1.0 / blocks).astype(self._vectors.dtype)

    def __call__(self, f, residual):
        """Approximately (H + ridge)^-1 residual."""
        solution = np.empty(f.size)
        R = f.coefficients(residual).astype(self._vectors.dtype) @ self._vectors
        R *= self._inverses
        f.coefficients(solution)[:] = R @ self._vectors.T
        if f.fit_intercept:
            f.intercepts(solution)[:] = f.intercepts(residual) / self._curvature
        return solution


def _precision(f):
    """In which eigenvalues as small as the ridge are told from rounding."""
    weak = f.penalty.convexity < RULES.single_from * f.variance.sum()
    return np.dtype(np.float64) if weak else f.dtype
