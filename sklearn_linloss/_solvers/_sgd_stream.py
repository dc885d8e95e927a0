"""What a stream of chunks carries from one to the next; without compiled code.

A model in mid-stream holds these objects, and unpickling it must not compile.
"""

from copy import copy
from typing import NamedTuple

import numpy as np

from .._design import stacked
from ._sgd_state import RULES, State, schedule_of


class Rows(NamedTuple):
    """Some rows of a stream: copies, which nobody writes to."""

    X: object
    y: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, f, weight, rows):
        """Those of a chunk."""
        return cls(f.design.rows(rows), f.y[rows], weight[rows])

    def at(self, places):
        """Those at some places."""
        return Rows(self.X[places], self.y[places], self.weight[places])

    def and_then(self, others):
        """These rows, and others after them."""
        return Rows(
            stacked(self.X, others.X),
            np.concatenate([self.y, others.y]),
            np.concatenate([self.weight, others.weight]),
        )


class Sample:
    """Rows that stand for all rows of a stream so far.

    All of them at first. When they are more than it holds, a random sample: the t-th
    row takes the place of another one with probability `capacity` / t (algorithm R of
    J. S. Vitter, "Random sampling with a reservoir", ACM TOMS 1985).

    Attributes
    ----------
    rows : Rows
    capacity : int
        How many it holds at most.
    n_seen : int
        Rows of the stream.
    """

    def __init__(self, f):
        entries = max(f.design.n_stored // f.n_samples, 1)
        self.capacity = int(np.clip(RULES.kept_entries // entries, 1, RULES.kept_rows))
        self.rows = Rows.of(f, f.share, np.arange(0))
        self.n_seen = 0

    def __deepcopy__(self, memo):
        return copy(self)

    @property
    def is_whole(self):
        """Whether it holds all rows of the stream."""
        return self.n_seen <= self.capacity

    def with_rows(self, f, weight, rng):
        """The sample of these rows and those of a chunk."""
        n_held, stop = len(self.rows.y), self.n_seen + f.n_samples
        row = np.arange(self.n_seen, stop)
        place = np.where(row < self.capacity, row, rng.integers(0, row + 1))
        kept = np.flatnonzero(place < self.capacity)
        source = np.arange(min(stop, self.capacity))
        # Of rows with the same place the last one stays.
        source[place[kept]] = n_held + np.arange(len(kept))
        other = copy(self)
        other.rows = self.rows.and_then(Rows.of(f, weight, kept)).at(source)
        other.n_seen = stop
        return other


class Stream:
    """A model in mid-stream, of whose chunks nobody knows how many are to come.

    The automatic rate is that of a sample of the rows so far, which is measured again
    when they have doubled. What the first rows have taught is forgotten when later ones
    are of another scale.

    Parameters
    ----------
    f : Objective
        Of the first chunk.
    theta : ndarray
        The model to start from.
    options : Options

    Attributes
    ----------
    fixed : dict
        The parameters that the coordinates and the kind of schedule were made from;
        no later chunk may have others.
    centre : ndarray of shape (n_features,), or None
        What the features count from.
    sample : Sample, or None
        None where the rate is not taken from the data.
    state : State
        As the full batches have left it.
    waiting : Rows, or None
        Of a batch that is not full. The model shows their step, which `state` lacks.
    """

    def __init__(self, f, theta, options):
        self.counts_from_centre = f.design.counts_from_centre
        self.fixed = {
            "fit_intercept": f.fit_intercept,
            "learning_rate": options.learning_rate,
        }
        self.rng = np.random.default_rng(options.seed)
        self._options = options
        # In the coordinates of the user, which stay.
        self._start = f.unpack(theta) if theta.any() else None
        self._begin(f)
        self.sample = Sample(f) if self.schedule.measures else None

    def _begin(self, f):
        """Start with the rate of the rows of `f`."""
        theta = np.zeros(f.size) if self._start is None else f.pack(*self._start)
        self.centre = f.mean
        self.state = State(f, theta, self._options, RULES.unknown_length)
        self.waiting = self._shown = None
        self.schedule = schedule_of(f, self.state, self._options, self.rng)
        self._n_measured = f.n_samples
        self._length_measured = self._length(f.design)

    def _length(self, design):
        """A typical squared length of rows."""
        return np.median(design.squared_norms(self.state.centre))

    def follow(self, f, options):
        """Take the parameters of the next chunk, all but those in `fixed`."""
        self._options = options
        self.state.follow(options, RULES.unknown_length)
        self.schedule.follow(f, self.state, options)

    # -- what is measured ----------------------------------------------------------

    def take(self, f, weight):
        """Take the rows of a chunk into the sample."""
        self.sample = self.sample.with_rows(f, weight, self.rng)

    @property
    def is_due(self):
        """Whether the rows have doubled since they were measured."""
        return self.sample.n_seen >= 2 * self._n_measured

    def is_misled(self, f):
        """Whether the rows of `f` are so much longer than the first ones that steps and
        coefficients were of another scale.
        """
        begins = 0 < self.sample.n_seen <= RULES.first_rows
        if not begins or f.n_samples < self.state.batch_size:
            return False
        return self._length(f.design) > RULES.other_scale * self._length_measured

    def forget(self, f):
        """Begin again with the chunk in `f`, as if it were the first one."""
        updates = self.state.updates
        self._begin(f.with_own_centre())
        self.sample = Sample(f)
        self.state.updates = updates

    def begin_again(self, f):
        """Forget what was learned, and measure the sample in `f`."""
        self._begin(f)
        self._n_measured = self.sample.n_seen

    def measure(self, f):
        """Measure the sample in `f`, and go on from the same model."""
        before = f.counted_from(self.centre)
        rate = self.schedule.stream_rates(before, 0)
        self.state.count_from(f, before)
        self.centre = f.mean
        self.schedule.measure(f, self.state, self.rng)
        # The velocity may come of steps that were too long.
        self.state.slow_down(min(self.schedule.stream_rates(f, 0) / rate, 1.0))
        self._n_measured = self.sample.n_seen

    # -- batches -------------------------------------------------------------------

    @property
    def full_batch(self):
        """The rows for which those of small chunks wait."""
        return min(self.state.batch_size, self.sample.capacity)

    def wait(self, rows, settled=None):
        """Let rows wait whose step, from the state `settled`, was the last; or none."""
        self.waiting, self._shown = rows, None
        if rows is not None:
            self._shown, self.state = self.state.model(), settled

    def order(self, f):
        """The rows of `f` in the order of a pass."""
        return f.order(self.rng, self._options.shuffle)

    def rates(self, f):
        """The rates of a pass over the rows of `f`."""
        state = self.state
        updates = np.arange(1, state.updates_in(f.n_samples) + 1)
        if self.sample is None:
            return self.schedule.stream_rates(f, state.updates + updates)
        state.take_part(min(f.n_samples / state.batch_size, 1.0))
        if f.n_samples >= state.batch_size:
            # Of fewer, one alone may be long.
            self.schedule.follow_rows(f, state)
        passed = state.passed + state.part * updates
        state.passed = passed[-1]
        return state.step(self.schedule.stream_rates(f, passed))

    def model(self, f):
        """`f` with the centre of this stream, and the model that a fit would return."""
        shown = self.state.model() if self._shown is None else self._shown
        return f.counted_from(self.centre), shown

    @property
    def dtype(self):
        """The precision of the chunks; not kept, as skops would not trust it."""
        return self.state.theta.dtype
