"""The worked numbers of the CS231n lectures, from the losses and from fits."""

from collections import Counter

import numpy as np
import pytest
from _models import LOSSES, make
from sklearn.datasets import load_digits, load_iris

from sklearn_linloss import losses
from sklearn_linloss._objective import Objective
from sklearn_linloss.inspection import numerical_gradient

# Scores of a cat, a car and a frog; the true class is on the diagonal.
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.arange(3)


def first_objective(model, X, y, W, **fit_params):
    """What a fit that starts from W reports before its first step."""
    fitted = model.set_params(
        solver="gd", learning_rate="constant", max_iter=1, tol=0.0
    ).fit(X, y, coef_init=W, **fit_params)
    return fitted.loss_curve_[0]


@pytest.mark.parametrize(
    ("loss", "weight", "expected"),
    [
        ("hinge", None, 15.8 / 3),
        ("hinge", [1, 1, 10], 131.9 / 12),
        ("squared_hinge", None, (2.9**2 + 6.3**2 + 6.6**2) / 3),
        ("squared_hinge", [1, 1, 10], (2.9**2 + 10 * (6.3**2 + 6.6**2)) / 12),
        ("softmax", None, (2.040355153 + 0.079131778 + 6.156477202) / 3),
        ("softmax", [1, 1, 10], (2.040355153 + 0.079131778 + 61.56477202) / 12),
    ],
)
def test_mean_loss_of_three_images(loss, weight, expected):
    # With one feature a sample, the columns of W are the scores.
    start = first_objective(
        make(loss, alpha=0.0), np.eye(3), LABELS, SCORES.T, sample_weight=weight
    )
    assert start == pytest.approx(expected, rel=1e-9)
    assert np.average(
        getattr(losses, loss).value(SCORES, LABELS), weights=weight
    ) == pytest.approx(expected, rel=1e-9)


def test_the_slide_takes_logarithms_to_base_ten():
    value = losses.softmax.value(SCORES[0], 0)
    assert round(value, 2) == 2.04
    assert round(value / np.log(10.0), 2) == 0.89
    assert round(losses.softmax.predict_proba(SCORES[0])[0], 2) == 0.13


@pytest.mark.parametrize("delta", [0.5, 1.0, 10.0])
@pytest.mark.parametrize("name", ["hinge", "squared_hinge"])
def test_the_true_class_in_the_sum_is_a_constant(name, delta):
    power = {"hinge": 1, "squared_hinge": 2}[name]

    def with_true_class(scores):
        return (np.maximum(scores - scores[0] + delta, 0.0) ** power).sum()

    loss = getattr(losses, name)
    for scores in SCORES:
        extra = with_true_class(scores) - loss.value(scores, 0, delta)
        assert extra == pytest.approx(delta**power, rel=1e-12)
        np.testing.assert_allclose(
            numerical_gradient(with_true_class, scores),
            loss.gradient(scores, 0, delta),
            atol=1e-7,
        )


def test_twice_the_weights_keep_only_a_loss_of_zero():
    once = losses.hinge.value(SCORES, LABELS)
    twice = losses.hinge.value(2.0 * SCORES, LABELS)
    np.testing.assert_array_equal(once == twice, [False, True, False])
    np.testing.assert_allclose(twice, [4.8, 0.0, 23.8])
    # The softmax is never content.
    assert (
        losses.softmax.value(2.0 * SCORES, LABELS)[1]
        < losses.softmax.value(SCORES, LABELS)[1]
    )


@pytest.mark.parametrize("scores", [[10, -2, 3], [10, 9, 9], [10, -100, -100]])
def test_the_hinge_is_content_where_the_softmax_is_not(scores):
    assert losses.hinge.value(scores, 0) == 0.0
    better = [scores[0], scores[1] - 1.0, scores[2]]
    if scores[1] > -100:
        assert losses.softmax.value(better, 0) < losses.softmax.value(scores, 0)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("l1_ratio", "of_one", "of_quarters"), [(0.0, 0.5, 0.125), (1.0, 1.0, 1.0)]
)
def test_l2_spreads_the_weights_and_l1_does_not_care(
    loss, l1_ratio, of_one, of_quarters
):
    X, y = np.ones((2, 4)), np.array([0, 1])
    one, quarters = np.array([[1.0, 0.0, 0.0, 0.0]]), np.full((1, 4), 0.25)
    start = {
        (name, alpha): first_objective(
            make(loss, alpha=alpha, l1_ratio=l1_ratio), X, y, W
        )
        for name, W in (("one", one), ("quarters", quarters))
        for alpha in (0.0, 2.0)
    }
    # The scores are the same: only the penalty tells the two apart.
    assert start["one", 0.0] == pytest.approx(start["quarters", 0.0], rel=1e-12)
    for name, expected in (("one", of_one), ("quarters", of_quarters)):
        penalty = start[name, 2.0] - start[name, 0.0]
        assert penalty == pytest.approx(2.0 * expected, rel=1e-12)


def test_a_centred_difference_beats_a_forward_difference():
    scores, exact = SCORES[0], losses.softmax.gradient(SCORES[0], 0)

    def f(s):
        return losses.softmax.value(s, 0)

    def forward(h):
        return np.array([(f(scores + h * e) - f(scores)) / h for e in np.eye(3)])

    errors = {
        h: (
            np.abs(forward(h) - exact).max(),
            np.abs(numerical_gradient(f, scores, h) - exact).max(),
        )
        for h in (1e-2, 1e-3)
    }
    # Ten times the step: ten times the error, or a hundred times.
    ratios = np.divide(errors[1e-2], errors[1e-3])
    np.testing.assert_allclose(ratios, [10.0, 100.0], rtol=0.05)
    assert errors[1e-3][1] < errors[1e-3][0] / 1000.0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_is_one_gradient(loss, monkeypatch):
    X, y = load_digits(return_X_y=True)
    calls = Counter()
    for name in ("data_gradient", "scores", "backward", "loss_gradient"):
        method = getattr(Objective, name)

        def counted(self, *args, name=name, method=method, **options):
            calls[name] += 1
            return method(self, *args, **options)

        monkeypatch.setattr(Objective, name, counted)

    def work(n_steps):
        calls.clear()
        params = {"learning_rate": "constant", "eta0": 1e-3, "alpha": 0.1, "tol": 0}
        make(loss, solver="gd", max_iter=n_steps, **params).fit(X, y)
        return calls.copy()

    before, after = work(10), work(40)
    # On small data a gradient is made of one pass of each kind; what the last model's
    # certificate takes does not grow with the steps.
    assert after["data_gradient"] - before["data_gradient"] == 30
    for name in ("loss_gradient", "scores", "backward"):
        assert after[name] - before[name] <= 32


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_the_textbooks_step_ends_with_a_true_bound(loss, n_classes, l1_ratio):
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    params = {"alpha": 0.1, "l1_ratio": l1_ratio}
    best = make(loss, tol=1e-6, **params).fit(X, y).objective_
    params |= {"learning_rate": "constant", "eta0": 0.01}
    model = make(loss, solver="gd", tol=0, max_iter=300, **params).fit(X, y)
    bound = model.objective_ * (1.0 - model.gap_)
    assert bound <= best * (1.0 + 1e-9)
    # Of use, too: well above zero, which always is one.
    assert bound >= 0.2 * best
