"""Predictions by compiled code, for a network that has been trained."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.contract.modes import mode
from plaingrad.data.checks import expect_model, expect_positive
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.native.call import POINTER, WHOLE, Array, workspace
from plaingrad.native.compile.builder import BuildError
from plaingrad.native.compile.cache import library
from plaingrad.native.lower import NotLoweredError, lower_prediction


def compile_predict(
    model: Module, sample_shape: Sequence[int] | None = None, *, progress: bool = True
) -> CompiledPredictor:
    """A network's predictions as a function that costs about a microsecond for a row.

    The function is a frozen copy: it uses the parameters, and the running statistics of batch normalisation,
    as they are now; `CompiledPredictor.refresh` takes them over anew. It always behaves as in evaluation
    mode, whatever mode the model is in. A row alone and the same row among others may differ by rounding.

    Args:
        model: the network, of layers that the native engine knows, on the CPU, in float32 or float64.
        sample_shape: the shape of one sample; None for what the first linear layer or `ColumnEmbedding`
            expects, if there is no embedding of integers.
        progress: whether to say so on standard error if compiling takes longer than half a second.

    Returns:
        A function of one row, or of many. See `CompiledPredictor`.

    Raises:
        ValueError: the model is no `Module`, or the native engine does not know something in it, or there is
            no compiler; the message says which. ``sample_shape`` cannot be told.
        ModuleError: a sample of this shape does not fit the network.
    """
    expect_model(model)
    shape = _expected_shape(model) if sample_shape is None else _checked_shape(sample_shape)
    try:
        return CompiledPredictor(model, shape, progress)
    except (NotLoweredError, BuildError) as error:
        raise InputError(f"compile_predict: the kernels cannot run this: {error}") from error


class CompiledPredictor:
    """Computes a network's outputs by a program made for it; `compile_predict` makes one.

    Called with a sample, or with samples along the first axis, any number of them, as a tensor or an array.
    What comes back is of the same kind, in the model's dtype and on the CPU, and belongs to the caller.
    Numbers of another dtype are converted; a network that begins with an embedding wants integers, and in
    columns of codes only those of the tables. Any number of threads may call the same object at once.

    Args:
        model: the network.
        sample_shape: the shape of one sample.
        verbose: whether to say so if compiling takes long.

    Attributes:
        model: the network.
        sample_shape: the shape of one sample.
        output_shape: the shape of what comes back for it.
        dtype: of the model and of what comes back.

    Raises:
        NotLoweredError: the kernels do not know something in the network.
        BuildError: the program cannot be compiled.
        ModuleError: a sample of this shape does not fit the network.
    """

    def __init__(self, model: Module, sample_shape: tuple[int, ...], verbose: bool = False) -> None:
        lowered = lower_prediction(model, sample_shape)
        self.model, self.sample_shape, self.verbose = model, sample_shape, verbose
        self.dtype = next(iter(model.parameters())).value.dtype
        self._last_index = None if lowered.table is None else lowered.table.num_embeddings - 1
        self._last_codes = lowered.last_codes
        dtype = self.dtype if self._last_index is None else torch.int64
        with mode(False, model), torch.no_grad():
            self.output_shape = tuple(model.forward(torch.zeros(1, *sample_shape, dtype=dtype)).shape[1:])
        self._tensors, self._source = lowered.tensors, lowered.source
        self.refresh()
        self._load()

    def _load(self) -> None:
        """Set up the state that belongs to this process."""
        self._array_dtype = torch.empty(0, dtype=self.dtype).numpy().dtype
        # Of rows that need neither be converted nor, as indices or codes, be looked at.
        fits = self._last_index is None and not self._last_codes
        self._fit_array = self._array_dtype if fits else None
        self._fit_tensor = self.dtype if fits else None
        self._library = library(self._source, self.verbose)
        self._library.size.restype = WHOLE
        self._library.rows.argtypes = [POINTER, POINTER, POINTER, WHOLE]
        self._library.read.argtypes = [POINTER, POINTER]
        # A row is done sooner than other threads could be let in.
        self._row = ctypes.PyDLL(self._library._name, handle=self._library._handle).row
        self._free: list[_Workspace] = []

    def refresh(self) -> None:
        """Take over the model's parameters as they are now; calls under way end as they began."""
        values = (tensor.value.detach() for tensor in self._tensors)
        self._frozen = [
            value.to("cpu", self.dtype if value.is_floating_point() else None, copy=True).contiguous()
            for value in values
        ]
        self._free = []

    def __getstate__(self) -> dict[str, Any]:
        """A copy or a pickle has the frozen parameters and the source, compiled where it is loaded."""
        here = ("_array_dtype", "_fit_array", "_fit_tensor", "_library", "_row", "_free")
        return {name: value for name, value in vars(self).items() if name not in here}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._load()

    def __call__(self, rows: Any) -> Any:
        """The outputs for a sample, or for samples along the first axis.

        Args:
            rows: a tensor or an array, ``sample_shape`` or ``(n, *sample_shape)``.

        Raises:
            ValueError: it is neither, or has another shape; or there is no such index or code in the tables.
        """
        free = self._free
        try:
            space = free.pop()  # which nobody else has until it is put back
        except IndexError:
            space = self._make_workspace()
        results, address, row = space
        kind = type(rows)
        if kind is np.ndarray and rows.dtype is self._fit_array:
            result = results.get(rows.shape)
            if result is not None:
                self._row(address, rows.tobytes())
                result = result.copy()
                free.append(space)
                return result
        elif kind is Tensor and rows.dtype is self._fit_tensor:
            result = results.get(rows.shape)
            if result is not None and rows.is_cpu and rows.is_contiguous():
                row.value = rows.data_ptr()
                self._row(address, row)
                result = result.copy()
                free.append(space)
                return torch.from_numpy(result)
        try:
            return self._computed(rows, space)
        finally:
            free.append(space)

    def _computed(self, rows: Any, space: _Workspace) -> Any:
        """The outputs for rows of any number, dtype and layout."""
        if not isinstance(rows, (Tensor, np.ndarray)):
            raise InputError(f"predict: expected a tensor or an array, got {type(rows).__name__}")
        shape, one = tuple(rows.shape), self.sample_shape
        if one not in (shape, shape[1:]):
            raise InputError(f"predict: expected rows {one} or {('n', *one)}, got {shape}".replace("'", ""))
        numeric = rows
        if isinstance(rows, Tensor) and rows.dtype == torch.bfloat16:  # which NumPy has not
            numeric = rows.float()
        array = numeric.detach().cpu().numpy() if isinstance(numeric, Tensor) else numeric
        inputs = self._numbers(array) if self._last_index is None else self._indices(array)
        if shape in space.results:
            self._row(space.address, inputs.tobytes())
            outputs = space.results[shape].copy()
        else:
            outputs = np.empty((len(rows), *self.output_shape), self._array_dtype)
            self._library.rows(space.address, inputs.ctypes.data, outputs.ctypes.data, len(rows))
        return torch.from_numpy(outputs) if isinstance(rows, Tensor) else outputs

    def _numbers(self, array: np.ndarray) -> np.ndarray:
        """Numbers as the program wants them."""
        if array.dtype.kind not in "fiub":
            raise InputError(f"predict: expected numbers, got {array.dtype}")
        numbers = np.ascontiguousarray(array, self._array_dtype)
        for column, last in self._last_codes.items():
            codes = numbers[..., column]
            wrong = codes[~((codes >= 0) & (codes <= last) & (codes == np.floor(codes)))]
            if wrong.size:
                expected = f"whole numbers from 0 to {last} in column {column}"
                raise InputError(f"predict: expected {expected}, got {wrong[0]}")
        return numbers

    def _indices(self, array: np.ndarray) -> np.ndarray:
        """Indices as the program wants them, if they are in the table."""
        last = self._last_index
        assert last is not None
        if array.dtype.kind not in "iu":
            raise InputError(f"predict: expected indices, got {array.dtype}")
        if array.size and not (array.min() >= 0 and array.max() <= last):
            wrong = array[(array < 0) | (array > last)][0]
            raise InputError(f"predict: expected indices from 0 to {last}, got {wrong}")
        return np.ascontiguousarray(array, np.int64)

    def _make_workspace(self) -> _Workspace:
        memory, address = workspace(self._library.size())
        tensors = Array([tensor.data_ptr() for tensor in self._frozen], np.uint64)
        self._library.read(address, tensors.address)
        size = math.prod(self.output_shape) * self._array_dtype.itemsize
        start = address - memory.data_ptr()
        result = memory.numpy()[start : start + size].view(self._array_dtype).reshape(self.output_shape)
        results = {self.sample_shape: result, (1, *self.sample_shape): result[None]}
        return _Workspace(results, ctypes.c_void_p(address), ctypes.c_void_p())

    def __repr__(self) -> str:
        return f"CompiledPredictor({self.sample_shape} -> {self.output_shape}, {self.dtype})"


class _Workspace(NamedTuple):
    """The memory of one call: a copy of the parameters, and room for what it computes.

    Attributes:
        results: views of where the program leaves the result for a single row, by the shape of that row.
        address: of the memory, which the views keep alive.
        row: the address of a row.
    """

    results: dict[tuple[int, ...], np.ndarray]
    address: ctypes.c_void_p
    row: ctypes.c_void_p


def _checked_shape(shape: Any) -> tuple[int, ...]:
    try:
        sizes = tuple(expect_positive("sample_shape", size) for size in shape)
    except (TypeError, ValueError):
        expected = "a tuple of positive integers such as (3,)"
        raise InputError(f"sample_shape: expected {expected}, got {shape!r}") from None
    return sizes


def _expected_shape(model: Module) -> tuple[int, ...]:
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            raise InputError("sample_shape: expected one for a network with an embedding, got None")
        if isinstance(module, (nn.ColumnEmbedding, nn.Linear)):
            return (module.in_features,)
    raise InputError("sample_shape: expected one for a network without a linear layer, got None")
