from __future__ import annotations

import pytest

from plaingrad import nn
from plaingrad.inspect.record.equations import equations, lines
from plaingrad.module import Module

LAYERS = [
    kind
    for name, kind in sorted(vars(nn).items())
    if isinstance(kind, type) and issubclass(kind, Module) and not name.startswith("Lazy")  # become others
]
# A base, collections, and what has no derivative.
WITHOUT = {"Loss", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict", "Arange", "Compare", "Size"}


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_every_layer_has_equations(kind: type[Module]) -> None:
    found = [line for block in equations(kind) for line in lines(block)]
    assert bool(found) == (kind.__name__ not in WITHOUT)
    for line in found:
        assert line.count("{") == line.count("}")
        assert line.count(r"\begin") == line.count(r"\end")


def test_lines_keep_what_is_nested_together() -> None:
    block = r"""y &= \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases} \\
        z &= 2y, \qquad u = 3"""
    assert lines(block) == [
        r"y = \begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}",
        r"z = 2y, \qquad u = 3",
    ]


def test_a_subclass_without_equations_has_those_of_its_base() -> None:
    class Mine(nn.Linear):
        """A layer of one's own."""

    assert equations(Mine) == equations(nn.Linear) != ()
