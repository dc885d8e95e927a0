"""Fits on Dask: rounds, passes over the data, bytes sent, memory and time.

    python benchmarks/dask.py --rows 4000000 --features 128 --partitions 16
    python benchmarks/dask.py --rows 2000000 --features 262144 --csr --losses softmax

Data are made on the workers, part by part. Each loss is fitted once to warm up, on few
rows, and then to the tolerance. A pass is one reading of all rows: the scores of a
model or a step, a gradient, or second derivatives. Memory is the largest resident set
so far, of this process and of the largest worker, above what both had before the data.
With ``--local`` the local class fits a tenth of the rows, made in the same way.

    pip install pyspark  # and Java 17 or later
    python benchmarks/dask.py --rows 400000 --features 128 --losses softmax --spark

With ``--arrays`` the rows are fitted on one worker, a thread of this process, and the
peak of its memory beside them is printed by tracemalloc, in numbers of double precision
for each sample and class.

With ``--spark`` Spark ML solves the same problem of the softmax by L-BFGS, on rows that
it has in memory, with as many threads, until its objective is 1e-4 above the optimum.
Processor seconds are those of all processes.
"""

import argparse
import os
import resource
import sys
import tempfile
import tracemalloc
from pathlib import Path
from time import perf_counter, process_time

# This file has the name of a package that it needs.
sys.path.pop(0)

import dask
import dask.array as da
import numpy as np
from distributed import Client, LocalCluster, wait
from scipy import sparse

import sklearn_linloss
import sklearn_linloss.dask
from sklearn_linloss._solvers._systems import hessian
from sklearn_linloss._solvers._working_set import matrix_on
from sklearn_linloss.dask import _parts

PASSES = {
    "scores": 1,
    "backward": 1,
    "data_gradient": 1,
    "covariance": 1,
    "covariance_times": 2,
}


def passes_of(call):
    """How many times a call reads all rows."""
    if call.what == "sum_of":
        return any(each is hessian or each is matrix_on for each in call.args)
    return PASSES.get(call.what, 0)


def make_part(seed, n_samples, n_features, n_classes, csr, decades):
    """Rows and labels: noisy argmax of a linear model, the same for all parts."""
    truth = np.random.default_rng(0).standard_normal((n_classes, n_features))
    rng = np.random.default_rng(seed + 1)
    if csr:
        n_entries = 100  # a row, of features that fall in frequency
        columns = (n_features ** rng.random((n_samples, n_entries))).astype(int)
        data = rng.random((n_samples, n_entries)).astype(np.float32)
        ends = np.arange(0, n_samples * n_entries + 1, n_entries)
        shape = n_samples, n_features
        X = sparse.csr_matrix((data.ravel(), columns.ravel(), ends), shape=shape)
        X.sum_duplicates()
    else:
        X = rng.standard_normal((n_samples, n_features), dtype=np.float32)
        X *= np.logspace(0.0, -decades, n_features, dtype=np.float32)
    scores = X @ truth.T.astype(np.float32)
    scores += 2.0 * scores.std() * rng.standard_normal(scores.shape, dtype=np.float32)
    return X, scores.argmax(axis=1)


def make_data(client, args, n_samples):
    """Collections that lie on the workers."""
    sizes = sizes_of(args, n_samples)
    make = dask.delayed(make_part, nout=2)
    kind = args.features, args.classes, args.csr, args.decades
    parts = [make(seed, size, *kind) for seed, size in enumerate(sizes)]
    X = [
        da.from_delayed(X, (size, args.features), np.float32)
        for (X, _), size in zip(parts, sizes, strict=True)
    ]
    y = [
        da.from_delayed(y, (size,), np.int64)
        for (_, y), size in zip(parts, sizes, strict=True)
    ]
    both = client.persist([da.concatenate(X), da.concatenate(y)])
    wait(both)
    return both


def sizes_of(args, n_samples):
    """Rows of the partitions."""
    return np.diff(np.linspace(0, n_samples, args.partitions + 1).astype(int)).tolist()


def cluster_seconds(client):
    """Processor seconds of this process and the workers so far."""
    return process_time() + sum(client.run(process_time).values())


class Counts:
    """What the rounds of fits were, added up where they are made."""

    def __init__(self):
        self.rounds = self.passes = self.sent = self.received = 0
        original = _parts.Parts._round

        def counted(parts, calls, wanted):
            before = parts.n_sent, parts.n_received
            answers = original(parts, calls, wanted)
            self.rounds += 1
            self.passes += sum(map(passes_of, calls))
            self.sent += parts.n_sent - before[0]
            self.received += parts.n_received - before[1]
            return answers

        _parts.Parts._round = counted

    def reset(self):
        self.rounds = self.passes = self.sent = self.received = 0


def resident():
    """The largest resident set of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def estimator(loss, args, module=sklearn_linloss.dask):
    parameters = {"alpha": args.alpha, "l1_ratio": args.l1_ratio, "tol": args.tol}
    if loss == "softmax":
        return module.SoftmaxClassifier(**parameters)
    return module.SVMClassifier(loss, **parameters)


def print_arrays(args):
    """What a worker holds beside rows and labels, their codes, weights, shares."""
    cluster = LocalCluster(1, threads_per_worker=1, processes=False)
    with cluster, Client(cluster) as client:
        X, y = make_data(client, args, args.rows)
        print("| loss | numbers a sample and class |\n|---|---|")
        for loss in args.losses:
            model = estimator(loss, args)
            model.fit(X, y)  # compiles
            tracemalloc.start()
            model.fit(X, y)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            held = peak / 8 - args.rows * 3
            print(f"| {loss} | {held / (args.rows * args.classes):.1f} |", flush=True)


def fit_locally(args):
    """The local class on a tenth of the rows."""
    sys.path.append(str(Path(__file__).parent))
    from passes import Passes

    sizes = sizes_of(args, args.rows // 10)
    kind = args.features, args.classes, args.csr, args.decades
    parts = [make_part(seed, size, *kind) for seed, size in enumerate(sizes)]
    X, y = zip(*parts, strict=True)
    X, y = (sparse.vstack if args.csr else np.concatenate)(X), np.concatenate(y)
    passes = Passes()
    print("\n| loss | local solver | it. | gap | passes |\n|---|---|---|---|---|")
    for loss in args.losses:
        passes.count = 0
        model = estimator(loss, args, sklearn_linloss).fit(X, y)
        print(
            f"| {loss} | {model.solver_} | {model.n_iter_} | {model.gap_:.1e} "
            f"| {passes.count:.0f} |",
            flush=True,
        )


def fit_with_spark(args, optimum):
    """Spark ML on the same rows, to an excess of 1e-4 over the optimum."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.functions import array_to_vector
    from pyspark.sql import SparkSession

    settings = {
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
    }
    spark = SparkSession.builder.master(f"local[{args.workers}]").config(map=settings)
    spark = spark.getOrCreate()
    java = spark.sparkContext._gateway.proc.pid
    with tempfile.TemporaryDirectory() as folder:
        for seed, size in enumerate(sizes_of(args, args.rows)):
            X, y = make_part(
                seed, size, args.features, args.classes, False, args.decades
            )
            rows = pa.FixedSizeListArray.from_arrays(
                pa.array(X.ravel().astype(np.float64)), args.features
            )
            rows = rows.cast(pa.list_(pa.float64()))
            table = pa.table({"label": y.astype(np.float64), "features": rows})
            pq.write_table(table, f"{folder}/{seed}.parquet")
        rows = spark.read.parquet(folder)
        rows = rows.select("label", array_to_vector("features").alias("features"))
        rows = rows.cache()
        assert rows.count() == args.rows

        def fit(max_iter):
            return LogisticRegression(
                family="multinomial",
                standardization=False,
                regParam=args.alpha,
                elasticNetParam=args.l1_ratio,
                tol=1e-9,
                maxIter=max_iter,
            ).fit(rows)

        history = np.array(fit(100).summary.objectiveHistory)
        near = np.flatnonzero(history <= (1.0 + 1e-4) * optimum)
        if len(near) == 0:
            sys.exit("Spark ML did not come near to the optimum.")
        needed = int(near[0])
        before, begun = processor_seconds(java), perf_counter()
        history = fit(needed).summary.objectiveHistory
        seconds = perf_counter() - begun
        spent = processor_seconds(java) - before
    spark.stop()
    print(
        f"\nSpark ML: {needed} iterations to {history[-1] / optimum - 1.0:.1e} above "
        f"the optimum, {spent:.1f} processor seconds, {seconds:.1f} s."
    )


def processor_seconds(process):
    """That a process has spent, of Linux."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=20000)
    parser.add_argument("--features", type=int, default=32)
    parser.add_argument("--classes", type=int, default=10)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--csr", action="store_true")
    parser.add_argument(
        "--decades", type=float, default=0.0, help="over which dense features spread"
    )
    parser.add_argument("--alpha", type=float, default=1e-3)
    parser.add_argument("--l1-ratio", type=float, default=0.0)
    parser.add_argument("--tol", type=float, default=1e-4)
    parser.add_argument("--arrays", action="store_true")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--spark", action="store_true")
    parser.add_argument(
        "--losses", nargs="+", default=["softmax", "squared_hinge", "hinge"]
    )
    args = parser.parse_args()
    if args.arrays:
        print_arrays(args)
        return
    counts = Counts()
    with (
        LocalCluster(
            n_workers=args.workers, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        small = make_data(client, args, 50 * args.partitions)
        for loss in args.losses:
            estimator(loss, args).set_params(max_iter=5, tol=0.0).fit(*small)
        del small
        before = resident(), max(client.run(resident).values())
        X, y = make_data(client, args, args.rows)
        print(
            "| loss | solver | s | processor s | it. | gap | rounds | passes | MB sent "
            "| received |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        for loss in args.losses:
            counts.reset()
            before_fit, begun = cluster_seconds(client), perf_counter()
            model = estimator(loss, args).fit(X, y)
            seconds = perf_counter() - begun
            spent = cluster_seconds(client) - before_fit
            print(
                f"| {loss} | {model.solver_} | {seconds:.2f} | {spent:.2f} "
                f"| {model.n_iter_} | {model.gap_:.1e} "
                f"| {counts.rounds} | {counts.passes} "
                f"| {counts.sent / 1e6:.1f} | {counts.received / 1e6:.1f} |",
                flush=True,
            )
        after = resident(), max(client.run(resident).values())
        driver, worker = np.subtract(after, before)
        print(f"\nMB more: driver {driver:.0f}, largest worker {worker:.0f}.")
        if args.spark:
            tight = estimator("softmax", args).set_params(tol=1e-7).fit(X, y)
            optimum = tight.objective_
            excess = model.objective_ / optimum - 1.0
            print(f"The last fit is {excess:.1e} above the optimum {optimum:.8f}.")
    if args.local:
        fit_locally(args)
    if args.spark:
        fit_with_spark(args, optimum)


if __name__ == "__main__":
    main()
