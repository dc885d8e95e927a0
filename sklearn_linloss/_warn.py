"""Warnings that point at the line of the user, whatever wrappers are in between."""

import sys
import warnings

# What calls this package on behalf of the user, and the package itself.
_BETWEEN = {__package__, "sklearn", "joblib"}


def warn(message, category):
    """Warn at the innermost frame that is the user's."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]
