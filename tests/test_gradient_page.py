"""The page on wrong gradients shows the mistakes that it speaks of, and its exercise can be solved."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from pages import ROOT
from plaingrad.inspect import check_gradients
from plaingrad.inspect.gradients import KINDS

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

from layers import BLOCK, run

PAGE = (ROOT / "docs" / "wrong_gradient.md").read_text()


@pytest.fixture(scope="module")
def executed() -> tuple[str, dict[str, Any]]:
    """Everything that the page prints, and the names that it has defined."""
    namespace: dict[str, Any] = {}
    printed = [
        run(block[3], "wrong_gradient", namespace).partition(":class: printed")[2]
        for block in BLOCK.finditer(PAGE)
    ]
    return "\n".join(printed), namespace


def test_each_example_is_named_as_the_page_says(executed: tuple[str, dict[str, Any]]) -> None:
    kinds = re.findall(r"^\w+ +([a-z-]+):", executed[0], re.MULTILINE)
    assert [kind for kind in kinds if kind in KINDS] == [
        "mean-for-sum",
        "missing-upstream",
        "passes-upstream",
        "wrong-factor",
        "wrong-derivative-argument",
        "wrong-sign",
        "wrong-axis",
        "not-summed",
        "transposed",
        "missing-factor",
        "missing-term",
        "overwrites",
        "stale-state",
        "mutates",
        "duplicates-lost",
        "not-finite",
        "returns-nothing",
    ]
    assert executed[0].count("no name") == 1


def test_it_speaks_of_every_kind() -> None:
    assert all(f"`{kind}`" in PAGE for kind in KINDS)


def test_the_exercise_has_two_mistakes_each_of_which_has_a_name(executed: tuple[str, dict[str, Any]]) -> None:
    normal = executed[1]["Normal"]

    def kinds(mean: bool, times: bool) -> list[str]:
        class Mended(normal):  # type: ignore[misc,valid-type]
            def backward(self, dy: Tensor) -> Tensor:
                y, n = self.restore(dy)
                inner = (dy * y).mean(-1, keepdim=True) if mean else (dy * y).sum(-1, keepdim=True)
                return (dy - y * inner) * (n if times else 1 / n)

        report = check_gradients(Mended(), torch.randn(4, 3))
        return [finding.mistakes[0].kind for finding in report.findings if finding.mistakes]

    assert kinds(mean=True, times=False) == ["mean-for-sum"]
    assert kinds(mean=False, times=True) != []
    assert kinds(mean=False, times=False) == []
