"""Segments: consecutive parameters that are updated together, and their state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from plaingrad.parameter import FlatStorage, Parameter

State = dict[str, Any]
Group = dict[str, Any]


class Segment:
    """Consecutive parameters of a group that have always been updated together, as one vector.

    Args:
        parameters: the parameters; a single one for a rule that needs shapes.
        state: the rule's state of them. Tensors in it, alone or in lists, have the length of the vector; for
            a rule that needs shapes, the parameter's shape or 1 in place of some of its sizes.
        shaped: whether the tensors have the parameter's shape rather than one axis.

    Attributes:
        value: the part of a flat storage with their values; see `bind`.
        grad: the same of their gradients.
    """

    __slots__ = ("grad", "parameters", "shaped", "state", "value")

    value: Tensor
    grad: Tensor

    def __init__(self, parameters: list[Parameter], state: State, shaped: bool) -> None:
        self.parameters, self.state, self.shaped = parameters, state, shaped

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy without tensors; the optimizer that holds the copy binds it."""
        return Segment, (self.parameters, self.state, self.shaped)

    def split(self, active: Sequence[bool]) -> list[Segment]:
        """The longest runs of parameters with equal flags, with their parts of the state."""
        count = len(active)
        if all(active) or not any(active):
            return [self]
        segments = []
        bounds = [0, *(i for i in range(1, count) if active[i] != active[i - 1]), count]
        sizes = [parameter.value.numel() for parameter in self.parameters]
        for first, last in pairwise(bounds):
            part = slice(sum(sizes[:first]), sum(sizes[:last]))
            state = {
                name: entry[part].clone() if isinstance(entry, Tensor) else entry
                for name, entry in self.state.items()
            }
            segment = Segment(self.parameters[first:last], state, self.shaped)
            segment.value, segment.grad = self.value[part], self.grad[part]
            segments.append(segment)
        return segments

    def per_parameter(self) -> Iterator[tuple[Parameter, State]]:
        """Each parameter with its own state; tensors are views in the parameter's shape."""
        if self.shaped:
            yield self.parameters[0], self.state
            return
        start = 0
        for parameter in self.parameters:
            size, stop = parameter.value.shape, start + parameter.value.numel()
            yield (
                parameter,
                {
                    name: entry[start:stop].view(size) if isinstance(entry, Tensor) else entry
                    for name, entry in self.state.items()
                },
            )
            start = stop


def learning(parameters: list[Parameter]) -> list[bool]:
    """A flag for each parameter that is to be updated: it has a gradient and is not frozen."""
    return [each.has_grad and not each.frozen for each in parameters]


def split_by(
    segments: list[Segment], flags: Callable[[list[Parameter]], list[bool]]
) -> tuple[list[Segment], list[Segment]]:
    """Split segments into runs of equal flags; return all of them, and those whose flags are true."""
    parts = [part for segment in segments for part in segment.split(flags(segment.parameters))]
    return parts, [part for part in parts if all(flags(part.parameters))]


def bind(storage: FlatStorage, segments: list[Segment]) -> list[Segment]:
    """Bind each of a group's segments to its part of the group's storage; move its state there."""
    start = 0
    for segment in segments:
        stop = start + sum(parameter.value.numel() for parameter in segment.parameters)
        segment.value, segment.grad = storage.value, storage._grad
        if segment.shaped or len(segments) > 1:  # otherwise no view, which operations are slower on
            size = segment.parameters[0].value.shape if segment.shaped else (stop - start,)
            segment.value, segment.grad = (
                vector[start:stop].view(size) for vector in (storage.value, storage._grad)
            )
        segment.state = moved(segment.state, segment.value)
        start = stop
    return segments


def moved(state: State, like: Tensor, copy: bool = False) -> State:
    """A state whose tensors, alone or in lists, have the dtype and the device of another tensor."""

    def of(entry: Any) -> Any:
        if isinstance(entry, list):
            return list(map(of, entry))
        return entry.to(like, copy=copy) if isinstance(entry, Tensor) else entry

    return {name: of(entry) for name, entry in state.items()}


def accumulator(state: State, name: str, like: Tensor, start: float = 0.0) -> Tensor:
    """The tensor of this name in a state, created on first use in the shape of another."""
    if name not in state:
        state[name] = torch.full_like(like, start)
    return state[name]
