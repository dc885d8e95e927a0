"""The losses as fits take them: at a margin, one file each.

`losses.py` is the public face of the same formulas. Kernels are imported with the first
sum over samples, and not before.
"""

from ._base import Loss
from .hinge import Hinge
from .softmax import Softmax
from .squared_hinge import SquaredHinge

__all__ = ["Hinge", "Loss", "Softmax", "SquaredHinge"]
