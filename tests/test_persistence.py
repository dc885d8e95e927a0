"""Saved models: skops, joblib and pickle give back what was fitted.

Streams that go on after a pickle are in test_streams.py, and pickles that predict
without the compiler in test_ecosystem.py.
"""

import io
import pickle

import joblib
import numpy as np
import pytest
from _models import LOSSES, make
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV
from sklearn_linloss._solvers._clock import Clock

all_losses = pytest.mark.parametrize("loss", LOSSES)
NAMES = np.array(["setosa", "versicolor", "virginica"])
SCHEDULES = ("auto", "constant", "invscaling", "adaptive")


def make_cv(loss, **params):
    params = {"alphas": [0.1, 0.01], "cv": 3, "random_state": 0} | params
    if loss == "softmax":
        return SoftmaxClassifierCV(**params)
    return SVMClassifierCV(loss, deltas=[1.0, 2.0], **params)


def through_skops(model):
    """The model from its file, whose types are scikit-learn's or this package's."""
    sio = pytest.importorskip("skops.io")
    data = sio.dumps(model)
    unknown = sio.get_untrusted_types(data=data)
    assert [name for name in unknown if not name.startswith("sklearn_linloss.")] == []
    return sio.loads(data, trusted=unknown)


def through_joblib(model):
    buffer = io.BytesIO()
    joblib.dump(model, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def through_pickle(model):
    return pickle.loads(pickle.dumps(model, protocol=pickle.HIGHEST_PROTOCOL))


all_ways = pytest.mark.parametrize(
    "through",
    [through_skops, through_joblib, through_pickle],
    ids=["skops", "joblib", "pickle"],
)


def assert_same_value(left, right):
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for name in left:
            assert_same_value(left[name], right[name])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same_value(one, other)
    elif left is None or isinstance(left, (int, float, str, bool, np.generic)):
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, np.random.Generator):
        assert_same_value(left.bit_generator.state, right.bit_generator.state)
    elif isinstance(left, Clock):
        assert left._limit == right._limit  # each runs from its making
    elif hasattr(left, "__dict__"):
        assert_same_value(vars(left), vars(right))
    else:
        raise AssertionError(type(left))


def assert_same(model, loaded, X):
    """Every attribute, to the bit and in its type, and all that is predicted."""
    assert vars(model).keys() == vars(loaded).keys()
    for name, value in vars(model).items():
        assert_same_value(value, vars(loaded)[name])
    for method in ("decision_function", "predict", "predict_proba"):
        if hasattr(model, method):
            np.testing.assert_array_equal(
                getattr(model, method)(X), getattr(loaded, method)(X)
            )


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@all_losses
@all_ways
def test_a_classifier(through, loss, dtype, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes].astype(dtype), NAMES[y[y < n_classes]]
    model = make(loss, alpha=0.01, class_weight={"setosa": 2.0}).fit(X, y)
    assert_same(model, through(model), X)


@all_losses
@all_ways
def test_a_fit_by_mini_batches(through, loss, iris):
    X, y = iris
    model = make(loss, solver="sgd", alpha=0.01, tol=0.01, early_stopping=True)
    model.fit(X, NAMES[y])
    loaded = through(model)
    assert_same(model, loaded, X)
    # What was loaded can start the next fit.
    for each in (model, loaded):
        each.set_params(warm_start=True).fit(X, NAMES[y])
    assert_same(model, loaded, X)


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("learning_rate", SCHEDULES)
@all_ways
def test_a_stream_goes_on(through, learning_rate, average, iris):
    X, y = iris
    model = make("softmax", learning_rate=learning_rate, average=average)
    model.partial_fit(X, y, classes=[0, 1, 2])
    if through is through_skops and not hasattr(np.random.BitGenerator, "seed_seq"):
        pytest.skip("skops saves no generators of this NumPy")
    loaded = through(model)
    assert_same(model, loaded, X)
    assert_same(model.partial_fit(X, y), loaded.partial_fit(X, y), X)


@pytest.mark.parametrize("preprocessor", [None, StandardScaler()], ids=str)
@all_losses
@all_ways
def test_a_search(through, loss, preprocessor, iris):
    X, y = iris
    search = make_cv(loss, preprocessor=preprocessor).fit(X, NAMES[y])
    loaded = through(search)
    assert_same(search, loaded, X)
    assert loaded.score(X, NAMES[y]) == search.score(X, NAMES[y])
    best = loaded.best_estimator_
    np.testing.assert_array_equal(best.predict(X), search.predict(X))


@all_ways
def test_the_scorer_of_a_search(through, iris):
    X, y = iris
    search = make_cv("softmax", scoring="neg_log_loss")
    with pytest.raises(NotFittedError):
        _ = search.scorer_
    search.fit(X, y)
    loaded = through(search)
    assert loaded.scorer_(loaded, X, y) == search.scorer_(search, X, y)
    assert search.scorer_(search, X, y) == search.score(X, y) < 0.0


@all_losses
@all_ways
def test_a_pipeline(through, loss, iris):
    X, y = iris
    pipeline = make_pipeline(StandardScaler(), make(loss, alpha=0.01)).fit(X, y)
    loaded = through(pipeline)
    assert_same(pipeline[-1], loaded[-1], X)
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))
