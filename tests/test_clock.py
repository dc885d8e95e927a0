"""A limit on the time of a fit, by a clock that the tests turn."""

import signal
import threading
from itertools import count

import _reference as reference
import numpy as np
import pytest
from _models import MODELS, make
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from sklearn_linloss import SoftmaxClassifierCV, linear_path
from sklearn_linloss._solvers import _clock
from sklearn_linloss._solvers._common import Options, Progress

every_model = pytest.mark.parametrize("model", MODELS, ids=str)


@pytest.fixture
def ticking(monkeypatch):
    """A second goes by each time that somebody looks."""
    ticks = count()
    monkeypatch.setattr(_clock, "perf_counter", lambda: float(next(ticks)))


def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400] / 16.0, y[:400]


@every_model
def test_a_fit_out_of_time_has_its_best_model_and_its_gap(model, ticking):
    X, y = digits()
    fitted = model(alpha=1e-5, tol=1e-12, max_iter=10_000, max_time=20.0)
    with pytest.warns(ConvergenceWarning, match=r"max_time=20\).*Increase max_time"):
        fitted.fit(X, y)
    assert 0 < fitted.n_iter_ < 20
    value = reference.objective_of(fitted, X, y)
    assert fitted.objective_ == pytest.approx(value, rel=1e-9)
    zeros = model(alpha=1e-5, tol=0, max_iter=1).fit(X, y)
    at_zero = zeros.loss_curve_[0]
    assert value < at_zero
    # The optimum is below, and the bound below the optimum.
    best = make(model.loss, alpha=1e-5, tol=1e-9, max_iter=10_000).fit(X, y)
    assert (1.0 - fitted.gap_) * value <= best.objective_ * (1.0 + 1e-9)


@every_model
def test_a_limit_that_is_not_met_changes_nothing(model):
    X, y = digits()
    params = {"alpha": 0.1, "tol": 1e-3, "max_iter": 3000}
    without = model(**params).fit(X, y)
    within = model(max_time=1e9, **params).fit(X, y)
    np.testing.assert_array_equal(within.coef_, without.coef_)
    assert within.n_iter_ == without.n_iter_


@pytest.mark.parametrize("most", [0, 3])
@pytest.mark.parametrize("solver", ["newton", "lbfgs"])
def test_an_iteration_in_hand_is_given_up(solver, most, monkeypatch):
    """The time ends between two products with all of X; the last model stays.

    That is the start where it ends before the first iteration.
    """
    X, y = digits()
    X = np.hstack([X, X**2, np.sqrt(X)])  # wide: Newton by conjugate gradients

    class Interrupted(_clock.Clock):
        n_checks = 0

        def check(self):
            Interrupted.n_checks += 1
            if Interrupted.n_checks > most:
                raise _clock.OutOfTimeError

    monkeypatch.setattr("sklearn_linloss._base.Clock", Interrupted)
    fitted = make("softmax", solver=solver, alpha=1e-6, tol=1e-10, max_time=1e9)
    with pytest.warns(ConvergenceWarning, match="max_time"):
        fitted.fit(X, y)
    assert Interrupted.n_checks == most + 1
    value = reference.objective_of(fitted, X, y)
    assert fitted.objective_ == pytest.approx(value, rel=1e-9)
    assert 0.0 < fitted.gap_ <= 1.0


@pytest.mark.parametrize(("limit", "n_iter"), [(11.5, 5), (12.5, 6)])
def test_the_next_iteration_is_taken_to_last_as_long_as_this_one(
    limit, n_iter, monkeypatch
):
    """The fifth takes four seconds, where the others took one."""
    now = 0.0
    monkeypatch.setattr(_clock, "perf_counter", lambda: now)
    options = Options(tol=1e-4, max_iter=100, clock=_clock.Clock(limit))
    progress = Progress("newton", options)
    ends = iter([0.0, 1.0, 2.0, 3.0, 4.0, 8.0, 12.0, 13.0])
    while progress.n_iter < 0 or progress.proceeds(options.max_iter):
        now = next(ends)
        progress.record(1.0, np.zeros(1))
    assert progress.n_iter == n_iter
    assert progress.out_of_time


def test_a_search_for_a_step_is_given_up(monkeypatch):
    """At zero the smoothed hinge has no curvature, and many steps are tried."""
    X, y = digits()

    class Interrupted(_clock.Clock):
        def check(self):
            raise _clock.OutOfTimeError

    monkeypatch.setattr("sklearn_linloss._base.Clock", Interrupted)
    fitted = make("hinge", solver="gd", alpha=1e-6, tol=1e-10, max_time=1e9)
    with pytest.warns(ConvergenceWarning, match="max_time"):
        fitted.fit(X, y)
    assert fitted.n_iter_ == 0
    value = reference.objective_of(fitted, X, y)
    assert fitted.objective_ == pytest.approx(value, rel=1e-9)
    assert 0.0 < fitted.gap_ <= 1.0


def test_each_fit_of_a_path_has_its_own_time(ticking):
    X, y = digits()
    alphas = [1e-2, 1e-3, 1e-4]
    with pytest.warns(ConvergenceWarning, match="3 of 3 fits"):
        path = linear_path(
            X, y, alphas=alphas, solver="gd", tol=1e-12, max_iter=10_000, max_time=30.0
        )
    assert (path.n_iters > 0).all()


def test_a_search_passes_the_limit_on(ticking):
    X, y = digits()
    search = SoftmaxClassifierCV(
        alphas=[1e-3], cv=2, solver="gd", tol=1e-12, max_iter=10_000, max_time=30.0
    )
    with pytest.warns(ConvergenceWarning):
        search.fit(X, y)
    assert search.n_iter_ < 30


def test_what_is_awaited_returns_and_raises():
    clock = _clock.Clock()
    assert clock.patiently(max, 2, 3) == 3
    with pytest.raises(ZeroDivisionError):
        clock.patiently(lambda: 1 / 0)
    with pytest.raises(TimeoutError, match="its own"):
        clock.patiently(_raise, TimeoutError("its own"))


def _raise(error):
    raise error


def test_waiting_ends_with_the_time(ticking):
    release = threading.Event()
    with pytest.raises(_clock.OutOfTimeError):
        _clock.Clock(3.0).patiently(release.wait)
    release.set()


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
@pytest.mark.parametrize("n_jobs", [1, 2])
@every_model
def test_ctrl_c_ends_any_solver_and_leaves_the_estimator(model, n_jobs):
    """Pressed while the fit runs, which would go on for hours."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(3000, 100)).astype(np.float32), np.arange(3000) % 4
    fitted = model(alpha=1e-4, n_jobs=n_jobs, max_iter=1).set_params(tol=0).fit(X, y)
    fitted.set_params(max_iter=10**7)
    before = dict(vars(fitted))
    main = threading.main_thread().ident
    timer = threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(X, y)
    timer.join()
    assert vars(fitted) == before


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="needs signals")
def test_waiting_ends_with_ctrl_c():
    release = threading.Event()

    def press():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        release.wait()

    with pytest.raises(KeyboardInterrupt):
        _clock.Clock().patiently(press)
    release.set()
