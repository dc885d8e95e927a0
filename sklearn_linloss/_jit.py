"""The one door to numba: compiled without the GIL, and kept on disk where possible.

Compiled code is kept in the user's cache folder, or in `NUMBA_CACHE_DIR`, and never in
the package: what an installer does not know of it leaves behind. One stamp covers the
files of all kernels, because numba's own sees the file of one function and not what it
calls. A disk that refuses or files that are broken cost compilation, never a fit.
"""

import contextlib
import hashlib
import os
import pickle
import shutil
import sys
import time
import warnings
from functools import cache
from importlib import resources
from pathlib import Path

import llvmlite.binding
import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, _CacheLocator
from numba.core.serialize import dumps
from numba.misc.appdirs import AppDirs

from ._version import __version__

# Not `fastmath=True`: "nnan" and "ninf" would break the checks for finite values.
_FASTMATH = {"reassoc", "contract", "nsz", "arcp"}
_OPTIONS = {
    "nogil": True,
    "fastmath": _FASTMATH,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
}
_WITHIN = {"forceinline": True, "no_cpython_wrapper": True}

# Folders of other versions are kept if they are among so many, or in use lately.
_FOLDERS_KEPT, _SECONDS_KEPT = 8, 24 * 3600


def jit(function):
    """Compile `function` on its first call, once for each signature."""
    compiled = numba.njit(**_OPTIONS)(function)
    if compiled is function:  # with NUMBA_DISABLE_JIT
        return function
    if _FOLDER is None:
        _warn_not_kept(OSError("there is no home folder"))
    else:
        compiled._cache = _KernelCache(function)
    return compiled


def inlined(function):
    """The same for what kernels call: a part of each kernel, and of its cache.

    A callee of its own is optimised twice, alone and in its caller's module. Which copy
    runs depends on whether the caller was compiled or found on disk, and reassociated
    sums differ in their last bits.
    """
    return numba.njit(**_OPTIONS, **_WITHIN)(function)


def facts():
    """What decides how kernels are compiled and where they are kept, for reports."""
    try:
        layer = numba.threading_layer()
    except ValueError:
        layer = f"{numba.config.THREADING_LAYER}, which is not in use"
    try:
        features = llvmlite.binding.get_host_cpu_features()
    except RuntimeError:  # LLVM cannot tell on every system
        features = {}
    return {
        "compiles": "no" if numba.config.DISABLE_JIT else "yes",
        "threading layer": layer,
        # Its function of that name would start them.
        "numba threads": numba.config.NUMBA_NUM_THREADS,
        "processor": llvmlite.binding.get_host_cpu_name(),
        "instructions": " ".join(sorted(name for name in features if features[name]))
        or "unknown",
        "cache folder": _FOLDER,
        "cache": _state_of_cache(),
    }


# -- where compiled code is kept -----------------------------------------------------


def _source_files(folder):
    """The files whose text decides what is compiled, in a fixed order."""
    door, kernels = folder / "_jit.py", folder / "_kernels"
    if door.is_file():
        yield door
    if kernels.is_dir():
        inside = sorted(kernels.iterdir(), key=lambda file: file.name)
        yield from (file for file in inside if file.name.endswith(".py"))


def _source_stamp():
    """Digest of all sources of kernels; of the program where it carries none."""
    files = list(_source_files(resources.files(__package__)))
    digest = hashlib.sha256()
    if not files and sys.executable:
        files = [Path(sys.executable)]
    for file in files:
        text = file.read_bytes()
        digest.update(f"{file.name} {len(text)} ".encode() + text)
    return digest.hexdigest()


# Read with the kernels: later the files may be others than what was imported.
_STAMP = _source_stamp()


def _cache_folder():
    """The folder of this version of the package, of numba and of the processor.

    None where there is neither `NUMBA_CACHE_DIR` nor a home.
    """
    name = "sklearn_linloss"
    if numba.config.CACHE_DIR:
        root = Path(numba.config.CACHE_DIR).absolute() / name
    else:
        root = Path(AppDirs(name, appauthor=False).user_cache_dir)
    if not root.is_absolute():
        # XDG_CACHE_HOME is empty or relative, or there is no home.
        root = Path(os.path.expanduser("~"), ".cache", name)
    if not root.is_absolute():
        return None
    processor = llvmlite.binding.get_host_cpu_name()
    return root / f"{__version__}-numba{numba.__version__}-{processor}-{_STAMP[:16]}"


def _delete_old_folders(folder):
    """Delete what other versions left, but for a few and those in use."""
    with contextlib.suppress(OSError):
        others = [
            (entry.stat().st_mtime, entry)
            for entry in folder.parent.glob("*-numba*-*")
            if entry != folder
        ]
        others.sort(reverse=True)
        for last_use, entry in others[_FOLDERS_KEPT - 1 :]:
            if time.time() - last_use > _SECONDS_KEPT:
                shutil.rmtree(entry, ignore_errors=True)


@cache
def _mark_as_used():
    """Once in a process, so that the folder is not taken for an old one."""
    with contextlib.suppress(OSError):
        os.utime(_FOLDER)


_FOLDER = _cache_folder()
_warned = set()


def _state_of_cache():
    """How much is kept, and whether more can be."""
    if _FOLDER is None:
        return "nothing is kept"
    existing = next(each for each in (_FOLDER, *_FOLDER.parents) if each.exists())
    if not os.access(existing, os.W_OK):
        return f"{existing} cannot be written to"
    sizes = [file.stat().st_size for file in _FOLDER.glob("*.nb?")]
    return f"{len(sizes)} files, {sum(sizes) / 1e6:.1f} MB, can be written to"


def _warn_once(trouble, error, consequence):
    """Once in a process for each kind of trouble, whichever kernel met it."""
    if trouble not in _warned:
        _warned.add(trouble)
        warnings.warn(
            f"{trouble} ({type(error).__name__}: {error}), {consequence}.",
            RuntimeWarning,
            stacklevel=3,
        )


def _warn_not_kept(error):
    _warn_once(
        "Compiled code cannot be kept on disk",
        error,
        "so that each process compiles for itself; set NUMBA_CACHE_DIR to a folder "
        "with space that can be written to",
    )


class _Folder(_CacheLocator):
    """Tells numba where the code of a kernel is kept, and what it depends on."""

    def __init__(self, function):
        self._py_file = function.__code__.co_filename
        self._line = function.__code__.co_firstlineno

    def ensure_cache_path(self):
        if not _FOLDER.is_dir():
            _FOLDER.mkdir(parents=True, exist_ok=True)
            _delete_old_folders(_FOLDER)

    def get_cache_path(self):
        return str(_FOLDER)

    def get_source_stamp(self):
        return _STAMP

    def get_disambiguator(self):
        return str(self._line)


class _KernelFiles(CompileResultCacheImpl):
    """What is kept of a kernel: what numba keeps, with a checksum."""

    def __init__(self, function):
        # Numba's own looks for a folder, the package's first.
        self._lineno = function.__code__.co_firstlineno
        self._locator = _Folder(function)
        self._filename_base = self.get_filename_base(
            f"{function.__module__}.{function.__qualname__}",
            getattr(sys, "abiflags", ""),
        )

    def reduce(self, data):
        code = dumps(super().reduce(data))
        return hashlib.sha256(code).digest(), code

    def rebuild(self, target_context, reduced_data):
        digest, code = reduced_data
        if hashlib.sha256(code).digest() != digest:
            raise ValueError("what was read is not what was written")
        return super().rebuild(target_context, pickle.loads(code))


class _KernelCache(FunctionCache):
    """Numba's cache of one kernel, whose troubles are told and end no fit."""

    _impl_class = _KernelFiles

    def load_overload(self, sig, target_context):
        try:
            found = super().load_overload(sig, target_context)
        except Exception as error:
            # An index without entries: the next code that is kept replaces the files.
            with contextlib.suppress(OSError):
                self.flush()
            # What cannot be read cannot be written either, and that will be told.
            if not isinstance(error, OSError):
                _warn_once(
                    f"A file of compiled code in {self.cache_path} is broken",
                    error,
                    "so that it is compiled anew and replaced",
                )
            return None
        # Processes that number their files at the same time can mistake one of the
        # other's for their own.
        if found is None or tuple(found.signature.args) != tuple(sig):
            return None
        _mark_as_used()
        return found

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except Exception as error:
            _warn_not_kept(error)
