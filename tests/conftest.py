"""Settings and data that all tests share."""

import os

# scikit-learn skips checks unless SciPy was imported with this.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import json
import signal
from functools import cache
from pathlib import Path

import pytest
from _tiers import default_tier, exists
from hypothesis import settings
from sklearn import datasets

# Shells let programs in the background ignore Ctrl-C: tests that press it would wait
# for hours.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A program that made the data beside it may need more than the tests do.
collect_ignore_glob = ["data/*.py"]

settings.register_profile("tests", derandomize=True, deadline=None, max_examples=10)
settings.load_profile("tests")


def pytest_addoption(parser):
    parser.addoption(
        "--full",
        action="store_true",
        help="run the slow tests and the full products of parameters, as CI does",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes():
    # The workers fill the cores: threads of BLAS in each would wait for one another.
    # Set before they start, as pytest itself imports scikit-learn for its warnings.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    # Each worker has files of its own: two in one file compile the same code, and make
    # the same fixtures.
    if config.getvalue("dist") != "load":
        return None
    from xdist.scheduler import WorkStealingScheduling

    return WorkStealingScheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_pycollect_makeitem():
    collected = yield
    if not isinstance(collected, list):
        return collected
    return [item for item in collected if exists(item)]


def wants_all_cases(config):
    """Whether all were asked for, or single tests by their names."""
    return config.getoption("--full") or any("::" in name for name in config.args)


# After -k and -m have selected, so that each value among the selected cases remains.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    if wants_all_cases(config):
        return
    kept = default_tier(items)
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = [item for item in items if item in kept]


def pytest_terminal_summary(terminalreporter, config):
    if not wants_all_cases(config):
        terminalreporter.write_line(
            "Of products of parameters a few cases ran; --full runs all, as CI does."
        )


GOLDEN_PATH = Path(__file__).parent / "data" / "golden.json"


@cache
def _standardised(name):
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    scale = X.std(axis=0)
    scale[scale == 0.0] = 1.0
    X = (X - X.mean(axis=0)) / scale
    X.flags.writeable = False
    y.flags.writeable = False
    return X, y


@pytest.fixture(scope="session")
def standardised():
    """name -> (X, y) of a bundled data set, features of mean 0 and deviation 1."""
    return _standardised


@pytest.fixture(scope="session")
def golden():
    return json.loads(GOLDEN_PATH.read_text())


@pytest.fixture(scope="session")
def iris():
    return _standardised("iris")


@pytest.fixture(scope="session")
def breast_cancer():
    return _standardised("breast_cancer")


def _golden_id(entry):
    if "name" in entry:
        return entry["name"]
    if "source" in entry:
        return f"{entry['source']}-{entry['loss']}".replace(" ", "_")
    keys = ("dataset", "loss", "mode", "l1_ratio", "sample_weight", "delta")
    words = [str(entry[key]) for key in keys if key in entry]
    if "mode" in entry:
        words.append(entry["penalty"])
    return "-".join(words)


_GOLDEN_LISTS = {
    "problem": lambda golden: golden["problems"],
    "smooth_problem": lambda golden: [
        p for p in golden["problems"] if p["loss"] != "hinge"
    ],
    "hinge_problem": lambda golden: [
        p for p in golden["problems"] if p["loss"] == "hinge"
    ],
    # A smooth loss, and one model that is optimal.
    "problem_with_model": lambda golden: [
        p for p in golden["problems"] if p["loss"] != "hinge" and "coef" in p
    ],
    "sample_case": lambda golden: golden["sample_cases"],
    # Two classes are compiled as one row.
    "compiled_sample_case": lambda golden: [
        case for case in golden["sample_cases"] if len(case["scores"]) > 2
    ],
    "proba_case": lambda golden: golden["proba_cases"],
    "eval_case": lambda golden: golden["eval_cases"]["cases"],
    # The estimators take the proximal steps.
    "proximal_trajectory": lambda golden: [
        t for t in golden["gd_trajectories"] if t["mode"] != "subgradient"
    ],
    "subgradient_trajectory": lambda golden: [
        t for t in golden["gd_trajectories"] if t["mode"] == "subgradient"
    ],
    "alpha_max_case": lambda golden: golden["alpha_max_l1"],
}


def pytest_generate_tests(metafunc):
    """Tests with such an argument run once for each golden entry."""
    wanted = [name for name in _GOLDEN_LISTS if name in metafunc.fixturenames]
    if not wanted:
        return
    golden = json.loads(GOLDEN_PATH.read_text())
    for name in wanted:
        entries = _GOLDEN_LISTS[name](golden)
        ids = [
            str(i) if name == "proba_case" else _golden_id(entry)
            for i, entry in enumerate(entries)
        ]
        metafunc.parametrize(name, entries, ids=ids)
