"""The judgement of a layer or a loss: its forward beside the solution's, and its backward."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.gradients import GradientFinding, check_gradients
from plaingrad.inspect.gradients.isolation import isolated
from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.tested import ModuleUnderTest, reason
from plaingrad.learn.exercise import Case
from plaingrad.learn.stopping import Stopped, file_of, line_of, stopping
from plaingrad.learn.verdict import BACKWARD, EVERYTHING, FORWARD, KINK, UNSOLVED_BLANK, Problem
from plaingrad.module import Module

RAISED = "backward raised"  # as the gradient checker says it
OUTPUT = "output"  # the name of what forward gives, among gradients
SIGNS = ":signs"  # of inputs that are on a kink at 0


def layer_problems(
    cls: type[Module], right: type[Module], case: Case, seed: int, time_limit: float
) -> list[Problem]:
    """All that is wrong with a class.

    Args:
        cls: the learner's.
        right: that of the solution.
        case: the arguments and inputs.
        seed: of everything random.
        time_limit: the seconds for each forward and backward.
    """
    inputs = [random_tensor(text) for text in case.inputs]
    with stopping(case.cls, time_limit, file_of(cls)):
        mine = cls(*case.args).train(case.training)
    differing = _forward(mine, right(*case.args).train(case.training), inputs, seed, time_limit)
    if differing:
        return [differing]
    with stopping(case.cls, 20 * time_limit):
        report = check_gradients(mine, *inputs, seed=seed, time_limit=time_limit)
    names = list(inspect.signature(right.forward).parameters)[1:]
    problems = [_problem(finding, names) for finding in report.findings]
    if any(problem.kind in ("uses-autograd", "endless") for problem in problems):
        problems[0].part = EVERYTHING  # what is not computed, or not by the learner, is not right
    elif problems and not report.rows:
        is_forward = problems[0].part != BACKWARD and ": backward" not in problems[0].text
        problems[0].part = EVERYTHING if is_forward else BACKWARD
    if not problems and any(text.endswith(SIGNS) for text in case.inputs):
        problems = _at_zero(cls, right, case, seed, time_limit)
    return problems


def _at_zero(
    cls: type[Module], right: type[Module], case: Case, seed: int, time_limit: float
) -> list[Problem]:
    """The gradients that are not those of the solution at a kink, of which the checker takes either side."""
    with stopping(case.cls, time_limit, file_of(cls)):
        mine = dict(_computed(cls, case, seed))
    problems = []
    for name, expected in _computed(right, case, seed):
        gradient = mine.get(name)
        if gradient is None or gradient.shape != expected.shape or _same(gradient, expected):
            continue
        index = tuple((gradient - expected).abs().nonzero()[0].tolist())
        numbers = f"expected {expected[index].item():.4g}, got {gradient[index].item():.4g}"
        text = f"gradient of {name} at {list(index)}, where {case.cls} has a kink: {numbers}"
        words = "at x = 0 itself the derivative is agreed upon; compare < with <=, and > with >="
        problems.append(Problem(name, text, KINK, "backward", words))
    return problems


def random_tensor(text: str) -> Tensor:
    """Random numbers for "4,3", integers for "4,3:int10", each of -1, 0 and 1 for "4,3:signs"."""
    if text.endswith(SIGNS):
        whole = torch.Size([int(size) for size in text.removesuffix(SIGNS).split(",")])
        numbers = torch.arange(whole.numel(), dtype=torch.float64) % 3 - 1
        return numbers[torch.randperm(whole.numel())].reshape(whole)
    shape, _, kind = text.partition(":int")
    sizes = [int(size) for size in shape.split(",") if size]
    return torch.randint(int(kind), sizes) if kind else torch.randn(sizes, dtype=torch.float64)


def _forward(
    mine: Module, right: Module, inputs: list[Tensor], seed: int, time_limit: float
) -> Problem | None:
    """The problem if forward gives other numbers than that of the solution with the same parameters."""
    outputs: list[Any] = []
    with isolated(inputs[0].device):
        mine.to(torch.float64)
        right.to(torch.float64)
        try:
            right.load_state_dict(mine.state_dict())
        except (ValueError, KeyError) as error:
            return Problem(EVERYTHING, f"expected the parameters as they were: {error}")
        for module in (mine, right):
            torch.manual_seed(seed)
            with stopping("forward", time_limit, file_of(type(mine))):
                outputs.append(module.forward(*(x.clone() for x in inputs)))
            module.zero_grad()
    if _same(*outputs):
        return None
    words = "compare it with the equation; of another function, no gradient counts"
    return Problem(EVERYTHING, "forward gives another output than its equation", FORWARD, "forward", words)


def _same(mine: Any, right: Tensor) -> bool:
    """True if the tensors are equal up to rounding."""
    if not isinstance(mine, Tensor) or mine.shape != right.shape or mine.dtype != right.dtype:
        return False
    return torch.allclose(mine, right, rtol=1e-9, atol=1e-12)


def _problem(finding: GradientFinding, names: Sequence[str]) -> Problem:
    """The finding as a problem, in which several inputs have the names that forward has for them."""
    unfilled = finding.problem.find("NotImplementedError: your turn")
    if unfilled >= 0:
        words = finding.problem[unfilled:].partition(": ")[2]
        return Problem(BACKWARD, "a blank is not filled yet", UNSOLVED_BLANK, "backward", words)
    part, text = finding.name or "contract", finding.problem
    for number, name in enumerate(names if len(names) > 1 else ()):
        part, text = (each.replace(f"input {number}", name) for each in (part, text))
    if " raised " in text and not finding.name:
        part = BACKWARD
    if not finding.mistakes:
        return Problem(part, text)
    likeliest = finding.mistakes[0]
    return Problem(part, text, likeliest.kind, likeliest.where, likeliest.words)


def layer_outcome(
    cls: type[Module], case: Case, seed: int, values: dict[str, Tensor | str]
) -> dict[str, Tensor | str]:
    """The output and the gradients by name, as far as they come; the error of forward under no name.

    They are added to the dictionary one by one, so that it has what was computed before the time was over.
    """
    try:
        for name, value in _computed(cls, case, seed):
            values[name] = value
    except Exception as error:
        values[BACKWARD if values else EVERYTHING] = reason(error)
    return values


def name_line(cls: type[Module], case: Case, problems: list[Problem], seed: int, time_limit: float) -> None:
    """Add to problems that tell of an error the line of the learner's file that raised it."""
    unnamed = [problem for problem in problems if RAISED in problem.text]
    if not unnamed:
        return
    try:
        with stopping(case.cls, time_limit):
            list(_computed(cls, case, seed))
    except Stopped as stopped:
        error = stopped.__context__
        line = line_of(error.__cause__ or error, file_of(cls)) if error else ""
        for problem in unnamed:
            problem.text = problem.text.replace(RAISED, f"backward{line} raised", 1)


def _computed(cls: type[Module], case: Case, seed: int) -> Iterator[tuple[str, Tensor]]:
    """The output, then the gradients by name, whichever parameters the class itself would draw."""
    torch.manual_seed(seed)
    inputs = [random_tensor(text) for text in case.inputs]
    generator = torch.Generator().manual_seed(seed + 2)
    with isolated(inputs[0].device):
        module = cls(*case.args)
        for _, parameter in sorted(module.named_parameters()):
            parameter.value.copy_(torch.randn(parameter.value.shape, generator=generator))
        under_test = ModuleUnderTest(module, inputs, {}, None, case.training, seed)
        outputs = under_test.forward()
        yield OUTPUT, outputs[0]
        gradients = runs.gradients(under_test, under_test.upstream(outputs, seed + 1))
    names = list(inspect.signature(cls.forward).parameters)[1:]
    renamed = {f"input {number}": name for number, name in enumerate(names)}
    yield from ((renamed.get(name, name), gradient) for name, gradient in gradients.items())
