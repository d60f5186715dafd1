"""Models of tables for the tests of what is told of them."""

from __future__ import annotations

from pathlib import Path

from plaingrad.cli.table.network import Encoded, fitted
from plaingrad.cli.table.parts import Parts, divided
from plaingrad.cli.table.rows import read_rows
from plaingrad.cli.table.settings import Settings
from plaingrad.tables import TableModel


def learned(path: Path, target: str, **options: object) -> tuple[TableModel, Parts, Encoded]:
    """A model that has been trained for some epochs, with the parts of its table."""
    settings = Settings(target=target, epochs=15, lr=0.01, **options)  # type: ignore[arg-type]
    rows, wanted = read_rows(path, settings)
    parts = divided(rows, wanted, settings)
    encoded = Encoded.of(parts, settings)
    made = fitted(encoded, wanted, settings)
    return TableModel.of(made.estimator, made.encoder, wanted), parts, encoded
