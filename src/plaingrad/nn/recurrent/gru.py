"""The gated recurrent unit: its equations and its layers."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.recurrent.layer import RNNBase
from plaingrad.nn.recurrent.recurrence import Recurrence, States, Trace, Values
from plaingrad.nn.recurrent.steps import Steps


class GatedUnit(Recurrence):
    r"""The equations of the gated recurrent unit.

    With the gates' parts of the input, :math:`a = x W_{ih}^\top + b_{ih}`, and of the last state,
    :math:`u = h_{t-1} W_{hh}^\top + b_{hh}`:

    .. math::
        r, z = \sigma(a^r + u^r), \sigma(a^z + u^z), \qquad
        n = \tanh(a^n + r \odot u^n), \qquad
        h_t = n + z \odot (h_{t-1} - n)

    Backward, with dh for :math:`\partial \ell / \partial h_t` and the like:

    .. math::
        da^n &= dh \odot (1 - z) (1 - n^2), \qquad du^n = da^n \odot r \\
        da^r &= du^r = da^n \odot u^n \odot r (1 - r), \qquad
            da^z = du^z = dh \odot (h_{t-1} - n) \odot z (1 - z) \\
        dh_{t-1} &\mathrel{+}= dh \odot z + du\, W_{hh}

    All are dh times factors that depend on the forward alone, so these are computed for all steps at once.
    """

    gates: ClassVar[int] = 3
    adds_biases: ClassVar[bool] = False  # r scales one of them

    def unroll(
        self, a: Float[Tensor, "rows gates"], start: States, weights: Values, steps: Steps
    ) -> tuple[States, tuple[Tensor, ...]]:
        h, weight, bias, hidden = start[0], weights.hh.T, weights.bias_hh, start[0].shape[1]
        hs, kept = [h], []
        for a_t in a.split(steps.sizes):
            h = h[: len(a_t)]
            u = h @ weight if bias is None else bias.addmm(h, weight)
            r_z = (a_t[:, : 2 * hidden] + u[:, : 2 * hidden]).sigmoid()
            r, z = r_z.split(hidden, 1)
            u_n = u[:, 2 * hidden :]
            n = torch.addcmul(a_t[:, 2 * hidden :], r, u_n).tanh()
            h = torch.addcmul(n, z, h - n)
            hs.append(h)
            kept.append((r_z, n, u_n))
        return (torch.cat(hs),), tuple(map(torch.cat, zip(*kept)))

    def roll_back(
        self, trace: Trace, dstates: States, weights: Values, steps: Steps
    ) -> tuple[Float[Tensor, "rows gates"], Float[Tensor, "rows gates"]]:
        z = trace.activations[0].chunk(2, 1)[1]
        parts = self.factors(trace, steps)
        zs, dh, hidden = z.split(steps.sizes), steps.blocks(dstates[0]), z.shape[1]
        for t, part in reversed(list(enumerate(parts.split(steps.sizes)))):
            dh_t, dbefore = dh[t + 1], dh[t][: len(part)]
            part.mul_(dh_t.unsqueeze(1))
            dbefore.addcmul_(dh_t, zs[t]).addmm_(part[:, :3].flatten(1), weights.hh)
        du = parts[:, :3].flatten(1)
        return torch.cat([du[:, : 2 * hidden], parts[:, 3]], 1), du

    def factors(self, trace: Trace, steps: Steps) -> Float[Tensor, "rows 4 hidden"]:
        """The factors of dh in du, for the three gates, and in the n of da."""
        (r_z, n, u_n), (h,) = trace.activations, trace.states
        r, z = r_z.chunk(2, 1)
        of_n = (1 - z) * (1 - n * n)
        of_z = (steps.before(h) - n) * z * (1 - z)
        return torch.stack([of_n * u_n * r * (1 - r), of_z, of_n * r, of_n], 1)


class GRU(RNNBase):
    r"""Runs layers of gated recurrent units over sequences.

    .. math::
        h_t = n_t + z_t \odot (h_{t-1} - n_t)

    with the gates of `GatedUnit`, which has the step backward; `RNNBase` has the way back through time.

    Shapes: those of `RNNBase`.

    Args:
        input_size: the size of each input.
        hidden_size: the size of each hidden state.
        num_layers: the number of layers, each of which runs over the outputs of the one before.
        bias: whether to add the biases.
        batch_first: whether the batch, and not the time, is the first axis of inputs and outputs.
        dropout: the probability of each element of a layer's outputs, but those of the last, to be dropped in
            training.
        bidirectional: whether each layer also runs from the end to the beginning, with other weights.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight_ih_l0: of the gates r, z and n, shape ``(3 * hidden_size, input_size)``; those of the
            layers after the first ``(3 * hidden_size, directions * hidden_size)``. All parameters are drawn
            from U(-k, k) with k = 1 / sqrt(hidden_size). Those of the direction back end in ``_reverse``.
        weight_hh_l0: shape ``(3 * hidden_size, hidden_size)``.
        bias_ih_l0: shape ``(3 * hidden_size,)``.
        bias_hh_l0: shape ``(3 * hidden_size,)``.

    Raises:
        ModuleError: as `RNNBase` says.

    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for statistical machine
    translation", 2014.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: int | float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )

    def recurrence(self) -> GatedUnit:
        return GatedUnit()
