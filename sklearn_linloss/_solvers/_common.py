"""What every solver takes and returns."""

from dataclasses import dataclass

import numpy as np


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
    n_iter_no_change: int = 5
    seed: int = 0
    verbose: int = 0


@dataclass(frozen=True)
class SolverResult:
    """Where a solver stopped.

    Attributes
    ----------
    theta : ndarray
        The model.
    converged : bool
        Whether the solver's stopping rule was met.
    """

    theta: np.ndarray
    converged: bool


class Progress:
    """The objective after each iteration, told to the user who wants to watch.

    Attributes
    ----------
    loss_curve : list of float
        The objective at the start and after each iteration.
    batch_loss_curve : list of float
        The objective estimated from each mini-batch.
    """

    def __init__(self, solver, verbose=0, patience=5):
        self.loss_curve = []
        self.batch_loss_curve = []
        self._solver = solver
        self._verbose = verbose
        self._patience = patience
        self._lowest = []

    @property
    def n_iter(self):
        """Iterations so far."""
        return len(self.loss_curve) - 1

    def record(self, objective):
        """Note the objective of the model that would be returned now."""
        self.loss_curve.append(float(objective))
        lowest = self._lowest[-1] if self._lowest else np.inf
        self._lowest.append(min(lowest, float(objective)))
        if self._verbose:
            print(
                f"[{self._solver}] iteration {self.n_iter}: objective {objective:.8g}"
            )

    def plateaued(self, tol):
        """Whether the last iterations lowered the objective by less than tol * F."""
        if tol == 0.0 or self.n_iter < self._patience:
            return False
        gain = self._lowest[-1 - self._patience] - self._lowest[-1]
        return gain <= tol * max(self._lowest[-1], 1e-10 * self.loss_curve[0])


def diverged(solver, iteration, rate):
    """The error for a fit whose objective or weights are no longer finite."""
    return ValueError(
        f"The solver {solver!r} diverged in iteration {iteration} with learning rate "
        f"{rate:g}: the objective or the weights are no longer finite. Lower eta0, use "
        'learning_rate="auto", or scale the features (StandardScaler).'
    )


class Checkpoints:
    """Iterations at which to certify: few, at a steady ratio."""

    def __init__(self, ratio=1.2):
        self._ratio = ratio
        self._next = 1

    def __call__(self, iteration):
        """Whether to certify at this iteration."""
        if iteration < self._next:
            return False
        self._next = max(iteration + 1, int(self._ratio * iteration))
        return True


def feature_metric(f):
    """Curvature of each coordinate of theta where that of the loss is one."""
    second_moment = f.variance if f.mean is not None else f.second_moment
    largest = second_moment.max()
    # A feature without variance has no gradient either: any positive number does.
    floor = 1e-12 * largest if largest > 0.0 else 1.0
    metric = np.ones(f.size)
    f.weights(metric)[:] = f.per_feature(np.maximum(second_moment, floor))
    return metric
