"""Table files of every usual format, as a data frame."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path, PurePath

import pandas as pd
import pyarrow as pa

from plaingrad.errors import InputError
from plaingrad.tables.errors import FormatError, naming
from plaingrad.tables.reading.arrays import read_arrays
from plaingrad.tables.reading.columnar import read_arrow, read_parquet
from plaingrad.tables.reading.compression import COMPRESSIONS, member
from plaingrad.tables.reading.encoding import UTF_8, canonical
from plaingrad.tables.reading.inference import typed
from plaingrad.tables.reading.jsonlines import read_json_lines
from plaingrad.tables.reading.separated import read_separated

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".feather": "arrow",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".npz": "npz",
}
FORMATS = {
    "csv": "a CSV file",
    "tsv": "a TSV file",
    "parquet": "a Parquet file",
    "arrow": "an Arrow file",
    "jsonl": "a file of JSON lines",
    "npz": "an .npz archive",
}
TEXTS = ("csv", "tsv", "jsonl")


def read_frame(
    path: str | Path,
    *,
    format: str | None = None,
    separator: str | None = None,
    encoding: str = UTF_8,
    header: bool | None = None,
    columns: Sequence[str] | None = None,
    empty: bool = False,
    text: bool = False,
) -> pd.DataFrame:
    """Read a table.

    Text is read as what all its rows say: truth values, numbers, ISO 8601 dates, or text, which is
    categorical where its values repeat. Blanks around text do not count, empty text is missing, and so are
    words such as NA among numbers. Numbers with leading zeros stay text, and so do such as 1,234 or 5%, which
    `TableEncoder` and `Target` read.

    What a text means should not be found anew in each table: a column of levels such as TRUE, FALSE and
    unknown would be truth values in a table without an unknown one. So a fitted `TableEncoder` or
    `TableModel` is given text as it stands (``text=True``), of which it knows the meaning.

    Args:
        path: the file; its suffix tells the format (``.csv .tsv .parquet .arrow .feather .jsonl .ndjson
            .npz``) and how it is compressed (``.gz .bz2 .xz .zst .zip`` after it).
        format: "csv", "tsv", "parquet", "arrow", "jsonl" or "npz", whatever the suffix.
        separator: what stands between two fields of a text file; by default a tab for TSV, and for CSV
            the one that a first line such as ``sep=;`` names, or whichever of ``, ; | tab`` the first line
            has most of. Decimal commas are understood where it is
            not a comma.
        encoding: in which a file of CSV, TSV or JSON lines was written; any that Python knows, such as
            "cp1252".
        header: whether the first line of CSV or TSV names the columns; otherwise they are ``column_1``,
            ``column_2``, ... By default it does, and is refused where it looks like data.
        columns: the columns to read, in this order; by default all.
        empty: whether there may be no rows, as in a file of text with a header alone.
        text: whether text stays as it stands in the file. All columns are then of Arrow's types.

    Raises:
        InputError: something in the file cannot be used; one line that says what and where.
        OSError: the file cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.open("rb").close()
    with naming(path, "a zip archive"):
        format = format or format_of(path)
    if format not in FORMATS:
        raise InputError(f"expected one of {', '.join(FORMATS)}, got {format!r}", argument="format")
    if separator is not None and len(separator) != 1:
        raise InputError(f"expected one character, got {separator!r}", argument="separator")
    if canonical(encoding) is None:
        problem = f"expected one that Python knows, such as cp1252, got {encoding!r}"
        raise InputError(problem, argument="encoding")
    names = None if columns is None else list(columns)
    with naming(path, FORMATS[format]):
        if not path.stat().st_size:
            raise InputError("the file is empty")
        if format not in TEXTS and canonical(encoding) != UTF_8:
            raise InputError(f"expected none for {FORMATS[format]}, got {encoding!r}", argument="encoding")
        if format not in ("csv", "tsv") and header is not None:
            raise InputError(f"expected none for {FORMATS[format]}, got {header}", argument="header")
        if format in ("csv", "tsv"):
            separator = separator or ("\t" if format == "tsv" else None)
            table = read_separated(path, encoding, separator, header, names, empty)
        elif format == "jsonl":
            table = read_json_lines(path, encoding, names)
        elif format == "npz":
            return read_arrays(path, names, empty)
        else:
            table = _READERS[format](path, names)
        if not len(table) and not empty:
            raise InputError("the file has no rows")
        return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True) if text else _frame(table)


_READERS = {"parquet": read_parquet, "arrow": read_arrow}


def format_of(path: Path) -> str:
    """The format that the suffix of a file tells.

    Raises:
        FormatError: it tells none.
    """
    name = PurePath(path.name)
    if name.suffix.lower() in COMPRESSIONS:
        inner = PurePath(name.stem)
        if not inner.suffix and name.suffix.lower() == ".zip":
            inner = PurePath(member(path))
        name = inner
    if name.suffix.lower() not in SUFFIXES:
        got = f"got {name.suffix!r}" if name.suffix else "got none"
        raise FormatError(
            f"expected a suffix of {' '.join(SUFFIXES)}, "
            f"perhaps with one of {' '.join(COMPRESSIONS)} after it, {got}"
        )
    return SUFFIXES[name.suffix.lower()]


def _frame(table: pa.Table) -> pd.DataFrame:
    """As pandas, text as what it says; no more than a column is held in both forms."""
    columns = {}
    for field in table.schema:
        is_text = pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        columns[field.name] = typed(table.column(field.name)) if is_text else table.column(field.name)
        table = table.drop_columns([field.name])
    pa.default_memory_pool().release_unused()
    table = pa.table(columns)
    del columns
    frame = table.to_pandas(
        split_blocks=True,
        self_destruct=True,
        types_mapper={pa.bool_(): pd.BooleanDtype()}.get,
        ignore_metadata=True,
    )
    del table
    pa.default_memory_pool().release_unused()
    return frame
