"""The choices that the playground offers: data, features, activations, losses and update rules."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from plaingrad import data, init, nn, optim
from plaingrad.module import Module

MOST_POINTS, MOST_LAYERS, MOST_UNITS, MOST_TRAINED = 5000, 16, 64, 10_000_000
MOST_ROWS, MOST_COLUMNS, MOST_CLASSES = 20_000, 200, 8
MOST_ACTIONS = 5000

LIMITS: dict[str, tuple[float, float]] = {
    "samples": (10, MOST_POINTS),
    "classes": (2, 8),
    "noise": (0, 0.5),
    "train_share": (0.1, 0.9),
    "data_seed": (0, 2**31 - 1),
    "seed": (0, 2**31 - 1),
    "dropout": (0, 0.9),
    "delta": (0.01, 10),
    "l1": (0, 1),
    "l2": (0, 1),
    "batch_size": (1, MOST_POINTS),
    "epochs": (0, 1_000_000),
    "trained": (0, MOST_TRAINED),
    "units": (1, MOST_UNITS),
    "layers": (0, MOST_LAYERS),
}


def hills(n: int, noise: float = 0.0, seed: int | None = None) -> data.Dataset:
    """Six smooth hills and hollows over [-1, 1]^2, of heights between -1 and 1."""
    generator = torch.Generator()
    if seed is not None:
        generator.manual_seed(seed)
    points = 2 * torch.rand(n, 2, generator=generator) - 1
    centres = [(-0.6, 0.4, 1), (0, 0.4, -1), (0.6, 0.4, 1), (-0.6, -0.4, -1), (0, -0.4, 1), (0.6, -0.4, -1)]
    height = torch.zeros(n, 1)
    for x, y, sign in centres:
        height += sign * torch.exp(-8 * (points - torch.tensor([x, y])).square().sum(1, keepdim=True))
    return data.Dataset(points, height + noise * torch.randn(n, 1, generator=generator), ["x1", "x2"])


class Source(NamedTuple):
    """A kind of data.

    Attributes:
        title: for a menu.
        task: "classification" or "regression".
        make: draws ``n`` samples; None for one's own.
        has_classes: whether ``make`` takes a number of classes.
        centre: the point about which the data lie.
        half: the half width of the square in which they lie; noise is a fraction of it.
    """

    title: str
    task: str
    make: Callable[..., data.Dataset] | None
    has_classes: bool = False
    centre: tuple[float, float] = (0.0, 0.0)
    half: float = 1.0


SOURCES = {
    "disc": Source("Disc (the paper's)", "classification", data.disc, False, (0.5, 0.5), 0.5),
    "xor": Source("Exclusive or", "classification", data.xor),
    "gaussians": Source("Gaussians", "classification", data.gaussians, has_classes=True),
    "spirals": Source("Spirals", "classification", data.spirals, has_classes=True),
    "circles": Source("Circles", "classification", data.circles),
    "moons": Source("Moons", "classification", data.moons, False, (0.5, 0.25), 1.7),
    "checkerboard": Source("Checkerboard", "classification", data.checkerboard, False, (0.5, 0.5), 0.5),
    "plane": Source("Plane", "regression", data.plane),
    "hills": Source("Hills", "regression", hills),
    "own": Source("Your own", "either", None),
}

FEATURES: dict[str, Callable[[Tensor], Tensor]] = {
    "x1": lambda x: x[:, 0],
    "x2": lambda x: x[:, 1],
    "x1^2": lambda x: x[:, 0].square(),
    "x2^2": lambda x: x[:, 1].square(),
    "x1*x2": lambda x: x[:, 0] * x[:, 1],
    "sin(x1)": lambda x: torch.sin(math.pi * x[:, 0]),
    "sin(x2)": lambda x: torch.sin(math.pi * x[:, 1]),
}
"""Functions of a point; the plane is brought to [-1, 1]^2 before."""

ACTIVATIONS: dict[str, type[Module] | None] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "linear": None,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "hardtanh": nn.Hardtanh,
}

INITS: dict[str, Callable[[Tensor], object] | None] = {
    "default": None,
    "xavier_uniform": init.xavier_uniform_,
    "xavier_normal": init.xavier_normal_,
    "kaiming_uniform": lambda weight: init.kaiming_uniform_(weight, nonlinearity="relu"),
    "kaiming_normal": lambda weight: init.kaiming_normal_(weight, nonlinearity="relu"),
    "orthogonal": init.orthogonal_,
    "normal": lambda weight: init.normal_(weight, 0.0, 0.5),
    "zeros": init.zeros_,
}


class LossChoice(NamedTuple):
    """A loss. Of classes, all but cross-entropy compare with one-hot targets.

    Attributes:
        title: for a menu.
        task: "classification", "regression" or "either".
        kind: its class.
        options: its arguments that are fields of the state.
    """

    title: str
    task: str
    kind: Callable[..., nn.Loss]
    options: tuple[str, ...] = ()


LOSSES = {
    "cross_entropy": LossChoice("Cross-entropy", "classification", nn.CrossEntropyLoss),
    "mse": LossChoice("Mean squared error", "either", nn.MSELoss),
    "l1": LossChoice("Mean absolute error", "either", nn.L1Loss),
    "huber": LossChoice("Huber", "either", nn.HuberLoss, ("delta",)),
}


class Option(NamedTuple):
    """An option of an update rule, for a slider or a switch."""

    name: str
    low: float
    high: float
    default: float
    kind: str


def _lr(default: float) -> Option:
    return Option("lr", 1e-5, 10.0, default, "log")


MOMENTUM = Option("momentum", 0.0, 0.999, 0.0, "linear")
BETAS = [Option("beta1", 0.0, 0.999, 0.9, "linear"), Option("beta2", 0.0, 0.9999, 0.999, "linear")]

RULES: dict[str, tuple[type[optim.Optimizer], list[Option]]] = {
    "SGD": (optim.SGD, [_lr(0.2), MOMENTUM, Option("nesterov", 0, 1, 0, "switch")]),
    "Adam": (optim.Adam, [_lr(0.01), *BETAS]),
    "AdamW": (optim.AdamW, [_lr(0.01), *BETAS, Option("weight_decay", 0.0, 1.0, 0.01, "linear")]),
    "RMSprop": (optim.RMSprop, [_lr(0.01), Option("alpha", 0.0, 0.999, 0.99, "linear"), MOMENTUM]),
    "Adagrad": (optim.Adagrad, [_lr(0.1)]),
    "Adadelta": (optim.Adadelta, [_lr(1.0), Option("rho", 0.0, 0.999, 0.9, "linear")]),
    "Adamax": (optim.Adamax, [_lr(0.01), *BETAS]),
    "NAdam": (optim.NAdam, [_lr(0.01), *BETAS]),
    "RAdam": (optim.RAdam, [_lr(0.01), *BETAS]),
    "Rprop": (optim.Rprop, [_lr(0.01)]),
}


def choices() -> dict[str, object]:
    """All of them, as the page gets them."""
    return {
        "data": [{"name": name, "title": s.title, "task": s.task} for name, s in SOURCES.items()],
        "features": [{"name": name, "title": name} for name in FEATURES],
        "activations": [{"name": name, "title": name.replace("_", " ")} for name in ACTIVATIONS],
        "inits": [{"name": name, "title": name.replace("_", " ")} for name in INITS],
        "losses": [
            {"name": name, "title": loss.title, "task": loss.task, "options": loss.options}
            for name, loss in LOSSES.items()
        ],
        "optimizers": [
            {"name": name, "options": [option._asdict() for option in options]}
            for name, (_, options) in RULES.items()
        ],
        "limits": LIMITS,
    }
