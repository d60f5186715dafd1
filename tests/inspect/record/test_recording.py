from __future__ import annotations

import copy
import json
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import nn, optim
from plaingrad.errors import InputError
from plaingrad.inspect import Trace, record
from plaingrad.inspect.record.table import table_lines, with_gradients
from plaingrad.module import Module, ModuleError
from plaingrad.train.calling import called
from plaingrad.train.weighting import of_prediction

from .networks import NETWORKS

RULES: dict[str, Any] = {
    "SGD": lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.1),
    "AdamW": lambda parameters: optim.AdamW(parameters, lr=0.01),
    "LBFGS": lambda parameters: optim.LBFGS(parameters, max_iter=1),
}
same: dict[str, Any] = {"rtol": 0, "atol": 0}


def everything(*parts: Any) -> list[Any]:
    """Whatever a step could change: values, gradients, buffers, states, random numbers."""
    model, optimizer = parts
    fields = [(p.value.clone(), p._grad.clone(), p.has_grad) for _, p in model.named_parameters()]
    buffers = [buffer.value.clone() for _, buffer in model.named_buffers()]
    modes = [(m.training, m.saving, len(m._saved), m._watchers, m.needs_input_grad) for m in model.modules()]
    return [fields, buffers, modes, copy.deepcopy(optimizer.state_dict()), torch.get_rng_state().clone()]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("network", NETWORKS)
def test_it_has_the_numbers_of_a_step_and_changes_nothing(network: str, rule: str) -> None:
    model, x, target, loss = NETWORKS[network]()
    optimizer = RULES[rule](model.parameters())
    before = everything(model.eval(), optimizer)
    trace = record(model, x, target, loss=loss, optimizer=optimizer)
    torch.testing.assert_close(everything(model, optimizer), before, **same)

    values = {path: parameter.value.clone() for path, parameter in model.named_parameters()}
    y = called(model.train(), x)
    value = loss.forward(y, target)
    dx = model.backward(of_prediction(loss.backward()))
    assert trace.loss == value.item()
    torch.testing.assert_close(trace[""].outputs, y, **same)
    torch.testing.assert_close(trace[""].grad_inputs, dx, **same)
    sums = {path: torch.zeros_like(value) for path, value in values.items()}
    first = {id(module): path for path, module in reversed(list(model.named_modules()))}
    paths = dict(model.named_modules())
    optimizer_of_model = [parameter for _, parameter in model.named_parameters()]
    gradients = [parameter._grad.clone() for parameter in optimizer_of_model]
    optimizer.step((lambda: value.item()) if optimizer.needs_closure else None)
    updated = {path: parameter.value for path, parameter in model.named_parameters()}
    for call in trace.calls[:-1]:
        for name in call.parameters:
            home = first[id(paths[call.path])]
            path = f"{home}.{name}" if home else name
            torch.testing.assert_close(call.parameters[name], values[path], **same)
            torch.testing.assert_close(call.updated[name], updated[path], **same)
            if name in call.gradients:
                sums[path] += call.gradients[name]
    for (path, total), gradient in zip(sums.items(), gradients, strict=True):
        torch.testing.assert_close(total, gradient, rtol=1e-5, atol=1e-6, msg=path)


def test_calls_are_in_order_with_paths_and_uses() -> None:
    model, x, target, loss = NETWORKS["mlp"]()
    trace = record(model, x, target, loss=loss)
    assert [(call.path, call.depth, call.use) for call in trace] == [
        ("", 0, 0),
        ("0", 1, 0),
        ("1", 1, 0),
        ("2", 1, 0),
        ("3", 1, 0),
        ("4", 1, 0),
        ("4.0", 2, 0),
        ("5", 1, 0),
        ("6", 1, 0),
        ("loss", 0, 0),
    ]
    assert [call.path for call in trace.backward_calls] == [
        "loss",
        "",
        "6",
        "5",
        "4",
        "4.0",
        "3",
        "2",
        "1",
        "0",
    ]
    assert trace["loss"].grad_outputs == ()
    assert all(not call.updated for call in trace)


def test_calls_at_one_path_are_counted() -> None:
    model, x, target, loss = NETWORKS["composite"]()
    trace = record(model, x, target, loss=loss)
    first, second = (trace.find("layer", use) for use in (0, 1))
    assert (first.use, second.use) == (0, 1)
    torch.testing.assert_close(second.inputs[0], first.outputs, **same)


def test_a_shared_layer_in_a_chain_has_the_path_of_each_place() -> None:
    shared = nn.Linear(2, 2)
    trace = record(
        nn.Sequential(shared, nn.ReLU(), shared), torch.ones(1, 2), torch.ones(1, 2), loss=nn.MSELoss()
    )
    assert [(call.path, call.use) for call in trace][1:-1] == [("0", 0), ("1", 0), ("2", 0)]


def test_what_a_layer_overwrites_later_is_kept_as_it_was() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True))
    trace = record(model, torch.randn(4, 2), torch.ones(4, 3), loss=nn.MSELoss())
    assert (trace["0"].outputs < 0).any()
    torch.testing.assert_close(trace["1"].inputs[0], trace["0"].outputs, **same)
    torch.testing.assert_close(trace["1"].outputs, trace["0"].outputs.relu(), **same)


def test_a_generator_of_the_network_gives_what_it_would_give_next() -> None:
    model, x = nn.Dropout(0.5), torch.ones(1, 50)
    model.generator = torch.Generator().manual_seed(3)
    masks = record(nn.Sequential(model), x, x, loss=nn.MSELoss())["0"].outputs
    torch.testing.assert_close(masks, model(x), **same)


def test_frozen_parameters_have_no_gradient_and_stay() -> None:
    model = nn.Sequential(nn.Linear(2, 2).freeze(), nn.Linear(2, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    trace = record(model, torch.ones(1, 2), torch.ones(1, 2), loss=nn.MSELoss(), optimizer=optimizer)
    assert trace["0"].gradients == {}
    torch.testing.assert_close(trace["0"].updated, trace["0"].parameters, **same)
    assert set(trace["1"].gradients) == {"weight", "bias"}


def test_several_losses() -> None:
    model = nn.Graph(
        inputs="x", nodes={"a": (nn.Linear(2, 1), "x"), "b": (nn.Linear(2, 3), "x")}, outputs=["a", "b"]
    )
    losses = {"a": nn.MSELoss(), "b": nn.CrossEntropyLoss()}
    targets = {"a": torch.ones(4, 1), "b": torch.arange(4) % 3}
    trace = record(model, torch.randn(4, 2), targets, loss=losses)
    parts = [call.outputs.item() for call in trace if call.path.startswith("loss.")]
    assert trace.loss == pytest.approx(sum(parts))
    assert len(parts) == 2


@pytest.mark.parametrize("network", NETWORKS)
def test_the_table_and_the_data_have_every_number(network: str) -> None:
    model, x, target, loss = NETWORKS[network]()
    trace = record(model, x, target, loss=loss, optimizer=optim.SGD(model.parameters(), lr=0.1))
    text, page, data = str(trace), trace._repr_html_(), json.loads(trace.to_json())
    for call, plain in zip(trace, data["calls"], strict=True):
        assert call.name in text
        assert plain["path"] == call.path
        for name, value in call.parameters.items():
            torch.testing.assert_close(torch.tensor(plain["parameters"][name]), value, **same)
        assert plain["equations"] == list(call.equations)
    assert page.count("<tr") == len(text.splitlines()) - 1  # the title is the caption
    assert data["loss"] == trace.loss


def rows(trace: Trace) -> dict[str, str]:
    """The gradient norms of the table, by the names of its rows."""
    return {line.name: line.cells()[5] for line in table_lines(trace)}


def norm(x: Tensor) -> str:
    return f"{x.norm().item():.3g}"


def test_inputs_by_name_are_in_the_table_with_their_gradients() -> None:
    model, (a, b), target, loss = NETWORKS["pair"]()
    trace = record(model, {"b": b, "a": a}, target, loss=loss)
    db, da = trace[""].input_gradients()
    dy = trace["sum"].grad_outputs
    assert dy is not None
    torch.testing.assert_close(da, dy[0] @ trace["left"].parameters["weight"])
    torch.testing.assert_close(db, dy[0] @ trace["right"].parameters["weight"])
    assert [rows(trace)[name] for name in ("input b", "input a")] == [norm(db), norm(da)]


class Named(Module):
    """Two inputs by fixed names, the second of which has a default."""

    def __init__(self) -> None:
        self.layer = nn.Linear(2, 3)

    def forward(self, x: Tensor, scale: Tensor | None = None) -> Tensor:
        y = self.layer.forward(x)
        out = y if scale is None else y * scale
        self.save((y, scale), out)
        return out

    def backward(self, dy: Tensor) -> Any:
        y, scale = self.restore(dy)
        return self.layer.backward(dy if scale is None else dy * scale), None if scale is None else dy * y


def test_gradients_of_inputs_by_name_are_those_of_the_names() -> None:
    inputs = {"scale": torch.randn(4, 3), "x": torch.randn(4, 2)}
    call = record(Named(), inputs, torch.zeros(4, 3), loss=nn.MSELoss())[""]
    assert [dx.shape for dx in call.input_gradients()] == [(4, 3), (4, 2)]
    (dx,) = record(Named(), inputs["x"], torch.zeros(4, 3), loss=nn.MSELoss())[""].input_gradients()
    assert dx.shape == (4, 2)


class Last(Module):
    """A recurrent layer of which only some outputs are used."""

    def __init__(self, used: str) -> None:
        self.layer, self.used = nn.LSTM(2, 3, batch_first=True), used

    def forward(self, x: Tensor) -> Tensor:
        state = (torch.ones(1, len(x), 3), torch.ones(1, len(x), 3))
        y, (h, c) = self.layer.forward(x, state)
        return {"y": y, "h": h[0], "c": c[0]}[self.used]

    def backward(self, dy: Tensor) -> Tensor:
        grads = {"y": (dy,), "h": (None, (dy[None], None)), "c": (None, (None, dy[None]))}[self.used]
        dx, _ = self.layer.backward(*grads)
        return dx


@pytest.mark.parametrize("used", ["y", "h", "c"])
def test_the_gradient_of_one_of_several_outputs_is_in_the_table(used: str) -> None:
    x = torch.randn(4, 5, 2)
    target = torch.zeros(4, 5, 3) if used == "y" else torch.zeros(4, 3)
    trace = record(Last(used), x, target, loss=nn.MSELoss())
    call = trace["layer"]
    dy = trace["loss"].input_gradients()[0]
    written = [rows(trace)[name] for name in (call.name, "output 1", "output 2")]
    assert written == [norm(dy) if name == used else "" for name in "yhc"]
    dx, (dh, dc) = call.input_gradients()
    assert (dx.shape, dh.shape, dc.shape) == ((4, 5, 2), (1, 4, 3), (1, 4, 3))


class Halves(Module):
    """A network whose input is a pair."""

    def forward(self, pair: Any) -> Tensor:
        y = pair[0] - 2 * pair[1]
        self.save((), y)
        return y

    def backward(self, dy: Tensor) -> Any:
        self.restore(dy)
        return dy, -2 * dy


def test_a_nest_among_the_inputs_has_a_row_for_each_tensor() -> None:
    class Around(Module):
        def __init__(self) -> None:
            self.inner = Halves()

        def forward(self, x: Tensor) -> Tensor:
            return self.inner.forward((x, x))

        def backward(self, dy: Tensor) -> Tensor:
            a, b = self.inner.backward(dy)
            return a + b

    x = torch.randn(4, 2)
    trace = record(Around(), x, torch.zeros(4, 2), loss=nn.MSELoss())
    inner = trace["inner"]
    assert inner.grad_outputs is not None
    torch.testing.assert_close(
        inner.input_gradients(), ((inner.grad_outputs[0], -2 * inner.grad_outputs[0]),)
    )
    names = [name for name, _, _ in with_gradients(inner.inputs, inner.input_gradients())]
    assert names == ["[0][0]", "[0][1]"]


def test_a_printed_number_is_never_cut_short() -> None:
    x = torch.randn(4, 2)
    inner: nn.Sequential = nn.Sequential({"a_long_name_of_a_layer": nn.Linear(2, 2)})
    for depth in range(12):
        inner = nn.Sequential({f"another_long_name_{depth}": inner})
    assert "…" not in str(record(inner, x, x, loss=nn.MSELoss()))


def test_paths_are_keys() -> None:
    model, x, target, loss = NETWORKS["mlp"]()
    trace = record(model, x, target, loss=loss)
    assert "4.0" in trace
    assert "7" not in trace
    assert trace[0] is trace["0"]


def test_numbers_that_are_not_finite_are_texts() -> None:
    class Extreme(nn.Identity):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x / torch.tensor([0.0, 0.0, 1.0]))

    x = torch.tensor([[1.0, 0.0, 2.0]])
    data = json.loads(record(Extreme(), x, x, loss=nn.L1Loss()).to_json(), parse_constant=pytest.fail)
    assert data["calls"][0]["outputs"] == [["Infinity", "NaN", 2.0]]
    assert data["loss"] == "NaN"


def test_what_is_not_there_is_refused_by_name() -> None:
    model, x, target, loss = NETWORKS["mlp"]()
    trace = record(model, x, target, loss=loss)
    with pytest.raises(InputError, match=r"^path: expected one of '', '0', .*'loss', got '7'$"):
        trace.find("7")
    with pytest.raises(InputError, match=r"^use: expected 0 to 0 for '1', got 1$"):
        trace.find("1", use=1)
    theirs: Any = torch.nn.Linear(2, 1)
    with pytest.raises(InputError, match=r"^model: expected a plaingrad Module .*, got torch's Linear"):
        record(theirs, torch.ones(1, 2), torch.ones(1, 1), loss=nn.MSELoss())
    with pytest.raises(InputError, match=r"^optimizer: expected the model's parameters alone"):
        record(model, x, target, loss=loss, optimizer=optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1))
    with pytest.raises(ModuleError, match=r"Sequential\[0\] Linear\(2, 5\): expected"):
        record(model, torch.ones(6, 3), target, loss=loss)


def test_layers_without_a_shape_get_one_in_the_step_alone() -> None:
    model = nn.Sequential(nn.LazyLinear(4), nn.LazyBatchNorm1d(), nn.Linear(4, 2))
    x = torch.randn(5, 3)
    trace = record(model, x, torch.zeros(5, 2), loss=nn.MSELoss())
    call = trace["0"]
    assert call.parameters["weight"].shape == (4, 3)
    assert call.grad_outputs is not None
    torch.testing.assert_close(call.gradients["weight"], call.grad_outputs[0].T @ x)
    assert isinstance(model[0], nn.LazyLinear)
    torch.testing.assert_close(model(x), trace[""].outputs)
