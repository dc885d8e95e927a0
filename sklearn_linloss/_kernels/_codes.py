"""The integers by which kernels tell the losses apart.

All codes come from `code_of`. Each kernel that takes one calls `check_code` first, so
that no loss is taken for another; a check inside its loops would keep these from being
vectorised. A new loss goes into `check_code` once the kernels have branches for it.
Most branches name every code and give NaN for others; `margin_loss` and
`add_pair_grams` have a last branch without a name, for the one code that is left.
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
