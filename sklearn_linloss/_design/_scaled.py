"""Columns of another design, multiplied by numbers."""

from functools import cached_property

import numpy as np
from scipy import sparse

from ._base import Design, readonly


class Scaled(Design):
    """X with scaled columns, whose products are those of X itself.

    Only solvers that visit single rows, or columns, have a scaled copy made.

    Parameters
    ----------
    design : Design
        X as it is.
    scale : ndarray of shape (n_features,)
        Positive numbers.
    """

    def __init__(self, design, scale):
        shape = design.n_samples, design.n_features
        super().__init__(shape, design.dtype, design.n_threads)
        self._design, self.scale = design, scale
        self.features_first = design.features_first
        self.counts_from_centre = design.counts_from_centre
        self.n_stored = design.n_stored

    def scores(self, W, b):
        return self._design.scores(self._scaled(W), b)

    def add_adjoint(self, gradient, total):
        of_design = np.zeros_like(total)
        self._design.add_adjoint(gradient, of_design)
        scale = self.scale[:, None] if self.features_first else self.scale
        total += scale * of_design

    def moments(self, weight):
        mean, variance = self._design.moments(weight)
        return self.scale * mean, self.scale**2 * variance

    def reads_once(self, n_rows):
        return self._design.reads_once(n_rows)

    def loss_gradient(self, loss, y, weight, W, b, dtype):
        value, total, b_total = self._design.loss_gradient(
            loss, y, weight, self._scaled(W), b, dtype
        )
        return value, self.scale * total, b_total

    def covariance(self, weight, centre, dtype, check):
        total = self._design.covariance(weight, centre / self.scale, dtype, check)
        return total * np.multiply.outer(self.scale, self.scale).astype(dtype)

    @property
    def has_few_products(self):
        return self._design.has_few_products

    def second_moments(self, weight, centre):
        scale = np.append(self.scale, 1.0)
        total = self._design.second_moments(weight, centre / self.scale)
        return total * np.multiply.outer(scale, scale)

    def second_moments_on(self, loss, y, weight, second, features, classes):
        ones = np.ones(second.shape[1])
        scale = np.append(self.scale[features], ones)
        total = self._design.second_moments_on(
            loss, y, weight, second, features, classes
        )
        return total * np.multiply.outer(scale, scale)

    def on_features(self, features):
        return Scaled(self._design.on_features(features), self.scale[features])

    def gram(self, rows, others, by_feature, centre=None):
        centre = None if centre is None else centre / self.scale
        return self._design.gram(rows, others, self.scale**2 * by_feature, centre)

    def rows(self, rows):
        X = self._design.rows(rows)
        return X @ sparse.diags(self.scale) if sparse.issparse(X) else X * self.scale

    def dense_rows(self, rows, dtype):
        return self._design.dense_rows(rows, dtype) * self.scale.astype(dtype)

    def dense_blocks(self, part=slice(None)):
        for rows, X in self._design.dense_blocks(part):
            yield rows, readonly(X * self.scale)

    def _scaled(self, W):
        return (W * self.scale).astype(W.dtype, copy=False)

    # -- by a copy -------------------------------------------------------------------

    @cached_property
    def _copy(self):
        return self._design.multiplied(self.scale)

    def descend(self, *args):
        return self._copy.descend(*args)

    def add_scores_of(self, *args):
        self._copy.add_scores_of(*args)

    def slopes_of(self, *args):
        return self._copy.slopes_of(*args)

    def squared_norms(self, centre, metric=None):
        return self._copy.squared_norms(centre, metric)

    def sgd_epoch(self, *args):
        self._copy.sgd_epoch(*args)

    def sgd_rows(self, *args):
        self._copy.sgd_rows(*args)

    def add_sizes(self, *args):
        self._copy.add_sizes(*args)

    def saga_epoch(self, *args):
        self._copy.saga_epoch(*args)

    def sdca_epoch(self, *args):
        return self._copy.sdca_epoch(*args)
