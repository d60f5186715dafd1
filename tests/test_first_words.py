"""What a user of PyTorch writes first is answered with what to write here."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Module, evaluate, fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.inspect import plots
from plaingrad.train.callbacks import Callback
from plaingrad.train.last import ends_in as last_module
from train.small import network, plane, run


def valued() -> Tensor:
    value = nn.MSELoss()(torch.zeros(3, 1), torch.ones(3, 1))
    assert isinstance(value, Tensor)
    return value


def test_backward_of_a_number_says_what_to_write() -> None:
    with pytest.raises(InputError, match=r"write model.backward\(loss.backward\(\)\)"):
        valued().backward()
    with pytest.raises(InputError, match="the value of a loss"):
        nn.MSELoss("none")(torch.zeros(3, 1), torch.ones(3, 1)).backward(torch.ones(3, 1))


def test_a_loss_that_pytorch_has_recorded_keeps_its_backward() -> None:
    x = torch.zeros(2, 1, requires_grad=True)
    nn.MSELoss()(x, torch.ones(2, 1)).backward()
    assert torch.equal(x.grad, torch.full((2, 1), -1.0))


def test_the_value_of_a_loss_is_otherwise_like_any_tensor() -> None:
    value, file = valued(), io.BytesIO()
    torch.save({"loss": value}, file)
    file.seek(0)
    assert vars(torch.load(file, weights_only=True)["loss"]) == {}
    assert vars(pickle.loads(pickle.dumps(value))) == {}
    assert copy.deepcopy(value) == value == 1
    assert vars(value + 1) == vars(value.detach()) == {}
    assert vars(nn.MSELoss().forward(torch.zeros(3, 1), torch.ones(3, 1))) == {}


@pytest.mark.parametrize(
    "use",
    [
        lambda x, p: x * p,
        lambda x, p: p * x,
        lambda x, p: x @ p,
        lambda x, p: 2 - p,
        lambda x, p: -p,
        lambda x, p: p[0],
        lambda x, p: x.add_(p),
        lambda x, p: torch.sum(p),
        lambda x, p: torch.stack([p, p]),
    ],
)
def test_a_parameter_is_no_tensor(use: Callable[[Tensor, Any], Any]) -> None:
    with pytest.raises(TypeError, match=r"write layer.weight.value"):
        use(torch.zeros(2, 2), nn.Linear(2, 2).weight)


def test_an_attribute_of_tensors_is_that_of_the_value() -> None:
    weight: Any = nn.Linear(2, 3).weight
    with pytest.raises(AttributeError, match=r"a Parameter has no 'shape'; .* write parameter.value.shape"):
        _ = weight.shape
    with pytest.raises(AttributeError, match=r"a Parameter has no 'colour'$"):
        _ = weight.colour
    value, grad = weight
    assert value.shape == grad.shape == (3, 2)


ARRAYS = """
import numpy as np
import torch
from plaingrad import ModuleError, nn

images, rows = np.zeros((1, 1, 5, 5)), np.zeros((2, 3), np.float32)
for call in (
    lambda: nn.Linear(3, 2)(rows),
    lambda: nn.ReLU()(rows),
    lambda: nn.Embedding(3, 2)(np.array([1])),
    lambda: nn.LSTM(3, 2)(rows),
    lambda: nn.Conv2d(1, 1, 3)(images),
    lambda: nn.Sequential(nn.BatchNorm1d(3))(rows),
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(25, 2))(images),
    lambda: nn.PixelShuffle(1)(images),
    lambda: nn.ChannelShuffle(1)(images),
    lambda: nn.CrossEntropyLoss()(torch.zeros(2, 2), np.array([0, 1])),
):
    try:
        call()
    except ModuleError as error:
        print(error.problem)
"""


def test_an_array_of_numpy_is_named() -> None:  # in a process that does not check annotations
    ran = subprocess.run([sys.executable, "-c", ARRAYS], capture_output=True, text=True, check=True)
    expected = "expected a tensor, got an array of numpy; torch.from_numpy(x) is one"
    assert ran.stdout.splitlines() == [expected] * 10


def test_what_is_torchs_is_said_to_be() -> None:
    model = nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"got torch's MSELoss\(\)"):
        fit(model, (torch.zeros(2, 2), torch.zeros(2, 1)), loss=torch.nn.MSELoss(), optimizer=None, epochs=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"got torch's Linear"):
        evaluate(torch.nn.Linear(2, 1), (torch.zeros(2, 2), torch.zeros(2, 1)), loss=nn.MSELoss())  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [[[1.0, 2.0]], "numpy"])
def test_a_data_set_of_what_are_no_tensors_says_how_it_is_made(inputs: Any) -> None:
    inputs = torch.zeros(1, 2).numpy() if inputs == "numpy" else inputs
    with pytest.raises(InputError, match=r"^inputs: expected a tensor, got (list|ndarray); Dataset.of"):
        Dataset(inputs, torch.zeros(1, 1))


def test_pictures_of_something_else_are_refused() -> None:
    with pytest.raises(InputError, match=r"history: expected what plaingrad.fit returns, got a list"):
        plots.loss_curve([1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"trace: expected what record\(...\) returns, got a Linear"):
        plots.network(nn.Linear(1, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    ["import plaingrad.nn.functional as F", "from plaingrad.nn import functional", "nn.functional.relu"],
)
def test_functional_says_to_write_the_class(line: str) -> None:
    with pytest.raises((ImportError, AttributeError), match=r"nowhere to keep .* nn.ReLU\(\) for relu"):
        exec(line)
    assert not hasattr(nn, "functional")


def ends_in(*modules: Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Sequential(*modules)).to(torch.float64)


@pytest.mark.parametrize(
    ("last", "loss", "target"),
    [
        (nn.Softmax(1), nn.CrossEntropyLoss(), torch.tensor([0, 1] * 10)),
        (nn.Sigmoid(), nn.BCEWithLogitsLoss(), torch.zeros(20, 2).double()),
    ],
)
def test_an_activation_that_the_loss_has_built_in_is_warned_of(
    last: Module, loss: nn.Loss, target: Tensor
) -> None:
    with pytest.warns(UserWarning, match=rf"ends in {type(last).__name__}, which {type(loss).__name__} has"):
        run(ends_in(last), (plane()[0], target), loss=loss, epochs=1)


class Head(Module):
    """A composite whose modules are called by hand, with the last one in its middle field."""

    def __init__(self, last: Module) -> None:
        self.first, self.last, self.second = nn.Linear(2, 2), last, nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last.forward(self.second.forward(self.first.forward(x)))

    def backward(self, dy: Tensor) -> Tensor:
        return self.first.backward(self.second.backward(self.last.backward(dy)))


@pytest.mark.parametrize("engine", ["eager", "auto"])
def test_the_last_module_of_any_composite_is_seen(engine: str) -> None:
    classes = torch.tensor([0, 1] * 10)
    nodes = {"h": (nn.Linear(2, 2), "x"), "p": (nn.Softmax(1), "h")}
    graph = nn.Graph(inputs="x", nodes=nodes, outputs="p")
    for model in (Head(nn.Softmax(1)), nn.Sequential(Head(nn.Softmax(1)), nn.Dropout(0.0)), graph):
        with pytest.warns(UserWarning, match="ends in Softmax, which CrossEntropyLoss has built in"):
            run(model.to(torch.float64), (plane()[0], classes), loss=nn.CrossEntropyLoss(), engine=engine)


def test_the_last_module_is_looked_for_once_and_only_where_it_may_be_one() -> None:
    class Counted(nn.Linear):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            Counted.calls += 1
            return super().forward(x)

        def backward(self, dy: Tensor) -> Tensor:
            return super().backward(dy)

    data = Dataset(plane()[0], torch.tensor([0, 1] * 10))
    model = nn.Sequential(Counted(2, 2), nn.Tanh()).to(torch.float64)
    assert last_module(model, (nn.Softmax,), data) is None
    assert Counted.calls == 0
    assert last_module(model, (nn.Tanh,), data) is model[1]
    assert Counted.calls == 1
    assert model.training
    assert not model[0]._saved


def test_a_network_that_ends_as_it_should_is_not_warned_of() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classes = torch.tensor([0, 1] * 10)
        run(ends_in(nn.Softmax(1), nn.Linear(2, 2)), (plane()[0], classes), loss=nn.CrossEntropyLoss())
        inner = Head(nn.Softmax(1)).to(torch.float64)
        run(
            nn.Sequential(inner, nn.Linear(2, 2).to(torch.float64)),
            (plane()[0], classes),
            loss=nn.CrossEntropyLoss(),
        )
        run(ends_in(nn.LogSoftmax(1)), (plane()[0], classes), loss=nn.NLLLoss())


@pytest.mark.parametrize(
    ("hook", "near"),
    [
        ("on_batch_end", "its hook is on_train_batch_end"),
        ("on_epoch_ends", "its hook is on_epoch_end"),
        ("on_qux", "the hooks are on_train_begin, "),
    ],
)
def test_a_hook_that_nobody_calls_is_warned_of(hook: str, near: str) -> None:
    with pytest.warns(UserWarning, match=rf"Mine.{hook} is never called; {near}"):
        type("Mine", (Callback,), {hook: lambda self, batch, logs: None})


def test_an_optimizer_of_another_network_is_refused() -> None:
    other = optim.SGD(network(2, 1, seed=1).parameters(), lr=0.1)
    with pytest.raises(InputError, match="optimizer: expected the model's parameters alone, got 2 others"):
        run(network(2, 1), plane(), optimizer=other)
