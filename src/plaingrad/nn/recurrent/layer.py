"""Recurrent layers on top of each other, in one direction or two, over sequences in any form."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.dropout.dropout import keep_mask
from plaingrad.nn.recurrent.base import Recurrent
from plaingrad.nn.recurrent.form import Form
from plaingrad.nn.recurrent.recurrence import Trace, gradients_of_states
from plaingrad.nn.recurrent.steps import Steps
from plaingrad.parameter import shape

REVERSE = "_reverse"


class RNNBase(Recurrent):
    r"""The base of recurrent layers.

    Each layer runs over the outputs h of the one before; the direction back, over the same inputs from their
    end to their beginning. Its outputs stand beside those of the direction forth. With the states s (h, and
    c of an LSTM) and any equations f, as in `Recurrence`:

    .. math::
        s_t = f(x_t, s_{t-1}; \theta), \qquad y_t = h_t, \qquad s_n = s_T

    **Backward through time.** A state acts on the loss through its output, if it is the last one as
    :math:`s_n`, and through the next state, whose gradient is therefore needed first:

    .. math::
        \frac{\partial \ell}{\partial s_t} = \underbrace{\frac{\partial \ell}{\partial y_t}}_{\text{of h}}
        + \underbrace{\frac{\partial \ell}{\partial s_n}}_{t = T}
        + \frac{\partial \ell}{\partial s_{t+1}} \frac{\partial f}{\partial s_t}, \qquad
        \frac{\partial \ell}{\partial \theta} = \sum_t \frac{\partial \ell}{\partial s_t}
            \frac{\partial f}{\partial \theta}, \qquad
        \frac{\partial \ell}{\partial x_t} = \frac{\partial \ell}{\partial s_t}
            \frac{\partial f}{\partial x_t}

    The first is a loop from the last step to the first, and ends with the gradient of the state at the start.
    Only what is sequential is in it: the derivatives of f by the gates follow from the saved states, for all
    steps at once before it, and the sums over t are one product each behind it.

    Half precision is computed in float32.

    Shapes, with D = 2 directions or 1: x ``(time, batch, input_size)``, or the batch first with
    ``batch_first``, or one sequence ``(time, input_size)``; h ``(num_layers * D, batch, size)``, for one
    sequence without the batch, likewise c; 0 if hx is left out. The outputs are y, as x with
    ``D * size`` for its last axis, and h_n, or (h_n, c_n), as hx.

    Packed sequences give packed outputs (`plaingrad.nn.recurrent.PackedSequence`, or PyTorch's, for any named
    tuple of these fields will do). The gradient of such outputs is a named tuple too, or any tuple that
    begins with the gradient of ``data``; that of the input has None besides ``data``.

    Raises:
        ModuleError: a size or number is out of its range, or the inputs' shapes or dtypes do not fit.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: int | float,
        bidirectional: bool,
        proj_size: int,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        self._expect_sizes(input_size, hidden_size, 1)
        if isinstance(dropout, bool) or not 0 <= dropout <= 1:
            raise ModuleError(self, f"expected dropout between 0 and 1, got {dropout}")
        if num_layers < 1:
            raise ModuleError(self, f"expected num_layers from 1, got {num_layers}")
        if not 0 <= proj_size < hidden_size:
            raise ModuleError(self, f"expected proj_size below {hidden_size}, or 0, got {proj_size}")
        if dropout and num_layers == 1:
            text = f"dropout={dropout} has no effect, for it follows each layer but the last of num_layers=1"
            warnings.warn(f"{type(self).__name__}: {text}", UserWarning, stacklevel=3)
        self.input_size, self.hidden_size, self.proj_size = input_size, hidden_size, proj_size
        self.num_layers, self.bidirectional = num_layers, bidirectional
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        for k, suffix in enumerate(self._suffixes()):
            inside = self.state_sizes()[0] * self.num_directions
            features = input_size if k < self.num_directions else inside
            self._add_weights(features, bias, suffix, device, dtype)
        self.reset_parameters()

    @property
    def num_directions(self) -> int:
        """The number of directions, 1 or 2."""
        return 2 if self.bidirectional else 1

    def _suffixes(self) -> list[str]:
        """The endings of the parameters' names, for each direction of each layer."""
        ends = ("", REVERSE)[: self.num_directions]
        return [f"_l{layer}{end}" for layer in range(self.num_layers) for end in ends]

    def state_sizes(self) -> tuple[int, ...]:
        sizes = super().state_sizes()
        return (self.proj_size or self.hidden_size, *sizes[1:])

    def forward(
        self, x: Float[Tensor, ...] | tuple[Any, ...], hx: Tensor | tuple[Tensor, ...] | None = None
    ) -> tuple[Any, Any]:
        form = self._form(x)
        rows = form.rows(x)
        assert rows is not None
        batch = () if form.batch_axis is None and form.packed is None else (form.steps.batch,)
        start = self._start(hx, (len(self._suffixes()), *batch), rows)
        start = tuple(widen(form.states(state)) for state in start)
        y, traces, masks = self._run(widen(rows), start, form.steps)
        lasts = zip(*([state[form.steps.batch :][form.steps.ends] for state in t.states] for t in traces))
        last = self._nest(tuple(narrow(form.of_states(torch.stack(each)), rows.dtype) for each in lasts))
        outputs = form.sequences(narrow(y, rows.dtype)), last
        self.save((tuple(traces), tuple(masks), form, hx is None, rows.dtype), outputs)
        return outputs

    def backward(self, dy: Any, dlast: Any = None) -> tuple[Any, Any]:
        traces, masks, form, starts_at_0, dtype = self.restore(dy, dlast)
        drows = form.rows(dy)
        drows = None if drows is None else widen(drows)
        dlasts = [None if d is None else widen(form.states(d)) for d in self._states(dlast)]
        dx, dstarts = self._run_back(traces, masks, drows, dlasts, form.steps)
        dstart = [narrow(form.of_states(torch.stack(each)), dtype) for each in zip(*dstarts)]
        dhx = None if starts_at_0 else self._nest(tuple(dstart))
        return form.sequences(narrow(dx, dtype), gradient=True), dhx

    def _run(
        self, rows: Float[Tensor, "rows features"], start: tuple[Tensor, ...], steps: Steps
    ) -> tuple[Float[Tensor, "rows size"], list[Trace], list[Tensor | None]]:
        """The last layer's outputs, the trace of each direction and the mask before each layer."""
        traces: list[Trace] = []
        masks: list[Tensor | None] = []
        recurrence = self.recurrence()
        for layer in range(self.num_layers):
            drops = layer > 0 and self.training and self.dropout > 0
            masks.append(keep_mask(rows, self.dropout, self.generator) if drops else None)
            rows = rows if masks[-1] is None else rows * masks[-1]
            outputs = []
            for suffix in self._suffixes()[len(traces) :][: self.num_directions]:
                is_back = suffix.endswith(REVERSE)
                x = steps.mirrored(rows) if is_back else rows
                states = tuple(each[len(traces)] for each in start)
                traces.append(recurrence.forward(x, states, self._weights(suffix), steps))
                h = traces[-1].states[0][steps.batch :]
                outputs.append(steps.mirrored(h) if is_back else h)
            rows = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
        return rows, traces, masks

    def _run_back(
        self,
        traces: tuple[Trace, ...],
        masks: tuple[Tensor | None, ...],
        drows: Float[Tensor, "rows size"] | None,
        dlasts: list[Tensor | None],
        steps: Steps,
    ) -> tuple[Float[Tensor, "rows features"], list[tuple[Tensor, ...]]]:
        """The gradients of the inputs, and of the states at the start of each direction."""
        recurrence, size, directions = self.recurrence(), self.state_sizes()[0], self.num_directions
        dstarts: list[tuple[Tensor, ...]] = []
        suffixes, dinputs = self._suffixes(), drows
        for k in reversed(range(len(traces))):
            direction, is_back = k % directions, suffixes[k].endswith(REVERSE)
            if direction == directions - 1:
                drows, dinputs = dinputs, None
            dh = None if drows is None else drows[:, direction * size : (direction + 1) * size]
            dh = steps.mirrored(dh) if is_back and dh is not None else dh
            dlast = tuple(None if each is None else each[k] for each in dlasts)
            dstates = gradients_of_states(traces[k], dh, dlast, steps)
            dx, dstart = recurrence.backward(traces[k], dstates, self._weights(suffixes[k]), steps)
            dx = steps.mirrored(dx) if is_back else dx
            dinputs = dx if dinputs is None else dinputs + dx
            mask = masks[k // directions]
            if direction == 0 and mask is not None:
                dinputs = dinputs * mask
            dstarts.insert(0, dstart)
        assert dinputs is not None
        return dinputs, dstarts

    def _form(self, x: Any) -> Form:
        """The form of the inputs.

        Raises:
            ModuleError: they have none.
        """
        dtype, size = self._weights("_l0").ih.value.dtype, self.input_size
        is_packed = isinstance(x, tuple) and len(x) == 4
        data = x[0] if is_packed else x
        ranks = (2,) if is_packed else (2, 3)
        if (
            not isinstance(data, Tensor)
            or data.ndim not in ranks
            or (data.shape[-1], data.dtype) != (size, dtype)
        ):
            axes = "(batch, time, {})" if self.batch_first else "(time, batch, {})"
            expected = (
                f"packed rows (rows, {size})" if is_packed else f"input {axes.format(size)} or (time, {size})"
            )
            got = f"{shape(data)} of {data.dtype}" if isinstance(data, Tensor) else f"a {type(data).__name__}"
            raise ModuleError(self, f"expected {expected} of {dtype}, got {got}")
        if is_packed:
            sizes = x[1].tolist()
            if not sizes or sizes[-1] < 1 or sizes != sorted(sizes, reverse=True) or sum(sizes) != len(data):
                raise ModuleError(
                    self, f"expected batch_sizes that fall and add up to {len(data)}, got {sizes}"
                )
            return Form(Steps.of(sizes, data.device), None, x._replace(data=None))
        axis = None if data.ndim == 2 else 0 if self.batch_first else 1
        time, batch = data.shape[1 if axis == 0 else 0], 1 if axis is None else data.shape[axis]
        if not time:
            raise ModuleError(self, f"expected at least one time step, got {shape(data)}")
        return Form(Steps.of([batch] * time, data.device), axis)
