"""Writes a page for each exercise from its one source file, beside the learner's script and notebook.

The text is the docstring; code, points and the names of mistakes follow. Hints and solutions stay with
`plaingrad learn`, so that a page can be set as homework.
"""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

from plaingrad.learn import Exercise, catalogue

FOLDER = "exercises"


def page(each: Exercise) -> str:
    """The page of an exercise, as reStructuredText, like the docstring that it begins with."""
    text = each.text.partition("\n")[2]
    lines = [
        *(each.title, "=" * len(each.title), text, ""),
        *("The code", "--------", ""),
        f"Download `{each.id}.py <{each.id}.py>`_ or the notebook `{each.id}.ipynb <{each.id}.ipynb>`_, or",
        f"let ``plaingrad learn start {each.id}`` write it. Your lines go where an error is raised:",
        *("", ".. code-block:: python", "", textwrap.indent(each.listing(), "   "), ""),
        f"``plaingrad learn check {each.id}.py`` checks it, and ``plaingrad learn hint {each.id}`` has"
        f" {len(each.hints)} hints.",
        *("", "Points", "------", "", ".. list-table::", ""),
        *(f"   * - {part}\n     - {points}" for part, points in each.parts.items()),
        *("", "Mistakes that the check names", "-----------------------------", ""),
        *(f"- {wrong.description}" for wrong in each.wrong),
        "",
    ]
    return "\n".join(lines)


def generate(app: Sphinx, _config: object) -> None:
    folder = Path(app.srcdir) / FOLDER
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.rst"):
        stale.unlink()
    for each in catalogue():
        (folder / f"{each.id}.rst").write_text(page(each))


def write(app: Sphinx, exception: Exception | None) -> None:
    """Write what the pages offer for download."""
    if exception is None and app.builder.name == "html":
        for each in catalogue():
            path = Path(app.outdir) / FOLDER / each.id
            path.with_suffix(".py").write_text(each.student())
            path.with_suffix(".ipynb").write_text(json.dumps(each.notebook(), indent=1) + "\n")


def offer(_app: Sphinx, name: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if name.startswith(f"{FOLDER}/"):
        context["notebook"] = name.removeprefix(f"{FOLDER}/") + ".ipynb"


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", generate)
    app.connect("html-page-context", offer)
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
