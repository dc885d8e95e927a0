"""Validation data: what is recorded, what is split off, what is kept."""

import _reference as reference
import numpy as np
import pytest
import sklearn
from _models import LOSSES, MODELS, make
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

all_losses = pytest.mark.parametrize("loss", LOSSES)


@pytest.fixture(scope="module")
def data():
    """Noisy labels: a model that fits them is worse on others."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 60))
    y = (X[:, :3] + 0.5 * rng.normal(size=(600, 3))).argmax(axis=1)
    return X[:300], y[:300], X[300:], y[300:]


def validation_loss(model, loss, X, y, weight=None):
    values, _ = reference.loss_terms(X @ model.coef_.T + model.intercept_, y, loss)
    return np.average(values, weights=weight)


@pytest.mark.parametrize("model", MODELS, ids=str)
def test_the_validation_loss_is_recorded_by_every_solver(model, data):
    X, y, X_val, y_val = data
    weight = np.linspace(0.0, 1.0, len(y_val))
    params = {"alpha": 0.1, "tol": 0, "max_iter": 8}
    fitted = model(**params).fit(
        X, y, X_val=X_val, y_val=y_val, sample_weight_val=weight
    )
    curve = fitted.validation_loss_curve_
    assert curve.shape == (9,)
    at_zero = np.log(3) if model.loss == "softmax" else 2.0
    assert curve[0] == pytest.approx(at_zero)
    plain = model(**params).fit(X, y)
    np.testing.assert_array_equal(fitted.coef_, plain.coef_)
    assert not hasattr(plain, "validation_loss_curve_")
    for t in (1, 4, 8):
        stopped = model(**params | {"max_iter": t}).fit(X, y)
        expected = validation_loss(stopped, model.loss, X_val, y_val, weight)
        # The hinge's intercept is chosen, and sgd's rates fall to zero, at the end.
        if model.loss != "hinge" and model.solver != "sgd":
            assert curve[t] == pytest.approx(expected, rel=1e-9)
    if model.loss != "hinge":
        last = validation_loss(fitted, model.loss, X_val, y_val, weight)
        assert curve[-1] == pytest.approx(last, rel=1e-9)


@pytest.mark.parametrize("kind", ["dense", "csr", "mixed"])
@all_losses
def test_the_best_model_is_kept(loss, kind, data):
    X, y, X_val, y_val = data
    train = X if kind == "dense" else sparse.csr_matrix(X)
    test = X_val if kind != "csr" else sparse.csr_matrix(X_val)
    model = make(loss, early_stopping=True, alpha=1e-6, max_iter=500)
    model.fit(train, y, X_val=test, y_val=y_val)
    assert model.solver_ == "sgd"
    curve = model.validation_loss_curve_
    assert len(curve) == model.n_iter_ + 1 < 500
    best = curve.argmin()
    assert 0 < best < model.n_iter_
    assert validation_loss(model, loss, X_val, y_val) == pytest.approx(curve[best])
    # No better one in the last n_iter_no_change epochs: that is why it stopped.
    assert curve[best + 1 :].min() >= curve[best]
    assert curve[-5:].min() >= curve[:-5].min() * (1.0 - 1e-4)
    # The curve's entries are of the models that would have been returned.
    assert model.loss_curve_[-1] == model.objective_
    assert model.loss_curve_[best] == pytest.approx(model.objective_)
    full = make(loss, solver="sgd", alpha=1e-6, max_iter=500, tol=0).fit(X, y)
    assert validation_loss(full, loss, X_val, y_val) > curve[best]


@pytest.mark.parametrize("alpha", [3e-3, 0.01, 0.03])
@pytest.mark.parametrize("kind", ["dense", "csr"])
def test_the_automatic_rate_falls_before_a_fit_stops(kind, alpha, standardised):
    # Where the optimum does not overfit, no seed ends short of it: in mid-cycle, with
    # the rate still long, the validation loss is up to 4 % above.
    X, y = standardised("digits")
    X = np.where(np.abs(X) < 0.1, 0.0, X)
    X, X_val, y, y_val = train_test_split(X, y, stratify=y, random_state=0)
    best = LogisticRegression(C=1.0 / (alpha * len(y)), max_iter=2000).fit(X, y)
    loss = log_loss(y_val, best.predict_proba(X_val))
    container = sparse.csr_matrix if kind == "csr" else np.asarray
    for seed in range(6):
        model = make("softmax", alpha=alpha, early_stopping=True, random_state=seed)
        model.fit(container(X), y, X_val=container(X_val), y_val=y_val)
        assert model.validation_loss_curve_.min() <= 1.01 * loss
        assert model.n_iter_ < 1000


def test_seeds_agree_in_the_validation_loss():
    X, y = load_digits(return_X_y=True)
    X, X_val, y, y_val = train_test_split(
        X / 16.0, y, test_size=0.3, stratify=y, random_state=0
    )
    for alpha in (3e-3, 0.01, 0.03):
        losses = []
        for seed in range(6):
            model = make("softmax", alpha=alpha, early_stopping=True, random_state=seed)
            model.fit(X, y, X_val=X_val, y_val=y_val)
            losses.append(model.validation_loss_curve_.min())
        np.testing.assert_allclose(losses, np.mean(losses), rtol=0.01)


@pytest.mark.parametrize("rate", ["constant", "invscaling", "adaptive"])
def test_the_patience_of_a_rate_of_your_own_is_in_epochs(rate, data):
    X, y, X_val, y_val = data
    params = {"learning_rate": rate, "eta0": 0.1, "n_iter_no_change": 3}
    model = make("softmax", early_stopping=True, alpha=1e-6, **params)
    curve = model.fit(X, y, X_val=X_val, y_val=y_val).validation_loss_curve_
    mark, since = np.inf, 0
    for epoch, loss in enumerate(curve):
        mark, since = (loss, 0) if loss < mark * (1.0 - 1e-4) else (mark, since + 1)
        assert (since == 3) == (epoch == model.n_iter_)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
def test_exact_counts_of_every_class(fraction, monkeypatch):
    from sklearn_linloss import _base

    X, y = load_digits(return_X_y=True)
    names = np.array(list("abcdefghij"))[y]
    weight = np.ones(len(y))
    weight[::7] = 0.0
    weight[y == 9] = 0.0  # a class that drops out
    seen = []
    validation = _base.Validation

    def spy(objective, options):
        seen.append(objective)
        return validation(objective, options)

    def rows_of(objective):
        return objective.design.rows(slice(None))

    monkeypatch.setattr(_base, "Validation", spy)
    params = {"early_stopping": True, "validation_fraction": fraction, "max_iter": 2}
    model = make("softmax", tol=0, **params).fit(X, names, weight)
    kept = weight > 0.0
    n_val = int(np.ceil(fraction * kept.sum()))
    counts = np.bincount(seen[0].y, minlength=9)
    assert counts.sum() == n_val
    share = np.bincount(y[kept], minlength=9) * n_val / kept.sum()
    assert np.abs(counts - share).max() < 1.0
    # The seed decides, and nothing is in both parts.
    make("softmax", tol=0, **params).fit(X, names, weight)
    make("softmax", tol=0, **params | {"random_state": 1}).fit(X, names, weight)
    np.testing.assert_array_equal(rows_of(seen[0]), rows_of(seen[1]))
    assert not np.array_equal(rows_of(seen[0]), rows_of(seen[2]))
    rows = {row.tobytes() for row in rows_of(seen[0])}
    rest = sum(row.tobytes() not in rows for row in X[kept])
    assert rest == kept.sum() - n_val
    assert list(model.classes_) == list("abcdefghi")


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 1.0, 2: 0.5}])
def test_weights_count_in_the_validation_loss(class_weight, data):
    X, y, X_val, y_val = data
    weight = np.linspace(0.5, 2.0, len(y))
    weight_val = np.linspace(1.0, 0.0, len(y_val))
    model = make(
        "softmax", early_stopping=True, class_weight=class_weight, tol=0, max_iter=1
    ).fit(X, y, weight, X_val=X_val, y_val=y_val, sample_weight_val=weight_val)
    by_class = np.ones(3)
    if class_weight == "balanced":
        by_class = weight.sum() / (3 * np.bincount(y, weights=weight))
    elif class_weight:
        by_class = np.array([3.0, 1.0, 0.5])
    expected = validation_loss(
        model, "softmax", X_val, y_val, weight_val * by_class[y_val]
    )
    assert model.validation_loss_curve_[-1] == pytest.approx(expected)


def test_through_a_pipeline(data):
    X, y, X_val, y_val = data
    with sklearn.config_context(enable_metadata_routing=True):
        model = make("softmax", early_stopping=True, max_iter=30)
        model.set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scale", StandardScaler()), ("model", model)], transform_input=["X_val"]
        )
        pipeline.fit(10.0 * X, y, X_val=10.0 * X_val, y_val=y_val)
    scaler = StandardScaler().fit(10.0 * X)
    alone = make("softmax", early_stopping=True, max_iter=30).fit(
        scaler.transform(10.0 * X),
        y,
        X_val=scaler.transform(10.0 * X_val),
        y_val=y_val,
    )
    np.testing.assert_array_equal(pipeline[-1].coef_, alone.coef_)
    np.testing.assert_array_equal(
        pipeline[-1].validation_loss_curve_, alone.validation_loss_curve_
    )


def test_early_stopping_in_a_pipeline_without_routing(data):
    X, y, _, _ = data
    model = make_pipeline(StandardScaler(), make("hinge", early_stopping=True))
    model.fit(X, y)
    assert len(model[-1].validation_loss_curve_) == model[-1].n_iter_ + 1


def test_what_does_not_fit(data):
    X, y, X_val, y_val = data
    for solver in ("gd", "newton"):
        with pytest.raises(ValueError, match="use solver='sgd' or 'auto'"):
            make("softmax", solver=solver, early_stopping=True).fit(X, y)
    model = make("softmax")
    for bad, message in (
        ({"X_val": X_val}, "X_val was given without y_val"),
        ({"y_val": y_val}, "sample_weight_val was given without X_val"),
        ({"X_val": X_val, "y_val": y_val + 1}, "labels that do not occur in y"),
        ({"X_val": X_val[:, 1:], "y_val": y_val}, "features"),
        ({"X_val": X_val, "y_val": y_val[1:]}, "inconsistent"),
        (
            {"X_val": X_val, "y_val": y_val, "sample_weight_val": 0.0 * y_val},
            "[Ww]eights",
        ),
        (
            {"X_val": X_val, "y_val": y_val, "sample_weight_val": -1.0 * y_val},
            "[Nn]egative",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(X, y, **bad)
        assert not hasattr(model, "coef_")


def test_without_tolerance_all_iterations_are_made(data):
    X, y, X_val, y_val = data
    model = make("softmax", early_stopping=True, tol=0, max_iter=60, alpha=0.0)
    model.fit(X, y, X_val=X_val, y_val=y_val)
    assert model.n_iter_ == 60
    kept = validation_loss(model, "softmax", X_val, y_val)
    assert kept == pytest.approx(model.validation_loss_curve_.min())
