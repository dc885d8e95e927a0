"""Objectives for tests of what stands between data and solvers."""

import numpy as np

from sklearn_linloss import losses
from sklearn_linloss._design import design_of
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet


def make_objective(
    X, y, loss, alpha=0.1, l1_ratio=0.0, delta=1.0, weight=None, **options
):
    """F for an ndarray or a CSR, and a loss by its name."""
    options = {"fit_intercept": True, "dtype": X.dtype} | options
    return Objective(
        design_of(X, options.pop("n_threads", 1)),
        y.astype(np.intp),
        np.ones(len(y)) if weight is None else weight,
        loss=getattr(losses, loss).at_margin(delta),
        penalty=ElasticNet(alpha, l1_ratio),
        n_classes=int(y.max()) + 1,
        **options,
    )
