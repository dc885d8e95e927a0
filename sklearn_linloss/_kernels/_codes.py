"""The integers by which kernels tell the losses apart.

All codes come from `code_of`, and each kernel that takes one has `check_code` at its
door: in its loops a raise would cost vectorisation. No loss is taken for another, then.
A loss goes into the check when it has its branches: most places name every code, and
NaN is for what they do not name, but `margin_loss` and `add_pair_grams` leave their
last branch to what the door lets in.
"""

from .._jit import inlined

HINGE = 0
SQUARED_HINGE = 1
SOFTMAX = 2

_CODES = {"hinge": HINGE, "squared_hinge": SQUARED_HINGE, "softmax": SOFTMAX}


def code_of(loss):
    """The code of a `Loss`, by its name."""
    if loss.name not in _CODES:
        known = ", ".join(map(repr, _CODES))
        raise ValueError(
            f"The compiled kernels do not know the loss {loss.name!r}, only {known}."
        )
    return _CODES[loss.name]


@inlined
def check_code(loss):
    """Raise if no loss has the code `loss`."""
    if loss != HINGE and loss != SQUARED_HINGE and loss != SOFTMAX:
        raise ValueError("No loss has this code.")
