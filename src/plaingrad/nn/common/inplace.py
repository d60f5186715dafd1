"""The end of a forward that may overwrite its input."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from plaingrad.contract.nest import mapped
from plaingrad.module import Module, ModuleError


def finish(module: Any, x: Tensor, state: Any, y: Tensor) -> Tensor:
    """Save the state and return the output, in the memory of the input if the module is ``inplace``.

    A module before it that saved this input as its state refuses in its backward, as in PyTorch.
    """
    if module.inplace and y is not x:
        state = mapped(lambda each: x.clone() if each is x else each, state)
        x.copy_(y)
        state, y = x if state is y else state, x
    module.save(state, y)
    return y


def expect_kept(module: Module, x: Any, version: int | None) -> None:
    """Refuse an input that something inside has overwritten, though the module uses it again.

    Args:
        module: the module.
        x: its input.
        version: the `version_of` it before.

    Raises:
        ModuleError: the version is another one now.
    """
    if version_of(x) != version:
        expected = "expected modules inside that keep an input which is used again"
        raise ModuleError(module, f"{expected}, got one that is inplace")


def version_of(x: Any) -> int | None:
    """The version counter of a tensor; None for anything else and for tensors without one."""
    return x._version if isinstance(x, Tensor) and not x.is_inference() else None
