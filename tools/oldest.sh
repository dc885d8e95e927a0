#!/usr/bin/env bash
# The tests with the oldest versions that pyproject.toml allows, on the oldest Python.
# Arguments go to pytest: tools/oldest.sh tests/test_cv.py
#
# PYTHON  the interpreter, python3.11 unless told
# VENV    an environment to make or use again; a temporary one unless told
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export NUMBA_CACHE_DIR="${NUMBA_CACHE_DIR:-$scratch/numba}"
export MPLBACKEND=Agg
python="${PYTHON:-python3.11}"
venv="${VENV:-$scratch/venv}"

# Lower bounds become pins: numpy>=1.24 is numpy~=1.24.0, its newest mending.
"$python" - > "$scratch/oldest.txt" <<'PYTHON'
import re
import tomllib

with open("pyproject.toml", "rb") as file:
    project = tomllib.load(file)["project"]
for requirement in project["dependencies"]:
    name, version = re.fullmatch(r"([\w.-]+)>=(\d+(?:\.\d+)+)", requirement).groups()
    if version.count(".") == 1:
        version += ".0"
    print(f"{name}~={version}")
PYTHON
# Newer ones need NumPy 2, which their requirements do not say.
echo "pyarrow<26" >> "$scratch/oldest.txt"
cat "$scratch/oldest.txt"

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
# What the tests need besides is as old as that makes it, and no older.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  -c "$scratch/oldest.txt" -e ".[test]"
"$venv/bin/python" -m pytest -p no:cacheprovider "$@"
