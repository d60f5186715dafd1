"""The same table from every kind of file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad.tables import TableEncoder, read_frame

ROWS = 120
DRAWN = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "real": np.where(np.arange(ROWS) % 7 == 0, np.nan, DRAWN.normal(size=ROWS)),
        "whole": DRAWN.integers(-(10**12), 10**12, ROWS),
        "some whole": pd.array([None if i % 5 == 0 else i for i in range(ROWS)], dtype="Int64"),
        "truth": DRAWN.random(ROWS) > 0.5,
        "perhaps": pd.array([None, True, False] * (ROWS // 3), dtype="boolean"),
        "größe, ☂": [None, "klein", 'sehr "groß"', "mittel\ngroß"] * (ROWS // 4),
        "postal": ["01067", "10115", "20095"] * (ROWS // 3),
        "story": [f"once upon {i} times" for i in range(ROWS)],
        "moment": pd.date_range("2021-02-03 04:05:06", periods=ROWS, freq="7h").as_unit("us"),
        "day": pd.date_range("2021-02-03", periods=ROWS, freq="D").strftime("%d/%m/%Y"),
    }
)


def json_lines(path: Path) -> None:
    FRAME.to_json(path, orient="records", lines=True, date_format="iso", date_unit="us", double_precision=15)


def stream(path: Path) -> None:
    table = pa.Table.from_pandas(FRAME)
    with pa.ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)


def arrays(path: Path) -> None:
    plain = {name: FRAME[name].to_numpy() for name in ("real", "whole", "truth")}
    plain["some whole"] = FRAME["some whole"].to_numpy(np.float64, na_value=np.nan)
    plain["moment"] = FRAME["moment"].to_numpy()
    for name in ("größe, ☂", "postal", "story", "day"):
        plain[name] = FRAME[name].fillna("").to_numpy().astype(str)
    plain["perhaps"] = FRAME["perhaps"].astype(str).replace("<NA>", "").to_numpy().astype(str)
    np.savez(path, **plain)


FILES: dict[str, Callable[[Path], object]] = {
    "t.csv": lambda path: FRAME.to_csv(path, index=False),
    "t.CSV": lambda path: FRAME.to_csv(path, index=False, encoding="utf-8-sig", lineterminator="\r\n"),
    "t.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "semicolons.csv": lambda path: FRAME.to_csv(path, index=False, sep=";", decimal=","),
    "words.csv": lambda path: FRAME.assign(real=FRAME["real"].astype(object).fillna(" NA ")).to_csv(
        path, index=False
    ),
    "t.parquet": lambda path: FRAME.to_parquet(path),
    "t.feather": lambda path: FRAME.to_feather(path),
    "t.arrows": stream,
    "t.jsonl": json_lines,
    "t.npz": arrays,
}

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda data: pa.compress(data, "zstd", asbytes=True),
}


def encoded(frame: pd.DataFrame) -> np.ndarray:
    return TableEncoder().fit(frame[FRAME.columns]).transform(frame)


@pytest.fixture(scope="module")
def expected() -> np.ndarray:
    """The matrix of the table that has never been written."""
    return encoded(FRAME)


@pytest.mark.parametrize("name", FILES)
def test_each_format_gives_the_same_matrix(tmp_path: Path, name: str, expected: np.ndarray) -> None:
    FILES[name](tmp_path / name)
    frame = read_frame(tmp_path / name)
    assert expected.shape[1] > 40
    if name == "t.jsonl":  # of which pandas writes 15 digits
        np.testing.assert_allclose(encoded(frame), expected, atol=1e-6)
    else:
        assert encoded(frame).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "cp1252", "latin1", "utf-16", "utf-16-be", "gb18030"]
)
@pytest.mark.parametrize("name", ["t.csv", "t.tsv.gz", "t.jsonl"])
def test_text_of_any_encoding_reads_as_the_same(tmp_path: Path, name: str, encoding: str) -> None:
    frame = FRAME.rename(columns={"größe, ☂": "größe, §"})
    path = tmp_path / name
    if name == "t.jsonl":
        text = frame.to_json(orient="records", lines=True, date_format="iso", force_ascii=False)
        path.write_text(text, encoding=encoding)
    else:
        frame.to_csv(path, index=False, encoding=encoding, sep="\t" if ".tsv" in name else ",")
    plain = tmp_path / f"plain-{name.removesuffix('.gz')}"
    data = gzip.decompress(path.read_bytes()) if name.endswith(".gz") else path.read_bytes()
    plain.write_text(data.decode(encoding), encoding="utf-8", newline="")
    pd.testing.assert_frame_equal(read_frame(path, encoding=encoding), read_frame(plain))


@settings(max_examples=draws(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(1, 70_000), encoding=st.sampled_from(["ascii", "utf-8", "cp1252", "shift_jis"]))
def test_a_byte_that_is_not_of_the_encoding_is_told_with_its_line(
    tmp_path: Path, line: int, encoding: str
) -> None:
    lines = [b"a,some words", *[b"1,some more words"] * 70_000]
    lines[line] = b"1,some \x81\xff"
    path = tmp_path / "t.csv"
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(
        ValueError, match=rf"line {line + 1}: expected text in {encoding}, got the byte 0x81$"
    ):
        read_frame(path, encoding=encoding)


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.arrows", "t.jsonl", "t.npz"])
def test_a_compressed_file_reads_as_what_was_compressed(tmp_path: Path, name: str, suffix: str) -> None:
    FILES[name](tmp_path / name)
    compressed = tmp_path / f"{name}{suffix}"
    compressed.write_bytes(COMPRESS[suffix]((tmp_path / name).read_bytes()))
    pd.testing.assert_frame_equal(read_frame(compressed), read_frame(tmp_path / name))


@pytest.mark.parametrize("archive", ["t.csv.zip", "t.zip"])
def test_a_zip_archive_of_one_file(tmp_path: Path, archive: str) -> None:
    FILES["t.csv"](tmp_path / "t.csv")
    with zipfile.ZipFile(tmp_path / archive, "w") as file:
        file.write(tmp_path / "t.csv", "folder/t.csv")
        file.writestr("__MACOSX/folder/._t.csv", "")
    pd.testing.assert_frame_equal(read_frame(tmp_path / archive), read_frame(tmp_path / "t.csv"))


def test_some_columns_in_this_order(tmp_path: Path) -> None:
    for name in ("t.csv", "t.parquet", "t.feather", "t.jsonl", "t.npz"):
        FILES[name](tmp_path / name)
        assert list(read_frame(tmp_path / name, columns=["story", "real"]).columns) == ["story", "real"]
        with pytest.raises(ValueError, match=r"no column 'storey'; did you mean 'story'\? columns: 'real', "):
            read_frame(tmp_path / name, columns=["storey"])


def test_the_format_can_be_named(tmp_path: Path) -> None:
    FILES["t.tsv"](tmp_path / "data.txt")
    pd.testing.assert_frame_equal(
        read_frame(tmp_path / "data.txt", format="tsv"),
        read_frame(tmp_path / "data.txt", format="csv", separator="\t"),
    )
    with pytest.raises(ValueError, match=r"format: expected one of csv, tsv, .* got 'xls'"):
        read_frame(tmp_path / "data.txt", format="xls")
    with pytest.raises(ValueError, match="separator: expected one character, got '::'"):
        read_frame(tmp_path / "data.txt", format="csv", separator="::")
    with pytest.raises(
        ValueError, match="encoding: expected one that Python knows, such as cp1252, got 'utf-9'"
    ):
        read_frame(tmp_path / "data.txt", format="csv", encoding="utf-9")
    with pytest.raises(ValueError, match="encoding: expected none for a Parquet file, got 'cp1252'"):
        read_frame(tmp_path / "data.txt", format="parquet", encoding="cp1252")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", " -2 ", "3"], "int64"),
        (["1", "+3"], "float64"),
        (["1", "", "NA", "?", "3"], "float64"),
        (["1e5", ".5", "inf"], "float64"),
        (["9" * 30, "1"], "float64"),
        (["true", "FALSE", "True"], "boolean"),
        (["true", "", "n/a"], "boolean"),
        (["2020-02-28", "2020-02-29"], "datetime64[us]"),
        (["2020-02-28T10:00:00Z", "2020-02-28 10:00:00.5+02:00", "NA"], "datetime64[us]"),
        (["2020-02-30", "2020-02-29"], "str"),
        (["01", "2", "3"], "str"),
        (["0x1F", "1"], "str"),
        (["1", "x", "x", "1"], "category"),
        (["NA", "x", "x", "NA"], "category"),
        (["NA", "NA", "?"], "float64"),
        (['"1,5"', "2"], "str"),
        (["1_000", "2"], "str"),
    ],
)
def test_a_type_is_found_if_all_rows_say_it(tmp_path: Path, values: list[str], kind: str) -> None:
    (tmp_path / "t.csv").write_text("\n".join(["x,other", *(f"{value},7" for value in values)]))
    frame = read_frame(tmp_path / "t.csv")
    assert str(frame["x"].dtype) == kind
    assert len(frame) == len(values)


def test_a_word_in_the_last_of_many_rows_is_seen(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("x\n" + "1\n" * 3_000_000 + "one\n")
    assert read_frame(tmp_path / "t.csv")["x"].dtype == "category"


def test_json_of_many_types_is_read_as_the_plainest_that_holds_all(tmp_path: Path) -> None:
    first = '{"a": 1, "b": 1, "c": true, "d": null}\n' * 60_000
    (tmp_path / "t.jsonl").write_text(first + '{"b": 2.5, "c": "x", "e": 1e400, "a": 1' + "0" * 400 + "}\n\n")
    frame = read_frame(tmp_path / "t.jsonl")
    assert frame.iloc[-1, :2].tolist() == [np.inf, 2.5]
    assert frame["c"].unique().tolist() == ["True", "x"]
    assert frame["d"].isna().all()
    assert frame["e"].notna().sum() == 1


@settings(max_examples=draws(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=40))
def test_numbers_arrive_bit_by_bit(tmp_path: Path, values: list[float]) -> None:
    pd.DataFrame({"x": values}).to_csv(tmp_path / "t.csv", index=False)
    assert read_frame(tmp_path / "t.csv")["x"].to_numpy(np.float64).tolist() == values


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


@settings(max_examples=draws(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    names=st.lists(TEXTS, min_size=2, max_size=4, unique=True),
    values=st.lists(TEXTS, min_size=4, max_size=12),
)
def test_any_text_is_read_back_or_refused(tmp_path: Path, names: list[str], values: list[str]) -> None:
    frame = pd.DataFrame({name: values for name in names})
    frame.to_csv(tmp_path / "t.csv", index=False, quoting=1)
    frame.to_parquet(tmp_path / "t.parquet")
    columns = [name.strip() for name in names]
    if "" in columns or len(set(columns)) < len(columns):
        with pytest.raises(ValueError, match="name"):
            read_frame(tmp_path / "t.csv", separator=",", header=True)
        return
    read = read_frame(tmp_path / "t.csv", separator=",", header=True)
    assert list(read.columns) == columns
    other = read_frame(tmp_path / "t.parquet").set_axis(read.columns, axis=1)
    pd.testing.assert_frame_equal(read, other)
