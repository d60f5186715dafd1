"""The module with which a network ends."""

from __future__ import annotations

import warnings
from typing import Any

import torch

from plaingrad import nn
from plaingrad.contract.modes import mode
from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.train.calling import called
from plaingrad.train.checks import as_trained

SAMPLES = 2  # of the forward

# The losses that begin with a function themselves, each with the modules that compute it.
BUILT_IN: dict[type[Loss], tuple[type[Module], ...]] = {
    nn.CrossEntropyLoss: (nn.Softmax,),
    nn.BCEWithLogitsLoss: (nn.Sigmoid, nn.LogSigmoid),
    nn.MultiLabelSoftMarginLoss: (nn.Sigmoid, nn.LogSigmoid),
}


def warn_of_two_activations(model: Module, loss: Any, data: Dataset) -> None:
    """Warn where the network ends in a module that computes what the loss begins with."""
    last = ends_in(model, BUILT_IN.get(type(loss), ()), data)
    if last is not None:
        name, second = type(last).__name__, type(loss).__name__
        text = f"the network ends in {name}, which {second} has built in: train without {name}"
        warnings.warn(f"{text}, and apply it to predictions", stacklevel=4)


def ends_in(model: Module, kinds: tuple[type[Module], ...], data: Dataset) -> Module | None:
    """The module of one of these kinds whose output is that of the network; None if there is none.

    A network that has such modules runs once, on a few samples and in evaluation mode. One that cannot use
    them ends in none: whoever trains it or predicts with it is told why.
    """
    if not kinds or not any(isinstance(module, kinds) for module in model.modules()):
        return None
    returned: list[tuple[Any, Module]] = []

    def watch(module: Module, name: str, run: Any, *arguments: Any, **options: Any) -> Any:
        outputs = run(*arguments, **options)
        returned.append((outputs, module))
        return outputs

    try:
        with mode(False, model), torch.no_grad(), model.watched(watch):
            y = called(model, as_trained(model, data.take(slice(SAMPLES))).inputs)
    except Exception:
        return None
    innermost = next(module for outputs, module in returned if outputs is y)
    return innermost if isinstance(innermost, kinds) else None
