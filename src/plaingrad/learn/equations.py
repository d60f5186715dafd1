"""The equations of an exercise as its readers have them: LaTeX for a page, letters for a script."""

from __future__ import annotations

import re

MATH = re.compile(r"^\.\. math::\n((?:    .*\n)+)", re.MULTILINE)
# The ends of equations: wide space, and rows that are none of a case distinction.
BREAK = re.compile(r"\\qquad|\\quad|\\\\(?!.*\\end\{cases\})", re.DOTALL)
EXAMPLE = re.compile(r"^Example.*::\n\n((?:    .*\n?)+)", re.MULTILINE)


def in_letters(text: str) -> str:
    """The text with each equation on a line of its own, without LaTeX."""
    from plaingrad.inspect.explain.text import text as letters  # imports torch

    def lines(block: re.Match[str]) -> str:
        latex = block[1].replace(r"\leftarrow", "{}=:")
        each = (re.sub(" *=: *", " ← ", letters(equation)).strip(" ,") for equation in BREAK.split(latex))
        return "".join(f"    {equation}\n" for equation in each if equation)

    return MATH.sub(lines, text)


def in_markdown(text: str) -> str:
    """The text with its title, its equations and its example as a notebook has them."""
    title, _, rest = text.partition("\n")
    rest = MATH.sub(lambda block: f"$$\n\\begin{{aligned}}\n{block[1]}\\end{{aligned}}\n$$\n", rest)
    rest = EXAMPLE.sub(lambda block: f"Example:\n\n```python\n{_dedented(block[1])}\n```\n", rest)
    return f"# {title.rstrip('.')}\n{rest}"


def _dedented(block: str) -> str:
    return "\n".join(line[4:] for line in block.rstrip().splitlines())
