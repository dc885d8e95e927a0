"""Arrays of other libraries in the memory of the host: fits are NumPy's, in place."""

import numpy as np
import pytest
import sklearn
from _models import LOSSES, make
from _tiers import only_where
from sklearn.preprocessing import StandardScaler

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV, linear_path
from sklearn_linloss._compat import shared
from sklearn_linloss._solvers import SOLVER_NAMES

pytest.importorskip("array_api_strict", reason="the test extra")
pytest.importorskip("sklearn", "1.9", reason="it moves arrays between libraries")


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request):
    return pytest.importorskip(request.param, reason="large")


def host(array):
    return np.from_dlpack(array)


def in_library(xp, *arrays):
    """Arrays of a library on copies of ndarrays."""
    return [xp.asarray(array.copy()) for array in arrays]


def assert_follows(there, here, X, names=("coef_", "intercept_", "classes_")):
    """Attributes are those of NumPy's model, as arrays of the library of X."""
    for name in names:
        assert type(getattr(there, name)) is type(X), name
        np.testing.assert_array_equal(
            host(getattr(there, name)), getattr(here, name), err_msg=name
        )


@pytest.mark.every_case
@pytest.mark.parametrize("solver", ["auto", *SOLVER_NAMES])
@pytest.mark.parametrize("loss", LOSSES)
@only_where(lambda solver, loss: solver in ("auto", "sdca") or loss == "softmax")
def test_fits_are_those_of_numpy_to_the_last_bit(iris, loss, solver, xp):
    X, y = iris
    model = make(loss, solver=solver, alpha=0.1, tol=1e-2)
    X_there, y_there = in_library(xp, X, y)
    there = sklearn.clone(model).fit(X_there, y_there)
    here = model.fit(X, y)
    assert_follows(there, here, X_there)
    assert_follows(there, here, X_there, ["loss_curve_"])
    assert (there.gap_, there.solver_) == (here.gap_, here.solver_)
    scores = there.decision_function(X_there)
    assert type(scores) is type(there.predict(X_there)) is type(X_there)
    np.testing.assert_allclose(host(scores), here.decision_function(X), atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_memory_is_shared_and_not_written_to(iris, dtype, xp):
    (X,) = in_library(xp, iris[0].astype(dtype))
    view = host(X)
    before = view.copy()
    assert np.shares_memory(shared(X), view)
    model = make("softmax").fit(X, iris[1])
    assert host(model.coef_).dtype == dtype
    np.testing.assert_array_equal(view, before)


def test_strides_gradients_and_half_precision():
    torch = pytest.importorskip("torch", reason="large")
    rng = np.random.default_rng(0)
    X, y = rng.integers(-4, 5, size=(40, 6)).astype(float), np.arange(40) % 3
    wide = torch.asarray(np.repeat(X, 2, axis=1))
    tensors = [
        wide[:, ::2],
        torch.asarray(X.T.copy()).T,
        torch.asarray(X.copy()).requires_grad_(),
        torch.asarray(X).to(torch.bfloat16),
        torch.asarray(X).to(torch.int32),
    ]
    expected = make("softmax").fit(X, y)
    for tensor in tensors:
        model = make("softmax").fit(tensor, y, X_val=tensor, y_val=torch.asarray(y))
        assert not model.coef_.requires_grad
        np.testing.assert_array_equal(host(model.coef_), expected.coef_)
        assert type(model.validation_loss_curve_) is torch.Tensor


def test_labels_that_are_no_numbers_stay_in_numpy(iris, xp):
    X, y = iris[0], np.array(["a", "b", "c"])[iris[1]]
    (X_there,) = in_library(xp, X)
    for model in (
        make("softmax").fit(X_there, y),
        make("softmax").partial_fit(X_there, y, classes=["c", "b", "a"]),
        linear_path(X_there, y, alphas=[0.1]),
    ):
        at = (0.1,) if hasattr(model, "alphas") else ()
        assert type(model.predict(X_there, *at)) is np.ndarray
        assert set(model.predict(X_there, *at)) <= set("abc")


def test_streams(iris, xp):
    X, y = iris
    there, here = make("softmax", alpha=0.01), make("softmax", alpha=0.01)
    X_there, y_there, weight = in_library(xp, X, y, np.linspace(0.0, 1.0, len(y)))
    classes = xp.asarray([0, 1, 2])
    for start in range(0, 150, 50):
        rows = slice(start, start + 50)
        chunk = X_there[rows, :], y_there[rows]
        there.partial_fit(*chunk, classes, sample_weight=weight[rows])
        here.partial_fit(X[rows], y[rows], [0, 1, 2], np.linspace(0.0, 1.0, 150)[rows])
        assert_follows(there, here, X_there)
        assert_follows(there, here, X_there, ["batch_loss_curve_"])
    # On from a fit, whose coefficients are arrays of the library.
    there.fit(X_there, y_there).partial_fit(X_there, y_there)
    here.fit(X, y).partial_fit(X, y)
    assert_follows(there, here, X_there)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_paths(iris, n_classes, xp):
    X, y = iris[0][iris[1] < n_classes], iris[1][iris[1] < n_classes]
    X_there, y_there = in_library(xp, X, y)
    there = linear_path(X_there, y_there, alphas=3, random_state=0)
    here = linear_path(X, y, alphas=3, random_state=0)
    np.testing.assert_array_equal(there.coefs, here.coefs)
    alpha = here.alphas[1]
    for name in ("predict", "decision_function"):
        result = getattr(there, name)(X_there, alpha)
        assert type(result) is type(X_there)
        np.testing.assert_array_equal(host(result), getattr(here, name)(X, alpha))


# Of scikit-learn's scaler, which divides zero by zero on its first batch.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:The best alpha:UserWarning")
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("kind", [SoftmaxClassifierCV, SVMClassifierCV])
def test_searches(iris, kind, scaled, xp):
    X, y = iris
    X_there, y_there = in_library(xp, X, y)
    preprocessor = StandardScaler() if scaled else None
    search = kind(
        alphas=[0.1, 0.01], cv=2, tol=1e-2, random_state=0, preprocessor=preprocessor
    )
    there = sklearn.clone(search).fit(X_there, y_there)
    here = search.fit(X, y)
    np.testing.assert_array_equal(there.scores_, here.scores_)
    assert there.best_params_ == here.best_params_
    assert type(there.coef_) is type(there.predict(X_there)) is type(X_there)
    np.testing.assert_allclose(host(there.coef_), here.coef_, atol=1e-6)
    assert there.score(X_there, y_there) == pytest.approx(here.score(X, y), abs=1e-6)
    assert there.certify(X_there, y_there).gap <= 1e-2


def test_certificates(iris, xp):
    X_there, y_there = in_library(xp, *iris)
    model = make("softmax", alpha=0.1).fit(X_there, y_there)
    assert model.certify(X_there, y_there).gap == model.certify(*iris).gap <= 1e-4


def test_features_without_a_penalty(iris, xp):
    (X_there,) = in_library(xp, iris[0])
    model = make("softmax", penalty_factor=[0.0, 1.0, 1.0, 1.0], alpha=0.1)
    there = sklearn.clone(model).fit(X_there, iris[1])
    assert_follows(there, model.fit(*iris), X_there)


def test_callbacks_see_arrays_of_the_library(iris, xp):
    X, y = in_library(xp, *iris)
    seen = []

    class Watcher:
        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
            if fitted_estimator is not None:
                seen.append(type(fitted_estimator.predict(X)))

    model = make("softmax", solver="gd", max_iter=2, tol=0.0)
    model.set_callbacks(Watcher()).fit(X, y)
    assert len(seen) >= 2
    assert set(seen) == {type(X)}


def test_tensors_without_numbers_in_streams_paths_and_searches(iris):
    torch = pytest.importorskip("torch", reason="large")
    X, y = torch.asarray(iris[0].copy()).to_sparse(), iris[1]
    calls = [
        lambda: make("softmax").partial_fit(X, y, classes=[0, 1, 2]),
        lambda: linear_path(X, y),
        lambda: SoftmaxClassifierCV().fit(X, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"layout torch\.sparse_coo, but"):
            call()
