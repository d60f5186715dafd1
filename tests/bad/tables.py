"""Table files that cannot be used: what they are called, how they are made, and what must be said of them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet


@dataclass(frozen=True)
class BadTable:
    """A file, by its name, the function that writes it, and words of the message."""

    file: str
    write: Callable[[Path], object]
    words: str


FRAME = pd.DataFrame({"a": np.arange(500.0), "b": ["x", "y"] * 250, "y": [0, 1] * 250})


def rows(*others: str, n: int = 20) -> str:
    """A table that can be used, followed by these lines."""
    return "\n".join(["a,b,y", *(f"{i},{i * i % 7},{'no' if i % 2 else 'yes'}" for i in range(n)), *others])


def content(data: str | bytes) -> Callable[[Path], object]:
    """Write this."""
    return lambda path: path.write_bytes(data if isinstance(data, bytes) else data.encode())


def zipped(**members: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)

    return write


def zstandard(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)


def parquet(frame: pd.DataFrame = FRAME) -> bytes:
    return bytes(frame.to_parquet())


def table(names: list[str], count: int = 3) -> pa.Table:
    return pa.table([pa.array(range(count))] * len(names), names=names)


def parquet_of(names: list[str]) -> Callable[[Path], object]:
    return lambda path: pyarrow.parquet.write_table(table(names), path)


def arrow(data: pa.Table, stream: bool = False) -> bytes:
    sink = io.BytesIO()
    with (pa.ipc.new_stream if stream else pa.ipc.new_file)(sink, data.schema) as writer:
        writer.write_table(data)
    return sink.getvalue()


def npz(**arrays: object) -> Callable[[Path], object]:
    return lambda path: np.savez(path, **arrays)  # type: ignore[arg-type]


def npz_bytes() -> bytes:
    sink = io.BytesIO()
    np.savez(sink, a=np.arange(1000))
    return sink.getvalue()


def single_array(path: Path) -> None:
    with path.open("wb") as file:
        np.save(file, np.arange(5))


def altered(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]


def absurd_array(path: Path) -> None:
    """An array that says it had as many values as no machine can hold."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**17,)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.npy", header.getvalue())


LONG = rows(n=20_000).encode()
OBJECTS = np.array([{"a": 1}, None], dtype=object)

TABLES: dict[str, BadTable] = {
    "no suffix": BadTable("table", content(rows()), "expected a suffix of .csv .tsv"),
    "a spreadsheet": BadTable("t.xlsx", content(rows()), "expected a suffix of .csv .tsv"),
    "a pickle": BadTable("t.pkl", content(rows()), "got '.pkl'"),
    "compressed, nobody knows what": BadTable("t.gz", content(gzip.compress(LONG)), "got none"),
    "an unknown compression": BadTable("t.csv.rar", content(rows()), "got '.rar'"),
    "an empty file": BadTable("t.csv", content(""), "the file is empty"),
    "blank lines only": BadTable("t.csv", content("\n\n\n"), "the file is empty"),
    "commas only": BadTable("t.csv", content(",,,\n,,,\n"), "the file is empty"),
    "a byte order mark only": BadTable("t.csv", content(b"\xef\xbb\xbf"), "the file is empty"),
    "only a header": BadTable("t.csv", content("a,b,y\n"), "the file has a header but no rows"),
    "only a header, unended": BadTable("t.csv", content("a,b,y"), "the file has a header but no rows"),
    "a header and blank lines": BadTable(
        "t.csv", content("a,b,y\n\n\n"), "the file has a header but no rows"
    ),
    "a picture": BadTable("t.csv", content(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "got a binary file"),
    "a Parquet file called CSV": BadTable("t.csv", content(parquet()), "got a binary file"),
    "UTF-16": BadTable("t.csv", content(rows().encode("utf-16")), "expected text in utf-8, got utf-16"),
    "UTF-16 without a mark": BadTable(
        "t.csv", content(rows().encode("utf-16-le")), "got utf-16-le without a byte"
    ),
    "another encoding": BadTable(
        "t.csv",
        content(rows("1,2,für").encode("latin-1")),
        "line 22: expected text in utf-8, got the byte 0xfc",
    ),
    "another encoding of the header": BadTable(
        "t.csv",
        content("a,größe\n1,2\n".encode("latin-1")),
        "line 1: expected text in utf-8, got the byte 0xf6",
    ),
    "an open quote": BadTable("t.csv", content(rows('1,2,"yes')), "line 22: unexpected end of data"),
    "an open quote, more lines": BadTable(
        "t.csv", content(rows('1,2,"yes', "3,4,no", "5,6,no\n")), "line 22: unexpected end of data"
    ),
    "an open quote in the middle": BadTable(
        "t.csv", content(rows('1,"2,yes')), "line 22: unexpected end of data"
    ),
    "an open quote in the header": BadTable(
        "t.csv", content('a,"b,y\n1,2,3\n'), "line 1: unexpected end of data"
    ),
    "a long row": BadTable(
        "t.csv", content(rows("1,2,yes,3")), "line 22: expected 3 fields as the header, got 4"
    ),
    "a short row": BadTable("t.csv", content(rows("1,2")), "line 22: expected 3 fields as the header, got 2"),
    "a short row far down": BadTable("t.csv", content(LONG + b"\n1,2\n"), "line 20002: expected 3 fields"),
    "every row longer": BadTable("t.csv", content("a,y\n" + "1,2,3\n" * 20), "line 2: expected 2 fields"),
    "a row after lines within quotes": BadTable(
        "t.csv", content('a,"b\nb",y\n1,2,"ye\ns"\n1,2\n'), "line 5: expected 3 fields as the header, got 2"
    ),
    "a name twice": BadTable("t.csv", content("a,a,y\n1,2,3\n"), "got 'a' more than once"),
    "a name twice but for blanks": BadTable("t.csv", content("a, a ,y\n1,2,3\n"), "got 'a' more than once"),
    "commas in a file for tabs": BadTable(
        "t.tsv", content(rows()), r"the header has no '\t', but ',': is that the separator?"
    ),
    "old Macintosh lines, one of them short": BadTable(
        "t.csv", content("a,y\r1,2\r3\r"), "line 3: expected 2 fields as the header, got 1"
    ),
    "rows without a header": BadTable(
        "t.csv", content("5.1,3.5\n4.9,3.0\n"), "the first line looks like data, not like names"
    ),
    "a NUL byte": BadTable("t.csv", content(rows("1,2,y\0s")), "line 22: expected text, got a NUL byte"),
    "not gzip": BadTable("t.csv.gz", content(rows()), "or a damaged one: Not a gzipped file"),
    "truncated gzip": BadTable(
        "t.csv.gz", content(gzip.compress(LONG)[:-2000]), "or a damaged one: Compressed file"
    ),
    "altered gzip": BadTable(
        "t.csv.gz", content(altered(gzip.compress(LONG), -6)), "damaged one: CRC check failed"
    ),
    "gzip of nothing": BadTable("t.csv.gz", content(gzip.compress(b"")), "the file is empty"),
    "not bzip2": BadTable("t.csv.bz2", content(rows()), "not a CSV file, or a damaged one"),
    "truncated bzip2": BadTable(
        "t.csv.bz2", content(bz2.compress(LONG)[:-500]), "or a damaged one: Compressed file"
    ),
    "not xz": BadTable("t.csv.xz", content(rows()), "not a CSV file, or a damaged one"),
    "truncated xz": BadTable(
        "t.csv.xz", content(lzma.compress(LONG)[:-500]), "or a damaged one: Compressed file"
    ),
    "not Zstandard": BadTable("t.csv.zst", content(rows()), "not a CSV file, or a damaged one"),
    "truncated Zstandard": BadTable(
        "t.csv.zst", content(zstandard(LONG)[:-500]), "not a CSV file, or a damaged one"
    ),
    "not zip": BadTable("t.csv.zip", content(rows()), "or a damaged one: File is not a zip file"),
    "not zip, nobody knows of what": BadTable(
        "t.zip", content(rows()), "not a zip archive, or a damaged one"
    ),
    "an empty zip archive": BadTable("t.csv.zip", zipped(), "expected one file in the archive, got 0"),
    "two files in a zip archive": BadTable(
        "t.csv.zip", zipped(a=rows(), b=rows()), "expected one file in the archive, got 2"
    ),
    "an unknown file in a zip archive": BadTable("t.zip", zipped(notes=rows()), "expected a suffix of .csv"),
    "an empty Parquet file": BadTable("t.parquet", content(""), "the file is empty"),
    "no Parquet file": BadTable("t.parquet", content(LONG), "not a Parquet file, or a damaged one"),
    "a truncated Parquet file": BadTable(
        "t.parquet", content(parquet()[:-40]), "not a Parquet file, or a damaged one"
    ),
    "an altered Parquet file": BadTable("t.parquet", content(altered(parquet(), -6)), "not a Parquet file"),
    "a Parquet file without rows": BadTable(
        "t.parquet", content(parquet(FRAME.head(0))), "the file has no rows"
    ),
    "a Parquet file without columns": BadTable("t.parquet", parquet_of([]), "the file has no"),
    "a name twice in a Parquet file": BadTable("t.parquet", parquet_of(["a", "a"]), "got 'a' more than once"),
    "no name in a Parquet file": BadTable("t.parquet", parquet_of(["a", ""]), "column 2 has no name"),
    "no Arrow file": BadTable("t.arrow", content(LONG), "not an Arrow file, or a damaged one"),
    "a truncated Arrow file": BadTable(
        "t.arrow", content(arrow(table(["a"], 1000))[:-300]), "not an Arrow file, or a damaged one"
    ),
    "a truncated Arrow stream": BadTable(
        "t.arrow",
        content(arrow(table(["a"], 1000), stream=True)[:-300]),
        "not an Arrow file, or a damaged one",
    ),
    "a Feather file without rows": BadTable(
        "t.feather", content(arrow(table(["a"]).slice(0, 0))), "the file has no rows"
    ),
    "an empty file for JSON lines": BadTable("t.jsonl", content(""), "the file is empty"),
    "blank lines for JSON lines": BadTable("t.jsonl", content("\n\n"), "the file is empty"),
    "no JSON": BadTable("t.jsonl", content('{"a": 1}\na,b\n'), "line 2: expected a JSON object, got 'a,b'"),
    "half an object": BadTable(
        "t.jsonl", content('{"a": 1}\n{"a": '), """line 2: expected a JSON object, got '{"a":'"""
    ),
    "a list of objects": BadTable("t.jsonl", content('[{"a": 1}]'), "line 1: expected a JSON object"),
    "a number for an object": BadTable(
        "t.jsonl", content('{"a": 1}\n\n7\n'), "line 3: expected a JSON object, got '7'"
    ),
    "an object in an object": BadTable(
        "t.jsonl",
        content('{"a": 1}\n{"a": {"b": 2}}\n'),
        "line 2: expected a number, text, truth value or a list of such in 'a', got an object",
    ),
    "a nested list": BadTable("t.jsonl", content('{"a": [[1]]}\n'), "in 'a', got a nested list"),
    "deep nesting": BadTable("t.jsonl", content('{"a":' * 100_000), "line 1: expected a JSON object"),
    "objects without keys": BadTable("t.jsonl", content("{}\n{}\n"), "no object has a key"),
    "an empty key": BadTable("t.jsonl", content('{"": 1}\n'), "column 1 has no name"),
    "another encoding of JSON": BadTable(
        "t.jsonl",
        content('{"a": "für"}'.encode("latin-1")),
        "line 1: expected text in utf-8, got the byte 0xfc",
    ),
    "no archive of arrays": BadTable("t.npz", content(LONG), "not an .npz archive"),
    "a truncated archive of arrays": BadTable("t.npz", content(npz_bytes()[:-200]), "not an .npz archive"),
    "an archive without arrays": BadTable("t.npz", npz(), "the file has no rows"),
    "arrays without rows": BadTable("t.npz", npz(a=np.empty(0), b=np.empty(0)), "the file has no rows"),
    "a single array": BadTable("t.npz", single_array, "not an .npz archive"),
    "pickled objects": BadTable(
        "t.npz", npz(a=OBJECTS), "array 'a': expected numbers, text or dates (Object arrays cannot be loaded"
    ),
    "arrays of different lengths": BadTable(
        "t.npz", npz(a=np.arange(3), b=np.arange(4)), "expected arrays of one length, got 'a' 3, 'b' 4"
    ),
    "an array of three dimensions": BadTable(
        "t.npz",
        npz(X=np.zeros((2, 2, 2))),
        "array 'X': expected shape (rows,) or (rows, columns), got (2, 2, 2)",
    ),
    "a matrix of another name": BadTable(
        "t.npz", npz(a=np.zeros((2, 2))), "array 'a': expected shape (rows,), got"
    ),
    "a matrix's column twice": BadTable(
        "t.npz", npz(X=np.zeros((2, 2)), x1=np.zeros(2)), "got 'x1' more than once"
    ),
    "an array of absurd size": BadTable("t.npz", absurd_array, "not an .npz archive, or a damaged one"),
    "no array in an archive": BadTable("t.npz", zipped(a="text"), "'a': expected an array, got other bytes"),
}
