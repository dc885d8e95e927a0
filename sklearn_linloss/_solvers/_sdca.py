"""Dual coordinate ascent over rows, for any loss with a penalty.

The accelerated Prox-SDCA of S. Shalev-Shwartz and T. Zhang, "Accelerated proximal
stochastic dual coordinate ascent for regularized loss minimization", Mathematical
Programming 2016. With kappa / 2 |W - Z|^2 added to the penalty, whose L2 part is l2:

1. Rows in random order: the dual variables a_i of row i maximise the dual objective
   exactly, all others fixed (option I of the procedure Prox-SDCA), and the model
   W = S(U, l1) / (l2 + kappa), U = kappa Z - sum_i pi_i a_i x_i^T, follows.
2. Rows whose a_i stay where they are sleep: for some epochs, or, of two classes, until
   the scores say that they would move. An iteration, as many visits as there are rows
   at most, is one epoch at first and many towards the end.
3. Where the gap hardly falls, kappa shrinks. A large kappa makes the stages 1 fast, and
   more of them necessary.
4. Z <- W + beta (W - W_last), beta = (1 - eta) / (1 + eta), eta = sqrt(l2 / (l2 +
   kappa)): the acceleration. W_last is W at the last move of Z.
5. Stop: the a_i are a dual point, whose gap to the model decides.

What the penalty leaves free, the intercept and coefficients without L2, has a proximal
term, too, the plain one of R. T. Rockafellar, "Monotone operators and the proximal
point algorithm", SIAM J. Control and Optimization 1976.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .. import _kernels
from .._penalty import GroupedElasticNet
from ._common import (
    Best,
    Checkpoints,
    SolverResult,
    Stall,
    best_multiple,
    is_separated,
)


@dataclass(frozen=True)
class Rules:
    """Numbers by the stage that uses them; 0012 is a decision in docs/adr/."""

    # -- the intercept -----------------------------------------------------------------
    # It is the coefficient of a constant feature, whose square is at least this part of
    # the mean squared norm of the rows, and at least `intercept_reach` times l2 times
    # the margin: one pass can then move the intercept by ten margins, however strong
    # the penalty is.
    intercept_scale: float = 0.05
    intercept_reach: float = 10.0
    intercept_ahead: float = 0.8  # beta of its anchor in stage 4 (0012)
    # -- 1. the rows -----------------------------------------------------------------
    # Width, in margins, over which the hinge is smoothed to read dual variables off the
    # model that a fit starts from.
    start_width: float = 0.01
    single: float = 3e-7  # gap over the objective at 0 that float32 cannot resolve
    # -- 2. rows at rest -------------------------------------------------------------
    longest_nap: int = 20  # epochs (0006)
    idle_visits: int = 2  # in turn, after which a row of two classes sleeps (0044)
    most_epochs: int = 20  # of an iteration, where rows take naps (0044)
    # What it takes to know the scores of all rows after an iteration, divided by what
    # visits to all rows take; and what calls take, of an iteration and of an epoch, in
    # visits (0053).
    scores: float = 0.4
    calls_of_iteration: float = 3000.0
    calls_of_epoch: float = 200.0
    # A change of a dual variable below a threshold is not made, so that its row can
    # sleep. The threshold is `still` times the relative gap, within the two bounds.
    # After an iteration that hardly lowered the gap, `impatience` of it is left (0006).
    still: float = 0.1
    smallest_still: float = 1e-12
    largest_still: float = 0.02
    impatience: float = 0.3
    # -- 3. the proximal term --------------------------------------------------------
    # What l2 + kappa is at first. With m the mean of |x|^2 / n for a margin of one, it
    # is the first number times m where there is no L2 penalty. Else it is one of the
    # other two, for smooth losses and for the hinge, times (l2 / m)^(1/3) m (0012).
    strength_without_l2: float = 1.0
    smooth_strength: float = 0.7
    hinge_strength: float = 1.5
    coupled: float = 2.0  # overlap, in rows, below which kappa is 0 (0012)
    sample: int = 100  # rows, from which the overlap is estimated (0012)
    # After an iteration that leaves more than the part `slow` of the gap, the part
    # `left` of l2 + kappa is left. The gap of the hinge goes up and down, so that
    # there, at a relative gap below `far`, the gentle numbers hold (0012).
    slow: float = 0.9
    left: float = 0.8
    gently_slow: float = 0.97
    gently_left: float = 0.95
    far: float = 1.0
    # -- 4. the anchor ---------------------------------------------------------------
    move_costs: float = 10.0  # a move of the anchor, in visits of dense rows (0012)
    # Relative gap, and product of two moves over the square of one, that count as 0.
    rounding: float = 1e-12
    # -- 5. the stop -----------------------------------------------------------------
    # Where the classes come apart, models are certified whatever their estimated gap
    # is: after so many iterations, and whenever their number has grown by this ratio.
    first: int = 8
    ratio: float = 1.5


RULES = Rules()


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    best = Best(theta, f.value(theta))
    progress.record(best.value, best.theta)
    ascent = DualAscent(f, np.random.default_rng(options.seed))
    if options.pull is not None:
        ascent.start_from(options.pull, theta)
    elif theta.any():
        ascent.start_near(theta)
    # Near the optimum of grouped hinges gradient descent is slower still (0030).
    grouped = isinstance(f.penalty, GroupedElasticNet) and not f.loss.smooth
    limit, stalls = options.max_iter, Stall(options, 1e-3 if grouped else 0.0)
    result = ascend(f, ascent, best, certifier, options, progress, limit, stalls)
    return replace(result, stalled=stalls.stalled)


def ascend(
    objective, ascent, best, certifier, options, progress, max_iter, ends=None
):  # fmt: skip
    """Iterate until the tolerance is met, or `ends(iteration, gap, objective)`."""
    f = objective
    due, due_anyway = Checkpoints(ratio=1.2), Checkpoints(RULES.ratio, RULES.first)
    scores = pull = None
    while progress.proceeds(max_iter):
        ascent.iterate(scores)
        # Rounded as it will be returned: that matters where the optimum is near zero.
        theta = _rounded(ascent.model(), objective.dtype)
        scores = f.scores(theta)
        loss = f.loss_value(scores)
        value = loss + f.penalty_value(theta)
        multiple, better = best_multiple(f, theta, scores, value, options.tol)
        best.consider(_rounded(multiple, objective.dtype), better)
        # 5. Stop. A certificate costs two passes over X, and this estimate none. Where
        # the objective is next to nothing, the estimate says little.
        distance = (ascent.gap(scores, loss) - (value - better)) / best.value
        progress.record(best.value, best.theta, distance)
        ascent.settle(distance)
        least = RULES.single * f.value_at_zero
        if distance * best.value < least and f.dtype != np.float64:
            # Single precision cannot resolve smaller gaps.
            f = f.with_precision(np.float64)
            ascent, scores = ascent.continued(f), None
        n_iter = progress.n_iter
        doubtful = is_separated(f, best.value) and due_anyway(n_iter)
        if (options.reached(distance) and due(n_iter)) or doubtful:
            # The scores serve the certificate only if they are of this very model. Else
            # they are dropped first, since a certificate makes arrays as large as they.
            if best.theta is not theta or scores.dtype != np.float64:
                scores = None
            pull = ascent.pull()
            certificate = certifier.certify(best.theta, pull, scores)
            if options.reached(certificate.criterion):
                progress.amend(certificate.objective)
                return SolverResult(certificate.theta, converged=True, pull=pull)
            pull = None
            ascent.refresh()
        if ends is not None and ends(n_iter, distance, best.value):
            break
    scores, pull = None, ascent.pull()
    criterion = certifier.criterion(best.theta, pull=pull)
    return SolverResult(best.theta, options.reached(criterion), pull)


def _rounded(theta, dtype):
    """Coefficients as a precision has them, in float64."""
    return theta.astype(dtype, copy=False).astype(np.float64, copy=False)


class _Naps:
    """Stage 2: rows that do not move sleep for 2, 4, 8, 16, then 20 epochs."""

    def __init__(self, n_samples):
        self._nap = np.ones(n_samples, np.int32)
        self._wake = np.zeros(n_samples, np.int32)
        self._epoch = self._epochs = 0

    def look(self, movable):
        """An iteration begins. Naps end by themselves, whatever the scores are."""
        self._epochs = 0

    @property
    def over(self):
        """Whether the iteration should end."""
        return self._epochs >= RULES.most_epochs

    def awake(self):
        """The rows of the next epoch."""
        (rows,) = (self._wake <= self._epoch).nonzero()
        if len(rows) == 0:
            self._epoch = self._wake.min()
            (rows,) = (self._wake <= self._epoch).nonzero()
        return rows

    def note(self, rows, idle, gain):
        """What became of them in the epoch that ends: visits in turn without a move."""
        nap = np.minimum(2 * self._nap[rows], RULES.longest_nap)
        nap[idle == 0] = 1
        self._nap[rows] = nap
        self._wake[rows] = self._epoch + nap
        self._epoch += 1
        self._epochs += 1


class _Shrinking:
    """Stage 2 for two classes: rows that do not move sleep until a visit would move
    them.

    The scores tell whether it would. They are computed after each iteration; where they
    are not known, all rows are awake. So epochs gain less and less until the scores
    wake other rows. An iteration ends where one gains less, for what it takes, than the
    iteration as a whole and the scores at its end.
    """

    def __init__(self, n_samples):
        self._n_samples = n_samples
        self._awake = np.arange(n_samples)

    def look(self, movable):
        """An iteration begins: wake the rows that `movable()` marks, or all if there is
        no such function.
        """
        # In visits.
        self._spent = RULES.scores * self._n_samples + RULES.calls_of_iteration
        self._gained, self.over = 0.0, False
        if movable is None:
            self._awake = np.arange(self._n_samples)
            return
        awake = movable()
        awake[self._awake] = True
        (self._awake,) = awake.nonzero()

    def awake(self):
        """The rows of the next epoch."""
        return self._awake

    def note(self, rows, idle, gain):
        """What became of them in the epoch that ends: visits in turn without a move,
        and what the dual objective gained.
        """
        self._awake = rows[idle < RULES.idle_visits]
        takes = len(rows) + RULES.calls_of_epoch
        self._spent += takes
        self._gained += gain
        self.over = gain * self._spent < self._gained * takes


class DualAscent:
    """Dual variables and the model that they determine, in the precision of X.

    Parameters
    ----------
    f : Objective
    rng : numpy.random.Generator
    accelerated : bool
        Whether a proximal term strengthens a weak penalty. That does not pay where only
        a few iterations are made.

    Attributes
    ----------
    dual : ndarray of shape (n_samples, n_rows)
        a_ij of every class but the true one, or t_i of the one-row form.
    """

    def __init__(self, f, rng, accelerated=True):
        self._f = f
        self._of_rows = _in_coordinates_of_rows(f)
        self._rng = rng
        self._accelerated = accelerated
        hinge = not f.loss.smooth
        zeros = np.zeros(f.n_features)
        centre = zeros if self._of_rows.mean is None else f.mean
        self._centre = centre.astype(f.dtype)
        self._squares = squared_norms(f)
        # Zero without features, where any positive number does.
        mean_square = self._squares.mean() or 1.0
        unit = f.loss.delta if hinge and f.loss.delta > 0.0 else 1.0
        reach = RULES.intercept_reach * f.penalty.convexity * unit
        scale = max(RULES.intercept_scale * mean_square, reach)
        self._b_scale = scale * f.fit_intercept
        self._strength = self._first_strength(mean_square, unit)
        self.dual = np.zeros((f.n_samples, f.n_rows))
        # What pulls the single row of two classes down, for samples of the second one.
        two = f.n_rows == 1
        self._signed_share = np.where(f.y == 1, -f.share, f.share) if two else f.share
        self._W = np.zeros(f.matrix_shape, f.dtype)
        # W = S(U, l1) / strength; U is kept where it is not a multiple of W.
        self._U = None if f.penalty.is_smooth else np.zeros(f.matrix_shape, f.dtype)
        self._b = np.zeros((int(f.fit_intercept), f.n_rows))
        self._W_anchor, self._b_anchor = self._W.copy(), self._b.copy()
        self._W_last, self._b_last = self._W.copy(), self._b.copy()
        self._b_move = self._b.copy()
        self._idle = np.zeros(f.n_samples, np.int32)
        self._rest = (_Shrinking if f.n_rows == 1 else _Naps)(f.n_samples)
        in_rows = not f.loss.of_slacks and f.n_rows > 1
        self._scratch = (
            np.empty((4, f.n_rows)),
            (np.empty(f.n_rows),) if in_rows else (),
            np.empty(f.matrix_shape[1], f.dtype),
        )
        self._still = RULES.largest_still if f.loss.smooth else RULES.smallest_still
        self._patience, self._distance = 1.0, np.inf
        stored = max(f.design.n_stored, 1)
        self._visits_a_move = RULES.move_costs * f.n_features * f.n_samples / stored
        self._visits_since_move = 0

    def _first_strength(self, mean_square, unit):
        """The first l2 + kappa, c times `typical`: a strength that suits one pass.

        A pass of stage 1 leaves the part exp(-c) of the distance to the optimum of the
        strengthened problem. A move of stage 4 leaves the part 1 - sqrt(l2 / (l2 +
        kappa)) of the distance to the optimum itself. For small c the two parts are
        equal at c = (l2 / typical)^(1/3).
        """
        f = self._f
        l2 = f.penalty.convexity
        typical = mean_square / (f.n_samples * unit)
        if l2 == 0.0:
            return RULES.strength_without_l2 * typical
        if l2 >= typical or not self._accelerated:
            return l2
        if overlap(f, self._rng) < RULES.coupled:
            return l2
        c = RULES.smooth_strength if f.loss.smooth else RULES.hinge_strength
        return max(l2, c * np.cbrt(l2 / typical) * typical)

    @property
    def _proximal(self):
        return self._strength - self._f.penalty.convexity

    def continued(self, f):
        """The ascent for the same objective in another precision."""
        other = DualAscent(f, self._rng, self._accelerated)
        other._strength = self._strength
        other.start_from(self.pull(), self.model())
        return other

    def start_near(self, theta):
        """Take the slopes of the loss at a model as dual variables."""
        f = self._f
        scores = f.scores(theta, np.float64)
        _, slopes = f.loss_gradient(scores, RULES.start_width * f.loss.delta)
        self.start_from(slopes, theta)

    def start_from(self, pull, theta):
        """Take dual variables, given as pi_i * a_i, and the model as anchor."""
        f = self._of_rows
        theta = f.join(*self._f.parts(theta))
        del self.dual  # as large as what takes its place
        self.dual = f.multipliers(pull)
        self._W_anchor[:] = f.matrix(theta)
        self._b_anchor[:] = f.intercepts(theta).reshape(self._b.shape)
        self._W_last[:], self._b_last[:] = self._W_anchor, self._b_anchor
        self.refresh()

    def refresh(self):
        """Compute the model from the dual variables, free of accumulated rounding."""
        f = self._of_rows
        pulled = f.backward(self.pull())
        U = self._proximal * self._W_anchor - f.matrix(pulled)
        if self._U is not None:
            self._U[:] = U
        self._W[:] = f.penalty.prox_rest(U, 1.0) / self._strength
        self._b[:] = self._b_anchor
        total = f.intercepts(pulled).reshape(self._b.shape)
        self._b -= self._b_scale / self._strength * total

    def settle(self, distance):
        """Stage 3, for a relative gap `distance`.

        While the gap is large, small changes of the dual variables of a smooth loss are
        not made, so that their rows sleep. If the gap then hardly falls, either too
        many changes were left out, or the proximal term is too strong: both are
        lowered.
        """
        before, self._distance = max(self._distance, RULES.rounding), distance
        smooth = self._f.loss.smooth
        slow, left = RULES.gently_slow, RULES.gently_left
        if smooth or distance > RULES.far:
            slow, left = RULES.slow, RULES.left
        if distance > slow * before:
            self._patience *= RULES.impatience
            self._relax(left)
        if smooth:
            still = self._patience * min(RULES.still * distance, RULES.largest_still)
            self._still = max(still, RULES.smallest_still)

    def gap(self, scores, value):
        """Gap between the model and its dual variables, without a pass over X.

        It is exact where the dual variables meet the constraint of the intercept and
        the penalty has an L2 part. `value` is the loss of the model. Two sums, neither
        negative by the Fenchel-Young inequality: sum_i pi_i (L_i(s_i) + L_i*(a_i) -
        a_i s_i), and R(W) + R*(V) - W V with V = -sum_i pi_i a_i x_i^T.
        """
        f = self._f
        pull = self.pull()
        dual_part, _ = f.dual_value(pull)(1.0)
        gap = value - dual_part - np.vdot(pull, scores)
        if f.penalty.convexity > 0.0 and self._proximal > 0.0:
            W = self._W.astype(np.float64, copy=False)
            if self._U is None:
                # alpha W - V is the pull of the anchor, its strength times the offset.
                offset = W - self._W_anchor
                square = self._proximal**2 * np.vdot(offset, offset)
                return gap + 0.5 * square / f.penalty.convexity
            V = np.multiply(self._W_anchor, -self._proximal, dtype=np.float64)
            V += self._U
            gap += f.penalty.value(W) + f.penalty.conjugate(V)[0] - np.vdot(W, V)
        return gap

    def iterate(self, scores=None):
        """Stages 1, 2 and 4, with at most as many visits as there are rows, and some.

        `scores` are those of the present model, where they are known.
        """
        self._rest.look(None if scores is None else partial(self._movable, scores))
        visits = 0
        while visits < self._f.n_samples and not self._rest.over:
            order = self._rng.permutation(self._rest.awake())
            if len(order) == 0 or self._visits_since_move >= self._visits_a_move:
                self._move_anchors()
                self._visits_since_move = 0
            if len(order) == 0:
                break
            gain = self._run_epoch(order)
            self._rest.note(order, self._idle[order], gain)
            visits += len(order)
            self._visits_since_move += len(order)

    def model(self):
        """Coefficients and intercepts as one vector."""
        f, of_rows = self._f, self._of_rows
        theta = np.concatenate([self._W, self._b], axis=None, dtype=np.float64)
        return theta if of_rows is f else f.join(*of_rows.parts(theta))

    def pull(self):
        """pi_i * a_i for all classes, as the certificate takes it."""
        f = self._f
        pull = self._signed_share[:, None] * self.dual
        if f.n_rows > 1:
            pull[np.arange(f.n_samples), f.y] = -pull.sum(axis=1)
        return pull

    def _run_epoch(self, order):
        """Stage 1 for the rows in `order`; returns what it gains, as kernels say."""
        f = self._f
        return f.design.sdca_epoch(
            f.loss,
            self._centre,
            self._terms(),
            self._pass(order),
            _kernels.SdcaState(
                self._W,
                self._b,
                f.vector_form(self.dual),
                self._idle,
                *self._scratch,
            ),
            self._U,
            isinstance(f.penalty, GroupedElasticNet),
        )

    def _movable(self, scores):
        """Which rows a visit would move, of two classes."""
        f = self._f
        every = np.arange(f.n_samples)
        dual, movable = f.vector_form(self.dual), np.empty(f.n_samples, np.bool_)
        terms, pass_ = self._terms(), self._pass(every)
        _kernels.sdca_movable(
            f.loss.code, terms, pass_, f.vector_form(scores), dual, movable
        )
        return movable

    def _terms(self):
        f = self._f
        number = f.dtype.type
        l1, strength = number(f.penalty.l1), number(self._strength)
        return _kernels.Terms(f.y, f.share, f.loss.delta, l1, strength)

    def _pass(self, order):
        return _kernels.SdcaPass(order, self._still, self._squares, self._b_scale)

    def _relax(self, left):
        """Shrink kappa; the dual variables and the anchors stay."""
        f = self._f
        if f.penalty.convexity == 0.0:
            return
        strength = max(left * self._strength, f.penalty.convexity)
        less = self._strength - strength
        self._b += less / strength * (self._b - self._b_anchor)
        if self._U is None:
            self._W += less / strength * (self._W - self._W_anchor)
        else:
            self._U -= less * self._W_anchor
            self._W[:] = f.penalty.prox_rest(self._U, 1.0) / strength
        self._strength = strength

    def _move_anchors(self):
        """Stage 4, and the same for the intercept with a beta of its own."""
        f = self._f
        if self._proximal == 0.0 and not f.fit_intercept:
            return
        ahead = 0.0
        if f.penalty.convexity > 0.0:
            # Go ahead only after two moves in one direction: it would swing otherwise.
            move = self._b - self._b_last
            goes_on = move * self._b_move > RULES.rounding * move**2
            ahead = RULES.intercept_ahead * goes_on
            self._b_move = move
        self._b += _moved(self._b_anchor, self._b, self._b_last, ahead)
        common, spread = self._b.mean(axis=1), np.ptp(self._b, axis=1)
        if f.n_rows > 1 and (np.abs(common) > spread).any():
            # A number that the intercepts of all classes have in common changes no
            # loss. It comes from rounding alone, and would grow without a limit.
            for b in (self._b, self._b_anchor, self._b_last):
                b -= b.mean(axis=1, keepdims=True)
        if self._proximal > 0.0:
            root = np.sqrt(f.penalty.convexity / self._strength)
            ahead = (1.0 - root) / (1.0 + root) if root > 0.0 else 0.0
            step = _moved(self._W_anchor, self._W, self._W_last, ahead)
            step *= self._proximal
            if self._U is None:
                step /= self._strength
                self._W += step
            else:
                self._U += step
                self._W[:] = f.penalty.prox_rest(self._U, 1.0) / self._strength


def overlap(f, rng):
    """How much the rows overlap, estimated from a sample of them.

    That is n times the mean squared inner product of two rows, over the squared mean of
    |x|^2: n where all are parallel, 0 where all are orthogonal.
    """
    count = min(f.n_samples, RULES.sample)
    rows = rng.choice(f.n_samples, count, replace=False)
    centre = _in_coordinates_of_rows(f).mean
    gram = f.design.gram(rows, rows, np.ones(f.n_features), centre)
    np.fill_diagonal(gram, 0.0)
    pairs = max(count * (count - 1), 1)
    mean_square = squared_norms(f).mean() or 1.0
    return f.n_samples * np.vdot(gram, gram) / (pairs * mean_square**2)


def _in_coordinates_of_rows(f):
    """The objective in the coordinates of the rows: those of CSR are not centred."""
    return f if f.design.counts_from_centre else f.uncentred()


def squared_norms(f):
    """|x|^2 of each row, from the centre where rows count from there."""
    if "squared_norms" not in f.workspace:
        of_rows = _in_coordinates_of_rows(f)
        centre = np.zeros(f.n_features) if of_rows.mean is None else f.mean
        norms = f.design.squared_norms(centre.astype(f.dtype))
        f.workspace["squared_norms"] = norms
    return f.workspace["squared_norms"]


def _moved(anchor, point, last, ahead):
    """Move an anchor to point + ahead * (point - last), in place; returns its step."""
    target = np.subtract(point, last, out=last)
    target *= ahead
    target += point
    step = target - anchor
    anchor[:] = target
    last[:] = point
    return step
