"""What update rules share: parameter groups, flat storage, state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from plaingrad.parameter import FlatStorage, Parameter, flatten_parameters


class Optimizer:
    """An update rule over flat vectors.

    A subclass writes `update` as its paper writes it, once for all parameters of a group, which share one
    contiguous buffer.

    Args:
        params: the parameters, or a list of dicts ``{"params": ..., "lr": ...}`` whose options override
            the defaults for their own parameters.
        defaults: the options of the rule.
    """

    def __init__(
        self, params: Iterable[Parameter] | Iterable[dict[str, Any]], defaults: dict[str, Any]
    ) -> None:
        given: list[Any] = list(params)
        groups = given if given and isinstance(given[0], dict) else [{"params": given}]
        self.param_groups: list[dict[str, Any]] = [
            {**defaults, **group, "params": list(group["params"])} for group in groups
        ]
        self.storages: list[FlatStorage] = [
            flatten_parameters(group["params"]) for group in self.param_groups
        ]
        self.state: list[dict[str, Any]] = [{} for _ in self.param_groups]

    def update(self, value: Tensor, grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change ``value`` in place, given the gradient, all as flat vectors of one group."""
        raise NotImplementedError

    def step(self) -> None:
        """Update every parameter once."""
        for i, (group, state) in enumerate(zip(self.param_groups, self.state)):
            if self.storages[i].abandoned:
                self.storages[i] = flatten_parameters(group["params"])
            self.update(self.storages[i].value, self.storages[i].grad, state, group)

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        for storage in self.storages:
            storage.grad.zero_()
