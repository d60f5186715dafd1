"""A run of training that can be watched, steered and taken back, one batch at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec
import torch
from torch import Tensor

from plaingrad import nn, optim
from plaingrad.contract.modes import mode
from plaingrad.data import Dataset
from plaingrad.data.finite import all_finite
from plaingrad.errors import InputError
from plaingrad.inspect.player import Stage, stages
from plaingrad.learn.playground.actions import ACTIONS, LOOKS, essential, matters, merged
from plaingrad.learn.playground.choices import MOST_ACTIONS
from plaingrad.learn.playground.network import build, loss_of, optimizer_of
from plaingrad.learn.playground.problem import Problem
from plaingrad.learn.playground.state import LIVE, State
from plaingrad.module import Module

MOST_UNDO, MOST_KEPT = 100, 10_000_000  # moments to go back to, and parameters in all of them
MOST_NOTED = 4000  # points of the curve

BATCH_NORMS = (nn.BatchNorm1d, nn.SyncBatchNorm)


class Diverged(Exception):
    """A batch whose loss or gradients are not finite; the parameters are as they were before it."""


class Saved(NamedTuple):
    """A moment that `Run.undo` goes back to.

    Attributes:
        at: the epoch, the samples of it that are done, the batch, and whether one has diverged.
    """

    model: Module
    optimizer: optim.Optimizer
    generator: Tensor | None
    state: State
    origin: State
    problem: Problem
    at: tuple[int, int, int, bool]


class Run:
    """A network in training on the data of a state.

    Args:
        state: of the run; its actions are done again, and its batches trained, by `catch_up`.

    Attributes:
        state: as it is now.
        origin: as it was when the training began, with what has been done since in its ``actions``.
        problem: the data.
        model: the network.
        loss: as it is trained.
        optimizer: of the network.
        is_over_batch: whether the network normalises over a batch, which then has more than one sample.
        has_diverged: whether a batch was passed over, since its numbers became infinite.
        stages: the network as layers of units.
        batch: the number of batches trained.
        epoch: the number of epochs begun before the current one.
        curve: epoch, training loss and test loss, as they were measured.
    """

    editable = True
    """Whether layers and features can be changed, as those of a network of one's own cannot."""

    def __init__(self, state: State) -> None:
        self.undoable: list[Saved] = []
        self.actions = state.actions
        self.aim = state.trained
        self.origin = self.state = msgspec.structs.replace(state, actions=[], trained=0)
        self.problem = self.problem_of(self.state)
        self.begin()

    def problem_of(self, state: State) -> Problem:
        """The data of a state."""
        return Problem.of(state)

    def begin(self) -> None:
        """Begin the training from the first weights."""
        problem, state = self.problem, self.state
        outputs = len(problem.classes) or 1
        self.model: Module = build(state, len(problem.frame.names), outputs)
        self.use(loss_of(state), optimizer_of(state, self.model))

    def use(self, loss: nn.Loss, optimizer: optim.Optimizer) -> None:
        """Train the network with this loss and this rule, from the beginning."""
        self.loss, self.optimizer = loss, optimizer
        self.stages: list[Stage] = stages(self.model)
        self.is_over_batch = any(isinstance(module, BATCH_NORMS) for module in self.model.modules())
        self.batch = self.epoch = self.done = 0
        self.has_diverged = False
        self.order: tuple[tuple[int, int], Tensor] | None = None
        self.curve: list[tuple[float, float, float]] = []

    # Training

    def catch_up(self) -> Iterator[None]:
        """Train as far as the state of an address says, doing again what was done on the way."""
        actions, aim = self.actions, self.aim
        self.actions, self.aim = [], 0
        for when, action in actions:
            while self.batch < when:
                self._pass()
                yield
            self.act(action)
        while self.batch < aim:
            self._pass()
            yield

    def _pass(self) -> None:
        with suppress(Diverged):
            self.train_batch()

    def train_batch(self) -> float:
        """Train on the next batch and return its loss.

        Raises:
            Diverged: the loss or a gradient is not finite. The batch counts, but the weights stay.
        """
        x, t = self.next_batch()
        self.batch += 1
        self.done += len(x)
        try:
            return self.train_on(x, t)
        except Diverged:
            self.has_diverged = True
            raise

    @torch.no_grad()
    def train_on(self, x: Tensor, t: Tensor) -> float:
        """Make one step on a batch and return its loss, without counting it.

        Raises:
            Diverged: the loss or a gradient is not finite.
        """
        self.model.zero_grad()
        value = float(self.loss(self.model(x), self.targets(t)))
        self.model.backward(self.loss.backward())
        self.penalise()
        (flat,) = self.optimizer.storages
        before = flat.value.clone()
        if math.isfinite(value) and all_finite(flat.grad):
            self.optimizer.step()
            if all_finite(flat.value):
                return value
        flat.value.copy_(before)
        raise Diverged

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next batch of this epoch, or the first of the next, in the orders of `Dataset.batches`."""
        data = self.problem.train
        if self.done >= len(data):
            self.epoch, self.done = self.epoch + 1, 0
        if self.order is None or self.order[0] != (self.epoch, len(data)):
            generator = torch.Generator().manual_seed(self.state.seed + self.epoch)
            self.order = (self.epoch, len(data)), torch.randperm(len(data), generator=generator)
        stop = self.done + self.state.batch_size
        if self.is_over_batch and len(data) - stop == 1:
            stop += 1
        rows = self.order[1][self.done : stop]
        return data.inputs[rows], data.targets[rows]

    def penalise(self) -> None:
        """Add the gradients of the penalties of the weights."""
        l1, l2 = self.state.l1, self.state.l2
        if l1 or l2:
            for stage in self.stages:
                weight = stage.linear.weight
                weight.grad.add_(l1 * weight.value.sign() + l2 * weight.value)

    def targets(self, t: Tensor) -> Tensor:
        """Targets as the loss compares them: one-hot for a loss that is not cross-entropy."""
        if not self.problem.classes or isinstance(self.loss, nn.CrossEntropyLoss):
            return t
        return torch.eye(len(self.problem.classes))[t]

    @property
    def position(self) -> float:
        """The number of epochs trained, with the part of the current one."""
        return self.epoch + self.done / len(self.problem.train)

    @property
    def is_over(self) -> bool:
        """True if the number of epochs is reached that the state sets."""
        return 0 < self.state.epochs <= self.position

    # Measuring

    def has_unit(self, layer: int, unit: int) -> bool:
        """True if there is such a unit; layer -1 are the features."""
        columns = [len(self.problem.frame.names), *(stage.units for stage in self.stages)]
        return -1 <= layer < len(self.stages) and 0 <= unit < columns[layer + 1]

    def outputs(self, inputs: Tensor) -> list[Tensor]:
        """The outputs of each stage, in evaluation mode."""
        each: list[Tensor] = []
        with torch.no_grad(), mode(False, self.model, self.loss):
            for stage in self.stages:
                inputs = stage.forward(inputs)
                each.append(inputs)
        return each

    def measure(self, part: Dataset) -> tuple[float, float | None]:
        """The loss of a part of the data, and of classes the accuracy."""
        outputs = self.outputs(part.inputs)[-1]
        with torch.no_grad(), mode(False, self.loss):
            value = float(self.loss(outputs, self.targets(part.targets)))
        if not self.problem.classes:
            return value, None
        return value, float((outputs.argmax(1) == part.targets).float().mean())

    def note(self) -> tuple[tuple[float, float | None], tuple[float, float | None]]:
        """Measure both parts of the data, and put the losses into the curve."""
        if len(self.curve) > MOST_NOTED:
            del self.curve[1::2]
        train, test = self.measure(self.problem.train), self.measure(self.problem.test)
        if not self.curve or self.curve[-1][0] < self.position:
            self.curve.append((self.position, train[0], test[0]))
        return train, test

    def gradients(self) -> list[Tensor]:
        """The gradient of the loss over the training data with respect to the weights of each stage."""
        model, loss = copy.deepcopy((self.model, self.loss))
        data = self.problem.train
        with torch.no_grad():
            model.eval(saving=True)
            model.zero_grad()
            loss(model(data.inputs), self.targets(data.targets))
            model.backward(loss.backward())
        return [stage.linear.weight.grad for stage in stages(model)]

    # Steering

    def act(self, message: dict[str, Any]) -> None:
        """Do what a message says that is allowed during training, and note it for the address.

        Raises:
            InputError: it cannot be done; nothing is changed.
        """
        kind, trained, before = message["type"], self.batch, self.model
        if len(self.origin.actions) >= MOST_ACTIONS:
            raise InputError(f"{kind}: expected at most {MOST_ACTIONS:,} changes in one run; press reset")
        ACTIONS[kind](self, message)
        if self.model is not before:  # it began anew
            return
        if not trained and kind not in ("edit", "walk"):
            self.origin = msgspec.structs.replace(self.state, actions=self.origin.actions)
        elif matters(message):
            noted = merged([*self.origin.actions, (trained, essential(message))])
            self.origin = msgspec.structs.replace(self.origin, actions=noted)

    def goes_on(self, fields: dict[str, Any]) -> bool:
        """True if training goes on with other values of these fields of the state."""
        rule = fields.get("optimizer", self.state.optimizer)
        same = isinstance(rule, dict) and rule.get("name") == self.state.optimizer["name"]
        return fields.keys() <= LIVE and same

    def batch_from(self, sample: int) -> tuple[Tensor, Tensor]:
        """A sample alone; before others where the network normalises over a batch."""
        data = self.problem.train
        size = max(2, min(self.state.batch_size, len(data))) if self.is_over_batch else 1
        rows = [(sample + k) % len(data) for k in range(size)]
        return data.inputs[rows], data.targets[rows]

    def see(self, state: State) -> None:
        """Go on with other data, or, where they have other classes, begin anew."""
        problem, before = self.problem_of(state), len(self.problem.classes)
        self.state, self.problem = state, problem
        if len(problem.classes) != before:
            self.origin = state
            self.begin()
        elif self.done:
            self.epoch, self.done = self.epoch + 1, 0

    def current(self) -> State:
        """The state for an address: how it began, what was done, how far it has come, and what is drawn."""
        drawn = {name: getattr(self.state, name) for name in LOOKS}
        return msgspec.structs.replace(self.origin, trained=self.batch, **drawn)

    # Taking back

    def keep(self) -> None:
        """Note the run as it is, to go back to."""
        model, optimizer = copy.deepcopy((self.model, self.optimizer))
        generator = self.model.generator
        drawn = None if generator is None else generator.get_state()
        at = (self.epoch, self.done, self.batch, self.has_diverged)
        self.undoable.append(Saved(model, optimizer, drawn, self.state, self.origin, self.problem, at))
        size = self.model.num_parameters()
        del self.undoable[: -max(3, min(MOST_UNDO, MOST_KEPT // max(1, size)))]

    def undo(self) -> bool:
        """Go back to what was last noted; False if there is nothing.

        Fields with which training goes on, such as the learning rate, stay as they are: they are no steps.
        """
        if not self.undoable:
            return False
        saved, now = self.undoable.pop(), self.state
        self.model, self.optimizer = saved.model, saved.optimizer
        self.stages = stages(self.model)
        if saved.generator is not None:
            self.model.generator = torch.Generator()
            self.model.generator.set_state(saved.generator)
        self.state, self.origin, self.problem = saved.state, saved.origin, saved.problem
        self.epoch, self.done, self.batch, self.has_diverged = saved.at
        self.curve = [point for point in self.curve if point[0] <= self.position]
        kept = {name: getattr(now, name) for name in LIVE if getattr(now, name) != getattr(self.state, name)}
        if kept:
            with suppress(InputError):  # of a run that cannot note more changes
                self.act({"type": "change", "state": kept})
        return True
