from __future__ import annotations

import ctypes
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress

from native.scripts import program, script
from plaingrad.console.progress import progress_line
from plaingrad.native.compile import builder
from plaingrad.native.compile.builder import BuildError, Compiler, find_compiler

FIND_OUTPUT = 'while [ "$1" != -o ]; do shift; done'
NO_COMPILER = "no C++ compiler found: set CXX, install g++ or clang++, or pip install plaingrad[compiler]"


@pytest.fixture
def bin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, in an environment without CXX and the package ziglang."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return folder


def test_the_compiler_of_this_machine_compiles_kernels(tmp_path: Path) -> None:
    target = tmp_path / "library.so"
    find_compiler().compile(program(42), target)
    assert ctypes.CDLL(str(target)).answer() == 42
    assert list(tmp_path.iterdir()) == [target]


def test_without_any_compiler_the_message_says_what_to_do(bin: Path) -> None:
    with pytest.raises(BuildError) as caught:
        find_compiler()
    assert str(caught.value) == NO_COMPILER


def test_the_order_is_cxx_then_path(bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("clang++", "g++", "c++"):
        expected = script(bin / name, "exit 0")
        builder._find.cache_clear()
        assert find_compiler() == Compiler((str(expected),), "fake 1.0", "PATH")
    mine = script(bin / "my own", "exit 0")
    monkeypatch.setenv("CXX", "'my own' -fgood 'two words'")
    assert find_compiler() == Compiler((str(mine), "-fgood", "two words"), "fake 1.0", "CXX")
    monkeypatch.setenv("CXX", " ")
    assert find_compiler().origin == "PATH"


def test_it_is_looked_for_once(bin: Path) -> None:
    script(bin / "g++", "exit 0", f'echo asked >> "{bin}/log"; echo fake')
    assert find_compiler() is find_compiler()
    assert (bin / "log").read_text() == "asked\n"


def test_one_that_cannot_tell_its_version_is_passed_over(bin: Path) -> None:
    script(bin / "c++", "", "echo no developer tools; exit 1")
    with pytest.raises(BuildError, match=r"bin/c\+\+ failed with exit code 1: no developer tools$"):
        find_compiler()
    script(bin / "clang++", "exit 0")
    assert find_compiler().command == (str(bin / "clang++"),)


@pytest.mark.parametrize(
    ("cxx", "message"),
    [
        ("nonesuch -O1", "CXX: expected a command, got 'nonesuch -O1': there is no program 'nonesuch'"),
        ("g++ '", 'CXX: expected a command, got "g++ \'": No closing quotation'),
    ],
)
def test_a_cxx_that_is_no_command_is_refused(
    bin: Path, monkeypatch: pytest.MonkeyPatch, cxx: str, message: str
) -> None:
    script(bin / "g++", "exit 0")
    monkeypatch.setenv("CXX", cxx)
    with pytest.raises(BuildError) as caught:
        find_compiler()
    assert str(caught.value) == message


def test_the_package_ziglang_comes_last(tmp_path: Path, bin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ziglang").mkdir()
    (tmp_path / "ziglang" / "__init__.py").touch()  # or a package that is installed would come first
    (tmp_path / "ziglang" / "__main__.py").write_text(
        "import sys; from pathlib import Path\n"
        "arguments = sys.argv[1:]\n"
        "assert arguments.pop(0) == 'c++'\n"
        "if '--version' in arguments: print('zig 1')\n"
        "else: Path(arguments[arguments.index('-o') + 1]).write_text('made by zig')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "ziglang" or None)
    zig = find_compiler()
    assert zig == Compiler((sys.executable, "-m", "ziglang", "c++", "-nostdlib++"), "zig 1", "ziglang")
    zig.compile("", tmp_path / "x.so")
    assert (tmp_path / "x.so").read_text() == "made by zig"

    script(bin / "clang++", "exit 0")
    builder._find.cache_clear()
    assert find_compiler().origin == "PATH"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("exit 1", "failed with exit code 1: it did not say why"),
        ("echo; echo careful; echo 'x.cpp:1: error: bad' >&2; echo 'error: 2'; exit 3",
         "failed with exit code 3: x.cpp:1: error: bad"),
        ("kill -SEGV $$", "was killed by a signal: Segmentation fault"),
        ("exit 0", "ended well and wrote no library"),
        (f'{FIND_OUTPUT}; : > "$2"', "ended well and wrote no library"),
        (f'{FIND_OUTPUT}; : > "$2"; exit 9', "failed with exit code 9: it did not say why"),
    ],
)  # fmt: skip
def test_a_broken_compiler_is_told_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = script(tmp_path / "bin" / "broken", text)
    target = tmp_path / "library.so"
    target.write_text("what was there")
    with pytest.raises(BuildError) as caught:
        Compiler((str(path), "-x"), "", "CXX").compile("", target)
    assert str(caught.value) == f"{path} -x {message}"
    assert target.read_text() == "what was there"
    assert sorted(tmp_path.iterdir()) == [tmp_path / "bin", target]


def test_what_is_no_program_cannot_be_run(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("no program")
    with pytest.raises(BuildError, match=r"text cannot be run: Permission denied$"):
        Compiler((str(path),), "", "CXX").compile("", tmp_path / "library.so")


def test_a_mistake_in_the_source_is_told_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"failed with exit code 1: network.cpp:2:9: error: ") as caught:
        find_compiler().compile("// a network\nint x = y;\n", tmp_path / "library.so")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verbose", [True, False])
@pytest.mark.parametrize("terminal", [True, False])
def test_compiling_that_takes_long_says_so_if_it_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: bool, verbose: bool
) -> None:
    os.mkfifo(tmp_path / "go")
    go = os.open(tmp_path / "go", os.O_RDWR)

    def announced(*args: Any, **options: Any) -> Progress:
        os.write(go, b"go\n")  # not compiled before it is announced
        return progress_line(*args, **options)

    file = io.StringIO()
    monkeypatch.setattr(
        builder, "Console", lambda stderr: Console(file=file, force_terminal=terminal, color_system=None)
    )
    monkeypatch.setattr(builder, "progress_line", announced)
    monkeypatch.setattr(builder, "SECONDS_IN_SILENCE", 0.0)
    wait = f'read line < "{tmp_path}/go"; ' if verbose else ""
    slow = script(tmp_path / "slow", f'{wait}{FIND_OUTPUT}; echo x > "$2"')
    Compiler((str(slow),), "", "CXX").compile("", tmp_path / "library.so", verbose)
    os.close(go)
    if terminal and verbose:
        assert "compiling the network" in file.getvalue()
    else:
        assert file.getvalue() == ("compiling the network\n" if verbose else "")


def test_the_search_for_a_compiler_is_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(builder, "SECONDS_IN_SILENCE", 0.0)
    builder._run([str(script(tmp_path / "slow", "echo 1.0"))], ["--version"], 60)
    assert capfd.readouterr().err == ""


def test_ctrl_c_while_the_compiler_is_being_started_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def starting(*arguments: Any, **options: Any) -> subprocess.Popen[str]:
        started.append(popen(*arguments, **options))
        signal.raise_signal(signal.SIGINT)  # before anybody knows the process
        return started[0]

    popen = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", starting)
    with pytest.raises(KeyboardInterrupt):
        builder._run(["sleep"], ["60"], 60)
    assert started[0].poll() == -signal.SIGKILL


@pytest.mark.parametrize("verbose", [False, True])
def test_a_compiler_that_hangs_is_ended_with_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verbose: bool
) -> None:
    monkeypatch.setattr(builder, "SECONDS_TO_COMPILE", 0.5)
    monkeypatch.setattr(builder, "SECONDS_IN_SILENCE", 0.1)
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    reading = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    hanging = script(tmp_path / "c++", f'exec 3> "{alive}"; sleep 60 & wait')
    compiler = Compiler((str(hanging),), "1.0", "PATH")
    try:
        with pytest.raises(BuildError, match=r"c\+\+ did not end within 0\.5 seconds$"):
            compiler.compile(program(1), tmp_path / "library.so", verbose)
        assert os.read(reading, 1) == b""  # at its end: neither the compiler nor its child holds it
    finally:
        os.close(reading)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alive", "c++"]
