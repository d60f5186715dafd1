"""The tensors of forward, any of which may belong where backward has another one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.candidate import same
from plaingrad.inspect.gradients.naming.tape import Tape
from plaingrad.inspect.gradients.tested import ModuleUnderTest, doubled

Rounds = list[Tensor]
"""A tensor for each round of a loop of backward; or a single one for all."""

BEFORE, AFTER = ", of the round before", ", of the round after"


class Pool:
    """The inputs, the parameters, and what forward computes from them.

    Attributes:
        tensors: them by description; of a loop one for each round.

    Args:
        under_test: the module.
        tape: its forward; None if it cannot be followed.
    """

    def __init__(self, under_test: ModuleUnderTest, tape: Tape | None) -> None:
        self.tensors: dict[str, Rounds] = {}
        self._before: dict[str, set[int]] = {}
        self._slots: dict[str, list[int]] = {}
        self._outputs: list[Tensor] = []
        self._known: dict[int, tuple[Tensor, list[str]]] = {}
        for name, x in zip(under_test.names, under_test.inputs):
            self._enter(f"`{name}`", [x])
        for name, p in under_test.parameters.items():
            self._enter(f"`{name}`", [p.value])
        if tape is not None:
            self._slots = {f"`{name}`": [slot] for name, slot in tape.leaves.items()}
            self._of_tape(tape)
            self._outputs = [tape.values[slot] for slot in tape.outputs if slot is not None]
        self._leaves = {f"`{name}`" for name in (*under_test.names, *under_test.parameters)}

    def _enter(self, text: str, values: Rounds) -> None:
        if values[0].is_floating_point():
            self.tensors[text] = list(doubled(values))

    def _of_tape(self, tape: Tape) -> None:
        before: dict[int, set[int]] = {}
        for operation in tape.operations:
            slots = {k for slot in operation.operands for k in (slot, *before.get(slot, ()))}
            before.update(dict.fromkeys(operation.results, slots))
        for (site, name), operations in tape.sites.items():
            text = f"the result of `{name}` in forward ({site.text})"
            if text in self.tensors:  # of a line that calls it several times
                text = f"{text}, number {1 + sum(other.startswith(text) for other in self.tensors)}"
            self._slots[text] = [each.results[-1] for each in operations]
            self._enter(text, [tape.values[slot] for slot in self._slots[text]])
        self._of_exponentials(tape)
        for text, own in self._slots.items():
            self._before[text] = {k for slot in own for k in before.get(slot, ())}

    def _of_exponentials(self, tape: Tape) -> None:
        """Exponentials over their sum, the derivative of the sum's logarithm, which forward need not have."""
        makers = {slot: operation for operation in tape.operations for slot in operation.results}
        for operation in tape.operations:
            terms = makers.get(operation.operands[0]) if operation.name == "sum" else None
            if terms is not None and terms.name == "exp":
                slots = [terms.results[0], operation.results[0]]
                e, total = (tape.values[slot] for slot in slots)
                if e.ndim == total.ndim:
                    text = f"the exponentials over their sum ({operation.site.text})"
                    self._slots[text] = slots
                    self._enter(text, [e / total])

    def of_rounds(self, count: int) -> Mapping[str, Rounds]:
        """The tensors for this many rounds of backward, which meets those of a loop in reverse.

        Those of the rounds before and after are among them, too. Of another number of tensors it is the last.
        """
        rounds: dict[str, Rounds] = {}
        for text, values in self.tensors.items():
            if count == 1 or len(values) != count:
                rounds[text] = values[-1:]
            else:
                back, nothing = values[::-1], torch.zeros_like(values[0])
                rounds[text] = back
                rounds[text + BEFORE] = [*back[1:], nothing]
                rounds[text + AFTER] = [nothing, *back[:-1]]
        return rounds

    def follows(self, x: Tensor, text: str) -> bool:
        """True if forward computes a tensor from the one of this description, or the other way round."""
        text = text.removesuffix(BEFORE).removesuffix(AFTER)
        if text not in self._before:
            return False
        return any(
            self._before[text] & {*self._slots[other]} or self._before[other] & {*self._slots[text]}
            for other in self._alike(x)
            if other in self._before
        )

    def is_leaf(self, text: str) -> bool:
        """True if this describes an input or a parameter."""
        return text in self._leaves

    def is_output(self, x: Tensor) -> bool:
        """True if forward returns a tensor."""
        return any(same(y, x, 1e-12) for y in self._outputs)

    def knows(self, x: Tensor) -> bool:
        """True if a tensor is one of forward's."""
        return bool(self._alike(x))

    def _alike(self, x: Tensor) -> list[str]:
        """The descriptions of the tensors with these values."""
        if id(x) not in self._known:
            alike = [t for t, values in self.tensors.items() if any(same(v, x, 1e-12) for v in values)]
            self._known[id(x)] = x, alike  # kept, so that no other tensor gets its id
        return self._known[id(x)][1]
