"""What is compiled, when, and what happens where nothing can be kept on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

PROJECT = Path(__file__).parent.parent

# Prints the names of what each step compiles, and the model.
STEPS = """
import json, sys
import numpy as np
from scipy import sparse
from sklearn.datasets import make_blobs
import numba
from numba.core import event

import sklearn_linloss
from sklearn_linloss import SVMClassifier, SoftmaxClassifier, warmup

compiled = []

class Listener(event.Listener):
    def on_start(self, event):
        compiled.append(event.data["dispatcher"].py_func.__name__)

    def on_end(self, event):
        pass

event.register("numba:compile", Listener())
classifier, is_sparse, warm = json.loads(sys.argv[1])
X, y = make_blobs(300, 8, centers=4, cluster_std=4.0, random_state=0)
X = X.astype(np.float32)
X = sparse.csr_matrix(X) if is_sparse else X
model = getattr(sklearn_linloss, classifier)(alpha=1e-2, random_state=0)
steps = []
if warm:
    warmup(model, n_samples=300, n_features=8, n_classes=4, dtype=np.float32,
           sparse=is_sparse)
    steps.append(compiled.copy())
    compiled.clear()
model.fit(X, y)
steps.append(compiled)
print(json.dumps([steps, model.coef_.tolist()]))
"""


def start(cache, classifier="SoftmaxClassifier", is_sparse=False, warm=False, code=""):
    path = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    environment = {"PYTHONPATH": path, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.Popen(
        [sys.executable, "-c", code + STEPS, json.dumps([classifier, is_sparse, warm])],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def result(process):
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.mark.parametrize(
    ("classifier", "is_sparse"),
    [("SoftmaxClassifier", False), ("SVMClassifier", False), ("SVMClassifier", True)],
)
def test_a_second_process_compiles_nothing(tmp_path, classifier, is_sparse):
    problem = classifier, is_sparse
    (in_warmup, in_fit), coef = result(start(tmp_path, *problem, warm=True))
    assert "loss_gradient" in in_warmup
    assert in_fit == []  # that is what it was called for
    (in_fit,), again = result(start(tmp_path, *problem))
    assert in_fit == []
    np.testing.assert_array_equal(again, coef)


def test_processes_that_start_at_once(tmp_path):
    processes = [start(tmp_path) for _ in range(3)]
    results = [result(process) for process in processes]
    assert any("loss_gradient" in steps[0] for steps, _ in results)
    for _, coef in results[1:]:
        np.testing.assert_array_equal(coef, results[0][1])
    (in_fit,), coef = result(start(tmp_path))
    assert in_fit == []
    np.testing.assert_array_equal(coef, results[0][1])


# What numba does where it finds no directory to write to.
READ_ONLY = """
import numba

compile = numba.njit

def refuse(*args, cache=False, **options):
    if cache:
        raise RuntimeError("cannot cache function: no locator available")
    return compile(*args, **options)

numba.njit = refuse
"""


def test_an_install_that_cannot_be_written_to(tmp_path):
    (in_fit,), coef = result(start(tmp_path, code=READ_ONLY))
    assert "loss_gradient" in in_fit
    assert not list(tmp_path.rglob("*.nbi"))
    _, cached = result(start(tmp_path))
    np.testing.assert_allclose(coef, cached, rtol=1e-6)
