"""Estimates, from sizes alone, of the time to train eagerly and of the time to compile.

The models are sums of a few terms, whose constants ``python -m benchmarks.fit_cost`` measures and prints.
They are meant to be right within a factor of two on the machine that they were measured on, and are the same
on every other: which engine ``engine="auto"`` takes must depend on nothing but the call.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.module import Module
from plaingrad.native.task import Task

VECTOR_BYTES = 64  # a unit of work is as many elements as fit in this
COMPILES = 0.5  # that the eager time must exceed for the network to be compiled
LEAST_ROWS = 8  # of a batch that are worth a thread


@dataclass(frozen=True)
class Work:
    """The counted work of a step.

    Attributes:
        calls: modules called, forward and backward.
        products: vectors of multiplications with their additions, all lanes in use.
        activations: vectors of outputs of the modules, padded.
        values: vectors of parameters and of what the optimizer remembers of them.
    """

    calls: int
    products: float
    activations: float
    values: float


@dataclass(frozen=True)
class Costs:
    """Seconds for a step, and for each unit of its `Work`."""

    step: float
    call: float
    product: float
    activation: float
    value: float


# Measured on an AMD EPYC 9004 (Zen 4, AVX-512) at 2.6 GHz with GCC and PyTorch's MKL, one thread.
EAGER = Costs(step=4.7e-05, call=9.0e-06, product=3.4e-10, activation=3.9e-08, value=1.1e-08)
COMPILE, COMPILE_LAYER = 0.57, 0.06  # seconds

# Measured on an Intel Xeon with AVX-512: seconds for a vector of products in compiled code and, where two threads
# share a batch, for waiting for each other in a step and for a vector of parameters that goes between their cores.
PRODUCT, WAIT, EXCHANGE = 2.4e-10, 1.5e-5, 1.5e-8
FIRST_LAYER = 1 / 3  # of its products are left where zeros, as of pictures and categories, are skipped


def work(task: Task) -> Work:
    """The work of a step of this task."""
    inputs = task.data.inputs
    calls, products, activations = _forward(task.model, math.prod(inputs.shape[1:]), inputs.element_size())
    rows, parameters = task.batch_size, sum(p.value.numel() for _, p in task.model.named_parameters())
    values = parameters * (1 + remembered(task)) * inputs.element_size() / VECTOR_BYTES
    return Work(calls + 1, 3 * rows * products, rows * activations, values)


def _forward(model: Module, width: int, size: int) -> tuple[int, float, int]:
    """Modules, and vectors of products and of outputs, for one row of so many numbers of so many bytes."""
    lanes = VECTOR_BYTES // size
    calls, products, activations = 0, 0.0, 0
    for module in model.modules():
        if any(module.named_children()):
            continue
        calls += 1
        if isinstance(module, nn.Linear):
            width = module.out_features
            products += module.in_features * width / lanes
        activations += -(-width // lanes)
    return calls, products, activations


def remembered(task: Task) -> int:
    """The number of values that the optimizer remembers for each parameter, roughly."""
    group = task.optimizer.param_groups[0]
    return 2 if "betas" in group else int(bool(group.get("momentum"))) if "momentum" in group else 1


def eager_step(work: Work, threads: int = 1) -> float:
    """Seconds that a step takes eagerly."""
    return (
        EAGER.step
        + EAGER.call * work.calls
        + EAGER.product * work.products / threads
        + EAGER.activation * work.activations
        + EAGER.value * work.values
    )


def threads_for(task: Task) -> int:
    """The number of threads that each batch is split over: torch's, if each gets some rows and saves time.

    That is, if the products that a thread leaves to others take longer than the exchange of parameters, even
    where most inputs are zero. One thread where a layer normalises over the whole batch, or has a table of
    which a batch changes a few rows.
    """
    if any(isinstance(module, (nn.BatchNorm1d, nn.Embedding)) for module in task.model.modules()):
        return 1
    threads = max(1, min(torch.get_num_threads(), task.batch_size // LEAST_ROWS))
    linear = [module for module in task.model.modules() if isinstance(module, nn.Linear)]
    lanes = VECTOR_BYTES // task.data.inputs.element_size()
    vectors = [layer.in_features * layer.out_features / lanes for layer in linear]
    products = 3 * task.batch_size * (sum(vectors) - (1 - FIRST_LAYER) * sum(vectors[:1]))
    saved = PRODUCT * products * (1 - 1 / threads)
    return threads if saved > WAIT + EXCHANGE * sum(vectors) else 1


def compiling(layers: int) -> float:
    """Seconds that it takes to compile a network of so many layers."""
    return COMPILE + COMPILE_LAYER * layers


@dataclass(frozen=True)
class Estimate:
    """The estimated time of a whole call.

    Attributes:
        eager: seconds for all steps, eagerly.
        compile: seconds for compiling.
    """

    eager: float
    compile: float

    @property
    def worth_compiling(self) -> bool:
        return self.eager > COMPILES * self.compile

    def __str__(self) -> str:
        return f"eagerly about {duration(self.eager)}, compiling about {duration(self.compile)}"


def duration(seconds: float) -> str:
    """A number of seconds, as exact as it is known."""
    if seconds < 0.01:
        return "less than 0.01 s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1g} s"


def estimate(task: Task, epochs: int) -> Estimate:
    """The estimated time of this task over so many epochs."""
    todo = work(task)
    steps = epochs * -(-len(task.data) // task.batch_size)
    return Estimate(steps * eager_step(todo, torch.get_num_threads()), compiling(todo.calls - 1))


def estimate_predictions(model: Module, rows: Tensor, rows_at_once: int) -> Estimate:
    """The estimated time of a forward pass of these rows, some at once: a third of a step of training."""
    calls, products, activations = _forward(model, math.prod(rows.shape[1:]), rows.element_size())
    passes = -(-len(rows) // rows_at_once)
    step = eager_step(Work(calls, 3 * rows_at_once * products, rows_at_once * activations, 0.0))
    return Estimate(passes * step / 3, compiling(calls))
