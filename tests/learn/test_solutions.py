"""The solutions against PyTorch: their forward, and the steps of their update rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from plaingrad.learn import catalogue
from plaingrad.learn.exercise import Case
from plaingrad.learn.layers import random_tensor
from plaingrad.module import Module
from plaingrad.parameter import Parameter


def recurrent(module: Any, x: Tensor) -> Tensor:
    twin = torch.nn.RNN(x.shape[2], len(module.bias.value)).double()
    values = [module.u.value, module.w.value, module.bias.value, torch.zeros_like(module.bias.value)]
    for parameter, value in zip(twin.parameters(), values):
        parameter.data.copy_(value)
    return twin(x)[0]


def network(module: Any, x: Tensor) -> Tensor:
    first, _, last = module.layers
    hidden = F.linear(x.T, first.weight.value, first.bias.value[:, 0]).tanh()
    return F.linear(hidden, last.weight.value, last.bias.value[:, 0]).T


FORWARDS: dict[str, Callable[..., Tensor]] = {
    "tanh.Tanh": lambda module, x: torch.tanh(x),
    "relu.ReLU": lambda module, x: F.relu(x),
    "linear.Linear": lambda module, x: F.linear(x, module.weight.value, module.bias.value),
    "mse.MSELoss": lambda module, x, t: F.mse_loss(x, t),
    "softmax.CrossEntropyLoss": lambda module, x, t: F.cross_entropy(x, t),
    "batchnorm.BatchNorm": lambda module, x: F.batch_norm(
        x, None, None, module.weight.value, module.bias.value, training=True
    ),
    "convolution.Conv1d": lambda module, x: F.conv1d(x, module.weight.value, module.bias.value),
    "embedding.Embedding": lambda module, x: F.embedding(x, module.weight.value),
    "rnn.RNN": recurrent,
    "attention.Attention": lambda module, q, k, v: F.scaled_dot_product_attention(q, k, v),
    "paper.Linear": lambda module, x: F.linear(x.T, module.weight.value, module.bias.value[:, 0]).T,
    "paper.Tanh": lambda module, x: torch.tanh(x),
    "paper.Network": network,
    "paper.SquaredError": lambda module, x, t: F.mse_loss(x, t, reduction="sum"),
}
STEPS: dict[str, Callable[[list[Tensor], Case], torch.optim.Optimizer]] = {
    "optimizers.Momentum": lambda ps, case: torch.optim.SGD(ps, lr=case.args[0], momentum=case.args[1]),
    "optimizers.Adam": lambda ps, case: torch.optim.Adam(
        ps, lr=case.args[0], betas=case.args[1], eps=case.args[2]
    ),
    "paper.GradientDescent": lambda ps, case: torch.optim.SGD(ps, lr=case.args[0]),
}


def cases() -> Iterator[tuple[str, Case]]:
    for exercise in catalogue():
        for case in exercise.cases:
            yield f"{exercise.id}.{case.cls}", case


def solution(name: str) -> Any:
    module, _, cls = name.partition(".")
    return getattr(import_module(f"plaingrad.learn.exercises.{module}"), cls)


def test_every_class_is_compared() -> None:
    assert {name for name, _ in cases()} == FORWARDS.keys() | STEPS.keys() | {"dropout.Dropout"}


@pytest.mark.parametrize(
    ("name", "case"),
    [each for each in cases() if each[0] in FORWARDS],
    ids=lambda it: it if type(it) is str else "",
)
def test_forward_is_that_of_torch(name: str, case: Case) -> None:
    torch.manual_seed(3)
    module: Module = solution(name)(*case.args).to(torch.float64)
    inputs = [random_tensor(text) for text in case.inputs]
    torch.testing.assert_close(module.forward(*inputs), FORWARDS[name](module, *inputs))


@pytest.mark.parametrize(
    ("name", "case"),
    [each for each in cases() if each[0] in STEPS],
    ids=lambda it: it if type(it) is str else "",
)
def test_steps_are_those_of_torch(name: str, case: Case) -> None:
    torch.manual_seed(3)
    ours = [Parameter(random_tensor(text)) for text in case.inputs]
    theirs = [parameter.value.clone() for parameter in ours]
    rule, reference = solution(name)(ours, *case.args), STEPS[name](theirs, case)
    for _ in range(5):
        for parameter, value in zip(ours, theirs):
            parameter.grad.copy_(torch.randn_like(value))
            value.grad = parameter.grad.clone()
        rule.step()
        reference.step()
        for parameter, value in zip(ours, theirs):
            torch.testing.assert_close(parameter.value, value)


def test_dropout_keeps_the_mean() -> None:
    torch.manual_seed(3)
    y = solution("dropout.Dropout")(0.4).forward(torch.ones(100_000, dtype=torch.float64))
    assert set(y.unique().tolist()) == {0.0, 1 / 0.6}
    assert abs(y.mean().item() - 1) < 0.01
