"""What a report of an error should say of the machine and of what is installed."""

import importlib.metadata
import os
import platform
import sys
import textwrap
from pathlib import Path

import joblib
import threadpoolctl

from ._version import __version__

_PACKAGES = (
    "numpy",
    "scipy",
    "scikit-learn",
    "numba",
    "llvmlite",
    "joblib",
    "threadpoolctl",
    "pandas",
    "polars",
    "matplotlib",
    "skl2onnx",
    "onnxruntime",
    "pip",
    "setuptools",
)
# Prefixes of the environment variables that change threads, BLAS or compilation.
_PREFIXES = ("NUMBA_", "OMP_", "OPENBLAS_", "MKL_", "BLIS_", "VECLIB_", "KMP_")


def show_versions() -> None:
    """Print what a report of an error should include.

    That is the versions of Python and of all packages that matter, the processor and
    the instructions that it has, the libraries of linear algebra and their threads,
    the settings of numba, and the folder in which compiled code is kept. The home
    folder is printed as ``~``.

    See Also
    --------
    sklearn.show_versions : The same for scikit-learn.

    Examples
    --------
    >>> from sklearn_linloss import show_versions
    >>> show_versions()  # doctest: +SKIP
    """
    sections = {
        "System": _system(),
        "Python packages": _versions(),
        "Compilation": _compilation(),
        "Thread pools": _thread_pools(),
        "Environment variables": _variables(),
    }
    for title, rows in sections.items():
        print(f"\n{title}:")
        width = max((len(name) for name, _ in rows), default=0)
        for name, value in rows:
            print(_row(name.rjust(width), value))


def _row(name, value):
    head = f"  {name}: "
    return textwrap.fill(
        str(value).replace(str(Path.home()), "~"),
        width=88,
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _system():
    return [
        ("python", sys.version.replace("\n", " ")),
        ("executable", sys.executable),
        ("machine", platform.platform()),
        ("processors", f"{os.cpu_count()}, of which joblib uses {joblib.cpu_count()}"),
        ("global interpreter lock", _has_lock()),
    ]


def _has_lock():
    enabled = getattr(sys, "_is_gil_enabled", None)
    return "yes" if enabled is None or enabled() else "no"


def _versions():
    rows = [("sklearn_linloss", __version__)]
    for name in _PACKAGES:
        try:
            rows.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            rows.append((name, "not installed"))
    return rows


def _compilation():
    # Such a report is wanted most where this import fails.
    try:
        from ._jit import facts
    except Exception as error:
        return [("numba", f"cannot be imported, {type(error).__name__}: {error}")]
    return list(facts().items())


def _thread_pools():
    return [
        (
            pool["user_api"],
            f"{pool['internal_api']} {pool['version'] or ''} "
            f"(threads: {pool['num_threads']}, "
            f"threading layer: {pool.get('threading_layer', 'unknown')}, "
            f"processor: {pool.get('architecture', 'unknown')}) "
            f"{pool['filepath']}",
        )
        for pool in threadpoolctl.threadpool_info()
    ]


def _variables():
    return [
        (name, value)
        for name, value in sorted(os.environ.items())
        if name.startswith(_PREFIXES)
    ]
