"""Dual coordinate ascent over rows, for any loss with a penalty.

Maximises the dual objective over all dual variables of one row at a time, exactly
(S. Shalev-Shwartz and T. Zhang, "Accelerated proximal stochastic dual coordinate ascent
for regularized loss minimization", Mathematical Programming 2016). Rows that stay where
they are get visited less and less often: an iteration, as many visits as there are
rows, is one pass at first and many towards the end.

What the penalty leaves free, the intercept and coefficients without L2, is held by a
proximal term whose centre follows (R. T. Rockafellar, "Monotone operators and the
proximal point algorithm", SIAM J. Control and Optimization 1976).
"""

import numpy as np

from .. import _kernels
from .._objective import readonly
from ._common import Best, Checkpoints, SolverResult, wrong_class_shares

# Of the mean squared norm of the rows, and of the L2 penalty.
_INTERCEPT_SCALE, _INTERCEPT_REACH = 0.05, 10.0
_START_WIDTH = 0.01  # of the margin, to smooth the loss of a first model
# Changes of dual variables that can wait, of the relative gap and of what would be a
# change where the row's own curvature does not shorten it.
_STILL = 0.1
_SMALLEST_STILL, _LARGEST_STILL = 1e-12, 0.02
_SLOW, _IMPATIENCE = 0.9, 0.3
_SINGLE = 3e-7  # of the objective at zero, a distance that single precision tells
_LONGEST_NAP = 20  # epochs
_PROXIMAL = 1.0  # of the curvature that a typical row sees


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
    due = Checkpoints(ratio=1.2)
    while progress.proceeds(options.max_iter):
        ascent.iterate()
        theta = ascent.model()
        scores = f.scores(theta)
        value = f.loss_value(scores)
        best.consider(theta, value + f.penalty_value(theta))
        progress.record(best.value, best.theta)
        # The bound costs two passes over X, this none.
        distance = ascent.fenchel_young(scores, value) / best.value
        ascent.settle(distance)
        if distance * best.value < _SINGLE * f.value_at_zero and f.dtype != np.float64:
            # An optimum near zero: single precision leads no nearer.
            f = f.with_precision(np.float64)
            ascent = ascent.continued(f)
        if not (due(progress.n_iter) and options.reached(distance)):
            continue
        dual = ascent.signed_dual()
        certificate = certifier.certify(best.theta, dual)
        if options.reached(certificate.criterion):
            progress.amend(certificate.objective)
            return SolverResult(certificate.theta, converged=True, dual=dual)
        ascent.refresh()
    dual = ascent.signed_dual()
    criterion = certifier.criterion(best.theta, dual=dual)
    return SolverResult(best.theta, options.reached(criterion), dual)


class DualAscent:
    """Dual variables and the model that they determine, in the precision of X.

    Attributes
    ----------
    dual : ndarray of shape (n_samples, n_rows)
        a_ij of every class but the true one, or t_i of the one-row form.
    """

    def __init__(self, f, rng):
        self._f = f
        self._rng = rng
        hinge = not f.loss.smooth
        zeros = np.zeros(f.n_features)
        centred = f.mean is not None and not f.is_sparse
        self._centre = (f.mean if centred else zeros).astype(f.dtype)
        self._squares = f.squared_norms(self._centre)
        mean_square = self._squares.mean()
        # Of the rows, or what moves scores by ten where the penalty stops the rest.
        unit = f.delta if hinge and f.delta > 0.0 else 1.0
        reach = _INTERCEPT_REACH * f.penalty.l2 * unit
        scale = max(_INTERCEPT_SCALE * mean_square, reach)
        self._b_scale = scale * f.fit_intercept
        self._proximal = 0.0
        if f.penalty.l2 == 0.0:
            self._proximal = _PROXIMAL * mean_square / (f.n_samples * unit)
        self._strength = f.penalty.l2 + self._proximal
        self.dual = np.zeros((f.n_samples, f.n_rows))
        self._W = np.zeros(f.matrix_shape, f.dtype)
        # W = S(U, l1) / strength; U is kept where it is not a multiple of W.
        self._keeps_sum = f.penalty.l1 > 0.0 or self._proximal > 0.0
        self._U = np.zeros(f.matrix_shape, f.dtype) if self._keeps_sum else None
        self._b = np.zeros((int(f.fit_intercept), f.n_rows))
        self._W_centre, self._b_centre = self._W.copy(), self._b.copy()
        self._moved = np.zeros(f.n_samples, np.bool_)
        self._nap = np.zeros(f.n_samples, np.int64)
        self._wake = np.zeros(f.n_samples, np.int64)
        self._epoch = 0
        in_rows = f.loss.name == "softmax" and f.n_rows > 1
        self._scratch = (
            np.empty((4, f.n_rows)),
            (np.empty(f.n_rows),) if in_rows else (),
            np.empty(f.n_rows if f.is_sparse else f.n_features, f.dtype),
        )
        self._still, self._patience, self._distance = _SMALLEST_STILL, 1.0, np.inf

    def continued(self, f):
        """The ascent for the same objective in another precision."""
        other = DualAscent(f, self._rng)
        other.start_from(self.signed_dual(), self.model())
        return other

    def start_near(self, theta):
        """Take the dual variables of a model: the slopes of its loss."""
        f = self._f
        scores = f.scores(theta, np.float64)
        _, slopes = f.loss_gradient(scores, _START_WIDTH * f.delta)
        self.start_from(slopes, theta)

    def start_from(self, dual, theta):
        """Take pi_i * a_i, and the intercept of a model."""
        f = self._f
        self.dual = wrong_class_shares(f, dual)
        self._W_centre[:] = f.weights(theta).reshape(f.matrix_shape)
        self._b_centre[:] = f.intercepts(theta).reshape(self._b.shape)
        self.refresh()

    def refresh(self):
        """Compute the model from the dual variables, without the errors of updates."""
        f = self._f
        pulled = f.backward(self.signed_dual())
        U = self._proximal * self._W_centre
        U -= f.weights(pulled).reshape(f.matrix_shape)
        if self._keeps_sum:
            self._U[:] = U
        self._W[:] = f.penalty.prox_l1(U, 1.0) / self._strength
        self._b[:] = self._b_centre
        total = f.intercepts(pulled).reshape(self._b.shape)
        self._b -= self._b_scale / self._strength * total

    def settle(self, distance):
        """Say how far from the optimum the fit is, relative to the objective.

        Far from it, small changes of the dual variables of a smooth loss can wait: in
        most rows all but a few of them are small in every visit. Where the distance
        does not fall, too many have waited.
        """
        if not self._f.loss.smooth:
            return
        if distance > _SLOW * self._distance:
            self._patience *= _IMPATIENCE
        self._distance = distance
        still = self._patience * min(_STILL * distance, _LARGEST_STILL)
        self._still = max(still, _SMALLEST_STILL)

    def fenchel_young(self, scores, value):
        """sum_i pi_i (L_i(s_i) + L_i*(a_i) - a_i s_i), at least zero.

        That is the gap of a model that belongs to its dual variables, where those meet
        the constraint of the intercept; `value` is the loss of the model.
        """
        f = self._f
        signed = self.signed_dual()
        dual_part, _ = f.dual_value(signed)(1.0)
        return value - dual_part - np.vdot(signed, scores)

    def iterate(self):
        """Visit as many rows as there are."""
        visits = 0
        while visits < self._f.n_samples:
            awake = np.flatnonzero(self._wake <= self._epoch)
            if len(awake):
                self._run_epoch(self._rng.permutation(awake))
                self._let_sleep(awake)
                self._move_centres()
            visits += max(len(awake), 1)
            self._epoch += 1

    def model(self):
        """Coefficients and intercepts as one vector."""
        f = self._f
        if f.is_sparse:
            return f.pack(self._W.T, self._b.sum(axis=0))
        return np.concatenate([self._W, self._b], axis=None, dtype=np.float64)

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
            f.delta,
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
        if f.is_sparse:
            _kernels.sdca_epoch_csr(f.loss.code, *f.csr, *common)
        else:
            _kernels.sdca_epoch_dense(f.loss.code, readonly(f.X), self._centre, *common)

    def _let_sleep(self, rows):
        """Rows that do not move sleep for 2, 4, 8, 16 and then 20 epochs."""
        nap = np.clip(2 * self._nap[rows], 2, _LONGEST_NAP)
        nap[self._moved[rows]] = 0
        self._nap[rows] = nap
        self._wake[rows] = self._epoch + np.maximum(nap, 1)

    def _move_centres(self):
        drift = self._b - self._b_centre
        self._b_centre[:] = self._b
        self._b += drift
        if self._proximal > 0.0:
            self._U += self._proximal * (self._W - self._W_centre)
            self._W_centre[:] = self._W
            self._W[:] = self._f.penalty.prox_l1(self._U, 1.0) / self._strength
