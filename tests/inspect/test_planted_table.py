"""The table of planted mistakes in the documentation has every layer and every mistake, as they are now."""

from __future__ import annotations

import csv
from pathlib import Path

from conformance.table import CASES
from plaingrad import nn

from .mistakes import MISTAKES

DOCS = Path(__file__).parents[2] / "docs"
with (DOCS / "planted_mistakes.csv").open(encoding="utf-8", newline="") as _file:
    HEADER, *ROWS = csv.reader(_file)


def test_it_has_every_mistake() -> None:
    first, *mistakes = HEADER
    assert (first, mistakes) == ("layer", list(MISTAKES))
    page = (DOCS / "planted_mistakes.md").read_text(encoding="utf-8")
    described = page[: page.index("A dot says")]
    assert all(mistake in described for mistake in MISTAKES)


def test_it_has_every_layer() -> None:
    """`make planted` writes it anew."""
    layers = {repr(case) for case in CASES} & set(nn.__all__)
    assert [row[0] for row in ROWS] == sorted(layers)


def test_every_mistake_is_caught_somewhere_and_some_in_every_layer() -> None:
    assert {cell for row in ROWS for cell in row[1:]} == {"●", ""}
    assert all("●" in row for row in ROWS)
    assert all("●" in column for column in zip(*(row[1:] for row in ROWS)))
