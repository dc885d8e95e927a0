"""Every public docstring follows numpydoc."""

import importlib
import inspect
from dataclasses import is_dataclass
from importlib.util import find_spec

import pytest

from sklearn_linloss import losses

validate = pytest.importorskip("numpydoc.validate", reason="part of the test extra")

MODULES = (
    "sklearn_linloss",
    "sklearn_linloss.losses",
    "sklearn_linloss.inspection",
    "sklearn_linloss.callbacks",
    "sklearn_linloss.onnx",
    *(["sklearn_linloss.dask"] if find_spec("distributed") else []),
)
# What scikit-learn leaves open too: an extended summary, an example and a "See Also"
# for each object, and results that have a name.
LEFT_OPEN = {"ES01", "EX01", "SA01", "RT02"}


def public_names():
    """Functions and classes, and the methods and properties that we wrote."""
    yield from members("sklearn_linloss.losses.Loss", losses.Loss)
    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                yield from members(f"{module_name}.{name}", value)


def members(name, value):
    yield name
    for member in dir(value) if inspect.isclass(value) else ():
        code = inspect.getattr_static(value, member)
        code = code.fget if isinstance(code, property) else getattr(value, member)
        module = getattr(code, "__module__", None) or ""
        if not member.startswith("_") and module.startswith("sklearn_linloss"):
            yield f"{name}.{member}"


@pytest.mark.parametrize("name", sorted(set(public_names())))
def test_docstring(name):
    result = validate.validate(name)
    left_open = LEFT_OPEN
    if is_dataclass(validate.Validator._load_obj(name)):
        left_open = LEFT_OPEN | {"PR01"}  # results: their fields are attributes
    errors = [error for error in result["errors"] if error[0] not in left_open]
    assert errors == []


@pytest.mark.parametrize("name", MODULES)
def test_summary_of_module(name):
    summary, *rest = importlib.import_module(name).__doc__.strip().split("\n")
    assert summary.endswith(".")
    assert not rest or rest[0] == ""
