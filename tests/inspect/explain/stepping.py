"""Records of a module alone: a forward, and a backward with random upstream gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad import Module
from plaingrad.inspect import Explanation, Trace, explain
from plaingrad.inspect.record.recording import Recorder
from plaingrad.nn.loss.reduction import Reduction


def leaves(nest: Any) -> list[Any]:
    """The tensors of a nest."""
    return [each for part in nest for each in leaves(part)] if isinstance(nest, tuple) else [nest]


def random_like(nest: Any) -> Any:
    """A gradient for outputs; None for integers."""
    if isinstance(nest, tuple):
        return tuple(random_like(each) for each in nest)
    is_real = isinstance(nest, Tensor) and nest.is_floating_point()
    return torch.randn_like(nest) if is_real else None


def stepped(module: Module, *inputs: Any) -> Trace:
    """The record of the module's forward and backward."""
    recorder = Recorder()
    with torch.no_grad(), module.watched(recorder):
        outputs = module.forward(*inputs)
        if isinstance(module, Reduction) and outputs.ndim == 0:
            module.backward()
        elif any(each.is_floating_point() for each in leaves(outputs) if isinstance(each, Tensor)):
            grads = random_like(outputs)
            module.backward(*(grads if isinstance(grads, tuple) else (grads,)))
    return Trace(recorder.calls, recorder.backward_calls, 0.0, None)


def explained(trace: Trace, most: int) -> Iterator[Explanation]:
    """The explanations of the outermost call, for so many units of each sample."""
    call = trace.calls[0]
    y = leaves(call.outputs)[0]
    if isinstance(y, Tensor) and y.ndim == 0:
        y = leaves(call.inputs)[0]
    if not isinstance(y, Tensor) or y.ndim == 0:
        yield explain(trace, call.path)
        return
    is_second = y.ndim == 3 and (
        getattr(call.module, "batch_first", True) is False or type(call.module).__name__ == "CTCLoss"
    )
    axis = int(is_second)
    units = list(itertools.product(*(range(n) for i, n in enumerate(y.shape) if i != axis)))
    for sample in range(y.shape[axis])[:3]:
        for unit in units[:: -(-len(units) // most)] if units else []:
            yield explain(trace, call.path, sample, unit)
