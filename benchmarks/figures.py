"""Draws the ratios of README.md's tables beside their floors.

    python benchmarks/figures.py

writes docs/images/floors.png and docs/images/tuning.png.
"""

import re
from pathlib import Path

import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
LESS = "<"  # a rival that was left before it was done


def table(section):
    """Head and rows of the first table of a section of README.md, as lists of text."""
    text = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
    text = text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    width = len(rows[0])
    rows = [row for row in rows if len(row) == width]
    return rows[0], rows[2:]


def rival(cell):
    """The name in a cell that goes on with seconds."""
    return re.match(r"(.*?)( >)? [\d.]+ s", cell).group(1)


def bars(panel, labels, ratios, floors):
    """A bar for each ratio and a mark at its floor; hatched where it is a bound."""
    for place, (ratio, floor) in enumerate(zip(ratios, floors, strict=True)):
        value = float(ratio.strip(LESS))
        panel.barh(
            place,
            value,
            height=0.4,
            color="C0" if value <= float(floor) else "C3",
            hatch="//" if ratio.startswith(LESS) else None,
            edgecolor="white",
        )
        panel.plot(float(floor), place, "k|", markersize=10, markeredgewidth=2)
    # Above their bars, as beside them they would take half of the width.
    for place, label in enumerate(labels):
        panel.text(0.0105, place - 0.27, label, fontsize=9, verticalalignment="bottom")
    panel.set_yticks([])
    panel.set_ylim(len(labels) - 0.5, -0.9)
    panel.set_xscale("log")
    panel.set_xlim(left=0.01)
    panel.axvline(1.0, color="gray", linewidth=0.8)
    panel.set_xlabel("time of sklearn_linloss divided by that of the other")


def draw_floors():
    _, rows = table("Time to an objective or a certified gap")
    labels = [f"{problem}: {rival(theirs)}" for problem, _, theirs, _, _ in rows]
    figure, panel = plt.subplots(figsize=(7, 0.4 * len(rows) + 0.7))
    bars(panel, labels, [row[3] for row in rows], [row[4] for row in rows])
    save(figure, "floors")


def draw_tuning():
    head, rows = table("Tuning")
    labels, ratios, floors = [], [], []
    for row in rows:
        ours = dict(zip(head, row, strict=True))
        # Both columns of ratios have that name.
        to_grid, to_regression = (
            row[k] for k, name in enumerate(head) if name == "ratio"
        )
        floor = 0.1 if ours["loss"] == "hinge" else 0.3
        for name, ratio in [
            ("GridSearchCV", to_grid),
            ("LogisticRegressionCV", to_regression),
        ]:
            if ratio:
                labels.append(f"{ours['data']} {ours['loss']}: {name}")
                ratios.append(ratio)
                floors.append(floor)
    figure, panel = plt.subplots(figsize=(7, 0.4 * len(labels) + 0.7))
    bars(panel, labels, ratios, floors)
    save(figure, "tuning")


def save(figure, name):
    file = ROOT / "docs" / "images" / f"{name}.png"
    figure.savefig(file, dpi=120, bbox_inches="tight")


if __name__ == "__main__":
    draw_floors()
    draw_tuning()
