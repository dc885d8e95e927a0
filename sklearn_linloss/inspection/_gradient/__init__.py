"""Gradients against centred differences."""

from ._check import check_gradient
from ._differences import numerical_gradient
from ._result import GradientCheck

__all__ = ["GradientCheck", "check_gradient", "numerical_gradient"]
