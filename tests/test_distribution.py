"""What is uploaded: a wheel that works where nothing of the checkout is, and an archive with everything."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from pages import ROOT
from plaingrad.learn import catalogue
from plaingrad.learn.exercise import BLANK


def run(*command: object, **options: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the archive, and the wheel that is built from it, as an index would serve them."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


def test_the_archive_has_every_file_of_the_project(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    files = ["Makefile", "constraints.txt", "constraints-floors.txt"]
    folders = ["src", "tests", "docs", "benchmarks", "examples", "tools"]
    tracked = run("git", "ls-files", *folders, *files, cwd=ROOT).split()
    assert tracked
    assert not sorted(set(tracked) - names)


def test_the_wheel_has_the_package_alone_and_asks_for_what_it_needs(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        (metadata,) = (name for name in names if name.endswith("/METADATA"))
        told = wheel.read(metadata).decode()
    assert {name.partition("/")[0] for name in names} == {"plaingrad", metadata.partition("/")[0]}
    needed = [line for line in told.splitlines() if line.startswith("Requires-Dist: ")]
    assert any(line.startswith("Requires-Dist: torch>=") for line in needed)
    for library in ("narwhals", "pandas", "pyarrow", "scikit-learn", "scipy"):
        assert all("extra ==" in line for line in needed if line.startswith(f"Requires-Dist: {library}"))
        found = [line for line in needed if line.startswith(f"Requires-Dist: {library}")]
        assert any(">=" in line and 'extra == "tables"' in line for line in found)


def test_no_solution_of_an_exercise_stands_in_the_wheel(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        contents = {name: wheel.read(name) for name in wheel.namelist()}
    learn = {name for name in contents if name.startswith("plaingrad/learn/exercises/")}
    assert {Path(name).name for name in learn} == {"__init__.py", "sealed.bin"}
    course = [content for name, content in contents.items() if name.startswith("plaingrad/learn/")]
    for each in catalogue():
        lines = [line for *_, text in BLANK.findall(each.code) for line in text.splitlines()]
        assert not [line for line in lines if any(line.strip().encode() in content for content in course)]


AWAY = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with the wheel, where nothing of the checkout is."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "fresh")
    python = folder / "fresh" / "bin" / "python"
    wheel = next(built.glob("*.whl"))
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=folder, env=AWAY)
    # Dependencies come from the environment of the tests, by a path in a .pth file. Python does not read the
    # .pth files that lie there, so that the checkout does not come with them.
    site = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    where = run(python, "-c", "import plaingrad; print(plaingrad.__file__)", cwd=folder, env=AWAY)
    assert where.startswith(str(folder))
    return python


def test_the_wheel_works_where_nothing_of_the_checkout_is(python: Path, tmp_path: Path) -> None:
    run(python.with_name("plaingrad"), "demo", "--epochs", "3", "--output", "out", cwd=tmp_path, env=AWAY)
    assert (tmp_path / "out" / "model.safetensors").exists()


LEARNING = """
from pathlib import Path
from typer.testing import CliRunner
from plaingrad.cli import app

def learn(code, *words):
    result = CliRunner().invoke(app, ["learn", *words])
    assert result.exit_code == code, result.output
    return result.stdout

learn(0, "start", "embedding")
learn(1, "check")
Path("embedding.py").write_text(learn(0, "solution"))
print(learn(0, "check"))
"""


def test_a_learner_solves_an_exercise_with_the_wheel(python: Path, tmp_path: Path) -> None:
    """The commands are run by one process, and what they check by processes of its own."""
    assert "embedding: 5 of 5 points" in run(python, "-c", LEARNING, cwd=tmp_path, env=AWAY)
