"""`plaingrad check`: the gradient checker for a class in a file."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plaingrad.cli import choices
from plaingrad.cli.overtime import abandoned_after
from plaingrad.console.options import Json, Quiet, refused
from plaingrad.console.output import Reporter
from plaingrad.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from plaingrad.inspect import Report
    from plaingrad.module import Module

EXAMPLE = "Example: plaingrad check layer.py:Layer --args '3, 2' --input 4,3"
MOST_NUMBERS = 10**8

Option = typer.Option


def check(
    target: Annotated[str, typer.Argument(metavar="FILE.py:CLASS", help="The module to check.")],
    input: Annotated[
        list[str],
        Option(metavar="SHAPE", help="4,3 for random numbers, 4,3:int10 for integers below 10. Repeat it."),
    ],
    args: Annotated[str, Option(help="What the class is constructed with: '5, 4, bias=False'.")] = "",
    loss: Annotated[str, Option(help="Check it together with this loss of plaingrad.nn: MSELoss...")] = "",
    target_shape: Annotated[
        str, Option("--target", metavar="SHAPE", help="The loss's target, as --input; else like the output.")
    ] = "",
    evaluation: Annotated[bool, Option("--eval", help="In evaluation mode instead of training.")] = False,
    seed: Annotated[int, Option(min=0, help="Of weights, inputs and upstream gradients.")] = 0,
    time_limit: Annotated[
        float, Option(min=0.01, help="Seconds for a forward or a backward; 20 times as many for the check.")
    ] = 5.0,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare a hand-written backward with differences and with autograd.

    A wrong gradient comes with the likely mistake, as far as one gives the same numbers.
    The exit code is 0 if every gradient is right, and 1 if one is wrong.
    A loss takes its prediction and its target as two inputs.
    """
    import torch

    from plaingrad.inspect import check_gradients

    torch.manual_seed(seed)
    reporter = Reporter(quiet, as_json)

    def show(report: Report) -> None:
        if not (quiet or as_json):
            print(report)
        reporter.result({"ok": report.ok, **dataclasses.asdict(report)})

    try:
        with abandoned_after(20 * time_limit, lambda: show(_endless(target, not evaluation, seed))):
            module = _constructed(_class(target), args)
            module.train(not evaluation)
            inputs = [_tensor(text, "--input") for text in input]
            loss_and_target = _loss_and_target(module, inputs, loss, target_shape)
            report = check_gradients(module, *inputs, loss=loss_and_target, seed=seed, time_limit=time_limit)
        show(report)
    except SystemExit as error:  # its exit code would pass for the check's
        raise InputError(f"{target} raised SystemExit: {error}") from error
    raise typer.Exit(0 if report.ok else 1)


def _endless(target: str, training: bool, seed: int) -> Report:
    """The report on a class whose check did not end."""
    from plaingrad.inspect import Finding, Mistake, Report

    words = "the check was still running when its time was over; look at the conditions of loops"
    finding = Finding("", f"{target}: does not end in time", mistakes=[Mistake("endless", target, words)])
    return Report(target, training, seed, findings=[finding])


def _class(target: str) -> type[Module]:
    """The class that ``FILE.py:CLASS`` names."""
    from plaingrad.module import Module

    file, colon, name = target.rpartition(":")
    path = Path(file)
    if not colon or not name.isidentifier():
        raise _bad_target(f"expected a file and a class such as layer.py:Layer, got {target}")
    if path.suffix != ".py" or not path.is_file():
        raise _bad_target(f"expected a Python file, and {path} is none")
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


def _constructed(cls: type[Module], text: str) -> Module:
    """The class called with arguments that are written as in a call."""
    try:
        (call,) = ast.parse(f"f({text})").body
        assert isinstance(call, ast.Expr)
        assert isinstance(call.value, ast.Call)
        args = [ast.literal_eval(arg) for arg in call.value.args]
        kwargs = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.value.keywords}
    except (SyntaxError, ValueError, AssertionError):
        raise refused(f"expected arguments such as '5, 4, bias=False', got {text!r}", "--args") from None
    try:
        return cls(*args, **kwargs)
    except Exception as error:
        raise InputError(f"{cls.__name__}({text}) raised {type(error).__name__}: {error}") from error


def _tensor(text: str, option: str) -> Tensor:
    """Random numbers in the shape that the text gives: "4,3", "4,3:int10", or "" for a single number."""
    import torch

    shape, colon, kind = text.partition(":")
    sizes = choices.sizes(shape, option)
    if math.prod(sizes) > MOST_NUMBERS:
        raise refused(f"expected at most {MOST_NUMBERS:,} numbers, got {text!r}", option)
    if not colon:
        return torch.randn(sizes, dtype=torch.float64)
    below = kind.removeprefix("int")
    if not kind.startswith("int") or not below.isdecimal() or not 1 <= int(below) < 2**63:
        raise refused(f"expected a shape such as 4,3 or 4,3:int10, got {text!r}", option)
    return torch.randint(int(below), sizes)


def _loss_and_target(
    module: Module, inputs: Sequence[Tensor], loss: str, target: str
) -> tuple[Any, ...] | None:
    """The loss and its target, if a loss is named."""
    import torch

    from plaingrad import nn
    from plaingrad.inspect.gradients.tested import ModuleUnderTest, first_forward

    if not loss:
        if target:
            raise refused("expected --loss with it", "--target")
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
