"""Averages of a network's weights over training."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.modes import mode
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn.normalization.batch import BatchNorm
from plaingrad.parameter import Buffer, Parameter

Average = Callable[[Tensor, Tensor, Tensor], Tensor]
Averages = Callable[[list[Tensor], list[Tensor], Tensor], None]


class AveragedModel(Module):
    r"""A copy of a network whose parameters are averages of the network's own.

    The first `update_parameters` copies the parameters p, each later one averages them; without a function
    of one's own

    .. math::
        \bar p \leftarrow \bar p + \frac{p - \bar p}{n + 1}

    for the n models averaged so far. In everything else it is the copy: forward and backward are its own.

    Args:
        model: the network.
        device: where the copy lives; where the network lives if None.
        avg_fn: the new average, from the average, the parameter and n.
        multi_avg_fn: the same in place, for lists of averages and of parameters.
        use_buffers: whether to average buffers such as running means too; else those of the copy stay, for
            `update_bn`.

    Attributes:
        module: the copy.
        n_averaged: n, a buffer.

    Raises:
        InputError: there are both functions.

    Source: P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. Wilson, "Averaging weights leads to wider
    optima and better generalization", 2018.
    """

    module: Module
    n_averaged: Buffer

    def __init__(
        self,
        model: Module,
        device: torch.device | str | int | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        if avg_fn is not None and multi_avg_fn is not None:
            raise InputError("AveragedModel: expected avg_fn or multi_avg_fn, got both")
        self.module = deepcopy(model) if device is None else deepcopy(model).to(torch.device(device))
        self.n_averaged = Buffer(torch.tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.module.forward(*inputs, **options)

    def backward(self, *grads: Any) -> Any:
        return self.module.backward(*grads)

    def update_parameters(self, model: Module) -> None:
        """Average the network's parameters in; copy its buffers, or average them with ``use_buffers``."""
        averages, values = (_values(each, self.use_buffers) for each in (self.module, model))
        values = [value.to(average.device) for average, value in zip(averages, values)]
        n = self.n_averaged.value
        if n == 0:
            for average, value in zip(averages, values):
                average.copy_(value)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(averages, values, n)
        else:
            function = get_swa_avg_fn() if self.avg_fn is None else self.avg_fn
            for average, value in zip(averages, values):
                average.copy_(function(average, value, n.to(average.device)))
        if not self.use_buffers:
            for (_, buffer), (_, other) in zip(self.module.named_buffers(), model.named_buffers()):
                buffer.value.copy_(other.value)
        n += 1


def get_swa_avg_fn() -> Average:
    """The equal average of all models, for the ``avg_fn`` of `AveragedModel`."""

    def average(averaged: Tensor, value: Tensor, n: Tensor) -> Tensor:
        return averaged + (value - averaged) / (n + 1)

    return average


def get_swa_multi_avg_fn() -> Averages:
    """The equal average of all models, for the ``multi_avg_fn`` of `AveragedModel`."""
    return _of_lists(get_swa_avg_fn())


def get_ema_avg_fn(decay: int | float = 0.999) -> Average:
    """An average in which a model counts ``decay`` times as much as the one after it, for ``avg_fn``.

    Raises:
        InputError: the decay is not in 0..1.
    """
    if not 0 <= decay <= 1:
        raise InputError(f"get_ema_avg_fn: expected decay in 0..1, got {decay}")

    def average(averaged: Tensor, value: Tensor, n: Tensor) -> Tensor:
        return decay * averaged + (1 - decay) * value

    return average


def get_ema_multi_avg_fn(decay: int | float = 0.999) -> Averages:
    """The average of `get_ema_avg_fn`, for the ``multi_avg_fn`` of `AveragedModel`."""
    return _of_lists(get_ema_avg_fn(decay))


def update_bn(loader: Iterable[Any], model: Module, device: torch.device | str | int | None = None) -> None:
    """Set the running statistics of all batch normalisations to those of one pass over some batches.

    Averages of weights have other statistics than the networks that they come from. Each batch counts alike.

    Args:
        loader: batches: tensors, or tuples or lists that begin with one.
        model: the network; its mode is kept, and no state is saved.
        device: where the batches go first; nowhere if None.
    """
    layers = {layer: layer.momentum for layer in model.modules() if isinstance(layer, BatchNorm)}
    if not layers:
        return
    try:
        with mode(True, model), torch.no_grad():
            for layer in layers:
                layer.reset_running_stats()
                layer.momentum = None
            for module in model.modules():
                module.saving = False
            for batch in loader:
                x = batch[0] if isinstance(batch, (tuple, list)) else batch
                model.forward(x if device is None else x.to(device))
    finally:
        for layer, momentum in layers.items():
            layer.momentum = momentum


def _values(model: Module, use_buffers: bool) -> list[Tensor]:
    """The tensors to be averaged, in one order for all copies of a network."""
    held: list[Parameter | Buffer] = [parameter for _, parameter in model.named_parameters()]
    if use_buffers:
        held += [buffer for _, buffer in model.named_buffers()]
    return [each.value for each in held]


def _of_lists(function: Average) -> Averages:
    def averages(averaged: list[Tensor], values: list[Tensor], n: Tensor) -> None:
        for average, value in zip(averaged, values):
            average.copy_(function(average, value, n.to(average.device)))

    return averages
