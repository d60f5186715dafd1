"""The judgement of one submission, in the process that runs its code."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients import Finding, check_gradients
from plaingrad.inspect.gradients.endless import Overtime, limited
from plaingrad.inspect.gradients.isolation import isolated
from plaingrad.learn.exercise import Case, Exercise
from plaingrad.learn.verdict import UNSOLVED_BLANK, Problem, Verdict
from plaingrad.module import Module

EVERYTHING = ""  # the part of a problem after which nothing can be judged


class Stopped(Exception):
    """Raised where a problem leaves nothing to judge."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


def judged(exercise: Exercise, path: Path, seed: int, time_limit: float = 2.0) -> Verdict:
    """Run a submission and judge it.

    Args:
        exercise: the exercise.
        path: the file with the learner's code.
        seed: of parameters, inputs and upstream gradients.
        time_limit: the seconds for the file itself, and for each forward and backward.
    """
    problems: list[Problem] = []
    try:
        with stopping(path.name, time_limit):
            module = executed(path)
        reference = executed_source(exercise)
        for number, case in enumerate(exercise.cases):
            torch.manual_seed(seed + number)
            problems += _of_case(exercise, case, module, reference, seed + number, time_limit)
            if problems:
                break
    except Stopped as stopped:
        problems.append(stopped.problem)
    return Verdict.of(exercise.id, exercise.parts, problems)


@contextmanager
def stopping(user: str, time_limit: float) -> Iterator[None]:
    """Raise `Stopped` for whatever leaves the block: an error, the end of the program, or no end in time."""
    try:
        with limited(time_limit):
            yield
    except Overtime:
        words = f"still running after {time_limit:g} seconds; look at the conditions of its loops"
        raise Stopped(Problem(EVERYTHING, f"{user} does not end in time", "endless", user, words)) from None
    except (SystemExit, KeyboardInterrupt) as error:
        raise Stopped(Problem(EVERYTHING, f"{user} ends the program: {type(error).__name__}")) from None
    except Exception as error:
        raise Stopped(_raised(user, error)) from None


def _raised(user: str, error: Exception) -> Problem:
    original = error.__cause__ or error
    text = original.msg if isinstance(original, SyntaxError) else str(original)
    if isinstance(original, NotImplementedError) and text.startswith("your turn"):
        return Problem(EVERYTHING, f"{user}: a blank is not filled yet", UNSOLVED_BLANK, user, text)
    line = _line(original, user)
    return Problem(EVERYTHING, f"{user}{line} raised {type(original).__name__}: {text}")


def _line(error: BaseException, file: str) -> str:
    """The last line of the learner's file that the error passed."""
    if isinstance(error, SyntaxError):
        return f" line {error.lineno}"
    line, step = 0, error.__traceback__
    while step is not None:
        if step.tb_frame.f_code.co_filename.endswith(file):
            line = step.tb_lineno
        step = step.tb_next
    return f" line {line}" if line else ""


def executed(path: Path, name: str = "submission") -> ModuleType:
    """The file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def executed_source(exercise: Exercise) -> ModuleType:
    """The module with the solution."""
    return importlib.import_module(f"plaingrad.learn.exercises.{exercise.id}")


def _of_case(
    exercise: Exercise, case: Case, module: ModuleType, reference: ModuleType, seed: int, time_limit: float
) -> list[Problem]:
    cls = getattr(module, case.cls, None)
    if not (isinstance(cls, type) and issubclass(cls, Module)):
        return [Problem(EVERYTHING, f"expected the class {case.cls}, derived from Module, and there is none")]
    inputs = [_tensor(text) for text in case.inputs]
    with stopping(case.cls, time_limit):
        mine = cls(*case.args).train(case.training)
    right = getattr(reference, case.cls)(*case.args).train(case.training)
    differing = _forward(mine, right, inputs, seed, time_limit)
    if differing:
        return [differing]
    with stopping(case.cls, 20 * time_limit):
        report = check_gradients(mine, *inputs, seed=seed, time_limit=time_limit)
    problems = [_problem(exercise, finding) for finding in report.findings]
    stops = not report.rows or any(problem.kind == "uses-autograd" for problem in problems)
    if problems and stops:  # what is not computed, or not by the learner, is not right
        problems[0].part = EVERYTHING
    return problems


def _tensor(text: str) -> Tensor:
    """Random numbers for "4,3", integers for "4,3:int10"."""
    shape, _, kind = text.partition(":int")
    sizes = [int(size) for size in shape.split(",") if size]
    return torch.randint(int(kind), sizes) if kind else torch.randn(sizes, dtype=torch.float64)


def _forward(
    mine: Module, right: Module, inputs: list[Tensor], seed: int, time_limit: float
) -> Problem | None:
    """The problem if forward gives other numbers than that of the solution with the same parameters."""
    with isolated(inputs[0].device):
        mine.to(torch.float64)
        right.to(torch.float64)
        try:
            right.load_state_dict(mine.state_dict())
        except ValueError as error:
            return Problem(EVERYTHING, f"expected the fields as they were: {error}")
        outputs = []
        for module in (mine, right):
            torch.manual_seed(seed)
            with stopping("forward", time_limit):
                outputs.append(module.forward(*(x.clone() for x in inputs)))
            module.zero_grad()
    if same(*outputs):
        return None
    return Problem("forward", "forward gives another output than its equation")


def same(mine: Any, right: Any) -> bool:
    """True if the tensors are equal up to rounding."""
    if not isinstance(mine, Tensor) or mine.shape != right.shape or mine.dtype != right.dtype:
        return False
    return torch.allclose(mine, right, rtol=1e-9, atol=1e-12)


def _problem(exercise: Exercise, finding: Finding) -> Problem:
    part = finding.name if finding.name in exercise.parts else "contract"
    unfilled = finding.problem.find("NotImplementedError: your turn")
    if unfilled >= 0:
        words = finding.problem[unfilled:].partition(": ")[2]
        return Problem(EVERYTHING, "a blank is not filled yet", UNSOLVED_BLANK, "backward", words)
    if not finding.mistakes:
        return Problem(part, finding.problem)
    likeliest = finding.mistakes[0]
    return Problem(part, finding.problem, likeliest.kind, likeliest.where, likeliest.words)
