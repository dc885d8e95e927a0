"""A problem whose rows lie on workers; one round finds its labels and weights."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from .._problem import check_classes, check_decades, weights_by_class
from ._objective import DistributedObjective, Summary
from ._shard import Moments, Plan


@dataclass(frozen=True)
class DistributedProblem:
    """What is known of the rows of `parts`.

    Attributes
    ----------
    parts : Parts
    classes : ndarray of shape (n_classes,)
        The labels of samples that count.
    design : Summary
    """

    parts: object
    classes: np.ndarray
    design: Summary

    @property
    def n_rows(self):
        """Rows of coefficients: one for two classes."""
        return 1 if len(self.classes) == 2 else len(self.classes)

    @property
    def shape(self):
        """Samples, features, and rows of coefficients."""
        return self.design.n_samples, self.design.n_features, self.n_rows

    def objective(self, settings):
        """F, with features that count from their mean where there is an intercept."""
        moments = Moments.pool(self.parts.prepare("moments"))
        # The textbook's steps are those of the user's coordinates.
        centred = settings.fit_intercept and settings.learning_rate == "auto"
        terms = {
            "loss": settings.loss,
            "penalty": settings.penalty,
            "n_classes": len(self.classes),
            "fit_intercept": settings.fit_intercept,
            "dtype": self.design.dtype,
            "centre": moments.mean if centred else False,
        }
        self.parts.prepare("begin", terms)
        moments = moments.mean, moments.variance
        return DistributedObjective(self.parts, self.design, moments, **terms)


def survey(parts, class_weight, n_jobs):
    """The problem of the rows of `parts`.

    Raises
    ------
    ValueError
        If they are none.
    """
    blocks = [each for each in chain(*parts.prepare("survey")) if each.n_samples > 0]
    if not blocks:
        raise ValueError("The data have no samples of a positive weight.")
    kinds = {each.is_csr for each in blocks}
    if len(kinds) > 1:
        raise ValueError("The partitions of X must be all dense or all sparse.")
    classes, codes = np.unique(_joined(blocks, "labels"), return_inverse=True)
    # Repeated, so that they are not warned of as being too many.
    check_classification_targets(np.tile(classes, 4))
    n_classes = len(classes)
    mass = np.bincount(codes, _joined(blocks, "mass"), n_classes)
    counts = np.bincount(codes, _joined(blocks, "counts"), n_classes)
    least, largest = np.full(n_classes, np.inf), np.zeros(n_classes)
    np.minimum.at(least, codes, _joined(blocks, "least"))
    np.maximum.at(largest, codes, _joined(blocks, "largest"))
    if not np.isfinite(mass.sum()):
        raise ValueError("The sum of the weights of the samples is not finite.")
    by_class = weights_by_class(class_weight, classes, mass=mass)
    present = by_class > 0.0
    if not present.any():
        raise ValueError("The class weights of all samples are zero.")
    classes, by_class = classes[present], by_class[present]
    check_classes(classes)
    least, largest = by_class * least[present], by_class * largest[present]
    check_decades(least.min(), largest.max(), classes[least.argmin()])
    dtype = np.result_type(*(each.dtype for each in blocks))
    n_samples = int(counts[present].sum())
    total = float(mass[present] @ by_class)
    plan = Plan(classes, by_class, total, total / n_samples, dtype, n_jobs)
    parts.prepare("prepare", plan)
    n_stored = sum(each.n_stored for each in blocks)
    shape = n_samples, blocks[0].n_features
    return DistributedProblem(
        parts, classes, Summary(shape, dtype, n_stored, kinds.pop())
    )


def _joined(blocks, name):
    return np.concatenate([getattr(each, name) for each in blocks])
