"""The catalogue of mistakes, each written once so that it can be planted in any module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module

# Takes the module, its right backward and the upstream gradients; returns what the wrong backward returns.
Backward = Callable[..., Any]
Mistake = Callable[[Module, Backward, tuple[Any, ...]], Any]


def plant(mistake: Mistake, module: Module) -> Module:
    """Let the module's backward make the mistake.

    The class changes, not the instance, so that copies of the module make the mistake with their own state.
    Each module keeps what its latest forward was given and left, for the mistakes that need it.
    """
    right = type(module)

    def forward(self: Module, *inputs: Any) -> Any:
        outputs = right.forward(self, *inputs)
        self.latest_inputs = inputs
        for child in self.modules():
            child.latest_state = child._saved[-1:]
        return outputs

    def backward(self: Module, *dys: Any) -> Any:
        return mistake(self, lambda *given: right.backward(self, *given), dys)

    module.__class__ = type(right.__name__, (right,), {"forward": forward, "backward": backward})
    return module


def as_tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def mapped(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Applied to a tensor, or to those in a tuple; None stays."""
    if isinstance(value, tuple):
        return tuple(mapped(function, item) for item in value)
    return function(value) if isinstance(value, Tensor) else value


def added(module: Module, backward: Backward, dys: tuple[Any, ...]) -> tuple[Any, list[Tensor]]:
    """What the right backward returns, and what it would have added to the parameters' gradients."""
    before = [grad.clone() for _, grad in module.parameters()]
    for _, grad in module.parameters():
        grad.zero_()
    dxs = backward(*dys)
    found = [grad.clone() for _, grad in module.parameters()]
    for (_, grad), was in zip(module.parameters(), before):
        grad.copy_(was)
    return dxs, found


def altered(change: Callable[[Tensor, int], Tensor]) -> Mistake:
    """Every gradient is changed by ``change(gradient, size of the batch)``."""

    def mistake(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
        dxs, found = added(module, backward, dys)
        sizes = [len(d) for d in (*as_tuple(dxs), *dys) if isinstance(d, Tensor) and d.ndim]
        batch = sizes[0] if sizes else 1
        for (_, grad), dparameter in zip(module.parameters(), found):
            grad += change(dparameter, batch)
        return mapped(lambda dx: change(dx, batch), dxs)

    return mistake


def transposed(gradient: Tensor, _: int) -> Tensor:
    square = gradient.ndim >= 2 and gradient.shape[-1] == gradient.shape[-2]
    return gradient.mT if square else gradient


def ignores_upstream(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    return backward(*mapped(torch.ones_like, dys))


def forgets_the_batch(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    """The parameters' gradients are those of the last sample alone."""
    states = [(child, list(child._saved)) for child in module.modules()]

    def last(dy: Tensor) -> Tensor:
        kept = torch.zeros_like(dy)
        if dy.ndim:
            kept[-1] = dy[-1]
            return kept
        return dy

    dxs, _ = added(module, backward, dys)
    for child, state in states:
        child._saved[:] = state
    backward(*mapped(last, dys))
    return dxs


def overwrites(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    for _, grad in module.parameters():
        grad.zero_()
    return backward(*dys)


def mutates_upstream(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    dxs = mapped(torch.clone, backward(*dys))
    mapped(lambda dy: dy.mul_(2), dys)
    return dxs


def mutates_input(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    dxs = mapped(torch.clone, backward(*dys))
    for x in module.latest_inputs:
        if isinstance(x, Tensor) and x.numel():
            x.copy_(~x if x.dtype == torch.bool else x + 1)
    return dxs


def stale(module: Module, backward: Backward, dys: tuple[Any, ...]) -> Any:
    """The state is that of the latest forward, whichever forward is being undone."""
    for child in module.modules():
        if child._saved:
            child._saved[-1:] = child.latest_state
    return backward(*dys)


MISTAKES: dict[str, Mistake] = {
    "ignores dy": ignores_upstream,
    "sign": altered(lambda gradient, _: -gradient),
    "factor 2": altered(lambda gradient, _: 2 * gradient),
    "factor 1/2": altered(lambda gradient, _: gradient / 2),
    "factor N": altered(lambda gradient, batch: gradient * batch),
    "factor 1/N": altered(lambda gradient, batch: gradient / batch),
    "transposed": altered(transposed),
    "no sum over the batch": forgets_the_batch,
    "overwrites": overwrites,
    "mutates its input": mutates_input,
    "mutates the upstream gradient": mutates_upstream,
    "stale state": stale,
}
