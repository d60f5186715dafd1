"""The paper's network with tanh at batch 1, beside FANN, a library in C for networks as small as this.

FANN, as Debian packages it, has no ReLU; hence this race apart from the others. It is timed where
it is installed.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import itertools

import numpy as np
import torch

from benchmarks.extent import repetitions
from benchmarks.markdown import table, times
from benchmarks.measure import Timing, in_turn, ratio
from benchmarks.race import TOLERANCE
from benchmarks.workloads import WORKLOADS
from plaingrad import fit, nn, optim

EPOCHS, REPETITIONS = 20, 7
WORK = WORKLOADS[0]
INCREMENTAL, LINEAR, TANH, LINEAR_ERROR = 0, 0, 5, 0  # of FANN's enumerations
Array = np.ndarray


class Connection(ctypes.Structure):
    """A weight between two neurons, which are counted through all layers, a bias at the end of each."""

    _fields_ = [("source", ctypes.c_uint), ("target", ctypes.c_uint), ("weight", ctypes.c_float)]


class TrainData(ctypes.Structure):
    """FANN's rows."""

    _fields_ = [
        ("error", ctypes.c_int),
        ("log", ctypes.c_void_p),
        ("message", ctypes.c_char_p),
        ("rows", ctypes.c_uint),
        ("inputs", ctypes.c_uint),
        ("outputs", ctypes.c_uint),
        ("input", ctypes.POINTER(ctypes.POINTER(ctypes.c_float))),
        ("output", ctypes.POINTER(ctypes.POINTER(ctypes.c_float))),
    ]


class Fann:
    """FANN's incremental training: an update after each sample, in float32."""

    def __init__(self, path: str, x: Array, y: Array, start: list[Array]) -> None:
        self.library, self.start = ctypes.CDLL(path), start
        self.library.fann_create_standard_array.restype = ctypes.c_void_p
        self.library.fann_create_train.restype = ctypes.POINTER(TrainData)
        sizes = (ctypes.c_uint * len(WORK.sizes))(*WORK.sizes)
        self.network = ctypes.c_void_p(self.library.fann_create_standard_array(len(sizes), sizes))
        self.data = self.library.fann_create_train(len(x), x.shape[1], y.shape[1])
        for rows, values in ((self.data.contents.input, x), (self.data.contents.output, y)):
            for value, row in zip(values, rows):
                np.ctypeslib.as_array(row, value.shape)[:] = value
        self._set("training_algorithm", INCREMENTAL)
        self._set("train_error_function", LINEAR_ERROR)
        self._set("activation_function_hidden", TANH)
        self._set("activation_function_output", LINEAR)
        self._set("activation_steepness_hidden", ctypes.c_float(1))
        self._set("activation_steepness_output", ctypes.c_float(1))
        # It takes the derivative of half the squared error's sum: with two outputs, that of their mean.
        self._set("learning_rate", ctypes.c_float(WORK.lr * 2 / WORK.sizes[-1]))

    def _set(self, name: str, value: object) -> None:
        getattr(self.library, f"fann_set_{name}")(self.network, value)

    def train(self, epochs: int, shuffle: bool) -> None:
        self._exchange(self.start, write=True)
        for _ in range(epochs):
            if shuffle:
                self.library.fann_shuffle_train_data(self.data)
            self.library.fann_train_epoch(self.network, self.data)

    def weights(self) -> list[Array]:
        values = [np.empty_like(value) for value in self.start]
        self._exchange(values, write=False)
        return values

    def _exchange(self, values: list[Array], write: bool) -> None:
        """Copy weight and bias of each layer to the network's connections, or from there."""
        count = self.library.fann_get_total_connections(self.network)
        connections = (Connection * count)()
        self.library.fann_get_connection_array(self.network, connections)
        firsts = [0, *itertools.accumulate(size + 1 for size in WORK.sizes)]
        layer = np.searchsorted(firsts, [c.source for c in connections], side="right") - 1
        for i, connection in zip(layer, connections):
            row, column = connection.target - firsts[i + 1], connection.source - firsts[i]
            whole, index = (
                (values[2 * i], (row, column)) if column < WORK.sizes[i] else (values[2 * i + 1], row)
            )
            if write:
                connection.weight = whole[index]
            else:
                whole[index] = connection.weight
        if write:
            self.library.fann_set_weight_array(self.network, connections, count)


class Ours:
    """The same network, trained by `fit`."""

    def __init__(self, x: Array, y: Array, start: list[Array]) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(WORK.sizes):
            layers += [nn.Linear(inputs, outputs), nn.Tanh()]
        self.model = nn.Sequential(*layers[:-1])
        self.start = dict(zip(self.model.state_dict(), map(torch.from_numpy, start)))
        self.data = torch.from_numpy(x), torch.from_numpy(y)

    def train(self, epochs: int, shuffle: bool) -> None:
        self.model.load_state_dict(self.start)
        fit(
            self.model,
            self.data,
            loss=nn.MSELoss(),
            optimizer=optim.SGD(self.model.parameters(), lr=WORK.lr),
            epochs=epochs,
            batch_size=1,
            shuffle=shuffle,
            engine="native",
            progress=False,
        )

    def weights(self) -> list[Array]:
        return [value.numpy().copy() for value in self.model.state_dict().values()]


def loss(weights: list[Array], x: Array, y: Array) -> float:
    """The mean squared error over all the data."""
    *hidden, (weight, bias) = zip(weights[::2], weights[1::2])
    for w, b in hidden:
        x = np.tanh(x @ w.T + b)
    return float(np.mean((x @ weight.T + bias - y) ** 2))


def compare(path: str) -> tuple[dict[str, Timing], dict[str, float]]:
    """Seconds per step, and the losses reached in the data's own order."""
    (x, y), start = WORK.data(), WORK.start()
    contenders = {"plaingrad": Ours(x, y, start), "FANN": Fann(path, x, y, start)}
    losses = {}
    for name, contender in contenders.items():
        contender.train(WORK.epochs, shuffle=False)
        losses[name] = loss(contender.weights(), x, y)
    work = {name: (lambda c=c: c.train(EPOCHS, shuffle=True)) for name, c in contenders.items()}
    return in_turn(work, EPOCHS * len(x), repetitions(REPETITIONS)), losses


def report() -> str:
    """Markdown for the results file."""
    head = ["## FANN", ""]
    path = ctypes.util.find_library("floatfann")
    if path is None:
        return "\n".join([*head, "Not measured: FANN is not installed (Debian's package `libfann2`).", ""])
    timings, losses = compare(path)
    mark = "" if abs(losses["FANN"] / losses["plaingrad"] - 1) <= TOLERANCE else " (other loss!)"
    rows = [[name, timings[name].in_microseconds(), f"{losses[name]:.5f}"] for name in timings]
    return "\n".join(
        [
            *head,
            "The paper's network with tanh instead of ReLU, which FANN does not have, batch 1, SGD, float32,",
            f"one thread: microseconds a step, and the loss after {WORK.epochs} epochs in the data's order.",
            "FANN takes outputs beyond 0.98 for 0.98 where it derives tanh, so its loss is not quite ours.",
            f"plaingrad is {times(ratio(timings, 'FANN', 'plaingrad'))} times faster{mark}.",
            table(["library", "microseconds", "loss"], rows),
        ]
    )
