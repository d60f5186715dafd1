"""Writes out the pages of the layers: a section for each class, with its equations beside its source.

A page of ``docs/layers`` is text with two kinds of blocks that stand for more. ``{layers} loss.ctc`` names
files or folders of `nn` and becomes their public classes, titled by their names; ``{run}`` is code that is
executed here, where torch is loaded already, and becomes the code with what it has printed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import io
import os
import pkgutil
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils.nodes import make_id
from sphinx.application import Sphinx

from plaingrad import nn
from plaingrad.nn.absent import ABSENT

PAGES = Path(__file__).parent.parent / "layers"
LAYERS = [f"layers/{page.stem}" for page in sorted(PAGES.glob("*.md"))]
BLOCK = re.compile(r"^```\{(layers|run)\}(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
PAIRS = [
    ("forward", "backward"),
    ("unroll", "roll_back"),
]  # a derivative beneath what it is the derivative of


def files(name: str) -> Iterator[str]:
    """The modules of a file or folder of `nn`."""
    module = importlib.import_module(f"plaingrad.nn.{name}")
    inside = getattr(module, "__path__", None)
    yield from (f"{name}.{each.name}" for each in pkgutil.iter_modules(inside)) if inside else [name]


def own(file: str) -> dict[str, Any]:
    """The classes and functions that a file defines, in its order."""
    module = importlib.import_module(f"plaingrad.nn.{file}")
    return {
        name: each
        for name, each in vars(module).items()
        if (inspect.isclass(each) or inspect.isfunction(each)) and each.__module__ == module.__name__
    }


def package(name: str, each: Any) -> ModuleType | None:
    """The package that gives a name away: `nn`, or the folder of its file; None if neither does."""
    folder = importlib.import_module(each.__module__.rpartition(".")[0])
    return next((module for module in (nn, folder) if name in getattr(module, "__all__", [])), None)


@functools.cache
def documented() -> dict[str, str]:
    """The full names of what is public in `nn`, and of classes that it refers to or has equations from."""
    everything = {name: each for file in every_file() for name, each in own(file).items()}
    names = [name for name, each in everything.items() if package(name, each)]
    for name in names:  # which grows on the way
        bases = [
            base for base in getattr(everything[name], "__mro__", ()) if "math::" in (base.__doc__ or "")
        ]
        words = re.findall(r"(?<!`)`(\w+)`", inspect.getdoc(everything[name]) or "")
        words += [base.__name__ for base in bases]
        names += [word for word in words if inspect.isclass(everything.get(word)) and word not in names]
    return {name: full_name(name, everything[name]) for name in names}


def every_file() -> list[str]:
    names = [each.name for each in pkgutil.iter_modules(nn.__path__) if each.name not in ABSENT]
    return [file for name in names for file in files(name)]


def full_name(name: str, each: Any) -> str:
    public = package(name, each)
    return f"{public.__name__ if public else each.__module__}.{name}"


def members(names: str) -> dict[str, Any]:
    """What the pages show of these files and folders."""
    shown = [item for name in names.split() for file in files(name) for item in own(file).items()]
    return {name: each for name, each in shown if name in documented()}


def outline(text: str) -> list[tuple[str, bool]]:
    """The titles of a page's sections, and whether each is the name of a class or function."""
    titles: list[tuple[str, bool]] = []
    for title, names in re.findall(r"^## (.+)$|^```\{layers\} (.+)$", text, re.MULTILINE):
        titles += [(title, False)] if title else [(name, True) for name in members(names)]
    return titles


def expanded(text: str, page: str) -> str:
    """The text with its blocks written out."""
    shown: dict[Any, str] = {}
    namespace: dict[str, Any] = {}

    def written(block: re.Match[str]) -> str:
        kind, names, code = block.groups()
        if kind == "run":
            return run(code, page, namespace)
        return "\n".join(section(name, each, shown) for name, each in members(names).items())

    return BLOCK.sub(written, text)


def run(code: str, page: str, namespace: dict[str, Any]) -> str:
    """The code, and what it prints."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, page, "exec"), namespace)
    output = f"```{{code-block}} text\n:class: printed\n\n{printed.getvalue()}```\n"
    return f"```{{code-block}} python\n{code}```\n\n{output}"


def section(name: str, each: Any, shown: dict[Any, str]) -> str:
    """A class by its docstring, and beside it its forward and backward; or a function."""
    kind, source = ("class", sources(each, name, shown)) if inspect.isclass(each) else ("function", "")
    beside = "source" if "literalinclude" in source else "reference"
    lines = [
        *(f"## {name}", ""),
        *("::::{container} layer", "```{eval-rst}", f".. auto{kind}:: {documented()[name]}"),
        *(["   :members:"] if kind == "class" else []),
        "```",
        *([f":::{{container}} {beside}", source, ":::"] if source else []),
        *("::::", ""),
    ]
    return "\n".join(lines)


def sources(cls: type, name: str, shown: dict[Any, str]) -> str:
    """The methods of a class, included from their files; by reference where the page has them already."""
    parts = []
    for pair in PAIRS:
        methods = {each: method for each in pair if (method := defined(cls, each))}
        earlier = {each: shown[method] for each, (method, _) in methods.items() if method in shown}
        new = [method for each, method in methods.items() if each not in earlier]
        shown |= {method: name for method, _ in new}
        parts += [included(*lines) for lines in stretches(new)]
        if earlier:
            which = " and ".join(f"`{each}`" for each in earlier)
            where = " and ".join(f"{{py:obj}}`~{documented()[each]}`" for each in sorted({*earlier.values()}))
            parts.append(f"{which}: as in {where}, above.\n")
    return "\n".join(parts)


def defined(cls: type, name: str) -> tuple[Any, type] | None:
    """A method as the class, or the nearest of its bases in `nn`, defines it, with that class."""
    classes = [each for each in cls.__mro__ if each.__module__.startswith("plaingrad.nn.")]
    owner = next((each for each in classes if name in vars(each)), None)
    if owner is None or "raise NotImplementedError" in inspect.getsource(vars(owner)[name]):
        return None
    return inspect.unwrap(vars(owner)[name]), owner  # without the guard around it


def stretches(methods: list[tuple[Any, type]]) -> list[tuple[str, int, int]]:
    """Files and lines of methods; of two in one class, from the first to the end, with what they call."""
    spans = [(inspect.getsourcefile(each), *span(each)) for each, _ in methods]
    if len({owner for _, owner in methods}) == 1 < len(methods):
        return [(spans[0][0], spans[0][1], span(methods[0][1])[1])]
    return spans


def span(each: Any) -> tuple[int, int]:
    """The first and the last line of a class or function."""
    lines, first = inspect.getsourcelines(each)
    return first, first + len(lines) - 1


def included(file: str, first: int, last: int) -> str:
    root = Path(inspect.getsourcefile(nn)).parent.parent
    options = f":language: python\n:lines: {first}-{last}\n:dedent:\n:lineno-match:"
    caption = f":caption: plaingrad/{Path(file).relative_to(root).as_posix()}"
    return f"```{{literalinclude}} {os.path.relpath(file, PAGES)}\n{options}\n{caption}\n```\n"


def read(_app: Sphinx, page: str, source: list[str]) -> None:
    if BLOCK.search(source[0]):
        source[0] = expanded(source[0], page)


def link(_app: Sphinx, _what: str, name: str, _obj: Any, _options: object, lines: list[str]) -> None:
    """Let docstrings of `nn` name classes of any of its files."""
    if name.startswith("plaingrad.nn."):
        for index, line in enumerate(lines):
            lines[index] = re.sub(
                r"(?<![`:])`(\w+)`(?!`)",
                lambda word: f"`~{documented()[word[1]]}`" if word[1] in documented() else word[0],
                line,
            )


def fill_sidebar(app: Sphinx, page: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    if page.startswith("layers/"):
        context["layers"] = [
            (name, app.env.titles[name].astext(), [(t, make_id(t), is_name) for t, is_name in sections(name)])
            for name in app.env.toctree_includes["layers/index"]
        ]


@functools.cache
def sections(page: str) -> list[tuple[str, bool]]:
    return outline((PAGES.parent / f"{page}.md").read_text())


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("source-read", read)
    app.connect("autodoc-process-docstring", link, priority=100)
    app.connect("html-page-context", fill_sidebar)
    return {"parallel_read_safe": True}
