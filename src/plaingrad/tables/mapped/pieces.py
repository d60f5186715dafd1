"""A table in one or several files, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from plaingrad.errors import InputError
from plaingrad.tables.errors import expect_names, listed, naming
from plaingrad.tables.mapped.sources import PIECEWISE, Source, files_of
from plaingrad.tables.reading.columnar import is_arrow_file, of_data, seekable
from plaingrad.tables.reading.options import ReadOptions
from plaingrad.tables.reading.reading import FORMATS, TEXTS, format_of
from plaingrad.tables.reading.separated import names_of_separated, stream_separated

ROWS, FEWEST_ROWS = 65_536, 1024  # of a piece
CELLS = 1 << 21  # of a piece, in a table of many columns
BUFFER = 1 << 18  # bytes of each column of a Parquet file that are read at once


@dataclass(frozen=True)
class Piece:
    """Some rows of a file, one after the other.

    Attributes:
        table: their cells as they stand.
        file: the file.
        first: the number of the first of them in the file, from 0.
        start: the same in the whole table.
    """

    table: pa.Table
    file: Path
    first: int
    start: int

    def frame(self) -> pd.DataFrame:
        """The rows as `read_frame` gives them with ``text=True``; their index counts from 0."""
        return as_frame(self.table)

    @contextmanager
    def located(self, index: pd.Index | None = None) -> Iterator[None]:
        """Give errors about a row of these, or of those with this index alone, the file and the row there."""
        try:
            yield
        except InputError as error:
            error.file = error.file or self.file
            if error.row is not None:
                error.row = self.first + (error.row if index is None else int(index[error.row]))
            raise


def as_frame(table: pa.Table) -> pd.DataFrame:
    """A table as a data frame of Arrow's types."""
    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


@dataclass(frozen=True)
class Pieces:
    """A table that is read piece by piece, as often as it is needed.

    Attributes:
        files: in their order, with the values of the columns that the names of folders tell.
        options: of reading.
    """

    files: list[tuple[Path, dict[str, str | None]]]
    options: ReadOptions = field(default_factory=ReadOptions)

    @classmethod
    def of(cls, source: Source, options: ReadOptions) -> Pieces:
        """Look at the names of the files.

        Raises:
            InputError: there is none, one is not read piece by piece, or some have types for their columns
                and others text.
            OSError: a file that was named is not there.
        """
        pieces = cls(files_of(source), options)
        for path, _ in pieces.files:
            format = pieces.format(path)
            if format not in PIECEWISE:
                expected = f"one of {', '.join(PIECEWISE)}, which are read piece by piece"
                raise InputError(f"expected {expected}, got {FORMATS.get(format, format)}", file=path)
            first = pieces.files[0][0]
            if (format in TEXTS) != (pieces.format(first) in TEXTS):
                same = f"{FORMATS[pieces.format(first)]}, as {first} is"
                raise InputError(f"expected {same}, got {FORMATS[format]}", file=path)
        return pieces

    def format(self, path: Path) -> str:
        """The format of a file."""
        with naming(path, "a table"):
            return self.options.format or format_of(path)

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns of all files, in the order of the first, with types that hold those of each.

        Raises:
            InputError: a file lacks a column, or has it of a type that does not go with the others.
            OSError: a file cannot be read.
        """
        first: pa.Schema | None = None
        for path, values in self.files:
            with naming(path, FORMATS[self.format(path)]):
                schema = self._schema(path, values)
                if first is None:
                    first = schema
                    continue
                lacking = [name for name in first.names if name not in schema.names]
                more = [name for name in schema.names if name not in first.names]
                if lacking or more:
                    problem = f"without {listed(lacking, 5)}" if lacking else f"with {listed(more, 5)}"
                    raise InputError(f"expected the columns of {self.files[0][0]}, got a file {problem}")
                try:
                    first = unified(first, schema)
                except pa.ArrowException:
                    self._refuse_type(first, schema)
        assert first is not None
        return first

    def _refuse_type(self, first: pa.Schema, schema: pa.Schema) -> None:
        for name in first.names:
            mine, other = first.field(name).type, schema.field(name).type
            try:
                unified(pa.schema([(name, mine)]), pa.schema([(name, other)]))
            except pa.ArrowException:
                problem = f"expected {mine} as in {self.files[0][0]}, got {other}"
                raise InputError(problem, column=name) from None

    @property
    def names(self) -> list[str]:
        """The names of the columns."""
        return list(self.schema.names)

    @cached_property
    def rows(self) -> int | None:
        """The number of rows, if all files say it without being read."""
        counts = [self._count(path) for path, _ in self.files]
        return None if None in counts else sum(count for count in counts if count is not None)

    def __iter__(self) -> Iterator[Piece]:
        """All rows, in the order of the files.

        Raises:
            InputError: a file is damaged; one line that names it.
            OSError: a file cannot be read.
        """
        schema, start = self.schema, 0
        rows = max(FEWEST_ROWS, min(ROWS, CELLS // len(schema.names)))
        for path, values in self.files:
            first = 0
            batches = self._batches(path, rows)
            while True:
                with naming(path, FORMATS[self.format(path)]):
                    batch = next(batches, None)
                    if batch is None:
                        break
                    table = _with(pa.Table.from_batches([batch]), values).select(schema.names)
                    table = table if table.schema.equals(schema) else table.cast(schema)
                for offset in range(0, len(table), rows):
                    part = table.slice(offset, rows)
                    yield Piece(part, path, first, start)
                    first, start = first + len(part), start + len(part)
                batch = table = part = None
                pa.default_memory_pool().release_unused()  # which keeps what many pieces took before

    def _schema(self, path: Path, values: Mapping[str, str | None]) -> pa.Schema:
        options, format = self.options, self.format(path)
        if format == "parquet":
            with _parquet(path) as file:
                schema = file.schema_arrow
        elif format == "arrow":
            with seekable(path) as source:
                schema = _arrow(source).schema
        else:
            names = names_of_separated(path, options.encoding, self._separator(format), options.header)
            schema = pa.schema([(name, pa.string()) for name in names])
        expect_names([*schema.names, *values])
        own = (schema.field(name) for name in of_data(schema.names))
        return pa.schema([*own, *(pa.field(name, pa.string()) for name in values)])

    def _count(self, path: Path) -> int | None:
        if self.format(path) != "parquet":
            return None
        with naming(path, FORMATS["parquet"]), _parquet(path) as file:
            return int(file.metadata.num_rows)

    def _separator(self, format: str) -> str | None:
        return self.options.separator or ("\t" if format == "tsv" else None)

    def _batches(self, path: Path, rows: int) -> Iterator[pa.RecordBatch]:
        options, format = self.options, self.format(path)
        if format == "parquet":
            with _parquet(path) as file:
                # Threads would each keep memory of their own.
                yield from file.iter_batches(rows, use_threads=False)
        elif format == "arrow":
            with seekable(path) as source:
                reader = _arrow(source)
                if isinstance(reader, pa.ipc.RecordBatchFileReader):
                    yield from map(reader.get_batch, range(reader.num_record_batches))
                else:
                    yield from reader
        else:
            separator = self._separator(format)
            yield from stream_separated(path, options.encoding, separator, options.header)


def whole_table(source: Source, options: ReadOptions) -> pd.DataFrame:
    """All rows at once, as `read_frame` gives them with ``text=True``.

    Raises:
        InputError: something in a file cannot be used, or there are no rows.
        OSError: a file cannot be read.
    """
    pieces = Pieces.of(source, options)
    tables = [piece.table for piece in pieces]
    if not tables:
        raise InputError("the files have no rows")
    return as_frame(pa.concat_tables(tables).combine_chunks())


def unified(first: pa.Schema, other: pa.Schema) -> pa.Schema:
    """The schema whose types hold those of both; codes become what they stand for where the other has none.

    Raises:
        pa.ArrowException: there is none.
    """
    try:
        return pa.unify_schemas([first, other], promote_options="permissive")
    except pa.ArrowException:
        decoded = [
            pa.schema(
                field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field
                for field in schema
            )
            for schema in (first, other)
        ]
        return pa.unify_schemas(decoded, promote_options="permissive")


def _parquet(path: Path) -> pyarrow.parquet.ParquetFile:
    """A file whose rows are decoded as they are asked for.

    A scanner of `pyarrow.dataset` decodes groups of rows as a whole, several at once, and they may have a
    million rows each.
    """
    return pyarrow.parquet.ParquetFile(seekable(path), pre_buffer=False, buffer_size=BUFFER)


def _arrow(source: pa.NativeFile) -> pa.ipc.RecordBatchFileReader | pa.ipc.RecordBatchStreamReader:
    return pa.ipc.open_file(source) if is_arrow_file(source) else pa.ipc.open_stream(source)


def _with(table: pa.Table, values: Mapping[str, str | None]) -> pa.Table:
    for name, text in values.items():
        column = pa.nulls(len(table), pa.string()) if text is None else pa.array([text] * len(table))
        table = table.append_column(name, column)
    return table
