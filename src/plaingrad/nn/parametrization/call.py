"""Layers whose weights come with the inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.parametrization.base import Derived
from plaingrad.parameter import Parameter


class FunctionalCall(Module):
    r"""Runs a layer with weights that come after its inputs, as ``torch.func.functional_call`` does.

    .. math::
        y = f(x, W), \qquad
        \frac{\partial \ell}{\partial x} = \Big(\frac{\partial f}{\partial x}\Big)^{\!\top}
            \frac{\partial \ell}{\partial y}, \qquad
        \frac{\partial \ell}{\partial W} = \Big(\frac{\partial f}{\partial W}\Big)^{\!\top}
            \frac{\partial \ell}{\partial y}

    where f and both products are the layer's. Its parameters are inputs like others: another module may
    compute them, and learns from their gradient.

    Shapes: those of the layer, then a weight of the shape of each parameter, in the order of ``names``.

    Args:
        layer: the layer.
        names: of its parameters that come with the inputs. In the layer, a ``Derived`` with the value of the
            latest forward takes the place of each.

    Raises:
        ModuleError: the layer has no parameter of a name, or one without a shape yet; or there are fewer
            inputs than names, or a weight has not its parameter's shape.
    """

    def __init__(self, layer: Module, names: Sequence[str] = ("weight", "bias")) -> None:
        names = (names,) if isinstance(names, str) else tuple(names)
        if not isinstance(layer, Module):
            raise ModuleError(self, f"expected a Module as layer, got {type(layer).__name__}")
        self.layer = layer
        self.training, self.saving = layer.training, layer.saving
        if not names:
            raise ModuleError(self, "expected the name of at least one parameter, got none")
        fields = {name: field for name, field in layer.named_fields() if isinstance(field, Parameter)}
        for name in names:
            if name not in fields:
                raise ModuleError(self, f"expected names of parameters from {list(fields)}, got {name!r}")
            if not fields[name].is_shaped:
                raise ModuleError(self, f"expected a parameter with a shape, got {name!r} before a forward")
        self._weights = {name: Derived(fields[name].value.clone()) for name in names}
        for name, weight in self._weights.items():
            setattr(layer, name, weight)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parameters that come with the inputs."""
        return tuple(self._weights)

    def _give(self, weights: Sequence[Tensor], is_open: bool = False) -> None:
        """Pass these weights to the layer."""
        for own, weight in zip(self._weights.values(), weights):
            own.assign(weight, is_open)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        count = len(inputs) - len(self._weights)
        weights = inputs[count:]
        if count < 0:
            raise ModuleError(self, f"expected inputs and then {self.names}, got {len(inputs)} of them")
        for (name, own), weight in zip(self._weights.items(), weights):
            if weight.shape != own.value.shape:
                sizes = f"{tuple(own.value.shape)}, got {tuple(weight.shape)}"
                raise ModuleError(self, f"expected {name!r} of shape {sizes}")
        self._give(weights)
        y = self.layer.forward(*inputs[:count], **options)
        self.save((weights, count, count + len(options) == 1), y)
        return y

    def backward(self, *dys: Any) -> Any:
        weights, count, is_single = self.restore(*dys)
        self._give(weights, is_open=True)
        entries = self.layer.backward(*dys)
        dweights = tuple(own.grad for own in self._weights.values())
        self._give(weights)
        entries = (entries,) if is_single else entries
        return (*entries[:count], *dweights, *entries[count:])
