"""Nested states, packed sequences and refusals of recurrent layers; the conformance table has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.utils import rnn as theirs_of

from plaingrad import Module, ModuleError, nn
from plaingrad.contract.nest import tensors
from plaingrad.inspect import check_gradients
from plaingrad.nn.recurrent import PackedSequence, pack_padded_sequence, pad_packed_sequence

KINDS = ("RNN", "GRU", "LSTM")
LENGTHS = [2, 5, 3, 5]


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


def pair(kind: str, **options: Any) -> tuple[Any, Any]:
    theirs = getattr(torch.nn, kind)(3, 4, **options)
    ours = getattr(nn, kind)(3, 4, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def states(kind: str, rows: int, batch: int = len(LENGTHS)) -> Any:
    h, c = torch.randn(rows, batch, 4), torch.randn(rows, batch, 4)
    return (h, c) if kind == "LSTM" else h


def leaves(nest: Any) -> list[Tensor]:
    return [x.requires_grad_() for x in tensors(nest) if x.is_floating_point()]


def assert_close(found: list[Tensor], expected: Any) -> None:
    for x, right in zip(found, expected, strict=True):
        torch.testing.assert_close(x, right)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("has_states", [False, True])
@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("of_torch", [False, True], ids=["our named tuple", "theirs"])
@pytest.mark.parametrize("order", ["sorted", "any"])
def test_packed_sequences(kind: str, has_states: bool, batch_first: bool, of_torch: bool, order: str) -> None:
    ours, theirs = pair(kind, num_layers=2, bidirectional=True, dropout=0.4, batch_first=batch_first)
    lengths = sorted(LENGTHS, reverse=True) if order == "sorted" else LENGTHS
    x = torch.randn(4, 5, 3) if batch_first else torch.randn(5, 4, 3)
    options = {"lengths": lengths, "batch_first": batch_first, "enforce_sorted": order == "sorted"}
    packed = pack_padded_sequence(x, **options)
    right = theirs_of.pack_padded_sequence(x, torch.tensor(lengths), batch_first, order == "sorted")
    assert_close(list(tensors(packed)), list(tensors(right)))
    hx = states(kind, 4) if has_states else None

    torch.manual_seed(1)
    y, last = ours.forward(right if of_torch else packed, hx)
    assert type(y) is (type(right) if of_torch else PackedSequence)
    torch.manual_seed(1)
    traced = leaves((right.data, hx))
    right_y, right_last = theirs(right, hx)
    assert_close(list(tensors((y, last))), [x.detach() for x in tensors((right_y, right_last))])

    dy, dlast = torch.randn_like(y.data), [torch.randn_like(state) for state in tensors(last)]
    roots = [right_y.data, *tensors(right_last)]
    expected = torch.autograd.grad(roots, [*traced, *theirs.parameters()], [dy, *dlast])
    dx, dhx = ours.backward(y._replace(data=dy), tuple(dlast) if kind == "LSTM" else dlast[0])
    assert type(dx) is type(y)
    assert list(dx)[1:] == [None, None, None]
    assert_close([*tensors((dx, dhx)), *(p.grad for p in ours.parameters())], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_packed_batch_is_each_sequence_alone(kind: str) -> None:
    layer, _ = pair(kind, bidirectional=True)
    x, start = torch.randn(5, 4, 3), states(kind, 2)
    y, _ = layer.forward(pack_padded_sequence(x, LENGTHS, enforce_sorted=False), start)
    padded, lengths = pad_packed_sequence(y)
    assert lengths.tolist() == LENGTHS
    for k, length in enumerate(LENGTHS):
        own = tuple(s[:, k] for s in start) if kind == "LSTM" else start[:, k]
        alone, _ = layer.forward(x[:length, k], own)
        torch.testing.assert_close(padded[:length, k], alone)
        assert not padded[length:, k].any()


@pytest.mark.parametrize("kind", KINDS)
def test_missing_gradients_count_as_zero(kind: str) -> None:
    ours, theirs = pair(kind, num_layers=2)
    x, hx = torch.randn(5, 4, 3), states(kind, 2)
    traced = leaves((x, hx))
    y, last = theirs(x, hx)
    for roots in ([y], list(tensors(last))[-1:], list(tensors(last))[:1]):
        dys = [torch.randn_like(root) for root in roots]
        parameters = list(theirs.parameters())
        expected = torch.autograd.grad(
            roots, traced + parameters, dys, retain_graph=True, materialize_grads=True
        )
        ours.zero_grad()
        ours.forward(x.detach(), hx)
        by_output = {id(root): dy for root, dy in zip(roots, dys)}
        dlast = [by_output.get(id(state)) for state in tensors(last)]
        returned = ours.backward(by_output.get(id(y)), tuple(dlast) if kind == "LSTM" else dlast[0])
        assert_close([*tensors(returned), *(p.grad for p in ours.parameters())], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_entries_are_those_of_the_arguments_that_were_passed(kind: str) -> None:
    layer, x = getattr(nn, kind)(3, 4), torch.randn(5, 4, 3)
    y, _ = layer.forward(x)
    assert isinstance(layer.backward(torch.ones_like(y)), Tensor)
    layer.forward(x, None)
    dx, dhx = layer.backward(torch.ones_like(y))
    assert dx.shape == x.shape
    assert dhx is None
    layer.forward(pack_padded_sequence(x, [5, 3, 2, 1]))
    assert layer.backward((None,)) is None
    assert not layer._saved


@pytest.mark.parametrize("kind", [*KINDS, "RNNCell", "GRUCell", "LSTMCell"])
def test_frozen_weights_get_no_gradient(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4).freeze()
    y = layer.forward(torch.randn(2, 3))
    layer.backward(torch.ones_like(y[0] if isinstance(y, tuple) else y))
    assert not any(parameter.grad.any() for parameter in layer.parameters())


@pytest.mark.parametrize("layer", [nn.LSTM(3, 4, 2, proj_size=2, bidirectional=True), nn.LSTMCell(3, 4)])
def test_the_checker_follows_nested_states(layer: Module) -> None:
    sizes = [(4, 2, 2), (4, 2, 4)] if isinstance(layer, nn.LSTM) else [(2, 4), (2, 4)]
    x = torch.randn(3, 2, 3) if isinstance(layer, nn.LSTM) else torch.randn(2, 3)
    report = check_gradients(layer, x, tuple(torch.randn(size) for size in sizes), max_elements=20)
    assert report.ok, report
    assert {"input 0", "input 1[0]", "input 1[1]"} <= {row.name for row in report.rows}


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("LSTM", {"num_layers": 0}, "expected num_layers from 1, got 0"),
    ("GRU", {"dropout": 1.5, "num_layers": 2}, "expected dropout between 0 and 1, got 1.5"),
    ("GRU", {"dropout": True, "num_layers": 2}, "expected dropout between 0 and 1, got True"),
    ("LSTM", {"proj_size": 4}, "expected proj_size below 4, or 0, got 4"),
    ("LSTM", {"proj_size": -1}, "expected proj_size below 4, or 0, got -1"),
    ("RNN", {"nonlinearity": "sin"}, "expected nonlinearity 'tanh' or 'relu', got 'sin'"),
    ("RNNCell", {"nonlinearity": "sin"}, "expected nonlinearity 'tanh' or 'relu', got 'sin'"),
]


@pytest.mark.parametrize(("kind", "options", "message"), REFUSED)
def test_arguments_out_of_range(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ModuleError, match=message):
        getattr(nn, kind)(3, 4, **options)


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_cells_without_input_compute_what_those_of_torch_do(kind: str) -> None:
    theirs, ours = getattr(torch.nn, kind)(0, 4), getattr(nn, kind)(0, 4)
    ours.load_state_dict(theirs.state_dict())
    x, dh = torch.empty(2, 0), torch.randn(2, 4)
    found, expected = ours.forward(x), theirs(x)
    torch.testing.assert_close(found, expected)
    is_pair = isinstance(found, tuple)
    (expected[0] if is_pair else expected).backward(dh)
    dx = ours.backward(dh, None) if is_pair else ours.backward(dh)
    assert dx.shape == x.shape
    for parameter, torch_parameter in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(parameter.grad, torch_parameter.grad)


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize(
    ("sizes", "expected"), [((-1, 4), "input_size from 0"), ((3, 0), "hidden_size from 1")]
)
def test_sizes_of_cells_that_are_refused(kind: str, sizes: tuple[int, int], expected: str) -> None:
    with pytest.raises(ModuleError, match=f"expected {expected}"):
        getattr(nn, kind)(*sizes)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(0, 4), (3, 0)])
def test_sizes_below_1(kind: str, sizes: tuple[int, int]) -> None:
    name = "input_size" if not sizes[0] else "hidden_size"
    with pytest.raises(ModuleError, match=f"expected {name} from 1, got 0"):
        getattr(nn, kind)(*sizes)


@pytest.mark.parametrize("kind", ["RNN", "GRU"])
def test_only_an_lstm_projects(kind: str) -> None:
    with pytest.raises(TypeError, match="proj_size"):
        getattr(nn, kind)(3, 4, proj_size=2)


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_behind_the_only_layer_warns(kind: str) -> None:
    with pytest.warns(UserWarning, match=f"^{kind}: dropout=0.5 has no effect"):
        getattr(nn, kind)(3, 4, dropout=0.5)


INPUTS: list[tuple[Any, Any, str]] = [
    ((5, 2, 4), None, r"expected input \(time, batch, 3\) or \(time, 3\) of torch.float64, got \(5, 2, 4\)"),
    ((3,), None, r"expected input"),
    ((0, 2, 3), None, r"expected at least one time step, got \(0, 2, 3\)"),
    ((5, 2, 3), (1, 3, 4), r"expected hx \(1, 2, 4\) of torch.float64, got \(1, 3, 4\)"),
    ((5, 3), (1, 1, 4), r"expected hx \(1, 4\) of torch.float64, got \(1, 1, 4\)"),
]


@pytest.mark.parametrize(("size", "start", "message"), INPUTS)
def test_shapes_that_do_not_fit(size: Any, start: Any, message: str) -> None:
    hx = None if start is None else torch.zeros(start)
    with pytest.raises(ModuleError, match=message):
        nn.GRU(3, 4).forward(torch.zeros(size), hx)


def test_other_types_are_refused() -> None:
    with pytest.raises(ModuleError, match=r"got .* of torch.float32"):
        nn.GRU(3, 4).forward(torch.zeros(2, 3, dtype=torch.float32))
    with pytest.raises(
        ModuleError, match=r"expected hx \(1, 4\) and \(1, 4\) of torch.float64, got \(1, 4\)"
    ):
        nn.LSTM(3, 4).forward(torch.zeros(2, 3), torch.zeros(1, 4))
    with pytest.raises(ModuleError, match=r"expected input \(batch, 3\) or \(3,\) of torch.float64, got"):
        nn.GRUCell(3, 4).forward(torch.zeros(2, 2, 3))
    with pytest.raises(ModuleError, match=r"expected hx \(2, 4\) of torch.float64, got \(3, 4\)"):
        nn.RNNCell(3, 4).forward(torch.zeros(2, 3), torch.zeros(3, 4))


@pytest.mark.parametrize("sizes", [[1, 2], [2, 0], [2, 2], []])
def test_batch_sizes_that_do_not_fit(sizes: list[int]) -> None:
    packed = PackedSequence(torch.zeros(3, 3), torch.tensor(sizes, dtype=torch.int64))
    with pytest.raises(ModuleError, match="expected batch_sizes that fall and add up to 3"):
        nn.GRU(3, 4).forward(packed)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sum_of_large_numbers_overflows_nowhere(kind: str) -> None:
    layer = getattr(nn, kind)(3, 4)
    y, _ = layer.forward(torch.full((5, 2, 3), 1000.0))
    assert y.isfinite().all()
    assert layer.backward(torch.ones_like(y)).isfinite().all()
