"""Which cases of a parametrized test run: CONTRIBUTING.md tells of the two tiers."""

from collections import Counter
from inspect import signature
from itertools import combinations

import pytest


def only_where(holds):
    """A mark: of the product of parameters only those cases exist for which this holds.

    `holds` is called with those parameters that it names.
    """
    return pytest.mark.only_where.with_args(holds)


def slow_where(holds):
    """A mark: those cases for which this holds run with --full only."""
    return pytest.mark.slow_where.with_args(holds)


def exists(item):
    """Whether a case is among those that its test asks for."""
    return all(holds_for(item, mark) for mark in item.iter_markers("only_where"))


def is_slow(item):
    return item.get_closest_marker("slow") is not None or any(
        holds_for(item, mark) for mark in item.iter_markers("slow_where")
    )


def holds_for(item, mark):
    (holds,) = mark.args
    return holds(
        **{name: item.callspec.params[name] for name in signature(holds).parameters}
    )


def default_tier(items):
    """The set of those of the tests that run without --full."""
    by_function = {}
    for item in items:
        if not is_slow(item):
            by_function.setdefault(item.nodeid.partition("[")[0], []).append(item)
    kept = set()
    for cases in by_function.values():
        is_product = hasattr(cases[0], "callspec")
        if is_product and cases[0].get_closest_marker("every_case") is None:
            cases = [cases[k] for k in covering([parameters(case) for case in cases])]
        kept.update(cases)
    return kept


def parameters(item):
    """The rows that a case took, by the arguments of each list of rows.

    Arguments of one list are one parameter, so that each row of a table counts. A value
    with `parts` is a combination of them, each of which is a parameter.
    """
    values = item.callspec.params
    lists = []
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0]
        names = names.replace(",", " ").split() if isinstance(names, str) else names
        lists.append(tuple(names))
    in_lists = {name for names in lists for name in names}
    lists += [(name,) for name in values if name not in in_lists]
    rows = {}
    for names in lists:
        parts = getattr(values[names[0]], "parts", None)
        if parts is None:
            # The cases of a product share the objects of its lists.
            rows[names] = tuple(id(values[name]) for name in names)
        else:
            rows |= {(*names, place): part for place, part in enumerate(parts)}
    return rows


def covering(cases):
    """Positions of a few cases that hold each value of each parameter, in order.

    Cases are dicts of parameters and values. One after another the case is taken with
    the most values that no taken one has; among such cases the one whose values, and
    pairs of values, were taken least often, and of these the first.
    """
    held = [set(case.items()) for case in cases]
    with_pairs = [[*case.items(), *combinations(case.items(), 2)] for case in cases]
    missing = set().union(*held)
    uses = Counter()
    chosen = []

    def merit(k):
        return len(held[k] & missing), -sum(uses[each] for each in with_pairs[k]), -k

    while missing:
        best = max(range(len(cases)), key=merit)
        chosen.append(best)
        missing -= held[best]
        uses.update(with_pairs[best])
    return sorted(chosen)
