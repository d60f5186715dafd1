"""The meaning of all columns of a table, decided from all its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import msgspec
import pandas as pd
import pyarrow as pa

from plaingrad.errors import error_fields
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.doubts import doubts
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.reading.inference import typed

INFINITE = ("inf", "-inf")


@dataclass
class Meaning:
    """A table as its cells mean it.

    Attributes:
        frame: numbers, truth values and dates in pandas' own types, and text as it is, categorical where it
            repeats.
        schema: the meaning of each column.
        strange: the few texts among numbers, which are missing in the frame.
        doubts: sentences about what might be meant otherwise.
    """

    frame: pd.DataFrame
    schema: dict[str, ColumnSchema] = field(default_factory=dict)
    strange: StrangeCounts = field(default_factory=StrangeCounts)
    doubts: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        overrides: Mapping[str, ColumnSchema] = MappingProxyType({}),
        infinite_as_missing: bool = False,
    ) -> Meaning:
        """Decide from all rows.

        Args:
            frame: as `read_frame` gives it with ``text=True``; emptied on the way, lest all columns be in
                memory twice.
            overrides: the meaning of columns of which it is not to be decided.
            infinite_as_missing: whether an infinite number is a missing one, here and in later tables.

        Raises:
            InputError: no cell of a column is what `overrides` says.
        """
        meaning = cls(frame, strange=StrangeCounts(len(frame)))
        index, columns = frame.index, {}
        for name in list(frame.columns):
            with error_fields(column=str(name)):
                override = overrides.get(str(name))
                columns[name] = meaning._column(frame.pop(name), str(name), override, infinite_as_missing)
            pa.default_memory_pool().release_unused()
        meaning.frame = pd.DataFrame(columns, index=index, copy=False)
        return meaning

    def _column(
        self, cells: pd.Series, name: str, override: ColumnSchema | None, infinite_as_missing: bool
    ) -> pd.Series:
        """Note the meaning of a column, and return its values."""
        values = _inferred(cells)
        is_text = isinstance(values.dtype, pd.CategoricalDtype) or pd.api.types.is_string_dtype(values.dtype)
        column = Column.of(cells if is_text or override else values)
        schema = override or schema_of(column, name)
        if infinite_as_missing and schema.kind == "number":
            missing = tuple(dict.fromkeys((*schema.missing, *INFINITE)))
            schema = msgspec.structs.replace(schema, missing=missing)
        self.schema[name] = schema
        read, misfits = schema.read(column)
        if misfits.any() and read.missing().all():
            schema.read_all(column)  # which names the first
        self.strange.note_misfits(name, schema, column, misfits)
        if override is None:
            self.doubts += doubts(name, schema, column, read)
        if schema.form == "text":
            return values if is_text else cells
        return values if column.form == schema.form else pd.Series(read.values)


def _inferred(cells: pd.Series) -> pd.Series:
    """A column in pandas' own types, text as the numbers, truth values and dates that it is throughout."""
    if not isinstance(cells.dtype, pd.ArrowDtype):
        return cells
    array = pa.chunked_array(pa.array(cells))
    is_text = pa.types.is_string(array.type) or pa.types.is_large_string(array.type)
    values: pd.Series = (typed(array) if is_text else array).to_pandas(
        types_mapper={pa.bool_(): pd.BooleanDtype()}.get
    )
    return values
