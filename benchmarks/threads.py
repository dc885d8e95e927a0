"""How much two threads gain, alone and beside other packages.

    OPENBLAS_NUM_THREADS=2 python benchmarks/threads.py

prints two tables. The first compares fits with `n_jobs=1` and `n_jobs=2`, which must
give the same model to the last bit. The second compares the times to a distance of 1e-3
from the optimum of the softmax on Fashion-MNIST, all with two threads; packages that
are not installed are left out. Data sets come from the folder in LINLOSS_DATA
(`data_folder.py`). Run it on a machine with two idle cores.
"""

import argparse
import time
import warnings

import data_folder
import numpy as np
from sklearn.datasets import load_digits, load_iris, make_classification

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

DISTANCE = 1e-3  # from the optimum, relative


def fashion():
    return data_folder.load("fashion_mnist", scale="byte")


def two_classes():
    X, y = make_classification(200_000, 50, n_informative=20, random_state=0)
    return X.astype(np.float32), y


def news():
    return data_folder.load("news20bydate_tfidf")


# Data, strengths, and the least ratio of the times with one and with two threads.
CASES = {
    "fashion_mnist": (fashion, (1e-4, 1e-6), 1.6),
    "200000 x 50, two classes": (two_classes, (1e-4,), 1.5),
    "news20": (news, (1e-4,), 1.3),
    "digits": (lambda: load_digits(return_X_y=True), (1e-4,), 0.97),
    "iris": (lambda: load_iris(return_X_y=True), (1e-4,), 0.97),
}
LOSSES = "softmax", "hinge", "squared_hinge"


def make(loss, **params):
    if loss == "softmax":
        return SoftmaxClassifier(random_state=0, **params)
    return SVMClassifier(loss=loss, random_state=0, **params)


def seconds(fit, *arrays):
    start = time.perf_counter()
    result = fit(*arrays)
    return time.perf_counter() - start, result


def compare_threads(names, repeats):
    heads = "data", "loss", "alpha", "solver", "one thread, s", "2 threads, s", "ratio"
    print("| " + " | ".join([*heads, "floor"]) + " |\n" + "|---" * 8 + "|")
    for name in names:
        data, alphas, floor = CASES[name]
        X, y = data()
        for loss in LOSSES:
            for alpha in alphas:
                spent, models = {1: [], 2: []}, {}
                make(loss, alpha=alpha).fit(X, y)  # compiles
                for _ in range(repeats):
                    for n_jobs, times in spent.items():
                        model = make(loss, alpha=alpha, n_jobs=n_jobs)
                        some, models[n_jobs] = seconds(model.fit, X, y)
                        times.append(some)
                np.testing.assert_array_equal(models[1].coef_, models[2].coef_)
                one, two = map(np.median, spent.values())
                cells = name, loss, f"{alpha:g}", models[1].solver_
                cells += f"{one:.3g}", f"{two:.3g}", f"{one / two:.2f}", f"{floor:g}"
                print("| " + " | ".join(cells) + " |", flush=True)


# -- beside other packages: a list of (effort, coefficients, intercepts, seconds) ------


def ours(X, y, alpha):
    for tol in (1e-1, 3e-2, 1e-2, 5e-3, 2e-3, 1e-3):
        model = SoftmaxClassifier(alpha=alpha, tol=tol, n_jobs=2, random_state=0)
        spent, _ = seconds(model.fit, X, y)
        yield f"tol={tol:g}", model.coef_, model.intercept_, spent


def logistic_regression(X, y, alpha):
    from sklearn.linear_model import LogisticRegression

    for max_iter in (50, 100, 200, 300, 400):
        C = 1.0 / (alpha * len(y))
        model = LogisticRegression(C=C, tol=1e-12, max_iter=max_iter)
        spent, _ = seconds(model.fit, X, y)
        yield f"max_iter={max_iter}", model.coef_, model.intercept_, spent


def cyanure(X, y, alpha):
    import cyanure

    for max_iter in (5, 10, 20, 40, 80):
        model = cyanure.estimators.Classifier(
            loss="multiclass-logistic",
            penalty="l2",
            lambda_1=alpha,
            fit_intercept=True,
            max_iter=max_iter,
            tol=1e-12,
            n_threads=2,
            verbose=False,
        )
        spent, _ = seconds(model.fit, X, y)
        W, b = np.asarray(model.coef_), np.asarray(model.intercept_)
        W = W if len(W) == len(b.ravel()) else W.T
        yield f"max_iter={max_iter}", W, b.ravel(), spent


def pytorch(X, y, alpha):
    import torch

    torch.set_num_threads(2)
    for epochs in (10, 20, 40, 80):
        torch.manual_seed(0)
        rows, labels = torch.from_numpy(X), torch.from_numpy(y.astype(np.int64))
        model = torch.nn.Linear(X.shape[1], int(y.max()) + 1)
        optimiser = torch.optim.LBFGS(
            model.parameters(), max_iter=10 * epochs, line_search_fn="strong_wolfe"
        )

        def value(model=model, optimiser=optimiser, rows=rows, labels=labels):
            optimiser.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(rows), labels)
            loss = loss + 0.5 * alpha * model.weight.square().sum()
            loss.backward()
            return loss

        spent, _ = seconds(optimiser.step, value)
        W, b = model.weight.detach().numpy(), model.bias.detach().numpy()
        yield f"max_iter={10 * epochs}", W, b, spent


def objective(X, y, W, b, alpha):
    """That of the softmax with an L2 penalty, in NumPy and double precision."""
    W, total = np.asarray(W, np.float64), 0.0
    for rows in np.array_split(np.arange(len(y)), 20):
        scores = X[rows].astype(np.float64) @ W.T + b
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[np.arange(len(rows)), y[rows]]
        total += (np.log(np.exp(scores).sum(axis=1)) - own).sum()
    return total / len(y) + 0.5 * alpha * np.vdot(W, W)


def compare_packages(alpha, repeats):
    X, y = fashion()
    exact = SoftmaxClassifier(alpha=alpha, tol=1e-6, max_iter=5000).fit(X, y)
    bound = (1.0 - exact.gap_) * exact.objective_
    print("\n| package | effort | distance | s |\n|---|---|---|---|")
    for package in (ours, logistic_regression, cyanure, pytorch):
        try:
            print(_first_near(package, X, y, alpha, bound, repeats), flush=True)
        except ImportError as error:
            print(f"{package.__name__} is left out: {error}", flush=True)


def _first_near(package, X, y, alpha, bound, repeats):
    """A line on the least effort that comes near enough: the median of its times."""
    times = {}
    for _ in range(repeats):
        for effort, W, b, spent in package(X, y, alpha):
            times.setdefault(effort, []).append(spent)
            distance = objective(X, y, W, b, alpha) / bound - 1.0
            if distance <= DISTANCE:
                break
    spent = np.median(times[effort])
    return f"| {package.__name__} | {effort} | {distance:.1e} | {spent:.3g} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-packages", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    compare_threads(arguments.data, arguments.repeats)
    if not arguments.no_packages:
        compare_packages(1e-4, arguments.repeats)


if __name__ == "__main__":
    main()
