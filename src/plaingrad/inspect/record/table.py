"""A record as a table: a row for each output and each parameter, with its gradient beside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from plaingrad.console.printed import table_of_numbers
from plaingrad.contract.html import html_table
from plaingrad.parameter import shape

if TYPE_CHECKING:
    from plaingrad.inspect.record.trace import Call, Trace

HEADINGS = ("", "shape", "norm", "min", "max", "gradient norm", "min", "max", "update / value")


class Line(NamedTuple):
    """A row of the table.

    Attributes:
        name: of the module, or of the tensor.
        depth: how far it is indented.
        is_module: whether the row begins a module.
        value: its output, or the parameter.
        gradient: of the loss with respect to that, or None.
        updated: the parameter after the update, or None.
    """

    name: str
    depth: int
    is_module: bool
    value: Tensor
    gradient: Tensor | None = None
    updated: Tensor | None = None

    def cells(self) -> tuple[str, ...]:
        """The texts of the row."""
        value = (str(shape(self.value)), *sizes(self.value))
        gradient = ("", "", "") if self.gradient is None else sizes(self.gradient)
        return (self.name, *value, *gradient, ratio(self.value, self.updated))


def table(trace: Trace) -> Table:
    """The record for a terminal."""
    drawn = table_of_numbers(repr(trace), HEADINGS)
    for line in table_lines(trace):
        name, *cells = line.cells()
        name = "  " * line.depth + name
        drawn.add_row(Text(name, style="bold" if line.is_module else "dim"), *map(Text, cells))
    return drawn


def html(trace: Trace) -> str:
    """The record for a notebook or a page."""
    lines = list(table_lines(trace))
    return html_table(
        repr(trace),
        HEADINGS,
        [line.cells() for line in lines],
        depths=[line.depth for line in lines],
        kinds=["module" if line.is_module else "parameter" for line in lines],
        is_numeric=True,
    )


def table_lines(trace: Trace) -> Iterator[Line]:
    """The rows: the inputs with their gradients, then each module's output and parameters, and the loss."""
    first = trace.calls[0]
    inputs: dict[Any, Any] = {**dict(enumerate(first.inputs)), **first.options}
    for (name, x), dx in zip(inputs.items(), first.input_gradients()):
        for within, tensor, gradient in with_gradients(x, dx):
            yield Line(
                f"input{within if len(inputs) == 1 else f' {name}{within}'}", 0, True, tensor, gradient
            )
    for call in trace.calls:
        yield from call_lines(call)


def call_lines(call: Call) -> Iterator[Line]:
    """The row of a call's output and those of the module's parameters; several outputs have one each."""
    is_nest = isinstance(call.outputs, tuple)
    grads = call.grad_outputs if is_nest else next(iter(call.grad_outputs or ()), None)
    for i, (_, y, dy) in enumerate(with_gradients(call.outputs, grads)):
        name = call.name if i == 0 else f"output {i}"
        yield Line(name, call.depth + (i > 0), i == 0, y, dy)
    for name, value in call.parameters.items():
        yield Line(name, call.depth + 1, False, value, call.gradients.get(name), call.updated.get(name))


def with_gradients(nest: Any, grads: Any) -> Iterator[tuple[str, Tensor, Tensor | None]]:
    """Each tensor of a nest, its position there in brackets, and its gradient; None where there is none."""
    if isinstance(nest, Tensor):
        yield "", nest, grads if isinstance(grads, Tensor) else None
    if isinstance(nest, (tuple, list, dict)):
        known: dict[Any, Any] = grads if isinstance(grads, dict) else dict(enumerate(grads or ()))
        for key, entry in nest.items() if isinstance(nest, dict) else enumerate(nest):
            for within, x, dx in with_gradients(entry, known.get(key)):
                yield f"[{key}]{within}", x, dx


def sizes(x: Tensor) -> tuple[str, str, str]:
    """The norm, the least and the greatest element, as texts."""
    if not x.numel() or x.dtype == torch.bool or x.is_complex():
        return "", "", ""
    numbers = x.double()
    return number(numbers.norm().item()), number(numbers.min().item()), number(numbers.max().item())


def ratio(value: Tensor, updated: Tensor | None) -> str:
    """The norm of an update as a share of the norm of the value."""
    if updated is None or not value.numel():
        return ""
    change, before = (updated - value).double().norm().item(), value.double().norm().item()
    return number(change / before) if before else ""


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"
