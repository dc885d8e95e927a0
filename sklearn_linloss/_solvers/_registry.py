"""The solvers: what each needs, and which one "auto" is."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from .._factor import Weighted
from .._penalty import ElasticNet, GroupedElasticNet
from . import _costs


@dataclass(frozen=True)
class Rules:
    """What solvers can hold, and what "auto" prefers; 0003 is in docs/adr/."""

    newton_largest: int = 3000  # rows of Newton's matrix (0003)
    newton_features: int = 20000  # without a matrix, by a metric of the features (0018)
    replaced_steps: float = 20.0  # of first order, by a Newton step
    negligible_flops: float = 1e7  # of a Newton step that always pays
    # Samples, from which a pass over rows is worth many full-gradient steps.
    stochastic_from: int = 5000
    # Samples a coefficient, from which the smooth loss of three classes or more takes
    # few full gradients, and that of two (0055).
    tall: float = 15.0
    tall_margins: float = 50.0


RULES = Rules()


@dataclass(frozen=True)
class Request:
    """What a fit asks of a solver.

    Attributes
    ----------
    loss : sklearn_linloss._losses.Loss
    penalty : Penalty
    learning_rate : str
    n_samples, n_features, n_rows : int
        Shape of the problem; `n_rows` is 1 for two classes.
    by_products : bool
        Whether X offers products only, and no rows or matrices.
    sparse : bool
        Whether X has its stored entries only.
    """

    loss: object
    penalty: object
    learning_rate: str
    n_samples: int
    n_features: int
    n_rows: int
    by_products: bool = False
    sparse: bool = False

    @property
    def n_coefficients(self):
        """Number of coefficients, intercepts included."""
        return self.n_rows * (self.n_features + 1)

    @property
    def n_pairs(self):
        """Number of pairs of a sample and a wrong class."""
        return self.n_samples * max(self.n_rows - 1, 1)


@dataclass(frozen=True)
class Solver:
    """A solver and all that others have to know of it.

    Attributes
    ----------
    name : str
        The value of `solver` on the estimators, and the file that defines ``solve``.
    lacks : callable
        Request -> what of its loss or penalty this solver cannot serve, or None.
    learning_rates : tuple of str
        Those that it serves.
    visits_rows : callable
        Request -> whether it takes the rows of X one after the other, or in batches.
    ends_by_gap : bool
        Whether the duality gap ends a fit. Else it is a plateau, and its iterates are
        as exact as their rate.
    by_products : bool
        Whether it asks products of X only.
    reads : tuple of str
        Parameters of the estimators that only some solvers read.
    """

    name: str
    lacks: Callable
    learning_rates: tuple = ("auto",)
    visits_rows: Callable = lambda request: False
    ends_by_gap: bool = True
    by_products: bool = False
    reads: tuple = ()

    @property
    def solve(self):
        """The function; its compiled code is imported here."""
        return import_module(f"._{self.name}", __package__).solve

    def refuses(self, request):
        """What in a request it cannot serve, or None."""
        reason = self.lacks(request)
        served = self.by_products and request.loss.code is not None
        if reason is None and request.by_products and not served:
            reason = "arrays of other libraries than NumPy"
        if reason is None and request.learning_rate not in self.learning_rates:
            reason = f"learning_rate={request.learning_rate!r}"
        return reason


# -- what losses and penalties must have ---------------------------------------------


def _of_loss(request):
    return f"loss={request.loss.name!r}"


def _gradient_descent_lacks(request):
    loss = request.loss
    needed = "curvature" if loss.smooth else "smoothed"
    if not loss.defines("value", "gradient", "conjugate", "dual_size", needed):
        return _of_loss(request)
    return None


def _kernels_lack(request, known=(ElasticNet,)):
    if request.loss.code is None:
        return _of_loss(request)
    if isinstance(request.penalty, known):
        return None
    if isinstance(request.penalty, GroupedElasticNet):
        return "penalty='grouped'"
    if isinstance(request.penalty, Weighted):
        return "a penalty_factor with zeros, or with l1_ratio between 0 and 1"
    return f"the penalty {type(request.penalty).__name__}"


def _lbfgs_lacks(request):
    if not request.loss.twice_differentiable:
        return _of_loss(request)
    if not request.penalty.is_smooth:
        return "an L1 penalty (l1_ratio > 0)"
    return _gradient_descent_lacks(request)


def _saga_lacks(request):
    return _of_loss(request) if not request.loss.smooth else _kernels_lack(request)


def _sdca_lacks(request):
    known = ElasticNet, GroupedElasticNet
    return "alpha=0" if request.penalty.is_zero else _kernels_lack(request, known)


def _newton_iterates(request):
    """Whether Newton's method can do without its matrix."""
    penalty = request.penalty
    return (
        penalty.is_smooth
        and penalty.convexity > 0.0
        and request.n_features <= RULES.newton_features
    )


def _newton_selects(request):
    """Whether Newton's method works on the coefficients that are not zero."""
    known = (ElasticNet, GroupedElasticNet, Weighted)
    known = known if request.loss.smooth else ElasticNet
    return isinstance(request.penalty, known) and not request.penalty.is_smooth


def _newton_finishes(request):
    """Whether Newton's method can begin as dual ascent, and end as it if need be."""
    penalty = request.penalty
    return not request.loss.smooth and penalty.is_smooth and penalty.convexity > 0.0


def too_large(n_coefficients, n_pairs):
    """Whether Newton's systems of the hinges are too large, both those of the
    coefficients and those of all pairs of a sample and a wrong class.
    """
    return min(n_coefficients, n_pairs) > RULES.newton_largest


def _newton_lacks(request):
    by_rows, selects = not request.by_products, _newton_selects(request)
    if by_rows and selects and request.loss.code is not None:
        return None
    grouped = (GroupedElasticNet,) if selects else ()
    reason = _kernels_lack(request, (ElasticNet, Weighted, *grouped))
    if reason is not None:
        return reason
    if not (request.penalty.is_elementwise or selects):
        return "penalty='grouped'"
    if _newton_iterates(request) or (by_rows and _newton_finishes(request)):
        return None
    largest = RULES.newton_largest
    by_pairs = by_rows and request.loss.of_slacks and request.penalty.is_smooth
    if request.n_coefficients <= largest or (by_pairs and request.n_pairs <= largest):
        return None
    reason = f"more than {largest} coefficients"
    return reason + " and pairs of a sample and a wrong class" * by_pairs


def serves_tall(problem):
    """Whether "lbfgs" is the first solver of a request or an objective, as there are
    far more samples than coefficients: a Newton step costs many gradients then, and few
    of them do.
    """
    penalty, n_rows = problem.penalty, problem.n_rows
    if not (isinstance(penalty, ElasticNet) and penalty.convexity > 0.0):
        return False
    size = n_rows * (problem.n_features + 1)
    least = RULES.tall if n_rows > 1 else RULES.tall_margins
    return problem.n_samples >= least * size


def _newton_visits_rows(request):
    large = too_large(request.n_coefficients, request.n_pairs)
    return request.loss.of_slacks and large


def _always(request):
    return True


SOLVERS = {
    solver.name: solver
    for solver in (
        Solver(
            "gd",
            _gradient_descent_lacks,
            learning_rates=("auto", "constant"),
            by_products=True,
        ),
        Solver("lbfgs", _lbfgs_lacks, by_products=True),
        Solver(
            "newton",
            _newton_lacks,
            visits_rows=_newton_visits_rows,
            by_products=True,
        ),
        Solver("saga", _saga_lacks, visits_rows=_always, reads=("batch_size",)),
        Solver("sdca", _sdca_lacks, visits_rows=_always),
        Solver(
            "sgd",
            _kernels_lack,
            learning_rates=("auto", "constant", "invscaling", "adaptive"),
            visits_rows=_always,
            ends_by_gap=False,
            by_products=True,
            reads=("momentum", "batch_size", "average", "shuffle"),
        ),
    )
}
SOLVER_NAMES = tuple(SOLVERS)


def able(request):
    """Names of the solvers that can serve a request."""
    return [name for name, each in SOLVERS.items() if each.refuses(request) is None]


def choose(solver, request):
    """The name of the solver that serves a request.

    Raises
    ------
    ValueError
        If `solver` cannot serve it; the message names those that can.
    """
    if solver == "auto":
        return _automatic(request)
    reason = SOLVERS[solver].refuses(request)
    if reason is None:
        return solver
    names = " or ".join(repr(name) for name in able(request))
    raise ValueError(
        f"The solver {solver!r} does not support {reason}; use solver={names}."
    )


def heirs(solver, objective):
    """Those that go on in turn where a solver stalls: at last gradient descent, which
    needs nothing and goes on steadily.
    """
    penalty, loss = objective.penalty, objective.loss
    has_l1 = isinstance(penalty, ElasticNet) and not penalty.is_smooth
    if solver == "sdca" and has_l1 and loss.of_slacks:
        return ("newton", "gd")
    by_rows = has_l1 and objective.n_samples >= RULES.stochastic_from
    by_products = objective.design.only_products
    by_rows &= not by_products
    if solver == "newton" and by_rows and loss.smooth:
        return ("saga", "gd")
    if solver == "lbfgs" and serves_tall(objective) and not by_products:
        return ("newton", "gd")
    if solver == "sdca" and penalty.is_smooth and loss.twice_differentiable:
        return ("lbfgs", "gd")
    return ("gd",)


# -- "auto" --------------------------------------------------------------------------


def _automatic(request):
    """The table of "auto": Newton where its steps are cheap, else row by row.

    Rows in turn need many samples, or an L2 penalty on which dual ascent thrives.
    """
    if request.learning_rate in ("invscaling", "adaptive"):
        return "sgd"
    if request.learning_rate == "constant":
        return "gd"
    can = able(request)
    if "lbfgs" in can and serves_tall(request) and not request.by_products:
        return "lbfgs"
    if "newton" in can and _newton_pays(request):
        return "newton"
    large = request.n_samples >= RULES.stochastic_from
    strong = request.penalty.convexity > 0.0 or not request.loss.smooth
    # A pass by rows of few entries costs less than a gradient, of which every
    # coefficient takes part (0061).
    by_rows = large or (strong and request.sparse and "sdca" in can)
    # Two classes on more samples than features: few full gradients do (0022).
    tall = request.n_rows == 1 and request.n_samples > request.n_features
    if "lbfgs" in can and (tall or not by_rows or request.by_products):
        return "lbfgs"
    if strong and "sdca" in can:
        return "sdca"
    return "saga" if large and "saga" in can else "gd"


def _newton_pays(request):
    """Whether a Newton step costs less than the gradient steps it replaces."""
    if _newton_iterates(request):
        return True
    if _newton_selects(request):
        # On an elastic net of many coefficients dual ascent does more (0023).
        few = request.n_coefficients <= RULES.newton_largest
        return few or request.penalty.convexity == 0.0
    if request.loss.of_slacks:
        # Only active pairs enter its matrix, and first order is slow on kinks.
        return True
    n, d, size = request.n_samples, request.n_features, request.n_coefficients
    most = max(RULES.replaced_steps * _costs.gradient(n, size), RULES.negligible_flops)
    return _costs.newton_matrix(n, d, request.n_rows, size) <= most
