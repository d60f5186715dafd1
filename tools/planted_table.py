"""The table of planted mistakes in the documentation, from the results of their tests: see `make planted`.

    python tools/planted_table.py out/planted.xml docs/planted_mistakes.csv

A row for each class of `plaingrad.nn`, a column for each mistake: a dot where it was caught, nothing where it
changes no number of that class, such as a transposed gradient of a layer without matrices.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from plaingrad import nn

CAUGHT = "●"
NAME = re.compile(r"test_a_planted_mistake_is_caught\[(\w+)-(.+)\]")


def outcomes(path: Path) -> dict[str, dict[str, str]]:
    """What became of each mistake in each layer, by their names.

    Raises:
        ValueError: a mistake was not caught.
    """
    table: dict[str, dict[str, str]] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        if match := NAME.fullmatch(case.get("name", "")):
            layer, mistake = match.groups()
            if layer not in nn.__all__:  # a network of the tests' own
                continue
            if case.find("failure") is not None or case.find("error") is not None:
                raise ValueError(f"expected every mistake to be caught, got {mistake!r} in {layer} missed")
            table.setdefault(layer, {})[mistake] = CAUGHT if case.find("skipped") is None else ""
    return table


def write(table: Mapping[str, Mapping[str, str]], path: Path) -> None:
    """Write the table, layers by name, mistakes in the order of the first one's."""
    mistakes = list(next(iter(table.values())))
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["layer", *mistakes])
        rows.writerows([layer, *(table[layer][each] for each in mistakes)] for layer in sorted(table))


if __name__ == "__main__":
    write(outcomes(Path(sys.argv[1])), Path(sys.argv[2]))
