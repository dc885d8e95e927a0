"""Looking into models: gradient checks, the baselines of random search, pictures."""

from ._displays import (
    BoundaryDisplay,
    ClassTemplateDisplay,
    FeaturesDisplay,
    LossCurveDisplay,
    LossDisplay,
    RegularizationPathDisplay,
    ValidationSurfaceDisplay,
)
from ._features import FeatureTable, top_features
from ._gradient import GradientCheck, check_gradient, numerical_gradient
from ._random_search import RandomSearchResult, random_local_search, random_search

__all__ = [
    "BoundaryDisplay",
    "ClassTemplateDisplay",
    "FeatureTable",
    "FeaturesDisplay",
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
    "top_features",
]
