"""Why no activation overwrites its input."""

from __future__ import annotations

from plaingrad.module import Module, ModuleError


def refuse_inplace(module: Module, inplace: bool) -> None:
    """Refuse torch.nn's ``inplace=True``: the input may be the state that an earlier layer has saved."""
    if inplace:
        raise ModuleError(module, "inplace=True would overwrite what an earlier backward needs; leave it out")
