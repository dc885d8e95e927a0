"""Fits whose rows lie on the workers of a cluster."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
import warnings
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import combinations, pairwise, product

import _reference as reference
import numpy as np
import pytest
from _tiers import slow_where
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import sklearn_linloss

distributed = pytest.importorskip("distributed", reason="the dask extra")
da = pytest.importorskip("dask.array", reason="the dask extra")
dd = pytest.importorskip("dask.dataframe", reason="the dask extra")

import dask  # noqa: E402

import sklearn_linloss.dask as on_dask  # noqa: E402
from sklearn_linloss.dask import _parts  # noqa: E402

LOSSES = ("softmax", "hinge", "squared_hinge")


@pytest.fixture(scope="module")
def client():
    """Two processes of one thread, which start anew when they are killed."""
    with (
        dask.config.set(
            {
                "distributed.worker.daemon": True,
                "distributed.comm.timeouts.connect": "4s",
            }
        ),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def threads_as_workers(number, threads_per_worker=1):
    """Another cluster, in this process, and its client."""
    with (
        distributed.LocalCluster(
            n_workers=number,
            threads_per_worker=threads_per_worker,
            processes=False,
            dashboard_address=":0",
        ) as cluster,
        distributed.Client(cluster) as here,
    ):
        yield cluster, here


@pytest.fixture(autouse=True)
def no_test_hangs():
    """What waits for a cluster in vain fails, and does not wait for ever."""
    if not hasattr(signal, "SIGALRM"):
        yield
        return

    def give_up(*_):
        raise TimeoutError("the test waits in vain")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(300)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def nothing_is_left(client, no_test_hangs):
    """No task and no actor stays on the cluster after a test."""
    await_two_workers(client)
    yield
    gc.collect()  # collections of the test that refer to themselves
    assert await_no_tasks(client) == []
    assert set(
        client.run(lambda dask_worker: len(dask_worker.state.actors)).values()
    ) <= {0}


def await_two_workers(client):
    """One that was killed comes back, or another one in its place."""
    end = time.monotonic() + 20.0
    while len(client.nthreads()) < 2:
        time.sleep(0.05)
        if time.monotonic() > end:
            client.cluster.scale(len(client.cluster.workers) + 1)
            end += 20.0


def await_no_tasks(client):
    """Those that are there after a while."""
    end = time.monotonic() + 10.0
    while tasks(client) and time.monotonic() < end:
        time.sleep(0.05)
    return tasks(client)


def tasks(client):
    return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.tasks))


def data(n_classes=3, n_samples=240, seed=0, dtype=np.float64):
    X, y = make_classification(
        n_samples,
        6,
        n_informative=4,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=0.7,
        random_state=seed,
    )
    return (X + 0.5).astype(dtype), y


def collection(rows, sizes, csr=False):
    """An array in partitions of these sizes."""
    ends = np.cumsum([0, *sizes])
    assert ends[-1] == len(rows)
    parts = [rows[start:stop] for start, stop in pairwise(ends)]
    if csr:
        parts = [sparse.csr_matrix(part) for part in parts]
    arrays = [
        da.from_delayed(dask.delayed(part), part.shape, dtype=part.dtype, meta=part[:0])
        for part in parts
    ]
    return da.concatenate(arrays, axis=0)


def sizes_of(n_samples, n_partitions):
    """Unequal ones, one of them without rows where there are many."""
    ends = np.sort(
        np.random.default_rng(n_partitions).integers(0, n_samples, n_partitions - 1)
    )
    if n_partitions > 2:
        ends[1] = ends[0]
    return np.diff([0, *ends, n_samples]).tolist()


def estimators(loss, **parameters):
    """Of the local class, and on Dask."""
    for module in (sklearn_linloss, on_dask):
        if loss == "softmax":
            yield module.SoftmaxClassifier(**parameters)
        else:
            yield module.SVMClassifier(loss, **parameters)


def assert_certified(model, optimum, X, y, weight=None, tol=None):
    """The objective is that of the formulas, and its proven bound is one."""
    tol = model.tol if tol is None else tol
    value = reference.objective_of(model, X, y, weight)
    np.testing.assert_allclose(model.objective_, value, rtol=1e-9)
    assert model.gap_ <= tol
    lower, upper = optimum
    assert lower <= value * (1.0 + 1e-12)
    assert value * (1.0 - model.gap_) <= upper * (1.0 + 1e-12)


def optimum_of(local, X, y, weight=None):
    """Bounds of the least objective, from a local fit to full precision."""
    exact = clone(local).set_params(tol=1e-8, max_iter=5000, solver="auto")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        exact.fit(X, y, weight)
    assert exact.gap_ < 1e-5
    return exact.objective_ * (1.0 - exact.gap_), exact.objective_


# Each pair of values of two of them is in a case.
CASES = ("loss", "l1_ratio", "csr", "n_classes", "weighted", "n_partitions")
COVERING = [
    ("softmax", 0.0, False, 2, False, 5),
    ("softmax", 0.5, True, 2, True, 1),
    ("softmax", 1.0, False, 2, True, 2),
    ("softmax", 1.0, True, 5, True, 13),
    ("hinge", 0.0, False, 5, True, 1),
    ("hinge", 0.0, True, 5, False, 2),
    ("hinge", 0.5, False, 5, False, 13),
    ("hinge", 1.0, True, 2, True, 5),
    ("squared_hinge", 0.0, True, 2, True, 13),
    ("squared_hinge", 0.5, False, 2, True, 2),
    ("squared_hinge", 0.5, False, 5, True, 5),
    ("squared_hinge", 1.0, False, 5, False, 1),
]


def test_the_cases_cover_all_pairs():
    columns = [set(column) for column in zip(*COVERING, strict=True)]
    for i, j in combinations(range(len(CASES)), 2):
        pairs = {(case[i], case[j]) for case in COVERING}
        assert pairs == set(product(columns[i], columns[j])), (CASES[i], CASES[j])
    assert columns[1:] == [
        {0.0, 0.5, 1.0},
        {False, True},
        {2, 5},
        {False, True},
        {1, 2, 5, 13},
    ]
    assert columns[0] == set(LOSSES)


@pytest.mark.parametrize(CASES, COVERING)
def test_the_optimum_of_the_whole(
    client, loss, l1_ratio, csr, n_classes, weighted, n_partitions
):
    X, y = data(n_classes)
    if csr:
        X = np.where(np.abs(X) > 0.5, X, 0.0)
    sizes = sizes_of(len(X), n_partitions)
    weight = 1.0 + np.arange(len(X)) % 3 if weighted else None
    alpha = 0.02 if l1_ratio == 0.0 else 0.1
    parameters = {"alpha": alpha, "l1_ratio": l1_ratio}
    local, model = estimators(loss, **parameters)
    model.fit(
        collection(X, sizes, csr),
        collection(y, sizes),
        None if weight is None else collection(weight, sizes),
    )
    assert_certified(model, optimum_of(local, X, y, weight), X, y, weight)


@pytest.mark.parametrize("solver", ["gd", "lbfgs", "newton", "sgd"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_solvers(client, solver, dtype):
    X, y = data(dtype=dtype)
    local, model = estimators("softmax", alpha=0.05, solver=solver, random_state=0)
    model.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))
    assert model.solver_ == solver
    assert model.coef_.dtype == dtype
    tol = 0.2 if solver == "sgd" else 1e-4
    optimum = optimum_of(local, X.astype(np.float64), y)
    assert_certified(model, optimum, X, y, tol=tol)


@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_fits_without_intercept_or_penalty(client, loss):
    X, y = data()
    dX, dy = da.from_array(X, (100, 6)), da.from_array(y, 100)
    local, model = estimators(loss, alpha=0.05, fit_intercept=False)
    model.fit(dX, dy)
    assert_certified(model, optimum_of(local, X, y), X, y)
    if loss == "softmax":
        local, model = estimators(loss, alpha=0.0, tol=1e-3)
        value = reference.objective_of(model.fit(dX, dy), X, y)
        assert value <= local.fit(X, y).objective_ * (1.0 + 1e-4)


def test_a_gap_that_the_slow_reference_confirms(client):
    X, y = data()
    _, model = estimators("softmax", alpha=0.1, tol=1e-7)
    model.fit(da.from_array(X, (50, 6)), da.from_array(y, 50))
    assert model.gap_ <= 1e-7
    gap = reference.relative_gap(model.coef_, model.intercept_, X, y, "softmax", 0.1)
    assert gap < 1e-6


def test_partitions_without_classes(client):
    X, y = data(5)
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    local, model = estimators("hinge", alpha=0.05)
    model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
    assert_certified(model, optimum_of(local, X, y), X, y)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 0.0, 1: 2.0, 2: 1.0, 3: 1.0}])
def test_weights(client, class_weight):
    X, y = data(4)
    weight = np.arange(len(X)) % 4 / 2.0
    local, model = estimators("squared_hinge", alpha=0.05, class_weight=class_weight)
    sizes = sizes_of(len(X), 5)
    model.fit(*(collection(each, sizes) for each in (X, y, weight)))
    local.set_params(tol=1e-8).fit(X, y, weight)
    np.testing.assert_array_equal(model.classes_, local.classes_)
    assert model.objective_ <= local.objective_ * (1.0 + 2e-4)
    np.testing.assert_allclose(model.coef_, local.coef_, atol=0.02)


def test_class_weights_that_parts_of_the_data_lack(client):
    X, y = data()
    class_weight = {1: 2.0, 2: 3.0}
    weight = (y != 1).astype(float)
    rows = [da.from_array(X, (100, 6)), da.from_array(y, 100)]
    local, model = estimators("softmax", alpha=0.05, class_weight=class_weight)
    model.fit(*rows, da.from_array(weight, 100))
    local.set_params(tol=1e-8).fit(X, y, weight)
    np.testing.assert_array_equal(model.classes_, [0, 2])
    np.testing.assert_allclose(model.coef_, local.coef_, atol=0.02)
    # Of class 1 a sample, which one of the training parts is without.
    kept = (y != 1) | (np.cumsum(y == 1) == 1)
    rows = [da.from_array(X[kept], (100, 6)), da.from_array(y[kept], 100)]
    search = on_dask.SoftmaxClassifierCV(
        alphas=[0.1], cv=2, class_weight=class_weight, error_score="raise"
    )
    with pytest.warns(UserWarning, match="least populated class"):
        search.fit(*rows)
    message = r"class_weight has weights for \[7\]"
    for each in (model, search.set_params(cv=None)):
        each.set_params(class_weight={7: 2.0})
        with pytest.raises(ValueError, match=message):
            each.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))
    with pytest.raises(ValueError, match=message):
        on_dask.linear_path(*rows, class_weight={7: 2.0})


@pytest.mark.parametrize(
    "labels",
    [["a", "bb", "ç"], [-7, 3, 2**40], [0.0, 1.0, 5.0]],
    ids=["str", "int", "float"],
)
def test_labels(client, labels):
    (X, y), labels = data(), np.array(labels)
    dX, dy = da.from_array(X, (100, 6)), da.from_array(labels[y], 100)
    _, model = estimators("softmax", alpha=0.1)
    model.fit(dX, dy)
    np.testing.assert_array_equal(model.classes_, labels)
    assert model.classes_.dtype == labels.dtype
    predicted = model.predict(dX)
    assert isinstance(predicted, da.Array)
    np.testing.assert_array_equal(predicted.compute(), model.to_local().predict(X))


def test_dataframes(client):
    pd = pytest.importorskip("pandas")
    X, y = data()
    frame = pd.DataFrame(X, columns=list("abcdef"))
    labels = pd.Series(np.array(["low", "middle", "high"])[y], name="label")
    dX = dd.from_pandas(frame, npartitions=3)
    dy = dd.from_pandas(labels, npartitions=3)
    local, model = estimators("softmax", alpha=0.1)
    model.fit(dX, dy)
    np.testing.assert_array_equal(model.feature_names_in_, list("abcdef"))
    assert_certified(
        model,
        optimum_of(local, X, y),
        X,
        np.array(["low", "middle", "high"])[y],
    )
    np.testing.assert_array_equal(
        model.predict(dX).compute(), model.to_local().predict(frame)
    )
    with pytest.raises(ValueError, match="feature names"):
        model.predict(dX.rename(columns={"a": "z"}))


def test_files_of_which_one_column_is_read(client, tmp_path):
    """Dask reads several files as one where it needs few of their columns."""
    pd = pytest.importorskip("pandas")
    X, y = data()
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(label=y)
    dd.from_pandas(frame, npartitions=3).to_parquet(tmp_path)
    table = dd.read_parquet(tmp_path)
    local, model = estimators("softmax", alpha=0.1)
    model.fit(table.drop(columns="label"), table["label"])
    assert_certified(model, optimum_of(local, X, y), X, y)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("csr", [False, True], ids=["dense", "csr"])
def test_predictions_are_lazy_and_those_of_the_local_model(client, n_classes, csr):
    X, y = data(n_classes)
    sizes = [100, 0, 140]
    dX, dy = collection(X, sizes, csr), collection(y, sizes)
    _, model = estimators("softmax", alpha=0.1)
    local = model.fit(dX, dy).to_local()
    assert type(local) is sklearn_linloss.SoftmaxClassifier
    for method in (
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
    ):
        here = getattr(local, method)(X)
        there = getattr(model, method)(dX)
        assert isinstance(there, da.Array)
        assert (there.shape, there.dtype) == (here.shape, here.dtype)
        np.testing.assert_allclose(there.compute(), here, rtol=1e-12, atol=1e-14)
        np.testing.assert_array_equal(getattr(model, method)(X), here)
    assert model.score(dX, dy) == pytest.approx(local.score(X, y))
    weight = 1.0 + np.arange(len(X)) % 3
    weighted = model.score(dX, dy, collection(weight, sizes))
    assert weighted == pytest.approx(local.score(X, y, weight))


def test_local_data_are_fitted_locally(client):
    X, y = data()
    local, model = estimators("softmax", alpha=0.1)
    assert (model.fit(X, y).coef_ == local.fit(X, y).coef_).all()


def test_copies_share_the_client_and_pickles_do_without(client):
    X, y = data()
    model = on_dask.SVMClassifier("squared_hinge", client=client, alpha=0.1, delta=2.0)
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
    copied = clone(model)
    assert copied.client is model.client is client
    assert copied.get_metadata_routing().fit.requests["sample_weight"] is True
    model.fit(da.from_array(X, (120, 6)), da.from_array(y, 120))
    other = pickle.loads(pickle.dumps(model))
    assert other.client is None
    assert other.get_params()["delta"] == 2.0
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    np.testing.assert_array_equal(model.to_local().coef_, model.coef_)


def test_the_same_partitions_give_the_same_model(client):
    X, y = data()
    # Data that lie where they lie, so that the scheduler has no choice.
    workers = sorted(client.nthreads())
    parts = [
        [
            client.scatter(each[start : start + 60], workers=[workers[start // 120]])
            for start in (0, 60, 120, 180)
        ]
        for each in (X, y)
    ]
    dX = da.concatenate([da.from_delayed(p, (60, 6), X.dtype) for p in parts[0]])
    dy = da.concatenate([da.from_delayed(p, (60,), y.dtype) for p in parts[1]])
    one, two = (
        on_dask.SoftmaxClassifier(
            solver="sgd", max_iter=3, tol=0.0, random_state=0
        ).fit(dX, dy)
        for _ in range(2)
    )
    np.testing.assert_allclose(one.coef_, two.coef_, rtol=1e-10)


def test_warm_starts(client):
    X, y = data()
    dX, dy = da.from_array(X, (100, 6)), da.from_array(y, 100)
    _, model = estimators("softmax", alpha=0.1, warm_start=True)
    cold = model.fit(dX, dy).n_iter_
    assert model.fit(dX, dy).n_iter_ < cold
    with pytest.raises(ValueError, match="same classes"):
        model.fit(dX, da.from_array(y + 1, 100))
    model.fit(dX, dy, coef_init=np.full(model.coef_.shape, 1e200))
    assert model.n_iter_ == cold


# -- paths, searches and validation data -----------------------------------------------


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_path_has_the_local_objectives(client, loss, l1_ratio):
    X, y = data(n_samples=120)
    sizes = sizes_of(len(X), 5)
    weight = 1.0 + np.arange(len(X)) % 3
    parameters = {"loss": loss, "l1_ratio": l1_ratio, "class_weight": "balanced"}
    path = on_dask.linear_path(
        collection(X, sizes),
        collection(y, sizes),
        alphas=4,
        eps=1e-2,
        sample_weight=collection(weight, sizes),
        **parameters,
    )
    local = sklearn_linloss.linear_path(
        X, y, alphas=path.alphas, sample_weight=weight, tol=1e-7, **parameters
    )
    assert path.gaps.max() <= 1e-4
    assert (path.objectives <= local.objectives * (1.0 + 1.1e-4)).all()
    assert (path.objectives >= local.objectives * (1.0 - 1e-6)).all()
    np.testing.assert_allclose(path.deviance_ratio, local.deviance_ratio, atol=2e-3)
    # At the first strength L1 leaves no coefficient, and a little below it one.
    start = sklearn_linloss.linear_path(
        X, y, alphas=4, eps=1e-2, sample_weight=weight, **parameters
    )
    assert path.alphas[0] >= start.alphas[0] * (1.0 - 1e-9)
    if loss != "hinge":
        np.testing.assert_allclose(path.alphas, start.alphas)
    if l1_ratio > 0.0:
        assert path.df[0] == 0


def test_a_path_of_sparse_rows_of_two_classes(client):
    X, y = data(2)
    X = np.where(np.abs(X) > 0.5, X, 0.0)
    sizes = [100, 0, 140]
    path = on_dask.linear_path(
        collection(X, sizes, csr=True), collection(y, sizes), l1_ratio=1.0, alphas=4
    )
    local = sklearn_linloss.linear_path(
        sparse.csr_matrix(X), y, l1_ratio=1.0, alphas=4, tol=1e-7
    )
    np.testing.assert_allclose(path.alphas, local.alphas)
    np.testing.assert_allclose(path.objectives, local.objectives, rtol=1e-4)
    here = sklearn_linloss.linear_path(X, y, alphas=3)
    there = on_dask.linear_path(X, y, alphas=3)
    np.testing.assert_array_equal(there.coefs, here.coefs)


def folds_in_turn(y, n_folds):
    """The samples of each label in turn, as pairs of rows to train and to test on."""
    fold = np.empty(len(y), int)
    for label in np.unique(y):
        fold[y == label] = np.arange(np.count_nonzero(y == label)) % n_folds
    return [
        (np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)
    ]


@pytest.mark.parametrize(
    ("loss", "parameters"),
    [
        ("hinge", {"deltas": [0.5, 1.0]}),
        ("squared_hinge", {"l1_ratios": [0.0, 0.5], "class_weight": "balanced"}),
        ("softmax", {"scoring": "balanced_accuracy"}),
        ("softmax", {"scoring": "f1_macro", "refit": False}),
    ],
)
def test_searches_score_as_the_local_ones(client, loss, parameters):
    X, y = data(n_samples=120)
    y = np.array(["low", "middle", "high"])[y]
    weight = 1.0 + np.arange(len(X)) % 3
    given = [loss] if loss != "softmax" else []
    name = "SoftmaxClassifierCV" if loss == "softmax" else "SVMClassifierCV"
    parameters = {"alphas": [0.003, 0.03, 0.3], "tol": 1e-6, **parameters}
    local = getattr(sklearn_linloss, name)(*given, cv=folds_in_turn(y, 3), **parameters)
    local.fit(X, y, weight)
    whole = [[len(X)]] if "scoring" in parameters else []
    for sizes in ([40, 0, 80], *whole):
        search = getattr(on_dask, name)(*given, cv=3, **parameters)
        rows = [collection(each, sizes) for each in (X, y, weight)]
        search.fit(*rows)
        np.testing.assert_allclose(search.scores_, local.scores_, atol=1e-12)
        assert search.best_params_ == local.best_params_
        assert search.n_splits_ == 3
        if search.refit:
            assert_certified(
                search.best_estimator_, (0.0, np.inf), X, y, by_class(search, y, weight)
            )
            score = search.score(*rows)
            assert score == pytest.approx(local.score(X, y, weight))
            labels = search.predict(rows[0])
            assert isinstance(labels, da.Array)
            there = search.to_local()
            assert type(there) is getattr(sklearn_linloss, name)
            np.testing.assert_array_equal(labels.compute(), there.predict(X))
            pickle.loads(pickle.dumps(search)).predict(X)


def by_class(model, y, weight):
    """Weights of samples, times those of their classes."""
    if model.class_weight is None:
        return weight
    _, codes = np.unique(y, return_inverse=True)
    return weight / np.bincount(codes, weights=weight)[codes]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cv": [([0, 1], [2, 3])]}, "cv is the number of folds"),
        ({"cv": 1000}, "cannot be greater than the number of members"),
        ({"scoring": "neg_log_loss"}, "scorer of predicted labels"),
        ({"preprocessor": StandardScaler()}, "preprocessor is for local data"),
        ({"penalty_factor": [1.0] * 6}, "penalty_factor"),
        ({"alphas": [-1.0]}, "alphas must be finite and not negative"),
        ({"solver": "sdca"}, "'sdca' does not support Dask collections"),
        ({"class_weight": {1: np.nan}}, "class_weight must be finite"),
    ],
)
def test_searches_that_cannot_be_made(client, parameters, message):
    X, y = data()
    search = on_dask.SoftmaxClassifierCV(error_score="raise", **parameters)
    before = dict(vars(search))
    with pytest.raises(ValueError, match=message):
        search.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))
    assert vars(search) == before


@pytest.mark.parametrize("name", ["SVMClassifier", "SoftmaxClassifierCV"])
def test_callbacks_do_not_watch_collections(client, name):
    pytest.importorskip("sklearn.callback", reason="scikit-learn < 1.9")
    from sklearn_linloss.callbacks import GapProgress

    X, y = data()
    model = getattr(on_dask, name)().set_callbacks(GapProgress())
    with pytest.raises(ValueError, match="set_callbacks is not supported for Dask"):
        model.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))


def test_local_data_are_searched_locally(client):
    X, y = data()
    parameters = {"alphas": [0.01, 0.1], "cv": 3, "random_state": 0}
    local = sklearn_linloss.SVMClassifierCV(**parameters).fit(X, y)
    model = on_dask.SVMClassifierCV(**parameters).fit(X, y)
    np.testing.assert_array_equal(model.scores_, local.scores_)
    np.testing.assert_array_equal(model.coef_, local.coef_)


def test_validation_data(client):
    X, y = data()
    dX, dy = (collection(each[:160], [100, 60]) for each in (X, y))
    vX, vy = (collection(each[160:], [30, 50]) for each in (X, y))
    _, model = estimators("softmax", alpha=0.05)
    model.fit(dX, dy, X_val=vX, y_val=vy)
    value = mean_log_loss(model, X[160:], y[160:])
    assert model.validation_loss_curve_[-1] == pytest.approx(value, rel=1e-3)
    assert len(model.validation_loss_curve_) == model.n_iter_ + 1
    with pytest.raises(ValueError, match="labels that do not occur in y"):
        model.fit(dX, dy, X_val=vX, y_val=vy + 1)
    with pytest.raises(ValueError, match="without y_val"):
        model.fit(dX, dy, X_val=vX)
    with pytest.raises(TypeError, match="X_val must be a Dask collection"):
        model.fit(dX, dy, X_val=X, y_val=vy)
    with pytest.raises(ValueError, match="features"):
        model.fit(dX, dy, X_val=vX[:, :4], y_val=vy)


def mean_log_loss(model, X, y):
    scores = X @ model.coef_.T + model.intercept_
    proba = np.exp(scores - scores.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    return -np.log(proba[np.arange(len(y)), y]).mean()


def test_early_stopping(client):
    X, y = data()
    places = np.empty(len(y), int)
    for label in range(3):
        places[y == label] = np.arange(np.count_nonzero(y == label))
    # Every fourth sample of each label is held out.
    held_out = places % 4 == 3
    sizes = sizes_of(len(X), 5)
    _, model = estimators(
        "softmax",
        alpha=0.01,
        early_stopping=True,
        validation_fraction=0.25,
        n_iter_no_change=3,
        tol=1e-2,
        random_state=0,
    )
    model.fit(collection(X, sizes), collection(y, sizes))
    assert model.solver_ == "sgd"
    assert model.n_iter_ < model.max_iter
    value = mean_log_loss(model, X[held_out], y[held_out])
    assert value == pytest.approx(model.validation_loss_curve_.min())
    rest = reference.objective_of(model, X[~held_out], y[~held_out])
    assert rest == pytest.approx(model.objective_)


def test_a_worker_is_killed_along_a_path(client, monkeypatch):
    X, y = data()
    rounds = 0
    original = _parts.Parts._round

    def with_a_kill(self, *args):
        nonlocal rounds
        rounds += 1
        if rounds == 60:
            kill_a_worker(client)
        return original(self, *args)

    monkeypatch.setattr(_parts.Parts, "_round", with_a_kill)
    dX, dy = da.from_array(X, (40, 6)), da.from_array(y, 40)
    alphas = [0.3, 0.1, 0.03]
    path = on_dask.linear_path(dX, dy, loss="hinge", alphas=alphas)
    assert rounds > 60
    local = sklearn_linloss.linear_path(X, y, loss="hinge", alphas=alphas, tol=1e-7)
    assert path.gaps.max() <= 1e-4
    np.testing.assert_allclose(path.objectives, local.objectives, rtol=1e-4)


# -- what stays where ----------------------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_no_round_carries_a_number_for_each_row(client, monkeypatch, loss):
    X, y = data(n_samples=2000)
    largest = []
    original = _parts.Parts._of_all

    def watched(self, method, *args):
        results = original(self, method, *args)
        arrays = [a for a in leaves((args, results)) if isinstance(a, np.ndarray)]
        largest.extend(array.size for array in arrays)
        return results

    monkeypatch.setattr(_parts.Parts, "_of_all", watched)
    _, model = estimators(loss, alpha=0.05)
    model.fit(da.from_array(X, (500, 6)), da.from_array(y, 500))
    # The covariance of the features is the largest of them.
    # Second derivatives of 3 rows of 7 coefficients; a block has 500 samples.
    assert 0 < max(largest) <= 21**2


@pytest.mark.parametrize("loss", LOSSES)
def test_answers_that_travel_together_spare_rounds(client, monkeypatch, loss):
    X, y = data()
    values, rounds = [], []
    for few in (0.0, 1e5):
        monkeypatch.setattr(_parts, "RULES", replace(_parts.RULES, few=few))
        rounds.append(0)
        with monkeypatch.context() as patch:
            patch.setattr(_parts.Parts, "_round", counted(rounds))
            local, model = estimators(loss, alpha=0.02)
            model.fit(da.from_array(X, (80, 6)), da.from_array(y, 80))
        values.append(model.objective_)
    optimum = optimum_of(local, X, y)
    assert_certified(model, optimum, X, y)
    assert min(values) >= optimum[0]
    assert max(values) <= optimum[1] * (1.0 + 1.1e-4)
    assert rounds[1] < 0.8 * rounds[0]


def counted(rounds):
    """A round that adds itself to the last of some numbers."""
    original = _parts.Parts._round

    def counting(self, *args):
        rounds[-1] += 1
        return original(self, *args)

    return counting


def test_what_is_forgotten_at_once_is_not_made():
    made = _parts.Call("loss_gradient", (), {1: 1}, "nothing")
    copied = _parts.Call("numpy.copy", (_parts.Kept(1, 0),), {0: 2}, "nothing")
    added = _parts.Call("operator.iadd", (_parts.Kept(2, 0), 1.0), {0: 2}, "nothing")
    asked = _parts.Call("numpy.sum", (_parts.Kept(2, 0), 0), {}, "sum")
    forgotten = [_parts.Call("forget", (n,), {}, "nothing") for n in (1, 2)]
    assert _parts._needed([made, copied, *forgotten]) == forgotten
    assert _parts._needed([made, copied, forgotten[0]]) == [made, copied, forgotten[0]]
    all_used = [made, copied, added, asked, *forgotten]
    assert _parts._needed(all_used) == all_used


@pytest.mark.parametrize("loss", LOSSES)
def test_large_sums_are_made_among_the_workers(client, monkeypatch, loss):
    """The driver gets one matrix, from whichever number of workers."""
    X, y = data()
    monkeypatch.setattr(_parts, "RULES", replace(_parts.RULES, large=1000.0))
    sizes = []
    original = _parts.Parts._result

    def watched(self, *args):
        result = original(self, *args)
        large = (a.size for a in leaves(result) if isinstance(a, np.ndarray))
        sizes.extend(size for size in large if size > 125)
        return result

    with threads_as_workers(5) as (_, here):
        monkeypatch.setattr(_parts.Parts, "_result", watched)
        rounds = [0]
        monkeypatch.setattr(_parts.Parts, "_round", counted(rounds))
        local, model = estimators(loss, alpha=0.02)
        model.fit(da.from_array(X, (20, 6)), da.from_array(y, 20))
        assert 2 <= len(here.nthreads())
        assert await_no_tasks(here) == []
    assert_certified(model, optimum_of(local, X, y), X, y)
    # Second derivatives of 3 rows of 7 coefficients, one matrix in a step.
    assert 0 < len(sizes) <= model.n_iter_
    assert set(sizes) == {21**2}


def test_a_worker_is_killed_where_its_sum_is_fetched(client, monkeypatch):
    X, y = data()
    monkeypatch.setattr(_parts, "RULES", replace(_parts.RULES, large=1000.0))
    original = _parts.Parts._received
    kills = []

    def with_a_kill(self, column):
        if isinstance(column[0], _parts.Large) and not kills:
            kills.append(kill_a_worker(client, max))
        return original(self, column)

    monkeypatch.setattr(_parts.Parts, "_received", with_a_kill)
    local, model = estimators("softmax", alpha=0.02, tol=1e-6)
    model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
    assert kills
    assert_certified(model, optimum_of(local, X, y), X, y)


@pytest.mark.parametrize(
    ("loss", "most"), [("softmax", 5.5), ("hinge", 8.0), ("squared_hinge", 8.0)]
)
def test_a_worker_holds_its_rows_and_some_numbers_a_class(client, loss, most):
    rng = np.random.default_rng(0)
    n_samples, n_features, n_classes = 20000, 4, 10
    X = rng.standard_normal((n_samples, n_features))
    noisy = X @ rng.standard_normal((n_features, n_classes))
    y = (noisy + rng.gumbel(size=noisy.shape)).argmax(axis=1)
    with threads_as_workers(1):
        rows = da.from_array(X, (5000, n_features)), da.from_array(y, 5000)
        _, model = estimators(loss, alpha=1e-3, tol=1e-2)
        model.fit(*rows)  # what is compiled and imported does not count
        tracemalloc.start()
        try:
            model.fit(*rows)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    # Rows, their labels as they are and as codes, their weights and shares.
    parts = X.nbytes + 4 * 8 * n_samples
    assert peak - parts <= most * 8 * n_samples * n_classes


def leaves(value):
    if isinstance(value, list | tuple):
        for each in value:
            yield from leaves(each)
    elif isinstance(value, dict):
        yield from leaves(list(value.values()))
    else:
        yield value


def test_rows_of_a_persisted_collection_move_once_at_most(client):
    X, y = data()
    dX, dy = (da.from_array(a, (60, *a.shape[1:])) for a in (X, y))
    dX, dy = client.persist([dX, dy])
    distributed.wait([dX, dy])

    def received(dask_worker):
        return sum(entry["total"] for entry in dask_worker.transfer_incoming_log)

    before = client.run(received)
    on_dask.SoftmaxClassifier(alpha=0.1).fit(dX, dy)
    assert all(f.status == "finished" for f in distributed.futures_of([dX, dy]))
    moved = sum(client.run(received).values()) - sum(before.values())
    # The scheduler may give a block to another worker at the beginning; no round does.
    assert moved <= X.nbytes + 2 * y.nbytes


# -- faults --------------------------------------------------------------------------


def kill_a_worker(client, which=min):
    """SIGKILL to one, as the system does where memory is short."""
    processes = client.run(os.getpid)
    os.kill(processes[which(processes)], signal.SIGKILL)


@slow_where(lambda loss, solver: solver == "lbfgs" or loss == "softmax")
@pytest.mark.parametrize(
    ("loss", "solver"),
    [("softmax", "lbfgs"), ("softmax", "newton"), ("hinge", "newton")],
)
def test_a_worker_is_killed_in_mid_fit(client, monkeypatch, loss, solver):
    X, y = data()
    rounds = 0
    original = _parts.Parts._round

    def with_a_kill(self, *args):
        nonlocal rounds
        rounds += 1
        if rounds == 12:
            kill_a_worker(client)
        return original(self, *args)

    monkeypatch.setattr(_parts.Parts, "_round", with_a_kill)
    local, model = estimators(loss, alpha=0.02, solver=solver, tol=1e-6)
    model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
    assert rounds > 12
    assert_certified(model, optimum_of(local, X, y), X, y)


def test_data_that_are_gone_with_a_worker_are_an_error(client, monkeypatch):
    X, y = data()
    first = min(client.nthreads())
    blocks = [client.scatter(each, workers=[first]) for each in (X, y)]
    dX = da.from_delayed(blocks[0], X.shape, X.dtype)
    dy = da.from_delayed(blocks[1], y.shape, y.dtype)
    del blocks
    original = _parts.Parts._round
    killed = []

    def with_a_kill(self, *args):
        if not killed:
            killed.append(os.kill(client.run(os.getpid)[first], signal.SIGKILL))
        return original(self, *args)

    monkeypatch.setattr(_parts.Parts, "_round", with_a_kill)
    model = on_dask.SoftmaxClassifier(alpha=0.1)
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="Data of the fit are gone"):
        model.fit(dX, dy)
    assert time.monotonic() - begun < 60.0
    assert not hasattr(model, "coef_")


def test_workers_of_threads_that_join_and_leave(client, monkeypatch):
    X, y = data()
    rounds = 0
    original = _parts.Parts._round
    with threads_as_workers(2, threads_per_worker=2) as (cluster, here):

        def with_changes(self, *args):
            nonlocal rounds
            rounds += 1
            if rounds == 10:
                cluster.scale(3)
                here.wait_for_workers(3)
            if rounds == 20:
                here.retire_workers(workers=[min(here.nthreads())])
            return original(self, *args)

        monkeypatch.setattr(_parts.Parts, "_round", with_changes)
        local, model = estimators("hinge", alpha=0.02)
        model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
        assert rounds > 20
        assert_certified(model, optimum_of(local, X, y), X, y)
        assert await_no_tasks(here) == []


def test_a_worker_that_is_known_to_be_lost(client, monkeypatch):
    """The scheduler said so before the next call of its shard."""
    X, y = data()
    rounds = 0
    original = _parts.Parts._round
    with threads_as_workers(2) as (cluster, _):

        def with_a_loss(self, *args):
            nonlocal rounds
            rounds += 1
            if rounds == 8:
                cluster.scale(1)
                end = time.monotonic() + 20.0
                while all(each.status == "finished" for each in self._futures):
                    assert time.monotonic() < end
                    time.sleep(0.02)
            return original(self, *args)

        monkeypatch.setattr(_parts.Parts, "_round", with_a_loss)
        local, model = estimators("squared_hinge", alpha=0.02)
        model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
        assert rounds > 8
        assert_certified(model, optimum_of(local, X, y), X, y)


def test_an_adaptive_cluster(client):
    """It begins without workers, and has more or fewer as it likes."""
    X, y = data()
    with threads_as_workers(0) as (cluster, _):
        cluster.adapt(minimum=0, maximum=2, interval="100ms", wait_count=2)
        local, model = estimators("squared_hinge", alpha=0.02)
        model.fit(da.from_array(X, (40, 6)), da.from_array(y, 40))
        assert_certified(model, optimum_of(local, X, y), X, y)


def test_an_adaptive_cluster_keeps_the_workers_of_a_fit(client, monkeypatch):
    """They hold actors alone, and look idle to it; without a fit it closes them."""
    X, y = data()
    original = _parts.Parts._round
    workers = []
    with threads_as_workers(2) as (cluster, here):
        adaptive = cluster.adapt(minimum=1, maximum=2, interval="1h", wait_count=1)

        def with_a_look(self, *args):
            if len(workers) < 3:
                cluster.sync(adaptive.adapt)
                workers.append(sorted(here.nthreads()))
            return original(self, *args)

        monkeypatch.setattr(_parts.Parts, "_round", with_a_look)
        before = sorted(here.nthreads())
        model = on_dask.SVMClassifier(alpha=0.02)
        model.fit(*(pinned(here, rows) for rows in (X, y)))
        assert workers == [before] * 3
        cluster.sync(adaptive.adapt)
        assert len(here.nthreads()) == 1
        assert not [each for each in plugins(here) if "Shards" in each]
    assert_certified(model, (0.0, np.inf), X, y)


def pinned(client, rows):
    """A collection with a partition on each worker, and no tasks to repeat it by."""
    addresses = sorted(client.nthreads())
    parts = [
        da.from_delayed(client.scatter(part, workers=[address]), part.shape, part.dtype)
        for address, part in zip(
            addresses, np.array_split(rows, len(addresses)), strict=True
        )
    ]
    return da.concatenate(parts)


def plugins(client):
    return client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.plugins))


def test_the_end_of_the_time(client):
    X, y = data(5, n_samples=2000)
    model = on_dask.SVMClassifier(alpha=1e-6, tol=1e-9, max_iter=10**6, max_time=0.5)
    with pytest.warns(ConvergenceWarning, match="max_time"):
        model.fit(da.from_array(X, (500, 6)), da.from_array(y, 500))
    value = reference.objective_of(model, X, y)
    np.testing.assert_allclose(model.objective_, value, rtol=1e-9)


def test_a_hinge_whose_time_is_over_at_once():
    """Workers were asked for second derivatives that a hinge does not have."""
    X, y = data()
    with threads_as_workers(1):
        model = on_dask.SVMClassifier(max_time=1e-9)
        with pytest.warns(ConvergenceWarning, match="max_time"):
            model.fit(da.from_array(X, (500, 6)), da.from_array(y, 500))
    assert model.gap_ <= 1.0


def test_ctrl_c(client):
    X, y = data(5, n_samples=2000)
    model = on_dask.SVMClassifier(alpha=1e-6, tol=1e-12, max_iter=10**6)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(da.from_array(X, (500, 6)), da.from_array(y, 500))
    timer.join()
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X, np.zeros_like(y)), "only one class"),
        (lambda X, y: (X, y + 0.5), "Unknown label type"),
        (lambda X, y: (np.where(X > 2.0, np.nan, X), y), "NaN"),
    ],
    ids=["lengths", "one class", "numbers", "nan"],
)
def test_invalid_data(client, change, message):
    X, y = change(*data())
    model = on_dask.SoftmaxClassifier()
    with pytest.raises(ValueError, match=message):
        model.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))
    assert vars(model) == vars(on_dask.SoftmaxClassifier())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"solver": "sdca"}, "'sdca' does not support Dask collections"),
        ({"solver": "lbfgs", "l1_ratio": 0.5}, "does not support an L1 penalty"),
        ({"early_stopping": True, "solver": "gd"}, "early_stopping"),
        ({"penalty_factor": [1.0] * 6}, "penalty_factor"),
        ({"alpha": -1.0}, "alpha"),
        ({"class_weight": {1: np.nan}}, "class_weight must be finite"),
    ],
)
def test_what_cannot_be_served(client, parameters, message):
    X, y = data()
    model = on_dask.SoftmaxClassifier(**parameters)
    with pytest.raises(ValueError, match=message):
        model.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))


def test_an_unknown_number_of_features(client):
    X, y = data()
    dX = da.from_delayed(dask.delayed(X), (np.nan, np.nan), X.dtype)
    with pytest.raises(ValueError, match=r"number of features .* is unknown"):
        on_dask.SoftmaxClassifier().fit(dX, da.from_array(y, len(y)))


def test_labels_have_to_be_a_collection(client):
    X, y = data()
    with pytest.raises(TypeError, match="y must be a Dask collection"):
        on_dask.SoftmaxClassifier().fit(da.from_array(X, (100, 6)), y)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_the_local_class_says_where_to_go(client, method):
    X, y = data()
    dX, dy = da.from_array(X, (100, 6)), da.from_array(y, 100)
    model = sklearn_linloss.SoftmaxClassifier()
    fit = getattr(model, method)
    if method == "partial_fit":
        fit = partial(fit, classes=[0, 1, 2])
    with pytest.raises(TypeError, match=r"classes of sklearn_linloss\.dask"):
        fit(dX, dy)
    with pytest.raises(TypeError, match=r"y is a Dask collection"):
        fit(X, dy)
    model.fit(X, y)
    with pytest.raises(TypeError, match=r"X is a Dask collection"):
        model.predict(dX)


def test_a_fit_needs_a_cluster(client):
    X, y = data()
    with pytest.raises(TypeError, match=r"must be a distributed\.Client"):
        on_dask.SoftmaxClassifier(client="here").fit(
            da.from_array(X, (100, 6)), da.from_array(y, 100)
        )


@pytest.fixture(scope="module")
def elsewhere(client):
    """What another process prints, where no client is the current one."""
    code = (
        "import sys, sklearn_linloss\n"
        "print(*sorted(sys.modules))\n"
        "import dask.array as da, distributed, numpy as np\n"
        "from sklearn_linloss.dask import SoftmaxClassifier\n"
        "X = da.from_array(np.eye(6), (3, 6))\n"
        "y = da.from_array(np.arange(6) % 2, 3)\n"
        "try:\n"
        "    SoftmaxClassifier().fit(X, y)\n"
        "except ValueError as error:\n"
        "    print(error)\n"
        "client = distributed.Client(sys.argv[1], set_as_default=False)\n"
        "print(SoftmaxClassifier(client=client, alpha=0.1).fit(X, y).gap_)"
    )
    command = [sys.executable, "-c", code, client.scheduler.address]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_the_package_does_not_import_dask(elsewhere):
    imported = set(elsewhere[0].split())
    assert "sklearn_linloss" in imported
    assert not {"dask", "distributed", "sklearn_linloss.dask"} & imported


def test_a_fit_without_a_client(elsewhere):
    assert elsewhere[1].startswith("A fit on Dask collections needs a cluster")


def test_a_client_that_is_not_the_current_one(elsewhere):
    assert float(elsewhere[2]) <= 1e-4


@pytest.mark.parametrize("name", ["SVMClassifier", "SoftmaxClassifier"])
def test_the_parameters_are_those_of_the_local_class(name):
    there = getattr(on_dask, name)()
    assert isinstance(there, getattr(sklearn_linloss, name))
    parameters = there.get_params()
    assert parameters.pop("client") is None
    assert parameters == getattr(sklearn_linloss, name)().get_params()


def test_features_that_all_classes_use_or_none(client):
    X, y = data()
    parameters = {"alpha": 0.1, "l1_ratio": 0.9, "penalty": "grouped", "tol": 1e-4}
    local, model = estimators("softmax", **parameters)
    model.fit(da.from_array(X, (100, 6)), da.from_array(y, 100))
    local.fit(X, y)
    used = np.any(local.coef_ != 0.0, axis=0)
    assert 0 < used.sum() < 6
    np.testing.assert_array_equal(np.any(model.coef_ != 0.0, axis=0), used)
    assert abs(model.objective_ - local.objective_) <= 1e-4 * local.objective_


# -- streams ---------------------------------------------------------------------------


@pytest.mark.parametrize("csr", [False, True], ids=["dense", "csr"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_stream_is_that_of_the_local_class_over_the_partitions(client, loss, csr):
    X, y = data()
    weight = np.arange(len(X)) % 3 / 2.0
    sizes = [100, 0, 60, 80]
    kind = sparse.csr_matrix if csr else np.asarray
    local, model = estimators(loss, alpha=0.01, random_state=0)
    for _ in range(2):
        model.partial_fit(
            collection(X, sizes, csr),
            collection(y, sizes),
            classes=[0, 1, 2],
            sample_weight=collection(weight, sizes),
        )
        for start, stop in ((0, 100), (100, 160), (160, 240)):
            some = np.arange(start, stop)
            local.partial_fit(kind(X[some]), y[some], [0, 1, 2], weight[some])
    np.testing.assert_allclose(model.coef_, local.coef_, rtol=1e-12)
    np.testing.assert_allclose(model.intercept_, local.intercept_, rtol=1e-12)
    assert model.t_ == local.t_ > 0
    # A chunk of local data goes on where the collection ended, in a pickle too.
    other = pickle.loads(pickle.dumps(model)).partial_fit(kind(X), y)
    local.partial_fit(kind(X), y)
    np.testing.assert_allclose(other.coef_, local.coef_, rtol=1e-12)


def test_a_stream_of_dataframes_keeps_names_and_forgets_the_fit(client):
    pd = pytest.importorskip("pandas")
    X, y = data()
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcdef")), npartitions=3)
    labels = dd.from_pandas(pd.Series(y), npartitions=3)
    model = on_dask.SoftmaxClassifier(alpha=0.1).fit(frame, labels)
    before = model.coef_.copy()
    model.partial_fit(frame, labels)
    assert np.any(model.coef_ != before)
    assert not hasattr(model, "gap_")
    np.testing.assert_array_equal(model.feature_names_in_, list("abcdef"))
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.rename(columns={"a": "z"}), labels)


@pytest.mark.parametrize(
    ("parameters", "classes", "message"),
    [
        ({}, None, "first call of partial_fit needs classes"),
        ({}, [0, 1], "labels that are not in classes"),
        ({"early_stopping": True}, [0, 1, 2], "early_stopping"),
        ({"class_weight": "balanced"}, [0, 1, 2], "class_weight"),
        ({"class_weight": {1: np.inf}}, [0, 1, 2], "class_weight must be finite"),
    ],
)
def test_streams_that_cannot_be(client, parameters, classes, message):
    X, y = data()
    model = on_dask.SoftmaxClassifier(**parameters)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.partial_fit(da.from_array(X, (100, 6)), da.from_array(y, 100), classes)
    assert vars(model) == before
    assert not hasattr(on_dask.SoftmaxClassifier(solver="newton"), "partial_fit")


def test_a_worker_is_killed_in_mid_stream(client, monkeypatch):
    X, y = data()
    original = _parts.Parts._begin
    calls = []

    def with_a_kill(self, address, *call):
        calls.append(call)
        # The worker that is about to be asked: another could have done its part.
        if len(calls) == 4:
            kill_a_worker(client, lambda _: address)
        return original(self, address, *call)

    monkeypatch.setattr(_parts.Parts, "_begin", with_a_kill)
    local, model = estimators("softmax", random_state=0)
    model.partial_fit(da.from_array(X, (40, 6)), da.from_array(y, 40), [0, 1, 2])
    assert len(calls) > 6
    for start in range(0, 240, 40):
        local.partial_fit(X[start : start + 40], y[start : start + 40], [0, 1, 2])
    np.testing.assert_allclose(model.coef_, local.coef_, rtol=1e-12)


# -- certificates ----------------------------------------------------------------------


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_certificates_hold_and_are_tight(client, loss, l1_ratio):
    X, y = data()
    sizes, weight = sizes_of(len(X), 5), 1.0 + np.arange(len(X)) % 3
    rows = [collection(each, sizes) for each in (X, y, weight)]
    parameters = {"alpha": 0.03, "l1_ratio": l1_ratio, "tol": 0.1}
    local, model = estimators(loss, **parameters, class_weight="balanced")
    model.fit(*rows)
    classes = np.bincount(y, weights=weight)
    # Another model than the one that was fitted: it is what counts.
    model.coef_ = 1.1 * model.coef_
    certificate = model.certify(*rows)
    balanced = weight / classes[y]
    value = reference.objective_of(model, X, y, balanced)
    least, most = optimum_of(local.set_params(class_weight=None), X, y, balanced)
    assert certificate.objective == pytest.approx(value, rel=1e-9)
    assert certificate.bound <= most * (1.0 + 1e-12)
    assert value - certificate.bound <= 2.1 * (value - least)
    assert certificate.gap == pytest.approx((value - certificate.bound) / value)


def test_certificates_of_other_data(client):
    X, y = data()
    dX, dy = da.from_array(X, (100, 6)), da.from_array(y, 100)
    model = on_dask.SoftmaxClassifier(alpha=0.0, tol=0.1).fit(dX, dy)
    certificate = model.certify(dX, dy)
    assert np.isnan([certificate.bound, certificate.gap]).all()
    assert np.isfinite(certificate.objective)
    here = model.set_params(alpha=0.1).certify(X, y)
    assert here.arrays["alpha"] == 0.1
    with pytest.raises(ValueError, match="y has the classes"):
        model.certify(dX, dy + 1)
    with pytest.raises(ValueError, match="improve"):
        model.certify(dX, dy, improve=True)
    with pytest.raises(ValueError, match="features"):
        model.certify(dX[:, :4], dy)
