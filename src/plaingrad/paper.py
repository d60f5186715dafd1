"""The paper's own interface: its names, its column vectors and its order of calls.

``from plaingrad.paper import *`` is all that the paper's two algorithms need. A sample is a column here:
``(features, n)`` holds n of them. The core keeps samples in rows, so this module transposes; that and the
paper's names is all it adds. Every gradient is the core's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import data, nn
from plaingrad.data.checks import expect_positive
from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container
from plaingrad.parameter import shape

__all__ = [
    "Relu",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "generate_disc_set",
    "identity",
    "linear",
    "sequential",
    "torch",
    "train_model",
]


class Pair(NamedTuple):
    """The paper's pair of a parameter and its gradient, both views into the core's own tensors."""

    value: Tensor
    grad: Tensor


class linear(Module):
    r"""The paper's fully connected layer: `plaingrad.nn.Linear` for column vectors.

    .. math::
        s = w\,x + b, \qquad
        \frac{\partial \ell}{\partial x} = w^\top \frac{\partial \ell}{\partial s}, \qquad
        \frac{\partial \ell}{\partial w} = \frac{\partial \ell}{\partial s}\,x^\top, \qquad
        \frac{\partial \ell}{\partial b} = \frac{\partial \ell}{\partial s}\,\mathbf{1}

    Shapes: ``(in_features, n)`` to ``(out_features, n)``. For one sample the last equation is the paper's
    :math:`\partial \ell / \partial b = \partial \ell / \partial s`; for n it sums over them.

    Args:
        in_features: number of rows of the input.
        out_features: number of rows of the output.

    Raises:
        ModuleError: the input has not ``in_features`` rows.
    """

    def __init__(self, in_features: int, out_features: int) -> None:
        self.in_features = in_features
        self.core = nn.Linear(in_features, out_features)

    def __repr__(self) -> str:
        return self.signature()

    @property
    def weight(self) -> Pair:
        """The weight w and its gradient, both ``(out_features, in_features)``."""
        return Pair(*self.core.weight)

    @property
    def bias(self) -> Pair:
        """The bias b and its gradient, both columns ``(out_features, 1)``."""
        bias = self.core.bias
        assert bias is not None
        return Pair(bias.value[:, None], bias.grad[:, None])

    def parameters(self) -> list[Pair]:  # type: ignore[override]
        """The weight and the bias, each with its gradient."""
        return [self.weight, self.bias]

    def forward(self, x: Float[Tensor, "in_features n"]) -> Float[Tensor, "out_features n"]:
        if x.ndim != 2 or len(x) != self.in_features:
            raise ModuleError(self, f"expected columns ({self.in_features}, n), got {shape(x)}")
        s = self.core.forward(x.T).T
        self.save(None, s)
        return s

    def backward(self, ds: Float[Tensor, "out_features n"]) -> Float[Tensor, "in_features n"]:
        self.restore(ds)
        dx = self.core.backward(ds.T)
        assert dx is not None
        return dx.T


class Relu(nn.ReLU):
    r"""The paper's rectifier: :math:`\sigma(s) = \max(s, 0)`, :math:`\sigma'(s) = [s > 0]`."""


class Tanh(nn.Tanh):
    r"""The paper's hyperbolic tangent: :math:`\sigma(s) = \tanh s`, :math:`\sigma'(s) = 1 - \tanh^2 s`."""


class Sigmoid(nn.Sigmoid):
    r"""The paper's sigmoid: :math:`\sigma(s) = 1 / (1 + e^{-s})`, :math:`\sigma' = \sigma (1 - \sigma)`."""


class identity(nn.Identity):
    r"""The activation of a linear module that has none: :math:`\sigma(s) = s`, :math:`\sigma'(s) = 1`."""


Activation = (Relu, Tanh, Sigmoid, identity)


def __structurize__(modules: Sequence[Module]) -> tuple[list[Module], list[linear], list[Module]]:
    """Pair every linear module with an activation, and separate the two kinds.

    Args:
        modules: linear and activation modules in any order and number.

    Returns:
        All operations, with an `identity` wherever a linear module is not followed by an activation; the
        linear ones among them; the activations.
    """
    operations: list[Module] = []
    for module, following in zip(modules, [*modules[1:], None]):
        operations.append(module)
        if isinstance(module, linear) and not isinstance(following, Activation):
            operations.append(identity())
    linears = [operation for operation in operations if isinstance(operation, linear)]
    activations = [operation for operation in operations if not isinstance(operation, linear)]
    return operations, linears, activations


class sequential(Container):
    r"""The paper's network: linear and activation modules, one after another, trained on the squared error.

    .. math::
        s^{(l)} = w^{(l)} x^{(l-1)} + b^{(l)}, \qquad x^{(l)} = \sigma(s^{(l)}), \qquad
        \ell = \frac{1}{n} \sum_{\text{samples}} \big\| x^{(L)} - t \big\|^2

    Shapes: input ``(features, n)``; target as the last activation, ``(outputs, n)``.

    Args:
        modules: `linear`, `Relu`, `Tanh`, `Sigmoid` and `identity` modules in any order and number.

    Attributes:
        linear_result: s(1), ..., s(L) of the latest forward.
        activation_result: x(1), ..., x(L) of the latest forward.

    Raises:
        ModuleError: an argument is of another kind; a shape does not fit; gradients are asked for before any
            backward, or a loss before any forward.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__()
        for position, module in enumerate(modules):
            if not isinstance(module, (linear, *Activation)):
                kinds = "linear, Relu, Tanh, Sigmoid or identity"
                raise ModuleError(self, f"expected {kinds} at position {position}, got {module!r}")
        operations, self.linears, self.activations = __structurize__(modules)
        for position, operation in enumerate(operations):
            self._add(str(position), operation)
        self.linear_result: list[Tensor] = []
        self.activation_result: list[Tensor] = []
        self.differentiated = False

    def forward(self, x: Float[Tensor, "features n"]) -> tuple[list[Tensor], list[Tensor]]:
        """Compute and return the linear results s(l) and the activation results x(l)."""
        linear_result: list[Tensor] = []
        activation_result: list[Tensor] = []
        for operation in self:
            x = operation.forward(x)
            (linear_result if isinstance(operation, linear) else activation_result).append(x)
        self.linear_result, self.activation_result = linear_result, activation_result
        return linear_result, activation_result

    def loss(self, target: Float[Tensor, "outputs n"]) -> Float[Tensor, ""]:
        """The squared error of the latest forward, summed over the outputs and averaged over the samples."""
        return nn.MSELoss("sum").forward(self.output(), target) / target.shape[1]

    def backward_pass(self, target: Float[Tensor, "outputs n"]) -> tuple[list[Tensor], list[Tensor]]:
        """Add the gradient of `loss` to the parameters' gradients, and return `dl_dw` and `dl_db`."""
        squared_error = nn.MSELoss("sum")
        total = squared_error.forward(self.output(), target)
        self.backward(squared_error.backward(torch.ones_like(total) / target.shape[1]))
        return self.dl_dw, self.dl_db

    def backward(self, grad: Float[Tensor, "outputs n"]) -> Float[Tensor, "features n"]:
        """Add to the parameters' gradients, given that of the output; return that of the input."""
        for operation in reversed(list(self)):
            grad = operation.backward(grad)
        self.differentiated = True
        return grad

    def output(self) -> Tensor:
        """The last activation x(L) of the latest forward."""
        if not self.activation_result:
            raise ModuleError(self, "there is no output before a forward; call forward(x) first")
        return self.activation_result[-1]

    @property
    def dl_dw(self) -> list[Tensor]:
        """The gradient of each weight, in the order of the linear modules."""
        return [module.weight.grad for module in self._differentiated()]

    @property
    def dl_db(self) -> list[Tensor]:
        """The gradient of each bias, as columns."""
        return [module.bias.grad for module in self._differentiated()]

    def parameters(self) -> list[Pair]:  # type: ignore[override]
        """Every weight and bias with its gradient; empty without linear modules."""
        return [pair for module in dict.fromkeys(self._differentiated()) for pair in module.parameters()]

    def _differentiated(self) -> list[linear]:
        if not self.differentiated:
            why = "there are no gradients before a backward"
            raise ModuleError(self, f"{why}; call forward(x), then backward_pass(target) or backward(grad)")
        return self.linears

    def update(self, learning_rate: float) -> None:
        """Subtract the gradients, scaled by the learning rate."""
        for value, grad in self.parameters():
            value -= learning_rate * grad

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to zero and discard saved state."""
        for operation in self:
            operation.zero_grad(set_to_none)


Sequential = sequential  # the paper writes both


def generate_disc_set(n: int, seed: int | None = None) -> tuple[Tensor, Tensor]:
    r"""Generate the paper's data: points uniform in the unit square, labelled by a disc of half its area.

    Args:
        n: number of points.
        seed: the seed of a separate generator; None draws from PyTorch's.

    Returns:
        The points, ``(2, n)``, and for each a column (1, 0) if it lies outside the disc of radius
        :math:`1 / \sqrt{2 \pi}` about (1/2, 1/2), or (0, 1) if inside: ``(2, n)``.
    """
    disc = data.disc(expect_positive("n", n), seed=seed).one_hot()
    return disc.inputs.T, disc.targets.T


def train_model(
    model: sequential,
    train_input: Float[Tensor, "features n"],
    train_target: Float[Tensor, "outputs n"],
    mini_batch_size: int = 1,
    epoch: int = 25,
    learning_rate: float = 0.1,
) -> list[float]:
    """Train by gradient descent on mini-batches in the order of the samples; print each epoch's loss.

    Args:
        model: the network.
        train_input: a column for each sample.
        train_target: the same.
        mini_batch_size: columns per step; the last step of an epoch has the remaining ones.
        epoch: the number of passes through the data.
        learning_rate: the step size.

    Returns:
        The loss of each epoch: `sequential.loss` averaged over the samples, each met before its step.

    Raises:
        InputError: there are no samples, they differ in number from the targets, a value is NaN or infinite,
            or the mini-batch size is no integer between 1 and their number.
        RuntimeError: the loss of an epoch is NaN or infinite.
    """
    samples = data.Dataset(train_input.T, train_target.T)
    if not isinstance(mini_batch_size, int) or not 1 <= mini_batch_size <= len(samples):
        expected = f"mini_batch_size from 1 to {len(samples)}"
        raise InputError(f"train_model: expected {expected}, got {mini_batch_size}")
    losses = []
    for e in range(epoch):
        total = 0.0
        for start in range(0, len(samples), mini_batch_size):
            columns = slice(start, start + mini_batch_size)
            target = train_target[:, columns]
            model.forward(train_input[:, columns])
            model.backward_pass(target)
            total += model.loss(target).item() * target.shape[1]
            model.update(learning_rate)
            model.zero_grad()
        if not math.isfinite(total):
            problem = f"the loss became {total} in epoch {e}"
            raise RuntimeError(f"train_model: {problem}; try a lower learning_rate")
        losses.append(total / len(samples))
        print("epoch:", e, ", loss=", losses[-1])
    return losses
