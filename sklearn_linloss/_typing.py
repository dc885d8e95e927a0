"""Types of what users give and get, by the names that annotations use."""

from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Array: TypeAlias = NDArray[Any]
Matrix: TypeAlias = ArrayLike | sparse.spmatrix | sparse.sparray
Seed: TypeAlias = int | np.random.RandomState | None
ClassWeight: TypeAlias = dict[Any, float] | Literal["balanced"] | None

LossName: TypeAlias = Literal["hinge", "squared_hinge", "softmax"]
HingeName: TypeAlias = Literal["hinge", "squared_hinge"]
PenaltyName: TypeAlias = Literal["elementwise", "grouped"]
SolverName: TypeAlias = Literal["auto", "gd", "lbfgs", "newton", "saga", "sdca", "sgd"]
LearningRate: TypeAlias = Literal["auto", "constant", "invscaling", "adaptive"]
Selection: TypeAlias = Literal["best", "one_standard_error"]

Function = TypeVar("Function", bound=Callable[..., Any])


class MakesDecorator(Protocol):
    """A function whose result keeps the type of what it decorates."""

    def __call__(self, *args: Any, **params: Any) -> Callable[[Function], Function]: ...


__all__ = [
    "Array",
    "ArrayLike",
    "ClassWeight",
    "HingeName",
    "LearningRate",
    "LossName",
    "MakesDecorator",
    "Matrix",
    "PenaltyName",
    "Seed",
    "Selection",
    "SolverName",
]
