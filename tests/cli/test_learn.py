from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.shell import refused, run, succeed, told
from plaingrad.learn import Verdict, catalogue, exercise, grading


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_exercises_are_listed() -> None:
    listed = told("learn", "list")
    assert [each["id"] for each in listed] == [each.id for each in catalogue()]
    assert listed[0] == {
        "id": "tanh",
        "title": "The derivative of tanh",
        "topic": "activations",
        "state": "new",
    }
    assert succeed("learn", "list").splitlines()[0].split()[:3] == ["tanh", "new", "activations"]
    assert succeed("learn", "list", "--quiet") == ""


def test_an_exercise_from_its_start_to_its_solution(folder: Path) -> None:
    said = succeed("learn", "start", "tanh")
    assert "tanh.py is written; fill its blanks, then run plaingrad learn check" in said
    assert sorted(path.name for path in folder.iterdir()) == ["plaingrad-learn.json", "tanh.py"]
    assert (folder / "tanh.py").read_text() == exercise("tanh").student()

    result = run("learn", "check")
    assert (result.exit_code, result.stderr) == (1, "")
    assert "blank: your turn: dx, the gradient of the loss with respect to x" in result.stdout
    assert "tanh: 1 of 4 points (forward ok, input not judged, contract not judged)" in result.stdout
    assert succeed("learn", "hint").startswith("hint 1 of 3: By the chain rule")
    assert told("learn", "hint")["number"] == 2

    (folder / "tanh.py").write_text(exercise("tanh").filled({"dx": "dx = dy * (y * y - 1)"}))
    result = run("learn", "check", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["problems"][0]["kind"] == "wrong-sign"

    (folder / "tanh.py").write_text(succeed("learn", "solution"))
    assert "tanh: 4 of 4 points" in succeed("learn", "check")
    progress = told("learn", "progress")
    assert progress["solved"] == ["tanh"]
    assert progress["exercises"]["tanh"] == {
        "state": "solved",
        "hints": 2,
        "checks": 3,
        "solution_shown": True,
    }
    assert told("learn", "list")[0]["state"] == "solved"


def test_what_one_has_written_is_not_written_over(folder: Path) -> None:
    succeed("learn", "start", "relu")
    (folder / "relu.py").write_text("mine")
    assert "begin anew with --force" in refused("learn", "start", "relu")
    assert (folder / "relu.py").read_text() == "mine"
    succeed("learn", "start", "relu", "--force")
    assert (folder / "relu.py").read_text() == exercise("relu").student()


def test_what_cannot_be_used_is_refused(folder: Path) -> None:
    assert "run plaingrad learn start tanh" in refused("learn", "check")
    assert "run plaingrad learn start tanh" in refused("learn", "hint")
    assert "run plaingrad learn start relu" in refused("learn", "check", "relu")
    assert "did you mean 'tanh'?" in refused("learn", "start", "tan")
    assert "expected an exercise" in refused("learn", "start")
    assert "did you mean 'start'?" in refused("learn", "strat", "tanh")
    (folder / "plaingrad-learn.json").write_text("[]")
    assert "delete it to begin anew" in refused("learn", "list")


def test_a_notebook_from_its_start_to_its_solution(folder: Path) -> None:
    succeed("learn", "start", "tanh", "--notebook")
    path = folder / "tanh.ipynb"
    book = json.loads(path.read_text())
    assert "".join(book["cells"][0]["source"]).startswith("# The derivative of tanh\n")
    assert run("learn", "check").exit_code == 1
    code = book["cells"][1]["source"]
    index = next(k for k, line in enumerate(code) if "raise NotImplementedError" in line)
    code[index] = "        dx = dy * (1 - y**2)\n"
    path.write_text(json.dumps(book))
    assert "tanh: 4 of 4 points" in succeed("learn", "check")


def test_submissions_are_graded(folder: Path) -> None:
    (folder / "all" / "ann").mkdir(parents=True)
    (folder / "all" / "ann" / "tanh.py").write_text(exercise("tanh").solution())
    said = succeed("learn", "grade", "all", "--csv", "grades.csv")
    assert "grades.csv has 1 submission" in said
    assert (folder / "grades.csv").read_text().splitlines()[1].startswith("ann,tanh,4,4,yes,")
    assert "expected it with grade alone" in refused("learn", "list", "--csv", "x.csv")
    assert "expected the folder" in refused("learn", "grade")


def test_an_exercise_of_ones_own(folder: Path) -> None:
    (folder / "course").mkdir()
    source = exercise("relu").source.replace("The derivative of ReLU.", "The first gate.")
    (folder / "course" / "gate.py").write_text(source)
    own = ("--exercises", "course")
    assert told("learn", "list", *own)[-1]["title"] == "The first gate"
    succeed("learn", "start", "gate", *own)
    assert "dx = dy" not in (folder / "gate.py").read_text()
    checked = run("learn", "check", *own)
    assert checked.exit_code == 1
    assert "4 of 4 points" not in checked.stdout
    (folder / "gate.py").write_text(succeed("learn", "solution", *own))
    assert "gate: 4 of 4 points" in succeed("learn", "check", "gate.py", *own)
    (folder / "all").mkdir()
    (folder / "gate.py").rename(folder / "all" / "ann_gate.py")
    assert "ann              gate         4 of  4  solved" in succeed("learn", "grade", "all", *own)
    assert "expected an exercise" in refused("learn", "check", "gate")
    assert "expected a folder" in refused("learn", "list", "--exercises", "none")


def test_a_file_of_ones_own_that_is_no_exercise_is_named(folder: Path) -> None:
    (folder / "course").mkdir()
    for name, source in {"gate": "TOPIC = 3", "loop": "def f(:", "gate2_x": ""}.items():
        (folder / "course" / f"{name}.py").write_text(source)
        assert f"course/{name}.py" in refused("learn", "start", name, "--exercises", "course")
        (folder / "course" / f"{name}.py").unlink()


def test_a_solution_is_for_those_who_have_tried() -> None:
    succeed("learn", "start", "relu")
    assert "expected a try at relu before its solution" in refused("learn", "solution")
    assert run("learn", "check").exit_code == 1
    assert "dx = dy * (x > 0)" in succeed("learn", "solution")


def test_grades_that_were_reached_are_kept_when_it_is_stopped(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for student in ("ann", "bob", "cat"):
        (folder / f"{student}_tanh.py").write_text(exercise("tanh").solution())
    right, calls = grading.check_file, []

    def stopped(*args: Any) -> Verdict:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return right(*args)

    monkeypatch.setattr(grading, "check_file", stopped)
    result = run("learn", "grade", ".", "--csv", "grades.csv")
    assert result.exit_code != 0
    assert result.stdout.startswith("ann")
    assert "stopped; not graded: bob_tanh.py, cat_tanh.py\n" in result.stderr
    assert [line.split(",")[0] for line in (folder / "grades.csv").read_text().splitlines()] == [
        "student",
        "ann",
    ]


def test_a_folder_is_no_exercise_to_check(folder: Path) -> None:
    (folder / "mine").mkdir()
    result = run("learn", "check", "mine")
    assert result.exit_code == 2
    assert "mine: expected an exercise or its file, got a folder; plaingrad learn grade mine" in result.stderr
