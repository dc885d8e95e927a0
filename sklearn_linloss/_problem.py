"""A problem: data and labels, checked once, and the objective on them."""

from dataclasses import dataclass, replace
from functools import partial
from numbers import Number

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from . import _solvers
from ._compat import (
    beside,
    check_sample_weight,
    device_of,
    is_apart,
    namespace_of,
    on_host,
    shared,
    threads_of,
    without_gradient,
)
from ._design import (
    Columns,
    Scaled,
    canonical,
    design_of,
    kind_of,
    like,
    take_rows,
)
from ._factor import check_factor


@dataclass(frozen=True)
class Rules:
    """Limits of the data, and of single precision."""

    tol_of_steps: float = 1e-4  # least tolerance of solvers that do not aim at a gap
    largest_feature: float = 1e100  # root mean square: fourth powers must be finite
    most_decades: int = 100  # of sample weights, between the least and the largest
    # Gap that products in float32 can reach. They are off by about 1e-7 of the
    # objective, times how many deviations the features are away from zero.
    smallest_float32_tol: float = 1e-6
    # Times that where features have factors: coefficients are rounded twice, or free.
    factored: float = 100.0
    # Up to so many, to look for idle columns takes longer than they do (0065).
    few_coefficients: int = 3000


RULES = Rules()


@dataclass(frozen=True)
class Settings:
    """What the parameters of an estimator say of its problem and solver.

    Attributes
    ----------
    loss : sklearn_linloss._losses.Loss
    penalty : ElasticNet, GroupedElasticNet or Factored
    fit_intercept, early_stopping : bool
    solver, learning_rate : str
    tol : float
    n_jobs : int or None
    """

    loss: object
    penalty: object
    fit_intercept: bool
    solver: str
    learning_rate: str
    early_stopping: bool
    tol: float
    n_jobs: int | None

    def choose_solver(self, n_samples, n_features, n_rows, **kind):
        """The name of the solver for data of that shape.

        `kind` says what X is, as a `Request` does.

        Raises
        ------
        ValueError
            If the one that was named cannot serve it.
        """
        if self.early_stopping and self.solver not in ("auto", "sgd"):
            raise ValueError(
                f"early_stopping=True does not work with solver={self.solver!r}; use "
                "solver='sgd' or 'auto'."
            )
        if self.penalty.power and self.learning_rate != "auto":
            raise ValueError(
                'penalty_factor needs learning_rate="auto": a fit divides the features '
                "by a power of their factors, and eta0 would not suit the result."
            )
        solver = "sgd" if self.early_stopping else self.solver
        request = self.request(n_samples, n_features, n_rows)
        return _solvers.choose(solver, replace(request, **kind))

    def idle_sizes(self, n_classes):
        """Weighted mean of the sizes of a column's entries, up to which its
        coefficients are zero: one number, or one for each column.

        Whatever the dual point, its slopes are within the L1 strength then (0065).
        Single batches may have larger ones.
        """
        by_batches = self.solver == "sgd" or self.early_stopping
        if by_batches or self.learning_rate != "auto":
            return 0.0
        return self.penalty.idle_slope / self.loss.largest_dual_sum(n_classes)

    def request(self, *shape):
        """What is asked of a solver for data of n_samples, n_features and n_rows."""
        penalty = self.penalty.laid_out(n_rows=shape[-1], features_first=True)
        return _solvers.Request(self.loss, penalty, self.learning_rate, *shape)


@dataclass(frozen=True)
class Problem:
    """Samples that count, of at least two classes.

    Attributes
    ----------
    X : C-contiguous ndarray or canonical CSR of shape (n_samples, n_features)
    codes : ndarray of shape (n_samples,)
        Indices in `classes`, each of which occurs.
    weight : ndarray of shape (n_samples,)
        Positive, those of their classes included.
    classes : ndarray of shape (n_classes,)
        The labels.
    by_class : ndarray of shape (n_classes,)
        What `class_weight` says of each.
    columns : Columns or None
        Which columns of the user's data those of X are, where they are not all.
    """

    X: object
    codes: np.ndarray
    weight: np.ndarray
    classes: np.ndarray
    by_class: np.ndarray
    columns: Columns | None = None

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.classes)

    @property
    def n_features(self):
        """Number of features."""
        return self.X.shape[1]

    @property
    def n_rows(self):
        """Rows of coefficients: one for two classes."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def class_mass(self):
        """Sum of the weights of each class."""
        return np.bincount(self.codes, weights=self.weight)

    def without_idle_columns(self, idle, start=None):
        """The problem without columns that get no coefficients, where those are many.

        `idle` is what `Settings.idle_sizes` says. A fit that starts from coefficients
        keeps the columns of those, too.
        """
        if self.n_features * self.n_rows <= RULES.few_coefficients:
            idle = 0.0
        share = self.weight / self.weight.sum()
        columns = Columns.of(self.X, share, idle, start)
        if columns is None:
            return self
        return replace(self, X=columns.take(self.X), columns=columns)

    def part(self, rows):
        """The problem on some of the samples, which have every class."""
        X, codes = take_rows(self.X, rows), self.codes[rows]
        return replace(self, X=X, codes=codes, weight=self.weight[rows])

    def choose_solver(self, settings):
        """The name of the solver."""
        settings = replace(settings, penalty=self.penalty(settings))
        if len(settings.penalty.free_features):
            local(self.X, "A penalty_factor of zero")
        return settings.choose_solver(*self.X.shape, self.n_rows, **kind_of(self.X))

    def design(self, n_threads=1):
        """X as solvers see it."""
        return design_of(self.X, n_threads)

    def penalty(self, settings):
        """That of the columns of X."""
        if self.columns is None:
            return settings.penalty
        return settings.penalty.on_features(self.columns.places)

    def objective(self, settings, design=None, dtype=None, centre=True):
        """F with products in a precision, by default that of X."""
        # Compiled code is imported here and not before: predicting needs none.
        from ._arrays import ArrayObjective
        from ._objective import Objective

        design = self.design() if design is None else design
        penalty = self.penalty(settings)
        if penalty.scale is not None:
            scaled = (
                design.multiplied if design.only_products else partial(Scaled, design)
            )
            design = scaled(penalty.scale)
        kind = ArrayObjective if design.only_products else Objective
        return kind(
            design,
            self.codes,
            self.weight,
            loss=settings.loss,
            penalty=penalty,
            n_classes=self.n_classes,
            fit_intercept=settings.fit_intercept,
            dtype=design.dtype if dtype is None else dtype,
            centre=centre,
            columns=self.columns,
        )

    def objective_for(self, solver, settings):
        """F as a solver wants it: its precision, and its centre."""
        entry = _solvers.SOLVERS[solver]
        request = settings.request(*self.X.shape, self.n_rows)
        design = self.design(threads_of(settings.n_jobs))
        # The textbook's steps are those of the user's coordinates.
        automatic = settings.learning_rate == "auto"
        by_rows = entry.visits_rows(request)
        centre = automatic and (design.counts_from_centre or not by_rows)
        f = self.objective(settings, design, centre=centre)
        return at_precision(f, entry, settings)


def at_precision(f, entry, settings):
    """F with products that are as exact as its data and the tolerance ask for.

    Parameters
    ----------
    f : Objective
        With products in the precision of X.
    entry : Solver
    settings : Settings

    Raises
    ------
    ValueError
        If X has entries whose powers overflow, or are NaN, which scikit-learn may have
        been told to assume there are none of.
    """
    within = f.design.largest_entry < RULES.largest_feature
    if not (within or f.second_moment.max() < RULES.largest_feature**2):
        raise ValueError(
            "X contains NaN, infinity, or numbers that are so large that powers of "
            "them overflow. The root mean square of each feature must be below "
            f"{RULES.largest_feature:.0e}. Scale the features, for example with "
            "StandardScaler."
        )
    if f.dtype == np.float64:
        return f
    # Steps at a rate of the user's own are as exact as the data ask for.
    by_rate = not entry.ends_by_gap or settings.learning_rate != "auto"
    tol = max(settings.tol, RULES.tol_of_steps) if by_rate else settings.tol
    return f.with_precision(np.float64) if tol < smallest_tol(f) else f


def smallest_tol(f):
    """The least relative gap that products in single precision can lead to.

    They move scores, the more the further the features are from zero, and slopes, on
    which a weak penalty does not look down.
    """
    of_scores = RULES.smallest_float32_tol * max(f.largest_offset, 1.0)
    if f.design.scale is not None or len(f.penalty.free_features):
        of_scores *= RULES.factored
    if f.penalty.convexity == 0.0:
        return of_scores
    slopes = np.finfo(np.float32).eps ** 2 * f.n_rows * f.second_moment.sum()
    of_slopes = slopes / (2.0 * f.penalty.convexity * f.value_at_zero)
    return max(of_scores, of_slopes)


# -- checks --------------------------------------------------------------------------


def check_data(estimator, X, y, reset=True, dtype=None):
    """X and y as an estimator takes them; notes the features on it.

    X stays an array of its library, and y is an ndarray.
    """
    refuse_collections(X=X, y=y)
    xp = namespace_of(X)
    if xp is not None:
        _check_has_numbers(X)
        _check_has_double(X, xp)
        X = without_gradient(X)
        dtype = [xp.float64, xp.float32] if dtype is None else dtype
    X, y = validate_data(
        estimator,
        X,
        on_host(y),
        reset=reset,
        accept_sparse="csr",
        dtype=[np.float64, np.float32] if dtype is None else dtype,
        order="C",
    )
    check_classification_targets(y)
    check_factor(estimator.penalty_factor, X.shape[1])
    return X, y


def refuse_collections(**arguments):
    """Raise where one is a collection of Dask: it would be gathered in silence."""
    for name, value in arguments.items():
        if hasattr(value, "__dask_graph__"):
            raise TypeError(
                f"{name} is a Dask collection. The classes of sklearn_linloss.dask fit "
                f"it on its workers; here pass an array, such as {name}.compute()."
            )


def _check_has_numbers(X):
    """Raise where X of another library has no array of numbers in memory."""
    layout = str(getattr(X, "layout", "strided"))
    if not layout.endswith("strided"):
        raise ValueError(
            f"X has the layout {layout}, but arrays of other libraries than NumPy have "
            "to be dense; sparse data are supported as CSR matrices of SciPy."
        )
    if str(device_of(X)) == "meta":
        raise ValueError("X is on the device meta, where arrays have no numbers.")


def _check_has_double(X, xp):
    """Raise where the device of X has no float64, in which certificates add up."""
    device = device_of(X)
    kinds = xp.__array_namespace_info__().dtypes(device=device, kind="real floating")
    if "float64" not in kinds:
        raise ValueError(
            f"The device {device} of X does not support float64, in which sums over "
            "samples are made; move X to another device."
        )


def local(X, what):
    """X for `what` works on the host alone: an ndarray where X is in another library.

    Raises
    ------
    ValueError
        If X is on a device of its own.
    """
    if is_apart(X):
        raise ValueError(
            f"{what} needs X in the memory of the processor, and X is on the device "
            f"{device_of(X)}; move it to the CPU."
        )
    if namespace_of(X) is not None:
        _check_has_numbers(X)
    return shared(X)


def weight_of_each(weight, n_samples):
    """A number as the weight of each sample; all else as it is, on the host."""
    weight = on_host(weight)
    # NumPy's functions do not take every array-like.
    if isinstance(weight, Number) or getattr(weight, "shape", None) == ():
        return np.full(n_samples, weight, dtype=np.float64)
    return weight


def check_weight(weight, X):
    """Weights of the samples as an array."""
    refuse_collections(sample_weight=weight)
    if namespace_of(X) is not None:
        X = np.empty((X.shape[0], 0))  # its length is all that counts
    weight = weight_of_each(weight, X.shape[0])
    return check_sample_weight(weight, X, dtype=np.float64, ensure_non_negative=True)


def check_problem(estimator, X, y, sample_weight, labels=None):
    """The problem of an estimator that is given these data.

    `labels` are those of `class_weight`, where y may lack some of them.

    Raises
    ------
    ValueError
        If the data are invalid.
    """
    X, y = check_data(estimator, local(X, "This function"), y)
    weight = check_weight(sample_weight, X)
    return weigh(X, y, weight, estimator.class_weight, labels)


def weigh(X, y, weight, class_weight, labels=None):
    """Drop what has no weight, apply the class weights, encode the labels.

    `labels` are as of `check_problem`. X in the memory of the host is an ndarray from
    here on, whatever its library.
    """
    check_class_weight(class_weight, y if labels is None else labels)
    X = shared(X)
    # By a power of two, which rounds nothing: sums of large ones must be finite.
    weight = np.ldexp(weight, -np.frexp(weight.max(initial=0.0))[1])
    kept = weight > 0.0
    if not kept.all():
        X, y, weight = take_rows(X, kept), y[kept], weight[kept]
    if len(y) == 0:  # newer scikit-learn has said so before
        raise ValueError("sample_weight must have at least one non-zero entry.")
    # Their inverse would sort y.
    classes = np.unique(y)
    codes = np.searchsorted(classes, y)
    mass = np.bincount(codes, weights=weight)
    by_class = weights_by_class(class_weight, classes, mass)
    weight = weight * by_class[codes]
    present = by_class > 0.0
    if not present.any():
        raise ValueError("The class weights of all samples are zero.")
    if not present.all():
        kept = present[codes]
        X, weight = take_rows(X, kept), weight[kept]
        codes = (np.cumsum(present) - 1)[codes[kept]]
        classes, by_class = classes[present], by_class[present]
    check_classes(classes)
    least = weight.argmin()
    check_decades(weight[least], weight.max(), classes[codes[least]])
    return Problem(canonical(X), codes.astype(np.intp), weight, classes, by_class)


def check_classes(classes):
    """Raise where there is but one class."""
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the "
            f"data contains only one class: {classes[0]!r}"
        )


def check_decades(least, largest, label):
    """Raise where weights of samples are too far from each other.

    The least one is that of a sample of the class `label`.
    """
    if least < 10.0**-RULES.most_decades * largest:
        raise ValueError(
            "The weights of the samples, times those of their classes, differ by more "
            f"than {RULES.most_decades} orders of magnitude: {least:.1e}, in class "
            f"{label}, is the smallest, {largest:.1e} the largest. Give weight zero to "
            "samples that should not count."
        )


def check_class_weight(class_weight, labels):
    """Raise where a dict has weights that are none, or keys that are no labels.

    The labels are those of all samples: of parts of them, and of samples that have no
    weight, a dict need not know. One that names them all may name more.
    """
    if not isinstance(class_weight, dict):
        return
    try:
        weights = np.array(list(class_weight.values()), dtype=np.float64)
    except (TypeError, ValueError):
        weights = np.array(np.nan)
    if not (np.isfinite(weights) & (weights >= 0.0)).all():
        raise ValueError(
            "The numbers in class_weight must be finite and not negative, got "
            f"{class_weight}."
        )
    labels = np.unique(labels).tolist()
    unknown = [key for key in class_weight if key not in labels]
    if unknown and not class_weight.keys() >= set(labels):
        raise ValueError(
            f"class_weight has weights for {unknown}, which are not among the labels "
            f"{labels}."
        )


def weights_by_class(class_weight, classes, mass=None):
    """What `class_weight` says of each class; `mass` is the weight it has."""
    if isinstance(class_weight, dict):
        weights = [class_weight.get(label, 1.0) for label in classes.tolist()]
        return np.array(weights, dtype=np.float64)
    if class_weight == "balanced":
        return mass.sum() / (len(classes) * mass)
    return np.ones(len(classes))


def check_held_out(estimator, problem, X, y, weight):
    """Validation data as a problem like that of the training data, or None."""
    if X is None:
        if y is not None or weight is not None:
            raise ValueError("y_val or sample_weight_val was given without X_val.")
        return None
    if y is None:
        raise ValueError("X_val was given without y_val.")
    X = beside(X, problem.X)
    X, y = check_data(estimator, X, y, reset=False, dtype=problem.X.dtype)
    unknown = np.setdiff1d(y, problem.classes)
    if len(unknown):
        raise ValueError(f"y_val contains labels that do not occur in y: {unknown}.")
    codes = np.searchsorted(problem.classes, y)
    weight = check_weight(weight, X) * problem.by_class[codes]
    if not weight.any():
        raise ValueError("The weights of all validation samples are zero.")
    X = like(X, problem.X)
    if problem.columns is not None:
        X = problem.columns.take(X)
    return replace(problem, X=X, codes=codes, weight=weight)
