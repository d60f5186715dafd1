"""Every exercise: its solution passes, its blanks are told, and each wrong answer is told by its kind."""

from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path
from textwrap import indent

import pytest

from pages import ROOT
from plaingrad.errors import InputError
from plaingrad.learn import Exercise, Wrong, catalogue, exercise
from plaingrad.learn.exercise import BLANK, FOLDER, ORDER
from plaingrad.learn.judging import judged
from plaingrad.learn.verdict import Verdict

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from exercise_pages import page

EXERCISES = catalogue()
WRONG = [(each, wrong) for each in EXERCISES for wrong in each.wrong]
every_exercise = pytest.mark.parametrize("each", EXERCISES, ids=lambda each: each.id)


def verdict_on(each: Exercise, source: str, folder: Path, seed: int) -> Verdict:
    path = folder / f"{each.id}.py"
    path.write_text(source)
    return judged(each, path, seed, time_limit=30)


def test_every_file_is_an_exercise() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} == set(ORDER)


def test_the_documentation_lists_their_pages() -> None:
    text = (ROOT / "docs" / "exercises.md").read_text()
    assert tuple(re.findall(r"^exercises/(\w+)$", text, re.MULTILINE)) == ORDER


@every_exercise
def test_its_page_is_written_from_its_source(each: Exercise) -> None:
    text = page(each)
    assert text.startswith(f"{each.title}\n{'=' * len(each.title)}\n")
    assert each.text.partition("\n")[2] in text
    assert indent(each.listing(), "   ") in text
    assert text.count("raise NotImplementedError") == len(each.blanks)
    assert all(f"- {wrong.description}\n" in text for wrong in each.wrong)
    assert not any(hint in text for hint in each.hints)
    assert not [line for line in answers(each) if line in text]


def answers(each: Exercise) -> list[str]:
    """The lines that belong in the blanks."""
    return [line.strip() for *_, lines in BLANK.findall(each.code) for line in lines.splitlines()]


@every_exercise
def test_it_is_whole(each: Exercise) -> None:
    assert ".. math::" in each.text
    assert "Shapes: " in each.text
    assert each.title
    assert each.topic
    assert len(each.wrong) >= 4
    assert len(each.hints) >= 2
    assert each.parts.keys() >= {"forward", "contract"} or each.parts
    assert {wrong.blank for wrong in each.wrong} <= each.blanks.keys()
    assert "# ---" not in each.student() + each.solution()


@every_exercise
def test_the_students_file_has_its_equations_in_letters(each: Exercise) -> None:
    code = each.student()
    assert "\\" not in code.partition('\n"""\n')[0]
    assert "math::" not in code
    assert code.count("∂ℓ/∂") >= 1 or each.id == "optimizers"


def test_equations_in_letters() -> None:
    assert "\n\n    y = tanh(x)\n    ∂ℓ/∂x = ∂ℓ/∂y ⊙ (1 - y²)\n\nShapes" in exercise("tanh").student()
    assert "\n    v ← μv + g\n" in exercise("optimizers").student()
    assert "\n    mᵢ = {0 if dropped; 1 / (1 - p) otherwise}\n" in exercise("dropout").student()


def tried(each: Exercise, answers: dict[str, str] | None = None) -> doctest.TestResults:
    """The example of an exercise, with the solution or these lines in its blanks."""
    test = doctest.DocTestParser().get_doctest(each.text, each.classes(answers), each.id, each.id, 0)
    return doctest.DocTestRunner(verbose=False).run(test, out=lambda _: None)


@every_exercise
def test_its_example_has_the_numbers_of_the_solution(each: Exercise) -> None:
    assert f"Example, which ``python -m doctest {each.id}.py`` tries::" in each.text
    assert tried(each).failed == 0
    assert tried(each).attempted >= 4
    blank = dict.fromkeys(each.blanks, "raise NotImplementedError")
    assert tried(each, blank).failed > 0
    (cell,) = (cell for cell in each.notebook()["cells"] if cell["cell_type"] == "markdown")
    assert "Example:\n\n```python\n>>> import torch\n" in "".join(cell["source"])


@every_exercise
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_solution_gets_all_points(each: Exercise, seed: int, tmp_path: Path) -> None:
    verdict = verdict_on(each, each.solution(), tmp_path, seed)
    assert verdict.solved, verdict.problems
    assert verdict.points == verdict.out_of == each.points


@every_exercise
def test_the_students_file_says_what_is_to_be_done(each: Exercise, tmp_path: Path) -> None:
    verdict = verdict_on(each, each.student(), tmp_path, seed=1)
    assert not verdict.solved
    assert {part for part, ok in verdict.parts.items() if ok} <= {"forward"}
    assert {problem.kind for problem in verdict.problems} == {"blank"}
    reminders = {problem.words for problem in verdict.problems}
    assert reminders <= {f"your turn: {words}" for words in each.blanks.values()}


@pytest.mark.parametrize(("each", "wrong"), WRONG, ids=lambda it: it.id if isinstance(it, Exercise) else "")
@pytest.mark.parametrize("seed", [1])
def test_a_wrong_answer_is_named(each: Exercise, wrong: Wrong, seed: int, tmp_path: Path) -> None:
    verdict = verdict_on(each, each.filled({wrong.blank: wrong.code}), tmp_path, seed)
    assert not verdict.solved, wrong.description
    assert verdict.points < verdict.out_of
    assert {problem.kind for problem in verdict.problems} & set(wrong.kinds), (wrong, verdict.problems)
    assert all(problem.words for problem in verdict.problems if problem.kind)


def test_an_unknown_exercise_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"got 'lineer'; did you mean 'linear'\?"):
        exercise("lineer")


def test_other_lines_with_the_numbers_of_a_known_answer_are_recognised(tmp_path: Path) -> None:
    lines = "v.zero_()\nv.sub_(-1 * grad)"
    rules = exercise("optimizers")
    verdict = verdict_on(rules, rules.filled({"velocity": lines}), tmp_path, seed=1)
    (problem,) = verdict.problems
    assert (problem.kind, problem.words) == ("missing-term", "the velocity before is forgotten")


def test_numbers_of_no_known_answer_stay_unnamed(tmp_path: Path) -> None:
    lines = "value.sub_(self.lr * (v + 0.001))"
    verdict = verdict_on(
        exercise("optimizers"), exercise("optimizers").filled({"descent": lines}), tmp_path, seed=1
    )
    (problem,) = verdict.problems
    assert (problem.part, problem.kind) == ("Momentum", "")
    assert verdict.parts == {"Momentum": False, "Adam": True}


def test_a_rule_must_leave_gradients_alone(tmp_path: Path) -> None:
    lines = "value.sub_(grad.mul_(self.lr))"
    verdict = verdict_on(exercise("paper"), exercise("paper").filled({"step": lines}), tmp_path, seed=1)
    (problem,) = verdict.problems
    assert (problem.part, problem.kind) == ("GradientDescent", "mutates")
