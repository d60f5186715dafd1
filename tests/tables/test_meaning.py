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

from cli.shell import refused, run, told
from effort import draws, every_third
from plaingrad.tables import TableEncoder, read_frame
from plaingrad.tables.columns.schema_file import KINDS
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.errors import MisfitError
from plaingrad.tables.model.encoded import fitted_encoder
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


def timestamps(per_second: int) -> st.SearchStrategy[Cells]:
    """A column of the time since 1970, and some zeros."""
    cell = st.one_of(st.integers(10**9, 2 * 10**9).map(lambda n: n * per_second), st.just(0)).map(str)
    return st.lists(cell, min_size=ROWS, max_size=ROWS)


def durations(format: str) -> st.SearchStrategy[Cells]:
    """A column of hours and minutes, some of them missing."""
    written = st.builds(format.format, st.integers(0, 60), st.integers(0, 59))
    cell = st.one_of(written, st.sampled_from(["", "-"]))
    return st.lists(cell, min_size=ROWS, max_size=ROWS)


def lists(write: Callable[[Cells], str]) -> st.SearchStrategy[Cells]:
    """A column of lists of few items."""
    cell = st.lists(st.sampled_from(["a", "b c", "ä", "NA"]), max_size=3, unique=True).map(write)
    return st.lists(cell, min_size=ROWS, max_size=ROWS)


def locations(format: str) -> st.SearchStrategy[Cells]:
    """A column of pairs, of which the first may be a latitude, some of them missing."""
    pair = st.builds(format.format, st.floats(-90, 90), st.floats(-180, 180))
    return st.lists(st.one_of(pair, st.sampled_from(["", "NA"])), min_size=ROWS, max_size=ROWS)


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
    numbers(lambda n: f"{n / 10} kg"),
    numbers(lambda n: f"{n}K" if n % 2 else f"{n / 100:.2f}M"),
    numbers(lambda n: f"({-n:,})" if n < 0 else f"{n:,}"),
    numbers(lambda n: f"<{n}" if n < 0 else f"{n}"),
    lists("|".join),
    lists(", ".join),
    lists(str),
    locations("{0:.4f},{1:.4f}"),
    locations("POINT ({0:.4f} {1:.4f})"),
    dates("%H:%M"),
    dates("%Y-%m-%d"),
    dates("%Y-%m-%d %H:%M"),
    dates("%d.%m.%Y"),
    dates("%m/%d/%Y"),
    dates("%Y%m%d"),
    dates("%d %B %Y"),
    dates("%a, %b %d, %Y"),
    dates("%m/%d/%y"),
    timestamps(1),
    timestamps(1000),
    durations("{0}h {1}m"),
    durations("PT{0}H{1}M"),
    durations("{0}:{1:02}"),
    durations("{0}:{1:02}:59.5"),
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


@settings(max_examples=draws(60), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(COLUMNS, min_size=1, max_size=4),
    st.sampled_from(["c", "created at "]),
    st.sampled_from(list(WRITERS)),
    st.booleans(),
    st.data(),
)
def test_a_row_is_encoded_alike_alone_and_among_others(
    tmp_path: Path, columns: list[Cells], name: str, learned: str, embedding: bool, data: st.DataObject
) -> None:
    frame = pd.DataFrame({f"{name}{i}": cells for i, cells in enumerate(columns)})
    frame["always"] = [f"{i % 7}.5" for i in range(ROWS)]  # so that some column can be used
    frame["y"] = [f"{i}.25" for i in range(ROWS)]
    path = WRITERS[learned](frame, tmp_path / f"t.{learned}")
    try:
        rows, _ = read_rows(path, Settings(target="y"))
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


ALONE = ("--models", 1, "--no-importance", "--no-report")  # one network, and nothing of it is shown


def hidden_code() -> pd.DataFrame:
    """Levels of which some look like numbers, truth values or dates, and what each of them stands for."""
    levels = sorted({level.strip() for group in LEVELS for level in group} - {"", "?"})
    codes = np.random.default_rng(0).integers(0, len(levels), 600)
    return pd.DataFrame({"level": [levels[code] for code in codes], "y": codes % 2})


def test_predictions_of_levels_that_look_like_something_else(tmp_path: Path) -> None:
    frame = hidden_code()
    path = separated(frame, tmp_path / "t.csv", ",")
    model = tmp_path / "out" / "model.safetensors"
    options = ("--epochs", 60, "--max-levels", 100, *ALONE)
    told("train", path, "--target", "y", *options, "-o", model.parent)
    whole = told("predict", model, path)
    for k, (level, rows) in enumerate(frame.groupby("level")):
        for name, write in list(WRITERS.items())[every_third(k)]:
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


def choices(path: Path) -> dict[str, tuple[str, str]]:
    """What is made of the columns of a table with a target "y"."""
    rows, _ = read_rows(path, Settings(target="y"))
    return {choice.name: (choice.kind, choice.done) for choice in fitted_encoder(rows, 40).choices()}


def test_an_index_that_was_written_along_and_a_separator_at_the_end_of_each_line(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(",x,y,\n" + "".join(f"{i},{i % 7},{i % 3},\n" for i in range(60)))
    assert choices(path) == {
        "Unnamed: 0": ("identifier", "left out: another value in every row"),
        "x": ("number", "standardised"),
        "Unnamed: 3": ("empty", "left out: no value"),
    }


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("PassengerId", [str(i) for i in range(1, 101)]),
        ("id", [str(i * 7919 % 104729) for i in range(1, 101)]),
        ("key", [f"{i * 2654435761 % 2**32:08x}" for i in range(1, 101)]),
        ("anything", [f"{i * 2654435761 % 2**32:08x}" for i in range(1, 101)]),
        ("row_id", [f"{i:04}" for i in range(100)]),
    ],
)
def test_an_identifier_is_seen_in_the_whole_table(tmp_path: Path, name: str, cells: Cells) -> None:
    """Each training part is a random draw, in which no row number counts up and no text need be single."""
    frame = pd.DataFrame(
        {name: cells, "x": [str(i % 9) for i in range(100)], "y": [str(i // 50) for i in range(100)]}
    )
    path = separated(frame, tmp_path / "t.csv", ",")
    report = told("train", path, "--target", "y", "--epochs", 1, *ALONE, "-o", tmp_path / "out")
    assert [column["kind"] for column in report["columns"]] == ["identifier", "number"]


@pytest.mark.parametrize(
    "write", ["{0}.{1}.{0}.{2}", "4{0}.{1},{0}.{2}", "https://example.org/{2}", "{2:02}-01-2026"]
)
def test_what_is_made_of_parts_is_no_identifier(tmp_path: Path, write: str) -> None:
    cells = [write.format(i % 10, i * 7 % 100, i) for i in range(1, 29)]
    frame = pd.DataFrame({"x": cells, "y": ["a", "b"] * 14})
    kind = choices(separated(frame, tmp_path / "t.csv", ","))["x"][0]
    assert kind in ("text", "category", "date", "location")


@pytest.mark.parametrize("name", ["zip", "Zip Code", "postal_code", "shipZip", "PLZ"])
def test_postal_codes_are_names_of_places(tmp_path: Path, name: str) -> None:
    cells = [f"{i % 9 * 7919 + 10000}" for i in range(100)]
    frame = pd.DataFrame({name: ["NA", *cells[1:]], "y": ["a", "b"] * 50})
    assert choices(separated(frame, tmp_path / "t.csv", ","))[name][0] == "category"
    frame[name] = [f"{cell}.5" for cell in cells]  # whatever that is
    assert choices(separated(frame, tmp_path / "t.csv", ","))[name][0] == "number"


def test_whole_numbers_that_happen_to_differ_are_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"population": [str(i * 7919 % 104729) for i in range(1, 101)], "y": ["a", "b"] * 50}
    )
    assert choices(separated(frame, tmp_path / "t.csv", ","))["population"][0] == "number"


@pytest.mark.parametrize("mark", ["-", "--", ".", "..", "n.a.", "#DIV/0!", "unknown", "Unknown", "—"])
@pytest.mark.parametrize("write", ["{:.2f}", "${:,.2f}", "2026-01-{:02.0f}"])
def test_a_mark_of_the_missing_leaves_numbers_and_dates_what_they_are(
    tmp_path: Path, mark: str, write: str
) -> None:
    cells = [mark if i % 10 == 3 else write.format(i % 28 + 1) for i in range(60)]
    frame = pd.DataFrame({"x": cells, "y": ["a", "b"] * 30})
    kind, done = choices(separated(frame, tmp_path / "t.csv", ","))["x"]
    assert kind == ("date" if write.startswith("2026") else "number")
    assert f"{mark!r} missing" in done


def test_a_few_texts_among_many_numbers_are_missing_and_told(tmp_path: Path) -> None:
    cells = [f"{i}.5" for i in range(100)]
    cells[7], cells[80], cells[81] = "many", "lots", "many"
    frame = pd.DataFrame({"x": cells, "y": [str(i) for i in range(100)]})
    path = separated(frame, tmp_path / "t.csv", ",")
    result = run("train", path, "--target", "y", "--epochs", 1, "-o", tmp_path / "out")
    assert (
        result.stderr
        == "warning: x: 3 of 100 values were not a number and counted as missing ('many', 'lots')\n"
    )
    assert "standardised, median" in result.stdout


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "2", "3", "many"],  # a scale, of which "many" is a step
        ["A1", "17", "18", "B2"],
        ["01067", "1067", "80331", "SW1A"],  # postal codes
        ["TRUE", "FALSE", "unknown"],
        ["<=50K", ">50K"],
        ["<1", "1", "2", ">2"],
        ["1A", "2A", "12A"],
        ["1B", "2B", "3B"],
        ["(1)", "(2)", "1"],
    ],
)
def test_levels_stay_levels(tmp_path: Path, cells: Cells) -> None:
    frame = pd.DataFrame({"x": [cells[i % len(cells)] for i in range(60)], "y": ["a", "b"] * 30})
    assert choices(separated(frame, tmp_path / "t.csv", ","))["x"][0] == "category"


def test_times_of_day_are_places_in_the_day(tmp_path: Path) -> None:
    for write in ("%H:%M", "%I:%M %p", "%H:%M:%S"):
        moments = pd.date_range("2026-01-01", periods=60, freq="53min")
        frame = pd.DataFrame({"at": moments.strftime(write), "y": ["a", "b"] * 30})
        kind, done = choices(separated(frame, tmp_path / "t.csv", ","))["at"]
        assert (kind, done) == ("date", "seconds standardised, place in the day")


DOUBTFUL = pd.DataFrame(
    {
        "when": [f"{i % 12 + 1:02}/{i % 11 + 1:02}/2026" for i in range(60)],
        "size": ["-999" if i % 6 == 0 else f"{i / 7:.2f}" for i in range(60)],
        "grade": [f"{i % 5 + 10000}" for i in range(60)],
        "y": [str(i % 5 % 2) for i in range(60)],
    }
)


def test_what_columns_mean_is_shown_doubted_corrected_and_trained_on(tmp_path: Path) -> None:
    path, schema = separated(DOUBTFUL, tmp_path / "t.csv", ","), tmp_path / "t.toml"
    result = run("columns", path, "-o", schema)
    assert result.exit_code == 0
    when, size = result.stderr.splitlines()
    assert when.startswith("warning: when: dates such as 01/01/2026 can be read in 2 ways")
    assert size.startswith("warning: size: -999 stands in 10 of 60 rows, far from all others")
    text = schema.read_text()
    assert text.startswith('[when]\nkind = "text"\n\n[size]\nkind = "number"\n\n[grade]\nkind = "number"\n')
    text = text.replace('kind = "text"', 'kind = "date"\ndates = "%m/%d/%Y"', 1)
    text = text.replace('[size]\nkind = "number"', '[size]\nkind = "number"\nmissing = ["-999"]')
    schema.write_text(text.replace('[grade]\nkind = "number"', '[grade]\nkind = "text"'))
    shown = told("columns", path, "--columns", schema)
    assert [column["kind"] for column in shown["columns"]] == ["date", "number", "category", "number"]
    assert (shown["columns"][1]["missing"], shown["doubts"]) == (10, [])
    options = ("--target", "y", "--columns", schema, "--epochs", 40, *ALONE, "-o", tmp_path / "out")
    report = told("train", path, *options)
    assert [column["kind"] for column in report["columns"]] == ["date", "number", "category"]
    whole = told("predict", tmp_path / "out" / "model.safetensors", path)
    for name, write in WRITERS.items():
        alone = told(
            "predict", tmp_path / "out" / "model.safetensors", write(DOUBTFUL[:1], tmp_path / f"a.{name}")
        )
        assert alone["probability_1"] == pytest.approx(whole["probability_1"][:1], rel=1e-5)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[gradee]\nkind = "number"', "--columns: there is no column 'gradee'; did you mean 'grade'?"),
        (
            '[grade]\nkind = "numbr"',
            f"column 'grade': kind: expected one of {', '.join(KINDS)}, got 'numbr'",
        ),
        ('[grade]\nkind = "date"\ndates = "%q"', "t.toml: grade: dates: unknown format '%q'"),
        ('grade = "number"', "t.toml: grade: Expected `object`, got `str`"),
        ("[grade", "t.toml: not a TOML file: "),
        ('[when]\nkind = "number"', "column 'when': expected a number, got '01/01/2026' in row 1"),
    ],
)
def test_a_wrong_schema_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = separated(DOUBTFUL, tmp_path / "t.csv", ",")
    (tmp_path / "t.toml").write_text(text)
    for command in (["columns", path], ["train", path, "--target", "y", "-o", tmp_path / "out"]):
        assert problem in refused(*command, "--columns", tmp_path / "t.toml")


def test_the_classes_of_a_target_can_be_texts(tmp_path: Path) -> None:
    path = separated(DOUBTFUL.assign(y=["1.10", "1.1"] * 30), tmp_path / "t.csv", ",")
    (tmp_path / "t.toml").write_text('[y]\nkind = "text"')
    told(
        "train",
        path,
        "--target",
        "y",
        "--columns",
        tmp_path / "t.toml",
        "--epochs",
        1,
        "-o",
        tmp_path / "out",
    )
    found = told("predict", tmp_path / "out" / "model.safetensors", path)
    assert {"probability_1.10", "probability_1.1"} <= set(found)


def test_a_few_leading_zeros_make_a_column_of_names(tmp_path: Path) -> None:
    cells = [*[str(10067 + 31 * i) for i in range(97)], "02139", "02138", "02139"]
    frame = pd.DataFrame({"zip": cells, "y": ["a", "b"] * 50})
    assert choices(separated(frame, tmp_path / "t.csv", ","))["zip"][0] == "text"


def test_a_word_for_the_moment_is_no_date(tmp_path: Path) -> None:
    frame = pd.DataFrame({"d": [f"2026-01-{i % 28 + 1:02}" for i in range(60)], "y": ["a", "b"] * 30})
    rows, _ = read_rows(separated(frame, tmp_path / "t.csv", ","), Settings(target="y"))
    encoder, counts = fitted_encoder(rows, 40), StrangeCounts()
    encoder.transform(pd.DataFrame({"d": ["now", "today", "2026", "2026-01-02"]}), strange=counts)
    assert [(cells.count, list(cells.values)) for cells in counts] == [(3, ["now", "today", "2026"])]


def test_a_schema_that_is_read_back_changes_nothing(tmp_path: Path) -> None:
    """Not even for levels of which some are in no training row."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"town": [f"town {k}" for k in random.integers(0, 45, 120)], "y": range(120)})
    path = separated(frame, tmp_path / "t.csv", ",")
    told("columns", path, "-o", tmp_path / "t.toml")
    options = ["--target", "y", "--epochs", 3, *ALONE, "-o", tmp_path / "out"]
    reports = [told("train", path, *options, *more) for more in ([], ["--columns", tmp_path / "t.toml"])]
    assert reports[0]["columns"] == reports[1]["columns"]
    assert reports[0]["test"] == reports[1]["test"]


def test_a_mark_in_a_target_of_numbers_is_a_missing_one(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": [str(i) for i in range(50)], "y": ["-", *[f"{i}.5" for i in range(49)]]})
    path = separated(frame, tmp_path / "t.csv", ",")
    report = told("train", path, "--target", "y", "--epochs", 1, "-o", tmp_path / "out")
    assert (report["task"], report["rows"]["without_target"]) == ("regression", 1)
    found = told("evaluate", tmp_path / "out" / "model.safetensors", path)
    assert found["without_target"] == 1


def test_predictions_have_six_digits(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("x,y\n" + "".join(f"{i},{1e7 * i + 0.5}\n" for i in range(40)))
    told("train", path, "--target", "y", "--epochs", 2, "-o", tmp_path / "out")
    found = told("predict", tmp_path / "out" / "model.safetensors", path)["prediction"]
    assert found == [float(f"{value:.6g}") for value in found]


def test_infinite_numbers_are_missing_ones_by_option(tmp_path: Path) -> None:
    cells = [["1.5", "2.5", "inf", "-Infinity", "4"][i % 5] for i in range(60)]
    frame = pd.DataFrame({"x": cells, "z": ["7", "8"] * 30, "y": ["a", "b"] * 30})
    path, model = separated(frame, tmp_path / "t.csv", ","), tmp_path / "out" / "model.safetensors"
    options = ("--target", "y", "--epochs", 2, "-o", model.parent)
    assert "--infinite-as-missing" in refused("train", path, *options)
    shown = told("columns", path, "--infinite-as-missing")
    report = told("train", path, *options, "--infinite-as-missing")
    assert [column["missing"] for column in shown["columns"]][:2] == [24, 0]
    assert report["columns"][0]["kind"] == "number"
    part = frame[:5].assign(z=["7", "inf", "8", "-inf", "7"])  # also where training had none
    found = told("predict", model, separated(part, tmp_path / "part.csv", ","))
    empty = part.replace({"inf": "", "-inf": "", "-Infinity": ""})
    assert found == told("predict", model, separated(empty, tmp_path / "empty.csv", ","))


def test_a_table_without_a_header_is_trained_on_and_predicted(tmp_path: Path) -> None:
    path, model = tmp_path / "t.csv", tmp_path / "out" / "model.safetensors"
    path.write_text("".join(f"{i}.5,{i % 7},{'ab'[i % 2]}\n" for i in range(40)))
    for command in (["columns", path], ["train", path, "--target", "column_3", "-o", model.parent]):
        told(*command, "--no-header")
    assert told("evaluate", model, path, "--no-header")["test"]["rows"] == 40
    assert len(told("predict", model, path, "--no-header")["prediction"]) == 40
