"""scikit-learn's callbacks, on every solver, alone and inside others."""

import _reference as reference
import numpy as np
import pytest
from _models import MODELS, make
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
all_models = pytest.mark.parametrize("model", MODELS, ids=str)


class Recorder:
    """Notes what it is told, and asks to stop after some iterations."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.models, self.calls = 0, [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None):
        if context.task_name == "iteration":
            assert X is not None
            self.begun += 1

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, fitted_estimator=None
    ):
        if context.task_name != "iteration" or fitted_estimator is None:
            return False
        assert len(X) == len(y)
        fitted_estimator.predict(X)
        self.models.append(fitted_estimator)
        return len(self.models) == self.stop_after


@all_models
def test_each_iteration_ends_with_its_model(model, iris):
    X, y = iris
    recorder = Recorder()
    weight = np.linspace(0.5, 2.0, len(y))
    fitted = model(alpha=0.1, tol=0, max_iter=12).set_callbacks(recorder)
    fitted.fit(X, y, weight)
    plain = model(alpha=0.1, tol=0, max_iter=12).fit(X, y, weight)
    np.testing.assert_array_equal(fitted.coef_, plain.coef_)
    assert recorder.begun == len(recorder.models) == fitted.n_iter_ == 12
    assert recorder.calls == ["setup", "teardown"]
    # Its objective is what the curve says of that iteration.
    for t in (0, 5, 11):
        seen = recorder.models[t]
        values, _ = reference.loss_terms(
            X @ seen.coef_.T + seen.intercept_, y, model.loss
        )
        objective = weight @ values / weight.sum()
        objective += reference.penalty(seen.coef_, 0.1, 0.0)
        expected = plain.loss_curve_[t + 1]
        # After the last one the hinge's intercept is chosen.
        if t < 11 or model.loss != "hinge":
            assert objective == pytest.approx(expected, rel=1e-9)


@all_models
def test_a_stop_is_honoured_at_that_iteration(model, iris):
    X, y = iris
    recorder = Recorder(stop_after=3)
    fitted = model(alpha=1e-3, tol=1e-9, max_iter=500).set_callbacks(recorder)
    # No warning, which is an error here: the user asked for it.
    fitted.fit(X, y)
    assert fitted.n_iter_ == 3
    assert len(fitted.loss_curve_) == 4
    assert fitted.loss_curve_[-1] == fitted.objective_
    if model.loss != "hinge":
        np.testing.assert_array_equal(fitted.coef_, recorder.models[-1].coef_)
    # What it stopped with is certified all the same.
    best = make(model.loss, alpha=1e-3, tol=1e-6, max_iter=20_000).fit(X, y).objective_
    assert (fitted.objective_ - best) / fitted.objective_ <= fitted.gap_ <= 1.0


def test_scoring_monitor_and_progress_bar(iris, capsys):
    pytest.importorskip("rich", reason="ProgressBar draws with it")
    X, y = iris
    monitor = callback.ScoringMonitor(scoring="accuracy")
    model = make("softmax", solver="sgd", tol=0, max_iter=4)
    model.set_callbacks(monitor, callback.ProgressBar())
    model.fit(X, y)
    scores = [row["accuracy"] for row in monitor.get_logs().data]
    assert len(scores) == 5  # the fit and its iterations
    assert scores.count(model.score(X, y)) >= 2


def test_in_a_pipeline_and_a_grid(iris):
    X, y = iris
    recorder = Recorder(stop_after=2)
    pipeline = make_pipeline(
        StandardScaler(), make("hinge", solver="sdca").set_callbacks(recorder)
    )
    pipeline.fit(X, y)
    assert pipeline[-1].n_iter_ == 2

    class Propagated(Recorder):
        max_propagation_depth = None

    recorder = Propagated()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make("softmax", tol=0, max_iter=3)),
        {"softmaxclassifier__alpha": [0.1, 1.0]},
        cv=2,
    )
    search.set_callbacks(recorder).fit(X, y)
    # Two strengths by two folds, and the fit with the best.
    assert len(recorder.models) == 3 * (2 * 2 + 1)


def test_an_error_tears_the_callbacks_down(iris):
    X, y = iris
    recorder = Recorder()
    model = make("softmax", solver="sgd", learning_rate="constant", eta0=1e300)
    model.set_callbacks(recorder)
    before = dict(vars(model))
    with pytest.raises(ValueError, match="diverged"), np.errstate(all="ignore"):
        model.fit(X, y)
    assert recorder.calls == ["setup", "teardown"]
    assert vars(model) == before


def test_a_clone_has_the_callbacks():
    recorder = Recorder()
    assert clone(make("softmax").set_callbacks(recorder))._skl_callbacks == [recorder]


def test_only_callbacks_are_taken():
    with pytest.raises(TypeError, match="FitCallback"):
        make("softmax").set_callbacks(3)
