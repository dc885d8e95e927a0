"""The making of certificates for models that others have fitted.

Where a model is far from the optimum, the slopes of its losses prove little. The dual
point is therefore taken from a model that is nearer, which our own solvers find from
there, as near as the proof needs: at the optimum the bound meets the objective. Both
sides are computed by `verification`, as those who check them will.
"""

import sys
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy
import sklearn
from scipy import sparse
from scipy.optimize import minimize_scalar

from .. import verification
from .._blas import one_blas_thread
from .._certificate import make_feasible
from .._fit import Fit
from .._intercept import lowest_intercept
from .._losses.softmax import probabilities
from .._penalty import penalty_of
from .._problem import Settings, weigh
from .._solvers._common import Options, Progress
from .._version import __version__
from ..verification import FORMAT
from ._result import Certificate, Optimum


@dataclass(frozen=True)
class Rules:
    """How near our own model comes, to prove how far another one is."""

    # The gap that is shown over the distance that is certain, at most.
    looseness: float = 1.3
    first: float = 0.1  # tolerance of the first fit, over the gap that is known before
    fall: float = 0.03  # of the tolerance from a fit to the next
    largest_tol: float = 1e-2
    least_tol: float = 1e-9
    max_iter: int = 3000
    scale: float = 2.0  # largest of a dual point


RULES = Rules()


@dataclass(frozen=True)
class Case:
    """A model, the data and the objective that it is audited by.

    Attributes
    ----------
    model : str
        What to call it.
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,) or None
        With the weights of the classes.
    classes : ndarray of shape (n_classes,)
    coef : ndarray of shape (n_rows, n_features)
    intercept : ndarray of shape (n_rows,)
    loss : object with the name and the margin
    alpha, l1_ratio : float
    penalty : {"elementwise", "grouped"}
    fit_intercept : bool
    intercept_scaling : float
        The value of the column that a penalised intercept multiplies; 0 for a free one.
    """

    model: str
    X: Any
    y: np.ndarray
    weight: np.ndarray | None
    classes: np.ndarray
    coef: np.ndarray
    intercept: np.ndarray
    loss: Any
    alpha: float
    l1_ratio: float
    penalty: str = "elementwise"
    fit_intercept: bool = True
    intercept_scaling: float = 0.0

    def arrays(self):
        """What a certificate has of it, by the names that `verification` reads."""
        classes = np.asarray(self.classes)
        return {
            "format": FORMAT,
            "versions": _versions(),
            "model": self.model,
            "loss": self.loss.name,
            "delta": float(self.loss.delta),
            "alpha": float(self.alpha),
            "l1_ratio": float(self.l1_ratio),
            "grouped": self.penalty == "grouped",
            "fit_intercept": bool(self.fit_intercept),
            "intercept_scaling": float(self.intercept_scaling),
            "classes": classes.astype(str) if classes.dtype == object else classes,
            "sample_weight": np.zeros(0) if self.weight is None else self.weight,
            "coef": self.coef,
            "intercept": self.intercept,
        }


@one_blas_thread
def certify_case(case, improve=False):
    """The certificate of a model, and with `improve` the optimum.

    Raises
    ------
    ValueError
        If the loss is not one that `verification` knows, if classes of the model have
        no samples, or if its objective is not finite.
    """
    return _Making(case).certificate(improve)


def _versions():
    modules = {"numpy": np, "scipy": scipy, "scikit-learn": sklearn}
    versions = {"python": sys.version.split()[0], "sklearn_linloss": __version__}
    versions |= {name: module.__version__ for name, module in modules.items()}
    return [f"{name} {version}" for name, version in versions.items()]


class _Model(NamedTuple):
    W: np.ndarray
    b: np.ndarray
    value: float


class _Making:
    """A certificate in the making: the best bound so far, and our own best model."""

    def __init__(self, case):
        self._case, self._arrays = case, case.arrays()
        self._problem, self._arrays["data"] = verification.given(
            self._arrays, case.X, case.y
        )
        W, b = verification.model_of(self._arrays, case.coef, case.intercept)
        self._value = verification.objective(self._problem, W, b)
        if not np.isfinite(self._value):
            raise ValueError("The objective of the model is not finite.")
        self._model = self._best = _Model(W, b, self._value)
        self._solver, self._objective, self._counts = self._set_up()
        self._tol = np.inf  # of our last fit
        self._pull = None  # that it ended with
        # Nothing pulls nowhere: a bound of 0.
        nothing = np.zeros((len(self._problem.y), self._problem.n_classes))
        self._bound, self._dual = 0.0, self._proof(nothing, W, b, 0.0)

    def _set_up(self):
        """A solver, its objective, and which samples that has."""
        case, problem = self._case, self._problem
        settings = Settings(
            loss=case.loss,
            penalty=penalty_of(case.penalty, case.alpha, case.l1_ratio),
            fit_intercept=problem.free,
            solver="auto",
            learning_rate="auto",
            early_stopping=False,
            tol=RULES.least_tol,
            n_jobs=None,
        )
        data = weigh(problem.X, problem.y, problem.share, None)
        solver = data.choose_solver(settings)
        return solver, data.objective_for(solver, settings), problem.share > 0.0

    def certificate(self, improve):
        """The certificate; with the optimum if it is asked for."""
        value = self._model.value
        moved = self._moved(self._model)
        if moved.value < value:
            self._best = moved
        best = self._best
        if self._problem.alpha > 0.0:
            self._offer(*self._best[:2])
            self._prove()
        optimum = self._optimum() if improve else None
        bounded = self._problem.alpha > 0.0
        bound = self._bound if bounded else np.nan
        arrays = self._arrays | self._dual
        arrays |= {
            "objective": value,
            "bound": bound,
            "gap": verification.relative_gap(self._problem, value, bound),
            "best_intercept": self._as_given(best.W, best.b)[1],
            "intercept_gain": value - best.value,
            "stationarity": self._stationarity(),
        }
        return Certificate.of(arrays, optimum)

    # -- the bound -------------------------------------------------------------------

    def _prove(self):
        """Come nearer to the optimum, until the gap is about the distance from it."""
        tol = min(RULES.first * self._gap(self._value), RULES.largest_tol)
        while not self._is_tight() and self._tol > RULES.least_tol:
            self._fit(max(tol, RULES.least_tol))
            tol *= RULES.fall

    def _is_tight(self):
        """Whether the gap is at most `looseness` times what the best model saves."""
        certain = self._value - self._best.value
        return (
            self._gap(self._value) <= RULES.least_tol
            or self._value - self._bound <= RULES.looseness * certain
        )

    def _gap(self, value):
        return verification.relative_gap(self._problem, value, self._bound)

    def _fit(self, tol):
        """Fit a model from the best one, and take the dual point that it ends with."""
        f = self._objective
        W, b, value = self._best
        far = value > verification.value_at_zero(self._problem)
        start = np.zeros(f.size) if far else f.pack(W, b)
        options = Options(
            tol=tol,
            max_iter=RULES.max_iter,
            pull=self._pull,
            # Gradient descent on the hinge, which would be next, keeps no dual point.
            hands_over=f.loss.smooth,
        )
        progress = Progress(self._solver, options)
        fit = Fit(f, self._solver, start, options, progress)
        self._tol, self._pull = tol, fit.pull
        value = verification.objective(self._problem, fit.coef, fit.intercept)
        moved = self._moved(_Model(fit.coef, fit.intercept, value))
        self._best = min(self._best, moved, key=lambda model: model.value)
        if self._problem.alpha > 0.0:
            self._offer(moved.W, moved.b)

    def _offer(self, W, b):
        """Keep the dual point of a model if it is the best yet.

        That is the slopes of a smooth loss; of the hinge the dual variables that our
        last fit ended with.
        """
        problem = self._problem
        if problem.loss != "hinge":
            _, a = verification.losses_and_slopes(problem, W, b)
        elif self._pull is not None:
            a = self._made_feasible(self._pull.astype(np.float64))
        else:
            return
        scale = best_scale(problem, a)
        bound = verification.lower_bound(problem, scale * a)
        if bound > self._bound:
            self._bound, self._dual = bound, self._proof(a, W, b, scale)

    def _made_feasible(self, pull):
        """a_ij of the wrong classes from pi_i * a_i, which is changed in place."""
        problem, f = self._problem, self._objective
        make_feasible(f, pull)
        known = f.multipliers(pull)
        if f.n_rows == 1:
            known = known * (np.arange(2) != f.y[:, None])
        a = np.zeros((len(problem.y), problem.n_classes))
        a[self._counts] = known
        return a

    def _proof(self, a, W, b, scale):
        """What a certificate has of a dual point."""
        if self._problem.loss == "hinge":
            a = sparse.csr_array(scale * a)
            return {
                "dual_data": a.data,
                "dual_indices": a.indices,
                "dual_indptr": a.indptr,
            }
        W, b = self._as_given(W, b)
        return {"dual_coef": W, "dual_intercept": b, "dual_scale": scale}

    # -- what else is said -----------------------------------------------------------

    def _moved(self, model):
        """A model with the best intercept beside its coefficients, free or not."""
        f, problem, (W, b, _) = self._objective, self._problem, model
        if problem.free:
            b = b + lowest_intercept(f, f.scores(f.pack(W, b), np.float64))
        elif self._case.intercept_scaling > 0.0:
            rest = W[:, :-1]

            def value(last):
                return verification.objective(problem, np.append(rest, [[last]], 1), b)

            W = np.append(rest, [[minimize_scalar(value).x]], 1)
        return _Model(W, b, verification.objective(problem, W, b))

    def _stationarity(self):
        f = self._objective
        theta = f.pack(self._model.W, self._model.b)
        _, slopes = f.data_gradient(theta, np.float64)
        if not f.loss.smooth and self._pull is not None:
            slopes = f.backward(self._pull.astype(np.float64))
        return f.stationarity(theta, slopes)

    def _optimum(self):
        """Our best model, beside the one that is audited."""
        if self._tol > RULES.least_tol:
            self._fit(RULES.least_tol)
        scores, theirs = self._scores(self._best), self._scores(self._model)
        change = np.nan
        if self._problem.loss == "softmax":
            change = np.abs(probabilities(scores) - probabilities(theirs)).max()
        W, b, value = self._best
        coef, intercept = self._as_given(W, b)
        bounded = self._problem.alpha > 0.0
        return Optimum(
            objective=value,
            gap=self._gap(value) if bounded else np.nan,
            coef=coef,
            intercept=intercept,
            largest_probability_change=float(change),
            changed_predictions=int(
                np.count_nonzero(scores.argmax(axis=1) != theirs.argmax(axis=1))
            ),
        )

    def _scores(self, model):
        """Scores of all classes."""
        return verification.scores_of(self._problem, model.W, model.b)

    def _as_given(self, W, b):
        """Coefficients and intercepts as the audited model has them."""
        scaling = self._case.intercept_scaling
        return (W[:, :-1], scaling * W[:, -1]) if scaling > 0.0 else (W, b)


def best_scale(problem, a):
    """The multiple of a dual point that proves most."""
    a = verification.balanced(problem, a)
    V = verification.pulled(problem, a)
    cap = min(verification.largest_scale(problem, a, V), RULES.scale)

    def loss(scale):
        conjugates = verification.conjugates(problem, scale * a)
        conjugate = verification.penalty_conjugate(problem, scale * V)
        return problem.share @ conjugates + conjugate

    between = minimize_scalar(loss, bounds=(0.0, cap), method="bounded").x
    return min((between, min(cap, 1.0), cap), key=loss)
