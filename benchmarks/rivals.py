"""CPU seconds beside mlpack, adelie, Spark, skglm and liblinear, on common problems.

    python -m venv rivals
    rivals/bin/pip install . adelie mlpack psutil pyspark skglm
    LINLOSS_DATA=FOLDER rivals/bin/python benchmarks/rivals.py
        [--rival NAME ...] [--data NAME ...] [--excess E] [--repeat N]

Both sides minimise the same objective. A reference, certified to 1e-8 (paths to 1e-6),
says how far above the optimum a model is. Each side is timed at the first of its
settings, from the cheapest on, whose models are all within `--excess`: tolerances, or
for mlpack, which stops early otherwise, numbers of iterations. Fits before that one
have compiled what it needs. Spark runs on one core of this machine, whose virtual
machine counts with all of its threads; it is made for many machines. skglm and
liblinear, which is scikit-learn's, fit sparse models of text in two classes: the lower
and the upper half of the classes of a file, or generated documents.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import argparse
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import data_folder
import numpy as np
import paths
import psutil
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from sklearn_linloss import SoftmaxClassifier, SVMClassifier, linear_path, losses

OURS = 10.0 ** np.arange(-1.0, -8.0, -1.0)
NEWS = "news20bydate_tfidf"


@dataclass
class Case:
    """A problem, and how each side solves it.

    Parameters
    ----------
    title : str
        For the table.
    excess_of : callable
        What a side returns -> the largest excess over the optimum.
    ours, theirs : callable
        Setting -> models.
    settings : sequence
        Those of the rival, from the cheapest on.
    """

    title: str
    excess_of: Callable
    ours: Callable
    theirs: Callable
    settings: Sequence


def load(name):
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X / 16.0, y
    if name == paths.SIMULATED:
        X, y = paths.simulate()
        return X.astype(np.float64), y
    X, y = data_folder.load(name, dtype="float64")
    if sparse.issparse(X):
        return X, y
    return data_folder.load(name, scale="minmax", dtype="float64")


def objective(X, y, model, loss, alpha, penalty):
    """In NumPy; `penalty` gives the penalty of strength one."""
    W, b = model
    scores = X @ W.T + b
    if scores.shape[1] == 1:
        scores = np.column_stack([np.zeros(len(y)), scores])
    return getattr(losses, loss).value(scores, y).mean() + alpha * penalty(W)


def half_square(W):
    return 0.5 * np.square(W).sum()


def elastic_net(l1_ratio, W):
    return l1_ratio * np.abs(W).sum() + (1.0 - l1_ratio) * half_square(W)


def grouped(l1_ratio, W):
    norms = np.linalg.norm(W, axis=0).sum()
    return l1_ratio * norms + (1.0 - l1_ratio) * half_square(W)


def single_fit(title, X, y, make, penalty, theirs, settings):
    """The case of one model; `make` gives our classifier at a tolerance."""

    def ours(tol):
        model = make(tol=tol).fit(X, y)
        return model.coef_, model.intercept_

    best = make(tol=1e-8)
    loss = getattr(best, "loss", "softmax")
    value = partial(objective, X, y, loss=loss, alpha=best.alpha, penalty=penalty)
    reference = value(ours(1e-8))
    return Case(
        title, lambda model: value(model) / reference - 1.0, ours, theirs, settings
    )


# -- the rivals ------------------------------------------------------------------------


def with_mlpack(name, X, y):
    """The hinge of Weston and Watkins with L2, by L-BFGS, without an intercept."""
    from mlpack import linear_svm

    alpha = 1e-3

    def theirs(iterations):
        fitted = linear_svm(
            training=X,
            labels=y,
            lambda_=alpha,
            delta=1.0,
            no_intercept=True,
            num_classes=int(y.max()) + 1,
            optimizer="lbfgs",
            tolerance=1e-15,
            max_iterations=iterations,
        )
        parameters = fitted["output_model"].get_cpp_params()["LinearSVMModel"]
        return np.asarray(parameters["svm"]["parameters"]), 0.0

    make = partial(SVMClassifier, alpha=alpha, fit_intercept=False, random_state=0)
    title = f"{name}, hinge, L2 {alpha:g}, no intercept"
    settings = 10 * 2 ** np.arange(10)
    yield single_fit(title, X, y, make, half_square, theirs, settings.tolist())


def with_adelie(name, X, y, count=20, eps=0.05):
    """Paths of the softmax that drop whole features."""
    import adelie

    n_classes = int(y.max()) + 1
    columns, family = np.asfortranarray(X), adelie.glm.multinomial(np.eye(n_classes)[y])
    for l1_ratio in (1.0, 0.5):
        shape = {"alphas": count, "eps": eps, "penalty": "grouped"}
        ours = partial(linear_path, X, y, l1_ratio=l1_ratio, **shape)
        reference = ours(tol=1e-6)
        penalty = partial(grouped, l1_ratio)

        def excess_of(models, reference=reference, penalty=penalty):
            values = [
                objective(X, y, model, "softmax", alpha, penalty)
                for model, alpha in zip(models, reference.alphas, strict=True)
            ]
            return float(np.max(values / reference.objectives - 1.0))

        def theirs(tol, l1_ratio=l1_ratio, reference=reference):
            path = adelie.grpnet(
                columns,
                family,
                penalty=np.ones(X.shape[1]),
                alpha=l1_ratio,
                lmda_path=reference.alphas / n_classes,  # as its loss is
                early_exit=False,
                tol=tol,
                irls_tol=tol,
                progress_bar=False,
            )
            coefs = path.betas.toarray().reshape(-1, X.shape[1], n_classes)
            return list(zip(coefs.transpose(0, 2, 1), path.intercepts, strict=True))

        title = f"{name}, softmax, {count} strengths, grouped, l1_ratio {l1_ratio:g}"
        yield Case(title, excess_of, partial(_models_at, ours), theirs, OURS**2)


def _models_at(path, tol):
    path = path(tol=tol)
    return list(zip(path.coefs, path.intercepts, strict=True))


def with_spark(name, X, y):
    """The softmax, by L-BFGS, or OWL-QN with L1."""
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.linalg import Vectors
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]")
    session = builder.config("spark.ui.enabled", "false").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    rows = [(float(c), Vectors.dense(x)) for x, c in zip(X, y, strict=True)]
    frame = session.createDataFrame(rows, ["label", "features"]).coalesce(1).cache()
    frame.count()
    for alpha, l1_ratio in ((1e-4, 0.0), (1e-3, 1.0)):

        def theirs(tol, alpha=alpha, l1_ratio=l1_ratio):
            model = LogisticRegression(
                family="multinomial",
                regParam=alpha,
                elasticNetParam=l1_ratio,
                standardization=False,
                tol=tol,
                maxIter=10_000,
            ).fit(frame)
            return model.coefficientMatrix.toArray(), model.interceptVector.toArray()

        kind = "L1" if l1_ratio else "L2"
        terms = {"alpha": alpha, "l1_ratio": l1_ratio}
        make = partial(SoftmaxClassifier, random_state=0, **terms)
        penalty = partial(elastic_net, l1_ratio)
        title = f"{name}, softmax, {kind} {alpha:g}"
        yield single_fit(title, X, y, make, penalty, theirs, 10.0 ** -np.arange(2, 13))


def with_skglm(name, X, y):
    """Sparse models of two classes by Newton's method on a working set."""
    from skglm import SparseLogisticRegression

    columns = X.tocsc()  # as it wants them

    def fit(alpha, y, tol):
        return SparseLogisticRegression(alpha, tol=tol, max_iter=1000).fit(columns, y)

    yield from _sparse_models(name, X, y, fit, fit_intercept=True)


def with_liblinear(name, X, y):
    """The same by coordinate descent; it would penalise an intercept."""
    old = LogisticRegression().penalty == "l2"  # scikit-learn before 1.8
    l1 = {"penalty": "l1"} if old else {"l1_ratio": 1.0}
    common = {"solver": "liblinear", "fit_intercept": False, "max_iter": 100_000, **l1}

    def fit(alpha, y, tol):
        C = 1.0 / (alpha * len(y))
        return LogisticRegression(C=C, tol=tol, random_state=0, **common).fit(X, y)

    yield from _sparse_models(name, X, y, fit, fit_intercept=False)


def _sparse_models(name, X, y, fit, fit_intercept):
    """Cases of the softmax with pure L1 and two classes."""
    y = (y > np.median(np.unique(y))).astype(np.intp)
    for alpha in (1e-3, 1e-4, 1e-5):

        def theirs(tol, alpha=alpha):
            model = fit(alpha, y, tol)
            return np.reshape(model.coef_, (1, -1)), model.intercept_

        terms = {"alpha": alpha, "l1_ratio": 1.0, "fit_intercept": fit_intercept}
        make = partial(SoftmaxClassifier, random_state=0, max_iter=10_000, **terms)
        without = "" if fit_intercept else ", no intercept"
        title = f"{name}, softmax, two classes, L1 {alpha:g}{without}"
        penalty = partial(elastic_net, 1.0)
        yield single_fit(title, X, y, make, penalty, theirs, 10.0 ** -np.arange(1, 11))


RIVALS = {
    "mlpack": with_mlpack,
    "adelie": with_adelie,
    "Spark": with_spark,
    "skglm": with_skglm,
    "liblinear": with_liblinear,
}
OF_TEXT = "skglm", "liblinear"


# -- the clock -------------------------------------------------------------------------


def spent():
    """CPU seconds of this process and of those that it started."""
    own = psutil.Process()
    times = [each.cpu_times() for each in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def seconds(function, repeat):
    """Median CPU seconds of calls."""
    taken = []
    for _ in range(repeat):
        start = spent()
        function()
        taken.append(spent() - start)
    return statistics.median(taken)


def time_within(target, solve, settings, excess_of, repeat):
    """Seconds at the first setting within the target, nan without one; and a text."""
    least = np.inf
    for setting in settings:
        excess = excess_of(solve(setting))
        least = min(least, excess)
        if excess <= target:
            taken = seconds(partial(solve, setting), repeat)
            return taken, f"{taken:.2f} s (excess {excess:.0e})"
    return np.nan, f"not reached (excess {least:.0e})"


def main():
    """Print a table of the rivals and data sets asked for."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rival", nargs="+", default=list(RIVALS), choices=RIVALS)
    parser.add_argument("--data", nargs="+", help="instead of those of each rival")
    parser.add_argument("--excess", type=float, default=1e-3)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    print("| other package | problem | sklearn_linloss | its time | ratio |")
    print("|---" * 5 + "|")
    for rival in asked.rival:
        usual = [paths.SIMULATED, NEWS] if rival in OF_TEXT else ["digits", "letter"]
        there = {"digits", paths.SIMULATED, *data_folder.names()}
        for name in asked.data or [name for name in usual if name in there]:
            for case in RIVALS[rival](name, *load(name)):
                within = partial(
                    time_within,
                    asked.excess,
                    excess_of=case.excess_of,
                    repeat=asked.repeat,
                )
                mine, our_text = within(solve=case.ours, settings=OURS)
                other, their_text = within(solve=case.theirs, settings=case.settings)
                ratio = "" if np.isnan(mine / other) else f"{mine / other:.2g}"
                cells = rival, case.title, our_text, their_text, ratio
                print("|", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
