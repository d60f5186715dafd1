"""The picture of the table of bars."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.contenders import CONTENDERS, OURS
from benchmarks.steps import faster, results
from plaingrad.drawing import COLOURS, INK, PALE, new_figure

PICTURE = Path(__file__).parent / "ratios.png"
PEERS = [name for name in CONTENDERS if name != OURS]


def draw() -> None:
    """For each workload a bar for each peer: how many times faster plaingrad is, on a logarithmic axis."""
    rows = results()
    figure, ax = new_figure("How many times faster plaingrad trains", (9, 6))
    places, height = np.arange(len(rows)), 0.8 / len(PEERS)
    for i, (peer, colour) in enumerate(zip(PEERS, COLOURS)):
        ratios = [faster(found, peer) for _, found in rows]
        middles = np.array([np.nan if ratio is None else ratio[0] for ratio in ratios])
        # Bars begin at 1, where both are equally fast.
        ax.barh(places + (i + 0.5) * height - 0.4, middles - 1, height, left=1, color=colour, label=peer)
    ax.axvline(1, color=INK, linewidth=1)
    ax.set_xscale("log")
    ax.set_yticks(places, [work.name for work, _ in rows])
    ax.invert_yaxis()
    ax.set_xlabel("times faster than the peer, one thread")
    ax.grid(axis="x", color=PALE, alpha=0.3, linewidth=0.6)
    ax.legend(frameon=False, labelcolor=INK)
    figure.savefig(PICTURE)


def report() -> str:
    """Markdown for the results file."""
    draw()
    return f"![How many times faster plaingrad trains than each peer]({PICTURE.name})\n"
