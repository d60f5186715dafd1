import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pytest

import plaingrad
from disk import limited
from plaingrad import interop, nn
from plaingrad.files import filling, held, replacing
from plaingrad.train.checkpoint import save_model


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    with replacing(file) as temporary:
        temporary.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_stays_as_it_was_if_writing_fails(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("old")
    with suppress(KeyboardInterrupt), replacing(file) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_file_may_be_read_by_whom_the_umask_lets(tmp_path: Path, mask: int, is_new: bool) -> None:
    file = tmp_path / "a.txt"
    if not is_new:
        file.write_text("old")
        file.chmod(0o600)
    before = os.umask(mask)
    try:
        with replacing(file) as temporary:
            temporary.write_text("new")
        assert os.umask(mask) == mask  # it is left as it was
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_folder_is_filled_at_once(tmp_path: Path) -> None:
    target = tmp_path / "new" / "out"
    with filling(target) as folder:
        (folder / "a").write_text("1")
        (folder / "b").write_text("2")
        assert not (target / "a").exists()
    assert {path.name: path.read_text() for path in target.iterdir()} == {"a": "1", "b": "2"}


def test_a_folder_stays_as_it_was_if_filling_fails(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    with suppress(ZeroDivisionError), filling(tmp_path) as folder:
        (folder / "a").write_text("new")
        raise ZeroDivisionError
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "old"}


def test_folders_that_were_made_in_vain_are_removed(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), filling(tmp_path / "x" / "y") as folder:
        (folder / "a").write_text("new")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_what_cannot_be_a_folder_is_refused_at_once(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotADirectoryError), filling(tmp_path / place):
        raise AssertionError("entered")
    assert (tmp_path / "file").read_text() == "mine"


def write_arrow(path: Path) -> None:
    with replacing(path) as temporary, pa.output_stream(str(temporary)) as stream:
        stream.write(b"0" * 100_000)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: plaingrad.save(nn.Linear(100, 100), path),
        lambda path: save_model(nn.Linear(100, 100), path),
        lambda path: interop.export_onnx(nn.Linear(100, 100), path, (100,)),
        write_arrow,
    ],
    ids=["save", "save_model", "export_onnx", "arrow"],
)
def test_a_full_disk_and_a_missing_folder_name_the_file(
    tmp_path: Path, write: Callable[[Path], object]
) -> None:
    (tmp_path / "file").touch()
    for name, kind in (("no/x.bin", FileNotFoundError), ("file/x.bin", NotADirectoryError)):
        with pytest.raises(kind) as caught:
            write(tmp_path / name)
        assert caught.value.filename == str(tmp_path / name)
    with pytest.raises(OSError) as full, limited(8000):  # noqa: PT011, its number is looked at below
        write(tmp_path / "x.bin")
    assert (full.value.errno, full.value.filename) == (errno.EFBIG, str(tmp_path / "x.bin"))
    assert full.value.strerror == os.strerror(errno.EFBIG)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_files_that_a_folder_has_no_room_for_are_named_as_asked(tmp_path: Path) -> None:
    place = tmp_path / "new"
    with pytest.raises(OSError, match="File too large") as caught, filling(place) as folder, limited(10):
        (folder / "a").write_text("1" * 100)
    assert caught.value.filename == str(tmp_path / "new")
    with pytest.raises(FileNotFoundError) as missing, filling(tmp_path / "new") as folder:
        (folder / "sub" / "a").write_text("1")
    assert missing.value.filename == str(tmp_path / "new" / "sub" / "a")


def test_errors_about_other_files_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a"):
        (tmp_path / "other").read_text()
    assert caught.value.filename == str(tmp_path / "other")
    with pytest.raises(OSError, match="fork") as nameless, filling(tmp_path / "new"):
        raise OSError(errno.ENOMEM, "fork")
    assert nameless.value.filename is None


class Killed(BaseException):
    """In the place of SIGKILL."""


@pytest.mark.parametrize("renames", range(5))
def test_a_folder_that_was_half_filled_is_completed_by_the_next(
    renames: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last file is there with all others of its kind only, whenever the process is killed."""
    names = ["a", "model", "z"]
    for name in names:
        (tmp_path / name).write_text("old")
    replace, left = Path.replace, [renames]

    def dying(self: Path, target: Path) -> Path:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    monkeypatch.setattr("shutil.rmtree", lambda *arguments, **options: None)  # nothing is tidied up
    with suppress(Killed), filling(tmp_path, last="model") as folder:
        for name in names:
            (folder / name).write_text("new")
    monkeypatch.undo()
    if (tmp_path / "model").exists():
        assert {(tmp_path / name).read_text() for name in names} == {"new"}
    with filling(tmp_path, last="model"):
        assert {name: (tmp_path / name).read_text() for name in names} == dict.fromkeys(names, "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_what_a_process_that_was_killed_has_left_is_removed_and_a_living_one_s_is_not(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-dead").mkdir()
    (tmp_path / ".unfinished-dead" / "a").write_text("half")
    (tmp_path / ".a-dead0000.unfinished.txt").write_text("half")
    (tmp_path / ".a-mine.txt").write_text("a file of someone's own")
    with filling(tmp_path) as living:
        with filling(tmp_path) as other:
            assert living.is_dir()
            (other / "b").write_text("new")
        (living / "c").write_text("new")
        with replacing(tmp_path / "a.txt") as first, replacing(tmp_path / "a.txt") as second:
            assert first.exists()
            first.write_text("first")
            second.write_text("second")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".a-mine.txt", "a.txt", "b", "c"]
    assert (tmp_path / "a.txt").read_text() == "first"


def test_a_lock_that_was_removed_while_another_opened_it_is_nobodys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fcntl = pytest.importorskip("fcntl")
    path, first = tmp_path / "lock", held(tmp_path / "lock")
    flock, calls = fcntl.flock, []

    def between(handle: int, operation: int) -> None:
        calls.append(handle)
        if len(calls) == 2:  # the second has opened the file, which the first now removes
            first.__exit__(None, None, None)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", between)
    assert first.__enter__()
    with held(path) as is_second, held(path) as is_third:
        assert (is_second, is_third) == (True, False)
    assert list(tmp_path.iterdir()) == []
