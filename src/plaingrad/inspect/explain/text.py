"""LaTeX as text for a terminal."""

from __future__ import annotations

import functools
import re
from typing import Any

from pylatexenc import latex2text, latexwalker
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec
from pylatexenc.macrospec import LatexContextDb, MacroSpec

LOW = dict(zip("0123456789+-()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ"))
HIGH = dict(zip("0123456789+-()cfghijnoprtzᵀ", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ᶜᶠᵍʰⁱʲⁿᵒᵖʳᵗᶻᵀ"))
MARKS = {"hat": "\u0302", "tilde": "\u0303", "bar": "\u0304"}
WORDS = {",": " ", "!": "", "odot": "⊙ ", "cdot": "· ", "dots": "… ", "gets": "← ", "top": "ᵀ"}
NARROW = {"pmod": "{", "mathrel": "{"}  # macros with an argument that the library does not know
ATOM = re.compile(
    r"\|?[\w\u0300-\u036f.'∂…₀-₉ₐ-ₜ⁰-⁹⁻⁽⁾₍₎ᶜᶠᵍʰʲᵒᵖʳᵗᶻ]*\|?|(\w\^|√)\([^()]*\)|\d+(\.\d+)?( ?· ?10[⁻⁰-⁹]+)?"
)
PRODUCT = re.compile(r"\d+[a-zA-Z]+|[a-zA-Z]{2,}")  # without a sign between the factors
ROW = re.compile(r"\s*\\\\(\[[^]]*\])?\s*")
OPERATOR = re.compile(
    r"(\\(?!log|ln|max|min|tanh|exp|lfloor|lceil|lVert)[a-zA-Z]+) (?=[-+=<>(]|\\cdot)"
)  # the space behind a macro is part of it
WORD = re.compile(r"(\\(?:log|ln|tanh|erf|max|min|approx|circ|in|notin|cup|sum|le|ge|neq)) (?=[\w\\])")
SIZE = re.compile(r"\\(left|right|big|Big)(?![a-zA-Z])")  # of brackets
SCRIPT = re.compile(r"(?<!\\)([\^_])\s*(\\[a-zA-Z]+|[^\s{\\])")


def text(latex: str) -> str:
    """A formula in LaTeX as one line of unicode: fractions with a slash, indices below, powers above."""
    bare = SIZE.sub("", latex)
    bare = ROW.sub("; ", bare.replace(r"\operatorname*", r"\operatorname").replace("&", " "))
    bare = re.sub(r"\s+(\\r(?:Vert|floor|ceil))", r"\1", bare)
    bare = re.sub(r"(\\rVert)\s*(?=\\[lg]e)", r"\1{}\\ ", bare)
    bare = re.sub(r"\s*\\end\{cases\}", r"\\}", re.sub(r"\\begin\{cases\}\s*", r"\\{", bare))
    braced = SCRIPT.sub(r"\1{\2}", bare).replace("^{", r"\power{").replace("_{", r"\indexed{")
    spaced = WORD.sub(r"\1{}\ ", OPERATOR.sub(r"\1{} ", braced))
    parser, writer = contexts()
    written = LatexNodes2Text(latex_context=writer, math_mode="text").latex_to_text(
        spaced, latex_context=parser
    )
    return re.sub(r" +", " ", written.replace("\n", " ")).strip()


@functools.cache
def contexts() -> tuple[LatexContextDb, LatexContextDb]:
    """The library's tables of macros, for reading and for writing, with our own scripts and fractions."""
    parser, writer = latexwalker.get_default_latex_context_db(), latex2text.get_default_latex_context_db()
    macros = [MacroSpec(name, "{") for name in ("power", "indexed", "overline", *NARROW)]
    macros += [MacroSpec(name, "{{") for name in ("tfrac", "dfrac")]
    parser.add_context_category("plaingrad", macros=macros, prepend=True)
    functions = {
        "power": lambda x: script(x, HIGH, "^"),
        "indexed": lambda x: script(x, LOW, "_"),
        "overline": lambda x: x + MARKS["bar"] if len(x) == 1 else f"mean({x})",
        "mathrel": lambda x: x,
        "sqrt": lambda *x: f"√({x[-1]})",
        **dict.fromkeys(("frac", "tfrac", "dfrac"), fraction),
        **{name: lambda x, mark=mark: x + mark for name, mark in MARKS.items()},
    }
    specs = [MacroTextSpec(name, simplify_repl=applied(function)) for name, function in functions.items()]
    specs += [MacroTextSpec(name, simplify_repl=word) for name, word in WORDS.items()]
    writer.add_context_category("plaingrad", macros=specs, prepend=True)
    return parser, writer


def applied(function: Any) -> Any:
    """A rule of the library that calls the function with the texts of a macro's arguments."""

    def rule(node: Any, l2tobj: LatexNodes2Text) -> str:
        arguments = [each for each in node.nodeargd.argnlist if each is not None]
        result: str = function(*(l2tobj.nodelist_to_text([each]).strip() for each in arguments))
        return result

    return rule


def script(content: str, table: dict[str, str], sign: str) -> str:
    """An index or a power in small letters if there are such, else behind its sign."""
    if all(character in table for character in content):
        return "".join(table[character] for character in content)
    return (
        f"{sign}{content}"
        if len(content) == 1 or (sign == "_" and content.isalnum())
        else f"{sign}({content})"
    )


def fraction(above: str, below: str) -> str:
    """A fraction on one line, with parentheses around what is not one number or letter."""
    atoms = [bool(ATOM.fullmatch(part)) for part in (above, below)]
    atoms[1] = atoms[1] and not PRODUCT.fullmatch(below)
    return "/".join(part if is_atom else f"({part})" for part, is_atom in zip((above, below), atoms))
