"""The directive `measured`: rows of a table of benchmarks/README.md, on another page.

.. code-block:: rst

    .. measured:: Sparse paths
       :columns: data, ours, glmnet, ratio
       :rows: a9a
       :table: 1

shows the columns that are named, of the rows that the regular expression is found in,
of one of the tables under a heading. Numbers that are quoted elsewhere thus have one
source. A heading, a column or a row that is not there is an error.
"""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

README = Path(__file__).parents[2] / "benchmarks" / "README.md"


def tables_of(text):
    """The tables of Markdown text, each a list of rows, each a list of cells."""
    tables, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif rows:
            tables.append([rows[0], *rows[2:]])
            rows = []
    return tables


def section_of(text, heading):
    """What stands below a heading of the second level."""
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if heading not in sections:
        raise ValueError(f"no heading {heading!r}, only {sorted(sections)}")
    return sections[heading]


def select(table, columns, pattern):
    """The head and the rows of a table that are asked for."""
    head, *rows = table
    missing = [name for name in columns if name not in head]
    if missing:
        raise ValueError(f"no columns {missing}, only {head}")
    places = [head.index(name) for name in columns or head]
    found = [row for row in rows if re.search(pattern, " | ".join(row))]
    if not found:
        raise ValueError(f"no row has {pattern!r}")
    return [[row[place] for place in places] for row in [head, *found]]


def names(text):
    """Names between commas."""
    return [name.strip() for name in text.split(",")]


class Measured(SphinxDirective):
    """Rows of a table of benchmarks/README.md."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {
        "columns": names,
        "rows": directives.unchanged,
        "table": directives.positive_int,
    }

    def run(self):
        """The table, as nodes."""
        self.env.note_dependency(str(README))
        try:
            section = section_of(README.read_text("utf-8"), self.arguments[0])
            table = tables_of(section)[self.options.get("table", 1) - 1]
            rows = select(
                table, self.options.get("columns", []), self.options.get("rows", "")
            )
        except (ValueError, IndexError) as error:
            raise self.error(f"measured: {error}") from error
        lines = [".. list-table::", "   :header-rows: 1", ""]
        for row in rows:
            for place, cell in enumerate(row):
                mark = "   * - " if place == 0 else "     - "
                lines.append(mark + re.sub(r"([*|\\_])", r"\\\1", cell))
        here = nodes.Element()
        self.state.nested_parse(StringList(lines, source=str(README)), 0, here)
        return here.children


def setup(app):
    """Add the directive."""
    app.add_directive("measured", Measured)
    return {"version": "1", "parallel_read_safe": True}
