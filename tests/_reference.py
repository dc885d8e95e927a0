"""The objective, its gradient and its duality gap, slowly, from the formulas.

    F(W, b) = sum_i pi_i L(W x_i + b, y_i)
              + alpha * (l1_ratio * |W|_1 + (1 - l1_ratio) / 2 * |W|_F^2)

Labels are class indices. `W` of one row means two classes in margin form, with
m = (2 y - 1) (w x + b). Nothing here comes from the package.
"""

import numpy as np
from scipy import optimize


def shares(y, sample_weight=None):
    """pi_i."""
    weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
    return weight / weight.sum()


def golden_weight(name, n_samples):
    """Sample weights by their name in the golden file."""
    return None if name == "none" else 1.0 + np.arange(n_samples) % 3


def scores(W, b, X):
    X = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    return X.astype(np.float64) @ np.asarray(W, dtype=np.float64).T + b


def row_loss(s, y, loss, delta=1.0):
    """Loss and (sub)gradient of one row of scores; of length one in margin form."""
    s = np.asarray(s, dtype=np.float64)
    if len(s) == 1:
        sign = 2.0 * y - 1.0
        m = sign * s[0]
        if loss == "softmax":
            value, slope = np.logaddexp(0.0, -m), -np.exp(-np.logaddexp(0.0, m))
        elif loss == "hinge":
            value, slope = max(0.0, delta - m), -1.0 if delta - m > 0.0 else 0.0
        else:
            value, slope = max(0.0, delta - m) ** 2, -2.0 * max(0.0, delta - m)
        return value, np.array([sign * slope])
    if loss == "softmax":
        largest = s.max()
        log_sum = largest + np.log(np.exp(s - largest).sum())
        gradient = np.exp(s - log_sum)
        gradient[y] -= 1.0
        return log_sum - s[y], gradient
    value, gradient = 0.0, np.zeros(len(s))
    for j in range(len(s)):
        if j == y:
            continue
        slack = s[j] - s[y] + delta
        if slack > 0.0:
            value += slack if loss == "hinge" else slack**2
            pull = 1.0 if loss == "hinge" else 2.0 * slack
            gradient[j] += pull
            gradient[y] -= pull
    return value, gradient


def loss_terms(S, y, loss, delta=1.0):
    """Losses (n,) and gradients in the scores (n, n_rows)."""
    pairs = [row_loss(s, k, loss, delta) for s, k in zip(S, y, strict=True)]
    return np.array([v for v, _ in pairs]), np.array([g for _, g in pairs])


def data_loss(W, b, X, y, loss, delta=1.0, sample_weight=None):
    values, _ = loss_terms(scores(W, b, X), y, loss, delta)
    return float(shares(y, sample_weight) @ values)


def penalty(W, alpha, l1_ratio=0.0):
    W = np.asarray(W, dtype=np.float64)
    return alpha * (
        l1_ratio * np.abs(W).sum() + (1.0 - l1_ratio) / 2.0 * np.square(W).sum()
    )


def objective(W, b, X, y, loss, alpha, l1_ratio=0.0, delta=1.0, sample_weight=None):
    """F."""
    return data_loss(W, b, X, y, loss, delta, sample_weight) + penalty(
        W, alpha, l1_ratio
    )


def objective_of(model, X, y, sample_weight=None):
    """F of a fitted estimator, by its parameters."""
    value = objective(
        model.coef_,
        model.intercept_,
        X,
        np.searchsorted(model.classes_, y),
        getattr(model, "loss", "softmax"),
        model.alpha,
        model.l1_ratio,
        getattr(model, "delta", 1.0),
        sample_weight,
    )
    if getattr(model, "penalty", "elementwise") == "grouped":
        # The length of the coefficients of a feature, not the sum of their sizes.
        W = model.coef_
        excess = np.abs(W).sum() - np.sqrt((W**2).sum(axis=0)).sum()
        value -= model.alpha * model.l1_ratio * excess
    return value


def subgradient(W, b, X, y, loss, alpha, l1_ratio=0.0, delta=1.0, sample_weight=None):
    """Of F, with sign(0) = 0."""
    X = np.asarray(X)
    _, G = loss_terms(scores(W, b, X), y, loss, delta)
    G = shares(y, sample_weight)[:, None] * G
    grad_W = G.T @ X + alpha * (l1_ratio * np.sign(W) + (1.0 - l1_ratio) * W)
    return grad_W, G.sum(axis=0)


# -- the dual ------------------------------------------------------------------------


def conjugate(a, y, loss, delta=1.0):
    """L*(a) of one row; infinite outside its domain."""
    a = np.asarray(a, dtype=np.float64)
    if len(a) == 1:
        others = np.array([-(2.0 * y - 1.0) * a[0]])
    else:
        others = np.delete(a, y)
        if abs(a.sum()) > 1e-9 * max(1.0, np.abs(a).max()):
            return np.inf
    if (others < 0.0).any():
        return np.inf
    total = others.sum()
    if loss == "squared_hinge":
        return np.square(others).sum() / 4.0 - delta * total
    if loss == "hinge":
        return np.inf if others.max() > 1.0 + 1e-12 else -delta * total
    p = np.append(others, 1.0 - total)
    if p[-1] < -1e-12:
        return np.inf
    p = p[p > 0.0]
    return float(p @ np.log(p))


def penalty_conjugate(V, alpha, l1_ratio=0.0):
    """R*(V)."""
    excess = np.maximum(np.abs(V) - alpha * l1_ratio, 0.0)
    if l1_ratio == 1.0:
        return 0.0 if excess.max() <= 1e-12 * alpha else np.inf
    return np.square(excess).sum() / (2.0 * alpha * (1.0 - l1_ratio))


def dual_value(A, X, y, loss, alpha, l1_ratio=0.0, delta=1.0, sample_weight=None):
    """D at a dual point; the caller sees to sum_i pi_i a_i = 0."""
    pi = shares(y, sample_weight)
    V = (pi[:, None] * A).T @ np.asarray(X)
    conjugates = [conjugate(a, k, loss, delta) for a, k in zip(A, y, strict=True)]
    return float(-pi @ conjugates - penalty_conjugate(V, alpha, l1_ratio))


def balanced(A, y, sample_weight=None):
    """A with sum_i pi_i a_i = 0: by shrinking a class (one row) or added flows."""
    A = A.copy()
    pi = shares(y, sample_weight)
    if A.shape[1] == 1:
        mass = np.array([pi[y == k] @ np.abs(A[y == k, 0]) for k in (0, 1)])
        for k in (0, 1):
            if mass[k] > 0.0:
                A[y == k] *= min(1.0, mass[1 - k] / mass[k])
        return A
    surplus = pi @ A
    gain, lack = np.maximum(surplus, 0.0), np.maximum(-surplus, 0.0)
    if gain.sum() == 0.0:
        return A
    for k, j in np.argwhere(np.outer(gain, lack) > 0.0):
        # Class k receives too much and j too little: send from k's rows to j.
        flow = gain[k] * lack[j] / gain.sum() / pi[y == k].sum()
        A[y == k, j] += flow
        A[y == k, k] -= flow
    return A


def dual_bound(A, X, y, loss, alpha, l1_ratio=0.0, delta=1.0, sample_weight=None):
    """Best D over the multiples of A that stay in the domain."""
    others = np.abs(A) if A.shape[1] == 1 else np.maximum(A, 0.0)
    caps = [1e6]
    if loss == "hinge":
        caps.append(1.0 / max(others.max(), 1e-300))
    if loss == "softmax":
        caps.append(1.0 / max(others.sum(axis=1).max(), 1e-300))
    if l1_ratio == 1.0:
        V = (shares(y, sample_weight)[:, None] * A).T @ np.asarray(X)
        caps.append(alpha / max(np.abs(V).max(), 1e-300))

    def loss_of_scale(log_scale):
        return -dual_value(
            np.exp(log_scale) * A, X, y, loss, alpha, l1_ratio, delta, sample_weight
        )

    top = np.log(min(caps))
    found = optimize.minimize_scalar(
        loss_of_scale, bounds=(top - 8.0, top), method="bounded"
    )
    return max(0.0, -min(found.fun, loss_of_scale(top)), -loss_of_scale(min(0.0, top)))


def relative_gap(
    W, b, X, y, loss, alpha, l1_ratio=0.0, delta=1.0, sample_weight=None, free=True
):
    """(F - D) / F with the dual point that the gradient gives; `free` intercept."""
    problem = (loss, alpha, l1_ratio, delta, sample_weight)
    value = objective(W, b, X, y, *problem)
    _, A = loss_terms(scores(W, b, X), y, loss, delta)
    if free:
        A = balanced(A, y, sample_weight)
    return (value - dual_bound(A, X, y, *problem)) / value
