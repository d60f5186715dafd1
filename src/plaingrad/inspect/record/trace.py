"""The record of a training step: each call of a module, forward and backward, with its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table
from torch import Tensor

from plaingrad.console.printed import printed
from plaingrad.errors import InputError
from plaingrad.inspect.record.contents import contents
from plaingrad.inspect.record.equations import equations
from plaingrad.inspect.record.table import html, table
from plaingrad.module import Module
from plaingrad.optim import Optimizer
from plaingrad.parameter import Parameter


@dataclass(eq=False)
class Call:
    """One call of a module: what went into its forward and backward, and what came out.

    All tensors are copies, as they were at that moment.

    Attributes:
        path: where the module stands in the network, with dots: "0", "encoder.layers.1". A module that
            stands in several places has the path of the one that was called. The network itself is "",
            its loss "loss".
        depth: the number of modules around it that were running; 0 for the network and the loss.
        use: how many calls at this path were before this one in the step.
        module: a copy of the module, with the state that it had after the step.
        inputs: the positional arguments of forward.
        options: its keyword arguments.
        outputs: what it returned: a tensor, or a nest of tensors and None.
        grad_outputs: the upstream gradients, the arguments of backward. None if backward was not called;
            empty for a loss, whose upstream gradient is 1.
        grad_inputs: what backward returned.
        parameters: the values of the module's own parameters at the time of the forward, by name.
        gradients: what this call of backward added to their gradients.
        updated: their values after the update; empty if there was no optimizer.
        training: whether the module was in training mode.
    """

    path: str
    depth: int
    use: int
    module: Module
    inputs: tuple[Any, ...]
    options: dict[str, Any]
    parameters: dict[str, Tensor]
    outputs: Any = None
    grad_outputs: tuple[Any, ...] | None = None
    grad_inputs: Any = None
    gradients: dict[str, Tensor] = field(default_factory=dict)
    updated: dict[str, Tensor] = field(default_factory=dict)
    training: bool = True

    @property
    def name(self) -> str:
        """The path with the class, as errors write it: "2 Linear(5, 4)"."""
        return f"{self.path} {self.module.signature()}".strip()

    @property
    def equations(self) -> tuple[str, ...]:
        """The equations in the class's docstring, in LaTeX."""
        return equations(type(self.module))

    @property
    def is_composite(self) -> bool:
        """True if the module has modules inside."""
        return any(True for _ in self.module.named_children())

    def input_gradients(self) -> tuple[Any, ...]:
        """One entry for each argument, positional ones first: its gradient, or None; of a nest a nest."""
        names, count = self.module._parameters, len(self.inputs) + len(self.options)
        grads = self.grad_inputs if isinstance(self.grad_inputs, tuple) else (self.grad_inputs,)
        if len(names) == len(grads):  # of all that forward can take
            by_name = dict(zip(names, grads))
            return (*grads[: len(self.inputs)], *(by_name[name] for name in self.options))
        only = next(iter([*self.inputs, *self.options.values()]), None)
        if count == 1 and isinstance(only, (tuple, list)) and len(only) == len(grads):
            return (grads,)
        return (*grads, *[None] * count)[:count]

    def __repr__(self) -> str:
        return f"Call({self.name})"


@dataclass(eq=False)
class Trace:
    """One step of training, as `record` saw it.

    Attributes:
        calls: every call of a module, in the order in which their forwards began; the loss is the last.
        backward_calls: the same in the order in which their backwards began, without those that had none.
        loss: the value of the loss.
        target: what the outputs were compared with.
        optimizer: a copy of the optimizer after its step, or None.
        states: the optimizer's state before its step, by parameter of the modules of the calls.
    """

    calls: list[Call]
    backward_calls: list[Call]
    loss: float
    target: Any
    optimizer: Optimizer | None = None
    states: dict[Parameter, dict[str, Any]] = field(default_factory=dict)

    def find(self, path: str, use: int = 0) -> Call:
        """The call of the module at a path.

        Args:
            path: as in `Call.path`.
            use: which one, if the module there was called several times.

        Raises:
            InputError: there is none.
        """
        at_path = [call for call in self.calls if call.path == path]
        if not at_path:
            paths = ", ".join(repr(path) for path in dict.fromkeys(call.path for call in self.calls))
            raise InputError(f"path: expected one of {paths}, got {path!r}")
        if not 0 <= use < len(at_path):
            raise InputError(f"use: expected 0 to {len(at_path) - 1} for {path!r}, got {use}")
        return at_path[use]

    def to_html(self) -> str:
        """The record as an HTML table with a style of its own."""
        return html(self)

    def to_json(self) -> str:
        """The record with all its numbers as a JSON object; those that are not finite are texts."""
        return json.dumps(contents(self), allow_nan=False)

    def __getitem__(self, path: str | int) -> Call:
        return self.find(str(path))

    def __contains__(self, path: object) -> bool:
        return any(call.path == str(path) or call is path for call in self.calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)

    def __repr__(self) -> str:
        update = "" if self.optimizer is None else f", {type(self.optimizer).__name__}"
        return f"Trace({self.calls[0].module.signature()}: {len(self)} calls, loss {self.loss:.6g}{update})"

    def __str__(self) -> str:
        return printed(table(self))

    def __rich__(self) -> Table:
        return table(self)

    def _repr_html_(self) -> str:
        return html(self)
