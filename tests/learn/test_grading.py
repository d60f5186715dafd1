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


def test_a_folder_is_graded(tmp_path: Path) -> None:
    files = {
        "ann/tanh.py": TANH.solution(),
        "ann/relu.ipynb": notebook(RELU, RELU.solution()),
        "ann/.ipynb_checkpoints/relu.ipynb": "{}",
        "ann/notes.py": "1 / 0",
        "bob/tanh.py": TANH.filled({"dx": "dx = dy * (y * y - 1)  # hush"}),
        "cat/tanh.py": "import os; os._exit(0)",
        "dan/tanh.ipynb": "{",
        "eve_tanh.py": TANH.student(),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    entries = submissions(tmp_path)
    assert [(each.student, each.exercise) for each in entries] == [
        ("ann", "relu"),
        ("ann", "tanh"),
        ("bob", "tanh"),
        ("cat", "tanh"),
        ("dan", "tanh"),
        ("eve", "tanh"),
    ]
    table = tmp_path / "grades.csv"
    write_csv(graded(tmp_path, entries, seed=123456789), table)
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["points"], row["out_of"], row["solved"]) for row in rows] == [
        ("4", "4", "yes"),
        ("4", "4", "yes"),
        ("2", "4", "no"),
        ("0", "4", "no"),
        ("0", "4", "no"),
        ("0", "4", "no"),
    ]
    assert rows[2]["verdict"] == "input: wrong-sign"
    assert rows[2]["parts"] == "forward 1/1; input 0/2; contract 1/1"
    assert [row["verdict"] for row in rows[3:]] == ["all: wrong", "all: wrong", "all: blank"]
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
