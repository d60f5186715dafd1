"""A network as a table: its layers, the shapes of their outputs, and their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table
from rich.text import Text

from plaingrad.console.printed import printed
from plaingrad.contract.html import html_table
from plaingrad.contract.modes import mode
from plaingrad.contract.nest import outline
from plaingrad.contract.overview import own_parameters, shapes_text
from plaingrad.module import Module

HEADINGS = ("layer", "output shape", "parameters")


@dataclass(frozen=True)
class Layer:
    """A row of a summary.

    Attributes:
        path: where the module stands in the network, with dots; empty for the network itself.
        signature: its constructor call.
        output: the shape of what it returned in its first call, or several; empty if it was not called.
        parameters: the number of elements of its own parameters that no row above has counted.
    """

    path: str
    signature: str
    output: str
    parameters: int

    @property
    def depth(self) -> int:
        """The number of modules around it."""
        return 0 if not self.path else 1 + self.path.count(".")

    @property
    def name(self) -> str:
        """The last part of the path with the constructor call."""
        return f"{self.path.rpartition('.')[2]} {self.signature}".strip()


@dataclass(frozen=True, repr=False)
class Summary:
    """The layers of a network; print it to read it, a notebook shows it as a table.

    Attributes:
        layers: the network itself and each module below it.
        parameters: the number of elements of all parameters.
        learned: of those that are not frozen.
        size: what all parameters take, in bytes.
    """

    layers: tuple[Layer, ...]
    parameters: int
    learned: int
    size: int

    def totals(self) -> list[str]:
        """The parameters in all, on one line or two."""
        lines = [f"{self.parameters:,} parameters, {size_text(self.size)}"]
        frozen = self.parameters - self.learned
        return [*lines, f"{self.learned:,} are learned, {frozen:,} are frozen"] if frozen else lines

    def __str__(self) -> str:
        return "\n".join([printed(self.__rich__()), *self.totals()])

    __repr__ = __str__

    def __rich__(self) -> Table:
        drawn = Table(box=None, pad_edge=False)
        for heading in HEADINGS:
            drawn.add_column(heading, justify="right" if heading == "parameters" else "left", no_wrap=True)
        for layer in self.layers:
            count = f"{layer.parameters:,}" if layer.parameters else ""
            drawn.add_row(*map(Text, ("  " * layer.depth + layer.name, layer.output, count)))
        return drawn

    def _repr_html_(self) -> str:
        rows = [(layer.name, layer.output, layer.parameters or "") for layer in self.layers]
        depths = [layer.depth for layer in self.layers]
        return html_table("; ".join(self.totals()), HEADINGS, rows, depths=depths)


def summary(model: Module, *inputs: Any, **options: Any) -> Summary:
    """The layers of a network, with the shapes of their outputs for these inputs.

    The network runs once in evaluation mode and is as before afterwards, but for parameters that a first
    forward gives their shape.

    Args:
        model: the network.
        inputs: the arguments of its forward; none for a summary without shapes.
        options: its keyword arguments.

    Raises:
        ModuleError: the inputs do not fit.
    """
    outputs: dict[int, str] = {}

    def watch(module: Module, name: str, run: Any, *arguments: Any, **keywords: Any) -> Any:
        result = run(*arguments, **keywords)
        outputs.setdefault(id(module), shapes_text(outline(result)))
        return result

    if inputs or options:
        with mode(False, model), torch.no_grad(), model.watched(watch):
            model(*inputs, **options)
    seen = set[int]()
    layers = tuple(
        Layer(path, module.signature(), outputs.get(id(module), ""), own_parameters(module, seen))
        for path, module in model.named_modules()
    )
    shaped = [parameter for _, parameter in model.named_parameters() if parameter.is_shaped]
    learned = sum(parameter.value.numel() for parameter in shaped if not parameter.frozen)
    size = sum(parameter.value.numel() * parameter.value.element_size() for parameter in shaped)
    return Summary(layers, sum(layer.parameters for layer in layers), learned, size)


def size_text(size: int) -> str:
    """Bytes in a unit that leaves few digits."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000  # type: ignore[assignment]
    return f"{size:.3g} GB"
