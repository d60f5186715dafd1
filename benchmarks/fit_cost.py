"""Measure the constants of `plaingrad.native.cost`: ``python -m benchmarks.fit_cost``."""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from scipy.optimize import nnls

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.native import cost
from plaingrad.native.compile.builder import find_compiler
from plaingrad.native.lower import lower_training
from plaingrad.native.masks import Masks
from plaingrad.native.task import Task
from plaingrad.train.eager import EagerEngine

NETWORKS = [
    ([2, 25, 25, 25, 2], 1),
    ([2, 25, 25, 25, 2], 32),
    ([2, 25, 25, 25, 2], 256),
    ([8, 32, 1], 16),
    ([30, 64, 64, 2], 32),
    ([10, *[40] * 8, 3], 32),
    ([64, 100, 10], 200),
    ([54, 128, 64, 7], 256),
    ([784, 128, 10], 64),
    ([784, 512, 512, 10], 128),
    ([256, 1024, 1024, 10], 16),
]
STEPS = 32  # in each epoch
SECONDS_PER_CALL, REPETITIONS = 0.05, 7


def task(sizes: list[int], batch_size: int, adam: bool) -> Task:
    torch.manual_seed(0)
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    data = Dataset.of((torch.randn(STEPS * batch_size, sizes[0]), torch.randn(STEPS * batch_size, sizes[-1])))
    rule = (optim.Adam if adam else optim.SGD)(model.parameters(), lr=1e-4)
    return Task(model, nn.MSELoss(), rule, data, batch_size, Masks(model, 0))


def seconds_per_step(engine: EagerEngine) -> float:
    """The median of several calls, each for so many epochs that what surrounds them does not count."""
    engine.run_epochs(None, 1)
    start = time.perf_counter()
    engine.run_epochs(None, 1)
    epochs = math.ceil(SECONDS_PER_CALL / (time.perf_counter() - start))
    taken = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        engine.run_epochs(None, epochs)
        taken.append((time.perf_counter() - start) / (epochs * STEPS))
    return float(np.median(taken))


def fitted(rows: list[list[float]], seconds: list[float]) -> np.ndarray:
    """The constants, none below 0, with the smallest relative errors."""
    terms, taken = np.array(rows), np.array(seconds)
    return nnls(terms / taken[:, None], np.ones(len(taken)))[0]


def main() -> None:
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    rows, eager, layers, compiled = [], [], [], []
    cases = [(sizes, batch, adam) for sizes, batch in NETWORKS for adam in (False, True)]
    for sizes, batch, adam in track(cases, "measuring", transient=True):
        todo = task(sizes, batch, adam)
        work = cost.work(todo)
        rows.append([1, work.calls, work.products, work.activations, work.values])
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            find_compiler().compile(lower_training(todo).source, Path(folder, "network.so"))
            compiled.append(time.perf_counter() - start)
        layers.append([1, work.calls - 1])
        eager.append(seconds_per_step(EagerEngine(todo)))
    constants = fitted(rows, eager)
    names = ("step", "call", "product", "activation", "value")
    print(f"EAGER = Costs({', '.join(f'{name}={value:.1e}' for name, value in zip(names, constants))})")
    ratios = np.array(rows) @ constants / eager
    for (sizes, batch, adam), second, ratio in zip(cases, eager, ratios):
        network = f"{'-'.join(map(str, sizes))}, batch {batch}, {'Adam' if adam else 'SGD'}"
        print(f"#   {network}: {second * 1e6:.1f} us, estimated {ratio:.2f} times that")
    base, layer = fitted(layers, compiled)
    print(f"COMPILE, COMPILE_LAYER = {base:.2f}, {layer:.2f}")
    print(f"#   {min(compiled):.2f} s to {max(compiled):.2f} s")


if __name__ == "__main__":
    main()
