"""A run of a network and data of one's own."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.inspect.player import stages
from plaingrad.learn.playground.choices import RULES
from plaingrad.learn.playground.network import optimizer_of
from plaingrad.learn.playground.problem import Frame, Problem
from plaingrad.learn.playground.run import Run
from plaingrad.learn.playground.state import DEFAULT, State, read_state
from plaingrad.module import Module
from plaingrad.train.checks import expect_optimizer


@dataclass(frozen=True, eq=False)
class Own:
    """A network and data of one's own, from which each run begins anew.

    Args:
        model: a chain that begins with a `Linear`; it is copied, and stays as it is.
        data: inputs ``(n, k)``, and class indices or numbers.
        loss: by default cross-entropy of classes, else the mean squared error.
        optimizer: over the network's parameters; by default the page's.
    """

    model: Module | None
    data: Dataset
    loss: nn.Loss | None = None
    optimizer: optim.Optimizer | None = None

    def __post_init__(self) -> None:
        inputs, targets = self.data.inputs, self.data.targets
        if not isinstance(inputs, Tensor) or inputs.ndim != 2 or not isinstance(targets, Tensor):
            raise InputError("data: expected inputs of shape (n, k) and one target for each sample")
        if targets.numel() != len(targets):
            shape = tuple(targets.shape)
            raise InputError(
                f"data: expected a class index or one number for each sample, got targets {shape}"
            )
        if self.model is not None:
            stages(self.model)
        if self.optimizer is not None and self.model is None:
            raise InputError("optimizer: expected a model whose parameters it holds")
        if self.optimizer is not None and self.model is not None:
            expect_optimizer(self.optimizer, self.model)

    @property
    def classes(self) -> list[str]:
        """The names of the classes; empty in regression."""
        targets = self.data.targets
        if targets.is_floating_point():
            return []
        return list(map(str, self.data.class_names)) or [str(k) for k in range(int(targets.max()) + 1)]

    def rows(self) -> Tensor:
        """All samples, the label in the last column."""
        data = self.data
        return torch.cat([data.inputs.float(), data.targets.view(len(data), -1)[:, :1].float()], 1)

    def names(self) -> list[str]:
        """The names of the inputs."""
        return list(map(str, self.data.feature_names)) or [
            f"x{k + 1}" for k in range(self.data.inputs.shape[1])
        ]

    def state(self, fields: dict[str, Any]) -> State:
        """The state in which the page begins: its data are these, and its rule the optimizer's."""
        table = {
            "names": self.names(),
            "rows": self.rows().tolist(),
            "target": "target",
            "classes": self.classes,
        }
        chosen: dict[str, Any] = {"data": "own", "table": table, "features": self.names()}
        if self.optimizer is not None and type(self.optimizer).__name__ in RULES:
            name = type(self.optimizer).__name__
            group = self.optimizer.param_groups[0]
            options = {option.name: group[option.name] for option in RULES[name][1] if option.name in group}
            chosen["optimizer"] = {"name": name, **options}
        return read_state({**chosen, **fields}, DEFAULT)


class OwnRun(Run):
    """A run of a network of one's own, whose layers stay as they are.

    Args:
        own: the network and the data.
        state: of the run.
    """

    editable = False

    def __init__(self, own: Own, state: State) -> None:
        self.own, self.rule = own, state.optimizer
        super().__init__(state)

    def problem_of(self, state: State) -> Problem:
        rows, names = self.own.rows(), self.own.names()
        zero, one = torch.zeros(len(names)), torch.ones(len(names))

        def framed(train: Tensor) -> Frame:
            return Frame(names, names, zero, one, train[:, :-1].mean(0), functions=False)

        return Problem.split(rows, self.own.classes, state, framed)

    def begin(self) -> None:
        own = self.own
        assert own.model is not None
        self.model, optimizer = copy.deepcopy((own.model, own.optimizer))
        if self.model.parameters()[0].value.dtype != torch.float32:
            raise InputError("model: expected float32 parameters, as the playground shows them")
        self.model.train()
        if optimizer is None or self.state.optimizer != self.rule:
            optimizer = optimizer_of(self.state, self.model)
        default = nn.CrossEntropyLoss() if own.classes else nn.MSELoss()
        self.use(copy.deepcopy(own.loss) or default, optimizer)
