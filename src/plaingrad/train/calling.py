"""Calls of a network with its inputs: one tensor, a tuple in order, or a dict by names."""

from __future__ import annotations

import inspect
from typing import Any

from plaingrad.errors import InputError
from plaingrad.module import Module


def called(model: Module, inputs: Any) -> Any:
    """The outputs of forward."""
    if isinstance(inputs, dict):
        return model.forward(**inputs)
    return model.forward(*inputs) if isinstance(inputs, tuple) else model.forward(inputs)


def expect_arguments(model: Module, inputs: Any) -> None:
    """Refuse several inputs that are not the arguments of the network's forward.

    Raises:
        InputError: there are too many or too few, or a name is another.
    """
    arguments = inspect.signature(model.forward)
    try:
        if isinstance(inputs, dict):
            arguments.bind(**inputs)
        elif isinstance(inputs, tuple):
            arguments.bind(*inputs)
    except TypeError as error:
        expected = f"the arguments of {type(model).__name__}.forward: {', '.join(arguments.parameters)}"
        got = ", ".join(inputs) if isinstance(inputs, dict) else f"{len(inputs)} inputs"
        raise InputError(f"inputs: expected {expected}, got {got}") from error
