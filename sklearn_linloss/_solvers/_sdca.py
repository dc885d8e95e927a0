"""Dual coordinate ascent over rows, for any loss with a penalty.

Maximises the dual objective over all dual variables of one row at a time, exactly.
Rows that stay where they are get visited less and less often: an iteration, as many
visits as there are rows, is one pass at first and many towards the end.

A weak penalty makes such an ascent slow. A proximal term strengthens it, whose centre
runs ahead of the model after each pass (S. Shalev-Shwartz and T. Zhang, "Accelerated
proximal stochastic dual coordinate ascent for regularized loss minimization",
Mathematical Programming 2016). Another holds what the penalty leaves free, the
intercept and coefficients without L2 (R. T. Rockafellar, "Monotone operators and the
proximal point algorithm", SIAM J. Control and Optimization 1976).
"""

from dataclasses import replace

import numpy as np

from ._common import Best, Checkpoints, SolverResult, Stall, wrong_class_shares

# Of the mean squared norm of the rows, and of the L2 penalty.
_INTERCEPT_SCALE, _INTERCEPT_REACH = 0.05, 10.0
_START_WIDTH = 0.01  # of the margin, to smooth the loss of a first model
# Changes of dual variables that can wait, of the relative gap and of what would be a
# change where the row's own curvature does not shorten it.
_STILL = 0.1
_SMALLEST_STILL, _LARGEST_STILL = 1e-12, 0.02
_IMPATIENCE, _ROUNDING = 0.3, 1e-12
_SINGLE = 3e-7  # of the objective at zero, a distance that single precision tells
_LONGEST_NAP = 20  # epochs
# Strength of penalty and proximal term, of the one that a typical row asks for: where
# the penalty has no L2 part, and at first where it has, smooth losses and hinges.
_STRENGTH_WITHOUT_L2 = 1.0
_STRENGTH = {True: 0.7, False: 1.5}
_COUPLED, _SAMPLE = 2.0, 100  # below that many rows' worth no proximal term is needed
# How much of the distance an iteration leaves that gained little, and what is then left
# of the strength. The distance of the hinge swings within an objective of the optimum.
_STEADILY, _GENTLY, _FAR = (0.9, 0.8), (0.97, 0.95), 1.0
_MOVE_COSTS = 10.0  # of the centre, visits of dense rows
_INTERCEPT_AHEAD = 0.8  # of its last move


def solve(objective, theta, certifier, options, progress):
    """Minimise from `theta`."""
    f = objective
    best = Best(theta, f.value(theta))
    progress.record(best.value, best.theta)
    ascent = DualAscent(f, np.random.default_rng(options.seed))
    if options.dual is not None:
        ascent.start_from(options.dual, theta)
    elif theta.any():
        ascent.start_near(theta)
    limit, stalls = options.max_iter, Stall(options)
    result = ascend(f, ascent, best, certifier, options, progress, limit, stalls)
    return replace(result, stalled=stalls.stalled)


def ascend(
    objective, ascent, best, certifier, options, progress, max_iter, ends=None
):  # fmt: skip
    """Iterate until the tolerance is met, or `ends(iteration, gap, objective)`."""
    f = objective
    due = Checkpoints(ratio=1.2)
    while progress.proceeds(max_iter):
        ascent.iterate()
        # As it will be returned: rounding matters where the optimum is near zero.
        theta = ascent.model().astype(objective.dtype).astype(np.float64)
        scores = f.scores(theta)
        value = f.loss_value(scores)
        best.consider(theta, value + f.penalty_value(theta))
        progress.record(best.value, best.theta)
        # The bound costs two passes over X, this none.
        distance = ascent.gap(scores, value) / best.value
        ascent.settle(distance)
        if distance * best.value < _SINGLE * f.value_at_zero and f.dtype != np.float64:
            # An optimum near zero: single precision leads no nearer.
            f = f.with_precision(np.float64)
            ascent = ascent.continued(f)
        if due(progress.n_iter) and options.reached(distance):
            dual = ascent.signed_dual()
            certificate = certifier.certify(best.theta, dual)
            if options.reached(certificate.criterion):
                progress.amend(certificate.objective)
                return SolverResult(certificate.theta, converged=True, dual=dual)
            ascent.refresh()
        if ends is not None and ends(progress.n_iter, distance, best.value):
            break
    dual = ascent.signed_dual()
    criterion = certifier.criterion(best.theta, dual=dual)
    return SolverResult(best.theta, options.reached(criterion), dual)


class DualAscent:
    """Dual variables and the model that they determine, in the precision of X.

    Parameters
    ----------
    f : Objective
    rng : numpy.random.Generator
    accelerated : bool
        Whether a proximal term strengthens a weak penalty. Not worth it for a few
        iterations.

    Attributes
    ----------
    dual : ndarray of shape (n_samples, n_rows)
        a_ij of every class but the true one, or t_i of the one-row form.
    """

    def __init__(self, f, rng, accelerated=True):
        self._f = f
        # In whose coordinates the rows are: those of CSR are never centred.
        self._of_rows = f if f.design.counts_from_centre else f.uncentred()
        self._rng = rng
        self._accelerated = accelerated
        hinge = not f.loss.smooth
        zeros = np.zeros(f.n_features)
        centre = zeros if self._of_rows.mean is None else f.mean
        self._centre = centre.astype(f.dtype)
        if "squared_norms" not in f.workspace:
            f.workspace["squared_norms"] = f.design.squared_norms(self._centre)
        self._squares = f.workspace["squared_norms"]
        # Without features any number does.
        mean_square = self._squares.mean() or 1.0
        # Of the rows, or what moves scores by ten where the penalty stops the rest.
        unit = f.loss.delta if hinge and f.loss.delta > 0.0 else 1.0
        reach = _INTERCEPT_REACH * f.penalty.l2 * unit
        scale = max(_INTERCEPT_SCALE * mean_square, reach)
        self._b_scale = scale * f.fit_intercept
        self._strength = self._first_strength(mean_square, unit)
        self.dual = np.zeros((f.n_samples, f.n_rows))
        self._W = np.zeros(f.matrix_shape, f.dtype)
        # W = S(U, l1) / strength; U is kept where it is not a multiple of W.
        self._U = np.zeros(f.matrix_shape, f.dtype) if f.penalty.l1 > 0.0 else None
        self._b = np.zeros((int(f.fit_intercept), f.n_rows))
        self._W_centre, self._b_centre = self._W.copy(), self._b.copy()
        self._W_last, self._b_last = self._W.copy(), self._b.copy()
        self._b_move = self._b.copy()
        self._moved = np.zeros(f.n_samples, np.bool_)
        self._nap = np.ones(f.n_samples, np.int64)
        self._wake = np.zeros(f.n_samples, np.int64)
        self._epoch = 0
        in_rows = not f.loss.of_slacks and f.n_rows > 1
        self._scratch = (
            np.empty((4, f.n_rows)),
            (np.empty(f.n_rows),) if in_rows else (),
            np.empty(f.matrix_shape[1], f.dtype),
        )
        self._still = _LARGEST_STILL if f.loss.smooth else _SMALLEST_STILL
        self._patience, self._distance = 1.0, np.inf
        stored = max(f.design.n_stored, 1)
        self._visits_a_move = _MOVE_COSTS * f.n_features * f.n_samples / stored
        self._visits_since_move = 0

    def _first_strength(self, mean_square, unit):
        """Of penalty and proximal term.

        With c times the typical L2, for which a pass goes far, a pass leaves exp(-c) of
        what is left to do, and a move of the centre 1 - sqrt(l2 / strength): this c
        makes them equal, for small ones.
        """
        f = self._f
        l2 = f.penalty.l2
        typical = mean_square / (f.n_samples * unit)
        if l2 == 0.0:
            return _STRENGTH_WITHOUT_L2 * typical
        if l2 >= typical or not self._accelerated:
            return l2
        if self._coupling(mean_square) < _COUPLED:
            return l2
        return max(l2, _STRENGTH[f.loss.smooth] * np.cbrt(l2 / typical) * typical)

    def _coupling(self, mean_square):
        """How many rows' worth of a row the others hold, from a sample of rows.

        n times the mean square of an inner product of two rows, over that of a row with
        itself.
        """
        f = self._f
        rows = self._rng.choice(f.n_samples, min(f.n_samples, _SAMPLE), replace=False)
        gram = f.design.gram(rows, rows, np.ones(f.n_features), self._of_rows.mean)
        np.fill_diagonal(gram, 0.0)
        pairs = max(len(rows) * (len(rows) - 1), 1)
        return f.n_samples * np.vdot(gram, gram) / (pairs * mean_square**2)

    @property
    def _proximal(self):
        return self._strength - self._f.penalty.l2

    def continued(self, f):
        """The ascent for the same objective in another precision."""
        other = DualAscent(f, self._rng, self._accelerated)
        other._strength = self._strength
        other.start_from(self.signed_dual(), self.model())
        return other

    def start_near(self, theta):
        """Take the dual variables of a model: the slopes of its loss."""
        f = self._f
        scores = f.scores(theta, np.float64)
        _, slopes = f.loss_gradient(scores, _START_WIDTH * f.loss.delta)
        self.start_from(slopes, theta)

    def start_from(self, dual, theta):
        """Take pi_i * a_i, and the intercept of a model."""
        f = self._of_rows
        theta = f.join(*self._f.parts(theta))
        self.dual = wrong_class_shares(f, dual)
        self._W_centre[:] = f.matrix(theta)
        self._b_centre[:] = f.intercepts(theta).reshape(self._b.shape)
        self._W_last[:], self._b_last[:] = self._W_centre, self._b_centre
        self.refresh()

    def refresh(self):
        """Compute the model from the dual variables, without the errors of updates."""
        f = self._of_rows
        pulled = f.backward(self.signed_dual())
        U = self._proximal * self._W_centre - f.matrix(pulled)
        if self._U is not None:
            self._U[:] = U
        self._W[:] = f.penalty.prox_rest(U, 1.0) / self._strength
        self._b[:] = self._b_centre
        total = f.intercepts(pulled).reshape(self._b.shape)
        self._b -= self._b_scale / self._strength * total

    def settle(self, distance):
        """Say how far from the optimum the fit is, relative to the objective.

        Far from it, small changes of the dual variables of a smooth loss can wait: in
        most rows all but a few of them are small in every visit. Where the distance
        hardly falls, too many have waited, or the proximal term is too strong.
        """
        before, self._distance = max(self._distance, _ROUNDING), distance
        smooth = self._f.loss.smooth
        slow, left = _STEADILY if smooth or distance > _FAR else _GENTLY
        if distance > slow * before:
            self._patience *= _IMPATIENCE
            self._relax(left)
        if smooth:
            still = self._patience * min(_STILL * distance, _LARGEST_STILL)
            self._still = max(still, _SMALLEST_STILL)

    def gap(self, scores, value):
        """Gap between the model and its dual variables, where those meet the constraint
        of the intercept and the penalty has an L2 part.

        `value` is the loss of the model. Sums of what Fenchel and Young say is not
        negative: sum_i pi_i (L_i(s_i) + L_i*(a_i) - a_i s_i), and R(W) + R*(V) - W V,
        where V is what the dual variables make of X.
        """
        f = self._f
        signed = self.signed_dual()
        dual_part, _ = f.dual_value(signed)(1.0)
        gap = value - dual_part - np.vdot(signed, scores)
        if f.penalty.l2 > 0.0 and self._proximal > 0.0:
            W = self._W.astype(np.float64)
            V = self._strength * W if self._U is None else self._U
            V = V - self._proximal * self._W_centre.astype(np.float64)
            gap += f.penalty.value(W) + f.penalty.conjugate(V)[0] - np.vdot(W, V)
        return gap

    def iterate(self):
        """Visit as many rows as there are."""
        visits = 0
        while visits < self._f.n_samples:
            (awake,) = (self._wake <= self._epoch).nonzero()
            if len(awake):
                if self._visits_since_move >= self._visits_a_move:
                    self._move_centres()
                    self._visits_since_move = 0
                self._run_epoch(self._rng.permutation(awake))
                self._let_sleep(awake)
            visits += max(len(awake), 1)
            self._visits_since_move += len(awake)
            self._epoch += 1

    def model(self):
        """Coefficients and intercepts as one vector."""
        f, of_rows = self._f, self._of_rows
        theta = np.concatenate([self._W, self._b], axis=None, dtype=np.float64)
        return theta if of_rows is f else f.join(*of_rows.parts(theta))

    def signed_dual(self):
        """pi_i * a_i for all classes, as the certificate takes it."""
        f = self._f
        signed = f.weight[:, None] * self.dual
        if f.n_rows == 1:
            signed[f.y == 1] *= -1.0
        else:
            signed[np.arange(f.n_samples), f.y] = -signed.sum(axis=1)
        return signed

    def _run_epoch(self, order):
        f = self._f
        number = f.dtype.type
        common = (
            f.y,
            f.weight,
            f.loss.delta,
            self._still,
            order,
            number(f.penalty.l1),
            number(self._strength),
            self._W,
            self._U,
            self._b,
            self._b_scale,
            self._squares,
            f.vector_form(self.dual),
            self._moved,
            *self._scratch,
        )
        f.design.sdca_epoch(f.loss, self._centre, *common)

    def _let_sleep(self, rows):
        """Rows that do not move sleep for 2, 4, 8, 16 and then 20 epochs."""
        nap = np.minimum(2 * self._nap[rows], _LONGEST_NAP)
        nap[self._moved[rows]] = 1
        self._nap[rows] = nap
        self._wake[rows] = self._epoch + nap

    def _relax(self, left):
        """Weaken the proximal term, for the same dual variables and centres."""
        f = self._f
        if f.penalty.l2 == 0.0:
            return
        strength = max(left * self._strength, f.penalty.l2)
        less = self._strength - strength
        self._b += less / strength * (self._b - self._b_centre)
        if self._U is None:
            self._W += less / strength * (self._W - self._W_centre)
        else:
            self._U -= less * self._W_centre
            self._W[:] = f.penalty.prox_rest(self._U, 1.0) / strength
        self._strength = strength

    def _move_centres(self):
        """Put the centres ahead of the model, by a part of its last move."""
        f = self._f
        ahead = 0.0
        if f.penalty.l2 > 0.0:
            # Not where it swings to and fro, or comes from rest.
            move = self._b - self._b_last
            ahead = _INTERCEPT_AHEAD * (move * self._b_move > _ROUNDING * move**2)
            self._b_move = move
        self._b += _moved(self._b_centre, self._b, self._b_last, ahead)
        if self._proximal > 0.0:
            root = np.sqrt(f.penalty.l2 / self._strength)
            ahead = (1.0 - root) / (1.0 + root) if root > 0.0 else 0.0
            step = _moved(self._W_centre, self._W, self._W_last, ahead)
            step *= self._proximal
            if self._U is None:
                self._W += step / self._strength
            else:
                self._U += step
                self._W[:] = f.penalty.prox_rest(self._U, 1.0) / self._strength


def _moved(centre, point, last, ahead):
    """Move a centre ahead of a point that was at `last` before; returns its step."""
    target = point + ahead * (point - last)
    step = target - centre
    centre[:] = target
    last[:] = point
    return step
