"""Diagnosis of divergence: the first value that became NaN or infinite."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.data.batches import Batches
from plaingrad.data.finite import all_finite
from plaingrad.data.sparse import stored
from plaingrad.module import Module, ModuleError
from plaingrad.native.task import EpochLoss, Snapshot, Task
from plaingrad.nn import Loss
from plaingrad.parameter import Buffer, Parameter
from plaingrad.train.eager import EagerEngine
from plaingrad.train.history import History
from plaingrad.train.several import Losses

Chain = tuple[tuple[Module, str], ...]


class TrainingDiverged(RuntimeError):
    """Training met NaN or infinity.

    The model is restored to the state before that epoch, unless a callback restores other weights at the end
    of training, as ``EarlyStopping(restore_best_weights=True)`` does.

    Attributes:
        epoch: the epoch, counted from 1.
        finding: the first value that was not finite; None if a second run of the epoch stayed finite.
        history: the epochs before.
    """

    def __init__(
        self,
        epoch: int,
        finding: Finding | None,
        history: History,
        learning_rate: float,
        wraps_loss: bool = False,
    ) -> None:
        what = f", step {finding.step}: {finding}" if finding else "; a second run of it stayed finite"
        updated = epoch > 1 or finding is None or finding.updates > 0
        hint = f"; a learning rate below {learning_rate:g} may help" if updated else ""
        if wraps_loss:
            hint = "; if nothing in that batch counts, let the loss say so in its method shares"
        super().__init__(f"training diverged in epoch {epoch}{what}{hint}")
        self.epoch = epoch
        self.finding = finding
        self.history = history


@dataclass(frozen=True)
class Finding:
    """The first value that was not finite.

    Attributes:
        step: the step of the epoch, counted from 1.
        updates: the number of updates in the epoch until then.
        path: the module's path in the network, as in a state dict; "loss" for the loss.
        module: the same with the modules' names, as in a `ModuleError`.
        kind: "input", "parameter", "buffer", "output" or "gradient".
        problem: a sentence that describes it.
    """

    step: int
    updates: int
    path: str
    module: str
    kind: str
    problem: str

    def __str__(self) -> str:
        return f"{self.module}: {self.problem}"


def diverged(
    task: Task, before: Snapshot, order: Tensor | None, epoch: int, history: History
) -> TrainingDiverged:
    """Restore the state before an epoch that diverged, and rerun it with checks to locate the cause.

    Args:
        task: the task of the epoch, run by any engine.
        before: the state before the epoch, which is restored.
        order: the order of its samples.
        epoch: its number, counted from 1.
        history: the epochs before.
    """
    if task.stream is None:
        before.restore()
    try:
        finding = find(task, order) if task.stream is None else find_in_latest(task, task.stream)
    finally:
        before.restore()
    has_inner = any(isinstance(module, Loss) for _, module in task.loss.named_children())
    in_loss = finding is not None and finding.module.startswith(type(task.loss).__name__)
    wraps_loss = has_inner and in_loss and type(task.loss).shares is Loss.shares
    lr = float(task.optimizer.param_groups[0]["lr"])
    return TrainingDiverged(epoch, finding, history, lr, wraps_loss)


def finite(task: Task, before: Snapshot, loss: EpochLoss) -> bool:
    """True if an epoch's loss is finite, and every parameter and buffer that was finite before it."""
    if not loss.finite:
        return False
    values = [*(storage.value for storage in task.optimizer.storages), *(field.value for field in task.loose)]
    if all(all_finite(value) for value in values):
        return True
    return all(all_finite(field.value) or not all_finite(old) for field, old in before.pairs())


def find(task: Task, order: Tensor | None) -> Finding | None:
    """Run an epoch eagerly with every value checked, until the first that is not finite."""
    watch = _Watch(task)
    checked = replace(task, batch_begin=[watch.begin], batch_end=[watch.end], update_begin=[], round=None)
    with watch.watching():
        try:
            EagerEngine(checked).run_epoch(order)
        except _NonFiniteError as error:
            return error.finding
    return None


def find_in_latest(task: Task, stream: Batches) -> Finding | None:
    """Run the latest batch of a stream, which cannot be drawn again, in the state that it has left."""
    for module in (task.model, task.loss):
        module.zero_grad()
    latest = stream.latest
    alone = replace(task, data=latest, batch_size=len(latest), stream=None, met=None)
    finding = find(alone, None)
    return finding and replace(finding, step=stream.count, updates=stream.count - 1)


class _NonFiniteError(Exception):
    def __init__(self, finding: Finding) -> None:
        self.finding = finding


class _Watch:
    def __init__(self, task: Task) -> None:
        self.task, self.loss = task, task.loss
        parts: list[Any] = task.loss.parts if isinstance(task.loss, Losses) else []
        self.losses = {id(loss): loss for loss in (task.loss, *parts)}
        self.paths = [*_walk(task.model, ()), *_walk(task.loss, ())]
        self.chains = {id(module): chain for module, chain in self.paths}
        self.step = self.updates = 0
        self.learning = False  # whether the batch has weight, so that it leads to an update
        self.infinite = [  # a mask's -inf, for instance
            buffer
            for module, _ in self.paths
            for _, buffer in _own_buffers(module)
            if not all_finite(buffer.value)
        ]

    def begin(self, batch: int, logs: dict[str, float]) -> None:
        self.step = batch + 1

    def end(self, batch: int, logs: dict[str, float]) -> None:
        # The mean by sample weights is taken outside the loss.
        loss = torch.tensor(logs["loss"], dtype=torch.float64)
        self.check(self.loss, (), "output", "its mean over the weights", loss)
        self.updates, self.learning = self.updates + self.learning, False
        for module, chain in self.paths:
            self.check_parameters(module, chain)
            self.check_buffers(module, chain)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Check each module's forward and backward."""
        with self.task.model.watched(self.checked), self.loss.watched(self.checked):
            yield

    def checked(
        self, module: Module, name: str, run: Callable[..., Any], *arguments: Any, **options: Any
    ) -> Any:
        """Run a forward or a backward, and check everything that goes in and comes out."""
        chain = self.chains[id(module)]
        if name == "backward":
            self.learning = True
            dx = run(*arguments)
            for field, parameter in _own_parameters(module):
                if parameter.has_grad:
                    self.check(module, chain, "gradient", f"the gradient of its {field}", parameter.grad)
            self.check(module, chain, "gradient", "the gradient of its input", dx)
            return dx
        if not any(module.named_children()):
            # A container's input is that of its first module too, whose name is more precise.
            self.check(module, chain, "input", "its input", arguments)
        self.check_parameters(module, chain)
        y = run(*arguments, **options)
        loss = self.losses.get(id(module))
        if loss is not None and not loss.shares(*arguments).sum():
            return y  # the mean of a batch without weight is NaN, without consequences
        cause = f" from inputs up to {_size(arguments)}"
        self.check(module, chain, "output", "its output", y, cause)
        self.check_buffers(module, chain, cause)
        return y

    def check_parameters(self, module: Module, chain: Chain) -> None:
        for name, parameter in _own_parameters(module):
            self.check(module, chain, "parameter", f"its parameter {name}", parameter.value)

    def check_buffers(self, module: Module, chain: Chain, cause: str = "") -> None:
        for name, buffer in _own_buffers(module):
            if buffer not in self.infinite:
                self.check(module, chain, "buffer", f"its buffer {name}", buffer.value, cause)

    def check(
        self, module: Module, chain: Chain, kind: str, description: str, values: Any, cause: str = ""
    ) -> None:
        for value in map(stored, tensors(values)):
            bad = ~torch.isfinite(value)
            if bad.any():
                index = bad.nonzero()[0].tolist()
                where = f" at {index}" if index else ""
                problem = f"{description} became {value[tuple(index)].item()}{where}{cause}"
                error = ModuleError(module, problem)
                for container, name in reversed(chain):
                    error.inside(container, name)
                path = "loss" if module is self.loss else ".".join(name for _, name in chain)
                finding = Finding(self.step, self.updates, path, error.location, kind, problem)
                raise _NonFiniteError(finding)


def _walk(module: Module, chain: Chain) -> Iterator[tuple[Module, Chain]]:
    yield module, chain
    for name, child in module.named_children():
        yield from _walk(child, (*chain, (module, name)))


def _own_parameters(module: Module) -> Iterator[tuple[str, Any]]:
    return ((name, field) for name, field in module.named_fields() if isinstance(field, Parameter))


def _own_buffers(module: Module) -> Iterator[tuple[str, Buffer]]:
    return ((name, field) for name, field in module.named_fields() if isinstance(field, Buffer))


def _size(values: Any) -> str:
    numbers = [x for x in map(stored, tensors(values)) if x.is_floating_point() and x.numel()]
    sizes = [float(x.abs().max()) for x in numbers]
    largest = max(sizes, default=0.0)
    return f"{largest:.1e}"
