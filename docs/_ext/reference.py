"""Writes the reference pages from the packages themselves, so that a new layer appears by being public.

A package gets a page with a table of its public names. They are grouped by the file that defines them, a
family, and each family gets a page of its own, titled by the first line of the file's docstring. Under a
class stand the methods that are the point of it, as they are in the source.
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx

PACKAGES = {
    "optim": "Update rules and schedules",
    "init": "Initialisers",
    "train": "Training",
    "train.callbacks": "Callbacks",
    "data": "Data",
    "inspect": "Inspection",
    "inspect.plots": "Plots",
    "inspect.graphs": "Graphs as pictures",
    "estimators": "Estimators for tables",
    "tables": "Tables of any columns",
    "saving": "Models as files",
    "interop": "Models that travel",
    "paper": "The paper's names",
}
# scikit-learn writes these methods, and their docstrings, into every estimator.
THEIRS = "set_fit_request, set_partial_fit_request, set_score_request, set_transform_request"
SHOWN = ["forward", "backward", "update"]


def families(package: ModuleType) -> dict[ModuleType, list[str]]:
    """The public names of a package by the module that defines them."""
    found: dict[str, list[str]] = {}
    for name in public(package):
        found.setdefault(inspect.getmodule(getattr(package, name)).__name__, []).append(name)
    return {importlib.import_module(module): names for module, names in sorted(found.items())}


def public(package: ModuleType) -> list[str]:
    names = getattr(package, "__all__", None) or [n for n in vars(package) if not n.startswith("_")]
    return [
        name
        for name in names
        if (inspect.isclass(getattr(package, name)) or inspect.isfunction(getattr(package, name)))
        and getattr(package, name).__module__.startswith(package.__name__)
        and getattr(package, name).__name__ == name  # an alias is told where the name is
    ]


def summary(module: ModuleType) -> str:
    """What a docstring's first line says before it explains itself."""
    return re.split(r"[.:,]", inspect.getdoc(module).splitlines()[0])[0]


def heading(text: str, mark: str = "=") -> list[str]:
    return [text, mark * len(text), ""]


def entries(package: ModuleType, names: list[str]) -> list[str]:
    lines = []
    for name in names:
        is_class = inspect.isclass(getattr(package, name))
        lines += [f".. auto{'class' if is_class else 'function'}:: {package.__name__}.{name}"]
        lines += ["   :members:", f"   :exclude-members: {THEIRS}", ""] if is_class else [""]
    return lines


def table(names: list[str]) -> list[str]:
    return [".. autosummary::", "   :nosignatures:", "", *[f"   {name}" for name in names], ""]


def package_page(folder: Path, name: str, title: str) -> None:
    package = importlib.import_module(f"plaingrad.{name}")
    groups = families(package)
    lines = [*heading(title), f".. currentmodule:: {package.__name__}", "", f"``{package.__name__}``", ""]
    if len(groups) == 1:
        write(folder / f"{name}.rst", [*lines, *table(public(package)), *entries(package, public(package))])
        return
    shelves: dict[ModuleType, list[ModuleType]] = {}
    for module in groups:
        shelves.setdefault(importlib.import_module(module.__name__.rpartition(".")[0]), []).append(module)
    for shelf, modules in sorted(shelves.items(), key=lambda item: item[0] is not package):
        caption = title.partition(" and ")[0] if shelf is package else summary(shelf)
        lines += heading(caption, "-") if len(shelves) > 1 else []
        lines += table([name for module in modules for name in groups[module]])
        lines += [".. toctree::", "   :hidden:", f"   :caption: {caption}", ""]
        for module in modules:
            page = module.__name__.removeprefix("plaingrad.")
            lines += [f"   {page}"]
            body = [*heading(summary(module)), f"``plaingrad/{page.replace('.', '/')}.py``", ""]
            write(folder / f"{page}.rst", body + entries(package, groups[module]))
        lines += [""]
    write(folder / f"{name}.rst", lines)


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines))


def generate(app: Sphinx, _config: object) -> None:
    folder = Path(app.srcdir) / "reference" / "generated"
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.rst"):
        stale.unlink()
    for name, title in PACKAGES.items():
        package_page(folder, name, title)


def show_source(_app: Sphinx, what: str, name: str, obj: Any, _options: object, lines: list[str]) -> None:
    """Put forward, backward and update of a class of the core beneath its equations."""
    if what != "class" or not name.startswith(("plaingrad.optim.", "plaingrad.paper.")):
        return
    own = [cls for cls in obj.__mro__ if cls.__module__.partition(".")[2] != "module"]  # all but Module
    shown = [found for method in SHOWN if (found := defined(own, method))]
    if shown:
        source = "\n".join(textwrap.dedent(inspect.getsource(method)) for method in shown)
        lines += ["", ".. code-block:: python", "", *textwrap.indent(source, "   ").splitlines(), ""]


def defined(classes: list[type], name: str) -> Any:
    """A method as the first of these classes that has it defines it; None if none has."""
    return next((vars(cls)[name] for cls in classes if name in vars(cls)), None)


def show_arguments(_app: Sphinx, what: str, _name: str, obj: Any, *_: object) -> tuple[str, str] | None:
    """Give a class the arguments of its ``__init__``; the ``__new__`` of `Module` takes anything."""
    if what != "class" or not inspect.isfunction(obj.__init__):
        return None
    _, *arguments = inspect.signature(obj.__init__).parameters.values()
    plain = [argument.replace(annotation=inspect.Parameter.empty) for argument in arguments]
    return str(inspect.Signature(plain)), ""


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", generate)
    app.connect("autodoc-process-signature", show_arguments)
    app.connect("autodoc-process-docstring", show_source, priority=900)  # after napoleon has read it
    return {"parallel_read_safe": True}
