"""Indices in backward that pick entries of all rows, where each row has its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call
from plaingrad.inspect.gradients.naming.repair import Repair


def row_by_row(calls: Sequence[Call]) -> Iterator[tuple[list[int], Repair]]:
    """``d[:, index]`` as ``d[arange(n), index]``, read and written in one line as by ``-=``."""
    lines: dict[tuple[str, int], list[int]] = {}
    for number, call in enumerate(calls):
        if call.name in ("getitem", "setitem") and _of_all_rows(call.args[1]):
            lines.setdefault((call.site.file, call.site.line), []).append(number)
    words = "this picks entries of all rows, where each row has its own; index the rows by arange"
    for group in lines.values():
        yield group, Repair(1.1, "wrong-axis", words, _of_own_row)


def _of_all_rows(index: Any) -> bool:
    if type(index) is not tuple or [type(part) for part in index] != [slice, Tensor]:
        return False
    return bool(index[0] == slice(None)) and not index[1].is_floating_point()


def _of_own_row(call: Call) -> Any:
    x, (_, columns), *value = call.args
    return call.function(x, (torch.arange(len(columns), device=x.device), columns), *value)
