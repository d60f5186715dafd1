from __future__ import annotations

import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from native.scripts import compilations, counting, program, script
from plaingrad.native.compile import builder, cache
from plaingrad.native.compile.builder import BuildError


@pytest.fixture(autouse=True)
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A compiler that counts, in a process that has loaded nothing, with a cache of its own."""
    path = counting(tmp_path / "bin" / "cxx")
    monkeypatch.setenv("CXX", str(path))
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PLAINGRAD_CACHE_SIZE", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(cache, "_loaded", {})
    cache._own_folder.cache_clear()
    yield path
    cache._own_folder.cache_clear()


def answer(number: int) -> int:
    """What the program answers when this process has forgotten it."""
    cache._loaded.clear()
    return int(cache.library(program(number)).answer())


def test_a_source_is_compiled_once_and_found_again(compiler: Path) -> None:
    source = program(42)
    library = cache.library(source)
    assert library.answer() == 42
    assert cache.library(source) is library
    cache._loaded.clear()
    assert cache.library(source) is not library
    assert answer(42) == 42
    assert compilations(compiler) == 1
    assert answer(43) == 43
    assert compilations(compiler) == 2


def test_what_is_loaded_needs_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    library = cache.library(program(1))
    assert cache.clear() == 1
    monkeypatch.setattr(cache, "find_compiler", lambda: pytest.fail("looked for a compiler"))
    assert cache.library(program(1)) is library


def test_everything_that_the_code_depends_on_is_in_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler, source = builder.find_compiler(), program(1)
    others = replace(compiler, version="fake 2.0"), replace(compiler, command=(*compiler.command, "-g"))
    keys = [cache._key(program(2), compiler), *(cache._key(source, each) for each in (compiler, *others))]
    for name, value in (("FLAGS", (*builder.FLAGS, "-g")), ("_processor", lambda: ["another"])):
        with monkeypatch.context() as patch:
            patch.setattr(cache, name, value)
            keys.append(cache._key(source, compiler))
    kernels = tmp_path / "kernels"
    shutil.copytree(builder.KERNELS, kernels)
    monkeypatch.setattr(cache, "KERNELS", kernels)
    assert cache._key(source, compiler) == keys[1]
    (kernels / "base" / "matrix.hpp").write_text("changed")
    keys.append(cache._key(source, compiler))
    assert len(set(keys)) == len(keys) == 7


def test_the_folder_is_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for named, expected in (("here", tmp_path / "here"), ("~/there", tmp_path / "there")):
        monkeypatch.setenv("PLAINGRAD_CACHE", named)
        assert cache.folder() == expected
    monkeypatch.delenv("PLAINGRAD_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    if sys.platform == "linux":
        assert cache.folder() == tmp_path / "xdg" / "plaingrad"


def test_a_library_that_was_cut_off_is_built_anew(tmp_path: Path, compiler: Path) -> None:
    assert answer(5) == 5
    (library,) = (tmp_path / "cache").glob("*.so")
    code = library.read_bytes()
    library.unlink()  # this process has mapped the old file
    library.write_bytes(code[: len(code) // 2])
    library.chmod(0o600)
    assert answer(5) == 5
    assert compilations(compiler) == 2
    assert answer(5) == 5
    assert compilations(compiler) == 2


def without_cache(compiler: Path, match: str) -> None:
    """Twice the process does without a cache, and compiles once for itself."""
    for _ in range(2):
        with pytest.warns(RuntimeWarning, match=match) as caught:
            assert answer(6) == 6
        assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert compilations(compiler) == 1
    assert not (cache.folder().exists() and any(cache.folder().iterdir()))


def test_a_cache_that_is_not_to_be_trusted_is_left_alone(compiler: Path) -> None:
    cache.folder().mkdir()
    cache.folder().chmod(0o777)
    without_cache(compiler, "others may write to it")


def test_what_a_cache_that_is_not_to_be_trusted_holds_is_not_loaded(compiler: Path) -> None:
    answer(6)
    cache.folder().chmod(0o777)
    with pytest.warns(RuntimeWarning, match="others may write to it"):
        assert answer(6) == 6
    assert compilations(compiler) == 2


def test_a_cache_of_somebody_else_is_left_alone(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.folder().mkdir(mode=0o700)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    without_cache(compiler, "it belongs to somebody else")


@pytest.mark.parametrize("place", ["/proc/plaingrad", "/dev/null", "/dev/null/plaingrad"])
def test_a_place_that_cannot_be_written_to_is_done_without(
    compiler: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("PLAINGRAD_CACHE", place)
    with pytest.warns(RuntimeWarning, match=f"lost with this process: {place}: "):
        assert answer(7) == 7


def test_a_disk_on_which_nothing_fits_is_done_without(
    compiler: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("plaingrad.native.compile.store._write", full)
    without_cache(compiler, "No space left on device")


def test_a_cache_that_can_only_be_read_is_read(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert answer(8) == 8

    def read_only(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    for name in ("utime", "unlink", "replace", "rename"):
        monkeypatch.setattr(os, name, read_only)
    monkeypatch.setenv("PLAINGRAD_CACHE_SIZE", "0")  # it would be removed if it could
    assert answer(8) == 8
    assert compilations(compiler) == 1


def test_the_process_s_own_folder_is_private_and_goes_with_it(tmp_path: Path) -> None:
    place = cache._own_folder(os.getpid())
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    code = (
        "import os, tempfile; from plaingrad.native.compile import cache\n"
        f"tempfile.tempdir = {str(tmp_path / 'temporary')!r}; place = cache._own_folder(os.getpid())\n"
        "(place / 'file').write_text('')\n"
        "child = os.fork()\n"
        "if child: os.waitpid(child, 0); print(place.exists())\n"
    )
    (tmp_path / "temporary").mkdir()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []


def test_without_any_place_it_is_a_build_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(BuildError, match=r"there is no place to compile a network in: .*No such file"):
        answer(9)


def test_a_place_from_which_nothing_can_be_loaded_is_not_compiled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Mounted:
        f_flag = os.ST_NOEXEC

    monkeypatch.setattr(os, "statvfs", lambda path: Mounted)
    assert answer(9) == 9
    own = cache._own_folder(os.getpid())
    assert own.parent == cache.folder()
    assert list(own.iterdir()) == []
    assert [entry.network for entry in cache.contents()]
    cache._own_folder.cache_clear()
    monkeypatch.setenv("PLAINGRAD_CACHE", "/proc/plaingrad")
    with (
        pytest.warns(RuntimeWarning, match="lost with this process"),
        pytest.raises(BuildError, match=r"there is no place to compile a network in: .*/proc/plaingrad"),
    ):
        answer(11)


def test_a_temporary_folder_that_is_mounted_noexec(tmp_path: Path) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    code = f"from plaingrad.native.compile import cache; print(cache.library({program(12)!r}).answer())"
    mounted = 'mount -t tmpfs -o noexec tmpfs "$TMPDIR" && echo mounted && exec "$@"'
    command = ["unshare", "--mount", "--map-root-user", "sh", "-c", mounted, "sh", sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TMPDIR": str(place)})
    if not done.stdout.startswith("mounted"):
        pytest.skip("mounting is not allowed here")
    assert (done.stdout, done.stderr) == ("mounted\n12\n", "")


def test_what_cannot_be_loaded_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = script(tmp_path / "bad", 'while [ "$1" != -o ]; do shift; done; echo rubbish > "$2"')
    monkeypatch.setenv("CXX", str(bad))
    with pytest.raises(BuildError, match=r"bad made what cannot be loaded: .*too short"):
        answer(10)
    assert list(cache.folder().iterdir()) == []
    assert list(cache._own_folder(os.getpid()).iterdir()) == []


def test_a_failing_compiler_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(script(tmp_path / "bad", "exit 1")))
    with pytest.raises(BuildError, match="bad failed with exit code 1"):
        answer(11)
    assert list(cache.folder().iterdir()) == []
    assert list(cache._own_folder(os.getpid()).iterdir()) == []


def test_the_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        answer(number)
    assert [entry.network for entry in cache.contents()] == ["a network"] * 2
    monkeypatch.setenv("PLAINGRAD_CACHE_SIZE", "0")
    assert answer(3) == 3
    assert cache.contents() == []
    monkeypatch.setenv("PLAINGRAD_CACHE_SIZE", "2 GB")
    with pytest.raises(ValueError, match=r"^PLAINGRAD_CACHE_SIZE: expected a whole .*, got '2 GB'$"):
        answer(4)


def test_clearing_removes_the_networks_alone() -> None:
    assert cache.contents() == []
    assert cache.clear() == 0
    assert not cache.folder().exists()
    answer(1)
    answer(2)
    (cache.folder() / "letter.cpp").write_text("mine")
    assert cache.clear() == 2
    assert [path.name for path in cache.folder().iterdir()] == ["letter.cpp"]
    cache.folder().chmod(0o777)
    for attempt in (cache.clear, cache.contents):
        with pytest.raises(PermissionError, match="others may write to it"):
            attempt()


def test_threads_compile_a_network_once(compiler: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        libraries = list(threads.map(cache.library, [program(20)] * 4))
    assert [library.answer() for library in libraries] == [20] * 4
    assert compilations(compiler) == 1


ASK = """
from plaingrad.native.compile import cache
from native.scripts import program
print("asking", flush=True)
print(cache.library(program(21)).answer(), flush=True)
"""


def asking() -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "TMPDIR": str(tempfile.tempdir)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", ASK], env=environment, text=True, **pipes)


def test_two_processes_compile_a_network_once(tmp_path: Path, compiler: Path) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    os.mkfifo(begun)
    os.mkfifo(go)
    counting(compiler, before=f'echo begun > "{begun}"; read line < "{go}"')
    with asking() as first, asking() as second:
        assert begun.read_text() == "begun\n"
        for process in (first, second):
            assert process.stdout is not None
            assert process.stdout.readline() == "asking\n"
        go.write_text("go\n")
        told = [process.communicate(timeout=60) for process in (first, second)]
    assert told == [("21\n", "")] * 2
    assert compilations(compiler) == 1
    assert sorted(path.suffix for path in cache.folder().iterdir()) == [".cpp", ".so"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="nobody tells what is mapped")
def test_a_library_is_mapped_once(compiler: Path) -> None:
    library = cache.library(program(23))
    key = Path(library._name).stem
    mapped = {line.split()[5] for line in Path("/proc/self/maps").read_text().splitlines() if key in line}
    assert len(mapped) == 1


def test_what_killed_processes_have_left_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen(["true"])
    gone.wait()
    names = {
        f"plaingrad-{gone.pid}-old": 7200,
        f"plaingrad-{gone.pid}-young": 60,
        f"plaingrad-{os.getpid()}-old": 7200,
        "plaingrad-notes-old": 7200,
    }
    for name, age in names.items():
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    own = cache._own_folder.__wrapped__(os.getpid())
    left = {path.name for path in tmp_path.glob("plaingrad-*")} - {own.name}
    assert left == names.keys() - {f"plaingrad-{gone.pid}-old"}


FORK = """
import os, threading
from plaingrad.native.compile import cache
from native.scripts import program
source = program(22)
cache._locks.setdefault(cache._request(source), threading.Lock()).acquire()  # as by a thread that compiles it
child = os.fork()
if child == 0:
    os._exit(cache.library(source).answer())
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_child_can_compile_what_a_thread_was_compiling_when_it_was_forked(compiler: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "ignore", "-c", FORK]
    done = subprocess.run(command, env=environment, text=True, capture_output=True, timeout=60)
    assert done.stdout == "22\n", done.stderr


def test_ctrl_c_stops_the_compiler_and_leaves_nothing(tmp_path: Path, compiler: Path) -> None:
    alive = tmp_path / "alive"
    os.mkfifo(alive)
    before = f'exec 3> "{alive}"; : > "$TMPDIR/half.o"; (trap "" INT TERM; sleep 60) & echo begun >&3; wait'
    counting(compiler, before=before)
    existing = set(tmp_path.iterdir())
    with asking() as process, alive.open() as pipe:
        assert pipe.readline() == "begun\n"
        assert set(tmp_path.iterdir()) > existing
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        assert select.select([pipe], [], [], 30)[0]  # at its end: neither the compiler nor its child holds it
        assert pipe.read() == ""
    assert process.returncode == -signal.SIGINT
    assert errors.endswith("KeyboardInterrupt\n")
    assert set(tmp_path.iterdir()) - existing == {cache.folder()}
    assert list(cache.folder().iterdir()) == []
