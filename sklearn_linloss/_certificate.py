"""The duality gap: how far from the optimum a model can be at most.

For any dual point, one a_i in the domain of L_i* a sample, with sum_i pi_i a_i = 0
where the intercept is free,

    D = -sum_i pi_i L_i*(a_i) - R*(V) <= min F,    V = -sum_i pi_i a_i x_i^T

(Fenchel duality; S. Shalev-Shwartz and T. Zhang, "Accelerated proximal stochastic dual
coordinate ascent for regularized loss minimization", Mathematical Programming 2016).
The gradient of the loss at a model is such a point, up to the constraint: it is
repaired here, scaled, and combined with the best dual point seen before, so that the
bound is tight. All of it is computed in float64.
"""

from dataclasses import dataclass

import numpy as np

from ._free_features import let_go
from ._laplacian import solve_laplacian


@dataclass(frozen=True)
class Rules:
    """Limits of the searches, and what counts as rounding."""

    # -- Newton's method on the intercept --------------------------------------------
    newton_steps: int = 3
    # They end where the next one promises less than this part of the objective.
    negligible: float = 1e-13
    halvings: int = 4  # of a step
    # Slopes after a step over those before it, up to which curvatures are as before.
    as_before: float = 0.1
    # -- balance_flows ---------------------------------------------------------------
    nothing: float = 1e-200  # flows that count as 0: factors for them would overflow
    # -- maximize_concave ------------------------------------------------------------
    search_steps: int = 30
    # After a step that leaves more than this part of the bracket, the next one halves
    # it. The number is above one half, so that rounding does not decide after a
    # halving.
    narrowed: float = 0.6
    # As long as there is no bracket, strides are made from the first point on. The
    # first stride is this part of the first point, as the maximum is often within a
    # percent of it (benchmarks/NOTES.md). Each is `growth` times the last one, and one
    # that goes down leaves at least the part `lower` of the point that it starts from.
    stride: float = 0.06
    growth: float = 4.0
    lower: float = 0.1
    # The search ends where no more than the part `rest` of what was gained can still be
    # gained, or where the slope is at most the part `flat` of that at 0.
    rest: float = 0.01
    flat: float = 0.01
    # Where several points cost as much as one: the further ones are at these parts of
    # the way from the next point to either end of the bracket.
    parts: tuple = (0.02, 0.1, 0.3, 0.6, 0.9)
    # -- check -----------------------------------------------------------------------
    # Part of the terms of a sum over samples that rounding may take.
    cancelled: float = 1e-11


RULES = Rules()


@dataclass(frozen=True)
class Certificate:
    """A model, its objective and how far from the optimum it can be.

    Attributes
    ----------
    theta : ndarray
        The model; its intercept may be better than that of the model asked about.
    objective : float
        F(theta).
    criterion : float
        What the tolerance is compared with: the relative gap, or for alpha = 0 the
        max-norm of the smallest subgradient relative to that at zero. For the hinge
        that is an e-subgradient, with e relative to the objective if that is larger.
    scores : ndarray of shape (n_samples, n_rows), float64, or None
        Those of `theta`, where they were asked for.
    """

    theta: np.ndarray
    objective: float
    criterion: float
    scores: np.ndarray | None = None


class Certifier:
    """Certifies models of one objective, each time with the best bound so far.

    Parameters
    ----------
    objective : Objective
    dtype : float dtype, default=float64
        Precision of the products with X. In float32 the result is an estimate.

    Attributes
    ----------
    objective : Objective
    bound : float
        The largest proven lower bound of the optimum; nan for alpha = 0.
    pulled : ndarray
        V of the last dual point, before that was scaled.
    """

    pulled = None

    def __init__(self, objective, dtype=np.float64):
        self.objective = objective
        self._dtype = dtype
        self._best = None  # (-sum_i pi_i L_i*(a_i), V) of the best bound
        self._zero_stationarity = None
        # a = 0 is feasible, and the losses are not negative.
        self.bound = np.nan if objective.penalty.is_zero else 0.0

    def gap(self, value):
        """Relative duality gap of a model whose objective is `value`."""
        floor = 1e-10 * self.objective.value_at_zero
        # Not max(value - bound, 0): a nan must stay one.
        return np.maximum(value - self.bound, 0.0) / max(value, floor)

    def check(self, value, theta):
        """Raise if a model is better than the bound allows by more than rounding.

        Parameters
        ----------
        value : float
            Its objective, in float64.
        theta : ndarray
            The model.

        Raises
        ------
        RuntimeError
            If the bound is impossible: an error of this package, not of its user.
        """
        excess = self.bound - value
        if excess > 0.0 and excess > RULES.cancelled * self.objective.magnitude(theta):
            raise RuntimeError(
                f"The lower bound {self.bound!r} exceeds an objective of {value!r}: "
                "one of them is wrong. This is an error of sklearn_linloss; please "
                "report it with the data and the parameters of the fit."
            )

    def certify(
        self, theta, pull=None, scores=None, loss=None, unbalanced=0.0, keep=False
    ):  # fmt: skip
        """Certificate for `theta`.

        Parameters
        ----------
        theta : ndarray
        pull : ndarray of shape (n_samples, n_rows), optional
            pi_i * a_i, with a_i in the domain of L_i*. Without it the gradient of the
            loss is used, after the intercept was fitted to the coefficients.
        scores : ndarray of shape (n_samples, n_rows), float64, optional
            Those of `theta`, where they are known.
        loss : tuple, optional
            What the objective's `loss_gradient` returns for these scores, if known.
        unbalanced : float, default=0.0
            Where the slopes in the intercepts add up to no more, the intercepts are
            left as they are. The bound is then lower by about as much.
        keep : bool, default=False
            Whether the certificate has the scores of its model.

        Returns
        -------
        certificate : Certificate
        """
        f = self.objective
        if scores is None:
            scores = f.scores(theta, self._dtype).astype(np.float64, copy=False)
        if pull is not None and not f.loss.smooth:
            loss = f.loss_value(scores), pull
        if f.penalty.is_zero:
            value, gradient = f.loss_gradient(scores) if loss is None else loss
            criterion = self._stationarity(theta, gradient)
            if not f.loss.smooth:
                criterion = max(criterion, self._slackness(value, gradient, scores))
            return Certificate(theta, value, criterion, scores if keep else None)
        if f.fit_intercept and f.loss.smooth:
            shift, value, gradient = self._fit_intercept(scores, loss, unbalanced)
            theta = theta.copy()
            f.intercepts(theta)[:] += shift
            scores = scores + shift if keep and shift.any() else scores
        else:
            value, gradient = f.loss_gradient(scores) if loss is None else loss
        objective = value + f.penalty_value(theta)
        if pull is None:
            known = loss is not None and gradient is loss[1]
            pull = gradient.copy() if known else gradient
        kept = scores if keep else None
        del scores, gradient  # as large as what follows
        self.raise_bound(pull, objective)
        return Certificate(theta, objective, float(self.gap(objective)), kept)

    def criterion(self, theta, value=None, **known):
        """What the tolerance is compared with, for this very model.

        The criterion of a certificate is that of its own model, which may have a better
        intercept. `value` is the objective, where it is known, and `known` goes to
        `certify`.
        """
        certificate = self.certify(theta, **known)
        if self.objective.penalty.is_zero:
            return certificate.criterion
        if value is None:
            value = self.objective.value(theta, self._dtype)
        return float(self.gap(value))

    def _stationarity(self, theta, gradient):
        f = self.objective
        if self._zero_stationarity is None:
            zero = np.zeros(f.size)
            _, at_zero = f.data_gradient(zero, np.float64)
            self._zero_stationarity = f.stationarity(zero, at_zero)
        if self._zero_stationarity == 0.0:
            return 0.0
        return f.stationarity(theta, f.backward(gradient)) / self._zero_stationarity

    def _slackness(self, value, pull, scores):
        """How far a hinge is from complementary slackness with a dual point.

        The dual point is an e-subgradient with e = sum_i pi_i (L_i(s_i) + L_i*(a_i)
        - a_i s_i), and then F >= value - e - |sum_i pi_i a_i s_i| for all models of
        twice the size. Relative to the value.
        """
        f = self.objective
        if value == 0.0:
            return 0.0
        dual_value, _ = f.dual_value(pull)(1.0)
        work = np.vdot(pull, scores)
        excess = max(value - dual_value - work, 0.0)
        return float((excess + abs(work)) / max(value, 1e-10 * f.value_at_zero))

    def _fit_intercept(self, scores, loss, unbalanced):
        """Newton steps on the intercept over fixed coefficients.

        Returns what they add to it, and the loss as `certify` takes it.
        """
        f = self.objective
        value, gradient = f.loss_gradient(scores) if loss is None else loss
        total = np.zeros(f.n_rows)
        size = np.inf
        for _ in range(RULES.newton_steps):
            slope = gradient.sum(axis=0)
            before, size = size, np.abs(slope).sum()
            if size <= unbalanced:
                break
            if size > RULES.as_before * before or before == np.inf:
                hessian = f.intercept_hessian(gradient)
            step = -solve_laplacian(hessian, slope)
            if -(slope @ step) <= RULES.negligible * value:
                break
            for _ in range(RULES.halvings):
                trial, slopes = f.loss_gradient(scores, shift=total + step)
                if trial < value:
                    break
                slopes = None  # before others are made
                step *= 0.5
            else:
                break
            total += step
            value, gradient, slopes = trial, slopes, None
        return total, value, gradient

    def raise_bound(self, pull, objective):
        """Make a feasible point of `pull`, in place, and keep the better bound.

        `pull` is as in `certify`, and `objective` that of some model.
        """
        f = self.objective
        domain = make_feasible(f, pull)
        V = f.penalised(f.backward(pull.astype(self._dtype, copy=False)))
        np.negative(V, out=V)
        self.pulled = V
        if domain == 0.0:
            return
        data_part = f.dual_value(pull)

        def scaled(scale):
            value, slope = data_part(scale)
            conjugate, conjugate_slope = f.penalty.conjugate(V, scale)
            return value - conjugate, slope - conjugate_slope

        cap = min(domain, f.penalty.max_scale(V))
        scale, bound = maximize_concave(scaled, cap, 0.0, objective, foresee=f.foresee)
        if scale == 0.0:
            return
        if f.penalty.convexity == 0.0:
            self.bound = max(bound, self.bound)
            return
        value, _ = data_part(scale)
        V = scale * V
        if self._best is not None:
            value, V, bound = self._mix(value, V, objective)
        if bound > self.bound:
            self.bound, self._best = bound, (value, V)

    def _mix(self, value, V, objective):
        """The best point between the best dual so far and a new one, in place of V.

        (-sum pi L*, V) interpolates linearly, and the first part only gains by that.
        """
        penalty = self.objective.penalty
        old_value, old_V = self._best
        direction = np.subtract(V, old_V, out=V)

        def between(t):
            at_t = t * direction
            at_t += old_V
            mixed = old_value + t * (value - old_value)
            model = penalty.conjugate_gradient(at_t)
            slope = value - old_value - np.vdot(model, direction)
            return mixed - penalty.conjugate(at_t)[0], slope

        t, bound = maximize_concave(between, 1.0, self.bound, objective)
        direction *= t
        direction += old_V
        return old_value + t * (value - old_value), direction, bound


def make_feasible(objective, pull):
    """Let the dual points pi_i * a_i meet the constraints of the intercept and of
    features without a penalty, in place.

    Returns the largest scale that leaves them in the domain of the conjugates; 0 where
    no way was found to meet the constraints.
    """
    f = objective
    factor = np.ones((f.n_classes, f.n_classes))
    shift = np.zeros_like(factor)
    if len(f.penalty.free_features):
        if not let_go(f, pull):
            return 0.0
    elif f.fit_intercept:
        if not f.loss.smooth:
            leeway = f.leeway_flows(pull)
            f.use_leeway(pull, circulation(f.class_flows(pull), leeway))
        flows = f.class_flows(pull)
        factor, shift = balance_flows(flows, f.class_mass())
    return f.adjust_flows(pull, factor, shift)


def circulation(flows, leeway):
    """Parts of the leeway that make inflow equal outflow in every class.

    Flow kj changes by c_kj leeway_kj. Of all c that balance the classes, this is the
    one with the least sum of c_kj^2 leeway_kj: c_kj = p_k - p_j, with potentials p that
    solve a Laplacian system. Parts beyond 1 are cut, and then some imbalance is left.

    Parameters
    ----------
    flows, leeway : ndarrays of shape (n_classes, n_classes)
        flows[k, j] = sum of pi_i a_ij over the samples of class k, and how much it may
        rise or fall.

    Returns
    -------
    part : ndarray of shape (n_classes, n_classes)
        Between -1 and 1.
    """
    both = leeway + leeway.T
    surplus = flows.sum(axis=0) - flows.sum(axis=1)
    potential = solve_laplacian(np.diag(both.sum(axis=0)) - both, surplus)
    return np.clip(np.subtract.outer(potential, potential), -1.0, 1.0)


def balance_flows(flows, class_weight):
    """Factors and shifts that make inflow equal outflow in every class.

    Parameters
    ----------
    flows : ndarray of shape (n_classes, n_classes)
        flows[k, j] = sum of pi_i a_ij over the samples of class k.
    class_weight : ndarray of shape (n_classes,)
        Sum of pi_i over the samples of a class.

    Returns
    -------
    factor, shift : ndarrays of shape (n_classes, n_classes)
        For `Objective.adjust_flows`.
    """
    factor = np.ones_like(flows)
    shift = np.zeros_like(flows)
    if len(flows) == 2:
        # One number a sample: only scaling down stays within its sign and domain.
        forth, back = flows[0, 1], flows[1, 0]
        factor[0, 1] = min(1.0, back / forth) if forth > 0.0 else 1.0
        factor[1, 0] = min(1.0, forth / back) if back > 0.0 else 1.0
        return factor, shift
    surplus = flows.sum(axis=0) - flows.sum(axis=1)
    excess, lack = np.maximum(surplus, 0.0), np.maximum(-surplus, 0.0)
    if excess.sum() == 0.0 or lack.sum() == 0.0:
        return factor, shift
    # transport[k, j]: from the inflow of k to that of j.
    transport = np.outer(excess, lack) / excess.sum()
    cancel = np.minimum(transport, flows.T)
    rest = transport - cancel
    # A factor for what is next to nothing would overflow.
    some = flows > RULES.nothing
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        factor -= np.where(cancel.T > 0.0, cancel.T / flows, 0.0)
        factor += np.where((rest > 0.0) & some, rest / flows, 0.0)
    empty = (rest > 0.0) & ~some
    shift[empty] = (rest / class_weight[:, None])[empty]
    return factor, shift


class _Trials:
    """The points that a search asks for, where several come at the price of one.

    Parameters
    ----------
    function, foresee
        As `maximize_concave` takes them.
    """

    def __init__(self, function, foresee):
        self._function, self._foresee = function, foresee
        self._known = []

    def near(self, t, low, high):
        """A point of the bracket to ask for in the place of `t`."""
        if self._foresee is None:
            return t
        known = [each for each in self._known if low < each < high]
        if known:
            t = min(known, key=lambda each: abs(each - t))
            known.remove(t)
        else:
            above = t if high == np.inf else high - t
            known = [t - part * (t - low) for part in RULES.parts]
            if above > 0.0:
                known += [t + part * above for part in RULES.parts]
            self._foresee(self._function, known)
        self._known = known
        return t


def maximize_concave(
    function, cap, at_zero, ceiling, slope_at_zero=None, foresee=None
):  # fmt: skip
    """Maximise a concave function of one number over [0, cap].

    Starts from min(1, cap), near which the maximum is expected, and takes the secant of
    the slope inside a bracket. The search ends where the rest of the bracket can gain
    less than a hundredth of what was gained, and of what `ceiling` leaves to gain; or
    where the slope is less than a hundredth of that at 0.

    Parameters
    ----------
    function : callable
        t -> value, slope, for t > 0.
    cap : float
        May be infinite.
    at_zero : float
        The value at 0.
    ceiling : float
        An upper bound of the values.
    slope_at_zero : float, optional
        The slope at 0, where it is known.
    foresee : callable, optional
        Given where several calls cost as much as one: `foresee(function, points)` has
        the answers at points ready with that of the next call. The search then goes on
        with one of them, near the point that it would take.

    Returns
    -------
    t, value : float
        The best point seen.
    """
    best_t, best_value = 0.0, at_zero
    low, low_slope = 0.0, slope_at_zero
    high, high_slope = cap, None
    t = min(1.0, cap)
    stride = RULES.stride * t
    span = np.inf
    trials = _Trials(function, foresee)
    for _ in range(RULES.search_steps):
        t = trials.near(t, low, high)
        value, slope = function(t)
        if value > best_value:
            best_t, best_value = t, value
        if slope > 0.0:
            low, low_slope = t, slope
        else:
            high, high_slope = t, slope
        width = high - t if slope > 0.0 else t - low
        narrowed, span = high - low <= RULES.narrowed * span, high - low
        # At a cap the slope may be infinite.
        left = width * abs(slope) if 0.0 < width < np.inf else width
        measure = min(ceiling - best_value, best_value - at_zero)
        high_enough = left <= RULES.rest * measure
        flat_enough = (
            slope_at_zero is not None and abs(slope) <= RULES.flat * slope_at_zero
        )
        if best_t > 0.0 and (high_enough or flat_enough):
            break
        if slope > 0.0 and high_slope is None:
            t = min(t + stride, cap)
            stride *= RULES.growth
        elif low_slope is None:
            t = max(t - stride, RULES.lower * t)
            stride *= RULES.growth
        elif best_t > 0.0 and not narrowed:
            # Secants alone may approach one end of the bracket slowly.
            t = 0.5 * (low + high)
        else:
            part = 0.5
            if low_slope > high_slope > -np.inf:
                part = low_slope / (low_slope - high_slope)
            # Where no point was better than 0, the best one may be smaller than the
            # present one by many orders of magnitude: go down by a factor at least.
            part = part if best_t > 0.0 else min(part, RULES.lower)
            t = low + (high - low) * part
    return best_t, best_value
