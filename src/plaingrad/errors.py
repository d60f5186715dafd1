"""What a module raises when it cannot use something: `ModuleError`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class ModuleError(ValueError):
    """Something a module cannot use, with the module's place in the network.

    Every module around adds the name under which it holds the one inside on the way out, so the message of an
    error deep inside reads ``Sequential[2] Linear(5, 4): expected input (*, 5), got (8, 2)``.

    Attributes:
        module: the module that complained.
        path: the positions of the modules around it, outermost first; empty at the top.
        problem: what was expected and what came.
    """

    def __init__(self, module: Any, problem: str) -> None:
        super().__init__(module, problem)  # all arguments, so that it can be pickled between processes
        self.module = module
        self.path: list[str] = []
        self.problem = problem
        self._outermost = module

    def inside(self, parent: Any, names: str | Iterable[str]) -> None:
        """Note that the module is the child of this name in ``parent``, or of one of several."""
        name = names if isinstance(names, str) else " or ".join(names)
        self.path.insert(0, f"{type(parent).__name__}[{name}]")
        self._outermost = parent

    def passing(self, parent: Any) -> None:
        """Note that the error passes through ``parent``, which knows the module inside by its names."""
        inner, self._outermost = self._outermost, parent
        names = [name for name, module in parent.named_modules() if module is inner and name]
        if names:
            self.inside(parent, names)

    def __str__(self) -> str:
        place = ".".join(self.path) + " " if self.path else ""
        return f"{place}{self.module.signature()}: {self.problem}"
