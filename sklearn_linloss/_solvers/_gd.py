"""Full-gradient descent: accelerated with its own steps, or the textbook's one step.

The accelerated form is FISTA (A. Beck and M. Teboulle, "A fast iterative shrinkage-
thresholding algorithm", SIAM J. Imaging Sciences 2009) in the metric of the features'
variances, M = diag(metric). In the symbols of the paper:

1. t_{k+1} = (1 + sqrt(1 + 4 t_k^2)) / 2, the point y = x_k + (t_k - 1) / t_{k+1} *
   (x_k - x_{k-1}); equations (4.2) and (4.3).
2. L, an estimate of the largest curvature of the data part f near y, in that metric.
3. x_{k+1} = p_L(y), the proximal gradient step of length 1/L from y (4.1). Backtracking
   raises L until f(x_{k+1}) is at most its quadratic model.
4. Restart with t = 1 where the step turns back, <M (y - x_{k+1}), x_{k+1} - x_k> > 0:
   the gradient scheme of B. O'Donoghue and E. Candes, "Adaptive restart for accelerated
   gradient schemes", Foundations of Computational Mathematics 2015.
5. Stop by the duality gap. The hinge is smoothed over a width. When more than half of
   the gap is due to that, the width is halved, and the method restarts.
"""

from dataclasses import dataclass

import numpy as np

from ._common import Checkpoints, SolverResult, certified, diverged, feature_metric


@dataclass(frozen=True)
class Rules:
    """Numbers by which the steps are chosen; 0002 is a decision in docs/adr/."""

    power_steps: int = 10  # power steps for the first estimate of L
    power_every: int = 5  # iterations between later ones, of one step each (0002)
    smallest_fall: float = 0.5  # least factor of the estimate in one power step
    factor: float = 2.0  # of L, where backtracking finds it too small
    late_factor: float = 8.0  # the same in the second half of the time of a fit
    # Divides, in each iteration, the factor by which backtracking raised L.
    growth: float = 1.05
    steepest: float = 1e8  # L over its estimate, at which rounding rejects all steps
    rounding: float = 10.0  # units in the last place that a step may seem to rise by
    # The width of the smoothed hinge is multiplied by `narrower` once smoothing is more
    # than the part `blurred` of the gap.
    blurred: float = 0.5
    narrower: float = 0.5
    # In margins, of the smoothed hinges whose slopes are tried as dual points.
    widths: tuple = (1.5, 0.5, 0.1)


RULES = Rules()


def solve(objective, theta, certifier, options, progress):
    """Minimise by (proximal) gradient steps from `theta`."""
    if options.learning_rate == "constant":
        return _constant(objective, theta, certifier, options, progress)
    return _accelerated(objective, theta, certifier, options, progress)


def _accelerated(f, theta, certifier, options, progress):
    """FISTA; `age` is t_k, `start` is y, `theta` and `previous` are x_k and x_{k-1}.

    Scores are linear in theta, so that those of y cost no pass over X. The gradient of
    the smoothed hinge is an epsilon-subgradient of the hinge. The best iterate is
    returned.
    """
    smooth = f.loss.smooth
    width = 0.0 if smooth else f.loss.delta
    metric = feature_metric(f)
    curvature = _LocalCurvature(f, metric, options.clock)
    slack = RULES.rounding * np.finfo(f.dtype).eps * f.value_at_zero
    age = 1.0
    scores = f.scores(theta)
    previous, previous_scores = theta, scores
    best, best_value = theta, f.loss_value(scores) + f.penalty_value(theta)
    progress.record(best_value, best)
    due = Checkpoints()
    stalled = False
    while progress.proceeds(options.max_iter):
        t = progress.n_iter + 1
        # 1. Extrapolation.
        older = age
        age = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * age * age))
        beta = float((older - 1.0) / age)
        start = theta + beta * (theta - previous)
        start_scores = scores + beta * (scores - previous_scores)
        value, pull = f.loss_gradient(start_scores, width)
        gradient = f.backward(pull)
        # 2. Curvature.
        L = L_start = curvature.estimate(start_scores, width)
        # 3. Step, with backtracking.
        while True:
            trial = _prox_step(f, start, gradient, 1.0 / (L * metric))
            move = trial - start
            trial_scores = f.scores(trial)
            trial_value = f.loss_value(trial_scores, width)
            model = gradient @ move + 0.5 * L * (move @ (metric * move))
            if trial_value <= value + model + slack:
                break
            L = curvature.reject()
            if not L < RULES.steepest * L_start:
                stalled = True
                break
        # 4. Restart.
        if (metric * (start - trial)) @ (trial - theta) > 0.0:
            age = 1.0
        previous, previous_scores = theta, scores
        theta, scores = trial, trial_scores

        # 5. Stop.
        data_value = trial_value if smooth else f.loss_value(scores)
        objective = data_value + f.penalty_value(theta)
        if smooth or objective < best_value:
            best, best_value = theta, objective
        progress.record(best_value, best)
        checkpoint = due(t)
        if smooth and not f.penalty.is_zero:
            # Without a penalty the criterion is the gradient, not the gap: it may be
            # small while F still falls.
            checkpoint = checkpoint and progress.slowed(options.tol)
        last = t == options.max_iter or progress.stopped
        if not (checkpoint or last or stalled):
            continue
        if smooth:
            if checkpoint:
                result = certified(certifier, theta, options, progress)
                if result is not None:
                    return result
                criterion = np.inf
            else:
                criterion = certifier.criterion(theta, objective)
        else:
            scores_of_model = f.scores(theta, np.float64)
            _, pull = f.loss_gradient(scores_of_model, width)
            criterion = certifier.criterion(
                theta, best_value, pull=pull, scores=scores_of_model
            )
            smoothing = data_value - trial_value
            if f.penalty.is_zero:
                # No gap: a plateau decides, once the smoothing is negligible.
                still = progress.plateaued(options.tol) or criterion <= options.tol
                blurred = smoothing > options.tol * data_value and data_value > 0.0
                criterion = 0.0 if still and not blurred else np.inf
                narrow = still and blurred
            else:
                narrow = smoothing > RULES.blurred * criterion * objective
            if narrow:
                width *= RULES.narrower
                age = 1.0
        if options.reached(criterion):
            return SolverResult(best, converged=True)
        if stalled and options.tol > 0.0:
            break
        stalled = False
    return SolverResult(best, converged=False)


class _LocalCurvature:
    """Stage 2: the largest curvature of the data part in a metric, near the iterates.

    Backtracking alone tests the curvature along the steps only. In other directions its
    steps become unstable, and rounding errors grow there until they show in the model
    (docs/adr/0002). So power iteration follows the largest eigenvalue of the Hessian,
    and backtracking corrects estimates that are still too small.
    """

    def __init__(self, f, metric, clock):
        self._f = f
        self._clock = clock
        self._metric = metric
        self._direction = np.random.default_rng(0).standard_normal(f.size)
        self._margin = 1.0
        self._calls = 0
        self._largest = 0.0

    def estimate(self, scores, width):
        """L at `scores`, from a new power step in some of the calls."""
        steps = RULES.power_steps if self._calls == 0 else 1
        if self._calls % RULES.power_every == 0:
            for _ in range(steps):
                self._power_step(scores, width)
                if self._late():
                    break  # the rest of the time is for steps
            if self._largest == 0.0:
                self._largest = 1.0
        self._calls += 1
        self._margin = max(1.0, self._margin / RULES.growth)
        return self._value()

    def reject(self):
        """A larger L, after backtracking found the last one too small.

        Raises OutOfTimeError at the end of the time.
        """
        self._clock.check()
        self._margin *= RULES.late_factor if self._late() else RULES.factor
        return self._value()

    def _late(self):
        """Whether half of the time of the fit is over."""
        return self._clock.is_over(self._clock.elapsed)

    def _power_step(self, scores, width):
        f, u = self._f, self._direction
        u = u / np.sqrt(u @ (self._metric * u))
        image = f.loss_hessian(scores, f.scores(u), width)
        product = f.backward(image)
        largest = float(u @ product)
        if largest > RULES.smallest_fall * self._largest:
            self._largest = largest
            self._direction = product / self._metric
        else:
            # The hinges have no curvature in places; one estimate there says little.
            self._largest *= RULES.smallest_fall

    def _value(self):
        return self._margin * self._largest


def _prox_step(f, theta, gradient, step):
    new = theta - step * gradient
    f.penalised(new)[:] = f.penalty.prox(f.penalised(new), f.penalised(step))
    return new


def _constant(f, theta, certifier, options, progress):
    """The textbook step theta -= eta0 * gradient, proximal for the L1 part.

    X is read once a step, and with a tolerance also for certificates: at checkpoints
    for the smooth losses, at the end for the hinge, which stops on a plateau.
    """
    rate = options.eta0
    due = Checkpoints()
    for t in range(options.max_iter + 1):
        value, gradient = f.data_gradient(theta)
        objective = value + f.penalty_value(theta)
        if not np.isfinite(objective):
            raise diverged("gd", t, rate)
        progress.record(objective, theta)
        if not f.loss.smooth:
            if progress.plateaued(options.tol):
                certify_hinge(f, theta, certifier)
                return SolverResult(theta, converged=True, by_gap=False)
        elif options.tol > 0.0 and t > 0 and due(t):
            if options.reached(certifier.criterion(theta, objective)):
                return SolverResult(theta, converged=True)
        if not progress.proceeds(options.max_iter):
            break
        w = f.penalised(theta)
        f.penalised(gradient)[:] += f.penalty.smooth_gradient(w)
        theta = theta - rate * gradient
        f.penalised(theta)[:] = f.penalty.prox_rest(f.penalised(theta), rate)
    if not f.loss.smooth:
        certify_hinge(f, theta, certifier)
        return SolverResult(theta, converged=False)
    criterion = certifier.criterion(theta, objective)
    return SolverResult(theta, options.reached(criterion))


def certify_hinge(f, theta, certifier):
    """Certify with the slopes of smoothed hinges: those of the hinge prove little."""
    scores = f.scores(theta, np.float64)
    for width in RULES.widths:
        _, pull = f.loss_gradient(scores, width * f.loss.delta)
        certifier.certify(theta, pull, scores)
