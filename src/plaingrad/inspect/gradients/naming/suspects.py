"""The calls of a wrong backward at which its numbers cease to be right."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.inspect.gradients.naming.calls import Call


def near_mistakes(calls: Sequence[Call], dys: Sequence[Tensor], right: Sequence[Tensor]) -> set[int]:
    """The numbers of the calls that first have wrong numbers, and of those that made their operands.

    A call is right if a right gradient comes from its result. Any other may be wrong, and the likeliest to be
    so are those whose operands are right.

    Args:
        calls: the calls in order.
        dys: the upstream gradients.
        right: the right gradients of what forward computes.
    """
    makers: dict[int, int] = {}
    parents: list[list[int]] = []
    upstream, known = {_mark(dy) for dy in dys}, {_mark(x) for x in right if bool(x.any())}
    gradients, open_ends = set[int](), list[int]()
    for number, call in enumerate(calls):
        own = list(tensors(list(call.args)))
        parents.append([makers[id(x)] for x in own if id(x) in makers])
        results = list(tensors([call.result]))
        makers.update((id(x), number) for x in results)
        if results and (gradients.intersection(parents[-1]) or any(_mark(x) in upstream for x in own)):
            gradients.add(number)
            open_ends += [number for x in results if _mark(x) in known]
    sound: set[int] = set()
    while open_ends:
        number = open_ends.pop()
        if number not in sound:
            sound.add(number)
            open_ends += parents[number]
    first = [k for k in gradients - sound if sound.issuperset(gradients.intersection(parents[k]))]
    return {*first, *(parent for k in first for parent in parents[k])}


def _mark(x: Tensor) -> tuple[torch.Size, str]:
    """A number that tells a tensor from others, but for rounding."""
    values = x.detach().reshape(-1).double()
    weights = torch.arange(1.0, 1 + len(values), dtype=values.dtype, device=values.device)
    return x.shape, f"{float(values @ weights.sqrt()):.8g}"
