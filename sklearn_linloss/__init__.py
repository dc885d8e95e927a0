"""Linear classifiers trained to a certified optimum, for scikit-learn."""

from . import losses
from ._cv import SoftmaxClassifierCV, SVMClassifierCV
from ._path import LinearPath, linear_path
from ._show_versions import show_versions
from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier
from ._version import __version__
from ._warmup import warmup

__all__ = [
    "LinearPath",
    "SVMClassifier",
    "SVMClassifierCV",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "__version__",
    "linear_path",
    "losses",
    "show_versions",
    "warmup",
]
