"""What losses cannot use, and how they say so."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.module import ModuleError

ELEMENTWISE = [
    nn.MSELoss,
    nn.L1Loss,
    nn.HuberLoss,
    nn.SmoothL1Loss,
    nn.PoissonNLLLoss,
    nn.QuantileLoss,
    nn.BCELoss,
    nn.BCEWithLogitsLoss,
]
CLASSES = [nn.NLLLoss, nn.CrossEntropyLoss]


pytestmark = pytest.mark.usefixtures("without_annotations")


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(ModuleError) as error:
        call()
    return str(error.value)


def half(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.full(shape, 0.5, dtype=dtype)


@pytest.mark.parametrize("cls", ELEMENTWISE + CLASSES)
def test_an_unknown_reduction(cls: type[nn.Loss]) -> None:
    expected = "expected reduction 'mean', 'sum' or 'none', got 'batchmean'"
    assert refusal(lambda: cls(reduction="batchmean")) == f"{cls.__name__}(reduction='batchmean'): {expected}"


@pytest.mark.parametrize("cls", ELEMENTWISE)
@pytest.mark.parametrize(
    "target", [half(4), half(1, 4), half(4, 4), half()], ids=lambda t: str(tuple(t.shape))
)
def test_nothing_is_broadcast(cls: type[nn.Loss], target: Tensor) -> None:
    expected = "expected target (4, 1) of torch.float32 as the prediction"
    got = f"got {tuple(target.shape)} of torch.float32"
    assert refusal(lambda: cls()(half(4, 1), target)) == f"{cls.__name__}(): {expected}, {got}"


@pytest.mark.parametrize("cls", ELEMENTWISE)
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float64], ids=str)
def test_a_target_of_another_dtype(cls: type[nn.Loss], dtype: torch.dtype) -> None:
    expected = "expected target (2,) of torch.float32 as the prediction"
    got = f"got (2,) of {dtype}"
    assert (
        refusal(lambda: cls()(half(2), torch.zeros(2, dtype=dtype))) == f"{cls.__name__}(): {expected}, {got}"
    )


@pytest.mark.parametrize("cls", ELEMENTWISE)
def test_an_integer_prediction(cls: type[nn.Loss]) -> None:
    ones = torch.ones(2, dtype=torch.int64)
    message = f"{cls.__name__}(): expected a floating-point prediction, got torch.int64"
    assert refusal(lambda: cls()(ones, ones)) == message


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda: nn.HuberLoss(delta=0.0), "HuberLoss(delta=0.0): expected delta > 0, got 0.0"),
        (lambda: nn.HuberLoss(delta=float("nan")), "HuberLoss(delta=nan): expected delta > 0, got nan"),
        (lambda: nn.SmoothL1Loss(beta=-1.0), "SmoothL1Loss(beta=-1.0): expected beta >= 0, got -1.0"),
        (lambda: nn.PoissonNLLLoss(eps=0.0), "PoissonNLLLoss(eps=0.0): expected eps > 0, got 0.0"),
        (lambda: nn.QuantileLoss(1), "QuantileLoss(1): expected quantile above 0 and below 1, got 1"),
        (
            lambda: nn.QuantileLoss([0.5, float("nan")]),
            "QuantileLoss([0.5, nan]): expected quantile above 0 and below 1, got [0.5, nan]",
        ),
        (lambda: nn.QuantileLoss(()), "QuantileLoss(()): expected quantile above 0 and below 1, got ()"),
        (
            lambda: nn.CrossEntropyLoss(label_smoothing=1.5),
            "CrossEntropyLoss(label_smoothing=1.5): expected label_smoothing in 0..1, got 1.5",
        ),
    ],
)
def test_an_argument_out_of_range(loss: Callable[[], object], message: str) -> None:
    assert refusal(loss) == message


@pytest.mark.parametrize("value", [-0.5, 1.5, float("nan"), float("inf")])
def test_what_is_no_probability(value: float) -> None:
    wrong = half(2, 3)
    wrong[1, 2] = value
    problem = f"in 0..1, got {value} at [1, 2]"
    assert refusal(lambda: nn.BCELoss()(wrong, half(2, 3))) == f"BCELoss(): expected prediction {problem}"
    assert refusal(lambda: nn.BCELoss()(half(2, 3), wrong)) == f"BCELoss(): expected target {problem}"


@pytest.mark.parametrize("value", [-1.0, float("nan")])
def test_what_is_no_count(value: float) -> None:
    wrong = half(2, 3)
    wrong[1, 2] = value
    problem = f"expected target in 0..inf, got {value} at [1, 2]"
    assert refusal(lambda: nn.PoissonNLLLoss()(half(2, 3), wrong)) == f"PoissonNLLLoss(): {problem}"


@pytest.mark.parametrize("size", [(2,), (2, 3), (2, 1), ()])
def test_quantiles_that_are_not_one_for_each_column(size: tuple[int, ...]) -> None:
    message = refusal(lambda: nn.QuantileLoss([0.1, 0.9, 0.5, 0.4])(half(*size), half(*size)))
    expected = f"expected prediction (*, 4), a column for each quantile, got {size}"
    assert message == f"QuantileLoss([0.1, 0.9, 0.5, 0.4]): {expected}"


def test_a_single_number_has_no_position() -> None:
    assert refusal(lambda: nn.BCELoss()(torch.tensor(2.0), half())).endswith("in 0..1, got 2.0")


@pytest.mark.parametrize("shape", [(4,), (3, 2), (1, 2, 3)])
@pytest.mark.parametrize("cls", [nn.BCELoss, nn.BCEWithLogitsLoss])
def test_element_weights_that_do_not_spread(cls: type[nn.Loss], shape: tuple[int, ...]) -> None:
    message = refusal(lambda: cls(weight=half(*shape))(half(2, 3), half(2, 3)))
    expected = "expected weight that spreads over (2, 3), of torch.float32 as the prediction"
    assert message == f"{cls.__name__}(weight=tensor{shape}): {expected}, got {shape} of torch.float32"


def test_weights_of_another_dtype() -> None:
    loss = nn.BCEWithLogitsLoss(pos_weight=half(3, dtype=torch.float64))
    expected = "expected pos_weight that spreads over (2, 3), of torch.float32 as the prediction"
    assert refusal(lambda: loss(half(2, 3), half(2, 3))).endswith(f"{expected}, got (3,) of torch.float64")
    assert loss.to(torch.float32)(half(2, 3), half(2, 3)).dtype == torch.float32
    for cls in CLASSES:
        weighted = cls(weight=half(3, dtype=torch.float64))
        message = refusal(lambda weighted=weighted: weighted(half(2, 3), torch.tensor([0, 1])))
        assert message.endswith(
            "expected weight (3,) of torch.float32 as the prediction, got (3,) of torch.float64"
        )


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("shape", [(2,), (1,), (), (3, 1)])
def test_class_weights_that_do_not_fit(cls: type[nn.Loss], shape: tuple[int, ...]) -> None:
    message = refusal(lambda: cls(weight=half(*shape))(half(2, 3), torch.tensor([0, 1])))
    assert message.endswith(
        f"expected weight (3,) of torch.float32 as the prediction, got {shape} of torch.float32"
    )


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("ignore_index", [-100, 0])
@pytest.mark.parametrize("value", [-1, 3, 2**40])
def test_a_class_out_of_range(cls: type[nn.Loss], ignore_index: int, value: int) -> None:
    loss = cls(ignore_index=ignore_index)
    problem = f"expected class index in 0..2, got {value}"
    target = torch.tensor([[0, 1], [ignore_index, value]])
    assert refusal(lambda: loss(half(2, 3, 2), target)).endswith(f"{problem} at [1, 1]")
    assert refusal(lambda: loss(half(3), torch.tensor(value))).endswith(problem)


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("scores", "target", "expected"),
    [
        ((2, 3), (3,), "(2,)"),
        ((2, 3), (2, 1), "(2,)"),
        ((2, 3), (), "(2,)"),
        ((3,), (1,), "()"),
        ((2, 3, 4), (2,), "(2, 4)"),
        ((2, 3, 4), (4, 2), "(2, 4)"),
    ],
)
def test_class_indices_of_the_wrong_shape(
    cls: type[nn.Loss], scores: tuple[int, ...], target: tuple[int, ...], expected: str
) -> None:
    message = refusal(lambda: cls()(half(*scores), torch.zeros(target, dtype=torch.int64)))
    wanted = f"expected class indices {expected} of torch.int64 for a prediction {scores}"
    assert message == f"{cls.__name__}(): {wanted}, got {target} of torch.int64"


@pytest.mark.parametrize("dtype", [torch.int32, torch.bool, torch.float32], ids=str)
def test_targets_that_are_no_indices(dtype: torch.dtype) -> None:
    message = refusal(lambda: nn.NLLLoss()(half(2, 3), torch.zeros(2, dtype=dtype)))
    expected = "expected class indices (2,) of torch.int64 for a prediction (2, 3)"
    assert message == f"NLLLoss(): {expected}, got (2,) of {dtype}"


@pytest.mark.parametrize("target", [half(2), half(2, 1), half(2, 3, dtype=torch.float64)], ids=str)
def test_targets_that_are_no_class_probabilities(target: Tensor) -> None:
    message = refusal(lambda: nn.CrossEntropyLoss()(half(2, 3), target))
    expected = "expected class probabilities (2, 3) of torch.float32, or class indices of torch.int64"
    assert message == f"CrossEntropyLoss(): {expected}, got {tuple(target.shape)} of {target.dtype}"


def test_an_index_to_ignore_among_probabilities() -> None:
    message = refusal(lambda: nn.CrossEntropyLoss(ignore_index=1)(half(2, 3), half(2, 3)))
    assert message.endswith("expected class indices, for ignore_index, got class probabilities")


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("scores", [half(), torch.ones(2, 3, dtype=torch.int64)], ids=["scalar", "integers"])
def test_a_prediction_that_is_no_scores(cls: type[nn.Loss], scores: Tensor) -> None:
    message = refusal(lambda: cls()(scores, torch.tensor([0, 1])))
    expected = "expected a floating-point prediction (N, C, ...) or (C,)"
    assert message == f"{cls.__name__}(): {expected}, got {tuple(scores.shape)} of {scores.dtype}"


@pytest.mark.parametrize("cls", ELEMENTWISE + CLASSES)
def test_a_target_of_numpy(cls: type[nn.Loss]) -> None:
    expected = "expected a tensor, got an array of numpy; torch.from_numpy(x) is one"
    assert refusal(lambda: cls()(half(4, 2), np.array([0, 1, 0, 1]))) == f"{cls.__name__}(): {expected}"
