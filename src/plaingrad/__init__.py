"""plaingrad: deep learning with every gradient in plain sight."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plaingrad._version import __version__
from plaingrad.lazy import exports

if TYPE_CHECKING:
    from plaingrad import data, init, inspect, interop, nn, optim, paper
    from plaingrad.learn.playground.widget import playground
    from plaingrad.module import Module, ModuleError, flatten_parameters
    from plaingrad.parameter import Buffer, Parameter
    from plaingrad.saving import load, read_file, save
    from plaingrad.train import compile_predict, evaluate, fit, fit_many, predict

_HOMES = {
    **dict.fromkeys(["Module", "ModuleError", "flatten_parameters"], "plaingrad.module"),
    **dict.fromkeys(["Buffer", "Parameter"], "plaingrad.parameter"),
    **dict.fromkeys(["compile_predict", "evaluate", "fit", "fit_many", "predict"], "plaingrad.train"),
    **dict.fromkeys(["load", "read_file", "save"], "plaingrad.saving"),
    "playground": "plaingrad.learn.playground.widget",
    **{name: f"plaingrad.{name}" for name in ["data", "init", "inspect", "interop", "nn", "optim", "paper"]},
}

_ABSENT = {
    "no_grad": "no graph is recorded that it could switch off; predict keeps nothing for backward",
    "tensor": "it is torch.tensor",
}

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
    "playground",
    "predict",
    "read_file",
    "save",
]

__getattr__, __dir__ = exports(__name__, _HOMES, absent=_ABSENT)
