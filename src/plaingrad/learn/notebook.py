"""The code of a notebook as one script, without what only IPython understands.

The cells of a notebook are compiled one by one, so a later one may begin with an import from ``__future__``;
a line may be a command for IPython, and a statement may wait for something asynchronous. The rules are those
of IPython's input transformations, as far as they are met in exercises. They go by characters, not by
Python's parser, which code can bring to its end when it is nested deeply enough.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

RUNS = ("time", "capture", "prun")  # magics whose cell runs as Python, in the notebook's names
CELL_MAGIC = re.compile(r"\s*^%%(\w*)[^\n]*\n?", re.MULTILINE)
TIMED = re.compile(r"([ \t]*)%time[ \t]+(?=\w)")  # before a statement, which runs
COMMAND = re.compile(r"[ \t]*(?:[%!?]|[^\W\d][\w.,* \t]*=[ \t]*[%!]|[\w.*%\[\]]+\?{1,2}[ \t]*(?:#.*)?$)")
TOKEN = re.compile(
    r"""("{3}|'{3})(?:\\.|.)*?(?:\1|\Z)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?|\#[^\n]*|\\\n|[\n()\[\]{}]""",
    re.DOTALL,
)
FUTURE = re.compile(r"from[ \t]+__future__[ \t]+import\b")
WAITS = re.compile(r"\bawait\b|\basync[ \t]+(?:for|with)\b")
DEFINES = re.compile(r"@|(?:def|class|async[ \t]+def)\b")
GOES_ON = re.compile(r"[ \t#]|(?:else|elif|except|finally)\b")


@dataclass
class Line:
    """A logical line: a statement, or the head of one, with its line breaks.

    Attributes:
        text: the line.
        code: the same without what strings and comments say.
    """

    text: str
    code: str

    @property
    def blank(self) -> Line:
        """Empty lines, as many; where it is indented, a statement that does nothing."""
        indentation = self.text[: len(self.text) - len(self.text.lstrip(" \t"))]
        breaks = "\n" * self.text.count("\n")
        return Line(f"{indentation}pass{breaks}" if indentation else breaks, breaks)


def script_of(text: str) -> str:
    """The code cells of a notebook, one after the other.

    Args:
        text: the notebook's file.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, RecursionError: it is no notebook.
    """
    cells = ["".join(cell["source"]) for cell in json.loads(text)["cells"] if _is_answer(cell)]
    imports: list[str] = []
    each: list[str] = []
    for cell in cells:
        lines = _synchronous(_python(cell.replace("\r\n", "\n")))
        if any(before.strip() for before in each):
            lines = _without_future(lines, imports)
        each.append("".join(line.text for line in lines).rstrip("\n"))
    script = "".join(imports) + "\n\n".join(each) + "\n"
    script.encode()  # JSON can write halves of characters
    return script


def _is_answer(cell: dict[str, Any]) -> bool:
    """True for a cell with code, but for the check itself."""
    about = cell.get("metadata", {}).get("nbgrader", {})
    return cell["cell_type"] == "code" and not about.get("grade", False)


def _python(cell: str) -> list[Line]:
    """The logical lines of a cell, those blank that are commands; none of a cell in another language."""
    magic = CELL_MAGIC.match(cell)
    if magic and magic[1] not in RUNS:
        return []
    return list(_lines(cell[magic.end() :] if magic else cell))


def _lines(cell: str) -> Iterator[Line]:
    """The logical lines: one goes on within brackets and strings, and after a backslash."""
    cell, start = cell.rstrip("\n") + "\n", 0
    while start < len(cell):
        first = cell[start : cell.find("\n", start)]
        timed = TIMED.match(first)
        if timed:
            start, first = start + timed.end(), first[timed.end() :]
        command = not timed and COMMAND.match(first)
        end, code = _command_end(cell, start) if command else _statement_end(cell, start)
        line = Line((timed[1] if timed else "") + cell[start:end], code)
        yield line.blank if command else line
        start = end


def _command_end(cell: str, start: int) -> tuple[int, str]:
    end = cell.find("\n", start)
    while cell[end - 1] == "\\" and end + 1 < len(cell):
        end = cell.find("\n", end + 1)
    return end + 1, ""


def _statement_end(cell: str, start: int) -> tuple[int, str]:
    depth, code, at = 0, [], start
    for token in TOKEN.finditer(cell, start):
        code.append(cell[at : token.start()])
        at, text = token.end(), token[0]
        if text in "([{":
            depth += 1
        elif text in ")]}":
            depth = max(depth - 1, 0)
        elif text == "\n" and not depth:
            return at, "".join(code)
        code.append(text if len(text) == 1 else '""' if text[0] in "\"'" else " ")
    return len(cell), "".join(code)


def _synchronous(lines: list[Line]) -> list[Line]:
    """The lines, those statements blank that wait for something outside of a function."""
    statements: list[list[Line]] = []
    for line in lines:
        if statements and (not line.code.strip() or GOES_ON.match(line.text)):
            statements[-1].append(line)
        else:
            statements.append([line])
    kept: list[Line] = []
    decorated = False
    for statement in statements:
        defines = decorated or DEFINES.match(statement[0].text)
        decorated = statement[0].text.startswith("@")
        waits = not defines and any(WAITS.search(line.code) for line in statement)
        kept += [Line("\n" * line.text.count("\n"), "") for line in statement] if waits else statement
    return kept


def _without_future(lines: list[Line], imports: list[str]) -> list[Line]:
    """The lines of a cell, the imports from ``__future__`` at its start moved to ``imports``."""
    kept = list(lines)
    for number, line in enumerate(lines):
        if FUTURE.match(line.text):
            imports += [line.text] if line.text not in imports else []
            kept[number] = line.blank
        elif line.code.strip().lower() not in ("", '""', 'r""'):
            break
    return kept
