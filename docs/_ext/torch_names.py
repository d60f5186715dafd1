"""Writes the table of PyTorch's public classes: where each is in plaingrad, or why it is out."""

from __future__ import annotations

import inspect
from pathlib import Path
from types import ModuleType

import torch
from sphinx.application import Sphinx

from plaingrad import init, nn, optim
from plaingrad.nn.absent import ABSENT

OUT_OF_INIT = {
    name: f"torch keeps it for old code; use ``{name}_``"
    for name in (
        *("constant", "dirac", "eye", "kaiming_normal", "kaiming_uniform", "normal", "orthogonal", "sparse"),
        *("uniform", "xavier_normal", "xavier_uniform"),
    )
}

# PyTorch's module, ours, and the reasons for what is not in it.
PAIRS: list[tuple[ModuleType, ModuleType, dict[str, str]]] = [
    (torch.nn, nn, ABSENT),
    (torch.optim, optim, optim.ABSENT),
    (torch.optim.lr_scheduler, optim, optim.ABSENT),
    (torch.nn.init, init, OUT_OF_INIT),
]


def public(module: ModuleType) -> list[str]:
    """The classes of a module of PyTorch, or the functions of one that has none."""
    own = {name: each for name, each in vars(module).items() if not name.startswith("_")}
    classes = [
        name
        for name, each in own.items()
        if inspect.isclass(each) and each.__module__.startswith(module.__name__.removesuffix(".init"))
    ]
    functions = [name for name, each in own.items() if inspect.isfunction(each)]
    return sorted(classes if classes else functions, key=str.lower)


def rows() -> list[tuple[str, str]]:
    """Each public name of PyTorch with a link to ours, or a reason.

    Raises:
        KeyError: there is a name for which there is neither.
    """
    found = []
    for theirs, ours, reasons in PAIRS:
        for name in public(theirs):
            if name in ours.__all__:
                told = f":py:obj:`plaingrad.{ours.__name__.removeprefix('plaingrad.')}.{name}`"
            else:
                told = f"not here: {reasons[name]}"
            found.append((f"{theirs.__name__}.{name}", told))
    return found


def generate(app: Sphinx, _config: object) -> None:
    lines = ["PyTorch's names", "===============", ""]
    lines += [
        "Every public class of torch.nn, torch.optim and its schedules, and every function of torch.nn.init.",
        "",
    ]
    lines += [".. list-table::", "   :header-rows: 1", "", "   * - PyTorch", "     - plaingrad"]
    for theirs, ours in rows():
        lines += [f"   * - ``{theirs}``", f"     - {ours}"]
    path = Path(app.srcdir) / "reference" / "generated" / "torch_names.rst"
    path.write_text("\n".join(lines) + "\n")


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("config-inited", generate, priority=900)  # after the folder has been emptied
    return {"parallel_read_safe": True}
