"""The paper's network and its data, and runs of it that go well or badly."""

from __future__ import annotations

from typing import Any

import torch

import plaingrad
from plaingrad import init, nn, optim
from plaingrad.data import Dataset, disc, standardized
from plaingrad.inspect import Health
from plaingrad.train import TrainingDiverged


def network(activation: type = nn.Tanh, deviation: float | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[Any] = [nn.Linear(2, 25), activation(), nn.Linear(25, 25), activation()]
    layers += [nn.Linear(25, 25), activation(), nn.Linear(25, 2)]
    for layer in layers:
        if deviation is not None and isinstance(layer, nn.Linear):
            init.normal_(layer.weight, std=deviation)
    return nn.Sequential(*layers)


def points(count: int = 1000) -> Dataset:
    data = disc(count, seed=0)
    return standardized(data, data)[0]


def run(
    model: nn.Sequential, lr: float, *, classes: bool = False, epochs: int = 6, engine: Any = "eager"
) -> Health:
    """A run of 200 samples in batches of 10, with its health."""
    data = points(200)
    health = Health()
    try:
        plaingrad.fit(
            model,
            data if classes else data.one_hot(),
            loss=nn.CrossEntropyLoss() if classes else nn.MSELoss(),
            optimizer=optim.SGD(model.parameters(), lr=lr),
            epochs=epochs,
            batch_size=10,
            seed=0,
            engine=engine,
            callbacks=[health],
            progress=False,
        )
    except TrainingDiverged:
        assert health.diagnosis.of("diverged")
    return health
