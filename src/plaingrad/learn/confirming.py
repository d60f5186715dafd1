"""The confirmation of a verdict, outside the process that runs the learner's code.

That process belongs to the code: it can bind functions of the check anew, or write a verdict itself. What
it cannot write without computing it are outputs and gradients, so these are compared here once more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.learn.exercise import Case, Exercise
from plaingrad.learn.layers import OUTPUT, layer_outcome
from plaingrad.learn.rules import rule_outcome
from plaingrad.learn.verdict import EVERYTHING, Problem, Verdict
from plaingrad.module import Module

STOPPED = "stopped"  # the name under which answers have the kind of problem that has cut them short
CUT_SHORT = {"endless": "did not end in time", "ends": "ended the program", "raises": "raised an error"}


def outcome(
    cls: type[Any], case: Case, seed: int, values: dict[str, Tensor | str] | None = None
) -> dict[str, Tensor | str]:
    """Output and gradients of a class in a case, by name; the values after steps of a rule, under none.

    Args:
        cls: the class.
        case: the arguments and inputs.
        seed: of everything random.
        values: where they are kept as they come; None for a new dictionary.
    """
    values = {} if values is None else values
    with torch.random.fork_rng([]):
        return (layer_outcome if issubclass(cls, Module) else rule_outcome)(cls, case, seed, values)


def confirmed(exercise: Exercise, verdict: Verdict, answers: Any, seed: int) -> Verdict:
    """The verdict, if what the code has computed agrees with it; else one that gives no points.

    Args:
        exercise: the exercise.
        verdict: what the process says.
        answers: what the code has computed there in each case, by name, as lists.
        seed: of everything random.
    """
    classes = exercise.classes()
    for number, case in enumerate(exercise.cases):
        answer = answers[number] if isinstance(answers, list) and len(answers) > number else None
        expected = outcome(classes[case.cls], case, seed + number)
        problem = _disagreement(exercise, verdict, case, expected, answer if isinstance(answer, dict) else {})
        if problem:
            return Verdict.of(exercise.id, exercise.parts, [problem])
    return verdict


def _disagreement(
    exercise: Exercise,
    verdict: Verdict,
    case: Case,
    expected: dict[str, Tensor | str],
    answer: dict[str, Any],
) -> Problem | None:
    for name, value in expected.items():
        named = "forward" if name == OUTPUT else name
        part = next(each for each in (case.cls, named, "contract") if each in exercise.parts)
        if verdict.parts[part] and isinstance(value, Tensor) and not _same(answer.get(name), value):
            if name not in answer and answer.get(STOPPED) in CUT_SHORT:
                text = f"{case.cls} {CUT_SHORT[answer[STOPPED]]} when it was computed once more"
                return Problem(
                    EVERYTHING, text, answer[STOPPED], case.cls, "compute the same each time, and faster"
                )
            what = f"gradient of {name}" if name not in (OUTPUT, EVERYTHING) else "result"
            text = f"{case.cls}: computed for another process, the {what} is not what the check has seen"
            words = "leave PyTorch, plaingrad and the check as they are, and compute the same each time"
            return Problem(EVERYTHING, text, "tampers", case.cls, words)
    return None


def _same(answer: Any, expected: Tensor) -> bool:
    """True if nested lists have the numbers of a tensor, up to rounding."""
    try:
        numbers = torch.tensor(answer, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        return False
    return numbers.shape == expected.shape and torch.allclose(
        numbers, expected.to(torch.float64), rtol=1e-6, atol=1e-9
    )
