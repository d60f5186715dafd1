"""The state of an optimizer in the form of torch.optim, and back."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim import SGD, Adagrad, Adam, Optimizer, RMSprop
from plaingrad.parameter import Parameter, shape

NAMES: dict[type[Optimizer], list[str]] = {
    SGD: ["momentum_buffer"],
    Adam: ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
    RMSprop: ["square_avg", "grad_avg", "momentum_buffer"],
    Adagrad: ["sum"],
}
"""The tensors that a rule remembers of each parameter, which have the same names in torch.optim."""
OURS_ALONE = ("epsilon_hat",)
"""Options that torch.optim does not have."""
COUNTING = (Adam, Adagrad)
"""The rules that count steps. PyTorch's RMSprop does so too, but makes nothing of it."""


def to_torch_optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """The state of an optimizer, for ``load_state_dict`` of the class of the same name in torch.optim.

    ``clip_norm`` is no part of it: PyTorch clips with ``torch.nn.utils.clip_grad_norm_``.

    Args:
        optimizer: SGD, Adam, AdamW, RMSprop or Adagrad.

    Returns:
        The state dict of an optimizer in torch over the same parameters in the same order and groups.

    Raises:
        ValueError: PyTorch has no such rule, or not with ``epsilon_hat``.
    """
    names_of(optimizer)
    if any(group.get("epsilon_hat") for group in optimizer.param_groups):
        raise InputError("expected a rule that PyTorch has, got Adam with epsilon_hat")
    own = optimizer.state
    states: dict[int, dict[str, Any]] = {}
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        first = sum(len(each["params"]) for each in groups)
        options = {name: option for name, option in group.items() if name not in ("params", "epsilon_hat")}
        groups.append({**options, "params": list(range(first, first + len(group["params"])))})
        for number, parameter in enumerate(group["params"], first):
            state = dict(own[parameter])
            if isinstance(optimizer, Adagrad) and not state:  # PyTorch's has one from the beginning
                state["sum"] = torch.full_like(parameter.value, group["initial_accumulator_value"])
            if state and not isinstance(optimizer, SGD):
                state["step"] = torch.tensor(float(state.get("step", 0)))
            if state:
                states[number] = {
                    name: entry.clone() if isinstance(entry, Tensor) else entry
                    for name, entry in state.items()
                }
    return {"state": states, "param_groups": groups}


def load_torch_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Take over the state dict of an optimizer of torch.optim. Either all of it fits or nothing changes.

    Args:
        optimizer: SGD, Adam, AdamW, RMSprop or Adagrad, over the same parameters in the same order.
        state: of the class of the same name in torch.optim.

    Raises:
        ValueError: it does not fit.
    """
    names, own = names_of(optimizer), optimizer.state_dict()
    if not isinstance(state, dict) or not {"state", "param_groups"} <= state.keys():
        got = list(state) if isinstance(state, dict) else type(state).__name__
        raise misfit("a state dict of torch.optim with 'state' and 'param_groups'", got)
    count = len(own["param_groups"])
    if len(state["param_groups"]) != count:
        raise misfit(f"{count} parameter groups", len(state["param_groups"]))
    groups, states = [], []
    for ours, described, group in zip(optimizer.param_groups, own["param_groups"], state["param_groups"]):
        expect_same_options(optimizer, ours, group)
        known = {name: number(option) for name, option in group.items() if name in {*described, "initial_lr"}}
        groups.append({**described, **known})
        parts = [
            state_of(state["state"].get(i, {}), names, optimizer, parameter)
            for i, parameter in zip(group["params"], ours["params"])
        ]
        states.append([joined(list(part)) for _, part in groupby(parts, key=step_and_names)])
    optimizer.load_state_dict({"clip_norm": own["clip_norm"], "param_groups": groups, "state": states})


def expect_same_options(optimizer: Optimizer, own: dict[str, Any], group: dict[str, Any]) -> None:
    """Refuse a parameter group of another rule or of another number of parameters."""
    missing = [name for name in optimizer.options if name not in group and name not in OURS_ALONE]
    count = len(own["params"])
    if missing or len(group["params"]) != count:
        options = ", ".join(missing) or "their options"
        expected = f"a group of {count} parameters with {options}, as of {type(optimizer).__name__}"
        raise misfit(expected, f"{len(group['params'])} with {', '.join(group)}")


def misfit(expected: str, got: Any) -> InputError:
    return InputError(f"load_torch_optimizer_state: expected {expected}, got {got}")


def names_of(optimizer: Optimizer) -> list[str]:
    """The tensors of a rule's state.

    Raises:
        ValueError: PyTorch has no such rule.
    """
    for rule, names in NAMES.items():
        if isinstance(optimizer, rule):
            return names
    known = ", ".join(rule.__name__ for rule in NAMES)
    raise InputError(f"expected a rule that PyTorch has ({known} and AdamW), got {type(optimizer).__name__}")


def number(option: Any) -> Any:
    """An option as a number, where PyTorch lets it be a tensor."""
    return option.item() if isinstance(option, Tensor) else option


def state_of(
    state: dict[str, Any], names: list[str], optimizer: Optimizer, parameter: Parameter
) -> dict[str, Any]:
    """The state of one parameter here, from its state in PyTorch."""
    tensors = {name: entry for name, entry in state.items() if name != "step" and entry is not None}
    for name, entry in tensors.items():
        expected = f"{' or '.join(names)} of shape {shape(parameter.value)}"
        if name not in names:
            raise misfit(expected, repr(name))
        if entry.shape != parameter.value.shape:
            raise misfit(expected, f"{name} of shape {shape(entry)}")
    if tensors and isinstance(optimizer, COUNTING) and "step" not in state:
        raise misfit("a step beside " + " and ".join(tensors), "none")
    flat = {name: tensors[name].reshape(-1) for name in names if name in tensors}
    return {"step": int(state["step"]), **flat} if flat and isinstance(optimizer, COUNTING) else flat


def step_and_names(state: dict[str, Any]) -> tuple[Any, ...]:
    """The count of steps and the names of the tensors, equal for parameters updated together."""
    return state.get("step", 0), *state


def joined(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of neighbouring parameters of one kind as that of one segment."""
    return {
        "parameters": len(states),
        "state": {
            name: torch.cat([state[name] for state in states]) if isinstance(entry, Tensor) else entry
            for name, entry in states[0].items()
        },
    }
