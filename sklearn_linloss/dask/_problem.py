"""A problem whose rows lie on workers; one round finds its labels and weights."""

from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from .._empty_model import Totals
from .._problem import (
    at_precision,
    check_class_weight,
    check_classes,
    check_decades,
    weights_by_class,
)
from .._solvers import SOLVERS
from ._objective import DistributedObjective, Summary
from ._shard import ALL, Moments, Plan
from ._solve import choose


@dataclass(frozen=True)
class DistributedProblem:
    """What is known of the rows of `parts` that take part.

    Attributes
    ----------
    parts : Parts
    plan : Plan
        That of its shards.
    class_mass : ndarray of shape (n_classes,)
        Sum of the weights of each class.
    design : Summary
    """

    parts: object
    plan: Plan
    class_mass: np.ndarray
    design: Summary

    @property
    def classes(self):
        """The labels of samples that count."""
        return self.plan.classes

    @property
    def n_features(self):
        """Number of features."""
        return self.design.n_features

    @property
    def n_rows(self):
        """Rows of coefficients: one for two classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def shape(self):
        """Samples, features, and rows of coefficients."""
        return self.design.n_samples, self.n_features, self.n_rows

    def without_idle_columns(self, idle):
        """The problem itself: what is idle in one part is not in another."""
        return self

    def penalty(self, settings):
        """That of the features."""
        return settings.penalty

    def choose_solver(self, settings):
        """The name of the solver."""
        return choose(settings, settings.request(*self.shape))

    def totals(self):
        """What the empty model depends on."""
        several = self.parts.gather("totals")
        return Totals.pool([each for each in several if each is not None])

    def objective(self, settings, dtype=None, centre=True):
        """F with products in a precision, by default that of X."""
        moments = Moments.pool(self.parts.gather("moments"))
        centre = moments.mean if centre is True else centre
        terms = {
            "loss": settings.loss,
            "penalty": settings.penalty,
            "n_classes": len(self.classes),
            "fit_intercept": settings.fit_intercept,
            "dtype": self.design.dtype if dtype is None else dtype,
            "centre": centre if settings.fit_intercept else False,
        }
        self.parts.prepare("begin", terms)
        moments = moments.mean, moments.variance
        return DistributedObjective(self.parts, self.design, moments, **terms)

    def objective_for(self, solver, settings):
        """F as a solver wants it: its precision, and its centre."""
        # The textbook's steps are those of the user's coordinates.
        f = self.objective(settings, centre=settings.learning_rate == "auto")
        return at_precision(f, SOLVERS[solver], settings)


class Census(NamedTuple):
    """What the rows of some parts have.

    Attributes
    ----------
    labels : ndarray of shape (n_labels,)
        Those that occur.
    counts : ndarray of shape (n_blocks, n_labels)
        Samples of each label in each block, in the order of the data.
    mass, least, largest : ndarrays of shape (n_labels,)
        Sum, minimum and maximum of the weights of the samples of each.
    n_features, n_stored : int
    dtype : dtype
    is_csr : bool
    all_labels : ndarray
        Those of all rows, whether or not they are selected or have weight.
    """

    labels: np.ndarray
    counts: np.ndarray
    mass: np.ndarray
    least: np.ndarray
    largest: np.ndarray
    n_features: int
    n_stored: int
    dtype: np.dtype
    is_csr: bool
    all_labels: np.ndarray


def count(parts, rows=ALL):
    """The census of the rows of `parts` that are selected.

    Raises
    ------
    ValueError
        If they are none, or not of one kind, or if their labels are not classes.
    """
    numbered = list(chain(*parts.gather("survey", rows)))
    all_labels = [block.all_labels for _, block in numbered]
    blocks = [(number, block) for number, block in numbered if block.n_samples > 0]
    if not blocks:
        raise ValueError("The data have no samples of a positive weight.")
    numbers, blocks = zip(*blocks, strict=True)
    kinds = {each.is_csr for each in blocks}
    if len(kinds) > 1:
        raise ValueError("The partitions of X must be all dense or all sparse.")

    def joined(name):
        return np.concatenate([getattr(each, name) for each in blocks])

    labels, codes = np.unique(joined("labels"), return_inverse=True)
    # Repeated, so that they are not warned of as being too many.
    check_classification_targets(np.tile(labels, 4))
    counts = np.zeros((len(numbered), len(labels)), np.intp)
    of_block = np.repeat(numbers, [len(each.labels) for each in blocks])
    np.add.at(counts, (of_block, codes), joined("counts"))
    mass = np.bincount(codes, joined("mass"))
    if not np.isfinite(mass.sum()):
        raise ValueError("The sum of the weights of the samples is not finite.")
    least, largest = np.full(len(labels), np.inf), np.zeros(len(labels))
    np.minimum.at(least, codes, joined("least"))
    np.maximum.at(largest, codes, joined("largest"))
    return Census(
        labels,
        counts,
        mass,
        least,
        largest,
        blocks[0].n_features,
        sum(each.n_stored for each in blocks),
        np.result_type(*(each.dtype for each in blocks)),
        kinds.pop(),
        np.unique(np.concatenate([each for each in all_labels if len(each)])),
    )


def refuse_unserved(model):
    """Raise where features have factors of the penalty, or callbacks watch."""
    if model.penalty_factor is not None:
        raise ValueError("penalty_factor is not supported for Dask collections.")
    if getattr(model, "_skl_callbacks", ()):
        raise ValueError("set_callbacks is not supported for Dask collections.")


def divide(parts, census, folds_of):
    """Divide the samples of each label among folds, evenly and in their order.

    Which fold a sample is in does not depend on the partitions.

    Parameters
    ----------
    parts : Parts
    census : Census
        Of all rows.
    folds_of : callable
        Places of samples among those of their label -> their folds.
    """
    seen = np.cumsum(census.counts, axis=0) - census.counts
    parts.prepare("divide", census.labels, seen, folds_of)


def problem_of(parts, census, class_weight, n_jobs, rows=ALL):
    """The problem of the rows of `parts` that are selected.

    Raises
    ------
    ValueError
        If there are not two classes that count, or if the weights are invalid.
    """
    check_class_weight(class_weight, census.all_labels)
    classes, mass = census.labels, census.mass
    by_class = weights_by_class(class_weight, classes, mass)
    present = by_class > 0.0
    if not present.any():
        raise ValueError("The class weights of all samples are zero.")
    classes, by_class = classes[present], by_class[present]
    check_classes(classes)
    least, largest = (
        by_class * census.least[present],
        by_class * census.largest[present],
    )
    check_decades(least.min(), largest.max(), classes[least.argmin()])
    mass = mass[present] * by_class
    n_samples = int(census.counts[:, present].sum())
    plan = Plan(
        classes,
        by_class,
        total_weight=float(mass.sum()),
        mean_weight=float(mass.sum() / n_samples),
        dtype=census.dtype,
        n_jobs=n_jobs,
        rows=rows,
    )
    return _planned(parts, plan, census, mass, n_samples)


def held_out_of(problem, parts, census, rows=ALL):
    """Validation data as a problem with the classes of the training data.

    Raises
    ------
    ValueError
        If they have other labels or another kind of X, or no weight.
    """
    plan = problem.plan
    unknown = np.setdiff1d(census.labels, plan.classes)
    if len(unknown):
        raise ValueError(f"y_val contains labels that do not occur in y: {unknown}.")
    if census.is_csr != problem.design.features_first:
        raise ValueError("X and X_val must be both dense or both sparse.")
    mass = np.zeros(len(plan.classes))
    places = np.searchsorted(plan.classes, census.labels)
    mass[places] = census.mass * plan.by_class[places]
    plan = plan._replace(total_weight=float(mass.sum()), rows=rows)
    return _planned(parts, plan, census, mass, int(census.counts.sum()))


def _planned(parts, plan, census, mass, n_samples):
    """A problem whose shards know the plan."""
    parts.prepare("prepare", plan)
    shape = n_samples, census.n_features
    design = Summary(shape, plan.dtype, census.n_stored, census.is_csr)
    return DistributedProblem(parts, plan, mass, design)
