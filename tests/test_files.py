from contextlib import suppress
from pathlib import Path

import pytest

from plaingrad.files import filling, replacing


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
