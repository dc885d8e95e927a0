"""The softmax classifier."""

import numpy as np
from scipy.special import expit, log_expit, log_softmax

from ._base import LinearLossClassifier
from ._losses.softmax import Softmax, probabilities


class ProbabilityPredictor:
    """Probabilities from the scores of the classes."""

    def predict_proba(self, X):
        """Probability of each class for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Rows sum to one; columns in the order of `classes_`.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([expit(-scores), expit(scores)])
        return probabilities(scores)

    def predict_log_proba(self, X):
        """Natural logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        scores = self.decision_function(X)
        if scores.ndim == 1:
            return np.column_stack([log_expit(-scores), log_expit(scores)])
        return log_softmax(scores, axis=1)


class SoftmaxClassifier(ProbabilityPredictor, LinearLossClassifier):
    """Softmax classifier: multinomial logistic regression.

    It minimises::

        sum_i w_i L(W x_i + b, y_i) / sum_i w_i
            + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)

    with L the cross-entropy ``logsumexp(s) - s_y`` in natural logarithms. Two classes
    are fitted as one row, so that for any number of classes this is the problem of
    ``LogisticRegression(C=1 / (alpha * sum(sample_weight)))``.

    Parameters
    ----------
    alpha : float, default=1e-4
        Strength of the penalty, the lecture's lambda; not negative. It weighs against
        the *mean* loss: the problem of ``C = 1 / (alpha * sum(sample_weight))``
        elsewhere in scikit-learn.
    l1_ratio : float, default=0.0
        Mix of the penalty: 0 is L2, 1 is L1, between them elastic net. In [0, 1].
    penalty : {"elementwise", "grouped"}, default="elementwise"
        What the L1 part of the penalty sums. "elementwise": the absolute values of all
        coefficients, which become zero one by one. "grouped": for each feature the
        Euclidean norm of its coefficients, so that a feature is used for all classes
        or for none; for two classes the same as "elementwise". Served by "newton"
        (smooth losses), "sdca" and "gd".
    fit_intercept : bool, default=True
        Whether to fit an intercept, which is never penalised.
    solver : {"auto", "gd", "lbfgs", "newton", "saga", "sdca", "sgd"}, default="auto"
        How to fit.

        - "gd": full gradients. With ``learning_rate="auto"`` accelerated proximal
          gradient descent that finds its steps; the hinge is smoothed over a width
          that shrinks with the gap. With ``learning_rate="constant"`` the textbook's
          step ``W -= eta0 * gradient`` (soft thresholding for the L1 part).
        - "lbfgs": L-BFGS, for the softmax without L1.
        - "newton": Newton's method on explicit second derivatives, for at most 3000
          coefficients, or for the hinges with L2 as many pairs of a sample and a wrong
          class. The hinge takes its steps inside an augmented Lagrangian. With L2 and
          up to 20000 features there may be any number of coefficients: conjugate
          gradients or quasi-Newton steps then do without the matrix. Dual ascent goes
          first where that is cheaper. Beyond, the hinge with L2 is dual ascent, with
          steps while at most 3400 pairs of a sample and a class are active. With L1
          the smooth losses have steps on the few coefficients that matter, out of any
          number.
        - "saga": mini-batches with variance reduction, for the smooth losses and any
          penalty; it finds its step.
        - "sdca": dual coordinate ascent, row by row, for any loss with a penalty. Best
          where that has an L2 part; the rows need no learning rate.
        - "sgd": mini-batches with Nesterov momentum.
        - "auto": "newton" where its steps are cheap; else "lbfgs" for the softmax with
          L2 and fewer than 5000 samples, or two classes and fewer features than
          samples; else "sdca" where the penalty has an L2 part or the loss is the
          hinge; else "saga" from 5000 samples, or "gd". With a learning rate of your
          own "gd" ("constant") or "sgd". It warns of values of `eta0`, `power_t`,
          `momentum`, `batch_size`, `average` and `shuffle` that have no effect on the
          solver it picks.
    tol : float, default=1e-4
        The fit stops when the relative duality gap is at most `tol`. "sgd", and "gd"
        with a constant rate on the hinge, stop when the objective fell by less than
        `tol` times itself in `n_iter_no_change` iterations. For ``alpha=0`` the largest
        entry of the smallest subgradient is compared with `tol` times its value at
        zero, and for the hinge also how far that is from being a subgradient. With 0
        the fit makes exactly `max_iter` iterations and does not warn. Below 1e-6,
        float32 data are computed with in float64.
    max_iter : int, default=1000
        Most iterations: epochs for "sgd" and "saga", as many visits of rows as there
        are rows for "sdca", else steps; "newton" counts its first ascent too.
    max_time : float, default=None
        Seconds after which a fit ends with its best model, the gap of which is then
        computed. It ends a little later: an iteration, or a product with all of X, is
        not cut short. None means no limit. With a limit the model depends on the speed
        of the machine.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        "auto" needs no rate from you. For "sgd" it starts from the curvature of the
        loss and the rows of X, grows while the objective falls, and falls to zero in
        cycles of growing length; dense gradients are damped where a few directions of
        the features vary much more than the others. The other schedules start from
        `eta0`: "invscaling" divides it by ``t ** power_t`` in update t, "adaptive" by 5
        at each plateau. "gd" knows "auto" and "constant".
    eta0 : float, default=0.01
        Learning rate of the schedules other than "auto", with which it has no effect.
    power_t : float, default=0.5
        Exponent of "invscaling". Other schedules ignore it.
    momentum : float, default=0.9
        Nesterov momentum of "sgd", in [0, 1). The penalties act over the distance that
        it carries a weight: it does not move the optimum. Other solvers ignore it.
    batch_size : int or "auto", default="auto"
        Samples in a mini-batch; "auto" is 64 for "sgd", or a twentieth of a small data
        set, and 16 for "saga". Other solvers ignore it.
    average : bool or int, default=False
        Whether "sgd" returns the mean of its iterates; an int is the number of samples
        to see before the averaging starts. Other solvers ignore it.
    shuffle : bool, default=True
        Whether "sgd" visits the samples in a new random order in each epoch. Other
        solvers ignore it.
    early_stopping : bool, default=False
        Whether to stop when the loss on validation data stopped falling, by `tol` times
        itself in `n_iter_no_change` epochs, and to return the best model; for "sgd",
        which "auto" then is. An automatic rate stops at the end of a cycle only, when
        it has fallen. `objective_` and `gap_` are of the samples trained on.
    validation_fraction : float, default=0.1
        Part of the samples of every class to hold out for `early_stopping`, where
        `fit` gets no `X_val`.
    n_iter_no_change : int, default=5
        Iterations over which a plateau is measured; where "sgd" has the automatic rate,
        on the average of a cycle of that.
    class_weight : dict or "balanced", default=None
        Weights of the classes, multiplied into the sample weights. "balanced" gives
        every class the same total weight.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call.
    n_jobs : int or None, default=None
        Threads that share the passes over X outside of row-by-row epochs: of "gd" and
        "lbfgs" nearly all the work. The model does not depend on their number. None
        means 1 unless in a `joblib.parallel_config` context, -1 all processors; within
        a worker of joblib there is one. Products of dense data with many classes, or
        with few features, are left to BLAS and its own threads.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of the samples in "sgd", "saga" and "sdca", and of the ascent
        that "newton" starts with.
    verbose : int, default=0
        Whether to tell, in each iteration and at the end, the objective, the relative
        gap (with "~" where it is an estimate), the seconds since the beginning and what
        the solver does. That goes to the logger ``"sklearn_linloss"`` of `logging`;
        where no handler is set up, it is printed.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        Coefficients, in the precision of X; of shape (1, n_features) for two classes.
    intercept_ : ndarray of shape (n_classes,)
        Intercepts; of shape (1,) for two classes, else with sum zero.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, where X has string names for all of them.
    n_iter_ : int
        Iterations made.
    objective_ : float
        The objective at `coef_` and `intercept_`.
    gap_ : float
        Relative duality gap: the objective is proven to exceed its minimum by no more
        than this fraction of itself. It is nan for ``alpha=0``.
    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        The objective at the start and after each iteration.
    batch_loss_curve_ : ndarray of shape (n_updates,)
        The objective as each mini-batch saw it before its update; for CSR with the
        penalty at the start of the epoch. "sgd" only; of the last chunk in a stream.
    validation_loss_curve_ : ndarray of shape (n_iter_ + 1,)
        The mean loss on the validation data, without penalty, at the start and after
        each iteration. Only with `early_stopping` or `X_val`.
    t_ : int
        Updates made. "sgd" only.
    solver_ : str
        The solver that was used.

    See Also
    --------
    SVMClassifier : The same with the multiclass hinge.
    sklearn.linear_model.LogisticRegression : The same model, by other solvers.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern recognition and machine learning", Springer 2006,
       section 4.3.4.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SoftmaxClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), SoftmaxClassifier(alpha=0.01))
    >>> model.fit(X, y).predict_proba(X[:1]).round(2)
    array([[0.98, 0.02, 0.  ]])
    """

    def __init__(
        self,
        *,
        alpha=1e-4,
        l1_ratio=0.0,
        penalty="elementwise",
        fit_intercept=True,
        solver="auto",
        tol=1e-4,
        max_iter=1000,
        max_time=None,
        learning_rate="auto",
        eta0=0.01,
        power_t=0.5,
        momentum=0.9,
        batch_size="auto",
        average=False,
        shuffle=True,
        early_stopping=False,
        validation_fraction=0.1,
        n_iter_no_change=5,
        class_weight=None,
        warm_start=False,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.solver = solver
        self.tol = tol
        self.max_iter = max_iter
        self.max_time = max_time
        self.learning_rate = learning_rate
        self.eta0 = eta0
        self.power_t = power_t
        self.momentum = momentum
        self.batch_size = batch_size
        self.average = average
        self.shuffle = shuffle
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _loss(self):
        return Softmax()
