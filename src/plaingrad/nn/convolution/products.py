r"""The three products of convolution: windows with kernels, and what its two derivatives are.

.. math::
    y_{ol} = \sum_k W_{ok} X_{kl}, \qquad
    \frac{\partial \ell}{\partial W_{ok}} = \sum_l \frac{\partial \ell}{\partial y_{ol}} X_{kl}, \qquad
    \frac{\partial \ell}{\partial X_{kl}} = \sum_o W_{ok} \frac{\partial \ell}{\partial y_{ol}}

where column l of X is the window l, with its elements and channels k one after another, and o is a channel
of the output. With groups, each part of the output's channels has windows of its part of the input's alone.
The columns are as many times larger than x as a window has elements, so they are made for a few samples at a
time, and made again for the gradient. Where a window has one channel, they are not needed: its elements are
taken one by one, in all windows at once.

Shapes: x ``(batch, channels, *size)``, weight ``(out_channels, channels // groups, *kernel)``, and y
``(batch, out_channels, *count)``, all in the same dtype.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.common.window import Window

COLUMN_ELEMENTS = 2**18  # at a time, which the cache holds


def correlate(
    x: Float[Tensor, "batch channels *size"],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "batch out_channels *count"]:
    """The sum of the products of each window with each kernel."""
    size = [len(x), len(weight), *window.count(x.shape[2:])]
    if _one_by_one(weight, groups):
        y = x.new_zeros(size).unflatten(1, (groups, -1))
        for view, element in zip(window.views(x), _elements(weight, groups, window)):
            y = y.addcmul_(view.unsqueeze(2), element)
        return y.flatten(1, 2)
    kernels = _kernels(weight, groups)
    parts = [
        (kernels @ window.columns(x[rows]).unflatten(1, (groups, -1))).flatten(1, 2)
        for rows in _chunks(x, window)
    ]
    return _joined(parts).view(size)


def weight_gradient(
    dy: Float[Tensor, "batch out_channels *count"],
    x: Float[Tensor, "batch channels *size"],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "out_channels group_channels *kernel"]:
    """The gradient with respect to the kernels, from that with respect to y."""
    if _one_by_one(weight, groups):
        dy = dy.unflatten(1, (groups, -1))
        axes, product = [0, *range(3, dy.ndim)], torch.empty_like(dy)  # new memory each time would cost more
        sums = [torch.mul(dy, view.unsqueeze(2), out=product).sum(axes) for view in window.views(x)]
        return torch.stack(sums, -1).view(weight.shape)
    dkernels = torch.zeros_like(_kernels(weight, groups))
    for rows in _chunks(x, window):
        columns = window.columns(x[rows]).unflatten(1, (groups, -1))
        dcolumns = dy[rows].flatten(2).unflatten(1, (groups, -1))
        for group in range(groups):
            dkernels[group].addbmm_(dcolumns[:, group], columns[:, group].mT)
    return dkernels.view(weight.shape)


def input_gradient(
    dy: Float[Tensor, "batch out_channels *count"],
    size: Sequence[int],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "batch channels *size"]:
    """The gradient with respect to an x of this size, from that with respect to y."""
    dx = dy.new_zeros(len(dy), groups * weight.shape[1], *size)
    if _one_by_one(weight, groups):
        dy = dy.unflatten(1, (groups, -1))
        for view, element in zip(window.views(dx), _elements(weight, groups, window)):
            for part, factor in zip(dy.unbind(2), element.unbind(1)):
                view.addcmul_(part, factor)
        return dx
    kernels = _kernels(weight, groups).mT
    if window.is_point:
        return (kernels @ dy.flatten(2).unflatten(1, (groups, -1))).view(dx.shape)
    for rows in _chunks(dx, window):
        dcolumns = kernels @ dy[rows].flatten(2).unflatten(1, (groups, -1))
        window.add_columns(dcolumns.flatten(1, 2), dx[rows])
    return dx


def _kernels(weight: Tensor, groups: int) -> Float[Tensor, "groups group_outputs channels_and_elements"]:
    return weight.reshape(groups, len(weight) // groups, weight.shape[1:].numel())


def _one_by_one(weight: Tensor, groups: int) -> bool:
    return weight.shape[1] == 1 < groups


def _elements(weight: Tensor, groups: int, window: Window) -> Iterator[Tensor]:
    """Each element of all kernels of one channel, to be multiplied with `Window.views`."""
    kernels = weight.reshape(groups, len(weight) // groups, window.elements, *[1] * window.axes)
    return iter(kernels.unbind(2))


def _chunks(x: Tensor, window: Window) -> Iterator[slice]:
    """The samples of x in parts whose columns are few."""
    columns = x.shape[1] * window.elements * torch.Size(window.count(x.shape[2:])).numel()
    step = max(1, COLUMN_ELEMENTS // max(1, columns))
    return (slice(start, start + step) for start in range(0, max(1, len(x)), step))


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
