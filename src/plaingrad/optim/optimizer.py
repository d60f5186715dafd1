"""What update rules share: parameter groups, flat storage, state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.optim.clip import scale_to_norm, total_norm
from plaingrad.optim.options import FLAG, NON_NEGATIVE, POSITIVE_OR_NONE, Expected, expect
from plaingrad.parameter import FlatStorage, Parameter, shape

Parameters = Iterable[Parameter] | Iterable[dict[str, Any]]
Vector = Float[Tensor, " n"]


class Optimizer:
    r"""An update rule over flat vectors.

    The parameters of a group share one contiguous buffer, and so do their gradients. A subclass writes
    `update` as its paper writes it, once for the whole vector. Before that, `step` has done what all rules
    share:

    .. math::
        g &\leftarrow g \cdot \min\Big(1, \frac{\text{clip\_norm}}{\lVert g \rVert_2 + 10^{-6}}\Big)
            && \text{over all groups together} \\
        g &\leftarrow -g && \text{to maximize} \\
        g &\leftarrow g + \lambda \theta && \lambda = \text{weight\_decay}

    Args:
        params: the parameters, or a list of dicts ``{"params": ..., "lr": ...}`` whose options override
            the defaults for their own parameters.
        lr: the step size.
        weight_decay: the factor λ of the penalty on large weights.
        maximize: whether to walk up instead.
        clip_norm: the norm that the gradient keeps to; None leaves it alone.
        options: what else the rule has.

    Attributes:
        param_groups: a dict for each group, its options and its ``"params"``. Options may be changed at any
            time: ``optimizer.param_groups[0]["lr"] = 0.1``.
        state: what the rule remembers, a dict for each group. Tensors in it are flat vectors.

    Raises:
        ValueError: there are no parameters, one is in two groups, or an option is unknown or out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "lr": NON_NEGATIVE,
        "weight_decay": NON_NEGATIVE,
        "maximize": FLAG,
    }

    def __init__(
        self,
        params: Parameters,
        *,
        lr: float,
        weight_decay: float = 0,
        maximize: bool = False,
        clip_norm: float | None = None,
        **options: Any,
    ) -> None:
        expect(type(self).__name__, "clip_norm", POSITIVE_OR_NONE, clip_norm)
        self.clip_norm = clip_norm
        defaults = {"lr": lr, **options, "weight_decay": weight_decay, "maximize": maximize}
        given: list[Any] = list(params)
        if not any(isinstance(entry, dict) for entry in given):
            given = [{"params": given}]
        self.param_groups: list[dict[str, Any]] = []
        for i, group in enumerate(given):
            where = type(self).__name__ + (f" param_groups[{i}]" if len(given) > 1 else "")
            self.param_groups.append(self._group(where, group, defaults))
        self._storages = [FlatStorage.of(group["params"]) for group in self.param_groups]
        self.state: list[dict[str, Any]] = [{} for _ in self.param_groups]

    def update(self, value: Vector, grad: Vector, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change ``value`` in place by the rule.

        Args:
            value: all parameters of a group as one vector.
            grad: their gradient, which must not be changed.
            state: what the rule remembers of this group, empty at first.
            group: the options.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def decay(self, value: Vector, grad: Vector, group: dict[str, Any]) -> Vector:
        """The gradient with that of the penalty on large weights."""
        return grad.add(value, alpha=group["weight_decay"])

    def penalty_factor(self, group: Mapping[str, Any]) -> float:
        """The λ of what the weight decay of a group adds to the loss, ½ λ ‖θ‖²; see `penalty`."""
        return group["weight_decay"]

    def penalty(self, samples: float = 1.0) -> Tensor:
        """What the weight decay adds to the loss, ½ λ / samples ‖θ‖² summed over the groups, shape ``()``.

        Args:
            samples: as for `step`.
        """
        squares = [
            self.penalty_factor(group) * storage.value.dot(storage.value)
            for storage, group in zip(self.storages, self.param_groups)
            if self.penalty_factor(group)
        ]
        return sum(squares, torch.zeros(())) / (2 * samples)

    def check(self, where: str, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range; a rule whose options depend on each other adds to this."""
        for name, expected in self.expected.items():
            expect(where, name, expected, group[name])

    def step(self, samples: float = 1.0) -> None:
        """Update every parameter once.

        Args:
            samples: by what the weight decay is divided: where it is meant for one sample, the number of
                samples in the batch.

        Raises:
            ValueError: an option is too large for the parameters' dtype.
        """
        storages = self.storages
        if self.clip_norm is not None:
            grads = [storage.grad for storage in storages]
            scale_to_norm(grads, total_norm(grads), self.clip_norm)
        for storage, state, group in zip(storages, self.state, self.param_groups):
            value, grad = storage.value, storage.grad
            if group["maximize"]:
                grad = -grad
            try:
                if group["weight_decay"]:
                    decay = group["weight_decay"] / samples
                    grad = self.decay(value, grad, {**group, "weight_decay": decay})
                self.update(value, grad, state, group)
            except RuntimeError as error:
                if "without overflow" not in str(error):
                    raise
                raise ValueError(self._too_large(value, group)) from error

    def zero_grad(self) -> None:
        """Set all gradients to zero."""
        for storage in self.storages:
            storage.grad.zero_()

    @property
    def storages(self) -> list[FlatStorage]:
        """The flat storage of each group, built anew where parameters have moved; the state moves along."""
        for i, storage in enumerate(self._storages):
            if storage.abandoned:
                storage = self._storages[i] = FlatStorage.of(self.param_groups[i]["params"])
                self.state[i] = {name: moved(entry, storage.value) for name, entry in self.state[i].items()}
        return self._storages

    def __getstate__(self) -> dict[str, Any]:
        """What a copy or a pickle is made from: storage and state as they belong together."""
        self._storages = self.storages
        return vars(self)

    def state_dict(self) -> dict[str, Any]:
        """The options and the state of every group, independent of this optimizer.

        In place of its parameters, a group has their shapes.
        """
        return {
            "clip_norm": self.clip_norm,
            "param_groups": [described(group) for group in self.param_groups],
            "state": [
                {name: moved(entry, storage.value, copy=True) for name, entry in state.items()}
                for state, storage in zip(self.state, self.storages)
            ],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave. Either all of it fits or nothing changes.

        Args:
            state: of an optimizer of the same kind, over parameters of the same shapes.

        Raises:
            ValueError: it does not fit.
        """
        name = type(self).__name__
        if state.keys() != {"clip_norm", "param_groups", "state"}:
            expected = "a state with clip_norm, param_groups and state"
            raise ValueError(f"{name}: expected {expected}, got {list(state)}")
        groups, memories = state["param_groups"], state["state"]
        if not len(groups) == len(memories) == len(self.param_groups):
            raise ValueError(
                f"{name}: expected a state of {len(self.param_groups)} parameter groups, got {len(groups)}"
            )
        expect(name, "clip_norm", POSITIVE_OR_NONE, state["clip_norm"])
        for i, (own, group, memory) in enumerate(zip(map(described, self.param_groups), groups, memories)):
            where = f"{name} param_groups[{i}]"
            if group.keys() != own.keys():
                raise ValueError(f"{where}: expected a state with {list(own)}, got {list(group)}")
            if list(map(tuple, group["shapes"])) != own["shapes"]:
                raise ValueError(
                    f"{where}: expected parameters of shapes {own['shapes']}, got {group['shapes']}"
                )
            self.check(where, group)
            size = shape(self.storages[i].value)
            for key, entry in memory.items():
                if isinstance(entry, Tensor) and shape(entry) != size:
                    raise ValueError(f"{where}: expected {key!r} of shape {size}, got {shape(entry)}")
        self.clip_norm = state["clip_norm"]
        for own, group in zip(self.param_groups, groups):
            own.update((key, option) for key, option in group.items() if key != "shapes")
        self.state = [
            {key: moved(entry, storage.value, copy=True) for key, entry in memory.items()}
            for memory, storage in zip(memories, self.storages)
        ]

    def _group(self, where: str, group: Any, defaults: dict[str, Any]) -> dict[str, Any]:
        if not isinstance(group, dict) or "params" not in group:
            raise ValueError(f"{where}: expected a dict with 'params', got {group!r}")
        params = group["params"]
        params = [params] if isinstance(params, Parameter) else list(dict.fromkeys(params))
        if not params:
            raise ValueError(f"{where}: expected at least one parameter, got none")
        for param in params:
            if not isinstance(param, Parameter):
                raise ValueError(f"{where}: expected instances of Parameter, got a {type(param).__name__}")
            if any(param in earlier["params"] for earlier in self.param_groups):
                raise ValueError(f"{where}: expected each parameter in one group, got {param} in two")
        unknown = [name for name in group if name not in defaults and name != "params"]
        if unknown:
            raise ValueError(f"{where}: expected options among {list(defaults)}, got {unknown}")
        complete = {**defaults, **group, "params": params}
        self.check(where, complete)
        return complete

    def _too_large(self, value: Vector, group: Mapping[str, Any]) -> str:
        """Which options the parameters' dtype cannot hold, or what the rule makes of them."""
        suspected = 1e18  # float32 cannot hold the square of what is larger
        numbers = {name: each for name, each in group.items() if isinstance(each, (int, float))}
        told = ", ".join(f"{name}={each:g}" for name, each in numbers.items() if abs(each) > suspected)
        dtype = str(value.dtype).removeprefix("torch.")
        return f"{type(self).__name__}: expected options that {dtype} can hold, got {told or dict(numbers)}"

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            options = [f"{name}={value!r}" for name, value in group.items() if name != "params"]
            lines.append(f"{type(self).__name__}({', '.join(options)})")
        return "\n".join(lines)


def described(group: dict[str, Any]) -> dict[str, Any]:
    """A group's options, with the shapes of its parameters in their place."""
    options = {name: option for name, option in group.items() if name != "params"}
    return {**options, "shapes": [shape(parameter.value) for parameter in group["params"]]}


def moved(entry: Any, like: Tensor, copy: bool = False) -> Any:
    """A tensor in the dtype and on the device of another; anything else as it is."""
    return entry.to(like, copy=copy) if isinstance(entry, Tensor) else entry


def accumulator(state: dict[str, Any], name: str, like: Tensor, start: float = 0.0) -> Tensor:
    """The vector of this name in a group's state, made when it is first asked for."""
    if name not in state:
        state[name] = torch.full_like(like, start)
    return state[name]
