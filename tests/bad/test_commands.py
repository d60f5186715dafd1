"""Each bad command gets one clear line, the exit code 2, and leaves nothing behind."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest

from bad.commands import COMMANDS, BadCommand, rows
from cli.shell import refused, succeed


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what every bad command finds."""
    folder = tmp_path_factory.mktemp("models")
    for name, y in (("classes", ("no", "yes")), ("numbers", ("1.5", "2.25"))):
        (folder / f"{name}.csv").write_text(rows(y=y))
        succeed(
            "train", folder / f"{name}.csv", "--target", "y", "-o", folder / name, "--epochs", 1, "--quiet"
        )
    return folder


def listed(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("case", COMMANDS.values(), ids=COMMANDS.keys())
def test_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, models: Path, case: BadCommand
) -> None:
    shutil.copy(models / "classes.csv", tmp_path / "good.csv")
    shutil.copy(models / "numbers.csv", tmp_path / "numbers.csv")
    for name in ("classes", "numbers"):
        shutil.copy(models / name / "model.safetensors", tmp_path / f"{name}.safetensors")
    for name, content in case.files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            (tmp_path / name).symlink_to(content)
        else:
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.chdir(tmp_path)
    before = listed(tmp_path)
    line = refused(*shlex.split(case.typed))
    command = case.typed.partition(" ")[0]
    assert line.startswith(f"plaingrad {command}: {case.message}"), line
    assert len(line) < 600
    assert listed(tmp_path) == before
