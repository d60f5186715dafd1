"""Layers that learn the number of their input's features or channels from the first input."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from plaingrad.nn.linear import Linear
from plaingrad.nn.normalization import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from plaingrad.parameter import Buffer, Parameter, shape

CONTRACT = vars(Module()).keys() - {"_arguments"}


class Lazy(Module):
    """A layer that becomes another one with its first input, and has that one's forward and backward then.

    Its parameters exist from the start, without a shape, so that they can be moved to a device, frozen, or
    loaded from a state dict. What asks for their values, such as an optimizer, refuses them by name until the
    first forward. They are drawn then as those of the other class are.

    Attributes:
        becomes: the class that it becomes.
        axis: the axis of the input whose size is learned.
        weight_axis: the axis of the weight that has this size, or 1 / groups of it.
    """

    becomes: ClassVar[Any]
    axis: ClassVar[int]
    weight_axis: ClassVar[int]

    weight: Parameter | None
    bias: Parameter | None
    groups = 1

    def hold(self, fields: dict[str, bool], device: Any, dtype: Any) -> None:
        """Assign parameters and buffers without a shape, by name; None for those that are absent.

        Args:
            fields: for each name, whether it is there.
            device: where they shall live.
            dtype: their floating-point type.
        """
        for name, is_there in fields.items():
            kind = Buffer if name.startswith("running") else Parameter
            setattr(self, name, kind.unshaped(device, dtype) if is_there else None)

    def forward(self, x: Tensor) -> Any:
        if not -x.ndim <= self.axis < x.ndim:
            raise ModuleError(self, f"expected a first input with an axis {self.axis}, got {shape(x)}")
        self.become(x.shape[self.axis])
        return self.forward(x)

    def become(self, size: int) -> None:
        """Become the other class, for inputs of this size; values that were loaded are kept."""
        fields = dict(self.named_fields())
        template = next(iter(fields.values())).template if fields else torch.empty(0)
        arguments = {**self.arguments(), "device": template.device, "dtype": template.dtype}
        if self.weight is not None and self.weight.is_shaped:
            size = self.weight.value.shape[self.weight_axis] * (self.groups if self.weight_axis else 1)
        built = self.becomes(size, **arguments)
        for name, field in built.named_fields():
            if name in fields and not fields[name].is_shaped:
                fields[name].shape_as(field.value)
        own = {name: value for name, value in vars(built).items() if name not in CONTRACT}
        vars(self).update({**own, **fields})
        self.__class__ = self.becomes
        self._changed()


class LazyLinear(Lazy):
    """A `Linear` whose ``in_features`` are those of its first input, which it becomes then.

    Args:
        out_features: output size.
        bias: whether to learn a bias.
        device: where the parameters live.
        dtype: their floating-point type.

    Raises:
        ModuleError: the first input has no axis.
    """

    becomes = Linear
    axis = -1
    weight_axis = 1

    def __init__(
        self,
        out_features: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.out_features = out_features
        self.hold({"weight": True, "bias": bias}, device, dtype)


class LazyConvolution(Lazy):
    """A convolution whose ``in_channels`` are those of its first input; the base of the three.

    Args:
        out_channels: output channels.
        kernel_size: the sizes of the window.
        stride: the steps of the window.
        padding: the margin, or ``"same"`` or ``"valid"``.
        dilation: the distances between the window's elements.
        groups: the number of groups of channels that are convolved apart.
        bias: whether to learn a bias.
        padding_mode: the values of the margin.
        device: where the parameters live.
        dtype: their floating-point type.
    """

    weight_axis = 1

    def __init__(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.groups = groups
        self.hold({"weight": True, "bias": bias}, device, dtype)


class LazyTransposedConvolution(Lazy):
    """A transposed convolution whose ``in_channels`` are those of its first input; the base of the three.

    Args:
        out_channels: output channels.
        kernel_size: the sizes of the window.
        stride: the steps of the window.
        padding: what is cut off at the ends.
        output_padding: what is added at the far ends.
        groups: the number of groups of channels that are convolved apart.
        bias: whether to learn a bias.
        dilation: the distances between the window's elements.
        padding_mode: only ``"zeros"``.
        device: where the parameters live.
        dtype: their floating-point type.
    """

    weight_axis = 0

    def __init__(
        self,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.hold({"weight": True, "bias": bias}, device, dtype)


class LazyNorm(Lazy):
    """A normalisation whose ``num_features`` are the channels of its first input; the base of the six.

    Args:
        eps: added to the variance.
        momentum: the share of the newest batch in the running statistics.
        affine: whether to learn scale and shift.
        track_running_stats: whether to keep running statistics.
        device: where parameters and buffers live.
        dtype: their floating-point type.
        bias: whether to learn the shift, if there is a scale.
    """

    axis = 1
    weight_axis = 0

    running_mean: Buffer | None
    running_var: Buffer | None

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        statistics = {"running_mean": track_running_stats, "running_var": track_running_stats}
        self.hold({"weight": affine, "bias": affine and bias, **statistics}, device, dtype)
        self.num_batches_tracked = Buffer(torch.tensor(0, device=device)) if track_running_stats else None


class LazyConv1d(LazyConvolution):
    """A `Conv1d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = Conv1d
    axis = -2


class LazyConv2d(LazyConvolution):
    """A `Conv2d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = Conv2d
    axis = -3


class LazyConv3d(LazyConvolution):
    """A `Conv3d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = Conv3d
    axis = -4


class LazyConvTranspose1d(LazyTransposedConvolution):
    """A `ConvTranspose1d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = ConvTranspose1d
    axis = -2


class LazyConvTranspose2d(LazyTransposedConvolution):
    """A `ConvTranspose2d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = ConvTranspose2d
    axis = -3


class LazyConvTranspose3d(LazyTransposedConvolution):
    """A `ConvTranspose3d` whose ``in_channels`` are those of its first input, which it becomes then."""

    becomes = ConvTranspose3d
    axis = -4


class LazyBatchNorm1d(LazyNorm):
    """A `BatchNorm1d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = BatchNorm1d


class LazyBatchNorm2d(LazyNorm):
    """A `BatchNorm2d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = BatchNorm2d


class LazyBatchNorm3d(LazyNorm):
    """A `BatchNorm3d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = BatchNorm3d


class LazyInstanceNorm1d(LazyNorm):
    """An `InstanceNorm1d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = InstanceNorm1d
    axis = -2


class LazyInstanceNorm2d(LazyNorm):
    """An `InstanceNorm2d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = InstanceNorm2d
    axis = -3


class LazyInstanceNorm3d(LazyNorm):
    """An `InstanceNorm3d` whose ``num_features`` are those of its first input, which it becomes then."""

    becomes = InstanceNorm3d
    axis = -4
