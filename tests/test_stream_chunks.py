"""What a stream learns hardly depends on how its rows are cut into chunks."""

import pickle
from itertools import pairwise

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from scipy import sparse
from sklearn.datasets import load_digits

all_losses = pytest.mark.parametrize("loss", LOSSES)


def gaussian(n_samples=3000, n_features=12, n_classes=4):
    """Features of unequal variance, far from zero, and labels that nothing tells."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    X *= np.exp(rng.normal(0.0, 0.3, n_features))
    scores = X @ rng.standard_normal((n_features, n_classes))
    scores += 2.0 * rng.standard_normal(scores.shape)
    return X + rng.normal(0.0, 3.0, n_features), np.argmax(scores, axis=1)


def correlated(n_samples=3000, n_features=40, n_classes=5):
    """A few directions in which features vary far more than in the others."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((n_samples, 8)) @ rng.standard_normal((8, n_features))
    X += 0.3 * rng.standard_normal(X.shape) + 1.0
    scores = X @ rng.standard_normal((n_features, n_classes)) / 8.0
    return X, np.argmax(scores + rng.gumbel(size=scores.shape), axis=1)


def pixels(passes=3):
    X, y = load_digits(return_X_y=True)
    order = np.tile(np.random.default_rng(0).permutation(len(y)), passes)
    return X[order] / 16.0, y[order]


def words(n_samples=4500, n_features=1500, n_classes=6):
    """Rows of a CSR with rare features."""
    rng = np.random.default_rng(9)
    often = 1.0 / (10.0 + np.arange(n_features))
    theme = rng.permutation(n_features) % (4 * n_classes)
    y = rng.integers(0, n_classes, n_samples)
    X = sparse.lil_matrix((n_samples, n_features))
    for i in range(n_samples):
        chances = often * np.where(theme == y[i], 6.0, 1.0)
        X[i, rng.choice(n_features, 40, p=chances / chances.sum())] = 0.2
    return X.tocsr(), y


DATA = {f.__name__: f for f in (gaussian, correlated, pixels, words)}


@pytest.fixture(scope="module", params=DATA)
def data(request):
    return DATA[request.param]()


def loss_after(loss, sizes, X, y, seen=None):
    """Mean loss over X after a pass over `seen`; the last of the sizes repeats."""
    seen = X if seen is None else seen
    model, start = make(loss, solver="sgd"), 0
    while start < len(y):
        stop = start + (sizes[0] if len(sizes) == 1 else sizes.pop(0))
        model.partial_fit(seen[start:stop], y[start:stop], classes=np.unique(y))
        start = stop
    scores = np.asarray(X @ model.coef_.T) + model.intercept_
    return reference.loss_terms(scores, y, loss)[0].mean()


@pytest.mark.parametrize("size", [1, 10, 1000])
@all_losses
def test_chunks_of_any_size(loss, size, data):
    # Calls are what takes time. Single rows go beyond the 512 that a sample holds.
    n = {1: 560, 10: 1500}.get(size, len(data[1]))
    X, y = data[0][:n], data[1][:n]
    large = loss_after(loss, [2000], X, y)
    assert loss_after(loss, [size], X, y) <= 1.1 * large


@pytest.mark.parametrize("size", [10, 100])
@all_losses
def test_a_first_chunk_of_one_class(loss, size, data):
    X, y = data
    first = np.flatnonzero(y == 1)[:size]
    order = np.r_[first, np.setdiff1d(np.arange(len(y)), first)]
    large = loss_after(loss, [2000], X, y)
    assert loss_after(loss, [size, 1000], X[order], y[order]) <= 1.1 * large


@pytest.mark.parametrize("size", [10, 100, 700])
@all_losses
def test_a_first_chunk_of_a_tenth_of_the_scale(loss, size, data):
    X, y = data
    scale = np.where(np.arange(len(y)) < size, 0.1, 1.0)
    seen = (
        (sparse.diags(scale) @ X).tocsr() if sparse.issparse(X) else scale[:, None] * X
    )
    # Of such a chunk nothing can be learned: the rest is to be learned as well.
    large = loss_after(loss, [2000], X[size:], y[size:])
    assert loss_after(loss, [size, 1000], X, y, seen) <= 1.1 * large


@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_losses
def test_single_rows_make_the_steps_of_full_batches(loss, kind):
    X, y = gaussian(n_samples=1000)
    X = X if kind == "dense" else sparse.csr_matrix(X)
    models = []
    for size in (1, 20, 64):
        # The first chunk starts alike.
        model = make(loss, solver="sgd", shuffle=False)
        model.partial_fit(X[:600], y[:600], classes=np.arange(4))
        for start in range(600, 600 + 5 * 64, size):
            stop = min(start + size, 600 + 5 * 64)
            model.partial_fit(X[start:stop], y[start:stop])
        models.append(model)
    for model in models[:2]:
        np.testing.assert_allclose(model.coef_, models[-1].coef_, rtol=1e-9)
        np.testing.assert_allclose(model.intercept_, models[-1].intercept_, rtol=1e-9)


@all_losses
def test_each_row_moves_the_model_at_once(loss):
    X, y = gaussian(n_samples=700)
    model = make(loss, solver="sgd").partial_fit(X[:1], y[:1], classes=np.arange(4))
    for start in (*range(1, 90), *range(600, 640)):
        before = model.coef_
        model.partial_fit(X[start : start + 1], y[start : start + 1])
        assert model.t_ > 0
        assert not np.array_equal(model.coef_, before)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@pytest.mark.parametrize("average", [False, True])
def test_small_chunks_pickled_midway_go_on_bit_for_bit(kind, average):
    X, y = gaussian(n_samples=1100)
    X = X if kind == "dense" else sparse.csr_matrix(X)
    models = [make("softmax", solver="sgd", average=average) for _ in range(2)]
    # One row, few rows and more than a batch; before and after the sample is full.
    ends = [0, 1, 8, 30, 31, 200, 210, 500, 505, 700, 710, 711, 760, 1090, 1100]
    for start, stop in pairwise(ends):
        for model in models:
            model.partial_fit(X[start:stop], y[start:stop], classes=np.arange(4))
        models[1] = pickle.loads(pickle.dumps(models[1]))
        assert models[0].coef_.tobytes() == models[1].coef_.tobytes()
        assert models[0].intercept_.tobytes() == models[1].intercept_.tobytes()


def test_a_stream_keeps_a_bounded_sample_of_its_rows():
    """Each row with the same chance, whatever the chunks."""
    n, counts = 3000, np.zeros(3000)
    number = np.random.default_rng(0).permutation(n)
    X, y = number[:, None].astype(np.float64), number % 2
    for seed in range(40):
        model = make("softmax", solver="sgd", random_state=seed)
        for start in range(0, n, 250):
            model.partial_fit(
                X[start : start + 250], y[start : start + 250], classes=[0, 1]
            )
        rows = model._stream.sample.rows
        kept = rows.X[:, 0].astype(int)
        assert len(np.unique(kept)) == len(kept) == 512
        np.testing.assert_array_equal(rows.y, kept % 2)
        counts[np.argsort(number)[kept]] += 1
    # 40 * 512 / 12 of each twelfth, with a deviation of about 35.
    by_part = counts.reshape(12, -1).sum(axis=1)
    assert np.abs(by_part - 40 * 512 / 12).max() < 160


def test_single_long_rows_do_not_lower_the_rate():
    """A heavy tail, row by row: what a mean over one row says is no scale."""
    rng = np.random.default_rng(3)
    X, y = gaussian(n_samples=1500)
    X = X - X.mean(axis=0)
    X[rng.random(len(X)) < 0.02] *= 30.0
    large = loss_after("hinge", [2000], X, y)
    assert loss_after("hinge", [1], X, y) <= 1.1 * large
