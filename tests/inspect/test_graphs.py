"""Networks that are no chain, as pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.patches import FancyArrowPatch

from interop.test_tracing import NETWORKS
from plaingrad import nn
from plaingrad.inspect.graphs import arranged, graph, levels, positions_of, uses
from plaingrad.interop import from_torch


@pytest.mark.parametrize("name", NETWORKS)
def test_every_node_is_below_what_it_uses_and_no_line_crosses_a_box(name: str) -> None:
    network = from_torch(NETWORKS[name][0]())
    assert isinstance(network, nn.Graph)
    used = {node: uses(network, node) for node in network.steps}
    level = levels(network.inputs, used)
    rows = arranged(level, used)
    assert all(level[source] < level[node] for node, sources in used.items() for source in sources)
    slots = {slot for row in rows for slot in row}
    assert all(
        (source, row) in slots
        for node, sources in used.items()
        for source in sources
        for row in range(level[source], level[node])
    )
    positions = positions_of(rows, level, 100.0)
    assert len({*positions.values()}) == len(slots)


def test_a_figure_has_a_box_for_each_node_and_an_arrow_for_each_use(tmp_path: Path) -> None:
    network = nn.Graph(
        ["a", "b"],
        {"sum": (nn.Add(), "a", "b"), "y": (nn.Multiply(), "sum", "a"), "z": (nn.Exp(), "y")},
        ("z", "sum"),
    )
    figure = graph(network, title="A network")
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.texts] == ["a", "b", "sum\nAdd()", "y\nMultiply()", "z\nExp()"]
    assert sum(isinstance(each, FancyArrowPatch) for each in ax.patches) == 5
    assert ax.get_title(loc="left") == "A network"
    figure.savefig(tmp_path / "graph.png")
