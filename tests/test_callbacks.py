"""scikit-learn's callbacks, on every solver, alone and inside others."""

import _reference as reference
import numpy as np
import pytest
from _models import MODELS, make
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV, linear_path

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
all_models = pytest.mark.parametrize("model", MODELS, ids=str)


class Recorder:
    """Notes what it is told, and asks to stop after some iterations."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.begun, self.models, self.calls = 0, [], []
        self.ended = []  # the tasks that are no iterations, with their models

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
        if context.task_name != "iteration":
            self.ended.append((context.task_name, fitted_estimator))
            return False
        if fitted_estimator is None:
            return False
        assert len(X) == len(y)
        fitted_estimator.predict(X)
        self.models.append(fitted_estimator)
        return len(self.models) == self.stop_after


class Propagated(Recorder):
    """For the estimators within an estimator, too."""

    max_propagation_depth = None


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


@pytest.mark.parametrize("solver", ["newton", "lbfgs", "sdca", "gd"])
def test_the_gap_of_an_iteration_is_no_less_than_its_distance(solver, iris):
    X, y = iris
    params = {"alpha": 1e-3, "fit_intercept": False}
    best = make("softmax", tol=1e-12, **params).fit(X, y)
    recorder = Recorder()
    fitted = make("softmax", solver=solver, tol=1e-5, max_iter=10_000, **params)
    fitted.set_callbacks(recorder).fit(X, y)
    distances, gaps = [], []
    for seen in recorder.models:
        value = reference.objective_of(seen, X, y)
        distances.append((value - best.objective_) / value)
        gaps.append(seen.gap_)
    known = np.isfinite(gaps)
    assert known[-1]
    assert (np.array(gaps)[known] >= np.array(distances)[known] - 1e-12).all()
    assert max(np.array(gaps)[known]) <= 1.0
    ((_, model),) = recorder.ended
    assert model.gap_ == fitted.gap_


def test_a_path_tells_of_its_fits(iris):
    X, y = iris
    recorder, alphas = Recorder(), [1e-1, 1e-2, 1e-3]
    path = linear_path(X, y, alphas=alphas, callbacks=[recorder])
    plain = linear_path(X, y, alphas=alphas)
    np.testing.assert_array_equal(path.coefs, plain.coefs)
    *fits, (last, _) = recorder.ended
    assert [name for name, _ in fits] == ["fit"] * 3
    assert last == "fit"  # of them all
    assert recorder.begun == path.n_iters.sum()
    assert recorder.calls == ["setup", "teardown"]
    for k, (_, model) in enumerate(fits):
        np.testing.assert_array_equal(model.coef_, path.coefs[k])
        np.testing.assert_array_equal(model.intercept_, path.intercepts[k])
        assert model.alpha == alphas[k]
        assert model.gap_ == path.gaps[k]


def test_a_path_that_is_stopped_does_not_warn(iris):
    X, y = iris
    recorder = Recorder(stop_after=1)
    path = linear_path(
        X, y, alphas=[1e-2], tol=1e-12, solver="gd", callbacks=(recorder,)
    )
    assert path.n_iters.tolist() == [1]
    assert path.gaps[0] > 1e-12


def test_a_path_takes_a_list_of_callbacks(iris):
    with pytest.raises(TypeError, match="list of callbacks, got"):
        linear_path(*iris, callbacks=Recorder())
    with pytest.raises(TypeError, match="FitCallback"):
        linear_path(*iris, callbacks=[3])


@pytest.mark.filterwarnings("ignore:The best alpha")
@pytest.mark.parametrize("search", [SoftmaxClassifierCV, SVMClassifierCV])
def test_a_search_tells_of_its_fits(search, iris):
    X, y = iris
    recorder, alphas = Propagated(), [1e-1, 1e-2]
    fitted = search(alphas=alphas, cv=3, random_state=0).set_callbacks(recorder)
    fitted.fit(X, y)
    plain = search(alphas=alphas, cv=3, random_state=0).fit(X, y)
    np.testing.assert_array_equal(fitted.scores_, plain.scores_)
    np.testing.assert_array_equal(fitted.coef_, plain.coef_)
    names = [name for name, _ in recorder.ended]
    assert names == ["fit", "fit", "fold"] * 3 + ["fit", "fit"]
    assert recorder.calls == ["setup", "teardown"]
    of_folds = [model for name, model in recorder.ended[:-2] if name == "fit"]
    coefs = fitted.coefs_paths_[:, 0].reshape(6, *plain.coefs_paths_.shape[-2:])
    for model, coef in zip(of_folds, coefs, strict=True):
        assert model.gap_ <= fitted.tol
        np.testing.assert_array_equal(model.coef_, coef[:, :-1])
    # What was fitted last is the chosen model; it keeps no callbacks.
    assert recorder.ended[-2][1].gap_ == fitted.gap_
    assert not hasattr(fitted.best_estimator_, "_skl_callbacks")


@pytest.mark.filterwarnings("ignore:The best alpha")
def test_callbacks_that_stay_with_a_search_see_its_tasks_only(iris):
    X, y = iris
    recorder = Recorder()
    search = SoftmaxClassifierCV(alphas=[1e-1, 1e-2], cv=3, refit=False)
    search.set_callbacks(recorder).fit(X, y)
    assert [name for name, _ in recorder.ended] == ["fit", "fit", "fold"] * 3 + ["fit"]
    assert recorder.models == []
