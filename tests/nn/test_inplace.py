"""``inplace=True``: the output over the input, the same gradients, and a refusal where something was lost."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

from plaingrad import Module, ModuleError, evaluate, fit, nn, predict
from plaingrad.optim import SGD

NEEDED = {"Threshold": (0.1, -0.5)}
SHAPES = {"Dropout1d": (3, 4, 5), "Dropout2d": (3, 4, 5, 2), "Dropout3d": (3, 4, 5, 2, 2)}
TAKES_INPLACE = [
    name
    for name in nn.__all__
    if issubclass(kind := getattr(nn, name), Module)
    and "inplace" in inspect.signature(kind.__init__).parameters
]


def made(name: str, inplace: bool) -> Module:
    return getattr(nn, name)(*NEEDED.get(name, ()), inplace=inplace)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", TAKES_INPLACE)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_the_output_is_over_the_input_and_all_numbers_are_as_without(
    name: str, training: bool, dtype: torch.dtype
) -> None:
    x = torch.randn(SHAPES.get(name, (5, 4)), dtype=dtype)
    dy, results = torch.randn_like(x), []
    for inplace in (False, True):
        module, own = made(name, inplace), x.clone()
        module = module.train() if training else module.eval(saving=True)
        torch.manual_seed(1)
        y = module.forward(own)
        assert (y.data_ptr() == own.data_ptr()) or not inplace
        results.append((y.clone(), module.backward(dy.clone())))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)
    assert len(TAKES_INPLACE) >= 17


@pytest.mark.parametrize("before", [nn.Tanh(), nn.Sigmoid(), nn.Softmax(-1)])
def test_a_module_that_had_saved_it_refuses_in_its_backward(before: Module) -> None:
    network = nn.Sequential(before, nn.SELU(inplace=True))
    network.forward(torch.randn(3, 4))
    with pytest.raises(ModuleError, match=r"\[0\].*expected the saved state as forward left it"):
        network.backward(torch.randn(3, 4))


def test_a_module_that_had_not_saved_it_does_not_mind() -> None:
    torch.manual_seed(0)
    networks = [
        nn.Sequential(nn.Linear(4, 3), nn.SiLU(inplace), nn.Dropout(0.5, inplace))
        for inplace in (False, True)
    ]
    networks[1].load_state_dict(networks[0].state_dict())
    x, dy, results = torch.randn(5, 4), torch.randn(5, 3), []
    for network in networks:
        torch.manual_seed(2)
        results.append((network.forward(x).clone(), network.backward(dy)))
    torch.testing.assert_close(results[0], results[1], rtol=0, atol=0)


@pytest.mark.parametrize(
    "around",
    [
        lambda inside: nn.Residual(inside, nn.Linear(4, 4)),
        lambda inside: nn.Parallel(nn.Linear(4, 4), inside),
        lambda inside: nn.Graph(["x"], {"a": (inside, "x"), "y": (nn.Add(), "a", "x")}, "y"),
    ],
)
def test_an_input_that_is_used_again_is_not_overwritten_in_silence(around: Any) -> None:
    with pytest.raises(ModuleError, match="expected modules inside that keep an input which is used again"):
        around(nn.ReLU(inplace=True)).forward(torch.randn(3, 4))
    around(nn.Dropout(0.0, inplace=True)).forward(torch.randn(3, 4))


def chain(first: Module) -> Module:
    return nn.Sequential(first, nn.Linear(4, 2))


def graph(first: Module) -> Module:
    nodes = {"first": (first, "x"), "y": (nn.Linear(4, 2), "first")}
    return nn.Sequential(nn.Graph(["x"], nodes, "y"))


def graph_that_uses_it_twice(first: Module) -> Module:
    nodes = {"first": (first, "x"), "hidden": (nn.Linear(4, 2), "first"), "y": (first, "hidden")}
    return nn.Graph(["x"], nodes, "y")


@pytest.mark.parametrize("around", [chain, graph, graph_that_uses_it_twice])
@pytest.mark.parametrize("engine", ["auto", "eager", "native"])
def test_data_are_not_overwritten_by_training_or_evaluation(engine: Any, around: Any) -> None:
    network = around(nn.ReLU(inplace=True))
    data, refused = (torch.randn(6, 4), torch.randint(2, (6,))), "expected a first layer that keeps the data"
    options = {"loss": nn.CrossEntropyLoss()}
    with pytest.raises(ValueError, match=refused):
        fit(
            network,
            data,
            optimizer=SGD(network.parameters(), 0.1),
            epochs=1,
            batch_size=6,
            engine=engine,
            **options,
        )
    with pytest.raises(ValueError, match=refused):
        evaluate(network, data, **options)
    with pytest.raises(ValueError, match=refused):
        predict(network, data[0])
