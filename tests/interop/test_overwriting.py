"""Traced networks that overwrite tensors, taken over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from interop.test_tracing import Of, assert_same
from plaingrad.interop import from_torch


class Preactivated(torch.nn.Module):
    """A block of K. He and others, 2016, whose activation overwrites the input that the shortcut adds."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(4, 4)
        self.inner = torch.nn.Sequential(
            torch.nn.Dropout(0.0), torch.nn.ReLU(inplace=True), torch.nn.Linear(4, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.inner(x) + x


def augmented(m: Any, x: Tensor) -> Tensor:
    y = m.linear(x)
    z = y
    y *= 2
    w = y
    y -= x
    return z * w + y


def by_methods(m: Any, x: Tensor) -> Tensor:
    y = m.linear(x)
    y.add_(1).mul_(x)
    z = y.view(-1).view(3, 4)
    z.relu_()
    return functional.leaky_relu(z * x, 0.1, inplace=True)


def with_sizes(m: Any, x: Tensor) -> Tensor:
    n = x.shape[0]
    before = n
    n += 1
    return m.linear(x) * n / before


@pytest.mark.parametrize("function", [augmented, by_methods, with_sizes])
def test_later_uses_see_what_was_overwritten(function: Callable[..., Tensor]) -> None:
    assert_same(Of(function), (torch.randn(3, 4),), training=True)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_a_module_that_overwrites_its_input(training: bool) -> None:
    assert_same(Preactivated(), (torch.randn(3, 4),), training)


def a_view(m: Any, x: Tensor) -> Tensor:
    y = m.linear(x)
    z = y.view(-1)
    y += 1
    return z.sum() + y


class Counting(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        return x * self.count


@pytest.mark.parametrize(
    ("network", "problem"),
    [
        (Of(a_view), "leaves 'view' as it is, which is used again, got 'iadd'"),
        (Counting(), "parameters and buffers that forward leaves as they are, got 'count' overwritten"),
    ],
    ids=["view", "buffer"],
)
def test_what_cannot_be_followed_is_named_with_its_line(network: torch.nn.Module, problem: str) -> None:
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    with pytest.raises(ValueError, match=problem) as refusal:
        from_torch(network)
    assert "test_overwriting.py" in str(refusal.value)
    for name, buffer in network.named_buffers():
        torch.testing.assert_close(buffer, buffers[name])


class Optional(torch.nn.Module):
    """With arguments that one may leave out."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 4)

    def forward(self, x: Tensor, mask: Tensor | None = None, scale: float = 2.0) -> Tensor:
        y = self.linear(x) * scale
        return y if mask is None else y * mask


def test_arguments_with_a_default_take_it_unless_they_are_to_be_inputs() -> None:
    network, x, mask = Optional().eval(), torch.randn(3, 4), torch.rand(3, 4)
    assert_same(network, (x,), training=False)
    network = network.float()
    torch.testing.assert_close(from_torch(network, ["mask"]).forward(x, mask), network(x, mask).detach())
    with pytest.raises(ValueError, match=r"from the arguments of forward, .*'mask', 'scale'\], got 'masks'"):
        from_torch(network, ["masks"])
