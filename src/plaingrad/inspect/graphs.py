"""A network that is no chain, as a picture."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from plaingrad.drawing import BLUE, INK, PALE, new_figure
from plaingrad.nn.container.graph import Graph, names

__all__ = ["graph"]

ROW = 0.8  # inches from one row of nodes to the next
WIDTH, LANE = 2.5, 0.5  # of a node, and of a line that passes beside nodes
ONE_LINE, TWO_LINES = 0.12, 0.19  # half the height of a box
LONGEST = 30  # characters of the second line in a box

Point = tuple[float, float]
Slot = tuple[str, int]
"""A node and a row: its own, or one below through which a line from it passes."""


def graph(network: Graph, *, title: str = "The network") -> Figure:
    """Draw a graph from its inputs, at the top, to its outputs.

    Each box is a node with its name and its module; inputs and outputs are blue. A line from a node to one
    that is several rows below passes beside the boxes between.

    Args:
        network: the graph.
        title: the title.
    """
    used = {name: uses(network, name) for name in network.steps}
    level = levels(network.inputs, used)
    rows = arranged(level, used)
    width = max(sum(size(slot, level) for slot in row) for row in rows)
    figure, ax = new_figure(title, (width + 0.4, ROW * len(rows) + 0.7))
    ax.set(xlim=(0, width), ylim=(ROW * len(rows), 0))
    ax.axis("off")
    positions = positions_of(rows, level, width)
    texts = {name: description(network, name) for name in level}
    for name, sources in used.items():
        for source in sources:
            lane = [positions[source, row] for row in range(level[source], level[name])]
            connect(ax, [*lane, positions[name, level[name]]], half(texts[source]), half(texts[name]))
    ends = {*network.inputs, *names(network.outputs)}
    for name, text in texts.items():
        box(ax, positions[name, level[name]], name, text, BLUE if name in ends else PALE)
    return figure


def uses(network: Graph, name: str) -> list[str]:
    """The inputs and nodes that a node uses, each once."""
    step = network.steps[name]
    return list(dict.fromkeys(names((step.arguments, step.options))))


def levels(inputs: Iterable[str], used: dict[str, list[str]]) -> dict[str, int]:
    """The row of each node: below all that it uses, parameters just above those that use them."""
    level = dict.fromkeys(inputs, 0)
    for name, sources in used.items():
        level[name] = 1 + max((level[source] for source in sources), default=-1)
    for name, sources in used.items():
        below = [level[other] for other, others in used.items() if name in others]
        if not sources and below:
            level[name] = max(0, min(below) - 1)
    return level


def arranged(level: dict[str, int], used: dict[str, list[str]]) -> list[list[Slot]]:
    """The slots of each row, each near the middle of what leads to it."""
    rows: list[list[Slot]] = [[] for _ in range(1 + max(level.values(), default=0))]
    for name, top in level.items():
        bottom = max((level[other] for other, sources in used.items() if name in sources), default=0)
        for row in range(top, max(top + 1, bottom)):
            rows[row].append((name, row))
    position: dict[Slot, float] = {}
    for row, slots in enumerate(rows):

        def middle(slot: Slot, row: int = row) -> float:
            above = [slot[0]] if level[slot[0]] < row else used.get(slot[0], [])
            return sum(position[source, row - 1] for source in above) / max(1, len(above))

        slots.sort(key=middle)
        position.update({slot: at - (len(slots) - 1) / 2 for at, slot in enumerate(slots)})
    return rows


def size(slot: Slot, level: dict[str, int]) -> float:
    """The width of a slot in inches."""
    name, row = slot
    return WIDTH if level[name] == row else LANE


def positions_of(rows: list[list[Slot]], level: dict[str, int], width: float) -> dict[Slot, Point]:
    """The middle of each slot, rows centred."""
    positions: dict[Slot, Point] = {}
    for row, slots in enumerate(rows):
        left = (width - sum(size(slot, level) for slot in slots)) / 2
        for slot in slots:
            positions[slot] = (left + size(slot, level) / 2, ROW * (row + 0.5))
            left += size(slot, level)
    return positions


def description(network: Graph, name: str) -> str:
    """The module of a node in a few words; nothing for an input."""
    if name not in network.steps:
        return ""
    operation = network.steps[name].operation
    values = dict(network.own_values())
    if operation in values:
        return f"{type(values[operation]).__name__}{tuple(values[operation].value.shape)}"
    text: str = dict(network.named_children())[operation].signature()
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def half(text: str) -> float:
    return TWO_LINES if text else ONE_LINE


def connect(ax: Axes, points: list[Point], above: float, below: float) -> None:
    """An arrow from the bottom of the first box, straight through each lane, to the top of the last one."""
    (x, y), *lanes, (right, bottom) = points
    vertices, codes = [(x, y + above)], [Path.MOVETO]
    stops = [(x, y + above), *((lx, ly - TWO_LINES) for lx, ly in lanes), (right, bottom - below)]
    for (x0, y0), (x1, y1) in pairwise(stops):
        start = y0 if (x0, y0) == stops[0] else y0 + 2 * TWO_LINES  # a lane is passed from top to bottom
        if start != y0:
            vertices.append((x0, start))
            codes.append(Path.LINETO)
        bend = (y1 - start) / 2
        vertices += [(x0, start + bend), (x1, y1 - bend), (x1, y1)]
        codes += [Path.CURVE4] * 3
    arrow = {"arrowstyle": "-|>", "mutation_scale": 9, "color": PALE, "linewidth": 1.0, "zorder": 1}
    ax.add_patch(FancyArrowPatch(path=Path(vertices, codes), **arrow))  # type: ignore[arg-type]


def box(ax: Axes, middle: Point, name: str, text: str, colour: str) -> None:
    """A node with its name and, below it, what it does."""
    frame = {"boxstyle": "round,pad=0.35", "facecolor": "white", "edgecolor": colour, "linewidth": 1.2}
    style = {"ha": "center", "va": "center", "parse_math": False, "color": INK, "fontsize": 8, "zorder": 2}
    ax.text(*middle, f"{name}\n{text}" if text else name, bbox=frame, **style)  # type: ignore[arg-type]
