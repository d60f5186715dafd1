"""The meaning of all columns of a table, decided from all its rows."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd
import pyarrow as pa

from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.reading.inference import typed


def meant(frame: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, ColumnSchema], StrangeCounts]:
    """A table as its cells mean it.

    Args:
        frame: as `read_frame` gives it with ``text=True``; emptied on the way, lest all columns be in
            memory twice.

    Returns:
        Numbers, truth values and dates in pandas' own types and text as it is, categorical where it repeats;
        the meaning of each column; and the few texts among numbers, which are missing there.
    """
    schemas: dict[str, ColumnSchema] = {}
    columns: dict[Hashable, pd.Series] = {}
    strange = StrangeCounts(len(frame))
    index = frame.index
    for name in list(frame.columns):
        cells = frame.pop(name)
        schemas[name], columns[name] = _column(cells, str(name), strange)
        del cells
        pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, index=index, copy=False), schemas, strange


def _column(cells: pd.Series, name: str, strange: StrangeCounts) -> tuple[ColumnSchema, pd.Series]:
    if not isinstance(cells.dtype, pd.ArrowDtype):
        return ColumnSchema.of(Column.of(cells), name), cells
    array = pa.chunked_array(pa.array(cells))
    inferred = typed(array) if _is_text(array) else array
    values = inferred.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if not (_is_text(inferred) or pa.types.is_dictionary(inferred.type)):
        return ColumnSchema.of(Column.of(values), name), values
    column = Column.of(cells)
    schema = ColumnSchema.of(column, name)
    if schema.kind not in ("text", "identifier"):
        read, misfits = schema.read(column)
        strange.note_misfits(name, schema, column, misfits)
        values = pd.Series(read.values)
    return schema, values


def _is_text(array: pa.ChunkedArray) -> bool:
    return pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
