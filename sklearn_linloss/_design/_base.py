"""What a design has to offer, and the sums over parts of its rows."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

# Bytes of a block of rows: those converted at a time where X is stored in another
# precision, and those of temporary arrays.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Rules:
    """Into how many parts sums over samples are cut; 0011 is in docs/adr/."""

    # Whatever the number of threads, so that `n_jobs` changes no bit (0011).
    parts: int = 16
    accumulators: int = 1 << 20  # numbers in the results of all parts, at most (0011)
    small_part: float = 1e4  # entries of X in a part, at least


RULES = Rules()


class Design:
    """n_samples rows of n_features numbers, of which only products are asked.

    A new kind subclasses this one and defines `scores`, `add_adjoint` and `moments`,
    which serve the solvers "gd" and "lbfgs" and the certificate. Solvers that visit
    rows or need matrices of second derivatives ask for more, and say what is missing.

    Parameters
    ----------
    shape : tuple of int
        (n_samples, n_features).
    dtype : dtype
        In which the numbers are stored, float32 or float64.
    n_threads : int, default=1
        How many share the passes over the samples.

    Attributes
    ----------
    features_first : bool
        Whether products want matrices of coefficients as (n_features, n_rows), with the
        classes contiguous, and not as (n_rows, n_features).
    counts_from_centre : bool
        Whether steps on single rows may take them relative to a centre of the features
        for free. It would turn steps on the stored entries of a row into full ones.
    only_products : bool
        Whether X offers no rows, as it is not on the host.
    n_stored : int
        Numbers that a pass over the rows reads.
    scale : ndarray of shape (n_features,) or None
        What the columns of the user's data were multiplied by.
    largest_entry : float
        A bound of the sizes of the numbers, where it takes less than `moments`.
    in_parts : bool
        Whether its rows lie in several places: there are sums over all of them, and
        neither rows nor columns can be chosen.
    """

    only_products = False
    features_first = False
    counts_from_centre = True
    scale = None
    largest_entry = np.inf
    in_parts = False

    def __init__(self, shape, dtype, n_threads=1):
        self.n_samples, self.n_features = shape
        self.dtype = np.dtype(dtype)
        self.n_threads = n_threads
        self.n_stored = self.n_samples * self.n_features

    def scores(self, W, b):
        """X @ W.T + b of shape (n_samples, n_rows), in the precision of W.

        W is (n_rows, n_features), b is (n_rows,).
        """
        raise self._lacks("scores")

    def add_adjoint(self, gradient, total):
        """total += gradient.T @ X, for `total` in float64 and in the layout that
        `features_first` says.
        """
        raise self._lacks("add_adjoint")

    def moments(self, weight):
        """Weighted mean and variance of each feature; infinite beyond its range."""
        raise self._lacks("moments")

    def host(self, array):
        """An array with a number for each sample, as it is here, as an ndarray."""
        return array

    def reads_once(self, n_rows):
        """Whether `loss_gradient` is worth while: it reads X once."""
        return False

    def loss_gradient(self, loss, y, weight, W, b, dtype):
        """sum_i pi_i L_i and its gradients in W and b, in one pass over the rows.

        With products in the precision `dtype`, and gradients in float64.
        """
        raise self._lacks("loss_gradient")

    def covariance(self, weight, centre, dtype, check):
        """sum_i weight_i (x_i - centre) (x_i - centre)^T, its lower triangle.

        `check` is called now and then, and may raise.
        """
        raise self._lacks("covariance")

    @property
    def has_few_products(self):
        """Whether those of two numbers of a row are so few that `second_moments` is
        worth while.
        """
        return False

    def second_moments(self, weight, centre):
        """sum_i weight_i z_i z_i^T for z_i = (x_i - centre, 1), in float64."""
        raise self._lacks("second_moments")

    def second_moments_on(self, loss, y, weight, second, features, classes):
        """sum_i h_i[k, l] x_ij x_im between coefficients (k, j) and (l, m), for h_i the
        second derivatives of a loss in the scores of sample i.

        Those are given as the loss has them, and the coefficients by their features,
        which ascend, and classes; one more of each class is that of a constant 1.
        """
        raise self._lacks("second_moments_on")

    def bend_pairs(self, y, pairs, W, b):
        """The second derivatives of the loss in active pairs times coefficients
        (n_rows, n_features) and intercepts.

        The pairs are `starts`, `other` and `second` as `bend_pairs` of `_kernels` takes
        them; the results have the shapes of W and b.
        """
        raise self._lacks("bend_pairs")

    def descend(self, loss, terms, second, coordinates, slopes, sweeps, tol, state):
        """Coordinate descent on a quadratic model plus the penalty, as `csc_descent`
        of `_kernels` has it.
        """
        raise self._lacks("descend")

    def add_scores_of(self, features, classes, values, scores):
        """Add what coefficients give to the scores, in float64.

        Entry a is the coefficient of feature `features[a]` in class `classes[a]`.
        """
        raise self._lacks("add_scores_of")

    def slopes_of(self, features, classes, pull):
        """The slopes in such coefficients, where those in the scores are `pull`."""
        raise self._lacks("slopes_of")

    def on_features(self, features):
        """A design of some of the columns, whose numbers ascend."""
        raise self._lacks("on_features")

    def multiplied(self, scale):
        """A design of a copy whose columns are multiplied by numbers."""
        raise self._lacks("multiplied")

    def squared_norms(self, centre, metric=None):
        """|x_i - centre|^2 of each sample, or |x_i|^2 where rows know no centre.

        In a diagonal `metric`, where rows know a centre.
        """
        raise self._lacks("squared_norms")

    def gram(self, rows, others, by_feature, centre=None):
        """(x_i - centre) @ diag(by_feature) @ (x_j - centre) for rows i and others j.

        In float64.
        """
        raise self._lacks("gram")

    def rows(self, rows):
        """Some rows as they are stored, for products and sums."""
        raise self._lacks("rows")

    def dense_rows(self, rows, dtype):
        """Some rows as an ndarray of a precision."""
        raise self._lacks("dense_rows")

    def dense_blocks(self, part=slice(None)):
        """Slices of rows of a part, and X over them as read-only dense float64."""
        raise self._lacks("dense_blocks")

    # Passes over rows in an order. The features of models count from `centre` where
    # `counts_from_centre` says so; the other arguments are tuples of `_kernels`.

    def sgd_epoch(self, loss, centre, terms, pass_, state):
        """A pass of mini-batch SGD, with `Terms`, a `SgdPass` and a `SgdState`, which
        it changes.
        """
        raise self._lacks("sgd_epoch")

    def sgd_rows(self, loss, terms, pass_, state, past):
        """A pass of SGD by rows of a CSR, with a `SgdPast`, too, which it changes."""
        raise self._lacks("sgd_rows")

    def add_sizes(self, features, totals):
        """Count the entries of a CSR and their sizes, as a `SgdPast` has them."""
        raise self._lacks("add_sizes")

    def saga_epoch(self, loss, centre, terms, pass_, state):
        """The same of mini-batch SAGA, with a `SagaPass` and a `SagaState`."""
        raise self._lacks("saga_epoch")

    def sdca_epoch(self, loss, centre, terms, pass_, state, U, grouped):
        """The same of dual coordinate ascent, with a `SdcaPass` and a `SdcaState`.

        The coefficients are S(U, l1) / l2; U, which changes too, is None where l1 = 0.
        S is that of features as a whole where they are `grouped`. Returns what the gain
        of the dual objective goes with, as `sdca_epoch_dense` has it.
        """
        raise self._lacks("sdca_epoch")

    def _lacks(self, method):
        return NotImplementedError(
            f"The design {type(self).__name__} does not define {method}."
        )

    # -- sums over samples -----------------------------------------------------------

    def over_parts(self, work, entries, accumulators=1):
        """The results of `work`, a function of a slice of samples, in their order.

        `entries` says how much there is to do, and `accumulators` how large a result
        is.
        """
        n_parts = min(
            RULES.parts, entries // RULES.small_part, RULES.accumulators // accumulators
        )
        if n_parts < 2:
            return [work(slice(0, self.n_samples))]
        return self.share_out(work, _equal_parts(self.n_samples, int(n_parts)))

    def for_rows(self, work, entries):
        """Do `work`, a function of a slice of samples, that makes no sums over them: a
        single thread need not cut it into parts.
        """
        if self.n_threads == 1:
            work(slice(0, self.n_samples))
        else:
            self.over_parts(work, entries)

    def share_out(self, work, tasks):
        """The results of `work`, a function of a task, in the order of the tasks.

        The threads take one task after the other. A task must not depend on their
        number, nor on other tasks.
        """
        n_threads = min(self.n_threads, len(tasks))
        if n_threads < 2:
            return list(map(work, tasks))
        results, waiting = [None] * len(tasks), deque(enumerate(tasks))

        def take_tasks():
            while True:
                try:
                    place, task = waiting.popleft()
                except IndexError:
                    return
                results[place] = work(task)

        # This thread works, too: waking one up for each task costs more.
        others = [self._pool.submit(take_tasks) for _ in range(n_threads - 1)]
        try:
            take_tasks()
        finally:
            waiting.clear()  # after an error or Ctrl-C the others stop, too
        for other in others:
            if not other.cancel():
                other.result()
        return results

    @cached_property
    def _pool(self):
        """Further threads that wait for work until the design is gone."""
        return ThreadPoolExecutor(self.n_threads - 1)

    def row_blocks(self, row_bytes, start=0, stop=None):
        """Slices of rows that take about a block each."""
        stop = self.n_samples if stop is None else stop
        step = max(1, int(_BLOCK_BYTES / row_bytes))
        for first in range(start, stop, step):
            yield slice(first, min(first + step, stop))


@lru_cache(maxsize=64)
def _equal_parts(n_samples, count):
    """Slices of so many parts; each pass asks for them."""
    ends = np.linspace(0, n_samples, count + 1).astype(int)
    return tuple(slice(*pair) for pair in pairwise(ends.tolist()))


def readonly(array):
    """A view of the one type that kernels compile for, memory maps included."""
    view = array.view()
    view.flags.writeable = False
    return view
