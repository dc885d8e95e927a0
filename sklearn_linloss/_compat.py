"""Names of scikit-learn and joblib that are private or not in every version."""

import pickle
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from inspect import signature

import numpy as np
import sklearn
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn._config import get_config
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


try:  # a private module
    from sklearn.callback._transport import close_listener, open_listener, send

    has_callbacks = True
except ImportError:
    has_callbacks = False

    def send(*args):
        """Not without callbacks, which `require_callbacks` asks for."""
        raise NotImplementedError

    close_listener = open_listener = send


def require_callbacks(what):
    """Raise ImportError where this scikit-learn has no callbacks as we know them."""
    if not has_callbacks:
        raise ImportError(
            f"{what} needs callbacks as scikit-learn 1.9 has them, and this is "
            f"{sklearn.__version__}; verbose=1 tells the gap of a fit in all versions."
        )


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


def without_gradient(array):
    """An array that no graph of derivatives goes on from."""
    return array.detach() if getattr(array, "requires_grad", False) else array


def on_host(array):
    """An array of another library as an ndarray; all else as it is."""
    xp = namespace_of(array)
    if xp is None:
        return array
    if str(array.dtype).endswith("bfloat16"):  # which NumPy has not
        array = xp.astype(array, xp.float32)
    return converted(without_gradient(array), xp)


def converted(array, xp):
    """An array of a namespace as an ndarray."""
    return _array_api._convert_to_numpy(array, xp)


def _in_memory_of_host(array):
    code, _ = array.__dlpack_device__()
    return code == _CPU_OF_DLPACK


# https://dmlc.github.io/dlpack/latest/c_api.html
_CPU_OF_DLPACK = 1


def is_apart(array):
    """Whether an array of another library lies in memory that is not the host's."""
    return namespace_of(array) is not None and not _in_memory_of_host(array)


def shared(array):
    """A C-contiguous ndarray on the memory of an array of another library, where that
    is the host's; all else as it is.
    """
    if namespace_of(array) is None or is_apart(array):
        return array
    return np.ascontiguousarray(on_host(array))


def beside(array, other):
    """An array where another one is, if one of them is of another library."""
    xp = namespace_of(other)
    if xp is None:
        return on_host(array)
    if namespace_of(array) is xp and device_of(array) == device_of(other):
        return array
    array = on_host(array)
    array = array.toarray() if hasattr(array, "toarray") else np.asarray(array)
    return xp.asarray(np.ascontiguousarray(array), device=device_of(other))


def labels_beside(labels, other):
    """An ndarray of labels where an array is; other libraries have numbers only."""
    return beside(labels, other) if labels.dtype.kind in "biuf" else labels


@dataclass(frozen=True)
class StoredArray:
    """An array of another library in a pickle, which any machine can load.

    Attributes
    ----------
    numbers : ndarray
    library : str
        The module with its `asarray`.
    device : bytes
        Pickled; empty where that was not possible.
    """

    numbers: np.ndarray
    library: str
    device: bytes

    @classmethod
    def of(cls, value):
        """`value` as it can be stored, itself where it is no such array."""
        if isinstance(value, np.ndarray) or not hasattr(value, "__dlpack__"):
            return value
        from sklearn.externals import array_api_compat

        xp = array_api_compat.array_namespace(value)
        try:
            device = pickle.dumps(array_api_compat.device(value))
        except Exception:  # of whatever kind libraries raise
            device = b""
        numbers = converted(without_gradient(value), xp)
        return cls(numbers, xp.__name__.removeprefix(_COMPAT), device)

    def load(self):
        """The array on its device, or where the library puts arrays if that is not
        there; an ndarray where the library is not there.
        """
        try:
            xp = import_module(self.library)
        except ImportError:
            return self.numbers
        try:
            return xp.asarray(self.numbers, device=pickle.loads(self.device))
        except Exception:  # of whatever kind libraries raise
            return xp.asarray(self.numbers)


_COMPAT = "sklearn.externals.array_api_compat."


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
    "StoredArray",
    "VisualBlock",
    "accepts_sample_weight",
    "available_if",
    "beside",
    "check_same_namespace",
    "check_sample_weight",
    "close_listener",
    "converted",
    "device_of",
    "fit_context",
    "is_apart",
    "labels_beside",
    "namespace_of",
    "needs_all_labels",
    "on_host",
    "open_listener",
    "require_callbacks",
    "routing_enabled",
    "safe_indexing",
    "scores_labels_only",
    "send",
    "shared",
    "threads_of",
    "validate_params",
    "with_all_labels",
    "with_callbacks",
    "with_threads",
    "without_gradient",
]
