from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


def test_a_sum_and_a_concatenation() -> None:
    x = torch.randn(4, 3)
    left, right = nn.Linear(3, 2), nn.Linear(3, 2)
    assert torch.equal(nn.Parallel(left, right)(x), left(x) + right(x))
    assert torch.equal(nn.Parallel(left, right, combine="concat")(x), torch.cat([left(x), right(x)], 1))


def test_pieces_of_a_concatenation_may_differ_along_its_axis() -> None:
    net = nn.Parallel(nn.Linear(3, 1), nn.Identity(), nn.Linear(3, 4), combine="concat")
    assert net(torch.randn(2, 5, 3)).shape == (2, 5, 8)
    assert net(torch.randn(3)).shape == (8,)
    images = nn.Parallel(nn.Conv2d(3, 2, 1), nn.Conv2d(3, 5, 3, padding=1), combine="concat", dim=1)
    assert images(torch.randn(2, 3, 4, 4)).shape == (2, 7, 4, 4)
    assert images.backward(torch.randn(2, 7, 4, 4)).shape == (2, 3, 4, 4)


def test_names_and_repr() -> None:
    net = nn.Parallel(nn.Linear(3, 1), nn.Sequential(nn.ReLU(), nn.Linear(3, 1)), combine="sum")
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.1.weight", "1.1.bias"]
    assert net.signature() == "Parallel(Linear, Sequential, combine='sum')"
    assert repr(net) == (
        "Parallel(\n"
        "  (0): Linear(3, 1)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Linear(3, 1)\n"
        "  )\n"
        "  combine='sum'\n"
        ")"
    )
    named = nn.Parallel({"deep": nn.Linear(3, 1), "wide": nn.ReLU()})
    assert list(named.state_dict()) == ["deep.weight", "deep.bias"]
    assert net[-1] is list(net)[1]
    assert len(net) == 2


@pytest.mark.parametrize(
    ("branches", "options", "problem"),
    [
        (
            (nn.Linear(3, 4), nn.Linear(3, 1)),
            {},
            "expected branch 1 to give (2, 4) of torch.float32 as branch 0, got (2, 1) of torch.float32",
        ),
        (
            (nn.Linear(3, 4), nn.ReLU(), nn.Flatten(0)),
            {"combine": "concat"},
            "expected branch 2 to give (2, 4) of torch.float32 as branch 0, free along axis -1, "
            "got (6,) of torch.float32",
        ),
        (
            (nn.ReLU(), nn.Linear(3, 4)),
            {"combine": "concat", "dim": 0},
            "expected branch 1 to give (2, 3) of torch.float32 as branch 0, free along axis 0, "
            "got (2, 4) of torch.float32",
        ),
        ((nn.ReLU(),), {"combine": "concat", "dim": 2}, "expected branches with an axis 2, got (2, 3)"),
        ((nn.ReLU(),), {"combine": "concat", "dim": -3}, "expected branches with an axis -3, got (2, 3)"),
    ],
)
def test_branches_that_do_not_fit_together(branches: Any, options: Any, problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem) + "$") as info:
        nn.Sequential(nn.Parallel(*branches, **options))(torch.zeros(2, 3))
    assert str(info.value).startswith("Sequential[0] Parallel(")


def test_errors_of_a_branch_name_it() -> None:
    net = nn.Parallel(nn.ReLU(), nn.Sequential(nn.ReLU(), nn.Linear(5, 3)))
    with pytest.raises(
        ModuleError, match=re.escape("Parallel[1].Sequential[1] Linear(5, 3): expected input")
    ):
        net(torch.zeros(2, 3))


@pytest.mark.usefixtures("without_annotations")
def test_arguments_that_make_no_sense() -> None:
    with pytest.raises(ModuleError, match="expected at least one branch, got none"):
        nn.Parallel()
    with pytest.raises(ModuleError, match="expected combine 'sum' or 'concat', got 'mean'"):
        nn.Parallel(nn.ReLU(), combine="mean")
    with pytest.raises(ModuleError, match="expected a Module at position 1, got 'sum'"):
        nn.Parallel(nn.ReLU(), "sum")  # type: ignore[arg-type]


def test_a_module_shared_by_branches_is_undone_in_reverse() -> None:
    shared = nn.Dropout(0.5)
    net, x = nn.Parallel(shared, shared, combine="concat"), torch.ones(20)
    y = net(x)
    dy = torch.randn(40)
    torch.testing.assert_close(net.backward(dy), (y * dy)[:20] + (y * dy)[20:])
