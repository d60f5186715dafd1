"""The state of an optimizer in the form of torch.optim, and back."""

from __future__ import annotations

from itertools import groupby
from typing import Any, NamedTuple

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim import (
    ASGD,
    LBFGS,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    Muon,
    NAdam,
    Optimizer,
    RAdam,
    RMSprop,
    Rprop,
)
from plaingrad.parameter import Parameter, shape


class Memory(NamedTuple):
    """The state of a rule, under the names that it has in torch.optim too.

    Attributes:
        tensors: the names of the tensors that it remembers of each parameter.
        numbers: those of the numbers, without the count of steps.
        counts: whether the rule counts steps here. PyTorch counts them for all but SGD and Muon, even where
            it makes nothing of it.
        counts_there: whether PyTorch does.
    """

    tensors: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    counts: bool = True
    counts_there: bool = True


MEMORIES: dict[type[Optimizer], Memory] = {
    SGD: Memory(("momentum_buffer",), counts=False, counts_there=False),
    Adam: Memory(("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    RMSprop: Memory(("square_avg", "grad_avg", "momentum_buffer"), counts=False),
    Adagrad: Memory(("sum",)),
    Adamax: Memory(("exp_avg", "exp_inf")),
    NAdam: Memory(("exp_avg", "exp_avg_sq"), ("mu_product",)),
    RAdam: Memory(("exp_avg", "exp_avg_sq")),
    Adadelta: Memory(("square_avg", "acc_delta"), counts=False),
    Rprop: Memory(("prev", "step_size"), counts=False),
    ASGD: Memory(("ax",), ("eta", "mu")),
    Adafactor: Memory(("row_var", "col_var", "variance")),
    Muon: Memory(("momentum_buffer",), counts=False, counts_there=False),
    LBFGS: Memory(
        ("d", "prev_flat_grad", "old_dirs", "old_stps"),
        ("func_evals", "n_iter", "t", "ro", "H_diag", "prev_loss"),
        counts=False,
        counts_there=False,
    ),
}
OURS_ALONE = ("epsilon_hat",)
"""Options that torch.optim does not have."""
WITHOUT_MAXIMIZE = (Muon, LBFGS)
"""The rules whose options in torch.optim lack ``maximize``."""


def to_torch_optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """The state of an optimizer, for ``load_state_dict`` of the class of the same name in torch.optim.

    ``clip_norm`` is no part of it: PyTorch clips with ``torch.nn.utils.clip_grad_norm_``.

    Args:
        optimizer: a rule that torch.optim has too.

    Returns:
        The state dict of an optimizer in torch over the same parameters in the same order and groups.

    Raises:
        ValueError: PyTorch has no such rule, or not with ``epsilon_hat``.
    """
    memory = memory_of(optimizer)
    if any(group.get("epsilon_hat") for group in optimizer.param_groups):
        raise InputError("expected a rule that PyTorch has, got Adam with epsilon_hat")
    own = optimizer.state
    left_out = {"params", *OURS_ALONE, *(["maximize"] if isinstance(optimizer, WITHOUT_MAXIMIZE) else [])}
    states: dict[int, dict[str, Any]] = {}
    groups: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        first = sum(len(each["params"]) for each in groups)
        options = {name: option for name, option in group.items() if name not in left_out}
        groups.append({**options, "params": list(range(first, first + len(group["params"])))})
        for i, parameter in enumerate(group["params"], first):
            state = dict(own.get(parameter, {}))
            if isinstance(optimizer, Adagrad) and not state:  # PyTorch's has one from the beginning
                state["sum"] = torch.full_like(parameter.value, group["initial_accumulator_value"])
            if state and memory.counts_there:
                state["step"] = torch.tensor(float(state.get("step", 0)))
            if state:
                states[i] = {name: outgoing(name, entry, optimizer) for name, entry in state.items()}
    return {"state": states, "param_groups": groups}


def outgoing(name: str, entry: Any, optimizer: Optimizer) -> Any:
    """An entry of a parameter's state as PyTorch has it, independent of the optimizer."""
    if isinstance(entry, list):
        return [outgoing(name, each, optimizer) for each in entry]
    if isinstance(entry, Tensor):
        return entry.clone()
    as_tensor = isinstance(optimizer, (NAdam, ASGD)) and name in memory_of(optimizer).numbers
    return torch.tensor(entry, dtype=torch.float64) if as_tensor else entry


def load_torch_optimizer_state(optimizer: Optimizer, state: dict[str, Any]) -> None:
    """Take over the state dict of an optimizer of torch.optim. Either all of it fits or nothing changes.

    Args:
        optimizer: a rule that torch.optim has too, over the same parameters in the same order.
        state: of the class of the same name in torch.optim.

    Raises:
        ValueError: it does not fit.
    """
    memory, own = memory_of(optimizer), optimizer.state_dict()
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
        theirs = [state["state"].get(i, {}) for i in group["params"]]
        if isinstance(optimizer, LBFGS):
            states.append([{"parameters": len(theirs), "state": joint_state(theirs[0], memory)}])
            continue
        parts = [
            state_of(each, memory, optimizer, parameter) for each, parameter in zip(theirs, ours["params"])
        ]
        if optimizer.needs_shapes:
            states.append([{"parameters": 1, "state": part} for part in parts])
        else:
            states.append([joined(list(part)) for _, part in groupby(parts, key=numbers_and_names)])
    optimizer.load_state_dict({"clip_norm": own["clip_norm"], "param_groups": groups, "state": states})


def expect_same_options(optimizer: Optimizer, own: dict[str, Any], group: dict[str, Any]) -> None:
    """Refuse a parameter group of another rule or of another number of parameters."""
    ours_alone = {*OURS_ALONE, *(["maximize"] if isinstance(optimizer, WITHOUT_MAXIMIZE) else [])}
    missing = [name for name in optimizer.options if name not in group and name not in ours_alone]
    count = len(own["params"])
    if missing or len(group["params"]) != count:
        options = ", ".join(missing) or "their options"
        expected = f"a group of {count} parameters with {options}, as of {type(optimizer).__name__}"
        raise misfit(expected, f"{len(group['params'])} with {', '.join(group)}")


def misfit(expected: str, got: Any) -> InputError:
    return InputError(f"load_torch_optimizer_state: expected {expected}, got {got}")


def memory_of(optimizer: Optimizer) -> Memory:
    """The names of a rule's state.

    Raises:
        ValueError: PyTorch has no such rule.
    """
    for rule, memory in MEMORIES.items():
        if isinstance(optimizer, rule):
            return memory
    known = ", ".join(rule.__name__ for rule in MEMORIES)
    raise InputError(f"expected a rule that PyTorch has ({known} and AdamW), got {type(optimizer).__name__}")


def number(option: Any) -> Any:
    """An option or an entry of a state as a number, where PyTorch lets it be a tensor."""
    if isinstance(option, list):
        return list(map(number, option))
    return option.item() if isinstance(option, Tensor) else option


def state_of(
    state: dict[str, Any], memory: Memory, optimizer: Optimizer, parameter: Parameter
) -> dict[str, Any]:
    """The state of one parameter here, from its state in PyTorch."""
    names, expected_numbers = memory.tensors, [*(["step"] if memory.counts else []), *memory.numbers]
    tensors = {
        name: entry
        for name, entry in state.items()
        if name not in ("step", *memory.numbers) and entry is not None
    }
    for name, entry in tensors.items():
        expected = f"{' or '.join(names)} of shape {shape(parameter.value)}"
        if name not in names:
            raise misfit(expected, repr(name))
        if entry.shape != parameter.value.shape and not optimizer.needs_shapes:
            raise misfit(expected, f"{name} of shape {shape(entry)}")
    missing = [name for name in expected_numbers if name not in state]
    if tensors and missing:
        raise misfit(f"a {missing[0]} beside " + " and ".join(tensors), "none")
    kept = {name: tensors[name] for name in names if name in tensors}
    if not optimizer.needs_shapes:
        kept = {name: entry.reshape(-1) for name, entry in kept.items()}
    counted = {name: number(state[name]) for name in expected_numbers} if kept else {}
    return {name: int(entry) if name == "step" else entry for name, entry in counted.items()} | kept


def joint_state(state: dict[str, Any], memory: Memory) -> dict[str, Any]:
    """The state of all parameters together here, from that of the first one in PyTorch."""
    kept = {name: state[name] for name in memory.tensors if state.get(name) is not None}
    return {name: number(state[name]) for name in memory.numbers if state.get(name) is not None} | kept


def numbers_and_names(state: dict[str, Any]) -> tuple[Any, ...]:
    """The numbers of a state and the names of its tensors, equal for parameters updated together."""
    return tuple(name if isinstance(entry, Tensor) else (name, entry) for name, entry in state.items())


def joined(states: list[dict[str, Any]]) -> dict[str, Any]:
    """The state of neighbouring parameters of one kind as that of one segment."""
    return {
        "parameters": len(states),
        "state": {
            name: torch.cat([state[name] for state in states]) if isinstance(entry, Tensor) else entry
            for name, entry in states[0].items()
        },
    }
