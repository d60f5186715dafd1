"""What a module holds: `Parameter` and `Buffer`, and the flat storage that parameters can share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor


class Parameter:
    """A tensor to be learned, and the gradient of the loss with respect to it.

    Both have the same shape, dtype and device, and unpack as the pair ``value, grad``. Assigning to
    either one copies into it, because both may be views into one buffer (`flatten_parameters`).

    Args:
        value: the initial value, any shape. The gradient starts at zero.
    """

    __slots__ = ("_grad", "_value", "storage")

    def __init__(self, value: Tensor) -> None:
        self.storage: FlatStorage | None = None
        self.bind(value.detach(), torch.zeros_like(value))

    def bind(self, value: Tensor, grad: Tensor, storage: FlatStorage | None = None) -> None:
        """Let these tensors be the value and the gradient; a flat storage that held them is left."""
        if self.storage is not None and self.storage is not storage:
            self.storage.abandoned = True
        self._value, self._grad, self.storage = value, grad, storage

    @property
    def value(self) -> Tensor:
        return self._value

    @value.setter
    def value(self, new: Tensor) -> None:
        if new is not self._value:  # `p.value -= ...` has changed it in place already
            self._value.copy_(self._fitting(new).detach())

    @property
    def grad(self) -> Tensor:
        return self._grad

    @grad.setter
    def grad(self, new: Tensor) -> None:
        if new is not self._grad:
            self._grad.copy_(self._fitting(new).detach())

    def _fitting(self, new: Tensor) -> Tensor:
        if new.shape != self._value.shape:
            raise ValueError(
                f"a parameter of shape {shape(self._value)} cannot take a tensor of shape {shape(new)}"
            )
        return new

    def __iter__(self) -> Iterator[Tensor]:
        yield self._value
        yield self._grad

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy or a pickle holds its own tensors, not a view with the whole buffer behind it."""
        return type(self), (self._value.clone(),), (None, {"_grad": self._grad.clone()})

    def __repr__(self) -> str:
        return f"Parameter{shape(self._value)}"


class Buffer:
    """A tensor that belongs to a module's state but is not learned, such as a running mean.

    Args:
        value: the initial value, any shape and dtype. Replace it by assigning to ``buffer.value``.
    """

    __slots__ = ("value",)

    def __init__(self, value: Tensor) -> None:
        self.value = value

    def __repr__(self) -> str:
        return f"Buffer{shape(self.value)}"


class FlatStorage:
    """One contiguous buffer for the values of several parameters and one for their gradients.

    Attributes:
        parameters: the parameters, whose values and gradients are views into the buffers, in this order.
        value: shape (total number of elements,).
        grad: the same.
        abandoned: whether a parameter has moved elsewhere since (`Module.to`, another flattening).
    """

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> FlatStorage:
        """The storage that these parameters share already, or a new one.

        Raises:
            ValueError: there are no parameters, or their dtypes or devices differ.
        """
        parameters = list(dict.fromkeys(parameters))
        if not parameters:
            raise ValueError("there are no parameters to flatten")
        kinds = {(value.dtype, value.device) for value, _ in parameters}
        if len(kinds) > 1:
            found = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise ValueError(f"parameters that share a buffer need one dtype and one device, got {found}")
        storage = parameters[0].storage
        if storage is not None and not storage.abandoned and storage.parameters == parameters:
            return storage
        return cls(parameters)

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.abandoned = False
        self.value = torch.cat([value.reshape(-1) for value, _ in parameters])
        self.grad = torch.cat([grad.reshape(-1) for _, grad in parameters])
        start = 0
        for parameter in parameters:
            size, stop = parameter.value.shape, start + parameter.value.numel()
            parameter.bind(self.value[start:stop].view(size), self.grad[start:stop].view(size), self)
            start = stop

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is made of the copied parameters, which become views into it."""
        return type(self), (self.parameters,)


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape as a plain tuple, for messages."""
    return tuple(tensor.shape)
