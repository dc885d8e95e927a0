"""Each table of benchmarks/README.md says what made it."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "benchmarks" / "README.md"
SECTIONS = dict(
    section.split("\n", 1)
    for section in re.split(r"^## ", README.read_text(encoding="utf-8"), flags=re.M)[1:]
)
WITH_TABLES = [name for name, text in SECTIONS.items() if "\n|---" in text]
MEASURED = re.compile(
    r"^Measured on machine [A-C], .*?\d{1,2} [A-Z][a-z]+ \d{4},.*?commit[s ]",
    re.M | re.S,
)


@pytest.mark.every_case
@pytest.mark.parametrize("name", WITH_TABLES)
def test_a_table_names_its_command_machine_day_and_commit(name):
    before_table = SECTIONS[name].partition("\n|---")[0]
    command = re.search(r"^    .*python benchmarks/(\w+\.py)", before_table, re.M)
    assert (README.parent / command[1]).exists()
    assert MEASURED.search(before_table)


def test_the_tables_are_found():
    assert len(WITH_TABLES) >= 10
