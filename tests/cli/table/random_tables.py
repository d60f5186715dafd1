"""Tables as people bring them, drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hypothesis.strategies as st
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


@dataclass(frozen=True)
class Drawn:
    """A table and which of its columns is to be predicted."""

    frame: pd.DataFrame
    target: str


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
        of(st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8)),
        st.just([1.5] * rows),
        st.just([None] * rows),
        st.just(list(range(rows))),
    )


@st.composite
def tables(draw: st.DrawFn) -> Drawn:
    rows = draw(st.integers(12, 60))
    count = draw(st.integers(1, 5))
    names = [f"column {i}" for i in range(count)]
    frame = pd.DataFrame({name: pd.Series(draw(columns(rows)), dtype=object) for name in names})
    target = draw(
        st.one_of(
            st.just(["yes", "no", "no"] * rows),
            st.just([0, 1, 2, 1] * rows),
            st.just([0.5 * i for i in range(rows)]),
            columns(rows),
        )
    )
    return Drawn(frame.assign(y=pd.Series(target[:rows], dtype=object)), "y")
