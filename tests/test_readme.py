"""What README, CONTRIBUTING and the documentation show: code that runs, commands that exist."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from cli.shell import succeed
from pages import PAGES, ROOT, commands, fenced
from plaingrad import nn

IRIS = (
    'python -c "from sklearn.datasets import load_iris; '
    "load_iris(as_frame=True).frame.to_csv('iris.csv', index=False)\""
)


def test_the_examples_of_the_readme_run_and_print_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(ROOT)).parse(ROOT / "README.md")
    examples = list(document.examples())
    assert examples
    for example in examples:
        example.evaluate()
    (printed,) = fenced(ROOT / "README.md", "text")
    assert capsys.readouterr().out.endswith("}\n" + printed)


def test_the_readme_shows_the_linear_layer_as_it_is() -> None:
    methods = [inspect.getsource(method) for method in (nn.Linear.forward, nn.Linear.backward)]
    assert fenced(ROOT / "README.md", "py") == ["\n\n".join(dedent(method) for method in methods)]


def test_the_readme_has_its_pictures_and_pages() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        linked = re.findall(r'\]\(([^)#:]+)\)|src="([^":]+)"', page.read_text())
        for name in {first or second for first, second in linked}:
            assert (ROOT / name).exists(), f"{page.name} points to {name}, which does not exist"


def test_every_make_target_that_is_named_exists() -> None:
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    named = {words[0] for words in commands("make")}
    assert {"demo", "test"} <= named <= set(targets)


def runnable(arguments: list[str]) -> bool:
    """Whether the command needs no file that only its page makes; such a page runs the command itself."""
    command, *rest = arguments
    if command == "check":
        return (ROOT / rest[0].partition(":")[0]).exists()
    return command in ("demo", "cache") or (command == "train" and rest[0] == "iris.csv")


def test_a_command_that_needs_what_its_page_makes_is_run_by_the_page() -> None:
    cells = [cell for page in PAGES for cell in fenced(page, "{code-cell}")]
    for arguments in commands("plaingrad"):
        words = [shlex.join(arguments), " ".join(arguments)]
        assert runnable(arguments) or any(word in cell for word in words for cell in cells), arguments


@pytest.mark.parametrize("arguments", filter(runnable, commands("plaingrad")), ids=" ".join)
def test_every_command_that_is_named_runs(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command, *_ = arguments
    monkeypatch.chdir(ROOT if command == "check" else tmp_path)
    if command in ("demo", "train"):
        short = ["--epochs", "1", "-o", str(tmp_path / "made")] + ["--rounds", "1"] * (command == "demo")
        arguments = [*arguments, *short]  # the later value of an option counts
        subprocess.run([sys.executable, *shlex.split(IRIS)[1:]], cwd=tmp_path, check=True)
    succeed(*arguments)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_shell_blocks_hold_nothing_else(page: Path) -> None:
    for block in fenced(page, "bash"):
        for line in block.splitlines():
            assert line.split()[0] in ("make", "plaingrad") or line == IRIS, (
                f"nothing runs this line of {page.name}: {line}"
            )
