"""SGD by rows of a CSR, with a step of its own for each feature."""

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, make
from scipy import optimize, sparse
from sklearn.linear_model import SGDClassifier

from sklearn_linloss import _kernels, losses
from sklearn_linloss._design import readonly

N, N_FEATURES = 11, 30
CUTS = np.array([0, 4, 8, 11])


def proximal_gradient(loss, s, y, q):
    """(s - z) / q where z has the least L(z) + |z - s|^2 / (2 q), for a hinge."""

    def along(a, low):
        # The least L + (z - a)^2 / (2 q) of max(0, z - low) or its square.
        if a <= low:
            return a
        if loss == "hinge":
            return max(a - q, low)
        return (a + 2.0 * q * low) / (1.0 + 2.0 * q)

    if len(s) == 1:
        sign = 2.0 * y - 1.0
        return np.array([(s[0] + sign * along(-sign * s[0], -1.0)) / q])
    wrong = np.delete(np.arange(len(s)), y)

    def slope(u):
        # Of the least value for a score u of the true class, times q.
        return u - s[y] - sum(s[j] - along(s[j], u - 1.0) for j in wrong)

    u = optimize.brentq(slope, s[y], s[y] + q * 1e3 + np.ptp(s) + 2.0, xtol=1e-15)
    z = np.array([along(a, u - 1.0) for a in s])
    z[y] = u
    return (s - z) / q


def slow_pass(W, b, mean, known, X, y, weight, order, rates, blends, l2, loss):
    """Every weight moves after every row; `known` has sums of slopes, steps, rows."""
    stored = X != 0.0
    own = np.abs(X).sum(axis=0) / stored.sum(axis=0)
    typical = np.abs(X).sum() / stored.sum()
    first_epoch = known["rows"] == 0
    size = own
    if first_epoch:
        ratio = own / typical
        size = own * np.where(ratio > 1.0, 0.1, 10.0)
        size[np.abs(np.log10(ratio)) <= 1.0] = typical
    root = np.sqrt(1.0 + stored.sum() / len(X))
    for t in range(len(rates)):
        for i in order[CUTS[t] : CUTS[t + 1]]:
            scores = W @ X[i] + b
            value, pull = reference.row_loss(scores, y[i], loss)
            known["rows"] += 1
            g = weight[i] * pull
            if g.any():
                known["slopes"] += X[i] ** 2 * (g @ g)
                known["b"] += g @ g
                met = stored[i]
                grown = root * size[met] * np.sqrt(known["slopes"][met])
                known["steps"][met] = 1.0 / (grown + 2.0 * l2 * known["rows"])
                b_step = 1.0 / (root * np.sqrt(known["b"]))
                length = X[i] ** 2 @ known["steps"] + b_step
                rate = rates[t]
                if loss == "softmax":
                    rate = min(rate, 2.0 * weight[i] * value / ((g @ g) * length))
                else:
                    q = rate * weight[i] * length / (1.0 if first_epoch else 2.0)
                    g = weight[i] * proximal_gradient(loss, scores, y[i], q)
                W -= rate * np.outer(g, known["steps"] * X[i])
                b -= rate * b_step * g
            span = rates[t] * known["steps"]
            decay = np.exp(-l2 * span)
            W *= decay
        mean += blends[t] * (W - mean)


@pytest.mark.plain_python
@pytest.mark.parametrize("averaging", [False, True])
@pytest.mark.parametrize("l2", [0.0, 0.05])
@pytest.mark.parametrize("n_classes", [2, 9])
@pytest.mark.parametrize("loss", LOSSES)
def test_passes_by_hand(loss, n_classes, l2, averaging):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, N_FEATURES)) * 10.0 ** rng.uniform(-2, 2, N_FEATURES)
    X *= rng.random(X.shape) < 0.3
    X[np.arange(N_FEATURES) % N, np.arange(N_FEATURES)] += 1e-3
    y, weight = np.arange(N) % n_classes, rng.uniform(0.5, 1.5, N)
    n_rows = 1 if n_classes == 2 else n_classes
    W, b = np.zeros((n_rows, N_FEATURES)), np.zeros(n_rows)
    mean = np.zeros_like(W)
    known = {"slopes": np.zeros(N_FEATURES), "steps": np.zeros(N_FEATURES)}
    known |= {"b": 0.0, "rows": 0}

    S = sparse.csr_matrix(X)
    rows = _kernels.CsrRows(*map(readonly, (S.data, S.indices, S.indptr)))
    features, totals = np.zeros((N_FEATURES + 1, 4)), np.zeros(4)
    _kernels.csr_sizes(rows, features, totals)
    w, c = np.zeros((N_FEATURES, n_rows)), np.zeros((1, n_rows))
    w_mean, c_mean, unused = np.zeros_like(w), np.zeros_like(c), np.empty(0)
    for _ in range(2):
        order, rates = rng.permutation(N), rng.uniform(0.5, 2.0, 3)
        blends = averaging * np.array([1.0, 0.5, 0.3])
        slow_pass(W, b, mean, known, X, y, weight, order, rates, blends, l2, loss)
        _kernels.sgd_rows_csr(
            _kernels.code_of(getattr(losses, loss)),
            rows,
            _kernels.Terms(y, weight, delta=1.0, l1=0.0, l2=l2),
            _kernels.SgdPass(
                order, CUTS, rates, blends, 0.9, 1.0, unused, np.empty((0, 0)), unused,
                unused, unused,
            ),
            _kernels.SgdState(w, c, w, c, w_mean, c_mean, np.zeros(1), np.zeros(3)),
            _kernels.SgdPast(features, totals, 2.0 * l2),
        )  # fmt: skip
    np.testing.assert_allclose(w.T, W, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(c[0], b, rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(w_mean.T, mean, rtol=1e-8, atol=1e-12)


def unscaled(n_samples=600, n_features=25, n_classes=3):
    """Entries of a heavy tail, in features of very different units."""
    rng = np.random.default_rng(2)
    X = rng.standard_t(2.0, (n_samples, n_features))
    X *= rng.random(X.shape) < 0.15
    scores = X @ rng.standard_normal((n_features, n_classes))
    scores += rng.gumbel(size=scores.shape)
    return X * 10.0 ** rng.uniform(-1.5, 1.5, n_features), np.argmax(scores, axis=1)


@pytest.mark.parametrize("loss", LOSSES)
def test_unscaled_sparse_features_reach_the_optimum(loss):
    X, y = unscaled()
    X = sparse.csr_matrix(X)
    best = make(loss, alpha=1e-4, tol=1e-4, max_iter=3000).fit(X, y).objective_
    model = make(loss, alpha=1e-4, solver="sgd", tol=0, max_iter=50).fit(X, y)
    assert model.objective_ <= 1.01 * best + 0.002 * model.loss_curve_[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_many_small_features_are_not_left_behind(loss):
    X, y = unscaled(n_features=100, n_classes=7)
    X = sparse.csr_matrix(X)
    best = make(loss, alpha=1e-4, tol=1e-4, max_iter=3000).fit(X, y).objective_
    model = make(loss, alpha=1e-4, solver="sgd", tol=0, max_iter=50).fit(X, y)
    assert model.objective_ <= 1.03 * best + 0.005 * model.loss_curve_[0]


@pytest.mark.parametrize("loss", LOSSES)
def test_units_do_not_matter(loss):
    X, y = unscaled()
    models = [
        make(loss, alpha=1e-3 * u**2, solver="sgd", tol=0, max_iter=3).fit(
            sparse.csr_matrix(u * X), y
        )
        for u in (1.0, 1024.0)
    ]
    np.testing.assert_allclose(1024.0 * models[1].coef_, models[0].coef_, rtol=1e-6)


def documents(n_samples, n_classes, n_features, length, seed):
    """Rows of length one: words by Zipf's law, some of them of the theme of a class."""
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n_samples)
    often = 1.0 / (np.arange(n_features) + 10.0)
    word = rng.choice(n_features, (n_samples, length), p=often / often.sum())
    theme = rng.integers(n_features, size=n_classes)[y][:, None]
    told = rng.random(word.shape) < 0.5 * rng.beta(1, 2, n_samples)[:, None]
    word = np.where(told, (97 * word + theme) % n_features, word)
    row = np.repeat(np.arange(n_samples), length)
    X = sparse.csr_matrix((np.ones(row.size), (row, word.ravel())))
    X.sum_duplicates()
    X.data = np.sqrt(X.data / length)
    return X, y


@pytest.mark.parametrize("alpha", [1e-4, 1e-6])
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_a_first_epoch_on_text(loss, alpha):
    """As many held-out rows are right as after SGDClassifier with its best rate."""
    X, y = documents(9000, 8, 30000, 120, seed=4)
    n = 5 * len(y) // 6
    model = make(loss, alpha=alpha, solver="sgd", max_iter=1, tol=0).fit(X[:n], y[:n])
    theirs = [
        SGDClassifier(alpha=alpha, max_iter=1, tol=None, random_state=0, **rate).fit(
            X[:n], y[:n]
        )
        for rate in (
            {},
            {"learning_rate": "constant", "eta0": 1.0},
            {"learning_rate": "constant", "eta0": 10.0},
        )
    ]
    best = max(other.score(X[n:], y[n:]) for other in theirs)
    assert model.score(X[n:], y[n:]) >= best
