"""What schedulers and workers hold in a fit on Dask, and after it.

They are in the event loop of the test, so that their own state can be looked at.
"""

import asyncio
import time
import warnings

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning

distributed = pytest.importorskip("distributed", reason="the dask extra")
utils_test = pytest.importorskip("distributed.utils_test", reason="the dask extra")
da = pytest.importorskip("dask.array", reason="the dask extra")

import sklearn_linloss.dask as on_dask  # noqa: E402
from sklearn_linloss.dask import _parts  # noqa: E402


def fit(client, X, y):
    return on_dask.SVMClassifier(alpha=0.05, client=client).fit(X, y)


def fit_with_an_end(client, X, y):
    model = on_dask.SVMClassifier(alpha=1e-6, tol=1e-12, max_time=0.2, client=client)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def fit_of_invalid_data(client, X, y):
    X = da.where(X > 7.0, np.nan, X)  # in some blocks only
    with pytest.raises(ValueError, match="NaN"):
        on_dask.SVMClassifier(client=client).fit(X, y)


def fit_that_stops_early(client, X, y):
    model = on_dask.SoftmaxClassifier(early_stopping=True, tol=0.1, client=client)
    return model.fit(X, y)


def search(client, X, y):
    parameters = {"alphas": [0.01, 0.1], "cv": 3, "client": client}
    return on_dask.SoftmaxClassifierCV(**parameters).fit(X, y)


def interrupted_fit(client, X, y):
    """An exception as Ctrl-C raises one, in the middle of a round."""

    def interrupted(self, address, future):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_parts.Parts, "_result", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(client, X, y)


@pytest.mark.every_case
@pytest.mark.parametrize(
    "work",
    [
        fit,
        fit_with_an_end,
        fit_of_invalid_data,
        fit_that_stops_early,
        search,
        interrupted_fit,
    ],
)
@utils_test.gen_cluster(nthreads=[("127.0.0.1", 1)] * 3, client=False, timeout=120)
async def test_nothing_is_left(scheduler, *workers, work, monkeypatch):
    actors = []
    original = _parts.Parts.close

    def noted(self):
        actors.append(max(len(worker.state.actors) for worker in workers))
        original(self)

    def all_is_gone():
        held = (worker.state.actors or dict(worker.data) for worker in workers)
        return not (scheduler.tasks or any(held))

    def in_a_thread():
        with distributed.Client(scheduler.address) as client:
            X, y = load_iris(return_X_y=True)
            work(client, da.from_array(X, (40, 4)), da.from_array(y, 40))
            end = time.monotonic() + 20.0
            while not all_is_gone() and time.monotonic() < end:
                time.sleep(0.01)
            assert all_is_gone()

    monkeypatch.setattr(_parts.Parts, "close", noted)
    await asyncio.to_thread(in_a_thread)
    # One actor for all blocks of a worker, or two with those that are held out.
    most = 2 if work is fit_that_stops_early else 1
    assert actors
    assert max(actors) <= most
