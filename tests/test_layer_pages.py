"""The pages of the layers have each class once, and what they compute is what they say."""

from __future__ import annotations

import inspect
import re
import sys
from collections import Counter

import pytest
from docutils.nodes import make_id

from pages import ROOT
from plaingrad import nn

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from layers import BLOCK, PAGES, documented, expanded, members, outline, run

TEXTS = {page.stem: page.read_text() for page in sorted(PAGES.glob("*.md"))}
FOLDERS = {path.parent.name for path in (ROOT / "src/plaingrad/nn").glob("*/__init__.py")} - {"common"}


def test_every_class_stands_on_one_page() -> None:
    names = Counter(name for text in TEXTS.values() for name, is_name in outline(text) if is_name)
    assert names == dict.fromkeys(documented(), 1)
    classes = {name for name in nn.__all__ if inspect.isclass(getattr(nn, name))}
    assert classes - {"Parameter", "Buffer", "Module"} <= set(names)


@pytest.mark.parametrize("page", sorted(TEXTS))
def test_no_two_sections_have_one_anchor(page: str) -> None:
    title = TEXTS[page].partition("# ")[2].partition("\n")[0]
    anchors = Counter(make_id(each) for each in (title, *(section for section, _ in outline(TEXTS[page]))))
    assert set(anchors.values()) == {1}


def test_every_folder_has_a_page_which_the_index_lists() -> None:
    listed = re.findall(r"^\w+$", TEXTS["index"], re.MULTILINE)
    assert sorted([*listed, "index"]) == sorted(TEXTS)
    assert set(listed) >= FOLDERS


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_class_stands_on_the_page_of_its_folder(folder: str) -> None:
    names = {name for name, is_name in outline(TEXTS[folder]) if is_name}
    assert names == set(members(folder))


@pytest.mark.parametrize("page", sorted(set(TEXTS) - {"index"}))
def test_what_a_page_checks_is_true(page: str) -> None:
    namespace: dict[str, object] = {}
    blocks = [block[3] for block in BLOCK.finditer(TEXTS[page]) if block[1] == "run"]
    assert len(blocks) == 1
    assert TEXTS[page].rstrip().endswith(blocks[0] + "```")
    printed = run(blocks[0], page, namespace).partition(":class: printed")[2]
    assert printed.strip("`\n")
    assert "False" not in printed


def test_a_section_has_the_source_beside_the_equations() -> None:
    text = expanded(TEXTS["normalization"], "normalization")
    section = text.partition("## LayerNorm\n")[2].partition("\n## ")[0]
    assert ".. autoclass:: plaingrad.nn.LayerNorm\n" in section
    lines, first = inspect.getsourcelines(nn.LayerNorm)
    start = first + next(i for i, line in enumerate(lines) if "def forward" in line)
    assert f"normalization/layer.py\n:language: python\n:lines: {start}-{first + len(lines) - 1}\n" in section


def test_a_source_that_a_page_has_already_is_referred_to() -> None:
    text = expanded(TEXTS["normalization"], "normalization")
    section = text.partition("## BatchNorm2d\n")[2].partition("\n## ")[0]
    assert "literalinclude" not in section
    assert "`forward` and `backward`: as in {py:obj}`~plaingrad.nn.BatchNorm1d`, above." in section


def test_of_a_class_with_a_method_of_its_own_it_alone_is_included() -> None:
    text = expanded(TEXTS["activation"], "activation")
    section = text.partition("## Softmax2d\n")[2].partition("\n## ")[0]
    first = inspect.getsourcelines(nn.Softmax2d.forward)[1]
    assert f":lines: {first}-" in section
    assert "`backward`: as in {py:obj}`~plaingrad.nn.Softmax`, above." in section
