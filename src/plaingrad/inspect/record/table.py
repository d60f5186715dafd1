"""A record as a table: a row for each output and each parameter, with its gradient beside it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import torch
from rich.table import Table
from rich.text import Text
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.parameter import shape

if TYPE_CHECKING:
    from plaingrad.inspect.record.trace import Call, Trace

HEADINGS = ("", "shape", "norm", "min", "max", "gradient norm", "min", "max", "update / value")
STYLE = """<style>
.plaingrad-trace { border-collapse: collapse; font: 13px/1.5 system-ui, sans-serif; color: inherit; }
.plaingrad-trace th, .plaingrad-trace td { padding: 1px 10px; text-align: right; white-space: nowrap; }
.plaingrad-trace th { border-bottom: 1px solid #8888; font-weight: 600; }
.plaingrad-trace th:first-child, .plaingrad-trace td:first-child { text-align: left; }
.plaingrad-trace td { font-variant-numeric: tabular-nums; }
.plaingrad-trace .module td { border-top: 1px solid #8884; }
.plaingrad-trace .parameter td:first-child { opacity: 0.75; }
</style>"""


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
    drawn = Table(title=repr(trace), title_justify="left", title_style="bold", box=None, pad_edge=False)
    for heading in HEADINGS:
        # Names alone may take several lines: a number that is cut short is another.
        drawn.add_column(
            heading, justify="right" if heading else "left", no_wrap=bool(heading), overflow="fold"
        )
    for line in table_lines(trace):
        name, *cells = line.cells()
        name = "  " * line.depth + name
        drawn.add_row(Text(name, style="bold" if line.is_module else "dim"), *map(Text, cells))
    return drawn


def html_table(trace: Trace) -> str:
    """The record for a notebook or a page."""
    headings = "".join(f"<th>{html.escape(heading)}</th>" for heading in HEADINGS)
    rows = []
    for line in table_lines(trace):
        name, *cells = map(html.escape, line.cells())
        kind = "module" if line.is_module else "parameter"
        first = f'<td style="padding-left: {10 + 18 * line.depth}px">{name}</td>'
        rows.append(f'<tr class="{kind}">{first}{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>')
    caption = f'<caption style="text-align: left">{html.escape(repr(trace))}</caption>'
    head, body = f"<thead><tr>{headings}</tr></thead>", f"<tbody>{''.join(rows)}</tbody>"
    return f'{STYLE}<table class="plaingrad-trace">{caption}{head}{body}</table>'


def table_lines(trace: Trace) -> Iterator[Line]:
    """The rows: the inputs with their gradients, then each module's output and parameters, and the loss."""
    first = trace.calls[0]
    for i, (x, dx) in enumerate(zip(first.inputs, first.input_gradients())):
        if isinstance(x, Tensor):
            yield Line("input" if len(first.inputs) == 1 else f"input {i}", 0, True, x, dx)
    for call in trace.calls:
        yield from call_lines(call)


def call_lines(call: Call) -> Iterator[Line]:
    """The row of a call's output and those of the module's parameters; several outputs have one each."""
    outputs = list(tensors(call.outputs))
    gradients: list[Tensor | None] = list(tensors(call.grad_outputs or ()))
    if len(gradients) != len(outputs):  # of a loss, or with outputs that nothing used
        gradients = [None] * len(outputs)
    for i, (y, dy) in enumerate(zip(outputs, gradients)):
        name = call.name if i == 0 else f"output {i}"
        yield Line(name, call.depth + (i > 0), i == 0, y, dy)
    for name, value in call.parameters.items():
        yield Line(name, call.depth + 1, False, value, call.gradients.get(name), call.updated.get(name))


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
