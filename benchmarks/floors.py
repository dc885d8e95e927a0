"""Time to an objective or to a certified gap, beside other packages, in one run.

    LINLOSS_DATA=folder OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/floors.py

prints the tables of README.md. The folder holds fashion_mnist, news20bydate_tfidf,
letter, satimage and usps as data_folder.py reads them. `--only` names rows by a part of
their title.

Our time is the median of three fits that include everything from validation to the
certificate, compiled beforehand. To a suboptimality, ours and the rivals' are the times
of fits with the fewest iterations that are within it; a rival that took longer than the
comparison needs is left there, and its entry says how far it came.
"""

import argparse
import platform
import statistics
import time
import warnings
from functools import cache, partial
from importlib.metadata import version

import data_folder
import numpy as np
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.svm import LinearSVC

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, losses

ROWS = []
REPEATS = 3


def row(function):
    """Register a comparison."""
    ROWS.append(function)
    return function


@cache
def data(name, scale="none", dtype="float32"):
    return data_folder.load(name, scale, dtype)


def objective(loss, coef, intercept, X, y, alpha, l1_ratio):
    """In float64, in NumPy."""
    coef = np.asarray(coef, dtype=np.float64)
    scores = X @ coef.T + np.asarray(intercept, dtype=np.float64)
    value = getattr(losses, loss).value(scores, y).mean()
    return value + alpha * (
        l1_ratio * np.abs(coef).sum() + 0.5 * (1.0 - l1_ratio) * (coef**2).sum()
    )


def seconds(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


def median_fit(model, X, y):
    """Median time of some fits, the first of them not counted if it compiles."""
    model.fit(X, y)
    times = [seconds(partial(model.fit, X, y))[0] for _ in range(REPEATS)]
    return statistics.median(times), model


def described(model):
    return f"({model.solver_}, {model.n_iter_} it., gap {model.gap_:.0e})"


def report(title, ours, rival, ratio, floor):
    print(f"| {title} | {ours} | {rival} | {ratio} | {floor} |", flush=True)


# -- the softmax: time to a suboptimality --------------------------------------------


def time_to(target, curve, make, X, y, excess_of):
    """Time of the fastest fit within the target, and the model.

    Of one that stops at the first iteration that is within it, and one that stops by
    the loosest tolerance that is.
    """
    best = curve[-1]
    first = int(np.flatnonzero(curve <= best * (1.0 + target))[0])
    fits = [median_fit(make(max_iter=first), X, y)]
    for factor in (16.0, 8.0, 4.0, 2.0, 1.0):
        model = make(tol=factor * target, max_iter=first)
        model.fit(X, y)
        if excess_of(model.coef_, model.intercept_) <= target:
            fits.append(median_fit(model, X, y))
            break
    taken, model = min(fits, key=lambda fit: fit[0])
    assert excess_of(model.coef_, model.intercept_) <= target
    return taken, model


def rival_time(target, fit, excess_of, iterations, enough):
    """Time, excess and iterations of the shortest run within the target.

    Among `iterations` and then, to a twentieth, between two of them.
    """

    def run(n_iter):
        taken, model = seconds(partial(fit, n_iter))
        return taken, excess_of(*model), n_iter

    failed = 0
    for n_iter in iterations:
        result = run(n_iter)
        if result[1] <= target:
            break
        if result[0] > enough:
            return result
        failed = n_iter
    while result[2] - failed > max(1, result[2] // 20):
        middle = run((failed + result[2]) // 2)
        if middle[1] <= target:
            result = middle
        else:
            failed = middle[2]
    return result


def logistic(X, y, alpha, l1_ratio, solver, n_iter):
    model = LogisticRegression(
        C=1.0 / (alpha * len(y)),
        l1_ratio=l1_ratio,
        solver=solver,
        tol=1e-15,
        max_iter=n_iter,
        random_state=0,
    ).fit(X, y)
    return model.coef_, model.intercept_


def cyanure(X, y, alpha, n_iter):
    from cyanure.estimators import Classifier

    model = Classifier(
        loss="multiclass-logistic",
        penalty="l2",
        lambda_1=alpha,
        fit_intercept=True,
        tol=1e-15,
        duality_gap_interval=1000,
        n_threads=1,
        verbose=False,
        max_iter=n_iter,
    ).fit(X, y)
    return model.coef_.T, np.ravel(model.intercept_)


def compare_softmax(title, name, scale, alpha, l1_ratio, contests):
    X, y = data(name, scale)

    def make(**params):
        params = {"alpha": alpha, "l1_ratio": l1_ratio, "tol": 1e-6} | params
        return SoftmaxClassifier(random_state=0, **params)

    long = make(max_iter=200).fit(X, y)
    best = long.objective_

    def excess_of(coef, intercept):
        value = objective("softmax", coef, intercept, X, y, alpha, l1_ratio)
        return value / best - 1.0

    for target, rival_name, fit, iterations, floor in contests:
        ours, model = time_to(target, long.loss_curve_, make, X, y, excess_of)
        taken, excess, n_iter = rival_time(
            target, partial(fit, X, y), excess_of, iterations, 1.1 * ours / floor
        )
        reached = excess <= target
        report(
            f"{title}, to {target:g}",
            f"{ours:.2f} s {described(model)}",
            f"{rival_name} {'' if reached else '> '}{taken:.2f} s "
            f"({n_iter} it., excess {excess:.0e})",
            f"{'' if reached else '< '}{ours / taken:.2f}",
            floor,
        )


@row
def fashion_softmax_l2():
    alpha = 1e-4

    def lbfgs(X, y, n):
        return logistic(X, y, alpha, 0.0, "lbfgs", n)

    def peer(X, y, n):
        return cyanure(X, y, alpha, n)

    compare_softmax(
        "Fashion-MNIST softmax L2 1e-4",
        "fashion_mnist",
        "byte",
        alpha,
        0.0,
        [
            (1e-3, "cyanure", peer, (8, 10, 15, 20, 30), 0.25),
            (1e-5, "cyanure", peer, (10, 15, 20, 25, 30, 40), 0.5),
            (1e-3, "lbfgs", lbfgs, (200, 400, 600), 0.05),
        ],
    )


@row
def news20_softmax_l2():
    def saga(X, y, n):
        return logistic(X, y, 1e-4, 0.0, "saga", n)

    compare_softmax(
        "news20 softmax L2 1e-4",
        "news20bydate_tfidf",
        "none",
        1e-4,
        0.0,
        [(1e-4, "scikit-learn saga", saga, (6, 8, 10, 12), 0.5)],
    )


@row
def fashion_softmax_l1():
    for alpha in (1e-4, 1e-3):
        for l1_ratio, name in ((0.5, "elastic net"), (1.0, "L1")):

            def saga(X, y, n, alpha=alpha, l1_ratio=l1_ratio):
                return logistic(X, y, alpha, l1_ratio, "saga", n)

            compare_softmax(
                f"Fashion-MNIST softmax {name} {alpha:g}",
                "fashion_mnist",
                "byte",
                alpha,
                l1_ratio,
                [(1e-3, "scikit-learn saga", saga, (5, 10, 20), 0.25)],
            )


# -- the hinge: time to a certified gap ----------------------------------------------


def compare_hinge(title, X, y, alpha, fit_intercept, tols, rival):
    """`tols` holds pairs of a tolerance and a floor, `rival` a name and a time."""
    name, taken = rival
    for tol, floor in tols:
        model = SVMClassifier(
            alpha=alpha, fit_intercept=fit_intercept, tol=tol, random_state=0
        )
        ours, model = median_fit(model, X, y)
        form = "with" if fit_intercept else "without"
        report(
            f"{title} {form} intercept, certified {tol:g}",
            f"{ours:.3f} s {described(model)}",
            f"{name} {taken:.2f} s",
            f"{ours / taken:.2f}",
            floor,
        )


def crammer_singer(X, y, alpha, **params):
    model = LinearSVC(
        multi_class="crammer_singer",
        C=1.0 / (alpha * len(y)),
        fit_intercept=False,
        random_state=0,
        **params,
    )
    return statistics.median(seconds(partial(model.fit, X, y))[0] for _ in range(2))


@row
def hinge_on_tables():
    for name, floor in (("satimage", 0.5), ("letter", 0.5), ("usps", 0.25)):
        X, y = data(name, "minmax", "float64")
        alpha = 1.0 / len(y)
        rival = ("crammer_singer", crammer_singer(X, y, alpha, max_iter=1000))
        for fit_intercept in (False, True):
            tols = ((1e-4, floor), (1e-6, 2 * floor))
            compare_hinge(f"{name} hinge C=1", X, y, alpha, fit_intercept, tols, rival)


@row
def hinge_on_fashion():
    X, y = data("fashion_mnist", "byte")
    model = SGDClassifier(
        loss="hinge", alpha=1e-4, max_iter=10, tol=None, random_state=0
    )
    rival = ("10 epochs of SGDClassifier", seconds(partial(model.fit, X, y))[0])
    for fit_intercept in (True, False):
        title = "Fashion-MNIST hinge 1e-4"
        compare_hinge(title, X, y, 1e-4, fit_intercept, ((1e-3, 1.0),), rival)


@row
def hinge_on_news20():
    X, y = data("news20bydate_tfidf")
    rival = ("crammer_singer", crammer_singer(X.astype(np.float64), y, 1e-4))
    for fit_intercept in (True, False):
        title = "news20 hinge 1e-4"
        compare_hinge(title, X, y, 1e-4, fit_intercept, ((1e-3, 0.5),), rival)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="a part of the rows' names")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    names = ("numpy", "scipy", "scikit-learn", "numba", "cyanure")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {versions}\n")
    print("| problem | sklearn_linloss | rival | ratio | floor |")
    print("|---|---|---|---|---|")
    for function in ROWS:
        if options.only in function.__name__:
            function()


if __name__ == "__main__":
    main()
