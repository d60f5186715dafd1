"""A cell means in every later table what it meant in training, whatever stands beside it."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from cli.shell import told
from plaingrad.tables import TableEncoder, read_frame
from plaingrad.tables.columns.column import MisfitError
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.model.network import fitted_encoder
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.settings import Settings

Cells = list[str]
ROWS = 30

LEVELS = [
    ["TRUE", "FALSE", "Unknown"],
    ["true", "0", "1", "x"],
    ["1.10", "1.1", "1E3", "1000", "v2"],
    ["NA", "DE", "FR", "None"],
    ["2020-01-01", "2020-13-01", "never"],
    ["9007199254740993", "9007199254740992", "none yet"],
    ["007", "07", "7"],
    ["1,5", "1.5", "a"],
    ["5%", "5 %", "0.05", "much"],
    ["12:30", "12.30", "noon"],
    ["-", "--", "+"],
    ["inf", "Infinity", "nan ", "NaN(1)"],
    ["", "?", "yes"],
    ["a b", " a b ", "ä", 'say "x"', "tab\there", "two\nlines"],
]


def spread(levels: Cells) -> st.SearchStrategy[Cells]:
    """A column of these levels."""
    return st.lists(st.sampled_from(levels), min_size=ROWS, max_size=ROWS)


def numbers(write: Callable[[int], str]) -> st.SearchStrategy[Cells]:
    """A column of numbers of hundredths, written in one way, some of them missing."""
    cell = st.one_of(st.integers(-(10**7), 10**7).map(write), st.sampled_from(["", "NA"]))
    return st.lists(cell, min_size=ROWS, max_size=ROWS)


def dates(format: str) -> st.SearchStrategy[Cells]:
    """A column of dates."""
    moments = st.datetimes(datetime.datetime(1950, 1, 1), datetime.datetime(2049, 12, 31))
    return st.lists(moments.map(lambda moment: moment.strftime(format)), min_size=ROWS, max_size=ROWS)


def swapped(text: str) -> str:
    return text.translate(str.maketrans(",.", ".,"))


COLUMNS = st.one_of(
    *map(spread, LEVELS),
    numbers(str),
    numbers(lambda n: f"{n / 100:.2f}"),
    numbers(lambda n: f"{n / 100:,.2f}"),
    numbers(lambda n: swapped(f"{n / 100:,.2f}")),
    numbers(lambda n: swapped(f"{n / 100:,.0f}" if n % 2 else f"{n / 100:,.2f}")),
    numbers(lambda n: f"{n}%"),
    numbers(lambda n: f"${abs(n):,}"),
    numbers(lambda n: f"{n:e}"),
    dates("%Y-%m-%d"),
    dates("%Y-%m-%d %H:%M"),
    dates("%d.%m.%Y"),
    dates("%m/%d/%Y"),
    st.lists(st.text(st.characters(exclude_categories=["C"]), max_size=6), min_size=ROWS, max_size=ROWS),
)


def separated(frame: pd.DataFrame, path: Path, separator: str) -> Path:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows([list(frame.columns), *frame.itertuples(index=False)])
    path.write_text(text.getvalue(), encoding="utf-8")
    return path


def json_lines(frame: pd.DataFrame, path: Path) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in frame.to_dict("records")), encoding="utf-8")
    return path


def parquet(frame: pd.DataFrame, path: Path) -> Path:
    table = pa.table({name: pa.array(frame[name].tolist(), pa.string()) for name in frame.columns})
    pyarrow.parquet.write_table(table, path)
    return path


WRITERS: dict[str, Callable[[pd.DataFrame, Path], Path]] = {
    "csv": lambda frame, path: separated(frame, path, ","),
    "tsv": lambda frame, path: separated(frame, path, "\t"),
    "jsonl": json_lines,
    "parquet": parquet,
}


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(COLUMNS, min_size=1, max_size=4), st.sampled_from(list(WRITERS)), st.booleans(), st.data())
def test_a_row_is_encoded_alike_alone_and_among_others(
    tmp_path: Path, columns: list[Cells], learned: str, embedding: bool, data: st.DataObject
) -> None:
    frame = pd.DataFrame({f"c{i}": cells for i, cells in enumerate(columns)})
    frame["always"] = [f"{i % 7}.5" for i in range(ROWS)]  # so that some column can be used
    frame["y"] = [f"{i}.25" for i in range(ROWS)]
    path = WRITERS[learned](frame, tmp_path / f"t.{learned}")
    rows, _ = read_rows(path, Settings(target="y"))
    try:
        encoder = fitted_encoder(rows, 40, embedding)
    except MisfitError:  # inf throughout
        reject()
    whole = rows.encoded(encoder, StrangeCounts()).X
    for asked, write in WRITERS.items():
        some = data.draw(st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=3, unique=True))
        order = data.draw(st.permutations(list(encoder.used_)))
        part = write(frame.iloc[some][order], tmp_path / f"part.{asked}")
        found = encoder.transform(read_frame(part, text=True), strange=StrangeCounts())
        np.testing.assert_array_equal(found, whole[some])
    again = TableEncoder.from_bytes(encoder.to_bytes())
    found = again.transform(read_frame(path, text=True), strange=StrangeCounts())
    np.testing.assert_array_equal(found, whole)


def hidden_code() -> pd.DataFrame:
    """Levels of which some look like numbers, truth values or dates, and what each of them stands for."""
    levels = sorted({level.strip() for group in LEVELS for level in group} - {"", "?"})
    codes = np.random.default_rng(0).integers(0, len(levels), 600)
    return pd.DataFrame({"level": [levels[code] for code in codes], "y": codes % 2})


def test_predictions_of_levels_that_look_like_something_else(tmp_path: Path) -> None:
    frame = hidden_code()
    path = separated(frame, tmp_path / "t.csv", ",")
    model = tmp_path / "out" / "model.safetensors"
    told("train", path, "--target", "y", "--epochs", 60, "--max-levels", 100, "-o", model.parent)
    whole = told("predict", model, path)
    for level, rows in frame.groupby("level"):
        for name, write in WRITERS.items():
            alone = told("predict", model, write(rows[["level"]].head(1), tmp_path / f"alone.{name}"))
            assert alone["unseen"] == alone["misfits"] == []
            row = int(rows.index[0])
            assert alone["probability_1"][0] == pytest.approx(whole["probability_1"][row], rel=1e-5), level
            assert alone["prediction"] == [frame["y"][row]]


def test_what_is_kept_is_written_as_it_stood(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{'a' if i < 20 else 'b'}\n" for i in range(40)))
    told("train", path, "--target", "y", "--epochs", 2, "-o", tmp_path / "out")
    cells = ["9007199254740993", "007", "1.10", " TRUE ", "", "NA", "2020-01-02", "1,5", 'say "x"']
    frame = pd.DataFrame({"id": cells, "x": [str(i) for i in range(len(cells))]})
    for name, write in WRITERS.items():
        told(
            "predict", tmp_path / "out" / "model.safetensors", write(frame, tmp_path / f"new.{name}"),
            "-o", tmp_path / "p.csv", "--keep", "id", "--keep", "x",
        )  # fmt: skip
        kept = pd.read_csv(tmp_path / "p.csv", dtype=str, keep_default_na=False)
        assert kept["id"].tolist() == cells
        assert kept["x"].tolist() == frame["x"].tolist()


def test_predictions_have_six_digits(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{1e7 * i + 0.5}\n" for i in range(40)))
    told("train", path, "--target", "y", "--epochs", 2, "-o", tmp_path / "out")
    found = told("predict", tmp_path / "out" / "model.safetensors", path)["prediction"]
    assert found == [float(f"{value:.6g}") for value in found]
