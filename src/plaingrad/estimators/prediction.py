"""From rows to predictions: eagerly, or compiled, where that is asked for or the rows are worth it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from torch import Tensor

from plaingrad.estimators.codes import NO_CODES, Codes
from plaingrad.estimators.objectives import LINKS
from plaingrad.module import Module
from plaingrad.native.cost import estimate_predictions
from plaingrad.train import CompiledPredictor, compile_predict

ROWS_AT_ONCE = 1024  # eagerly: what the layers make of them stays in the processor's cache
ROWS_PER_THREAD = 4096  # compiled: that are worth one
NUMBERS_AT_ONCE = 1 << 23  # of a sparse matrix, zeros included


class Predictor:
    """What some networks predict, averaged.

    Args:
        modules: networks in evaluation mode, alike but for their parameters.
        link: a name in `LINKS`.
        codes: what becomes of the columns that hold codes.
        compiled: whether to compile the networks, where that can be done; None for where a call has so many
            rows that it pays.
        verbose: whether to say so if compiling takes long.

    Attributes:
        exposed: whether the parameters can be written to without torch, which counts their versions, knowing.
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
        found = [self._predict(rows) for rows in blocks(X)]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def _predict(self, X: Any) -> np.ndarray:
        inputs, link = dense(self.codes.apply(X), self.modules[0]), LINKS[self.link]
        if self._compiles(inputs) and (functions := self._compile(inputs)):
            found = [link(in_parallel(function, inputs.numpy())) for function in functions]
        else:
            found = [eagerly(module, self.link, inputs) for module in self.modules]
        return found[0] if len(found) == 1 else np.mean(found, axis=0)

    def _compiles(self, inputs: Tensor) -> bool:
        """Decide by these rows alone, whatever was asked before, whether they are for compiled networks."""
        if self.compiled is not None:
            return self.compiled
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
        """What changes when a parameter is moved or written to by torch."""
        return [(id(parameter.value), parameter.value._version) for parameter in self._tensors]

    def __getstate__(self) -> dict[str, Any]:
        """A copy compiles for itself."""
        return {**vars(self), "_functions": None, "_tensors": [], "_seen": []}


def blocks(X: Any) -> list[Any]:
    """The rows of a sparse matrix, as many at once as fit into little memory when made dense."""
    if not issparse(X):
        return [X]
    rows, X = max(1, NUMBERS_AT_ONCE // X.shape[1]), X.tocsr()
    return [X[i : i + rows] for i in range(0, X.shape[0], rows)]


def eagerly(module: Module, link: str, inputs: Tensor) -> np.ndarray:
    """What a network in evaluation mode predicts."""
    found = [LINKS[link](module.forward(rows).numpy()) for rows in inputs.split(ROWS_AT_ONCE)]
    return found[0] if len(found) == 1 else np.concatenate(found)


def in_parallel(function: CompiledPredictor, rows: np.ndarray) -> np.ndarray:
    """The function of rows, so many of them that several threads are worth it by several."""
    threads = min(torch.get_num_threads(), len(rows) // ROWS_PER_THREAD)
    if threads < 2:
        return function(rows)
    with ThreadPoolExecutor(threads) as pool:
        return np.concatenate(list(pool.map(function, np.array_split(rows, threads))))


def dense(X: Any, module: Module) -> Tensor:
    """A matrix as a tensor of the network's dtype, its memory shared where that is possible."""
    like = next(iter(module.named_parameters()))[1].value
    array = X.toarray() if issparse(X) else np.ascontiguousarray(X)
    if array.dtype not in (np.float32, np.float64):  # integers, other orders of bytes, longer numbers
        array = array.astype(np.float64)
    if array.flags.writeable:
        return torch.from_numpy(array).to(like.device, like.dtype)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # nor is it written to
        return torch.from_numpy(array).to(like.device, like.dtype)
