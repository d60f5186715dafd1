"""The generated source as it grows: constants, headers, and what a network holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch

from plaingrad.module import Module, ModuleError
from plaingrad.nn import Dropout
from plaingrad.parameter import Buffer, Parameter

ELEMENTS = {torch.float32: "float", torch.float64: "double"}
INDICES = {torch.int32: "int", torch.int64: "Whole"}


class NotLoweredError(Exception):
    """Something the kernels do not know; the message says in a few words what."""


@dataclass
class Source:
    """The parts of a program, collected while a network is lowered.

    Args:
        groups: the number of the optimizer's group that holds a parameter; what is not there stays as it is.
        sparse: whether the next layer's inputs have many zeros.
        indices: the C++ type of the inputs while they are integers that nothing has looked up; else empty.
        training: whether modules behave as in training, or as in evaluation.
        begun: whether a module has been found, so that the next one's inputs are not the data.

    Attributes:
        headers: the kernels' files to include.
        constants: a C++ struct for each set of numbers that must be known at compile time, by its text.
        tensors: the parameters and buffers in the order in which the network visits them.
        dropouts: the modules that draw, in the order in which they are numbered.
        evaluates: whether the network can also be run in evaluation mode.
    """

    groups: Mapping[Parameter, int]
    sparse: bool = False
    indices: str = ""
    training: bool = True
    begun: bool = False
    headers: set[str] = field(default_factory=set)
    constants: dict[str, str] = field(default_factory=dict)
    tensors: list[Parameter | Buffer] = field(default_factory=list)
    dropouts: list[Dropout] = field(default_factory=list)
    evaluates: bool = True

    def hold(self, tensor: Parameter | Buffer | None) -> str:
        """Note a parameter as the network's next, and name its group; "absent" if there is none."""
        if tensor is None:
            return "absent"
        if any(tensor is other for other in self.tensors):
            raise NotLoweredError("parameters or running statistics that are used twice")
        if not tensor.value.is_contiguous():
            raise NotLoweredError("parameters that are not contiguous")
        self.tensors.append(tensor)
        group = self.groups.get(tensor) if isinstance(tensor, Parameter) else None
        return "frozen" if group is None else str(group)

    def track(self, *buffers: Buffer | None) -> str:
        """Note buffers that the network itself changes as its next; "absent" if there are none."""
        return "tracked" if [self.hold(buffer) for buffer in buffers if buffer is not None] else "absent"

    def numbers(self, values: Mapping[str, float | int | bool]) -> str:
        """The name of a struct with these constants."""
        lines = [f"static constexpr {_declared(name, value)};" for name, value in values.items()]
        text = "{ " + " ".join(lines) + " };"
        return self.constants.setdefault(text, f"Constants{len(self.constants) + 1}")

    def instance(self, template: str, *arguments: object) -> str:
        """A template with its arguments."""
        return f"{template}<{', '.join(map(str, arguments))}>" if arguments else template


def sizes(struct: str, **values: object) -> str:
    """A C++ struct of compile-time numbers, each written with its name."""
    fields = ", ".join(f".{name} = {value}" for name, value in values.items())
    return f"{struct}{{{fields}}}"


def _declared(name: str, value: float | int | bool) -> str:
    if isinstance(value, bool):
        return f"bool {name} = {str(value).lower()}"
    if isinstance(value, int):
        return f"Whole {name} = {value}"
    if math.isinf(value):
        return f"double {name} = {'-' if value < 0 else ''}__builtin_inf()"
    return f"double {name} = {value.hex()}"


def refuse(module: Module, problem: str = "") -> NotLoweredError:
    """The error for a module that the kernels do not know, or not with its options."""
    if problem:
        return NotLoweredError(str(ModuleError(module, problem)))
    return NotLoweredError(f"{type(module).__name__} is not among its layers")
