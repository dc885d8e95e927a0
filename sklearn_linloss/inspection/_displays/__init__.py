"""Pictures of fits, models and searches, drawn with matplotlib.

Each display keeps the arrays that it draws; `plot` draws them and keeps the artists.
matplotlib is imported by `plot` alone.
"""

from ._boundary import BoundaryDisplay
from ._class_template import ClassTemplateDisplay
from ._features import FeaturesDisplay
from ._loss import LossDisplay
from ._loss_curve import LossCurveDisplay
from ._regularization_path import RegularizationPathDisplay
from ._validation_surface import ValidationSurfaceDisplay

__all__ = [
    "BoundaryDisplay",
    "ClassTemplateDisplay",
    "FeaturesDisplay",
    "LossCurveDisplay",
    "LossDisplay",
    "RegularizationPathDisplay",
    "ValidationSurfaceDisplay",
]
