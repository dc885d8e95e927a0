"""The pages are doctests: python -m pytest --doctest-glob="*.rst" docs"""

import sys
from pathlib import Path

# The developer guide shows classes of the tests.
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

collect_ignore = ["conf.py"]
collect_ignore_glob = ["_build/*", "auto_examples/*", "api/generated/*"]
