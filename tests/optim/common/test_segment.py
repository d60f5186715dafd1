"""Parameters that are frozen or have no gradient are left alone, as torch.optim leaves those without one."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from optim.rules import COUNT, NAMES, Pair, options, without_unknown
from plaingrad import Parameter, optim
from plaingrad.optim.common.options import NON_NEGATIVE, option
from plaingrad.optim.common.segment import accumulator
from plaingrad.optim.optimizer import Optimizer

some = st.lists(st.integers(0, COUNT - 1), max_size=COUNT, unique=True)
every_rule = pytest.mark.parametrize("name", NAMES)
examples = settings(max_examples=draws(30), deadline=None)


@every_rule
@examples
@given(
    data=st.data(),
    steps=st.lists(st.tuples(some, some), min_size=2, max_size=8),
    groups=st.sampled_from([None, [{}, {"lr": 0.01}]]),
    clip_norm=st.none() | st.floats(0.1, 10),
    seed=st.integers(0, 2**32 - 1),
)
def test_freezing_and_missing_gradients_equal_torch(
    name: str, data: st.DataObject, steps: Any, groups: Any, clip_norm: float | None, seed: int
) -> None:
    pair = Pair(name, data.draw(options[name], label="options"), groups, seed, clip_norm)
    for frozen, missing in steps:
        pair.step(frozen, missing)
        pair.step()
    pair.assert_equal()


@every_rule
def test_a_state_dict_has_the_counts_of_each(name: str) -> None:
    pair = Pair(name, without_unknown(name, {"lr": 0.05, "weight_decay": 0.1}))
    pair.step(frozen=[0, 3])
    pair.step(missing=[5])
    state = pair.ours.state_dict()
    copied = copy.deepcopy(pair.ours)
    pair.ours = getattr(optim, name)(pair.parameters)
    pair.ours.load_state_dict(state)
    for original, loaded in zip(copied.state.values(), pair.ours.state.values()):
        assert original.keys() == loaded.keys()
        assert all(
            torch.equal(torch.as_tensor(original[key]), torch.as_tensor(loaded[key])) for key in loaded
        )
    pair.step()
    pair.assert_equal()


def test_what_is_left_alone_costs_nothing_where_all_are_active() -> None:
    pair = Pair("Adam", {})
    for _ in range(3):
        pair.step()
    assert [len(segments) for segments in pair.ours.segments] == [1]
    pair.step(frozen=[2])
    assert [len(segment.parameters) for segment in pair.ours.segments[0]] == [2, 1, 4]


def test_the_penalty_is_that_of_what_is_learned() -> None:
    parameters = [Parameter(torch.full((2,), size)) for size in (1.0, 2.0)]
    optimizer = optim.SGD(parameters, weight_decay=0.5)
    assert optimizer.penalty().item() == 0.25 * (2 + 8)
    parameters[1].frozen = True
    assert optimizer.penalty(2.0).item() == 0.25 * 2 / 2


class Rows(Optimizer):
    """Divides the gradient of a matrix by the root of its rows' summed squares."""

    lr: float = option("the step size", NON_NEGATIVE, default=0.1)
    needs_shapes = True

    def update(self, value: Any, grad: Any, state: Any, group: Any) -> None:
        if value.ndim > 1:
            total = accumulator(state, "rows", value[:, :1])
            total.add_(grad.square().sum(1, keepdim=True))
            grad = grad / total.sqrt()
        state["step"] = state.get("step", 0) + 1
        value.sub_(grad, alpha=group["lr"])


def test_a_rule_may_ask_for_shapes() -> None:
    matrix, vector = Parameter(torch.ones(2, 3)), Parameter(torch.ones(4))
    optimizer = Rows([matrix, vector], lr=0.5)
    for rounds in (1, 2):
        matrix.grad, vector.grad = torch.tensor([[2.0], [3.0]]).expand(2, 3), torch.ones(4)
        matrix.frozen = rounds == 2
        optimizer.step()
    torch.testing.assert_close(matrix.value, torch.full((2, 3), 1 - 0.5 / 3**0.5))
    assert vector.value.tolist() == [0.0] * 4
    assert [optimizer.state[each]["step"] for each in (matrix, vector)] == [1, 2]
    torch.testing.assert_close(optimizer.state[matrix]["rows"], torch.tensor([[12.0], [27.0]]))
    other = Rows([Parameter(torch.ones(2, 3)), Parameter(torch.ones(4))])
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups[0]["lr"] == 0.5
    assert copy.deepcopy(optimizer).segments[0][0].value.shape == (2, 3)
    assert optimizer.storages[0].value.numel() == 10
