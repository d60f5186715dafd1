"""A column of any data frame, brought to one of four forms."""

from __future__ import annotations

import datetime
import decimal
import numbers
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.errors import MisfitError

Form = Literal["number", "boolean", "date", "text"]

EXACT = 2**53  # up to which a float64 holds every integer; larger ones stay text
NUMBERS = (numbers.Real, decimal.Decimal, datetime.timedelta)
DATES = (datetime.date, np.datetime64)
SCALARS = (str, bool, np.bool_, *NUMBERS, *DATES, datetime.time, pd.Interval)


@dataclass(frozen=True)
class Column:
    """A column's values.

    Attributes:
        form: "number", "boolean", "date" or "text".
        values: float64 with nan where a number or a truth value (0 or 1) is missing; datetime64[us] in UTC
            with NaT; or for text, the places of the values among the levels, -1 for a missing one.
        levels: the distinct texts, without blanks around them; empty for the other forms.
        declared: whether the data frame says itself that these are categories.
    """

    form: Form
    values: np.ndarray
    levels: pa.Array
    declared: bool = False

    @classmethod
    def of(cls, series: pd.Series) -> Column:
        """Bring a pandas series to its form.

        Raises:
            MisfitError: a value is neither a number, a truth value, a date nor a text.
        """
        try:
            return cls._of(series)
        except UnicodeEncodeError:
            row = next(row for row, value in enumerate(series) if _is_broken(value))
            raise MisfitError(row, "Unicode text", series.iloc[row]) from None

    @classmethod
    def _of(cls, series: pd.Series) -> Column:
        if pd.api.types.is_integer_dtype(series.dtype) and _exceeds(series.dropna()):
            return _texts(series.astype("string"))
        if isinstance(series.dtype, pd.ArrowDtype):
            array = pa.array(series)
            if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
                return _arrow_texts(array)
            series = pa.chunked_array(array).to_pandas()
        kind = series.dtype
        if isinstance(kind, pd.CategoricalDtype):
            return _categories(series)
        if isinstance(kind, pd.PeriodDtype):
            series = series.dt.to_timestamp()
            kind = series.dtype
        if pd.api.types.is_bool_dtype(kind):
            return cls("boolean", series.to_numpy(np.float64, na_value=np.nan), NONE)
        if pd.api.types.is_complex_dtype(kind):
            raise MisfitError(0, "a real number", series.iloc[0].item() if len(series) else kind)
        if pd.api.types.is_numeric_dtype(kind):
            return cls("number", series.to_numpy(np.float64, na_value=np.nan), NONE)
        if pd.api.types.is_datetime64_any_dtype(kind):
            return cls("date", _utc(series), NONE)
        if pd.api.types.is_timedelta64_dtype(kind):
            return cls("number", series.dt.total_seconds().to_numpy(np.float64), NONE)
        if pd.api.types.is_string_dtype(kind) and not pd.api.types.is_object_dtype(kind):
            return _texts(series)
        return _objects(series.astype(object))

    def used(self) -> Column:
        """The same with those levels alone that a row has."""
        if self.form != "text":
            return self
        present = self.values >= 0
        codes, positions = np.unique(self.values[present], return_inverse=True)
        values = np.full(len(self.values), -1)
        values[present] = positions
        return Column("text", values, self.levels.take(pa.array(codes)), self.declared)

    def missing(self) -> np.ndarray:
        """Booleans ``(rows,)``, true where a value is missing."""
        if self.form == "text":
            return self.values < 0
        return np.isnat(self.values) if self.form == "date" else np.isnan(self.values)

    def shown(self, row: int) -> Any:
        """The value in a row, as text or a number."""
        value = self.values[row]
        return self.levels[value].as_py() if self.form == "text" else value.item()


def _exceeds(integers: pd.Series) -> bool:
    """True if one of these is too large for a float64 to hold it."""
    return len(integers) > 0 and max(-int(integers.min()), int(integers.max())) > EXACT


NONE = pa.array([], pa.large_string())


def _is_broken(value: object) -> bool:
    """True for a text with half of a pair of surrogates, which stands for no character."""
    return isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value)


def _utc(series: pd.Series) -> np.ndarray:
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return series.to_numpy().astype("datetime64[us]")


def _arrow_texts(array: pa.Array | pa.ChunkedArray) -> Column:
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    encoded = pc.dictionary_encode(array)
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return _trimmed(codes, encoded.dictionary.cast(pa.large_string()))


def _texts(series: pd.Series) -> Column:
    codes, levels = pd.factorize(series)
    return _trimmed(codes, pa.array(levels, pa.large_string(), from_pandas=True))


def _categories(series: pd.Series) -> Column:
    levels = [text_of(level) for level in series.cat.categories]
    trimmed = _trimmed(series.cat.codes.to_numpy(), pa.array(levels, pa.large_string()))
    return Column("text", trimmed.values, trimmed.levels, declared=True)


def _trimmed(codes: np.ndarray, levels: pa.Array) -> Column:
    """Texts without blanks around them; empty ones are missing."""
    trimmed = pc.utf8_trim_whitespace(levels)
    trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, trimmed.type), trimmed)
    if len(trimmed) == 0:
        return Column("text", codes.astype(np.int64), trimmed)
    merged = pc.dictionary_encode(trimmed)
    codes_of_levels = np.append(merged.indices.fill_null(-1).to_numpy(zero_copy_only=False), -1)
    return Column("text", codes_of_levels[codes], merged.dictionary)


def _objects(series: pd.Series) -> Column:
    values = series.to_numpy(dtype=object)
    present = ~series.isna().to_numpy()
    kinds = {type(value) for value in values[present]}
    if not kinds:
        return Column("number", np.full(len(values), np.nan), NONE)
    if all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return Column(
            "boolean", np.array([_number(v) if p else np.nan for v, p in zip(values, present)]), NONE
        )
    if all(issubclass(kind, NUMBERS) and kind is not bool for kind in kinds):
        return Column(
            "number", np.array([_number(v) if p else np.nan for v, p in zip(values, present)]), NONE
        )
    if all(issubclass(kind, DATES) for kind in kinds):
        return Column("date", np.array([_moment(v) if p else NEVER for v, p in zip(values, present)]), NONE)
    for row in np.flatnonzero(present):
        if not isinstance(values[row], SCALARS):
            raise MisfitError(int(row), "a number, a truth value, a date or text", values[row])
    texts = [text_of(v) if p else None for v, p in zip(values, present)]
    encoded = pc.dictionary_encode(pa.array(texts, pa.large_string()))
    return _trimmed(encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False), encoded.dictionary)


NEVER = np.datetime64("NaT", "us")


def _moment(value: object) -> np.datetime64:
    moment = pd.Timestamp(value)  # type: ignore[arg-type]
    if moment.tz is not None:
        moment = moment.tz_convert("UTC").tz_localize(None)
    return moment.to_datetime64().astype("datetime64[us]")


def _number(value: Any) -> float:
    """A number as a float, a duration in seconds."""
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def text_of(value: object) -> str:
    """A value as text, the same whether it comes alone, among others of its kind or among texts."""
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, NUMBERS):
        number = _number(value)
        return str(int(number)) if np.isfinite(number) and number == int(number) else str(number)
    if isinstance(value, DATES):
        return pd.Timestamp(_moment(value)).isoformat()
    return str(value)
