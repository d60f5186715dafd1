"""The equations of a layer, out of its docstring."""

from __future__ import annotations

import inspect
import re
import textwrap

MATH = re.compile(r"^\.\. math::[ ]*(.*)\n((?:[ ]+.*\n|\n)*)", re.MULTILINE)


def equations(kind: type) -> tuple[str, ...]:
    """The blocks of equations in a class's docstring, in LaTeX; empty if it has none.

    A subclass without equations of its own has those of the class that it extends.
    """
    for each in kind.__mro__:
        blocks = MATH.findall(inspect.cleandoc(each.__doc__ or "") + "\n")
        if blocks:
            return tuple(textwrap.dedent(f"{first}\n{more}").strip() for first, more in blocks)
    return ()


def lines(block: str) -> list[str]:
    r"""The lines of a block: they end in ``\\`` outside of nested environments; without alignment marks."""
    parts, depth, latest = list[str](), 0, ""
    for piece in re.split(r"(\\begin\{|\\end\{|\\\\(?:\[[^]]*\])?)", block):
        depth += (piece == r"\begin{") - (piece == r"\end{")
        if piece.startswith(r"\\") and depth == 0:
            parts.append(latest)
            latest = ""
        else:
            latest += piece
    return [text for text in (without_marks(part) for part in [*parts, latest]) if text]


def without_marks(text: str) -> str:
    """A line without the marks of alignment that stand outside of environments."""
    pieces = re.split(r"(\\begin\{.*?\\end\{[a-z*]+\})", text, flags=re.DOTALL)
    pieces[::2] = [re.sub(r"(?<!\\)&", "", piece) for piece in pieces[::2]]
    return " ".join("".join(pieces).split())
