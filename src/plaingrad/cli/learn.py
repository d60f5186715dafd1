"""`plaingrad learn`: exercises in writing backward passes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plaingrad.console.options import Json, Quiet, one_of, output_path, refused
from plaingrad.console.output import Reporter, json_text, plural
from plaingrad.errors import InputError

if TYPE_CHECKING:
    from plaingrad.learn import Exercise, Progress
    from plaingrad.learn.grading import Grade

EXAMPLE = "Example: plaingrad learn start tanh"
NAMED = 5  # submissions that were not graded, by their files
ACTIONS = ("list", "start", "check", "hint", "solution", "progress", "grade")

Option = typer.Option


def learn(
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help=f"{', '.join(ACTIONS)}.", parser=one_of(*ACTIONS))
    ],
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="An exercise or its file, for grade a folder; else the one started last."
        ),
    ] = "",
    csv: Annotated[
        Path | None, Option("--csv", metavar="FILE", help="Write grade's table here.", parser=output_path)
    ] = None,
    notebook: Annotated[bool, Option("--notebook", help="Let start write a notebook.")] = False,
    force: Annotated[bool, Option("--force", help="Let start write over a file.")] = False,
    exercises: Annotated[
        Path | None,
        Option("--exercises", metavar="FOLDER", help="A folder with exercises of your own, besides."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write backward passes yourself, and have them checked.

    list shows the exercises. start tanh writes tanh.py into the current
    folder; fill its blanks, and check names the mistakes and where they are.
    hint gives a hint, then the next; solution shows the whole to those who
    have had a try checked; progress is kept in plaingrad-learn.json. The exit
    code of check is 0 for a solution and 1 for anything else.

    grade FOLDER --csv grades.csv checks what many have handed in: files named
    after exercises, in a folder for each student or with the student's name
    before that of the exercise. --exercises has exercises of your own, whose
    files nobody else needs.
    """
    from plaingrad.learn import Progress

    reporter, progress = Reporter(quiet, as_json), Progress.read(Path())
    options = (("--csv", csv, "grade"), ("--notebook", notebook, "start"), ("--force", force, "start"))
    for option, value, user in options:
        if value and action != user:
            raise refused(f"expected it with {user} alone", option)
    if exercises is not None and not exercises.is_dir():
        raise refused(f"expected a folder, got {str(exercises)!r}", "--exercises")
    if action == "list":
        _list(reporter, progress, exercises)
    elif action == "start":
        _start(reporter, progress, name, exercises, ".ipynb" if notebook else ".py", force)
    elif action == "check":
        _check(reporter, progress, name, exercises)
    elif action == "hint":
        _hint(reporter, progress, name, exercises)
    elif action == "solution":
        _solution(reporter, progress, name, exercises)
    elif action == "grade":
        _grade(reporter, name, csv, exercises)
    else:
        _progress(reporter, progress, exercises)


def _list(reporter: Reporter, progress: Progress, exercises: Path | None) -> None:
    from plaingrad.learn import catalogue

    entries = [
        {"id": each.id, "title": each.title, "topic": each.topic, "state": progress.state(each.id)}
        for each in catalogue(exercises)
    ]
    for entry in entries:
        reporter.text("{id:11} {state:8} {topic:14} {title}".format(**entry))
    if reporter.json:
        print(json_text(entries))


def _start(
    reporter: Reporter, progress: Progress, name: str, exercises: Path | None, suffix: str, force: bool
) -> None:
    from plaingrad.files import replacing
    from plaingrad.learn import exercise
    from plaingrad.learn.equations import in_letters

    if not name:
        raise refused("expected an exercise; plaingrad learn list shows them", "NAME")
    chosen = exercise(name, exercises)
    path = Path(chosen.id + suffix)
    if path.exists() and not force:
        hint = "go on with plaingrad learn check, or begin anew with --force"
        raise InputError("expected no file of this name", file=path, hint=hint)
    with replacing(path) as temporary:
        text = chosen.student() if suffix == ".py" else json_text(chosen.notebook()) + "\n"
        temporary.write_text(text, encoding="utf-8")
    progress.current = chosen.id
    attempt = progress.attempt(chosen.id)
    if attempt.state == "new":
        attempt.state = "started"
    progress.write()
    reporter.text(in_letters(chosen.text), "")
    for words in chosen.blanks.values():
        reporter.text(f"your turn: {words}")
    reporter.text(f"{path} is written; fill its blanks, then run plaingrad learn check")
    reporter.result({"exercise": chosen.id, "file": str(path), "blanks": chosen.blanks})


def _check(reporter: Reporter, progress: Progress, name: str, exercises: Path | None) -> None:
    from plaingrad.learn import check_file

    chosen, path = _chosen(progress, name, exercises)
    if not path.is_file():
        raise InputError("there is no such file", file=path, hint=f"run plaingrad learn start {chosen.id}")
    with reporter.status(f"checking {path}"):
        verdict = check_file(chosen, path)
    progress.current = progress.current or chosen.id
    attempt = progress.attempt(chosen.id)
    attempt.checks += 1
    if verdict.solved or attempt.state != "solved":
        attempt.state = "solved" if verdict.solved else "started"
    progress.write()
    reporter.text(str(verdict))
    reporter.result({"solved": verdict.solved, **dataclasses.asdict(verdict)})
    raise typer.Exit(0 if verdict.solved else 1)


def _hint(reporter: Reporter, progress: Progress, name: str, exercises: Path | None) -> None:
    chosen, _ = _chosen(progress, name, exercises)
    attempt = progress.attempt(chosen.id)
    attempt.hints = min(attempt.hints + 1, len(chosen.hints))
    progress.write()
    number, hint = attempt.hints, chosen.hints[attempt.hints - 1]
    reporter.text(f"hint {number} of {len(chosen.hints)}: {hint}")
    reporter.result({"exercise": chosen.id, "number": number, "of": len(chosen.hints), "hint": hint})


def _solution(reporter: Reporter, progress: Progress, name: str, exercises: Path | None) -> None:
    chosen, _ = _chosen(progress, name, exercises)
    attempt = progress.attempt(chosen.id)
    if not attempt.checks:
        hint = f"plaingrad learn start {chosen.id}, then plaingrad learn check"
        raise InputError(f"expected a try at {chosen.id} before its solution", hint=hint)
    attempt.solution_shown = True
    progress.write()
    reporter.text(chosen.solution().rstrip())
    reporter.result({"exercise": chosen.id, "solution": chosen.solution()})


def _progress(reporter: Reporter, progress: Progress, exercises: Path | None) -> None:
    from plaingrad.learn import catalogue

    everything = catalogue(exercises)
    solved = [each.id for each in everything if progress.state(each.id) == "solved"]
    for each in everything:
        attempt = progress.attempts.get(each.id)
        if attempt is not None:
            counts = f"{plural(attempt.checks, 'check')}, {plural(attempt.hints, 'hint')}"
            reporter.text(f"{each.id:11} {attempt.state:8} {counts}")
    reporter.text(f"{len(solved)} of {len(everything)} exercises solved")
    attempts = {name: dataclasses.asdict(each) for name, each in progress.attempts.items()}
    reporter.result({"solved": solved, "current": progress.current, "exercises": attempts})


def _chosen(progress: Progress, name: str, exercises: Path | None) -> tuple[Exercise, Path]:
    """The exercise, and its file: of a name, of a file, or of what was started last."""
    from plaingrad.learn import exercise
    from plaingrad.learn.exercise import names

    if not (name or progress.current):
        raise InputError("no exercise was started here", hint="run plaingrad learn start tanh")
    path = Path(name)
    if name and path.is_dir() and name not in names(exercises):
        hint = f"plaingrad learn grade {name} checks all that is in it"
        raise InputError("expected an exercise or its file, got a folder", file=path, hint=hint)
    if path.suffix in (".py", ".ipynb"):
        return exercise(path.stem, exercises), path
    chosen = exercise(name or progress.current, exercises)
    return chosen, _file(chosen)


def _file(exercise: Exercise) -> Path:
    """The learner's file: a notebook if there is no script."""
    script, notebook = Path(f"{exercise.id}.py"), Path(f"{exercise.id}.ipynb")
    return notebook if notebook.is_file() and not script.is_file() else script


def _grade(reporter: Reporter, name: str, csv: Path | None, exercises: Path | None) -> None:
    from plaingrad.learn import graded, submissions

    if not name:
        raise refused("expected the folder with the submissions", "NAME")
    folder = Path(name)
    entries = submissions(folder, exercises)
    grades: list[Grade] = []
    try:
        for grade in graded(folder, reporter.track(entries, "submissions"), exercises=exercises):
            grades.append(grade)
            reporter.text(
                "{student:16} {exercise:11} {points:2} of {out_of:2}  {verdict}".format(**grade.row)
            )
    except KeyboardInterrupt:
        paths = [entry.path.as_posix() for entry in entries[len(grades) :]]
        more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
        reporter.warn(f"stopped; not graded: {', '.join(paths[:NAMED])}{more}")
        _show(reporter, grades, csv)
        raise
    _show(reporter, grades, csv)


def _show(reporter: Reporter, grades: list[Grade], csv: Path | None) -> None:
    from plaingrad.learn import write_csv

    if csv is not None:
        write_csv(grades, csv)
        reporter.text(f"{csv} has {plural(len(grades), 'submission')}")
    if reporter.json:
        print(json_text([grade.row for grade in grades]))
