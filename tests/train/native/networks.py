"""Trainings for the tests of parity: what they consist of, how they are run, and random ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from plaingrad import fit, nn, optim
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import History

Made = Callable[[], Module]


@dataclass(frozen=True)
class Training:
    """A training that can be run again and again, from the same numbers in either precision.

    Attributes:
        layers: make the layers of the network.
        columns: of the inputs: their number, or for integers the number of values of each.
        outputs: of the network.
        loss: makes the loss.
        optimizer: makes the optimizer.
        schedule: makes the schedule; None for none.
        samples: in the data.
        batch_size: of a step.
        held: how many of the parameters the optimizer holds, counted from the last; None for all.
        groups: options of each of the optimizer's groups, among which the parameters are dealt out in turn.
        seed: of parameters, data and order.
        given: what else `fit` is called with.
    """

    layers: tuple[Made, ...]
    columns: int | tuple[int, ...]
    outputs: int
    loss: Callable[[], Loss] = nn.MSELoss
    optimizer: Callable[..., Optimizer] = partial(optim.SGD, lr=0.05)
    schedule: Callable[[Optimizer], Schedule] | None = None
    samples: int = 20
    batch_size: int = 7
    held: int | None = None
    groups: tuple[dict[str, Any], ...] = ({},)
    seed: int = 0
    given: tuple[tuple[str, Any], ...] = ()

    def network(self, dtype: torch.dtype) -> nn.Sequential:
        """The network at the start."""
        torch.manual_seed(self.seed)
        return nn.Sequential(*(make() for make in self.layers)).to(dtype)

    def data(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Inputs, and such targets as the loss asks for."""
        generator = torch.Generator().manual_seed(self.seed)
        if isinstance(self.columns, int):
            inputs = torch.randn(self.samples, self.columns, generator=generator).to(dtype)
        else:
            drawn = [torch.randint(0, k, (self.samples,), generator=generator) for k in self.columns]
            inputs = torch.stack(drawn, 1)
        loss = self.loss()
        if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
            return inputs, torch.randint(0, self.outputs, (self.samples,), generator=generator)
        targets = torch.randn(self.samples, self.outputs, generator=generator).to(dtype)
        return inputs, targets.sigmoid() if isinstance(loss, (nn.BCELoss, nn.BCEWithLogitsLoss)) else targets

    def run(self, engine: str, dtype: torch.dtype, steps: int) -> Outcome:
        """Train for so many steps, or the epoch's last more."""
        model, data = self.network(dtype), self.data(dtype)
        if steps == 1:
            data = data[0][: self.batch_size], data[1][: self.batch_size]
        parameters = model.parameters()[-(self.held or 0) :]
        dealt = [
            {"params": parameters[i :: len(self.groups)], **options} for i, options in enumerate(self.groups)
        ]
        optimizer = self.optimizer([group for group in dealt if group["params"]])
        history = fit(
            model,
            data,
            loss=self.loss().to(dtype),
            optimizer=optimizer,
            epochs=-(-steps // -(-len(data[0]) // self.batch_size)),
            batch_size=self.batch_size,
            schedule=self.schedule and self.schedule(optimizer),
            seed=self.seed,
            engine=engine,
            progress=False,
            **dict(self.given),
        )
        return Outcome(model, optimizer, history)


class Outcome:
    """What a training has led to.

    Attributes:
        tensors: the parameters and buffers, the optimizer's state, and the losses of the epochs, by name.
        counts: numbers that both engines must agree on exactly.
        history: of the run.
    """

    def __init__(self, model: Module, optimizer: Optimizer, history: History) -> None:
        self.history = history
        found = dict(model.state_dict())
        for i, state in enumerate(optimizer.state):
            found |= {f"state[{i}].{name}": torch.as_tensor(entry) for name, entry in state.items()}
        self.counts = {
            name: tensor.item() for name, tensor in found.items() if not tensor.is_floating_point()
        }
        self.counts |= {"steps": history.steps, "epochs": len(history)}
        self.counts |= {f"lr of group {i}": group["lr"] for i, group in enumerate(optimizer.param_groups)}
        self.tensors = {name: tensor.double() for name, tensor in found.items() if tensor.is_floating_point()}
        self.tensors["loss"] = torch.tensor(history.loss, dtype=torch.float64)

    def distances(self, other: Outcome) -> dict[str, float]:
        """How far each tensor lies from the other outcome's, as a share of its size."""
        assert self.tensors.keys() == other.tensors.keys()
        return {name: distance(tensor, other.tensors[name]) for name, tensor in self.tensors.items()}


def distance(x: Tensor, y: Tensor) -> float:
    """The norm of the difference as a share of the second's."""
    assert x.shape == y.shape
    assert x.isfinite().all()
    return float((x - y).norm() / y.norm().clamp(min=1e-12))


def disagreement(training: Training, dtype: torch.dtype, steps: int) -> dict[str, float]:
    """By how much the native engine differs from the eager one, in units of what may be.

    In float64 that is a share of 1e-9. In float32, both are compared with the eager engine in float64, from which
    the native one may lie four times as far as the other, and some units in the last place.
    """
    native, eager = (training.run(engine, dtype, steps) for engine in ("native", "eager"))
    assert native.history.engine == "native"
    assert native.counts == eager.counts
    if dtype == torch.float64:
        return {name: share / 1e-9 for name, share in native.distances(eager).items()}
    exact = training.run("eager", torch.float64, steps)
    unit = torch.finfo(torch.float32).eps
    usual = eager.distances(exact)
    return {name: share / (4 * usual[name] + 8 * unit) for name, share in native.distances(exact).items()}


def dense(*sizes: int, between: Made = nn.Tanh, bias: bool = True) -> tuple[Made, ...]:
    """Linear layers of these sizes with an activation between them."""
    layers: list[Made] = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [partial(nn.Linear, inputs, outputs, bias=bias), between]
    return tuple(layers[:-1])


SIZES = (1, 2, 5, 15, 16, 17, 31, 33)
BATCHES = (1, 2, 7, 16, 20)

ACTIVATIONS: tuple[Made, ...] = (
    partial(nn.CELU, alpha=0.7),
    partial(nn.ELU, alpha=1.3),
    nn.GELU,
    partial(nn.GELU, approximate="tanh"),
    partial(nn.Hardshrink, lambd=0.2),
    nn.Hardsigmoid,
    nn.Hardswish,
    partial(nn.Hardtanh, min_val=-0.6, max_val=0.8),
    nn.Identity,
    partial(nn.LeakyReLU, negative_slope=0.2),
    partial(nn.LeakyReLU, negative_slope=-0.3),
    nn.LogSigmoid,
    nn.Mish,
    nn.ReLU,
    nn.ReLU6,
    nn.SELU,
    nn.SiLU,
    nn.Sigmoid,
    partial(nn.Softplus, beta=2.0, threshold=1.5),
    partial(nn.Softshrink, lambd=0.1),
    nn.Softsign,
    nn.Tanh,
    nn.Tanhshrink,
    partial(nn.Threshold, threshold=0.1, value=-0.2),
    partial(nn.Threshold, threshold=0.1, value=0.3),
    partial(nn.ELU, alpha=-0.5),
)

RULES: tuple[tuple[Callable[..., Optimizer], dict[str, Any]], ...] = (
    (optim.SGD, {"lr": 0.05}),
    (optim.SGD, {"lr": 0.02, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.02, "momentum": 0.8, "nesterov": True}),
    (optim.SGD, {"lr": 0.001, "maximize": True}),
    (optim.Adam, {"lr": 0.003}),
    (optim.Adam, {"lr": 0.003, "betas": (0.8, 0.99), "weight_decay": 0.01, "amsgrad": True, "eps": 1e-6}),
    (optim.Adam, {"lr": 0.001, "maximize": True, "eps": 1e-4}),
    (optim.AdamW, {"lr": 0.003, "weight_decay": 0.1}),
    (optim.RMSprop, {"lr": 0.002, "eps": 1e-4}),
    (optim.RMSprop, {"lr": 0.002, "alpha": 0.9, "momentum": 0.5, "weight_decay": 0.01, "eps": 1e-3}),
    (optim.RMSprop, {"lr": 0.001, "centered": True, "eps": 1e-2}),
    (optim.RMSprop, {"lr": 0.001, "centered": True, "momentum": 0.4, "eps": 1e-2}),
    (optim.Adagrad, {"lr": 0.02, "eps": 1e-4}),
    (
        optim.Adagrad,
        {"lr": 0.02, "lr_decay": 0.1, "initial_accumulator_value": 0.1, "weight_decay": 0.01, "eps": 1e-4},
    ),
)

SCHEDULES: tuple[Callable[[Optimizer], Schedule], ...] = (
    partial(optim.StepLR, step_size=3, gamma=0.7),
    partial(optim.StepLR, step_size=5, gamma=0.8, interval="step"),
    partial(optim.CosineAnnealingLR, T_max=50, interval="step"),
    partial(optim.ExponentialLR, gamma=0.99),
)


def random_training(seed: int) -> tuple[Training, torch.dtype]:
    """Draw a training from all that the kernels know, and a precision for it."""
    draw = random.Random(seed)
    samples, outputs = draw.choice((20, 33)), draw.choice(SIZES)
    loss, last = draw.choice(losses(draw, outputs))
    columns: int | tuple[int, ...] = draw.choice(SIZES)
    layers, width = [], columns
    for _ in range(draw.randint(0, 3)):
        added, width = random_block(draw, width)
        layers += added
    batch_size = draw.choice((1, 2, 7, 16, samples))
    rule, options = draw.choice(RULES)
    if loss().reduction == "sum" and rule is optim.SGD:
        options = {**options, "lr": options["lr"] / (batch_size * outputs)}
    varied = {**options, "lr": options["lr"] * 0.5}
    training = Training(
        (*layers, partial(nn.Linear, width, outputs, bias=draw.random() < 0.8), *last),
        columns,
        outputs,
        loss=loss,
        optimizer=partial(rule, **options, clip_norm=draw.choice((None, None, 0.5))),
        schedule=draw.choice((None, *SCHEDULES)),
        samples=samples,
        batch_size=batch_size,
        held=draw.choice((None, None, 1)),
        groups=draw.choice((({},), ({}, varied))),
        seed=seed,
    )
    return training, draw.choice((torch.float32, torch.float64))


def random_block(draw: random.Random, width: int) -> tuple[list[Made], int]:
    """A few layers, and how wide what they give is."""
    size, bias = draw.choice(SIZES), draw.random() < 0.8
    linear = partial(nn.Linear, width, size, bias=bias)
    return [linear, *(draw.choice(ACTIVATIONS) for _ in range(draw.randint(0, 2)))], size


def losses(draw: random.Random, outputs: int) -> list[tuple[Callable[[], Loss], tuple[Made, ...]]]:
    """Losses for so many outputs, and the layers that must stand before each."""
    reduction = draw.choice(("mean", "mean", "sum"))
    weights = torch.linspace(0.5, 1.5, outputs)
    classes = draw.choice((None, weights))
    ignored = draw.choice((-100, 0)) if outputs > 1 else -100
    return [
        (partial(nn.MSELoss, reduction), ()),
        (partial(nn.L1Loss, reduction), ()),
        (partial(nn.HuberLoss, reduction, draw.choice((0.5, 1.0))), ()),
        (partial(nn.SmoothL1Loss, reduction, draw.choice((0.5, 1.0))), ()),
        (partial(nn.BCELoss, None, reduction), (nn.Sigmoid,)),
        (partial(nn.BCEWithLogitsLoss, None, reduction), ()),
        (partial(nn.BCEWithLogitsLoss, None, reduction, torch.tensor(1.5)), ()),
        (partial(nn.CrossEntropyLoss, classes, ignored, reduction, draw.choice((0.0, 0.1))), ()),
    ]
