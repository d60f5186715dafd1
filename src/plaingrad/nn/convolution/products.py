r"""The three products of convolution: windows with kernels, and what its two derivatives are.

.. math::
    y_{ol} = \sum_k W_{ok} X_{kl}, \qquad
    \frac{\partial \ell}{\partial W_{ok}} = \sum_l \frac{\partial \ell}{\partial y_{ol}} X_{kl}, \qquad
    \frac{\partial \ell}{\partial X_{kl}} = \sum_o W_{ok} \frac{\partial \ell}{\partial y_{ol}}

where column l of X is the window l, with its elements and channels k one after another, and o is a channel
of the output. With groups, each part of the output's channels has windows of its part of the input's alone.
The columns are as many times larger than x as a window has elements, so they are made for a few samples at a
time, and made again for the gradient. Where a window has one channel, they are not needed: its elements are
taken one by one, in all windows of a few samples at once.

All copies and sums go along rows of windows. Where these are short, as in small images, the samples become
one more axis of a single sample, the last and without neighbours, so that a row goes through all of them.

Shapes: x ``(batch, channels, *size)``, weight ``(out_channels, channels // groups, *kernel)``, and y
``(batch, out_channels, *count)``, all in the same dtype.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.common.window import Window

COLUMN_ELEMENTS = 2**20  # at a time, which is 4 megabytes in float32
SHORT_ROW = 16  # windows, below which a loop over a row takes less time than its beginning


def correlate(
    x: Float[Tensor, "batch channels *size"],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "batch out_channels *count"]:
    """The sum of the products of each window with each kernel."""
    if _rows_are_short(x.shape, window):
        weight, longer = weight.unsqueeze(-1), window.with_point()
        parts = [
            correlate(_samples_last(x[rows]), weight, longer, groups) for rows in _chunks(x.shape, window)
        ]
        return _joined([_samples_first(part) for part in parts])
    parts = []
    for rows in _chunks(x.shape, window):
        if _one_by_one(weight, groups):
            size = len(x[rows]), groups, len(weight) // groups, *window.count(x.shape[2:])
            part = x.new_zeros(size)
            for view, element in zip(window.views(x[rows]), _elements(weight, groups, window)):
                part.addcmul_(view.unsqueeze(2), element)
        else:
            part = _kernels(weight, groups) @ window.columns(x[rows]).unflatten(1, (groups, -1))
        parts.append(part)
    return _joined(parts).view(len(x), len(weight), *window.count(x.shape[2:]))


def weight_gradient(
    dy: Float[Tensor, "batch out_channels *count"],
    x: Float[Tensor, "batch channels *size"],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "out_channels group_channels *kernel"]:
    """The gradient with respect to the kernels, from that with respect to y."""
    if _rows_are_short(x.shape, window):
        dweight, longer = torch.zeros_like(weight.unsqueeze(-1)), window.with_point()
        for rows in _chunks(x.shape, window):
            parts = _samples_last(dy[rows]), _samples_last(x[rows])
            dweight.add_(weight_gradient(*parts, weight.unsqueeze(-1), longer, groups))
        return dweight.squeeze(-1)
    dkernels = torch.zeros_like(_kernels(weight, groups))
    for rows in _chunks(x.shape, window):
        dpart = dy[rows].unflatten(1, (groups, -1))
        if _one_by_one(weight, groups):
            axes, product = [0, *range(3, dpart.ndim)], torch.empty_like(dpart)
            for k, view in enumerate(window.views(x[rows])):
                dkernels[..., k].add_(torch.mul(dpart, view.unsqueeze(2), out=product).sum(axes))
        else:
            columns = window.columns(x[rows]).unflatten(1, (groups, -1))
            for group in range(groups):
                dkernels[group].addbmm_(dpart[:, group].flatten(2), columns[:, group].mT)
    return dkernels.view(weight.shape)


def input_gradient(
    dy: Float[Tensor, "batch out_channels *count"],
    size: Sequence[int],
    weight: Float[Tensor, "out_channels group_channels *kernel"],
    window: Window,
    groups: int,
) -> Float[Tensor, "batch channels *size"]:
    """The gradient with respect to an x of this size, from that with respect to y."""
    shape = torch.Size((len(dy), groups * weight.shape[1], *size))
    if _rows_are_short(shape, window):
        weight, longer = weight.unsqueeze(-1), window.with_point()
        parts = (_samples_last(dy[rows]) for rows in _chunks(shape, window))
        dparts = (input_gradient(part, (*size, part.shape[-1]), weight, longer, groups) for part in parts)
        return _joined([_samples_first(dpart) for dpart in dparts])
    kernels = _kernels(weight, groups).mT
    if window.is_point:
        return (kernels @ dy.flatten(2).unflatten(1, (groups, -1))).view(shape)
    dx = dy.new_zeros(shape)
    for rows in _chunks(shape, window):
        dpart = dy[rows].unflatten(1, (groups, -1))
        if _one_by_one(weight, groups):
            for view, element in zip(window.views(dx[rows]), _elements(weight, groups, window)):
                for channel, factor in zip(dpart.unbind(2), element.unbind(1)):
                    view.addcmul_(channel, factor)
        else:
            window.add_columns((kernels @ dpart.flatten(3)).flatten(1, 2), dx[rows])
    return dx


def _kernels(weight: Tensor, groups: int) -> Float[Tensor, "groups group_outputs channels_and_elements"]:
    return weight.reshape(groups, len(weight) // groups, weight.shape[1:].numel())


def _one_by_one(weight: Tensor, groups: int) -> bool:
    return weight.shape[1] == 1 < groups


def _elements(weight: Tensor, groups: int, window: Window) -> Iterator[Tensor]:
    """Each element of all kernels of one channel, to be multiplied with `Window.views`."""
    kernels = weight.reshape(groups, len(weight) // groups, window.elements, *[1] * window.axes)
    return iter(kernels.unbind(2))


def _chunks(shape: torch.Size, window: Window) -> Iterator[slice]:
    """The samples of an x of this shape in parts whose columns are few."""
    columns = shape[1] * window.elements * torch.Size(window.count(shape[2:])).numel()
    step = max(1, COLUMN_ELEMENTS // max(1, columns))
    return (slice(start, start + step) for start in range(0, max(1, shape[0]), step))


def _rows_are_short(shape: torch.Size, window: Window) -> bool:
    return shape[0] > 1 and window.count(shape[2:])[-1] < SHORT_ROW and not window.is_point


def _samples_last(x: Float[Tensor, "batch channels *size"]) -> Float[Tensor, "1 channels *size batch"]:
    return x.flatten(1).T.contiguous().view(1, *x.shape[1:], len(x))


def _samples_first(x: Float[Tensor, "1 channels *size batch"]) -> Float[Tensor, "batch channels *size"]:
    return x.flatten(0, -2).T.contiguous().view(x.shape[-1], *x.shape[1:-1])


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)
