"""Networks, losses and schedules by the names that options give, looked up when a command runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import typer

from plaingrad.console import options
from plaingrad.console.options import expect_size, refused

if TYPE_CHECKING:
    from plaingrad.nn import Loss, Sequential
    from plaingrad.optim import Optimizer
    from plaingrad.optim.schedule import Schedule

T = TypeVar("T")


def sizes(text: str, option: str) -> list[int]:
    """The numbers in a text such as "25,25,25"; an empty one has none."""
    return list(_parsed(options.sizes, text, option))


def network(sizes: Sequence[int], activation: str) -> Sequential:
    """Linear layers of these sizes, with the activation between them."""
    from plaingrad.estimators.perceptron import ACTIVATIONS, multilayer_perceptron

    name = pick({name: name for name in ACTIVATIONS}, activation, "--activation")
    expect_size(sizes)
    return multilayer_perceptron(sizes, name)


def class_loss(name: str) -> tuple[Loss, bool]:
    """A loss for classes, and whether it compares with one-hot rows."""
    from plaingrad import nn

    losses = {
        "mse": ("MSELoss", True),
        "l1": ("L1Loss", True),
        "smooth_l1": ("SmoothL1Loss", True),
        "huber": ("HuberLoss", True),
        "bce_with_logits": ("BCEWithLogitsLoss", True),
        "cross_entropy": ("CrossEntropyLoss", False),
    }
    kind, one_hot = pick(losses, name, "--loss")
    return getattr(nn, kind)(), one_hot


def schedule(name: str, optimizer: Optimizer, steps: int) -> Schedule | None:
    """The schedule of the learning rate over all the steps; None if it is constant."""
    from plaingrad import optim

    schedules = {
        "constant": lambda: None,
        "linear": lambda: optim.LinearLR(optimizer, 1.0, 0.0, total_iters=steps, interval="step"),
        "cosine": lambda: optim.CosineAnnealingLR(optimizer, T_max=steps, interval="step"),
    }
    return pick(schedules, name, "--schedule")()


def pick(choices: Mapping[str, T], name: str, option: str) -> T:
    """The choice of that name, whatever its case, hyphens and underscores."""
    return choices[_parsed(options.one_of(*choices), name, option)]


def _parsed(parse: Callable[[Any], T], text: str, option: str) -> T:
    try:
        return parse(text)
    except typer.BadParameter as error:
        raise refused(error.message, option) from None
