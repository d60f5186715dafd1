"""One of the processes that `benchmarks.ranks` starts: it trains its share, or times exchanges."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from plaingrad import evaluate, fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.train.callbacks import Average

COLUMNS, WRONG = 33, 0.05


def table(rows: int, seed: int) -> tuple[Dataset, Dataset]:
    """Rows of two classes that a random network has said, some of them wrongly; and a fifth more."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator)

    x = normal(rows + rows // 5, COLUMNS)
    score = (x @ normal(COLUMNS, 8) / 4).tanh() @ normal(8) + 0.2 * normal(len(x))
    wrong = torch.rand(len(x), generator=generator) < WRONG
    data = Dataset(x, ((score > 0) ^ wrong).long())
    return data.take(slice(rows)), data.take(slice(rows, None))


def network(*widths: int) -> nn.Sequential:
    layers: list[Any] = []
    for inputs, outputs in zip((COLUMNS, *widths), widths):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(widths[-1], 2))


def train(rows: int, seed: int, epochs: int, widths: list[int], batch_size: int) -> dict[str, Any]:
    """The seconds of an epoch, and the accuracy on other rows."""
    data, held_out = table(rows, seed)
    torch.manual_seed(seed)
    model = network(*widths)
    history = fit(
        model,
        data.shard(),
        loss=nn.CrossEntropyLoss(),
        optimizer=optim.Adam(model.parameters(), lr=1e-3),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
        engine="native",
        callbacks=[Average(every=1)],
        progress=False,
    )
    accuracy = evaluate(model, held_out, metrics=["accuracy"])["accuracy"]
    return {
        "seconds": statistics.median(history["seconds"]),
        "accuracy": accuracy,
        "parameters": sum(value.numel() for value, _ in model.parameters()),
        "steps": history.steps / len(history),
    }


def exchange(sizes: list[int], repetitions: int) -> dict[str, list[float]]:
    """The seconds of an all-reduce of so many bytes, one for each repetition."""
    dist.init_process_group("gloo")
    seconds: dict[str, list[float]] = {}
    for size in sizes:
        vector = torch.zeros(size // 4)
        taken = []
        for _ in range(repetitions + 3):
            dist.barrier()
            start = time.perf_counter()
            dist.all_reduce(vector)
            taken.append(time.perf_counter() - start)
        seconds[str(size)] = taken[3:]
    return seconds


def main() -> None:
    request = json.loads(sys.argv[1])
    path = Path(request.pop("path"))
    result = {"train": train, "exchange": exchange}[request.pop("action")](**request)
    if not dist.is_initialized() or dist.get_rank() == 0:
        path.write_text(json.dumps(result), encoding="utf-8")
    if dist.is_initialized():
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
