"""The classifiers that choose their parameters, on collections of Dask."""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from .._cv import SoftmaxClassifierCV as LocalSoftmaxClassifierCV
from .._cv import SVMClassifierCV as LocalSVMClassifierCV
from .._typing import (
    ArrayLike,
    ClassWeight,
    HingeName,
    PenaltyName,
    Seed,
    Selection,
    SolverName,
)
from ._classifiers import CLIENT, FACTOR, NOTES, SoftmaxClassifier, SVMClassifier
from ._docs import documented_like
from ._predictions import ProbabilitiesOnDask
from ._search import SearchOnDask

_DIFFERENT = {
    "client": CLIENT,
    "penalty_factor": FACTOR,
    "cv": """int, splitter or iterable of (train, test), default=None
    The number of folds of a collection, where None means five; for local data as of
    the local class.""",
    "scoring": """str, callable or None, default=None
    A scorer. For collections it has to look at predicted labels and to take sample
    weights, as "balanced_accuracy" does. None means the accuracy.""",
    "preprocessor": """transformer or None, default=None
    For local data only.""",
    "n_jobs": """int or None, default=None
    Number of folds of local data that are fitted at the same time. Those of a
    collection follow each other, with all threads of the workers.""",
    "solver": """str, default="auto"
    The solver, as for the classifier on Dask.""",
}


@documented_like(
    LocalSVMClassifierCV,
    """:class:`SVMClassifier` that chooses its parameters, on Dask.

    The search and its parameters are those of
    :class:`sklearn_linloss.SVMClassifierCV`, and local data are searched as there. The
    samples of each label in a collection are dealt to the folds in turn, in the order
    of the data, where they lie: the folds do not depend on the partitions. A worker
    holds its rows and, one fold after the other, a copy of those to train on.
    """,
    NOTES,
    _DIFFERENT,
)
class SVMClassifierCV(SearchOnDask, LocalSVMClassifierCV):
    _local_class = LocalSVMClassifierCV
    _parameter_constraints: dict = {
        **LocalSVMClassifierCV._parameter_constraints,
        "client": "no_validation",
    }

    def __init__(
        self,
        loss: HingeName = "hinge",
        *,
        client: Any = None,
        alphas: int | ArrayLike = 20,
        deltas: ArrayLike = (1.0,),
        l1_ratios: ArrayLike = (0.0,),
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        eps: float = 1e-4,
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        selection: Selection = "best",
        preprocessor: Any = None,
        n_jobs: int | None = None,
        refit: bool = True,
        error_score: float | Literal["raise"] = np.nan,
        store_coefs_paths: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        class_weight: ClassWeight = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            loss=loss,
            alphas=alphas,
            deltas=deltas,
            l1_ratios=l1_ratios,
            penalty=penalty,
            penalty_factor=penalty_factor,
            eps=eps,
            cv=cv,
            scoring=scoring,
            selection=selection,
            preprocessor=preprocessor,
            n_jobs=n_jobs,
            refit=refit,
            error_score=error_score,
            store_coefs_paths=store_coefs_paths,
            fit_intercept=fit_intercept,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            max_time=max_time,
            class_weight=class_weight,
            random_state=random_state,
            verbose=verbose,
        )
        self.client = client

    def _model(self, **params):
        return SVMClassifier(self.loss, client=self.client, **params)


@documented_like(
    LocalSoftmaxClassifierCV,
    """:class:`SoftmaxClassifier` that chooses its parameters, on Dask.

    The search and its parameters are those of
    :class:`sklearn_linloss.SoftmaxClassifierCV`, and local data are searched as there.
    The samples of each label in a collection are dealt to the folds in turn, in the
    order of the data, where they lie: the folds do not depend on the partitions. A
    worker holds its rows and, one fold after the other, a copy of those to train on.
    """,
    NOTES,
    _DIFFERENT,
)
class SoftmaxClassifierCV(ProbabilitiesOnDask, SearchOnDask, LocalSoftmaxClassifierCV):
    _local_class = LocalSoftmaxClassifierCV
    _parameter_constraints: dict = {
        **LocalSoftmaxClassifierCV._parameter_constraints,
        "client": "no_validation",
    }

    def __init__(
        self,
        *,
        client: Any = None,
        alphas: int | ArrayLike = 20,
        l1_ratios: ArrayLike = (0.0,),
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        eps: float = 1e-4,
        cv: Any = None,
        scoring: str | Callable[..., float] | None = None,
        selection: Selection = "best",
        preprocessor: Any = None,
        n_jobs: int | None = None,
        refit: bool = True,
        error_score: float | Literal["raise"] = np.nan,
        store_coefs_paths: bool | Literal["auto"] = "auto",
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        class_weight: ClassWeight = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            alphas=alphas,
            l1_ratios=l1_ratios,
            penalty=penalty,
            penalty_factor=penalty_factor,
            eps=eps,
            cv=cv,
            scoring=scoring,
            selection=selection,
            preprocessor=preprocessor,
            n_jobs=n_jobs,
            refit=refit,
            error_score=error_score,
            store_coefs_paths=store_coefs_paths,
            fit_intercept=fit_intercept,
            solver=solver,
            tol=tol,
            max_iter=max_iter,
            max_time=max_time,
            class_weight=class_weight,
            random_state=random_state,
            verbose=verbose,
        )
        self.client = client

    def _model(self, **params):
        return SoftmaxClassifier(client=self.client, **params)
