"""What mini-batch SGD carries from one pass to the next; without compiled code.

A model in mid-stream holds these objects, and unpickling it must not compile.
"""

from dataclasses import dataclass

import numpy as np

from ._common import curvature_scales, leading_directions, snapshot


@dataclass(frozen=True)
class Rules:
    """How learning rates rise and fall; 0007 is a decision in docs/adr/."""

    # -- learning_rate="auto" ----------------------------------------------------------
    # The first cycle has at least so many epochs, and at least so many updates (0007).
    first_cycle_epochs: int = 20
    first_cycle_updates: int = 1000
    start: float = 0.25  # first rate, over the one safe for a typical batch (0007)
    # After the first epoch the rate falls from so many times that one, with this power
    # of what is left of the cycle (0052).
    later: float = 4.0
    power: float = 2.0
    # After an epoch that lowered the objective by at least the part `fall` of the
    # lowest one so far, the rate is multiplied by `growth`, in the first `growth_until`
    # of a cycle (0007, 0028).
    growth: float = 1.3
    fall: float = 1e-3
    growth_until: float = 0.6
    # An epoch is taken back if it ends above the lowest objective so far by more than
    # two terms together: `rise` times that objective times the part of the cycle that
    # is left, and `rise_at_start` times the objective at the start (0007).
    rise: float = 0.7
    rise_at_start: float = 1e-3
    # Then `retreat` of the rate is left, and `caution` of how far `growth` is above
    # one. After so many `retreats` no epoch is taken back any more (0007).
    retreat: float = 0.7
    caution: float = 0.9
    retreats: int = 30
    # After so many epochs without a new lowest objective, too, `retreat` of the rate is
    # left (0028).
    patience: int = 4
    # A row may overstep the zero of its own loss so many times, carried on by momentum
    # (0028), and more often by this power of the rate's growth (0059).
    overshoot: float = 2.5
    loosening: float = 0.5
    # Squared lengths of rows count as at most so many times their median (0028).
    far: float = 16.0
    # Features whose variance is above this part of the largest one have equal steps;
    # the others have longer ones (0028).
    alike: float = 0.1
    # So many times the curvature of the penalty over that of the loss is added to each
    # variance, which bounds the steps of features that hardly vary (0028).
    floor: float = 10.0
    row_rate: float = 2.0  # first rate of rows of a CSR, in units of scores (0040)
    # -- the same in a stream ----------------------------------------------------------
    # First rows whose mean squared length is below this part of that of later rows say
    # nothing of the scale of the features.
    says_nothing: float = 1e-6
    half_life: int = 1200  # full batches until the rate has fallen by sqrt 2
    # A sample of the rows is kept, of so many rows and so many numbers at most (0032).
    kept_rows: int = 512
    kept_entries: int = 1 << 22
    # Where the median squared length of later rows is so many times that of the first
    # rows (of at most `first_rows`), the first rows were of another scale (0032).
    other_scale: float = 9.0
    first_rows: int = 2048
    unknown_length: int = np.iinfo(np.int64).max  # samples of a stream
    # -- learning_rate="adaptive" ------------------------------------------------------
    adaptive_shrink: float = 0.2  # of the rate, at a plateau
    adaptive_lowest: float = 1e-6  # rate that ends the fit


RULES = Rules()


class State:
    """Iterate, velocity and average, in the precision of X.

    Attributes
    ----------
    theta, velocity, mean : ndarray
        In the layout of the objective.
    centre : ndarray of shape (n_features,)
        The point that is subtracted from each row before `theta` is applied.
    metric : ndarray of shape (n_features,)
        The factor by which the steps of each feature are longer.
    basis, damping : ndarrays of shapes (k, n_features) and (k,)
        Gradients lose the part `damping` of their components along `basis`, whose
        rows are orthonormal in the metric.
    bounds_rows : bool
        Whether the length of a row bounds its step.
    intercept_scale : float
        The factor by which the steps of the intercepts are longer than those of the
        weights.
    response : ndarray of one number
        The velocity that a constant slope of one would have by now.
    updates : int
        The updates so far.
    part, passed : float
        The size of the present batches over that of a full one, and how many full
        batches all of them have made so far.
    """

    def __init__(self, f, theta, options, n_samples):
        self.updates = 0
        self.part, self.passed = 1.0, 0.0
        self._unaveraged = None
        self.is_stream = n_samples == RULES.unknown_length
        self.follow(options, n_samples)
        self.response = np.zeros(1)
        self.intercept_scale = 1.0
        self.theta = theta.astype(f.dtype)
        self.velocity = np.zeros_like(self.theta)
        self.mean = self.theta.copy()
        self.centre = _centre(f)
        self.bounds_rows = False
        self.metric = np.ones(f.n_features, f.dtype)
        self.basis = np.empty((0, f.n_features), f.dtype)
        self.damping = np.empty(0, f.dtype)
        self.features = self.totals = None

    def begin_past(self, f):
        """Begin the record of features that the steps by rows (`ByRow`) need."""
        self.features = np.zeros((f.n_features + 1, 4))
        self.totals = np.zeros(4)
        f.design.add_sizes(self.features, self.totals)

    def follow(self, options, n_samples):
        """Take the batch size, the momentum and the averaging of some options.

        An averaging that was not there before starts with the next update.
        """
        self.batch_size = resolve_batch_size(options.batch_size, n_samples)
        self._momentum = options.momentum
        unaveraged = _unaveraged_samples(options.average)
        if unaveraged != self._unaveraged:
            self._unaveraged = unaveraged
            first = np.ceil(unaveraged / self.batch_size)
            self._average_from = max(first, self.updates + 1.0)

    def frozen(self):
        """A copy of this state as it is now."""
        names = ["theta", "velocity", "mean", "response"]
        if self.features is not None:
            names += ["features", "totals"]
        return snapshot(self, *names)

    def at_rest(self):
        """This state, without velocity."""
        self.velocity[:] = 0.0
        self.response[:] = 0.0
        return self

    def take_part(self, part):
        """Make batches that part of a full one, and scale the velocity with them."""
        self.slow_down(part / self.part)
        self.part = part

    def slow_down(self, factor):
        """Multiply the velocity by a factor."""
        self.velocity *= self.velocity.dtype.type(factor)
        self.response *= factor

    def count_from(self, f, before):
        """Express the same model from the centre of `f` instead of that of `before`."""
        for name in ("theta", "velocity", "mean"):
            moved = f.pack(*before.unpack(getattr(self, name)))
            setattr(self, name, moved.astype(f.dtype))
        self.centre = _centre(f)

    @property
    def momentum(self):
        """What is left of a velocity after one batch."""
        return self._momentum**self.part

    def step(self, rate):
        """The rate of the present batches, given the rate of full ones.

        With it, the parts of a full batch together go as far as the full one would, and
        velocity fades as fast by samples: how a stream is cut does not matter.
        """
        return rate * self.part * (1.0 - self.momentum) / (1.0 - self._momentum)

    def model(self):
        """The model that a fit would return now."""
        averaged = self.updates >= self._average_from
        return (self.mean if averaged else self.theta).astype(np.float64)

    def squares(self, f):
        """The squared lengths of the rows of `f` in the metric, where they bound steps;
        else none.
        """
        if not self.bounds_rows:
            return np.empty(0)
        if "sgd_squares" not in f.workspace:
            squares = f.design.squared_norms(self.centre, self.metric)
            f.workspace["sgd_squares"] = squares
        return f.workspace["sgd_squares"]

    def blends(self, n_updates):
        """How far the mean of the iterates moves in each of the next updates."""
        if np.isinf(self._average_from):
            return np.zeros(n_updates)
        updates = self.updates + np.arange(1, n_updates + 1)
        # Until the averaging begins, a copy.
        return 1.0 / np.maximum(updates - self._average_from + 1.0, 1.0)

    def updates_in(self, n_samples):
        """Updates in a pass over so many samples."""
        return -(-n_samples // self.batch_size)

    def cuts(self, n_samples, evenly):
        """Where the batches of a pass begin, and the last one ends.

        All are as large, or the last one is smaller and its rows weigh more (0052).
        """
        batches = np.arange(self.updates_in(n_samples) + 1)
        if evenly:
            return batches * n_samples // batches[-1]
        return np.minimum(batches * self.batch_size, n_samples)


def _centre(f):
    """What the features of a model count from, in the precision of X."""
    return (f.mean if f.mean is not None else np.zeros(f.n_features)).astype(f.dtype)


def resolve_batch_size(batch_size, n_samples):
    """`batch_size` as a number: "auto" is 64, or a twentieth of a small data set."""
    if batch_size == "auto":
        return int(np.clip(n_samples // 20, 1, 64))
    return min(batch_size, n_samples)


def _unaveraged_samples(average):
    """How many samples to see before the averaging; as in scikit-learn an int."""
    if isinstance(average, bool | np.bool_):
        return 0 if average else np.inf
    return average


# -- schedules of the learning rate --------------------------------------------------


class Constant:
    """eta0 throughout; a plateau ends the fit.

    Attributes
    ----------
    cycle : tuple of int, or None
        The epochs before and at the end of the present cycle, if the rate has cycles.
    measures : bool
        Whether the rate is taken from the data.
    """

    cycle = None
    measures = False

    def __init__(self, f, state, options, rng):
        self._options = options
        self._rate = options.eta0

    def rates(self, updates, epoch):
        """The rate of each of some updates, by number from 1, in an epoch."""
        return np.full(len(updates), self._rate)

    def stream_rates(self, f, updates):
        """The rates in a stream, of which nobody knows the end."""
        return self.rates(updates, None)

    def row_reaches(self, rates, momentum):
        """The steps in which no row may pass the zero of its own loss."""
        return rates

    def follow(self, f, state, options):
        """Take the options and the objective of the next chunk of a stream."""
        self._options = options
        self._rate = options.eta0

    def accepts(self, value, progress):
        """Whether an epoch that ends at this objective stays; False to repeat it."""
        return True

    def finished(self, epoch, progress):
        """Whether to stop after this epoch."""
        return progress.plateaued(self._options.tol)


class InverseScaling(Constant):
    """eta0 / t^power_t in update t."""

    def rates(self, updates, epoch):
        return self._rate / updates**self._options.power_t


class Adaptive(Constant):
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
        self._rate *= RULES.adaptive_shrink
        self._since = epoch
        return self._rate < RULES.adaptive_lowest


class Automatic(Constant):
    """From the curvature of a batch's objective, falling to zero in cycles.

    A longer cycle ends nearer to the optimum, so each is twice as long as the last. The
    fit ends with a cycle that lowered the objective, on the average over
    `n_iter_no_change` epochs, by less than `tol` times itself.

    The curvature is a bound, so that a larger rate may do. From the second epoch on the
    rate begins longer and falls with the square of what is left of the cycle, so that a
    cycle has long steps, and many short ones that end in little noise. It grows while
    the objective falls. An epoch that raised it too much is taken back and repeated at
    a lower rate, and the rate falls after some epochs without a new lowest objective. A
    row far longer than the others does not lower the rate of all: its length bounds its
    own step only.

    Dense features have steps in inverse proportion to their variances. If they vary
    much more in a few directions than in the others, those alone would decide the rate.
    Gradients are therefore damped there, which leaves the optimum where it is. There is
    no damping with L1, whose proximal step needs a diagonal metric, nor for CSR, whose
    steps are sparse.
    """

    measures = True

    def __init__(self, f, state, options, rng):
        super().__init__(f, state, options, rng)
        self.measure(f, state, rng)
        self._rate = self._first_rate = self._safe_rate(f)
        self._growth = RULES.growth
        n_updates = state.updates_in(f.n_samples)
        epochs = max(
            RULES.first_cycle_epochs,
            -(-RULES.first_cycle_updates // n_updates),
            options.n_iter_no_change,
        )
        self._start, self._length = 0, self._fit_cycle(0, epochs)
        self._last = self._lowest = np.inf
        self._retreats = self._idle = 0

    def measure(self, f, state, rng):
        """Take the curvatures from the rows of `f`, and what to damp."""
        state.bounds_rows = True
        metric, basis, damping = None, state.basis, state.damping
        if f.design.counts_from_centre:
            metric = np.ones(f.n_features)
            if not state.is_stream:
                metric = _metric_of_features(f)
            if f.penalty.is_smooth:
                basis, damping = leading_directions(f, rng, metric)
            state.metric = metric.astype(f.dtype)
            state.basis = (basis / np.sqrt(metric)).astype(f.dtype)
            state.damping = damping.astype(f.dtype)
        whole, row = curvature_scales(f, rng, basis, damping, metric)
        near = _near_part(f.design.host(state.squares(f)))
        self._whole, self._row = near * whole, near * row
        self._steepest_penalty = float(state.metric.max())
        state.intercept_scale = self._whole
        self._batch_size = state.batch_size
        lengths = f.design.host(f.design.squared_norms(state.centre))
        self._longest_row = lengths.mean()

    def rates(self, updates, epoch):
        left = 1.0 - np.arange(len(updates)) / len(updates)
        left = (self._start + self._length - epoch + left) / self._length
        if epoch == 1:
            return self._rate * left
        return RULES.later * self._rate * left**RULES.power

    def row_reaches(self, rates, momentum):
        grown = max(self._rate / self._first_rate, 1.0)
        part = min(1.0, RULES.overshoot * (1.0 - momentum))
        return rates / (part * grown**RULES.loosening)

    def stream_rates(self, f, updates):
        return self._safe_rate(f) / np.sqrt(1.0 + updates / RULES.half_life)

    def follow_rows(self, f, state):
        """Lower the rate where the rows of `f` are longer than any before."""
        row = f.design.squared_norms(state.centre).mean()
        if row <= self._longest_row:
            return
        if self._longest_row > RULES.says_nothing * row:
            longer = row / self._longest_row
            self._whole, self._row = longer * self._whole, longer * self._row
            state.slow_down(1.0 / longer)
        else:
            # The first chunk was a single row, or constant.
            self._whole = self._row = row
            state.at_rest()
        self._longest_row = row

    def follow(self, f, state, options):
        self._batch_size = state.batch_size
        if not f.penalty.is_smooth and len(state.damping):
            # Undo the damping, which had lowered these eigenvalues to about the largest
            # of the others.
            steep = self._whole / (1.0 - state.damping.astype(np.float64))
            self._row += state.damping @ steep
            self._whole = steep.max()
            state.basis, state.damping = state.basis[:0], state.damping[:0]

    def accepts(self, value, progress):
        done = (progress.n_iter - self._start) / self._length
        # Not `progress.lowest`: with early stopping that is of the best models only.
        lowest = min(self._lowest, progress.loss_curve[0])
        ceiling = (1.0 + RULES.rise * (1.0 - done)) * lowest
        if not value <= ceiling + RULES.rise_at_start * progress.loss_curve[0]:
            self._retreats += 1
            self._rate *= RULES.retreat
            self._growth = 1.0 + RULES.caution * (self._growth - 1.0)
            return self._retreats > RULES.retreats
        if value < (1.0 - RULES.fall) * lowest and done < RULES.growth_until:
            self._rate *= self._growth
        self._idle = 0 if value < lowest else self._idle + 1
        if self._idle == RULES.patience:
            self._rate *= RULES.retreat
            self._idle = 0
        self._lowest = min(value, self._lowest)
        return True

    @property
    def cycle(self):
        return self._start, self._start + self._length

    def finished(self, epoch, progress):
        if epoch < self._start + self._length:
            return False
        options = self._options
        value = progress.loss_curve[-1]
        scale = max(value, 1e-10 * progress.loss_curve[0])
        spans = self._length / options.n_iter_no_change
        if options.tol > 0.0 and self._last - value <= options.tol * scale * spans:
            return True
        self._last = value
        self._start = epoch
        self._length = self._fit_cycle(epoch, 2 * self._length)
        return False

    def _safe_rate(self, f):
        """From the eigenvalue and the trace of the second moments of X."""
        batch = self._whole + (self._row + self._whole) / self._batch_size
        # The hinge bends over about a margin.
        curvature = f.loss.curvature(f.n_classes, f.loss.delta)
        convexity = self._steepest_penalty * f.penalty.convexity
        return RULES.start / (curvature * batch + convexity)

    def _fit_cycle(self, start, length):
        """The cycle's length, extended where what remains is too short for a cycle."""
        rest = self._options.max_iter - start
        return rest if rest < 3 * length else length


def _metric_of_features(f):
    """Longer steps for features whose variance is much below the largest."""
    variance = f.variance if f.mean is not None else f.second_moment
    curvature = f.loss.curvature(f.n_classes, f.loss.delta)
    largest = variance.max()
    if largest == 0.0:
        return np.ones(f.n_features)
    floor = RULES.floor * f.penalty.convexity / curvature + 1e-12 * largest
    return np.maximum(RULES.alike * (largest + floor) / (variance + floor), 1.0)


def _near_part(squares):
    """The mean of some squared lengths without the excess of the largest ones.

    None counts for more than `RULES.far` times the median of those that are not zero.
    The result is relative to the mean of the lengths as they are.
    """
    longer = squares[squares > 0.0]
    if len(longer) == 0:
        return 1.0
    return np.minimum(squares, RULES.far * np.median(longer)).mean() / squares.mean()


class ByRow(Automatic):
    """The automatic rate of a fit to a CSR, whose rows make steps of their own.

    How far a feature moves is decided by the slopes and entries that it has had so far.
    The rate grows, and falls to zero, as that of `Automatic`. Only in the first epoch
    it is constant, so that a fit of a single epoch learns from all rows alike.
    """

    def measure(self, f, state, rng):
        state.begin_past(f)

    def _safe_rate(self, f):
        return RULES.row_rate

    def rates(self, updates, epoch):
        if epoch == 1:
            return np.full(len(updates), self._rate)
        return super().rates(updates, epoch)


SCHEDULES = {
    "auto": Automatic,
    "constant": Constant,
    "invscaling": InverseScaling,
    "adaptive": Adaptive,
}


def schedule_of(f, state, options, rng):
    """The schedule that some options ask for, for an objective."""
    name = options.learning_rate
    sparse = not f.design.counts_from_centre
    by_row = sparse and f.penalty.is_smooth and not state.is_stream
    if name == "auto" and by_row:
        return ByRow(f, state, options, rng)
    return SCHEDULES[name](f, state, options, rng)
