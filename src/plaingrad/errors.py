"""The structured errors: `InputError`, and `ModuleError` of modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any


class InputError(ValueError):
    """Something that cannot be used, with where it is in fields of its own.

    The words are put together when the error is shown, such as ``t.csv: column 'age': expected a number, got
    'old' in row 3; mend it``. Nobody reads or edits them: whoever knows more on the way out sets a field.

    Attributes:
        problem: what was expected and what came.
        file: the file that it is in, or what stands for one.
        line: the line of the file, from 1.
        column: the column of the table, or the field of an object.
        row: the row of the table, from 0.
        argument: the argument that is at fault, by its name.
        hint: what helps.
    """

    def __init__(
        self,
        problem: str,
        *,
        file: object = None,
        line: int | None = None,
        column: str | None = None,
        row: int | None = None,
        argument: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = file
        self.line = line
        self.column = column
        self.row = row
        self.argument = argument
        self.hint = hint

    def __str__(self) -> str:
        parts = [
            f"{self.file}: " if self.file is not None else "",
            f"line {self.line}: " if self.line is not None else "",
            f"{self.argument}: " if self.argument is not None else "",
            f"column {self.column!r}: " if self.column is not None else "",
            self.problem,
            f" in row {self.row + 1}" if self.row is not None else "",
            f"; {self.hint}" if self.hint is not None else "",
        ]
        return "".join(parts)


@contextmanager
def error_fields(**fields: Any) -> Iterator[None]:
    """Set these fields of an `InputError` that leaves the block, where they are not set yet."""
    try:
        yield
    except InputError as error:
        for name, value in fields.items():
            if vars(error)[name] is None:
                vars(error)[name] = value
        raise


class ModuleError(InputError):
    """An argument or input that a module cannot use, with the module's path in the network.

    On the way out, each enclosing module adds the name under which it holds the one inside, so the message of
    an error deep inside reads ``Sequential[2] Linear(5, 4): expected input (*, 5), got (8, 2)``.

    Attributes:
        module: the module that raised it.
        path: the names of the enclosing modules, outermost first; empty at the top.
        problem: what was expected and what it got.
    """

    def __init__(self, module: Any, problem: str) -> None:
        super().__init__(problem)
        self.args = (module, problem)  # all of them, so that it can be pickled between processes
        self.module = module
        self.path: list[str] = []
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

    @property
    def location(self) -> str:
        """The path and the module itself, such as ``Sequential[2] Linear(5, 4)``."""
        return " ".join(filter(None, [".".join(self.path), self.module.signature()]))

    def __str__(self) -> str:
        return f"{self.location}: {self.problem}"
