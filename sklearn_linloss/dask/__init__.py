"""The classifiers on collections of Dask, whose rows stay on the workers.

Needs ``pip install "sklearn-linloss[dask]"``.
"""

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

try:
    from ._estimators import OnDask, ProbabilitiesOnDask
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "sklearn_linloss.dask needs dask and distributed: "
        'pip install "sklearn-linloss[dask]"',
        name=error.name,
    ) from error

__all__ = ["SVMClassifier", "SoftmaxClassifier"]


class SVMClassifier(OnDask, LocalSVMClassifier):
    """Linear support vector machine with the joint multiclass hinge, on Dask.

    The problem and the parameters are those of :class:`sklearn_linloss.SVMClassifier`,
    and local data are fitted as there. The rows of a collection stay on the workers
    that have its partitions: a round sends them a model, and gets sums over rows.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge"}, default="hinge"
        As in the local class.
    client : distributed.Client, default=None
        The cluster to fit on; None means the current client. Copies share it, and
        pickles are without it.
    delta : float, default=1.0
        As in the local class.
    alpha : float, default=1e-4
        As in the local class.
    l1_ratio : float, default=0.0
        As in the local class.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        As in the local class.
    penalty_factor : array-like of shape (n_features,), default=None
        As in the local class, for local data; fits to collections need None.
    fit_intercept : bool, default=True
        As in the local class.
    solver : {"auto", "newton", "lbfgs", "gd", "sgd"}, default="auto"
        Those of the local class that need sums over rows only. "newton" takes
        quasi-Newton steps in one metric of the features, for the hinge on an augmented
        Lagrangian whose multipliers stay on the workers; it needs an L2 penalty without
        L1, and at most 20000 features. "sgd" is a stream over the partitions in their
        order. "auto" is "newton" where it can be, else "lbfgs" for the softmax without
        L1, else "gd".
    tol : float, default=1e-4
        As in the local class.
    max_iter : int, default=1000
        As in the local class.
    max_time : float, default=None
        As in the local class.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        As in the local class. With "sgd" the automatic rate is that of `partial_fit`.
    eta0 : float, default=0.01
        As in the local class.
    power_t : float, default=0.5
        As in the local class.
    momentum : float, default=0.9
        As in the local class.
    batch_size : int or "auto", default="auto"
        As in the local class.
    average : bool or int, default=False
        As in the local class.
    shuffle : bool, default=True
        Whether "sgd" visits the samples of each partition in a random order.
    early_stopping : bool, default=False
        For local data only.
    validation_fraction : float, default=0.1
        For local data only.
    n_iter_no_change : int, default=5
        As in the local class.
    class_weight : dict or "balanced", default=None
        As in the local class.
    warm_start : bool, default=False
        As in the local class.
    n_jobs : int or None, default=None
        Threads of each worker that share its passes; None means those it has.
    random_state : int, RandomState instance or None, default=None
        As in the local class.
    verbose : int, default=0
        As in the local class.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        As in the local class.
    intercept_ : ndarray of shape (n_classes,)
        As in the local class.
    classes_ : ndarray of shape (n_classes,)
        As in the local class.
    n_features_in_ : int
        As in the local class.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        As in the local class.
    n_iter_ : int
        As in the local class.
    objective_ : float
        As in the local class.
    gap_ : float
        As in the local class.
    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        As in the local class.
    solver_ : str
        As in the local class.

    See Also
    --------
    sklearn_linloss.SVMClassifier : The same on local data.

    Notes
    -----
    With an integer `random_state` the same partitions on the same workers give the same
    model; on others it differs by the rounding of sums, and within `tol`.
    """

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


class SoftmaxClassifier(ProbabilitiesOnDask, LocalSoftmaxClassifier):
    """Softmax classifier, on Dask.

    The problem and the parameters are those of
    :class:`sklearn_linloss.SoftmaxClassifier`, and local data are fitted as there. The
    rows of a collection stay on the workers that have its partitions: a round sends
    them a model, and gets sums over rows.

    Parameters
    ----------
    client : distributed.Client, default=None
        The cluster to fit on; None means the current client. Copies share it, and
        pickles are without it.
    alpha : float, default=1e-4
        As in the local class.
    l1_ratio : float, default=0.0
        As in the local class.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        As in the local class.
    penalty_factor : array-like of shape (n_features,), default=None
        As in the local class, for local data; fits to collections need None.
    fit_intercept : bool, default=True
        As in the local class.
    solver : {"auto", "newton", "lbfgs", "gd", "sgd"}, default="auto"
        Those of the local class that need sums over rows only. "newton" takes
        quasi-Newton steps in one metric of the features, for the hinge on an augmented
        Lagrangian whose multipliers stay on the workers; it needs an L2 penalty without
        L1, and at most 20000 features. "sgd" is a stream over the partitions in their
        order. "auto" is "newton" where it can be, else "lbfgs" for the softmax without
        L1, else "gd".
    tol : float, default=1e-4
        As in the local class.
    max_iter : int, default=1000
        As in the local class.
    max_time : float, default=None
        As in the local class.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        As in the local class. With "sgd" the automatic rate is that of `partial_fit`.
    eta0 : float, default=0.01
        As in the local class.
    power_t : float, default=0.5
        As in the local class.
    momentum : float, default=0.9
        As in the local class.
    batch_size : int or "auto", default="auto"
        As in the local class.
    average : bool or int, default=False
        As in the local class.
    shuffle : bool, default=True
        Whether "sgd" visits the samples of each partition in a random order.
    early_stopping : bool, default=False
        For local data only.
    validation_fraction : float, default=0.1
        For local data only.
    n_iter_no_change : int, default=5
        As in the local class.
    class_weight : dict or "balanced", default=None
        As in the local class.
    warm_start : bool, default=False
        As in the local class.
    n_jobs : int or None, default=None
        Threads of each worker that share its passes; None means those it has.
    random_state : int, RandomState instance or None, default=None
        As in the local class.
    verbose : int, default=0
        As in the local class.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        As in the local class.
    intercept_ : ndarray of shape (n_classes,)
        As in the local class.
    classes_ : ndarray of shape (n_classes,)
        As in the local class.
    n_features_in_ : int
        As in the local class.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        As in the local class.
    n_iter_ : int
        As in the local class.
    objective_ : float
        As in the local class.
    gap_ : float
        As in the local class.
    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        As in the local class.
    solver_ : str
        As in the local class.

    See Also
    --------
    sklearn_linloss.SoftmaxClassifier : The same on local data.

    Notes
    -----
    With an integer `random_state` the same partitions on the same workers give the same
    model; on others it differs by the rounding of sums, and within `tol`.
    """

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
