"""How the time of a fit grows with samples, features and classes.

    OPENBLAS_NUM_THREADS=1 taskset -c 1 python benchmarks/scaling.py

prints the table of README.md and draws docs/images/scaling.png. Defaults of the
classifiers, at alpha 1e-3 and a tolerance of 1e-3, on simulated float32 data; the time
of a second fit.
"""

import argparse
import time
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sklearn_linloss import SoftmaxClassifier, SVMClassifier

# What varies, and samples, features, classes.
GRIDS = {
    "samples": [(n, 20, 5) for n in (1000, 10_000, 100_000, 1_000_000)],
    "features": [(1000, d, 5) for d in (10, 100, 1000, 10_000, 100_000)],
    "classes": [(20_000, 50, k) for k in (2, 10, 50, 200, 1000)],
}
CLASSIFIERS = SVMClassifier, SoftmaxClassifier


def simulate(n, d, k):
    """Classes that overlap: every sample near its class's mean."""
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    means = rng.standard_normal((k, d), dtype=np.float32)
    X = rng.standard_normal((n, d), dtype=np.float32)
    X += means[y] * np.float32(2.0 / np.sqrt(d))
    return X, y


def second_fit(classifier, X, y):
    for _ in range(2):
        model = classifier(alpha=1e-3, tol=1e-3, random_state=0)
        start = time.perf_counter()
        model.fit(X, y)
        spent = time.perf_counter() - start
    return spent, model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--largest", type=float, default=2e8, help="of n d K")
    largest = parser.parse_args().largest
    warnings.simplefilter("ignore")
    heads = "n x d x K", "classifier", "solver", "iterations", "gap", "s"
    print("| " + " | ".join([*heads, "ns / (n d K)"]) + " |\n" + "|---" * 7 + "|")
    figure, panels = plt.subplots(1, 3, figsize=(10, 3.2), sharey=True)
    for panel, (what, shapes) in zip(panels, GRIDS.items(), strict=True):
        shapes = [shape for shape in shapes if np.prod(shape) <= largest]
        axis = [
            shape["samples features classes".split().index(what)] for shape in shapes
        ]
        spent = {classifier: [] for classifier in CLASSIFIERS}
        for shape in shapes:
            X, y = simulate(*shape)
            for classifier in CLASSIFIERS:
                seconds, model = second_fit(classifier, X, y)
                spent[classifier].append(seconds)
                cells = [" x ".join(map(str, shape)), classifier.__name__]
                cells += [model.solver_, model.n_iter_, f"{model.gap_:.0e}"]
                cells += [f"{seconds:.3g}", f"{1e9 * seconds / np.prod(shape):.3g}"]
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)
        for classifier in CLASSIFIERS:
            panel.loglog(axis, spent[classifier], "o-", label=classifier.__name__)
        # Linear growth through the last point.
        last = max(spent[classifier][-1] for classifier in CLASSIFIERS)
        panel.loglog(axis, last * np.array(axis) / axis[-1], "k:", label="linear")
        fixed = [f"{n} {v}" for n, v in zip(GRIDS, shapes[0], strict=True) if n != what]
        panel.set(xlabel=what, title=", ".join(fixed))
    panels[0].set_ylabel("seconds a fit")
    panels[0].legend()
    figure.tight_layout()
    folder = Path(__file__).parent.parent / "docs" / "images"
    figure.savefig(folder / "scaling.png", dpi=80)


if __name__ == "__main__":
    main()
