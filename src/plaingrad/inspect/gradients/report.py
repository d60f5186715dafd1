"""The report of the gradient checker."""

from __future__ import annotations

import io
import math
import sys
from dataclasses import dataclass, field
from typing import Any

from plaingrad.contract.html import escaped, html_table
from plaingrad.inspect.gradients.finding import GradientFinding, Mistake

COMPARED = ("vs differences", "vs autograd", "worst at", "backward", "differences", "autograd")
HEADINGS = ("gradient of", "shape", *COMPARED)


@dataclass
class Row:
    """The result for one input or parameter: the backward's gradient and both references.

    Attributes:
        name: ``"input"``, ``"prediction"``, or the parameter's name.
        shape: its shape.
        ok: whether the gradient is right as far as could be seen.
        checked: the number of elements compared with central differences; all are compared with autograd.
        directions: the number of random directions compared as well, where not all elements were.
        differences: the worst relative error against central differences.
        autograd: the worst relative error against autograd, or None if autograd cannot follow the forward.
        index: the element with the worst error; None for a direction.
        backward: what the backward gives there.
        central: what central differences give there, or None if this element was not compared with them.
        traced: what autograd gives there, or None.
        kinks: the number of elements at a kink or a jump, where no derivative exists; they do not count.
    """

    name: str
    shape: tuple[int, ...]
    ok: bool = True
    checked: int = 0
    directions: int = 0
    differences: float = 0.0
    autograd: float | None = None
    index: tuple[int, ...] | None = None
    backward: float = math.nan
    central: float | None = None
    traced: float | None = None
    kinks: int = 0


@dataclass(repr=False)
class GradientReport:
    """The result of `check_gradients`; print it to read it.

    Attributes:
        module: the module as it was constructed.
        training: whether it was checked in training mode.
        seed: the seed of everything random; the same seed gives the same report.
        rows: one for each differentiable input and each parameter.
        findings: all that is wrong, each with the mistakes that explain it: first violations of the contract,
            then wrong gradients.
        notes: remarks that are no problems, a sentence each.
    """

    module: str
    training: bool
    seed: int
    rows: list[Row] = field(default_factory=list)
    findings: list[GradientFinding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True if the checker found no problem."""
        return not self.findings

    def __bool__(self) -> bool:
        """The same as `ok`, so that ``assert check_gradients(...)`` means what it says."""
        return self.ok

    @property
    def problems(self) -> list[str]:
        """Every problem, a sentence each."""
        return [str(finding) for finding in self.findings]

    @property
    def kinks(self) -> int:
        """The number of elements at a kink, which do not count."""
        return sum(row.kinks for row in self.rows)

    def __str__(self) -> str:
        return self._render(colour=sys.stdout.isatty())

    __repr__ = __str__

    def _render(self, colour: bool) -> str:
        from rich.console import Console
        from rich.text import Text

        width = 120 if not colour else None
        console = Console(
            file=io.StringIO(),
            width=width,
            force_terminal=colour,
            force_jupyter=False,  # where it would show the text instead of giving it back
            color_system="auto" if colour else None,
            highlight=False,
        )
        console.print(Text.assemble((self.module, "bold"), f" {self._conditions()}"))
        if self.rows:
            console.print(self._table())
        for finding in self.findings:
            console.print(Text.assemble(("wrong  ", "bold red"), finding.problem), soft_wrap=True)
            for number, mistake in enumerate(finding.mistakes):
                lead = "       or      " if number else "       likely  "
                explained = f": {mistake.words}{_location(mistake, finding)}"
                console.print(Text.assemble((lead, "dim"), (mistake.kind, "bold"), explained), soft_wrap=True)
        for text in self.notes:
            console.print(Text.assemble(("note   ", "dim"), text), soft_wrap=True)
        console.print(Text(self._verdict(), "bold green" if self.ok else "bold red"))
        lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip() for line in lines)

    def _table(self) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        for heading in self._headings():
            is_text = heading in ("gradient of", "shape", "")
            table.add_column(heading, justify="left" if is_text else "right", no_wrap=True)
        for row in self.rows:
            *cells, verdict = self._cells(row)
            table.add_row(*cells, Text(verdict, "green" if row.ok else "bold red"))
        return table

    def _conditions(self) -> str:
        return f"in {'training' if self.training else 'evaluation'} mode, float64, seed {self.seed}"

    def _verdict(self) -> str:
        return "every gradient is right" if self.ok else "wrong gradients"

    def _headings(self) -> list[str]:
        """The names of the columns; that of the kinks is there only where there are any."""
        return [*HEADINGS, *(["kinks"] if self.kinks else []), ""]

    def _cells(self, row: Row) -> list[str]:
        """The texts of a row."""
        return [
            row.name,
            str(row.shape),
            _error(row.differences),
            _error(row.autograd),
            "-" if row.index is None else index_text(row.index) or "-",
            number(row.backward),
            number(row.central),
            number(row.traced),
            *([str(row.kinks or "")] if self.kinks else []),
            "ok" if row.ok else "wrong",
        ]

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        caption, rows = f"{self.module} {self._conditions()}", map(self._cells, self.rows)
        table = html_table(caption, self._headings() if self.rows else (), rows, is_numeric=True)
        lines = []
        for finding in self.findings:
            mistakes = [
                f"<li>{'or' if number else 'likely'} <b>{escaped(mistake.kind)}</b>: "
                f"{escaped(mistake.words + _location(mistake, finding))}</li>"
                for number, mistake in enumerate(finding.mistakes)
            ]
            inside = f"<ul>{''.join(mistakes)}</ul>" if mistakes else ""
            lines.append(f"<li><b>wrong</b> {escaped(finding.problem)}{inside}</li>")
        lines += [f"<li>note {escaped(text)}</li>" for text in self.notes]
        return f"{table}<ul>{''.join(lines)}</ul><p><b>{self._verdict()}</b></p>"


def _location(mistake: Mistake, finding: GradientFinding) -> str:
    """The location of a mistake in brackets, unless the words have it."""
    known = mistake.where in mistake.words or mistake.where in ("", finding.name, "backward", "forward")
    return "" if known else f" [{mistake.where}]"


def index_text(index: tuple[int, ...]) -> str:
    """An index in brackets; nothing for the only element of a scalar."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def number(value: float | None) -> str:
    """Five significant digits, or a dash for None."""
    return "-" if value is None or math.isnan(value) else f"{value:.5g}"


def distinct(ours: float, right: float) -> tuple[str, str]:
    """Two numbers with as many significant digits as distinguish them, at least five."""
    pairs = [(f"{ours:.{digits}g}", f"{right:.{digits}g}") for digits in range(5, 18)]
    return next((pair for pair in pairs if pair[0] != pair[1]), pairs[0])


def _error(value: float | None) -> str:
    return "-" if value is None else f"{value:.1e}"
