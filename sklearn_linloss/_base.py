"""What the two classifiers share: their parameters and the fit."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import (
    assert_all_finite,
    check_consistent_length,
    check_random_state,
)
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from . import _solvers
from ._advice import warn_not_converged, warn_of_unread
from ._audited import AuditedClassifier, dense
from ._blas import one_blas_thread
from ._compat import (
    CallbackSupportMixin,
    StoredArray,
    available_if,
    beside,
    fit_context,
    labels_beside,
    namespace_of,
    on_host,
    with_callbacks,
)
from ._design import canonical
from ._diagram import box
from ._factor import penalty_by_feature
from ._fit import Fit, start_of
from ._predictor import LinearPredictor
from ._problem import (
    Problem,
    Settings,
    check_class_weight,
    check_data,
    check_held_out,
    check_weight,
    local,
    weigh,
    weight_of_each,
    weights_by_class,
)
from ._solvers._clock import Clock
from ._solvers._common import Options, Progress
from ._solvers._sgd_stream import Stream
from ._typing import Array, ArrayLike, Matrix
from ._watch import Validation, begin_callbacks

# Attributes of a fit that a stream has not, and those that not every fit has.
_OF_A_FIT = ("objective_", "gap_", "loss_curve_")
_OF_SOME_FITS = ("batch_loss_curve_", "validation_loss_curve_", "t_", "_stream")


def can_stream(estimator):
    """Whether an estimator has `partial_fit`; an error says why not."""
    if estimator.solver not in ("auto", "sgd"):
        raise AttributeError(
            f"partial_fit needs solver='sgd' or 'auto', not {estimator.solver!r}."
        )
    return True


class LinearLossClassifier(
    CallbackSupportMixin, AuditedClassifier, LinearPredictor, BaseEstimator
):
    """Base of the classifiers; subclasses give the parameters and the loss."""

    loss_curve_: Array
    solver_: str

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "penalty": [StrOptions({"elementwise", "grouped"})],
        "penalty_factor": ["array-like", None],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", *_solvers.SOLVER_NAMES})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "learning_rate": [StrOptions({"auto", "constant", "invscaling", "adaptive"})],
        "eta0": [Interval(Real, 0, None, closed="neither")],
        "power_t": [Interval(Real, 0, None, closed="left")],
        "momentum": [Interval(Real, 0, 1, closed="left")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "average": ["boolean", Interval(Integral, 0, None, closed="left")],
        "shuffle": ["boolean"],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        entry = _solvers.SOLVERS.get(self.solver)
        tags.array_api_support = entry is None or entry.by_products
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        coef_init: ArrayLike | None = None,
        intercept_init: ArrayLike | None = None,
        X_val: Matrix | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. C-contiguous arrays and CSR matrices of float32 or float64
            are not copied, and float32 data are fitted in float32.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, of which only the ratios count. None means equal
            weights. Samples of weight zero are left out, and so is a class that has no
            other samples.
        coef_init : array-like of shape (n_classes, n_features), default=None
            Coefficients to start from; of shape (1, n_features) for two classes. Where
            they and the intercepts are far off, with an objective of more than 1000
            times that of zeros, fits start from zeros. With "sgd", and with a
            `learning_rate` other than "auto", they start from what is given.
        intercept_init : array-like of shape (n_classes,), default=None
            Intercepts to start from; of shape (1,) for two classes.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data. The loss on them is recorded in `validation_loss_curve_`.
            With `early_stopping` it decides when to stop, and no training data are
            held out.
        y_val : array-like of shape (n_val,), default=None
            Labels of the validation data, which must occur in `y`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Weights of the validation data.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the data or parameters are invalid, if the solver does not support them,
            or if the fit diverges. The estimator is then as it was before the call.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._all_or_nothing(
            self._fit, X, y, sample_weight, coef_init, intercept_init, validation
        )

    @available_if(can_stream)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self,
        X: Matrix,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Update the model by one pass of SGD over a chunk of data.

        The random generator, the schedule of the learning rate, the momentum and the
        average live on from call to call, and in a pickle. The automatic learning rate
        and the mean from which dense features are measured come from a sample of at
        most 512 of the rows so far, which is kept with the model, and are set anew
        when the rows have doubled. Rows of chunks that are smaller than a batch then
        join those of the next ones, and the model shows the step of those that wait.
        Parameters that you change between two calls count from the next chunk
        on, and the automatic rate is set anew where it depends on them. `fit_intercept`
        and `learning_rate` cannot be changed, and `random_state` is read for the first
        chunk only. With ``learning_rate="auto"`` the rate is divided by
        ``sqrt(1 + t / 1200)`` after t full batches; with "adaptive" it stays at `eta0`,
        as a stream has no plateaus. After a call to `fit`, a stream starts from
        the coefficients of that fit.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The samples of the chunk.
        y : array-like of shape (n_samples,)
            Their class labels. A chunk need not have samples of all classes.
        classes : array-like of shape (n_classes,), default=None
            All labels that may occur. Required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples. They are not divided by their sum: a sample of
            weight two counts twice. A chunk whose weights are all zero changes nothing.

        Returns
        -------
        self : object
            The updated estimator. It has no `objective_`, `gap_` and `loss_curve_`,
            which would need all data.

        Raises
        ------
        ValueError
            If the data or parameters are invalid or not supported, or if the model
            diverges. The estimator is then as it was before the call.
        """
        return self._all_or_nothing(self._partial_fit, X, y, classes, sample_weight)

    def sparsify(self) -> Self:
        """Convert `coef_` to CSR, which saves memory where L1 made most of it zero.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        check_is_fitted(self)
        if namespace_of(self.coef_) is not None:
            raise ValueError("sparsify needs coefficients in a NumPy array.")
        self.coef_ = sparse.csr_matrix(self.coef_)
        return self

    def densify(self) -> Self:
        """Convert `coef_` back to an ndarray.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        check_is_fitted(self)
        coef: Any = self.coef_
        if sparse.issparse(coef):
            self.coef_ = coef.toarray()
        return self

    def __getstate__(self):
        state = super().__getstate__()
        return {name: StoredArray.of(value) for name, value in state.items()}

    def __setstate__(self, state):
        loaded = {
            name: value.load() if isinstance(value, StoredArray) else value
            for name, value in state.items()
        }
        super().__setstate__(loaded)

    def _sk_visual_block_(self):
        return box(self)

    # -- the fit ----------------------------------------------------------------

    def _all_or_nothing(self, method, *args):
        before = self.__dict__.copy()
        try:
            with one_blas_thread:
                return method(*args)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @with_callbacks
    def _fit(self, X, y, sample_weight, coef_init, intercept_init, validation):
        previous = self.__dict__.copy()
        clock = Clock(self.max_time)
        X, y = check_data(self, X, y)
        weight = check_weight(sample_weight, X)
        callbacks = begin_callbacks(self, X, y, sample_weight)
        problem, settings = weigh(X, y, weight, self.class_weight), settings_of(self)
        del weight  # the problem has its own
        shape = problem.n_rows, problem.X.shape[1]
        start = self._start(previous, problem.classes, shape, coef_init, intercept_init)
        idle = settings.idle_sizes(problem.n_classes)
        problem = problem.without_idle_columns(idle, start[0])
        solver = problem.choose_solver(settings)
        warn_of_unread(self, solver)
        options = replace(options_of(self), clock=clock)
        held_out = check_held_out(self, problem, *validation)
        if held_out is None and self.early_stopping:
            train, test = self._split(problem.codes, options.seed)
            problem, held_out = problem.part(train), problem.part(test)
        objective = problem.objective_for(solver, settings)
        if callbacks is not None:
            callbacks.attributes = partial(attributes_of, X, objective, problem.classes)
        progress = self._progress(
            objective, solver, settings, options, held_out, callbacks
        )
        start = start_of(objective, solver, options, *start)
        fit = Fit(objective, solver, start, options, progress)
        self._take_fit(fit, objective, problem.classes, progress, X)
        if callbacks is not None:
            callbacks.finish()
        return self

    def _take_fit(self, fit, objective, classes, progress, X=None):
        """The attributes of a fit, where X is, and a warning where it fell short."""
        own = partial(beside, other=X)
        self.__dict__.update(_of_a_model(X, classes, fit.coef, fit.intercept))
        self.solver_ = fit.solver
        self.n_iter_ = progress.n_iter
        self.objective_, self.gap_ = fit.objective, fit.gap
        self.loss_curve_ = np.array(progress.loss_curve)
        self.loss_curve_[-1] = self.objective_
        self.loss_curve_ = own(self.loss_curve_)
        for name in _OF_SOME_FITS:
            self.__dict__.pop(name, None)
        if progress.batch_loss_curve:
            self.batch_loss_curve_ = own(np.array(progress.batch_loss_curve))
            self.t_ = len(progress.batch_loss_curve)
        if progress.validation is not None:
            self.validation_loss_curve_ = own(np.array(progress.validation.curve))
        if not (fit.converged or fit.wanted or self.tol == 0.0):
            warn_not_converged(self, objective, progress.out_of_time)

    def _partial_fit(self, X, y, classes, sample_weight):
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all labels and is not supported by '
                "partial_fit; pass a dict of weights."
            )
        if self.early_stopping:
            raise ValueError("early_stopping=True is not supported by partial_fit.")
        if self.penalty_factor is not None:
            raise ValueError("penalty_factor is not supported by partial_fit.")
        there, X = X, local(X, "partial_fit")
        stream = self.__dict__.get("_stream")
        self._check_unchanged(stream)
        classes = self._stream_classes(classes)
        X, y = check_data(
            self,
            X,
            y,
            reset="classes_" not in self.__dict__,
            dtype=stream and stream.dtype,
        )
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(f"y contains labels that are not in classes: {unknown}.")
        sample_weight = weight_of_each(sample_weight, len(y))
        if sample_weight is None or np.any(sample_weight):
            weight = check_weight(sample_weight, X)
        else:
            check_consistent_length(X, sample_weight)
            weight = np.zeros(len(y))
        codes = np.searchsorted(classes, y)
        check_class_weight(self.class_weight, classes)
        by_class = weights_by_class(self.class_weight, classes)
        weight = weight * by_class[codes]
        if "classes_" not in self.__dict__:
            shape = (1 if len(classes) == 2 else len(classes), X.shape[1])
            start = np.zeros(shape, X.dtype), np.zeros(shape[0], X.dtype)
            self.__dict__.update(_of_a_model(there, classes, *start))
            self.t_ = 0
        kept = weight > 0.0
        if not kept.all():
            X, codes, weight = X[kept], codes[kept], weight[kept]
        if len(codes):
            chunk = Problem(canonical(X), codes, weight, classes, by_class)
            self._advance(stream, chunk, there)
        return self

    def _advance(self, stream, chunk, there):
        """One pass over a chunk that has weight, for a user whose X is `there`."""
        from ._solvers._sgd import advance

        settings, design = settings_of(self), chunk.design()
        _solvers.choose("sgd", settings.request(*chunk.X.shape, chunk.n_rows))
        centre = self.learning_rate == "auto" and design.counts_from_centre
        if stream is not None:
            if stream.counts_from_centre != design.counts_from_centre:
                raise ValueError(
                    "partial_fit needs chunks that are all dense or all sparse."
                )
            centre = False if stream.centre is None else stream.centre
        f = chunk.objective(settings, design, centre=centre)
        if stream is None:
            start = f.pack(dense(self.coef_), on_host(self.intercept_))
            stream = Stream(f, start, options_of(self))
        else:
            # An error, or Ctrl-C, leaves the old one.
            stream = deepcopy(stream)
            # Its generator goes on: there is no seed to draw.
            stream.follow(f, options_of(self, seed=0))
        batch_losses = advance(f, stream, chunk.weight)
        for name in (*_OF_A_FIT, *_OF_SOME_FITS):
            self.__dict__.pop(name, None)
        self._stream = stream
        f, shown = stream.model(f)
        self.__dict__.update(_of_a_model(there, chunk.classes, *f.stored(shown)))
        self.batch_loss_curve_ = beside(batch_losses, there)
        self.t_ = stream.state.updates
        self.n_iter_ = 1
        self.solver_ = "sgd"

    def _check_unchanged(self, stream):
        """Raise where a stream has begun with something that it has to keep."""
        for name, first in (stream.fixed if stream is not None else {}).items():
            now = getattr(self, name)
            if now != first:
                raise ValueError(
                    f"{name} was changed from {first!r} to {now!r} between two calls "
                    "of partial_fit, which is not possible. Set it back, or start anew "
                    "with a clone of the estimator."
                )

    def _stream_classes(self, classes):
        known = on_host(self.__dict__.get("classes_"))
        if classes is None:
            if known is None:
                raise ValueError("The first call of partial_fit needs classes.")
            return known
        classes = np.asarray(on_host(classes))
        assert_all_finite(classes, input_name="classes")
        classes = np.unique(classes)
        if known is not None and not np.array_equal(classes, known):
            raise ValueError(
                f"classes={classes} is not the same as in the previous call: {known}."
            )
        if len(classes) < 2:
            raise ValueError(f"At least 2 classes are needed, got {classes}.")
        return classes

    def _split(self, codes, seed):
        """Rows to train on and rows to hold out, both with every class."""
        splitter = StratifiedShuffleSplit(
            1, test_size=self.validation_fraction, random_state=seed
        )
        train, test = next(splitter.split(codes, codes))
        return np.sort(train), np.sort(test)

    def _start(self, previous, classes, shape, coef_init, intercept_init):
        """Coefficients and intercepts to start from."""
        W, b = np.zeros(shape), np.zeros(shape[0])
        if self.warm_start and "coef_" in previous:
            if not np.array_equal(on_host(previous["classes_"]), classes):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in "
                    f"the previous call to fit. Previously got {previous['classes_']}, "
                    f"`y` has {classes}"
                )
            W = dense(previous["coef_"])
            b = on_host(previous["intercept_"]) if self.fit_intercept else b
            if W.shape != shape:
                raise ValueError(
                    f"warm_start needs the {W.shape[1]} features of the previous call "
                    f"to fit, but X has {shape[1]}."
                )
        if coef_init is not None:
            W = self._check_start(coef_init, shape, "coef_init")
        if intercept_init is not None:
            if not self.fit_intercept:
                raise ValueError("intercept_init needs fit_intercept=True.")
            b = self._check_start(intercept_init, shape[:1], "intercept_init")
        return W, b

    def _check_start(self, array, shape, name):
        array = check_array(
            on_host(array), ensure_2d=False, dtype=np.float64, input_name=name
        )
        if array.shape != shape:
            raise ValueError(
                f"Provided {name} does not match dataset: expected shape {shape}, got "
                f"{array.shape}."
            )
        return array

    def _progress(self, objective, solver, settings, options, held_out, callbacks):
        """What watches a fit, for the user's validation data and callbacks."""
        validation = None
        if held_out is not None:
            centre = False if objective.mean is None else objective.mean
            seen = held_out.objective(settings, dtype=objective.dtype, centre=centre)
            validation = Validation(seen, options)
        return Progress(solver, options, validation, callbacks)


def attributes_of(X, objective, classes, theta):
    """What a fitted estimator predicts with, if it stopped at `theta`.

    The arrays are where X is, on the host for None.
    """
    return _of_a_model(X, classes, *objective.stored(theta))


def _of_a_model(X, classes, coef, intercept):
    """The attributes of a model, as arrays where X is."""
    return {
        "classes_": labels_beside(classes, X),
        "coef_": beside(coef, X),
        "intercept_": beside(intercept, X),
    }


def settings_of(estimator):
    """What the parameters of an estimator say of its problem and solver."""
    return Settings(
        loss=estimator._loss(),
        penalty=penalty_by_feature(
            estimator.penalty,
            estimator.alpha,
            estimator.l1_ratio,
            estimator.penalty_factor,
        ),
        fit_intercept=estimator.fit_intercept,
        solver=estimator.solver,
        learning_rate=estimator.learning_rate,
        early_stopping=estimator.early_stopping,
        tol=estimator.tol,
        n_jobs=estimator.n_jobs,
    )


def options_of(estimator, seed=None):
    """What its parameters say to a solver; a seed is drawn where none is given."""
    if seed is None:
        generator = check_random_state(estimator.random_state)
        seed = generator.randint(np.iinfo(np.int32).max)
    return Options(
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        learning_rate=estimator.learning_rate,
        eta0=estimator.eta0,
        power_t=estimator.power_t,
        momentum=estimator.momentum,
        batch_size=estimator.batch_size,
        average=estimator.average,
        shuffle=estimator.shuffle,
        early_stopping=estimator.early_stopping,
        n_iter_no_change=estimator.n_iter_no_change,
        seed=seed,
        verbose=estimator.verbose,
        hands_over=estimator.solver == "auto",
    )
