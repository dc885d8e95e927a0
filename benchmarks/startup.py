"""What a fresh process pays: imports, and the first fit with and without a cache.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/startup.py

prints the tables of README.md. The data are scikit-learn's digits, the classifiers have
their defaults, and every number is the median of several processes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

IMPORT = """
import time
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""

# The least that any compiled code costs a process, beside its own loading.
NUMBA = """
import json, time
import numpy as np
import sklearn_linloss

start = time.perf_counter()
import numba
from sklearn_linloss import _kernels

matrix = np.zeros((1, 2))
_kernels.adjust_flows(matrix, np.zeros(1, np.intp), np.ones(1), matrix, matrix)
print(json.dumps(time.perf_counter() - start))
"""

FITS = """
import json, time
from sklearn.datasets import load_digits
from sklearn_linloss import {classifier}

X, y = load_digits(return_X_y=True)
X /= 16.0
times = []
for _ in range(2):
    start = time.perf_counter()
    {classifier}(random_state=0).fit(X, y)
    times.append(time.perf_counter() - start)
print(json.dumps(times))
"""


def run(code, cache=None):
    environment = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": cache})
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def imports(repeats):
    modules = "sklearn.linear_model", "sklearn_linloss"
    spent = {module: [] for module in modules}
    for _ in range(repeats):
        for module in modules:
            spent[module].append(run(IMPORT.format(module=module)))
    theirs, ours = (statistics.median(spent[module]) for module in modules)
    print("| import | seconds | of sklearn.linear_model | floor |\n|---|---|---|---|")
    print(f"| sklearn.linear_model | {theirs:.2f} | 1 | |")
    print(f"| sklearn_linloss | {ours:.2f} | {ours / theirs:.2f} | 1.1 |\n")


def first_fits(repeats):
    heads = "classifier", "cache", "first fit, s", "second fit, s", "difference, s"
    print("| " + " | ".join([*heads, "floor"]) + " |\n" + "|---" * 6 + "|")
    for classifier in ("SVMClassifier", "SoftmaxClassifier"):
        code = FITS.format(classifier=classifier)
        none, warm = [], []
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as cache:
                none.append(run(code, cache))
                warm += [run(code, cache), run(code, cache)]
        for name, times, floor in (("none", none, "4 (first)"), ("warm", warm, "0.5")):
            first, second = (
                statistics.median(column) for column in zip(*times, strict=True)
            )
            cells = [classifier, name, f"{first:.2f}", f"{second:.2f}"]
            cells += [f"{first - second:.2f}", floor]
            print("| " + " | ".join(cells) + " |", flush=True)
    with tempfile.TemporaryDirectory() as cache:
        run(NUMBA, cache)
        least = statistics.median(run(NUMBA, cache) for _ in range(2 * repeats))
    print(
        f"\nImporting numba and loading one small kernel from the cache: {least:.2f} s."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    start = time.perf_counter()
    imports(2 * repeats)
    first_fits(repeats)
    print(f"Measured in {time.perf_counter() - start:.0f} s.", file=sys.stderr)


if __name__ == "__main__":
    main()
