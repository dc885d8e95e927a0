import numpy as np
import pytest
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler

from sklearn_linloss.inspection import random_local_search, random_search

SEARCHES = (random_search, random_local_search)
searches = pytest.mark.parametrize("search", SEARCHES)


class FixedSeed(np.random.RandomState):
    """A generator whose integers are known, so that the draws are."""

    def __init__(self, integer):
        super().__init__(0)
        self.integer = integer

    def randint(self, *args, **kwargs):
        return self.integer


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    scaler = StandardScaler().fit(X[:1297])
    X = scaler.transform(X)
    return X[:1297], y[:1297], X[1297:], y[1297:]


def mean_hinge(W, b, X, y):
    total = 0.0
    for x, k in zip(X, y, strict=True):
        s = W @ x + b
        total += np.maximum(np.delete(s, k) - s[k] + 1.0, 0.0).sum()
    return total / len(y)


def accuracy(result, X, y):
    labels = (X @ result.coef.T + result.intercept).argmax(axis=1)
    return np.mean(result.classes[labels] == y)


def band(values, wider=1.0):
    """The range of some values, wider by so many times itself on either side."""
    margin = wider * (max(values) - min(values))
    return min(values) - margin, max(values) + margin


@pytest.mark.parametrize("seed", range(3))
@searches
def test_digits(golden, digits, search, seed):
    recorded = golden["random_search_digits"]
    X, y, X_test, y_test = digits
    result = search(
        X,
        y,
        n_iter=recorded["evaluations"],
        scale=recorded["scale"],
        random_state=seed,
    )
    kind = {random_search: "random", random_local_search: "local"}[search]
    low, high = band([run[f"{kind}_loss"] for run in recorded["runs"]])
    assert low < result.loss < high
    low, high = band([run[f"{kind}_acc"] for run in recorded["runs"]])
    assert low < accuracy(result, X_test, y_test) < high
    assert len(result.loss_curve) == recorded["evaluations"]
    # The gradient knows where to go.
    assert result.loss > 2.0 * recorded["gd"]["loss"]


@pytest.mark.parametrize("run", range(5))
def test_digits_with_the_recorded_draws(golden, digits, run):
    recorded = golden["random_search_digits"]["runs"][run]
    X, y, X_test, y_test = digits
    result = random_search(X, y, random_state=FixedSeed(recorded["seed"]))
    assert result.loss == pytest.approx(recorded["random_loss"], rel=1e-12)
    assert accuracy(result, X_test, y_test) == recorded["random_acc"]


@searches
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_the_reported_loss_is_that_of_the_model(iris, search, fit_intercept):
    X, y = iris
    result = search(X, y, fit_intercept=fit_intercept, n_iter=30, random_state=0)
    assert result.coef.shape == (3, 4)
    assert result.intercept.shape == (3,)
    assert result.intercept.any() == fit_intercept
    slow = mean_hinge(result.coef, result.intercept, X, y)
    assert result.loss == pytest.approx(slow, rel=1e-12)
    assert result.loss_curve[-1] == result.loss
    assert (np.diff(result.loss_curve) <= 0.0).all()


def test_the_draws_are_replayed_slowly(iris):
    X, y = iris
    rng = np.random.default_rng(7)
    draws = rng.normal(size=(20, 3, 5))
    losses = [mean_hinge(0.3 * m[:, :4], 0.3 * m[:, 4], X, y) for m in draws]
    result = random_search(X, y, n_iter=20, scale=0.3, random_state=FixedSeed(7))
    np.testing.assert_allclose(result.loss_curve, np.minimum.accumulate(losses))
    best = draws[np.argmin(losses)]
    np.testing.assert_allclose(result.coef, 0.3 * best[:, :4])
    np.testing.assert_allclose(result.intercept, 0.3 * best[:, 4])


def test_the_steps_are_replayed_slowly(iris):
    X, y = iris
    draws = np.random.default_rng(7).normal(size=(20, 3, 5))
    model = 0.3 * draws[0]
    curve = [mean_hinge(model[:, :4], model[:, 4], X, y)]
    for draw in draws[1:]:
        tried = model + 0.1 * draw
        loss = mean_hinge(tried[:, :4], tried[:, 4], X, y)
        model = tried if loss < curve[-1] else model
        curve.append(min(loss, curve[-1]))
    result = random_local_search(
        X, y, n_iter=20, scale=0.3, step=0.1, random_state=FixedSeed(7)
    )
    assert 2 < len(set(curve)) < 20  # some steps are taken, some are not
    np.testing.assert_allclose(result.loss_curve, curve)
    np.testing.assert_allclose(result.coef, model[:, :4])
    np.testing.assert_allclose(result.intercept, model[:, 4])


@searches
@pytest.mark.parametrize("loss", ["hinge", "squared_hinge", "softmax"])
def test_two_classes_are_one_row(breast_cancer, search, loss):
    X, y = breast_cancer
    labels = np.array(["benign", "malign"])[1 - y]
    result = search(
        X, labels, loss=loss, delta=2.0, n_iter=20, scale=0.1, random_state=0
    )
    assert list(result.classes) == ["benign", "malign"]
    assert result.coef.shape == (1, X.shape[1])
    sign = np.where(labels == "malign", 1.0, -1.0)
    margins = sign * (X @ result.coef[0] + result.intercept[0])
    slack = np.maximum(2.0 - margins, 0.0)
    values = {
        "hinge": slack,
        "squared_hinge": slack**2,
        "softmax": np.log1p(np.exp(-margins)),
    }
    assert result.loss == pytest.approx(values[loss].mean(), rel=1e-12)


@searches
def test_sparse_data_and_seeds(iris, search):
    X, y = iris  # read-only
    first = search(X, y, n_iter=20, random_state=3)
    again = search(sparse.csr_matrix(X), y, n_iter=20, random_state=3)
    other = search(X, y, n_iter=20, random_state=4)
    np.testing.assert_allclose(first.coef, again.coef, rtol=1e-12)
    assert (first.coef != other.coef).all()


@searches
@pytest.mark.parametrize("n_classes", [2, 3])
def test_predictions(iris, search, n_classes):
    X, y = iris
    kept = y < n_classes
    X, names = X[kept], np.array(["a", "b", "c"])[y[kept]]
    result = search(X, names, n_iter=200, scale=1.0, random_state=0)
    expected = []
    for x in X:
        scores = [w @ x + b for w, b in zip(result.coef, result.intercept, strict=True)]
        scores = [0.0, *scores] if n_classes == 2 else scores
        expected.append("abc"[int(np.argmax(scores))])
    assert len(set(expected)) == n_classes
    for data in (X, X.tolist(), sparse.csr_matrix(X)):
        np.testing.assert_array_equal(result.predict(data), expected)
    with pytest.raises(ValueError, match="X has 3 features, but the search had 4"):
        result.predict(X[:, :3])


@searches
@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"loss": "square"}, "'loss' parameter"),
        ({"delta": 0.0}, "'delta' parameter"),
        ({"n_iter": 0}, "'n_iter' parameter"),
        ({"scale": -1.0}, "'scale' parameter"),
        ({"y": np.zeros(150)}, "At least 2 classes"),
        ({"y": np.linspace(0.0, 1.0, 150)}, "Unknown label type"),
        ({"y": [0, 1]}, "inconsistent numbers of samples"),
    ],
)
def test_bad_input(iris, search, params, message):
    X, y = iris
    with pytest.raises(ValueError, match=message):
        search(X, params.get("y", y), **{k: v for k, v in params.items() if k != "y"})


@searches
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_finite_loss(iris, search):
    with pytest.raises(ValueError, match="smaller scale"):
        search(*iris, n_iter=2, scale=1e308, random_state=0)
