from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor

from plaingrad import Module, ModuleError, nn


def test_it_adds_the_input_to_what_its_modules_make_of_it() -> None:
    first, second = nn.Linear(3, 5), nn.Linear(5, 3)
    block, x = nn.Residual(first, nn.ReLU(), second), torch.randn(4, 3)
    assert torch.equal(block(x), x + second(first(x).clamp(min=0)))
    assert list(block.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_without_modules_it_doubles() -> None:
    x, dy = torch.randn(2, 3), torch.randn(2, 3)
    assert torch.equal(nn.Residual()(x), x + x)
    assert torch.equal(nn.Residual().backward(dy), dy + dy)


@pytest.mark.parametrize(("module", "came"), [(nn.Linear(3, 1), "(4, 1)"), (nn.Flatten(0), "(12,)")])
def test_a_changed_shape_is_refused_even_where_it_would_broadcast(module: nn.Linear, came: str) -> None:
    with pytest.raises(
        ModuleError, match=re.escape("expected its modules to keep the input's (4, 3)")
    ) as info:
        nn.Sequential(nn.ReLU(), nn.Residual(module))(torch.zeros(4, 3))
    assert str(info.value).startswith("Sequential[1] Residual(")
    assert str(info.value).endswith(f"got {came} of torch.float32")


def test_a_changed_dtype_is_refused() -> None:
    with pytest.raises(ModuleError, match=r"got \(2, 4, 4\) of torch.float32"):
        nn.Residual(nn.Embedding(3, 4))(torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(
        ModuleError, match=r"keep the input's \(4,\) of torch.int64, got \(4,\) of torch.float32"
    ):
        nn.Residual(nn.Embedding(3, 1), nn.Flatten(0))(torch.zeros(4, dtype=torch.int64))


def test_errors_inside_name_the_position() -> None:
    with pytest.raises(ModuleError, match=re.escape("Residual[1] Linear(5, 3): expected input (*, 5)")):
        nn.Residual(nn.ReLU(), nn.Linear(5, 3))(torch.zeros(4, 3))


def test_a_slice_is_a_plain_sequence() -> None:
    block = nn.Residual(nn.Linear(3, 3), nn.ReLU())
    assert type(block[:1]) is nn.Sequential


def test_around_a_module_without_an_input_gradient_the_shortcut_alone_remains() -> None:
    class Sign(Module):
        differentiable = ()

        def forward(self, x: Tensor) -> Tensor:
            y = x.sign()
            self.save(None, y)
            return y

        def backward(self, dy: Tensor) -> None:
            self.restore(dy)

    residual = nn.Residual(Sign())
    residual(torch.randn(3, 2))
    dy = torch.randn(3, 2)
    assert torch.equal(residual.backward(dy), dy)


class Twice(Module):
    """Returns its input two times."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        self.save(None, (x, x))
        return x, x

    def backward(self, dy: Tensor, dz: Tensor) -> Tensor:
        self.restore(dy, dz)
        return dy + dz


@pytest.mark.parametrize("container", [nn.Residual(Twice()), nn.Parallel(Twice(), nn.Identity())], ids=repr)
def test_several_outputs_are_refused_by_what_adds_them(container: Module) -> None:
    with pytest.raises(
        ModuleError, match=rf"^{type(container).__name__}\(.*expected a tensor .* got a tuple"
    ):
        container.forward(torch.ones(2, 3))
