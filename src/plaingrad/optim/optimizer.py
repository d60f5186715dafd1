"""The base class of update rules: parameter groups, flat storage, state."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.optim.clip import clip_to_norm
from plaingrad.optim.common.group import completed
from plaingrad.optim.common.options import (
    FLAG,
    NON_NEGATIVE,
    POSITIVE_OR_NONE,
    Declared,
    arguments,
    expect,
    option,
)
from plaingrad.optim.common.segment import Group, Segment, State, bind, learning, split_by
from plaingrad.optim.common.state import described, expect_alike, expect_groups, restored, state_of
from plaingrad.parameter import FlatStorage, Parameter

Parameters = Iterable[Parameter] | Iterable[tuple[str, Parameter]] | Iterable[dict[str, Any]]
Vector = Float[Tensor, " n"]


class Optimizer(Declared):
    r"""An update rule over flat vectors.

    The parameters of a group share one contiguous buffer, and so do their gradients. A subclass declares its
    options as fields and writes `update` as its paper writes it, once for the whole vector:

    .. code-block:: python

        class SignSGD(Optimizer):
            lr: float = option("the step size", NON_NEGATIVE, default=1e-3)

            def update(self, value, grad, state, group):
                value.sub_(grad.sign(), alpha=group["lr"])

    Before that, `step` has applied what all rules share:

    .. math::
        g &\leftarrow g \cdot \min\Big(1, \frac{\text{clip\_norm}}{\lVert g \rVert_2 + 10^{-6}}\Big)
            && \text{over all groups together} \\
        g &\leftarrow -g && \text{to maximize} \\
        g &\leftarrow g + \lambda \theta && \lambda = \text{weight\_decay}

    A parameter that is frozen, or that has no gradient since `zero_grad`, is skipped: it is not decayed
    either, and its state does not change.

    Attributes:
        param_groups: a dict for each group, its options and its ``"params"``. Options may be changed at any
            time: ``optimizer.param_groups[0]["lr"] = 0.1``.
        options: the names of a group's options, and their allowed values.
        defaults: the options of a group that does not name them.
        needs_shapes: whether `update` gets each parameter alone and in its own shape rather than one vector.
        needs_closure: whether `step` needs a closure.
    """

    params: Parameters = option(
        "the parameters, with or without their names, or dicts ``{'params': ..., 'lr': ...}`` whose options "
        "override the others"
    )
    lr: float = option("the step size", NON_NEGATIVE)
    maximize: bool = option("whether to walk up instead", FLAG, default=False, kw_only=True)
    clip_norm: float | None = option(
        "the norm that the gradient keeps to; None leaves it alone", default=None, kw_only=True
    )

    needs_shapes: ClassVar[bool] = False
    needs_closure: ClassVar[bool] = False

    def __post_init__(self) -> None:
        name, params = type(self).__name__, list(vars(self).pop("params"))
        expect(name, "clip_norm", POSITIVE_OR_NONE, self.clip_norm)
        self.defaults: Group = {
            each.name: vars(self).pop(each.name, each.default)
            for each in arguments(type(self))
            if each.name in self.options
        }
        groups: list[Any] = params
        if not any(isinstance(entry, dict) for entry in params):
            groups = [{"params": params}]
        self.param_groups: list[Group] = []
        self._storages: list[FlatStorage] = []
        self._segments: list[list[Segment]] = []
        for i, group in enumerate(groups):
            where = name + (f" param_groups[{i}]" if len(groups) > 1 else "")
            self.param_groups.append(self._checked(where, group))
        for group in self.param_groups:
            self._hold(group["params"])

    def add_param_group(self, param_group: Group) -> None:
        """Add parameters, with a fresh state.

        A schedule that was created before does not change their learning rate.

        Args:
            param_group: a dict as for the constructor; options that it does not name are the constructor's.

        Raises:
            InputError: as for the constructor.
        """
        group = self._checked(f"{type(self).__name__} param_groups[{len(self.param_groups)}]", param_group)
        self.param_groups.append(group)
        self._hold(group["params"])

    def update(self, value: Vector, grad: Vector, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Change ``value`` in place by the rule.

        Args:
            value: parameters of a group as one vector; a single one in its shape if `needs_shapes`.
            grad: their gradient, which must not be changed.
            state: the rule's state of these parameters, empty at first.
            group: the options.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update")

    def decay(self, value: Vector, grad: Vector, group: dict[str, Any]) -> Vector:
        """The gradient plus that of the weight decay's penalty."""
        return grad.add(value, alpha=group["weight_decay"])

    def penalty_factor(self, group: Mapping[str, Any]) -> float:
        """The factor λ of a group's penalty ½ λ ‖θ‖²; see `penalty`."""
        return group.get("weight_decay", 0.0)

    def penalty(self, samples: float = 1.0) -> Tensor:
        """The penalty that weight decay adds to the loss: ½ λ / samples ‖θ‖² over all groups, shape ``()``.

        Frozen parameters do not count.

        Args:
            samples: as for `step`.
        """
        squares = torch.zeros(())
        for storage, group in zip(self.storages, self.param_groups):
            factor = self.penalty_factor(group)
            vectors = [storage.value]
            if any(parameter.frozen for parameter in storage.parameters):
                vectors = [p.value.reshape(-1) for p in storage.parameters if not p.frozen]
            if factor:
                squares = sum((factor * vector.dot(vector) for vector in vectors), squares)
        return squares / (2 * samples)

    def check(self, where: str, group: Mapping[str, Any]) -> None:
        """Refuse options that are out of range; a rule whose options depend on each other extends it."""
        for name, expected in self.options.items():
            expect(where, name, expected, group[name])

    def step(self, closure: Callable[[], Any] | None = None, *, samples: float = 1.0) -> Any:
        """Update every parameter that is not frozen and has a gradient.

        Args:
            closure: recomputes the gradients before the update.
            samples: the divisor of the weight decay: the number of samples in the batch where the decay is
                per sample.

        Returns:
            The result of the closure; None without one.

        Raises:
            InputError: an option is too large for the parameters' dtype.
        """
        loss = None if closure is None else closure()
        selected = self.select(learning)
        if self.clip_norm is not None:
            clip_to_norm([segment.grad for segments in selected for segment in segments], self.clip_norm)
        for segments, group in zip(selected, self.param_groups):
            for segment in segments:
                value, grad, options = segment.value, segment.grad, group
                if group["maximize"]:
                    grad = -grad
                try:
                    if decay := group.get("weight_decay"):
                        options = {**group, "weight_decay": decay / samples}
                        grad = self.decay(value, grad, options)
                    self.update(value, grad, segment.state, options)
                except RuntimeError as error:
                    self._expect_representable(value.dtype, group, error)
                    raise
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to zero, and mark their parameters as without a gradient.

        Args:
            set_to_none: as for `plaingrad.Parameter.zero_grad`.
        """
        for storage in self.storages:
            storage.zero_grad(set_to_none)

    def select(self, flags: Callable[[list[Parameter]], list[bool]]) -> list[list[Segment]]:
        """The segments of each group whose parameters are all active; partly active ones are split.

        Args:
            flags: a function that returns for each of some parameters whether it is active.
        """
        selected = []
        for i, segments in enumerate(self.segments):
            chosen = segments
            for segment in segments:
                if not all(flags(segment.parameters)):
                    self._segments[i], chosen = split_by(segments, flags)
                    break
            selected.append(chosen)
        return selected

    @property
    def storages(self) -> list[FlatStorage]:
        """The flat storage of each group, rebuilt where parameters have moved, with its state."""
        for storage in self._storages:
            if storage.abandoned:
                i = self._storages.index(storage)
                self._storages[i] = FlatStorage.of(storage.parameters)
                bind(self._storages[i], self._segments[i])
        return self._storages

    @property
    def segments(self) -> list[list[Segment]]:
        """The segments of each group: runs of parameters that have always been updated together."""
        _ = self.storages  # rebinds the segments where parameters have moved
        return self._segments

    @property
    def state(self) -> dict[Parameter, State]:
        """The state of each parameter, as in torch.optim; the tensors are views."""
        return {
            parameter: state
            for segments in self.segments
            for segment in segments
            for parameter, state in segment.per_parameter()
        }

    def __getstate__(self) -> dict[str, Any]:
        """The fields of a copy or a pickle, with storage and state up to date."""
        return {**vars(self), "_storages": list(self.storages)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        for storage, segments in zip(self._storages, self._segments):
            bind(storage, segments)

    def state_dict(self) -> dict[str, Any]:
        """The options and the state of every group, independent of this optimizer.

        A group has its parameters' shapes in their place. Its state is a list of dicts, each with a number of
        consecutive ``"parameters"`` and their ``"state"``.
        """
        return {
            "clip_norm": self.clip_norm,
            "param_groups": [described(group) for group in self.param_groups],
            "state": [state_of(segments) for segments in self.segments],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of `state_dict`; all of it, or on an error nothing.

        Args:
            state: the state of an optimizer of the same class, over parameters of the same shapes.

        Raises:
            InputError: it does not fit.
        """
        name = type(self).__name__
        expect_groups(name, state, len(self.param_groups))
        expect(name, "clip_norm", POSITIVE_OR_NONE, state["clip_norm"])
        groups, segments = state["param_groups"], []
        for i, (own, group, memory) in enumerate(zip(self.param_groups, groups, state["state"])):
            where = f"{name} param_groups[{i}]"
            expect_alike(where, group, described(own))
            self.check(where, group)
            segments.append(restored(where, memory, self.storages[i], self.needs_shapes))
        self.clip_norm, self._segments = state["clip_norm"], segments
        for own, group in zip(self.param_groups, groups):
            own.update((key, option) for key, option in group.items() if key != "shapes")

    def _checked(self, where: str, group: Any) -> Group:
        group = completed(where, group, self.defaults, self.param_groups)
        self.check(where, group)
        return group

    def _hold(self, params: list[Parameter]) -> None:
        storage = FlatStorage.of(params)
        parts = [[each] for each in params] if self.needs_shapes else [params]
        self._storages.append(storage)
        self._segments.append(bind(storage, [Segment(part, {}, self.needs_shapes) for part in parts]))

    def _expect_representable(self, dtype: torch.dtype, group: Mapping[str, Any], error: Exception) -> None:
        """Refuse options so large that a step made of them overflows the parameters' dtype."""
        largest = math.sqrt(torch.finfo(dtype).max)  # the dtype cannot hold the square of a larger number
        numbers = {name: each for name, each in group.items() if isinstance(each, (int, float))}
        large = ", ".join(f"{name}={each:g}" for name, each in numbers.items() if abs(each) > largest)
        if large:
            expected = f"options that {str(dtype).removeprefix('torch.')} can hold"
            raise InputError(f"{type(self).__name__}: expected {expected}, got {large}") from error

    def __repr__(self) -> str:
        lines = []
        for group in self.param_groups:
            options = [f"{name}={group[name]!r}" for name in self.options]
            lines.append(f"{type(self).__name__}({', '.join(options)})")
        return "\n".join(lines)
