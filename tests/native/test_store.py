from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from plaingrad.native.compile import store as module
from plaingrad.native.compile.store import Store

KEYS = [digit * 64 for digit in "abcdef"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "deep" / "cache")
    made.prepare()
    return made


def test_only_its_user_can_look_into_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "cache")
        store.prepare()
        store.put(KEYS[0], "// a", "g++ -O3", b"code")
    finally:
        os.umask(before)
    assert store.folder.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in store.folder.iterdir()] == [0o600, 0o600]


def test_an_entry_tells_its_network_and_size(store: Store) -> None:
    store.put(KEYS[0], "// 2-3-2 of float\nint x;", "g++ -O3", b"code")
    (entry,) = store.entries()
    assert (entry.key, entry.network, entry.compiled) == (KEYS[0], "2-3-2 of float", "g++ -O3")
    assert entry.size == sum(path.stat().st_size for path in store.folder.iterdir())
    assert store.library(KEYS[0]).read_bytes() == b"code"
    assert (
        store.source(KEYS[0])
        .read_text()
        .startswith("// 2-3-2 of float\nint x;\n// compiled by g++ -O3\n// sha256 of ")
    )


def test_what_is_not_as_it_was_written_is_not_held(store: Store) -> None:
    key = KEYS[0]
    assert not store.holds(key)
    store.put(key, "// a", "g++ -O3", b"code")
    assert store.holds(key)
    for spoil in (
        lambda: store.library(key).write_bytes(b"cod"),
        lambda: store.library(key).write_bytes(b""),
        lambda: store.library(key).write_bytes(b"cOde"),
        lambda: store.library(key).unlink(),
        lambda: store.source(key).unlink(),
        lambda: store.source(key).write_text("// a"),
        lambda: store.library(key).chmod(0o620),
        lambda: store.source(key).chmod(0o602),
        lambda: _linked(store.library(key)).replace(store.library(key)),
    ):
        spoil()
        assert not store.holds(key)
        store.put(key, "// a", "g++ -O3", b"code")
        assert store.holds(key)


def _linked(path: Path) -> Path:
    """A symbolic link to a copy of the file."""
    copy, link = path.parent / "copy", path.parent / "link"
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    link.symlink_to(copy)
    return link


def test_a_folder_of_somebody_else_is_refused(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(KEYS[0], "// a", "g++ -O3", b"code")
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    for attempt in (store.prepare, store.check):
        with pytest.raises(PermissionError, match="it belongs to somebody else"):
            attempt()
    assert not store.holds(KEYS[0])


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o720])
def test_a_folder_that_others_can_write_to_is_refused(store: Store, mode: int) -> None:
    store.folder.chmod(mode)
    with pytest.raises(PermissionError, match="others may write to it"):
        store.prepare()
    store.folder.chmod(0o755)
    store.prepare()


@pytest.mark.parametrize("suffix", [".so", ".cpp"])
def test_a_full_disk_leaves_nothing_half_written(
    store: Store, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    replace = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.suffix == suffix:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space left"):
        store.put(KEYS[0], "// a", "g++ -O3", b"code")
    assert list(store.folder.iterdir()) == []


def _put(store: Store, key: str, used: int) -> None:
    store.put(key, "// a", "g++ -O3", bytes(1000))
    os.utime(store.library(key), (used, used))


def test_the_least_recently_used_go_first(store: Store) -> None:
    for used, key in enumerate(KEYS):
        _put(store, key, used)
    store.touch(KEYS[0])
    (size,) = {entry.size for entry in store.entries()}
    store.trim(3 * size)
    assert [entry.key for entry in store.entries()] == [KEYS[0], KEYS[5], KEYS[4]]
    assert len(list(store.folder.iterdir())) == 6
    store.trim(3 * size - 1)
    assert [entry.key for entry in store.entries()] == [KEYS[0], KEYS[5]]
    store.trim(0)
    assert list(store.folder.iterdir()) == []


def test_the_number_of_files_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FILES", 4)
    for used, key in enumerate(KEYS):
        _put(store, key, used)
    store.trim(10**9)
    assert [entry.key for entry in store.entries()] == [KEYS[5], KEYS[4]]


def test_leftovers_go_when_nobody_can_be_writing_them_and_other_files_stay(store: Store) -> None:
    _put(store, KEYS[0], 0)
    names = [f".{KEYS[1]}-x1", f"{KEYS[2]}.lock", f"{KEYS[3]}.so", "letter.cpp", f".{KEYS[4]}-x2"]
    for name in names:
        (store.folder / name).write_text("")
        if not name.endswith("x2"):
            os.utime(store.folder / name, (0, 0))
    store.trim(10**9)
    left = {path.name for path in store.folder.iterdir()}
    assert left == {f"{KEYS[0]}.so", f"{KEYS[0]}.cpp", "letter.cpp", f".{KEYS[4]}-x2"}


@pytest.mark.skipif(module.fcntl is None, reason="there are no such locks")
def test_a_lock_goes_though_a_child_that_was_forked_meanwhile_lives_on(store: Store) -> None:
    with store.locked(KEYS[0]):
        path = store.folder / f"{KEYS[0]}.lock"
        held = path.open("w")
        child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
    try:
        module.fcntl.flock(held, module.fcntl.LOCK_EX | module.fcntl.LOCK_NB)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        held.close()
