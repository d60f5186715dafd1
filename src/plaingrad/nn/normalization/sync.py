"""Normalisation over the batches of several processes."""

from __future__ import annotations

from collections.abc import Container
from typing import ClassVar

import torch

from plaingrad.module import ModuleError
from plaingrad.nn.normalization.batch import BatchNorm


class SyncBatchNorm(BatchNorm):
    r"""Normalises each channel over the batch, whatever axes there are; in one process as `BatchNorm1d` does.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y} \\
        \frac{\partial \ell}{\partial x} &= \frac{w}{\sigma} \Big( \frac{\partial \ell}{\partial y}
            - \frac{1}{n} \frac{\partial \ell}{\partial b}
            - \frac{\hat x}{n} \odot \frac{\partial \ell}{\partial w} \Big)

    where bars and sums go over the n values of a channel. This is the class of torch.nn in a single process;
    statistics of several processes are not exchanged.

    Shapes: ``(batch, num_features, *)``, kept.

    The other arguments and the attributes are those of `BatchNorm1d`.

    Args:
        process_group: only None; there is one process.

    Raises:
        ModuleError: a process group is given, the input's shape or dtype does not fit, or a channel has a
            single value to normalise.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

    ranks: ClassVar[Container[int]] = range(2, 65)
    sizes: ClassVar[str] = "(batch, {}, *)"

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if process_group is not None:
            raise ModuleError(self, "expected process_group=None, statistics stay in one process")
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
