"""The health of a network: its findings, and the measures that they come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Group

from plaingrad.console.printed import printed
from plaingrad.contract.nest import brief
from plaingrad.errors import InputError
from plaingrad.inspect.health.finding import HealthFinding, over_time
from plaingrad.inspect.health.measures import EpochHealth, measured
from plaingrad.inspect.health.rules import problems
from plaingrad.inspect.health.table import html, tables
from plaingrad.inspect.record import Trace


@dataclass(frozen=True)
class Diagnosis:
    """The health of a network in one step or over a run: printed, the findings and a table of the layers.

    Attributes:
        findings: what keeps the network from learning; empty if nothing was found.
        epochs: the measures of each layer, by recorded epoch.
        cost: a sentence with what recording has cost; empty for a single step.
    """

    findings: tuple[HealthFinding, ...]
    epochs: tuple[EpochHealth, ...]
    cost: str = ""

    def of(self, kind: str) -> list[HealthFinding]:
        """The findings of a kind."""
        return [finding for finding in self.findings if finding.kind == kind]

    def __iter__(self) -> Iterator[HealthFinding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def __bool__(self) -> bool:
        return True  # a diagnosis without findings is one too

    def __repr__(self) -> str:
        kinds: Sequence[str] = [finding.kind for finding in self.findings]
        return f"Diagnosis({', '.join(kinds) or 'nothing found'})"

    def __str__(self) -> str:
        return printed(tables(self), soft_wrap=True)

    def __rich__(self) -> Group:
        return tables(self)

    def _repr_html_(self) -> str:
        return html(self)


def health(trace: Trace) -> Diagnosis:
    """Find what keeps a network from learning in the record of one step of training.

    Dead and saturated units and outputs that do not depend on the input need 16 samples in the record, the
    size of updates an optimizer. `Health` does the same for each epoch of a run.

    Args:
        trace: as `plaingrad.inspect.record` returns it.
    """
    if not isinstance(trace, Trace):
        raise InputError(f"trace: expected what record(...) returns, got {brief(trace)}")
    layers = measured(trace)
    return Diagnosis(tuple(over_time([(None, problems(trace, layers))])), (layers,))
