"""partial_fit: chunks of a stream."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.preprocessing import StandardScaler

import sklearn_linloss

PROJECT = Path(sklearn_linloss.__file__).parents[1]
CLASSES = np.arange(10)
all_losses = pytest.mark.parametrize("loss", LOSSES)
all_rates = pytest.mark.parametrize(
    "rate", ["auto", "constant", "invscaling", "adaptive"]
)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X / 16.0, y


def streaming(loss="softmax", **params):
    return make(loss, solver="sgd", **params)


def chunks(X, y, size=200):
    for start in range(0, len(y), size):
        yield X[start : start + size], y[start : start + size]


@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_rates
@all_losses
def test_a_stream_approaches_the_optimum(loss, rate, kind, digits):
    X, y = digits
    X = sparse.csr_matrix(X) if kind == "csr" else X
    best = make(loss, alpha=0.01, tol=1e-3).fit(X, y).objective_
    eta0 = 0.05 if loss == "softmax" else 0.005
    model = streaming(loss, alpha=0.01, learning_rate=rate, eta0=eta0, power_t=0.1)
    for _ in range(8):
        for part, labels in chunks(X, y):
            model.partial_fit(part, labels, classes=CLASSES)
    objective = reference_objective(model, X, y, loss, 0.01)
    near = loss == "softmax" or (rate == "auto" and kind == "dense")
    most = 1.1 if near else 2.0 if rate == "auto" else 1.5
    assert best * (1.0 - 1e-3) <= objective <= most * best


def reference_objective(model, X, y, loss, alpha):
    X = X.toarray() if sparse.issparse(X) else X
    S = X @ model.coef_.T + model.intercept_
    values, _ = reference.loss_terms(S, y, loss)
    return values.mean() + reference.penalty(model.coef_, alpha, 0.0)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("average", [False, True])
@all_rates
def test_a_stream_pickled_midway_goes_on_bit_for_bit(rate, average, kind, digits):
    X, y = digits
    X = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"learning_rate": rate, "average": average, "batch_size": 16}
    whole, stopped = streaming(**params), streaming(**params)
    for number, (part, labels) in enumerate(chunks(X, y)):
        whole.partial_fit(part, labels, classes=CLASSES)
        stopped.partial_fit(part, labels, classes=CLASSES)
        if number == 3:
            stopped = pickle.loads(pickle.dumps(stopped))
    assert stopped.coef_.tobytes() == whole.coef_.tobytes()
    assert stopped.intercept_.tobytes() == whole.intercept_.tobytes()
    assert stopped.t_ == whole.t_ == sum(-(-n // 16) for n in [200] * 8 + [197])


def test_unpickling_a_stream_compiles_nothing(tmp_path):
    X, y = load_iris(return_X_y=True)
    path = tmp_path / "model.pickle"
    model = streaming().partial_fit(X, y, classes=[0, 1, 2])
    path.write_bytes(pickle.dumps(model))
    code = (
        "import pickle, sys; "
        f"model = pickle.load(open({str(path)!r}, 'rb')); "
        "model.predict([[1, 2, 3, 4]]); "
        "assert 'numba' not in sys.modules"
    )
    env = os.environ | {"PYTHONPATH": str(PROJECT)}
    subprocess.run([sys.executable, "-c", code], env=env, check=True)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_losses
def test_steps_by_hand(loss, kind):
    """Weights divide by the number of samples in the batch, not by their mean."""
    X, y = load_iris(return_X_y=True)
    X, y = StandardScaler().fit_transform(X)[::5], y[::5]
    weight = np.linspace(0.0, 3.0, len(y))
    weight[:2] = 0.0
    model = streaming(
        loss,
        alpha=0.1,
        learning_rate="constant",
        eta0=0.05,
        momentum=0.0,
        shuffle=False,
        batch_size=7,
    )
    W, b = np.zeros((3, 4)), np.zeros(3)
    for start in (0, 10, 20):
        part = slice(start, start + 10)
        chunk = sparse.csr_matrix(X[part]) if kind == "csr" else X[part]
        model.partial_fit(chunk, y[part], [0, 1, 2], sample_weight=weight[part])
        kept = np.flatnonzero(weight[part]) + start
        for i in range(0, len(kept), 7):
            batch = kept[i : i + 7]
            _, G = reference.loss_terms(X[batch] @ W.T + b, y[batch], loss)
            G = weight[batch, None] * G / len(batch)
            W = W - 0.05 * (G.T @ X[batch] + 0.1 * W)
            b = b - 0.05 * G.sum(axis=0)
    np.testing.assert_allclose(model.coef_, W, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, b - b.mean(), atol=1e-12)


@pytest.mark.parametrize("two_classes", [False, True])
def test_labels(two_classes):
    X = np.random.default_rng(0).normal(size=(20, 3))
    names = np.array(["a", "b"] if two_classes else ["a", "b", "c"])
    model = streaming()
    for classes in ([0.0, 1.0, np.nan], np.array(["a", "b", np.nan], dtype=object)):
        with pytest.raises(ValueError, match="contains NaN"):
            model.partial_fit(X, names[np.arange(20) % 2], classes)
    with pytest.raises(ValueError, match="first call of partial_fit needs classes"):
        model.partial_fit(X, names[np.arange(20) % 2])
    # Absent classes are fine.
    model.partial_fit(X, np.full(20, "a"), classes=names[::-1])
    np.testing.assert_array_equal(model.classes_, names)
    assert model.coef_.shape == (1 if two_classes else 3, 3)
    coef = model.coef_.copy()
    with pytest.raises(ValueError, match=r"not in classes: .*'z'"):
        model.partial_fit(X, np.full(20, "z"))
    with pytest.raises(ValueError, match="not the same as in the previous call"):
        model.partial_fit(X, np.full(20, "a"), classes=["a", "z"])
    with pytest.raises(ValueError, match="3 features"):
        model.partial_fit(X[:, :2], np.full(20, "a"))
    np.testing.assert_array_equal(model.coef_, coef)
    assert model.t_ == 1


def test_a_chunk_without_weight_changes_nothing(digits):
    X, y = digits
    model = streaming()
    model.partial_fit(X[:50], y[:50], CLASSES, sample_weight=np.zeros(50))
    assert model.t_ == 0
    assert not model.coef_.any()
    model.partial_fit(X[:200], y[:200])
    other = streaming().partial_fit(X[:200], y[:200], CLASSES)
    other.partial_fit(X, y, sample_weight=np.zeros(len(y)))
    for _ in range(2):
        assert model.coef_.tobytes() == other.coef_.tobytes()
        assert model.t_ == other.t_
        model.partial_fit(X[200:400], y[200:400])
        other.partial_fit(X[200:400], y[200:400])


def test_what_is_unknown_is_not_there(digits):
    X, y = digits
    model = streaming(max_iter=3, tol=0).fit(X, y)
    before = model.coef_.copy()
    # A stream after a fit starts from its coefficients.
    model.set_params(learning_rate="constant", eta0=1e-9).partial_fit(X, y)
    np.testing.assert_allclose(model.coef_, before, atol=1e-6)
    for name in ("objective_", "gap_", "loss_curve_"):
        assert not hasattr(model, name)
    assert model.batch_loss_curve_.shape == (model.t_,)
    model.fit(X, y)
    assert hasattr(model, "gap_")
    again = streaming(learning_rate="constant", eta0=1e-9, max_iter=3, tol=0).fit(X, y)
    assert model.coef_.tobytes() == again.coef_.tobytes()


def test_what_a_stream_cannot_do(digits):
    X, y = digits
    for params in ({"class_weight": "balanced"}, {"early_stopping": True}):
        with pytest.raises(ValueError, match="not supported by partial_fit"):
            streaming(**params).partial_fit(X, y, CLASSES)
    assert not hasattr(make("softmax", solver="newton"), "partial_fit")
    assert hasattr(make("softmax"), "partial_fit")
    model = streaming().partial_fit(X, y, CLASSES)
    with pytest.raises(ValueError, match="all dense or all sparse"):
        model.partial_fit(sparse.csr_matrix(X), y)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("loss", ["softmax", "hinge"])
@pytest.mark.parametrize(
    ("name", "first", "then"),
    [
        ("fit_intercept", True, False),
        ("fit_intercept", False, True),
        ("learning_rate", "auto", "constant"),
        ("learning_rate", "adaptive", "auto"),
        ("learning_rate", "constant", "invscaling"),
    ],
)
def test_what_a_stream_has_to_keep(name, first, then, loss, kind, digits):
    X, y = digits
    X = sparse.csr_matrix(X) if kind == "csr" else X
    model = streaming(loss, **{name: first}).partial_fit(X, y, CLASSES)
    going_on = pickle.loads(pickle.dumps(model))
    model.set_params(**{name: then})
    for weight in (None, np.zeros(len(y))):
        with pytest.raises(ValueError, match=f"^{name} was changed from .*clone"):
            model.partial_fit(X, y, sample_weight=weight)
    assert model.t_ == going_on.t_
    np.testing.assert_array_equal(model.predict(X), going_on.predict(X))
    model.set_params(**{name: first}).partial_fit(X, y)
    going_on.partial_fit(X, y)
    assert model.coef_.tobytes() == going_on.coef_.tobytes()
    assert model.intercept_.tobytes() == going_on.intercept_.tobytes()
    # Starting anew, as the message says.
    model.set_params(**{name: then})
    clone(model).partial_fit(X, y, CLASSES).predict(X)
    model.set_params(max_iter=2, tol=0).fit(X, y).partial_fit(X, y).predict(X)


@pytest.mark.parametrize("rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_what_a_stream_takes_from_chunk_to_chunk(kind, rate):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    stages = [
        {"loss": "hinge", "delta": 1.0, "alpha": 0.1, "l1_ratio": 0.0},
        {"loss": "hinge", "delta": 2.5, "alpha": 0.3, "l1_ratio": 0.4},
        {"loss": "squared_hinge", "delta": 0.5, "alpha": 0.01, "l1_ratio": 1.0},
    ]
    schedules = [
        {"eta0": 0.05, "power_t": 0.3, "batch_size": 7},
        {"eta0": 0.02, "power_t": 0.3, "batch_size": 20},
        {"eta0": 0.01, "power_t": 0.6, "batch_size": 4},
    ]
    model = streaming(
        "hinge", learning_rate=rate, momentum=0.0, shuffle=False, average=False
    )
    W, b, t = np.zeros((3, 4)), np.zeros(3), 0
    for start, stage, schedule in zip((0, 50, 100), stages, schedules, strict=True):
        part = slice(start // 50, None, 3)
        chunk = sparse.csr_matrix(X[part]) if kind == "csr" else X[part]
        model.set_params(**stage, **schedule).partial_fit(chunk, y[part], [0, 1, 2])
        l1 = stage["alpha"] * stage["l1_ratio"]
        l2 = stage["alpha"] - l1
        size = schedule["batch_size"]
        for i in range(0, 50, size):
            A, labels = X[part][i : i + size], y[part][i : i + size]
            t += 1
            step = schedule["eta0"]
            step /= t ** schedule["power_t"] if rate == "invscaling" else 1.0
            S = A @ W.T + b
            _, G = reference.loss_terms(S, labels, stage["loss"], stage["delta"])
            W = W - step * (G.T @ A / len(A) + l2 * W)
            W = np.sign(W) * np.maximum(np.abs(W) - step * l1, 0.0)
            b = b - step * G.mean(axis=0)
    np.testing.assert_allclose(model.coef_, W, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, b - b.mean(), atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_momentum_that_ends_in_mid_stream(kind):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    A = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"learning_rate": "constant", "eta0": 0.05, "batch_size": 150}
    model = streaming(momentum=0.9, alpha=0.1, **params)
    for _ in range(5):
        model.partial_fit(A, y, [0, 1, 2])
    W, b = model.coef_.copy(), model.intercept_.copy()
    model.set_params(momentum=0.0)
    for _ in range(3):
        grad_W, grad_b = reference.subgradient(W, b, X, y, "softmax", 0.1)
        W, b = W - 0.05 * grad_W, b - 0.05 * grad_b
        model.partial_fit(A, y)
    np.testing.assert_allclose(model.coef_, W, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_an_average_that_begins_and_ends_in_mid_stream(kind):
    X, y = load_iris(return_X_y=True)
    X = sparse.csr_matrix(X) if kind == "csr" else X
    params = {"learning_rate": "constant", "eta0": 0.05, "batch_size": 150}
    plain, model = streaming(**params), streaming(**params)
    iterates = []
    for step in range(12):
        model.set_params(average=3 <= step < 7 or step >= 9)
        model.partial_fit(X, y, [0, 1, 2])
        iterates.append(plain.partial_fit(X, y, [0, 1, 2]).coef_)
        since = 3 if 3 <= step < 7 else 9 if step >= 9 else step
        expected = np.mean(iterates[since:], axis=0)
        np.testing.assert_allclose(model.coef_, expected, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize(
    ("loss", "then"),
    [
        ("softmax", {"alpha": 100.0}),
        ("softmax", {"l1_ratio": 1.0}),
        ("squared_hinge", {"alpha": 100.0}),
        ("hinge", {"loss": "squared_hinge"}),
    ],
)
def test_the_automatic_rate_suits_what_was_changed(loss, then, kind):
    # One feature larger than the others: without L1 its direction is damped.
    X, y = load_iris(return_X_y=True)
    X = (X - X.mean(axis=0)) * [1.0, 1.0, 1.0, 10.0]
    A = sparse.csr_matrix(X) if kind == "csr" else X
    model = streaming(loss, alpha=0.01)
    for _ in range(20):
        model.partial_fit(A, y, [0, 1, 2])
    model.set_params(**then)
    for _ in range(600):
        model.partial_fit(A, y)
    best = clone(model).set_params(solver="newton").fit(X, y)
    value = reference.objective_of(model, X, y)
    assert best.objective_ * (1.0 - 1e-4) <= value <= 1.2 * best.objective_


def test_a_dict_of_class_weights_multiplies(digits):
    X, y = digits
    params = {"shuffle": False, "learning_rate": "constant"}
    by_class = streaming(class_weight={3: 2.0, 5: 0.0}, **params)
    by_sample = streaming(**params)
    weight = np.where(y == 3, 2.0, np.where(y == 5, 0.0, 1.0))
    for start in range(0, 1000, 250):
        part = slice(start, start + 250)
        by_class.partial_fit(X[part], y[part], CLASSES)
        by_sample.partial_fit(X[part], y[part], CLASSES, weight[part])
    np.testing.assert_array_equal(by_class.coef_, by_sample.coef_)


def test_a_stream_that_diverges_leaves_the_model_as_it_was(digits):
    X, y = digits
    model = streaming("squared_hinge", learning_rate="constant", eta0=0.01)
    model.partial_fit(X, y, CLASSES)
    coef, pickled = model.coef_.copy(), pickle.dumps(model)
    with pytest.raises(ValueError, match="diverged"), np.errstate(all="ignore"):
        model.partial_fit(1e200 * X, y)
    np.testing.assert_array_equal(model.coef_, coef)
    again = pickle.loads(pickled).partial_fit(X, y)
    assert model.partial_fit(X, y).coef_.tobytes() == again.coef_.tobytes()


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("first", ["one row", "zeros"])
@all_losses
def test_a_first_chunk_that_says_nothing_of_the_features(loss, first, kind, digits):
    X, y = digits
    convert = sparse.csr_matrix if kind == "csr" else np.asarray
    model = streaming(loss)
    chunk = X[:1] if first == "one row" else np.zeros((3, 64))
    model.partial_fit(convert(chunk), y[: len(chunk)], CLASSES)
    for _ in range(5):
        model.partial_fit(convert(X), y)
    assert model.score(convert(X), y) > 0.9


def test_a_float32_stream_stays_float32(digits):
    X, y = digits
    model = streaming().partial_fit(X.astype(np.float32), y, CLASSES)
    model.partial_fit(X, y)
    assert model.coef_.dtype == np.float32


KILLED = """
import sys, os
import joblib, numpy as np
from sklearn.datasets import load_digits
from sklearn_linloss import SoftmaxClassifier
X, y = load_digits(return_X_y=True)
path = sys.argv[1]
model = SoftmaxClassifier(solver="sgd", random_state=0)
for number in range(10**6):
    part = slice(number * 100 % 1700, number * 100 % 1700 + 100)
    model.partial_fit(X[part], y[part], classes=np.arange(10))
    joblib.dump(model, path + ".new")
    os.replace(path + ".new", path)
    print(model.t_, flush=True)
"""


def test_a_killed_stream_loses_what_came_after_the_last_saved_model(tmp_path):
    import joblib

    path = tmp_path / "model.joblib"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    for _ in range(5):
        seen = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    saved = joblib.load(path)
    assert saved.t_ >= seen
    # It is the model of an uninterrupted stream of so many chunks.
    X, y = load_digits(return_X_y=True)
    model = streaming()
    number = 0
    while not hasattr(model, "t_") or model.t_ < saved.t_:
        start = number * 100 % 1700
        model.partial_fit(X[start : start + 100], y[start : start + 100], CLASSES)
        number += 1
    assert saved.coef_.tobytes() == model.coef_.tobytes()


INTERRUPTED = """
import sys, threading, os, signal, time
import numpy as np
from sklearn_linloss import SoftmaxClassifier
from sklearn_linloss._solvers import _sgd
rng = np.random.default_rng(0)
X = rng.normal(size=(20_000, 50)).astype(np.float32)
y = rng.integers(5, size=len(X))
model = SoftmaxClassifier(solver="sgd", tol=0, max_iter=2, random_state=0).fit(X, y)
before = {k: np.array(v, copy=True) for k, v in vars(model).items() if k.endswith("_")}
model.set_params(max_iter=10**9)
begun, at_signal = [], []
run_epoch = _sgd.run_epoch
def counted(*args):
    begun.append(1)
    return run_epoch(*args)
_sgd.run_epoch = counted
def interrupt():
    at_signal.append(len(begun))
    os.kill(os.getpid(), signal.SIGINT)
threading.Timer(1.0, interrupt).start()
try:
    model.fit(X, y)
except KeyboardInterrupt:
    after = {k: v for k, v in vars(model).items() if k.endswith("_")}
    assert before.keys() == after.keys()
    assert all(np.array_equal(before[k], after[k], equal_nan=False) for k in before)
    assert at_signal[0] > 0
    assert len(begun) - at_signal[0] <= 1
    print("as it was")
"""


def test_ctrl_c_leaves_the_estimator_as_it_was():
    process = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert process.stdout.splitlines()[-1] == "as it was"
