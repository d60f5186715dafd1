"""The process in which `plaingrad check` runs somebody's class: reads a request, writes what it has seen."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import typer

from plaingrad.cli import choices
from plaingrad.cli.errors import TRACEBACK
from plaingrad.console.options import refused
from plaingrad.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from plaingrad.inspect import GradientReport
    from plaingrad.module import Module

MOST_NUMBERS = 10**8


class Request(NamedTuple):
    """A check, as the options of the command describe it.

    Attributes:
        target: the file and the class.
        inputs: the shapes of the inputs.
        args: the arguments of the constructor, as in a call.
        loss: the name of a loss; empty for none.
        target_shape: of its target; empty for that of the output.
        evaluation: whether the module is in evaluation mode.
        seed: of everything random.
        time_limit: the seconds for a forward or a backward.
        seconds: those for everything.
        result: the file for the outcome.
    """

    target: str
    inputs: list[str]
    args: str
    loss: str
    target_shape: str
    evaluation: bool
    seed: int
    time_limit: float
    seconds: float
    result: str


def main() -> None:
    """Check what standard input names; its process ends when the time is over, whatever runs in it."""
    request = Request(**json.loads(sys.stdin.read()))
    import plaingrad.inspect  # and with it PyTorch, before the clock starts  # noqa: F401

    if hasattr(signal, "setitimer"):  # the system's clock, which no code in this process holds up
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, request.seconds)
    Path(request.result).write_text(json.dumps(outcome(request)), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # whatever threads the code has left behind


def outcome(request: Request) -> dict[str, Any]:
    """The report, for people and for programs; or the problem for which there is none."""
    try:
        report = checked(request)
    except SystemExit as error:  # its exit code would pass for the check's
        return {"problem": f"{request.target} raised SystemExit: {error}"}
    except typer.BadParameter as error:
        return {"problem": error.message, "option": error.param_hint}
    except (ValueError, OSError) as error:
        return {"problem": str(error)}
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        return {"fault": f"{type(error).__name__}: {error}"}
    return {"text": str(report), "data": {"ok": report.ok, **dataclasses.asdict(report)}}


def checked(request: Request) -> GradientReport:
    """Run the check."""
    import torch

    from plaingrad.inspect import check_gradients

    torch.manual_seed(request.seed)
    module = _constructed(_class(request.target), request.args)
    module.train(not request.evaluation)
    inputs = [_tensor(text, "--input") for text in request.inputs]
    loss = _loss_and_target(module, inputs, request.loss, request.target_shape)
    return check_gradients(module, *inputs, loss=loss, seed=request.seed, time_limit=request.time_limit)


def expect_readable(request: Request) -> None:
    """Refuse options that say nothing, before a process is started for them."""
    _file_and_class(request.target)
    _arguments(request.args)
    for text in request.inputs:
        _sizes_and_limit(text, "--input")
    if request.target_shape and not request.loss:
        raise refused("expected --loss with it", "--target")


def _file_and_class(target: str) -> tuple[Path, str]:
    """The file and the name of the class."""
    file, colon, name = target.rpartition(":")
    path = Path(file)
    if not colon or not name.isidentifier():
        raise _bad_target(f"expected a file and a class such as layer.py:Layer, got {target}")
    if path.suffix != ".py" or not path.is_file():
        raise _bad_target(f"expected a Python file, and {path} is none")
    return path, name


def _class(target: str) -> type[Module]:
    """The class that ``FILE.py:CLASS`` names."""
    from plaingrad.module import Module

    path, name = _file_and_class(target)
    module = _executed(path)
    cls = getattr(module, name, None)
    if isinstance(cls, type) and issubclass(cls, Module):
        return cls
    if cls is not None:
        raise _bad_target(f"expected a class derived from plaingrad.Module, and {name} is none")
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
    raise _bad_target(f"there is no {name} in {path}, which defines {', '.join(own) or 'nothing'}")


def _bad_target(problem: str) -> typer.BadParameter:
    return refused(problem, "FILE.py:CLASS")


def _executed(path: Path) -> ModuleType:
    """The file as a module; files beside it can be imported from it."""
    spec = importlib.util.spec_from_file_location(f"checked_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{path} raised {type(error).__name__}: {error}") from error
    finally:
        sys.path.pop(0)
    return module


def _arguments(text: str) -> tuple[list[Any], dict[str, Any]]:
    """Arguments and keywords that are written as in a call."""
    try:
        (call,) = ast.parse(f"f({text})").body
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        args = [ast.literal_eval(arg) for arg in call.value.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.value.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise refused(f"expected arguments such as '5, 4, bias=False', got {text!r}", "--args") from None
    return args, kwargs


def _constructed(cls: type[Module], text: str) -> Module:
    """The class called with arguments that are written as in a call."""
    args, kwargs = _arguments(text)
    try:
        return cls(*args, **kwargs)
    except Exception as error:
        raise InputError(f"{cls.__name__}({text}) raised {type(error).__name__}: {error}") from error


def _sizes_and_limit(text: str, option: str) -> tuple[list[int], int | None]:
    """The shape that the text gives, and what integers are below; None for real numbers."""
    shape, colon, kind = text.partition(":")
    sizes = choices.sizes(shape, option)
    if math.prod(sizes) > MOST_NUMBERS:
        raise refused(f"expected at most {MOST_NUMBERS:,} numbers, got {text!r}", option)
    if not colon:
        return sizes, None
    below = kind.removeprefix("int")
    if not kind.startswith("int") or not below.isdecimal() or not 1 <= int(below) < 2**63:
        raise refused(f"expected a shape such as 4,3 or 4,3:int10, got {text!r}", option)
    return sizes, int(below)


def _tensor(text: str, option: str) -> Tensor:
    """Random numbers in the shape that the text gives: "4,3", "4,3:int10", or "" for a single number."""
    import torch

    sizes, below = _sizes_and_limit(text, option)
    return torch.randn(sizes, dtype=torch.float64) if below is None else torch.randint(below, sizes)


def _loss_and_target(
    module: Module, inputs: Sequence[Tensor], loss: str, target: str
) -> tuple[Any, ...] | None:
    """The loss and its target, if a loss is named."""
    import torch

    from plaingrad import nn
    from plaingrad.inspect.gradients.tested import ModuleUnderTest, first_forward

    if not loss:
        return None
    loss_class = getattr(nn, loss, None)
    if not (isinstance(loss_class, type) and issubclass(loss_class, nn.Loss)) or loss_class is nn.Loss:
        raise refused(f"expected a loss of plaingrad.nn such as MSELoss, got {loss!r}", "--loss")
    if target:
        return loss_class(), _tensor(target, "--target")
    outputs = first_forward(ModuleUnderTest(module, inputs, {}, None, None, 0))
    if len(outputs) > 1:
        raise refused(f"expected a module with one output, got {len(outputs)}", "--loss")
    return loss_class(), torch.randn_like(outputs[0])
