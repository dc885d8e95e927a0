"""scikit-learn's names that are private there, in one place."""

from sklearn.base import _fit_context as fit_context
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = ["check_sample_weight", "fit_context"]
