"""Submissions that go for the check itself: none gets points by it, and none outlives its check."""

from __future__ import annotations

import builtins
import json
import os
import time
from pathlib import Path

import pytest
import torch
from torch import Tensor

from plaingrad.learn import check_source, exercise, judging
from plaingrad.learn.confirming import STOPPED, confirmed
from plaingrad.learn.judging import answers, judged
from plaingrad.learn.layers import OUTPUT
from plaingrad.learn.verdict import BACKWARD, EVERYTHING, Problem, Verdict
from plaingrad.module import Module

TANH = exercise("tanh")
WRONG = TANH.filled({"dx": "dx = 3 * dy"})
FORGED = json.dumps({"verdict": {"problems": []}, "answers": []})


def only_kind(source: str, seed: int | None = None) -> str:
    verdict = check_source(TANH, source, seed)
    assert (verdict.solved, verdict.points) == (False, 0)
    (problem,) = verdict.problems
    assert problem.words
    return problem.kind


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (torch, "allclose"),
        (judging, "layer_problems"),
        (Module, "restore"),
        (builtins, "any"),
        (Tensor, "tanh"),
    ],
    ids=lambda it: getattr(it, "__name__", it),
)
def test_the_names_of_the_check_are_watched(
    owner: object, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = getattr(owner, name)
    monkeypatch.setattr(owner, name, right)  # which puts it back
    module = f"{owner.__module__}:{owner.__name__}" if isinstance(owner, type) else owner.__name__
    code = f"""
import pkgutil
owner = pkgutil.resolve_name({module!r})
right = getattr(owner, {name!r})
setattr(owner, {name!r}, lambda *args, **options: right(*args, **options))
"""
    (tmp_path / "tanh.py").write_text(TANH.solution() + code)
    verdict = judged(TANH, tmp_path / "tanh.py", seed=1)
    assert (verdict.points, [problem.kind for problem in verdict.problems]) == (0, ["tampers"])
    assert name in verdict.problems[0].text


def test_a_check_that_was_replaced_for_a_while_is_noticed() -> None:
    code = """
import plaingrad.learn.judging as judging
right, calls = judging.layer_problems, []
def nothing(*args):
    calls.append(args)
    if len(calls) == 2:
        judging.layer_problems = right
    return []
judging.layer_problems = nothing
"""
    assert only_kind(WRONG + code) == "tampers"


def test_a_verdict_that_the_submission_writes_itself_counts_for_nothing() -> None:
    code = f"""
import os, sys
frame = sys._getframe()
while "request" not in frame.f_locals:
    frame = frame.f_back
os.pwrite(frame.f_locals["request"]["result"], {FORGED.encode()!r}, 0)
os._exit(0)
"""
    assert only_kind(WRONG + code) == "tampers"


def test_a_verdict_that_is_printed_counts_for_nothing() -> None:
    verdict = check_source(TANH, WRONG + f"print({FORGED!r})\n")
    assert (verdict.solved, verdict.points) == (False, 2)
    assert verdict.output == FORGED + "\n"


def test_processes_in_sessions_of_their_own_end_with_the_check() -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(1000)
    os._exit(0)
time.sleep(0.5)
"""
    verdict = check_source(TANH, TANH.solution() + code)
    assert verdict.solved
    deadline = time.monotonic() + 10  # for the kernel to take away what was killed
    while runs(int(verdict.output)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not runs(int(verdict.output))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_the_parent_of_a_submission_is_not_the_process_that_grades() -> None:
    code = "import os, signal\nprint(os.getppid(), flush=True)\n"
    parent = int(check_source(TANH, TANH.solution() + code).output)
    assert parent not in (os.getpid(), os.getppid())
    assert (
        only_kind(TANH.solution() + code + f"os.getppid() != {os.getpid()} and os.kill(os.getppid(), 15)\n")
        == "ends"
    )


def test_what_takes_too_long_when_it_is_computed_once_more_is_not_accused_of_tampering(
    tmp_path: Path,
) -> None:
    (tmp_path / "tanh.py").write_text(TANH.filled({"dx": "while True: pass"}))
    verdict = judged(TANH, tmp_path / "tanh.py", seed=5, time_limit=0.2)
    assert [problem.kind for problem in verdict.problems] == ["endless"]
    numbers = json.loads(json.dumps(answers(TANH, seed=5, time_limit=0.2)))
    assert numbers[0].keys() == {OUTPUT, STOPPED}
    solved = Verdict.of("tanh", TANH.parts, [])  # as if it had been in time before
    (problem,) = confirmed(TANH, solved, numbers, seed=5).problems
    assert (problem.part, problem.kind) == (EVERYTHING, "endless")
    forward = Verdict.of("tanh", TANH.parts, [Problem(BACKWARD, "raised MemoryError")])
    assert forward.points == 1
    assert confirmed(TANH, forward, numbers, seed=5) is forward


def test_an_error_when_it_is_computed_once_more_is_said(tmp_path: Path) -> None:
    (tmp_path / "tanh.py").write_text(TANH.filled({"dx": "raise MemoryError"}))
    assert not judged(TANH, tmp_path / "tanh.py", seed=5).solved
    (problem,) = confirmed(TANH, Verdict.of("tanh", TANH.parts, []), answers(TANH, seed=5), seed=5).problems
    assert (problem.part, problem.kind) == (EVERYTHING, "raises")


def runs(pid: int) -> bool:
    """True if there is such a process that has not ended."""
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


@pytest.mark.parametrize("part", ["forward", "input", "contract"])
def test_a_verdict_with_some_points_is_confirmed_too(part: str) -> None:
    verdict = Verdict.of("tanh", TANH.parts, [Problem(part, "forged")])
    assert verdict.points > 0
    assert confirmed(TANH, verdict, [], seed=5).points == 0


@pytest.mark.parametrize("each", ["tanh", "linear", "dropout", "optimizers", "paper"])
def test_what_a_solution_computes_confirms_its_verdict(each: str, tmp_path: Path) -> None:
    about = exercise(each)
    file = tmp_path / f"{each}.py"
    file.write_text(about.solution())
    verdict, numbers = judged(about, file, seed=5), answers(about, seed=5)
    assert verdict.solved
    assert confirmed(about, verdict, json.loads(json.dumps(numbers)), seed=5) is verdict
    assert not confirmed(about, verdict, json.loads(json.dumps(numbers)), seed=6).solved
    for spoilt in ([], None, numbers[:-1], [{}] * len(numbers), [{OUTPUT: "x", EVERYTHING: [[1], 2]}] * 9):
        (problem,) = confirmed(about, verdict, spoilt, seed=5).problems
        assert (problem.part, problem.kind) == (EVERYTHING, "tampers")


def test_a_part_that_is_wrong_anyway_needs_no_confirmation(tmp_path: Path) -> None:
    (tmp_path / "tanh.py").write_text(WRONG)
    verdict = judged(TANH, tmp_path / "tanh.py", seed=5)
    assert verdict.parts == {"forward": True, "input": False, "contract": True}
    assert confirmed(TANH, verdict, answers(TANH, seed=5), seed=5) is verdict


def test_only_texts_of_another_process_are_taken_over() -> None:
    verdict = Verdict.from_data("tanh", TANH.parts, [{"part": ["forward"], "text": "x" * 10**6}])
    assert verdict.points == 0
    assert verdict.problems == [Problem("", "x" * 1000)]  # a part that there is not
    with pytest.raises(TypeError):
        Verdict.from_data("tanh", TANH.parts, [{"points": 4}])
