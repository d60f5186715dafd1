"""`ModuleError`: the error of a module that cannot use what it was passed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class ModuleError(ValueError):
    """An argument or input that a module cannot use, with the module's path in the network.

    On the way out, each enclosing module adds the name under which it holds the one inside, so the message of
    an error deep inside reads ``Sequential[2] Linear(5, 4): expected input (*, 5), got (8, 2)``.

    Attributes:
        module: the module that raised it.
        path: the names of the enclosing modules, outermost first; empty at the top.
        problem: what was expected and what it got.
    """

    def __init__(self, module: Any, problem: str) -> None:
        super().__init__(module, problem)  # all arguments, so that it can be pickled between processes
        self.module = module
        self.path: list[str] = []
        self.problem = problem
        self._outermost = module

    def inside(self, parent: Any, names: str | Iterable[str]) -> None:
        """Prepend ``parent`` to the path; the module is its child of this name, or of one of these names."""
        name = names if isinstance(names, str) else " or ".join(names)
        self.path.insert(0, f"{type(parent).__name__}[{name}]")
        self._outermost = parent

    def passing(self, parent: Any) -> None:
        """Prepend ``parent`` to the path, under the names that it has for the module inside."""
        inner, self._outermost = self._outermost, parent
        names = [name for name, module in parent.named_modules() if module is inner and name]
        if names:
            self.inside(parent, names)

    def __str__(self) -> str:
        prefix = ".".join(self.path) + " " if self.path else ""
        return f"{prefix}{self.module.signature()}: {self.problem}"
