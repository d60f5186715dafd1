"""The learner's state: a JSON file in the folder of the exercises."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path

from plaingrad.errors import InputError
from plaingrad.files import replacing

FILE = "plaingrad-learn.json"


@dataclass
class Attempt:
    """The state of one exercise: new, started or solved; the hints shown; the number of checks."""

    state: str = "new"
    hints: int = 0
    checks: int = 0
    solution_shown: bool = False


@dataclass
class Progress:
    """The state of a learner.

    Attributes:
        folder: where the file is.
        current: the exercise that was started last; empty if none was.
        attempts: the state of each exercise that was touched.
    """

    folder: Path
    current: str = ""
    attempts: dict[str, Attempt] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Progress:
        """The state in this folder; an empty one if there is none.

        Raises:
            InputError: the file is damaged.
        """
        path = folder / FILE
        if not path.exists():
            return cls(folder)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            attempts = {str(name): Attempt(**each) for name, each in data["exercises"].items()}
            return cls(folder, str(data["current"]), attempts)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            hint = "delete it to begin anew"
            raise InputError("expected the progress of `plaingrad learn`", file=path, hint=hint) from error

    def write(self) -> None:
        """Write the file."""
        data = {
            "current": self.current,
            "exercises": {name: dataclasses.asdict(each) for name, each in self.attempts.items()},
        }
        with replacing(self.folder / FILE) as path:
            path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")

    def attempt(self, name: str) -> Attempt:
        """The state of this exercise, to be changed."""
        return self.attempts.setdefault(name, Attempt())

    def state(self, name: str) -> str:
        """New, started or solved."""
        return self.attempts[name].state if name in self.attempts else "new"
