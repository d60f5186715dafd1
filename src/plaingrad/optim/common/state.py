"""Conversion between an optimizer's groups and segments and its state dict."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim.common.segment import Group, Segment, bind, moved
from plaingrad.parameter import FlatStorage, shape

NOTED = {"initial_lr"}
"""Entries that schedules add to a group."""


def described(group: Group) -> Group:
    """A group's options, with the shapes of its parameters in place of the parameters."""
    options = {name: option for name, option in group.items() if name != "params"}
    return {**options, "shapes": [shape(parameter.value) for parameter in group["params"]]}


def expect_groups(where: str, state: dict[str, Any], count: int) -> None:
    """Refuse an optimizer's state with another number of groups.

    Raises:
        InputError: it is not.
    """
    if state.keys() != {"clip_norm", "param_groups", "state"}:
        expected = "a state with clip_norm, param_groups and state"
        raise InputError(f"{where}: expected {expected}, got {list(state)}")
    groups = state["param_groups"]
    if not len(groups) == len(state["state"]) == count:
        raise InputError(f"{where}: expected a state of {count} parameter groups, got {len(groups)}")


def expect_alike(where: str, group: Group, own: Group) -> None:
    """Refuse a group's state with other options or shapes than the group's own.

    Raises:
        InputError: it does.
    """
    if group.keys() - NOTED != own.keys() - NOTED:
        raise InputError(f"{where}: expected a state with {list(own)}, got {list(group)}")
    if list(map(tuple, group["shapes"])) != own["shapes"]:
        raise InputError(f"{where}: expected parameters of shapes {own['shapes']}, got {group['shapes']}")


def state_of(segments: list[Segment]) -> list[dict[str, Any]]:
    """The state of a group's segments, each with the number of its parameters."""
    return [
        {"parameters": len(segment.parameters), "state": moved(segment.state, segment.value, copy=True)}
        for segment in segments
    ]


def is_fitting(tensor: Tensor, segment: Segment) -> bool:
    """True if a tensor of a segment's state has a shape that `Segment` allows."""
    own, size = shape(tensor), shape(segment.value)
    if segment.shaped and len(own) == len(size):
        return all(n in (1, m) for n, m in zip(own, size))
    return own == size


def restored(where: str, memories: list[dict[str, Any]], storage: FlatStorage, shaped: bool) -> list[Segment]:
    """The segments of a group, restored from the result of `state_of`.

    Raises:
        InputError: the number of parameters or the shape of a tensor differs.
    """
    params, counts = storage.parameters, [memory["parameters"] for memory in memories]
    if sum(counts) != len(params) or min(counts) < 1 or (shaped and max(counts) > 1):
        raise InputError(f"{where}: expected a state of {len(params)} parameters, got {counts}")
    ends = [sum(counts[: i + 1]) for i in range(len(counts))]
    segments = [
        Segment(params[end - count : end], dict(memory["state"]), shaped)
        for memory, count, end in zip(memories, counts, ends)
    ]
    for segment in bind(storage, segments):
        for key, entry in segment.state.items():
            for tensor in entry if isinstance(entry, list) else [entry]:
                if isinstance(tensor, Tensor) and not is_fitting(tensor, segment):
                    expected = f"{key!r} of shape {shape(segment.value)}"
                    raise InputError(f"{where}: expected {expected}, got {shape(tensor)}")
        segment.state = moved(segment.state, segment.value, copy=True)
    return segments
