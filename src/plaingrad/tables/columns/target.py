"""The column to be predicted: what it asks for, its classes or its scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import msgspec
import narwhals as nw
import numpy as np
import pandas as pd

from plaingrad.errors import InputError, error_fields
from plaingrad.saving.schema import Count, Number, Positive, Strict, decode
from plaingrad.tables.columns.classes import Label, labels_of
from plaingrad.tables.columns.column import Column, Form, text_of
from plaingrad.tables.columns.deciding import simple_schema
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat
from plaingrad.tables.columns.numeric import Standard
from plaingrad.tables.columns.order import declared_order, in_order
from plaingrad.tables.columns.schema import ColumnSchema, as_texts
from plaingrad.tables.errors import MisfitError

Task = Literal["classification", "ordinal", "regression"]

MOST_INTEGER_CLASSES = 20
ROWS_PER_INTEGER_CLASS = 5
SMALLEST, LARGEST = 1e-100, 1e100
NEARLY_0 = 1e-12  # of the largest value: what rounding may leave of 0
LOW_QUANTILE = 0.05  # of the positive values, below which the logarithm of a few would lie far from the rest
MOST_LOG = 300.0


class Target(Strict, frozen=True, omit_defaults=True):
    """The column to be predicted.

    Attributes:
        name: the column's name.
        task: "classification", "ordinal" for classes from a lowest to a highest, or "regression".
        reason: why it was taken for that, in words.
        labels: the classes in order, as the column has them: texts, truth values or numbers; empty for
            regression.
        mean: of the values, for regression; of the transformed ones, if they are.
        deviation: likewise.
        missing: in how many rows it is missing; they are of no use.
        format: how text writes the values, for regression.
        marks: marks such as "-" that stand for missing numbers.
        log_scale: where the logarithm goes over into the values themselves, which are then learned as
            ``asinh(value / log_scale)``; None if they are learned as they are.
    """

    name: str
    task: Task
    reason: str
    labels: list[Label]
    mean: Number
    deviation: Positive
    missing: Count
    format: NumberFormat = DEFAULT_FORMAT
    marks: tuple[str, ...] = ()
    log_scale: Positive | None = None

    def __post_init__(self) -> None:
        kinds = {type(label) for label in self.labels}
        if (self.task != "regression") != (len(self.labels) > 1):
            raise InputError(f"expected a task with its classes, got {self.task!r} with {len(self.labels)}")
        if self.log_scale is not None and self.task != "regression":
            raise InputError(f"log_scale: expected none for {self.task}, got {self.log_scale}")
        if not kinds <= {bool} and not kinds <= {str} and not kinds <= {int, float}:
            raise InputError("labels: expected all strings, all truth values or all numbers, got several")
        if not all(isinstance(label, str) or abs(label) < np.inf for label in self.labels):
            raise InputError("labels: expected finite numbers, got others")
        if len({text_of(label) for label in self.labels}) < len(self.labels):
            raise InputError("labels: expected distinct ones, got some twice")

    @classmethod
    def of(
        cls,
        values: Any,
        name: str | None = None,
        task: Task | None = None,
        schema: ColumnSchema | None = None,
        order: Sequence[str] | None = None,
    ) -> Target:
        """Look at a column.

        Args:
            values: pandas or polars series, or an array ``(n,)``.
            name: what to call it; by default the series' name.
            task: "classification", "ordinal" or "regression"; by default texts, truth values and few distinct
                integers are classes, ordinal if there is an order of them, and any other numbers a quantity.
            schema: the meaning of the column; by default it is found.
            order: the classes from the lowest to the highest, for "ordinal"; by default that of an ordered
                category of the data frame, of numbers, or of usual words such as low, medium and high.

        Raises:
            InputError: it cannot be predicted; one line that says why, and in which row.
        """
        if task not in (None, *get_args(Task)):
            raise InputError(f"task: expected 'classification', 'ordinal' or 'regression', got {task!r}")
        if order is not None and task not in (None, "ordinal"):
            raise InputError(f"expected the task ordinal with it, got {task}", argument="order")
        name = name or _name(values)
        order = order or declared_order(_series(values))
        cells = _cells(values, name)
        if schema is None or schema.kind == "identifier":  # which a target is not
            schema = simple_schema(cells)
        if schema.kind not in ("number", "boolean", "text"):
            raise InputError(f"expected the target {name!r} to be classes or numbers, got {schema.kind}s")
        with error_fields(column=name):
            column, misfits = schema.read(cells)
        if misfits.any():  # a few texts among numbers
            schema, column = ColumnSchema("text"), as_texts(cells)
        missing = column.missing()
        if missing.all():
            raise InputError(f"the target {name!r} has no value")
        if task == "regression" and schema.kind != "number":
            first = int((~missing).argmax())
            got = column.shown(first) if schema.kind == "text" else bool(column.values[first])
            raise InputError(f"regression needs a numeric target, got {got!r} in {name!r}")
        present = column.values[~missing]
        if task:
            decided, reason = task, "as asked for"
        elif order is not None:
            decided, reason = "ordinal", f"the classes of {name!r} have an order"
        else:
            decided, reason = _decided(column, present, name)
        if decided != "regression":
            # Numbers that are not as programs write them are names of classes, as they stand.
            column = column if schema.numbers == DEFAULT_FORMAT else as_texts(cells)
            labels, lost = labels_of(column, name), int(column.missing().sum())
            if decided == "ordinal":
                labels = in_order(labels, order, name)
            return cls(name, decided, reason, labels, 0.0, 1.0, lost, marks=schema.missing)
        standard = _measured(present, name)
        lost = int(missing.sum())
        scale = standard.mean, standard.deviation
        return cls(name, decided, reason, [], *scale, lost, schema.numbers, schema.missing)

    @property
    def schema(self) -> ColumnSchema:
        """The meaning of the column."""
        if not self.labels:
            return ColumnSchema("number", numbers=self.format, missing=self.marks)
        kinds: dict[type, Form] = {bool: "boolean", str: "text"}
        return ColumnSchema(kinds.get(type(self.labels[0]), "number"), missing=self.marks)

    @property
    def class_names(self) -> list[str]:
        """The classes as text."""
        return [str(label) for label in self.labels]

    def present(self, values: Any) -> np.ndarray:
        """Booleans ``(n,)``, true where the target is not missing."""
        with error_fields(column=self.name):
            column, misfits = self.schema.read(_cells(values, self.name))
        return ~column.missing() | misfits

    def encode(self, values: Any) -> np.ndarray:
        """The target as a network learns it.

        Args:
            values: pandas or polars series or array ``(n,)``, nowhere missing.

        Returns:
            The classes' indices in ``labels``, int64 ``(n,)``; or standardised values, float64 ``(n, 1)``.

        Raises:
            InputError: a value is missing, no number, or a class that is not known; one line that names the
                row.
        """
        with error_fields(column=self.name):
            column = self.schema.read_all(_cells(values, self.name))
            if column.missing().any():
                row = int(column.missing().argmax())
                raise InputError(f"the target {self.name!r} is missing", row=row)
            if self.labels:
                return self._codes(column)
        return self.standardised(column.values)[:, None]

    def standardised(self, values: np.ndarray) -> np.ndarray:
        """Values in the target's own units as a network learns them, float64; `undo` is the way back."""
        if self.log_scale is not None:
            values = np.arcsinh(values / self.log_scale)
        return Standard(self.mean, self.deviation).apply(values)

    def on_own_scale(self, values: np.ndarray) -> Target:
        """This target, to be learned as it is; arguments as for `on_log_scale`."""
        standard = Standard.of(values)
        own = {"mean": standard.mean, "deviation": standard.deviation, "log_scale": None}
        return msgspec.structs.replace(self, **own)

    def on_log_scale(self, values: np.ndarray) -> Target:
        """This target, to be learned on a logarithmic scale.

        Args:
            values: in the target's own units, ``(n,)``.

        Raises:
            InputError: a value is negative.
        """
        if values.min() < -NEARLY_0 * values.max():
            got = f"got {values.min():.6g} in {self.name!r}"
            raise InputError(f"expected a target of at least 0 with log, {got}", argument="target_transform")
        scale = float(np.quantile(values[values > NEARLY_0 * values.max()], LOW_QUANTILE))
        standard = Standard.of(np.arcsinh(values / scale))
        moved = {"mean": standard.mean, "deviation": standard.deviation, "log_scale": scale}
        return msgspec.structs.replace(self, **moved)

    def _codes(self, column: Column) -> np.ndarray:
        by_text = {text_of(label): code for code, label in enumerate(self.labels)}
        texts = as_texts(column)
        codes_of_levels = np.array([by_text.get(level, -1) for level in texts.levels.to_pylist()], np.int64)
        codes = codes_of_levels[texts.values] if len(codes_of_levels) else np.empty(0, np.int64)
        if (codes < 0).any():
            row = int((codes < 0).argmax())
            raise MisfitError(
                row, f"one of the classes {', '.join(map(repr, self.labels[:20]))}", texts.shown(row)
            )
        return codes

    def learned(self, codes: np.ndarray) -> np.ndarray:
        """Encoded values as an estimator is fitted to them.

        Returns:
            For more than two ordered classes, whether each value lies above each class but the last, int64
            ``(n, classes - 1)``; otherwise the values themselves.
        """
        if self.task != "ordinal" or len(self.labels) == 2:
            return codes
        return (codes[:, None] > np.arange(len(self.labels) - 1)).astype(np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Indices in ``labels`` ``(n,)`` as the labels themselves."""
        return np.array(self.labels)[codes]

    def undo(self, values: np.ndarray) -> np.ndarray:
        """Standardised values in the target's own units, float64."""
        values = values.astype(np.float64) * self.deviation + self.mean
        if self.log_scale is None:
            return values
        return self.log_scale * np.sinh(np.clip(values, -MOST_LOG, MOST_LOG))

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON holds them; the format is left out where numbers are as programs write them."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        return fields

    @classmethod
    def from_dict(cls, data: Any) -> Target:
        """The target that `to_dict` made this data of.

        Raises:
            InputError: a field is missing, unknown or of the wrong type.
        """
        return decode(cls, data, "target")


def _name(values: Any) -> str:
    name = getattr(values, "name", None)
    return "target" if name is None else str(name)


def _series(values: Any) -> pd.Series:
    if isinstance(values, np.ndarray | list):
        values = pd.Series(values)
    try:
        return nw.from_native(values, series_only=True).to_pandas()
    except TypeError:
        raise InputError(f"expected a pandas or polars series, got {type(values).__name__}") from None


def _cells(values: Any, name: str) -> Column:
    with error_fields(column=name):
        return Column.of(_series(values))


def _decided(column: Column, present: np.ndarray, name: str) -> tuple[Task, str]:
    if column.form == "boolean":
        return "classification", f"{name!r} is true or false"
    distinct = len(np.unique(present))
    if column.form == "text":
        return "classification", f"{name!r} has {distinct} distinct texts"
    if (present % 1 == 0).all():
        if distinct <= max(2, min(MOST_INTEGER_CLASSES, len(present) // ROWS_PER_INTEGER_CLASS)):
            return "classification", f"{name!r} has only {distinct} distinct integers"
        return "regression", f"{name!r} has {distinct} distinct integers"
    return "regression", f"{name!r} has fractional numbers"


def _measured(present: np.ndarray, name: str) -> Standard:
    if present.min() == present.max():
        raise InputError(f"expected the target {name!r} to vary, got {present[0]} in every row")
    largest = np.abs(present).max()
    if not SMALLEST <= largest <= LARGEST:
        raise InputError(
            f"expected the target {name!r} in other units: its largest absolute value {largest:.3g} "
            f"is not between {SMALLEST:g} and {LARGEST:g}, so that squares can be computed"
        )
    return Standard.of(present)
