"""Tables as people bring them, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd

WORDS = [
    "a",
    "b",
    "ä€",
    "日本",
    "NA",
    "",
    " x ",
    "1",
    "0",
    "true",
    "2026-01-02",
    "long text with several words",
]


NAMES = ["a", "größe", "名前", "a b", '"quoted", name', "prediction", "x" * 300, "0", "$e^x$", "<b>", "🙂"]
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)


@dataclass(frozen=True)
class Drawn:
    """A table, which of its columns is to be predicted, and how else the command is asked to train.

    Attributes:
        frame: of 1 to 60 rows, or of a thousand columns; sometimes with a name that stands twice.
        order: the places of the columns in another order.
        options: of ``plaingrad train``.
    """

    frame: pd.DataFrame
    order: list[int]
    options: list[str]


def columns(rows: int) -> st.SearchStrategy[list[Any]]:
    def of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
        return st.lists(values, min_size=rows, max_size=rows)

    numbers = st.floats(-1e6, 1e6) | st.integers(-1000, 1000) | st.just(1e300) | st.none()
    return st.one_of(
        of(numbers),
        of(st.integers(0, 3)),
        of(st.booleans() | st.none()),
        of(st.sampled_from(WORDS)),
        of(st.dates().map(str)),
        of(TEXTS),
        st.just([1.5] * rows),
        st.just([None] * rows),
        st.just(list(range(rows))),
    )


@st.composite
def targets(draw: st.DrawFn, rows: int) -> list[Any]:
    if draw(st.integers(0, 9)) == 0:
        return draw(columns(rows))
    usual = [["yes", "no", "no"] * rows, [0, 1, 2, 1] * rows, [0.5 * i for i in range(rows)]]
    return draw(st.sampled_from(usual))[:rows]


@st.composite
def tables(draw: st.DrawFn) -> Drawn:
    rows = draw(st.sampled_from([1, *range(12, 60)]))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=draw(st.integers(0, 7)) > 0))
    values = [draw(columns(rows)) for _ in names]
    if draw(st.integers(0, 9)) == 0:
        values[0][draw(st.integers(0, rows - 1))] = draw(st.sampled_from([float("inf"), float("-inf")]))
    if draw(st.integers(0, 9)) == 0:
        random = np.random.default_rng(0)
        names += [f"column {i}" for i in range(1000)]
        values += random.normal(size=(1000, rows)).tolist()
    names, values = [*names, "y"], [*values, draw(targets(rows))]
    frame = pd.concat([pd.Series(each, dtype=object) for each in values], axis=1).set_axis(names, axis=1)
    order = np.random.default_rng(draw(st.integers(0, 99))).permutation(len(names)).tolist()
    options = [[], [], ["--embedding"], ["--weight", names[0]], ["--cv", "2"], ["--normalization", "batch"]]
    return Drawn(frame, order, draw(st.sampled_from(options)))
