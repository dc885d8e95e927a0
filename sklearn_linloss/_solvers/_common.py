"""What every solver takes and returns."""

from copy import copy
from dataclasses import dataclass, field

import numpy as np

from .._certificate import maximize_concave
from .._log import tell
from ._clock import Clock


@dataclass(frozen=True)
class Rules:
    """Numbers that solvers share; 0007 and 0014 are decisions in docs/adr/."""

    probe_rows: int = 512  # rows from which second moments are estimated (0007)
    probe_steps: int = 15  # steps of power and of subspace iteration on them
    directions: int = 16  # most directions that are damped (0007)
    flattest: float = 0.1  # of the largest eigenvalue: damped no further (0028)
    far_above: float = 2.0  # objective over the lowest, from which a fit diverges
    # A solver stalls where neither its gap falls to this part of itself, nor its
    # objective to that, within so many iterations (0014).
    stalled_gap: float = 0.7
    stalled_objective: float = 0.99
    stalled_for: int = 100
    # Objective over that at zero, below which multiples of a model are looked at, and
    # what they have to gain, in tolerances (0020).
    separated: float = 0.02
    gain: float = 0.1
    # Sum of the slopes in the intercepts over the objective, in tolerances, up to which
    # a certificate leaves them as they are.
    unbalanced: float = 0.2


RULES = Rules()


@dataclass(frozen=True)
class Options:
    """The parameters of a fit that solvers read, named as on the estimators."""

    tol: float
    max_iter: int
    learning_rate: str = "auto"
    eta0: float = 0.01
    power_t: float = 0.5
    momentum: float = 0.9
    batch_size: int | str = "auto"
    average: bool | int = False
    shuffle: bool = True
    early_stopping: bool = False
    n_iter_no_change: int = 5
    seed: int = 0
    verbose: int = 0
    clock: Clock = field(default_factory=Clock)
    # Whether another solver may go on where this one stalls.
    hands_over: bool = False
    # pi_i * a_i near the best, for the solvers that keep dual variables.
    pull: np.ndarray | None = None
    # Scores of the model to start from in float64, where they are known.
    scores: np.ndarray | None = None

    def reached(self, criterion):
        """Whether a fit may stop; with `tol=0` it makes all its iterations."""
        return self.tol > 0.0 and criterion <= self.tol


@dataclass(frozen=True)
class SolverResult:
    """Where a solver stopped.

    Attributes
    ----------
    theta : ndarray
        The model.
    converged : bool
        Whether the solver's stopping rule was met.
    by_gap : bool
        Whether that rule is the gap, and not a plateau of the objective.
    pull : ndarray of shape (n_samples, n_rows) or None
        pi_i * a_i of the dual variables, where the solver keeps such.
    stalled : bool
        Whether another solver should go on from here.
    scores : ndarray of shape (n_samples, n_rows), float64, or None
        Those of the model, where the solver has them.
    """

    theta: np.ndarray
    converged: bool
    pull: np.ndarray | None = None
    by_gap: bool = True
    stalled: bool = False
    scores: np.ndarray | None = None


class Progress:
    """The objective after each iteration, told to the user who wants to watch.

    Attributes
    ----------
    loss_curve : list of float
        The objective at the start and after each iteration.
    batch_loss_curve : list of float
        The objective estimated from each mini-batch.
    validation : Validation or None
    model : ndarray
        The model that would be returned now.
    stopped : bool
        Whether the validation set, a callback or the clock ended the fit.
    out_of_time : bool
        Whether it was the clock.
    certifier : Certifier or None
        That of the fit, whose bound is told to the user.
    """

    def __init__(self, solver, options, validation=None, callbacks=None):
        self.loss_curve = []
        self.batch_loss_curve = []
        self.model = None
        self.stopped = self.out_of_time = False
        self.validation = validation
        self.certifier = None
        self._callbacks = callbacks
        self._under_way = False
        self._goes_on = False
        self._solver = self._phase = solver
        self._clock, self._last, self._shortest = options.clock, 0.0, np.inf
        self._verbose = options.verbose
        self._patience = options.n_iter_no_change
        self._lowest = []

    def enter(self, phase):
        """Name what the solver does now, for the user who watches."""
        self._phase = phase

    def hand_over(self, solver):
        """Let another solver go on, whose start is no iteration."""
        self._solver = self._phase = solver
        self._goes_on = True

    @property
    def n_iter(self):
        """Iterations so far."""
        return len(self.loss_curve) - 1

    @property
    def lowest(self):
        """The lowest objective so far."""
        return self._lowest[-1]

    def proceeds(self, max_iter):
        """Whether there is another iteration to make, which then begins."""
        if self.stopped or self.n_iter >= max_iter:
            return False
        if not self._under_way and self._callbacks is not None:
            self._callbacks.begin()
        self._under_way = True
        return True

    def record(self, objective, theta, gap=None):
        """Note the model that would be returned now and its objective.

        The first call notes the start; each later one ends an iteration. With early
        stopping the model that would be returned is the best one so far. `gap` is an
        estimate of the relative gap, of a solver that has one.
        """
        if self._goes_on:
            self._goes_on = False
            return
        validation = self.validation
        if validation is not None and not validation.improves(theta):
            objective, theta = self.loss_curve[-1], self.model
        self.model = theta
        self.loss_curve.append(float(objective))
        lowest = self._lowest[-1] if self._lowest else np.inf
        self._lowest.append(min(lowest, float(objective)))
        gap, about = self._known_gap(objective, gap)
        if self._verbose:
            self._tell(f"iteration {self.n_iter}", objective, gap, about)
        self._under_way = False
        self.stopped = validation is not None and validation.satisfied
        if self._callbacks is not None:
            self.stopped |= self._callbacks.end(self.model, gap)
        self._look_at_clock()

    def finish(self, objective, gap):
        """The fit is over, with a model of this objective and certified gap."""
        if self._verbose:
            self._phase = "certificate"
            self._tell(f"end after {self.n_iter} iterations", objective, gap, "")

    def interrupt(self):
        """End the fit, whose time is over, and return the model on record."""
        self.stopped = self.out_of_time = True
        return self.model

    def _look_at_clock(self):
        """Stop where another iteration, and the certificate, would end too late."""
        now = self._clock.elapsed
        if self.n_iter > 0:
            took = now - self._last
            self._shortest = min(self._shortest, took)
            # The first one prepares the others, too. Where they get longer, the next
            # one takes what the last one did.
            needed = max(self._shortest * min(self.n_iter, 3), took)
            if not self.stopped and self._clock.is_over(needed):
                self.interrupt()
        self._last = now

    def _known_gap(self, objective, estimate):
        """The estimate and its sign, or what the best bound proves; nan without both.

        No gap is above 1, as losses are not negative.
        """
        if estimate is not None:
            return min(float(estimate), 1.0), "~"
        if self.certifier is not None and self.certifier.bound > 0.0:
            return float(self.certifier.gap(objective)), ""
        return np.nan, ""

    def _tell(self, moment, objective, gap, about):
        """A line for the user."""
        known = f", gap {about}{gap:.1e}" if np.isfinite(gap) else ""
        phase = "" if self._phase == self._solver else f", {self._phase}"
        tell(
            f"[{self._solver}] {moment}: objective {objective:.8g}{known}, "
            f"{self._clock.elapsed:.2f} s{phase}"
        )

    def slowed(self, tol):
        """Whether the last iteration lowered the objective by at most tol * F.

        While iterations gain more, a gap below the tolerance is not to be expected.
        """
        before, now = self.loss_curve[-2:]
        return before - now <= tol * now

    def amend(self, objective):
        """Correct the last entry: the model was improved without an iteration."""
        self.loss_curve[-1] = float(objective)

    def plateaued(self, tol):
        """Whether the last iterations lowered the objective by less than tol * F.

        An objective far above the lowest so far is no plateau: it diverges.
        """
        if tol == 0.0 or self.n_iter < self._patience:
            return False
        if self.loss_curve[-1] > RULES.far_above * self._lowest[-1]:
            return False
        gain = self._lowest[-1 - self._patience] - self._lowest[-1]
        return gain <= tol * max(self._lowest[-1], 1e-10 * self.loss_curve[0])


def snapshot(state, *names):
    """A copy of `state` to return to, with arrays of its own under `names`."""
    other = copy(state)
    for name in names:
        setattr(other, name, getattr(state, name).copy())
    return other


class Stall:
    """Whether a solver hardly comes nearer to the optimum, if another may go on.

    Attributes
    ----------
    stalled : bool
        What it said last.
    """

    def __init__(self, options, far=0.0):
        self.stalled = False
        self._far = far  # the relative gap above which another may be faster
        self._watches = options.hands_over and options.tol > 0.0
        self._gap = self._value = np.inf
        self._since = 0

    def __call__(self, iteration, gap, value):
        """Note the relative gap after an iteration, and the objective of its model."""
        nearer = (
            gap < RULES.stalled_gap * self._gap
            or value < RULES.stalled_objective * self._value
        )
        if nearer or not self._watches:
            self._gap, self._value, self._since = gap, value, iteration
        waits = iteration - self._since >= RULES.stalled_for
        self.stalled = waits and gap > self._far
        return self.stalled


class Best:
    """The best model so far, for the solvers that do not descend in every step."""

    def __init__(self, theta, value):
        self.theta = theta
        self.value = value

    def consider(self, theta, value):
        """Take it if it is better."""
        if value < self.value:
            self.theta, self.value = theta, value


def is_separated(f, value):
    """Whether an objective of `value` says that the classes come apart."""
    return value < RULES.separated * f.value_at_zero


def dual_multiple(f, pull, theta):
    """What part of pi_i * a_i pulls most like the penalty at a model.

    At the optimum the two are equal, where coefficients are not zero.
    """
    w = f.penalised(theta)
    pulled = np.where(w != 0.0, f.penalised(f.backward(pull)), 0.0)
    slope = f.penalty.gradient(w)
    square = pulled @ pulled
    return min(max(-(pulled @ slope) / square, 0.0), 1.0) if square > 0.0 else 1.0


def best_multiple(f, theta, scores, value, tol):
    """The best multiple of a model whose classes come apart, and its objective.

    Where samples lack a little to the margin, and the penalty is next to nothing, their
    loss is most of the objective. A little more of the same model has none of it.

    Parameters
    ----------
    f : Objective
    theta : ndarray
    scores : ndarray of shape (n_samples, n_rows)
        Those of `theta`.
    value : float
        F(theta).
    tol : float
        Tolerance of the relative gap: what is small beside it is not looked for.

    Returns
    -------
    theta : ndarray
    value : float
    """
    if f.penalty.is_zero or not is_separated(f, value):
        return theta, value
    penalty = f.penalty.along(f.penalised(theta))

    def at(t):
        loss, slope = f.loss_of_multiple(scores, t)
        value, bend = penalty(t)
        return loss + value, slope + bend, loss, slope

    _, slope, loss, loss_slope = at(1.0)
    # The least change that removes the loss, if that is linear: the margin is near.
    # Where there is no loss, half of the model may do.
    nearest = min(loss / abs(loss_slope), 1.0) if loss_slope != 0.0 else 0.5
    change = -np.sign(slope) * nearest
    if abs(slope * change) <= RULES.gain * tol * value:
        return theta, value

    def along(u):
        total, slope, _, _ = at(1.0 + u * change)
        return -total, -slope * change

    cap = np.inf if change > 0.0 else -1.0 / change
    u, better = maximize_concave(along, cap, -value, 0.0, -slope * change, f.foresee)
    return (1.0 + u * change) * theta, -better


def certified(certifier, theta, options, progress):
    """The result, if `theta` can be certified to the tolerance, else None.

    The coefficients are those that will be stored, in the precision of X, where that
    costs no sample its margin: their scores serve the fit once more. Without a penalty
    rounding would move the gradient, which is what is certified. The intercept that the
    certificate found for them is kept, if those of `theta` are not near enough.
    """
    f, value = certifier.objective, progress.loss_curve[-1]
    if not (f.penalty.is_zero or is_separated(f, value)):
        theta = f.pack(*f.stored(theta))
    unbalanced = RULES.unbalanced * options.tol * value
    certificate = certifier.certify(theta, unbalanced=unbalanced, keep=True)
    if not options.reached(certificate.criterion):
        return None
    progress.amend(certificate.objective)
    return SolverResult(certificate.theta, converged=True, scores=certificate.scores)


def diverged(solver, iteration, rate=None):
    """The error for a fit whose objective or weights are no longer finite."""
    with_rate = "" if rate is None else f" with learning rate {rate:g}"
    lower = "" if rate is None else 'Lower eta0, use learning_rate="auto", or scale'
    return ValueError(
        f"The solver {solver!r} diverged in iteration {iteration}{with_rate}: the "
        f"objective or the weights are no longer finite. {lower or 'Scale'} the "
        "features (StandardScaler)."
    )


class Checkpoints:
    """Iterations at which to certify: few, at a steady ratio."""

    def __init__(self, ratio=1.2, first=1):
        self._ratio = ratio
        self._next = first

    def __call__(self, iteration):
        """Whether to certify at this iteration."""
        if iteration < self._next:
            return False
        self._next = max(iteration + 1, int(self._ratio * iteration))
        return True

    def postpone(self, iteration):
        """Ask again at this iteration, or when it comes next."""
        self._next = min(self._next, iteration)


def feature_metric(f):
    """Curvature of the data part along each coordinate of theta, if that of the loss
    were one: the variances of the features, and 1 for intercepts.
    """
    second_moment = f.variance if f.mean is not None else f.second_moment
    largest = second_moment.max()
    # A feature without variance has no gradient either: any positive number does.
    floor = 1e-12 * largest if largest > 0.0 else 1.0
    metric = np.ones(f.size)
    f.penalised(metric)[:] = f.per_feature(np.maximum(second_moment, floor))
    return metric


def batch_curvature(f, batch_size, width, rng):
    """Curvature of a typical mini-batch's objective, and a scale for the intercept.

    With B rows a batch, that of the whole plus 1/B of a single row's (R. M. Gower et
    al., "SGD: general analysis and improved rates", ICML 2019, on expected smoothness).
    The hinge counts as smoothed over `width`. The intercept, whose feature is constant
    one, may take steps longer by the scale: in that unit its curvature is that of the
    steepest direction.
    """
    whole, row = curvature_scales(f, rng)
    curvature = f.loss.curvature(f.n_classes, width)
    return curvature * (whole + (row + whole) / batch_size) + f.penalty.convexity, whole


def curvature_scales(f, rng, basis=None, damping=None, metric=None):
    """Largest eigenvalue and trace of the matrix of second moments of the features.

    Of the centred features, where theta counts from a centre, times the roots of a
    `metric`. The part `damping` of the components along the orthonormal rows of `basis`
    is left out. The eigenvalue is estimated by power iteration on some rows; 1 stands
    for zero.
    """
    Z = _some_rows(f, rng, metric)
    second_moment = f.variance if f.mean is not None else f.second_moment
    if metric is not None:
        second_moment = metric * second_moment
    trace = second_moment.sum()
    if basis is not None and len(basis):
        trace -= damping @ np.square(_product(Z, basis.T)).mean(axis=0)
    direction = rng.standard_normal(f.n_features)
    largest = 0.0
    for _ in range(RULES.probe_steps):
        norm = np.linalg.norm(direction)
        if norm == 0.0:
            break
        direction /= norm
        direction = _second_moments(Z, direction)
        if basis is not None:
            direction -= (damping * (basis @ direction)) @ basis
        largest = np.linalg.norm(direction)
    return (largest if largest > 0.0 else 1.0), max(trace, 0.0)


def leading_directions(f, rng, metric=None):
    """Directions in which the features vary most, and how much to damp each.

    The features count times the roots of a `metric`. By subspace iteration on some
    rows. Without the part `damping` of each, no direction has an eigenvalue above that
    of the first one left out, or `RULES.flattest` times the largest if that is more.

    Returns
    -------
    basis : ndarray of shape (k, n_features)
        Orthonormal rows.
    damping : ndarray of shape (k,)
    """
    count = min(RULES.directions + 1, f.n_features)
    Z = _some_rows(f, rng, metric)
    basis = rng.standard_normal((f.n_features, count))
    for _ in range(RULES.probe_steps):
        basis, _ = np.linalg.qr(_second_moments(Z, basis))
    values, mixing = np.linalg.eigh(basis.T @ _second_moments(Z, basis))
    values, basis = values[::-1], (basis @ mixing[:, ::-1]).T
    steepest = max(values[0], 0.0)
    flat = max(values[-1], RULES.flattest * steepest)
    steep = values > flat
    return basis[steep], 1.0 - flat / values[steep]


def _some_rows(f, rng, metric=None):
    """Rows of X in float64, and the centre of the features, both times the roots of a
    `metric`, of dense features.
    """
    rows = rng.choice(f.n_samples, min(f.n_samples, RULES.probe_rows), replace=False)
    centre = f.mean if f.mean is not None else np.zeros(f.n_features)
    X = f.design.rows(np.sort(rows)).astype(np.float64)
    if metric is None:
        return X, centre
    return X * np.sqrt(metric), centre * np.sqrt(metric)


def _product(Z, directions):
    """Z's centred rows times directions."""
    X, centre = Z
    return X @ directions - centre @ directions


def _second_moments(Z, directions):
    """Second moments of centred rows times directions."""
    X, centre = Z
    image = _product(Z, directions)
    product = X.T @ image
    product -= np.multiply.outer(centre, image.sum(axis=0))
    return product / X.shape[0]
