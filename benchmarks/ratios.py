"""The picture of the table of bars."""

from __future__ import annotations

import numpy as np

from benchmarks.contenders import PEERS, forms
from benchmarks.extent import FOLDER
from benchmarks.race import Results
from benchmarks.steps import best, faster, results
from plaingrad.drawing import COLOURS, INK, PALE, new_figure

PICTURE = FOLDER / "ratios.png"


def draw() -> None:
    """For each workload and library a bar to its best form, and a thin line to its usual one."""
    rows = results()
    figure, ax = new_figure("How many times faster plaingrad trains than each library's best form", (9, 7))
    positions, height = np.arange(len(rows)), 0.8 / len(PEERS)
    for i, (library, colour) in enumerate(zip(PEERS, COLOURS)):
        middles = positions + (i + 0.5) * height - 0.4
        bests = np.array([middle(found, best(found, library)) for _, found in rows])
        usual = np.array([middle(found, forms(library)[0]) for _, found in rows])
        # Bars begin at 1, where both are equally fast.
        ax.barh(middles, bests - 1, height, left=1, color=colour, label=library)
        ax.hlines(middles, bests, usual, color=colour, linewidth=1.5)
        ax.plot(usual, middles, "|", color=colour, markersize=5)
    ax.axvline(1, color=INK, linewidth=1)
    ax.set_xscale("log")
    ax.set_yticks(positions, [work.name for work, _ in rows])
    ax.invert_yaxis()
    ax.set_xlabel("times faster, one thread; thin line: than the usual form")
    ax.grid(axis="x", color=PALE, alpha=0.3, linewidth=0.6)
    ax.legend(frameon=False, labelcolor=INK)
    figure.savefig(PICTURE)


def middle(found: Results, peer: str | None) -> float:
    """The median ratio; NaN where there is none."""
    ratio = faster(found, peer)
    return np.nan if ratio is None else ratio[0]


def report() -> str:
    """Markdown for the results file."""
    draw()
    return f"![How many times faster plaingrad trains than each library]({PICTURE.name})\n"
