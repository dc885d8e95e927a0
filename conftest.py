"""Which doctests of the package are collected; the tests have a conftest.py as well."""

from importlib.util import find_spec

collect_ignore = []
if find_spec("distributed") is None:  # the dask extra
    collect_ignore.append("sklearn_linloss/dask")
if find_spec("sklearn.callback") is None:  # before scikit-learn 1.9
    collect_ignore.append("sklearn_linloss/callbacks.py")
