"""The objective of rows that lie on workers: sums over their blocks.

The driver has the model, the penalty and what belongs to a feature. What has a number
for each row is a `Rows`, and each method that reads rows is that of the local objective
on each block.
"""

import numpy as np

from .._design import Design
from .._objective import Objective, curvature_of
from ._rows import Rows


def nothing():
    """A check that finds nothing."""


def _at_precision(objective, dtype, function, *args):
    """What a function gives of the objective with products in a precision."""
    return function(objective.with_precision(dtype), *args)


class Summary(Design):
    """What the driver knows of X: its shape and kind, and no row.

    Parameters
    ----------
    shape, dtype
        As a design has them.
    n_stored : int
        Numbers that a pass over the rows reads.
    is_csr : bool
    """

    def __init__(self, shape, dtype, n_stored, is_csr):
        super().__init__(shape, dtype)
        self.n_stored = n_stored
        self.in_parts = True
        self.features_first = is_csr
        self.counts_from_centre = not is_csr


class DistributedObjective(Objective):
    """F of the rows of `parts`, for solvers that ask for sums only.

    Parameters
    ----------
    parts : Parts
        Prepared for it.
    design : Summary
    moments : tuple of ndarrays
        Mean and variance of each feature.
    **terms
        As `Objective` takes them.
    """

    def __init__(self, parts, design, moments, **terms):
        self._on_workers = parts
        self._moments = moments
        self._take_terms(design, columns=None, **terms)

    def with_terms(self, loss, penalty):
        if vars(loss) != vars(self.loss):
            raise NotImplementedError("Shards keep the loss that they were told.")
        return super().with_terms(loss, penalty)

    @property
    def foresee(self):
        parts = self._on_workers
        few = parts.has_few(self.n_samples * self.n_rows)
        return parts.rehearse if few else None

    # -- the linear map ---------------------------------------------------------------

    def scores(self, theta, dtype=None):
        dtype = self._or_own(dtype)
        if not theta.any():
            # A fit that begins there reads no rows for it.
            return self.zero_rows().astype(dtype)
        return self._rows("scores", theta, dtype)

    def backward(self, gradient):
        return self._ask("backward", gradient)

    def data_gradient(self, theta, dtype=None):
        return self._ask("data_gradient", theta, self._or_own(dtype))

    # -- the loss ---------------------------------------------------------------------

    def loss_value(self, scores, width=0.0):
        self._maybe("loss_of_multiple", scores, 1.0)
        return self._ask("loss_value", scores, width)

    def loss_gradient(self, scores, width=0.0, shift=None):
        parts = self._on_workers
        scores = scores if shift is None else scores + shift
        pull = Rows(parts, "loss_gradient", scores, width, place=1)
        place = parts.want("loss_gradient", scores, width, keep=pull.keep)
        if self.fit_intercept:
            # For the intercept of a certificate, and for its bound.
            self._maybe("numpy.sum", pull, 0)
            if self.loss.smooth:
                self._maybe("intercept_hessian", pull)
            self._maybe("class_flows", pull)
        return parts.answers()[place], pull

    def loss_of_multiple(self, scores, t):
        return self._ask("loss_of_multiple", scores, t)

    def loss_along(self, scores, change, t):
        return self._ask("loss_along", scores, change, t)

    def loss_hessian(self, scores, direction, width=0.0):
        return self._rows("loss_hessian", scores, direction, width)

    # -- what certificates ask --------------------------------------------------------

    def dual_value(self, pull):
        function = self._rows("dual_value", pull)
        return lambda scale: self._ask("operator.call", function, scale)

    def class_flows(self, pull):
        return self._ask("class_flows", pull)

    def leeway_flows(self, pull):
        self._maybe("class_flows", pull)
        return self._ask("leeway_flows", pull)

    def use_leeway(self, pull, part):
        self._on_workers.tell("use_leeway", pull, part)
        pull.changed()

    def adjust_flows(self, pull, factor, shift):
        parts, args = self._on_workers, (pull, factor, shift)
        place = parts.want("adjust_flows", *args, reduce="min")
        pull.changed()
        self._maybe("backward", pull.astype(np.float64, copy=False))
        self._maybe("operator.call", self._rows("dual_value", pull), 1.0)
        return parts.answers()[place]

    def within_domain(self, pull, other):
        return self._rows("within_domain", pull, other)

    def intercept_hessian(self, pull):
        return self._ask("intercept_hessian", pull)

    def class_mass(self):
        if "class_mass" not in self.workspace:
            self.workspace["class_mass"] = self._ask("class_mass")
        return self.workspace["class_mass"]

    # -- what second-order steps ask --------------------------------------------------

    def expand(self, scores):
        parts = self._on_workers
        pull, second = (Rows(parts, "expand", scores, place=place) for place in (1, 2))
        place = parts.want("expand", scores, keep={**pull.keep, **second.keep})
        parts.foresee("backward", pull.astype(self.dtype, copy=False))
        self._maybe("sum_of", _at_precision, self.dtype, curvature_of, second)
        return parts.answers()[place], pull, second

    def second(self, pull):
        return self._rows("second", pull)

    def sum_of(self, function, *args):
        return self._ask("sum_of", _at_precision, self.dtype, function, *args)

    def zero_rows(self):
        rows = self._rows("zero_rows")
        rows.changed()
        return rows

    def multipliers(self, pull):
        return self._rows("multipliers", pull)

    def mean_of_largest(self, multipliers):
        return self._ask("mean_of_largest", multipliers)

    def augmented(self, scores, width, multipliers, pull, second):
        parts = self._on_workers
        place = parts.want("augmented", scores, width, multipliers, pull, second)
        pull.changed()
        second.changed()
        parts.foresee("backward", pull.astype(self.dtype, copy=False))
        self._maybe("sum_of", _at_precision, self.dtype, curvature_of, second)
        if not self.loss.smooth:
            # What the estimate of the gap is made of.
            parts.foresee("loss_value", scores, 0.0)
            parts.foresee("operator.call", self._rows("dual_value", pull), 1.0)
            parts.foresee("numpy.vdot", pull, scores)
        return parts.answers()[place]

    def augmented_along(self, scores, change, t, width, multipliers):
        return self._ask("augmented_along", scores, change, t, width, multipliers)

    def covariance(self, dtype, check):
        return self._ask("covariance", np.dtype(dtype), nothing)

    def covariance_times(self, vectors):
        return self._ask("covariance_times", vectors)

    def coupling(self, second):
        return self._ask("coupling", second)

    # -- passes over rows in an order -------------------------------------------------

    def stream(self, before, options):
        """A pass of SGD over all blocks, as `Shard.stream` makes one over one."""
        automatic = options.learning_rate == "auto"
        terms = {
            "loss": self.loss,
            "penalty": self.penalty,
            "n_classes": self.n_classes,
            "fit_intercept": self.fit_intercept,
            "dtype": self.dtype,
            "centre": automatic and self.design.counts_from_centre,
        }
        return self._on_workers.on_each_block("stream", before, terms, options)

    # -- private ----------------------------------------------------------------------

    def _or_own(self, dtype):
        return self.dtype if dtype is None else np.dtype(dtype)

    def _ask(self, name, *args, keep=None):
        """The sum over all blocks."""
        return self._on_workers.ask(name, *args, keep=keep)

    def _maybe(self, name, *args):
        """Foresee what may be asked for next, where that costs less than a round."""
        if self.foresee is not None:
            self._on_workers.foresee(name, *args)

    def _rows(self, name, *args):
        """What is kept on the workers."""
        return Rows.made(self._on_workers, name, *args)
