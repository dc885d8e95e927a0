"""Looking into models: gradient checks, the baselines of random search, pictures."""

from ._displays import (
    BoundaryDisplay,
    ClassTemplateDisplay,
    LossCurveDisplay,
    LossDisplay,
    RegularizationPathDisplay,
    ValidationSurfaceDisplay,
)
from ._gradient import GradientCheck, check_gradient, numerical_gradient
from ._random_search import RandomSearchResult, random_local_search, random_search

__all__ = [
    "BoundaryDisplay",
    "ClassTemplateDisplay",
    "GradientCheck",
    "LossCurveDisplay",
    "LossDisplay",
    "RandomSearchResult",
    "RegularizationPathDisplay",
    "ValidationSurfaceDisplay",
    "check_gradient",
    "numerical_gradient",
    "random_local_search",
    "random_search",
]
