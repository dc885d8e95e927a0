"""What a single row costs: `predict` and `predict_proba` beside scikit-learn's.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/latency.py

prints the median time of a call over that of LogisticRegression or LinearSVC, with the
same coefficients, in one run. Calls take turns, so that both see the same machine.
"""

import argparse
import statistics
import time

from sklearn.datasets import load_breast_cancer, load_digits

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

DATA = {"breast_cancer": load_breast_cancer, "digits": load_digits}


def medians(calls, n_calls):
    """Median seconds of each call, made in turns."""
    times = [[] for _ in calls]
    for _ in range(n_calls):
        for call, seconds in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in times]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000)
    n_calls = parser.parse_args().calls
    print("| data | classifier | method | ratio | microseconds |")
    print("|---|---|---|---|---|")
    for name, load in DATA.items():
        X, y = load(return_X_y=True)
        for model in (SoftmaxClassifier(), SVMClassifier()):
            ours = model.set_params(alpha=0.01).fit(X / X.max(axis=0).clip(1.0), y)
            theirs, row = ours.to_sklearn(), X[:1]
            for method in ("predict", "predict_proba", "decision_function"):
                if not hasattr(ours, method):
                    continue
                calls = [
                    lambda each=each, method=method, row=row: getattr(each, method)(row)
                    for each in (ours, theirs)
                ]
                mine, known = medians(calls, n_calls)
                kind = type(model).__name__
                ratio = f"{mine / known:.2f} | {1e6 * mine:.0f}"
                print(f"| {name} | {kind} | `{method}` | {ratio} |")


if __name__ == "__main__":
    main()
