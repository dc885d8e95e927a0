"""Passes over X: a product with it or its adjoint is one, an epoch of a solver that
takes rows in turn two, the products that a matrix is made of one.
"""

from sklearn_linloss._design.csr import Csr
from sklearn_linloss._design.dense import Dense

COUNTED = {
    "scores": 1,
    "add_adjoint": 1,
    "loss_gradient": 2,
    "dense_blocks": 1,
    "covariance": 1,
    "gram": 1,
    "sdca_epoch": 2,
    "saga_epoch": 2,
    "sgd_epoch": 2,
}


class Passes:
    """Counts passes over X by wrapping what makes them."""

    def __init__(self):
        self.count = 0
        for design in (Dense, Csr):
            for name, passes in COUNTED.items():
                setattr(design, name, self._counted(getattr(design, name), passes))

    def _counted(self, function, passes):
        def wrapped(*args, **kwargs):
            self.count += passes
            return function(*args, **kwargs)

        return wrapped
