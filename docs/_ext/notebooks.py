"""Writes each page whose code is executed as a notebook too, which its last line offers for download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from myst_nb.core.read import read_myst_markdown_notebook
from sphinx.application import Sphinx
from sphinx.directives.code import LiteralIncludeReader

MARK = "---\nfile_format: mystnb"
INCLUDED = re.compile(r"^```\{literalinclude\} (.+)\n((?::.*\n)*)```$", re.MULTILINE)
LINK = re.compile(r"\]\((\w+)\.md(#[^)]*)?\)")


def pages(folder: Path) -> dict[str, str]:
    """The text of each page with code that is executed, by name."""
    texts = {page.stem: page.read_text() for page in sorted(folder.glob("*.md"))}
    return {name: text for name, text in texts.items() if text.startswith(MARK)}


def notebook(app: Sphinx, text: str, others: dict[str, str]) -> nbformat.NotebookNode:
    """The page with the sources that it shows, and with links to other notebooks."""

    def source(block: re.Match[str]) -> str:
        options: dict[str, Any] = dict(re.findall(r"^:([\w-]+): ?(.*)$", block[2], re.MULTILINE))
        if "dedent" in options:
            options["dedent"] = int(options["dedent"])
        file = (Path(app.srcdir) / block[1]).resolve()
        code, _ = LiteralIncludeReader(str(file), options, app.config).read()
        return f"```{options['language']}\n{code}```"

    def link(target: re.Match[str]) -> str:
        return f"]({target[1]}.ipynb)" if target[1] in others else f"](../{target[1]}.html{target[2] or ''})"

    written = read_myst_markdown_notebook(LINK.sub(link, INCLUDED.sub(source, text)))
    written.metadata.pop("file_format", None)
    for cell in written.cells:
        cell.metadata.pop("mystnb", None)
    return written


def write(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.name == "html":
        folder = Path(app.outdir) / "notebooks"
        folder.mkdir(exist_ok=True)
        texts = pages(Path(app.srcdir))
        for name, text in texts.items():
            nbformat.write(notebook(app, text, texts), folder / f"{name}.ipynb")


def offer(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if page in pages(Path(app.srcdir)):
        context["notebook"] = f"notebooks/{page}.ipynb"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", write)
    app.connect("html-page-context", offer)
    return {"parallel_read_safe": True}
