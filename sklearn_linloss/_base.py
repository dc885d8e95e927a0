"""What the two classifiers share: validation, the fit, prediction."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from . import _solvers
from ._compat import check_sample_weight, fit_context
from ._penalty import ElasticNet

# Products in float32 are off by about 1e-7 of the objective.
_SMALLEST_FLOAT32_TOL = 1e-6


class LinearLossClassifier(ClassifierMixin, BaseEstimator):
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
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_init=None, intercept_init=None):
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
        before = self.__dict__.copy()
        try:
            return self._fit(X, y, sample_weight, coef_init, intercept_init)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def decision_function(self, X):
        """Scores of the classes.

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
        X = validate_data(self, X, accept_sparse="csr", reset=False)
        scores = safe_sparse_dot(X, self.coef_.T, dense_output=True) + self.intercept_
        return scores.ravel() if scores.shape[1] == 1 else scores

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
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return self.classes_[(scores > 0.0).astype(np.intp)]
        return self.classes_[scores.argmax(axis=1)]

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

    def _fit(self, X, y, sample_weight, coef_init, intercept_init):
        previous = self.__dict__.copy()
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            order="C",
        )
        check_classification_targets(y)
        sample_weight = check_sample_weight(
            sample_weight, X, dtype=np.float64, ensure_non_negative=True
        )
        X, codes, classes, weight = self._weigh(X, y, sample_weight)
        n_rows = 1 if len(classes) == 2 else len(classes)
        W, b = self._start(
            previous, classes, (n_rows, X.shape[1]), coef_init, intercept_init
        )
        loss, penalty = (
            self._loss(),
            ElasticNet(float(self.alpha), float(self.l1_ratio)),
        )
        request = _solvers.Request(loss, penalty, self.learning_rate, *X.shape, n_rows)
        solver = _solvers.choose(self.solver, request)
        objective, theta, converged, certifier, progress = self._solve(
            solver, X, codes, weight, loss, penalty, len(classes), W, b
        )
        W, b = objective.unpack(theta)
        if n_rows > 1:
            # A common constant changes no loss.
            b = b - b.mean()
        self.classes_ = classes
        self.coef_ = np.ascontiguousarray(W, dtype=X.dtype)
        self.intercept_ = b.astype(X.dtype)
        self.solver_ = solver
        self.n_iter_ = progress.n_iter
        # Of the model as it is stored, whatever the precision of X.
        self.objective_ = objective.value(
            objective.pack(self.coef_, self.intercept_), np.float64
        )
        self.gap_ = float(certifier.gap(self.objective_))
        self.loss_curve_ = np.array(progress.loss_curve)
        self.loss_curve_[-1] = self.objective_
        self.__dict__.pop("batch_loss_curve_", None)
        if progress.batch_loss_curve:
            self.batch_loss_curve_ = np.array(progress.batch_loss_curve)
        if not converged and self.tol > 0.0:
            self._warn()
        return self

    def _weigh(self, X, y, weight):
        """Drop what has no weight, apply the class weights, encode the labels."""
        kept = weight > 0.0
        if not kept.all():
            X, y, weight = X[kept], y[kept], weight[kept]
        classes, codes = np.unique(y, return_inverse=True)
        if isinstance(self.class_weight, dict):
            class_weight = compute_class_weight(self.class_weight, classes=classes, y=y)
            if (class_weight < 0.0).any():
                raise ValueError("Negative values in class_weight.")
            weight = weight * class_weight[codes]
            kept = weight > 0.0
            if not kept.any():
                raise ValueError("The class weights of all samples are zero.")
            if not kept.all():
                X, weight = X[kept], weight[kept]
                present, codes = np.unique(codes[kept], return_inverse=True)
                classes = classes[present]
        elif self.class_weight == "balanced":
            mass = np.bincount(codes, weights=weight)
            weight = weight * (mass.sum() / (len(classes) * mass))[codes]
        if len(classes) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the "
                f"data contains only one class: {classes[0]!r}"
            )
        if sparse.issparse(X) and not X.has_canonical_format:
            X = X.copy()
            X.sum_duplicates()
        return X, codes.astype(np.intp), classes, weight

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

    def _solve(self, solver, X, codes, weight, loss, penalty, n_classes, W, b):
        # Compiled code is imported here and not before: predicting needs none.
        from ._certificate import Certifier
        from ._intercept import smallest_intercept
        from ._objective import LinearObjective
        from ._solvers._common import Options, Progress

        stochastic = solver in ("saga", "sdca", "sgd")
        exact = solver != "sgd" and self.tol < _SMALLEST_FLOAT32_TOL
        objective = LinearObjective(
            X,
            codes,
            weight,
            loss=loss,
            penalty=penalty,
            delta=float(self._delta()),
            n_classes=n_classes,
            fit_intercept=self.fit_intercept,
            dtype=np.float64 if exact else X.dtype,
            # The textbook's steps are those of the user's coordinates, and centring
            # would turn sparse steps into dense ones.
            centre=self.learning_rate == "auto"
            and not (stochastic and sparse.issparse(X)),
        )
        options = Options(
            tol=self.tol,
            max_iter=self.max_iter,
            learning_rate=self.learning_rate,
            eta0=self.eta0,
            power_t=self.power_t,
            momentum=self.momentum,
            batch_size=self.batch_size,
            average=self.average,
            shuffle=self.shuffle,
            n_iter_no_change=self.n_iter_no_change,
            seed=check_random_state(self.random_state).randint(np.iinfo(np.int32).max),
        )
        progress = Progress(solver, self.verbose, self.n_iter_no_change)
        certifier = Certifier(objective)
        result = _solvers.load(solver)(
            objective, objective.pack(W, b), certifier, options, progress
        )
        theta = result.theta
        if not loss.smooth and objective.mean is not None and solver != "sgd":
            theta = smallest_intercept(objective, theta, certifier, self.tol)
        return objective, theta, result.converged, certifier, progress

    def _warn(self):
        if self.solver_ == "sgd":
            state = "without a plateau of the objective"
        elif self.alpha == 0.0:
            state = "before the subgradient was small"
        else:
            state = f"at a relative duality gap of {self.gap_:.1e}"
        limit = "max_iter" if self.n_iter_ == self.max_iter else "limit of precision"
        warnings.warn(
            f"The solver {self.solver_!r} stopped after {self.n_iter_} iterations "
            f"({limit}) {state} (tol={self.tol:g}). Increase max_iter or tol, or "
            "scale the features, for example with StandardScaler.",
            ConvergenceWarning,
            stacklevel=5,
        )
