"""Two forwards, undone by two backwards in reverse order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.errors import InputError
from plaingrad.inspect.gradients.nests import close, listed
from plaingrad.inspect.gradients.tested import ModuleUnderTest, Tensors, Upstream, as_tuple, doubled, reason


class Stacking:
    """The check that saved state is a stack.

    Args:
        under_test: the module.
        gradients: the gradients of its parameters, of one forward alone.
        overwritten: the names of those to which backward does not add.
    """

    def __init__(
        self, under_test: ModuleUnderTest, gradients: Mapping[str, Tensor], overwritten: Collection[str]
    ) -> None:
        self.under_test = under_test
        self.gradients = gradients
        self.overwritten = overwritten

    def problem(self, dys: Upstream, dxs: Sequence[Tensor | None]) -> str:
        """The observation where they are not; an empty string where they are."""
        under_test = self.under_test
        try:
            others, outputs = self._other_inputs()
        except (ValueError, RuntimeError, LookupError):
            return ""  # the module accepts no other input of this kind
        other_dys = under_test.upstream(outputs, under_test.seed + 2)
        under_test.zero_grad()
        unused = under_test.unused()  # a module that has been called may have kept some of the first inputs
        unused.forward(doubled(others), another=1)
        other_dxs = self._gradients(unused.backward(doubled(other_dys)))
        alone = {name: p.grad.clone() for name, p in unused.parameters.items()}
        under_test.forward(doubled(under_test.inputs))
        under_test.forward(doubled(others), another=1)
        problem = "two forwards, then two backwards in reverse order"
        try:
            second = self._gradients(under_test.backward(doubled(other_dys)))
            first = self._gradients(under_test.backward(doubled(dys)))
        except Exception as error:
            return f"{problem}: raised {reason(error)}"
        finally:
            grads = {name: p.grad.clone() for name, p in under_test.parameters.items()}
            under_test.zero_grad()
        names = [name for name, real in zip(under_test.names, under_test.differentiable) if real]
        alone_dxs = [dx for dx in dxs if dx is not None]
        wrong = [
            f"the gradient of {name}"
            for name, *pairs in zip(names, first, alone_dxs, second, other_dxs)
            if not (close(pairs[0], pairs[1]) and close(pairs[2], pairs[3]))
        ]
        wrong += [
            f"the gradient of {name}"
            for name in grads.keys() - self.overwritten
            if not close(grads[name], self.gradients[name] + alone[name])
        ]
        if not wrong:
            return ""
        differ = "differs from what it is" if len(wrong) == 1 else "differ from what they are"
        return f"{problem}: {listed(wrong)} {differ} for each alone"

    def _gradients(self, returned: Any) -> list[Tensor]:
        """The gradients in what backward returned, in order."""
        return list(tensors(list(as_tuple(returned))))

    def _other_inputs(self) -> tuple[tuple[Any, ...], Tensors]:
        """Inputs of the same kind with other values, and the outputs for them.

        Elements are shifted by one and scaled down, so that signs and ranges stay acceptable to the module.
        Integers are shifted only if the module accepts that. If it accepts neither, the samples are shifted.
        """

        def moved(x: Tensor) -> Tensor:
            return numbers_moved(x) if x.is_floating_point() else x.roll(1)

        def numbers_moved(x: Tensor) -> Tensor:
            return x.roll(1) * 0.7 if x.is_floating_point() else x

        def samples_moved(x: Tensor) -> Tensor:
            return x.roll(1, 0) if x.ndim else x

        for change in (moved, numbers_moved, samples_moved):
            others = tuple(map(change, self.under_test.inputs))
            try:
                return others, self.under_test.forward(doubled(others), another=1)
            except (ValueError, RuntimeError, LookupError):
                self.under_test.zero_grad()
        raise InputError("no other input of this kind is accepted")
