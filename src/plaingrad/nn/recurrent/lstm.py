"""Long short-term memory: its equations and its layers."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.recurrent.layer import RNNBase
from plaingrad.nn.recurrent.recurrence import Recurrence, States, Trace, Values
from plaingrad.nn.recurrent.steps import Steps


class LongShortTerm(Recurrence):
    r"""The equations of long short-term memory.

    .. math::
        i, f, o &= \sigma(a^i), \sigma(a^f), \sigma(a^o), \qquad g = \tanh(a^g) \\
        c_t &= f \odot c_{t-1} + i \odot g, \qquad
            m_t = o \odot \tanh(c_t), \qquad h_t = m_t W_{hr}^\top

    with h = m where there is no projection. Backward, with dm for :math:`\partial \ell / \partial m_t` and
    the like:

    .. math::
        dm &= dh\, W_{hr}, \qquad dc \mathrel{+}= dm \odot o \odot (1 - \tanh^2 c_t), \qquad
            dc_{t-1} \mathrel{+}= dc \odot f, \qquad dh_{t-1} \mathrel{+}= da\, W_{hh} \\
        da^i &= dc \odot g \odot i (1 - i), \qquad da^f = dc \odot c_{t-1} \odot f (1 - f) \\
        da^g &= dc \odot i \odot (1 - g^2), \qquad da^o = dm \odot \tanh(c_t) \odot o (1 - o)

    The factors of dc and dm depend on the forward alone, so they are computed for all steps at once.
    """

    gates: ClassVar[int] = 4

    def unroll(
        self, a: Float[Tensor, "rows gates"], start: States, weights: Values, steps: Steps
    ) -> tuple[States, tuple[Tensor, ...]]:
        (h, c), weight, hidden = start, weights.hh.T, start[1].shape[1]
        hs, cs, kept = [h], [c], []
        for a_t in a.split(steps.sizes):
            count = len(a_t)
            a_t = a_t.addmm(h[:count], weight)
            i_f, o = a_t[:, : 2 * hidden].sigmoid(), a_t[:, 3 * hidden :].sigmoid()
            g = a_t[:, 2 * hidden : 3 * hidden].tanh()
            i, f = i_f.split(hidden, 1)
            c = torch.addcmul(i * g, f, c[:count])
            h = o * c.tanh()
            if weights.hr is not None:
                h = h @ weights.hr.T
            hs.append(h)
            cs.append(c)
            kept.append((i_f, g, o))
        return (torch.cat(hs), torch.cat(cs)), tuple(map(torch.cat, zip(*kept)))

    def roll_back(
        self, trace: Trace, dstates: States, weights: Values, steps: Steps
    ) -> tuple[Float[Tensor, "rows gates"], Float[Tensor, "rows gates"]]:
        f = trace.activations[0].chunk(2, 1)[1]
        of_dc, da = self.factors(trace, steps)
        of_dcs, fs, dh, dc = (
            of_dc.split(steps.sizes),
            f.split(steps.sizes),
            steps.blocks(dstates[0]),
            steps.blocks(dstates[1]),
        )
        for t, da_t in reversed(list(enumerate(da.split(steps.sizes)))):
            count = len(da_t)
            dm = dh[t + 1] if weights.hr is None else dh[t + 1] @ weights.hr
            dc_t = dc[t + 1].addcmul_(dm, of_dcs[t])
            da_t[:, :3].mul_(dc_t.unsqueeze(1))
            da_t[:, 3].mul_(dm)
            dc[t][:count].addcmul_(dc_t, fs[t])
            dh[t][:count].addmm_(da_t.flatten(1), weights.hh)
        return da.flatten(1), da.flatten(1)

    def factors(
        self, trace: Trace, steps: Steps
    ) -> tuple[Float[Tensor, "rows hidden"], Float[Tensor, "rows 4 hidden"]]:
        """The factors of dm in dc, and those of dc and dm in the gradients of the four gates."""
        (i_f, g, o), c = trace.activations, trace.states[1]
        i, f = i_f.chunk(2, 1)
        tanh = c[steps.batch :].tanh()
        of_gates = torch.stack(
            [
                g * i * (1 - i),
                steps.before(c) * f * (1 - f),
                i * (1 - g * g),
                tanh * o * (1 - o),
            ],
            1,
        )
        return o * (1 - tanh * tanh), of_gates

    def unprojected(self, trace: Trace, steps: Steps) -> Float[Tensor, "rows hidden"]:
        return trace.activations[2] * trace.states[1][steps.batch :].tanh()


class LSTM(RNNBase):
    r"""Runs layers of long short-term memory over sequences.

    With the four gates' parts a of :math:`x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh}`:

    .. math::
        c_t = \sigma(a^f) \odot c_{t-1} + \sigma(a^i) \odot \tanh(a^g), \qquad
        h_t = \big(\sigma(a^o) \odot \tanh(c_t)\big)\, W_{hr}^\top

    where there is no :math:`W_{hr}` unless ``proj_size`` is given. `LongShortTerm` has the step backward, and
    `RNNBase` the way back through time.

    Shapes: those of `RNNBase`; the states are (h, c), c of the hidden size and h of it or of ``proj_size``.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        num_layers: the number of layers, each of which runs over the outputs of the one before.
        bias: whether to add the biases.
        batch_first: whether the batch, and not the time, is the first axis of inputs and outputs.
        dropout: the probability of each element of a layer's outputs, but those of the last, to be dropped in
            training.
        bidirectional: whether each layer also runs from the end to the beginning, with other weights.
        proj_size: the size that h is projected to; 0 for none.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih_l0: of the gates i, f, g and o, shape ``(4 * hidden_size, input_size)``; those of
            the layers after the first ``(4 * hidden_size, directions * size of h)``. All parameters are drawn
            from U(-k, k) with k = 1 / sqrt(hidden_size). Those of the direction back end in ``_reverse``.
        weight_hh_l0: shape ``(4 * hidden_size, size of h)``.
        bias_ih_l0: shape ``(4 * hidden_size,)``.
        bias_hh_l0: shape ``(4 * hidden_size,)``.
        weight_hr_l0: shape ``(proj_size, hidden_size)``, if there is a projection.

    Raises:
        ModuleError: as `RNNBase` says.

    Source: S. Hochreiter, J. Schmidhuber, "Long short-term memory", 1997; H. Sak, A. Senior, F. Beaufays,
    "Long short-term memory based recurrent neural network architectures for large vocabulary speech
    recognition", 2014.
    """

    has_cell_state: ClassVar[bool] = True

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: int | float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional),
            *(proj_size, device, dtype),
        )

    def recurrence(self) -> LongShortTerm:
        return LongShortTerm()
