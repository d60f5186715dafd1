"""How the cost of training grows with rows, width, depth and batch size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from rich.progress import track

from benchmarks.contenders import EAGER, HAND, JAX_EXPERT, OURS
from benchmarks.extent import FOLDER, QUICK, repetitions
from benchmarks.race import Race
from benchmarks.workloads import Workload
from plaingrad.drawing import BLUE, DPI, GREEN, INK, ORANGE, PALE, YELLOW, dress

PICTURE = FOLDER / "scaling.png"
COLOURS = {OURS: BLUE, EAGER: ORANGE, HAND: GREEN, JAX_EXPERT: YELLOW}
REPETITIONS, SECONDS = 3, 0.1


@dataclass(frozen=True)
class Point:
    """A network with as many inputs as its layers are wide, and its data."""

    rows: int = 2048
    width: int = 32
    depth: int = 2
    batch: int = 32

    def workload(self) -> Workload:
        """The point as a workload of regression, trained by Adam for one epoch."""
        sizes = (*[self.width] * (self.depth + 1), 1)
        make = partial(_noise, self.rows, self.width)
        return Workload("", sizes, self.batch, "Adam", 1e-3, "mse", make, 1)


AXES = {
    "rows": [128, 512, 2048, 8192],
    "width": [8, 32, 128, 512],
    "depth": [1, 2, 4, 8],
    "batch": [1, 8, 64, 512],
}
LABELS = {"rows": "rows", "width": "width of a layer", "depth": "hidden layers", "batch": "samples per step"}


def _noise(rows: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    x = random.standard_normal((rows, width), dtype=np.float32)
    return x, np.tanh(x[:, :1] - x[:, -1:])


def measured() -> dict[str, dict[str, list[float]]]:
    """Seconds per epoch, by axis and contender, for each point of the axis; NaN where it failed."""
    found = {axis: {name: [] for name in COLOURS} for axis in AXES}
    points = [(axis, value) for axis, values in AXES.items() for value in values]
    with Race(list(COLOURS)) as race:
        for axis, value in track(points, "scaling", transient=True):
            point = Point(**{axis: value})
            results = race.run(point.workload(), repetitions(REPETITIONS), 0 if QUICK else SECONDS)
            for name, result in results.items():
                steps = point.workload().steps(point.rows)
                found[axis][name].append(np.nan if result.failure else result.timing.median * steps)
    return found


def draw(found: dict[str, dict[str, list[float]]]) -> None:
    """Four log-log plots beside each other, in one file."""
    figure = Figure(figsize=(11, 3.6), dpi=DPI, layout="constrained", facecolor="white")
    axes = figure.subplots(1, len(AXES), sharey=True)
    for ax, (axis, values) in zip(axes, AXES.items()):
        dress(ax, f"By {axis}")
        for name, seconds in found[axis].items():
            ax.loglog(values, np.array(seconds) * 1e3, "o-", color=COLOURS[name], label=name, markersize=4)
        ax.set_xticks(values, [str(value) for value in values])
        ax.minorticks_off()
        ax.set_xlabel(LABELS[axis])
        ax.grid(axis="y", color=PALE, alpha=0.3, linewidth=0.6)
    axes[0].set_ylabel("milliseconds per epoch")
    axes[0].legend(frameon=False, labelcolor=INK)
    figure.savefig(PICTURE)


def report() -> str:
    """Markdown for the results file."""
    draw(measured())
    base = Point()
    return "\n".join(
        [
            "## How the cost grows",
            "",
            "Time per epoch of regression with Adam, one thread. What does not vary stays at",
            f"{base.depth} hidden layers, as wide as the {base.width} inputs, {base.rows} rows in all and",
            f"{base.batch} a step.",
            "",
            f"![Milliseconds per epoch over rows, width, depth and batch size]({PICTURE.name})",
            "",
        ]
    )
