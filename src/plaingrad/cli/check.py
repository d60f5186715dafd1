"""`plaingrad check`: the gradient checker for a class in a file."""

from __future__ import annotations

import dataclasses
import json
import signal
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from plaingrad.cli.checking import Request, expect_readable
from plaingrad.console.options import Json, Quiet
from plaingrad.console.output import Reporter
from plaingrad.errors import InputError
from plaingrad.processes import run_alone

EXAMPLE = "Example: plaingrad check layer.py:Layer --args '3, 2' --input 4,3"
STARTUP = 60.0  # seconds for the import of PyTorch, at most

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
    The class runs in a process of its own, which is ended when its time is over.
    """
    reporter, seconds = Reporter(quiet, as_json), 20 * time_limit
    with tempfile.TemporaryDirectory(prefix="plaingrad-check-", ignore_cleanup_errors=True) as folder:
        result = Path(folder) / "result.json"
        request = Request(
            target, input, args, loss, target_shape, evaluation, seed, time_limit, seconds, str(result)
        )
        expect_readable(request)
        code = run_alone("plaingrad.cli.checking", request._asdict(), seconds + STARTUP)
        outcome: dict[str, Any] = (
            json.loads(result.read_text("utf-8")) if code == 0 and result.exists() else {}
        )
    if "fault" in outcome:
        raise RuntimeError(outcome["fault"])
    if "problem" in outcome:
        if "option" in outcome:
            raise typer.BadParameter(outcome["problem"], param_hint=outcome["option"])
        raise InputError(outcome["problem"])
    if not outcome:
        if code is not None and code != -getattr(signal, "SIGALRM", 0):
            raise InputError(f"{target} ended the program before the check was over (exit code {code})")
        outcome = _endless(target, not evaluation, seed)
    if not (quiet or as_json):
        print(outcome["text"])
    reporter.result(outcome["data"])
    raise typer.Exit(0 if outcome["data"]["ok"] else 1)


def _endless(target: str, training: bool, seed: int) -> dict[str, Any]:
    """The outcome for a class whose check did not end."""
    from plaingrad.inspect import GradientFinding, GradientReport, Mistake

    words = "the check was still running when its time was over; look at the conditions of loops"
    finding = GradientFinding(
        "", f"{target}: does not end in time", mistakes=[Mistake("endless", target, words)]
    )
    report = GradientReport(target, training, seed, findings=[finding])
    return {"text": str(report), "data": {"ok": report.ok, **dataclasses.asdict(report)}}
