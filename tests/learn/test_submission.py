"""Submissions that do what they should not: each harms only itself."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from plaingrad.errors import InputError
from plaingrad.learn import check_file, check_source, exercise
from plaingrad.learn.judging import judged
from plaingrad.learn.submission import source_of
from plaingrad.learn.verdict import Verdict

TANH = exercise("tanh")


def with_line(code: str) -> str:
    return TANH.filled({"dx": code})


def only_problem(verdict: Verdict) -> tuple[str, str]:
    assert not verdict.solved
    assert verdict.points == 0
    (problem,) = verdict.problems
    return problem.kind, problem.text


def checked_here(source: str, folder: Path) -> Verdict:
    """The verdict on code that cannot harm this process."""
    (folder / "tanh.py").write_text(source)
    return judged(TANH, folder / "tanh.py", seed=1)


def test_a_process_sees_neither_the_environment_nor_the_seed_but_the_modules_of_its_parent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A_SECRET", "hush")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "shared_by_the_course.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["own", os.environ.get("PYTHONPATH", "")]))
    code = """
import os
import sys
from pathlib import Path

import shared_by_the_course

print("A_SECRET" in os.environ, repr(sys.stdin.read()))
for pid in ("self", os.getppid()):
    for file in ("cmdline", "environ"):
        print("123456789" in Path(f"/proc/{pid}/{file}").read_text(errors="replace"))
"""
    verdict = check_source(TANH, TANH.solution() + code, seed=123456789)
    assert verdict.solved, verdict.problems
    assert (verdict.points, verdict.output) == (TANH.points, "False ''\n" + "False\n" * 4)


@pytest.mark.parametrize(
    "code",
    [
        """
import torch
x = y.atanh().detach().requires_grad_()
with torch.enable_grad():
    dx = torch.autograd.grad(x.tanh(), x, dy)[0]
""",
        "import torch\ndx = torch.func.jvp(torch.tanh, (torch.atanh(y),), (dy,))[1]",
        "import torch\ndx = torch.ops.aten.tanh_backward(dy, y)",
    ],
    ids=["backward mode", "forward mode", "operation"],
)
def test_autograd_does_not_count(code: str, tmp_path: Path) -> None:
    assert only_problem(checked_here(with_line(code), tmp_path))[0] == "uses-autograd"


@pytest.mark.parametrize(
    ("code", "kind"),
    [("raise NotImplementedError('your turn: dx')", "blank"), ("dx = dy @ nothing", "raises")],
)
def test_a_backward_that_fails_leaves_the_points_of_forward(code: str, kind: str) -> None:
    verdict = check_source(TANH, with_line(code))
    assert verdict.problems[0].kind == kind
    assert verdict.parts == {"forward": True, "input": False, "contract": False}
    assert "1 of 4 points (forward ok, input not judged, contract not judged)" in str(verdict)


def test_what_comes_after_a_wrong_forward_is_not_judged(tmp_path: Path) -> None:
    source = TANH.solution().replace("y = x.tanh()", "y = x.sin()")
    verdict = checked_here(source, tmp_path)
    assert "0 of 4 points (forward wrong, input not judged, contract not judged)" in str(verdict)


def test_an_endless_backward(tmp_path: Path) -> None:
    assert only_problem(checked_here(with_line("while True: pass"), tmp_path))[0] == "endless"


def test_an_endless_file() -> None:
    (problem,) = check_source(TANH, "while True: pass").problems
    assert problem.kind == "endless"
    assert problem.words == "still running after 2 seconds; look at the conditions of its loops"


def test_an_endless_file_that_takes_every_exception() -> None:
    code = "while True:\n    try:\n        while True: pass\n    except BaseException: pass\n"
    kind, text = only_problem(check_source(TANH, code, seconds=5))
    assert (kind, text) == ("endless", "tanh.py does not end in time")


LIBRARY = "expected the class Tanh as written here, got that of a library"
NONE = "expected the class Tanh, derived from Module, and there is none"


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        ("import sys; sys.exit(0)", "ends", "tanh.py ends the program: SystemExit"),
        ("1 / 0", "raises", "tanh.py line 1, '1 / 0', raised ZeroDivisionError: division by zero"),
        ("def f(:", "syntax", "tanh.py line 1, 'def f(:', raised SyntaxError: invalid syntax"),
        (
            "if True:\npass",
            "syntax",
            "tanh.py line 2, 'pass', raised IndentationError: expected an indented block after ",
        ),
        (
            "x = 1\0",
            "syntax",
            "tanh.py raised SyntaxError: source code string cannot contain null bytes",
        ),
        ("from plaingrad.nn import Tanh", "library-class", LIBRARY),
        ("from plaingrad import nn\nclass Tanh(nn.Tanh): pass", "library-class", LIBRARY),
        ("Tanh = 3", "missing-class", NONE),
        ("", "missing-class", NONE),
    ],
)
def test_a_file_that_fails(code: str, kind: str, text: str, tmp_path: Path) -> None:
    verdict = checked_here(code, tmp_path)
    assert only_problem(verdict)[0] == kind
    assert only_problem(verdict)[1].startswith(text)
    assert verdict.problems[0].words


def test_a_program_that_ends_by_itself() -> None:
    kind, text = only_problem(check_source(TANH, "import os; os._exit(0)"))
    assert (kind, text) == ("ends", "tanh.py ended the program before the check was over (exit code 0)")


def test_a_backward_that_ends_the_program(tmp_path: Path) -> None:
    assert "SystemExit" in only_problem(checked_here(with_line("raise SystemExit(0)"), tmp_path))[1]


@pytest.mark.parametrize(
    ("name", "blank", "code", "text"),
    [
        (
            "linear",
            "dx",
            "dx = dy @ nothing",
            "backward line {}, 'dx = dy @ nothing', raised NameError: name 'noth",
        ),
        ("linear", "dx", "dx = dy @ dy[0:0]", "backward line {}, 'dx = dy @ dy[0:0]', raised RuntimeError: "),
        (
            "dropout",
            "mask",
            "mask = kept / 'p'",
            "forward line {}, \"mask = kept / 'p'\", raised TypeError: ",
        ),
        (
            "optimizers",
            "descent",
            "value.sub_(nothing)",
            "Momentum.step line {}, 'value.sub_(nothing)', raised NameErr",
        ),
    ],
)
def test_the_line_of_an_error_is_named(name: str, blank: str, code: str, text: str, tmp_path: Path) -> None:
    about = exercise(name)
    source = about.filled({blank: code})
    (tmp_path / f"{name}.py").write_text(source)
    line = next(number for number, each in enumerate(source.splitlines(), 1) if each.strip() == code)
    problem = judged(about, tmp_path / f"{name}.py", seed=1).problems[0]
    assert text.format(line) in problem.text


def test_what_is_printed_is_kept_up_to_a_limit() -> None:
    verdict = check_source(TANH, "while True: print('again' * 1000)")
    assert only_problem(verdict) == ("output", "tanh.py prints more than 1,048,576 bytes")
    assert verdict.output == ("again" * 1000)[:2000]


def test_memory_is_limited() -> None:
    _, text = only_problem(check_source(TANH, "import torch; torch.zeros(10**10)"))
    assert "memory" in text


@pytest.mark.parametrize("code", ["torch.zeros(10**14)", "bytearray(10**15)"])
@pytest.mark.parametrize("blank", [True, False])
def test_code_that_needs_too_much_memory_has_a_kind(code: str, blank: bool, tmp_path: Path) -> None:
    code = f"import torch; {code}"
    verdict = checked_here(with_line(code) if blank else code, tmp_path)
    (problem,) = verdict.problems
    assert problem.kind == "memory"
    assert "sizes of tensors" in problem.words


def test_the_forward_is_compared(tmp_path: Path) -> None:
    verdict = checked_here(TANH.solution().replace("x.tanh()", "2 * x.tanh()"), tmp_path)
    assert only_problem(verdict) == ("forward", "forward gives another output than its equation")


def test_a_notebook_is_read_without_its_magic(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["# Tanh"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!ls\n"]},
        {"cell_type": "code", "source": ["%%bash\n", "ls -l | wc\n"]},
        {"cell_type": "code", "source": TANH.solution().splitlines(keepends=True)},
        {"cell_type": "code", "source": "check_file(1)", "metadata": {"nbgrader": {"grade": True}}},
    ]
    path = tmp_path / "tanh.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    assert source_of(path).strip() == TANH.solution().strip()
    path.write_text("{")
    with pytest.raises(InputError, match="expected a notebook"):
        check_file(TANH, path)
