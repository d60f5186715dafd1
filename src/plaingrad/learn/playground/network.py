"""The network, the loss and the update rule of a state; and a network as layers of units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import init, nn, optim
from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import ACTIVATIONS, INITS, LOSSES, RULES
from plaingrad.learn.playground.state import State
from plaingrad.module import Module


def build(state: State, inputs: int, outputs: int) -> nn.Sequential:
    """The network of a state, with first weights drawn from its seed."""
    generator = torch.Generator().manual_seed(state.seed)
    modules: list[Module] = []
    with init.drawing_from(generator):
        width = inputs
        for layer in state.layers:
            modules.append(nn.Linear(width, layer.units))
            activation = ACTIVATIONS[layer.activation or state.activation]
            modules += [] if activation is None else [activation()]
            dropout = state.dropout if layer.dropout is None else layer.dropout
            modules += [nn.Dropout(dropout)] if dropout else []
            width = layer.units
        model = nn.Sequential(*modules, nn.Linear(width, outputs))
        initialise = INITS[state.init]
        if initialise is not None:
            for layer in filter(lambda each: isinstance(each, nn.Linear), model.modules()):
                initialise(layer.weight.value)
                layer.bias.value.zero_()
    model.generator = torch.Generator().manual_seed(state.seed)  # of dropout
    return model


def loss_of(state: State) -> nn.Loss:
    """The loss of a state."""
    return LOSSES[state.loss_name][2]()


def optimizer_of(state: State, model: Module) -> optim.Optimizer:
    """The update rule of a state."""
    kind, _ = RULES[state.optimizer["name"]]
    return kind(model.parameters(), **rule_options(state.optimizer))


def rule_options(rule: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an update rule, by its own names."""
    known = {option.name: option for option in RULES[rule["name"]][1]}
    values = {name: rule.get(name, option.default) for name, option in known.items()}
    options: dict[str, Any] = {
        name: bool(value) if known[name].kind == "switch" else float(value) for name, value in values.items()
    }
    if "beta1" in options:
        options["betas"] = (options.pop("beta1"), options.pop("beta2"))
    if options.get("nesterov") and not options["momentum"]:
        options["nesterov"] = False  # it needs momentum
    return options


@dataclass(frozen=True, eq=False)
class Stage:
    """A linear layer and what follows it up to the next: one column of units.

    Attributes:
        path: of the linear layer in the network.
        linear: the layer.
        rest: the modules after it, with their paths.
    """

    path: str
    linear: nn.Linear
    rest: list[tuple[str, Module]]

    @property
    def units(self) -> int:
        """Their number."""
        return self.linear.weight.value.shape[0]

    @property
    def last(self) -> str:
        """The path of the module whose outputs the units are."""
        return self.rest[-1][0] if self.rest else self.path

    def forward(self, x: Tensor) -> Tensor:
        """The outputs of the units."""
        x = self.linear(x)
        for _, module in self.rest:
            x = module(x)
        return x

    def describe(self, labels: list[str] | None) -> dict[str, Any]:
        """The layer as the page gets it."""
        names = [type(module).__name__ for _, module in self.rest if not isinstance(module, nn.Dropout)]
        dropout = sum(module.p for _, module in self.rest if isinstance(module, nn.Dropout))
        activation = ", ".join(names) or None
        described = {"name": self.path, "units": self.units, "activation": activation, "dropout": dropout}
        return {**described, "maps": True, **({"labels": labels} if labels else {})}


def stages(model: Module) -> list[Stage]:
    """The network as columns of units.

    Raises:
        InputError: it is no chain of modules that begins with a linear layer.
    """
    columns: list[Stage] = []
    for path, module in _chain(model, ""):
        if isinstance(module, nn.Linear):
            columns.append(Stage(path, module, []))
        elif not columns:
            first = module.signature()
            raise InputError(f"model: expected a chain that begins with a Linear, got {first} first")
        else:
            columns[-1].rest.append((path, module))
    return columns


def _chain(model: Module, path: str) -> Iterator[tuple[str, Module]]:
    if not isinstance(model, nn.Sequential):
        yield path, model
        return
    for name, child in model.named_children():
        yield from _chain(child, f"{path}.{name}" if path else name)
