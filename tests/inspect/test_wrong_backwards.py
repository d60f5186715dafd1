"""Wrong backward passes as learners write them are noticed, and named as a teacher would."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch

from plaingrad.inspect import GradientReport, check_gradients
from plaingrad.inspect.gradients.finding import KINDS

from .wrong_backwards import (
    further,
    larger,
    losses,
    mixed,
    others,
    sequences,
    slips,
    spread,
    statistics,
    unseen,
    usual,
    varied,
)

GROUPS = {
    "usual": usual.CASES,
    "others": further.CASES + larger.CASES,
    "varied": varied.CASES + sequences.CASES,
    "mixed": mixed.CASES + others.CASES,
    "unseen": unseen.CASES,
    "slips": slips.CASES,
    "spread": spread.CASES,
    "losses": losses.CASES,
    "statistics": statistics.CASES,
}
CASES = [case for cases in GROUPS.values() for case in cases]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case[0].__name__)


@cache
def report(number: int) -> GradientReport:
    cls, arguments, inputs, kinds = CASES[number]
    with torch.random.fork_rng([]):
        torch.manual_seed(number)
        module = cls(*arguments)
    time_limit = 0.5 if "endless" in kinds else 30.0  # the others end, however busy the machine is
    return check_gradients(
        module, *(x if isinstance(x, tuple) else x.clone() for x in inputs), time_limit=time_limit
    )


def first_kind(number: int) -> str | None:
    mistakes = report(number).findings[0].mistakes
    return mistakes[0].kind if mistakes else None


@every_case
def test_a_wrong_backward_is_noticed(case: Any) -> None:
    assert not report(CASES.index(case)).ok


@every_case
def test_its_mistakes_have_kinds_and_words(case: Any) -> None:
    for finding in report(CASES.index(case)).findings:
        assert {mistake.kind for mistake in finding.mistakes} <= KINDS.keys()
        assert all(mistake.words and mistake.where for mistake in finding.mistakes)


@pytest.mark.parametrize("cases", GROUPS.values(), ids=GROUPS.keys())
def test_nine_of_ten_are_named_and_hardly_one_is_named_wrong(cases: list[Any]) -> None:
    kinds = {case[0].__name__: (first_kind(CASES.index(case)), case[3]) for case in cases}
    unnamed = [name for name, (kind, _) in kinds.items() if kind is None]
    wrong = {name: each for name, each in kinds.items() if each[0] is not None and each[0] not in each[1]}
    assert len(wrong) <= 1, wrong
    assert len(unnamed) + len(wrong) <= len(cases) // 10, (unnamed, wrong)
