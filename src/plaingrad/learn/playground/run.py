"""A run of training that can be watched, steered and taken back, one batch at a time."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
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
from plaingrad.learn.playground.choices import MOST_POINTS
from plaingrad.learn.playground.network import build, loss_of, optimizer_of, rule_options
from plaingrad.learn.playground.problem import Problem
from plaingrad.learn.playground.state import LIVE, State, read_state
from plaingrad.module import Module

MOST_UNDO = 100


class Diverged(Exception):
    """A batch whose loss or gradients are not finite; the parameters are as they were before it."""


class Saved(NamedTuple):
    """A moment that `Run.undo` goes back to.

    Attributes:
        at: the epoch, the samples of it that are done, and the batch.
    """

    model: Module
    optimizer: optim.Optimizer
    generator: Tensor | None
    state: State
    origin: State
    problem: Problem
    at: tuple[int, int, int]


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
        self.batch = self.epoch = self.done = 0
        self.order: tuple[tuple[int, int], Tensor] | None = None
        self.curve: list[tuple[float, float, float]] = []

    # Training

    def catch_up(self) -> Iterator[None]:
        """Train as far as the state of an address says, doing again what was done on the way."""
        actions, aim = self.actions, self.aim
        self.actions, self.aim = [], 0
        for when, action in actions:
            while self.batch < when:
                self.train_batch()
                yield
            self.act(action)
        while self.batch < aim:
            self.train_batch()
            yield

    def train_batch(self) -> float:
        """Train on the next batch and return its loss.

        Raises:
            Diverged: the loss or a gradient is not finite.
        """
        x, t = self.next_batch()
        value = self.train_on(x, t)
        self.batch += 1
        self.done += len(x)
        return value

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
        rows = self.order[1][self.done : self.done + self.state.batch_size]
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
        kind, trained = message["type"], self.batch
        before = self.model
        {"edit": self._edit, "change": self._change, "paint": self._paint, "erase": self._erase}[kind](
            message
        )
        if self.model is not before:  # it began anew
            return
        if trained or kind == "edit":
            if len(self.origin.actions) >= MOST_POINTS:
                raise InputError(f"{kind}: expected at most {MOST_POINTS} changes in one run; press reset")
            actions = [*self.origin.actions, (trained, message)]
            self.origin = msgspec.structs.replace(self.origin, actions=actions)
        else:
            self.origin = msgspec.structs.replace(self.state, actions=self.origin.actions)

    def _edit(self, message: dict[str, Any]) -> None:
        fields: list[Any] = [message.get(name) for name in ("layer", "to", "from", "value")]
        layer, unit, source, value = fields
        if not _is_index(layer, len(self.stages)):
            raise InputError(f"edit: expected a layer from 0 to {len(self.stages) - 1}, got {layer!r:.40}")
        linear = self.stages[layer].linear
        parameter = linear.bias if source is None else linear.weight
        if parameter is None:
            raise InputError("edit: expected a weight, for this layer has no biases")
        if not _is_index(unit, len(parameter.value)):
            raise InputError(f"edit: expected a unit from 0 to {len(parameter.value) - 1}, got {unit!r:.40}")
        if source is not None and not _is_index(source, parameter.value.shape[1]):
            raise InputError(f"edit: expected a source below {parameter.value.shape[1]}, got {source!r:.40}")
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= 1e6:
            raise InputError(f"edit: expected a number from -1e6 to 1e6, got {value!r:.40}")
        parameter.value[unit if source is None else (unit, source)] = value

    def _change(self, message: dict[str, Any]) -> None:
        fields: Any = message.get("state")
        new = read_state(fields, self.state)
        if not self.goes_on(fields):
            raise InputError("change: expected fields with which training goes on")
        self.optimizer.param_groups[0].update(rule_options(new.optimizer))
        self.state = new

    def goes_on(self, fields: dict[str, Any]) -> bool:
        """True if training goes on with other values of these fields of the state."""
        rule = fields.get("optimizer", self.state.optimizer)
        return fields.keys() <= LIVE and rule.get("name") == self.state.optimizer["name"]

    def _paint(self, message: dict[str, Any]) -> None:
        painted = message.get("points")
        if not isinstance(painted, list):
            raise InputError(f"paint: expected a list of points, got {type(painted).__name__}")
        self._see(read_state({"points": [*self.state.points, *painted]}, self.state))

    def _erase(self, message: dict[str, Any]) -> None:
        circle: list[Any] = [message.get(name) for name in ("x", "y", "radius")]
        x, y, radius = circle
        if not all(isinstance(each, (int, float)) for each in circle):
            raise InputError("erase: expected the numbers x, y and radius")
        kept = [p for p in self.state.points if (p[0] - x) ** 2 + (p[1] - y) ** 2 > radius**2]
        self._see(read_state({"points": kept}, self.state))

    def _see(self, state: State) -> None:
        """Go on with other data, or, where they have other classes, begin anew."""
        problem, before = self.problem_of(state), len(self.problem.classes)
        self.state, self.problem = state, problem
        if len(problem.classes) != before:
            self.origin = state
            self.begin()
        elif self.done:
            self.epoch, self.done = self.epoch + 1, 0

    def current(self) -> State:
        """The state for an address: how the training began, what was done, and how far it has come."""
        return msgspec.structs.replace(self.origin, trained=self.batch)

    # Taking back

    def keep(self) -> None:
        """Note the run as it is, to go back to."""
        model, optimizer = copy.deepcopy((self.model, self.optimizer))
        generator = self.model.generator
        drawn = None if generator is None else generator.get_state()
        at = (self.epoch, self.done, self.batch)
        self.undoable.append(Saved(model, optimizer, drawn, self.state, self.origin, self.problem, at))
        del self.undoable[:-MOST_UNDO]

    def undo(self) -> bool:
        """Go back to what was last noted; False if there is nothing."""
        if not self.undoable:
            return False
        saved = self.undoable.pop()
        self.model, self.optimizer = saved.model, saved.optimizer
        self.stages = stages(self.model)
        if saved.generator is not None:
            self.model.generator = torch.Generator()
            self.model.generator.set_state(saved.generator)
        self.state, self.origin, self.problem = saved.state, saved.origin, saved.problem
        self.epoch, self.done, self.batch = saved.at
        self.curve = [point for point in self.curve if point[0] <= self.position]
        return True


def _is_index(value: Any, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count
