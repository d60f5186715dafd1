"""A chain of modules as columns of units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.module import Module


@dataclass(frozen=True, eq=False)
class Stage:
    """A linear layer and what follows it up to the next: one column of units.

    Attributes:
        path: of the linear layer in the network.
        linear: the layer.
        rest: the modules after it, with their paths.
    """

    path: str
    linear: nn.Linear
    rest: list[tuple[str, Module]]

    @property
    def units(self) -> int:
        """Their number."""
        return self.linear.weight.value.shape[0]

    @property
    def last(self) -> str:
        """The path of the module whose outputs the units are."""
        return self.rest[-1][0] if self.rest else self.path

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the units."""
        x = self.linear(x)
        for _, module in self.rest:
            x = module(x)
        return x

    def describe(self, labels: list[str] | None) -> dict[str, Any]:
        """The layer as the page gets it."""
        names = [type(module).__name__ for _, module in self.rest if not isinstance(module, nn.Dropout)]
        dropout = sum(module.p for _, module in self.rest if isinstance(module, nn.Dropout))
        activation = ", ".join(names) or None
        described = {"name": self.path, "units": self.units, "activation": activation, "dropout": dropout}
        return {**described, "maps": True, **({"labels": labels} if labels else {})}


def stages(model: Module) -> list[Stage]:
    """The network as columns of units.

    Raises:
        InputError: it is no chain of modules that begins with a linear layer.
    """
    columns: list[Stage] = []
    for path, module in _chain(model, ""):
        if isinstance(module, nn.Linear):
            columns.append(Stage(path, module, []))
        elif not columns:
            first = module.signature()
            raise InputError(f"model: expected a chain that begins with a Linear, got {first} first")
        else:
            columns[-1].rest.append((path, module))
    return columns


def _chain(model: Module, path: str) -> Iterator[tuple[str, Module]]:
    if not isinstance(model, nn.Sequential):
        yield path, model
        return
    for name, child in model.named_children():
        yield from _chain(child, f"{path}.{name}" if path else name)
