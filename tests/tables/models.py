"""Models of tables for the tests of what is told of them."""

from __future__ import annotations

from pathlib import Path

from plaingrad.tables import TableModel
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.network import fitted
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts, divided


def learned(path: Path, target: str, **options: object) -> tuple[TableModel, Parts, Encoded]:
    """A model that has been trained for some epochs, with the parts of its table."""
    settings = Settings(target=target, epochs=8, lr=0.01, **options)  # type: ignore[arg-type]
    rows, wanted = read_rows(path, settings)
    parts = divided(rows, wanted, settings)
    encoded = Encoded.of(parts, settings)
    made = fitted(encoded, wanted, settings)
    return TableModel.of(made.estimator, made.encoder, wanted), parts, encoded
