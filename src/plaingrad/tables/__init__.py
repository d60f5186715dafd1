"""Tables: read from files, encoded for networks, the column that is to be predicted, and the model of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plaingrad.lazy import exports

if TYPE_CHECKING:
    from plaingrad.tables.columns.encoder import Choice, TableEncoder
    from plaingrad.tables.columns.target import Target
    from plaingrad.tables.mapped.dataset import TableDataset, dataset
    from plaingrad.tables.model.model import TableModel
    from plaingrad.tables.reading.reading import read_frame

_HOMES = {
    **dict.fromkeys(["Choice", "TableEncoder"], "plaingrad.tables.columns.encoder"),
    **dict.fromkeys(["TableDataset", "dataset"], "plaingrad.tables.mapped.dataset"),
    "TableModel": "plaingrad.tables.model.model",
    "Target": "plaingrad.tables.columns.target",
    "read_frame": "plaingrad.tables.reading.reading",
}

__all__ = ["Choice", "TableDataset", "TableEncoder", "TableModel", "Target", "dataset", "read_frame"]

__getattr__, __dir__ = exports(__name__, _HOMES)
