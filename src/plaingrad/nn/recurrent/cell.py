"""Cells: single steps of recurrent networks, by the equations of their layers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.recurrent.base import Recurrent
from plaingrad.nn.recurrent.gru import GatedUnit
from plaingrad.nn.recurrent.lstm import LongShortTerm
from plaingrad.nn.recurrent.recurrence import gradients_of_states
from plaingrad.nn.recurrent.rnn import Elman, expect_nonlinearity
from plaingrad.nn.recurrent.steps import Steps
from plaingrad.parameter import shape


class Cell(Recurrent):
    """The base of cells: one step of a `Recurrence`."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        self._expect_sizes(input_size, hidden_size, 0)
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        self._add_weights(input_size, bias, "", device, dtype)
        self.reset_parameters()

    def forward(
        self, x: Float[Tensor, "*batch features"], hx: Tensor | tuple[Tensor, ...] | None = None
    ) -> Any:
        dtype, is_single = self._weights().ih.value.dtype, x.ndim == 1
        if x.ndim not in (1, 2) or (x.shape[-1], x.dtype) != (self.input_size, dtype):
            expected = f"input (batch, {self.input_size}) or ({self.input_size},) of {dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
        start = [widen(state) for state in self._start(hx, shape(x)[:-1], x)]
        rows = widen(x).unsqueeze(0) if is_single else widen(x)
        if is_single:
            start = [state.unsqueeze(0) for state in start]
        steps = Steps.of([len(rows)], x.device)
        trace = self.recurrence().forward(rows, tuple(start), self._weights(), steps)
        states = [narrow(state[steps.batch :], dtype) for state in trace.states]
        outputs = self._nest(tuple(state[0] if is_single else state for state in states))
        self.save((trace, steps, is_single, hx is None), outputs)
        return outputs

    def backward(self, dh: Tensor | None, dc: Tensor | None = None) -> tuple[Tensor, Any]:
        grads = (dh, dc) if self.has_cell_state else (dh,)
        trace, steps, is_single, starts_at_0 = self.restore(*grads)
        dtype = self._weights().ih.value.dtype
        wide = tuple(None if d is None else widen(d.unsqueeze(0) if is_single else d) for d in grads)
        dstates = gradients_of_states(trace, None, wide, steps)
        dx, dstart = self.recurrence().backward(trace, dstates, self._weights(), steps)
        dx, *dstarts = (narrow(d[0] if is_single else d, dtype) for d in (dx, *dstart))
        return dx, None if starts_at_0 else self._nest(tuple(dstarts))


class RNNCell(Cell):
    r"""One step of a simple recurrent network.

    .. math::
        h' = \varphi(x W_{ih}^\top + b_{ih} + h W_{hh}^\top + b_{hh})

    `Elman` has its backward.

    Shapes: x ``(batch, input_size)`` and h ``(batch, hidden_size)``, 0 if left out, to h'
    ``(batch, hidden_size)``; or all without the batch.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        bias: whether to add the biases.
        nonlinearity: the function :math:`\varphi`, ``"tanh"`` or ``"relu"``.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih: shape ``(hidden_size, input_size)``. All are drawn from U(-k, k) with
            k = 1 / sqrt(hidden_size).
        weight_hh: shape ``(hidden_size, hidden_size)``.
        bias_ih: shape ``(hidden_size,)``, or None.
        bias_hh: shape ``(hidden_size,)``, or None.

    Raises:
        ModuleError: the shapes or dtypes do not fit, or the nonlinearity is none of these.

    Source: J. Elman, "Finding structure in time", 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def recurrence(self) -> Elman:
        return Elman(expect_nonlinearity(self, self.nonlinearity))


class LSTMCell(Cell):
    r"""One step of long short-term memory.

    With the four gates' parts a of :math:`x W_{ih}^\top + b_{ih} + h W_{hh}^\top + b_{hh}`:

    .. math::
        c' = \sigma(a^f) \odot c + \sigma(a^i) \odot \tanh(a^g), \qquad
        h' = \sigma(a^o) \odot \tanh(c')

    `LongShortTerm` has its backward.

    Shapes: x ``(batch, input_size)`` and a tuple (h, c) of ``(batch, hidden_size)``, 0 if left out, to
    (h', c') of ``(batch, hidden_size)``; or all without the batch.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        bias: whether to add the biases.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih: shape ``(4 * hidden_size, input_size)``. All are drawn from U(-k, k) with
            k = 1 / sqrt(hidden_size).
        weight_hh: shape ``(4 * hidden_size, hidden_size)``.
        bias_ih: shape ``(4 * hidden_size,)``, or None.
        bias_hh: shape ``(4 * hidden_size,)``, or None.

    Raises:
        ModuleError: the shapes or dtypes do not fit.

    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997.
    """

    has_cell_state: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def recurrence(self) -> LongShortTerm:
        return LongShortTerm()


class GRUCell(Cell):
    r"""One step of a gated recurrent unit.

    .. math::
        h' = n + z \odot (h - n)

    with the gates of `GatedUnit`, which has its backward.

    Shapes: x ``(batch, input_size)`` and h ``(batch, hidden_size)``, 0 if left out, to h'
    ``(batch, hidden_size)``; or all without the batch.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        bias: whether to add the biases.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih: shape ``(3 * hidden_size, input_size)``. All are drawn from U(-k, k) with
            k = 1 / sqrt(hidden_size).
        weight_hh: shape ``(3 * hidden_size, hidden_size)``.
        bias_ih: shape ``(3 * hidden_size,)``, or None.
        bias_hh: shape ``(3 * hidden_size,)``, or None.

    Raises:
        ModuleError: the shapes or dtypes do not fit.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
    translation", 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, device, dtype)

    def recurrence(self) -> GatedUnit:
        return GatedUnit()
