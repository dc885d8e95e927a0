"""Names of scikit-learn and joblib that are private or not in every version."""

from functools import wraps
from inspect import signature

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled
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


def threads_of(n_jobs):
    """The threads that a parameter `n_jobs` means here; one within joblib's workers."""
    backend, _ = get_active_backend()
    return 1 if backend.nesting_level else effective_n_jobs(n_jobs)


def accepts_sample_weight(scorer):
    """Whether a scorer of one metric takes weights."""
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(function).parameters


def scores_labels_only(scorer):
    """Whether a scorer is known to look at predicted labels and nothing else."""
    return getattr(scorer, "_response_method", None) == "predict"


__all__ = [
    "CallbackSupportMixin",
    "accepts_sample_weight",
    "check_sample_weight",
    "fit_context",
    "routing_enabled",
    "safe_indexing",
    "scores_labels_only",
    "threads_of",
    "with_callbacks",
]
