"""Settings and data that all tests share."""

import os

# scikit-learn skips checks unless SciPy was imported with this.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from sklearn import datasets

settings.register_profile("tests", derandomize=True, deadline=None, max_examples=10)
settings.load_profile("tests")

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
    "sample_case": lambda golden: golden["sample_cases"],
    "proba_case": lambda golden: golden["proba_cases"],
    "eval_case": lambda golden: golden["eval_cases"]["cases"],
    "trajectory": lambda golden: golden["gd_trajectories"],
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
