"""A graph of ONNX operators under construction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.parametrization.base import Derived
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.describe import fields


class Graph:
    """Operators in order, and the numbers that they use.

    Values are known by their names. Parameters and buffers are called as in `Module.state_dict`.

    Args:
        module: the network whose numbers may be used.
        dtype: of all floating-point numbers.

    Attributes:
        nodes: the operators.
        numbers: parameters, buffers and constants by name.
    """

    def __init__(self, module: Module, dtype: np.dtype[Any]) -> None:
        from onnx import helper

        self._helper = helper
        self._names: dict[int, str] = {}
        self._computed: dict[int, str] = {}
        for name, field in fields(module).items():
            self._names.setdefault(id(field), name)
        self.dtype = dtype
        self.nodes: list[Any] = []
        self.numbers: dict[str, np.ndarray] = {}

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output, and return the output's name."""
        return self.ops(operator, *inputs, outputs=1, **attributes)[0]

    def ops(self, operator: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator, and return its outputs' names."""
        name = f"{operator}_{len(self.nodes)}"
        names = [name if outputs == 1 else f"{name}_{i}" for i in range(outputs)]
        self.nodes.append(self._helper.make_node(operator, inputs, names, name=name, **attributes))
        return names

    def compute(self, field: Derived, name: str) -> None:
        """Use this value where a layer has a computed weight, from now on."""
        self._computed[id(field)] = name

    def field(self, field: Parameter | Buffer | Derived) -> str:
        """The name of a parameter or buffer of the network, or of the value of a computed weight."""
        if isinstance(field, Derived):
            return self._computed[id(field)]
        value = field.value.numpy()
        return self._store(
            self._names[id(field)], value.astype(self.dtype) if field.value.is_floating_point() else value
        )

    def tensor(self, tensor: Tensor) -> str:
        """A constant tensor."""
        return self._constant(tensor.numpy().astype(self.dtype))

    def constant(self, tensor: Tensor) -> str:
        """A constant tensor of its own type."""
        return self._constant(tensor.numpy())

    def cast(self, value: str, dtype: torch.dtype) -> str:
        """A value in another type."""
        to = self._helper.np_dtype_to_tensor_dtype(torch.empty(0, dtype=dtype).numpy().dtype)
        return self.op("Cast", value, to=to)

    def number(self, value: float) -> str:
        """A single number."""
        return self._constant(np.asarray(value, self.dtype))

    def integers(self, values: Sequence[int]) -> str:
        """Axes or sizes."""
        return self._constant(np.asarray(values, np.int64))

    def rename(self, value: str, name: str) -> None:
        """Give the last operator's output another name; one operator is added if there is no such output."""
        if not self.nodes or list(self.nodes[-1].output) != [value]:
            self.op("Identity", value)
        self.nodes[-1].output[0] = name

    def output(self, value: str, name: str) -> None:
        """Give a value, which other operators may use, another name besides."""
        self.op("Identity", value)
        self.nodes[-1].output[0] = name

    def _constant(self, value: np.ndarray) -> str:
        for name, each in self.numbers.items():
            if name.startswith("constant_") and each.dtype == value.dtype and np.array_equal(each, value):
                return name
        return self._store(f"constant_{len(self.numbers)}", value)

    def _store(self, name: str, value: np.ndarray) -> str:
        self.numbers[name] = value
        return name
