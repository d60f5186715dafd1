"""The meaning of columns as a TOML file, to be looked at and corrected."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import msgspec

from plaingrad.console.toml import toml_table
from plaingrad.errors import InputError, error_fields
from plaingrad.files import replacing
from plaingrad.saving.schema import decode
from plaingrad.tables.columns.schema import ColumnSchema, Kind

KINDS = get_args(Kind)


def save_schema(path: Path, schema: Mapping[str, ColumnSchema]) -> None:
    """Write a table for each column, with the fields of its `ColumnSchema`.

    Raises:
        OSError: the file cannot be written.
    """
    tables = [toml_table(name, msgspec.to_builtins(each)) for name, each in schema.items()]
    with replacing(path, parents=True) as temporary:
        temporary.write_text("\n\n".join(tables) + "\n", encoding="utf-8")


def load_schema(path: Path) -> dict[str, ColumnSchema]:
    """Read such a file, which need not have all columns of a table.

    Raises:
        InputError: it is no such file; one line that names column and field.
        OSError: it cannot be read.
    """
    with error_fields(file=path):
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(f"not a TOML file: {error}") from None
        for name, fields in document.items():
            kind = fields.get("kind") if isinstance(fields, dict) else None
            if isinstance(kind, str) and kind not in KINDS:
                with error_fields(column=name):
                    raise InputError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r:.60}")
        return {name: decode(ColumnSchema, fields, name) for name, fields in document.items()}
