"""Values as TOML, which Python's standard library reads but does not write."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml_text(value: Any) -> str:
    """A value as TOML has it in a line: a truth value, a number, a text, or a list or table of these."""
    if isinstance(value, (bool, int, float)):
        return str(value).lower()
    if isinstance(value, Mapping):
        return f"{{{', '.join(_assignments(value))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(toml_text, value))}]"
    # TOML's basic strings escape as JSON does, and one character more.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_table(name: str, fields: Mapping[str, Any]) -> str:
    """A table with its name on a line, then a line for each field."""
    return "\n".join([f"[{_key(name)}]", *_assignments(fields)])


def _assignments(fields: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {toml_text(value)}" for key, value in fields.items()]


def _key(name: str) -> str:
    return name if BARE.fullmatch(name) else toml_text(name)
