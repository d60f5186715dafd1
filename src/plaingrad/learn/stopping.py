"""The end of a judgement: an error, the end of the program, or no end in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from plaingrad.inspect.gradients.endless import Overtime, limited
from plaingrad.learn.verdict import ENDS, EVERYTHING, UNSOLVED_BLANK, Problem

LONGEST = 500  # characters of an error's message


class Stopped(Exception):
    """Raised where a problem leaves nothing to judge."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


@contextmanager
def stopping(user: str, time_limit: float, file: str = "") -> Iterator[None]:
    """Raise `Stopped` for whatever leaves the block.

    Args:
        user: what is running, for the message.
        time_limit: the seconds that it may take.
        file: the name of the learner's file, to name its line.
    """
    try:
        with limited(time_limit):
            yield
    except Overtime:
        words = f"still running after {time_limit:g} seconds; look at the conditions of its loops"
        raise Stopped(Problem(EVERYTHING, f"{user} does not end in time", "endless", user, words)) from None
    except (SystemExit, KeyboardInterrupt) as error:
        text = f"{user} ends the program: {type(error).__name__}"
        raise Stopped(Problem(EVERYTHING, text, "ends", user, ENDS)) from None
    except Exception as error:
        raise Stopped(_raised(user, file, error)) from None


def _raised(user: str, file: str, error: Exception) -> Problem:
    original = error.__cause__ or error
    text = (original.msg if isinstance(original, SyntaxError) else str(original))[:LONGEST]
    if isinstance(original, NotImplementedError) and text.startswith("your turn"):
        return Problem(EVERYTHING, f"{user}: a blank is not filled yet", UNSOLVED_BLANK, user, text)
    at = _line(original, file)
    return Problem(EVERYTHING, f"{user}{at} raised {type(original).__name__}: {text}")


def _line(error: BaseException, file: str) -> str:
    """The last line of the learner's file that the error passed."""
    if isinstance(error, SyntaxError):
        return f" line {error.lineno}"
    line, step = 0, error.__traceback__
    while step is not None and file:
        if step.tb_frame.f_code.co_filename.endswith(file):
            line = step.tb_lineno
        step = step.tb_next
    return f" line {line}" if line else ""
