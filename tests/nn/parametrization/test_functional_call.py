"""Layers with weights that come with the inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import plaingrad
from plaingrad import ModuleError, nn
from plaingrad.errors import InputError
from plaingrad.inspect import check_gradients


def test_two_forwards_with_other_weights_before_their_backwards() -> None:
    call = nn.FunctionalCall(nn.Linear(3, 2, bias=False), ("weight",))
    xs, ws, dys = torch.randn(2, 5, 3), torch.randn(2, 2, 3), torch.randn(2, 5, 2)
    for x, w in zip(xs, ws):
        call.forward(x, w)
    for x, w, dy in zip(xs.flip(0), ws.flip(0), dys.flip(0)):
        dx, dw = call.backward(dy)
        torch.testing.assert_close(dx, dy @ w)
        torch.testing.assert_close(dw, dy.T @ x)


def test_what_stays_in_the_layer_is_learned_there() -> None:
    layer = nn.Linear(3, 2)
    call = nn.FunctionalCall(layer, "weight")
    assert [name for name, _ in call.named_parameters()] == ["layer.bias"]
    assert check_gradients(call, torch.randn(4, 3), torch.randn(2, 3)).ok


def test_of_a_recurrent_layer_with_a_state() -> None:
    lstm = nn.LSTM(3, 2, batch_first=True)
    weights = [torch.randn(p.value.shape) for p in lstm.parameters()]
    call = nn.FunctionalCall(lstm, [name for name, _ in lstm.named_parameters()])
    assert check_gradients(call, torch.randn(4, 5, 3), *weights, max_elements=20).ok


@pytest.mark.parametrize("name", ["weight", "bias"])
@pytest.mark.parametrize("around", [nn.FunctionalCall, nn.WeightNorm, nn.SpectralNorm])
def test_files(around: Any, name: str, tmp_path: Path) -> None:
    module = around(nn.Linear(3, 2), name)
    inputs = torch.randn(4, 3), *([torch.randn(2, 3), torch.randn(2)][name == "bias"] for _ in "x")
    inputs = inputs if around is nn.FunctionalCall else inputs[:1]
    plaingrad.save(module.eval(), tmp_path / "model.safetensors")
    again = plaingrad.load(tmp_path / "model.safetensors")
    torch.testing.assert_close(again.forward(*inputs), module.forward(*inputs), rtol=0, atol=0)


def test_refusals() -> None:
    for names, problem in {
        ("kernel",): r"expected names of parameters from \['weight', 'bias'\], got 'kernel'",
        (): "expected the name of at least one parameter",
    }.items():
        with pytest.raises(ModuleError, match=problem):
            nn.FunctionalCall(nn.Linear(3, 2), names)
    with pytest.raises(ModuleError, match="expected a parameter with a shape, got 'weight' before a forward"):
        nn.FunctionalCall(nn.LazyLinear(3))
    call = nn.FunctionalCall(nn.Linear(3, 2))
    with pytest.raises(ModuleError, match=r"expected 'weight' of shape \(2, 3\), got \(3, 2\)"):
        call.forward(torch.randn(4, 3), torch.randn(3, 2), torch.randn(2))
    with pytest.raises(ModuleError, match=r"expected inputs and then \('weight', 'bias'\), got 1 of them"):
        call.forward(torch.randn(4, 3))
    call.layer.forward(torch.randn(4, 3))
    with pytest.raises((ModuleError, InputError), match="use that module instead"):
        call.layer.backward(torch.randn(4, 2))
