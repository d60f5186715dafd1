"""The verdict on a submission, as data that pass between processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Kinds besides those of the gradient checker: a blank that is not filled yet, another forward, and another
# derivative where the equation has a kink.
UNSOLVED_BLANK, FORWARD, KINK = "blank", "forward", "kink"
LONGEST = 1000  # characters of a text in a problem
ENDS = "leave out exit(), quit() and os._exit(); a check ends by itself"
KIND = re.compile(r"[a-z-]{0,40}")  # of a mistake
EVERYTHING = ""  # the part of a problem after which nothing can be judged
BACKWARD = "backward"  # and of one after which forward alone can be


@dataclass
class Problem:
    """Something that is wrong with a submission.

    Attributes:
        part: the part of the exercise that it costs.
        text: the observation, one sentence.
        kind: the likely mistake by its kind, see `plaingrad.inspect.Mistake`, or another such as "blank",
            "forward" or "syntax"; empty if nothing explains it.
        where: the code or tensor that the mistake concerns.
        words: the explanation.
    """

    part: str
    text: str
    kind: str = ""
    where: str = ""
    words: str = ""


@dataclass
class Verdict:
    """The verdict on a submission.

    Attributes:
        exercise: the name of the exercise.
        parts: whether each part is right.
        points: the points that this gives.
        out_of: the points that there are.
        problems: everything that is wrong.
        output: the start of what the code printed.
    """

    exercise: str
    parts: dict[str, bool]
    points: int
    out_of: int
    problems: list[Problem] = field(default_factory=list)
    output: str = ""

    @property
    def solved(self) -> bool:
        """True if nothing is wrong."""
        return not self.problems and all(self.parts.values())

    def __str__(self) -> str:
        """The verdict for people: what was printed, what is wrong, the points."""
        lines = [f"printed  {line}" for line in self.output.splitlines()]
        for problem in self.problems:
            lines += [f"wrong    {problem.text}"]
            lines += [f"         {problem.kind}: {problem.words}"] if problem.words else []
        wrong = {"forward" if each.kind == FORWARD else each.part for each in self.problems}
        missed = {part: "wrong" if part in wrong else "not judged" for part in self.parts}
        parts = ", ".join(f"{part} {'ok' if ok else missed[part]}" for part, ok in self.parts.items())
        lines += [f"{self.exercise}: {self.points} of {self.out_of} points ({parts})"]
        lines += ["solved" if self.solved else "not solved yet; plaingrad learn hint helps"]
        return "\n".join(lines)

    @classmethod
    def of(cls, exercise: str, points: Mapping[str, int], problems: list[Problem]) -> Verdict:
        """The verdict with these problems.

        One of no known part costs all of them; one of backward, all but forward.
        """
        lost = {problem.part for problem in problems}
        if BACKWARD in lost:
            lost = lost - {BACKWARD} | (points.keys() - {"forward"})
        parts = {part: part not in lost and lost <= points.keys() for part in points}
        reached = sum(points[part] for part, ok in parts.items() if ok)
        return cls(exercise, parts, reached, sum(points.values()), problems)

    @classmethod
    def from_data(cls, exercise: str, points: Mapping[str, int], problems: Any) -> Verdict:
        """The verdict with what another process says about problems, and with points of its own.

        Raises:
            TypeError: these are no problems.
        """
        texts = [{str(key): str(value)[:LONGEST] for key, value in dict(each).items()} for each in problems]
        for each in texts:  # what the other process may have made up is not shown
            each["part"] = each.get("part", "") if each.get("part") in (*points, BACKWARD) else EVERYTHING
            each["kind"] = each.get("kind", "") if KIND.fullmatch(each.get("kind", "")) else ""
        return cls.of(exercise, points, [Problem(**each) for each in texts])
