"""What users are asked to paste into a report of an error."""

import subprocess
import sys
from pathlib import Path

import joblib
import llvmlite
import numba
import numpy as np
import scipy
import sklearn

import sklearn_linloss
from sklearn_linloss import _jit, show_versions


def report(capsys):
    """Its sections, each a dict of its rows, with wrapped lines joined."""
    assert show_versions() is None
    sections = {}
    for line in capsys.readouterr().out.splitlines():
        if line and not line.startswith(" "):
            rows = sections[line.removesuffix(":")] = {}
        elif ": " in line:
            name, _, value = line.strip().partition(": ")
            rows[name] = value
        elif line:
            rows[name] += " " + line.strip()
    return sections


def test_versions_are_those_that_run(capsys):
    packages = report(capsys)["Python packages"]
    for module in (sklearn_linloss, np, scipy, numba, llvmlite, joblib):
        assert packages[module.__name__] == module.__version__
    assert packages["scikit-learn"] == sklearn.__version__


def test_a_package_that_is_missing(capsys, monkeypatch):
    monkeypatch.setattr(sklearn_linloss._show_versions, "_PACKAGES", ("no-such-thing",))
    assert report(capsys)["Python packages"]["no-such-thing"] == "not installed"


def test_processor_and_blas(capsys):
    sections = report(capsys)
    instructions = set(sections["Compilation"]["instructions"].split())
    flags = Path("/proc/cpuinfo")
    if flags.exists():  # the kernel's word for what LLVM found
        known = set(flags.read_text().split())
        for name in {"avx2", "avx512f", "fma"}:
            assert (name in known) == (name in instructions)
    # The one library that scikit-learn cannot do without.
    assert "openmp" in sections["Thread pools"]


def test_a_processor_that_llvm_does_not_know(capsys, monkeypatch):
    def fail():
        raise RuntimeError("no features")

    monkeypatch.setattr(llvmlite.binding, "get_host_cpu_features", fail)
    assert report(capsys)["Compilation"]["instructions"] == "unknown"


def test_no_thread_is_started():
    code = (
        "import numba, sklearn_linloss; sklearn_linloss.show_versions()\n"
        "try:\n    print('layer', numba.threading_layer())\n"
        "except ValueError:\n    print('no layer')"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "no layer"


def test_environment(capsys, monkeypatch):
    monkeypatch.setenv("OMP_DYNAMIC", "surely")
    assert report(capsys)["Environment variables"]["OMP_DYNAMIC"] == "surely"


def test_cache(capsys, monkeypatch, tmp_path):
    folder = tmp_path / "of this version"
    monkeypatch.setattr(_jit, "_FOLDER", folder)
    empty = report(capsys)["Compilation"]
    assert empty["cache folder"] == str(folder)
    assert empty["cache"] == "0 files, 0.0 MB, can be written to"
    folder.mkdir()
    for name in ("kernel.nbi", "kernel.1.nbc"):
        (folder / name).write_bytes(bytes(600_000))
    full = report(capsys)["Compilation"]
    assert full["cache"] == "2 files, 1.2 MB, can be written to"
    monkeypatch.setattr(_jit, "_FOLDER", None)
    assert report(capsys)["Compilation"]["cache"] == "nothing is kept"


def test_home_is_not_told(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setattr(_jit, "_FOLDER", tmp_path / "cache")
    folder = report(capsys)["Compilation"]["cache folder"]
    assert Path(folder) == Path("~", "cache")


def test_it_works_where_numba_does_not(capsys, monkeypatch):
    """Such an installation is what a report may be about."""
    monkeypatch.delitem(sys.modules, "sklearn_linloss._jit")
    monkeypatch.setitem(sys.modules, "numba", None)
    told = report(capsys)["Compilation"]["numba"]
    assert told.startswith("cannot be imported, ModuleNotFoundError: ")
