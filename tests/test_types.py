"""Annotations of the public names; mypy says whether they are right."""

import importlib
import inspect

import pytest
from test_docstrings import MODULES, members

from sklearn_linloss import losses


def public_callables():
    """Functions, constructors and methods that we wrote, by their names."""
    found = {}

    def add(name, value):
        if inspect.isclass(value) and "__init__" in vars(value):
            found[f"{name}.__init__"] = value.__init__
        for each in members(name, value):
            member = each.removeprefix(name).removeprefix(".")
            code = inspect.getattr_static(value, member) if member else value
            code = getattr(code, "fget", code)
            code = getattr(code, "__func__", code)  # of a class method
            if inspect.isclass(code):
                continue
            if not inspect.isfunction(code):  # behind `available_if`
                code = getattr(value, member)
            found[each] = code

    for module_name in MODULES:
        module = importlib.import_module(module_name)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                add(f"{module_name}.{name}", value)
    add("sklearn_linloss.losses.Loss", losses.Loss)
    return found


CALLABLES = public_callables()


@pytest.mark.every_case
@pytest.mark.parametrize("name", sorted(CALLABLES))
def test_a_public_function_is_annotated(name):
    signature = inspect.signature(CALLABLES[name])
    bare = [
        parameter.name
        for parameter in signature.parameters.values()
        if parameter.annotation is parameter.empty
        and parameter.name not in ("self", "cls")
    ]
    assert bare == []
    assert signature.return_annotation is not signature.empty


def test_there_is_something_to_check():
    assert {
        "sklearn_linloss.SVMClassifier.__init__",
        "sklearn_linloss.SoftmaxClassifier.partial_fit",
        "sklearn_linloss.LinearPath.df",
        "sklearn_linloss.inspection.LossDisplay.from_losses",
        "sklearn_linloss.losses.Loss.value",
        "sklearn_linloss.onnx.register_converters",
    } <= CALLABLES.keys()
