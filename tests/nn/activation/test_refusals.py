"""What activations refuse, and in which words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from conformance.activations import CASES
from plaingrad import nn
from plaingrad.module import Module, ModuleError

TAKES_ANY_FLOAT = [case.ours for case in CASES if case.ours is not nn.PReLU]  # which asks for its own type
TAKES_NOTHING = [nn.LogSigmoid, nn.Sigmoid, nn.Softmax2d, nn.Softsign, nn.Tanh, nn.Tanhshrink]


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool])
@pytest.mark.parametrize("activation", TAKES_ANY_FLOAT)
def test_an_input_without_fractions(activation: type[Module], dtype: torch.dtype) -> None:
    module = activation(*(0.0, 0.0) if activation is nn.Threshold else ())
    with pytest.raises(ModuleError) as refused:
        module.forward(torch.ones(2, 2, 2, dtype=dtype))
    assert str(refused.value) == f"{module!r}: expected a floating-point input, got (2, 2, 2) of {dtype}"


@pytest.mark.parametrize("activation", TAKES_NOTHING)
def test_an_argument_where_there_is_none(activation: type[Module]) -> None:
    with pytest.raises(TypeError, match="positional argument"):
        activation(1)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Hardtanh(1.0, 1.0), "Hardtanh(1.0, 1.0): expected min_val < max_val, got 1.0 and 1.0"),
        (lambda: nn.RReLU(0.5, 0.1), "RReLU(0.5, 0.1): expected lower <= upper, got 0.5 and 0.1"),
        (lambda: nn.CELU(0.0), "CELU(0.0): expected alpha other than 0, got 0.0"),
        (lambda: nn.Softshrink(-1.0), "Softshrink(-1.0): expected lambd >= 0, got -1.0"),
        (lambda: nn.GELU("erf"), "GELU('erf'): expected approximate 'none' or 'tanh', got 'erf'"),
    ],
)
def test_arguments(make: Callable[[], Module], message: str) -> None:
    with pytest.raises(ModuleError) as refused:
        make()
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("module", "x", "message"),
    [
        (
            nn.PReLU(3),
            torch.ones(2, 4),
            "expected input (batch, 3, *) in torch.float32, got (2, 4) in torch.float32",
        ),
        (
            nn.PReLU(3),
            torch.ones(3),
            "expected input (batch, 3, *) in torch.float32, got (3,) in torch.float32",
        ),
        (
            nn.PReLU(3),
            torch.ones(()),
            "expected input (batch, 3, *) in torch.float32, got () in torch.float32",
        ),
        (
            nn.PReLU(),
            torch.ones(2, dtype=torch.float64),
            "expected input of any shape in torch.float32, got (2,) in torch.float64",
        ),
        (
            nn.PReLU(),
            torch.ones(2, dtype=torch.int64),
            "expected input of any shape in torch.float32, got (2,) in torch.int64",
        ),
        (nn.GLU(), torch.ones(2, 3), "expected an even size at axis -1, got input (2, 3)"),
        (nn.GLU(2), torch.ones(2, 4), "expected an even size at axis 2, got input (2, 4)"),
        (nn.GLU(), torch.ones(()), "expected an even size at axis -1, got input ()"),
        (nn.Softmax(2), torch.ones(2, 3), "expected an input with axis 2, got (2, 3)"),
        (nn.Softmin(-3), torch.ones(2, 3), "expected an input with axis -3, got (2, 3)"),
        (nn.LogSoftmax(1), torch.ones(()), "expected an input with axis 1, got ()"),
        (nn.Softmax2d(), torch.ones(2, 3), "expected input (*, channels, height, width), got (2, 3)"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Module) else "",
)
def test_inputs(module: Module, x: torch.Tensor, message: str) -> None:
    with pytest.raises(ModuleError) as refused:
        module.forward(x)
    assert str(refused.value) == f"{module!r}: {message}"
