"""The second reference: PyTorch's autograd through a module's own forward."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.inspect.gradients.tested import ModuleUnderTest, Upstream, doubled


def autograd(under_test: ModuleUnderTest, dys: Upstream) -> list[Tensor]:
    """Gradients with respect to each differentiable input and to each parameter.

    Raises:
        RuntimeError: autograd cannot follow the forward.
    """
    inputs = doubled(under_test.inputs)
    traced_inputs = [x.requires_grad_() for x, real in zip(inputs, under_test.differentiable) if real]
    before = [(parameter, parameter.value, parameter.grad) for parameter in under_test.parameters.values()]
    try:
        for parameter, value, grad in before:
            leaf = value.clone().requires_grad_()
            traced_inputs.append(leaf)
            parameter.bind(leaf, grad)
        with torch.enable_grad():
            outputs = under_test.forward(inputs)
        traced = [(y, dy) for y, dy in zip(outputs, dys) if y.requires_grad]
        if not traced:
            return [torch.zeros_like(x) for x in traced_inputs]
        grads = torch.autograd.grad(
            [y for y, _ in traced], traced_inputs, [dy for _, dy in traced], allow_unused=True
        )
        return [torch.zeros_like(x) if g is None else g for x, g in zip(traced_inputs, grads)]
    finally:
        for parameter, value, grad in before:
            parameter.bind(value, grad)
        under_test.zero_grad()
