"""The pages are doctests: python -m pytest --doctest-glob="*.rst" docs"""

import sys
from importlib.util import find_spec
from pathlib import Path

# The developer guide shows classes of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

collect_ignore = ["conf.py"]
if find_spec("distributed") is None:  # the dask extra
    collect_ignore.append("user_guide/larger_than_a_machine.rst")
collect_ignore_glob = ["_build/*", "auto_examples/*", "api/generated/*"]
