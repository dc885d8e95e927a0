"""The solvers, what each can serve, and which one "auto" is.

A solver is a function of (objective, theta, certifier, options, progress) that returns
a SolverResult. It knows arrays only: no labels, no scikit-learn.
"""

from dataclasses import dataclass, replace
from importlib import import_module

# Newton's method holds a square matrix of this size at most.
_NEWTON_LARGEST = 3000
# With iterations in place of a factor, one of these entries for each class.
_NEWTON_LARGEST_BLOCKS = 7e6
# First-order steps that one Newton step on the softmax makes unnecessary; more where
# the penalty has no L2.
_REPLACED_STEPS, _REPLACED_STEPS_L1 = 20.0, 200.0
_NEGLIGIBLE_FLOPS = 1e7
# Where a pass over the samples is worth many full-gradient steps.
_STOCHASTIC_FROM_SAMPLES = 5000


@dataclass(frozen=True)
class Request:
    """What a fit asks of a solver.

    Attributes
    ----------
    loss : Loss
    penalty : ElasticNet
    learning_rate : str
    n_samples, n_features, n_rows : int
        Shape of the problem; `n_rows` is 1 for two classes.
    """

    loss: object
    penalty: object
    learning_rate: str
    n_samples: int
    n_features: int
    n_rows: int

    @property
    def n_coefficients(self):
        """Number of coefficients, intercepts included."""
        return self.n_rows * (self.n_features + 1)

    @property
    def n_pairs(self):
        """Number of pairs of a sample and a wrong class."""
        return self.n_samples * max(self.n_rows - 1, 1)


def _refuse_gd(request):
    if request.learning_rate not in ("auto", "constant"):
        return f"learning_rate={request.learning_rate!r}"
    return None


def _refuse_sgd(request):
    return None


def _refuse_rates(request):
    if request.learning_rate != "auto":
        return f"learning_rate={request.learning_rate!r}"
    return None


def _refuse_lbfgs(request):
    if not request.loss.twice_differentiable:
        return f"loss={request.loss.name!r}"
    if request.penalty.l1 > 0.0:
        return "an L1 penalty (l1_ratio > 0)"
    return _refuse_rates(request)


def _refuse_saga(request):
    if not request.loss.smooth:
        return f"loss={request.loss.name!r}"
    return _refuse_rates(request)


def _refuse_sdca(request):
    if request.penalty.alpha == 0.0:
        return "alpha=0"
    return _refuse_rates(request)


def _newton_iterates(request):
    """Whether Newton's method on the softmax can do without its matrix."""
    penalty = request.penalty
    blocks = request.n_rows * request.n_features**2
    return (
        request.loss.twice_differentiable
        and penalty.l1 == 0.0
        and penalty.l2 > 0.0
        and blocks <= _NEWTON_LARGEST_BLOCKS
    )


def _newton_finishes(request):
    """Whether Newton's method can begin as dual ascent, and end so if it has to."""
    penalty = request.penalty
    return not request.loss.smooth and penalty.l1 == 0.0 and penalty.l2 > 0.0


def only_by_pairs(loss, n_coefficients, n_pairs):
    """Whether Newton's matrix depends on how many pairs are active: too large else."""
    return not loss.smooth and min(n_coefficients, n_pairs) > _NEWTON_LARGEST


def _refuse_newton(request):
    if _newton_iterates(request) or _newton_finishes(request):
        return _refuse_rates(request)
    largest = _NEWTON_LARGEST
    by_pairs = request.loss.of_slacks and request.penalty.l1 == 0.0
    if request.n_coefficients > largest and not (
        by_pairs and request.n_pairs <= largest
    ):
        reason = f"more than {largest} coefficients"
        if by_pairs:
            reason += " and pairs of a sample and a wrong class"
        return reason
    return _refuse_rates(request)


# Each says what in a request its solver cannot serve, or None.
_REFUSALS = {
    "gd": _refuse_gd,
    "lbfgs": _refuse_lbfgs,
    "newton": _refuse_newton,
    "saga": _refuse_saga,
    "sdca": _refuse_sdca,
    "sgd": _refuse_sgd,
}
SOLVER_NAMES = tuple(_REFUSALS)


def visits_rows(solver, request):
    """Whether a solver takes the rows of X one after the other."""
    if solver == "newton":
        return only_by_pairs(request.loss, request.n_coefficients, request.n_pairs)
    return solver in ("saga", "sdca", "sgd")


def able(request):
    """Names of the solvers that can serve a request."""
    return [name for name, refuse in _REFUSALS.items() if refuse(request) is None]


def choose(solver, request):
    """The name of the solver that serves a request.

    Raises
    ------
    ValueError
        If `solver` cannot serve it; the message names those that can.
    """
    if solver == "auto":
        return _automatic(request)
    reason = _REFUSALS[solver](request)
    if reason is None:
        return solver
    names = " or ".join(repr(name) for name in able(request))
    raise ValueError(
        f"The solver {solver!r} does not support {reason}; use solver={names}."
    )


def _automatic(request):
    """The table of "auto": Newton where its steps are cheap, else row by row.

    Rows in turn need many samples, or an L2 penalty on which dual ascent thrives.
    """
    if request.learning_rate in ("invscaling", "adaptive"):
        return "sgd"
    if request.learning_rate == "constant":
        return "gd"
    if _refuse_newton(request) is None and _newton_pays(request):
        return "newton"
    large = request.n_samples >= _STOCHASTIC_FROM_SAMPLES
    if not large and _refuse_lbfgs(request) is None:
        return "lbfgs"
    if request.penalty.l2 > 0.0:
        return "sdca"
    if not request.loss.smooth and _refuse_sdca(request) is None:
        return "sdca"
    return "saga" if large and _refuse_saga(request) is None else "gd"


def _newton_pays(request):
    """Whether a Newton step costs less than the gradient steps it replaces."""
    if _newton_iterates(request):
        return True
    if request.loss.of_slacks:
        # Only active pairs enter its matrix, and first order is slow on kinks.
        return True
    size, n = request.n_coefficients, request.n_samples
    two_passes = 4.0 * n * size
    pairs = max((request.n_rows - 1) / 2.0, 1.0)  # of classes, for every sample
    grams = 2.0 * n * size * (request.n_features + 1) * pairs
    step = size**3 / 3.0 + grams
    replaced = _REPLACED_STEPS if request.penalty.l2 > 0.0 else _REPLACED_STEPS_L1
    return step <= max(replaced * two_passes, _NEGLIGIBLE_FLOPS)


def run(solver, objective, theta, options, progress):
    """Minimise an objective from `theta`; compiled code is imported here.

    Where that solver stalls and may hand over, gradient descent, which needs nothing
    and goes on steadily, has the iterations that are left. Of the intercepts that serve
    the hinge equally well the central one is taken.

    Returns
    -------
    result : SolverResult
    certifier : Certifier
        With the best bound of the fit.
    solver : str
        The one that ended it.
    """
    from .._certificate import Certifier
    from .._intercept import central_intercept

    certifier = Certifier(objective)
    solve = import_module(f"._{solver}", __name__).solve
    result = solve(objective, theta, certifier, options, progress)
    if result.stalled:
        solver = "gd"
        solve = import_module(f"._{solver}", __name__).solve
        progress.hand_over(solver)
        result = solve(objective, result.theta, certifier, options, progress)
    if not objective.loss.smooth and objective.fit_intercept and solver != "sgd":
        theta = central_intercept(objective, result.theta, certifier, options.tol)
        result = replace(result, theta=theta)
    return result, certifier, solver
