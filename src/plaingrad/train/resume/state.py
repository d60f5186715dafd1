"""The state of a run between two epochs."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from plaingrad.errors import InputError
from plaingrad.module import Module, ModuleError
from plaingrad.native.task import Task
from plaingrad.train.preparation import Training

State = dict[str, Any]

SCALARS = (bool, int, float, str)
MODES = ("training", "saving", "needs_input_grad")


def learned(training: Training) -> State:
    """The part of a state that training changes: network, loss, optimizer, schedule, callbacks."""
    schedule = training.schedule
    return {
        "model": training.model.state_dict(),
        "frozen": [name for name, field in training.model.named_parameters() if field.frozen],
        "loss": training.loss.state_dict(),
        "fields": [scalars(module) for module in modules(training)],
        "optimizer": training.optimizer.state_dict(),
        "schedule": None if schedule is None else schedule.state_dict(),
        "callbacks": [(type(each).__name__, each.state_dict()) for each in training.callbacks],
    }


def restore_learned(training: Training, state: State) -> None:
    """Put back what `learned` returned, but for the callbacks' part, and the history.

    Raises:
        InputError: it does not fit.
    """
    try:
        training.model.load_state_dict(state["model"])
        training.loss.load_state_dict(state["loss"])
    except ModuleError as error:
        raise InputError(str(error)) from None
    for name, parameter in training.model.named_parameters():
        parameter.frozen = name in state["frozen"]
    training.optimizer.load_state_dict(state["optimizer"])
    if training.schedule is not None:
        training.schedule.load_state_dict(state["schedule"])
        for group, saved in zip(training.optimizer.param_groups, state["optimizer"]["param_groups"]):
            group.update({name: saved[name] for name in saved if name in group})
    history = training.run.history
    epochs = {name: np.asarray(column, float).tolist() for name, column in state["history"]["epochs"].items()}
    vars(history).update(state["history"], epochs=epochs)
    if history.stopped.startswith("interrupted"):
        history.stopped = ""


def modules(training: Training) -> list[Module]:
    """The modules of network and loss, in order."""
    return [*training.model.modules(), *training.loss.modules()]


def scalars(module: Module) -> dict[str, Any]:
    """The fields of a module that are numbers or words, which a callback or the module itself may change."""
    return {
        name: value
        for name, value in vars(module).items()
        if type(value) in SCALARS and not name.startswith("_") and name not in MODES
    }


def restore_scalars(training: Training, state: State) -> None:
    """Put those fields back, after the engine was chosen by what they were when the run began."""
    for module, fields in zip(modules(training), state["fields"]):
        changed = {name: value for name, value in fields.items() if vars(module).get(name) != value}
        vars(module).update(changed)


def drawn(task: Task, orders: torch.Generator) -> State:
    """The states that the next random numbers depend on."""
    masks = task.masks
    return {
        "masks": {"keys": list(masks.keys), "draws": list(masks.draws)},
        "generators": [generator.get_state() for generator in generators(task, orders)],
    }


def restore_drawn(task: Task, orders: torch.Generator, state: State) -> None:
    """Put back what `drawn` returned."""
    task.masks.keys[:], task.masks.draws[:] = state["masks"]["keys"], state["masks"]["draws"]
    for generator, saved in zip(generators(task, orders), state["generators"]):
        generator.set_state(saved)


def generators(task: Task, orders: torch.Generator) -> list[torch.Generator]:
    """The generator of the orders and those of the modules, each once."""
    own = [module.generator for root in (task.model, task.loss) for module in root.modules()]
    return list(dict.fromkeys([orders, *(generator for generator in own if generator is not None)]))
