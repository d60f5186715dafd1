from __future__ import annotations

import copy
import pickle
import re
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import plaingrad
from plaingrad import ModuleError, nn
from plaingrad.module import Module
from plaingrad.native.predict import CompiledPredictor, compile_predict

BY_ROUNDING = {torch.float32: {"rtol": 1e-5, "atol": 1e-6}, torch.float64: {"rtol": 1e-12, "atol": 1e-14}}


@pytest.fixture(autouse=True)
def _as_outside_of_tests(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled with the real flags."""
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PLAINGRAD_CACHE", str(tmp_path_factory.getbasetemp() / "networks"))


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(3, 17, dtype=dtype), nn.Tanh(), nn.Linear(17, 2, dtype=dtype), nn.Identity()
    )


@pytest.mark.parametrize(
    ("dtype", "sizes"),
    [
        (torch.float32, (3, 17, 2)),
        (torch.float32, (1, 33, 1)),
        (torch.float64, (40, 16, 5)),
        (torch.float64, (2, 1, 9)),
    ],
)
def test_agrees_with_the_modules(dtype: torch.dtype, sizes: tuple[int, ...]) -> None:
    inputs, middle, outputs = sizes
    model = nn.Sequential(
        nn.Linear(inputs, middle, dtype=dtype), nn.Tanh(), nn.Linear(middle, outputs, bias=False, dtype=dtype)
    )
    predict = compile_predict(model)
    for n in (0, 1, 2, 31, 32, 33, 97):
        rows = torch.randn(n, inputs, dtype=dtype)
        expected = plaingrad.predict(model, rows) if n else torch.empty(0, outputs, dtype=dtype)
        torch.testing.assert_close(predict(rows), expected, **BY_ROUNDING[dtype])
        for row, wanted in zip(rows, expected):
            torch.testing.assert_close(predict(row), wanted, **BY_ROUNDING[dtype])


def test_a_copy_is_what_its_original_is() -> None:
    """Whatever has become of the model since."""
    model, row = network(), torch.randn(3, dtype=torch.float64)
    predict = compile_predict(model)
    expected = predict(row)
    model[0].weight.value.zero_()
    model.append(nn.Linear(2, 300)).to(torch.float32)
    for copied in (copy.copy(predict), copy.deepcopy(predict), pickle.loads(pickle.dumps(predict))):
        assert torch.equal(copied(row), expected)
        assert np.array_equal(copied(row.numpy()), expected.numpy())
        copied.refresh()
        assert not torch.equal(copied(row), expected)


def test_the_same_kind_comes_back() -> None:
    model = network(torch.float32)
    predict = compile_predict(model)
    rows = torch.randn(5, 3)
    for given in (rows, rows[2], rows[2:3], rows.double(), torch.ones(3, dtype=torch.int64)):
        found = predict(given)
        assert isinstance(found, Tensor)
        assert found.dtype == torch.float32
        assert found.shape == (*given.shape[:-1], 2)
        torch.testing.assert_close(found, model.forward(given.float()), **BY_ROUNDING[torch.float32])
        same = predict(given.numpy())
        assert isinstance(same, np.ndarray)
        assert np.array_equal(same, found.numpy())


def test_rows_may_lie_anywhere() -> None:
    predict = compile_predict(network())
    rows = torch.randn(6, 3, dtype=torch.float64)
    table = rows.numpy()
    expected = predict(rows)
    turned = rows.t().contiguous().t()
    assert torch.equal(predict(turned), expected)
    assert torch.equal(predict(turned[4]), predict(rows[4]))
    assert torch.equal(predict(rows.clone().requires_grad_()[4]), predict(rows[4]))
    assert np.array_equal(predict(np.asfortranarray(table)), expected.numpy())
    assert np.array_equal(predict(np.asfortranarray(table)[4]), predict(table[4]))
    assert np.array_equal(predict(table.astype(">f8")), expected.numpy())
    table.setflags(write=False)
    assert np.array_equal(predict(table), expected.numpy())


def test_results_belong_to_the_caller() -> None:
    predict = compile_predict(network())
    rows = torch.randn(2, 3, dtype=torch.float64)
    for given in (rows, rows.numpy()):
        first = predict(given[0])
        before = first.tolist()
        predict(given[1])
        assert first.tolist() == before
        first[:] = 0
        assert predict(given[0]).tolist() == before


def test_it_is_a_frozen_copy_until_it_is_refreshed() -> None:
    model = network()
    predict = compile_predict(model)
    row = torch.randn(3, dtype=torch.float64)
    before = predict(row)
    for value, _ in model.parameters():
        value.mul_(2)
    assert torch.equal(predict(row), before)
    predict.refresh()
    torch.testing.assert_close(predict(row), model.forward(row), **BY_ROUNDING[torch.float64])
    model.to(torch.float32)
    predict.refresh()
    assert predict(row).dtype == torch.float64


def test_the_models_modes_and_saved_state_stay() -> None:
    model = network()
    compile_predict(model)
    assert all(module.training and not module._saved for module in model.modules())


def test_layers_behave_as_in_evaluation() -> None:
    norm = nn.BatchNorm1d(4, dtype=torch.float64)
    model = nn.Sequential(nn.Linear(3, 4, dtype=torch.float64), norm, nn.Dropout(0.5), nn.Softmax(1))
    for _ in range(3):
        model.forward(torch.randn(9, 3, dtype=torch.float64))  # moves the running statistics
    model.zero_grad()
    norm.weight.value.uniform_(1, 2)
    predict = compile_predict(model)
    rows = torch.randn(33, 3, dtype=torch.float64)
    expected = plaingrad.predict(model, rows)
    torch.testing.assert_close(predict(rows), expected, **BY_ROUNDING[torch.float64])
    torch.testing.assert_close(predict(rows[4]), expected[4], **BY_ROUNDING[torch.float64])
    with pytest.raises(ValueError, match="statistics of all samples"):
        compile_predict(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, track_running_stats=False)))


def test_samples_of_several_axes() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2, dtype=torch.float64))
    predict = compile_predict(model, sample_shape=[2, 3])
    rows = torch.randn(4, 2, 3, dtype=torch.float64)
    assert predict.sample_shape == (2, 3)
    assert predict.output_shape == (2,)
    torch.testing.assert_close(predict(rows), model.forward(rows), **BY_ROUNDING[torch.float64])
    torch.testing.assert_close(predict(rows[1]), model.forward(rows[1:2])[0], **BY_ROUNDING[torch.float64])


def test_rows_of_indices() -> None:
    model = nn.Sequential(nn.Embedding(7, 5, padding_idx=2), nn.Flatten(), nn.Linear(15, 2)).to(torch.float64)
    predict = compile_predict(model, sample_shape=(3,))
    rows = torch.arange(99).reshape(33, 3) * 5 % 7
    expected = plaingrad.predict(model, rows)
    for dtype in (torch.int64, torch.int32):
        found = predict(rows.to(dtype))
        torch.testing.assert_close(found, expected, **BY_ROUNDING[torch.float64])
    for i, row in enumerate(rows):
        torch.testing.assert_close(predict(row), expected[i], **BY_ROUNDING[torch.float64])
    assert np.array_equal(predict(rows.numpy().astype(np.uint8)), found.numpy())
    assert predict(rows[:0]).shape == (0, 2)
    alone = compile_predict(nn.Sequential(model[0], nn.Linear(5, 1, dtype=torch.float64)), ())
    assert alone(rows[:, 0]).shape == (33, 1)
    assert alone(rows[0, 0]).shape == (1,)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (torch.tensor([0, 1, 7]), "predict: expected indices from 0 to 6, got 7"),
        (torch.tensor([[0, 1, 1], [0, 1, -1]]), "predict: expected indices from 0 to 6, got -1"),
        (np.array([2**63, 0, 0], np.uint64), f"predict: expected indices from 0 to 6, got {2**63}"),
        (torch.zeros(3), "predict: expected indices, got float32"),
        (torch.zeros(3, dtype=torch.float64), "predict: expected indices, got float64"),
    ],
)
def test_indices_that_do_not_fit(row: object, problem: str) -> None:
    model = nn.Sequential(nn.Embedding(7, 5), nn.Flatten(), nn.Linear(15, 2)).to(torch.float64)
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        compile_predict(model, (3,))(row)


def of_columns() -> nn.Sequential:
    return nn.Sequential(nn.ColumnEmbedding(4, {3: (5, 2), 1: (3, 1)}), nn.Linear(5, 2)).to(torch.float64)


def test_rows_with_columns_of_codes() -> None:
    model = of_columns()
    predict = compile_predict(model)
    rows = torch.randn(99, 4, dtype=torch.float64)
    rows[:, 3], rows[:, 1] = torch.arange(99) % 5, torch.arange(99) % 3
    expected = plaingrad.predict(model, rows)
    for same in (predict, pickle.loads(pickle.dumps(predict))):
        torch.testing.assert_close(same(rows), expected, **BY_ROUNDING[torch.float64])
        assert np.array_equal(same(rows.numpy()), same(rows).numpy())
        for row, wanted in zip(rows, expected):
            torch.testing.assert_close(same(row), wanted, **BY_ROUNDING[torch.float64])
    assert predict(rows[:0]).shape == (0, 2)
    codes = torch.ones(3, 4, dtype=torch.int64)
    assert torch.equal(predict(codes), predict(codes.to(torch.float64)))


@pytest.mark.parametrize("code", [5.0, -1.0, 0.5, 1e30, np.nan, np.inf])
@pytest.mark.parametrize("shape", [(4,), (1, 4), (40, 4)])
def test_codes_that_do_not_fit(shape: tuple[int, ...], code: float) -> None:
    predict, rows = compile_predict(of_columns()), np.zeros(shape)
    predict(rows)
    rows[..., 0] = code  # which passes
    predict(rows)
    rows[..., 3] = code
    problem = f"predict: expected whole numbers from 0 to 4 in column 3, got {code}"
    for given in (rows, torch.from_numpy(rows)):
        with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
            predict(given)


def test_not_a_number_is_passed_on() -> None:
    found = compile_predict(network())(np.array([[np.nan, 0, 0], [0, 0, 0]]))
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1]).all()


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (torch.zeros(4), "predict: expected rows (3,) or (n, 3), got (4,)"),
        (np.zeros((2, 3, 3)), "predict: expected rows (3,) or (n, 3), got (2, 3, 3)"),
        (np.float64(1), "predict: expected a tensor or an array, got float64"),
        (torch.zeros(()), "predict: expected rows (3,) or (n, 3), got ()"),
        ([0.0, 0.0, 0.0], "predict: expected a tensor or an array, got list"),
        (np.zeros(3, complex), "predict: expected numbers, got complex128"),
        (torch.zeros(3, dtype=torch.complex64), "predict: expected numbers, got complex64"),
        (np.array(["a", "b", "c"]), "predict: expected numbers, got <U1"),
        (np.array([None, 0, 0]), "predict: expected numbers, got object"),
    ],
)
def test_rows_that_do_not_fit(rows: object, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        compile_predict(network())(rows)


class Own(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


def test_models_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"^compile_predict: the kernels cannot run this: Own is not among"):
        compile_predict(nn.Sequential(nn.Linear(2, 2), Own()))
    with pytest.raises(ValueError, match=r"^sample_shape: expected one for a network without a linear layer"):
        compile_predict(Own())
    with pytest.raises(ValueError, match=r"^sample_shape: expected one for a network with an embedding"):
        compile_predict(nn.Sequential(nn.Embedding(3, 2), nn.Flatten(), nn.Linear(4, 1)))
    with pytest.raises(ValueError, match=r"^model: expected a plaingrad Module"):
        compile_predict(torch.nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(ModuleError, match=r"Sequential\[0\] Linear\(3, 17"):
        compile_predict(network(), sample_shape=(4,))
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ValueError, match="no-such-compiler"):
        compile_predict(network())


@pytest.mark.parametrize("sample_shape", [3, "3", (3.0,), (-3,), (True,)])
def test_shapes_that_are_none(sample_shape: Any) -> None:
    problem = f"sample_shape: expected a tuple of positive integers such as (3,), got {sample_shape!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        compile_predict(network(), sample_shape)


def test_rows_of_any_precision() -> None:
    predict, row = compile_predict(network()), torch.tensor([0.5, -1.0, 2.0])
    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.int8):
        assert torch.equal(predict(row.to(dtype)), predict(row.to(dtype).to(torch.float64)))


def test_threads_share_one_object() -> None:
    model = network()
    predict = compile_predict(model)
    rows = torch.randn(64, 3, dtype=torch.float64)
    expected = torch.stack([predict(row) for row in rows])
    failures: list[int] = []

    def work() -> None:
        for _ in range(20):
            if not torch.equal(torch.stack([predict(row) for row in rows]), expected):
                failures.append(1)
            if not torch.allclose(predict(rows), expected, rtol=1e-12):
                failures.append(2)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_what_it_says_of_itself() -> None:
    predict = compile_predict(network())
    assert isinstance(predict, CompiledPredictor)
    assert repr(predict) == "CompiledPredictor((3,) -> (2,), torch.float64)"
