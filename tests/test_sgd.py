import json
import os
import subprocess
import sys
from pathlib import Path
from unittest import mock

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from _objectives import make_objective
from scipy import sparse
from sklearn.datasets import load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

import sklearn_linloss
from sklearn_linloss import _kernels, losses
from sklearn_linloss._design import readonly
from sklearn_linloss._solvers._common import Options
from sklearn_linloss._solvers._sgd_state import Automatic, State

PROJECT = Path(sklearn_linloss.__file__).parents[1]
all_losses = pytest.mark.parametrize("loss", LOSSES)
class_counts = pytest.mark.parametrize("n_classes", [2, 3])


def sgd(loss, **params):
    params = {"alpha": 0.01, "tol": 0, "max_iter": 10, "random_state": 0} | params
    return make(loss, solver="sgd", **params)


def two_or_three(n_classes):
    X, y = load_iris(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X[y < n_classes], y[y < n_classes]


SAME_SEED = """
import json
from sklearn.datasets import load_iris
from sklearn_linloss import SoftmaxClassifier
X, y = load_iris(return_X_y=True)
model = SoftmaxClassifier(solver="sgd", tol=0, max_iter=10, random_state=42).fit(X, y)
print(json.dumps([v.hex() for v in model.coef_.ravel().tolist()]))
"""


def test_one_seed_gives_one_model_bit_for_bit():
    X, y = load_iris(return_X_y=True)
    fits = [
        sgd("softmax", alpha=1e-4, random_state=seed).fit(X, y)
        for seed in (42, 42, np.random.RandomState(42), 7)
    ]
    assert fits[0].coef_.tobytes() == fits[1].coef_.tobytes()
    assert fits[0].coef_.tobytes() == fits[2].coef_.tobytes()
    assert fits[0].coef_.tobytes() != fits[3].coef_.tobytes()


@pytest.mark.slow
def test_one_seed_gives_one_model_compiled_now_or_before(tmp_path):
    # The first process compiles, the second one finds the compiled code on disk.
    models = [
        subprocess.run(
            [sys.executable, "-c", SAME_SEED],
            env=os.environ
            | {"PYTHONPATH": str(PROJECT), "NUMBA_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert len(json.loads(models[0])) == 12
    assert models[0] == models[1]


def test_the_global_generator_is_left_alone():
    np.random.seed(3)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    sgd("softmax").fit(*two_or_three(3))
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@class_counts
@all_losses
def test_one_batch_of_all_rows_is_gradient_descent(loss, n_classes, l1_ratio):
    X, y = two_or_three(n_classes)
    weight = np.linspace(0.5, 2.0, len(y))
    common = {
        "alpha": 0.05,
        "l1_ratio": l1_ratio,
        "learning_rate": "constant",
        "eta0": 0.05,
        "tol": 0,
        "max_iter": 60,
    }
    descent = make(loss, solver="gd", **common).fit(X, y, weight)
    for batch_size in (len(y), 10 * len(y)):
        batches = make(
            loss,
            solver="sgd",
            batch_size=batch_size,
            momentum=0.0,
            shuffle=False,
            **common,
        ).fit(X, y, weight)
        np.testing.assert_allclose(batches.coef_, descent.coef_, atol=1e-10)
        np.testing.assert_allclose(batches.intercept_, descent.intercept_, atol=1e-10)
        np.testing.assert_allclose(batches.loss_curve_, descent.loss_curve_, rtol=1e-10)
        assert len(batches.batch_loss_curve_) == 60


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("fit_intercept", [True, False])
@class_counts
@all_losses
def test_steps_by_hand(loss, n_classes, fit_intercept, l1_ratio):
    import _reference as reference

    X, y = two_or_three(n_classes)
    X, y = X[::7], y[::7]
    weight = np.linspace(0.5, 2.0, len(y))
    rate, alpha, size = 0.02, 0.1, 4
    fitted = sgd(
        loss,
        alpha=alpha,
        l1_ratio=l1_ratio,
        fit_intercept=fit_intercept,
        learning_rate="constant",
        eta0=rate,
        momentum=0.0,
        shuffle=False,
        batch_size=size,
        max_iter=3,
    ).fit(X, y, weight)
    n_rows = 1 if n_classes == 2 else 3
    W, b = np.zeros((n_rows, 4)), np.zeros(n_rows)
    losses = []
    for _ in range(3):
        for start in range(0, len(y), size):
            batch = slice(start, start + size)
            S = X[batch] @ W.T + b
            values, G = reference.loss_terms(S, y[batch], loss)
            share = weight[batch] / (len(values) * weight.mean())
            losses.append(share @ values + reference.penalty(W, alpha, l1_ratio))
            G = share[:, None] * G
            W = W - rate * (G.T @ X[batch] + alpha * (1.0 - l1_ratio) * W)
            threshold = rate * alpha * l1_ratio
            W = np.sign(W) * np.maximum(np.abs(W) - threshold, 0.0)
            if fit_intercept:
                b = b - rate * G.sum(axis=0)
    np.testing.assert_allclose(fitted.coef_, W, atol=1e-12)
    np.testing.assert_allclose(
        fitted.intercept_, b - b.mean() if n_rows > 1 else b, atol=1e-12
    )
    np.testing.assert_allclose(fitted.batch_loss_curve_, losses, rtol=1e-10)


def one_batch(order, rate, *, basis, damping, squares, momentum=0.0):
    """A pass of SGD over one batch of all samples."""
    return _kernels.SgdPass(
        order=order,
        cuts=np.array([0, len(order)]),
        rates=np.array([rate]),
        blends=np.zeros(1),
        momentum=momentum,
        b_scale=1.0,
        metric=np.ones(basis.shape[1]),
        basis=basis,
        damping=damping,
        squares=squares,
        row_reaches=np.array([rate / min(1.0, 2.5 * (1.0 - momentum))]),
    )


def at_rest(W, n_rows):
    """The state of SGD at coefficients, without intercepts and velocity."""
    b = np.zeros((0, n_rows))
    return _kernels.SgdState(
        W=W,
        b=b,
        W_velocity=np.zeros_like(W),
        b_velocity=b.copy(),
        W_mean=np.zeros_like(W),
        b_mean=b.copy(),
        response=np.zeros(1),
        batch_losses=np.zeros(1),
    )


@pytest.mark.plain_python
@pytest.mark.parametrize("n_directions", [0, 1, 4, 6])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_damped_directions(loss, n_classes, n_directions):
    rng = np.random.default_rng(0)
    n, n_features = 15, 7
    X, y = rng.normal(size=(n, n_features)), np.arange(n) % n_classes
    n_rows = 1 if n_classes == 2 else n_classes
    W = rng.normal(size=(n_rows, n_features))
    centre = X.mean(axis=0)
    basis = np.linalg.qr(rng.normal(size=(n_features, n_features)))[0][:n_directions]
    damping = rng.random(n_directions)
    rate, l2 = 0.1, 0.3
    gradient, _ = reference.subgradient(W, np.zeros(n_rows), X - centre, y, loss, 0.0)
    gradient -= (gradient + l2 * W) @ basis.T @ np.diag(damping) @ basis
    expected = (1.0 - rate * l2) * W - rate * gradient

    _kernels.sgd_epoch_dense(
        _kernels.code_of(getattr(losses, loss)),
        _kernels.DenseRows(readonly(X), centre),
        _kernels.Terms(y, np.ones(n), delta=1.0, l1=0.0, l2=l2),
        one_batch(
            rng.permutation(n),
            rate,
            basis=basis,
            damping=damping,
            squares=np.empty(0),
        ),
        at_rest(W, n_rows),
    )
    np.testing.assert_allclose(W, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.plain_python
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_row_steps_to_the_zero_of_its_loss_at_most(loss, n_classes, kind, momentum):
    rng = np.random.default_rng(0)
    n, n_features, rate = 6, 5, 0.7
    lengths = np.array([0.1, 0.3, 1.0, 3.0, 10.0, 100.0])
    X, y = lengths[:, None] * rng.normal(size=(n, n_features)), np.arange(n) % n_classes
    n_rows = 1 if n_classes == 2 else n_classes
    weight = rng.random(n)
    W = 0.3 * rng.normal(size=(n_rows, n_features))
    squares = (X**2).sum(axis=1)
    expected, held = W.copy(), 0
    for i in range(n):
        values, pull = reference.loss_terms(X[i : i + 1] @ W.T, y[i : i + 1], loss)
        gradient = np.outer(pull[0], X[i])
        share = weight[i] / n * rate
        if np.any(gradient):
            furthest = min(1.0, 2.5 * (1.0 - momentum)) * values[0]
            held += share > furthest / (gradient**2).sum()
            share = min(share, furthest / (gradient**2).sum())
        expected -= (1.0 + momentum) * share * gradient
    assert 0 < held < n

    pass_ = one_batch(
        rng.permutation(n),
        rate,
        momentum=momentum,
        basis=np.empty((0, n_features)),
        damping=np.empty(0),
        squares=squares,
    )
    W = W if kind == "dense" else np.ascontiguousarray(W.T)
    state = at_rest(W, n_rows)
    code = _kernels.code_of(getattr(losses, loss))
    terms = _kernels.Terms(y, weight, delta=1.0, l1=0.0, l2=0.0)
    if kind == "dense":
        rows = _kernels.DenseRows(readonly(X), np.zeros(n_features))
        _kernels.sgd_epoch_dense(code, rows, terms, pass_, state)
    else:
        S = sparse.csr_matrix(X)
        rows = _kernels.CsrRows(*map(readonly, (S.data, S.indices, S.indptr)))
        _kernels.sgd_epoch_csr(code, rows, terms, pass_, state)
    np.testing.assert_allclose(W if kind == "dense" else W.T, expected, rtol=1e-9)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@all_losses
def test_features_of_very_different_units(loss, l1_ratio):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((600, 8))
    y = np.argmax(X[:, :3] + 0.5 * rng.standard_normal((600, 3)), axis=1)
    X = X * np.array([0.05, 20.0, 1.0, 10.0, 0.05, 0.1, 30.0, 1.0])
    best = make(loss, alpha=1e-4, l1_ratio=l1_ratio, tol=1e-3, max_iter=5000)
    best = best.fit(X, y).objective_
    fitted = sgd(loss, alpha=1e-4, l1_ratio=l1_ratio, tol=0, max_iter=50).fit(X, y)
    at_zero = fitted.loss_curve_[0]
    allowed = max(0.01 * best, 0.002 * at_zero)
    if loss != "softmax":
        allowed = max(0.03 * best, 0.005 * at_zero)
    assert fitted.objective_ <= best + allowed


@pytest.mark.parametrize("rate", ["constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@class_counts
@all_losses
def test_sparse_equals_dense(loss, n_classes, l1_ratio, rate):
    X, y = two_or_three(n_classes)
    X = np.where(np.abs(X) < 0.5, 0.0, X)
    params = {"l1_ratio": l1_ratio, "learning_rate": rate, "average": l1_ratio == 0.5}
    dense = sgd(loss, **params).fit(X, y)
    csr = sgd(loss, **params).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(csr.coef_, dense.coef_, atol=1e-10)
    np.testing.assert_allclose(csr.intercept_, dense.intercept_, atol=1e-10)


@pytest.mark.parametrize("rate", ["auto", "constant"])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_losses
def test_l1_gives_exact_zeros(loss, kind, rate, breast_cancer):
    X, y = breast_cancer
    X = sparse.csr_matrix(X) if kind == "csr" else X
    fitted = sgd(loss, alpha=0.2, l1_ratio=1.0, learning_rate=rate, max_iter=50).fit(
        X, y
    )
    # At the optimum 25 to 27 of 30 are.
    zeros = (fitted.coef_ == 0.0).sum()
    assert 10 <= zeros < 30


@pytest.mark.parametrize(("batch_size", "updates"), [(1, 100), (32, 4), (100, 1)])
@all_losses
def test_batch_loss_curve(loss, batch_size, updates):
    X, y = two_or_three(2)
    fitted = sgd(loss, batch_size=batch_size, max_iter=3).fit(X, y)
    assert fitted.batch_loss_curve_.shape == (3 * updates,)
    assert fitted.batch_loss_curve_.dtype == np.float64
    # The first batch sees the model at zero.
    at_zero = np.log(2) if loss == "softmax" else 1.0
    assert fitted.batch_loss_curve_[0] == pytest.approx(at_zero)
    assert not hasattr(fitted.set_params(solver="gd").fit(X, y), "batch_loss_curve_")


@pytest.mark.parametrize("rate", ["auto", "constant", "invscaling", "adaptive"])
@class_counts
@all_losses
def test_every_schedule_lowers_the_objective(loss, n_classes, rate):
    X, y = two_or_three(n_classes)
    best = make(loss, alpha=0.01, tol=1e-3, max_iter=20_000).fit(X, y).objective_
    fitted = sgd(loss, learning_rate=rate, max_iter=100).fit(X, y)
    start = fitted.loss_curve_[0]
    assert fitted.objective_ - best <= 0.2 * (start - best)


def test_inverse_scaling_divides_by_a_power_of_the_update():
    import _reference as reference

    X, y = two_or_three(3)
    params = {"learning_rate": "invscaling", "eta0": 0.1, "power_t": 0.7}
    fitted = sgd(
        "softmax", batch_size=150, shuffle=False, momentum=0.0, max_iter=5, **params
    ).fit(X, y)
    W, b = np.zeros((3, 4)), np.zeros(3)
    for t in range(1, 6):
        grad_W, grad_b = reference.subgradient(W, b, X, y, "softmax", 0.01)
        W, b = W - 0.1 / t**0.7 * grad_W, b - 0.1 / t**0.7 * grad_b
    np.testing.assert_allclose(fitted.coef_, W, atol=1e-12)


def test_momentum_is_nesterovs():
    import _reference as reference

    X, y = two_or_three(3)
    fitted = sgd(
        "softmax",
        alpha=0.0,
        batch_size=150,
        shuffle=False,
        momentum=0.8,
        learning_rate="constant",
        eta0=0.1,
        max_iter=6,
    ).fit(X, y)
    # The look-ahead form: the gradient is taken where the momentum leads.
    W, b = np.zeros((3, 4)), np.zeros(3)
    V, c = np.zeros((3, 4)), np.zeros(3)
    for _ in range(6):
        grad_W, grad_b = reference.subgradient(
            W + 0.8 * V, b + 0.8 * c, X, y, "softmax", 0.0
        )
        V, c = 0.8 * V - 0.1 * grad_W, 0.8 * c - 0.1 * grad_b
        W, b = W + V, b + c
    # The model in use is the point looked ahead to.
    np.testing.assert_allclose(fitted.coef_, W + 0.8 * V, atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
def test_momentum_does_not_move_the_optimum(momentum, l1_ratio, kind):
    """Weight decay and thresholds act over the distance that momentum gives."""
    X, y = two_or_three(3)
    X = np.where(np.abs(X) < 0.3, 0.0, X)
    penalty = {"alpha": 0.05, "l1_ratio": l1_ratio}
    best = make("softmax", tol=1e-6, max_iter=20_000, **penalty).fit(X, y)
    settled = sgd(
        "softmax",
        momentum=momentum,
        learning_rate="constant",
        eta0=0.3 * (1.0 - momentum),
        batch_size=len(y),
        max_iter=5000,
        **penalty,
    ).fit(sparse.csr_matrix(X) if kind == "csr" else X, y)
    assert settled.objective_ == pytest.approx(best.objective_, rel=1e-6)
    np.testing.assert_allclose(settled.coef_, best.coef_, atol=0.01)


def test_weight_decay_over_the_reach_of_momentum():
    """The recursions as the documentation of the kernel has them, step by step."""
    import _reference as reference

    X, y = two_or_three(3)
    mu, rate, l2 = 0.8, 0.1, 0.3
    fitted = sgd(
        "softmax",
        alpha=l2,
        batch_size=150,
        shuffle=False,
        momentum=mu,
        learning_rate="constant",
        eta0=rate,
        max_iter=7,
    ).fit(X, y)
    W, V, b, c = np.zeros((3, 4)), np.zeros((3, 4)), np.zeros(3), np.zeros(3)
    response = 0.0
    for _ in range(7):
        grad_W, grad_b = reference.subgradient(W, b, X, y, "softmax", 0.0)
        # How far a constant slope of one moves a weight: solved by bisection, from
        # reach = mu * (shrink * mu * response + rate) + rate, shrink = 1 - reach * l2.
        low, high = 0.0, 10.0
        for _ in range(100):
            reach = 0.5 * (low + high)
            moved = mu * ((1.0 - reach * l2) * mu * response + rate) + rate
            low, high = (reach, high) if moved > reach else (low, reach)
        shrink = 1.0 - reach * l2
        response = shrink * mu * response + rate
        V = shrink * mu * V - rate * grad_W
        W = shrink * W + mu * V - rate * grad_W
        c = mu * c - rate * grad_b
        b = b + mu * c - rate * grad_b
    np.testing.assert_allclose(fitted.coef_, W, atol=1e-12)
    np.testing.assert_allclose(fitted.intercept_, b - b.mean(), atol=1e-12)


def rare_features(n_samples=400, n_features=80, seed=0):
    """Features that many batches lack, and a class that needs them."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, n_features))
    X[rng.random(X.shape) < 0.97] = 0.0
    y = (X @ rng.normal(size=(n_features, 4))).argmax(axis=1)
    return X, y


@pytest.mark.parametrize("average", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("rate", ["constant", "invscaling"])
@pytest.mark.parametrize(
    ("alpha", "l1_ratio"), [(0.0, 0.0), (1e-3, 0.0), (1e-3, 1.0), (0.02, 0.5)]
)
def test_features_that_batches_lack(alpha, l1_ratio, rate, momentum, average):
    X, y = rare_features()
    params = {
        "alpha": alpha,
        "l1_ratio": l1_ratio,
        "learning_rate": rate,
        "momentum": momentum,
        "average": average,
        "eta0": 0.2,
        "batch_size": 3,
        "max_iter": 4,
    }
    dense = sgd("softmax", **params).fit(X, y)
    csr = sgd("softmax", **params).fit(sparse.csr_matrix(X), y)
    np.testing.assert_allclose(csr.coef_, dense.coef_, atol=1e-11)
    np.testing.assert_array_equal(csr.coef_ == 0.0, dense.coef_ == 0.0)
    if l1_ratio == 1.0 and not average:
        assert (csr.coef_ == 0.0).any()
    np.testing.assert_allclose(csr.loss_curve_, dense.loss_curve_, rtol=1e-11)


def test_weights_that_decay_to_nothing_between_batches():
    X, y = rare_features()
    # From one visit to the next they shrink below the smallest number, or change sign.
    for alpha in (9.0, 11.0):
        params = {"alpha": alpha, "eta0": 0.1, "learning_rate": "constant"}
        params |= {"momentum": 0.0, "batch_size": 1}
        dense = sgd("softmax", **params).fit(X, y)
        csr = sgd("softmax", **params).fit(sparse.csr_matrix(X), y)
        np.testing.assert_allclose(csr.coef_, dense.coef_, atol=1e-12)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_indices_of_64_bits(l1_ratio):
    X, y = rare_features()
    narrow = sparse.csr_matrix(X)
    wide = narrow.copy()
    wide.indices = wide.indices.astype(np.int64)
    wide.indptr = wide.indptr.astype(np.int64)
    fits = [
        sgd("softmax", l1_ratio=l1_ratio, alpha=1e-3).fit(A, y) for A in (narrow, wide)
    ]
    assert fits[0].coef_.tobytes() == fits[1].coef_.tobytes()


@all_losses
def test_large_features_and_large_scores(loss):
    X, y = load_iris(return_X_y=True)
    fitted = sgd(loss, alpha=1e8, max_iter=40).fit(1e6 * X, y)
    assert fitted.objective_ < fitted.loss_curve_[0]
    W = 1e4 * np.random.default_rng(0).normal(size=(3, 4))
    scores = X @ W.T
    assert np.abs(scores).max() > 1e4
    started = sgd(loss, max_iter=40).fit(X, y, coef_init=W)
    assert np.isfinite(started.loss_curve_).all()
    assert started.objective_ < 0.05 * started.loss_curve_[0]


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_overflow_ends_with_the_epoch_the_rate_and_the_remedy(kind):
    X, y = two_or_three(3)
    X = sparse.csr_matrix(X) if kind == "csr" else X
    model = sgd("squared_hinge", learning_rate="constant", eta0=1e200)
    message = r"iteration 1 with learning rate 1e\+200.*Lower eta0.*StandardScaler"
    with pytest.raises(ValueError, match=message), np.errstate(all="ignore"):
        model.fit(X, y)


def test_raw_images_do_not_diverge():
    rng = np.random.default_rng(0)
    y = rng.integers(10, size=500)
    X = rng.integers(0, 256, size=(500, 3072)).astype(np.float32)
    X += 20.0 * rng.normal(size=(10, 3072)).astype(np.float32)[y]
    for loss in LOSSES:
        fitted = sgd(loss, alpha=1.0, max_iter=25).fit(X, y)
        assert fitted.objective_ < 0.5 * fitted.loss_curve_[0]


def test_the_average_is_the_mean_of_the_iterates():
    X, y = two_or_three(3)
    params = {
        "batch_size": 150,
        "shuffle": False,
        "learning_rate": "constant",
        "eta0": 0.1,
    }
    iterates = [
        sgd("softmax", max_iter=t, **params).fit(X, y).coef_ for t in range(1, 9)
    ]
    averaged = sgd("softmax", max_iter=8, average=True, **params).fit(X, y)
    np.testing.assert_allclose(averaged.coef_, np.mean(iterates, axis=0), atol=1e-12)
    # From the update in which 600 samples have been seen.
    late = sgd("softmax", max_iter=8, average=600, **params).fit(X, y)
    np.testing.assert_allclose(late.coef_, np.mean(iterates[3:], axis=0), atol=1e-12)


def test_averaging_calms_a_noisy_rate(iris):
    X, y = iris
    params = {"learning_rate": "constant", "eta0": 0.5, "batch_size": 2}
    params |= {"max_iter": 30, "alpha": 0.1}
    plain = sgd("softmax", **params).fit(X, y)
    averaged = sgd("softmax", average=True, **params).fit(X, y)
    assert averaged.objective_ < plain.objective_


@pytest.mark.parametrize(
    "data", ["digits raw", "digits standardised", "iris times 1000"]
)
@all_losses
def test_the_automatic_rate_needs_no_tuning(loss, data):
    X, y = (load_digits if "digits" in data else load_iris)(return_X_y=True)
    alpha = 1e-4
    if data == "digits standardised":
        X = StandardScaler().fit_transform(X)
    if data == "iris times 1000":
        X, alpha = 1000.0 * X, 1e6 * alpha
    fitted = sgd(loss, alpha=alpha, max_iter=50).fit(X, y)
    at_zero = {"hinge": 1.0, "squared_hinge": 1.0, "softmax": 0.0}[loss]
    at_zero = at_zero * (len(fitted.classes_) - 1) or np.log(len(fitted.classes_))
    assert fitted.loss_curve_[0] == pytest.approx(at_zero)
    assert fitted.objective_ < 0.2 * at_zero


@all_losses
def test_the_automatic_rate_comes_near_the_optimum(loss, iris):
    X, y = iris
    best = make(loss, alpha=0.01, tol=1e-3, max_iter=20_000).fit(X, y).objective_
    fitted = sgd(loss, max_iter=300).fit(X, y)
    assert fitted.objective_ <= 1.02 * best


@all_losses
def test_two_samples_more_than_full_batches_do_no_harm(loss):
    """Batches of 48 leave two: a step by these alone is as long, and mostly noise."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20 * 48 + 2, 120))
    scores = 0.18 * X @ rng.standard_normal((120, 3))
    y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    full = slice(20 * 48)
    assert relative_excess(loss, X, y) <= relative_excess(loss, X[full], y[full]) + 0.01


def relative_excess(loss, X, y, max_iter=48):
    """How far SGD ends above the optimum, as a part of it."""
    best = make(loss, alpha=1e-4, tol=1e-4, max_iter=3000).fit(X, y).objective_
    fitted = sgd(loss, alpha=1e-4, max_iter=max_iter).fit(X, y)
    return fitted.objective_ / best - 1.0


@all_losses
def test_correlated_features_of_classes_that_nearly_come_apart(loss):
    rng = np.random.default_rng(0)
    X = 0.3 * rng.standard_normal((500, 10)) @ rng.standard_normal((10, 50))
    X = StandardScaler().fit_transform(X + 0.3 * rng.standard_normal((500, 50)))
    scores = 0.3 * X @ rng.standard_normal((50, 15))
    y = np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)
    allowed = {"softmax": 0.06, "hinge": 0.5, "squared_hinge": 0.75}
    assert relative_excess(loss, X, y, max_iter=50) <= allowed[loss]


def test_rows_are_held_later_where_the_rate_has_grown():
    X, y = load_iris(return_X_y=True)
    reaches = {}
    row_reaches = Automatic.row_reaches

    def noted(schedule, rates, momentum):
        reaches[schedule._rate] = row_reaches(schedule, rates, momentum) / rates
        return row_reaches(schedule, rates, momentum)

    with mock.patch.object(Automatic, "row_reaches", noted):
        sgd("hinge", alpha=1e-4, max_iter=100).fit(X, y)
    first = next(iter(reaches))
    assert max(reaches) > first > min(reaches)
    for rate, reach in reaches.items():
        np.testing.assert_allclose(reach, 4.0 / np.sqrt(max(rate / first, 1.0)))


@pytest.mark.parametrize("n_samples", [2, 63, 64, 65, 962, 6401])
def test_batches_are_cut_evenly_or_full(n_samples):
    X = np.random.default_rng(0).standard_normal((n_samples, 2))
    y = np.arange(n_samples) % 2
    f = make_objective(X, y, "softmax")
    for size in (1, 48, 64, 10_000):
        options = Options(tol=0.0, max_iter=1, batch_size=size)
        state = State(f, np.zeros(f.size), options, n_samples)
        even = np.diff(state.cuts(n_samples, evenly=True))
        full = np.diff(state.cuts(n_samples, evenly=False))
        for sizes in (even, full):
            assert sizes.sum() == n_samples
            assert len(sizes) == -(-n_samples // size)
            assert sizes.min() > 0
            assert sizes.max() <= size
        assert np.ptp(even) <= 1
        assert (full[:-1] == full[0]).all()


@pytest.mark.parametrize("row", [1, 3, 4])
def test_noise_of_a_batch(golden, standardised, row):
    noise = golden["minibatch_noise"]
    batch_size = noise["rows"][row]["batch"]
    X, y = standardised(noise["dataset"])
    n, eta0 = len(y), 0.01
    # The rates of all updates but the first are negligible.
    models = [
        make(
            noise["loss"],
            solver="sgd",
            batch_size=batch_size,
            learning_rate="invscaling",
            eta0=eta0,
            power_t=60.0,
            momentum=0.0,
            tol=0,
            max_iter=1,
            random_state=seed,
        ).fit(X, y)
        for seed in range(200)
    ]
    steps = np.array([model.coef_ for model in models]) / eta0
    mean = steps.mean(axis=0)
    variance = np.square(steps - mean).sum() / (len(models) - 1)
    # Drawn without replacement.
    expected = noise["sigma2"] / batch_size * (n - batch_size) / (n - 1)
    assert variance == pytest.approx(expected, rel=0.1)
    assert np.square(mean).sum() == pytest.approx(
        noise["grad_norm2"], abs=4.0 * expected / 200 + 0.02 * noise["grad_norm2"]
    )


@pytest.mark.parametrize(
    "loss, solver, load",
    [("softmax", "sgd", load_digits), ("hinge", "gd", load_wine)],
)
def test_a_rising_objective_is_no_plateau(loss, solver, load):
    X, y = load(return_X_y=True)
    params = {"learning_rate": "constant", "eta0": 1.0, "max_iter": 30}
    model = make(loss, solver=solver, alpha=0.01, **params)
    with pytest.warns(ConvergenceWarning, match="30 iterations"):
        model.fit(X, y)
    assert model.loss_curve_[1:].min() > 2.0 * model.loss_curve_[0]
