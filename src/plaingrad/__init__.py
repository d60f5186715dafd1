"""plaingrad: deep learning with every gradient in plain sight."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from plaingrad._version import __version__

if TYPE_CHECKING:
    from plaingrad import data, init, inspect, interop, nn, optim, paper
    from plaingrad.interop import load, save
    from plaingrad.module import Module, ModuleError, flatten_parameters
    from plaingrad.parameter import Buffer, Parameter
    from plaingrad.train import compile_predict, evaluate, fit, fit_many, predict

# Names are looked up when they are first used, so that `plaingrad --help` need not wait for torch.
_HOME = {
    **dict.fromkeys(["Module", "ModuleError", "flatten_parameters"], "plaingrad.module"),
    **dict.fromkeys(["Buffer", "Parameter"], "plaingrad.parameter"),
    **dict.fromkeys(["compile_predict", "evaluate", "fit", "fit_many", "predict"], "plaingrad.train"),
    **dict.fromkeys(["load", "save"], "plaingrad.interop"),
}
_SUBPACKAGES = ["data", "init", "inspect", "interop", "nn", "optim", "paper"]

__all__ = [
    "Buffer",
    "Module",
    "ModuleError",
    "Parameter",
    "__version__",
    "compile_predict",
    "data",
    "evaluate",
    "fit",
    "fit_many",
    "flatten_parameters",
    "init",
    "inspect",
    "interop",
    "load",
    "nn",
    "optim",
    "paper",
    "predict",
    "save",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    if name in _SUBPACKAGES:
        return importlib.import_module(f"plaingrad.{name}")
    raise AttributeError(f"module 'plaingrad' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
