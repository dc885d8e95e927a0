"""The classifiers on collections of Dask, whose rows stay on the workers."""

from typing import Any, Literal

from .._softmax import SoftmaxClassifier as LocalSoftmaxClassifier
from .._svm import SVMClassifier as LocalSVMClassifier
from .._typing import (
    ArrayLike,
    ClassWeight,
    HingeName,
    LearningRate,
    PenaltyName,
    Seed,
    SolverName,
)
from ._docs import documented_like
from ._estimators import OnDask
from ._predictions import ProbabilitiesOnDask

NOTES = """
    With an integer `random_state` the same partitions on the same workers give the same
    model; on others it differs by the rounding of sums, and within `tol`.
    """
CLIENT = """distributed.Client, default=None
    The cluster to fit on; None means the current client. Copies share it, and
    pickles are without it."""
FACTOR = """array-like of shape (n_features,), default=None
    As of the local class, for local data; fits to collections need None."""
_DIFFERENT = {
    "client": CLIENT,
    "penalty_factor": FACTOR,
    "solver": """{"auto", "newton", "lbfgs", "gd", "sgd"}, default="auto"
    Those of the local class that need sums over rows only. "newton" takes steps with
    the matrix of second derivatives, which each worker sums over its rows, for at most
    3000 coefficients where that pays; quasi-Newton steps in one metric of the features
    for L2 and at most 20000 features; and with L1, for smooth losses, steps on the
    coefficients that are not zero. The hinge is minimised by an augmented Lagrangian,
    whose multipliers stay on the workers. "sgd" is a stream over the partitions in
    their order. "auto" is the first of "newton", "lbfgs" and "gd" that serves the
    problem, or what `learning_rate` and `early_stopping` ask for.""",
    "learning_rate": """{"auto", "constant", "invscaling", "adaptive"}, default="auto"
    As of the local class, but that the automatic rate of "sgd" is that of
    `partial_fit`.""",
    "shuffle": """bool, default=True
    Whether "sgd" visits the samples of each partition in a random order.""",
    "validation_fraction": """float, default=0.1
    Fraction of the samples of each class that `early_stopping` holds out, unless
    `fit` is given `X_val`. Of collections they are taken at equal distances in the
    order of the data.""",
    "n_jobs": """int or None, default=None
    Number of threads of each worker that share its passes; None means those it has.
    Local data are fitted with as many as the local class has.""",
}


@documented_like(
    LocalSVMClassifier,
    """Linear support vector machine with the joint multiclass hinge, on Dask.

    The problem and the parameters are those of
    :class:`sklearn_linloss.SVMClassifier`, and local data are fitted as there. The rows
    of a collection stay on the workers that have its partitions: a round sends them a
    model, and gets sums over rows.
    """,
    NOTES,
    _DIFFERENT,
)
class SVMClassifier(OnDask, LocalSVMClassifier):
    _local_class = LocalSVMClassifier
    _parameter_constraints: dict = {
        **LocalSVMClassifier._parameter_constraints,
        "client": "no_validation",
    }

    def __init__(
        self,
        loss: HingeName = "hinge",
        *,
        client: Any = None,
        delta: float = 1.0,
        alpha: float = 1e-4,
        l1_ratio: float = 0.0,
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        learning_rate: LearningRate = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        average: bool | int = False,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: ClassWeight = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            loss=loss,
            delta=delta,
            alpha=alpha,
            l1_ratio=l1_ratio,
            penalty=penalty,
            penalty_factor=penalty_factor,
            fit_intercept=fit_intercept,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            max_time=max_time,
            learning_rate=learning_rate,
            eta0=eta0,
            power_t=power_t,
            momentum=momentum,
            batch_size=batch_size,
            average=average,
            shuffle=shuffle,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            class_weight=class_weight,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.client = client


@documented_like(
    LocalSoftmaxClassifier,
    """Softmax classifier, on Dask.

    The problem and the parameters are those of
    :class:`sklearn_linloss.SoftmaxClassifier`, and local data are fitted as there. The
    rows of a collection stay on the workers that have its partitions: a round sends
    them a model, and gets sums over rows.
    """,
    NOTES,
    _DIFFERENT,
)
class SoftmaxClassifier(ProbabilitiesOnDask, OnDask, LocalSoftmaxClassifier):
    _local_class = LocalSoftmaxClassifier
    _parameter_constraints: dict = {
        **LocalSoftmaxClassifier._parameter_constraints,
        "client": "no_validation",
    }

    def __init__(
        self,
        *,
        client: Any = None,
        alpha: float = 1e-4,
        l1_ratio: float = 0.0,
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        learning_rate: LearningRate = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        average: bool | int = False,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: ClassWeight = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            alpha=alpha,
            l1_ratio=l1_ratio,
            penalty=penalty,
            penalty_factor=penalty_factor,
            fit_intercept=fit_intercept,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            max_time=max_time,
            learning_rate=learning_rate,
            eta0=eta0,
            power_t=power_t,
            momentum=momentum,
            batch_size=batch_size,
            average=average,
            shuffle=shuffle,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            class_weight=class_weight,
            warm_start=warm_start,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
        self.client = client
