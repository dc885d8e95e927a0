"""Fits of hostile data: scales over twelve decades, offsets, weights over thirty.

The problems are those of tests/test_hostile_data.py, drawn from a seed.

    python benchmarks/hostile.py check 0 20000     what is wrong with default fits
    python benchmarks/hostile.py rivals 0 300      "auto" beside the other solvers

`rivals` counts passes over X, as passes.py does.
"""

import sys
import time
import warnings
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from _models import make, serves
from passes import Passes
from test_hostile_data import complaints, draw

SOLVERS = ("newton", "sdca", "saga", "lbfgs", "gd")
MOST_PASSES = 1.5


def check(first, last):
    """Print what is wrong with each fit, and how many warned."""
    warned = wrong_ones = 0
    start = time.perf_counter()
    for seed in range(first, last):
        wrong, warns = complaints(seed)
        warned += warns
        if wrong:
            wrong_ones += 1
            print(seed, wrong, flush=True)
    seconds = time.perf_counter() - start
    print(f"{last - first} fits, {warned} warned, {wrong_ones} wrong, {seconds:.0f} s")


def rivals(first, last):
    """Print where "auto" is further from the optimum than another solver by more than
    the tolerance, or certified after more than `MOST_PASSES` times the passes.
    """
    passes = Passes()
    found = Counter()
    for seed in range(first, last):
        X, y, weight, loss, parameters = draw(seed)
        request = {name: parameters[name] for name in ("alpha", "l1_ratio")}
        fits = {}
        for solver in ("auto", *SOLVERS):
            if solver != "auto" and not serves(solver, loss, **request):
                continue
            passes.count = 0
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = make(loss, solver=solver, **parameters).fit(X, y, weight)
            fits[solver] = fit.objective_, fit.gap_, passes.count
        value, gap, count = fits.pop("auto")
        floor = 1e-10 * fit.loss_curve_[0]
        found["fits"] += 1
        found["certified"] += gap <= fit.tol
        best = min(fits, key=lambda solver: fits[solver][0])
        if value > fits[best][0] + fit.tol * max(fits[best][0], floor):
            found["further from the optimum"] += 1
            line = f"objective {value:.6g}, {best} {fits[best][0]:.6g}"
            print(seed, loss, request, line, flush=True)
        certified = {s: n for s, (_, g, n) in fits.items() if g <= fit.tol}
        quickest = min(certified, key=certified.get, default=None)
        if quickest and (gap > fit.tol or count > MOST_PASSES * certified[quickest]):
            found["slower"] += 1
            line = f"{count} passes, gap {gap:.1e}; {quickest} {certified[quickest]}"
            print(seed, loss, request, line, flush=True)
    print(dict(found))


if __name__ == "__main__":
    {"check": check, "rivals": rivals}[sys.argv[1]](*map(int, sys.argv[2:]))
