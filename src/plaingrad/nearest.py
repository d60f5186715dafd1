"""The name that is meant, where one is misspelt."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """A question for the end of a message, such as ``; did you mean 'ReLU'?``; empty if no name is near."""
    by_key = {_key(other): other for other in names}
    near = get_close_matches(_key(name), by_key, n=1)
    return f"; did you mean {by_key[near[0]]!r}?" if near else ""


def _key(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
