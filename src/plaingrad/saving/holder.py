"""What holds networks without being one, as the estimators do, and how it takes part all the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from plaingrad.module import Module


@dataclass(frozen=True)
class Graph:
    """What an ONNX graph is to compute.

    Attributes:
        network: the network.
        output: what is made of its outputs, as for `export_onnx`.
        sample_shape: of one sample.
        metadata: notes by name.
    """

    network: Module
    output: str | None
    sample_shape: tuple[int, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)


@runtime_checkable
class Holder(Protocol):
    """Something with networks in it that `save`, `export_onnx` and `to_torch` take like a network."""

    def _contents(self) -> tuple[Module, dict[str, Any]]:
        """All networks as one, and the facts of which it can be made again."""

    def _graph(self) -> Graph:
        """What it predicts with."""

    def _single(self) -> Module:
        """The one network that it holds.

        Raises:
            ValueError: it holds several.
        """
