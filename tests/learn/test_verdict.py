"""Verdicts that another process hands over: nothing that it makes up is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from plaingrad.learn.exercise import exercise
from plaingrad.learn.grading import COLUMNS, Grade, Submission
from plaingrad.learn.verdict import Verdict

TANH = exercise("tanh")


@pytest.mark.parametrize(
    ("part", "kind", "shown"),
    [
        ("input", "wrong-sign", "input: wrong-sign"),
        ("=HYPERLINK(1)", "k", "all: k"),
        ("input", "=1+1", "input: wrong"),
        ("input", "seed 1234567", "input: wrong"),
        ("input", "x" * 500, "input: wrong"),
    ],
)
def test_parts_and_kinds_are_those_that_there_are(part: str, kind: str, shown: str) -> None:
    problems = [{"part": part, "text": "a", "kind": kind}]
    verdict = Verdict.from_data(TANH.id, TANH.parts, problems)
    row = Grade(Submission("ann", "tanh", Path("tanh.py")), verdict, TANH).row
    assert row[COLUMNS[6]] == shown
    assert verdict.points < verdict.out_of
