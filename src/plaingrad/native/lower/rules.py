"""The update rules that the kernels know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from plaingrad import optim
from plaingrad.native.lower.source import NotLoweredError
from plaingrad.optim import Optimizer

Group = dict[str, Any]

LEAST_EPS = 1e-30
"""What must be added to a divisor that can be 0, for the kernels divide by way of its reciprocal."""


@dataclass(frozen=True)
class LoweredRule:
    """An update rule as the kernels know it.

    Attributes:
        name: the C++ template.
        options: the numbers that it reads for each group, in its order.
        flags: what it can leave out, by the names that it asks for.
        states: the names of its states in the optimizer, in its order, each with what it starts from.
        count: whether the optimizer's state counts steps.
    """

    name: str
    options: Callable[[Group], list[float]]
    flags: Callable[[Group], dict[str, bool]]
    states: Callable[[Group], dict[str, float]]
    count: bool = False


def lower_rule(optimizer: Optimizer) -> tuple[LoweredRule, dict[str, bool]]:
    """The rule of an optimizer, and its flags.

    Raises:
        NotLoweredError: the kernels do not know it, or not with such options.
    """
    rule = RULES.get(type(optimizer))
    if rule is None:
        raise NotLoweredError(f"{type(optimizer).__name__} is not among its update rules")
    flags = []
    for group in optimizer.param_groups:
        if "eps" in group and not group["eps"] > LEAST_EPS:
            raise NotLoweredError(f"{type(optimizer).__name__} with eps={group['eps']:g}")
        flags.append({"maximize": bool(group["maximize"])} | rule.flags(group))
    if any(other != flags[0] for other in flags):
        differing = sorted(name for name in flags[0] if len({f[name] for f in flags}) > 1)
        raise NotLoweredError(f"parameter groups that differ in whether there is {' or '.join(differing)}")
    decays = any(group["weight_decay"] for group in optimizer.param_groups)  # by 0 where a group has none
    return rule, flags[0] | {"weight_decay": decays}


def adam_states(group: Group) -> dict[str, float]:
    """The running means, and with amsgrad the largest of the second."""
    names = ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if group["amsgrad"] else [])]
    return dict.fromkeys(names, 0.0)


def rmsprop_states(group: Group) -> dict[str, float]:
    """The running mean square, and what else is asked for."""
    names = ["square_avg"]
    names += ["grad_avg"] if group["centered"] else []
    names += ["momentum_buffer"] if group["momentum"] else []
    return dict.fromkeys(names, 0.0)


ADAM = LoweredRule(
    "Adam",
    options=lambda group: [group["weight_decay"], *group["betas"], group["eps"]],
    flags=lambda group: {
        "amsgrad": group["amsgrad"],
        "decoupled": group["decoupled_weight_decay"],
        "epsilon_hat": group["epsilon_hat"],
    },
    states=adam_states,
    count=True,
)

RULES: dict[type[Optimizer], LoweredRule] = {
    optim.SGD: LoweredRule(
        "SGD",
        options=lambda group: [group["weight_decay"], group["momentum"], group["dampening"]],
        flags=lambda group: {"momentum": group["momentum"] != 0, "nesterov": group["nesterov"]},
        states=lambda group: {"momentum_buffer": 0.0} if group["momentum"] else {},
    ),
    optim.Adam: ADAM,
    optim.AdamW: ADAM,
    optim.RMSprop: LoweredRule(
        "RMSprop",
        options=lambda group: [group["weight_decay"], group["alpha"], group["eps"], group["momentum"]],
        flags=lambda group: {"centered": group["centered"], "momentum": group["momentum"] != 0},
        states=rmsprop_states,
    ),
    optim.Adagrad: LoweredRule(
        "Adagrad",
        options=lambda group: [group["weight_decay"], group["lr_decay"], group["eps"]],
        flags=lambda group: {},
        states=lambda group: {"sum": group["initial_accumulator_value"]},
        count=True,
    ),
}

OPTIONS = 4  # how many numbers every rule gets of each group; what it does not ask for is 0
