"""F of rows in arrays of another library: what has a number for each of them stays on
their device, in `Rows`, and each method is the local one in other operations.
"""

import numpy as np

from .._design import Design
from .._objective import Objective
from ._rows import Rows
from ._sgd import Samples, run_epoch


class ArrayObjective(Objective):
    """F for one data set in an array of another library.

    Parameters
    ----------
    design : Arrays
    y, sample_weight, **terms
        As `Objective` takes them.
    """

    def __init__(self, design, y, sample_weight, **terms):
        super().__init__(design, y, sample_weight, **terms)
        self._y = design.own(self.y)
        self._share = design.own(self.share)[:, None]
        # Class after class in memory, as scores are: sums over classes then add up
        # long rows.
        classes = design.own(np.arange(self.n_classes))
        self._true = (classes[:, None] == self._y[None, :]).T

    def on_host(self, scores):
        """The objective without features on the host, and scores for it."""
        local = Objective(
            Design((self.n_samples, 0), np.float64),
            self.y,
            self.share,
            loss=self.loss,
            penalty=self.penalty,
            n_classes=self.n_classes,
            fit_intercept=self.fit_intercept,
            dtype=np.float64,
            centre=False,
            total_weight=1.0,
        )
        return local, np.array(self.design.host(scores.array))

    # -- the linear map ---------------------------------------------------------------

    def scores(self, theta, dtype=None):
        return self._rows(super().scores(theta, dtype))

    def backward(self, gradient):
        flat = self._centring(gradient.sum(axis=0))
        self.design.add_adjoint(gradient.array, self.matrix(flat))
        return flat

    # -- the loss ---------------------------------------------------------------------

    def loss_value(self, scores, width=0.0):
        values, _ = self._terms(scores, width)
        return self._mean(values)

    def loss_gradient(self, scores, width=0.0, shift=None):
        scores = scores if shift is None else scores + shift
        values, a = self._terms(scores, width)
        return self._mean(values), self._pull(a)

    def loss_of_multiple(self, scores, t):
        value, pull = self.loss_gradient(t * scores)
        return value, np.vdot(pull, scores)

    def loss_on_line(self, scores, change):
        return self._on_line(scores, change)

    def loss_hessian(self, scores, direction, width=0.0):
        _, a = self._terms(scores, width)
        bent = self._ops.bent(a, self._true, self._both(direction), float(width))
        return self._rows(self._one(self._shared(bent)))

    # -- what certificates ask --------------------------------------------------------

    def dual_value(self, pull):
        return self._ops.dual_value(self._pairs(pull), self._share)

    def class_flows(self, pull):
        return self._by_true_class(self._pairs(pull))

    def leeway(self, pull):
        leeway = self.loss.leeway(self._pairs(pull) / self._share)
        return self._rows(self._one(self._balanced(leeway * self._share)))

    def leeway_flows(self, pull):
        return self.class_flows(self.leeway(pull))

    def use_leeway(self, pull, part):
        part = self._of_true_class(part)
        pairs = self._pairs(pull) + part * self._pairs(self.leeway(pull))
        pull.array = self._one(self._balanced(pairs))

    def adjust_flows(self, pull, factor, shift):
        xp, pairs = self.design.xp, self._pairs(pull)
        shift = xp.where(self._true, 0.0, self._of_true_class(shift))
        pairs = pairs * self._of_true_class(factor) + self._share * shift
        pull.array = self._one(self._balanced(pairs))
        a = pairs / self._share
        largest_sum = float(xp.max(xp.sum(a, axis=1)))
        size = self.loss.dual_size(float(xp.max(a)), largest_sum)
        return 1.0 / size if size > 0.0 else np.inf

    def within_domain(self, pull, other):
        xp, dual = self.design.xp, self._pairs(pull) / self._share
        size = self.loss.dual_size(xp.max(dual, axis=1), xp.sum(dual, axis=1))
        inside = (xp.min(dual, axis=1) >= 0.0) & (size <= 1.0)
        return self._rows(xp.where(inside[:, None], pull.array, other.array))

    def intercept_hessian(self, pull):
        return self.coupling(self.second(pull))

    # -- what second-order steps ask --------------------------------------------------

    def expand(self, scores):
        values, a = self._terms(scores)
        return self._mean(values), self._pull(a), self._rows(self._ops.second(a))

    def second(self, pull):
        return self._rows(self._ops.second(self._pairs(pull) / self._share))

    def total_curvature(self, second):
        return self._ops.total_curvature(second.array, self._share) or 1.0

    def zero_rows(self):
        return self._rows(self.design.xp.zeros_like(self._share))

    def multipliers(self, pull):
        return self._rows(self._pairs(pull) / self._share)

    def mean_of_largest(self, multipliers):
        return self._mean(self.design.xp.max(multipliers.array, axis=1))

    def augmented(self, scores, width, multipliers, pull, second):
        values, a = self._terms(scores, width, multipliers.array)
        pull.array = self._pull(a).array
        second.array = self._ops.second(a, float(width))
        return self._mean(values) - self._held(width, multipliers.array)

    def augmented_on_line(self, scores, change, width, multipliers):
        at = self._on_line(scores, change, float(width), multipliers.array)
        held = self._held(width, multipliers.array)

        def augmented(t):
            value, slope = at(t)
            return value - held, slope

        return augmented

    def covariance_times(self, vectors):
        W = np.ascontiguousarray(vectors.T, dtype=self.dtype)
        b = -(W @ self._centre).astype(self.dtype)
        image = self._rows(self.design.scores(W, b))
        image = self._rows(self._shared(image.array))
        total = np.zeros(W.shape)
        self.design.add_adjoint(image.array, total)
        return total.T - np.multiply.outer(self._centre, image.sum(axis=0))

    def coupling(self, second):
        entries = np.zeros((self.n_classes, self.n_classes))
        for k, j, weights in self._entries(second):
            entries[k, j] = entries[j, k] = float(self.design.xp.sum(weights))
        return entries[-self.n_rows :, -self.n_rows :]

    def hessian_blocks(self, second):
        places = list(self._entries(second))
        weights = [each[2] for each in places]
        moments = self.design.second_moments_by(weights, self._centre)
        size = self.n_features + 1
        blocks = np.zeros((self.n_classes, self.n_classes, size, size))
        for (k, j, _), block in zip(places, moments, strict=True):
            blocks[k, j] = blocks[j, k] = block
        return blocks[-self.n_rows :, -self.n_rows :]

    # -- passes over rows in an order -------------------------------------------------

    @property
    def relative_weight(self):
        return self._share[:, 0] * float(self.n_samples)

    def order(self, rng, shuffle):
        """The first order is drawn, as on the host. Those after it come from the last
        one, which is cut like a deck of cards, at a place that is drawn, and permuted
        as in the first: an order as a whole moves once.
        """
        xp, kept = self.design.xp, self.workspace
        if "order" not in kept:
            kept["order"] = first = self.design.own(super().order(rng, shuffle))
            kept["first_order"] = first
        elif shuffle:
            cut = xp.roll(kept["order"], int(rng.integers(self.n_samples)))
            kept["order"] = xp.take(cut, kept["first_order"], axis=0)
        return kept["order"]

    def slopes(self, scores, true):
        """Values of some samples and their gradients in the scores, in arrays."""
        arguments = self._ops.arguments(self._both(self._rows(scores)), true)
        values, a = self._ops.at(arguments)
        return values, self._one(self._ops.balanced(a, true))

    def sgd_epoch(self, centre, weight, pass_, state, past):
        samples = Samples(self.design, self._true, weight, pass_.squares)
        run_epoch(self, samples, centre, pass_, state)

    # -- private ----------------------------------------------------------------------

    @property
    def _ops(self):
        """The operations of the loss."""
        return self.loss.in_namespace(self.design.xp)

    def _terms(self, scores, width=0.0, *multipliers):
        """Values of the samples, and slopes for wrong classes."""
        scores, width = self._both(scores), float(width)
        arguments = self._ops.arguments(scores, self._true, width, *multipliers)
        return self._ops.at(arguments, width)

    def _on_line(self, scores, change, *width_and_multipliers):
        """sum_i pi_i of the values at scores + t * change, and the slope, as a function
        of t.

        What the true class has is subtracted once.
        """
        xp, ops, true = self.design.xp, self._ops, self._true
        start = ops.arguments(self._both(scores), true, *width_and_multipliers)
        relative = ops.relative(self._both(change), true)
        shared = self._shared(relative)

        def at(t):
            values, a = ops.at(start + float(t) * relative, *width_and_multipliers[:1])
            a *= shared
            return self._mean(values), float(xp.sum(a))

        return at

    def _held(self, width, multipliers):
        """The part of the augmented Lagrangian that multipliers have alone."""
        squares = self.design.xp.sum(multipliers * multipliers, axis=1)
        return 0.5 * float(width) * self._mean(squares)

    def _rows(self, array):
        return Rows(self.design, array)

    def _both(self, rows):
        """What has a column for each row of coefficients, for each class."""
        if self.n_rows > 1:
            return rows.array
        return self._stacked(self.design.xp.zeros_like(rows.array), rows.array)

    def _stacked(self, first, second):
        """Two columns, one after the other in memory."""
        return self.design.xp.concat([first.T, second.T], axis=0).T

    def _one(self, array):
        """The inverse."""
        return array[:, -self.n_rows :]

    def _pairs(self, pull):
        """What `pull` holds for wrong classes."""
        xp, array = self.design.xp, pull.array
        if self.n_rows == 1:
            array = self._stacked(-array, array)
        return xp.where(self._true, 0.0, array)

    def _balanced(self, pairs):
        return self._ops.balanced(pairs, self._true)

    def _pull(self, a):
        """pi_i times the gradient of L_i, from its slopes for wrong classes."""
        return self._rows(self._one(self._balanced(self._shared(a))))

    def _shared(self, array):
        """pi_i times each row, in its precision."""
        return array * self.design.xp.astype(self._share, array.dtype, copy=False)

    def _mean(self, values):
        """sum_i pi_i of values."""
        xp = self.design.xp
        values = xp.astype(values, xp.float64, copy=False)
        return float(xp.sum(self._share[:, 0] * values))

    def _of_true_class(self, matrix):
        """Its rows by the classes of the samples."""
        return self.design.xp.take(self.design.own(matrix.T), self._y, axis=1).T

    def _by_true_class(self, pairs):
        """Sums over the samples of each class, of shape (n_classes, n_classes)."""
        xp = self.design.xp
        of_class = xp.astype(self._true, xp.float64)
        sums = xp.matmul(of_class.T, xp.astype(pairs, xp.float64, copy=False))
        return self.design.host(sums)

    def _entries(self, second):
        """k, j and pi_i times the entry (k, j) of the Hessians of L_i, for k <= j."""
        first = self.n_classes - self.n_rows
        for k in range(first, self.n_classes):
            for j in range(k, self.n_classes):
                entry = self._ops.entry(second.array, self._true, k, j)
                yield k, j, self._share[:, 0] * entry
