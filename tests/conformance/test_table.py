"""Every class has a row."""

from __future__ import annotations

from conformance.table import CASES
from plaingrad import Module, nn

# Each with where it is proven in the row's stead.
ELSEWHERE = {
    **dict.fromkeys(["ModuleList", "ModuleDict", "ParameterList", "ParameterDict"], "they compute nothing"),
    "Size": "its result are numbers: tests/nn/test_without_gradient.py",
    **dict.fromkeys(["Arange", "Compare"], "they have no gradient: tests/nn/test_without_gradient.py"),
    "Graph": "tests/nn/container/test_graph.py",
    **{name: "tests/nn/test_lazy.py" for name in nn.__all__ if name.startswith("Lazy")},
}


def test_every_class_has_a_row() -> None:
    classes = {each for name in nn.__all__ if issubclass(each := getattr(nn, name), Module)}
    proven = {base for case in CASES for base in case.ours.__mro__}
    assert {each.__name__ for each in classes - proven} == set(ELSEWHERE)
