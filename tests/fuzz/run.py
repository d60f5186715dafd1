"""What both libraries make of a configuration."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from conformance import attention, recurrent
from fuzz.configuration import Configuration
from fuzz.draw import Draw
from plaingrad import Module, nn

State = dict[str, Tensor]
Upstream = Callable[[int, Tensor], Tensor]


@dataclass
class Result:
    """All numbers that a library computes, by name, or its refusal.

    Attributes:
        tensors: outputs, the gradient of the input, of parameters, and buffers afterwards.
        refusal: the exception, if there is one.
    """

    tensors: dict[str, Tensor] = field(default_factory=dict)
    refusal: Exception | None = None


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def cast(value: Any, dtype: torch.dtype) -> Any:
    """Floating-point numbers in a dtype; anything else as it is."""
    return value.to(dtype) if isinstance(value, Tensor) and value.is_floating_point() else value


def upstream_of(configuration: Configuration) -> Upstream:
    """Gives the gradient with respect to an output, the same for the same output."""

    def upstream(k: int, y: Tensor) -> Tensor:
        draw = Draw(configuration.case * 8 + k)
        return draw.tensor(y.shape, configuration.dtype, draw.one("ordinary", configuration.kind))

    return upstream


def state_of(configuration: Configuration, theirs: torch.nn.Module) -> State:
    """Random parameters and buffers for both libraries."""
    draw = Draw(configuration.case + 1)
    state = {}
    for name, value in theirs.state_dict().items():
        if value.is_floating_point() and name not in configuration.arguments:  # a loss gets its weights there
            numbers = draw.numbers(value.shape, draw.one("ordinary", "ordinary", configuration.kind))
            value = (numbers.abs() if name == "running_var" else numbers).to(configuration.dtype)
        state[name] = value.clone()
    return state


def of_torch(configuration: Configuration, dtype: torch.dtype) -> tuple[Result, State]:
    """Torch's results in a dtype, from the same numbers, and the state that it began with."""
    result, state = Result(), {}
    inputs = [x.to(dtype) if x.dtype == configuration.dtype else x for x in configuration.inputs]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = made(torch.nn, configuration, dtype)
            state = state_of(configuration, theirs)
            theirs.load_state_dict(state)
            theirs.train(configuration.training)
            needed = differentiable(configuration)
            leaves = [x.detach().requires_grad_() if k in needed else x for k, x in enumerate(inputs)]
            outputs = as_tuple(theirs(*leaves, **options_in(configuration, dtype)))
            result.tensors |= named_outputs(outputs)
            outputs = [y for y in outputs if y is not None and y.requires_grad]
            upstream = upstream_of(configuration)
            dys = [upstream(k, y).to(y.dtype) for k, y in enumerate(outputs)]
            if "Norm" in configuration.name:  # torch may misread another layout than y's
                dys = [torch.empty_like(y).copy_(dy) for y, dy in zip(outputs, dys)]
            if outputs:
                torch.autograd.backward(outputs, dys)
            for k, name in needed.items():
                result.tensors[name] = zero_unless(leaves[k].grad, leaves[k])
            for name, parameter in theirs.named_parameters():
                result.tensors[f"{name} gradient"] = zero_unless(parameter.grad, parameter)
            result.tensors |= {name: buffer for name, buffer in theirs.named_buffers() if name in state}
    except Exception as error:
        result.refusal = error
    return result, state


def of_ours(configuration: Configuration, state: State) -> Result:
    """Our results; `state` is what torch began with."""
    result = Result()
    dtype = configuration.dtype
    try:
        ours = made(nn, configuration, dtype)
        ours.load_state_dict(state)
        ours = ours.train() if configuration.training else ours.eval(saving=True)
        before = [x.clone() for x in configuration.inputs]
        outputs = as_tuple(ours.forward(*configuration.inputs, **configuration.options))
        result.tensors |= named_outputs(outputs)
        upstream = upstream_of(configuration)
        dys = [
            upstream(k, y).to(y.dtype) if y is not None and y.is_floating_point() else None
            for k, y in enumerate(outputs)
        ]
        copies = [None if dy is None else dy.clone() for dy in dys]
        dxs = as_tuple(ours.backward(*dys))
        result.tensors |= {name: dxs[k] for k, name in differentiable(configuration).items()}
        for name, parameter in ours.named_parameters():
            result.tensors[f"{name} gradient"] = parameter.grad
        result.tensors |= {name: buffer.value for name, buffer in ours.named_buffers() if name in state}
        for now, was in zip([*configuration.inputs, *dys], [*before, *copies]):
            if isinstance(was, Tensor) and not same_bits(now, was):
                raise AssertionError("what was passed in has been changed")
    except Exception as error:
        result.refusal = error
    return result


def differentiable(configuration: Configuration) -> dict[int, str]:
    """The inputs that have gradients, which come first among the arguments, and the names of these."""
    layer = class_of(nn, configuration.name)
    names = list(inspect.signature(layer.forward).parameters)[1:]
    declared = names if layer.differentiable is None else layer.differentiable
    return {
        k: f"input {k} gradient" if k else "input gradient"
        for k, (name, x) in enumerate(zip(names, configuration.inputs))
        if name in declared and x.is_floating_point()
    }


# The classes whose gradient in torch is folded with that of a log-softmax before, so that both get one.
BEHIND_LOG_SOFTMAX = {"CTCLoss"}


class TheirsBehind(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, *others: Tensor) -> Any:
        return self.inner(x.log_softmax(-1), *others)


class OursBehind(nn.LogSoftmax):
    def __init__(self, inner: Module) -> None:
        super().__init__(-1)
        self.inner = inner

    def forward(self, x: Tensor, *others: Tensor) -> Any:
        return self.inner.forward(super().forward(x), *others)

    def backward(self, dy: Tensor) -> Tensor:
        return super().backward(self.inner.backward(dy))


# The classes whose rows of the conformance table have states, outputs or layers one after another.
FLAT = {
    "LSTM": (recurrent.LSTM, recurrent.TorchLSTM),
    "LSTMCell": (recurrent.LSTMCell, recurrent.TorchLSTMCell),
    "TransformerEncoder": (attention.Encoder, attention.TorchEncoder),
    "TransformerDecoder": (attention.Decoder, attention.TorchDecoder),
}


def class_of(library: Any, name: str) -> Any:
    if name in FLAT:
        return FLAT[name][library is not nn]
    return getattr(library, name)


def made(library: Any, configuration: Configuration, dtype: torch.dtype) -> Any:
    """The module in a dtype."""
    arguments = {name: cast(value, dtype) for name, value in configuration.arguments.items()}
    module = class_of(library, configuration.name)(**arguments).to(dtype)
    if configuration.name in BEHIND_LOG_SOFTMAX:
        return OursBehind(module) if library is nn else TheirsBehind(module)
    return module


def named_outputs(outputs: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"output {k}" if k else "output": y.detach() for k, y in enumerate(outputs) if y is not None}


def options_in(configuration: Configuration, dtype: torch.dtype) -> dict[str, Any]:
    return {name: cast(value, dtype) for name, value in configuration.options.items()}


def zero_unless(grad: Tensor | None, x: Tensor) -> Tensor:
    """The gradient; where nothing depends on ``x``, torch leaves None."""
    return torch.zeros_like(x) if grad is None else grad.detach()


def same_bits(a: Tensor, b: Tensor) -> bool:
    if a.is_complex():
        a, b = torch.view_as_real(a), torch.view_as_real(b)
    return torch.allclose(a, b, rtol=0, atol=0, equal_nan=True)
