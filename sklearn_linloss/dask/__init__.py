"""The classifiers on collections of Dask, whose rows stay on the workers.

Needs ``pip install "sklearn-linloss[dask]"``.
"""

try:
    from ._audit import Certificate
    from ._classifiers import SoftmaxClassifier, SVMClassifier
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "sklearn_linloss.dask needs dask and distributed: "
        'pip install "sklearn-linloss[dask]"',
        name=error.name,
    ) from error
from ._path import linear_path
from ._searches import SoftmaxClassifierCV, SVMClassifierCV

__all__ = [
    "Certificate",
    "SVMClassifier",
    "SVMClassifierCV",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "linear_path",
]
