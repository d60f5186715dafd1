"""The protocol of objects that hold networks without being one, as the estimators do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from plaingrad.module import Module


@dataclass(frozen=True)
class Graph:
    """The computation of an ONNX graph.

    Attributes:
        network: the network.
        output: the function of its outputs, as for `export_onnx`.
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
        """All networks as one, and the metadata of which it can be made again."""

    def _graph(self) -> Graph:
        """The graph that predicts."""

    def _single(self) -> Module:
        """The one network that it holds.

        Raises:
            ValueError: it holds several.
        """
