"""The one place that knows what the native engine offers; each stands in until the package has it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import plaingrad
from plaingrad import Module, nn, optim
from plaingrad.data import Dataset
from plaingrad.train import History

ENGINE = "native"


def compile_predict(model: Module) -> Callable:
    import torch

    model.eval()
    return lambda row: model.forward(torch.from_numpy(row))


def fit_many(
    models: Sequence[Module],
    data: Dataset,
    *,
    loss: nn.Loss,
    optimizers: Sequence[optim.Optimizer],
    epochs: int,
    batch_size: int,
    seeds: Sequence[int],
) -> list[History]:
    from joblib import Parallel, delayed

    train = partial(_fit, data=data, loss=loss, epochs=epochs, batch_size=batch_size)
    done = Parallel(n_jobs=2)(delayed(train)(*each) for each in zip(models, optimizers, seeds))
    for model, (_, trained) in zip(models, done):
        model.load_state_dict(trained)
    return [history for history, _ in done]


def _fit(model: Module, optimizer: optim.Optimizer, seed: int, data: Dataset, **options) -> tuple:
    history = plaingrad.fit(
        model, data, optimizer=optimizer, seed=seed, engine=ENGINE, progress=False, **options
    )
    return history, model.state_dict()
