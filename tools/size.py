"""Print how many lines of code each folder of the package has, and how many more than at another commit.

Run as ``python tools/size.py [COMMIT]``. Blank lines, comments and docstrings do not count.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parent.parent
PACKAGE = "src/plaingrad/"
SUFFIXES = (".py", ".hpp")


def git(*arguments: str) -> str:
    """What git prints."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def lines_of_code(path: str, text: str) -> int:
    """The number of lines with code on them."""
    lines = {i for i, line in enumerate(text.splitlines(), 1) if line.strip()[:1] not in ("", "#")}
    if not path.endswith(".py"):
        return len([i for i in lines if not text.splitlines()[i - 1].strip().startswith("//")])
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and type(node.value.value) is str
        ):
            assert node.end_lineno is not None
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def by_folder(texts: dict[str, str]) -> Counter[str]:
    """The lines of code of each folder of the package; of a file beside them, under its own name."""
    sizes: Counter[str] = Counter()
    for path, text in texts.items():
        sizes[PurePosixPath(path.removeprefix(PACKAGE)).parts[0]] += lines_of_code(path, text)
    return sizes


def at(commit: str | None) -> dict[str, str]:
    """The texts of the package's files, at a commit or as they are now."""
    if commit is None:
        paths = git("ls-files", "--cached", "--others", "--exclude-standard", PACKAGE).splitlines()
        files = [path for path in paths if path.endswith(SUFFIXES) and (ROOT / path).exists()]
        return {path: (ROOT / path).read_text() for path in files}
    paths = git("ls-tree", "-r", "--name-only", commit, PACKAGE).splitlines()
    return {path: git("show", f"{commit}:{path}") for path in paths if path.endswith(SUFFIXES)}


def main() -> None:
    """Print the table."""
    now = by_folder(at(None))
    before = by_folder(at(sys.argv[1])) if len(sys.argv) > 1 else now
    for name in sorted({*now, *before}, key=lambda name: (-now[name], name)):
        print(f"{now[name]:7,} {now[name] - before[name]:+7,}  {name}")
    print(f"{now.total():7,} {now.total() - before.total():+7,}  in all")


if __name__ == "__main__":
    main()
