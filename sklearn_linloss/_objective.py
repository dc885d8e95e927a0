"""The objective of a linear model on one data set.

    F(W, b) = sum_i pi_i L(W x_i + b, y_i) + R(W),    pi_i = weight_i / sum(weight)

Solvers see it as a function of one flat vector `theta`, the coefficients followed by
the intercepts (if any), and as a composition: `scores` and `backward` are the linear
map and its adjoint, the only operations that read X; `loss_value` and `loss_gradient`
act on scores. Each is a sum over samples.

Inside `theta` the features are centred where there is a free intercept: its
intercepts are b + W mu. That is the same problem, exactly, and a better conditioned
one. X itself is never centred, copied or written to.
"""

from copy import copy
from functools import cached_property, partial

import numpy as np

from . import _kernels
from ._flows import Flows
from ._layout import Layout

# Of the square of a feature in single precision: less is no variance.
_ROUNDING_OF_SINGLE = 1e-14


class Objective(Flows, Layout):
    """F for one data set.

    Parameters
    ----------
    design : Design
    y : ndarray of shape (n_samples,), intp
        Class indices; each of the `n_classes` occurs.
    sample_weight : ndarray of shape (n_samples,), float64
        Positive weights.
    loss : sklearn_linloss._losses.Loss
    penalty : Penalty
    n_classes : int
    fit_intercept : bool
    dtype : float dtype
        Precision of the products with X; sums and `theta` are float64 always.
    centre : bool or ndarray of shape (n_features,), default=True
        Whether `theta` has centred features, or what they count from instead of their
        mean; without a free intercept they are as they are.
    columns : Columns, default=None
        Which columns of the user's data those of X are, where they are not all.
    total_weight : float, default=None
        That of all samples, where these are some of them.
    """

    # What `maximize_concave` takes, where several answers come at the price of one.
    foresee = None

    def __init__(
        self,
        design,
        y,
        sample_weight,
        *,
        loss,
        penalty,
        n_classes,
        fit_intercept,
        dtype,
        centre=True,
        columns=None,
        total_weight=None,
    ):
        total_weight = sample_weight.sum() if total_weight is None else total_weight
        self.y, self.share = y, sample_weight / total_weight
        self._take_terms(
            design, loss, penalty, n_classes, fit_intercept, dtype, centre, columns
        )

    def _take_terms(
        self, design, loss, penalty, n_classes, fit_intercept, dtype, centre, columns
    ):  # fmt: skip
        """All but the samples."""
        self.design = design
        self.columns = columns
        self.loss = loss
        self.n_classes = n_classes
        self.fit_intercept = fit_intercept
        self.dtype = np.dtype(dtype)

        self.n_rows = 1 if n_classes == 2 else n_classes
        self.penalty = self._laid_out(penalty)
        self._take_shape()
        # What is kept for the next fit of the same data.
        self.workspace = {}
        self.mean = None
        if fit_intercept and centre is not False:
            self.mean = self._moments[0] if centre is True else centre

    def _take_shape(self):
        """The sizes that follow from the design."""
        design = self.design
        self.n_samples, self.n_features = design.n_samples, design.n_features
        self.n_penalised = self.n_rows * self.n_features
        self.matrix_shape = (
            (self.n_features, self.n_rows)
            if design.features_first
            else (self.n_rows, self.n_features)
        )
        self.size = self.n_penalised + (self.n_rows if self.fit_intercept else 0)

    def on_features(self, features):
        """The same objective on some columns of X, whose numbers ascend.

        It knows nothing of the user's columns.
        """
        other = copy(self)
        other.design = self.design.on_features(features)
        other.penalty = self.penalty.on_features(features)
        other._take_shape()
        other.columns, other.workspace = None, {}
        mean, variance = self._moments
        other._moments = mean[features], variance[features]
        if self.mean is not None:
            other.mean = self.mean[features]
        return other

    def on_samples(self, design, y, weight):
        """The same objective of other samples of the same features."""
        other = self.on_sample(design, y, weight / weight.sum())
        for name in ("_moments", "value_at_zero"):
            other.__dict__.pop(name, None)
        return other.with_own_centre()

    def on_sample(self, design, y, share):
        """The same function of `theta`, with a sum over a sample in which each of its
        rows has a share that makes up for those that it lacks.
        """
        other = copy(self)
        other.design, other.y, other.share = design, y, share
        other.n_samples, other.workspace = design.n_samples, {}
        return other

    def with_own_centre(self):
        """The same objective with features that count from their mean, if from any."""
        return self.counted_from(self.mean if self.mean is None else self._moments[0])

    def counted_from(self, centre):
        """The same objective with features that count from `centre`, or None."""
        other = copy(self)
        other.mean, other.workspace = centre, {}
        return other

    def with_terms(self, loss, penalty):
        """The objective of the same data with another loss and penalty."""
        other = copy(self)
        other.loss = loss
        other.penalty = self._laid_out(penalty)
        other.__dict__.pop("value_at_zero", None)
        return other

    def _laid_out(self, penalty):
        """A penalty for the coefficients in `theta`."""
        penalty = penalty.laid_out(self.n_rows, self.design.features_first)
        free = penalty.free_features
        if len(free) and self.fit_intercept:
            # Constant features are the intercept's: they need no coefficient.
            mean, variance = self._moments
            constant = variance[free] <= _ROUNDING_OF_SINGLE * mean[free] ** 2
            penalty = penalty.holding(free[constant])
        return penalty

    def with_precision(self, dtype):
        """The same objective with products in another precision."""
        other = copy(self)
        other.dtype = np.dtype(dtype)
        return other

    def uncentred(self):
        """The same objective with the user's intercepts in `theta`."""
        other = copy(self)
        other.mean = None
        return other

    @cached_property
    def _moments(self):
        with np.errstate(over="ignore", invalid="ignore"):
            return self.design.moments(self.share)

    @property
    def variance(self):
        """Weighted variance of each feature; infinite beyond its range."""
        return self._moments[1]

    @property
    def largest_offset(self):
        """Largest distance of a feature from zero, in its standard deviations."""
        mean, variance = self._moments
        varies = variance > _ROUNDING_OF_SINGLE * mean**2
        square = np.divide(mean**2, variance, out=np.zeros_like(mean), where=varies)
        return float(np.sqrt(square.max(initial=0.0)))

    @property
    def second_moment(self):
        """Weighted mean square of each feature; infinite beyond its range."""
        mean, variance = self._moments
        with np.errstate(over="ignore"):
            return variance + mean**2

    def on_host(self, scores):
        """This objective on the host, and scores for it, without what needs X."""
        return self, scores

    # -- the linear map ---------------------------------------------------------

    def scores(self, theta, dtype=None):
        """W x_i + b for every sample, shape (n_samples, n_rows); linear in theta."""
        W, b = self.parts(theta)
        dtype = self.dtype if dtype is None else dtype
        return self.design.scores(W.astype(dtype, copy=False), b.astype(dtype))

    def backward(self, gradient):
        """Adjoint of `scores`: sum_i gradient_i (x_i, 1) in the layout of `theta`."""

        def total(rows):
            # A sum over an axis of a few numbers takes four times as long.
            return np.einsum("ij->j", gradient[rows], dtype=np.float64)

        flat = self._centring(sum(self.design.over_parts(total, gradient.size)))
        self.design.add_adjoint(gradient, self.matrix(flat))
        return flat

    # -- the loss ---------------------------------------------------------------

    def loss_value(self, scores, width=0.0):
        """sum_i pi_i L_i; `width` > 0 smooths a loss that is not smooth."""
        scores = self.vector_form(scores)

        def part(rows):
            return self.loss.total(scores[rows], self.y[rows], self.share[rows], width)

        return sum(self.design.over_parts(part, scores.size))

    def loss_gradient(self, scores, width=0.0, shift=None):
        """sum_i pi_i L_i and pi_i dL_i/dscores, shape (n_samples, n_rows).

        The scores of all samples may have a `shift`, of shape (n_rows,).
        """
        gradient = np.empty_like(scores)
        scores, slopes = self.vector_form(scores), self.vector_form(gradient)

        def part(rows):
            at = scores[rows] if shift is None else scores[rows] + shift
            return self.loss.total_gradient(
                at, self.y[rows], self.share[rows], slopes[rows], width
            )

        return sum(self.design.over_parts(part, scores.size)), gradient

    def loss_of_multiple(self, scores, t):
        """sum_i pi_i L_i at t * scores, and its derivative in t."""
        return self._loss_at(lambda rows: t * scores[rows], scores)

    def loss_along(self, scores, change, t):
        """sum_i pi_i L_i at scores + t * change, and its derivative in t."""
        return self._loss_at(lambda rows: scores[rows] + t * change[rows], change)

    def loss_on_line(self, scores, change):
        """The same as a function of t."""
        return partial(self.loss_along, scores, change)

    def _loss_at(self, scores_of, change):
        """sum_i pi_i L_i where a function gives the scores of some samples, and its
        derivative as they change.
        """

        def part(rows):
            scores = self.vector_form(scores_of(rows))
            slopes = np.empty_like(scores)
            value = self.loss.total_gradient(
                scores, self.y[rows], self.share[rows], slopes
            )
            return value, np.vdot(slopes, change[rows])

        values, slopes = zip(*self.design.over_parts(part, change.size), strict=True)
        return sum(values), sum(slopes)

    def loss_hessian(self, scores, direction, width=0.0):
        """pi_i (Hessian of L_i) direction_i, shape (n_samples, n_rows)."""
        out = np.empty_like(scores)
        arrays = [self.vector_form(each) for each in (scores, direction, out)]

        def part(rows):
            some_scores, some_direction, some_out = (each[rows] for each in arrays)
            self.loss.hessian_product(
                some_scores,
                self.y[rows],
                self.share[rows],
                some_direction,
                some_out,
                width,
            )

        self.design.for_rows(part, scores.size)
        return out

    def vector_form(self, scores):
        """What is (n_samples, n_rows) as losses take it: a vector for one row."""
        return scores.reshape(-1) if self.n_rows == 1 else scores

    # -- what certificates ask ------------------------------------------------------

    @property
    def free_part(self):
        """The objective on the features that are not penalised, in double precision."""
        if "free" not in self.workspace:
            part = self.on_features(self.penalty.free_features)
            self.workspace["free"] = part.with_precision(np.float64)
        return self.workspace["free"]

    def dual_value(self, pull):
        """-sum_i pi_i L_i*(scale * a_i) and its derivative, as a function of the scale.

        `pull` holds pi_i * a_i.
        """
        over_parts, pull = self.design.over_parts, self.vector_form(pull)
        of_part = {}

        def prepare(rows):
            of_part[rows.start] = self.loss.dual_value(
                pull[rows], self.y[rows], self.share[rows]
            )

        over_parts(prepare, pull.size)

        def at(scale):
            parts = over_parts(lambda rows: of_part[rows.start](scale), pull.size)
            values, slopes = zip(*parts, strict=True)
            return sum(values), sum(slopes)

        return at

    def within_domain(self, pull, other):
        """pi_i * a_i of `pull` where a_i is in the domain of L_i*, else of `other`."""
        dual = pull / self.share[:, None]
        if self.n_rows == 1:
            dual[self.y == 1] *= -1.0
        else:
            dual[np.arange(self.n_samples), self.y] = 0.0
        size = self.loss.dual_size(dual.max(axis=1), dual.sum(axis=1))
        inside = (dual.min(axis=1) >= 0.0) & (size <= 1.0)
        return np.where(inside[:, None], pull, other)

    def intercept_hessian(self, pull):
        """Hessian of the mean of a smooth loss in the intercepts.

        `pull` is what `loss_gradient` wrote: it determines the second derivatives.
        """

        def part(rows):
            y = self.y[rows]
            return self.loss.intercept_hessian(
                pull[rows], y, self.share[rows], partial(self._sums_by_class, y)
            )

        return sum(self.design.over_parts(part, pull.size))

    def class_mass(self):
        """Sum of the shares of the samples of each class."""
        if "class_mass" not in self.workspace:
            mass = np.bincount(self.y, weights=self.share, minlength=self.n_classes)
            self.workspace["class_mass"] = mass
        return self.workspace["class_mass"]

    # -- what second-order steps ask --------------------------------------------------

    def expand(self, scores):
        """sum_i pi_i L_i of a twice differentiable loss, pi_i dL_i/dscores, and the
        second derivatives in the form that the loss has.
        """
        value, pull = self.loss_gradient(scores)
        return value, pull, self.second(pull)

    def second(self, pull):
        """The second derivatives alone, from pi_i dL_i/dscores."""
        return self.loss.second(pull, self.y, self.share)

    def total_curvature(self, second):
        """Sum of the second derivatives over samples and classes; 1 where it is 0."""
        return self.sum_of(curvature_of, second) or 1.0

    def sum_of(self, function, *args):
        """What a function of an objective and more, called wherever rows lie, sums."""
        return function(self, *args)

    def zero_rows(self):
        """Zeros of the shape of the scores."""
        return np.zeros((self.n_samples, self.n_rows))

    def multipliers(self, pull):
        """a_ij of every class but the true one, or t_i of the one-row form, from pi_i *
        a_i as the certificate takes it.
        """
        shares = np.abs(pull)
        shares /= self.share[:, None]
        if self.n_rows > 1:
            shares[np.arange(self.n_samples), self.y] = 0.0
        return shares

    def mean_of_largest(self, multipliers):
        """sum_i pi_i max_j of the multipliers."""
        return self.share @ multipliers.max(axis=1)

    def augmented(self, scores, width, multipliers, pull, second):
        """The data part with multipliers, as `SlackLoss.augmented` has it.

        Writes its gradient and second derivatives to `pull` and `second`.
        """
        arrays = [*map(self.vector_form, (scores, multipliers, pull, second))]

        def part(rows):
            some_scores, *others = (each[rows] for each in arrays)
            return self.loss.augmented(
                some_scores, self.y[rows], self.share[rows], width, *others
            )

        return sum(self.design.over_parts(part, scores.size))

    def augmented_along(self, scores, change, t, width, multipliers):
        """The same at scores + t * change, and its derivative in t."""
        arrays = [*map(self.vector_form, (scores, change, multipliers))]

        def part(rows):
            some_scores, some_change, some = (each[rows] for each in arrays)
            y, share = self.y[rows], self.share[rows]
            return self.loss.augmented_along(
                some_scores, some_change, t, y, share, width, some
            )

        values, slopes = zip(*self.design.over_parts(part, scores.size), strict=True)
        return sum(values), sum(slopes)

    def augmented_on_line(self, scores, change, width, multipliers):
        """The same as a function of t."""
        return lambda t: self.augmented_along(scores, change, t, width, multipliers)

    def covariance(self, dtype, check):
        """Of the features, about the centre of `theta`; its lower triangle.

        `check` is called now and then, and may raise.
        """
        return self.design.covariance(self.share, self._centre, dtype, check)

    def covariance_times(self, vectors):
        """Its product with vectors (n_features, k)."""
        W = np.ascontiguousarray(vectors.T, dtype=self.dtype)
        mean = self._centre
        scores = self.design.scores(W, -(W @ mean).astype(self.dtype))
        scores *= self.share[:, None].astype(self.dtype)
        total = np.zeros(vectors.shape if self.design.features_first else W.shape)
        self.design.add_adjoint(scores, total)
        product = total if self.design.features_first else total.T
        return product - np.multiply.outer(mean, scores.sum(axis=0, dtype=np.float64))

    def coupling(self, second):
        """How the classes bend together: the sum of pi_i (Hessian of L_i).

        `second` holds second derivatives as the loss has them.
        """

        def part(rows):
            sums_by_class = partial(self._sums_by_class, self.y[rows])
            return self.loss.coupling(second[rows], self.share[rows], sums_by_class)

        return sum(self.design.over_parts(part, second.size))

    # -- passes over rows in an order -------------------------------------------------

    @property
    def relative_weight(self):
        """Weights of the samples whose mean is one."""
        return self.share * self.n_samples

    def order(self, rng, shuffle):
        """The samples in the order of a pass, drawn from a generator."""
        return rng.permutation(self.n_samples) if shuffle else np.arange(self.n_samples)

    def sgd_epoch(self, centre, weight, pass_, state, past):
        """A pass of mini-batch SGD, or by rows with a `past`, as designs have it."""
        penalty = self.penalty
        terms = _kernels.Terms(self.y, weight, self.loss.delta, penalty.l1, penalty.l2)
        if past is not None:
            return self.design.sgd_rows(self.loss, terms, pass_, state, past)
        return self.design.sgd_epoch(self.loss, centre, terms, pass_, state)

    # -- values of the whole --------------------------------------------------------

    def penalty_value(self, theta):
        """R(W)."""
        return self.penalty.value(self.penalised(theta))

    def value(self, theta, dtype=None):
        """F."""
        return self.loss_value(self.scores(theta, dtype)) + self.penalty_value(theta)

    def data_gradient(self, theta, dtype=None):
        """Value and (sub)gradient of the data part of F."""
        dtype = self.dtype if dtype is None else dtype
        if self.loss.code is None or not self.design.reads_once(self.n_rows):
            value, gradient = self.loss_gradient(self.scores(theta, dtype))
            return value, self.backward(gradient)
        W, b = self.parts(theta)
        value, total, b_total = self.design.loss_gradient(
            self.loss, self.y, self.share, W, b, dtype
        )
        flat = self._centring(b_total)
        self.matrix(flat)[:] += total
        return value, flat

    def stationarity(self, theta, data_gradient):
        """Max-norm of the smallest subgradient of F, in the user's coordinates."""
        W, b = self._split(data_gradient)
        if self.mean is not None:
            W = W + np.outer(b, self.mean)
        slope = np.empty(self.n_penalised)
        self.coefficients(slope)[:] = W
        subgradient = self.penalty.min_norm_subgradient(self.penalised(theta), slope)
        return max(np.abs(subgradient).max(), np.abs(b).max(initial=0.0))

    def magnitude(self, theta):
        """What the value of F is rounded like: the sum of the terms that it and the
        scores are made of, without their signs.
        """
        W, b = self.parts(theta)
        terms = np.abs(W) @ np.sqrt(self.second_moment) + np.abs(b)
        slope = self.loss.steepest(terms.max())
        return self.value_at_zero + self.value(theta, np.float64) + slope * terms.sum()

    @cached_property
    def value_at_zero(self):
        """F(0, 0)."""
        at_zero = self.loss.value(np.zeros((1, self.n_classes)), np.zeros(1, np.intp))
        return float(at_zero[0])

    # -- private ----------------------------------------------------------------

    @property
    def _centre(self):
        """What the features count from in `theta`."""
        return np.zeros(self.n_features) if self.mean is None else self.mean

    def _centring(self, total):
        """The gradient of theta where that of the user's coefficients is zero, and that
        of the intercepts `total`.
        """
        flat = np.zeros(self.size)
        if self.mean is not None:
            np.multiply.outer(-total, self.mean, out=self.coefficients(flat))
        if self.fit_intercept:
            self.intercepts(flat)[:] = total
        return flat


def curvature_of(objective, second):
    if objective.loss.twice_differentiable:
        second = objective.loss.class_curvature(second, objective.share)
    return second.sum()
