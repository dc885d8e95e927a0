"""Names of scikit-learn and joblib that are private or not in every version."""

from contextvars import ContextVar
from copy import copy
from functools import wraps
from inspect import signature

from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn import get_config
from sklearn.base import _fit_context
from sklearn.utils import _array_api
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import validate_params as _validate_params
from sklearn.utils.metadata_routing import _routing_enabled as routing_enabled
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

from ._typing import MakesDecorator

# With the types that scikit-learn's decorators would hide.
fit_context: MakesDecorator = _fit_context
available_if: MakesDecorator = _available_if
validate_params: MakesDecorator = _validate_params

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # before 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Without callbacks."""

    def with_callbacks(method):
        """The method as it is, in a frame of its own as with callbacks."""

        @wraps(method)
        def wrapped(estimator, *args):
            return method(estimator, *args)

        return wrapped


try:
    from sklearn.utils._repr_html.estimator import _VisualBlock as VisualBlock
except ImportError:  # before 1.7
    from sklearn.utils._estimator_html_repr import _VisualBlock as VisualBlock


# The threads of a fit within a worker of joblib, which is one of many.
_spare = ContextVar("_spare", default=1)


def threads_of(n_jobs):
    """The threads that a parameter `n_jobs` means here.

    Within joblib's workers one, or those that `with_threads` gives.
    """
    backend, _ = get_active_backend()
    return _spare.get() if backend.nesting_level else effective_n_jobs(n_jobs)


def with_threads(count, function, *args):
    """Call a function, in a worker of joblib, whose fits may have so many threads."""
    token = _spare.set(count)
    try:
        return function(*args)
    finally:
        _spare.reset(token)


def namespace_of(array):
    """The array API namespace of an array of another library than NumPy.

    None for all else, and without scikit-learn's `array_api_dispatch`.
    """
    if not get_config()["array_api_dispatch"]:
        return None
    xp, is_array = _array_api.get_namespace(array)
    return xp if is_array and not _array_api._is_numpy_namespace(xp) else None


def device_of(array):
    """The device that an array is on."""
    return _array_api.device(array)


def on_host(array):
    """An array of another library as an ndarray; all else as it is."""
    xp = namespace_of(array)
    return array if xp is None else _array_api._convert_to_numpy(array, xp)


def check_same_namespace(X, estimator, method):
    """Raise where X and the coefficients are of two libraries or on two devices."""
    if get_config()["array_api_dispatch"] and hasattr(
        _array_api, "check_same_namespace"
    ):
        _array_api.check_same_namespace(X, estimator, attribute="coef_", method=method)


def accepts_sample_weight(scorer):
    """Whether a scorer of one metric takes weights."""
    function = getattr(scorer, "_score_func", scorer)
    return "sample_weight" in signature(function).parameters


def scores_labels_only(scorer):
    """Whether a scorer is known to look at predicted labels and nothing else."""
    return getattr(scorer, "_response_method", None) == "predict"


def needs_all_labels(scorer):
    """Whether a scorer looks at probabilities, one for each of the labels it is told.

    Such are the log loss and the Brier score.
    """
    function = getattr(scorer, "_score_func", None)
    return (
        function is not None
        and scorer._response_method == "predict_proba"
        and "labels" in signature(function).parameters
    )


def with_all_labels(scorer, labels):
    """A scorer of probabilities that knows of all labels; others as they are.

    Test data may lack one, and the positive one of two is told likewise. Parameters
    that the scorer was made with stay.
    """
    if not needs_all_labels(scorer):
        return scorer
    known = {"labels": labels}
    if len(labels) == 2 and "pos_label" in signature(scorer._score_func).parameters:
        known["pos_label"] = labels[-1]
    scorer = copy(scorer)
    scorer._kwargs = {**known, **scorer._kwargs}
    return scorer


__all__ = [
    "CallbackSupportMixin",
    "VisualBlock",
    "accepts_sample_weight",
    "available_if",
    "check_same_namespace",
    "check_sample_weight",
    "device_of",
    "fit_context",
    "namespace_of",
    "needs_all_labels",
    "on_host",
    "routing_enabled",
    "safe_indexing",
    "scores_labels_only",
    "threads_of",
    "validate_params",
    "with_all_labels",
    "with_callbacks",
    "with_threads",
]
