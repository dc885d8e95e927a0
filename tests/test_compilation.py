"""What is compiled, when, and what happens where nothing can be kept on disk."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV

from sklearn_linloss import (
    SoftmaxClassifier,
    SVMClassifier,
    SVMClassifierCV,
    warmup,
)

PROJECT = Path(__file__).parent.parent
# Each process compiles anew; without --full one runs of those that differ in detail.
slow = pytest.mark.slow

# What is asked of the cache does not depend on the fit: this one compiles least.
QUICK = {"alpha": 1e-2, "solver": "lbfgs"}

# Prints the names of what each step compiles, the model, and what it warned of.
STEPS = """
import json, sys, warnings
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
classifier, is_sparse, warm, params = json.loads(sys.argv[1])
X, y = make_blobs(300, 8, centers=4, cluster_std=4.0, random_state=0)
X = X.astype(np.float32)
X = sparse.csr_matrix(X) if is_sparse else X
model = getattr(sklearn_linloss, classifier)(random_state=0, **params)
steps = []
if warm:
    warmup(model, n_samples=300, n_features=8, n_classes=4, dtype=np.float32,
           sparse=is_sparse)
    steps.append(compiled.copy())
    compiled.clear()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    model.fit(X, y)
steps.append(compiled)
messages = [str(w.message) for w in caught if w.category is RuntimeWarning]
print(json.dumps([steps, model.coef_.tolist(), messages]))
"""


def start(
    cache,
    classifier="SoftmaxClassifier",
    is_sparse=False,
    warm=False,
    params=QUICK,
    *,
    code="",
    package_in=PROJECT,
    **environment,
):
    """A process that fits; with `cache` None it has numba's default."""
    path = os.pathsep.join([str(package_in), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": path} | environment
    environment.pop("NUMBA_CACHE_DIR", None)
    if cache is not None:
        environment["NUMBA_CACHE_DIR"] = str(cache)
    arguments = json.dumps([classifier, is_sparse, warm, params])
    return subprocess.Popen(
        [sys.executable, "-c", code + STEPS, arguments],
        env=environment,
        cwd=package_in,
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
    [
        pytest.param("SoftmaxClassifier", False, marks=slow),
        pytest.param("SVMClassifier", False, marks=slow),
        ("SVMClassifier", True),
    ],
)
def test_a_second_process_compiles_nothing(tmp_path, classifier, is_sparse):
    problem = {"classifier": classifier, "is_sparse": is_sparse}
    problem["params"] = {"alpha": 1e-2}
    (in_warmup, in_fit), coef, _ = result(start(tmp_path, **problem, warm=True))
    assert "loss_gradient" in in_warmup
    assert in_fit == []  # that is what it was called for
    (in_fit,), again, _ = result(start(tmp_path, **problem))
    assert in_fit == []
    np.testing.assert_array_equal(again, coef)


@pytest.mark.parametrize(
    "params",
    [
        {"class_weight": {"cat": 2.0, "dog": 1.0}},
        {"early_stopping": True, "validation_fraction": 0.001},
    ],
)
def test_what_a_warmup_takes_of_a_classifier(params):
    """What needs the labels or the size of the data to come is left out."""
    model = SoftmaxClassifier(**params)
    before = model.get_params()
    for n_samples in (3, 100):
        warmup(model, n_samples=n_samples, n_features=4, n_classes=3)
    assert model.get_params() == before
    assert not hasattr(model, "coef_")


def test_a_warmup_of_what_is_no_classifier():
    for other in (SVMClassifierCV(), GridSearchCV(SVMClassifier(), {}), "svm"):
        with pytest.raises(TypeError, match="SVMClassifier or SoftmaxClassifier"):
            warmup(other)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache after one fit, and the model."""
    cache = tmp_path_factory.mktemp("filled")
    (in_fit,), coef, messages = result(start(cache))
    assert "loss_gradient" in in_fit
    assert messages == []
    return cache, coef


def compiled_files(folder):
    return [path for path in folder.rglob("*") if path.suffix in (".nbi", ".nbc")]


def all_start_at_once(cache, expected):
    processes = [start(cache) for _ in range(3)]
    results = [result(process) for process in processes]
    assert any("loss_gradient" in steps[0] for steps, *_ in results)
    for _, coef, _ in results:
        np.testing.assert_array_equal(coef, expected)


@slow
def test_processes_that_start_at_once(tmp_path, filled):
    all_start_at_once(tmp_path, filled[1])
    (in_fit,), coef, messages = result(start(tmp_path))
    assert in_fit == messages == []
    np.testing.assert_array_equal(coef, filled[1])


# -- where compiled code is kept -----------------------------------------------------


def copy_of_the_package(folder):
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(
        PROJECT / "sklearn_linloss", folder / "sklearn_linloss", ignore=ignored
    )
    return folder


@pytest.mark.skipif(sys.platform == "win32", reason="the folder is asked of Windows")
@slow
@pytest.mark.parametrize("xdg", ["relative", None])
def test_the_package_is_not_written_to(tmp_path, xdg):
    site, home = copy_of_the_package(tmp_path / "site"), tmp_path / "home"
    home.mkdir()
    before = set(site.rglob("*"))
    environment = {
        "HOME": str(home),
        # What is not absolute does not count.
        "XDG_CACHE_HOME": str(home / "xdg") if xdg is None else xdg,
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    (in_fit,), coef, messages = result(start(None, package_in=site, **environment))
    assert in_fit
    assert messages == []
    assert set(site.rglob("*")) == before
    assert compiled_files(home)
    (in_fit,), again, _ = result(start(None, package_in=site, **environment))
    assert in_fit == []
    np.testing.assert_array_equal(again, coef)


# A package of kernels that call one another, with the door to numba of this one.
KERNELS = {
    "__init__.py": "from .callers import kernel",
    "callers.py": """
from .._jit import jit
from .callees import callee

@jit
def kernel(x):
    return callee(x) + 1
""",
    "callees.py": """
from .._jit import inlined
from .constants import FACTOR

@inlined
def callee(x):
    return FACTOR * x
""",
    "constants.py": "FACTOR = 2",
}


def package_of_kernels(folder):
    """Write it; returns the folder of its kernels."""
    package = folder / "package"
    kernels = package / "_kernels"
    kernels.mkdir(parents=True)
    (package / "__init__.py").touch()
    for name in ("_jit.py", "_version.py"):
        shutil.copy(PROJECT / "sklearn_linloss" / name, package)
    for name, text in KERNELS.items():
        (kernels / name).write_text(text)
    return kernels


def value_and_hits(folder, cache):
    """What its kernel returns in a new process, and how often it was found on disk."""
    code = (
        "from package._kernels import kernel; "
        "print(kernel(10), sum(kernel.stats.cache_hits.values()))"
    )
    run = subprocess.run(
        [sys.executable, "-B", "-c", code],
        cwd=folder,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.split()


@pytest.mark.parametrize(
    ("edited", "line", "edit", "value"),
    [
        ("callees.py", "return FACTOR * x", "return FACTOR * x + 7", "28"),
        ("constants.py", "FACTOR = 2", "FACTOR = 3", "31"),
    ],
)
def test_an_edit_of_any_kernel_is_seen_by_its_callers(
    tmp_path, edited, line, edit, value
):
    folder, cache = package_of_kernels(tmp_path), tmp_path / "cache"
    assert value_and_hits(tmp_path, cache) == ["21", "0"]
    assert value_and_hits(tmp_path, cache) == ["21", "1"]
    text = (folder / edited).read_text()
    assert line in text
    (folder / edited).write_text(text.replace(line, edit))
    assert value_and_hits(tmp_path, cache) == [value, "0"]
    assert value_and_hits(tmp_path, cache) == [value, "1"]


def test_folders_of_other_versions_do_not_pile_up(tmp_path):
    # A folder is made for one kernel as for all.
    package_of_kernels(tmp_path)
    assert value_and_hits(tmp_path, tmp_path / "first") == ["21", "0"]
    (own,) = (tmp_path / "first" / "sklearn_linloss").iterdir()
    root = tmp_path / "sklearn_linloss"
    days = 24 * 3600.0
    old = [root / f"0.0.{i}-numba0.60.0-z80-{i:016}" for i in range(20)]
    in_use = [root / f"0.0.1-numba0.6{i}.0-6502-{i:016}" for i in range(9)]
    foreign = [root / "something", tmp_path / old[0].name]
    for i, folder in enumerate(old + in_use + foreign):
        folder.mkdir(parents=True)
        (folder / "kernel.nbc").write_text("code")
        used = time.time() - (0.0 if folder in in_use else (5 + i) * days)
        os.utime(folder, (used, used))
    assert value_and_hits(tmp_path, tmp_path) == ["21", "0"]
    left = set(root.iterdir())
    assert left >= {root / own.name, *in_use, foreign[0]}
    assert not left & set(old)
    assert foreign[1].exists()


# -- disks that refuse, and broken files ---------------------------------------------


@slow
def test_no_folder_can_be_written_to(tmp_path, filled):
    (tmp_path / "file").touch()
    for _ in range(2):
        (in_fit,), coef, messages = result(start(tmp_path / "file" / "cache"))
        assert "loss_gradient" in in_fit
        np.testing.assert_array_equal(coef, filled[1])
        (message,) = messages
        assert "cannot be kept on disk" in message
        assert "NUMBA_CACHE_DIR" in message


# Files can be made, and filled up to a limit, as with a quota.
QUOTA = """
import resource

resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, resource.RLIM_INFINITY))
"""


@slow
@pytest.mark.parametrize("limit", [0, 5000])
def test_no_space_is_left(tmp_path, filled, limit):
    pytest.importorskip("resource", reason="limits of a process, on Unix only")
    code = QUOTA.format(limit=limit)
    (in_fit,), coef, messages = result(start(tmp_path, code=code))
    assert "loss_gradient" in in_fit
    np.testing.assert_array_equal(coef, filled[1])
    (message,) = messages
    assert "cannot be kept on disk" in message
    (in_fit,), coef, messages = result(start(tmp_path))
    assert "loss_gradient" in in_fit
    assert messages == []
    np.testing.assert_array_equal(coef, filled[1])
    assert {path.suffix for path in compiled_files(tmp_path)} == {".nbi", ".nbc"}


def emptied(data):
    return b""


def cut(data):
    return data[: len(data) // 2]


def overwritten(data):
    return b"\x00 no pickle" * (len(data) // 11)


def one_bit_flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def break_files(cache, suffix, broken):
    paths = list(cache.rglob(f"*{suffix}"))
    assert paths
    for path in paths:
        path.write_bytes(broken(path.read_bytes()))


@slow
@pytest.mark.parametrize(
    ("suffix", "broken"),
    [
        (".nbi", emptied),
        (".nbc", cut),
        (".nbc", overwritten),
        (".nbc", one_bit_flipped),
    ],
)
def test_broken_files_are_replaced(tmp_path, filled, suffix, broken):
    cache, expected = filled
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    break_files(tmp_path, suffix, broken)
    (in_fit,), coef, messages = result(start(tmp_path))
    assert "loss_gradient" in in_fit
    np.testing.assert_array_equal(coef, expected)
    (message,) = messages
    assert "is broken" in message
    (in_fit,), coef, messages = result(start(tmp_path))
    assert in_fit == messages == []
    np.testing.assert_array_equal(coef, expected)


@slow
def test_processes_that_start_at_once_among_broken_files(tmp_path, filled):
    cache, expected = filled
    shutil.copytree(cache, tmp_path, dirs_exist_ok=True)
    break_files(tmp_path, ".nbc", cut)
    all_start_at_once(tmp_path, expected)
