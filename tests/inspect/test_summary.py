from __future__ import annotations

import pytest
import torch
from torch import Tensor

from plaingrad import Module, ModuleError, nn
from plaingrad.inspect import summary


class Twice(Module):
    """Uses one layer in two places, and holds it under two names."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 3)
        self.again = self.first

    def forward(self, x: Tensor) -> Tensor:
        return self.again(self.first(x))

    def backward(self, dy: Tensor) -> Tensor:
        return self.first.backward(self.again.backward(dy))


def convolutional() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()), nn.Flatten())


def test_each_layer_has_a_row_with_shape_and_parameters() -> None:
    table = summary(convolutional(), torch.zeros(2, 1, 6, 6))
    assert [(row.path, row.output, row.parameters) for row in table.layers] == [
        ("", "(2, 64)", 0),
        ("0", "(2, 4, 4, 4)", 40),
        ("1", "(2, 4, 4, 4)", 0),
        ("1.0", "(2, 4, 4, 4)", 8),
        ("1.1", "(2, 4, 4, 4)", 0),
        ("2", "(2, 64)", 0),
    ]
    assert (table.parameters, table.learned, table.size) == (48, 48, 192)


def test_it_prints_as_a_table_with_totals() -> None:
    lines = str(summary(convolutional(), torch.zeros(2, 1, 6, 6))).splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters"]
    assert lines[2].split()[-1] == "40"
    assert lines[-1] == "48 parameters, 192 bytes"
    assert repr(summary(nn.Tanh())).splitlines()[-1] == "0 parameters, 0 bytes"


def test_frozen_parameters_are_counted_apart() -> None:
    model = convolutional()
    model[0].freeze()
    assert str(summary(model)).splitlines()[-1] == "8 are learned, 40 are frozen"


def test_a_shared_layer_counts_once_and_stands_twice() -> None:
    table = summary(Twice(), torch.zeros(1, 3))
    assert [row.parameters for row in table.layers] == [0, 12, 0]
    assert table.parameters == Twice().num_parameters()


def test_the_network_is_as_before() -> None:
    model = convolutional()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    summary(model, torch.randn(2, 1, 6, 6))
    assert model.training
    assert model[1][0].training
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert not any(module._saved or module._watchers for module in model.modules())


def test_several_outputs_and_no_inputs() -> None:
    table = summary(nn.LSTM(2, 3), torch.zeros(4, 1, 2))
    assert table.layers[0].output == "(4, 1, 3), (1, 1, 3), (1, 1, 3)"
    assert summary(nn.LSTM(2, 3)).layers[0].output == ""


def test_wrong_inputs_are_refused() -> None:
    model = convolutional()
    with pytest.raises(ModuleError):
        summary(model, torch.zeros(2, 3))
    assert model.training
    assert not model[0]._watchers


def test_the_html_names_each_layer_and_the_totals() -> None:
    html = summary(convolutional(), torch.zeros(2, 1, 6, 6))._repr_html_()
    assert html.count("<tr>") == 1 + 6
    assert "48 parameters, 192 bytes" in html
    assert "0 Conv2d(1, 4, 3)" in html
