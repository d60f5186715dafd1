"""An exercise, read from its one source file without running it."""

from __future__ import annotations

import ast
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from plaingrad.errors import InputError
from plaingrad.learn.equations import in_letters, in_markdown
from plaingrad.nearest import did_you_mean

FOLDER = Path(__file__).parent / "exercises"
SEALED = "sealed.bin"  # in a wheel, in place of all files: see setup.py
# In the order in which they build on one another.
ORDER = (
    "tanh",
    "relu",
    "linear",
    "mse",
    "softmax",
    "optimizers",
    "dropout",
    "batchnorm",
    "convolution",
    "embedding",
    "rnn",
    "attention",
    "paper",
)
TEACHER = "# --- teacher"
# The last cell of a notebook, whose value nbgrader takes for the points.
CHECK = """\
from plaingrad.learn import check_file, exercise

verdict = check_file(exercise("{name}"), "{name}.ipynb")  # as the notebook was saved
print(verdict)
verdict.points"""
BLANK = re.compile(r"^( *)# --- blank (\w+): (.*)\n((?:.*\n)*?) *# --- end\n", re.MULTILINE)


@dataclass(frozen=True)
class Wrong:
    """A typical wrong answer.

    Attributes:
        description: what is wrong.
        blank: the blank that it fills.
        code: the lines in it.
        kinds: the kinds of mistakes of which the check has to name one.
    """

    description: str
    blank: str
    code: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """A class to check, its arguments, and its inputs as `plaingrad check` has them."""

    cls: str
    args: tuple[Any, ...]
    inputs: tuple[str, ...]
    training: bool = True


@dataclass(frozen=True)
class Exercise:
    """An exercise.

    Attributes:
        id: its name, that of its file.
        title: one line.
        text: what is to be done, with equation and shapes.
        topic: the chapter.
        parts: what is judged, with points.
        hints: one after the other, each says more than the last.
        wrong: typical wrong answers.
        cases: what is checked.
        code: the student's part of the source, with the solution.
        source: the whole text of its file.
    """

    id: str
    title: str
    text: str
    topic: str
    parts: Mapping[str, int]
    hints: tuple[str, ...]
    wrong: tuple[Wrong, ...]
    cases: tuple[Case, ...]
    code: str
    source: str

    @property
    def blanks(self) -> dict[str, str]:
        """The names of the blanks, and what belongs there."""
        return {name: words for _, name, words, _ in BLANK.findall(self.code)}

    @property
    def points(self) -> int:
        """The points of all parts."""
        return sum(self.parts.values())

    def solution(self) -> str:
        """The code with every blank filled."""
        return self.filled({})

    def student(self) -> str:
        """The code that the learner completes; each blank raises an error that says what belongs there."""
        answers = {
            name: f'# your turn: {words}\nraise NotImplementedError("your turn: {name}")'
            for name, words in self.blanks.items()
        }
        return in_letters(self.filled(answers))

    def listing(self) -> str:
        """The student's code without the text above it."""
        code = self.student()
        text = ast.parse(code).body[0]
        return "".join(code.splitlines(keepends=True)[text.end_lineno :]).lstrip()

    def notebook(self) -> dict[str, Any]:
        """The notebook that the learner completes: the text, the code without it, and the check.

        The text and the check have what nbgrader has to know of them. The code has not, since nbgrader would
        take the whole cell for a solution and leave nothing of it to the students.
        """
        check = CHECK.format(name=self.id)
        cells: list[tuple[str, str, dict[str, Any]]] = [
            ("markdown", in_markdown(self.text), {"locked": True}),
            ("code", self.listing().rstrip(), {}),
            ("code", check, {"locked": True, "grade": True, "points": self.points}),
        ]
        return {
            "cells": [_cell(f"{self.id}-{number}", *each) for number, each in enumerate(cells)],
            "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            "nbformat": 4,
            "nbformat_minor": 5,
        }

    def classes(self, answers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The names that the code defines, with these lines in its blanks and the solution in all others."""
        module = ModuleType(self.id)
        exec(compile(self.filled(answers or {}), f"<{self.id}>", "exec"), vars(module))
        return vars(module)

    def filled(self, answers: Mapping[str, str]) -> str:
        """The code with these lines in its blanks, not indented, and the solution in all others."""

        def fill(match: re.Match[str]) -> str:
            indent, name, _, lines = match.groups()
            if name in answers:
                lines = "".join(f"{indent}{line}\n" for line in answers[name].splitlines())
            return str(lines)

        return BLANK.sub(fill, self.code)


def _cell(name: str, kind: str, text: str, about: dict[str, Any]) -> dict[str, Any]:
    only_code: dict[str, Any] = {"execution_count": None, "outputs": []} if kind == "code" else {}
    lines = text.splitlines(keepends=True)
    defaults = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    metadata = {"nbgrader": {**defaults, **about, "grade_id": name}} if about else {}
    return {"cell_type": kind, "id": name, "metadata": metadata, "source": lines, **only_code}


def names(folder: Path | None = None) -> list[str]:
    """The names of all exercises in their order; of those in a folder of one's own after them."""
    own = sorted(path.stem for path in folder.glob("*.py")) if folder else []
    return [*ORDER, *(name for name in own if name not in ORDER and not name.startswith("_"))]


def exercise(name: str, folder: Path | None = None) -> Exercise:
    """The exercise of this name.

    Args:
        name: its name.
        folder: a folder with exercises of one's own besides these.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    known = names(folder)
    if name not in known:
        meant = did_you_mean(name, known)
        raise InputError(f"expected an exercise, one of {', '.join(known)}; got {name!r}{meant}")
    if name in ORDER:
        return _of_package(name)
    assert folder is not None
    path = folder / f"{name}.py"
    if not re.fullmatch("[a-z][a-z0-9]*", name):
        raise InputError(
            "expected a name of small letters and digits, as names of files have others", file=path
        )
    try:
        return parsed(name, path.read_text(encoding="utf-8"))
    except (KeyError, TypeError, ValueError, SyntaxError) as error:
        raise InputError(f"expected an exercise; {type(error).__name__}: {error}", file=path) from error


@cache
def _of_package(name: str) -> Exercise:
    return parsed(name, _source(FOLDER, name))


def parsed(name: str, source: str) -> Exercise:
    """The exercise of this name from the text of its file."""
    tree = ast.parse(source)
    values: dict[str, Any] = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("TOPIC", "PARTS", "HINTS", "WRONG", "CASES")
    }
    text = ast.get_docstring(tree) or ""
    return Exercise(
        id=name,
        title=text.partition("\n")[0].rstrip("."),
        text=text,
        topic=values["TOPIC"],
        parts=values["PARTS"],
        hints=tuple(values["HINTS"]),
        wrong=tuple(Wrong(*each) for each in values["WRONG"]),
        cases=tuple(Case(each[0], tuple(each[1]), tuple(each[2]), *each[3:]) for each in values["CASES"]),
        code=source.partition(TEACHER)[0].rstrip() + "\n",
        source=source,
    )


def _source(folder: Path, name: str) -> str:
    """The text of an exercise's file."""
    path = folder / f"{name}.py"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    return str(json.loads(zlib.decompress((folder / SEALED).read_bytes()))[name])


def catalogue(folder: Path | None = None) -> list[Exercise]:
    """All exercises, in their order; those in a folder of one's own after them."""
    return [exercise(name, folder) for name in names(folder)]
