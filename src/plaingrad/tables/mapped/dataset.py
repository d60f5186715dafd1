"""`dataset`: a table of more rows than memory holds, as a data set."""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
from rich.console import Console

from plaingrad.console.progress import late_progress
from plaingrad.data import Dataset
from plaingrad.data.checks import expect_folder, one_line
from plaingrad.errors import InputError, error_fields
from plaingrad.tables.columns.encoder import TableEncoder
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.schema_file import load_schema
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.columns.target import Target, Task
from plaingrad.tables.errors import expect_column, expect_columns
from plaingrad.tables.mapped import cache as caching
from plaingrad.tables.mapped.fitting import encoder_of, measured, target_of
from plaingrad.tables.mapped.pieces import Piece, Pieces
from plaingrad.tables.mapped.sample import drawn
from plaingrad.tables.mapped.sources import Source
from plaingrad.tables.reading.encoding import UTF_8
from plaingrad.tables.reading.options import ReadOptions

PATHS = (str, os.PathLike)


@dataclass(frozen=True, repr=False)
class TableDataset(Dataset):
    """The rows of a table, encoded.

    Attributes:
        encoder: from columns to inputs.
        target: what is predicted.
    """

    encoder: TableEncoder | None = None
    target: Target | None = None


def dataset(
    source: Source,
    *,
    target: str | None = None,
    cache: str | os.PathLike[str],
    schema: Mapping[str, ColumnSchema] | str | os.PathLike[str] | None = None,
    like: TableDataset | None = None,
    task: Task | None = None,
    order: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    max_levels: int = 40,
    embedding: bool = False,
    bins: int = 0,
    infinite_as_missing: bool = False,
    format: str | None = None,
    separator: str | None = None,
    encoding: str = UTF_8,
    header: bool | None = None,
    progress: bool = True,
) -> TableDataset:
    """A table of any number of rows as a data set, for `plaingrad.fit` and all else that takes one.

    The table is read piece by piece and encoded once, into files in the folder ``cache`` that are then mapped
    into memory: the system reads rows from them as they are needed, and gives their memory back when
    something else needs it. A second call with the same table and arguments maps what is there. Where the
    files of the table have changed, or those that made the encoding of ``like``, it is encoded anew, which a
    line on standard error says; a folder with another table is refused. A table is the same by any path to
    its files, or as a list of them.

    The table is read once to draw a sample (4 million cells, but at least 10,000 and at most 500,000 rows).
    Of a table that has no more, everything is as `TableEncoder` and `Target` have it in memory. Of a larger
    one,

    - the sample decides what the columns mean, which of them are left out, whether text is a category, the
      median that stands for missing numbers, the ends of intervals, and the weights of letters in text;
    - all rows decide, in one more reading, the mean and the standard deviation of numbers, durations, dates,
      places and the target, the classes of the target, the levels of categories and lists with their numbers
      of rows (of more than 200,000 levels those that are very rare are forgotten), and which columns have
      missing values.

    A cell of a later row that is not what the sample has its column for counts as missing, of which a
    `StrangeCellsWarning` tells.

    Args:
        source: a file of CSV, TSV, Parquet or Arrow; a folder of such, with those in it; a pattern such as
            ``"part-*.parquet"``; or a list of any of these. A folder such as ``year=2024`` is a column.
        target: the column to be predicted. Rows without it are left out.
        cache: the folder for the encoded table; it takes 4 bytes for each feature of each row.
        schema: the meaning of some columns, a `ColumnSchema` by name, or a file as `plaingrad columns` writes
            it; of the others it is decided.
        like: another such data set, whose encoder and target are used: the training data of these test data.
            The arguments that decide on them are left out then.
        task: "classification", "ordinal" or "regression"; by default the values decide, as for `Target`.
        order: the classes from the lowest to the highest, for "ordinal".
        ignore: columns to leave out.
        max_levels: as for `TableEncoder`, and so ``embedding`` and ``bins``.
        embedding: whether categories become integers for `plaingrad.nn.ColumnEmbedding`.
        bins: how many intervals of a number get a feature each besides, at most.
        infinite_as_missing: whether an infinite number is a missing one.
        format: of the files, as for `read_frame`, and so ``separator``, ``encoding`` and ``header``.
        separator: what stands between two fields of a text file.
        encoding: in which a text file was written.
        header: whether the first line of a text file names the columns.
        progress: whether to show how far it is, if it takes more than two seconds and the output is a
            terminal.

    Returns:
        Inputs float32 ``(rows, features)``, and targets: the classes' indices, int64 ``(rows,)``, or
        standardised numbers, float32 ``(rows, 1)``. Besides, the ``encoder`` and the ``target``, with which
        later rows are encoded and predictions brought back to the target's own units.

    Raises:
        InputError: something in a file cannot be used; one line that says what and where. Or the cache holds
            another table.
        OSError: a file cannot be read or written.
    """
    _expect_types(source, target, cache)
    pieces = Pieces.of(source, ReadOptions(format, separator, encoding, header))
    meanings = load_schema(Path(schema)) if isinstance(schema, (str, os.PathLike)) else dict(schema or {})
    deciding = {
        "target": target,
        "schema": msgspec.to_builtins(meanings),
        "task": task,
        "order": None if order is None else list(order),
        "ignore": list(ignore),
        "max_levels": max_levels,
        "embedding": embedding,
        "bins": bins,
        "infinite_as_missing": infinite_as_missing,
    }
    if like is not None:
        target = _expect_like(like, deciding)
    if target is None:
        raise InputError("expected the name of a column, got None", argument="target")
    sources = [source] if isinstance(source, (str, os.PathLike)) else source
    names = [str(Path(each).resolve()) for each in sources]  # the same table by whichever path
    options = {"source": names, **deciding, "target": target, **vars(pieces.options), "like": _digest(like)}
    folder = Path(cache)
    with error_fields(argument="cache"):
        expect_folder(folder)
    state, console = caching.read(folder), Console(stderr=True, quiet=not progress)
    if state is not None:
        change = caching.changed(
            state, options, [caching.FileState.of(*each) for each in pieces.files], folder
        )
        if change is None:
            return _dataset(caching.mapped(folder, state))
        text = f"{change}; it is encoded anew"
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    _expect_columns(pieces, target, ignore, meanings)
    strange = StrangeCounts()
    if like is None:
        kept = [name for name in pieces.names if name not in (target, *ignore)]
        blank = TableEncoder(max_levels=max_levels, embedding=embedding, bins=bins)
        encoder, predicted = _fitted(pieces, kept, blank, deciding, meanings, console)
    else:
        assert like.encoder is not None
        assert like.target is not None
        encoder, predicted = like.encoder, like.target
        expect_columns(encoder.used_, pieces.names)
    with late_progress(console, "encoding rows", pieces.rows) as advance:
        state = caching.write(folder, pieces, encoder, predicted, options, strange, _counting(advance))
    strange.warn()
    pa.default_memory_pool().release_unused()
    return _dataset(caching.mapped(folder, state))


def _expect_types(source: Any, target: Any, cache: Any) -> None:
    """Refuse arguments of other types than `dataset` takes."""
    is_list = isinstance(source, Sequence) and not isinstance(source, str)
    sources = list(source) if is_list else [source]
    if not sources or not all(isinstance(each, PATHS) for each in sources):
        problem = f"expected a file, a folder, a pattern or a list of them, got {one_line(source)}"
        raise InputError(problem, argument="source")
    if target is not None and not isinstance(target, str):
        raise InputError(f"expected the name of a column, got {one_line(target)}", argument="target")
    if not isinstance(cache, PATHS):
        raise InputError(f"expected a folder, got {one_line(cache)}", argument="cache")


def _fitted(
    pieces: Pieces,
    columns: Sequence[str],
    blank: TableEncoder,
    deciding: Mapping[str, Any],
    schema: Mapping[str, ColumnSchema],
    console: Console,
) -> tuple[TableEncoder, Target]:
    """The encoder of some columns, and the target."""
    with late_progress(console, "reading rows", pieces.rows) as advance:
        sample = drawn(pieces, deciding["target"], progress=_counting(advance))
    target = target_of(sample, deciding["target"], deciding["task"], schema, deciding["order"])
    encoder, _ = encoder_of(sample, target, columns, blank, schema, deciding["infinite_as_missing"])
    rows, is_whole = sample.rows, sample.is_whole
    del sample
    pa.default_memory_pool().release_unused()
    if is_whole:
        return encoder, target
    with late_progress(console, "measuring columns", rows) as advance:
        return measured(pieces, encoder, target, _counting(advance))


def _counting(advance: Callable[[int], None]) -> Callable[[Piece], None]:
    return lambda piece: advance(len(piece.table))


def _expect_columns(
    pieces: Pieces, target: str, ignore: Sequence[str], schema: Mapping[str, ColumnSchema]
) -> None:
    names = pieces.names
    with error_fields(argument="target", file=pieces.files[0][0]):
        expect_column(target, names)
    with error_fields(argument="ignore"):
        for name in ignore:
            expect_column(name, names)
    with error_fields(argument="schema"):
        expect_columns(schema, names)
    if target in ignore:
        raise InputError(f"expected other columns than the target {target!r}", argument="ignore")
    if len(names) == len({target, *ignore}):
        raise InputError(f"there is no column besides the target {target!r} to predict it from")


def _expect_like(like: TableDataset, deciding: Mapping[str, Any]) -> str:
    """The target's name of another data set, beside which no argument says how to encode."""
    if not isinstance(like, TableDataset) or like.encoder is None or like.target is None:
        raise InputError(f"expected a result of dataset, got {like!r:.60}", argument="like")
    defaults = {name: parameter.default for name, parameter in inspect.signature(dataset).parameters.items()}
    for name, value in deciding.items():
        if (value or None) != (defaults[name] or None):
            raise InputError(f"expected none with like, which decides it, got {value!r:.60}", argument=name)
    return like.target.name


def _digest(like: TableDataset | None) -> str | None:
    """A short text that is another one for another encoder or target."""
    if like is None or like.encoder is None:
        return None
    return hashlib.sha256(like.encoder.to_bytes() + msgspec.json.encode(like.target)).hexdigest()[:16]


def _dataset(encoding: caching.Encoding) -> TableDataset:
    names, classes = encoding.encoder.names_, encoding.target.class_names
    return TableDataset(encoding.inputs, encoding.targets, names, classes, encoding.encoder, encoding.target)
