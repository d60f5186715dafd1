"""A report as one HTML file: nothing is fetched or run, and it reads well on a phone and in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from plaingrad.cli.table.grids import (
    MOST_CLASSES,
    Grid,
    classes_grid,
    columns_grid,
    errors_grid,
    how_grid,
    importance_grid,
    scores_grid,
    search_grid,
)
from plaingrad.cli.table.pictures import MOST_POINTS

STYLE = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --pale: #767676; --line: #dcdcdc;
  --blue: #0072b2; --orange: #d55e00; --best: #0072b214; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; --paper: #16181b; --pale: #9a9a9a;
  --line: #3a3d42; --blue: #56b4e9; --orange: #f2813a; --best: #56b4e922; } }
body { margin: 0 auto; max-width: 62rem; padding: 1rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 1rem 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; }
p { margin: .3rem 0; max-width: 42rem; }
p.note, figcaption { color: var(--pale); font-size: .87rem; }
/* A shadow at an edge beyond which there is more: the covers scroll with the table, the shadows stay. */
.scroll { overflow-x: auto; background: linear-gradient(to right, var(--paper) 30%, transparent) left,
  linear-gradient(to left, var(--paper) 30%, transparent) right,
  linear-gradient(to right, #0004, transparent) left, linear-gradient(to left, #0004, transparent) right;
  background-size: 2.5rem 100%, 2.5rem 100%, .7rem 100%, .7rem 100%; background-repeat: no-repeat;
  background-attachment: local, local, scroll, scroll; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; }
figure { margin: .5rem 0; flex: 1 1 19rem; max-width: 30rem; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; fill: currentColor; }
table { border-collapse: collapse; font-size: .92rem; }
th { text-align: left; font-weight: 600; border-bottom: 1px solid var(--ink); vertical-align: bottom; }
th, td { padding: .22rem .8rem .22rem 0; }
td { border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: break-word; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.n { white-space: normal; }
td.bar { width: 14rem; min-width: 6rem; vertical-align: middle; }
td.bar i { display: block; height: .8rem; background: var(--blue); border-radius: 2px; min-width: 1px; }
table.scores td:nth-child(2) { font-weight: 600; background: var(--best); padding-left: .6rem; }
table.confusion td { text-align: center; border: 1px solid var(--line); padding: .3rem .6rem; }
table.confusion th { padding: .2rem .6rem; border: 0; font-weight: 400; text-align: center; }
table.confusion tbody th { text-align: right; }
table.confusion .strong { color: #fff; }
@media (max-width: 40rem) { table { font-size: .8rem; } th, td { padding-right: .45rem; } }
"""


def page(facts: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a training.

    Args:
        facts: the report, as in ``report.json``.
        pictures: SVG elements by name: "loss", "predicted", "residuals", "search".
    """
    parts = _judgement(facts, pictures, f"{facts['data']}. {facts['judged_by']}")
    if facts["importance"]["columns"]:
        parts += [_section(importance_grid(facts["importance"], 30))]
    if facts.get("search"):
        parts += [_section(search_grid(facts["search"])), _figures(pictures, ["search"])]
    parts += ["<h2>Training</h2>", _figures(pictures, ["loss"])]
    parts += [_section(columns_grid(facts["columns"])), _section(how_grid(facts))]
    return _document(facts, parts)


def evaluation_page(facts: Mapping[str, Any], pictures: Mapping[str, str]) -> str:
    """The page of a model on other rows; arguments as for `page`."""
    return _document(facts, _judgement(facts, pictures, facts["judged_by"]))


def _judgement(facts: Mapping[str, Any], pictures: Mapping[str, str], told: str) -> list[str]:
    test = facts["test"]
    parts = [f"<h1>Predicting {escape(facts['target'])}</h1>", _paragraph(told)]
    parts += [_section(scores_grid(test), "scores")]
    if "classes" in test:
        return [*parts, confusion(test), _section(classes_grid(test))]
    note = (
        f" {MOST_POINTS:,} of {test['rows']:,} rows, drawn at random." if test["rows"] > MOST_POINTS else ""
    )
    parts += ["<h2>Predicted and true</h2>", _figures(pictures, ["predicted", "residuals"], note)]
    return [*parts, _section(errors_grid(test["errors"]))]


CAPTIONS = {
    "loss": "The loss of each epoch, as it was met in training and on the validation rows.",
    "predicted": "Each point is a row; right predictions lie on the line.",
    "residuals": "By how much the prediction of each row is off.",
    "search": "Each point is a setting that was tried; the line is the best so far.",
}


def _document(facts: Mapping[str, Any], parts: Sequence[str]) -> str:
    title = f"Predicting {facts['target']}"
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head>\n<body>\n{body}\n</body></html>\n'


def _paragraph(text: str, kind: str = "") -> str:
    return f"<p{kind and f' class={kind!r}'}>{escape(text)}</p>"


def _figures(pictures: Mapping[str, str], names: Sequence[str], note: str = "") -> str:
    found = [
        f"<figure>{pictures[name]}<figcaption>{escape(CAPTIONS[name] + note)}</figcaption></figure>"
        for name in names
        if name in pictures
    ]
    return f'<div class="pictures">{"".join(found)}</div>'


def _section(grid: Grid, kind: str = "") -> str:
    head = "".join(_cells("th", grid.head, grid.numbers)) + '<th aria-hidden="true"></th>' * len(grid.bars)
    body = "".join(f"<tr>{''.join(_row(grid, i))}</tr>\n" for i in range(len(grid.rows)))
    table = f"<table{kind and f' class={kind!r}'}>"
    table += (f"<thead><tr>{head}</tr></thead>" if any(grid.head) else "") + f"<tbody>{body}</tbody></table>"
    note = _paragraph(grid.note, "note") if grid.note else ""
    return f'<h2>{escape(grid.title)}</h2>\n<div class="scroll">{table}</div>{note}'


def _row(grid: Grid, i: int) -> Iterator[str]:
    yield from _cells("td", grid.rows[i], grid.numbers)
    for lengths in grid.bars.values():
        yield f'<td class="bar"><i style="width: {100 * lengths[i]:.1f}%"></i></td>'


def _cells(tag: str, texts: Sequence[str], numbers: Sequence[int]) -> Iterator[str]:
    for i, text in enumerate(texts):
        yield f"<{tag}{' class=n' if i in numbers else ''}>{escape(text)}</{tag}>"


def confusion(test: Mapping[str, Any]) -> str:
    """How many rows of each true class, one line each, were taken for which; shaded by their share."""
    names, counts = list(test["classes"]), test["confusion"]
    title = "<h2>Confusion</h2>"
    if len(names) > MOST_CLASSES:
        return title + _paragraph(
            f"{len(names)} classes are too many to draw; report.json has all numbers.", "note"
        )
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    rows = []
    for name, line in zip(names, counts):
        total = max(1, sum(line))
        cells = [_shaded(count, count / total) for count in line]
        rows.append(f"<tr><th>{escape(name)}</th>{''.join(cells)}</tr>")
    table = f'<table class="confusion"><thead><tr><th></th>{head}</tr></thead>'
    table += f"<tbody>{''.join(rows)}</tbody></table>"
    note = "True classes at the left, predicted ones above; the shade is the share of the true class."
    return f'{title}<div class="scroll">{table}</div>{_paragraph(note, "note")}'


def _shaded(count: int, share: float) -> str:
    strong = ' class="strong"' if share > 0.55 else ""
    colour = f"background: rgba(0, 114, 178, {share:.3f})" if count else ""
    return f'<td{strong} style="{colour}">{f"{count:,}" if count else "·"}</td>'
