"""How long a run of training takes: eagerly, compiled, and being compiled.

The models are sums of a few terms, whose constants ``python -m benchmarks.fit_cost`` measures and prints.
They are meant to be right within a factor of two, enough to choose between engines that differ by ten.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from plaingrad import nn
from plaingrad.train.task import Task

VECTOR_BYTES = 64  # a unit of work is as many elements as fit in this

# Seconds that compiling must save for each second that it takes: both are estimates.
MARGIN = 2.0
# Seconds for a program that is compiled already: to look it up, check it and load it.
LOADING = 0.02
# Rows of a batch that are worth a thread.
LEAST_ROWS = 8


@dataclass(frozen=True)
class Work:
    """What one step has to do, counted.

    Attributes:
        calls: modules called, forward and backward.
        products: vectors of multiplications with their additions, all lanes in use.
        padded: the same with each row of outputs padded to whole vectors.
        activations: vectors of outputs of the modules, padded.
        values: vectors of parameters and of what the optimizer remembers of them.
    """

    calls: int
    products: float
    padded: float
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
NATIVE = Costs(step=0.0, call=0.0, product=2.0e-10, activation=0.0, value=2.3e-09)
COMPILE, COMPILE_LAYER = 0.57, 0.06  # seconds


def work(task: Task) -> Work:
    """What a step of this task has to do."""
    rows, size = task.batch_size, task.data.inputs.element_size()
    lanes = VECTOR_BYTES // size
    width = math.prod(task.data.inputs.shape[1:])
    calls, products, padded, activations = 1, 0.0, 0, 0
    for module in task.model.modules():
        if any(module.named_children()):
            continue
        calls += 1
        if isinstance(module, nn.Linear):
            width = module.out_features
            products += 3 * rows * module.in_features * width / lanes
            padded += 3 * rows * module.in_features * -(-width // lanes)
        activations += rows * -(-width // lanes)
    parameters = sum(value.numel() for value, _ in task.model.parameters())
    return Work(calls, products, padded, activations, parameters * (1 + remembered(task)) / lanes)


def remembered(task: Task) -> int:
    """How many numbers the optimizer remembers for each parameter, roughly."""
    group = task.optimizer.param_groups[0]
    return 2 if "betas" in group else int(bool(group.get("momentum"))) if "momentum" in group else 1


def eager_step(work: Work, threads: int = 1) -> float:
    """Seconds that a step takes eagerly."""
    return _seconds(EAGER, work, work.products / threads)


def native_step(work: Work, threads: int = 1) -> float:
    """Seconds that a step takes compiled."""
    return _seconds(NATIVE, work, work.padded) / threads


def threads_for(task: Task) -> int:
    """Over how many threads each batch is split: as many as torch has, if each gets some of its rows.

    `plaingrad.fit` lets torch have what the size of the network is worth. One alone where a layer normalises
    over the whole batch, or has a table of which a batch changes a few rows.
    """
    if any(isinstance(module, (nn.BatchNorm1d, nn.Embedding)) for module in task.model.modules()):
        return 1
    return max(1, min(torch.get_num_threads(), task.batch_size // LEAST_ROWS))


def compiling(layers: int) -> float:
    """Seconds that it takes to compile a network of so many layers."""
    return COMPILE + COMPILE_LAYER * layers


def _seconds(costs: Costs, work: Work, products: float) -> float:
    return (
        costs.step
        + costs.call * work.calls
        + costs.product * products
        + costs.activation * work.activations
        + costs.value * work.values
    )


@dataclass(frozen=True)
class Estimate:
    """What a whole run would take.

    Attributes:
        eager: seconds for all steps, eagerly.
        native: seconds for all steps, compiled.
        compile: seconds for compiling.
    """

    eager: float
    native: float
    compile: float

    @property
    def saved(self) -> float:
        return self.eager - self.native

    def __str__(self) -> str:
        return f"saves about {told(self.saved)} for a compile of {told(self.compile)}"


def told(seconds: float) -> str:
    """A duration, as exact as it is known."""
    if seconds < 0.01:
        return "less than 0.01 s"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1g} s"


def estimate(task: Task, epochs: int, seconds: float = math.inf) -> Estimate:
    """What this task would take over so many epochs, or as many as are done eagerly in so many seconds."""
    todo = work(task)
    eager = eager_step(todo, torch.get_num_threads())
    steps = min(epochs * -(-len(task.data) // task.batch_size), seconds / eager)
    native = native_step(todo, threads_for(task))
    return Estimate(steps * eager, steps * native, compiling(todo.calls - 1))
