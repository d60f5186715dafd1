"""Assignments in backward that should add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.calls import Call
from plaingrad.inspect.gradients.naming.repair import Repair

WORDS = "this assigns where it should add: of the gradients that meet in an element only the last one is kept"


def added(name: str) -> Iterator[Repair]:
    """The assignment as an addition."""
    run = {"setitem": _set, "copy_": _copied, "index_put_": _put, "index_copy_": _copied_at}.get(name)
    run = _scattered if name in ("scatter", "scatter_") else run
    if run is not None:
        yield Repair(0.8, "duplicates-lost", WORDS, run)


def _set(call: Call) -> Any:
    x, index, value = call.args
    if not isinstance(value, Tensor):
        raise ValueError("no gradient")
    return call.function(x, index, x[index] + value)


def _copied(call: Call) -> Any:
    return call.args[0].add_(call.args[1])


def _put(call: Call) -> Any:
    x, index, value = call.args[:3]
    return x.index_put_(index, value, accumulate=True)


def _copied_at(call: Call) -> Any:
    x, axis, index, value = call.args[:4]
    return x.index_add_(axis, index, value)


def _scattered(call: Call) -> Any:
    name = "scatter_add_" if call.name == "scatter_" else "scatter_add"
    return getattr(torch.Tensor, name)(*call.args[:4])
