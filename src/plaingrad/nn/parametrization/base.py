"""A layer whose weight is computed from other parameters, and the weight that is computed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.parameter import Parameter


class Derived:
    """A weight that is computed, where its layer has a `Parameter`: neither learned nor saved itself.

    Args:
        value: the weight.

    Attributes:
        frozen: whether nothing that it is computed from is learned, so that its gradient is not needed.
        has_grad: whether the layer has read the gradient in this backward, which is to add to it.
    """

    __slots__ = ("_grad", "frozen", "has_grad", "is_open", "value")

    _grad: Tensor | None

    def __init__(self, value: Tensor) -> None:
        self.frozen = False
        self.assign(value)

    def assign(self, value: Tensor, is_open: bool = False) -> None:
        """Replace the value; the gradient starts at zero.

        Args:
            value: the weight.
            is_open: whether somebody will use the gradient that is added up from now on.
        """
        self.value = value
        self.is_open = is_open
        self.has_grad = False
        self._grad = None

    @property
    def grad(self) -> Tensor:
        """The gradient with respect to the weight, during a backward of the module that computes it.

        Raises:
            InputError: the layer is used without that module, so that its gradient would be lost.
        """
        if self.frozen:
            return torch.zeros_like(self.value)
        if not self.is_open:
            raise InputError("this weight is computed by a module around its layer; use that module instead")
        if self._grad is None:
            self._grad = torch.zeros_like(self.value)
        self.has_grad = True
        return self._grad

    def __iter__(self) -> Iterator[Tensor]:
        yield self.value
        yield self.grad

    def __repr__(self) -> str:
        return f"Derived{tuple(self.value.shape)}"


class Parametrization(Module):
    """A layer, and the parameters from which one of its weights is computed in each forward.

    In the layer, a `Derived` takes the place of the parameter, and keeps the weight of the latest forward.

    Args:
        layer: the layer; or one in which another weight is computed likewise.
        name: of the parameter.

    Raises:
        ModuleError: the layer has no parameter of this name; or it has no shape yet, or no axis; or another
            module in the layer has it as well.
    """

    def __init__(self, layer: Module, name: str) -> None:
        if not isinstance(layer, Module):
            raise ModuleError(self, f"expected a Module as layer, got {type(layer).__name__}")
        self.layer = layer
        self.name = name
        self.training, self.saving = layer.training, layer.saving

    @property
    def owner(self) -> Module:
        """The module with the weight: the layer, or the one in it if the layer is such a module itself."""
        module = self.layer
        while isinstance(module, Parametrization) and self.name not in vars(module):
            module = module.layer
        return module

    @property
    def weight(self) -> Derived:
        """The weight that is computed."""
        derived: Derived = vars(self.owner)[self.name]
        return derived

    def _taken(self) -> Parameter:
        """The parameter of the layer, after a check."""
        named = f"{self.name!r} of {type(self.owner).__name__}"
        parameter = vars(self.owner).get(self.name)
        if not isinstance(parameter, Parameter):
            names = [name for name, field in self.owner.named_fields() if isinstance(field, Parameter)]
            raise ModuleError(self, f"expected the name of a parameter from {names}, got {named}")
        if not parameter.is_shaped:
            raise ModuleError(
                self, f"expected a parameter with a shape, which a first forward gives, got {named}"
            )
        if not parameter.value.ndim:
            raise ModuleError(self, f"expected a parameter with an axis, got {named}, a single number")
        if sum(field is parameter for _, field in self.layer._named_state()) > 1:
            raise ModuleError(
                self, f"expected a parameter of one module, got {named}, which another one shares"
            )
        return parameter

    def _axis(self, dim: int, axes: int) -> int:
        """The axis, counted from the first one, after a check."""
        if not -axes <= dim < axes:
            raise ModuleError(self, f"expected dim from {-axes} to {axes - 1} for {self.name!r}, got {dim}")
        return dim % axes

    def _give(self, weight: Tensor, is_open: bool = False) -> None:
        """Pass this weight to the layer."""
        self.weight.frozen = all(
            field.frozen for _, field in self.named_fields() if isinstance(field, Parameter)
        )
        self.weight.assign(weight, is_open)

    def _forward_with(self, weight: Tensor, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """The outputs of the layer with this weight."""
        self._give(weight)
        return self.layer.forward(*inputs, **options)

    def _backward_with(self, weight: Tensor, grads: tuple[Any, ...]) -> tuple[Any, Tensor | None]:
        """The layer's gradients of its inputs, and that of the weight, if there is one.

        The weight is that of the same forward: others may have come since.
        """
        self._give(weight, is_open=True)
        dinputs = self.layer.backward(*grads)
        dweight = self.weight.grad if self.weight.has_grad else None
        self._give(weight)
        return dinputs, dweight

    def input_layers(self) -> list[Any]:
        return self.layer.input_layers()
