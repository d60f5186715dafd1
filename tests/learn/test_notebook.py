"""The code of notebooks: what Python does not understand is left out, and nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from plaingrad.learn import exercise
from plaingrad.learn.judging import judged
from plaingrad.learn.notebook import script_of

TANH = exercise("tanh")
FUTURE = "from __future__ import annotations"


def script(*cells: str) -> str:
    return script_of(json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]}))


def values(*cells: str) -> dict[str, Any]:
    """The names that the script binds."""
    names: dict[str, Any] = {}
    exec(compile(script(*cells), "cells", "exec", dont_inherit=True), names)
    return names


@pytest.mark.parametrize(
    "scratch",
    [
        "x = 3",
        "Tanh?",
        "?Tanh",
        "Tanh??  # which one",
        "%%time\nx = 3",
        "%%bash\necho 'not Python",
        "%matplotlib inline\n!ls 'it",
        "import asyncio\nawait asyncio.sleep(0)",
        "files = !ls",
    ],
)
def test_a_scratch_cell_before_the_solution_costs_nothing(scratch: str, tmp_path: Path) -> None:
    path = tmp_path / "tanh.py"
    path.write_text(script(scratch, TANH.solution()))
    verdict = judged(TANH, path, seed=1)
    assert verdict.solved, verdict


def test_imports_from_the_future_stand_first_once() -> None:
    lines = script("x = 3", f"# mine\n{FUTURE}\ny = 4", f'r"""Mine."""\n\n{FUTURE}\nz = 5').splitlines()
    assert lines[0] == FUTURE
    assert lines.count(FUTURE) == 1
    assert {"x = 3", "y = 4", "z = 5"} < set(lines)


def test_the_first_cell_stays_as_it_is() -> None:
    assert script("%pip list", TANH.solution()).strip() == TANH.solution().strip()


@pytest.mark.parametrize("magic", ["time", "capture out", "prun -q", "time  "])
def test_the_code_below_a_magic_that_runs_it_counts(magic: str) -> None:
    assert values(f"\n%%{magic}\nx = 3")["x"] == 3


@pytest.mark.parametrize("magic", ["bash", "html", "writefile tanh.py", "timeit", ""])
def test_a_cell_that_is_not_run_as_python_here_is_left_out(magic: str) -> None:
    assert script(f"%%{magic}\nx = 3").strip() == ""


def test_a_statement_goes_on_at_an_operator() -> None:
    code = (
        "a = (7\n    % 4)\nb = 7 \\\n    % 4\nc = '''\n%time\n!ls\nwhat?\n'''\nd = 5  # ( why?\ne = ')'\n%pwd"
    )
    names = values(code)
    assert (names["a"], names["b"]) == (3, 3)
    assert names["c"] == "\n%time\n!ls\nwhat?\n"
    assert (names["d"], names["e"]) == (5, ")")


@pytest.mark.parametrize(
    "line", ["%pwd", "!ls", "!ls \\\n  (", "x = %pwd", "a, b = !ls", "str?", "??str", "str.*in?", "%time"]
)
def test_commands_are_blank_where_a_statement_starts(line: str) -> None:
    names = values(f"{line}\nx = 3\nif x:\n    {line}\n{line}\ny = 4")
    assert (names["x"], names["y"]) == (3, 4)


def test_a_statement_that_is_timed_counts() -> None:
    assert values("%time x = 3\nif x:\n    %time y = 4")["y"] == 4


def test_what_waits_outside_of_a_function_is_left_out() -> None:
    code = """
import asyncio
x = 3
await asyncio.sleep(
    0)
async with asyncio.Lock():
    x = 4
if x:
    await asyncio.sleep(0)
else:
    x = 5

async def f():
    await asyncio.sleep(0)
    return 6

@staticmethod
async def g():
    async with asyncio.Lock():
        return 7

y = "await"  # await
"""
    names = values(code)
    assert (names["x"], names["y"], asyncio.run(names["f"]())) == (3, "await", 6)
    assert "g" in names


@pytest.mark.parametrize(
    "cell", ["(" * 10**6, '"""' * 10**6 + '"', "'" * 10**6, "\\\n" * 10**6, "x?\n" * 10**5]
)
def test_long_cells_take_little_time(cell: str) -> None:
    begun = time.monotonic()
    script(cell)
    assert time.monotonic() - begun < 20
