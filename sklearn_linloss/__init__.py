"""Linear classifiers trained to a certified optimum, for scikit-learn."""

from . import losses
from ._softmax import SoftmaxClassifier
from ._svm import SVMClassifier
from ._version import __version__

__all__ = ["SVMClassifier", "SoftmaxClassifier", "__version__", "losses"]
