"""One random configuration of a class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor


@dataclass
class Configuration:
    """A class with its constructor's arguments, and what goes in.

    Attributes:
        name: of the class, in both libraries.
        arguments: of the constructor, by keyword.
        inputs: of forward; the first has a gradient, if it has floating-point numbers.
        dtype: of floating-point inputs and parameters.
        kind: of the numbers in inputs, parameters and upstream gradient.
        training: whether in training mode.
        is_local: whether an element of an output depends on one element of each input alone.
        case: the number it was drawn from.
        options: further arguments of forward, by keyword, which have no gradient.
    """

    name: str
    arguments: dict[str, Any]
    inputs: tuple[Tensor, ...]
    dtype: torch.dtype
    kind: str
    training: bool = True
    is_local: bool = False
    case: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={_brief(value)}" for name, value in self.arguments.items())
        inputs = ", ".join(f"{tuple(x.shape)}/{x.stride()} {str(x.dtype)[6:]}" for x in self.inputs)
        inputs += "".join(f", {name}={_brief(value)}" for name, value in self.options.items())
        mode = "train" if self.training else "eval"
        return f"{self.name}({arguments}) of {inputs}, {self.kind}, {mode}"


def _brief(value: Any) -> str:
    return f"tensor{tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
