"""The classes that a column to be predicted has."""

from __future__ import annotations

import numpy as np

from plaingrad.errors import InputError
from plaingrad.tables.columns.column import Column

Label = bool | int | float | str


def labels_of(column: Column, name: str) -> list[Label]:
    """The classes in a column, sorted.

    Args:
        column: the cells, of any form but dates.
        name: of the column.

    Raises:
        InputError: there is only one class, or one of a single row.
    """
    values, counts = np.unique(column.values[~column.missing()], return_counts=True)
    labels: list[Label]
    if column.form == "text":
        labels = [column.levels[value].as_py() for value in values]
    elif column.form == "boolean":
        labels = [bool(value) for value in values]
    else:
        whole = (values % 1 == 0).all()
        labels = [int(value) if whole else float(value) for value in values]
    if len(labels) == 1:
        raise InputError(f"expected two classes or more in the target {name!r}, got only {str(labels[0])!r}")
    single = np.flatnonzero(counts == 1)
    if len(single):
        row = int((column.values == values[single[0]]).argmax())
        more = f" and of {len(single) - 1} other classes, the first" if len(single) > 1 else ""
        raise InputError(
            f"expected at least two rows of each class of {name!r}, "
            f"got one of {str(labels[single[0]])!r}{more}",
            row=row,
            hint="--task regression predicts a number" if isinstance(labels[0], int | float) else None,
        )
    return sorted(labels)
