"""Looking into models: certificates, gradient checks, random search, pictures."""

from .._audit import Certificate, Optimum
from ..verification import CertificateError, Verified, verify
from ._certify import certify
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
    "Certificate",
    "CertificateError",
    "ClassTemplateDisplay",
    "FeatureTable",
    "FeaturesDisplay",
    "GradientCheck",
    "LossCurveDisplay",
    "LossDisplay",
    "Optimum",
    "RandomSearchResult",
    "RegularizationPathDisplay",
    "ValidationSurfaceDisplay",
    "Verified",
    "certify",
    "check_gradient",
    "numerical_gradient",
    "random_local_search",
    "random_search",
    "top_features",
    "verify",
]
