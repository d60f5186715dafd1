"""Grades of many submissions, each checked in a process of its own."""

from __future__ import annotations

import csv
import io
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.learn.exercise import ORDER, Exercise, exercise, names
from plaingrad.learn.submission import check_file
from plaingrad.learn.verdict import EVERYTHING, Problem, Verdict

COLUMNS = ("student", "exercise", "points", "out_of", "solved", "parts", "verdict", "file")


@dataclass(frozen=True)
class Submission:
    """A file that somebody has handed in.

    Attributes:
        student: the name of the folder that it is in, or what its name says before that of the exercise.
        exercise: the name of the exercise.
        path: the file, relative to the folder of all submissions.
    """

    student: str
    exercise: str
    path: Path


@dataclass(frozen=True)
class Grade:
    """A submission and the verdict on it, of which nothing that is shown has code, output or seeds."""

    submission: Submission
    verdict: Verdict
    exercise: Exercise

    @property
    def row(self) -> dict[str, object]:
        """The row of a table of grades."""
        points = self.exercise.parts
        parts = [
            f"{part} {points[part] if ok else 0}/{points[part]}" for part, ok in self.verdict.parts.items()
        ]
        kinds = [f"{each.part or 'all'}: {each.kind or 'wrong'}" for each in self.verdict.problems]
        values = (
            _text(self.submission.student),
            self.verdict.exercise,
            self.verdict.points,
            self.verdict.out_of,
            "yes" if self.verdict.solved else "no",
            "; ".join(parts),
            _text("; ".join(dict.fromkeys(kinds)) or "solved"),
            _text(self.submission.path.as_posix()),
        )
        return dict(zip(COLUMNS, values))


def _text(name: str) -> str:
    """A name that no program for tables takes for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@")) else name


def submissions(folder: Path, exercises: Path | None = None) -> list[Submission]:
    """The scripts and notebooks in a folder and below whose names have that of an exercise.

    Args:
        folder: where the submissions are.
        exercises: a folder with exercises of one's own.

    Raises:
        InputError: it is no folder, or there are none.
    """
    if not folder.is_dir():
        raise InputError("expected a folder with submissions", file=folder)
    paths = sorted(
        path for suffix in ("py", "ipynb") for path in folder.rglob(f"*.{suffix}") if path.is_file()
    )
    known = names(exercises)
    each = [_submission(path.relative_to(folder), known) for path in paths]
    entries = [submission for submission in each if submission is not None]
    if not entries:
        hint = f"{ORDER[0]}.py in a folder for each student, or student_{ORDER[0]}.py"
        raise InputError("expected files named after exercises", file=folder, hint=hint)
    return entries


def _submission(path: Path, known: Sequence[str]) -> Submission | None:
    """The submission in a file; None if it is named after no exercise, or hidden, as copies of editors."""
    if any(part.startswith(".") for part in path.parts):
        return None
    words = re.split(r"[^A-Za-z0-9]+", path.stem)
    name = next((word.lower() for word in reversed(words) if word.lower() in known), None)
    if name is None:
        return None
    own = re.split(rf"[^A-Za-z0-9]*\b{name}\b", path.stem.replace("_", " "), flags=re.IGNORECASE)[0]
    return Submission(path.parts[0] if len(path.parts) > 1 else own.replace(" ", "_"), name, path)


def graded(
    folder: Path, entries: Iterable[Submission], seed: int | None = None, exercises: Path | None = None
) -> Iterator[Grade]:
    """The grades, one after the other; whatever a submission does, the next gets its turn.

    Args:
        folder: where the submissions are.
        entries: the submissions.
        seed: of everything random, the same for all; None draws one, which nobody sees.
        exercises: a folder with exercises of one's own.
    """
    seed = secrets.randbelow(2**31) if seed is None else seed
    for submission in entries:
        about = exercise(submission.exercise, exercises)
        try:
            _expect_own(folder, submission.path)
            verdict = check_file(about, folder / submission.path, seed)
        except (InputError, OSError) as error:
            problem = Problem(EVERYTHING, str(error), "unreadable", submission.path.name, "hand it in again")
            verdict = Verdict.of(about.id, about.parts, [problem])
        yield Grade(submission, verdict, about)


def _expect_own(folder: Path, path: Path) -> None:
    """Refuse a link, which may lead to what somebody else has written."""
    if any((folder / each).is_symlink() for each in (path, *path.parents[:-1])):
        raise InputError("expected a file, got a link", file=path)


def write_csv(grades: Iterable[Grade], path: Path) -> None:
    """Write the table of grades."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(grade.row for grade in grades)
    with replacing(path) as temporary:
        temporary.write_text(text.getvalue(), encoding="utf-8")
