"""A module's equations with the numbers of one call in them."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from plaingrad.inspect.explain.expression import Expression, Symbol, number
from plaingrad.inspect.explain.text import text
from plaingrad.inspect.record.equations import lines as equation_lines

WIDTH = 110  # of a line in a terminal

STYLE = """<style>
.plaingrad-explanation { font: 14px/1.6 system-ui, sans-serif; }
.plaingrad-explanation h4 { margin: 0.8em 0 0.2em; }
.plaingrad-explanation p { margin: 0.3em 0 0.3em 1.5em; }
.plaingrad-explanation .equation { opacity: 0.7; }
.plaingrad-explanation math { math-style: normal; }
</style>"""


@dataclass(eq=False)
class Line:
    """One result: what it is called, the formula for it, and the number that the module computed.

    Attributes:
        name: of the result, in LaTeX.
        formula: gives the symbols, the numbers and the value.
        ran: what the module computed when it ran; None for a number on the way that it keeps to itself.
    """

    name: str
    formula: Expression
    ran: float | None = None

    @property
    def symbol(self) -> Symbol:
        """The name for use in the formulas that follow."""
        return Symbol(self.name, self.formula.value)

    def steps(self) -> list[str]:
        """The result, its formula in symbols, that with numbers, and the value, each unless it repeats."""
        symbols, numbers = self.formula.latex(False), self.formula.latex(True)
        value = number(self.formula.value if self.ran is None else self.ran)
        steps = [self.name, symbols, numbers, value]
        return [step for step, before in zip(steps, ["", *steps]) if step != before]

    def latex(self) -> str:
        """The steps as one equation."""
        return " = ".join(self.steps())

    def text(self) -> list[str]:
        """The steps for a terminal: on one line if they fit, else each on its own, below the first."""
        name, *steps = map(text, self.steps())
        whole = " = ".join([name, *steps])
        if columns(whole) <= WIDTH:
            return [whole]
        indent = " " * columns(name)
        return [f"{indent if i else name} = {step}" for i, step in enumerate(steps)]

    def html(self) -> str:
        """The steps in MathML, likewise."""
        name, *steps = map(mathml, self.steps())
        separator = " = " if len(self.text()) == 1 else "<br/>\u2003= "
        return f"{name} = {separator.join(steps)}"


@dataclass(eq=False)
class Section:
    """Results that belong together, with the equations that they follow.

    Attributes:
        title: what is computed.
        lines: the results.
        note: a sentence on what to look at, or on what is left out.
    """

    title: str
    lines: list[Line] = field(default_factory=list)
    note: str = ""


@dataclass(eq=False)
class Explanation:
    """The equations of one module and the numbers of one call, substituted term by term.

    Print it in a terminal, or let a notebook show it.

    Attributes:
        title: the module with its path, and the sample.
        equations: of the module, in LaTeX, as its docstring has them.
        sections: the results: of forward, of backward, of the update.
    """

    title: str
    equations: tuple[str, ...]
    sections: list[Section]

    def __iter__(self) -> Iterator[Line]:
        return (line for section in self.sections for line in section.lines)

    def __repr__(self) -> str:
        return f"Explanation({self.title})"

    def __str__(self) -> str:
        parts = [
            self.title,
            *(f"  {text(line)}" for block in self.equations for line in equation_lines(block)),
        ]
        for section in self.sections:
            parts += ["", section.title, *(f"  {row}" for line in section.lines for row in line.text())]
            parts += [f"  {section.note}"] if section.note else []
        return "\n".join(parts)

    def to_latex(self) -> str:
        """The explanation as LaTeX, for a document that loads amsmath."""
        parts = [rf"\subsection*{{{latex_words(self.title)}}}"]
        parts += [rf"\begin{{align*}}{block}\end{{align*}}" for block in self.equations]
        for section in self.sections:
            parts.append(rf"\paragraph{{{latex_words(section.title)}}}")
            parts += [rf"\[{line.latex()}\]" for line in section.lines]
            parts += [latex_words(section.note)] if section.note else []
        return "\n".join(parts)

    def to_html(self) -> str:
        """The explanation as HTML with formulas in MathML, which browsers draw without a library."""
        parts = [f"<h3>{html.escape(self.title)}</h3>"]
        for block in self.equations:
            parts += [f'<p class="equation">{mathml(line)}</p>' for line in equation_lines(block)]
        for section in self.sections:
            parts.append(f"<h4>{html.escape(section.title)}</h4>")
            parts += [f"<p>{line.html()}</p>" for line in section.lines]
            parts += [f"<p>{html.escape(section.note)}</p>"] if section.note else []
        return f'{STYLE}<div class="plaingrad-explanation">{"".join(parts)}</div>'

    def _repr_html_(self) -> str:
        return self.to_html()


def columns(words: str) -> int:
    """The width of a text in a terminal, where accents take no room."""
    return sum(not unicodedata.combining(character) for character in words)


def mathml(latex: str) -> str:
    """A formula as MathML."""
    from latex2mathml.converter import convert  # which takes long to load

    # The library keeps the backslash in text, and knows no star.
    return convert(latex.replace(r"\_", "_").replace(r"\operatorname*", r"\operatorname"))


def latex_words(words: str) -> str:
    """Words with the characters that LaTeX reserves escaped."""
    reserved = {character: f"\\{character}" for character in "#$%&_{}"}
    reserved |= {"\\": r"\textbackslash{}", "~": r"\~{}", "^": r"\^{}"}
    return "".join(reserved.get(character, character) for character in words)
