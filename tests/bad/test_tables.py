from pathlib import Path

import pytest

from bad.tables import TABLES, BadTable
from plaingrad.errors import InputError
from plaingrad.tables import read_frame


@pytest.mark.parametrize("bad", TABLES.values(), ids=TABLES.keys())
def test_a_file_that_cannot_be_used_is_told_in_one_line(tmp_path: Path, bad: BadTable) -> None:
    file = tmp_path / bad.file
    bad.write(file)
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the words are looked for below
        read_frame(file)
    assert isinstance(caught.value, InputError)
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert bad.words in message
    assert "\n" not in message
    assert len(message) < 500
    assert list(tmp_path.iterdir()) == [file]


def test_there_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="No such file or directory"):
        read_frame(tmp_path / "no.csv")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match="Is a directory"):
        read_frame(tmp_path)
