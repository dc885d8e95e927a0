import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import _reference as reference
import numpy as np
import pytest
from _models import L1_MODELS, LOSSES, MODELS, make
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.model_selection import GridSearchCV, cross_validate, learning_curve
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_linloss

PROJECT = Path(sklearn_linloss.__file__).parents[1]
all_models = pytest.mark.parametrize("model", MODELS, ids=str)
all_losses = pytest.mark.parametrize("loss", LOSSES)
LOOSE = {"alpha": 0.01, "tol": 1e-2, "max_iter": 2000, "random_state": 0}


@pytest.fixture(scope="module")
def data():
    return load_iris(return_X_y=True)


def with_the_package(**environment):
    """Variables of a process that imports the package from here."""
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    return os.environ | {"PYTHONPATH": path} | environment


def run_python(code, *arguments, **environment):
    """Standard output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=with_the_package(**environment),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# -- meta-estimators -----------------------------------------------------------------


@all_models
def test_pipeline(model, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), model(**LOOSE)).fit(X, y)
    assert pipeline.score(X, y) > 0.9


@all_models
def test_grid_search_is_the_same_serial_in_processes_and_in_threads(model, data):
    X, y = data
    pipeline = Pipeline([("scale", StandardScaler()), ("model", model(**LOOSE))])
    grid = {"model__alpha": [0.01, 0.3]}
    if model.loss != "softmax":
        grid["model__delta"] = [1.0, 3.0]
    scores = []
    from joblib import parallel_config

    for backend, n_jobs in (("loky", 1), ("loky", 2), ("threading", 2)):
        search = GridSearchCV(pipeline, grid, n_jobs=n_jobs, cv=3)
        with parallel_config(backend=backend):
            search.fit(X, y)
        scores.append(search.cv_results_)
        assert search.best_score_ > 0.9
    for other in scores[1:]:
        for name in scores[0]:
            if name.startswith("split"):
                np.testing.assert_array_equal(other[name], scores[0][name])


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_the_svm_gets_probabilities_from_calibration_alone(loss, data):
    X, y = data
    model = make(loss, **LOOSE)
    assert not hasattr(model, "predict_proba")
    assert not hasattr(model.fit(X, y), "predict_proba")
    proba = CalibratedClassifierCV(model, cv=3).fit(X, y).predict_proba(X)
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1.0)
    assert (proba.argmax(axis=1) == y).mean() > 0.85


@pytest.mark.parametrize("model", L1_MODELS, ids=str)
def test_l1_selects_features(model, breast_cancer):
    X, y = breast_cancer
    selector = SelectFromModel(
        model(l1_ratio=1.0, **(LOOSE | {"alpha": 0.05})), threshold=1e-12
    ).fit(X, y)
    selected = selector.get_support()
    np.testing.assert_array_equal(selected, selector.estimator_.coef_[0] != 0.0)
    assert 1 <= selected.sum() <= 15


@all_losses
def test_bagging(loss, data):
    X, y = data
    ensemble = BaggingClassifier(make(loss, **LOOSE), n_estimators=3, random_state=0)
    assert ensemble.fit(X, y).score(X, y) > 0.9


@all_losses
def test_learning_curve(loss, data):
    X, y = data
    pipeline = make_pipeline(StandardScaler(), make(loss, **LOOSE))
    sizes, _, test_scores = learning_curve(
        pipeline, X, y, train_sizes=[0.3, 1.0], cv=3, shuffle=True, random_state=0
    )
    assert len(sizes) == 2
    assert test_scores[-1].mean() > 0.9


@all_models
def test_clone_keeps_parameters_and_drops_the_fit(model, data):
    fitted = model(delta=2.0, **LOOSE) if model.loss == "hinge" else model(**LOOSE)
    fitted.fit(*data)
    copy = clone(fitted)
    assert copy.get_params() == fitted.get_params()
    assert not hasattr(copy, "coef_")


@all_losses
def test_sample_weight_is_routed(loss, data):
    X, y = data
    weight = np.random.default_rng(0).uniform(0.1, 5.0, size=len(y))
    scaled = StandardScaler().fit_transform(X)
    expected = make(loss, **LOOSE).fit(scaled, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        model = make(loss, **LOOSE).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False), model
        )
        pipeline.fit(X, y, sample_weight=weight)
        np.testing.assert_array_equal(pipeline[-1].coef_, expected.coef_)
        model.set_score_request(sample_weight=False)
        results = cross_validate(
            model,
            scaled,
            y,
            params={"sample_weight": weight},
            cv=2,
            error_score="raise",
        )
        assert results["test_score"].min() > 0.8
    assert not np.allclose(
        expected.coef_, make(loss, **LOOSE).fit(scaled, y).coef_, atol=1e-6
    )


# -- starts --------------------------------------------------------------------------


@all_models
def test_warm_start_continues(model, iris):
    X, y = iris
    params = LOOSE | {"tol": 0, "max_iter": 30}
    if model.solver == "gd" and model.loss != "hinge":
        params["max_iter"] = 300
    warm = model(warm_start=True, **params).fit(X, y)
    reached = warm.objective_
    warm.fit(X, y)
    assert warm.loss_curve_[0] == pytest.approx(reached, rel=1e-12)
    cold = model(**params).fit(X, y).fit(X, y)
    assert cold.objective_ == pytest.approx(reached, rel=1e-12)


@all_models
def test_a_start_at_the_optimum_stays_there(model, iris):
    X, y = iris
    done = make(model.loss, alpha=0.1, tol=1e-4, max_iter=20_000).fit(X, y)
    again = model(alpha=0.1, tol=0, max_iter=1, random_state=0)
    again.fit(X, y, coef_init=done.coef_, intercept_init=done.intercept_)
    assert again.loss_curve_[0] == pytest.approx(done.objective_, rel=1e-12)
    if model.deterministic:
        assert again.objective_ <= done.objective_ * (1.0 + 1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
@all_models
def test_initial_coefficients_shift_the_start(model, n_classes, data):
    X, y = data
    X, y = X[y < n_classes], y[y < n_classes]
    n_rows = 1 if n_classes == 2 else 3
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=(n_rows, 4)), rng.normal(size=n_rows)
    fitted = model(alpha=0.1, tol=0, max_iter=2, random_state=0)
    fitted.fit(X, y, coef_init=W, intercept_init=b)
    start = reference.objective(W, b, X, y, model.loss, 0.1)
    assert fitted.loss_curve_[0] == pytest.approx(start, rel=1e-6)


@pytest.mark.parametrize("size", [1e3, 1e10, 1e200])
@all_losses
def test_a_start_far_away_is_no_worse_than_none(loss, size, iris):
    X, y = iris
    rng = np.random.default_rng(0)
    W, b = size * rng.normal(size=(3, 4)), size * rng.normal(size=3)
    cold = make(loss, alpha=0.01).fit(X, y)
    far = make(loss, alpha=0.01).fit(X, y, coef_init=W, intercept_init=b)
    assert far.gap_ <= 1e-4
    assert far.n_iter_ <= cold.n_iter_


@all_losses
def test_a_warm_start_survives_a_change_of_units(loss, iris):
    X, y = iris
    cold = make(loss, alpha=0.01).fit(X, y)
    model = make(loss, alpha=1e-22, warm_start=True).fit(1e-10 * X, y)
    model.set_params(alpha=0.01).fit(X, y)
    assert model.gap_ <= 1e-4
    assert model.n_iter_ <= cold.n_iter_


def test_textbook_steps_begin_where_they_are_told(iris):
    import _reference as reference

    X, y = iris
    W = 1e3 * np.random.default_rng(0).normal(size=(3, 4))
    steps = {"solver": "gd", "learning_rate": "constant", "fit_intercept": False}
    model = make("hinge", alpha=0.1, tol=0, max_iter=1, **steps).fit(X, y, coef_init=W)
    start = reference.objective(W, np.zeros(3), X, y, "hinge", 0.1)
    assert model.loss_curve_[0] == pytest.approx(start, rel=1e-12)


@pytest.mark.parametrize("solver", ["gd", "sgd"])
@pytest.mark.parametrize("alpha", [0.0, 0.1])
@pytest.mark.parametrize("loss", LOSSES)
def test_columns_without_entries_begin_where_they_are_told(loss, alpha, solver, iris):
    X, y = iris
    X = np.hstack([X, np.zeros((len(y), 8))])
    W = np.random.default_rng(0).normal(size=(3, 12))
    steps = {"learning_rate": "constant", "tol": 0, "max_iter": 3, "alpha": alpha}
    for kept in (slice(12), [0, 1, 6]):  # that start at zero, and of these many empty
        start = np.zeros_like(W)
        start[:, kept] = W[:, kept]
        sparse_fit, dense_fit = (
            make(loss, solver=solver, **steps).fit(each, y, coef_init=start)
            for each in (sparse.csr_matrix(X), X)
        )
        value = reference.objective(start, np.zeros(3), X, y, loss, alpha)
        assert sparse_fit.loss_curve_[0] == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(sparse_fit.coef_, dense_fit.coef_, atol=1e-10)
        if alpha == 0.0:
            np.testing.assert_array_equal(sparse_fit.coef_[:, 4:], start[:, 4:])


@pytest.mark.parametrize("model", L1_MODELS, ids=str)
def test_sparsify_and_densify(model, iris):
    X, y = iris
    fitted = model(l1_ratio=1.0, **(LOOSE | {"alpha": 0.1})).fit(X, y)
    dense, scores = fitted.coef_.copy(), fitted.decision_function(X)
    assert fitted.sparsify() is fitted
    assert fitted.coef_.format == "csr"
    assert fitted.coef_.nnz == np.count_nonzero(dense) < dense.size
    np.testing.assert_allclose(fitted.decision_function(X), scores, atol=1e-12)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_allclose(loaded.decision_function(X), scores, atol=1e-12)
    warm = fitted.set_params(warm_start=True, tol=0, max_iter=1).fit(X, y)
    assert warm.loss_curve_[0] < 0.9 * np.log(3)
    fitted.sparsify()
    assert fitted.densify() is fitted
    assert isinstance(fitted.coef_, np.ndarray)
    fitted.densify()


@pytest.mark.parametrize("precision", [np.float32, np.float64])
def test_a_sparse_model_predicts_sparse_data_of_either_precision(precision, iris):
    X, y = iris
    X = sparse.csr_matrix(X.astype(np.float32))
    fitted = make("softmax", alpha=0.05, l1_ratio=1.0).fit(X, y)
    expected = fitted.decision_function(X.toarray())
    scores = fitted.sparsify().decision_function(X.astype(precision))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


# -- other processes -----------------------------------------------------------------


def test_importing_the_package_is_light():
    code = (
        "import sys, sklearn_linloss; sklearn_linloss.losses.softmax.value([1., 2.], 0)"
        "; print([m for m in ('numba', 'matplotlib') if m in sys.modules])"
    )
    assert run_python(code).strip() == "[]"


PREDICT = """
import json, pickle, sys, traceback
sys.modules["numba"] = None  # an import of it fails

def answer(path):
    with open(path, "rb") as file:
        model, X = pickle.load(file)
    scores = model.decision_function(X)
    labels = model.predict(X)
    if hasattr(model, "predict_proba"):
        model.predict_proba(X)
    return scores.tolist(), labels.tolist()

for line in sys.stdin:
    try:
        said = answer(json.loads(line))
    except Exception:
        said = traceback.format_exc()
    print(json.dumps(said), flush=True)
"""


@pytest.fixture(scope="module")
def predicted():
    """path of a pickle -> scores and labels of a process without the compiler.

    One for all models, because to start it takes longer than all that it predicts.
    """
    with subprocess.Popen(
        [sys.executable, "-c", PREDICT],
        env=with_the_package(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def predict(path):
            process.stdin.write(json.dumps(str(path)) + "\n")
            process.stdin.flush()
            said = json.loads(process.stdout.readline())
            assert not isinstance(said, str), said
            return said

        yield predict


@pytest.mark.parametrize("n_classes", [2, 3])
@all_models
def test_a_pickle_predicts_without_the_compiler(
    model, n_classes, data, tmp_path, predicted
):
    X, y = data
    X, y = X[y < n_classes], y[y < n_classes]
    fitted = model(**LOOSE).fit(X, y)
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((fitted, X)))
    scores, labels = predicted(path)
    np.testing.assert_array_equal(scores, fitted.decision_function(X))
    np.testing.assert_array_equal(labels, fitted.predict(X))


PLAIN_PYTHON = """
import json, sys
sys.path.insert(0, sys.argv[1])
import _reference as reference
import numpy as np
from _models import MODELS
rng = np.random.default_rng(0)
results = []
for n_classes in (2, 3):
    y = np.arange(24) % n_classes
    # Far apart, so that some iterates have no loss at all.
    X = 0.3 * rng.normal(size=(24, 3)) + 4.0 * np.eye(3)[y]
    for model in MODELS:
        fitted = model(alpha=0.01, tol=0, max_iter=8, random_state=0).fit(X, y)
        results.append([fitted.coef_.ravel().tolist(), fitted.gap_])
import numba
print(json.dumps([numba.config.DISABLE_JIT, results]))
"""


@pytest.mark.slow
def test_kernels_run_as_plain_python():
    tests = Path(__file__).parent
    disabled, plain = json.loads(run_python(PLAIN_PYTHON, tests, NUMBA_DISABLE_JIT="1"))
    enabled, compiled = json.loads(
        run_python(PLAIN_PYTHON, tests, NUMBA_DISABLE_JIT="")
    )
    assert disabled
    assert not enabled
    for (left, left_gap), (right, right_gap) in zip(plain, compiled, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-6, atol=1e-9)
        # The search for the best dual ends within a hundredth of the gap.
        np.testing.assert_allclose(left_gap, right_gap, rtol=0.02, atol=1e-9)


def test_polars_frames(iris):
    polars = pytest.importorskip("polars", reason="an optional frame")
    X, y = iris
    frame = polars.DataFrame(X, schema=["a", "b", "c", "d"])
    if not hasattr(StandardScaler().fit(frame), "feature_names_in_"):
        pytest.skip("this scikit-learn takes no names from this polars")
    labels = polars.Series(np.array(["x", "y", "z"])[y])
    for solver in ("auto", "sgd"):
        model = make("softmax", solver=solver).fit(frame, labels)
        same = make("softmax", solver=solver).fit(X, labels.to_numpy())
        assert list(model.feature_names_in_) == ["a", "b", "c", "d"]
        np.testing.assert_array_equal(model.coef_, same.coef_)
        np.testing.assert_array_equal(model.predict(frame), same.predict(X))
    model = make("hinge").partial_fit(frame, labels, classes=["x", "y", "z"])
    with pytest.raises(ValueError, match="feature names"):
        model.partial_fit(frame.rename({"a": "other"}), labels)
