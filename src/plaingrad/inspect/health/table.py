"""A diagnosis in a terminal and in a notebook: the findings, and a table with a row for each layer."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from plaingrad.inspect.health.measures import EpochHealth, LayerHealth

if TYPE_CHECKING:
    from plaingrad.inspect.health.diagnosis import Diagnosis

HEADINGS = ("layer", "mean", "spread", "gradient out", "gradient in", "update / weight", "dead", "saturated")
NOTHING = "nothing found that keeps the network from learning"
STYLE = """<style>
.plaingrad-health { font: 13px/1.5 system-ui, sans-serif; color: inherit; }
.plaingrad-health table { border-collapse: collapse; }
.plaingrad-health th, .plaingrad-health td { padding: 1px 10px; text-align: right; white-space: nowrap; }
.plaingrad-health th { border-bottom: 1px solid #8888; font-weight: 600; }
.plaingrad-health th:first-child, .plaingrad-health td:first-child { text-align: left; }
.plaingrad-health td { font-variant-numeric: tabular-nums; }
</style>"""


def tables(diagnosis: Diagnosis) -> Group:
    """The diagnosis for a terminal: the layers are those of the latest record."""
    lines = [Text(f"- {finding.words}") for finding in diagnosis.findings] or [Text(NOTHING)]
    drawn = Table(
        title=caption(diagnosis), title_justify="left", title_style="bold", box=None, pad_edge=False
    )
    for heading in HEADINGS:
        is_name = heading == "layer"  # which alone may take several lines: a number cut short is another
        drawn.add_column(
            heading, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold"
        )
    for row in rows(diagnosis):
        drawn.add_row(*map(Text, row))
    cost = [Text(diagnosis.cost)] if diagnosis.cost else []
    return Group(*lines, Text(""), drawn, *cost)


def html_tables(diagnosis: Diagnosis) -> str:
    """The same for a notebook or a page."""
    items = "".join(f"<li>{html.escape(finding.words)}</li>" for finding in diagnosis.findings)
    findings = f"<ul>{items}</ul>" if items else f"<p>{NOTHING}</p>"
    headings = "".join(f"<th>{html.escape(heading)}</th>" for heading in HEADINGS)
    body = "".join(
        f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows(diagnosis)
    )
    head = f'<caption style="text-align: left">{html.escape(caption(diagnosis))}</caption>'
    layers = f"<table>{head}<thead><tr>{headings}</tr></thead><tbody>{body}</tbody></table>"
    cost = f"<p>{html.escape(diagnosis.cost)}</p>" if diagnosis.cost else ""
    return f'{STYLE}<div class="plaingrad-health">{findings}{layers}{cost}</div>'


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
