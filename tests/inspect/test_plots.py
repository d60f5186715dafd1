from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from plaingrad import Module, data, nn
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.inspect import plots
from plaingrad.train import History


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_curves_end_in_their_names_which_do_not_overlap() -> None:
    figure = plots.loss_curve(History({"loss": [3.0, 2.0, 1.01], "val_loss": [3.0, 2.0, 1.0]}), best=2)
    assert texts(figure) == ["kept: epoch 2", "training", "validation"]
    figure.draw_without_rendering()
    training, validation = (text.get_window_extent() for text in figure.axes[0].texts[1:])
    assert not training.overlaps(validation)


@pytest.mark.parametrize(("losses", "scale"), [((1, 0.5), "linear"), ((1, 0.01), "log"), ((1, 0), "linear")])
def test_a_loss_that_falls_far_is_on_a_logarithmic_axis(losses: tuple[float, ...], scale: str) -> None:
    assert plots.loss_curve(History({"loss": list(losses)})).axes[0].get_yscale() == scale


def test_the_boundary_is_where_the_class_changes_and_wrong_points_are_ringed() -> None:
    points = data.disc(200, seed=0)
    ax = plots.decision_boundary(lambda x: (x[:, 0] > 0.3).long(), points).axes[0]
    wrong = points.inputs[(points.inputs[:, 0] > 0.3).long() != points.targets]
    (rings,) = [c for c in ax.collections if c.get_label() == "misclassified"]
    np.testing.assert_allclose(rings.get_offsets(), wrong.numpy())
    lines = [path.vertices for c in ax.collections if not len(c.get_offsets()) > 1 for path in c.get_paths()]
    np.testing.assert_allclose(np.concatenate([line[:, 0] for line in lines if len(line)]), 0.3, atol=0.01)


def test_targets_by_themselves_are_answered_with_what_to_write() -> None:
    x, y = torch.randn(4, 2), torch.tensor([0, 1, 0, 1])
    with pytest.raises(InputError, match=r"expected inputs and targets as a pair, \(x, y\), got 2 arguments"):
        plots.decision_boundary(nn.Sequential(nn.Linear(2, 2)), x, y)


def test_a_boundary_with_one_class_everywhere_can_be_drawn(tmp_path: Path) -> None:
    points = data.gaussians(30, seed=0, classes=3)
    figure = plots.decision_boundary(lambda x: torch.zeros(len(x), dtype=torch.int64), points, title="T" * 90)
    figure.savefig(tmp_path / "one.png")
    assert imread(tmp_path / "one.png").std() > 0.01


def test_the_confusion_matrix_counts_truth_by_row() -> None:
    truth, predicted = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 1, 1, 2])
    figure = plots.confusion_matrix(truth, predicted, ["a", "b", "a very long name of a class"])
    assert texts(figure) == ["2", "1", "·", "·", "1", "·", "·", "·", "1"]
    share = np.asarray(figure.axes[0].images[0].get_array())
    np.testing.assert_allclose(share, [[2 / 3, 1 / 3, 0], [0, 1, 0], [0, 0, 1]], atol=1e-6)


def test_predictions_stand_above_their_truth() -> None:
    truth, predicted = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.5], [1.0]])
    ax = plots.predicted_against_true(truth, predicted, "height").axes[0]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[1, 1.5], [2, 1]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("true height", "predicted height")
    ax = plots.residuals(truth, predicted, "height", size=(4, 3)).axes[0]
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[1.5, 0.5], [1, -1]])
    assert ax.get_figure(root=True).get_size_inches().tolist() == [4, 3]


@pytest.mark.parametrize("value", [0.0, -3.0])
def test_a_single_right_prediction_can_be_drawn(value: float) -> None:
    one = torch.tensor([value])
    low, high = plots.predicted_against_true(one, one, "height").axes[0].get_xlim()
    assert low < value < high


@pytest.mark.parametrize("name", ["$a_{", "x$$", "$y$", "a\\$b$c$", "_$^$"])
def test_dollars_are_no_mathematics(name: str) -> None:
    truth, points = torch.tensor([0, 1]), data.disc(20, seed=0)
    points = replace(points, feature_names=[name, name], class_names=[name, name])
    values = truth[:, None].double()
    for figure in (
        plots.loss_curve(History({"loss": [3.0, 1.0]}), title=name, ylabel=name),
        plots.decision_boundary(lambda x: (x[:, 0] > 0.3).long(), points, title=name),
        plots.confusion_matrix(truth, truth, [name, name + "a long name"], title=name),
        plots.predicted_against_true(values, values, name, title=name),
        plots.residuals(values, values, name, title=name),
    ):
        figure.draw_without_rendering()
        drawn = [text for text in figure.findobj(Text) if name in text.get_text()]
        assert drawn
        assert not any(text.get_parse_math() for text in drawn)


def plane_network(outputs: int) -> Module:
    """Of two classes the second where the first coordinate is positive."""
    model = nn.Linear(2, outputs)
    model.weight.value.zero_()
    model.bias.value.zero_()
    model.weight.value[-1, 0] = 1
    return model


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_network_and_a_data_set_are_enough(outputs: int) -> None:
    inputs = torch.tensor([[-1.0, 0], [2.0, 1], [3.0, -1]])
    points = Dataset(inputs, torch.tensor([0, 1, 0]), ["height", "width"], ["low", "high"])
    model = plane_network(outputs)
    boundary = plots.decision_boundary(model, points).axes[0]
    assert (boundary.get_xlabel(), boundary.get_ylabel()) == ("height", "width")
    (ringed,) = (each for each in boundary.collections if each.get_label() == "misclassified")
    assert ringed.get_offsets().tolist() == [[3.0, -1.0]]
    matrix = plots.confusion_matrix(model, points)
    assert [text.get_text() for text in matrix.axes[0].texts] == ["1", "1", "·", "1"]
    assert [label.get_text() for label in matrix.axes[0].get_yticklabels()] == ["low", "high"]
    assert model.training


@pytest.mark.parametrize("targets", [[[0.0], [1.0], [0.0]], [-1, 1, -1], [[1, 0], [0, 1], [1, 0]]])
def test_classes_come_in_several_forms(targets: Any) -> None:
    points = (torch.tensor([[-1.0, 0], [2.0, 1], [3.0, -1]]), torch.tensor(targets))
    boundary = plots.decision_boundary(plane_network(1), points).axes[0]
    (ringed,) = (each for each in boundary.collections if each.get_label() == "misclassified")
    assert ringed.get_offsets().tolist() == [[3.0, -1.0]]
    matrix = plots.confusion_matrix(plane_network(1), points)
    assert [text.get_text() for text in matrix.axes[0].texts] == ["1", "1", "·", "1"]
    names = [label.get_text() for label in matrix.axes[0].get_yticklabels()]
    assert names == (["-1", "1"] if targets[0] == -1 else ["0", "1"])


def test_a_last_sigmoid_is_above_one_half_for_the_second_class() -> None:
    points = (torch.tensor([[-1.0, 0], [2.0, 1], [-3.0, -1]]), torch.tensor([0.0, 1, 0]))
    matrix = plots.confusion_matrix(nn.Sequential(plane_network(1), nn.Sigmoid()), points)
    assert [text.get_text() for text in matrix.axes[0].texts] == ["2", "·", "·", "1"]


@pytest.mark.parametrize("kind", [torch.tensor, np.array, list])
def test_tensors_arrays_and_lists_are_plotted_alike(kind: Callable[[list[Any]], Any]) -> None:
    truth, predicted, points = [0, 1, 1], [0, 1, 0], [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    matrix = plots.confusion_matrix(kind(truth), kind(predicted))
    assert [text.get_text() for text in matrix.axes[0].texts] == ["1", "·", "1", "1"]
    assert [label.get_text() for label in matrix.axes[0].get_yticklabels()] == ["0", "1"]
    ax = plots.predicted_against_true(kind([1.0, 2.0]), kind([1.5, 2.0])).axes[0]
    assert ax.collections[0].get_offsets().tolist() == [[1.0, 1.5], [2.0, 2.0]]
    plots.decision_boundary(lambda x: kind([0] * len(x)), (kind(points), kind(truth)))


def test_values_of_a_network_are_plotted_over_its_data() -> None:
    data = (torch.tensor([[1.0, 0.0], [2.0, 0.0]]), torch.tensor([[1.0], [3.0]]))
    for plot, expected in (
        (plots.predicted_against_true, [[1.0, 1.0], [3.0, 2.0]]),
        (plots.residuals, [[1.0, 0.0], [2.0, -1.0]]),
    ):
        assert plot(plane_network(1), data).axes[0].collections[0].get_offsets().tolist() == expected


def test_what_cannot_be_plotted_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected points \(n, 2\) of the plane, got Dataset\(3 samples"):
        plots.decision_boundary(plane_network(1), (torch.zeros(3, 3), [0, 1, 0]))
    with pytest.raises(InputError, match="expected a class index for each sample"):
        plots.decision_boundary(plane_network(1), (torch.zeros(3, 2), [0.5, 1, 0]))
    with pytest.raises(InputError, match="expected a class for each in truth"):
        plots.confusion_matrix([0, 1], [0])
    with pytest.raises(InputError, match="expected a name for each of 3 classes, got 2"):
        plots.confusion_matrix([0, 2], [0, 1], ["a", "b"])
    with pytest.raises(InputError, match="in the same shape"):
        plots.residuals([1.0], [1.0, 2.0])
