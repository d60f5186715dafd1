"""`Parameter` and `Buffer`, and the flat storage that parameters can share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TypeGuard

import torch
from torch import Tensor

from plaingrad.errors import InputError

OF_AUTOGRAD = {
    "requires_grad_": "; write parameter.requires_grad = False, or module.freeze()",
    **dict.fromkeys(("backward", "grad_fn"), "; the module's backward adds to its gradient"),
    **dict.fromkeys(("retain_grad", "is_leaf"), "; its gradient is parameter.grad"),
    **dict.fromkeys(("register_hook", "register_post_accumulate_grad_hook"), "; see Module.watched"),
}
"""What to do instead of what PyTorch's tensors have for its recording, by their names for it."""


class Parameter:
    """A tensor to be learned, and the gradient of the loss with respect to it.

    Both have the same shape, dtype and device, and unpack as the pair ``value, grad``. Assigning to
    either one copies into it, because both may be views into one buffer (`flatten_parameters`).

    Args:
        value: the initial value, any shape. The gradient starts at zero.

    Attributes:
        frozen: whether the parameter is excluded from training: its gradient is zero whatever a backward adds
            to it, and no update rule changes it, weight decay included.
        has_grad: whether a backward may have added to the gradient since it was last set to zero, that is,
            whether ``grad`` was read. Update rules skip a parameter without one, as PyTorch's do.
    """

    __slots__ = ("_grad", "_value", "frozen", "has_grad", "storage", "template")

    _value: Tensor
    _grad: Tensor
    template: Tensor  # empty, on the device and of the dtype of a value to come

    def __init__(self, value: Tensor) -> None:
        self.storage: FlatStorage | None = None
        self.frozen = self.has_grad = False
        self.shape_as(value)

    @classmethod
    def unshaped(
        cls, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Parameter:
        """A parameter without a shape, for a layer that learns its sizes from its first input.

        `Module.parameters`, `Module.state_dict` and with them optimizers refuse it by name until `shape_as`
        or a loaded state gives it one.

        Args:
            device: where its value shall live, kept in ``template``, which `Module.to` moves.
            dtype: of its value.
        """
        parameter = cls.__new__(cls)
        parameter.template = torch.empty(0, device=device, dtype=dtype)
        parameter.storage = None
        parameter.frozen = parameter.has_grad = False
        return parameter

    @property
    def is_shaped(self) -> bool:
        """True if it has a value and a gradient; False at first for one made by `unshaped`."""
        try:
            return self._value is not None
        except ValueError:
            return False

    def shape_as(self, value: Tensor) -> None:
        """Set the value of a parameter that has no shape yet, with a gradient of zero.

        Raises:
            InputError: it has one, or the tensor is not one of floating-point numbers.
        """
        if self.is_shaped:
            raise InputError(f"expected a parameter without a shape, got one of {shape(self._value)}")
        if not value.is_floating_point():
            raise InputError(f"expected a parameter of floating-point numbers, got {value.dtype}")
        self.bind(value.detach(), torch.zeros(value.shape, dtype=value.dtype, device=value.device))

    def bind(self, value: Tensor, grad: Tensor, storage: FlatStorage | None = None) -> None:
        """Replace the value and the gradient by these tensors; leave the flat storage that held them."""
        if self.storage is not None and self.storage is not storage:
            self.storage.abandoned = True
        self._value, self._grad, self.storage = value, grad, storage

    def __getattr__(self, name: str) -> Any:
        """Raise the error of a parameter without a shape, or of an unknown attribute."""
        if name in ("_value", "_grad"):
            raise InputError("this parameter has no shape yet; a first forward gives it one")
        hint = f"; its value has: write parameter.value.{name}" if hasattr(Tensor, name) else ""
        hint = OF_AUTOGRAD.get(name, hint)
        raise AttributeError(f"a Parameter has no {name!r}{hint}")

    @classmethod
    def __torch_function__(cls, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> NoReturn:
        """Refuse PyTorch's functions, which call this where they meet a parameter.

        Raises:
            TypeError: always.
        """
        cls._refuse()

    @staticmethod
    def _refuse(*operands: Any) -> NoReturn:
        raise TypeError("a Parameter is no tensor but a pair of value and gradient; write layer.weight.value")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _refuse
    __matmul__ = __rmatmul__ = __pow__ = __neg__ = __getitem__ = _refuse

    @property
    def value(self) -> Tensor:
        return self._value

    @value.setter
    def value(self, new: Tensor) -> None:
        if new is not self._value:  # `p.value -= ...` has changed it in place already
            self._value.copy_(self._fitting(new).detach())

    @property
    def grad(self) -> Tensor:
        if self.frozen:
            return torch.zeros_like(self._value)  # a temporary: additions to it are lost
        self.has_grad = True
        return self._grad

    @grad.setter
    def grad(self, new: Tensor | None) -> None:
        if new is None:  # as PyTorch's users write it
            self.zero_grad()
        elif new is not self._grad and not self.frozen:
            self._grad.copy_(self._fitting(new).detach())
            self.has_grad = True

    @property
    def requires_grad(self) -> bool:
        """PyTorch's name for not being `frozen`; may be assigned."""
        return not self.frozen

    @requires_grad.setter
    def requires_grad(self, learned: bool) -> None:
        self.frozen = not learned

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set the gradient to zero, and note that no backward has added to it since.

        Args:
            set_to_none: PyTorch's name for that note, by which update rules skip the parameter; False leaves
                it out. The gradient is a tensor of zeros in both cases.
        """
        if self.is_shaped:
            self._grad.zero_()
        self.has_grad = self.has_grad and not set_to_none

    def _fitting(self, new: Tensor) -> Tensor:
        if new.shape != self._value.shape:
            raise InputError(
                f"a parameter of shape {shape(self._value)} cannot take a tensor of shape {shape(new)}"
            )
        return new

    def __iter__(self) -> Iterator[Tensor]:
        yield self.value
        yield self.grad

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy or pickle the parameter's own tensors, not the shared buffer behind their views."""
        fields = {"frozen": self.frozen, "has_grad": self.has_grad}
        if not self.is_shaped:
            return type(self).unshaped, (self.template.device, self.template.dtype), (None, fields)
        return type(self), (self._value.clone(),), (None, fields | {"_grad": self._grad.clone()})

    def __repr__(self) -> str:
        size = str(shape(self._value)) if self.is_shaped else "(without a shape)"
        return f"Parameter{size}" + (" frozen" if self.frozen else "")

    def _repr_html_(self) -> str | None:
        """A line for the value and one for the gradient in a notebook; None without a shape."""
        if not self.is_shaped or not self._value.numel():
            return None
        rows = []
        for name, x in (("value", self._value), ("gradient", self._grad)):
            numbers = x.norm().item(), x.min().item(), x.max().item()
            cells = "".join(f"<td>{number:.3g}</td>" for number in numbers)
            rows.append(f"<tr><th>{name}</th>{cells}</tr>")
        head = "<tr><th></th><th>norm</th><th>min</th><th>max</th></tr>"
        caption = f"<caption>{self!r} of {self._value.dtype}</caption>"
        return f"<table>{caption}<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


class Buffer:
    """A tensor that belongs to a module's state but is not learned, such as a running mean.

    Args:
        value: the initial value, any shape and dtype. Replace it by assigning to ``buffer.value``.
    """

    __slots__ = ("is_shaped", "value")

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self.is_shaped = True

    @classmethod
    def unshaped(cls, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Buffer:
        """A buffer without a shape, as `Parameter.unshaped`."""
        buffer = cls(torch.empty(0, device=device, dtype=dtype))
        buffer.is_shaped = False
        return buffer

    @property
    def template(self) -> Tensor:
        """An empty tensor on the device and of the dtype of a value to come."""
        return self.value[:0]

    @template.setter
    def template(self, template: Tensor) -> None:
        self.value = template

    def shape_as(self, value: Tensor) -> None:
        """Set the value of a buffer that has no shape yet."""
        self.value, self.is_shaped = value, True

    def __repr__(self) -> str:
        return f"Buffer{shape(self.value)}" if self.is_shaped else "Buffer(without a shape)"


class FlatStorage:
    """One contiguous buffer for the values of several parameters and one for their gradients.

    Attributes:
        parameters: the parameters, whose values and gradients are views into the buffers, in this order.
        value: shape (total number of elements,).
        grad: the same shape. Reading it counts as adding to all of them.
        abandoned: whether a parameter has moved elsewhere since (`Module.to`, another flattening).
    """

    @classmethod
    def of(cls, parameters: Iterable[Parameter]) -> FlatStorage:
        """The storage that these parameters share already, or a new one.

        Raises:
            InputError: there are no parameters, or their dtypes or devices differ.
        """
        parameters = list(dict.fromkeys(parameters))
        if not parameters:
            raise InputError("there are no parameters to flatten")
        kinds = {(parameter.value.dtype, parameter.value.device) for parameter in parameters}
        if len(kinds) > 1:
            got = ", ".join(sorted(f"{dtype} on {device}" for dtype, device in kinds))
            raise InputError(f"parameters that share a buffer need one dtype and one device, got {got}")
        storage = parameters[0].storage
        if storage is not None and not storage.abandoned and storage.parameters == parameters:
            return storage
        return cls(parameters)

    def __init__(self, parameters: list[Parameter]) -> None:
        self.parameters = parameters
        self.abandoned = False
        self.value = torch.cat([parameter._value.reshape(-1) for parameter in parameters])
        self._grad = torch.cat([parameter._grad.reshape(-1) for parameter in parameters])
        start = 0
        for parameter in parameters:
            size, stop = parameter.value.shape, start + parameter.value.numel()
            parameter.bind(self.value[start:stop].view(size), self._grad[start:stop].view(size), self)
            start = stop

    @property
    def grad(self) -> Tensor:
        for parameter in self.parameters:
            parameter.has_grad = True
        return self._grad

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Set all gradients to zero; ``set_to_none`` as for a parameter."""
        self._grad.zero_()
        for parameter in self.parameters:
            parameter.has_grad = parameter.has_grad and not set_to_none

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy the parameters first; they become views into the copy."""
        return type(self), (self.parameters,)


def learned(parameter: Parameter | None) -> TypeGuard[Parameter]:
    """True if there is a parameter and it is not frozen, so that its gradient is needed."""
    return parameter is not None and not parameter.frozen


def shape(tensor: Tensor) -> tuple[int, ...]:
    """The shape as a tuple of integers, for messages."""
    return tuple(tensor.shape)
