"""The C++ compiler: finding it, and compiling a source into a shared object."""

from __future__ import annotations

import functools
import importlib.util
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from plaingrad.console.progress import progress_line
from plaingrad.native.interrupt import Interrupt

KERNELS = Path(__file__).parent.parent / "kernels"

# Nobody asks for errno or traps here, and a product may be fused with its sum. Not -ffast-math, which takes
# it that there is no NaN: a training that diverges must be seen to.
FLAGS = (
    "-std=c++20",
    "-O3",
    "-march=native",
    "-fPIC",
    "-shared",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=fast",
)

NAMES = ("c++", "g++", "clang++")

# Zig would build its C++ library at the first call, which takes a minute; the kernels use none.
ZIG = ("-m", "ziglang", "c++", "-nostdlib++")

SECONDS_IN_SILENCE = 0.5
SECONDS_TO_ANSWER = 30  # for its version
SECONDS_TO_COMPILE = 600  # the largest networks take less than a minute


class BuildError(RuntimeError):
    """A network could not be compiled; the message is one line."""


@dataclass(frozen=True)
class Compiler:
    """A C++ compiler that takes the options of GCC.

    Attributes:
        command: the program, and the arguments that come before all others.
        version: the first line of what it says about itself.
        origin: how it was found: "CXX", "PATH" or "ziglang".
    """

    command: tuple[str, ...]
    version: str
    origin: str

    def __str__(self) -> str:
        return shlex.join(self.command)

    def described(self) -> str:
        """Command, version and flags in a line."""
        return f"{self} ({self.version}) {shlex.join(FLAGS)}"

    def compile(self, source: str, target: Path, verbose: bool = False) -> None:
        """Compile a source that includes kernels into a shared object.

        The target appears when it is whole. If anything goes wrong, Ctrl-C among it, the compiler is stopped,
        its files are removed, and what stood there stays.

        Args:
            source: the text of the program.
            target: the file to write; its folder must exist.
            verbose: whether to say so on standard error if it takes longer than half a second.

        Raises:
            BuildError: the compiler cannot be run, fails, or writes no library.
            OSError: the target's folder cannot be written to.
        """
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target.parent) as folder:
            program, library = Path(folder, "network.cpp"), Path(folder, "network.so")
            program.write_text(source, encoding="utf-8")
            arguments = [*FLAGS, "-I", str(KERNELS), "-o", str(library), str(program)]
            _run(self.command, arguments, SECONDS_TO_COMPILE, verbose, folder)
            if not (library.exists() and library.stat().st_size):
                raise BuildError(f"{self} ended well and wrote no library")
            library.replace(target)


def find_compiler() -> Compiler:
    """The compiler that CXX names, else the first on PATH, else the one in the package ziglang.

    It is looked for once, and again when CXX or PATH change.

    Raises:
        BuildError: there is none, or none that can be run.
    """
    return _find(os.environ.get("CXX", ""), os.environ.get("PATH", os.defpath))


@functools.cache
def _find(cxx: str, path: str) -> Compiler:
    failure = None
    for command, origin in _candidates(cxx, path):
        try:
            output = _run(command, ["--version"], SECONDS_TO_ANSWER)
        except BuildError as error:
            failure = failure or error
        else:
            return Compiler(command, output.partition("\n")[0].strip(), origin)
    raise failure or BuildError(
        "no C++ compiler found: set CXX, install g++ or clang++, or pip install plaingrad[compiler]"
    )


def _candidates(cxx: str, path: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """The commands that may be a compiler, and where they come from; CXX alone if it is set."""
    if cxx.strip():
        try:
            name, *arguments = shlex.split(cxx)
        except ValueError as error:
            raise BuildError(f"CXX: expected a command, got {cxx!r}: {error}") from None
        program = shutil.which(name, path=path)
        if program is None:
            raise BuildError(f"CXX: expected a command, got {cxx!r}: there is no program {name!r}")
        yield (str(Path(program).absolute()), *arguments), "CXX"
        return
    for name in NAMES:
        if program := shutil.which(name, path=path):
            yield (str(Path(program).absolute()),), "PATH"
    if importlib.util.find_spec("ziglang") is not None:
        yield (sys.executable, *ZIG), "ziglang"


def _run(
    command: Sequence[str],
    arguments: Sequence[str],
    seconds: float,
    verbose: bool = False,
    folder: str = "",
) -> str:
    """The output of a command; it is stopped with all its children after so long, and on Ctrl-C.

    Its temporary files are put in the folder, if one is given, whose path is left out where it fails.
    """
    name = shlex.join(command)
    try:
        with Interrupt(message="") as interrupt:  # which would leave a process that nobody knows of
            process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env={**os.environ, "LC_ALL": "C", **({"TMPDIR": folder} if folder else {})},
                start_new_session=True,  # a group of its own, that can be killed as one
            )
    except OSError as error:
        raise BuildError(f"{name} cannot be run: {error.strerror}") from error
    try:
        if interrupt.requested:
            raise KeyboardInterrupt
        output = _awaited(process, seconds, verbose)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise BuildError(f"{name} did not end within {seconds:g} seconds") from None
    except BaseException:
        _kill(process)
        raise
    if process.returncode < 0:
        raise BuildError(f"{name} was killed by a signal: {signal.strsignal(-process.returncode)}")
    if process.returncode > 0:
        lines = [line.strip() for line in output.splitlines() if line.strip()] or ["it did not say why"]
        reason = next((line for line in lines if "error" in line.lower()), lines[0])
        if folder:
            reason = reason.replace(f"{folder}{os.sep}", "")
        raise BuildError(f"{name} failed with exit code {process.returncode}: {reason}")
    return output


def _awaited(process: subprocess.Popen[str], seconds: float, verbose: bool) -> str:
    """The output when it is complete."""
    if not verbose:
        return process.communicate(timeout=seconds)[0]
    with suppress(subprocess.TimeoutExpired):
        return process.communicate(timeout=SECONDS_IN_SILENCE)[0]
    console = Console(stderr=True)
    if not console.is_terminal:  # a log, which has no use for what is to be overwritten
        console.print("compiling the network", highlight=False)
    with progress_line(console, "compiling the network", counted=False) as progress:
        progress.add_task("", total=None)
        return process.communicate(timeout=seconds)[0]


def _kill(process: subprocess.Popen[str]) -> None:
    """End the process and its children, and return when they are gone."""
    if sys.platform == "win32":
        process.kill()
    else:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()  # the pipe ends with the last of them, and none writes another file
