"""One planted fault, as data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "src/plaingrad"


@dataclass(frozen=True)
class Fault:
    """A change of one file, and the tests that should fail for it.

    Attributes:
        file: the path from the root of the repository.
        old: the text to replace; it occurs exactly once.
        new: what stands there instead.
        tests: arguments for pytest.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def __str__(self) -> str:
        old, new = (" ".join(text.split()) for text in (self.old, self.new))
        return f"{self.file}: {old!r} -> {new!r}"

    def plant(self, root: Path) -> str:
        """Change the file below ``root``, and return what stood there.

        Raises:
            ValueError: the old text does not occur exactly once; the catalogue must follow the code.
        """
        path = root / self.file
        text = path.read_text()
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file}: expected {self.old!r} once, got it {text.count(self.old)} times")
        path.write_text(text.replace(self.old, self.new))
        return text


def planted(file: str, tests: str | Sequence[str], *changes: tuple[str, str]) -> list[Fault]:
    """The faults of one file of the package, all near the same tests.

    Args:
        file: the path from the package's folder.
        tests: arguments for pytest, a text of them divided by blanks or a list.
        changes: pairs of old and new text.
    """
    arguments = tuple(tests.split() if isinstance(tests, str) else tests)
    return [Fault(f"{PACKAGE}/{file}", old, new, arguments) for old, new in changes]
