"""Every case of PyTorch's own module database, for each class that both libraries have."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing._internal.common_modules import ModuleInfo, ModuleInput, module_db

from plaingrad import nn
from plaingrad.contract.nest import mapped
from plaingrad.interop import from_torch
from plaingrad.nn.loss.reduction import Reduction

INFOS = [info for info in module_db if info.name.removeprefix("nn.") in nn.__all__]
CLOSE: dict[torch.dtype, dict[str, Any]] = {
    torch.float64: {"rtol": 1e-9, "atol": 1e-10, "equal_nan": True},
    torch.float32: {"rtol": 1e-4, "atol": 1e-5, "equal_nan": True},
}

# Deliberate differences, which the documentation lists: the classes whose second argument, the target, has a
# gradient in torch alone, because a loss is differentiable in its prediction.
TARGET_WITHOUT_GRADIENT = {"CrossEntropyLoss", "HuberLoss", "L1Loss", "SmoothL1Loss"}

# And those whose gradient in torch is folded with that of a log-softmax before, so that they agree behind it.
BEHIND_LOG_SOFTMAX = {"CTCLoss"}


def drawn(info: ModuleInfo, dtype: torch.dtype, training: bool) -> list[ModuleInput]:
    """The cases of a class; the database draws them from the global generator."""
    torch.manual_seed(0)
    options = {"device": "cpu", "dtype": dtype, "requires_grad": True, "training": training}
    return list(info.module_inputs_func(info, **options))


def rows() -> Iterator[Any]:
    for info in INFOS:
        is_loss = issubclass(getattr(nn, info.name.removeprefix("nn.")), Reduction)  # which has no modes
        for dtype in [torch.float64] if is_loss else CLOSE:
            for training in [True] if is_loss else [True, False]:
                for index, case in enumerate(drawn(info, dtype, training)):
                    name, mode = info.name.removeprefix("nn."), "train" if training else "eval"
                    words = [name, str(index), case.desc, str(dtype).removeprefix("torch."), mode]
                    yield pytest.param(name, case, dtype, training, id="-".join(filter(None, words)))


def translated(value: Any) -> Any:
    """An argument of torch's constructor for ours: a name for a function, a layer for a layer."""
    if isinstance(value, torch.nn.Module):
        return from_torch(value)
    if isinstance(value, torch.nn.LinearCrossEntropyOptions):
        return nn.LinearCrossEntropyOptions(**asdict(value))
    return value.__name__ if value in (F.relu, F.gelu) else value


def differentiable(tensors: list[Any]) -> list[Tensor]:
    return [x for x in tensors if isinstance(x, Tensor) and x.requires_grad]


def detached(inputs: Any) -> Any:
    return mapped(lambda x: x.detach().clone(), inputs)


def flat(nest: Any) -> list[Any]:
    """The entries of tuples in tuples, in order; None among them."""
    return [each for entry in nest for each in flat(entry)] if isinstance(nest, tuple) else [nest]


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def assert_close(x: Tensor, right: Tensor, name: str | None = None, factor: float = 1.0) -> None:
    """Compare up to the rounding of the largest element: where a sum cancels, its terms were as large."""
    close = CLOSE[right.dtype] if right.is_floating_point() else {"rtol": 0, "atol": 0}
    largest = right.detach().abs().max().item() if right.numel() else 0.0
    close = {**close, "atol": close["atol"] * factor * max(1.0, largest)}
    torch.testing.assert_close(x, right.detach(), **close, msg=name and (lambda m: f"{name}: {m}"))


def test_the_database_knows_these_classes() -> None:
    assert len(INFOS) >= 50


@pytest.mark.filterwarnings("ignore:linear_cross_entropy. ``options`` ignored")
@pytest.mark.usefixtures("without_annotations")  # beartype takes no 1 for a float, which Python does
@pytest.mark.parametrize(("name", "case", "dtype", "training"), rows())
def test_forward_and_gradients_equal_those_of_torch(
    name: str, case: ModuleInput, dtype: torch.dtype, training: bool
) -> None:
    arguments, options = case.constructor_input.args, case.constructor_input.kwargs
    theirs = getattr(torch.nn, name)(*arguments, **options).to(dtype).train(training)
    own_options = {key: translated(value) for key, value in options.items()}
    ours = getattr(nn, name)(*map(translated, arguments), **own_options).to(dtype)
    ours = ours.train() if training else ours.eval(saving=True)
    positional, named = list(case.forward_input.args), dict(case.forward_input.kwargs)
    if "input" in named:  # which has no such name here
        positional.append(named.pop("input"))
    inputs = flat((*positional, *named.values()))
    if name.startswith("Lazy"):  # its first input gives it its shapes
        theirs(*positional, **named)
    ours.load_state_dict(theirs.state_dict())

    expected = flat(theirs(*positional, **named))
    outputs = as_tuple(ours.forward(*detached(positional), **detached(named)))
    for y, right in zip(flat(outputs), expected, strict=True):
        assert y is right is None or assert_close(y, right) is None
    for key, right in theirs.state_dict().items():
        assert_close(ours.state_dict()[key], right, key)

    dys = mapped(lambda y: torch.randn_like(y) if y.is_floating_point() else None, outputs)
    leaves, parameters = differentiable(inputs), list(theirs.parameters())
    traced = [(y, dy) for y, dy in zip(expected, flat(dys)) if dy is not None]
    ys, upstream = zip(*traced)
    gradients = torch.autograd.grad(ys, leaves + parameters, upstream)
    returned = flat(ours.backward(*dys))  # those of a loss begin with that of the first input
    for k, (leaf, right) in enumerate(zip(leaves, gradients)):
        own = [dx for x, dx in zip(inputs, returned) if x is leaf]  # some tensors are given twice
        if name in TARGET_WITHOUT_GRADIENT and k == 1:
            assert not own
            continue
        dx = sum(own[1:], own[0])
        if name in BEHIND_LOG_SOFTMAX:  # through logarithms of about 100
            dx, right = (d - leaf.detach().exp() * d.sum(-1, keepdim=True) for d in (dx, right))
            assert_close(dx, right, factor=10)
        else:
            assert_close(dx, right)
    for (key, parameter), right in zip(ours.named_parameters(), gradients[len(leaves) :], strict=True):
        assert_close(parameter.grad, right, key)
