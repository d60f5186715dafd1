"""The parameters and states of layers and of cells."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.recurrent.recurrence import Recurrence, States, Weights
from plaingrad.parameter import Parameter, shape


class Recurrent(Module):
    """Parameters named as torch.nn names them, and states h, or (h, c), in the structure of the argument hx.

    Attributes:
        has_cell_state: whether there are two states, (h, c).
    """

    input_size: int
    hidden_size: int
    has_cell_state: ClassVar[bool] = False

    def recurrence(self) -> Recurrence:
        """The equations of one direction. Implemented by a subclass."""
        raise NotImplementedError

    def state_sizes(self) -> tuple[int, ...]:
        """The size of each state."""
        return (self.hidden_size,) * (2 if self.has_cell_state else 1)

    def reset_parameters(self) -> None:
        """Redraw all parameters."""
        bound = 1 / math.sqrt(self.hidden_size)
        for _, parameter in self.named_parameters():
            init.uniform_(parameter, -bound, bound, generator=self.generator)

    def _add_weights(
        self, features: int, bias: bool, suffix: str, device: torch.device | str | None, dtype: Any
    ) -> None:
        """Make the parameters of one direction of one layer, not yet drawn."""
        state, rows = self.state_sizes()[0], self.recurrence().gates * self.hidden_size
        shapes: dict[str, tuple[int, ...] | None] = {
            "weight_ih": (rows, features),
            "weight_hh": (rows, state),
            "bias_ih": (rows,) if bias else None,
            "bias_hh": (rows,) if bias else None,
        }
        if state != self.hidden_size:
            shapes["weight_hr"] = (state, self.hidden_size)
        for name, size in shapes.items():
            if size is not None:
                setattr(self, name + suffix, Parameter(torch.empty(size, device=device, dtype=dtype)))
            elif not suffix:  # a cell has its missing biases as None, as in torch.nn
                setattr(self, name, None)

    def _weights(self, suffix: str = "") -> Weights:
        fields = vars(self)
        rest = (fields.get(name + suffix) for name in ("bias_ih", "bias_hh", "weight_hr"))
        return Weights(fields["weight_ih" + suffix], fields["weight_hh" + suffix], *rest)

    def _expect_sizes(self, input_size: int, hidden_size: int, least_input: int) -> None:
        sizes = ("input_size", input_size, least_input), ("hidden_size", hidden_size, 1)
        for name, size, least in sizes:
            if size < least:
                raise ModuleError(self, f"expected {name} from {least}, got {size}")

    def _start(self, hx: Any, before: tuple[int, ...], x: Tensor) -> States:
        """The states in hx, of the shapes ``(*before, size)``, or of zeros without it.

        Raises:
            ModuleError: hx is no such nest.
        """
        sizes = [(*before, size) for size in self.state_sizes()]
        if hx is None:
            return tuple(x.new_zeros(size) for size in sizes)
        states = self._states(hx)
        fits = len(states) == len(sizes) and all(
            isinstance(state, Tensor) and shape(state) == size and state.dtype == x.dtype
            for state, size in zip(states, sizes)
        )
        if not fits:
            expected = f"hx {' and '.join(map(str, sizes))} of {x.dtype}"
            got = [
                f"{shape(each)} of {each.dtype}" if isinstance(each, Tensor) else type(each).__name__
                for each in states
            ]
            raise ModuleError(self, f"expected {expected}, got {' and '.join(got)}")
        return states

    def _states(self, nest: Any) -> tuple[Any, ...]:
        """The states, or their gradients, one by one."""
        if not self.has_cell_state:
            return (nest,)
        return (None, None) if nest is None else tuple(nest) if isinstance(nest, (tuple, list)) else (nest,)

    def _nest(self, states: tuple[Any, ...]) -> Any:
        """The states, or their gradients, in the structure of hx."""
        return states if self.has_cell_state else states[0]
