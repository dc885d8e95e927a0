"""The regularisation path against fits of its own points."""

import _reference as reference
import numpy as np
import pytest
from _models import LOSSES, SMOOTH_LOSSES, make
from scipy import sparse

from sklearn_linloss import linear_path
from sklearn_linloss._path import _extrapolate

ALPHAS = np.geomspace(1.0, 1e-4, 7)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("loss", LOSSES)
def test_each_point_is_the_optimum_of_its_strength(loss, l1_ratio, n_classes, iris):
    X, y = iris
    X, y = X[y < n_classes], y[y < n_classes]
    weight = np.linspace(0.5, 2.0, len(y))
    tol = 1e-6
    path = linear_path(
        X,
        y,
        loss=loss,
        l1_ratio=l1_ratio,
        alphas=ALPHAS[::-1],
        sample_weight=weight,
        tol=tol,
        random_state=0,
    )
    np.testing.assert_array_equal(path.alphas, ALPHAS)
    n_rows = 1 if n_classes == 2 else 3
    assert path.coefs.shape == (7, n_rows, 4)
    assert path.intercepts.shape == (7, n_rows)
    assert (path.gaps <= tol).all()
    for alpha, W, b, objective in zip(
        ALPHAS, path.coefs, path.intercepts, path.objectives, strict=True
    ):
        values, _ = reference.loss_terms(X @ W.T + b, y, loss)
        value = weight @ values / weight.sum()
        value += reference.penalty(W, alpha, l1_ratio)
        assert objective == pytest.approx(value, rel=1e-10)
        alone = make(loss, alpha=alpha, l1_ratio=l1_ratio, tol=tol).fit(X, y, weight)
        assert objective == pytest.approx(alone.objective_, rel=2 * tol)


@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_alpha_max_of_the_golden_cases(alpha_max_case, standardised, kind):
    X, y = standardised(alpha_max_case["dataset"])
    X = sparse.csr_matrix(X) if kind == "csr" else X
    for l1_ratio in (1.0, 0.25):
        path = linear_path(
            X, y, loss=alpha_max_case["loss"], l1_ratio=l1_ratio, alphas=1, tol=1e-9
        )
        expected = alpha_max_case["alpha_max"] / l1_ratio
        assert path.alphas[0] == pytest.approx(expected, rel=1e-6)
        assert not path.coefs.any()
        assert path.objectives[0] == pytest.approx(alpha_max_case["objective_at_W0"])
        below = linear_path(
            X,
            y,
            loss=alpha_max_case["loss"],
            l1_ratio=l1_ratio,
            alphas=[0.999 * path.alphas[0]],
            tol=1e-9,
        )
        assert below.coefs.any()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", SMOOTH_LOSSES)
def test_the_path_begins_where_the_first_weight_enters(
    loss, n_classes, class_weight, fit_intercept, iris
):
    X, y = iris
    X, y = X[y < n_classes] + 0.3, y[y < n_classes]
    weight = np.linspace(0.5, 2.0, len(y))
    params = {
        "loss": loss,
        "l1_ratio": 1.0,
        "sample_weight": weight,
        "class_weight": class_weight,
        "fit_intercept": fit_intercept,
        "tol": 1e-9,
    }
    path = linear_path(X, y, alphas=5, eps=0.01, **params)
    np.testing.assert_allclose(np.diff(np.log(path.alphas)), np.log(0.01) / 4)
    assert not path.coefs[0].any()
    assert path.coefs[1].any()
    below = linear_path(X, y, alphas=[0.999 * path.alphas[0]], **params)
    assert below.coefs.any()


def test_warm_starts_save_iterations(standardised):
    X, y = standardised("digits")
    params = {"solver": "lbfgs", "alphas": np.geomspace(0.1, 1e-3, 10)}
    path = linear_path(X, y, **params)
    alone = [
        make("softmax", solver="lbfgs", alpha=alpha).fit(X, y).n_iter_
        for alpha in path.alphas
    ]
    assert path.n_iters.sum() < 0.8 * sum(alone)


def test_a_warm_start_does_not_take_longer(standardised):
    X, y = standardised("digits")
    model = make("hinge", alpha=1.0, solver="newton", warm_start=True, random_state=0)
    cold = model.fit(X, y).n_iter_
    assert model.fit(X, y).n_iter_ <= cold


def test_what_cannot_be_served(iris):
    X, y = iris
    for bad, message in (
        ({"alphas": 0}, "positive number"),
        ({"alphas": 2.5}, "positive number"),
        ({"eps": 1.0}, "between 0 and 1"),
        ({"alphas": [-1.0]}, "alpha"),
        ({"loss": "log_loss", "alphas": [1.0]}, "softmax"),
    ):
        with pytest.raises(ValueError, match=message):
            linear_path(X, y, **bad)
    with pytest.raises(TypeError, match="unknown"):
        linear_path(X, y, unknown=1)
    with pytest.raises(TypeError, match="alphas"):
        linear_path(X, y, alpha=1.0)


def test_predictions_are_exact_on_parabolas():
    rng = np.random.default_rng(0)
    coefficients = rng.standard_normal((3, 2, 5))

    def model(place):
        W = coefficients[0] + place * coefficients[1] + place**2 * coefficients[2]
        return W, W[:, 0]

    path = [(place, *model(place), None) for place in (2.0, 0.5, -1.5)]
    for found, right in zip(_extrapolate(path, -2.7), model(-2.7), strict=True):
        np.testing.assert_allclose(found, right)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("loss", LOSSES)
def test_strengths_may_repeat_and_end_at_zero(loss, iris):
    X, y = iris
    X = X + np.random.default_rng(0).standard_normal(X.shape)  # not separable
    path = linear_path(X, y, loss=loss, alphas=[1.0, 0.1, 0.1, 0.01, 0.0], tol=1e-5)
    assert np.nanmax(path.gaps) <= 1e-5
    np.testing.assert_allclose(path.objectives[1], path.objectives[2], rtol=1e-5)


def test_few_steps_under_weak_penalties(standardised):
    # The gap is hundreds of times what is left of the descent there. No ascent goes
    # before the steps with so few samples.
    X, y = standardised("digits")
    path = linear_path(X[:150], y[:150], alphas=np.logspace(-2, -6, 9), solver="newton")
    assert path.gaps.max() <= 1e-4
    assert path.n_iters[1:].max() <= 4
