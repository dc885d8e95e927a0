"""The progress bar, read from what it draws."""

import pickle
import re
import sys
from math import floor, log

import numpy as np
import pytest
from _models import make
from joblib import parallel_config
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV, _compat, linear_path
from sklearn_linloss import callbacks as progress
from sklearn_linloss.callbacks import GapProgress

needs_callbacks = pytest.mark.skipif(
    not _compat.has_callbacks, reason="scikit-learn < 1.9"
)
a_search = pytest.mark.filterwarnings("ignore:The best alpha")


@pytest.fixture
def drawings(capsys, monkeypatch):
    """The lines that were drawn so far, each time that something was done."""
    monkeypatch.setattr(progress, "_PAUSE", 0.0)

    def read():
        text = capsys.readouterr().err
        assert text.startswith("\r")
        assert text.endswith("\n")
        assert not progress._BARS
        return [line.rstrip() for line in text.split("\r")[1:]]

    return read


def percents(lines):
    return [int(re.search(r"\] (\d+) %", line)[1]) for line in lines]


class Gaps:
    """Notes the gap after each iteration."""

    def __init__(self):
        self.gaps = []

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        if context.task_name == "iteration":
            self.gaps.append(fitted_estimator.gap_)


@needs_callbacks
@pytest.mark.parametrize("solver", ["lbfgs", "sdca", "newton"])
def test_the_bar_shows_the_logarithm_of_the_gap(solver, iris, drawings):
    X, y = iris
    noted = Gaps()
    model = make("softmax", solver=solver, alpha=1e-3, tol=1e-6, max_iter=5000)
    model.set_callbacks(noted, GapProgress()).fit(X, y)
    gaps = np.array(noted.gaps)
    first = gaps[np.isfinite(gaps)][0]
    done, expected = 0.0, [0]  # drawn empty at first
    for k, gap in enumerate(gaps):
        now = (k + 1) / 5000  # while no gap is known
        if gap <= 1e-6:
            now = 1.0
        elif gap > 0.0:
            now = log(first / gap) / log(first / 1e-6)
        done = max(done, min(now, 0.99))
        expected.append(floor(100 * done))
    shown = percents(drawings())
    assert shown[: len(expected)] == expected
    assert set(shown[len(expected) :]) == {100}


@needs_callbacks
def test_what_a_line_says(iris, drawings):
    X, y = iris
    model = make("hinge", alpha=0.01).set_callbacks(GapProgress()).fit(X, y)
    lines = drawings()
    assert re.fullmatch(r"SVMClassifier \[\.{30}\] 0 %, \d+\.\d s", lines[0])
    end = rf"SVMClassifier \[#{{30}}\] 100 %, gap {model.gap_:.1e}, \d+\.\d s"
    assert re.fullmatch(end, lines[-1])
    for line, percent in zip(lines, percents(lines), strict=True):
        bar = re.search(r"\[(#*)(\.*)\]", line)
        assert 0.3 * percent - 1.0 < len(bar[1]) < 0.3 * (percent + 1)
        assert len(bar[1]) + len(bar[2]) == 30


@needs_callbacks
def test_a_fit_that_is_not_certified_is_not_done(iris, drawings):
    X, y = iris
    model = make("softmax", solver="lbfgs", alpha=1e-3, tol=1e-8, max_iter=20)
    with pytest.warns(ConvergenceWarning):
        model.set_callbacks(GapProgress()).fit(X, y)
    last = drawings()[-1]
    assert 0 < percents([last])[0] < 100
    assert f"gap {model.gap_:.1e}" in last


@needs_callbacks
@pytest.mark.parametrize(
    "params", [{"tol": 0}, {"alpha": 0.0, "tol": 1e-12}], ids=["tol", "alpha"]
)
def test_iterations_count_where_no_gap_ends_the_fit(params, iris, drawings):
    X, y = iris
    params = {"alpha": 0.01, "solver": "gd", "max_iter": 4} | params
    model = make("softmax", **params).set_callbacks(GapProgress())
    if model.tol > 0.0:
        with pytest.warns(ConvergenceWarning):
            model.fit(X, y)
    else:
        model.fit(X, y)
    assert percents(drawings())[:5] == [0, 25, 50, 75, 99]


@needs_callbacks
def test_a_path_counts_its_fits(iris, drawings):
    X, y = iris
    linear_path(X, y, alphas=4, eps=1e-2, callbacks=[GapProgress()])
    lines = drawings()
    assert lines[0].startswith("SoftmaxClassifier [")
    shown = percents(lines)
    assert shown == sorted(shown)
    assert {0, 25, 50, 75, 100} <= set(shown)
    assert shown[-1] == 100


@needs_callbacks
@a_search
def test_a_search_counts_folds_and_the_last_fit(iris, drawings):
    X, y = iris
    search = SVMClassifierCV(alphas=[1e-1, 1e-2], cv=3, random_state=0)
    search.set_callbacks(GapProgress()).fit(X, y)
    lines = drawings()
    assert lines[0].startswith("SVMClassifierCV [")
    shown = percents(lines)
    assert shown == sorted(shown)
    # Each of three folds has two fits; then there is the last one.
    assert {0, 12, 25, 37, 50, 62, 75, 100} <= set(shown)
    assert f"gap {search.gap_:.1e}" in lines[-1]


@needs_callbacks
@a_search
@pytest.mark.parametrize(
    "backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)]
)
def test_parts_of_a_search_tell_from_where_they_run(backend, iris, drawings):
    X, y = iris
    search = SoftmaxClassifierCV(alphas=[1e-1, 1e-2], cv=3, n_jobs=2, random_state=0)
    search.set_callbacks(GapProgress())
    with parallel_config(backend):
        search.fit(X, y)
    shown = percents(drawings())
    assert len(shown) > 6
    assert shown == sorted(shown)
    assert shown[-1] == 100


@needs_callbacks
def test_it_serves_again_and_from_a_pickle(iris, drawings):
    X, y = iris
    model = make("softmax", alpha=0.01).set_callbacks(GapProgress()).fit(X, y)
    assert percents(drawings())[-1] == 100
    for each in (model, pickle.loads(pickle.dumps(model))):
        each.fit(X, y)
        assert percents(drawings())[-1] == 100


@needs_callbacks
def test_within_the_searches_of_scikit_learn(iris, drawings):
    X, y = iris
    search = GridSearchCV(
        make_pipeline(StandardScaler(), make("softmax", alpha=0.01)),
        {"softmaxclassifier__fit_intercept": [True, False]},
        cv=2,
    )
    search.set_callbacks(GapProgress()).fit(X, y)
    lines = drawings()
    assert lines[0].startswith("GridSearchCV [")
    shown = percents(lines)
    assert shown == sorted(shown)
    assert shown[-1] == 100


@needs_callbacks
def test_estimators_without_a_gap_are_done_when_they_end(iris, drawings):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), LogisticRegression())
    pipeline.set_callbacks(GapProgress()).fit(X, y)
    lines = drawings()
    assert percents(lines)[-1] == 100
    assert not any("gap" in line for line in lines)


@needs_callbacks
def test_an_error_ends_the_line(iris, drawings):
    X, y = iris
    model = make("softmax", solver="sgd", learning_rate="constant", eta0=1e300)
    model.set_callbacks(GapProgress())
    with pytest.raises(ValueError, match="diverged"), np.errstate(all="ignore"):
        model.fit(X, y)
    assert percents(drawings())[-1] < 100


@needs_callbacks
def test_a_program_without_a_console(iris, monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    make("softmax", alpha=0.1).set_callbacks(GapProgress()).fit(*iris)


def test_a_scikit_learn_without_callbacks(iris, monkeypatch):
    monkeypatch.setattr(_compat, "has_callbacks", False)
    with pytest.raises(ImportError, match=r"^GapProgress needs .* 1\.9 .* verbose=1"):
        GapProgress()
    with pytest.raises(ImportError, match=r"^Parameter callbacks needs .* verbose=1"):
        linear_path(*iris, callbacks=[Gaps()])
