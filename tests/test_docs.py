"""The documentation builds without a warning, and every block of code in it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat

from pages import ROOT


def test_the_documentation_builds_and_shows_its_results(tmp_path: Path) -> None:
    html = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*command, "-d", tmp_path / "doctrees", ROOT / "docs", html],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr

    for page in (ROOT / "docs").glob("*.md"):
        assert (html / f"{page.stem}.html").exists()
    doors = re.findall(r'<a href="([^"]+)"><strong>', (html / "index.html").read_text())
    assert len(doors) == 6
    assert all((html / door).exists() for door in doors)

    notebooks = sorted(html.glob("notebooks/*.ipynb"))
    assert [f"{path.stem}.md" for path in notebooks] == sorted(
        page.name for page in (ROOT / "docs").glob("*.md") if "file_format: mystnb" in page.read_text()
    )
    for path in notebooks:
        nbformat.validate(nbformat.read(path, as_version=4))
        assert f'href="notebooks/{path.name}" download' in (html / f"{path.stem}.html").read_text()
        assert "{literalinclude}" not in path.read_text()

    assert "epoch: 10 , loss=" in (html / "paper.html").read_text()
    assert re.search(r'<img[^>]+src="_images/', (html / "demo.html").read_text())
    layer = (html / "layers" / "linear.html").read_text().partition('<section id="linear">')[2]
    assert layer.index("in_features") < layer.index("math notranslate") < layer.index("addmm_")
