"""The one list of what the tests run: every estimator, loss and solver that can."""

from dataclasses import dataclass

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, _solvers, losses
from sklearn_linloss._penalty import ElasticNet

LOSSES = ("hinge", "squared_hinge", "softmax")
SMOOTH_LOSSES = ("squared_hinge", "softmax")
# Their results depend on the order of the rows.
STOCHASTIC = ("sgd",)


def make(loss, **params):
    """An unfitted estimator for a loss, seeded so that no test is left to chance."""
    params = {"random_state": 0} | params
    if loss == "softmax":
        return SoftmaxClassifier(**params)
    return SVMClassifier(loss=loss, **params)


@dataclass(frozen=True)
class Model:
    """A loss and a solver; called, it makes the estimator."""

    loss: str
    solver: str

    def __call__(self, **params):
        return make(self.loss, solver=self.solver, **params)

    def __str__(self):
        return f"{self.loss}-{self.solver}"

    @property
    def parts(self):
        """What it combines: the first tier has each of these, and not each pair."""
        return self.loss, self.solver

    @property
    def deterministic(self):
        return self.solver not in STOCHASTIC


def serves(solver, loss, *, alpha=0.1, l1_ratio=0.0, learning_rate="auto"):
    """Whether a solver takes such a request for a small data set."""
    request = _solvers.Request(
        getattr(losses, loss).at_margin(),
        ElasticNet(alpha, l1_ratio),
        learning_rate,
        n_samples=100,
        n_features=5,
        n_rows=3,
    )
    return solver in _solvers.able(request)


def models(losses=LOSSES, **request):
    """All models that serve a request."""
    return [
        Model(loss, solver)
        for loss in losses
        for solver in _solvers.SOLVER_NAMES
        if serves(solver, loss, **request)
    ]


MODELS = models()
SMOOTH_MODELS = models(SMOOTH_LOSSES)
L1_MODELS = models(l1_ratio=1.0)
