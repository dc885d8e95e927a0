"""One epoch of SGD on text: what the test set says of it, and how long it takes.

    LINLOSS_DATA=folder OPENBLAS_NUM_THREADS=1 python benchmarks/text_epoch.py

prints the table of README.md. Without the folder it takes the generated documents
alone, and without Vowpal Wabbit (`pip install vowpalwabbit`) it leaves out its rows.
"""

import argparse
import importlib.util
import os
import time
import warnings
from unittest import mock

import data_folder
import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss
from sklearn.preprocessing import normalize

# Read when the package is imported.
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

from sgd import make

from sklearn_linloss._solvers import _sgd

ALPHAS = (1e-4, 1e-6)
RATES = {"optimal": {}, "constant 1": {"eta0": 1.0}, "constant 10": {"eta0": 10.0}}
TEST_PART = 6  # one document in so many


def documents(n=120_000, n_classes=50, n_features=1 << 18, n_words=300_000, seed=0):
    """Words by Zipf's law, some of which are of the theme of their class, hashed.

    Entries are roots of counts, and rows have length one.
    """
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    frequency = np.cumsum(1.0 / (np.arange(n_words) + 10.0))
    length = rng.poisson(110, size=n)
    row = np.repeat(np.arange(n), length)
    word = np.searchsorted(frequency / frequency[-1], rng.random(len(row)))
    # A theme is the same law of other words; documents keep to theirs more or less.
    told = rng.random(len(row)) < (0.5 * rng.beta(1, 2, size=n))[row]
    first = rng.integers(n_words, size=n_classes)
    word = np.where(told, (97 * word + first[y[row]]) % n_words, word)
    column = rng.integers(n_features, size=n_words)[word]
    X = sparse.csr_matrix(
        (np.ones(len(row), np.float32), (row, column)), shape=(n, n_features)
    )
    X.sum_duplicates()
    X.data = np.sqrt(X.data)
    return normalize(X), y


def data_sets():
    """Names, and rows to learn from and to test with."""
    name = "news20bydate_tfidf"
    if name in data_folder.names():
        X, y = data_folder.load(name)
        folder = data_folder.folder()
        test = sparse.load_npz(folder / f"{name}_test.npz").astype(np.float32)
        y_test = np.load(folder / "news20bydate_y_test.npy")
        yield "news20", X, y, test.tocsr(), np.unique(y_test, return_inverse=True)[1]
    X, y = documents()
    stop = len(y) - len(y) // TEST_PART
    yield "generated", X[:stop], y[:stop], X[stop:], y[stop:]


def ours(loss, alpha, X, y):
    """A fit of one epoch, and the time of its updates."""
    times = []
    run_epoch = _sgd.run_epoch

    def timed(*args):
        start = time.process_time()
        result = run_epoch(*args)
        times.append(time.process_time() - start)
        return result

    model = make(loss, alpha=alpha, solver="sgd", max_iter=1)
    model.fit(X[:200], np.arange(200) % (y.max() + 1))  # compiles
    with mock.patch.object(_sgd, "run_epoch", timed):
        model.fit(X, y)
    return model, times[0]


def sgd_classifier(loss, alpha, X, y, rate):
    model = SGDClassifier(
        loss=loss,
        alpha=alpha,
        learning_rate=rate.split()[0],
        tol=None,
        max_iter=1,
        random_state=0,
        **RATES[rate],
    )
    start = time.process_time()
    model.fit(X, y)
    return model, time.process_time() - start


def vowpal_wabbit(loss, alpha, X, y, X_test):
    """What it says of a test set after a pass with its rates, and the time of it."""
    import vowpalwabbit

    n_classes = y.max() + 1
    # Places for all coefficients, so that no two share one.
    bits = sum(int(np.ceil(np.log2(size))) for size in (X.shape[1], n_classes))
    workspace = vowpalwabbit.Workspace(
        f"--oaa {n_classes} --loss_function {loss} --l2 {alpha} -b {bits} --quiet "
        f"--random_seed 0{' --probabilities' * (loss == 'logistic')}"
    )
    order = np.random.default_rng(0).permutation(len(y))
    lines = [f"{y[i] + 1} | {_features(X, i)}" for i in order]
    start = time.process_time()
    for line in lines:
        workspace.learn(line)
    taken = time.process_time() - start
    found = [
        workspace.predict(f"| {_features(X_test, i)}") for i in range(X_test.shape[0])
    ]
    workspace.finish()
    return np.array(found), taken


def _features(X, i):
    part = slice(X.indptr[i], X.indptr[i + 1])
    entries = zip(X.indices[part], X.data[part], strict=True)
    return " ".join(f"{j}:{x:.6g}" for j, x in entries)


def row(name, alpha, title, accuracy, loss, taken):
    loss = "" if loss is None else f"{loss:.3f}"
    print(
        f"| {name} | {alpha:g} | {title} | {accuracy:.4f} | {loss} | {taken:.2f} s |",
        flush=True,
    )


def compare(name, alpha, X, y, X_test, y_test):
    for loss, theirs, wabbit in (
        ("softmax", "log_loss", "logistic"),
        ("hinge", "hinge", "hinge"),
    ):
        has_probabilities = loss == "softmax"
        found = [(f"sklearn_linloss {loss}", *ours(loss, alpha, X, y))]
        for rate in RATES:
            rival = sgd_classifier(theirs, alpha, X, y, rate)
            found.append((f"SGDClassifier {theirs}, {rate}", *rival))
        for title, model, taken in found:
            value = None
            if has_probabilities:
                value = log_loss(y_test, model.predict_proba(X_test))
            row(name, alpha, title, model.score(X_test, y_test), value, taken)
        if importlib.util.find_spec("vowpalwabbit"):
            answers, taken = vowpal_wabbit(wabbit, alpha, X, y, X_test)
            value = log_loss(y_test, answers) if has_probabilities else None
            labels = answers.argmax(axis=1) if has_probabilities else answers - 1
            accuracy = (labels == y_test).mean()
            row(name, alpha, f"Vowpal Wabbit {wabbit}", accuracy, value, taken)


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    warnings.simplefilter("ignore")
    print("| data | alpha | model | accuracy | log-loss | epoch |")
    print("|---" * 6 + "|")
    for data in data_sets():
        for alpha in ALPHAS:
            compare(data[0], alpha, *data[1:])


if __name__ == "__main__":
    main()
