"""scikit-learn's names that are private there or not in every version."""

from functools import wraps

from sklearn.base import _fit_context as fit_context
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:
        """Without callbacks."""

    def with_callbacks(method):
        """The method as it is, in a frame of its own as with callbacks."""

        @wraps(method)
        def wrapped(estimator, *args):
            return method(estimator, *args)

        return wrapped


__all__ = [
    "CallbackSupportMixin",
    "check_sample_weight",
    "fit_context",
    "with_callbacks",
]
