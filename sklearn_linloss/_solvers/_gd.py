"""Full-gradient descent: accelerated with its own steps, or the textbook's one step."""

import numpy as np

from ._common import Checkpoints, SolverResult, certified, diverged, feature_metric

_STEEPEST = 1e8  # times the curvature: then rounding errors reject the step
_POWER_STEPS = 10
_POWER_EVERY = 5
_GROWTH = 1.05
_SMALLEST_FALL = 0.5
_WIDTHS = (1.5, 0.5, 0.1)  # of the margin


def solve(objective, theta, certifier, options, progress):
    """Minimise by (proximal) gradient steps from `theta`."""
    if options.learning_rate == "constant":
        return _constant(objective, theta, certifier, options, progress)
    return _accelerated(objective, theta, certifier, options, progress)


def _accelerated(f, theta, certifier, options, progress):
    """Accelerated proximal gradient with its own steps, and restarts.

    A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm", SIAM
    J. Imaging Sciences 2009; restarts of B. O'Donoghue and E. Candes, "Adaptive restart
    for accelerated gradient schemes", Foundations of Computational Mathematics 2015.
    Steps are taken in the metric of the features' variances; scores are linear in
    theta, so those of the extrapolated point cost no pass over X.

    The hinge is smoothed over a width that shrinks as the gap does; the gradient of the
    smoothed hinge is an epsilon-subgradient of the hinge. The best iterate is returned.
    """
    smooth = f.loss.smooth
    width = 0.0 if smooth else f.loss.delta
    metric = feature_metric(f)
    curvature = _LocalCurvature(f, metric)
    slack = 10.0 * np.finfo(f.dtype).eps * f.value_at_zero
    age = 1.0
    scores = f.scores(theta)
    previous, previous_scores = theta, scores
    best, best_value = theta, f.loss_value(scores) + f.penalty_value(theta)
    progress.record(best_value, best)
    due = Checkpoints()
    stalled = False
    while progress.proceeds(options.max_iter):
        t = progress.n_iter + 1
        older = age
        age = 0.5 * (1.0 + np.sqrt(1.0 + 4.0 * age * age))
        beta = float((older - 1.0) / age)
        start = theta + beta * (theta - previous)
        start_scores = scores + beta * (scores - previous_scores)
        value, pull = f.loss_gradient(start_scores, width)
        gradient = f.backward(pull)
        L = L_start = curvature.estimate(start_scores, width)
        while True:
            trial = _prox_step(f, start, gradient, 1.0 / (L * metric))
            move = trial - start
            trial_scores = f.scores(trial)
            trial_value = f.loss_value(trial_scores, width)
            model = gradient @ move + 0.5 * L * (move @ (metric * move))
            if trial_value <= value + model + slack:
                break
            L = curvature.reject()
            if not L < _STEEPEST * L_start:
                stalled = True
                break
        if (metric * (start - trial)) @ (trial - theta) > 0.0:
            age = 1.0
        previous, previous_scores = theta, scores
        theta, scores = trial, trial_scores

        data_value = trial_value if smooth else f.loss_value(scores)
        objective = data_value + f.penalty_value(theta)
        if smooth or objective < best_value:
            best, best_value = theta, objective
        progress.record(best_value, best)
        checkpoint = due(t)
        if smooth and not f.penalty.is_zero:
            # Without a penalty the slope decides, which may vanish while F still falls.
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
            _, dual = f.loss_gradient(f.scores(theta, np.float64), width)
            criterion = certifier.criterion(theta, best_value, dual=dual)
            smoothing = data_value - trial_value
            if f.penalty.is_zero:
                # No gap: a plateau decides, once what was smoothed is negligible.
                still = progress.plateaued(options.tol) or criterion <= options.tol
                blurred = smoothing > options.tol * data_value and data_value > 0.0
                criterion = 0.0 if still and not blurred else np.inf
                narrow = still and blurred
            else:
                narrow = smoothing > 0.5 * criterion * objective
            if narrow:
                width *= 0.5
                age = 1.0
        if options.reached(criterion):
            return SolverResult(best, converged=True)
        if stalled and options.tol > 0.0:
            break
        stalled = False
    return SolverResult(best, converged=False)


class _LocalCurvature:
    """Largest curvature of the data part in a metric, near the iterates.

    Steps by backtracking alone grow past what is stable in directions that the iterates
    do not take, until rounding errors there have grown into the model. So the largest
    eigenvalue of the Hessian is followed by power iteration, and backtracking corrects
    what that still misses.
    """

    def __init__(self, f, metric):
        self._f = f
        self._metric = metric
        self._direction = np.random.default_rng(0).standard_normal(f.size)
        self._margin = 1.0
        self._calls = 0
        self._largest = 0.0

    def estimate(self, scores, width):
        """The estimate at `scores`; refreshed now and then."""
        steps = _POWER_STEPS if self._calls == 0 else 1
        if self._calls % _POWER_EVERY == 0:
            for _ in range(steps):
                self._power_step(scores, width)
            if self._largest == 0.0:
                self._largest = 1.0
        self._calls += 1
        self._margin = max(1.0, self._margin / _GROWTH)
        return self._value()

    def reject(self):
        """A larger one, after the estimate was found too small."""
        self._margin *= 2.0
        return self._value()

    def _power_step(self, scores, width):
        f, u = self._f, self._direction
        u = u / np.sqrt(u @ (self._metric * u))
        image = f.loss_hessian(scores, f.scores(u), width)
        product = f.backward(image)
        largest = float(u @ product)
        if largest > _SMALLEST_FALL * self._largest:
            self._largest = largest
            self._direction = product / self._metric
        else:
            # The hinges have places without any curvature; they are not to be trusted.
            self._largest *= _SMALLEST_FALL

    def _value(self):
        return self._margin * self._largest


def _prox_step(f, theta, gradient, step):
    new = theta - step * gradient
    f.weights(new)[:] = f.penalty.prox(f.weights(new), f.weights(step))
    return new


def _constant(f, theta, certifier, options, progress):
    """The textbook step theta -= eta0 * gradient, proximal for the L1 part.

    X is read once a step. More than that is for those who ask for a tolerance: the
    smooth losses are certified now and then, the hinge stops on a plateau.
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
                _certify_hinge(f, theta, certifier)
                return SolverResult(theta, converged=True, by_gap=False)
        elif options.tol > 0.0 and t > 0 and due(t):
            if options.reached(certifier.criterion(theta, objective)):
                return SolverResult(theta, converged=True)
        if not progress.proceeds(options.max_iter):
            break
        w = f.weights(theta)
        f.weights(gradient)[:] += f.penalty.smooth_gradient(w)
        theta = theta - rate * gradient
        f.weights(theta)[:] = f.penalty.prox_rest(f.weights(theta), rate)
    if not f.loss.smooth:
        _certify_hinge(f, theta, certifier)
        return SolverResult(theta, converged=False)
    criterion = certifier.criterion(theta, objective)
    return SolverResult(theta, options.reached(criterion))


def _certify_hinge(f, theta, certifier):
    """Try the slopes of hinges smoothed over several widths: its own prove little."""
    scores = f.scores(theta, np.float64)
    for width in _WIDTHS:
        _, dual = f.loss_gradient(scores, width * f.loss.delta)
        certifier.certify(theta, dual, scores)
