"""The pages that people read, and the commands on them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def fenced(page: Path, language: str) -> list[str]:
    """The contents of the page's fenced blocks in that language."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands(program: str) -> list[list[str]]:
    """The arguments of each call of the program in the shell blocks of all pages."""
    lines = [line for page in PAGES for block in fenced(page, "bash") for line in block.splitlines()]
    calls = [shlex.split(line, comments=True) for line in lines]
    return [words[1:] for words in calls if words and words[0] == program]
