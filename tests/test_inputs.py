import copy
import importlib
import logging
import tracemalloc
import warnings

import _reference as reference
import numpy as np
import pandas as pd
import pytest
from _models import LOSSES, MODELS, make, models
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from sklearn_linloss import SoftmaxClassifierCV, SVMClassifierCV, _log, linear_path
from sklearn_linloss._solvers import SOLVER_NAMES, _common

all_models = pytest.mark.parametrize("model", MODELS, ids=str)
class_counts = pytest.mark.parametrize("n_classes", [2, 3])
CONSTANT_MODELS = models(learning_rate="constant")

# Few iterations, the same for all: what is compared is the input's handling.
SHORT = {"alpha": 0.05, "tol": 0, "max_iter": 12, "random_state": 0}


def make_data(n_classes=3, n=48, d=5, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d)) + 1.5 * rng.normal(size=(n_classes, d))[y]
    X[rng.uniform(size=X.shape) < 0.3] = 0.0
    return X, y


def assert_same_model(left, right, atol=1e-8):
    np.testing.assert_allclose(left.coef_, right.coef_, atol=atol)
    np.testing.assert_allclose(left.intercept_, right.intercept_, atol=atol)
    np.testing.assert_array_equal(left.classes_, right.classes_)


def int64_csr(X):
    X = sparse.csr_array(X)
    X.indices = X.indices.astype(np.int64)
    X.indptr = X.indptr.astype(np.int64)
    return X


def memmap(X, path):
    stored = np.memmap(path, dtype=X.dtype, mode="w+", shape=X.shape)
    stored[:] = X
    stored.flush()
    return np.memmap(path, dtype=X.dtype, mode="r", shape=X.shape)


# -- kinds of X ----------------------------------------------------------------------

DENSE_KINDS = {
    "fortran": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "columns": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "list": lambda X: X.tolist(),
}
SPARSE_KINDS = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc_matrix": sparse.csc_matrix,
    "csc_array": sparse.csc_array,
    "coo_array": sparse.coo_array,
    "int64_csr": int64_csr,
}


@class_counts
@pytest.mark.parametrize("kind", DENSE_KINDS)
@all_models
def test_dense_layouts_give_one_model(model, kind, n_classes):
    X, y = make_data(n_classes)
    expected = model(**SHORT).fit(X, y)
    fitted = model(**SHORT).fit(DENSE_KINDS[kind](X), y)
    assert_same_model(fitted, expected, atol=1e-12)
    np.testing.assert_array_equal(
        fitted.predict(DENSE_KINDS[kind](X)), fitted.predict(X)
    )


@pytest.mark.parametrize("kind", SPARSE_KINDS)
@all_models
def test_sparse_formats_give_one_model(model, kind):
    X, y = make_data()
    expected = model(**SHORT).fit(sparse.csr_matrix(X), y)
    fitted = model(**SHORT).fit(SPARSE_KINDS[kind](X), y)
    assert_same_model(fitted, expected, atol=1e-12)
    np.testing.assert_array_equal(
        fitted.decision_function(SPARSE_KINDS[kind](X)).round(9),
        fitted.decision_function(X).round(9),
    )


@class_counts
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_models
def test_precision_is_kept(model, kind, dtype, n_classes):
    X, y = make_data(n_classes)
    X = X.astype(dtype)
    X = sparse.csr_matrix(X) if kind == "csr" else X
    fitted = model(**SHORT).fit(X, y)
    assert fitted.coef_.dtype == dtype
    assert fitted.intercept_.dtype == dtype
    assert fitted.decision_function(X).dtype == dtype
    assert fitted.loss_curve_.dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint8, bool])
@all_models
def test_integers_and_booleans_are_converted(model, dtype):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 2 if dtype is bool else 9, size=(45, 6)).astype(dtype)
    y = np.arange(45) % 3
    fitted = model(**SHORT).fit(X, y)
    assert fitted.coef_.dtype == np.float64
    assert_same_model(fitted, model(**SHORT).fit(X.astype(np.float64), y), atol=1e-12)


@all_models
def test_data_frame(model):
    X, y = make_data()
    names = [f"feature {i}" for i in range(X.shape[1])]
    frame = pd.DataFrame(X, columns=names)
    fitted = model(**SHORT).fit(frame, pd.Series(y))
    assert fitted.feature_names_in_.tolist() == names
    assert_same_model(fitted, model(**SHORT).fit(X, y), atol=1e-12)
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[names[::-1]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@all_models
def test_read_only_memory_map(model, dtype, tmp_path):
    X, y = make_data()
    X = X.astype(dtype)
    fitted = model(**SHORT).fit(memmap(X, tmp_path / "X"), y)
    assert_same_model(fitted, model(**SHORT).fit(X, y), atol=1e-12)


def frozen(array):
    array.flags.writeable = False
    return array


@all_models
def test_read_only_csr(model):
    X, y = make_data()
    csr = sparse.csr_matrix(X)
    expected = model(**SHORT).fit(csr.copy(), y)
    for part in (csr.data, csr.indices, csr.indptr, y):
        frozen(part)
    assert_same_model(model(**SHORT).fit(csr, y), expected, atol=1e-12)


@all_models
def test_unsorted_csr_with_duplicates_is_left_alone(model):
    X, y = make_data()
    tidy = sparse.csr_matrix(X)
    # Each row backwards, and every entry as two halves.
    data, indices, indptr = [], [], [0]
    for i in range(X.shape[0]):
        row = slice(tidy.indptr[i], tidy.indptr[i + 1])
        data += np.repeat(tidy.data[row][::-1] / 2, 2).tolist()
        indices += np.repeat(tidy.indices[row][::-1], 2).tolist()
        indptr.append(len(data))
    messy = sparse.csr_matrix((data, indices, indptr), shape=X.shape)
    before = [part.copy() for part in (messy.data, messy.indices, messy.indptr)]
    fitted = model(**SHORT).fit(messy, y)
    for part, kept in zip(
        (messy.data, messy.indices, messy.indptr), before, strict=True
    ):
        np.testing.assert_array_equal(part, kept)
    assert_same_model(fitted, model(**SHORT).fit(tidy, y), atol=1e-12)


@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_models
def test_arguments_are_not_written_to(model, kind):
    X, y = make_data()
    X = sparse.csr_matrix(X) if kind == "csr" else X
    arguments = {
        "X": X,
        "y": y,
        "sample_weight": np.linspace(0.0, 2.0, len(y)),
        "coef_init": np.ones((3, 5)),
        "intercept_init": np.arange(3.0),
    }
    parts = [*list(arguments.values())[1:]]
    parts += [X.data, X.indices, X.indptr] if kind == "csr" else [X]
    before = [part.tobytes() for part in parts]
    model(class_weight="balanced", **SHORT).fit(**arguments)
    assert [part.tobytes() for part in parts] == before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_models
def test_x_is_not_copied(model, kind, dtype):
    rng = np.random.default_rng(0)
    if kind == "dense":
        X = rng.normal(size=(16_000, 150)).astype(dtype)
        size = X.nbytes
    else:
        X = rng.random((14_000, 300)).astype(dtype)
        X = sparse.csr_array(np.where(X < 0.5, X, 0.0))
        size = X.data.nbytes + X.indices.nbytes
    y = np.arange(X.shape[0]) % 2
    if kind == "dense":
        X[:, 0] += y
    estimator = model(alpha=0.1, tol=0, max_iter=2, random_state=0)
    # Compile first: the compiler allocates a lot.
    estimator.fit(X, y)
    tracemalloc.start()
    try:
        estimator.fit(X, y)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 0.5 * size


# -- labels --------------------------------------------------------------------------

LABELS = {
    "strings": np.array(["cat", "dog", "frog"]),
    "objects": np.array(["cat", "dog", "frog"], dtype=object),
    "integers": np.array([-7, 3, 40]),
    "floats": np.array([-1.0, 0.0, 2.0]),
}


@pytest.mark.parametrize("kind", LABELS)
@all_models
def test_labels(model, kind):
    X, y = make_data()
    expected = model(**SHORT).fit(X, y)
    fitted = model(**SHORT).fit(X, LABELS[kind][y])
    np.testing.assert_array_equal(fitted.classes_, LABELS[kind])
    np.testing.assert_allclose(fitted.coef_, expected.coef_, rtol=1e-12)
    np.testing.assert_array_equal(fitted.predict(X), LABELS[kind][expected.predict(X)])
    assert fitted.score(X, LABELS[kind][y]) == expected.score(X, y) > 0.6


@all_models
def test_boolean_labels(model):
    X, y = make_data(2)
    fitted = model(**SHORT).fit(X, y == 1)
    assert fitted.classes_.dtype == bool
    assert fitted.predict(X).dtype == bool
    assert fitted.coef_.shape == (1, 5)
    assert fitted.intercept_.shape == (1,)
    assert fitted.decision_function(X).shape == (48,)
    np.testing.assert_array_equal(fitted.predict(X), fitted.decision_function(X) > 0.0)


# -- bad input leaves everything as it was -------------------------------------------


def snapshot(estimator):
    return copy.deepcopy(vars(estimator))


def assert_unchanged(estimator, before):
    after = vars(estimator)
    assert list(after) == list(before)
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value, err_msg=name)


def with_value(X, value):
    X = X.copy()
    X[3, 1] = value
    return X


GOOD_X, GOOD_Y = make_data()
BAD_FITS = {
    "nan in X": ((with_value(GOOD_X, np.nan), GOOD_Y), {}, "NaN"),
    "inf in X": ((with_value(GOOD_X, np.inf), GOOD_Y), {}, "infinity"),
    "nan in sparse X": (
        (sparse.csr_matrix(with_value(GOOD_X, np.nan)), GOOD_Y),
        {},
        "NaN",
    ),
    "1d X": ((GOOD_X[:, 0], GOOD_Y), {}, "Expected 2D array"),
    "3d X": ((GOOD_X[None], GOOD_Y), {}, "3"),
    "complex X": ((GOOD_X * 1j, GOOD_Y), {}, "Complex data not supported"),
    "no samples": ((GOOD_X[:0], GOOD_Y[:0]), {}, "Found array with 0 sample"),
    "no features": ((GOOD_X[:, :0], GOOD_Y), {}, r"0 feature\(s\)"),
    "y too short": ((GOOD_X, GOOD_Y[1:]), {}, "inconsistent numbers of samples"),
    "y None": ((GOOD_X, None), {}, "requires y to be passed, but the target y is None"),
    "2d y": ((GOOD_X, np.eye(3)[GOOD_Y]), {}, "1d array"),
    "nan in y": ((GOOD_X, np.where(GOOD_Y == 0, np.nan, GOOD_Y)), {}, "NaN"),
    "continuous y": (
        (GOOD_X, GOOD_Y + 0.5 * GOOD_X[:, 0]),
        {},
        "[Uu]nknown label type",
    ),
    "one class": ((GOOD_X, np.zeros(48)), {}, "one class"),
    "negative weight": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": np.linspace(-1, 1, 48)},
        "Negative values in data passed to `sample_weight`",
    ),
    "zero weights": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": np.zeros(48)},
        "at least one non-zero",
    ),
    "nan weight": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": np.where(GOOD_Y == 0, np.nan, 1.0)},
        "NaN",
    ),
    "weights too few": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": np.ones(47)},
        r"sample_weight.shape == \(47,\), expected \(48,\)",
    ),
    "2d weights": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": np.ones((48, 2))},
        "Sample weights must be 1D",
    ),
    "one class left by the weights": (
        (GOOD_X, GOOD_Y),
        {"sample_weight": (GOOD_Y == 1).astype(float)},
        "one class",
    ),
    "coef_init shape": (
        (GOOD_X, GOOD_Y),
        {"coef_init": np.zeros((3, 4))},
        r"coef_init.*expected shape \(3, 5\), got \(3, 4\)",
    ),
    "intercept_init shape": (
        (GOOD_X, GOOD_Y),
        {"intercept_init": np.zeros(4)},
        r"intercept_init.*expected shape \(3,\), got \(4,\)",
    ),
    "coef_init nan": (
        (GOOD_X, GOOD_Y),
        {"coef_init": np.full((3, 5), np.nan)},
        "NaN",
    ),
}


@pytest.mark.parametrize("case", BAD_FITS)
@pytest.mark.parametrize("loss", LOSSES)
def test_bad_data(loss, case):
    arguments, keywords, message = BAD_FITS[case]
    fitted = make(loss, **SHORT).fit(GOOD_X, GOOD_Y)
    before = snapshot(fitted)
    with pytest.raises(ValueError, match=message):
        fitted.fit(*arguments, **keywords)
    assert_unchanged(fitted, before)
    fresh = make(loss, **SHORT)
    with pytest.raises(ValueError, match=message):
        fresh.fit(*arguments, **keywords)
    with pytest.raises(NotFittedError):
        fresh.predict(GOOD_X)
    assert not [name for name in vars(fresh) if name.endswith("_")]


BAD_PARAMETERS = {
    "alpha": [-1.0, "strong", None, np.nan],
    "l1_ratio": [-0.1, 1.1, None],
    "penalty": ["l1", None],
    "penalty_factor": ["low", 1.0],
    "max_time": [0.0, -1.0, "forever"],
    "fit_intercept": ["yes", 2],
    "solver": ["adam", None],
    "tol": [-1e-3, None],
    "max_iter": [0, -1, 1.5],
    "learning_rate": ["optimal", 0.1],
    "eta0": [0.0, -1.0],
    "power_t": [-0.5],
    "momentum": [-0.1, 1.0],
    "batch_size": [0, 1.5, "all"],
    "average": [-1, "yes"],
    "shuffle": [None, 3],
    "early_stopping": [None, 3],
    "validation_fraction": [0.0, 1.0, -0.5, "0.1"],
    "n_iter_no_change": [0],
    "class_weight": ["equal", 3],
    "warm_start": ["yes"],
    "n_jobs": [1.5, "all"],
    "random_state": ["seed", -1],
    "verbose": [-1, "loud"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, vs in BAD_PARAMETERS.items() for v in vs]
)
@pytest.mark.parametrize("loss", LOSSES)
def test_bad_parameters(loss, name, value):
    fitted = make(loss, **SHORT).fit(GOOD_X, GOOD_Y)
    fitted.set_params(**{name: value})
    before = snapshot(fitted)
    with pytest.raises(ValueError, match=f"The {name!r} parameter of"):
        fitted.fit(GOOD_X, GOOD_Y)
    assert_unchanged(fitted, before)


@pytest.mark.parametrize(
    ("name", "value"),
    [("loss", "softmax"), ("loss", None)]
    + [("delta", delta) for delta in (0.0, -1.0, 1e-300, 1e200, np.inf, np.nan)],
)
def test_bad_parameters_of_the_svm(name, value):
    estimator = make("hinge").set_params(**{name: value})
    with pytest.raises(ValueError, match=f"The {name!r} parameter of SVMClassifier"):
        estimator.fit(GOOD_X, GOOD_Y)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("delta", [1e-100, 1e100])
def test_the_least_and_the_largest_margin(delta, loss):
    """A penalty of coefficients in the unit of the margin makes one model of all."""
    X, y = make_data()
    alpha = 0.1 / delta if loss == "hinge" else 0.1
    fitted = make(loss, delta=delta, alpha=alpha).fit(X, y)
    plain = make(loss, alpha=0.1).fit(X, y)
    assert fitted.gap_ <= 1e-4
    np.testing.assert_allclose(fitted.coef_ / delta, plain.coef_, atol=0.02)


def test_every_parameter_has_bad_values_tested():
    assert set(make("softmax").get_params()) <= set(BAD_PARAMETERS)
    assert set(make("hinge").get_params()) <= {*BAD_PARAMETERS, "loss", "delta"}


def refuse_class_weight(loss, class_weight, message):
    """All that take it refuse it; returns the estimator."""
    estimator = make(loss, class_weight=class_weight)
    search = SVMClassifierCV if loss != "softmax" else SoftmaxClassifierCV
    search = search(alphas=[0.1], class_weight=class_weight)
    for fit in (estimator.fit, search.fit):
        with pytest.raises(ValueError, match=message):
            fit(GOOD_X, GOOD_Y)
    with pytest.raises(ValueError, match=message):
        estimator.partial_fit(GOOD_X, GOOD_Y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match=message):
        linear_path(GOOD_X, GOOD_Y, loss=loss, class_weight=class_weight)
    return estimator


@pytest.mark.parametrize("weight", [-1.0, np.nan, np.inf, None, "x"])
@pytest.mark.parametrize("loss", LOSSES)
def test_bad_class_weights(loss, weight):
    message = "class_weight must be finite and not negative"
    refuse_class_weight(loss, {0: weight, 1: 1.0, 2: 1.0}, message)


@pytest.mark.parametrize("loss", LOSSES)
def test_class_weights_of_what_is_no_label(loss):
    class_weight = {0: 2.0, 7: 3.0}
    message = r"class_weight has weights for \[7\], .* the labels \[0, 1, 2\]"
    estimator = refuse_class_weight(loss, class_weight, message)
    # As in scikit-learn, a dict that names every label may name others.
    estimator.set_params(class_weight=class_weight | {1: 1.0, 2: 1.0})
    estimator.fit(GOOD_X, GOOD_Y)


@pytest.mark.parametrize("loss", LOSSES)
def test_class_weights_that_are_all_zero(loss):
    with pytest.raises(ValueError, match="zero"):
        make(loss, class_weight={0: 0.0, 1: 0.0, 2: 0.0}).fit(GOOD_X, GOOD_Y)


@all_models
def test_predicting_bad_data(model):
    fitted = model(**SHORT)
    with pytest.raises(NotFittedError):
        fitted.decision_function(GOOD_X)
    fitted.fit(GOOD_X, GOOD_Y)
    with pytest.raises(ValueError, match=r"X has 4 features, but .* is expecting 5"):
        fitted.predict(GOOD_X[:, :4])
    with pytest.raises(ValueError, match="NaN"):
        fitted.predict(with_value(GOOD_X, np.nan))


@all_models
def test_warm_start_needs_the_same_classes_and_features(model):
    fitted = model(warm_start=True, **SHORT).fit(GOOD_X, GOOD_Y)
    before = snapshot(fitted)
    for y in (GOOD_Y + 1, np.minimum(GOOD_Y, 1)):
        with pytest.raises(ValueError, match="same classes"):
            fitted.fit(GOOD_X, y)
        assert_unchanged(fitted, before)
    with pytest.raises(ValueError, match="features"):
        fitted.fit(GOOD_X[:, :4], GOOD_Y)
    assert_unchanged(fitted, before)


def test_intercept_init_without_an_intercept():
    estimator = make("softmax", fit_intercept=False)
    with pytest.raises(ValueError, match="intercept_init"):
        estimator.fit(GOOD_X, GOOD_Y, intercept_init=np.zeros(3))


def test_a_solver_that_cannot_serve_names_those_that_can():
    fitted = make("softmax", **SHORT).fit(GOOD_X, GOOD_Y)
    fitted.set_params(solver="gd", learning_rate="invscaling")
    before = snapshot(fitted)
    with pytest.raises(ValueError) as error:
        fitted.fit(GOOD_X, GOOD_Y)
    message = str(error.value)
    assert "'gd'" in message
    assert "learning_rate='invscaling'" in message
    assert "'sgd'" in message
    assert "'gd'" not in message.partition("use")[2]
    assert_unchanged(fitted, before)


@pytest.mark.every_case
@pytest.mark.parametrize("rate", ["auto", "constant", "invscaling", "adaptive"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_every_request_is_served_or_refused_in_one_sentence(loss, l1_ratio, rate):
    served = []
    for solver in SOLVER_NAMES:
        estimator = make(loss, solver=solver, l1_ratio=l1_ratio, learning_rate=rate)
        estimator.set_params(**SHORT).set_params(max_iter=2)
        try:
            estimator.fit(GOOD_X, GOOD_Y)
        except ValueError as error:
            assert f"The solver {solver!r} does not support" in str(error)
            assert str(error).endswith(".")
        else:
            served.append(solver)
            assert estimator.solver_ == solver
    assert "sgd" in served
    assert ("gd" in served) == (rate in ("auto", "constant"))
    automatic = make(loss, l1_ratio=l1_ratio, learning_rate=rate, **SHORT)
    assert automatic.fit(GOOD_X, GOOD_Y).solver_ in served


# -- divergence and interruption -----------------------------------------------------


@pytest.mark.parametrize("model", CONSTANT_MODELS, ids=str)
@class_counts
def test_divergence_is_an_error(model, n_classes):
    X, y = make_data(n_classes)
    good = dict(learning_rate="constant", alpha=0.01, random_state=0)
    fitted = model(eta0=1e-3, tol=0, max_iter=3, **good).fit(X, y)
    fitted.set_params(eta0=1e6, max_iter=1000)
    before = snapshot(fitted)
    with pytest.raises(ValueError, match="diverged") as error:
        fitted.fit(X, y)
    message = str(error.value)
    assert f"{model.solver!r}" in message
    assert "1e+06" in message
    iteration = int(message.partition("iteration ")[2].partition(" ")[0])
    assert 1 <= iteration <= 1000
    assert "eta0" in message
    assert_unchanged(fitted, before)
    assert np.isfinite(fitted.coef_).all()


@all_models
def test_an_interrupted_fit_changes_nothing(model, monkeypatch):
    fitted = model(**SHORT).fit(GOOD_X, GOOD_Y)
    before = snapshot(fitted)
    record = _common.Progress.record

    def interrupt(self, objective, theta, gap=None):
        record(self, objective, theta)
        if self.n_iter == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(_common.Progress, "record", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fitted.fit(GOOD_X + 1.0, GOOD_Y)
    assert_unchanged(fitted, before)
    fresh = model(**SHORT)
    with pytest.raises(KeyboardInterrupt):
        fresh.fit(GOOD_X, GOOD_Y)
    with pytest.raises(NotFittedError):
        fresh.predict(GOOD_X)


# -- weights of zero -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dense", "csr"])
@all_models
def test_rows_without_weight_are_left_out(model, kind):
    X, y = make_data()
    weight = np.where(np.arange(48) % 5 == 0, 0.0, 1.5)
    kept = weight > 0.0
    convert = sparse.csr_matrix if kind == "csr" else np.asarray
    fitted = model(**SHORT).fit(convert(X), y, sample_weight=weight)
    expected = model(**SHORT).fit(convert(X[kept]), y[kept])
    assert_same_model(fitted, expected, atol=1e-12)


@pytest.mark.parametrize("two", [2.0, 2, np.float32(2.0), np.array(2.0)])
def test_one_weight_is_that_of_all_samples(two):
    X, y = make_data()
    each = np.full(len(y), 2.0)
    for make_estimator in (
        lambda: make("softmax", **SHORT),
        lambda: SoftmaxClassifierCV(alphas=[0.1], random_state=0),
    ):
        fitted, expected = (
            make_estimator().fit(X, y, sample_weight=weight) for weight in (two, each)
        )
        np.testing.assert_array_equal(fitted.coef_, expected.coef_)
    streams = [make("softmax"), make("softmax")]
    for stream, weight in zip(streams, (two, each), strict=True):
        stream.partial_fit(X, y, classes=[0, 1, 2], sample_weight=weight)
    np.testing.assert_array_equal(streams[0].coef_, streams[1].coef_)
    coef = streams[0].coef_.copy()
    for zero in (0.0, 0, np.array(0.0)):
        streams[0].partial_fit(X, y, sample_weight=zero)
        np.testing.assert_array_equal(streams[0].coef_, coef)
    paths = [linear_path(X, y, alphas=2, sample_weight=w) for w in (two, each)]
    np.testing.assert_array_equal(paths[0].coefs, paths[1].coefs)


@all_models
def test_a_class_without_weight_vanishes(model):
    X, y = make_data()
    weight = (y != 1).astype(float)
    fitted = model(**SHORT).fit(X, y, sample_weight=weight)
    assert fitted.classes_.tolist() == [0, 2]
    assert fitted.coef_.shape == (1, 5)
    assert_same_model(fitted, model(**SHORT).fit(X[y != 1], y[y != 1]), atol=1e-12)
    by_class = model(class_weight={1: 0.0}, **SHORT).fit(X, y)
    assert_same_model(by_class, fitted, atol=1e-12)


@all_models
def test_class_weights_may_name_a_class_without_weight(model):
    X, y = make_data()
    weight = (y != 1).astype(float)
    fitted = model(class_weight={1: 5.0, 2: 3.0}, **SHORT).fit(X, y, weight)
    expected = model(**SHORT).fit(X, y, weight * np.where(y == 2, 3.0, 1.0))
    assert_same_model(fitted, expected, atol=1e-12)


@all_models
def test_class_weights_multiply_sample_weights(model):
    X, y = make_data()
    weight = np.linspace(0.5, 2.0, 48)
    fitted = model(class_weight={0: 2.0, 2: 0.25}, **SHORT).fit(X, y, weight)
    product = weight * np.array([2.0, 1.0, 0.25])[y]
    assert_same_model(fitted, model(**SHORT).fit(X, y, product), atol=1e-10)
    balanced = model(class_weight="balanced", **SHORT).fit(X, y, weight)
    total = np.bincount(y, weights=weight)
    assert_same_model(balanced, model(**SHORT).fit(X, y, weight / total[y]), atol=1e-10)


# -- what a fit reports --------------------------------------------------------------


@all_models
def test_one_warning_with_the_gap_the_solver_and_the_remedy(model):
    X, y = make_data()
    X = X * [1.0, 100.0, *[1.0] * (X.shape[1] - 2)]
    estimator = model(alpha=1e-3, tol=1e-9, max_iter=2, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(X, y)
    assert [w.category for w in caught] == [ConvergenceWarning]
    message = str(caught[0].message)
    assert f"{model.solver!r}" in message
    assert "max_iter" in message
    assert "tol" in message
    assert "StandardScaler" in message
    if model.deterministic:
        assert f"{estimator.gap_:.1e}" in message
    # The caller's line is named, not one inside the package.
    assert caught[0].filename == __file__


@class_counts
@all_models
def test_zero_tolerance_makes_all_iterations_and_warns_of_nothing(model, n_classes):
    X, y = make_data(n_classes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for max_iter in (1, 7, 40):
            fitted = model(alpha=0.1, tol=0, max_iter=max_iter, random_state=0)
            assert fitted.fit(X, y).n_iter_ == max_iter
            assert type(fitted.n_iter_) is int
            assert len(fitted.loss_curve_) == max_iter + 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["dense", "csr"])
@class_counts
@all_models
def test_loss_curve(model, n_classes, kind, dtype):
    X, y = make_data(n_classes)
    X = X.astype(dtype)
    delta = 1.0 if model.loss == "softmax" else 2.5
    params = {} if model.loss == "softmax" else {"delta": delta}
    weight = np.linspace(0.5, 2.0, 48)
    fitted = model(**params, **SHORT)
    fitted.fit(sparse.csr_matrix(X) if kind == "csr" else X, y, sample_weight=weight)
    at_zero = {
        "hinge": delta * (n_classes - 1),
        "squared_hinge": delta**2 * (n_classes - 1),
        "softmax": np.log(n_classes),
    }[model.loss]
    curve = fitted.loss_curve_
    assert curve.shape == (fitted.n_iter_ + 1,)
    assert curve[0] == pytest.approx(at_zero, rel=1e-6)
    assert curve[-1] == fitted.objective_
    assert fitted.objective_ == pytest.approx(
        reference.objective_of(fitted, X, y, weight), rel=1e-12
    )
    assert fitted.objective_ < 0.9 * at_zero
    assert 0.0 <= fitted.gap_ <= 1.0
    if n_classes > 2:
        assert fitted.intercept_.sum() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("model", CONSTANT_MODELS, ids=str)
def test_an_entry_of_the_curve_is_the_objective_of_a_shorter_fit(model):
    X, y = make_data()
    params = SHORT | {"learning_rate": "constant", "eta0": 0.05}
    curve = model(**params).fit(X, y).loss_curve_
    shorter = [
        model(**(params | {"max_iter": t})).fit(X, y).objective_ for t in range(1, 12)
    ]
    np.testing.assert_allclose(curve[1:12], shorter, rtol=1e-10)


@pytest.mark.parametrize("model", [m for m in MODELS if m.deterministic], ids=str)
def test_an_entry_of_the_curve_is_the_objective_of_a_shorter_automatic_fit(model):
    X, y = make_data()
    curve = model(**SHORT).fit(X, y).loss_curve_
    shorter = [
        model(**(SHORT | {"max_iter": t})).fit(X, y).objective_ for t in range(1, 8)
    ]
    np.testing.assert_allclose(curve[1:8], shorter, rtol=1e-10)


@all_models
def test_without_an_intercept(model):
    X, y = make_data()
    fitted = model(fit_intercept=False, **SHORT).fit(X, y)
    np.testing.assert_array_equal(fitted.intercept_, np.zeros(3))
    assert fitted.objective_ == pytest.approx(
        reference.objective_of(fitted, X, y), rel=1e-12
    )


@pytest.mark.parametrize("model", models(alpha=0.0), ids=str)
def test_without_a_penalty_there_is_no_gap(model):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), rng.integers(3, size=60)
    fitted = model(alpha=0.0, tol=1e-3, max_iter=5000, random_state=0).fit(X, y)
    assert np.isnan(fitted.gap_)
    if model.deterministic and model.loss != "hinge":
        grad_W, grad_b = reference.subgradient(
            fitted.coef_, fitted.intercept_, X, y, model.loss, 0.0
        )
        zero = reference.subgradient(
            np.zeros((3, 2)), np.zeros(3), X, y, model.loss, 0.0
        )
        norms = [
            max(np.abs(w).max(), np.abs(b).max()) for w, b in ((grad_W, grad_b), zero)
        ]
        assert norms[0] <= 1.001e-3 * norms[1]


@all_models
def test_verbose_tells_one_line_an_iteration(model, caplog):
    X, y = make_data()
    model(**SHORT).fit(X, y)
    assert caplog.messages == []
    fitted = model(verbose=1, **SHORT).fit(X, y)
    *lines, last = caplog.messages
    for t in range(1, fitted.n_iter_ + 1):
        assert sum(f"iteration {t}:" in line for line in lines) == 1
    assert all(model.solver in line for line in lines)
    # The start may have a line, too.
    assert fitted.n_iter_ <= len(lines) <= fitted.n_iter_ + 1
    assert f"objective {fitted.objective_:.8g}, gap {fitted.gap_:.1e}" in last


def test_what_is_told_is_printed_where_no_handler_is_set_up(monkeypatch, capsys):
    X, y = make_data()
    logger = logging.getLogger("sklearn_linloss")
    monkeypatch.setattr(logger, "propagate", False)
    fitted = make("softmax", verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= fitted.n_iter_
    assert "certificate" in lines[-1]


@pytest.mark.parametrize(
    ("before", "after"),
    [(logging.NOTSET, logging.INFO), (logging.ERROR, logging.ERROR)],
)
def test_a_level_of_the_logger_that_is_set_before_the_import_stays(before, after):
    logger = logging.getLogger("sklearn_linloss")
    level = logger.level
    try:
        logger.setLevel(before)
        importlib.reload(_log)
        assert logger.level == after
    finally:
        logger.setLevel(level)


@all_models
def test_constant_features_and_duplicate_rows_do_no_harm(model):
    X, y = make_data()
    X = np.hstack([X, np.zeros((48, 1)), np.full((48, 1), 7.0)])
    X[:6] = X[0]
    fitted = model(alpha=0.05, max_iter=3000, tol=1e-3, random_state=0).fit(X, y)
    assert np.isfinite(fitted.coef_).all()
    np.testing.assert_allclose(fitted.coef_[:, 5], 0.0, atol=1e-12)


@class_counts
@all_models
def test_all_features_constant(model, n_classes):
    y = np.arange(30) % n_classes
    fitted = model(alpha=0.1, max_iter=3000, tol=1e-3, random_state=0)
    fitted.fit(np.ones((30, 2)), y)
    # Equal classes and nothing to tell them apart: zero is optimal.
    at_zero = fitted.loss_curve_[0]
    assert fitted.objective_ == pytest.approx(at_zero, rel=0.01)


@all_models
def test_a_single_feature_and_more_features_than_samples(model):
    X, y = make_data(n=12, d=40)
    wide = model(**(SHORT | {"max_iter": 100})).fit(X, y)
    assert wide.score(X, y) == 1.0
    narrow = model(**SHORT).fit(X[:, :1], y)
    assert narrow.coef_.shape == (3, 1)
