"""HTML tables, which notebooks show in the place of a printed form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

# The class is doubled where the rule has to outweigh JupyterLab's, which sets text at the right.
STYLE = """<style>
.plaingrad { border-collapse: collapse; font: 13px/1.5 system-ui, sans-serif; color: inherit; }
.plaingrad caption { text-align: left; font-weight: 600; color: inherit; }
table.plaingrad.plaingrad th, table.plaingrad.plaingrad td { text-align: left; }
.plaingrad th, .plaingrad td { padding: 1px 10px; white-space: nowrap; }
.plaingrad th { border-bottom: 1px solid #8888; font-weight: 600; }
.plaingrad td { font-variant-numeric: tabular-nums; }
table.plaingrad.plaingrad .number { text-align: right; }
.plaingrad tr.total td, .plaingrad tr.module td { border-top: 1px solid #8888; }
.plaingrad tr.parameter td:first-child { opacity: 0.75; }
</style>"""

NUMBER = ' class="number"'
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def escaped(text: object) -> str:
    """Text without the characters that HTML gives a meaning."""
    return str(text).translate(ESCAPES)


def html_table(
    caption: str,
    headings: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    depths: Sequence[int] = (),
    kinds: Sequence[str] = (),
    total: Sequence[object] = (),
    is_numeric: bool = False,
) -> str:
    """A table with a style of its own; integers stand at the right, with commas.

    Args:
        caption: the line above it; none if empty.
        headings: of the columns; none for no line of them.
        rows: the cells of each.
        depths: how far the first cell of each row is indented.
        kinds: of each row "module", "parameter" or "", for its style.
        total: a last row below a line.
        is_numeric: whether all columns but the first stand at the right.
    """
    rows = list(rows)
    styles = zip(rows, depths or [0] * len(rows), kinds or [""] * len(rows))
    lines = [_row(cells, depth, kind, is_numeric) for cells, depth, kind in styles]
    lines += [_row(total, 0, "total", is_numeric)] if total else []
    names = "".join(
        f"<th{NUMBER if is_numeric and i else ''}>{escaped(each)}</th>" for i, each in enumerate(headings)
    )
    body = f"{f'<thead><tr>{names}</tr></thead>' if headings else ''}<tbody>{''.join(lines)}</tbody>"
    title = f"<caption>{escaped(caption)}</caption>" if caption else ""
    return f'{STYLE}<table class="plaingrad">{title}{body}</table>'


def _row(cells: Sequence[object], depth: int, kind: str, is_numeric: bool) -> str:
    first, *others = cells
    indent = f' style="padding-left: {10 + 18 * depth}px"' if depth else ""
    texts = [f"<td{indent}>{escaped(first)}</td>"]
    for cell in others:
        is_count = isinstance(cell, int)
        attribute = NUMBER if is_count or is_numeric else ""
        texts.append(f"<td{attribute}>{f'{cell:,}' if is_count else escaped(cell)}</td>")
    start = f'<tr class="{kind}">' if kind else "<tr>"
    return f"{start}{''.join(texts)}</tr>"
