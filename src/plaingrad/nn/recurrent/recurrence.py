"""One layer in one direction: the products for all steps at once, around equations that run step by step."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.common.half import widen
from plaingrad.nn.recurrent.steps import Steps
from plaingrad.parameter import Parameter, learned

States = tuple[Tensor, ...]
"""The hidden state h, and for an LSTM also the cell state c."""


class Weights(NamedTuple):
    """The parameters of one layer in one direction; None for those that it does not have."""

    ih: Parameter
    hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None
    hr: Parameter | None

    def values(self) -> Values:
        """Their values, of half precision in float32."""
        biases = (None if each is None else widen(each.value) for each in self[2:])
        return Values(widen(self.ih.value), widen(self.hh.value), *biases)


class Values(NamedTuple):
    """The values of `Weights`, shapes ``(gates hidden, features)``, ``(gates hidden, state)``, ..."""

    ih: Tensor
    hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    hr: Tensor | None


class Trace(NamedTuple):
    """The course of a forward, as its backward needs it.

    Attributes:
        x: the inputs, a row for each sequence at each step.
        states: each state, at the start and then in such rows.
        activations: what the equations keep, in such rows.
    """

    x: Tensor
    states: States
    activations: tuple[Tensor, ...]


class Recurrence:
    r"""One layer in one direction.

    A step adds what the input and what the last state contribute to the gates, and makes of these, by the
    equations of a subclass, the next state:

    .. math::
        a_t = x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh}, \qquad s_t = f(a_t, s_{t-1})

    The first product needs no state, so it is taken for all steps at once. Backward through time has
    :math:`\partial \ell / \partial a_t` after its loop, and then

    .. math::
        \frac{\partial \ell}{\partial W_{ih}} = \sum_t \Big(\frac{\partial \ell}{\partial a_t}\Big)^{\!\top}
            x_t, \qquad
        \frac{\partial \ell}{\partial W_{hh}} = \sum_t \Big(\frac{\partial \ell}{\partial a_t}\Big)^{\!\top}
            h_{t-1}, \qquad
        \frac{\partial \ell}{\partial b} = \sum_t \frac{\partial \ell}{\partial a_t}, \qquad
        \frac{\partial \ell}{\partial x_t} = \frac{\partial \ell}{\partial a_t} W_{ih}

    are one product each, of the rows of all steps.

    Attributes:
        gates: how many times the hidden size the gates a have.
        adds_biases: whether both biases just add up.
    """

    gates: ClassVar[int]
    adds_biases: ClassVar[bool] = True

    def unroll(
        self, a: Float[Tensor, "rows gates"], start: States, weights: Values, steps: Steps
    ) -> tuple[States, tuple[Tensor, ...]]:
        """The states of all steps after those at the start, and the activations, from the inputs' part of a.

        Implemented by a subclass.
        """
        raise NotImplementedError

    def roll_back(
        self, trace: Trace, dstates: States, weights: Values, steps: Steps
    ) -> tuple[Float[Tensor, "rows gates"], Float[Tensor, "rows gates"]]:
        """The gradients of a, once as the inputs and once as the last state add to it.

        On entry, ``dstates`` holds the gradients from outside of the states that a `Trace` has. Each step
        adds to them what the later steps contribute. Implemented by a subclass.
        """
        raise NotImplementedError

    def forward(
        self, x: Float[Tensor, "rows features"], start: States, weights: Weights, steps: Steps
    ) -> Trace:
        """Run all steps from these states."""
        values = weights.values()
        bias = values.bias_ih
        if bias is not None and values.bias_hh is not None and self.adds_biases:
            bias = bias + values.bias_hh
        a = x @ values.ih.T if bias is None else bias.addmm(x, values.ih.T)
        return Trace(x, *self.unroll(a, start, values, steps))

    def backward(
        self, trace: Trace, dstates: States, weights: Weights, steps: Steps
    ) -> tuple[Float[Tensor, "rows features"], States]:
        """The gradients of the inputs and of the states at the start; adds those of the weights."""
        values = weights.values()
        da, da_h = self.roll_back(trace, dstates, values, steps)
        if learned(weights.ih):
            weights.ih.grad.add_(da.T @ trace.x)
        if learned(weights.hh):
            weights.hh.grad.add_(da_h.T @ steps.before(trace.states[0]))
        if learned(weights.bias_ih):
            weights.bias_ih.grad.add_(da.sum(0))
        if learned(weights.bias_hh):
            weights.bias_hh.grad.add_(da_h.sum(0))
        if learned(weights.hr):
            dh = dstates[0][steps.batch :]
            weights.hr.grad.add_(dh.T @ self.unprojected(trace, steps))
        return da @ values.ih, tuple(each[: steps.batch] for each in dstates)

    def unprojected(self, trace: Trace, steps: Steps) -> Float[Tensor, "rows hidden"]:
        """The hidden states before their projection, where a subclass has one."""
        raise NotImplementedError


def gradients_of_states(
    trace: Trace, dy: Float[Tensor, "rows size"] | None, dlast: tuple[Tensor | None, ...], steps: Steps
) -> States:
    """The gradients from outside of the states, at the start and in rows; y is the states h.

    The last states are those at the sequences' ends, where their gradients add.
    """
    dstates = tuple(torch.zeros_like(each) for each in trace.states)
    if dy is not None:
        dstates[0][steps.batch :] = dy
    for dstate, last in zip(dstates, dlast):
        if last is not None:
            dstate[steps.batch :][steps.ends] += last
    return dstates
