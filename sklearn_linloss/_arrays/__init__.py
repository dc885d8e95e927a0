"""The objective of rows in arrays of another library, on their device."""

from ._objective import ArrayObjective

__all__ = ["ArrayObjective"]
