"""A diagnosis in a terminal and in a notebook: the findings, and a table with a row for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from plaingrad.console.printed import table_of_numbers
from plaingrad.contract.html import escaped, html_table
from plaingrad.inspect.health.measures import EpochHealth, LayerHealth

if TYPE_CHECKING:
    from plaingrad.inspect.health.diagnosis import Diagnosis

HEADINGS = ("layer", "mean", "spread", "gradient out", "gradient in", "update / weight", "dead", "saturated")
NOTHING = "nothing found that keeps the network from learning"


def tables(diagnosis: Diagnosis) -> Group:
    """The diagnosis for a terminal: the layers are those of the latest record."""
    lines = [Text(f"- {finding.words}") for finding in diagnosis.findings] or [Text(NOTHING)]
    drawn = table_of_numbers(caption(diagnosis), HEADINGS)
    for row in rows(diagnosis):
        drawn.add_row(*map(Text, row))
    cost = [Text(diagnosis.cost)] if diagnosis.cost else []
    return Group(*lines, Text(""), drawn, *cost)


def html(diagnosis: Diagnosis) -> str:
    """The same for a notebook or a page."""
    items = "".join(f"<li>{escaped(finding.words)}</li>" for finding in diagnosis.findings)
    findings = f"<ul>{items}</ul>" if items else f"<p>{NOTHING}</p>"
    layers = html_table(caption(diagnosis), HEADINGS, rows(diagnosis), is_numeric=True)
    cost = f"<p>{escaped(diagnosis.cost)}</p>" if diagnosis.cost else ""
    return f"{findings}{layers}{cost}"


def caption(diagnosis: Diagnosis) -> str:
    """The epoch of the table and its loss."""
    if not diagnosis.epochs:
        return "Nothing recorded"
    latest = diagnosis.epochs[-1]
    when = {None: "The recorded step", 0: "Before training"}.get(latest.epoch, f"After epoch {latest.epoch}")
    return f"{when}: loss {latest.loss:.4g}"


def rows(diagnosis: Diagnosis) -> Iterator[tuple[str, ...]]:
    """The cells of each layer of the latest record."""
    latest: EpochHealth | None = diagnosis.epochs[-1] if diagnosis.epochs else None
    for layer in latest.layers if latest else ():
        yield cells(layer)


def cells(layer: LayerHealth) -> tuple[str, ...]:
    """The row of a layer."""
    numbers = (layer.mean, layer.spread, layer.gradient_out, layer.gradient_in, layer.update)
    texts = ["" if value is None else f"{value:.3g}" for value in numbers]
    shares = ["" if share is None else f"{100 * share:.0f} %" for share in (layer.dead, layer.saturated)]
    return (layer.name, *texts, *shares)
