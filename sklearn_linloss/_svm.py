"""The multiclass support vector machine."""

from numbers import Real
from typing import Literal

from sklearn.utils._param_validation import Interval, StrOptions

from ._base import LinearLossClassifier
from ._losses import Hinge, SquaredHinge
from ._typing import (
    ArrayLike,
    ClassWeight,
    HingeName,
    LearningRate,
    PenaltyName,
    Seed,
    SolverName,
)


class SVMClassifier(LinearLossClassifier):
    """Linear support vector machine with the joint multiclass hinge.

    It minimises the mean loss and a penalty of strength `alpha`::

        sum_i w_i L(W x_i + b, y_i) / sum_i w_i
            + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_2^2)

    with weights w of the samples. Elsewhere in scikit-learn, `C` weighs the sum of the
    losses: ``alpha = 1 / (C * n_samples)`` is the same problem, with the sum of the
    weights in the place of `n_samples` where they differ from one. The default of
    :class:`~sklearn.svm.LinearSVC` and :class:`~sklearn.svm.SVC`, ``C=1``, is
    ``alpha=1 / n_samples`` here, and ``alpha=1e-4`` is ``C = 10000 / n_samples``.

    L is the hinge of Weston and Watkins [1]_, ``sum_{j != y} max(0, s_j - s_y +
    delta)``, or the sum of the squares of these terms. It is joint: the scores of all
    classes are fitted together, and not one class against the rest. Two classes are
    fitted as one row of coefficients with the ordinary hinge, so that ``delta=1`` is
    the problem of ``SVC(kernel="linear", C=1 / (alpha * n_samples))``.

    Parameters
    ----------
    loss : {"hinge", "squared_hinge"}, default="hinge"
        The loss.
    delta : float, default=1.0
        The margin, positive: by how much the score of the true class shall exceed each
        other one. There is rarely a need to tune it beside `alpha`: with the hinge and
        L2, ``(alpha, delta)`` predicts the same as ``(alpha * delta, 1)``.
    alpha : float, default=1e-4
        Strength of the penalty, not negative. It weighs against the mean of the losses,
        as the formula above shows. The lambda of CS231n, whose penalty is
        ``lambda * |W|_2^2`` without the factor 1/2, is ``alpha / 2``.
    l1_ratio : float, default=0.0
        Mix of the penalty, in [0, 1]: 0 is L2, 1 is L1, and between them it is an
        elastic net.
    penalty : {"elementwise", "grouped"}, default="elementwise"
        What the L1 part of the penalty sums. "elementwise": the absolute values of all
        coefficients, which become zero one by one. "grouped": for each feature the
        Euclidean norm of its coefficients, so that a feature is used for all classes
        or for none; for two classes the same as "elementwise". It is supported by
        "newton" (smooth losses), "sdca" and "gd".
    penalty_factor : array-like of shape (n_features,), default=None
        A factor of `alpha` for each feature, not negative: with 2 the coefficients of a
        feature are penalised twice as much, and with 0 never, like the intercept. None
        means 1 for all. The factors are not rescaled, unlike in glmnet. "sdca", "saga"
        and "sgd" need factors above 0, and an `l1_ratio` of 0 or 1;
        :meth:`partial_fit` and rates of your own, ``learning_rate != "auto"``, take
        none.
    fit_intercept : bool, default=True
        Whether to fit an intercept. It is never penalised.
    solver : {"auto", "gd", "lbfgs", "newton", "saga", "sdca", "sgd"}, default="auto"
        How to minimise the objective. Solvers differ in the time that they need, and
        not in the model that they aim at.

        - "auto" picks one of the others by the size of the data, the loss and the
          penalty: "newton" where its steps are cheap; otherwise "lbfgs" for the softmax
          with L2, if there are fewer than 5000 samples, or two classes and fewer
          features than samples; otherwise "sdca" if the penalty has an L2 part or the
          loss is the hinge; otherwise "saga" from 5000 samples on, and "gd" below. If
          you choose a `learning_rate`, it is "gd" for "constant" and "sgd" for the
          others; with `early_stopping` it is "sgd". You get a warning if you set one of
          `eta0`, `power_t`, `momentum`, `batch_size`, `average` and `shuffle`, and the
          solver that was picked does not use it.
        - "gd" is gradient descent on all samples. With ``learning_rate="auto"`` it is
          accelerated and finds the size of its steps; the hinge is replaced by a smooth
          loss that comes closer to it as the gap shrinks. With
          ``learning_rate="constant"`` it is the step of textbooks,
          ``W -= eta0 * gradient``, with soft thresholding for the L1 part.
        - "lbfgs" is L-BFGS, for the softmax without L1.
        - "newton" is Newton's method. It forms the matrix of second derivatives for at
          most 3000 coefficients, or for hinges with L2 and at most 3000 active pairs of
          a sample and a wrong class. With L2 and at most 20000 features it fits any
          number of coefficients, by conjugate gradients or quasi-Newton steps, which do
          not form the matrix. With more features, the hinge with L2 is fitted by dual
          ascent, with Newton steps while at most 3400 pairs of a sample and a class are
          active. With an L1 part, it works on the coefficients that are not zero. The
          squared hinge takes Newton steps on them, and an interior point method follows
          where these steps are short or many. The hinge takes gradient steps first, or
          with an elastic net of at most 3000 coefficients steps on an augmented
          Lagrangian, and the interior point method follows. Without L1, the hinge is
          minimised by an augmented Lagrangian. Dual ascent, as in "sdca", comes first
          where its iterations are cheaper.
        - "saga" takes steps on mini-batches with variance reduction, for the squared
          hinge and any penalty but "grouped". It finds the size of its steps.
        - "sdca" is dual coordinate ascent, sample by sample, for any loss with a
          penalty. It is fastest if the penalty has an L2 part, and needs no learning
          rate.
        - "sgd" is stochastic gradient descent on mini-batches, with Nesterov momentum.
    tol : float, default=1e-4
        The fit stops when the relative duality gap is at most `tol`: the objective then
        exceeds its minimum by at most this fraction of itself. With ``tol=0`` the fit
        makes exactly `max_iter` iterations and does not warn.

        Two kinds of fits have another rule. "sgd", and "gd" with a constant rate on the
        hinge, stop at a plateau: when the objective has fallen by less than `tol` times
        itself in `n_iter_no_change` iterations. Without a penalty, ``alpha=0``, there
        is no gap, and the largest entry of the gradient has to fall to `tol` times
        what it is for coefficients of zero (where the loss has kinks, that of the
        smallest subgradient; the hinge also counts the error of that subgradient).

        Single precision cannot reach a gap below about 1e-6. For a smaller `tol`,
        float32 data are fitted in float64.
    max_iter : int, default=1000
        The largest number of iterations. An iteration is a pass over all samples for
        "sgd" and "saga", and a step for the others. For "sdca", which leaves out
        samples whose dual variables no longer change, it is `n_samples` visits to
        samples. "newton" also counts the iterations of the dual ascent that it may
        begin with.
    max_time : float, default=None
        The largest time of a fit, in seconds; None means no limit. A fit that runs out
        of time ends with its best model, computes the gap of that model, and warns. It
        ends a little late, because an iteration, or a product with all of X, is not
        interrupted. With a limit the model depends on the speed of the machine.
    learning_rate : {"auto", "constant", "invscaling", "adaptive"}, default="auto"
        How "sgd" and "gd" choose the size of their steps. The other solvers have rules
        of their own.

        - "auto" needs no number from you. "gd" tries step sizes until the objective
          falls. "sgd" starts from a rate that follows from the curvature of the loss
          and the size of the samples. It raises the rate while the objective falls, and
          lowers it when the objective stops falling. Then it lets the rate fall to zero
          in cycles, each longer than the one before. The step for a sample that is much
          longer than the others is bounded separately. On dense data, steps are longer
          for features of small variance, and shorter along the few directions in which
          the features vary most. In a stream (`partial_fit`) the rate is divided by
          ``sqrt(1 + t / 1200)`` in the batch with the number t.
        - "constant" is `eta0` throughout.
        - "invscaling" is ``eta0 / t ** power_t`` in update t.
        - "adaptive" is `eta0`, divided by 5 at each plateau of the objective.

        "gd" supports "auto" and "constant" only.
    eta0 : float, default=0.01
        Learning rate that the schedules other than "auto" start from. "auto" ignores
        it.
    power_t : float, default=0.5
        Exponent of "invscaling". The other schedules ignore it.
    momentum : float, default=0.9
        Nesterov momentum of "sgd", in [0, 1). It does not change the optimum, because
        the penalty acts on the whole step, with the part that momentum adds. Fits with
        L2 to sparse X with the automatic rate take a step for each row, without
        momentum. Other solvers ignore it.
    batch_size : int or "auto", default="auto"
        Number of samples in a mini-batch of "sgd" and "saga". "auto" is 16 for "saga",
        and for "sgd" 64, or a twentieth of the samples if that is less. Other solvers
        ignore it.
    average : bool or int, default=False
        Whether "sgd" returns the average of its iterates rather than the last one. An
        int is the number of samples to see before the average begins. Other solvers
        ignore it.
    shuffle : bool, default=True
        Whether "sgd" visits the samples in a new random order in each epoch. Other
        solvers ignore it.
    early_stopping : bool, default=False
        Whether to stop by the loss on validation data: when that has fallen by less
        than `tol` times itself in `n_iter_no_change` epochs. The fit then returns the
        model of the smallest validation loss; `objective_` and `gap_` refer to the
        samples that it was trained on. It works with "sgd" only, which
        ``solver="auto"`` then picks. With ``learning_rate="auto"`` a fit stops only at
        the end of a cycle of the rate, when the rate has fallen to zero.
    validation_fraction : float, default=0.1
        Fraction of the samples of each class that `early_stopping` holds out, unless
        `fit` is given `X_val`.
    n_iter_no_change : int, default=5
        Number of iterations over which progress is measured to find a plateau. With the
        automatic rate of "sgd", the progress is averaged over a cycle of that rate.
    class_weight : dict or "balanced", default=None
        Weights of the classes, by which the weights of their samples are multiplied.
        "balanced" gives every class the same total weight.
    warm_start : bool, default=False
        Whether `fit` starts from the coefficients of the previous call.
    n_jobs : int or None, default=None
        Number of threads that share a pass over all samples. "gd" and "lbfgs" spend
        nearly all their time in such passes, and Newton and quasi-Newton steps most of
        it; solvers that visit samples in turn use one thread for that. The model does
        not depend on the number of threads. None means 1, unless in a
        `joblib.parallel_config` context, and -1 means all processors. In a worker of
        joblib there is one thread. Meanwhile the BLAS library of NumPy and SciPy has
        one thread in the whole process; its own number comes back after the fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the random order of the samples in "sgd", "saga" and "sdca". "newton"
        needs it for the dual ascent that it may begin with, and where it fits, or
        estimates matrices from, some of the samples.
    verbose : int, default=0
        If positive, the fit reports each iteration and its end: the objective, the
        relative duality gap (marked "~" where it is an estimate), the seconds since its
        beginning, and what the solver does. The lines go to the logger
        ``"sklearn_linloss"`` of `logging`, and are printed if no handler is set up
        there.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        Coefficients, in the precision of X; of shape (1, n_features) for two classes.
    intercept_ : ndarray of shape (n_classes,)
        Intercepts; of shape (1,) for two classes. Those of more classes sum to zero.
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X has string names for all of them.
    n_iter_ : int
        Number of iterations that were made.
    objective_ : float
        The objective at `coef_` and `intercept_`.
    gap_ : float
        Relative duality gap: it is proven that the objective exceeds its minimum by at
        most this fraction of itself, or of 1e-10 times the objective at zero where that
        is larger. It is nan for ``alpha=0``.
    loss_curve_ : ndarray of shape (n_iter_ + 1,)
        The objective at the start and after each iteration.
    batch_loss_curve_ : ndarray of shape (n_updates,)
        The objective on each mini-batch, before the update that the batch led to. For
        CSR data the penalty in it is that at the start of the epoch. Only for "sgd";
        after `partial_fit` it is that of the last chunk.
    validation_loss_curve_ : ndarray of shape (n_iter_ + 1,)
        The mean loss on the validation data, without the penalty, at the start and
        after each iteration. Only with `early_stopping` or `X_val`.
    t_ : int
        Number of updates that were made. Only for "sgd".
    solver_ : str
        The solver that was used.

    See Also
    --------
    SoftmaxClassifier : The same with cross-entropy, for probabilities.
    sklearn.svm.LinearSVC : One class against the rest, with a penalised intercept.

    References
    ----------
    .. [1] J. Weston and C. Watkins, "Support vector machines for multi-class pattern
       recognition", ESANN 1999.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn_linloss import SVMClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = make_pipeline(StandardScaler(), SVMClassifier(alpha=0.01)).fit(X, y)
    >>> round(model.score(X, y), 2)
    0.97
    """

    _parameter_constraints: dict = {
        **LinearLossClassifier._parameter_constraints,
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        # Their squares, and the inverses of these, must be finite.
        "delta": [Interval(Real, 1e-100, 1e100, closed="both")],
    }

    def __init__(
        self,
        loss: HingeName = "hinge",
        *,
        delta: float = 1.0,
        alpha: float = 1e-4,
        l1_ratio: float = 0.0,
        penalty: PenaltyName = "elementwise",
        penalty_factor: ArrayLike | None = None,
        fit_intercept: bool = True,
        solver: SolverName = "auto",
        tol: float = 1e-4,
        max_iter: int = 1000,
        max_time: float | None = None,
        learning_rate: LearningRate = "auto",
        eta0: float = 0.01,
        power_t: float = 0.5,
        momentum: float = 0.9,
        batch_size: int | Literal["auto"] = "auto",
        average: bool | int = False,
        shuffle: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: ClassWeight = None,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: Seed = None,
        verbose: int = 0,
    ) -> None:
        self.loss = loss
        self.delta = delta
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.penalty = penalty
        self.penalty_factor = penalty_factor
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
        return {"hinge": Hinge, "squared_hinge": SquaredHinge}[self.loss](self.delta)

    def _counterpart(self):
        from sklearn.svm import LinearSVC

        classifier = LinearSVC(loss=self.loss, fit_intercept=self.fit_intercept)
        classifier.n_iter_ = self.n_iter_
        return classifier
