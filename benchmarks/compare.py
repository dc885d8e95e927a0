"""Whether a change made anything slower: the working tree against another commit.

    python benchmarks/compare.py main

times the same fits and kernels in processes of both versions that take turns, and exits
with 1 if any became slower beyond noise: slower by `--tolerance` in the median, and in
most of the rounds. The other commit is checked out into a temporary directory.

    LINLOSS_DATA=FOLDER python benchmarks/compare.py main --data --rounds 3

times a few iterations of all solvers on real data (data_folder.py) instead.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parent.parent
# Of the rounds, that must agree before a case counts as slower.
_AGREEING = 0.8

# Runs in either version: one line of JSON, the seconds of each case.
CASES = """
import json, time, warnings
import numpy as np
from scipy import sparse
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from sklearn_linloss import SVMClassifier, SVMClassifierCV, SoftmaxClassifier

warnings.simplefilter("ignore")
rng = np.random.default_rng(0)
X, y = load_digits(return_X_y=True)
digits = StandardScaler().fit_transform(X), y
labels = rng.integers(10, size=20_000)
X = rng.standard_normal((20_000, 200), dtype=np.float32)
X += rng.standard_normal((10, 200), dtype=np.float32)[labels] * np.float32(0.1)
images = X, labels
X = sparse.random_array((5000, 20_000), density=0.005, format="csr", rng=rng)
words = sparse.csr_matrix(X, dtype=np.float32), rng.integers(20, size=5000)
epochs = dict(tol=0, max_iter=3, random_state=0)
fits = {
    "svm, digits": (SVMClassifier(random_state=0), digits),
    "softmax, digits": (SoftmaxClassifier(random_state=0), digits),
    "svm path, digits": (SVMClassifierCV(alphas=np.logspace(-3, 0, 4), cv=2), digits),
}
for solver in ("gd", "lbfgs", "newton", "saga", "sdca", "sgd"):
    model = SoftmaxClassifier(solver=solver, **epochs)
    fits[f"softmax {solver}, images"] = model, images
    if solver != "newton":
        fits[f"softmax {solver}, words"] = model, words
for solver in ("gd", "sdca", "sgd"):
    fits[f"svm {solver}, images"] = SVMClassifier(solver=solver, **epochs), images
spent = {}
for name, (model, data) in fits.items():
    model.fit(*data)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        model.fit(*data)
        times.append(time.perf_counter() - start)
    spent[name] = min(times)
print(json.dumps(spent))
"""


DATA = ("fashion_mnist", "letter", "news20bydate_tfidf", "usps")
# The processor's time: the fits are long enough, and the machine may be shared.
ON_DATA = f"""
import json, sys, time, warnings
import numpy as np
from sklearn.datasets import load_digits

sys.path.insert(0, {str(PROJECT / "benchmarks")!r})
import data_folder
from sklearn_linloss import SVMClassifier, SoftmaxClassifier

warnings.simplefilter("ignore")
X, y = load_digits(return_X_y=True)
sets = {{"digits": ((X / 16).astype(np.float32), y)}}
for name in {DATA!r}:
    X, y = data_folder.load(name, "byte" if name == "fashion_mnist" else "none")
    sets[name] = X[:20_000], y[:20_000]
steps = {{"gd": 10, "lbfgs": 10, "newton": 3, "saga": 3, "sdca": 3, "sgd": 3}}
spent = {{}}
for data, (X, y) in sets.items():
    for loss in ("softmax", "hinge", "squared_hinge"):
        for solver, max_iter in steps.items():
            options = dict(solver=solver, max_iter=max_iter, tol=0, random_state=0)
            model = SoftmaxClassifier(**options)
            if loss != "softmax":
                model = SVMClassifier(loss, **options)
            times = []
            try:
                while len(times) < 3 or sum(times) < 0.4:
                    start = time.process_time()
                    model.fit(X, y)
                    times.append(time.process_time() - start)
            except ValueError:  # not this loss
                continue
            spent[f"{{data}}, {{loss}} {{solver}}"] = min(times)
print(json.dumps(spent))
"""


def run(source, cache, cases):
    environment = os.environ | {
        "PYTHONPATH": str(source),
        "NUMBA_CACHE_DIR": str(cache),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", cases],
        env=environment,
        cwd=cache,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def check_out(commit, directory):
    archive = subprocess.run(
        ["git", "archive", commit], cwd=PROJECT, stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-x", "-C", directory], input=archive.stdout, check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tolerance", type=float, default=0.1)
    parser.add_argument("--data", action="store_true")
    options = parser.parse_args()
    cases = ON_DATA if options.data else CASES
    with tempfile.TemporaryDirectory() as scratch:
        base, caches = Path(scratch) / "base", []
        for name in ("base", "cache of base", "cache of head"):
            (Path(scratch) / name).mkdir()
            caches.append(Path(scratch) / name)
        check_out(options.base, base)
        versions = (base, caches[1]), (PROJECT, caches[2])
        for version in versions:
            run(*version, cases)  # fills its cache
        rounds = []
        for turn in range(options.rounds):
            pair = [
                run(*version, cases) for version in versions[:: 1 if turn % 2 else -1]
            ]
            rounds.append(pair if turn % 2 else pair[::-1])
    print("| case | base, ms | head, ms | ratio | slower in |\n|---|---|---|---|---|")
    slower = []
    for name in rounds[0][1]:
        ratios = [head[name] / base[name] for base, head in rounds]
        before, after = (statistics.median(r[i][name] for r in rounds) for i in (0, 1))
        ratio, worse = statistics.median(ratios), sum(r > 1.0 for r in ratios)
        agreed = worse >= _AGREEING * len(ratios)
        mark = ""
        if ratio > 1.0 + options.tolerance and agreed:
            slower.append(name)
            mark = " **slower**"
        cells = f"{1e3 * before:.1f} | {1e3 * after:.1f} | {ratio:.2f}{mark}"
        print(f"| {name} | {cells} | {worse} of {len(ratios)} |")
    sys.exit(1 if slower else 0)


if __name__ == "__main__":
    main()
