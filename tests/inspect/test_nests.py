"""The checker on modules of several inputs, keywords and nested outputs."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from plaingrad import Module, Parameter, nn
from plaingrad.inspect import check_gradients


class Cell(Module):
    """A recurrent cell over a sequence: ``(x, (h, c))`` to ``(y, (h, c))``, the state of the end."""

    wrong = 1.0

    def __init__(self) -> None:
        self.weight = Parameter(torch.tensor([0.3, -0.7, 1.1]))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor] | None = None, scale: float = 1.0) -> Any:
        h, c = (torch.zeros_like(x[0]), torch.zeros_like(x[0])) if state is None else state
        weight, hidden = self.weight.value, [h]
        for step in x:
            hidden.append((weight * hidden[-1] + scale * step + c).tanh())
        y = torch.stack(hidden[1:])
        outputs = y, (hidden[-1], c)
        self.save((x, hidden, scale, state is None), outputs)
        return outputs

    def backward(self, dy: Tensor | None, dstate: tuple[Tensor | None, Tensor | None]) -> Any:
        x, hidden, scale, alone = self.restore(dy, dstate)
        dh, dc = (torch.zeros_like(x[0]) if d is None else d.clone() for d in dstate)
        dx = torch.zeros_like(x)
        for t in reversed(range(len(x))):
            dz = (dh + (0 if dy is None else dy[t])) * (1 - hidden[t + 1] ** 2)
            self.weight.grad.add_((dz * hidden[t]).sum(0))
            dx[t], dc, dh = self.wrong * scale * dz, dc + dz, self.weight.value * dz
        return dx if alone else (dx, (dh, dc))


class Scaled(Cell):
    """The same, where the state and the scale are keywords."""

    def backward(self, dy: Tensor | None, dstate: Any) -> Any:
        return (*super().backward(dy, dstate), None)


class Wrong(Cell):
    wrong = 1.01


class Gate(Module):
    """Has a gradient with respect to its first argument alone, and says so."""

    differentiable: ClassVar[tuple[str, ...]] = ("x",)

    def forward(self, x: Tensor, gate: Tensor) -> tuple[Tensor, None]:
        y = x * gate.round()
        self.save(gate.round(), (y, None))
        return y, None

    def backward(self, dy: Tensor, _: None) -> tuple[Tensor, None]:
        return dy * self.restore(dy), None


def normal(*size: int) -> Tensor:
    return torch.randn(*size, generator=torch.Generator().manual_seed(0))


def test_a_nested_state_in_and_out_is_checked() -> None:
    report = check_gradients(Cell(), normal(4, 2, 3), (normal(2, 3), normal(2, 3)))
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["input 0", "input 1[0]", "input 1[1]", "weight"]
    alone = check_gradients(Cell(), normal(4, 2, 3))
    assert alone.ok, str(alone)
    assert [row.name for row in alone.rows] == ["input", "weight"]


def test_keywords_are_checked() -> None:
    report = check_gradients(
        Scaled(), normal(4, 2, 3), options={"state": (normal(2, 3), normal(2, 3)), "scale": 0.5}
    )
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["input", "state[0]", "state[1]", "weight"]


def test_a_mistake_in_a_nest_is_found() -> None:
    report = check_gradients(Wrong(), normal(4, 2, 3), (normal(2, 3), normal(2, 3)))
    assert not report.ok
    assert "input 0[" in report.problems[0]


def test_only_what_a_class_names_is_differentiated() -> None:
    report = check_gradients(Gate(), normal(3), normal(3))
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["input 0"]


@pytest.mark.parametrize(
    ("returned", "problem"),
    [
        (lambda dx, dh, dc: (dx, dh), "backward returns a tensor (2, 3) for input 1, expected a tuple of 2"),
        (lambda dx, dh, dc: (dx, (dh,)), "backward returns a tuple for input 1, expected a tuple of 2"),
        (lambda dx, dh, dc: dx, "backward returns 1 gradient for 2 inputs"),
        (lambda dx, dh, dc: (dx, (dh, None)), "backward returns NoneType for input 1[1], expected a tensor"),
        (lambda dx, dh, dc: (dx, None), "backward returns NoneType for input 1[0], expected a tensor (2, 3)"),
        (lambda dx, dh, dc: (dx, (dh.T, dc)), "input 1[0]: backward gives a gradient of shape (3, 2)"),
    ],
)
def test_another_structure_is_a_finding(returned: Any, problem: str) -> None:
    class Altered(Cell):
        def backward(self, dy: Tensor | None, dstate: Any) -> Any:
            dx, (dh, dc) = super().backward(dy, dstate)
            return returned(dx, dh, dc)

    report = check_gradients(Altered(), normal(4, 2, 3), (normal(2, 3), normal(2, 3)))
    assert any(problem in each for each in report.problems), report.problems


class Optional(Module):
    """Writes an entry for every parameter of forward; the caller gets those of the arguments it gave."""

    def forward(self, x: Tensor, shift: Tensor | None = None, scale: float = 1.0) -> Tensor:
        y = scale * x.tanh() + (0 if shift is None else shift)
        self.save((x, scale), y)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor, None]:
        x, scale = self.restore(dy)
        return dy * scale * (1 - x.tanh() ** 2), dy, None


def test_arguments_that_were_not_given_have_no_entry() -> None:
    x, shift = normal(3), normal(3) + 1
    for arguments, options in [
        ((x,), {}),
        ((x, shift), {}),
        ((x, shift, 2.0), {}),
        ((x,), {"scale": 2.0}),
        ((x,), {"scale": 2.0, "shift": shift}),
    ]:
        report = check_gradients(Optional(), *arguments, options=options)
        assert report.ok, str(report)
    model = nn.Sequential(nn.Linear(3, 3), Optional(), nn.Sequential(Optional()))
    assert check_gradients(model, normal(4, 3)).ok


class Lazy(Module):
    """Learns how many features there are from its first input."""

    def __init__(self) -> None:
        self.scale = Parameter.unshaped()

    def forward(self, x: Tensor) -> Tensor:
        if not self.scale.is_shaped:
            self.scale.shape_as(torch.ones_like(x[0]))
        y = x * self.scale.value
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.scale.grad.add_((dy * self.restore(dy)).sum(0))
        return dy * self.scale.value


def test_a_layer_that_has_no_shapes_yet_is_checked_and_left_as_it_is() -> None:
    layer = Lazy()
    report = check_gradients(layer, normal(4, 3))
    assert report.ok, str(report)
    assert [row.name for row in report.rows] == ["input", "scale"]
    assert not layer.scale.is_shaped


def test_a_tuple_of_one_gradient_is_a_finding() -> None:
    class Tupled(Module):
        def forward(self, x: Tensor) -> Tensor:
            self.save(x, x * x)
            return x * x

        def backward(self, dy: Tensor) -> tuple[Tensor]:
            return (2 * self.restore(dy) * dy,)

    report = check_gradients(Tupled(), normal(3))
    assert "a tuple of one gradient, expected the gradient itself" in report.problems[0]
