"""The documentation leads to what there is."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(
    path.relative_to(ROOT / "examples").with_suffix("").as_posix()
    for path in (ROOT / "examples").rglob("*.py")
)
GUIDES = "".join(
    path.read_text(encoding="utf-8")
    for folder in ("user_guide", "coming_from")
    for path in (ROOT / "docs" / folder).glob("*.rst")
)


@pytest.mark.every_case
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_guide_links_to_the_example(name):
    assert f"auto_examples/{name}`" in GUIDES


def test_the_examples_are_found():
    assert len(EXAMPLES) >= 17
