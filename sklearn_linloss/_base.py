"""What the two classifiers share: validation, the fit, prediction."""

import warnings
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from . import _solvers
from ._compat import (
    CallbackSupportMixin,
    check_sample_weight,
    fit_context,
    threads_of,
    with_callbacks,
)
from ._fit import Fit, canonical, leave_out_empty, scaling_applies, smallest_tol, unpack
from ._penalty import ElasticNet
from ._solvers._common import Options, Progress
from ._solvers._sgd_state import Stream
from ._watch import Validation, begin_callbacks

_TOL_OF_STEPS = 1e-4  # of solvers that do not aim at a gap
_LARGEST_FEATURE = 1e100  # so that squares of squares are numbers
# Decades of weights that one fit can tell apart.
_MOST_DECADES = 100
# Attributes of a fit that a stream has not, and those that not every fit has.
_OF_A_FIT = ("objective_", "gap_", "loss_curve_")
_OF_SOME_FITS = ("batch_loss_curve_", "validation_loss_curve_", "t_", "_stream")
# The defaults of what only some solvers read.
_OF_STEPS = {
    "eta0": 0.01,
    "power_t": 0.5,
    "momentum": 0.9,
    "batch_size": "auto",
    "average": False,
    "shuffle": True,
}
# Warnings of them that this process has had.
_SAID = set()


def _can_stream(estimator):
    if estimator.solver not in ("auto", "sgd"):
        raise AttributeError(
            f"partial_fit needs solver='sgd' or 'auto', not {estimator.solver!r}."
        )
    return True


class LinearPredictor(ClassifierMixin):
    """Scores and labels from `coef_`, `intercept_` and `classes_`."""

    def decision_function(self, X):
        """Confidence scores of the samples for each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes one number, positive where `classes_[1]` is predicted.
        """
        check_is_fitted(self)
        return self._scores(validate_data(self, X, accept_sparse="csr", reset=False))

    def predict(self, X):
        """Most likely class of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The class of the largest score.
        """
        return self._labels(self.decision_function(X))

    def _scores(self, X):
        scores = X @ self.coef_.T
        scores = scores.toarray() if sparse.issparse(scores) else scores
        scores = scores + self.intercept_
        return scores.ravel() if scores.shape[1] == 1 else scores

    def _labels(self, scores):
        if scores.ndim == 1:
            return self.classes_[(scores > 0.0).astype(np.intp)]
        return self.classes_[scores.argmax(axis=1)]


class LinearLossClassifier(CallbackSupportMixin, LinearPredictor, BaseEstimator):
    """Base of the classifiers; subclasses give the parameters and the loss."""

    _parameter_constraints: dict = {
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "fit_intercept": ["boolean"],
        "solver": [StrOptions({"auto", *_solvers.SOLVER_NAMES})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
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
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X,
        y,
        sample_weight=None,
        coef_init=None,
        intercept_init=None,
        X_val=None,
        y_val=None,
        sample_weight_val=None,
    ):
        """Fit the model.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. C-contiguous float32 and float64 arrays and CSR matrices
            are used as they are, without a copy; float32 stays float32.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples, relative to their sum; None means equal weights.
            Samples of weight zero are left out, and with them their class if it has
            no others.
        coef_init : array-like of shape (n_classes, n_features), default=None
            Coefficients to start from; of shape (1, n_features) for two classes.
        intercept_init : array-like of shape (n_classes,), default=None
            Intercepts to start from; of shape (1,) for two classes.
        X_val : {array-like, sparse matrix} of shape (n_val, n_features), default=None
            Validation data, whose loss is recorded in `validation_loss_curve_`. With
            `early_stopping` it decides when to stop, and nothing is split off.
        y_val : array-like of shape (n_val,), default=None
            Their labels, among those of `y`.
        sample_weight_val : array-like of shape (n_val,), default=None
            Their weights.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If the input is invalid or cannot be served, or if the fit diverges. The
            estimator is then as it was before the call.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._all_or_nothing(
            self._fit, X, y, sample_weight, coef_init, intercept_init, validation
        )

    @available_if(_can_stream)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Update the model by one pass of SGD over a chunk of data.

        The first call decides from its chunk what the automatic learning rate is, and
        what dense features count from. The generator, the schedule, the momentum and
        the average live on from call to call, and in a pickle. Parameters that are
        changed in between count from the next chunk on, the automatic rate included;
        but `fit_intercept` and `learning_rate` have to stay, and `random_state` is that
        of the first chunk. In a stream "auto" lets the rate fall like the square root
        of the updates, and "adaptive" knows no plateaus. After a call to `fit` a stream
        starts from its coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            The chunk.
        y : array-like of shape (n_samples,)
            Class labels; classes may be absent.
        classes : array-like of shape (n_classes,), default=None
            All labels. Needed in the first call.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the samples; a weight of one is that of an unweighted sample. A
            chunk without weight changes nothing.

        Returns
        -------
        self : object
            The updated estimator, without `objective_`, `gap_` and `loss_curve_`: the
            full data are unknown.

        Raises
        ------
        ValueError
            If the input is invalid or cannot be served, or if the stream diverges. The
            estimator is then as it was before the call.
        """
        return self._all_or_nothing(self._partial_fit, X, y, classes, sample_weight)

    def sparsify(self):
        """Convert `coef_` to CSR, which saves memory where L1 made most of it zero.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        check_is_fitted(self)
        self.coef_ = sparse.csr_matrix(self.coef_)
        return self

    def densify(self):
        """Convert `coef_` back to an ndarray.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        check_is_fitted(self)
        if sparse.issparse(self.coef_):
            self.coef_ = self.coef_.toarray()
        return self

    # -- the fit ----------------------------------------------------------------

    def _all_or_nothing(self, method, *args):
        before = self.__dict__.copy()
        try:
            return method(*args)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @with_callbacks
    def _fit(self, X, y, sample_weight, coef_init, intercept_init, validation):
        previous = self.__dict__.copy()
        X, y = self._check_data(X, y)
        callbacks = begin_callbacks(self, X, y, sample_weight)
        weight = self._check_weight(sample_weight, X)
        X, codes, classes, weight, by_class = self._weigh(X, y, weight)
        n_rows = 1 if len(classes) == 2 else len(classes)
        n_features = X.shape[1]
        X, columns = leave_out_empty(X)
        W, b = self._start(
            previous, classes, (n_rows, n_features), coef_init, intercept_init
        )
        solver = self._choose_solver(X.shape, n_rows)
        self._warn_of_unread(solver)
        options = self._options()
        held_out = self._check_validation(X, classes, by_class, *validation)
        if held_out is None and self.early_stopping:
            train, test = self._split(codes, options.seed)
            held_out = X[test], codes[test], weight[test]
            X, codes, weight = X[train], codes[train], weight[train]
        elif held_out is not None and columns is not None:
            held_out = columns.take(held_out[0]), *held_out[1:]
        objective = self._solver_objective(
            solver, X, codes, weight, len(classes), columns
        )
        progress = self._progress(
            objective, solver, options, held_out, classes, callbacks
        )
        fit = Fit(objective, solver, objective.pack(W, b), options, progress)
        self.classes_ = classes
        self.coef_, self.intercept_ = fit.coef, fit.intercept
        self.solver_ = fit.solver
        self.n_iter_ = progress.n_iter
        self.objective_, self.gap_ = fit.objective, fit.gap
        self.loss_curve_ = np.array(progress.loss_curve)
        self.loss_curve_[-1] = self.objective_
        for name in _OF_SOME_FITS:
            self.__dict__.pop(name, None)
        if progress.batch_loss_curve:
            self.batch_loss_curve_ = np.array(progress.batch_loss_curve)
            self.t_ = len(progress.batch_loss_curve)
        if held_out is not None:
            self.validation_loss_curve_ = np.array(progress.validation.curve)
        if not (fit.converged or progress.stopped or self.tol == 0.0):
            self._warn(objective)
        if callbacks is not None:
            callbacks.finish()
        return self

    def _partial_fit(self, X, y, classes, sample_weight):
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" needs all labels and is not supported by '
                "partial_fit; pass a dict of weights."
            )
        if self.early_stopping:
            raise ValueError("early_stopping=True is not supported by partial_fit.")
        stream = self.__dict__.get("_stream")
        self._check_unchanged(stream)
        classes = self._stream_classes(classes)
        X, y = self._check_data(
            X, y, reset="classes_" not in self.__dict__, dtype=stream and stream.dtype
        )
        unknown = np.setdiff1d(y, classes)
        if len(unknown):
            raise ValueError(f"y has labels that are not in classes: {unknown}.")
        if sample_weight is None or np.any(sample_weight):
            weight = self._check_weight(sample_weight, X)
        else:
            check_consistent_length(X, sample_weight)
            weight = np.zeros(len(y))
        codes = np.searchsorted(classes, y)
        weight = weight * self._weights_by_class(classes)[codes]
        if "classes_" not in self.__dict__:
            shape = (1 if len(classes) == 2 else len(classes), X.shape[1])
            self.classes_ = classes
            self.coef_ = np.zeros(shape, X.dtype)
            self.intercept_ = np.zeros(shape[0], X.dtype)
            self.t_ = 0
        kept = weight > 0.0
        if not kept.all():
            X, codes, weight = X[kept], codes[kept], weight[kept]
        if len(codes):
            self._advance(stream, canonical(X), codes, weight)
        return self

    def _advance(self, stream, X, codes, weight):
        """One pass over a chunk that has weight."""
        from ._solvers._sgd import advance

        is_sparse = sparse.issparse(X)
        centre = self.learning_rate == "auto" and not is_sparse
        if stream is not None:
            if stream.is_sparse != is_sparse:
                raise ValueError(
                    "The chunks of a stream must be all dense or all sparse."
                )
            centre = False if stream.centre is None else stream.centre
        f = self._objective(X, codes, weight, len(self.classes_), X.dtype, centre)
        if stream is None:
            coef = self.coef_.toarray() if sparse.issparse(self.coef_) else self.coef_
            stream = Stream(f, f.pack(coef, self.intercept_), self._options())
        else:
            # An error, or Ctrl-C, leaves the old one.
            stream = deepcopy(stream)
            # Its generator goes on: there is no seed to draw.
            stream.follow(f, self._options(seed=0))
        batch_losses = advance(f, stream, weight, self.shuffle)
        for name in (*_OF_A_FIT, *_OF_SOME_FITS):
            self.__dict__.pop(name, None)
        self._stream = stream
        self.coef_, self.intercept_ = unpack(f, stream.state.model())
        self.batch_loss_curve_ = batch_losses
        self.t_ = stream.state.updates
        self.n_iter_ = 1
        self.solver_ = "sgd"

    def _check_unchanged(self, stream):
        """Raise where a stream has begun with something that it has to keep."""
        for name, first in (stream.fixed if stream is not None else {}).items():
            now = getattr(self, name)
            if now != first:
                raise ValueError(
                    f"{name} was changed from {first!r} to {now!r} in mid-stream; set "
                    "it back, or start anew with a clone of the estimator."
                )

    def _stream_classes(self, classes):
        known = self.__dict__.get("classes_")
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed in the first partial_fit.")
            return known
        classes = np.unique(classes)
        if known is not None and not np.array_equal(classes, known):
            raise ValueError(
                f"classes={classes} is not the same as in the previous call: {known}."
            )
        if len(classes) < 2:
            raise ValueError(f"At least 2 classes are needed, got {classes}.")
        return classes

    def _check_data(self, X, y, reset=True, dtype=None):
        X, y = validate_data(
            self,
            X,
            y,
            reset=reset,
            accept_sparse="csr",
            dtype=[np.float64, np.float32] if dtype is None else dtype,
            order="C",
        )
        check_classification_targets(y)
        return X, y

    def _check_weight(self, weight, X):
        return check_sample_weight(
            weight, X, dtype=np.float64, ensure_non_negative=True
        )

    def _weigh(self, X, y, weight):
        """Drop what has no weight, apply the class weights, encode the labels."""
        # By a power of two, which rounds nothing: sums of large ones must be finite.
        weight = np.ldexp(weight, -np.frexp(weight.max(initial=0.0))[1])
        kept = weight > 0.0
        if not kept.all():
            X, y, weight = X[kept], y[kept], weight[kept]
        if len(y) == 0:  # newer scikit-learn has said so before
            raise ValueError("sample_weight must have at least one non-zero entry.")
        classes, codes = np.unique(y, return_inverse=True)
        mass = np.bincount(codes, weights=weight)
        by_class = self._weights_by_class(classes, y, mass)
        weight = weight * by_class[codes]
        present = by_class > 0.0
        if not present.any():
            raise ValueError("The class weights of all samples are zero.")
        if not present.all():
            kept = present[codes]
            X, weight = X[kept], weight[kept]
            codes = (np.cumsum(present) - 1)[codes[kept]]
            classes, by_class = classes[present], by_class[present]
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the "
                f"data contains only one class: {classes[0]!r}"
            )
        least = weight.argmin()
        if weight[least] < 10.0**-_MOST_DECADES * weight.max():
            raise ValueError(
                "The weights of the samples, times those of their classes, span more "
                f"than {_MOST_DECADES} decades: {weight[least]:.1e} of class "
                f"{classes[codes[least]]} beside {weight.max():.1e}. Give samples "
                "that shall not count the weight zero."
            )
        return canonical(X), codes.astype(np.intp), classes, weight, by_class

    def _weights_by_class(self, classes, y=None, mass=None):
        """What `class_weight` says of each class; `mass` is the weight it has."""
        if isinstance(self.class_weight, dict):
            y = classes if y is None else y
            weights = compute_class_weight(self.class_weight, classes=classes, y=y)
            if (weights < 0.0).any():
                raise ValueError("Negative values in class_weight.")
            return weights
        if self.class_weight == "balanced":
            return mass.sum() / (len(classes) * mass)
        return np.ones(len(classes))

    def _check_validation(self, X, classes, by_class, X_val, y_val, weight_val):
        """Validation data like the training data, or None."""
        if X_val is None:
            if y_val is not None or weight_val is not None:
                raise ValueError("y_val and sample_weight_val need X_val.")
            return None
        if y_val is None:
            raise ValueError("X_val needs y_val.")
        X_val, y_val = self._check_data(X_val, y_val, reset=False, dtype=X.dtype)
        unknown = np.setdiff1d(y_val, classes)
        if len(unknown):
            raise ValueError(f"y_val has labels that y has not: {unknown}.")
        codes = np.searchsorted(classes, y_val)
        weight = self._check_weight(weight_val, X_val) * by_class[codes]
        if not weight.any():
            raise ValueError("The weights of all validation samples are zero.")
        if sparse.issparse(X):
            X_val = canonical(sparse.csr_matrix(X_val))
        elif sparse.issparse(X_val):
            X_val = X_val.toarray()
        return X_val, codes, weight

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
            if not np.array_equal(previous["classes_"], classes):
                raise ValueError(
                    "warm_start can only be used where `y` has the same classes as in "
                    f"the previous call to fit. Previously got {previous['classes_']}, "
                    f"`y` has {classes}"
                )
            W = previous["coef_"]
            W = W.toarray() if sparse.issparse(W) else W
            b = previous["intercept_"] if self.fit_intercept else b
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
        array = check_array(array, ensure_2d=False, dtype=np.float64, input_name=name)
        if array.shape != shape:
            raise ValueError(
                f"Provided {name} does not match dataset: expected shape {shape}, got "
                f"{array.shape}."
            )
        return array

    def _choose_solver(self, shape, n_rows):
        if self.early_stopping and self.solver not in ("auto", "sgd"):
            raise ValueError(
                f"early_stopping=True does not work with solver={self.solver!r}; use "
                "solver='sgd' or 'auto'."
            )
        if self.early_stopping:
            return "sgd"
        return _solvers.choose(self.solver, self._request(shape, n_rows))

    def _request(self, shape, n_rows):
        return _solvers.Request(
            self._loss(), self._penalty(), self.learning_rate, *shape, n_rows
        )

    def _penalty(self):
        return ElasticNet(float(self.alpha), float(self.l1_ratio))

    def _options(self, seed=None):
        if seed is None:
            generator = check_random_state(self.random_state)
            seed = generator.randint(np.iinfo(np.int32).max)
        return Options(
            tol=self.tol,
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            eta0=self.eta0,
            power_t=self.power_t,
            momentum=self.momentum,
            batch_size=self.batch_size,
            average=self.average,
            shuffle=self.shuffle,
            early_stopping=self.early_stopping,
            n_iter_no_change=self.n_iter_no_change,
            seed=seed,
            verbose=self.verbose,
            hands_over=self.solver == "auto",
        )

    def _objective(
        self, X, codes, weight, n_classes, dtype, centre, n_threads=1, columns=None
    ):  # fmt: skip
        # Compiled code is imported here and not before: predicting needs none.
        from ._objective import LinearObjective

        return LinearObjective(
            X,
            codes,
            weight,
            loss=self._loss(),
            penalty=self._penalty(),
            delta=float(self._delta()),
            n_classes=n_classes,
            fit_intercept=self.fit_intercept,
            dtype=dtype,
            n_threads=n_threads,
            centre=centre,
            columns=columns,
        )

    def _solver_objective(self, solver, X, codes, weight, n_classes, columns=None):
        """The objective as a solver wants it: its precision, and its centre."""
        request = self._request(X.shape, 1 if n_classes == 2 else n_classes)
        # The textbook's steps are those of the user's coordinates, and centring would
        # turn sparse steps into dense ones.
        centre = self.learning_rate == "auto" and not (
            sparse.issparse(X) and _solvers.visits_rows(solver, request)
        )
        f = self._objective(
            X,
            codes,
            weight,
            n_classes,
            X.dtype,
            centre,
            threads_of(self.n_jobs),
            columns,
        )
        if not f.second_moment.max() < _LARGEST_FEATURE**2:
            raise ValueError(
                "X has entries so large that powers of them overflow: the root mean "
                f"square of a feature must be below {_LARGEST_FEATURE:.0e}. Scale the "
                "features, for example with StandardScaler."
            )
        if X.dtype == np.float64:
            return f
        # Steps at a rate of the user's own are as exact as the data ask for.
        by_rate = solver == "sgd" or self.learning_rate == "constant"
        tol = max(self.tol, _TOL_OF_STEPS) if by_rate else self.tol
        return f.with_precision(np.float64) if tol < smallest_tol(f) else f

    def _progress(self, objective, solver, options, held_out, classes, callbacks):
        """What watches a fit, for the user's validation data and callbacks."""
        validation = None
        if held_out is not None:
            centre = False if objective.mean is None else objective.mean
            validation = Validation(
                self._objective(*held_out, len(classes), objective.dtype, centre),
                options,
            )
        if callbacks is not None:

            def attributes(theta):
                coef, intercept = unpack(objective, theta)
                return {"classes_": classes, "coef_": coef, "intercept_": intercept}

            callbacks.attributes = attributes
        return Progress(
            solver, options.verbose, options.n_iter_no_change, validation, callbacks
        )

    def _warn(self, objective):
        """Warn that the solver did not meet its rule, with remedies that apply."""
        by_plateau = self.solver_ == "sgd" or (
            self.solver_ == "gd"
            and self.learning_rate == "constant"
            and not objective.loss.smooth
        )
        if self.early_stopping:
            state = "before the validation loss stopped falling"
        elif by_plateau:
            state = "without a plateau of the objective"
        elif self.alpha == 0.0:
            state = "before the subgradient was small"
        else:
            state = f"at a relative duality gap of {self.gap_:.1e}"
        if self.n_iter_ >= self.max_iter:
            limit, remedies = f"max_iter={self.max_iter}", ["increase max_iter or tol"]
        else:
            limit, remedies = "limit of precision", ["increase tol"]
            if objective.X.dtype == np.float32:
                remedies.append("give X in float64")
        if self.learning_rate != "auto":
            remedies.append("use another eta0")
        if scaling_applies(objective):
            remedies.append("scale the features, for example with StandardScaler")
        remedy = ", or ".join(remedies)
        warnings.warn(
            f"The solver {self.solver_!r} stopped after {self.n_iter_} iterations "
            f"({limit}) {state} (tol={self.tol:g}). {remedy[0].upper()}{remedy[1:]}.",
            ConvergenceWarning,
            stacklevel=7,
        )

    def _warn_of_unread(self, solver):
        """Warn of parameters set by the user that have no effect.

        Only where "auto" chose the solver: who names one knows what it reads; and once
        a process, as the filters of Python would show it for each fit of a search.
        """
        if self.solver != "auto":
            return
        rate = self.learning_rate
        read = {"sgd": {"momentum", "batch_size", "average", "shuffle"}}
        read["saga"] = {"batch_size"}
        unread = set(_OF_STEPS) - read.get(solver, set())
        if rate != "auto":
            unread.discard("eta0")
        if rate == "invscaling":
            unread.discard("power_t")
        names = [
            name
            for name, default in _OF_STEPS.items()
            if name in unread and getattr(self, name, default) != default
        ]
        said = (*names, solver, rate)
        if names and said not in _SAID:
            _SAID.add(said)
            warnings.warn(
                f"{', '.join(names)} had no effect: solver='auto' picked {solver!r}, "
                f"with learning_rate={rate!r}. For mini-batches set solver='sgd', and "
                "for an eta0 another learning_rate.",
                UserWarning,
                stacklevel=7,
            )
