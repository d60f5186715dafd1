"""The update rules beside those of torch.optim: options to draw, and parameters that both start from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from plaingrad import Parameter, optim

SHAPES = [(3, 2), (), (1,), (2, 1, 3), (5,), (0,), (1, 1)]
COUNT = len(SHAPES)
# Where torch fails on a parameter without elements, or takes matrices alone.
OTHER_SHAPES = {
    "Adafactor": [(3, 2), (), (1,), (2, 1, 3), (5,), (2, 3, 1, 2), (1, 1)],
    "Muon": [(3, 2), (1, 4), (2, 2), (5, 1), (2, 5), (6, 3), (1, 1)],
}
NAMES = [
    "SGD",
    "Adam",
    "AdamW",
    "RMSprop",
    "Adagrad",
    "Adamax",
    "NAdam",
    "RAdam",
    "Adadelta",
    "Rprop",
    "ASGD",
    "Adafactor",
    "Muon",
]
WITHOUT_DECAY = ["Rprop"]
WITHOUT_MAXIMIZE = ["Muon"]
WITHOUT_MOMENTUM = ["Adagrad", "Adadelta", "Rprop", "ASGD", "Adafactor"]

rates = st.floats(1e-4, 0.5)
fractions = st.floats(0.1, 0.99)
some = st.one_of(st.just(0.0), st.floats(1e-3, 0.5))
epsilons = st.sampled_from([1e-10, 1e-8, 1e-3, 0.5])
common = {"lr": rates, "weight_decay": some, "maximize": st.booleans()}
moments = {**common, "betas": st.tuples(fractions, fractions), "eps": epsilons, "amsgrad": st.booleans()}
plain_sgd = {**common, "momentum": some, "dampening": st.floats(-0.5, 1.5)}
nesterov = {**common, "momentum": fractions, "nesterov": st.just(True)}
nadam = {**moments, "momentum_decay": some, "decoupled_weight_decay": st.booleans()}
radam = {**moments, "decoupled_weight_decay": st.booleans()}
for each in (nadam, radam):
    del each["amsgrad"]

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
    "Adamax": st.fixed_dictionaries(
        {}, optional={**common, "betas": st.tuples(fractions, fractions), "eps": epsilons}
    ),
    "NAdam": st.fixed_dictionaries({}, optional=nadam),
    "RAdam": st.fixed_dictionaries({}, optional=radam),
    "Adadelta": st.fixed_dictionaries(
        {}, optional={**common, "lr": st.floats(0.1, 2), "rho": fractions, "eps": epsilons}
    ),
    "Rprop": st.fixed_dictionaries(
        {},
        optional={
            "lr": rates,
            "maximize": st.booleans(),
            "etas": st.tuples(st.floats(0.1, 0.9), st.floats(1.1, 3)),
            "step_sizes": st.tuples(st.floats(0, 0.01), st.floats(0.01, 10)),
        },
    ),
    "ASGD": st.fixed_dictionaries(
        {}, optional={**common, "lambd": some, "alpha": st.floats(0, 2), "t0": st.integers(0, 30)}
    ),
    "Adafactor": st.fixed_dictionaries(
        {},
        optional={
            **common,
            "beta2_decay": st.floats(-2, 0),
            "eps": st.tuples(st.none() | epsilons, st.floats(0, 2)),
            "d": st.floats(1, 3),
        },
    ),
    "Muon": st.fixed_dictionaries(
        {},
        optional={
            "lr": rates,
            "weight_decay": some,
            "momentum": fractions,
            "nesterov": st.booleans(),
            "ns_coefficients": st.tuples(st.floats(3.3, 3.5), st.floats(-4.9, -4.7), st.floats(1.9, 2.03)),
            "eps": epsilons,
            "ns_steps": st.integers(0, 6),
            "adjust_lr_fn": st.sampled_from([None, "original", "match_rms_adamw"]),
        },
    ),
}


def without_unknown(name: str, options: dict[str, Any]) -> dict[str, Any]:
    """The options without those that the rule of this name does not have."""
    unknown = {"weight_decay"} if name in WITHOUT_DECAY else set()
    unknown |= {"maximize"} if name in WITHOUT_MAXIMIZE else set()
    return {key: option for key, option in options.items() if key not in unknown}


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
        self.shapes = OTHER_SHAPES.get(name, SHAPES)
        values = [self.normal(shape) for shape in self.shapes]
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
        self.gradients = [self.normal(shape) for shape in self.shapes]
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
            with double():
                self.theirs.step()

    def assert_equal(self) -> None:
        states = self.ours.state
        for parameter, tensor in zip(self.parameters, self.tensors):
            torch.testing.assert_close(parameter.value, tensor.detach(), rtol=1e-10, atol=1e-10)
            for name, entry in states[parameter].items():
                other = self.theirs.state[tensor][name]
                torch.testing.assert_close(
                    torch.as_tensor(entry, dtype=other.dtype), other, rtol=1e-10, atol=1e-10
                )


@contextmanager
def double() -> Iterator[None]:
    """Double precision for the numbers that torch's rules remember, which are single by default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def dealt(items: list[Any], groups: list[dict[str, Any]] | None) -> list[Any]:
    """The items as they are, or dealt out to groups with these options."""
    if groups is None:
        return items
    return [{"params": items[i :: len(groups)], **options} for i, options in enumerate(groups)]
