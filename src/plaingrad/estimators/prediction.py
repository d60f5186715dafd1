"""Predictions of trained networks: eager, or compiled where that is asked for or the rows are worth it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.data.sparse import batches, is_sparse
from plaingrad.errors import InputError
from plaingrad.estimators.codes import NO_CODES, Codes
from plaingrad.estimators.inputs import as_inputs, blocks
from plaingrad.estimators.objectives import LINKS
from plaingrad.estimators.parameters import Parameters
from plaingrad.module import Module
from plaingrad.native.cost import estimate_predictions
from plaingrad.train import CompiledPredictor, compile_predict

ROWS_AT_ONCE = 1024  # eagerly: what the layers make of them stays in the processor's cache
SPARSE_ROWS_AT_ONCE = 8192  # for each block costs a pass over the first layer's weights
ROWS_PER_THREAD = 4096  # compiled: that are worth one


class Predictor:
    """The averaged predictions of some networks.

    Args:
        modules: networks in evaluation mode, alike but for their parameters.
        link: a name in `LINKS`.
        codes: of the columns that hold codes.
        compiled: true to compile the networks, where that can be done; None to do so for a call of so many
            rows that it pays.
        verbose: true to say so if compiling takes long.

    Attributes:
        exposed: true once numpy views of the parameters were handed out: what is written to them bypasses
            torch's counter of versions.
    """

    def __init__(
        self,
        modules: Sequence[Module],
        link: str,
        codes: Codes = NO_CODES,
        compiled: bool | None = None,
        verbose: bool = False,
    ) -> None:
        self.modules, self.link, self.codes, self.compiled = modules, link, codes, compiled
        self.exposed, self.verbose = False, verbose
        self._functions: list[CompiledPredictor] | None = None
        self._seen: list[tuple[int, int]] = []

    def __call__(self, X: Any) -> np.ndarray:
        """Predictions ``(n_samples, n_outputs)`` for an array or a sparse matrix of as many rows."""
        return joined([self._predict(rows) for rows in blocks(X, self.modules[0], self.compiled)])

    def _predict(self, X: Any) -> np.ndarray:
        inputs, link = as_inputs(self.codes.apply(X), self.modules[0], self.compiled), LINKS[self.link]
        if self._compiles(inputs) and (functions := self._compile(inputs)):
            predictions = [link(in_parallel(function, inputs.numpy())) for function in functions]
        else:
            predictions = [eagerly(module, self.link, inputs) for module in self.modules]
        return predictions[0] if len(predictions) == 1 else np.mean(predictions, axis=0)

    def _compiles(self, inputs: Tensor) -> bool:
        """True if these rows are for compiled networks, whatever was asked before."""
        if self.compiled is not None or is_sparse(inputs):
            return bool(self.compiled)
        return estimate_predictions(self.modules[0], inputs, ROWS_AT_ONCE).worth_compiling

    def _compile(self, inputs: Tensor) -> list[CompiledPredictor]:
        """Functions of the networks as they are now; none if something in them cannot be compiled."""
        if self._functions is None:
            try:
                shape = tuple(inputs.shape[1:])
                functions = [compile_predict(module, shape, progress=self.verbose) for module in self.modules]
            except ValueError:
                self.compiled = False
                return []
            self._tensors = [p for module in self.modules for p in module.parameters()]
            self._seen = self._versions()
            self._functions = functions  # last, for other threads may look
        if self.exposed or self._seen != self._versions():
            for function in self._functions:
                function.refresh()
            self._seen = self._versions()
        return self._functions

    def _versions(self) -> list[tuple[int, int]]:
        """Numbers that change when a parameter is moved or written to by torch."""
        return [(id(parameter.value), parameter.value._version) for parameter in self._tensors]

    def __getstate__(self) -> dict[str, Any]:
        """A copy compiles for itself."""
        return {**vars(self), "_functions": None, "_tensors": [], "_seen": []}


def predictor_for(parameters: Parameters, modules: Sequence[Module], link: str, codes: Codes) -> Predictor:
    """A predictor that compiles as the parameter ``engine`` says."""
    compiled = {"native": True, "eager": False, "auto": None}[parameters.engine]
    return Predictor(modules, link, codes, compiled, verbose=bool(parameters.verbose))


def eagerly(module: Module, link: str, inputs: Tensor) -> np.ndarray:
    """The predictions of a network in evaluation mode."""
    size = SPARSE_ROWS_AT_ONCE if is_sparse(inputs) else ROWS_AT_ONCE
    return joined([LINKS[link](module.forward(rows).numpy()) for rows in batches(inputs, size)])


def joined(blocks: list[np.ndarray]) -> np.ndarray:
    """Blocks of rows as one array, a single one without a copy."""
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks)


def in_parallel(function: CompiledPredictor, rows: np.ndarray) -> np.ndarray:
    """The function of rows, so many of them that several threads are worth it by several."""
    threads = min(torch.get_num_threads(), len(rows) // ROWS_PER_THREAD)
    if threads < 2:
        return function(rows)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(function, np.array_split(rows, threads))))


class SharedArrays(list[np.ndarray]):
    """Arrays in the memory of a network's parameters; an assignment to an item writes into it.

    Args:
        name: what errors call them.
        arrays: views of parameters.
    """

    def __init__(self, name: str, arrays: Iterable[np.ndarray]) -> None:
        super().__init__(arrays)
        self.name = name

    def __setitem__(self, index: Any, values: Any) -> None:
        values, own = (values, self[index]) if isinstance(index, slice) else ([values], [self[index]])
        arrays = [np.array(value, dtype=np.float64) for value in values]
        expected, got = ([each.shape for each in those] for those in (own, arrays))
        if got != expected:
            raise InputError(f"{self.name}: expected arrays of the shapes {expected}, got {got}")
        for mine, value in zip(own, arrays):
            mine[...] = value


def averaged(members: Sequence[Module], link: str, width: int) -> tuple[Module, str | None]:
    """The averaged predictions of some networks as one network without Python around it.

    Args:
        members: the networks.
        link: a name of `plaingrad.estimators.objectives.LINKS`.
        width: the number of outputs of each.

    Returns:
        The network, and the ``output`` for `plaingrad.interop.export_onnx`.

    Raises:
        ValueError: there are several with the link "exp", whose average has no graph.
    """
    output = {"identity": None, "logistic": "sigmoid"}.get(link, link)
    if len(members) == 1:
        return members[0], output
    if output == "exp":
        raise InputError("expected one network for a Poisson loss, got several, whose average has no graph")
    last: dict[str | None, Callable[[], Module]] = {
        "softmax": lambda: nn.Softmax(1),
        "sigmoid": nn.Sigmoid,
        None: nn.Identity,
    }
    branches = [nn.Sequential(member, last[output]()) for member in members]
    mean = nn.Linear(width, width, bias=False, dtype=members[0].parameters()[0].value.dtype)
    mean.weight.value.zero_().fill_diagonal_(1 / len(branches))
    return nn.Sequential(nn.Parallel(*branches), mean), None
