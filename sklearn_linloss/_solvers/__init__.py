"""The solvers, what each can serve, and which one "auto" is.

A solver is a function of (objective, theta, certifier, options, progress) that returns
a SolverResult. It knows arrays only: no labels, no scikit-learn.
"""

from dataclasses import dataclass

SOLVER_NAMES = ("gd", "sgd")


@dataclass(frozen=True)
class Capability:
    """What a solver can serve.

    Attributes
    ----------
    learning_rates : tuple of str
        Values of `learning_rate` that it knows.
    """

    learning_rates: tuple = ("auto",)


_CAPABILITIES = {
    "gd": Capability(learning_rates=("auto", "constant")),
    "sgd": Capability(learning_rates=("auto", "constant", "invscaling", "adaptive")),
}


def choose(solver, learning_rate):
    """The name of the solver that serves a request.

    Raises
    ------
    ValueError
        If `solver` cannot serve it; the message names those that can.
    """
    if solver == "auto":
        solver = "gd"
    if learning_rate in _CAPABILITIES[solver].learning_rates:
        return solver
    able = [
        name
        for name in SOLVER_NAMES
        if learning_rate in _CAPABILITIES[name].learning_rates
    ]
    raise ValueError(
        f"The solver {solver!r} does not support learning_rate={learning_rate!r}; "
        f"use solver={' or '.join(map(repr, able))}."
    )


def load(solver):
    """The function behind a name; only this imports compiled code."""
    from . import _gd, _sgd

    return {"gd": _gd, "sgd": _sgd}[solver].solve
