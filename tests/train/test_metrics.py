from __future__ import annotations

import pytest
import sklearn.metrics
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import nn
from plaingrad.train.class_metrics import f1, precision, recall, roc_auc, top_k_accuracy
from plaingrad.train.metrics import accuracy, error, mae, mse, named, r2

examples = settings(max_examples=draws(30), deadline=None)
seeds = st.integers(0, 2**32)


def normal(seed: int, *size: int) -> Tensor:
    return torch.randn(size, generator=torch.Generator().manual_seed(seed))


@examples
@given(n=st.integers(2, 9), outputs=st.integers(1, 3), seed=seeds)
def test_regression_metrics_equal_those_of_scikit_learn(n: int, outputs: int, seed: int) -> None:
    p, t = normal(seed, n, outputs), normal(seed + 1, n, outputs)
    assert float(mse(p, t)) == pytest.approx(sklearn.metrics.mean_squared_error(t, p), rel=1e-6)
    assert float(mae(p, t)) == pytest.approx(sklearn.metrics.mean_absolute_error(t, p), rel=1e-6)
    assert float(r2(p, t)) == pytest.approx(sklearn.metrics.r2_score(t, p), rel=1e-5, abs=1e-6)


def test_r2_of_a_target_that_never_changes() -> None:
    t = torch.full((4, 1), 3.0)
    assert float(r2(t, t)) == sklearn.metrics.r2_score(t, t) == 1
    assert float(r2(t + 1, t)) == sklearn.metrics.r2_score(t, t + 1) == 0


@examples
@given(n=st.integers(1, 9), classes=st.integers(2, 4), seed=seeds)
def test_accuracy_takes_indices_and_rows(n: int, classes: int, seed: int) -> None:
    scores = normal(seed, n, classes)
    t = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    wanted = sklearn.metrics.accuracy_score(t, scores.argmax(1))
    for target in (t, torch.eye(classes)[t], 2 * torch.eye(classes)[t] - 1):
        assert float(accuracy(scores, target)) == pytest.approx(wanted)
        assert float(error(scores, target)) == pytest.approx(1 - wanted)


@pytest.mark.parametrize("column", [lambda x: x, lambda x: x[:, None]], ids=["flat", "column"])
@pytest.mark.parametrize("labels", [lambda t: t.long(), lambda t: t.float(), lambda t: 2 * t.float() - 1])
def test_accuracy_of_a_single_column(column: object, labels: object) -> None:
    t = torch.tensor([False, True, True, False])
    probabilities = torch.tensor([0.2, 0.3, 0.9, 0.4])
    assert float(accuracy(column(probabilities), labels(t))) == 0.75  # type: ignore[operator]
    assert float(accuracy(probabilities, column(labels(t)))) == 0.75  # type: ignore[operator]
    logits = torch.tensor([-1.0, 0.3, 4.0, -0.4])
    assert float(accuracy(column(logits), labels(t), threshold=0)) == 1  # type: ignore[operator]


def test_accuracy_over_further_axes() -> None:
    scores = torch.zeros(2, 3, 4)
    scores[:, 1] = 1
    t = torch.ones(2, 4, dtype=torch.int64)
    t[0, 0] = 2
    assert float(accuracy(scores, t)) == 7 / 8


def test_shapes_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match=r"accuracy: expected .* prediction of \(4, 3\), got targets \(5,\)"):
        accuracy(torch.zeros(4, 3), torch.zeros(5, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"metric: expected targets \(4, 1\) as predicted, got \(4,\)"):
        mse(torch.zeros(4, 1), torch.zeros(4))


def test_the_loss_says_whether_a_column_is_a_logit() -> None:
    class BCEWithLogitsLoss(nn.MSELoss):
        pass

    p, t = torch.tensor([0.2, -0.2]), torch.tensor([1.0, 0.0])
    for name, right in (("accuracy", 1), ("error", 0)):
        assert float(named([name], BCEWithLogitsLoss())[name](p, t)) == right
        assert float(named([name], nn.MSELoss())[name](p, t)) == 0.5
        assert float(named([name], None)[name](p, t)) == 0.5
    assert named(["mse"], BCEWithLogitsLoss())["mse"] is mse


def test_a_callable_goes_by_its_name() -> None:
    class Worst:
        def __call__(self, prediction: Tensor, target: Tensor) -> float:
            return float((prediction - target).abs().max())

    found = named([torch.dist, Worst(), "r2"], None)
    assert list(found) == ["dist", "Worst", "r2"]
    assert found["Worst"](torch.ones(2), torch.zeros(2)) == 1


def test_a_target_halfway_is_the_lower_class() -> None:
    assert float(accuracy(torch.tensor([0.2, 0.7]), torch.tensor([0.5, 0.5]))) == 0.5
    assert float(accuracy(torch.tensor([0.2]), torch.tensor([0.5]))) == 1


@pytest.mark.parametrize("metrics", ["accuracy", None, accuracy])
def test_metrics_are_a_list(metrics: object) -> None:
    with pytest.raises(ValueError, match="metrics: expected a list of names or callables, got"):
        named(metrics, None)  # type: ignore[arg-type]


@examples
@given(n=st.integers(2, 30), classes=st.integers(3, 5), seed=seeds, one_hot=st.booleans())
def test_metrics_of_many_classes_equal_those_of_scikit_learn(
    n: int, classes: int, seed: int, one_hot: bool
) -> None:
    scores = normal(seed, n, classes).double().mul(3).round().softmax(1)  # some of them equal
    t = torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))
    predicted, target = scores.argmax(1), torch.eye(classes)[t].double() if one_hot else t
    options = {"average": "macro", "zero_division": 0}
    for ours, theirs in (
        (f1, sklearn.metrics.f1_score),
        (precision, sklearn.metrics.precision_score),
        (recall, sklearn.metrics.recall_score),
    ):
        assert float(ours(scores, target)) == pytest.approx(theirs(t, predicted, **options))
    top = sklearn.metrics.top_k_accuracy_score(t, scores, labels=range(classes))
    assert float(top_k_accuracy(scores, target)) == pytest.approx(top)
    area = float(roc_auc(scores, target))
    if len(t.unique()) == classes:
        expected = sklearn.metrics.roc_auc_score(t, scores, multi_class="ovr")
        assert area == pytest.approx(expected)
        logits, of_logits = normal(seed, n, classes), named(["roc_auc"], nn.CrossEntropyLoss())["roc_auc"]
        expected = sklearn.metrics.roc_auc_score(t, logits.double().softmax(1), multi_class="ovr")
        assert float(of_logits(logits, target)) == pytest.approx(expected)
    else:
        assert area != area


@examples
@given(n=st.integers(2, 30), seed=seeds, columns=st.integers(0, 2))
def test_metrics_of_two_classes_equal_those_of_scikit_learn(n: int, seed: int, columns: int) -> None:
    p = normal(seed, n).double().mul(2).round().div(2).sigmoid()
    t = torch.randint(2, (n,), generator=torch.Generator().manual_seed(seed))
    scores = [p, p[:, None], torch.stack([1 - p, p], 1)][columns]
    predicted = p > 0.5
    for ours, theirs in (
        (f1, sklearn.metrics.f1_score),
        (precision, sklearn.metrics.precision_score),
        (recall, sklearn.metrics.recall_score),
    ):
        assert float(ours(scores, t)) == pytest.approx(theirs(t, predicted, zero_division=0))
    assert float(top_k_accuracy(scores, t)) == 1
    if 0 < t.sum() < n:
        assert float(roc_auc(scores, t)) == pytest.approx(sklearn.metrics.roc_auc_score(t, p))


def test_metrics_of_a_logit_have_their_threshold_at_zero() -> None:
    logits, t = torch.tensor([[-1.0], [0.3], [4.0], [-0.4], [0.2]]), torch.tensor([0, 1, 1, 1, 0])
    functions = named(["f1", "precision", "recall", "roc_auc"], nn.BCEWithLogitsLoss())
    assert float(functions["precision"](logits, t)) == pytest.approx(2 / 3)
    assert float(functions["recall"](logits, t)) == pytest.approx(2 / 3)
    assert float(functions["f1"](logits, t)) == pytest.approx(2 / 3)
    assert float(functions["roc_auc"](logits, t)) == pytest.approx(5 / 6)


def test_metrics_of_classes_over_further_axes_and_unknown_names() -> None:
    scores, t = normal(1, 4, 3, 5), torch.randint(3, (4, 5), generator=torch.Generator().manual_seed(2))
    flat = scores.movedim(1, -1).reshape(-1, 3)
    for metric in (accuracy, f1, precision, recall, roc_auc, top_k_accuracy):
        assert float(metric(scores, t)) == pytest.approx(float(metric(flat, t.reshape(-1))))
    with pytest.raises(
        ValueError, match=r"one of accuracy, error, f1, precision, recall, roc_auc, top_k_acc"
    ):
        named(["auc"], None)
    with pytest.raises(ValueError, match=r"f1: expected a class .*, got targets \(2,\)"):
        f1(scores, t[0, :2])
