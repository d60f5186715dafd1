"""The network, the loss and the update rule of a state; and a network as layers of units."""

from __future__ import annotations

from typing import Any

import torch

from plaingrad import init, nn, optim
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
    return LOSSES[state.loss_name].kind(**loss_options(state))


def loss_options(state: State) -> dict[str, float]:
    """The arguments of a state's loss, by its own names."""
    return {name: getattr(state, name) for name in LOSSES[state.loss_name].options}


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
