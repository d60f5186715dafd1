"""The search for the mistake behind a wrong gradient."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

from plaingrad.inspect.gradients.autograd import autograd
from plaingrad.inspect.gradients.finding import Mistake
from plaingrad.inspect.gradients.naming import numbers
from plaingrad.inspect.gradients.naming.candidate import Candidate, same
from plaingrad.inspect.gradients.naming.factors import Factors
from plaingrad.inspect.gradients.naming.paths import Paths
from plaingrad.inspect.gradients.naming.pool import Pool
from plaingrad.inspect.gradients.naming.ranking import ranked
from plaingrad.inspect.gradients.naming.recorder import recorded
from plaingrad.inspect.gradients.naming.repairs import Repairs
from plaingrad.inspect.gradients.naming.tape import Tape
from plaingrad.inspect.gradients.naming.upstream import Linearity, of_samples, parts_of
from plaingrad.inspect.gradients.tested import ModuleUnderTest

SECONDS = 1.5  # of this thread, whatever else runs, for all gradients of a module together
LARGEST = 100_000  # elements of a tensor that is compared in every way
DIAGONAL = 100  # elements of a tensor whose Jacobian is computed


class Namer:
    """Names the mistakes behind the wrong gradients of one module.

    It compares numbers; it runs the backward with other upstream gradients; it changes the right derivative,
    PyTorch's through the module's own forward, one operation at a time; and it changes the backward that is
    wrong, one operation at a time. A change that gives the very same numbers is a name for the mistake.

    Args:
        under_test: the module.
        dys: the upstream gradients.
        with_linearity: whether to look at what becomes of other upstream gradients.
    """

    def __init__(
        self, under_test: ModuleUnderTest, dys: Sequence[Tensor | None], with_linearity: bool = True
    ) -> None:
        self.under_test = under_test
        self.dys = dys
        self.with_linearity = with_linearity

    @cached_property
    def started(self) -> float:
        """The time of this thread at which the search began."""
        return time.thread_time()

    @cached_property
    def right(self) -> dict[str, Tensor] | None:
        """The right gradients by name; None if autograd cannot follow the forward."""
        under_test = self.under_test
        try:
            grads = autograd(under_test, tuple(self.dys))
        except Exception:
            return None
        inputs = [n for n, real in zip(under_test.names, under_test.differentiable) if real]
        return dict(zip([*inputs, *under_test.parameters], grads))

    def of_gradient(self, name: str, ours: Tensor) -> list[Mistake]:
        """The mistakes behind a gradient that has wrong numbers."""
        if self.right is None or name not in self.right or ours.numel() > LARGEST:
            return []
        right = self.right[name]
        if same(ours, right):  # so would be every change that does nothing
            return []
        ignored = self._ones is not None and self._linearity.ignored(name, ours)
        if ignored and (mistakes := self._ones.of_gradient(name, ours)):  # type: ignore[union-attr]
            return mistakes
        simple = [*self._simple(name, ours, right)]
        if any(each.price < 1 for each in simple):
            return ranked(simple)
        alone = {text: grads[name] for text, grads in self._parts.items()}
        simple += numbers.parts(name, ours, right, alone, name in self.under_test.parameters)
        names = [*simple, *self._changes(name, ours)]
        if not any(each.price < 4 for each in names) and self._paths is not None:
            names += self._paths.pairs(name, ours)
        return ranked(names)

    def of_differences(self, name: str, ours: Tensor, right: Tensor) -> list[Mistake]:
        """The mistakes behind some elements of a gradient, of which only differences are known."""
        return ranked(numbers.compared(name, ours, right, [], self._counts(name), self._factors, 1e-5))

    def of_shape(self, name: str, ours: Tensor) -> list[Mistake]:
        """The mistakes behind a gradient of another shape."""
        right = None if self.right is None else self.right.get(name)
        if right is None:
            right = torch.full(self._shape_of(name), math.nan, dtype=torch.float64)
        names = list(numbers.shaped(name, ours, right))
        if self.right is not None and not any(each.price < 1 for each in names):
            names += self._repairs.candidates(name)
        return ranked(names)

    def of_error(self, error: Exception) -> list[Mistake]:
        """The mistakes behind a backward that raised an error."""
        names = [] if self.right is None else list(self._repairs.of_error())
        if not names and _is_about_shapes(error):
            words = "two tensors have shapes that do not fit each other; look at their axes"
            return [Mistake("wrong-shape", "backward", words)]
        return ranked(names)

    def _simple(self, name: str, ours: Tensor, right: Tensor) -> Iterator[Candidate]:
        dys = [dy for dy in self.dys if dy is not None]
        yield from numbers.compared(name, ours, right, dys, self._counts(name), self._factors)
        if self.right is not None:
            others = {other: self.right[other] for other in self.under_test.names if other in self.right}
            yield from numbers.of_another(name, ours, others)
        if self.with_linearity:
            yield from self._linearity.candidates(name, ours)
        if dys and dys[0].ndim and len(dys[0]) > 1:
            yield from numbers.samples(name, ours, [self._alone(k)[name] for k in (0, -1)])
        if len(dys) == 1 and dys[0].shape == ours.shape and 1 < ours.numel() <= DIAGONAL:
            yield from numbers.diagonal(name, ours, right, self._diagonal(name), dys[0])

    def _changes(self, name: str, ours: Tensor) -> Iterator[Candidate]:
        if self._paths is not None:
            yield from self._paths.candidates(name, ours)
        yield from self._repairs.candidates(name)

    @cached_property
    def _ones(self) -> Namer | None:
        """The namer for a loss whose upstream gradient is 1, as that of most is; None for anything else."""
        dys = self._tensors()
        if not self.under_test.is_loss or len(dys) != 1 or dys[0].ndim or float(dys[0]) == 1:
            return None
        ones = [None if dy is None else torch.ones_like(dy) for dy in self.dys]
        other = Namer(self.under_test, ones, with_linearity=False)
        return None if other.right is None else other

    @cached_property
    def _linearity(self) -> Linearity:
        return Linearity(self.under_test, self.dys)

    @cached_property
    def _tape(self) -> Tape | None:
        if self.under_test.loss is not None:
            return None
        return recorded(self.under_test)

    @cached_property
    def _paths(self) -> Paths | None:
        tape = self._tape
        if tape is None or self.right is None:
            return None
        paths = Paths(tape, self.dys, self._factors, self.started + 2 * SECONDS / 3)
        agrees = all(torch.allclose(paths.right[name], right) for name, right in self.right.items())
        return paths if agrees else None

    @cached_property
    def _repairs(self) -> Repairs:
        assert self.right is not None
        deadline = max(self.started + SECONDS, time.thread_time() + SECONDS / 3)
        pool, on_the_way = Pool(self.under_test, self._tape), list[Tensor]()
        if self._tape is not None:
            self._tape.gradients(self.dys, on_the_way=on_the_way)
        return Repairs(self.under_test, self.dys, self.right, pool, deadline, on_the_way)

    @cached_property
    def _factors(self) -> Factors:
        under_test = self.under_test
        sizes = [n for x in [*under_test.inputs, *self._tensors()] for n in (*x.shape, x.numel())]
        constants: dict[str, float] = {}
        for child in under_test.module.modules():
            for cls in (*reversed(type(child).__mro__), child):
                for name, value in vars(cls).items():
                    if isinstance(value, (int, float)) and not isinstance(value, bool) and name[:1] != "_":
                        constants[name] = float(value)
        if (tape := self._tape) is not None:
            constants.update((f"{value:g}", value) for value in tape.constants)
        return Factors(sizes, constants)

    def _tensors(self) -> list[Tensor]:
        return [dy for dy in self.dys if dy is not None]

    def _counts(self, name: str) -> list[int]:
        """The numbers over which a mean may be taken where a sum belongs."""
        under_test, counts = self.under_test, []
        shape = self._shape_of(name)
        for dy in self._tensors():
            if name in under_test.parameters and dy.ndim and dy.numel():
                counts += [len(dy), dy.numel() // dy.shape[-1], dy.numel()]
                axes = [*(Counter(dy.shape) - Counter(shape)).elements()]
                counts += [math.prod(some) for k in (1, 2, 3) for some in combinations(axes, k)]
            if 0 < math.prod(shape) < dy.numel():
                counts.append(dy.numel() // math.prod(shape))
        return counts

    def _shape_of(self, name: str) -> torch.Size:
        under_test = self.under_test
        if name in under_test.parameters:
            return under_test.parameters[name].value.shape
        return dict(zip(under_test.names, under_test.inputs))[name].shape

    def _alone(self, sample: int) -> Mapping[str, Tensor]:
        return self._samples[sample]

    @cached_property
    def _samples(self) -> dict[int, dict[str, Tensor]]:
        """The right gradients of the first and of the last sample."""
        assert self.right is not None
        names = list(self.right)
        return {
            k: dict(zip(names, autograd(self.under_test, tuple(of_samples(self.dys, k))))) for k in (0, -1)
        }

    @cached_property
    def _parts(self) -> dict[str, dict[str, Tensor]]:
        """The right gradients for parts of the upstream gradient: one output, one end of an axis."""
        assert self.right is not None
        names = list(self.right)
        return {
            text: dict(zip(names, autograd(self.under_test, tuple(dys)))) for text, dys in parts_of(self.dys)
        }

    def _diagonal(self, name: str) -> Tensor:
        """The diagonal of the Jacobian of the output by an input of the same shape."""
        (dy,) = self._tensors()
        diagonal = torch.zeros_like(dy)
        for k in range(dy.numel()):
            unit = torch.zeros_like(dy)
            unit.view(-1)[k] = 1
            grads = [None if d is None else unit for d in self.dys]
            assert self.right is not None
            at = dict(zip(self.right, autograd(self.under_test, tuple(grads))))
            diagonal.view(-1)[k] = at[name].reshape(-1)[k]
        return diagonal


def _is_about_shapes(error: Exception) -> bool:
    words = ("shape", "size", "broadcast", "multiplied", "dimension", "same number of dims")
    return any(word in str(error) for word in words)
