"""The documentation builds without a warning, and every block of code in it runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pages import ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", ROOT / "docs", folder / "html"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_every_page_is_there(built: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (built / f"{page.stem}.html").exists()


def test_results_are_shown(built: Path) -> None:
    assert "epoch: 10 , loss=" in (built / "paper.html").read_text()
    assert (built / "demo.html").read_text().count("<img") >= 1


def test_a_layer_stands_under_its_equations(built: Path) -> None:
    page = (built / "reference" / "generated" / "nn.linear.html").read_text()
    assert "in_features" in page
    assert page.index("math notranslate") < page.index("addmm_")
