"""Small networks of different shapes, with a batch and a loss for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad import Module, nn
from plaingrad.parameter import Parameter

Setting = tuple[Module, Any, Any, nn.Loss]


class Scaled(Module):
    """A composite with a parameter of its own, a layer that is used twice and one that is never used."""

    def __init__(self) -> None:
        self.scale = Parameter(torch.full((3,), 1.5))
        self.layer, self.unused = nn.Linear(3, 3), nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.layer.forward(torch.sin(x))
        y = self.layer.forward(h) * self.scale.value
        self.save((x, y), y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x, y = self.restore(dy)
        self.scale.grad += (dy * y / self.scale.value).sum(0)
        dh = self.layer.backward(dy * self.scale.value)
        return torch.cos(x) * self.layer.backward(dh)


def mlp() -> Setting:
    shared = nn.Linear(5, 5)
    layers = [nn.Linear(2, 5), nn.Tanh(), shared, nn.Dropout(0.3), nn.Residual(shared), nn.BatchNorm1d(5)]
    return (
        nn.Sequential(*layers, nn.Linear(5, 3)),
        torch.randn(6, 2),
        torch.arange(6) % 3,
        nn.CrossEntropyLoss(),
    )


def convolutions() -> Setting:
    layers = [nn.Conv2d(1, 2, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 2)]
    return nn.Sequential(*layers), torch.randn(3, 1, 6, 6), torch.randn(3, 2), nn.MSELoss()


def transformer() -> Setting:
    encoder = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.1, batch_first=True)
    model = nn.Sequential(nn.Embedding(7, 4), encoder, nn.Linear(4, 1))
    return model, torch.arange(12).view(2, 6) % 7, torch.randn(2, 6, 1), nn.L1Loss()


def composite() -> Setting:
    return Scaled(), torch.randn(5, 3), torch.randn(5, 3), nn.MSELoss(reduction="sum")


def graph() -> Setting:
    nodes = {"h": (nn.Linear(3, 3), "x"), "sum": (nn.Add(), "h", "x"), "y": (nn.Sigmoid(), "sum")}
    model = nn.Graph(inputs="x", nodes=nodes, outputs="y")
    return model, torch.randn(4, 3), torch.rand(4, 3), nn.BCELoss()


def pair() -> Setting:
    model = nn.Graph(
        inputs=["a", "b"],
        nodes={
            "left": (nn.Linear(2, 3), "a"),
            "right": (nn.Linear(4, 3), "b"),
            "sum": (nn.Add(), "left", "right"),
        },
        outputs="sum",
    )
    return model, (torch.randn(5, 2), torch.randn(5, 4)), torch.randn(5, 3), nn.SmoothL1Loss()


NETWORKS: dict[str, Callable[[], Setting]] = {
    each.__name__: each for each in (mlp, convolutions, transformer, composite, graph, pair)
}
