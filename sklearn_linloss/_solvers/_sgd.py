"""Mini-batch stochastic gradient descent: Nesterov momentum, proximal L1."""

import numpy as np

from .. import _kernels
from .._objective import readonly
from ._common import SolverResult, batch_curvature, diverged, snapshot

_FIRST_CYCLE_EPOCHS = 20
_FIRST_CYCLE_UPDATES = 1000
_RETREAT = 0.25  # what is left of an automatic rate that made things worse
_RETREATS = 30
_ADAPTIVE_SHRINK = 0.2
_ADAPTIVE_LOWEST = 1e-6


def solve(objective, theta, certifier, options, progress):
    """Minimise by passes over shuffled mini-batches from `theta`."""
    f = objective
    rng = np.random.default_rng(options.seed)
    state = _State(f, theta, options)
    schedule = _SCHEDULES[options.learning_rate](f, state, options, rng)
    scores = f.scores(theta)
    value = f.loss_value(scores) + f.penalty_value(theta)
    progress.record(value)
    ceiling = max(value, f.value_at_zero)
    dual_average = 0.0
    converged = False
    while progress.n_iter < options.max_iter and not converged:
        epoch = progress.n_iter + 1
        order = rng.permutation(f.n_samples) if options.shuffle else state.natural_order
        rates = schedule.rates(epoch)
        before = snapshot(state, "_theta", "_velocity", "_mean")
        batch_losses = state.run_epoch(order, rates)
        theta = state.model()
        finite = np.isfinite(theta).all()
        if finite:
            scores = f.scores(theta)
            value, pull = f.loss_gradient(scores)
            value += f.penalty_value(theta)
        if not finite or not np.isfinite(value) or value > ceiling:
            if schedule.retreat():
                state = before.at_rest()
                continue
            if not finite or not np.isfinite(value):
                raise diverged("sgd", epoch, rates.max())
        progress.record(value)
        progress.batch_loss_curve.extend(batch_losses)
        if not f.loss.smooth:
            # Single subgradients certify nothing; late ones weigh more.
            dual_average = dual_average + 2.0 / (epoch + 1.0) * (pull - dual_average)
        converged = schedule.finished(epoch, progress)
    dual = None if f.loss.smooth else dual_average.astype(np.float64)
    certifier.certify(theta, dual)
    return SolverResult(theta, converged)


class _State:
    """Iterate, velocity and average, in the precision of X."""

    def __init__(self, f, theta, options):
        self._f = f
        self.batch_size = resolve_batch_size(options.batch_size, f.n_samples)
        self.natural_order = np.arange(f.n_samples)
        self.updates_per_epoch = -(-f.n_samples // self.batch_size)
        self._momentum = options.momentum
        # As in scikit-learn, `average` counts samples until the averaging starts.
        self._average_from = (
            np.inf
            if options.average is False
            else max(-(-int(options.average) // self.batch_size), 1)
        )
        self._updates = 0
        self._reach = 0.0
        self.intercept_scale = 1.0
        self._theta = theta.astype(f.dtype)
        self._velocity = np.zeros_like(self._theta)
        self._mean = self._theta.copy()
        # Relative weights: their mean over the training set is one.
        self._weight = f.weight * f.n_samples
        zeros = np.zeros(f.n_features)
        self._centre = (f.mean if f.mean is not None else zeros).astype(f.dtype)

    def at_rest(self):
        """This state, without velocity."""
        self._velocity[:] = 0.0
        self._reach = 0.0
        return self

    def model(self):
        """The model that `fit` would return now."""
        averaged = self._updates >= self._average_from
        return (self._mean if averaged else self._theta).astype(np.float64)

    def run_epoch(self, order, rates):
        """One pass; returns the objective as estimated by each batch."""
        f = self._f
        updates = self._updates + np.arange(1, len(rates) + 1)
        # A running mean of the iterates since averaging began; until then a copy.
        blends = np.zeros(len(rates))
        if np.isfinite(self._average_from):
            blends = 1.0 / np.maximum(updates - self._average_from + 1.0, 1.0)
        self._updates += len(rates)
        # The way of a constant gradient of one, by the recursion of the velocity.
        reaches = np.empty(len(rates))
        for t, rate in enumerate(rates):
            self._reach = self._momentum * self._reach + rate
            reaches[t] = self._momentum * self._reach + rate
        batch_losses = np.empty(len(rates))
        common = (
            f.y,
            self._weight,
            f.delta,
            order,
            self.batch_size,
            rates,
            reaches,
            blends,
            self.intercept_scale,
            self._momentum,
            f.penalty.l1,
            f.penalty.l2,
            *(self._matrix(v) for v in (self._theta, self._velocity, self._mean)),
            *(self._row(v) for v in (self._theta, self._velocity, self._mean)),
            batch_losses,
        )
        if f.is_sparse:
            _kernels.sgd_epoch_csr(f.loss.code, *f.csr, *common)
        else:
            _kernels.sgd_epoch_dense(f.loss.code, readonly(f.X), self._centre, *common)
        return batch_losses

    def _matrix(self, theta):
        return self._f.weights(theta).reshape(self._f.matrix_shape)

    def _row(self, theta):
        return self._f.intercepts(theta).reshape(-1, self._f.n_rows)


def resolve_batch_size(batch_size, n_samples):
    """`batch_size` as a number: "auto" is 64, or a twentieth of a small data set."""
    if batch_size == "auto":
        return int(np.clip(n_samples // 20, 1, 64))
    return min(batch_size, n_samples)


# -- schedules of the learning rate --------------------------------------------------


class _Constant:
    """eta0 throughout; a plateau ends the fit."""

    def __init__(self, f, state, options, rng):
        self._options = options
        self._updates = state.updates_per_epoch
        self._rate = options.eta0

    def rates(self, epoch):
        """The rate of each update of an epoch."""
        return np.full(self._updates, self._rate)

    def retreat(self):
        """Lower the rate after an epoch that went wrong, if that is ours to do."""
        return False

    def finished(self, epoch, progress):
        """Whether to stop after this epoch."""
        return progress.plateaued(self._options.tol)


class _InverseScaling(_Constant):
    """eta0 / t^power_t in update t."""

    def rates(self, epoch):
        t = (epoch - 1) * self._updates + np.arange(1, self._updates + 1)
        return self._rate / t**self._options.power_t


class _Adaptive(_Constant):
    """eta0, divided by five at each plateau until it is negligible."""

    def __init__(self, f, state, options, rng):
        super().__init__(f, state, options, rng)
        self._since = 0

    def finished(self, epoch, progress):
        since_change = epoch - self._since
        if since_change < self._options.n_iter_no_change:
            return False
        if not progress.plateaued(self._options.tol):
            return False
        self._rate *= _ADAPTIVE_SHRINK
        self._since = epoch
        return self._rate < _ADAPTIVE_LOWEST


class _Automatic(_Constant):
    """1 / (curvature of a batch's objective), falling linearly to zero in cycles.

    A cycle ends in the optimum's neighbourhood, the closer the longer it was. The next
    one is twice as long, and the fit ends when it brought no progress. A rate that
    leaves the model worse than the start is cut and the epoch repeated.
    """

    def __init__(self, f, state, options, rng):
        super().__init__(f, state, options, rng)
        width = f.delta  # the hinge bends over about a margin
        L, state.intercept_scale = batch_curvature(f, state.batch_size, width, rng)
        self._rate = 1.0 / L
        epochs = max(
            _FIRST_CYCLE_EPOCHS,
            -(-_FIRST_CYCLE_UPDATES // state.updates_per_epoch),
            options.n_iter_no_change,
        )
        self._start, self._length = 0, self._fit_cycle(0, epochs)
        self._last = np.inf
        self._retreats = 0

    def rates(self, epoch):
        done = (epoch - 1 - self._start) * self._updates + np.arange(self._updates)
        return self._rate * (1.0 - done / (self._length * self._updates))

    def retreat(self):
        self._retreats += 1
        self._rate *= _RETREAT
        return self._retreats <= _RETREATS

    def finished(self, epoch, progress):
        if epoch < self._start + self._length:
            return False
        value = progress.loss_curve[-1]
        scale = max(value, 1e-10 * progress.loss_curve[0])
        if self._options.tol > 0.0 and self._last - value <= self._options.tol * scale:
            return True
        self._last = value
        self._start = epoch
        self._length = self._fit_cycle(epoch, 2 * self._length)
        return False

    def _fit_cycle(self, start, length):
        """The cycle's length, so that no rest too short for a cycle remains."""
        rest = self._options.max_iter - start
        return rest if rest < 3 * length else length


_SCHEDULES = {
    "auto": _Automatic,
    "constant": _Constant,
    "invscaling": _InverseScaling,
    "adaptive": _Adaptive,
}
