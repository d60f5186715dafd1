"""The simple recurrent network: its equations and its layers."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.select import select
from plaingrad.nn.recurrent.layer import RNNBase
from plaingrad.nn.recurrent.recurrence import Recurrence, States, Trace, Values
from plaingrad.nn.recurrent.steps import Steps


class Elman(Recurrence):
    r"""The equations of a simple recurrent network.

    .. math::
        h_t = \varphi(a_t), \qquad
        \frac{\partial \ell}{\partial a_t} = \frac{\partial \ell}{\partial h_t} \odot \varphi'(a_t), \qquad
        \frac{\partial \ell}{\partial h_{t-1}} \mathrel{+}= \frac{\partial \ell}{\partial a_t} W_{hh}

    with :math:`\varphi' = 1 - h_t^2` for tanh and :math:`[h_t > 0]` for relu.

    Args:
        nonlinearity: ``"tanh"`` or ``"relu"``.
    """

    gates: ClassVar[int] = 1

    def __init__(self, nonlinearity: str) -> None:
        self.nonlinearity = nonlinearity

    def unroll(
        self, a: Float[Tensor, "rows gates"], start: States, weights: Values, steps: Steps
    ) -> tuple[States, tuple[Tensor, ...]]:
        h, weight = start[0], weights.hh.T
        states = [h]
        for a_t in a.split(steps.sizes):
            a_t = a_t.addmm(h[: len(a_t)], weight)
            h = a_t.tanh() if self.nonlinearity == "tanh" else a_t.clamp_min(0)
            states.append(h)
        return (torch.cat(states),), ()

    def roll_back(
        self, trace: Trace, dstates: States, weights: Values, steps: Steps
    ) -> tuple[Float[Tensor, "rows gates"], Float[Tensor, "rows gates"]]:
        y = trace.states[0][steps.batch :]
        is_tanh = self.nonlinearity == "tanh"
        da = 1 - y * y if is_tanh else torch.empty_like(y)  # the slopes, then the gradient in their place
        is_on = y.bool().split(steps.sizes)  # for relu, never negative
        dh = steps.blocks(dstates[0])
        for t, da_t in reversed(list(enumerate(da.split(steps.sizes)))):
            if is_tanh:
                da_t.mul_(dh[t + 1])
            else:
                da_t.copy_(select(is_on[t], dh[t + 1]))
            dh[t][: len(da_t)].addmm_(da_t, weights.hh)
        return da, da


class RNN(RNNBase):
    r"""Runs simple recurrent layers over sequences.

    .. math::
        h_t = \varphi(x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh})

    `Elman` has the step backward, and `RNNBase` the way back through time.

    Shapes: those of `RNNBase`.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        num_layers: the number of layers, each of which runs over the outputs of the one before.
        nonlinearity: the function :math:`\varphi`, ``"tanh"`` or ``"relu"``.
        bias: whether to add the biases.
        batch_first: whether the batch, and not the time, is the first axis of inputs and outputs.
        dropout: the probability of each element of a layer's outputs, but those of the last, to be dropped in
            training.
        bidirectional: whether each layer also runs from the end to the beginning, with other weights.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih_l0: shape ``(hidden_size, input_size)``; those of the layers after the first
            ``(hidden_size, directions * hidden_size)``. All parameters are drawn from U(-k, k) with
            k = 1 / sqrt(hidden_size). Those of the direction back end in ``_reverse``.
        weight_hh_l0: shape ``(hidden_size, hidden_size)``.
        bias_ih_l0: shape ``(hidden_size,)``.
        bias_hh_l0: shape ``(hidden_size,)``.

    Raises:
        ModuleError: as `RNNBase` says, or the nonlinearity is none of these.

    Source: J. Elman, "Finding structure in time", 1990.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: int | float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.nonlinearity = nonlinearity
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def recurrence(self) -> Elman:
        return Elman(expect_nonlinearity(self, self.nonlinearity))


def expect_nonlinearity(module: Module, nonlinearity: str) -> str:
    """The nonlinearity itself, if it is one of those that there are."""
    if nonlinearity not in ("tanh", "relu"):
        raise ModuleError(module, f"expected nonlinearity 'tanh' or 'relu', got {nonlinearity!r}")
    return nonlinearity
