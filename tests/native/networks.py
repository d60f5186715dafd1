"""Trainings for the tests of parity: what they consist of, how they are run, and random ones."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor

from plaingrad import fit, nn, optim
from plaingrad.module import Module
from plaingrad.native import cost
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train import History

Made = Callable[[], Module]
PLAIN = partial(optim.SGD, lr=0.05)


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
        weighted: whether samples count differently.
        decay_per: what the optimizer's weight decay is meant for, "batch" or "sample".
        zeros: the share of the inputs that are 0.
        codes: columns of the inputs that hold codes, each with the number of these.
        threads: over which each batch is split natively.
        frozen: the numbers of the parameters that are frozen.
        nudge: by what share to change the parameters at the start, and the samples' weights, at random.
    """

    layers: tuple[Made, ...]
    columns: int | tuple[int, ...]
    outputs: int
    loss: Callable[[], Loss] = nn.MSELoss
    optimizer: Callable[..., Optimizer] = PLAIN
    schedule: Callable[[Optimizer], Schedule] | None = None
    samples: int = 20
    batch_size: int = 7
    held: int | None = None
    groups: tuple[dict[str, Any], ...] = ({},)
    seed: int = 0
    weighted: bool = False
    decay_per: str = "batch"
    zeros: float = 0.0
    codes: tuple[tuple[int, int], ...] = ()
    threads: int = 1
    frozen: tuple[int, ...] = ()
    nudge: float = 0.0

    def network(self, dtype: torch.dtype) -> nn.Sequential:
        """The network at the start."""
        torch.manual_seed(self.seed)
        network = nn.Sequential(*(make() for make in self.layers)).to(dtype)
        for parameter in network.parameters() if self.nudge else ():
            parameter.value.mul_(1 + self.nudge * torch.randn_like(parameter.value))
        return network

    def data(self, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Inputs, and such targets as the loss asks for."""
        generator = torch.Generator().manual_seed(self.seed)
        if isinstance(self.columns, int):
            inputs = torch.randn(self.samples, self.columns, generator=generator).to(dtype)
            if self.zeros:
                inputs[torch.rand(inputs.shape, generator=generator) < self.zeros] = 0
            for column, count in self.codes:
                inputs[:, column] = torch.randint(0, count, (self.samples,), generator=generator).to(dtype)
        else:
            drawn = [torch.randint(0, k, (self.samples,), generator=generator) for k in self.columns]
            inputs = torch.stack(drawn, 1)
        loss = self.loss()
        if isinstance(loss, (nn.CrossEntropyLoss, nn.NLLLoss)):
            return inputs, torch.randint(0, self.outputs, (self.samples,), generator=generator)
        targets = torch.randn(self.samples, self.outputs, generator=generator).to(dtype)
        if isinstance(loss, nn.PoissonNLLLoss):
            return inputs, targets.square()
        return inputs, targets.sigmoid() if isinstance(loss, (nn.BCELoss, nn.BCEWithLogitsLoss)) else targets

    def run(self, engine: str, dtype: torch.dtype, steps: int) -> Outcome:
        """Train for so many steps, or the epoch's last more."""
        model, data = self.network(dtype), self.data(dtype)
        if steps == 1:
            data = data[0][: self.batch_size], data[1][: self.batch_size]
        for i in self.frozen:
            model.parameters()[i].frozen = True
        parameters = model.parameters()[-(self.held or 0) :]
        dealt = [
            {"params": parameters[i :: len(self.groups)], **options} for i, options in enumerate(self.groups)
        ]
        optimizer = self.optimizer([group for group in dealt if group["params"]])
        weights = ((torch.arange(len(data[0])) + 1) % 4 / 2).to(dtype)
        weights *= 1 + self.nudge * torch.randn_like(weights)
        with patch.object(cost, "threads_for", lambda task: self.threads):
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
                sample_weight=weights if self.weighted else None,
                weight_decay_per=self.decay_per,
            )
        return Outcome(model, optimizer, history)


class Outcome:
    """What a training has led to.

    Attributes:
        tensors: all numbers that training changes, by kind ("parameters", "buffers", the optimizer's states,
            "loss") and name.
        counts: numbers that both engines must agree on exactly.
        history: of the run.
    """

    def __init__(self, model: Module, optimizer: Optimizer, history: History) -> None:
        self.history = history
        learned = dict(model.named_parameters())
        found = {
            ("parameters" if name in learned else "buffers", name): tensor
            for name, tensor in model.state_dict().items()
        }
        found |= {
            (name, f"parameter {i}"): torch.as_tensor(entry)
            for i, state in enumerate(optimizer.state.values())
            for name, entry in state.items()
        }
        for name in history.epochs.keys() & {"loss", "penalty"}:
            found[name, "of each epoch"] = torch.tensor(history[name], dtype=torch.float64)
        self.tensors = {key: tensor.double() for key, tensor in found.items() if tensor.is_floating_point()}
        self.counts = {key: tensor.item() for key, tensor in found.items() if not tensor.is_floating_point()}
        self.counts["steps", ""] = history.steps
        self.counts |= {("lr", str(i)): group["lr"] for i, group in enumerate(optimizer.param_groups)}

    def distances(self, other: Outcome) -> dict[tuple[str, str], float]:
        """How far each tensor lies from the other outcome's, as a share of the size of all of its kind.

        Not of its own size, which can be rounding alone: that of a bias before a normalisation, for instance.
        The size of a kind is at least 1e-5, for all of it can be so: the gradient of L1 for a bias with as
        many samples above as below.
        """
        assert self.tensors.keys() == other.tensors.keys()
        sizes = dict.fromkeys((kind for kind, _ in self.tensors), 1e-5)
        for (kind, _), tensor in other.tensors.items():
            sizes[kind] = math.hypot(sizes[kind], float(tensor.norm()))
        found = {}
        for key, tensor in self.tensors.items():
            assert tensor.isfinite().all()
            assert tensor.shape == other.tensors[key].shape
            found[key] = float((tensor - other.tensors[key]).norm()) / sizes[key[0]]
        return found


def disagreement(training: Training, dtype: torch.dtype, steps: int) -> dict[tuple[str, str], float]:
    """By how much the native engine differs from the eager one, in units of what may be.

    In float64 that is a share of 1e-9. In float32, both are compared with the eager engine in float64, from
    which the native one may lie eight times as far as the other, and some units in the last place. How far
    the other lies is luck, so the farthest counts of three runs that begin alike but for rounding.
    """
    native, eager = (training.run(engine, dtype, steps) for engine in ("native", "eager"))
    assert native.history.engine == "native"
    assert native.counts == eager.counts
    if dtype == torch.float64:
        return {key: share / 1e-9 for key, share in native.distances(eager).items()}
    exact = training.run("eager", torch.float64, steps)
    unit = torch.finfo(torch.float32).eps
    nudged = [replace(training, nudge=nudge).run("eager", dtype, steps) for nudge in (unit, -unit)]
    usual = [run.distances(exact) for run in (eager, *nudged)]
    return {
        key: share / (8 * max(distances[key] for distances in usual) + 8 * unit)
        for key, share in native.distances(exact).items()
    }


def sensitivity(training: Training, dtype: torch.dtype, steps: int) -> float:
    """How far the eager engine is led astray by rounding alone: of its parameters at the start."""
    exact = training.run("eager", torch.float64, steps)
    unit = torch.finfo(dtype).eps
    nudged = [replace(training, nudge=nudge).run("eager", torch.float64, steps) for nudge in (unit, -unit)]
    return max(share for run in nudged for share in run.distances(exact).values())


def dense(*sizes: int, between: Made = nn.Tanh, bias: bool = True) -> tuple[Made, ...]:
    """Linear layers of these sizes with an activation between them."""
    layers: list[Made] = []
    for inputs, outputs in pairwise(sizes):
        layers += [partial(nn.Linear, inputs, outputs, bias=bias), between]
    return tuple(layers[:-1])


SIZES = (1, 2, 5, 15, 16, 17, 31, 33, 70)

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
    (
        optim.Adam,
        {
            "lr": 0.003,
            "betas": (0.8, 0.99),
            "weight_decay": 0.01,
            "amsgrad": True,
            "eps": 1e-6,
            "epsilon_hat": True,
        },
    ),
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


def one_cycle(optimizer: Optimizer) -> Schedule:
    """A rise and a fall of learning rate and momentum, if the rule has any."""
    cycled = not isinstance(optimizer, optim.Adagrad)
    return optim.OneCycleLR(optimizer, 0.01, total_steps=300, cycle_momentum=cycled, interval="step")


SCHEDULES: tuple[Callable[[Optimizer], Schedule], ...] = (
    partial(optim.StepLR, step_size=3, gamma=0.7),
    partial(optim.StepLR, step_size=5, gamma=0.8, interval="step"),
    partial(optim.CosineAnnealingLR, T_max=50, interval="step"),
    partial(optim.ExponentialLR, gamma=0.99),
    one_cycle,
)


def random_training(seed: int) -> tuple[Training, torch.dtype]:
    """Draw a training from all that the kernels know, and a precision for it."""
    draw = random.Random(seed)
    samples, outputs = draw.choice((20, 33)), draw.choice(SIZES)
    batch_size = draw.choice((1, 2, 7, 16, samples))
    normed = samples % batch_size != 1 and batch_size > 1  # a batch of one sample cannot be
    loss, last = draw.choice(losses(draw, outputs))
    layers: list[Made] = []
    width = draw.choice(SIZES)
    columns: int | tuple[int, ...] = width
    codes: tuple[tuple[int, int], ...] = ()
    kind = draw.choice(("numbers",) * 5 + ("indices", "codes"))
    if kind == "codes":
        codes = tuple(
            (c, draw.choice(SIZES)) for c in draw.sample(range(width), min(width, draw.randint(1, 3)))
        )
        tables = {column: (count, draw.choice(SIZES)) for column, count in codes}
        layers = [partial(nn.ColumnEmbedding, width, tables)]
        width = layers[0]().out_features
    if kind == "indices":
        columns = tuple(draw.choice(SIZES) for _ in range(draw.randint(1, 3)))
        size, padding = draw.choice(SIZES), draw.choice((None, 0))
        layers = [partial(nn.Embedding, max(columns), size, padding), nn.Flatten]
        width = size * len(columns)
    threads = draw.choice((1, 1, 2, 3)) if kind == "numbers" else 1
    normed = normed and threads == 1  # batches are not split where a layer looks at all of one
    for _ in range(draw.randint(0, 3)):
        added, width = random_block(draw, width, normed)
        layers += added
    rule, options = draw.choice(RULES)
    if isinstance(loss(), nn.BCELoss):  # whose 1 - p is rounding alone where p has been driven to 1
        options = {**options, "maximize": False}
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
        weighted=draw.random() < 0.3,
        decay_per=draw.choice(("batch", "sample")),
        zeros=draw.choice((0.0, 0.5, 0.9)),
        codes=codes,
        threads=threads,
    )
    return training, draw.choice((torch.float32, torch.float64))


def random_block(draw: random.Random, width: int, normed: bool) -> tuple[list[Made], int]:
    """A few layers, and how wide what they give is."""
    kind = draw.choice(("linear", "linear", "residual", "dropout", "batchnorm", "layernorm", "other"))
    if kind == "dropout":
        return [partial(nn.Dropout, draw.choice((0.0, 0.2, 0.5)))], width
    if kind == "batchnorm" and normed:
        tracks, momentum = draw.random() < 0.8, draw.choice((0.1, 0.9, None))
        affine, bias = draw.random() < 0.7, draw.random() < 0.7
        return [partial(nn.BatchNorm1d, width, 0.01, momentum, affine, tracks, bias=bias)], width
    if kind == "layernorm":
        return [partial(nn.LayerNorm, width, 0.01, draw.random() < 0.7, draw.random() < 0.7)], width
    if kind == "other":
        return [draw.choice((nn.Flatten, nn.Identity, *ACTIVATIONS))], width
    size, bias = draw.choice(SIZES), draw.random() < 0.8
    layers: list[Made] = [partial(nn.Linear, width, size, bias=bias)]
    layers += [draw.choice(ACTIVATIONS) for _ in range(draw.randint(0, 2))]
    if kind != "residual":
        return layers, size
    inner, size = random_block(draw, size, normed)
    layers += [*inner, partial(nn.Linear, size, width)]
    return [partial(joined, nn.Residual, layers)], width


def joined(kind: Callable[..., Module], layers: Iterable[Made]) -> Module:
    """New layers in a container."""
    return kind(*(make() for make in layers))


def losses(draw: random.Random, outputs: int) -> list[tuple[Callable[[], Loss], tuple[Made, ...]]]:
    """Losses for so many outputs, and the layers that must stand before each."""
    reduction = draw.choice(("mean", "mean", "sum"))
    weights = torch.linspace(0.5, 1.5, outputs)
    classes = draw.choice((None, weights))
    full = draw.random() < 0.5
    ignored = draw.choice((-100, 0)) if reduction == "sum" else -100  # a mean of nothing is NaN
    return [
        (partial(nn.MSELoss, reduction), ()),
        (partial(nn.MSELoss, reduction), (partial(nn.Softmax, -1),)),
        (partial(nn.L1Loss, reduction), ()),
        (partial(nn.HuberLoss, reduction, draw.choice((0.5, 1.0))), ()),
        (partial(nn.SmoothL1Loss, reduction, draw.choice((0.5, 1.0))), ()),
        (partial(nn.PoissonNLLLoss, True, full, 1e-8, reduction), (nn.Tanh,)),  # or e^x may go astray
        (partial(nn.PoissonNLLLoss, False, full, 0.1, reduction), (nn.Softplus,)),
        (partial(nn.QuantileLoss, draw.choice((0.3, (weights / 2).tolist())), reduction), ()),
        (partial(nn.BCELoss, draw.choice((None, weights)), reduction), (nn.Sigmoid,)),
        (partial(nn.BCEWithLogitsLoss, classes, reduction, draw.choice((None, weights))), ()),
        (partial(nn.BCEWithLogitsLoss, None, reduction, torch.tensor(1.5)), ()),
        (partial(nn.CrossEntropyLoss, classes, ignored, reduction, draw.choice((0.0, 0.1))), ()),
        (partial(nn.NLLLoss, classes, ignored, reduction), (partial(nn.LogSoftmax, 1),)),
    ]
