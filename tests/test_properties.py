"""What must not change a fit, or must change it in a known way."""

import numpy as np
import pytest
from _models import MODELS, SMOOTH_MODELS, serves
from _tiers import only_where
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

TIGHT = {"alpha": 0.05, "tol": 1e-10, "max_iter": 20_000}
# Coefficients of a fit with this gap are determined to about its square root.
ATOL = 2e-4

tight_models = pytest.mark.parametrize(
    "model", [m for m in SMOOTH_MODELS if m.deterministic], ids=str
)
class_counts = pytest.mark.parametrize("n_classes", [2, 3])
mixes = pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
served_mixes = only_where(
    lambda model, l1_ratio: serves(model.solver, model.loss, l1_ratio=l1_ratio)
)
seeds = st.integers(0, 10_000)


def small_data(seed, n_classes, n=30, d=4):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    X = rng.normal(size=(n, d)) + rng.normal(size=(n_classes, d))[y]
    X[rng.uniform(size=X.shape) < 0.3] = 0.0
    return X, y, rng.uniform(0.3, 3.0, size=n)


def assert_same(left, right, atol=ATOL):
    np.testing.assert_allclose(left.coef_, right.coef_, atol=atol)
    np.testing.assert_allclose(left.intercept_, right.intercept_, atol=atol)
    assert left.objective_ == pytest.approx(right.objective_, rel=1e-6)


@served_mixes
@mixes
@class_counts
@tight_models
@given(seed=seeds)
def test_sparse_equals_dense(model, n_classes, l1_ratio, seed):
    X, y, weight = small_data(seed, n_classes)
    fit = model(l1_ratio=l1_ratio, **TIGHT).fit(X, y, weight)
    assert_same(
        fit,
        model(l1_ratio=l1_ratio, **TIGHT).fit(sparse.csr_matrix(X), y, weight),
    )


@class_counts
@tight_models
@given(seed=seeds)
def test_float32_is_close_to_float64(model, n_classes, seed):
    X, y, weight = small_data(seed, n_classes)
    single = model(alpha=0.05, tol=1e-5).fit(X.astype(np.float32), y, weight)
    double = model(**TIGHT).fit(X, y, weight)
    assert single.coef_.dtype == single.intercept_.dtype == np.float32
    assert single.objective_ == pytest.approx(double.objective_, rel=3e-5)
    np.testing.assert_allclose(single.coef_, double.coef_, atol=0.05)
    assert (single.predict(X.astype(np.float32)) == double.predict(X)).mean() > 0.9


@served_mixes
@mixes
@class_counts
@tight_models
@given(seed=seeds)
def test_integer_weights_are_repeated_rows(model, n_classes, l1_ratio, seed):
    X, y, _ = small_data(seed, n_classes)
    counts = np.random.default_rng(seed).integers(0, 4, size=len(y))
    counts[:n_classes] = 1
    fit = model(l1_ratio=l1_ratio, **TIGHT).fit(X, y, counts)
    again = model(l1_ratio=l1_ratio, **TIGHT)
    again.fit(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    assert_same(fit, again)


@tight_models
@given(seed=seeds)
def test_relabelling_permutes_rows(model, seed):
    X, y, weight = small_data(seed, 4)
    new_label = np.random.default_rng(seed).permutation(4)
    fit = model(**TIGHT).fit(X, y, weight)
    renamed = model(**TIGHT).fit(X, new_label[y], weight)
    np.testing.assert_allclose(renamed.coef_[new_label], fit.coef_, atol=ATOL)
    np.testing.assert_allclose(renamed.intercept_[new_label], fit.intercept_, atol=ATOL)


@tight_models
@given(seed=seeds)
def test_swapping_two_classes_changes_the_sign(model, seed):
    X, y, weight = small_data(seed, 2)
    fit = model(**TIGHT).fit(X, y, weight)
    swapped = model(**TIGHT).fit(X, 1 - y, weight)
    np.testing.assert_allclose(swapped.coef_, -fit.coef_, atol=ATOL)
    np.testing.assert_allclose(swapped.intercept_, -fit.intercept_, atol=ATOL)


@class_counts
@tight_models
@given(seed=seeds, shift=st.floats(-1000.0, 1000.0))
def test_a_shift_of_the_features_changes_the_intercept_alone(
    model, n_classes, seed, shift
):
    X, y, weight = small_data(seed, n_classes)
    offset = shift * np.array([1.0, -0.5, 0.0, 0.1])
    fit = model(**TIGHT).fit(X, y, weight)
    moved = model(**TIGHT).fit(X + offset, y, weight)
    np.testing.assert_allclose(moved.coef_, fit.coef_, atol=ATOL)
    np.testing.assert_allclose(
        moved.decision_function(X + offset), fit.decision_function(X), atol=10 * ATOL
    )


@given(seed=seeds, unequal=st.integers(1, 8))
@class_counts
@only_where(lambda model: model.loss == "softmax")
@tight_models
def test_huge_alpha_leaves_the_log_priors(model, n_classes, seed, unequal):
    X, y, weight = small_data(seed, n_classes)
    weight = np.where(y == 0, unequal, 1.0) * weight
    params = TIGHT | {"alpha": 1e6}
    fit = model(**params).fit(X, y, weight)
    priors = np.log(np.bincount(y, weights=weight) / weight.sum())
    expected = priors[1:] - priors[0] if n_classes == 2 else priors - priors.mean()
    np.testing.assert_allclose(fit.coef_, 0.0, atol=1e-5)
    np.testing.assert_allclose(fit.intercept_, expected, atol=1e-4)


@class_counts
@pytest.mark.parametrize("model", MODELS, ids=str)
@given(seed=seeds, factor=st.floats(0.1, 10.0))
def test_only_ratios_of_weights_count(model, n_classes, seed, factor):
    X, y, weight = small_data(seed, n_classes)
    fits = [
        model(alpha=0.05, tol=0, max_iter=20, random_state=0).fit(X, y, w)
        for w in (weight, factor * weight)
    ]
    np.testing.assert_allclose(fits[0].coef_, fits[1].coef_, rtol=1e-6, atol=1e-8)


@given(seed=seeds, delta=st.floats(0.1, 10.0))
@only_where(lambda model: model.loss == "squared_hinge")
@class_counts
@tight_models
def test_the_margin_of_the_squared_hinge_scales_the_model(
    model, n_classes, seed, delta
):
    X, y, weight = small_data(seed, n_classes)
    fit = model(**TIGHT).fit(X, y, weight)
    scaled = model(delta=delta, **TIGHT).fit(X, y, weight)
    np.testing.assert_allclose(scaled.coef_ / delta, fit.coef_, atol=ATOL)
    assert scaled.objective_ == pytest.approx(delta**2 * fit.objective_, rel=1e-8)
