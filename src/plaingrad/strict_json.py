"""JSON that says one thing only."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from typing import Any

from plaingrad.errors import InputError

MOST_DIGITS = sys.int_info.default_max_str_digits  # of an integer, as Python has it


def strict_json(text: str | bytes) -> Any:
    """Parse unambiguous JSON; bytes are UTF-8.

    Raises:
        InputError: it is no JSON, or has a key twice, a number that is not finite or not short, half of a
            character, or very many levels. The message continues "got something with ".
    """
    try:
        data = json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=_without_repetition,
            parse_int=_short,
            parse_float=_finite,
            parse_constant=_finite,
        )
        json.dumps(data, ensure_ascii=False).encode("utf-8")
        return data
    except UnicodeEncodeError as error:
        raise InputError(f"the character {error.object[error.start]!r}, which is half of one") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the byte 0x{error.object[error.start]:02x}, which is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"no JSON: {error}") from None
    except RecursionError:
        raise InputError("too many levels") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(f"the key {twice!r:.60} twice")
    return entries


def _short(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MOST_DIGITS:
        raise InputError(f"an integer of {digits:,} digits, which is more than {MOST_DIGITS:,}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the number {text:.20}, which is not finite")
    return number
