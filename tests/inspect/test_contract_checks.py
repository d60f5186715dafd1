"""Each breach of the contract is found, and told in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad.inspect import check_gradients
from plaingrad.module import Module
from plaingrad.parameter import Parameter


class Layer(Module):
    """A right layer, y = w x, with one method replaced."""

    def __init__(self, **replaced: Callable[..., Any]) -> None:
        self.weight = Parameter(torch.tensor([0.5, -1.5, 2.0]))
        self.replaced = replaced
        self.count = count()

    def forward(self, x: Tensor) -> Tensor:
        if "forward" in self.replaced:
            return self.replaced["forward"](self, x)
        y = x * self.weight.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        if "backward" in self.replaced:
            return self.replaced["backward"](self, dy)
        return self.right(dy)

    def right(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        self.weight.grad += (dy * x).sum(0)
        return dy * self.weight.value


def x() -> Tensor:
    return torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def saved(layer: Layer, x: Tensor, y: Tensor) -> Tensor:
    layer.save(x, y)
    return y


def keeping(layer: Layer, x: Tensor) -> Tensor:
    layer.latest = x.clone()
    return x * layer.weight.value


def from_latest(layer: Layer, dy: Tensor) -> Tensor:
    layer.weight.grad += (dy * layer.latest).sum(0)
    return dy * layer.weight.value


def assigning(layer: Layer, dy: Tensor) -> Tensor:
    layer.weight.grad = (dy * layer.restore(dy)).sum(0)
    return dy * layer.weight.value


def unsummed(layer: Layer, dy: Tensor) -> Tensor:
    layer.weight.grad += dy * layer.restore(dy)
    return dy * layer.weight.value


def test_the_right_layer_is_right() -> None:
    assert check_gradients(Layer(), x()).ok


@pytest.mark.parametrize(
    ("replaced", "problem"),
    [
        (
            {"forward": lambda layer, x: saved(layer, x.clone(), x.mul_(layer.weight.value))},
            "forward changes its input in place",
        ),
        (
            {"forward": lambda layer, x: saved(layer, x, x * layer.weight.value.mul_(2))},
            "forward changes the parameter weight",
        ),
        (
            {"forward": lambda layer, x: saved(layer, x, x * layer.weight.value + next(layer.count))},
            "forward is not deterministic",
        ),
        (
            {"forward": lambda layer, x: saved(layer, x, x * layer.weight.value / 0)},
            "output 0 is not finite: inf at [0, 0]",
        ),
        ({"backward": assigning}, "weight: backward does not add to the gradient that is already there"),
        (
            {"backward": unsummed},
            "(this should be summed over the axes that the parameter lacks, the batch first)",
        ),
        ({"forward": keeping, "backward": from_latest}, "the gradient of weight differs from what it is for"),
        (
            {"backward": lambda layer, dy: layer.right(dy).add_(0 * dy.mul_(2))},
            "changes the upstream",
        ),
        ({"backward": lambda layer, dy: layer.right(dy).sum(0)}, "gradient of shape (3,), expected (4, 3)"),
        (
            {"backward": lambda layer, dy: layer.right(dy).T},
            "shape (3, 4), expected (4, 3) (the gradient of input is transposed)",
        ),
        ({"backward": lambda layer, dy: (layer.right(dy), None)}, "backward returns 2 gradients for 1 input"),
        ({"backward": lambda layer, dy: layer.right(dy).view(5)}, "backward raised RuntimeError: "),
        (
            {"backward": lambda layer, dy: layer.right(dy) is None or None},
            "returns NoneType for input,",
        ),
        ({"backward": lambda layer, dy: layer.right(dy).float()}, "gradient of torch.float32, expected"),
        ({"backward": lambda layer, dy: layer.right(dy) / 0}, "input[0, 0]: backward gives"),
        ({"backward": lambda layer, dy: dy * layer.weight.value}, "leaves saved state behind"),
    ],
)
def test_a_breach_is_told(replaced: dict[str, Any], problem: str) -> None:
    report = check_gradients(Layer(**replaced), x())
    assert any(problem in told for told in report.problems), report.problems
    assert all(told.startswith("Layer(") and "\n" not in told for told in report.problems)


class Squares(Module):
    """y = x^2, with a derivative at an input that a field holds; nothing is learned."""

    def __init__(self, first: bool) -> None:
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        if not (self.first and hasattr(self, "kept")):
            self.kept = x.clone()
        y = x * x
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return 2 * self.kept.detach() * dy


@pytest.mark.parametrize("first", [False, True], ids=["the latest", "the first"])
def test_state_in_a_field_is_found_without_parameters(first: bool) -> None:
    (problem,) = check_gradients(Squares(first), x()).problems
    assert "two forwards, then two backwards in reverse order: the gradient of input differs" in problem


class Total(Module):
    """The sum of the tensors in a collection."""

    def __init__(self, gradient: Callable[[Any, Tensor], Any]) -> None:
        self.gradient = gradient

    def forward(self, parts: Any) -> Tensor:
        self.save(parts, y := sum(parts.values() if isinstance(parts, dict) else parts))
        return y

    def backward(self, dy: Tensor) -> Any:
        return self.gradient(self.restore(dy), dy)


@pytest.mark.parametrize(
    ("parts", "right", "wrong", "expected"),
    [
        ([x(), x() + 1], lambda p, dy: [dy, dy], lambda p, dy: (dy, dy), "a list of 2"),
        ((x(), x() + 1), lambda p, dy: (dy, dy), lambda p, dy: [dy, dy], "a tuple of 2"),
        ({"a": x()}, lambda p, dy: {"a": dy}, lambda p, dy: {"b": dy}, "a dict of 1"),
    ],
)
def test_the_gradient_of_a_collection_has_its_structure(
    parts: Any, right: Any, wrong: Any, expected: str
) -> None:
    assert check_gradients(Total(right), parts).ok
    (problem,) = check_gradients(Total(wrong), parts).problems
    assert f"for input, expected {expected}" in problem


class Halves(Module):
    """Two outputs, 2 x and 3 x; what becomes of gradients that are missing is given."""

    def __init__(self, instead: Callable[[Tensor, Tensor | None], Tensor]) -> None:
        self.instead = instead

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        outputs = 2 * x, 3 * x
        self.save(x, outputs)
        return outputs

    def backward(self, da: Tensor | None, db: Tensor | None) -> Tensor:
        x = self.restore(da, db)
        return 2 * self.instead(x, da) + 3 * self.instead(x, db)


@pytest.mark.parametrize(
    ("instead", "problem"),
    [
        (lambda x, dy: torch.zeros_like(x) if dy is None else dy, None),
        (
            lambda x, dy: torch.ones_like(x) if dy is None else dy,
            "gradients differ from those for zeros in its place",
        ),
        (lambda x, dy: dy * 1, "its gradient is None: raised TypeError"),
    ],
)
def test_an_output_that_nothing_used_counts_for_nothing(instead: Any, problem: str | None) -> None:
    problems = check_gradients(Halves(instead), x()).problems
    assert not problems if problem is None else (problem in problems[0] and "output 0" in problems[0])
