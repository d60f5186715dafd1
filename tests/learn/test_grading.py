"""Grades of many submissions: whatever one does, the others get theirs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from plaingrad.errors import InputError
from plaingrad.learn import exercise, graded, submissions, write_csv
from plaingrad.learn.exercise import Exercise

TANH, RELU = exercise("tanh"), exercise("relu")


def notebook(each: Exercise, source: str) -> str:
    cells = [{"cell_type": "code", "source": ["%pip list\n"]}, {"cell_type": "code", "source": source}]
    return json.dumps({"cells": cells, "nbformat": 4})


# Files, the points that they get, and the verdict.
HANDED_IN = {
    "=fay/tanh.py": (b"\xff\xfe\0\0", 0, "all: unreadable"),
    "ann/relu.ipynb": (notebook(RELU, RELU.solution()), 4, "solved"),
    "ann/tanh.py": (TANH.solution(), 4, "solved"),
    "bob/tanh.py": (TANH.filled({"dx": "dx = dy * (y * y - 1)  # hush"}), 2, "input: wrong-sign"),
    "cat/tanh.py": ("import os; os._exit(0)", 0, "all: ends"),
    "dan/tanh.ipynb": ("{", 0, "all: unreadable"),
    "eve_tanh.py": (TANH.student(), 1, "backward: blank"),
    "hal/tanh.ipynb": (notebook(TANH, "while True:\n    pass"), 0, "all: endless"),
    "ida/tanh.ipynb": (notebook(TANH, "y = 3"), 0, "all: missing-class"),
    "jon/tanh.ipynb": ('{"cells": [{"cell_type": "code", "source": "\\ud800"}]}', 0, "all: unreadable"),
    "kim/tanh.ipynb": ("[" * 10**6, 0, "all: unreadable"),
    "max/relu.py": (b"#" * 50 * 1024**2, 0, "all: unreadable"),
}
LINK = "max/tanh.py"


def test_a_folder_is_graded(tmp_path: Path) -> None:
    ignored = {"ann/.ipynb_checkpoints/relu.ipynb": "{}", "ann/notes.py": "1 / 0"}
    for name, content in {**{name: each[0] for name, each in HANDED_IN.items()}, **ignored}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / LINK).symlink_to(tmp_path / "ann" / "tanh.py")
    entries = submissions(tmp_path)
    assert [each.path.as_posix() for each in entries] == sorted([*HANDED_IN, LINK])
    table = tmp_path / "grades.csv"
    write_csv(graded(tmp_path, entries, seed=123456789), table)
    with table.open(newline="") as file:
        rows = {row["file"].lstrip("'"): row for row in csv.DictReader(file)}
    expected = {**HANDED_IN, LINK: (b"", 0, "all: unreadable")}
    assert {name: (int(row["points"]), row["verdict"]) for name, row in rows.items()} == {
        name: (points, verdict) for name, (_, points, verdict) in expected.items()
    }
    assert {row["out_of"] for row in rows.values()} == {"4"}
    assert [name for name, row in rows.items() if row["solved"] == "yes"] == ["ann/relu.ipynb", "ann/tanh.py"]
    assert rows["bob/tanh.py"]["parts"] == "forward 1/1; input 0/2; contract 1/1"
    students = {name: row["student"] for name, row in rows.items()}
    assert (students["bob/tanh.py"], students["eve_tanh.py"]) == ("bob", "eve")
    assert students["=fay/tanh.py"] == "'=fay"  # which no program takes for a formula
    text = table.read_text()
    assert not any(word in text for word in ("hush", "dx =", "123456789", "def "))


@pytest.mark.parametrize(
    ("name", "student", "exercise_name"),
    [
        ("tanh.py", "", "tanh"),
        ("Ann_Lee_tanh.py", "Ann_Lee", "tanh"),
        ("ann-rnn-2.ipynb", "ann", "rnn"),
        ("2041/hw/paper.py", "2041", "paper"),
    ],
)
def test_names_of_files(name: str, student: str, exercise_name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / name).touch()
    (entry,) = submissions(tmp_path)
    assert (entry.student, entry.exercise) == (student, exercise_name)


def test_a_folder_without_submissions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder"):
        submissions(tmp_path / "none")
    (tmp_path / "other.py").touch()
    with pytest.raises(InputError, match="named after exercises"):
        submissions(tmp_path)
