"""The update rules beside those of torch.optim: options to draw, and parameters that both start from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from plaingrad import Parameter, optim

SHAPES = [(3, 2), (), (1,), (2, 1, 3), (5,), (0,), (1, 1)]
NAMES = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"]

rates = st.floats(1e-4, 0.5)
fractions = st.floats(0.1, 0.99)
some = st.one_of(st.just(0.0), st.floats(1e-3, 0.5))
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3, 0.5])
common = {"lr": rates, "weight_decay": some, "maximize": st.booleans()}
moments = {**common, "betas": st.tuples(fractions, fractions), "eps": epsilons, "amsgrad": st.booleans()}
plain_sgd = {**common, "momentum": some, "dampening": st.floats(-0.5, 1.5)}
nesterov = {**common, "momentum": fractions, "nesterov": st.just(True)}

options: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "SGD": st.fixed_dictionaries({}, optional=plain_sgd) | st.fixed_dictionaries(nesterov),
    "Adam": st.fixed_dictionaries({}, optional={**moments, "decoupled_weight_decay": st.booleans()}),
    "AdamW": st.fixed_dictionaries({}, optional=moments),
    "RMSprop": st.fixed_dictionaries(
        {},
        optional={**common, "alpha": fractions, "eps": epsilons, "momentum": some, "centered": st.booleans()},
    ),
    "Adagrad": st.fixed_dictionaries(
        {}, optional={**common, "lr_decay": some, "initial_accumulator_value": some, "eps": epsilons}
    ),
}


class Pair:
    """An optimizer of plaingrad and its counterpart in torch, over equal parameters and the same gradients.

    Args:
        name: the class in both packages.
        given: options for the constructor.
        groups: options for each parameter group; none for a plain list of parameters.
        seed: of the values and the gradients.
        clip_norm: for ours; theirs is clipped by torch.nn.utils.
    """

    def __init__(
        self,
        name: str,
        given: dict[str, Any],
        groups: list[dict[str, Any]] | None = None,
        seed: int = 0,
        clip_norm: float | None = None,
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        values = [self.normal(shape) for shape in SHAPES]
        self.clip_norm = clip_norm
        self.parameters = [Parameter(value.clone()) for value in values]
        self.tensors = [value.clone().requires_grad_() for value in values]
        self.ours = getattr(optim, name)(dealt(self.parameters, groups), **given, clip_norm=clip_norm)
        self.theirs = getattr(torch.optim, name)(dealt(self.tensors, groups), **given)

    def normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)

    def step(
        self,
        frozen: Sequence[int] = (),
        missing: Sequence[int] = (),
        sides: Sequence[str] = ("ours", "theirs"),
    ) -> None:
        """One step with the same random gradients.

        Args:
            frozen: the numbers of the parameters that are frozen for this step.
            missing: of those that have no gradient.
            sides: who takes the step.
        """
        self.gradients = [self.normal(shape) for shape in SHAPES]
        self.ours.zero_grad()
        for i, gradient in enumerate(self.gradients):
            parameter, tensor = self.parameters[i], self.tensors[i]
            parameter.frozen = i in frozen
            tensor.grad = None
            if i not in missing:
                parameter.grad = gradient
                tensor.grad = None if i in frozen else gradient.clone()
        if "ours" in sides:
            self.ours.step()
        if "theirs" in sides:
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(self.tensors, self.clip_norm)
            self.theirs.step()

    def assert_equal(self) -> None:
        for parameter, tensor in zip(self.parameters, self.tensors):
            torch.testing.assert_close(parameter.value, tensor.detach(), rtol=1e-10, atol=1e-10)


def dealt(items: list[Any], groups: list[dict[str, Any]] | None) -> list[Any]:
    """The items as they are, or dealt out to groups with these options."""
    if groups is None:
        return items
    return [{"params": items[i :: len(groups)], **options} for i, options in enumerate(groups)]
