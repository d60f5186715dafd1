"""Padding: elements added at the ends of axes."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Shaped
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.margin import Margin
from plaingrad.parameter import shape


class Padding(Module):
    r"""Adds elements at both ends of the last axes: the base class of padding.

    .. math::
        y_i = x_{s(i)} \text{ or a constant}, \qquad
        \frac{\partial \ell}{\partial x_j} = \sum_{i:\, s(i) = j} \frac{\partial \ell}{\partial y_i}

    where i counts from the first element of x, so that it is negative before it, and s(i) is the element that
    is copied there. Negative numbers cut elements off.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *new size)`` with
    ``new = before + old + after`` and one or no batch axis.

    Args:
        padding: the number of elements before and after along the last axis, then along the one before it,
            and so on; or one number for all.

    Raises:
        ModuleError: there are more or fewer numbers, the input's shape does not fit, or it has not as many
            elements as are to be copied.
    """

    axes: ClassVar[tuple[str, ...]]
    mode: ClassVar[str]
    value: int | float = 0.0

    def __init__(self, padding: int | tuple[int, ...]) -> None:
        count = 2 * len(self.axes)
        ends = (padding,) * count if isinstance(padding, int) else tuple(padding)
        if len(ends) != count:
            raise ModuleError(self, f"expected padding of one number or {count}, got {padding}")
        self.padding = ends

    def forward(self, x: Shaped[Tensor, "*size"]) -> Shaped[Tensor, "*new_size"]:
        margins = self._margins()
        self._expect(x, margins)
        y = x
        for margin in margins:
            y = margin.forward(y)
        self.save(None, y)
        return y

    def backward(self, dy: Shaped[Tensor, "*new_size"]) -> Shaped[Tensor, "*size"]:
        self.restore(dy)
        dx = widen(dy)
        for margin in reversed(self._margins()):
            dx = margin.backward(dx)
        return narrow(dx, dy.dtype)

    def _margins(self) -> list[Margin]:
        margins = []
        for axis, ends in enumerate(zip(self.padding[::2], self.padding[1::2]), 1):
            if self.mode == "circular":  # of what is left
                margins.append(Margin(-axis, min(0, ends[0]), min(0, ends[1]), "zeros"))
                ends = max(0, ends[0]), max(0, ends[1])
            margins.append(Margin(-axis, *ends, self.mode, self.value))
        return [margin for margin in margins if margin.before or margin.after]

    def _expect(self, x: Tensor, margins: list[Margin]) -> None:
        axes = len(self.axes)
        copies = self.mode != "zeros"
        if x.ndim < axes or (copies and x.ndim - axes not in (1, 2)):
            names = ", ".join(self.axes)
            expected = f"input (batch, channels, {names}) or (channels, {names})"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        for margin in margins:
            size = x.shape[margin.axis]
            most, needed = margin.most(size), max(margin.before, margin.after)
            if needed > most:
                expected = f"{margin.mode} padding of at most {most} for input {shape(x)}"
                raise ModuleError(self, f"expected {expected}, got {needed}")
            left = (
                size + margin.before + margin.after if copies else size + min(0, margin.before, margin.after)
            )
            if left < copies:
                expected = f"padding that leaves something of {shape(x)}"
                raise ModuleError(self, f"expected {expected}, got {self.padding}")
        if self.mode in ("reflect", "replicate") and 0 in x.shape[-axes - 1 :]:
            raise ModuleError(self, f"expected input with something to copy, got {shape(x)}")


class ConstantPadding(Padding):
    """Adds a constant: the base class of `ConstantPad1d` to `ConstantPad3d`; equations: those of `Padding`.

    Args:
        padding: as that of `Padding`.
        value: the constant.
    """

    mode: ClassVar[str] = "zeros"

    def __init__(self, padding: int | tuple[int, ...], value: int | float) -> None:
        super().__init__(padding)
        self.value = value


class ZeroPadding(Padding):
    """Adds zeros: the base class of `ZeroPad1d` to `ZeroPad3d`; equations: those of `Padding`."""

    mode: ClassVar[str] = "zeros"


class ReflectionPadding(Padding):
    """Adds the elements mirrored at the first and the last: the base class of `ReflectionPad1d` and on."""

    mode: ClassVar[str] = "reflect"


class ReplicationPadding(Padding):
    """Adds copies of the first and the last element: the base class of `ReplicationPad1d` and on."""

    mode: ClassVar[str] = "replicate"


class CircularPadding(Padding):
    """Adds the elements from the other end: the base class of `CircularPad1d` to `CircularPad3d`."""

    mode: ClassVar[str] = "circular"


class ConstantPad1d(ConstantPadding):
    """`ConstantPadding` along one axis, of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class ConstantPad2d(ConstantPadding):
    """`ConstantPadding` of images ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class ConstantPad3d(ConstantPadding):
    """`ConstantPadding` of volumes ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class ZeroPad1d(ZeroPadding):
    """`ZeroPadding` along one axis, of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class ZeroPad2d(ZeroPadding):
    """`ZeroPadding` of images ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class ZeroPad3d(ZeroPadding):
    """`ZeroPadding` of volumes ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class ReflectionPad1d(ReflectionPadding):
    """`ReflectionPadding` along one axis, of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class ReflectionPad2d(ReflectionPadding):
    """`ReflectionPadding` of images ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class ReflectionPad3d(ReflectionPadding):
    """`ReflectionPadding` of volumes ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class ReplicationPad1d(ReplicationPadding):
    """`ReplicationPadding` along one axis, of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class ReplicationPad2d(ReplicationPadding):
    """`ReplicationPadding` of images ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class ReplicationPad3d(ReplicationPadding):
    """`ReplicationPadding` of volumes ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class CircularPad1d(CircularPadding):
    """`CircularPadding` along one axis, of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class CircularPad2d(CircularPadding):
    """`CircularPadding` of images ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class CircularPad3d(CircularPadding):
    """`CircularPadding` of volumes ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")
