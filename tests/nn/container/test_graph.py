"""Networks that are no chain."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

import plaingrad
from plaingrad import Buffer, ModuleError, Parameter, nn
from plaingrad.contract.modes import no_input_grad
from plaingrad.inspect import check_gradients
from plaingrad.interop import describe
from plaingrad.saving.build import build

FEATURES = 4


def everything() -> nn.Graph:
    """A module in two nodes, values as nodes, sizes, several outputs of a node, and a node without use."""
    shared = nn.Linear(FEATURES, FEATURES)
    return nn.Graph(
        inputs=["a", "b"],
        nodes={
            "left": (shared, "a"),
            "right": (shared, "b"),
            "factor": (Parameter(torch.randn(FEATURES)),),
            "half": (Buffer(torch.full((FEATURES,), 0.5)),),
            "scaled": (nn.Multiply(), "left", "factor", "half", 3.0),
            "sum": (nn.Add(), "scaled", "right", "a"),
            "unused": (nn.Linear(FEATURES, 1), "sum"),
            "batch": (nn.Size(0), "sum"),
            "square": (nn.Reshape(), "sum", "batch", 2, -1),
            "parts": (nn.Chunk(2, 1), "square"),
            "first": (nn.Select(0), "parts"),
            "all": (nn.Select(), "first", (slice(None, "batch"), 0, ...)),
            "block.norm": (nn.LayerNorm(2), "all"),
            "mean": (nn.Mean((1, 2)), "square"),
        },
        outputs=("block.norm", ("mean", "a")),
    )


def inputs(dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(3, FEATURES, dtype=dtype), torch.randn(3, FEATURES, dtype=dtype)


def test_every_gradient_is_right() -> None:
    report = check_gradients(everything(), *inputs())
    assert report.ok, report
    expected = ["input 0", "input 1", "factor", "left.weight", "left.bias"]
    assert [row.name for row in report.rows][:5] == expected


def test_gradients_of_what_is_used_twice_add_up() -> None:
    x = torch.randn(2, 3, dtype=torch.float64)
    graph = nn.Graph(["x"], {"square": (nn.Multiply(), "x", "x"), "y": (nn.Add(), "square", "x")}, "y")
    dy = torch.randn(2, 3, dtype=torch.float64)
    torch.testing.assert_close(graph(x), x * x + x)
    torch.testing.assert_close(graph.backward(dy), dy * (2 * x + 1))


def test_inputs_come_by_name_too_and_have_their_entries_in_that_order() -> None:
    a, b = inputs()
    graph = nn.Graph(["a", "b"], {"y": (nn.Subtract(), "a", "b")}, "y")
    dy = torch.randn_like(a)
    graph(b=b, a=a)
    db, da = graph.backward(dy)
    assert torch.equal(da, dy)
    assert torch.equal(db, -dy)


def test_a_loss_may_be_a_node() -> None:
    graph = nn.Graph(
        ["x", "target"],
        {"scores": (nn.Linear(FEATURES, 3), "x"), "loss": (nn.CrossEntropyLoss(), "scores", "target")},
        "loss",
    )
    report = check_gradients(graph, torch.randn(5, FEATURES), torch.randint(3, (5,)))
    assert report.ok, report


def test_arguments_by_keyword() -> None:
    class Scaled(plaingrad.Module):
        def forward(self, x: torch.Tensor, *, by: torch.Tensor, times: int) -> torch.Tensor:
            y = x * by * times
            self.save((x, by, times), y)
            return y

        def backward(self, dy: torch.Tensor) -> Any:
            x, by, times = self.restore(dy)
            return dy * by * times, dy * x * times, None

    graph = nn.Graph(["a", "b"], {"y": (Scaled(), "a", {"by": "b", "times": 2})}, "y")
    report = check_gradients(graph, *inputs())
    assert report.ok, report


def test_a_parameter_that_nothing_uses_gets_no_gradient() -> None:
    spare = Parameter(torch.ones(2))
    graph = nn.Graph(["x"], {"spare": (spare,), "y": (nn.ReLU(), "x")}, "y")
    y = graph(torch.randn(2, 3))
    graph.backward(torch.ones_like(y))
    assert not spare.has_grad


def test_outputs_that_nothing_used_leave_no_state() -> None:
    graph = everything()
    for _ in range(3):
        graph(*inputs())
        assert graph.backward(None, None) == (None, None)
    assert not any(module._saved for module in graph.modules())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda graph: pickle.loads(pickle.dumps(graph))])
def test_a_copy_is_another_graph(copied: Any) -> None:
    graph = everything()
    other, (a, b) = copied(graph), inputs()
    torch.testing.assert_close(other.eval()(a, b), graph.eval()(a, b))
    other.get_submodule("left").weight.value.zero_()
    assert other.get_submodule("left").weight.value is not graph.get_submodule("left").weight.value


def test_a_model_file_holds_it(tmp_path: Path) -> None:
    graph, xs = everything().eval(), inputs()
    graph.get_submodule("left").freeze()
    plaingrad.save(graph, tmp_path / "graph.safetensors")
    loaded = plaingrad.read_file(tmp_path / "graph.safetensors").module
    torch.testing.assert_close(loaded(*xs), graph(*xs), rtol=0, atol=0)
    assert loaded.steps == graph.steps
    assert [p.frozen for p in loaded.parameters()] == [p.frozen for p in graph.parameters()]


def test_parameters_that_are_one_stay_one() -> None:
    table, scores = nn.Embedding(5, 3), nn.Linear(3, 5, bias=False)
    scores.weight = table.weight
    network = nn.Sequential(table, scores)
    description = describe(network)
    assert description["tied"] == {"1.weight": "0.weight"}
    assert len(build(description).parameters()) == 1


@pytest.mark.parametrize(
    ("nodes", "outputs", "problem"),
    [
        ({"y": (nn.ReLU(), "z")}, "y", "expected node 'y' to use inputs and nodes before it, got 'z'"),
        ({"y": (nn.ReLU(), "y")}, "y", "expected node 'y' to use inputs and nodes before it, got 'y'"),
        ({"x": (nn.ReLU(), "x")}, "x", "expected a name of its own for each node, got 'x' again"),
        ({"y": nn.ReLU()}, "y", r"expected node 'y' as \(module, argument, ...\), got ReLU"),
        ({"y": ("relu", "x")}, "y", "expected a module, parameter or buffer at 'y', got 'relu'"),
        ({"y": (nn.ReLU(), "x")}, ("y", "z"), "expected outputs to use inputs and nodes before it, got 'z'"),
    ],
)
@pytest.mark.usefixtures("without_annotations")
def test_what_is_no_graph_is_refused(nodes: Any, outputs: Any, problem: str) -> None:
    with pytest.raises(ModuleError, match=problem):
        nn.Graph(["x"], nodes, outputs)


def test_errors_name_the_node() -> None:
    graph = nn.Graph(["x"], {"h.0": (nn.Linear(3, 2), "x"), "y": (nn.Linear(3, 1), "h.0")}, "y")
    with pytest.raises(ModuleError, match=r"Graph\[y\] Linear\(3, 1\): expected input"):
        graph(torch.randn(2, 3))
    with pytest.raises(ModuleError, match="expected inputs x, got 2"):
        graph(torch.randn(2, 3), torch.randn(2, 3))
    with pytest.raises(ModuleError, match="expected inputs x, got 0 and z"):
        graph(z=torch.randn(2, 3))


def test_it_prints_as_it_runs() -> None:
    lines = repr(everything()).splitlines()
    assert lines[1] == "  inputs: a, b"
    assert "  (right): Linear of left <- b" in lines
    assert "  (factor): Parameter(4,)" in lines
    assert "  (all): Select() <- first, (:batch, 0, ...)" in lines
    assert lines[-2] == "  outputs: (block.norm, (mean, a))"


def test_layers_of_the_input_are_those_of_nodes_that_use_nothing_else() -> None:
    first, both, later = nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3)
    graph = nn.Graph(
        inputs=["x", "z"],
        nodes={
            "first": (nn.Sequential(first, nn.ReLU()), "x"),
            "both": (both, "z"),
            "again": (both, "first"),
            "sum": (nn.Add(), "first", "both", "again", "z"),
            "y": (later, "sum"),
        },
        outputs="y",
    ).to(torch.float64)
    layers = graph.input_layers()
    assert first in layers
    assert not {both, later} & set(layers)
    x, z, dy = (torch.randn(2, 3, dtype=torch.float64) for _ in range(3))
    graph.forward(x, z)
    graph.backward(dy)
    expected = [parameter.grad.clone() for parameter in graph.parameters()]
    graph.zero_grad()
    with no_input_grad(graph):
        graph.forward(x, z)
        dx, _ = graph.backward(dy)
    assert dx is None
    torch.testing.assert_close([parameter.grad for parameter in graph.parameters()], expected)
