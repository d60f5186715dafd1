"""The scale on which a number was learned, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def scale_rows(decision: Mapping[str, Any] | None) -> list[list[str]]:
    """The scale of the target, if another than its own was learned or tried.

    Args:
        decision: as in ``report.json``; None for classes.
    """
    if decision is None:
        return []
    is_log, tried = decision["transform"] == "log", decision["validation"]
    scale = f"logarithmic above {decision['scale']:.4g}" if is_log else "its own"
    if tried:
        errors = f"logarithmic {tried['log']:.4g}, its own {tried['none']:.4g}"
        return [["target's scale", f"{scale}; {decision['measure']} on the validation rows: {errors}"]]
    return [["target's scale", scale]] if is_log else []
