"""The words of the project: retired ones are no names, and docstrings begin as the field writes them."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "plaingrad"

# A part of a name in snake_case, or of a class's name, and what to say instead.
RETIRED_PARTS = {
    "apart": "unreduced, disjoint, gap, row_stride",
    "conduct": "checks",
    "facts": "metadata, report, state, fingerprint",
    "found": "what it is: columns, index, measured",
    "given": "arguments, call, or what it is",
    "heeded": "ignored",
    "made": "created, or what it is: module, batch",
    "place": "path, index, code, offset, prefix",
    "placed": "path, index, code, offset, prefix",
    "places": "paths, indices, codes, positions",
    "plain": "simple, atomic, json, normalised",
    "subject": "under_test, or what it is",
    "told": "description, format_..., short_repr",
    "wanted": "expected, needed, enabled",
}

# A whole name in Python, and what to say instead.
RETIRED_NAMES = {
    "Alike": "SameForAllColumns",
    "Held": "Clamped",
    "LeftOut": "DroppedColumn",
    "Marks": "Targets",
    "Member": "ThreadArg",
    "Passage": "Evaluator",
    "Spelled": "CppActivation",
    "among": "expecting_similar_runs",
    "look_away": "epochs_until_needed",
    "spell": "cpp_activation",
    "want": "record_demand",
}

# A whole name in C++, and what to say instead.
RETIRED_CPP = {
    "Course": "StepCursor",
    "Facts": "FloatTraits",
    "Straight": "RowMajor",
    "Turned": "Transposed",
    "Wanted": "NeedsInputGrad",
    "few": "is_sparse",
    "rests": "zero_gradient_is_noop",
    "told": "description",
    "turn_back": "transpose_out",
}

# Deprecated names, which go on working for a while.
DEPRECATED = {"apart", "look_away"}

# Names that stay, with the start of the paths of the files in which they may stand.
PUBLIC = {
    "Held": "estimators/rules.py",  # a class in pickles written before
    "LeftOut": "tables/columns/choosing.py",  # a class in pickles written before
    "facts": "",  # an argument of save, and a field of ModelFile and TableModel
}

OPENERS = "Be told|From|How|Let|That|What|When|Where|Whether|Which|Who|Why"


def names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every name that a file defines or uses, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node.lineno, name
            case ast.keyword(arg=str(name)) | ast.alias(asname=str(name)):
                yield node.lineno, name
            case ast.alias(name=name):
                yield node.lineno, name.rpartition(".")[2]


def parts(name: str) -> list[str]:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")


def retired(name: str, file: str = "") -> str | None:
    """The reason against a name in a file in Python; None if there is none."""
    if name in DEPRECATED or hasattr(builtins, name) or (name in PUBLIC and file.startswith(PUBLIC[name])):
        return None
    if name in RETIRED_NAMES:
        return f"{name} (say {RETIRED_NAMES[name]})"
    part = next((part for part in parts(name) if part in RETIRED_PARTS), None)
    return part and f"{part} in {name} (say {RETIRED_PARTS[part]})"


def docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The first line of every docstring, with the line of what it documents."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text.partition("\n")[0]


def without_literals(text: str) -> str:
    """C++ without comments and strings, line by line."""
    return re.sub(
        r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"',
        lambda literal: "\n" * literal[0].count("\n"),
        text,
        flags=re.DOTALL,
    )


def test_names_in_python() -> None:
    problems = [
        f"{path.relative_to(SOURCE)}:{line}: {problem}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, name in sorted(set(names(ast.parse(path.read_text()))))
        if (problem := retired(name, path.relative_to(SOURCE).as_posix()))
    ]
    assert not problems, "\n".join(problems)


def test_names_in_cpp() -> None:
    problems = [
        f"{path.relative_to(SOURCE)}:{number}: {name} (say {RETIRED_CPP[name]})"
        for path in sorted(SOURCE.rglob("*.hpp"))
        for number, line in enumerate(without_literals(path.read_text()).splitlines(), 1)
        for name in sorted(set(re.findall(r"[A-Za-z_]\w*", line)) & RETIRED_CPP.keys())
    ]
    assert not problems, "\n".join(problems)


def test_docstrings_begin_with_a_noun_or_an_imperative() -> None:
    problems = [
        f"{path.relative_to(SOURCE)}:{line}: {text}"
        for path in sorted(SOURCE.rglob("*.py"))
        for line, text in docstrings(ast.parse(path.read_text()))
        if re.match(rf"(?:{OPENERS})\b", text)
    ]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("name", ["told", "_told_as", "epoch_facts", "ToldApart", "wanted", "not_made"])
def test_a_retired_name_is_recognised(name: str) -> None:
    assert retired(name)


@pytest.mark.parametrize("name", ["plaingrad", "placement", "unwanted", "founded", "madeira", "description"])
def test_a_word_that_merely_contains_one_is_none(name: str) -> None:
    assert retired(name) is None


def test_comments_and_strings_of_cpp_are_no_names() -> None:
    text = 'int few; // told\n/* Turned\n */ const char* s = "rests \\" few"; int n;'
    assert without_literals(text) == "int few; \n\n const char* s = ; int n;"


def test_every_kind_of_name_is_seen() -> None:
    code = "import told as a, b.given\ndef f(wanted): x.facts = g(place=1)\nclass Made: found = 1"
    seen = {name for _, name in names(ast.parse(code))}
    assert seen >= {"a", "given", "f", "wanted", "facts", "place", "Made", "found"}
