"""Files as spreadsheets and other programs write them: dialects, headers and bytes that are no text."""

from __future__ import annotations

import csv
import gzip
import io
import os
import subprocess
import sys
import threading
import time
import weakref
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad.errors import InputError
from plaingrad.tables import read_frame
from plaingrad.tables.reading import separated
from plaingrad.tables.reading.header import looks_like_data

CELLS = st.text(st.sampled_from('abä,;\t|"\n '), min_size=1, max_size=5).map(lambda text: f"x{text}x")
ENDS = ["\n", "\r\n", "\r"]


@settings(max_examples=draws(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=5),
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(ENDS),
    mark=st.booleans(),
    named=st.booleans(),
    header=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_a_file_reads_alike_in_every_dialect(
    tmp_path: Path,
    rows: list[tuple[str, str]],
    separator: str,
    end: str,
    mark: bool,
    named: bool,
    header: bool,
    encoding: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([("one", "two")] * header + rows)
    start = "\ufeff" if mark and encoding == "utf-8" else ""
    lines = (f"sep={separator}\n" if named else "") + text.getvalue()
    path = tmp_path / "t.csv"
    path.write_bytes((start + lines.replace("\n", end)).encode(encoding))
    frame = read_frame(path, encoding=encoding, header=None if header else False, text=True)
    assert list(frame.columns) == (["one", "two"] if header else ["column_1", "column_2"])
    broken = "\r\n" if end == "\r\n" else "\n"  # within quotation marks, line ends stay as they are
    assert list(frame.itertuples(index=False, name=None)) == [
        tuple(cell.replace("\n", broken) for cell in row) for row in rows
    ]


def test_an_option_wins_over_the_line_that_names_the_separator(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sep=;\na,b;c\n1,2;3\n")
    assert list(read_frame(tmp_path / "t.csv").columns) == ["a,b", "c"]
    assert list(read_frame(tmp_path / "t.csv", separator=",").columns) == ["a", "b;c"]


def test_blanks_around_levels_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x,y\n" + ' a ,1\na,2\n"a ",3\n\ta,4\n' * 3)
    assert list(read_frame(tmp_path / "t.csv")["x"].cat.categories) == ["a"]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("5.1,3.5,1.4,0.2,Iris-setosa", True),
        ("1,0,0", True),
        ("7", True),
        ("1e5,-3,.5", True),
        ("0,1,2,3", False),  # as pandas names columns
        ("2019,2020,2021", False),
        ("country,2019,2020", False),
        ("a,1,1", False),
        ("a,,0.5,c", False),
        ("v1.0,v1.1", False),
    ],
)
def test_a_first_line_of_numbers_is_none_of_names(tmp_path: Path, first: str, expected: bool) -> None:
    assert looks_like_data(first.split(",")) == expected
    (tmp_path / "t.csv").write_text(f"{first}\n" * 3)
    if expected:
        with pytest.raises(ValueError, match=r"the first line looks like data.*; --no-header names the"):
            read_frame(tmp_path / "t.csv")
    frame = read_frame(tmp_path / "t.csv", header=False)
    assert frame.shape == (3, len(first.split(",")))
    assert frame.columns[-1] == f"column_{len(first.split(','))}"


def test_only_text_may_lack_a_header(tmp_path: Path) -> None:
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(ValueError, match="header: expected none for a Parquet file, got False"):
        read_frame(tmp_path / "t.parquet", header=False)


@pytest.mark.parametrize("line", [1, 2, 60_000])
def test_a_nul_byte_is_told_with_its_line(tmp_path: Path, line: int) -> None:
    lines = ["a,some words", *["1,some more words"] * 60_000]
    lines[line - 1] = "1,some\0words"
    (tmp_path / "t.csv").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=rf"t.csv: line {line}: expected text, got a NUL byte$"):
        read_frame(tmp_path / "t.csv")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-16", "utf-16"), ("utf-16-le", "utf-16-le without a"), ("utf-16-be", "utf-16-be without a")],
)
def test_utf_16_is_recognised(tmp_path: Path, suffix: str, encoding: str, name: str) -> None:
    text = '{"a": 1}\n' if suffix == "jsonl" else "a,b\n1,2\n"
    (tmp_path / f"t.{suffix}").write_bytes(text.encode(encoding))
    with pytest.raises(ValueError, match=f"expected text in utf-8, got {name}"):
        read_frame(tmp_path / f"t.{suffix}")
    assert read_frame(tmp_path / f"t.{suffix}", encoding=encoding)["a"].tolist() == [1]


EXITS = """
import contextlib, os, sys
from plaingrad.tables import read_frame
for path in sys.argv[1:] * 5:
    child = os.fork()
    if not child:
        with contextlib.suppress(ValueError):
            read_frame(path)
        break
    if status := os.waitpid(child, 0)[1]:
        sys.exit(f"{path}: {status}")
"""


@pytest.mark.parametrize("fault", [False, True])
def test_nobody_holds_a_stream_that_was_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: bool
) -> None:
    """A thread of Arrow's that lets go of one while the interpreter is taken down would abort the process."""
    held = []

    class Watched(separated._Watched):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            held.append(weakref.ref(self))

    monkeypatch.setattr(separated, "_Watched", Watched)
    monkeypatch.setattr(separated, "BLOCK", 4096)
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "1,2,3\n" * fault + "1,2\n" * 20_000)
    for _ in range(100):
        with pytest.raises(InputError, match="line 2") if fault else nullcontext():
            read_frame(path)
        assert held.pop()() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="exits of processes that have imported before")
def test_a_process_that_has_read_tables_ends_well(tmp_path: Path) -> None:
    rows = "1,2\n" * 100_000
    for name, text in {"whole.csv": f"a,b\n{rows}", "wrong.csv": f"a,b\n1,2,3\n{rows}"}.items():
        (tmp_path / name).write_text(text)
    paths = [str(path) for path in tmp_path.iterdir()]
    done = subprocess.run([sys.executable, "-c", EXITS, *paths], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_is_cut_off_is_let_go_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv.gz"
    numbers = np.random.default_rng(0).normal(size=(50_000, 2))
    text = "a,b\n" + "".join(f"{a},{b}\n" for a, b in numbers)
    path.write_bytes(gzip.compress(text.encode())[:-2000])
    released: list[bool] = []

    class Event(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            released.append(super().wait(10))
            return released[-1]

    monkeypatch.setattr(separated.threading, "Event", Event)
    with pytest.raises(InputError):
        read_frame(path)
    assert released
    assert all(released)


def test_a_stream_has_the_same_rows_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a;b\n" + "".join(f'{i};"x\n{i}"\n' for i in range(5000)))
    monkeypatch.setattr(separated, "STREAMED", 1000)
    batches = list(separated.stream_separated(path, "utf-8", None, None))
    whole = separated.read_separated(path, "utf-8", None, None, None)
    assert len(batches) > 20
    assert pa.Table.from_batches(batches).equals(whole)
    assert separated.names_of_separated(path, "utf-8", None, None) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n" + "1,2\n" * 2000 + "1\n", "line 2002: expected 2 fields as the header, got 1"),
        ("a,b\n" + "1,2\n" * 2000 + '1,"2\n', "line 2002: unexpected end of data"),
        ("a,b\n" + "1,2\n" * 2000 + "1,\0\n", "line 2002: expected text, got a NUL byte"),
    ],
)
def test_a_stream_names_the_line_that_is_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    (tmp_path / "t.csv").write_text(text)
    monkeypatch.setattr(separated, "STREAMED", 1000)
    begun = time.monotonic()
    with pytest.raises(InputError, match=message):
        list(separated.stream_separated(tmp_path / "t.csv", "utf-8", None, None))
    assert time.monotonic() - begun < 10  # nobody waits for a thread that holds the stream


def test_a_stream_that_is_left_early_is_let_go_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "t.csv").write_text("a,b\n" + "1,2\n" * 200_000)
    monkeypatch.setattr(separated, "STREAMED", 1000)
    begun = time.monotonic()
    stream = separated.stream_separated(tmp_path / "t.csv", "utf-8", None, None)
    next(stream)
    stream.close()
    assert time.monotonic() - begun < 10


def test_a_stream_of_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n")
    assert list(separated.stream_separated(tmp_path / "t.csv", "utf-8", None, None)) == []
