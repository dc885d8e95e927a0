"""What runs without --full holds each value of each parameter."""

import shutil
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pytest
from _tiers import covering

pytest_plugins = ["pytester"]

SUITE = """
import pytest
from _tiers import only_where, slow_where

numbers = pytest.mark.parametrize("number", [1, 2])

@pytest.mark.parametrize("layout", ["dense", "csr", "list"])
@numbers
def test_product(layout, number):
    pass

@numbers
@pytest.mark.parametrize("value, word", [*zip("xxyy", "abab")])
def test_table(number, value, word):
    pass

class Pair:
    def __init__(self, *parts):
        self.parts = parts

    def __str__(self):
        return "".join(self.parts)

@pytest.mark.parametrize("pair", [Pair(a, b) for a in "xyz" for b in "ab"], ids=str)
def test_pairs(pair):
    pass

@only_where(lambda low, high: low < high)
@pytest.mark.parametrize("low", [0, 1, 2])
@pytest.mark.parametrize("high", [0, 1, 2])
def test_part_of_a_product(low, high, tmp_path):
    pass

@pytest.mark.every_case
@pytest.mark.parametrize("layout", ["dense", "csr"])
@numbers
def test_whole_product(layout, number):
    pass

@pytest.mark.slow
def test_slow():
    pass

@slow_where(lambda row: row == 3)
@pytest.mark.parametrize("row", [1, pytest.param(2, marks=pytest.mark.slow), 3])
def test_slow_row(row):
    pass

def test_alone():
    pass
"""
WHOLE = {f"test_whole_product[{n}-{kind}]" for n in (1, 2) for kind in ("dense", "csr")}


def values_of(cases):
    return set().union(*(case.items() for case in cases))


@pytest.mark.parametrize(
    "sizes", [(3,), (2, 2), (1, 4), (5, 2, 2), (3, 4, 2), (2,) * 5]
)
def test_of_a_product_as_many_cases_as_the_longest_list_has(sizes):
    cases = [dict(enumerate(case)) for case in product(*map(range, sizes))]
    chosen = [cases[k] for k in covering(cases)]
    assert values_of(chosen) == values_of(cases)
    assert len(chosen) == max(sizes)


def test_two_parameters_of_two_values_are_not_tied_to_each_other():
    # Of 6 cases 4 suffice for all pairs of the others.
    names = ("model", "layout", "precision")
    every = product(range(6), ("dense", "csr"), ("single", "double"))
    cases = [dict(zip(names, case, strict=True)) for case in every]
    chosen = [cases[k] for k in covering(cases)]
    assert len({(case["layout"], case["precision"]) for case in chosen}) == 4


@pytest.mark.parametrize("seed", range(5))
def test_of_a_part_of_a_product_few_cases_more_than_needed(seed):
    rng = np.random.default_rng(seed)
    cases = [dict(enumerate(case)) for case in product(range(3), range(3), range(2))]
    cases = [cases[k] for k in sorted(rng.choice(len(cases), 10, replace=False))]
    chosen = covering(cases)
    assert chosen == sorted(set(chosen))
    assert values_of([cases[k] for k in chosen]) == values_of(cases)
    fewest = next(
        count
        for count in range(1, len(cases) + 1)
        for some in combinations(cases, count)
        if values_of(some) == values_of(cases)
    )
    # The bound of greedy covers by sets of three.
    assert len(chosen) <= fewest * (1 + Fraction(1, 2) + Fraction(1, 3))


@pytest.fixture
def names_of(pytester):
    """arguments of pytest -> names of the tests that they select in the suite above."""
    for name in ("conftest.py", "_tiers.py"):
        shutil.copy(Path(__file__).parent / name, pytester.path)
    pytester.makepyfile(test_suite=SUITE)

    def collect(*arguments):
        # In this process: a new one takes seconds to import what conftest.py does.
        result = pytester.runpytest_inprocess("--collect-only", "-q", *arguments)
        assert result.ret == 0
        lines = [line for line in result.outlines if line.startswith("test_suite.py::")]
        assert len(set(lines)) == len(lines)
        return {line.removeprefix("test_suite.py::") for line in lines}

    return collect


def test_the_full_tier_has_every_case_that_exists(names_of):
    assert names_of("--full") == (
        {f"test_product[{n}-{k}]" for n in (1, 2) for k in ("dense", "csr", "list")}
        | {
            f"test_table[{row}-{n}]"
            for row in ("x-a", "x-b", "y-a", "y-b")
            for n in "12"
        }
        | {f"test_part_of_a_product[{case}]" for case in ("1-0", "2-0", "2-1")}
        | {f"test_pairs[{a}{b}]" for a in "xyz" for b in "ab"}
        | WHOLE
        | {"test_slow", "test_alone"}
        | {f"test_slow_row[{row}]" for row in (1, 2, 3)}
    )


def test_the_default_tier_has_every_value_and_every_row(names_of):
    names = names_of()
    assert WHOLE | {"test_alone", "test_slow_row[1]"} <= names
    assert not {"test_slow", "test_slow_row[2]", "test_slow_row[3]"} & names
    product_cases = {name for name in names if name.startswith("test_product")}
    assert len(product_cases) == 3
    for value in ("1-", "2-", "-dense", "-csr", "-list"):
        assert any(value in name for name in product_cases)
    pairs = [name[-3:-1] for name in names if name.startswith("test_pairs")]
    assert len(pairs) == 3
    assert set("".join(pairs)) == set("xyzab")
    rows = [name[:14] for name in names if name.startswith("test_table")]
    assert sorted(rows) == [f"test_table[{row}" for row in ("x-a", "x-b", "y-a", "y-b")]
    parts = {name for name in names if name.startswith("test_part")}
    assert parts == {f"test_part_of_a_product[{case}]" for case in ("1-0", "2-1")}


def test_of_selected_cases_each_value_is_covered(names_of):
    expected = {"test_product[1-csr]", "test_product[2-csr]"}
    assert names_of("-k", "test_product and csr") == expected


def test_a_test_that_is_named_runs_with_all_its_cases(names_of):
    assert len(names_of("test_suite.py::test_product")) == 6
    for name in ("test_product[2-list]", "test_slow"):
        assert names_of(f"test_suite.py::{name}") == {name}
