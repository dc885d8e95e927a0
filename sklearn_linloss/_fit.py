"""A fit: a solver's model as it is stored, and its certificate."""

from dataclasses import dataclass, replace

import numpy as np

from . import _solvers
from ._empty_model import best_intercept
from ._solvers._common import diverged, is_separated


@dataclass(frozen=True)
class Rules:
    """What a fit makes of its start and of its end."""

    # Objective of a start over that at zero, above which zero is the better start:
    # from there Newton's method takes ten times the iterations, or never arrives.
    far: float = 1000.0
    rounding: float = 1e-13  # of a gap
    most_doublings: int = 12  # of what a model grows by to make up for its rounding


RULES = Rules()
_OF_A_MODEL = "coef", "intercept", "loss", "objective", "scores"


def start_of(objective, solver, options, coef, intercept):
    """Where a fit starts that was told to start from a model: there, unless steps that
    a solver chooses itself begin better without coefficients.
    """
    automatic = options.learning_rate == "auto"
    with np.errstate(over="ignore", invalid="ignore"):
        theta = objective.pack(coef, intercept)
        if not (automatic and _solvers.SOLVERS[solver].ends_by_gap and theta.any()):
            return theta
        value = objective.value(theta, np.float64)
    near = value <= RULES.far * objective.value_at_zero
    return theta if near else np.zeros_like(theta)


class Fit:
    """A fitted model and its certificate.

    Parameters
    ----------
    objective : Objective
    solver : str
    theta : ndarray
        Where to start.
    options : Options
    progress : Progress
    run : callable, default=_solvers.run
        What minimises.

    Attributes
    ----------
    coef : ndarray of shape (n_rows, n_features)
    intercept : ndarray of shape (n_rows,)
    loss, objective : float
        Of the model as it is stored, whatever the precision of X.
    gap : float
        Its relative duality gap.
    n_iter : int
    solver : str
        The one that ended the fit.
    converged : bool
        Whether its rule is met, by the model as it is stored.
    wanted : bool
        Whether validation data or a callback ended it.
    unscaled : bool
        Whether that is not so, and features of one scale might help.
    pull : ndarray of shape (n_samples, n_rows) or None
    scores : ndarray of shape (n_samples, n_rows)
        Those of the model as it is stored, in float64.
    """

    def __init__(
        self, objective, solver, theta, options, progress, run=_solvers.run
    ):  # fmt: skip
        result, certifier, self.solver = run(
            solver, objective, theta, options, progress
        )
        self._store(objective, result, certifier, options.tol)
        if not np.isfinite(self.objective):
            raise diverged(solver, progress.n_iter)
        tol = self._tolerance_before_rounding(objective, result, certifier, options)
        if tol > 0.0:
            closer = replace(options, tol=tol, pull=result.pull, scores=None)
            ended = run(self.solver, objective, result.theta, closer, progress)
            if ended[0].converged:
                result, certifier, self.solver = ended
                self._store(objective, result, certifier, options.tol)
        failed = result.by_gap and self.gap > options.tol > 0.0
        if failed and options.hands_over and objective.fit_intercept:
            self._consider_no_coefficients(objective)
        certifier.check(self.objective, objective.pack(self.coef, self.intercept))
        self.gap = float(certifier.gap(self.objective))
        self.n_iter = progress.n_iter
        progress.finish(self.objective, self.gap)
        self.wanted = progress.stopped and not progress.out_of_time
        self.pull = result.pull
        # Rounding to the precision of X may have cost what was converged; without a
        # penalty there is no gap.
        far = self.gap > options.tol + RULES.rounding
        self.converged = result.converged and not (result.by_gap and far)
        self.unscaled = not self.converged and scaling_applies(objective)

    def _store(self, objective, result, certifier, tol):
        """Take a model, in the precision of X.

        Rounding to that may cost samples their margin. Where the classes come apart and
        the gap is then above its tolerance, a little more of the same model helps.
        """
        self._take(objective, *objective.stored(result.theta), result)
        self.gap = float(certifier.gap(self.objective))
        if not (result.converged and result.by_gap):
            return
        more = np.finfo(objective.design.dtype).eps
        for _ in range(RULES.most_doublings):
            if self.gap <= tol or not is_separated(objective, self.objective):
                break
            before = self._model
            self._take(objective, *objective.stored((1.0 + more) * result.theta))
            if not self.objective < before["objective"]:
                self.__dict__.update(before)
            self.gap = float(certifier.gap(self.objective))
            more *= 2.0

    @property
    def _model(self):
        return {name: getattr(self, name) for name in _OF_A_MODEL}

    def _take(self, objective, coef, intercept, result=None):
        """Take a model, and its scores from those of a result that differs at most in
        the intercepts.
        """
        self.coef, self.intercept = coef, intercept
        theta = objective.pack(coef, intercept)
        self.scores = None if result is None else shifted(objective, result, theta)
        if self.scores is None:
            self.scores = objective.scores(theta, np.float64)
        self.loss = objective.loss_value(self.scores)
        self.objective = self.loss + objective.penalty_value(theta)

    def _tolerance_before_rounding(self, objective, result, certifier, options):
        """What a solver must reach for its model to be within the tolerance once it is
        stored: zero where that is so already, or rounding costs too much for it.
        """
        if not (result.converged and result.by_gap and self.gap > options.tol):
            return 0.0
        solved = certifier.gap(objective.value(result.theta, np.float64))
        lost = self.gap - min(solved, options.tol)
        return max(options.tol - 2.0 * lost, 0.0)

    def forget_samples(self):
        """Let go of what is as large as the scores of all samples."""
        self.pull = self.scores = None

    @property
    def attributes(self):
        """What an estimator has of it."""
        names = "coef", "intercept", "objective", "gap", "n_iter", "solver"
        return {f"{name}_": getattr(self, name) for name in names}

    def _consider_no_coefficients(self, objective):
        """Take the best intercept alone where a fit that failed, or rounding to the
        precision of X, has left something worse: of "auto", which promises no iterates.
        """
        before = self._model
        intercept = best_intercept(objective).astype(self.intercept.dtype)
        self._take(objective, np.zeros_like(self.coef), intercept)
        if not self.objective < before["objective"]:
            self.__dict__.update(before)


def shifted(objective, result, theta):
    """Scores of `theta` from those of a result, or None."""
    f = objective
    known = f.penalised(result.theta)
    if result.scores is None or not np.array_equal(f.penalised(theta), known):
        return None
    change = f.intercepts(theta) - f.intercepts(result.theta)
    return result.scores + change if change.any() else result.scores


def scaling_applies(objective):
    """Whether to advise StandardScaler: dense data, and features far from its output.

    That is, deviations beyond a factor of ten of one, or means beyond ten; constant
    features do not count.
    """
    if not objective.design.counts_from_centre:
        return False
    deviation = np.sqrt(objective.variance)
    varies = deviation > 0.0
    mean = np.sqrt(np.maximum(objective.second_moment - objective.variance, 0.0))
    far = (deviation < 0.1) | (deviation > 10.0) | (mean > 10.0)
    return bool(far[varies].any())
