"""Arrays of libraries that follow the array API, in the place of NumPy's."""

import pickle
import sys

import _reference as reference
import numpy as np
import pytest
import sklearn
from _models import LOSSES, make
from _tiers import only_where
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import estimator_checks

from sklearn_linloss import SoftmaxClassifierCV, linear_path, losses
from sklearn_linloss._arrays import ArrayObjective
from sklearn_linloss._certificate import Certifier
from sklearn_linloss._design import design_of
from sklearn_linloss._design.arrays import Arrays
from sklearn_linloss._objective import Objective
from sklearn_linloss._penalty import ElasticNet
from sklearn_linloss._solvers import SOLVER_NAMES

strict = pytest.importorskip("array_api_strict", reason="the test extra")
pytest.importorskip("sklearn", "1.9", reason="the checks are those of 1.9")


@pytest.fixture(autouse=True)
def dispatch(monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    with sklearn.config_context(array_api_dispatch=True):
        yield


@pytest.fixture(autouse=True)
def a_device(monkeypatch):
    """Arrays lie apart from the host, as on a GPU."""
    monkeypatch.setattr("sklearn_linloss._compat._in_memory_of_host", lambda _: False)


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


def clouds(n_samples, n_features, n_classes):
    """Samples around the means of their classes."""
    rng, shape = np.random.default_rng(0), (n_samples, n_features)
    y = np.arange(n_samples) % n_classes
    return rng.normal(size=(n_classes, n_features))[y] + 2.0 * rng.normal(size=shape), y


def many_coefficients():
    """Data on which a matrix of second derivatives pays for the hinge alone."""
    return clouds(150, 40, 10)


def wide():
    """Data on which it does not pay at all."""
    return clouds(60, 120, 5)


# -- against scikit-learn's checks, and certified optima -----------------------------


@pytest.mark.parametrize("solver", ["auto", "newton", "gd", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_checks_of_scikit_learn_on_values(solver, dtype):
    model = make("softmax", solver=solver, alpha=0.1)
    with sklearn.config_context(array_api_dispatch=False):
        for device in ("CPU_DEVICE", "device1"):
            estimator_checks.check_array_api_input_and_values(
                type(model).__name__, model, "array_api_strict", device, dtype
            )


@pytest.mark.every_case
@pytest.mark.parametrize("loss", LOSSES)
def test_the_checks_of_scikit_learn_that_the_tag_asks_for(loss, xp):
    """Those of libraries that are there pass, with the default parameters."""
    model, passed = make(loss), set()
    with sklearn.config_context(array_api_dispatch=False):
        for estimator, check in estimator_checks.estimator_checks_generator(model):
            name, terms = check.func.__name__, str(check.keywords)
            if "check_array_api" not in name or xp.__name__ not in terms:
                continue
            if not any(device in terms for device in ("cuda", "xpu", "mps", "cupy")):
                check(estimator)
                passed.add(name)
    assert "check_array_api_input" in passed
    if xp is strict:
        assert passed >= {
            "check_array_api_mixed_inputs",
            "check_array_api_same_namespace",
        }


@pytest.mark.parametrize("solver", ["auto", *SOLVER_NAMES])
def test_the_tag_is_that_of_solvers_that_take_arrays(solver):
    tags = sklearn.utils.get_tags(make("softmax", solver=solver))
    assert tags.array_api_support == (solver not in ("sdca", "saga"))


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
        tol = 1e-6
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
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_all_losses_and_penalties(loss, l1_ratio, xp):
    """On a problem whose certificate in NumPy shows the optimum to the tolerance."""
    X, y = clouds(60, 20, 5)
    model = make(loss, alpha=0.02, l1_ratio=l1_ratio, tol=1e-4)
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    here = model.set_params(tol=1e-8, max_iter=10000).fit(X, y)
    assert here.gap_ <= 1e-8
    assert there.solver_ == "newton"
    assert there.gap_ <= 1e-4
    lowest = here.objective_ * (1.0 - here.gap_)
    assert lowest <= there.objective_ * (1.0 + 1e-12)
    # What is known above the optimum, and not below it: either may be the nearer one.
    assert 1.0 - here.objective_ / there.objective_ <= there.gap_ + 1e-12
    if l1_ratio == 1.0:
        zeros = host(there.coef_) == 0.0
        assert zeros.mean() > 0.2
        assert (zeros == (here.coef_ == 0.0)).mean() > 0.95


@pytest.mark.every_case
@pytest.mark.parametrize("loss", LOSSES)
def test_quasi_newton_steps_make_no_matrix(loss, monkeypatch, xp):
    monkeypatch.delattr(ArrayObjective, "hessian_blocks")
    X, y = wide()
    model = make(loss, alpha=1.0, tol=1e-3)
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    here = model.set_params(tol=1e-9, max_iter=10000).fit(X, y)
    lowest = here.objective_ * (1.0 - here.gap_)
    assert lowest <= there.objective_ * (1.0 + 1e-12)
    assert 1.0 - lowest / there.objective_ <= there.gap_ + 1e-12 <= 1e-3


def test_the_hinge_takes_few_steps_where_its_matrix_pays():
    X, y = many_coefficients()
    assert make("hinge", alpha=0.02, tol=1e-4).fit(strict.asarray(X), y).n_iter_ < 60


@pytest.mark.every_case
@pytest.mark.parametrize("n_classes", [2, 10])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "params",
    [
        {"max_iter": 1},
        {"max_iter": 1, "l1_ratio": 0.5, "average": True},
        {
            "max_iter": 3,
            "shuffle": False,
            "learning_rate": "constant",
            "fit_intercept": False,
        },
    ],
    ids=["automatic", "sparse and averaged", "textbook"],
)
def test_sgd_makes_the_steps_of_numpy(n_classes, loss, params, xp):
    """In the first epoch, and in all of them where nothing is shuffled."""
    X, y = many_coefficients()
    X, y = X[y < n_classes], y[y < n_classes]
    model = make(loss, solver="sgd", tol=0.0, batch_size=8, alpha=0.01, **params)
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    here = model.fit(X, y)
    for name in ("coef_", "intercept_", "loss_curve_", "batch_loss_curve_"):
        expected = getattr(here, name)
        np.testing.assert_allclose(host(getattr(there, name)), expected, rtol=1e-9)


def test_later_epochs_of_sgd_have_all_samples_in_other_orders(xp):
    f = ArrayObjective(
        design_of(xp.asarray(np.ones((50, 1)))),
        np.arange(50) % 2,
        np.ones(50),
        loss=make("softmax")._loss(),
        penalty=ElasticNet(0.1, 0.0),
        n_classes=2,
        fit_intercept=True,
        dtype=np.float64,
    )
    rng = np.random.default_rng(0)
    orders = [host(f.order(rng, True)) for _ in range(20)]
    assert all((np.sort(order) == np.arange(50)).all() for order in orders)
    assert len({tuple(order) for order in orders}) == 20
    # Who stands next to sample 0 is not who stood there before.
    after = [order[(np.flatnonzero(order == 0)[0] + 1) % 50] for order in orders]
    assert len(set(after)) > 10


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
def test_factors_of_the_penalty(iris, xp, l1_ratio):
    """On arrays, where columns are scaled on the device, as on the host."""
    X, y = StandardScaler().fit_transform(iris[0]), iris[1]
    terms = {"alpha": 0.05, "l1_ratio": l1_ratio, "tol": 1e-8, "max_iter": 5000}
    model = make("softmax", penalty_factor=[0.2, 1.0, 3.0, 0.5], **terms)
    here = sklearn.clone(model).fit(X, y)
    there = model.fit(xp.asarray(X), y)
    np.testing.assert_allclose(there.objective_, here.objective_, rtol=1e-7)
    np.testing.assert_allclose(host(there.coef_), here.coef_, atol=1e-3)
    assert there.gap_ <= 1e-8


def test_sgd_comes_near_the_optimum(iris, xp):
    X, y = StandardScaler().fit_transform(iris[0]), iris[1]
    model = make(
        "softmax", solver="sgd", alpha=0.1, tol=0.0, max_iter=60, batch_size=30
    )
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    optimum = make("softmax", alpha=0.1, tol=1e-9).fit(X, y).objective_
    assert optimum <= there.objective_ <= 1.01 * optimum


@pytest.mark.every_case
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_certificates_of_any_model(loss, n_classes, xp):
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % n_classes
    terms = {
        "loss": make(loss)._loss(),
        "penalty": ElasticNet(0.1, 0.3),
        "n_classes": n_classes,
        "fit_intercept": True,
        "dtype": np.float64,
    }
    weight = rng.uniform(0.5, 2.0, size=40)
    here = Objective(design_of(X), y, weight, **terms)
    there = ArrayObjective(design_of(xp.asarray(X)), y, weight, **terms)
    both = Certifier(here), Certifier(there)
    for scale in (0.03, 0.3):
        theta = scale * rng.normal(size=here.size)
        width = 0.7 * (loss == "hinge")
        pulls = [f.loss_gradient(f.scores(theta), width)[1] for f in (here, there)]
        certificates = [
            certifier.certify(theta, pull)
            for certifier, pull in zip(both, pulls, strict=True)
        ]
        expected, got = (each.objective for each in certificates)
        assert got == pytest.approx(expected, rel=1e-12)
        assert both[1].bound == pytest.approx(both[0].bound, rel=1e-9)
    assert both[1].bound > 0.0


@pytest.mark.every_case
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_gradient(loss, n_classes, monkeypatch, xp):
    """Against the public formula of the loss, and its finite differences."""
    monkeypatch.setattr("sklearn_linloss._design.arrays._BLOCK_BYTES", 7 * 8 * 5)
    rng = np.random.default_rng(n_classes)
    X, y = rng.normal(size=(40, 5)), np.arange(40) % n_classes
    share = rng.uniform(0.5, 2.0, size=40)
    delta = {} if loss == "softmax" else {"delta": 0.7}
    at_margin = getattr(losses, loss)
    f = ArrayObjective(
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
    xp = sklearn.utils._array_api.get_namespace(true)[0]
    loss = make("softmax")._loss().in_namespace(xp)
    values, _ = loss.at(loss.arguments(xp.asarray(scores), true))
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


class Bus:
    """Counts what a design sends and receives that is as long as its samples."""

    def __init__(self, monkeypatch):
        self.long = 0
        own, host = Arrays.own, Arrays.host

        def counted_own(design, array):
            self.long += np.shape(array)[:1] == (design.n_samples,)
            return own(design, array)

        def counted_host(design, array):
            self.long += tuple(array.shape)[:1] == (design.n_samples,)
            return host(design, array)

        monkeypatch.setattr(Arrays, "own", counted_own)
        monkeypatch.setattr(Arrays, "host", counted_host)


@pytest.mark.every_case
@pytest.mark.parametrize("data", [many_coefficients, wide])
@pytest.mark.parametrize("solver", ["newton", "gd", "lbfgs", "sgd"])
@pytest.mark.parametrize("loss", LOSSES)
@only_where(
    lambda solver, loss, data: (
        (solver != "lbfgs" or loss == "softmax")
        and (solver == "newton" or data is wide)
    )
)
def test_iterations_do_not_move_what_is_long(loss, solver, data, monkeypatch):
    X, y = data()
    bus, counts = Bus(monkeypatch), []
    for n_iter in (3, 9):
        bus.long = 0
        model = make(loss, solver=solver, tol=0.0, max_iter=n_iter, batch_size=30)
        assert model.fit(strict.asarray(X), y).n_iter_ == n_iter
        counts.append(bus.long)
    assert 0 < counts[0] == counts[1]


@pytest.mark.parametrize("own_library", [True, False])
def test_validation_data_follow(iris, own_library, xp):
    X, y = iris
    val = (xp.asarray(X[::3]), xp.asarray(y[::3])) if own_library else (X[::3], y[::3])
    model = make("softmax", solver="gd", alpha=0.1)
    there = sklearn.clone(model).fit(xp.asarray(X), y, X_val=val[0], y_val=val[1])
    here = model.fit(X, y, X_val=X[::3], y_val=y[::3])
    np.testing.assert_allclose(
        host(there.validation_loss_curve_), here.validation_loss_curve_, rtol=1e-9
    )


def test_validation_data_in_a_library_follow_numpy(iris, xp):
    X, y = iris
    model = make("softmax", solver="gd", alpha=0.1)
    there = sklearn.clone(model).fit(X, y, X_val=xp.asarray(X), y_val=xp.asarray(y))
    here = model.fit(X, y, X_val=X, y_val=y)
    np.testing.assert_array_equal(
        there.validation_loss_curve_, here.validation_loss_curve_
    )


def test_early_stopping_holds_rows_out(iris, xp):
    X, y = iris
    model = make("softmax", early_stopping=True, alpha=0.1, tol=0.0, max_iter=5)
    there = sklearn.clone(model).fit(xp.asarray(X), y)
    assert type(there.validation_loss_curve_) is type(xp.asarray(X))
    # The rows held out are those of NumPy's fit, whose start has the same loss.
    here = model.fit(X, y)
    first = float(there.validation_loss_curve_[1])
    assert first == pytest.approx(here.validation_loss_curve_[1], rel=1e-9)


def test_pickles_load_without_the_device_or_the_library(iris, monkeypatch):
    X, y = iris
    device = strict.Device("device1")
    model = make("softmax", alpha=0.1).fit(strict.asarray(X, device=device), y)
    stored = pickle.dumps(model)
    assert pickle.loads(stored).coef_.device == device
    expected = make("softmax", alpha=0.1).fit(X, y)

    def absent(*args, device=None, **kwargs):
        if device is not None:
            raise RuntimeError("There is no such device.")
        return as_array(*args, **kwargs)

    as_array = strict.asarray
    monkeypatch.setattr(strict, "asarray", absent)
    elsewhere = pickle.loads(stored)
    assert elsewhere.coef_.device == strict.Device("CPU_DEVICE")
    np.testing.assert_allclose(host(elsewhere.coef_), expected.coef_, atol=1e-9)
    monkeypatch.setitem(sys.modules, "array_api_strict", None)
    alone = pickle.loads(stored)
    assert (alone.predict(X) == expected.predict(X)).all()


def test_tensors_with_gradients_and_in_other_precisions(iris):
    torch = pytest.importorskip("torch", reason="large")
    X, y = iris
    expected = make("softmax", alpha=0.1).fit(X, y)
    X, y = torch.asarray(X.copy()), torch.asarray(y)
    weight = torch.ones(len(y)).requires_grad_()
    model = make("softmax", alpha=0.1)
    model.fit(X.clone().requires_grad_(), y, sample_weight=weight)
    assert not model.coef_.requires_grad
    np.testing.assert_allclose(host(model.coef_), expected.coef_, atol=1e-9)
    # As for NumPy arrays, what is neither float32 nor float64 is taken as float64.
    for dtype in (torch.float16, torch.bfloat16, torch.int32):
        assert model.fit(X.to(dtype), y).coef_.dtype == torch.float64
    columns_first = X.T.contiguous().T
    np.testing.assert_allclose(
        host(model.fit(columns_first, y).coef_), expected.coef_, atol=1e-9
    )


# -- what is refused -----------------------------------------------------------------


@pytest.mark.parametrize("solver", ["sdca", "saga"])
def test_other_solvers_name_those_that_serve(iris, solver):
    serving = "'gd' or 'lbfgs' or 'newton' or 'sgd'"
    message = f"'{solver}' does not support arrays .*; use solver={serving}"
    with pytest.raises(ValueError, match=message):
        make("softmax", solver=solver).fit(strict.asarray(iris[0]), iris[1])


def test_what_needs_rows_on_the_host_says_so(iris):
    X, y = strict.asarray(iris[0]), iris[1]
    model = make("softmax", alpha=0.1)
    calls = [
        lambda: model.partial_fit(X, y, classes=[0, 1, 2]),
        lambda: make("softmax", penalty_factor=[0.0, 1.0, 1.0, 1.0]).fit(X, y),
        lambda: linear_path(X, y, loss="softmax"),
        lambda: SoftmaxClassifierCV().fit(X, y),
        lambda: make("softmax").fit(iris[0], y).certify(X, y),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="processor, and X is on the device"):
            call()
    assert not hasattr(model, "coef_")


def test_tensors_without_numbers(iris):
    torch = pytest.importorskip("torch", reason="large")
    X, y = torch.asarray(iris[0].copy()), iris[1]
    with pytest.raises(ValueError, match=r"layout torch\.sparse_coo, but"):
        make("softmax").fit(X.to_sparse(), y)
    with pytest.raises(ValueError, match=r"layout torch\.sparse_csr, but"):
        make("softmax").fit(X.to_sparse_csr(), y)
    with pytest.raises(ValueError, match="device meta, where arrays have no numbers"):
        make("softmax").fit(X.to("meta"), y)


def test_arrays_are_not_made_sparse(iris):
    model = make("softmax", alpha=0.1).fit(strict.asarray(iris[0]), iris[1])
    with pytest.raises(ValueError, match="needs coefficients in a NumPy array"):
        model.sparsify()


def test_numpy_data_for_a_model_of_another_library(iris, xp):
    model = make("softmax", alpha=0.1).fit(xp.asarray(iris[0]), iris[1])
    with pytest.raises(ValueError, match="must use the same namespace"):
        model.predict(iris[0])


def test_a_device_without_double_precision(iris):
    X = strict.asarray(iris[0].astype("f4"), device=strict.Device("no_float64"))
    with pytest.raises(ValueError, match="does not support float64"):
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
