"""Threads inside a fit, and fits inside threads and processes."""

import multiprocessing
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
from _models import LOSSES, MODELS, make
from joblib import Parallel, delayed, parallel_config
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_linloss import (
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    _problem,
    linear_path,
)
from sklearn_linloss._blas import one_blas_thread
from sklearn_linloss._compat import threads_of
from sklearn_linloss._design import csr, design_of
from sklearn_linloss._objective import Objective
from sklearn_linloss.inspection import certify

SHORT = dict(max_iter=5, tol=0, random_state=0)


@pytest.fixture(scope="module")
def large():
    """More than a million numbers, so that compiled products serve."""
    rng = np.random.default_rng(0)
    y = np.arange(17_000) % 5
    X = rng.normal(size=(len(y), 64)) + np.eye(5, 64)[y]
    return X.astype(np.float32), y


@pytest.mark.parametrize("kind", ["dense", "csr", "float64"])
@pytest.mark.parametrize("model", MODELS, ids=str)
def test_threads_change_no_bit_of_the_model(large, model, kind):
    X, y = large
    X = sparse.csr_matrix(X) if kind == "csr" else X
    X = X.astype(np.float64) if kind == "float64" else X
    models = [model(n_jobs=n_jobs, **SHORT).fit(X, y) for n_jobs in (None, 2, 3, 7)]
    for model in models[1:]:
        np.testing.assert_array_equal(model.coef_, models[0].coef_)
        np.testing.assert_array_equal(model.intercept_, models[0].intercept_)
        assert model.gap_ == models[0].gap_
        np.testing.assert_array_equal(model.loss_curve_, models[0].loss_curve_)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", ["dense", "csr", "few columns"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_threads_change_no_bit_of_a_fit_by_default(large, loss, kind, n_classes):
    """Ascent, Newton and quasi-Newton steps, certificates and all that they ask."""
    X, y = large
    X = X[:, :8] if kind == "few columns" else X
    X = sparse.csr_matrix(np.where(X > 1.0, X, 0.0)) if kind == "csr" else X
    params = {"alpha": 1e-3, "max_iter": 30, "tol": 1e-5}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        models = [
            make(loss, n_jobs=n_jobs, **params).fit(X, y % n_classes)
            for n_jobs in (None, 2, 3, 7)
        ]
    for model in models[1:]:
        np.testing.assert_array_equal(model.coef_, models[0].coef_)
        np.testing.assert_array_equal(model.intercept_, models[0].intercept_)
        np.testing.assert_array_equal(model.loss_curve_, models[0].loss_curve_)
        assert model.gap_ == models[0].gap_


@pytest.mark.parametrize("n_rows", [1, 3])
@pytest.mark.parametrize("columns", [1, 2, 40])
def test_threads_that_share_the_columns_of_a_gradient(monkeypatch, columns, n_rows):
    monkeypatch.setattr(csr, "_STRIPS_FROM", 1)
    rng = np.random.default_rng(0)
    X = sparse.random(60, 40, density=0.2, format="csr", random_state=rng)
    X = sparse.csr_matrix(X.tocsc()[:, :columns])
    X.resize((60, 40))
    gradient = rng.normal(size=(60, n_rows))
    for n_threads in (1, 2, 5):
        total = np.ones((40, n_rows))
        design_of(X, n_threads).add_adjoint(gradient, total)
        np.testing.assert_allclose(total, 1.0 + X.toarray().T @ gradient, rtol=1e-12)


def test_an_error_in_a_task_reaches_the_caller_and_ends_the_others():
    design = design_of(np.ones((4, 2)), n_threads=2)
    begun = []

    def work(task):
        begun.append(task)
        time.sleep(0.01)
        raise ValueError(f"task {task}")

    with pytest.raises(ValueError, match="task"):
        design.share_out(work, range(1000))
    design.share_out(lambda task: None, range(3))
    assert len(begun) <= 4


def test_n_jobs_means_what_it_means_in_joblib():
    assert threads_of(None) == 1
    assert threads_of(3) == 3
    assert threads_of(-1) >= 1
    with parallel_config(n_jobs=2):
        assert threads_of(None) == 2
        assert threads_of(3) == 3
    with pytest.raises(ValueError, match="n_jobs"):
        threads_of(0)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_workers_of_joblib_stay_at_one_thread(backend):
    with parallel_config(backend=backend):
        inside = Parallel(n_jobs=2)(delayed(threads_of)(4) for _ in range(2))
    assert inside == [1, 1]


@pytest.mark.filterwarnings("ignore:The best alpha:UserWarning")
@pytest.mark.parametrize(("n_jobs", "of_fold"), [(1, 1), (2, 1), (5, 2)])
def test_a_search_gives_processors_to_folds_and_the_rest_to_fits(
    iris, monkeypatch, n_jobs, of_fold
):
    """And all of them to the last fit, which is alone."""
    asked = []

    def note(*args):
        asked.append(threads_of(*args))
        return asked[-1]

    monkeypatch.setattr(_problem, "threads_of", note)
    search = SoftmaxClassifierCV(alphas=[0.1, 0.01], cv=2, n_jobs=n_jobs)
    with parallel_config(backend="threading"):
        search.fit(*iris)
    assert set(asked[:-1]) == {of_fold}
    assert asked[-1] == n_jobs
    alone = SoftmaxClassifierCV(alphas=[0.1, 0.01], cv=2).fit(*iris)
    np.testing.assert_array_equal(search.coef_, alone.coef_)


def test_grid_search_in_processes_over_a_threaded_classifier(large):
    X, y = large
    X, y = X[:2000], y[:2000]
    grid = {"alpha": [1e-3, 1e-1]}
    scores = [
        GridSearchCV(
            SoftmaxClassifier(solver="lbfgs", n_jobs=2), grid, cv=3, n_jobs=n_jobs
        )
        .fit(X, y)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    np.testing.assert_array_equal(*scores)


def blas_threads():
    """How many each BLAS has."""
    return {
        each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"
    }


CALLS = {
    "fit": lambda X, y: SoftmaxClassifier(**SHORT).fit(X, y),
    "partial_fit": lambda X, y: SoftmaxClassifier().partial_fit(X, y, np.unique(y)),
    "path": lambda X, y: linear_path(X, y, alphas=2, max_iter=3),
    "search": lambda X, y: SoftmaxClassifierCV(alphas=2, cv=2).fit(X, y),
    "certificate": lambda X, y: certify(SoftmaxClassifier(**SHORT).fit(X, y), X, y),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.filterwarnings("ignore")
def test_blas_has_one_thread_within_a_fit_alone(call, iris, monkeypatch):
    seen = []
    take_shape = Objective._take_shape

    def noted(objective):
        seen.append(blas_threads())
        take_shape(objective)

    monkeypatch.setattr(Objective, "_take_shape", noted)
    with threadpool_limits(2, "blas"):
        CALLS[call](*iris)
        assert seen
        assert set().union(*seen) == {1}
        assert blas_threads() == {2}
        with pytest.raises(ValueError, match="NaN"):
            SoftmaxClassifier().fit([[np.nan], [1.0]], [0, 1])
        assert blas_threads() == {2}


def in_another_thread(function):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def threads_within_a_fit():
    with one_blas_thread:
        return blas_threads()


def test_overlapping_fits_leave_the_threads_of_blas_as_they_were():
    """Also if the last one to end is in another thread than the first one."""
    begun, ended = Event(), Event()

    def fit():
        with one_blas_thread:
            begun.set()
            ended.wait()
            return blas_threads()

    with threadpool_limits(2, "blas"), ThreadPoolExecutor(1) as pool:
        with one_blas_thread:
            other = pool.submit(fit)
            begun.wait()
        ended.set()
        assert other.result() == {1}
        assert blas_threads() == {2}


def test_any_thread_limits_blas_after_a_fit():
    with threadpool_limits(2, "blas"):
        assert threads_within_a_fit() == {1}
        assert in_another_thread(threads_within_a_fit) == {1}
        assert blas_threads() == {2}

    def limited():
        with threadpool_limits(1, "blas"):
            return blas_threads()

    with one_blas_thread:
        pass
    assert in_another_thread(limited) == {1}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="fork"
)
def test_a_child_forked_during_a_fit_has_the_threads_of_blas_of_before():
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    with threadpool_limits(2, "blas"), one_blas_thread:
        process = context.Process(target=lambda: sender.send(blas_threads()))
        process.start()
        assert receiver.poll(60.0)
        assert receiver.recv() == {2}
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("n_features", [40, 700])
def test_threads_of_blas_change_no_bit_of_a_fit(loss, n_features):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, n_features))
    y = np.argmax(X[:, :4] + rng.normal(size=(900, 4)), axis=1)
    coefs = []
    for n_threads in (1, 2, 3):
        with threadpool_limits(n_threads, "blas"):
            coefs.append(make(loss, alpha=1e-3, random_state=0).fit(X, y).coef_)
    np.testing.assert_array_equal(coefs[1:], [coefs[0], coefs[0]])


def test_fits_in_several_threads_at_once(large):
    X, y = large

    def fit(seed):
        solvers = "lbfgs", "sgd", "saga", "sdca"
        params = SHORT | {"random_state": seed, "n_jobs": 2}
        return [make("softmax", solver=s, **params).fit(X, y).coef_ for s in solvers]

    alone = [fit(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fit, range(4)))
    np.testing.assert_array_equal(together, alone)


def test_a_thousand_small_fits_from_eight_threads(iris):
    X, y = iris

    def fit(k):
        model = MODELS[k % len(MODELS)]
        return model(alpha=0.01, max_iter=3, tol=0, random_state=k % 7).fit(X, y).coef_

    alone = [fit(k) for k in range(7 * len(MODELS))]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fit, range(1000)))
    for k, coef in enumerate(together):
        np.testing.assert_array_equal(coef, alone[k % len(alone)])


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="fork"
)
def test_fits_after_a_fork(large):
    """A child of a process whose threads have worked has the same models."""
    X, y = large
    params = {"solver": "lbfgs", "n_jobs": 2} | SHORT
    before = make("softmax", **params).fit(X, y)
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child():
        sender.send(make("softmax", **params).fit(X, y).coef_)

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    assert receiver.poll(60.0)
    np.testing.assert_array_equal(receiver.recv(), before.coef_)
    process.join()
    assert process.exitcode == 0
