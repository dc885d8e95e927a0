"""Certificates of fitted models on collections of Dask."""

from dataclasses import dataclass, replace

import numpy as np

from .._audit import RULES
from .._audit import Certificate as LocalCertificate
from .._audited import dense
from .._base import settings_of
from .._certificate import Certifier
from .._fit import Fit
from .._solvers._common import Options, Progress
from ._docs import fields_like
from ._solve import run


@fields_like(
    LocalCertificate,
    """A model's objective, and a lower bound that was proven on the workers.

    The proof itself has a number for each sample and is not kept: `inspection.verify`
    is for certificates of local data.
    """,
)
@dataclass(frozen=True)
class Certificate:
    objective: float
    bound: float
    gap: float


def certificate_of(model, problem):
    """The certificate of a fitted model, on a problem of its classes.

    As on local data the bound comes from models that are nearer to the optimum, as near
    as the proof needs.

    Parameters
    ----------
    model : OnDask
    problem : DistributedProblem

    Returns
    -------
    certificate : Certificate
    """
    settings = replace(
        settings_of(model), solver="auto", learning_rate="auto", early_stopping=False
    )
    solver = problem.choose_solver(settings)
    f = problem.objective_for(solver, settings)
    theta = f.pack(dense(model.coef_), model.intercept_)
    value = float(f.value(theta, np.float64))
    if not np.isfinite(value):
        raise ValueError("The objective of the model is not finite.")
    if settings.penalty.is_zero:
        return Certificate(value, np.nan, np.nan)
    certifier = Certifier(f)
    found = certifier.certify(theta)
    bound, best = certifier.bound, min(found.objective, value)
    theta = found.theta if value <= f.value_at_zero else np.zeros(f.size)
    unit = max(value, 1e-10 * f.value_at_zero)
    tol, pull = min(RULES.first * (value - bound) / unit, RULES.largest_tol), None
    while not _is_tight(value, bound, best, unit) and tol > RULES.least_tol:
        options = Options(tol, RULES.max_iter, hands_over=f.loss.smooth, pull=pull)
        progress = Progress(solver, options)
        fit = Fit(f, solver, theta, options, progress, run)
        bound = max(bound, progress.certifier.bound)
        best = min(best, fit.objective)
        theta, pull = f.pack(fit.coef, fit.intercept), fit.pull
        tol *= RULES.fall
    return Certificate(value, float(bound), float(max(value - bound, 0.0) / unit))


def _is_tight(value, bound, best, unit):
    """Whether the gap is at most `looseness` times what the best model saves."""
    left = value - bound
    return left <= max(RULES.least_tol * unit, RULES.looseness * (value - best))
