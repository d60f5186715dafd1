import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import plaingrad
from cli.shell import failed, refused, run, succeed
from plaingrad.cli import app

COMMANDS = [
    "columns",
    "train",
    "predict",
    "evaluate",
    "info",
    "export",
    "check",
    "learn",
    "playground",
    "cache",
    "demo",
]
SLOW_TO_IMPORT = ["torch", "numpy", "pandas", "matplotlib", "sklearn", "safetensors"]


def test_help_imports_nothing_slow() -> None:
    """One process shows all of it, and after each of its pages looks at what has been imported."""
    asked = [[], ["--help"], ["--version"], *([command, "--help"] for command in COMMANDS)]
    program = f"""
import sys
from plaingrad.cli import app
for arguments in {asked!r}:
    app(arguments, standalone_mode=False)
    print("IMPORTED", *(name for name in {SLOW_TO_IMPORT} if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    *pages, end = re.split(r"^IMPORTED(.*)\n", done.stdout, flags=re.MULTILINE)
    assert end == ""
    for arguments, page, imported in zip(asked, pages[::2], pages[1::2], strict=True):
        assert "plaingrad" in page, arguments
        assert imported == "", arguments


def test_the_help_names_the_commands() -> None:
    listed = succeed("--help").partition("Commands")[2]
    assert re.findall(r"^│ (\w+) ", listed, flags=re.MULTILINE) == COMMANDS
    assert succeed() == succeed("--help")
    assert "Example: plaingrad train " in succeed("--help")


def test_python_runs_the_package_as_the_command() -> None:
    done = subprocess.run([sys.executable, "-m", "plaingrad", "no"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, refused("no") + "\n")


def test_the_version_is_told() -> None:
    assert succeed("--version") == f"plaingrad {plaingrad.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example_and_speaks_to_programs(command: str) -> None:
    said = succeed(command, "--help")
    assert f"Example: plaingrad {command} " in said
    assert "--quiet" in said
    assert "--json" in said


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    said = succeed(command, "--help")
    assert "<bool>" not in said
    assert max(map(len, said.splitlines())) == 80
    group: Any = typer.main.get_command(app)
    assert all((param.metavar or "") in said for param in group.commands[command].params)  # none is broken


def test_completion_is_for_the_shell_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert succeed("--show-completion", "zsh").startswith("#compdef plaingrad\n")
    assert succeed("--show-completion=zsh") == succeed("--show-completion", "zsh")
    assert "complete --command plaingrad" in succeed("--show-completion", "fish")
    assert "complete -o default -F _plaingrad_completion plaingrad" in succeed("--show-completion", "bash")
    assert "expected one of bash, zsh, fish" in refused("--show-completion", "zhs")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert "completion for fish is in" in succeed("--install-completion", "fish")
    assert list(tmp_path.rglob("plaingrad.fish"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands_options_and_names(shell: str) -> None:
    def completed(*words: str) -> str:
        typed = " ".join(["plaingrad", *words])
        environment = {
            **os.environ,
            "_PLAINGRAD_COMPLETE": f"complete_{shell}",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words)),
            "_TYPER_COMPLETE_ARGS": typed,
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        }
        program = "from plaingrad.cli import main; main()"
        command = [sys.executable, "-c", program]
        return subprocess.run(command, env=environment, capture_output=True, text=True).stdout

    assert "evaluate" in completed("ev")
    assert "--label-smoothing" in completed("train", "--label")
    assert "silu" in completed("train", "--activation", "sil")


def test_an_unknown_command_is_refused_in_one_line() -> None:
    assert refused("demmo") == "plaingrad: No such command 'demmo'. Did you mean 'demo'?"


def test_a_fault_of_the_program_shows_its_traceback_only_if_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a\nfault")

    monkeypatch.setattr("plaingrad.cli.demo._show", broken)
    line = failed("demo", "-o", tmp_path / "out")
    told = "a fault of the program: RuntimeError: a fault (PLAINGRAD_TRACEBACK=1 shows where)"
    assert line == f"plaingrad demo: {told}"
    monkeypatch.setenv("PLAINGRAD_TRACEBACK", "1")
    result = run("demo", "-o", tmp_path / "out")
    assert isinstance(result.exception, RuntimeError)
    assert not (tmp_path / "out").exists()


def test_a_warning_is_one_line_without_its_place_in_the_source(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n" + "1,no\n2,yes\n" * 20)
    command = [sys.executable, "-m", "plaingrad", "train", "t.csv", "--target", "y", "--epochs", "1"]
    environment = {**os.environ, "PLAINGRAD_CACHE": str(tmp_path / "t.csv" / "cache")}
    options = ["--engine", "native", "-o", "out"]
    done = subprocess.run([*command, *options], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert re.match(r"warning: .*t\.csv/cache", line)


def test_interruption_is_told_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("plaingrad.cli.demo._show", interrupted)
    result = run("demo", "-o", tmp_path / "deep" / "out")
    assert (result.exit_code, result.stderr) == (130, "plaingrad demo: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def training(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A demo in another process that will not end by itself, in its second epoch or later."""
    program = "from plaingrad.cli import main; main()"
    command = [sys.executable, "-c", program, "demo", "--epochs", "10000", "-o", tmp_path / "new" / "out"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while not process.stdout.readline().startswith("epoch"):
        assert process.poll() is None
    yield process
    process.kill()
    process.communicate()


def test_ctrl_c_ends_after_the_epoch_with_everything_written(
    tmp_path: Path, training: subprocess.Popen[str]
) -> None:
    training.send_signal(signal.SIGINT)
    out, err = training.communicate(timeout=120)
    assert training.returncode == 0, err
    assert "Traceback" not in err
    assert "interrupted in epoch" in out
    written = {path.name for path in (tmp_path / "new" / "out").iterdir()}
    assert written == {"boundary.png", "history.json", "loss.png", "model.safetensors"}


def test_termination_leaves_nothing_behind(tmp_path: Path, training: subprocess.Popen[str]) -> None:
    training.terminate()
    _, err = training.communicate(timeout=120)
    assert (training.returncode, err) == (128 + signal.SIGTERM, "")
    assert list(tmp_path.iterdir()) == []
