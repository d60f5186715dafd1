"""Tables of any columns as matrices of numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, get_args

import msgspec
import narwhals as nw
import numpy as np
import pandas as pd
from msgspec import Struct
from narwhals.exceptions import NarwhalsError
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from plaingrad.errors import InputError
from plaingrad.saving.schema import Count, Strict, decode
from plaingrad.strict_json import strict_json
from plaingrad.tables.columns.choosing import ENCODERS, ColumnEncoder, DroppedColumn, chosen
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.numberformat import EITHER
from plaingrad.tables.columns.schema import ColumnSchema, Kind
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.errors import MisfitError, NoColumnError, expect_names, listed

FORMAT = 2
CHUNK = 1 << 16
ROWS_PER_INTERVAL, MOST_INTERVALS = 20, 1024  # of all columns together
NAME = "table encoder"


class Choice(Struct, frozen=True):
    """The encoding of a column.

    Attributes:
        name: the column's name.
        kind: what it was found to be: number, boolean, category, date, text, identifier or empty.
        done: what is done with it, in words.
        features: how many features it becomes.
        missing: in how many rows its value is missing.
    """

    name: str
    kind: str
    done: str
    features: Count
    missing: Count


class TableEncoder(TransformerMixin, BaseEstimator):
    """Turns data frames into float32 matrices, by scikit-learn's conventions.

    What a column is, is found once, from the values that are fitted, and later ones are read by that. Text
    that is no number in a column of numbers, and the like, counts as missing, which a warning tells.

    - numbers and durations are standardised, the median stands for missing ones, told by one more feature;
      so are numbers in text, also with signs and marks, if all are written so: 1,234.50, $1,234 or 12,5 %;
    - truth values become 1 and -1;
    - categories become one feature for each frequent level, one for all rare ones, one for missing ones;
    - dates (also as text, if day and month can be told apart) become standardised seconds, and sine and
      cosine of their place in the year, the week and the day;
    - text of more than ``max_levels`` distinct values becomes tf-idf weights of groups of letters, condensed;
    - constant and empty columns, and such as only number the rows, are left out.

    Args:
        max_levels: how many levels of a category get a feature each, at most.
        embedding: categories become integers for :class:`plaingrad.nn.Embedding` instead, one feature a
            column, 0 for rare, unknown and missing levels; see ``cardinalities_``.
        bins: how many intervals of a number get a feature each besides, at most; fewer in a table of few rows
            or of very many columns. 0 for none.

    Attributes:
        schema_: the meaning of each column, a `ColumnSchema` by name.
        feature_names_in_: the columns' names.
        n_features_in_: how many columns there are.
        cardinalities_: for each feature that is an integer for an embedding, its place among the features and
            the number of its values.
    """

    def __init__(self, *, max_levels: int = 40, embedding: bool = False, bins: int = 0) -> None:
        self.max_levels = max_levels
        self.embedding = embedding
        self.bins = bins

    def fit(
        self, frame: Any, y: object = None, *, schema: Mapping[str, ColumnSchema] = MappingProxyType({})
    ) -> TableEncoder:
        """Find what the columns are, and measure them.

        Args:
            frame: pandas or polars data frame, or a matrix.
            y: ignored.
            schema: the meaning of columns for which more rows than these have decided.

        Raises:
            InputError: a column cannot be used, or none can; one line that names column and row.
        """
        if not isinstance(self.max_levels, int) or self.max_levels < 1:
            raise InputError(f"max_levels: expected an integer of at least 1, got {self.max_levels!r}")
        if not isinstance(self.bins, int) or self.bins < 0:
            raise InputError(f"bins: expected an integer of at least 0, got {self.bins!r}")
        columns = _Columns(frame)
        if not columns.rows:
            raise InputError("the table has no rows")
        intervals = min(columns.rows // ROWS_PER_INTERVAL, MOST_INTERVALS)
        bins = min(self.bins, intervals // len(columns.names))
        encoders: dict[str, ColumnEncoder | DroppedColumn] = {}
        schemas, missing = {}, {}
        for name in columns.names:
            with _in_column(name):
                cells = columns.column(name)
                schemas[name] = schema.get(name) or schema_of(cells, name)
                column, _ = schemas[name].read(cells)
                encoders[name] = chosen(column.used(), schemas[name], self.max_levels, self.embedding, bins)
            missing[name] = int(column.missing().sum())
        self._set(schemas, encoders, missing)
        return self

    def _set(
        self,
        schema: dict[str, ColumnSchema],
        encoders: dict[str, ColumnEncoder | DroppedColumn],
        missing: dict[str, int],
    ) -> None:
        used = {name: encoder for name, encoder in encoders.items() if not isinstance(encoder, DroppedColumn)}
        if not used:
            reasons = [f"{name!r} ({encoder.description})" for name, encoder in list(encoders.items())[:5]]
            error = NoColumnError(f"no column can be used: {', '.join(reasons)}")
            error.choices = [
                Choice(name, encoder.kind, encoder.description, 0, missing[name])
                for name, encoder in encoders.items()
            ]
            raise error
        self.schema_, self.encoders_, self.missing_, self.used_ = schema, encoders, missing, used
        self.feature_names_in_ = np.array(list(encoders), dtype=object)
        self.n_features_in_ = len(encoders)
        self.names_ = [name + suffix for name, encoder in used.items() for suffix in encoder.suffixes()]
        self.cardinalities_: dict[int, int] = {}
        feature = 0
        for encoder in used.values():
            if hasattr(encoder, "cardinality"):
                self.cardinalities_[feature] = encoder.cardinality
            feature += len(encoder.suffixes())

    def transform(
        self,
        frame: Any,
        progress: Callable[[int], None] | None = None,
        strange: StrangeCounts | None = None,
    ) -> np.ndarray:
        """Encode rows.

        Args:
            frame: pandas or polars data frame with the columns that were fitted, in any order; others are
                ignored.
            progress: called now and then with the number of rows that are done.
            strange: counts the cells that are not what their column held when it was fitted; None: a
                `StrangeCellsWarning` tells of them.

        Returns:
            float32 ``(rows, features)``, finite.

        Raises:
            InputError: a column is missing or of another kind, or a number is infinite; one line that names
                column and row.
        """
        check_is_fitted(self)
        columns = _Columns(frame)
        lacking = [name for name in self.used_ if name not in columns.names]
        if lacking:
            raise InputError(f"expected the columns that were fitted, {listed(lacking)} missing")
        matrix = np.empty((columns.rows, len(self.names_)), np.float32)
        counts = StrangeCounts() if strange is None else strange
        counts.rows += columns.rows
        for start in range(0, columns.rows, CHUNK):
            rows = slice(start, min(start + CHUNK, columns.rows))
            first = 0
            for name, encoder in self.used_.items():
                width = len(encoder.suffixes())
                with _in_column(name, start):
                    cells = columns.column(name, rows)
                    column, misfits = self.schema_[name].read(cells)
                encoder.fill(column, matrix[rows, first : first + width])
                counts.note_misfits(name, self.schema_[name], cells, misfits)
                counts.note_unseen(name, encoder, column)
                first += width
            if progress:
                progress(rows.stop)
        if strange is None:
            counts.warn()
        return matrix

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """The features' names: those of the columns, each with the ending of the feature."""
        check_is_fitted(self)
        return np.array(self.names_, dtype=object)

    def choices(self) -> list[Choice]:
        """The encoding of each column, in order."""
        check_is_fitted(self)
        return [
            Choice(
                name,
                encoder.kind,
                self._description(name),
                0 if isinstance(encoder, DroppedColumn) else len(encoder.suffixes()),
                self.missing_[name],
            )
            for name, encoder in self.encoders_.items()
        ]

    def _description(self, name: str) -> str:
        encoder, written = self.encoders_[name], self.schema_[name].description
        prefix = f"{written}, " if written and not isinstance(encoder, DroppedColumn) else ""
        return prefix + encoder.description

    def with_encoders(
        self, encoders: Mapping[str, Any], missing: Mapping[str, int] | None = None
    ) -> TableEncoder:
        """Read the same columns by the same schema, but encode some of them, and no others, by these.

        Args:
            encoders: by column.
            missing: in how many rows the value of a column is missing; None for as many as before.
        """
        other = TableEncoder(max_levels=self.max_levels, embedding=self.embedding, bins=self.bins)
        other._set(self.schema_, dict(encoders), {**self.missing_, **(missing or {})})
        return other

    def to_bytes(self) -> bytes:
        """The fitted encoder as JSON in UTF-8."""
        check_is_fitted(self)
        kinds = {encoder: kind for kind, encoder in ENCODERS.items()}
        columns = []
        for name, encoder in self.encoders_.items():
            fields = msgspec.to_builtins(encoder)
            if not isinstance(encoder, DroppedColumn):
                fields = {"encoder": kinds[type(encoder)], "state": fields}
            schema = msgspec.to_builtins(self.schema_[name])
            columns.append({"name": name, "missing": self.missing_[name], "schema": schema, **fields})
        state = {
            "format": FORMAT,
            "max_levels": self.max_levels,
            "embedding": self.embedding,
            "bins": self.bins,
            "columns": columns,
        }
        return json.dumps(state, ensure_ascii=True, allow_nan=False).encode("ascii")

    @classmethod
    def from_bytes(cls, data: bytes) -> TableEncoder:
        """The encoder that :meth:`to_bytes` wrote; it gives the same bits.

        Nothing but JSON is read, and no name in it is looked up anywhere but in the table of encoders.

        Raises:
            InputError: these are not such bytes, or of a newer format.
        """
        try:
            content = strict_json(data)
        except ValueError as error:
            raise InputError(f"{NAME}: expected JSON, got some with {error}") from None
        version = decode(_Version, content, NAME).format
        if version not in (1, FORMAT):
            raise InputError(f"{NAME}: expected format {FORMAT}, got {version}")
        state = decode(_State, content, NAME)
        encoder = cls(max_levels=state.max_levels, embedding=state.embedding, bins=state.bins)
        schemas: dict[str, ColumnSchema] = {}
        encoders: dict[str, ColumnEncoder | DroppedColumn] = {}
        missing: dict[str, int] = {}
        for index, item in enumerate(state.columns):
            path = f"{NAME}: column {item.get('name', index)!r:.60}"
            kind: type[_DroppedEntry | _EncodedEntry]
            kind = _DroppedEntry if "left_out" in item else _EncodedEntry
            entry = decode(kind, _with_schema(item) if version == 1 else item, path)
            if entry.name in encoders:
                raise InputError(f"{path} stands twice")
            schemas[entry.name] = entry.schema
            encoders[entry.name], missing[entry.name] = entry.content, entry.missing
        encoder._set(schemas, encoders, missing)
        return encoder


class _Version(Struct):
    format: int


class _State(Strict, frozen=True):
    format: int
    max_levels: Count
    embedding: bool
    columns: list[dict[str, Any]]
    bins: Count = 0


def _kind(encoder: Any) -> str:
    """The kind of the columns that an encoder of this name takes."""
    return encoder if encoder in get_args(Kind) else "text"


def _with_schema(item: dict[str, Any]) -> dict[str, Any]:
    """An entry of format 1, in which encoders held how their column is written, as one of format 2.

    Decimal commas of a whole file were no matter of its columns then: columns of numbers have either mark.
    """
    schema: dict[str, Any] = {"kind": _kind(item.get("encoder"))}
    if schema["kind"] == "number":
        schema["numbers"] = {"decimal": EITHER}
    state = item.get("state")
    if isinstance(state, dict) and "format" in state:
        state = dict(state)
        schema[schema["kind"] + "s"] = state.pop("format")
        item = {**item, "state": state}
    return {**item, "schema": schema}


class _DroppedEntry(Strict, frozen=True):
    name: str
    missing: Count
    schema: ColumnSchema
    kind: str
    left_out: str

    @property
    def content(self) -> DroppedColumn:
        return DroppedColumn(self.kind, self.left_out)


class _EncodedEntry(Strict, frozen=True):
    name: str
    missing: Count
    schema: ColumnSchema
    encoder: str
    state: dict[str, Any]

    @property
    def content(self) -> ColumnEncoder:
        path = f"{NAME}: column {self.name!r:.60}"
        if self.encoder not in ENCODERS:
            raise InputError(f"{path}: unknown encoder {self.encoder!r:.60}")
        expected = _kind(self.encoder)
        if self.schema.kind != expected:
            raise InputError(f"{path}: expected a schema of kind {expected!r}, got {self.schema.kind!r}")
        return decode(ENCODERS[self.encoder], self.state, path)


@contextmanager
def _in_column(name: str, start: int = 0) -> Iterator[None]:
    """Give errors about a value its column and, after the ``start`` rows before, its row."""
    try:
        yield
    except MisfitError as error:
        error.column = name
        error.row += start
        raise


class _Columns:
    """A data frame's columns by name, as pandas series."""

    def __init__(self, frame: Any) -> None:
        if isinstance(frame, np.ndarray):
            if frame.ndim != 2:
                raise InputError(f"expected a matrix (rows, columns), got shape {frame.shape}")
            frame = pd.DataFrame(frame, columns=[f"x{i}" for i in range(frame.shape[1])])
        if isinstance(frame, pd.DataFrame):
            names = [str(name) for name in frame.columns]
            expect_names(names)
            if names != list(frame.columns):
                frame = frame.set_axis(names, axis=1)
        try:
            self.frame = nw.from_native(frame, eager_only=True)
        except (TypeError, NarwhalsError):
            raise InputError(f"expected a pandas or polars data frame, got {type(frame).__name__}") from None
        self.names = self.frame.columns
        expect_names(self.names)
        self.rows = len(self.frame)
        if not self.names:
            raise InputError("the table has no columns")

    def column(self, name: str, rows: slice = slice(None)) -> Column:
        return Column.of(self.frame[name][rows].to_pandas())
