"""The modules of a network as a table, which notebooks show."""

from __future__ import annotations

from typing import Any

from plaingrad.contract.html import html_table
from plaingrad.contract.nest import Outline
from plaingrad.contract.tree import Tree
from plaingrad.parameter import Parameter

HEADINGS = ("", "module", "output", "parameters")


def overview(network: Any) -> str:
    """Every module with its parameters, and the shape of its output once a forward has run.

    The shape is that of the last forward that has saved its state, or else of the first one.
    """
    rows, depths, seen = [], [], set[int]()
    for path, module in network.named_modules():
        last = module._saved[-1][4] if module._saved else module._outline
        output = shapes_text(last)
        rows.append((path, module.signature(), output, own_parameters(module, seen)))
        depths.append(path.count("."))
    total = ("", "in all", "", sum(count for *_, count in rows))
    return html_table("", HEADINGS, rows, depths=depths, total=total)


def own_parameters(module: Tree, seen: set[int]) -> int:
    """The number of elements of a module's own parameters, without those whose ids have been seen."""
    count = 0
    for _, field in module.named_fields():
        if isinstance(field, Parameter) and field.is_shaped and id(field) not in seen:
            seen.add(id(field))
            count += field.value.numel()
    return count


def shapes_text(outline: Outline) -> str:
    """The shapes of outputs: ``(4, 2)``, or ``(4, 2), (4, 3)`` of several."""
    if type(outline) is list:
        return ", ".join(filter(None, map(shapes_text, outline)))
    return str(tuple(outline[0])) if type(outline) is tuple else ""
