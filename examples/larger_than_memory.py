"""
Learning from a file larger than memory
=======================================

A softmax learned by mini-batch SGD from a file that does not fit into the memory that
the program allows itself. Each chunk is read, learned from once and forgotten; the
learning rate, the momentum and the shuffling go on from chunk to chunk.

.. image:: /images/larger_than_memory.png
   :width: 60%
   :alt: What this program draws
"""
# sphinx_gallery_thumbnail_path = "images/larger_than_memory.png"

import tempfile
import time
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from sklearn_linloss import SoftmaxClassifier

PICTURE = Path("larger_than_memory.png")
N_SAMPLES, N_FEATURES, N_CLASSES = 200_000, 784, 10
CHUNK = 10_000
ALLOWED = 512 * 2**20  # bytes of memory, of a file of 600 MB


def write(path):
    """Ten overlapping classes, chunk by chunk; returns the labels."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(N_CLASSES, N_FEATURES)).astype(np.float32)
    y = rng.integers(N_CLASSES, size=N_SAMPLES)
    with path.open("wb") as file:
        for start in range(0, N_SAMPLES, CHUNK):
            labels = y[start : start + CHUNK]
            noise = rng.standard_normal((len(labels), N_FEATURES), np.float32)
            (noise + 0.1 * centres[labels]).tofile(file)
    return y


def limit_memory():
    """Refuse to allocate more; only where the system can."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (ALLOWED, ALLOWED))


def show_progress(done, accuracy):
    """A bar that is drawn over itself."""
    width = 40 * done // N_SAMPLES
    print(
        f"\r[{'#' * width:40}] {done:7d} rows, accuracy ahead {accuracy:.3f}",
        end="" if done < N_SAMPLES else "\n",
        flush=True,
    )


def learn(path, y):
    """One pass over the file; the accuracy on each chunk before it was learned."""
    model = SoftmaxClassifier(solver="sgd", random_state=0)
    accuracies = []
    with path.open("rb") as file:
        for start in range(0, N_SAMPLES, CHUNK):
            X = np.fromfile(file, np.float32, CHUNK * N_FEATURES)
            X = X.reshape(-1, N_FEATURES)
            labels = y[start : start + CHUNK]
            if start > 0:
                accuracies.append(model.score(X, labels))
                show_progress(start + len(X), accuracies[-1])
            model.partial_fit(X, labels, classes=np.arange(N_CLASSES))
    return model, accuracies


def draw(accuracies):
    """Save a picture of what the model knew before it saw each chunk."""
    figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
    rows = CHUNK / 1000 * np.arange(1, len(accuracies) + 1)
    ax.plot(rows, accuracies, marker=".")
    ax.set(xlabel="thousand rows learned from", ylabel="accuracy on the next 10,000")
    ax.set_title("One pass over a file that never is in memory", fontsize=10)
    figure.savefig(PICTURE, dpi=100)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.bin"
        y = write(path)
        limit_memory()
        size = path.stat().st_size
        print(f"{size / 2**20:.0f} MB of data, {ALLOWED / 2**20:.0f} MB of memory")
        assert size > ALLOWED
        start = time.perf_counter()
        model, accuracies = learn(path, y)
        print(f"{model.t_} updates in {time.perf_counter() - start:.1f} s")
    draw(accuracies)


if __name__ == "__main__":
    main()
