"""The judgement of one submission, in the process that runs its code."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from plaingrad.learn.confirming import STOPPED, outcome
from plaingrad.learn.exercise import Case, Exercise
from plaingrad.learn.layers import layer_problems, name_line
from plaingrad.learn.rules import rule_problems
from plaingrad.learn.stopping import Stopped, stopping
from plaingrad.learn.verdict import BACKWARD, EVERYTHING, UNSOLVED_BLANK, Problem, Verdict
from plaingrad.learn.watching import watch
from plaingrad.module import Module

SUBMISSION = "submission"  # the name of the module that a learner's file becomes
UNREADABLE = "Python cannot read it; look at brackets, colons and indentation, there and in the line before"
MEMORY = re.compile(
    r"\bMemoryError\b|(can't|can not|cannot) allocate memory|not enough memory|out of memory", re.I
)
TOO_LARGE = (
    "it needs more memory than a check has; look at the sizes of tensors, and at lists that grow in loops"
)
FAILS = "run the example in the file by itself; compare the names with those above, and print the shapes"
UNUSABLE = "this line fails before any class is used; run the file by itself to see it"


def judged(exercise: Exercise, path: Path, seed: int, time_limit: float = 2.0) -> Verdict:
    """Run a submission and judge it.

    Args:
        exercise: the exercise.
        path: the file with the learner's code.
        seed: of parameters, inputs and upstream gradients.
        time_limit: the seconds for the file itself, and for each forward and backward.
    """
    rebound = watch()
    try:
        with stopping(path.name, time_limit, str(path)):
            module = _executed(path)
    except Stopped as stopped:
        return Verdict.of(exercise.id, exercise.parts, [_of_file(stopped.problem)])
    problems: list[Problem] = []
    failed: set[str] = set()
    for number, case in enumerate(exercise.cases):
        if case.cls in failed:
            continue
        more = _of_case(exercise, case, module, seed + number, time_limit)
        cls = getattr(module, case.cls, None)
        if isinstance(cls, type) and issubclass(cls, Module):
            name_line(cls, case, more, seed + number, time_limit)
        if isinstance(cls, type) and any(not problem.kind for problem in more):
            _recognise(exercise, case, cls, more, seed + number, time_limit)
        for problem in more:
            if problem.kind == UNSOLVED_BLANK:
                name = problem.words.removeprefix("your turn: ")
                problem.words = f"your turn: {exercise.blanks.get(name, name)}"
            if case.cls in exercise.parts:
                problem.part = case.cls
            elif problem.part not in (*exercise.parts, EVERYTHING, BACKWARD):
                problem.part = "contract"
            _name_memory(problem)
            if not problem.kind and " raised " in problem.text:
                problem.kind, problem.words = "raises", FAILS
        problems += more
        failed |= {case.cls} if more else set()
    if names := rebound():
        words = "give functions of your own names of their own"
        text = f"{path.name} binds {names[0]} anew, which belongs to the check"
        problems = [Problem(EVERYTHING, text, "tampers", names[0], words)]
    return Verdict.of(exercise.id, exercise.parts, problems)


def answers(exercise: Exercise, seed: int, time_limit: float = 2.0) -> list[dict[str, Any]]:
    """Outputs and gradients of the submission that was judged last, by name, as lists, in each case.

    Where an error or the end of the time has cut them short, its kind is there too.
    """
    each: list[dict[str, Any]] = []
    for number, case in enumerate(exercise.cases):
        cls = getattr(sys.modules.get(SUBMISSION), case.cls, None)
        values: dict[str, Tensor | str] = {}
        if isinstance(cls, type):
            stopped = ""
            try:
                with stopping(case.cls, time_limit):
                    outcome(cls, case, seed + number, values)
            except Stopped as error:
                stopped = error.problem.kind
        each.append({name: value.tolist() for name, value in values.items() if isinstance(value, Tensor)})
        if isinstance(cls, type) and (stopped or len(each[-1]) < len(values)):
            each[-1][STOPPED] = stopped or "raises"
    return each


def _of_file(problem: Problem) -> Problem:
    """The problem of a file that could not be run, with words about it."""
    _name_memory(problem)
    if not problem.kind:
        syntax = "SyntaxError" in problem.text or "IndentationError" in problem.text
        problem.kind, problem.words = ("syntax", UNREADABLE) if syntax else ("raises", UNUSABLE)
    return problem


def _name_memory(problem: Problem) -> None:
    """Give an error for want of memory its kind, whichever library has raised it."""
    if not problem.kind and " raised " in problem.text and MEMORY.search(problem.text):
        problem.kind, problem.words = "memory", TOO_LARGE


def _executed(path: Path, name: str = SUBMISSION) -> ModuleType:
    """The file as a module."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    # Not by its loader: the time limit lets what is being imported go on.
    exec(compile(path.read_bytes(), path, "exec"), vars(module))
    return module


def _of_case(
    exercise: Exercise, case: Case, module: ModuleType, seed: int, time_limit: float
) -> list[Problem]:
    """All that is wrong in this case."""
    right = exercise.classes()[case.cls]
    cls = getattr(module, case.cls, None)
    kind = "derived from Module, " if issubclass(right, Module) else ""
    if not isinstance(cls, type) or (kind and not issubclass(cls, Module)):
        text = f"expected the class {case.cls}, {kind}and there is none"
        words = "leave its name, and what it is derived from, as start has written them"
        return [Problem(EVERYTHING, text, "missing-class", case.cls, words)]
    if cls.__module__ != module.__name__ or len(cls.__mro__) != len(right.__mro__):
        text = f"expected the class {case.cls} as written here, got that of a library"
        words = "write the class in this file; its backward is the exercise"
        return [Problem(EVERYTHING, text, "library-class", case.cls, words)]
    problems = layer_problems if kind else rule_problems
    torch.manual_seed(seed)
    try:
        return problems(cls, right, case, seed, time_limit)
    except Stopped as stopped:
        return [stopped.problem]


def _recognise(
    exercise: Exercise, case: Case, cls: type, problems: list[Problem], seed: int, time_limit: float
) -> None:
    """Name problems for which one of the typical wrong answers gives the same numbers, or the same error."""
    try:
        with stopping(case.cls, time_limit):
            own = outcome(cls, case, seed)
    except Stopped:
        return
    for wrong in exercise.wrong:
        other = outcome(exercise.classes({wrong.blank: wrong.code})[case.cls], case, seed)
        for problem in problems:
            part = problem.part
            if not problem.kind and part in own and part in other and _same(own[part], other[part]):
                problem.kind, problem.words = wrong.kinds[0], wrong.description


def _same(one: Tensor | str, other: Tensor | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return isinstance(one, str) and isinstance(other, str) and one == other
    return one.shape == other.shape and torch.allclose(one, other, rtol=1e-9, atol=1e-12)
