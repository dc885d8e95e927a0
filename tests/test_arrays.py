"""Arrays of libraries that follow the array API, in the place of NumPy's."""

import pickle

import _reference as reference
import numpy as np
import pytest
import sklearn
from _models import LOSSES, make
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from sklearn_linloss import SoftmaxClassifierCV, linear_path, losses
from sklearn_linloss._design import design_of
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet

strict = pytest.importorskip("array_api_strict", reason="the test extra")
pytest.importorskip("sklearn", "1.9", reason="the checks are those of 1.9")


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.fixture(params=["array_api_strict", "torch"])
def xp(request):
    return pytest.importorskip(request.param, reason="large, or needs a GPU")


def host(array):
    """An array of a library on the CPU as an ndarray."""
    return np.from_dlpack(array)


def iris_of(iris, n_classes):
    X, y = iris
    kept = y < n_classes
    return X[kept], y[kept]


# -- against scikit-learn's checks, and certified optima -----------------------------


@pytest.mark.parametrize("solver", ["gd", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_checks_of_scikit_learn_on_values(solver, dtype):
    model = make("softmax", solver=solver, alpha=0.1)
    name = type(model).__name__
    with sklearn.config_context(array_api_dispatch=False):
        for device in ("CPU_DEVICE", "device1"):
            estimator_checks.check_array_api_input_and_values(
                name, model, "array_api_strict", device, dtype
            )
        estimator_checks.check_array_api_same_namespace(
            name, model, "array_api_strict", "device1"
        )


@pytest.mark.parametrize("solver", ["auto", "newton", "gd", "lbfgs"])
def test_the_tag_is_that_of_solvers_with_the_same_iterates(solver):
    tags = sklearn.utils.get_tags(make("softmax", solver=solver))
    assert tags.array_api_support == (solver in ("gd", "lbfgs"))


def test_certified_optima(golden, standardised, xp):
    seen = set()
    for problem in golden["problems"]:
        loss, l1_ratio = problem["loss"], problem["l1_ratio"]
        case = loss, l1_ratio, problem["dataset"], problem["intercept"]
        if problem["dataset"] not in ("iris", "wine") or case in seen:
            continue
        seen.add(case)
        X, y = standardised(problem["dataset"])
        weight = reference.golden_weight(problem["sample_weight"], len(y))
        tol = 1e-2 if loss == "hinge" else 1e-6
        margin = {} if loss == "softmax" else {"delta": problem["delta"]}
        model = make(
            loss,
            alpha=problem["alpha"],
            l1_ratio=l1_ratio,
            fit_intercept=problem["intercept"],
            tol=tol,
            max_iter=5000,
            **margin,
        ).fit(xp.asarray(X), y, sample_weight=weight)
        optimum = problem["lower_bound"]
        assert optimum * (1.0 - 1e-12) <= model.objective_ <= optimum / (1.0 - tol)
        assert 1.0 - optimum / model.objective_ - 1e-12 <= model.gap_ <= tol
    assert {loss for loss, *_ in seen} == set(LOSSES)


# -- against NumPy -------------------------------------------------------------------


@pytest.mark.every_case
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_models_and_certificates_are_those_of_numpy(iris, loss, n_classes, xp):
    X, y = iris_of(iris, n_classes)
    model = make(loss, solver="gd", alpha=0.1, tol=1e-2)
    there = sklearn.clone(model).fit(xp.asarray(X), xp.asarray(y))
    here = model.fit(X, y)
    assert type(there.gap_) is type(there.objective_) is float
    assert there.gap_ == pytest.approx(here.gap_, abs=1e-9)
    assert there.objective_ == pytest.approx(here.objective_, rel=1e-9)
    for name in ("coef_", "intercept_", "classes_", "loss_curve_"):
        assert type(getattr(there, name)) is type(xp.asarray(X)), name
        expected = getattr(here, name)
        np.testing.assert_allclose(host(getattr(there, name)), expected, atol=1e-9)
    methods = ["decision_function", "predict"]
    if loss == "softmax":
        methods += ["predict_proba", "predict_log_proba"]
    for name in methods:
        result = getattr(there, name)(xp.asarray(X))
        assert type(result) is type(xp.asarray(X)), name
        np.testing.assert_allclose(host(result), getattr(here, name)(X), atol=1e-8)


@pytest.mark.every_case
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient_in_one_pass(loss, n_classes, monkeypatch, xp):
    """Against the public formula of the loss, and its finite differences."""
    monkeypatch.setattr("sklearn_linloss._design.arrays._BLOCK_BYTES", 7 * 8 * 5)
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % n_classes
    share = rng.uniform(0.5, 2.0, size=40)
    delta = {} if loss == "softmax" else {"delta": 0.7}
    at_margin = getattr(losses, loss)
    f = Objective(
        design_of(xp.asarray(X)),
        y,
        share,
        loss=make(loss, **delta)._loss(),
        penalty=ElasticNet(0.0, 0.0),
        n_classes=n_classes,
        fit_intercept=True,
        dtype=np.float64,
        centre=False,
    )

    def value(theta):
        W, b = f.unpack(theta)
        scores = X @ W.T + b
        if n_classes == 2:
            scores = np.column_stack([np.zeros(40), scores])
        return np.average(at_margin.value(scores, y, **delta), weights=share)

    theta = rng.normal(size=f.size)
    got, gradient = f.data_gradient(theta)
    assert got == pytest.approx(value(theta), rel=1e-12)
    step = 1e-6
    slopes = [
        (value(theta + step * e) - value(theta - step * e)) / (2.0 * step)
        for e in np.eye(f.size)
    ]
    np.testing.assert_allclose(gradient, slopes, atol=1e-7)


def test_moments_far_from_zero(xp):
    rng = np.random.default_rng(0)
    X, weight = 1e6 + rng.normal(size=(50, 3)), np.full(50, 0.02)
    mean, variance = design_of(xp.asarray(X)).moments(weight)
    np.testing.assert_allclose(mean, X.mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(variance, X.var(axis=0), rtol=1e-9)


def test_small_losses_keep_their_digits(xp):
    scores = np.array([[50.0, 0.0, 0.0]])
    true = xp.asarray(np.array([[True, False, False]]))
    loss = make("softmax")._loss()
    if xp is not strict:
        xp = sklearn.utils._array_api.get_namespace(true)[0]
    values, _ = loss.in_namespace(xp, xp.asarray(scores), true)
    assert float(values[0]) == pytest.approx(2.0 * np.exp(-50.0), rel=1e-12)


# -- everything follows X ------------------------------------------------------------


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
@pytest.mark.parametrize("loss", LOSSES)
def test_factors_of_features(iris, loss, l1_ratio, xp):
    X, y = iris
    model = make(
        loss, solver="gd", l1_ratio=l1_ratio, penalty_factor=[0.5, 1.0, 2.0, 3.0]
    ).set_params(alpha=0.1, tol=1e-2)
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    here = model.fit(X, y)
    np.testing.assert_allclose(host(there.coef_), here.coef_, atol=1e-8)
    assert there.gap_ == pytest.approx(here.gap_, abs=1e-9)


def test_labels_and_weights_come_from_anywhere(iris):
    X, y = iris
    device = strict.Device("device1")
    there = strict.asarray(X, device=device)
    weight = strict.asarray(np.where(y == 0, 0.0, 1.0))
    names = np.array(["a", "b", "c"])[y]
    model = make("softmax", alpha=0.1).fit(there, names, sample_weight=weight)
    assert model.coef_.device == model.decision_function(there).device == device
    assert model.classes_.tolist() == ["b", "c"]
    expected = make("softmax", alpha=0.1).fit(X[y > 0], names[y > 0])
    assert (model.predict(there) == expected.predict(X)).all()


# Of scikit-learn's scaler, which divides zero by zero on its first batch.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_pipelines_and_pickles(iris, xp):
    X, y = xp.asarray(iris[0]), xp.asarray(iris[1])
    model = make_pipeline(StandardScaler(), make("softmax", alpha=0.01)).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert (host(again.predict(X)) == host(model.predict(X))).all()
    assert host(again.predict(X) == y).mean() > 0.9


def test_what_is_made_of_a_model_is_in_numpy(iris):
    X, y = iris
    model = make("softmax", alpha=0.1).fit(strict.asarray(X), strict.asarray(y))
    assert model.certify(X, y).gap <= model.tol
    other = model.to_sklearn()
    assert (other.predict(X) == host(model.predict(strict.asarray(X)))).all()


def test_a_warm_start_continues(iris, xp):
    X, y = xp.asarray(iris[0]), iris[1]
    model = make("softmax", solver="lbfgs", alpha=0.1, warm_start=True).fit(X, y)
    assert model.n_iter_ > 1
    assert model.fit(X, y).n_iter_ <= 1


def test_iterations_do_not_move_what_is_long(iris, monkeypatch):
    """In L-BFGS the scores stay where X is, but for those of the certificate."""
    from sklearn_linloss._design import arrays

    X, y = np.tile(iris[0], (10, 1)), np.tile(iris[1], 10)
    long = []
    to_host = arrays.on_host

    def counted(array):
        result = to_host(array)
        if np.shape(result)[:1] == (len(y),):
            long.append(1)
        return result

    monkeypatch.setattr(arrays, "on_host", counted)
    f = Objective(
        design_of(strict.asarray(X)),
        y,
        np.ones(len(y)),
        loss=make("softmax")._loss(),
        penalty=ElasticNet(0.1, 0.0),
        n_classes=3,
        fit_intercept=True,
        dtype=np.float64,
    )
    f.data_gradient(np.ones(f.size))
    assert not long
    f.scores(np.ones(f.size))
    assert long


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("solver", ["newton", "sdca", "saga", "sgd"])
def test_other_solvers_name_those_that_serve(iris, solver):
    message = f"'{solver}' does not support arrays .*; use solver='gd' or 'lbfgs'"
    with pytest.raises(ValueError, match=message):
        make("softmax", solver=solver).fit(strict.asarray(iris[0]), iris[1])


def test_what_takes_numpy_only_says_so(iris):
    X, y = strict.asarray(iris[0]), iris[1]
    model = make("softmax", alpha=0.1)
    calls = [
        lambda: model.partial_fit(X, y, classes=[0, 1, 2]),
        lambda: model.fit(X, y, X_val=X, y_val=y),
        lambda: make("softmax", early_stopping=True).fit(X, y),
        lambda: make("softmax", penalty_factor=[0.0, 1.0, 1.0, 1.0]).fit(X, y),
        lambda: linear_path(X, y, loss="softmax"),
        lambda: SoftmaxClassifierCV().fit(X, y),
        lambda: make("softmax").fit(iris[0], y).certify(X, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="arrays of other libraries than NumPy"):
            call()
    with pytest.raises(ValueError, match="'adaptive' needs solver='sgd'"):
        make("softmax", learning_rate="adaptive").fit(X, y)
    assert not hasattr(model, "coef_")


def test_a_device_without_double_precision(iris):
    X = strict.asarray(iris[0].astype("f4"), device=strict.Device("no_float64"))
    with pytest.raises(ValueError, match="has no float64"):
        make("softmax").fit(X, iris[1])


def test_a_tensor_without_dispatch(iris):
    """It is converted, as by scikit-learn; a class that can be stands in for torch."""
    X, y = iris

    class Tensor:
        shape = X.shape

        def __array__(self, dtype=None, copy=None):
            return np.array(X, dtype=dtype)

    Tensor.__module__ = "torch"
    with sklearn.config_context(array_api_dispatch=False):
        fitted = make("softmax").fit(Tensor(), y)
    assert type(fitted.coef_) is np.ndarray
    np.testing.assert_array_equal(fitted.coef_, make("softmax").fit(X, y).coef_)
