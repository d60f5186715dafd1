"""Networks and data of one's own, in a notebook's widget and without."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_iris

import plaingrad
from learn.playground.frames import unpacked
from learn.playground.test_run import assert_same
from plaingrad import data, nn, optim
from plaingrad.errors import InputError
from plaingrad.estimators import MLPClassifier
from plaingrad.learn.playground.own import Own, OwnRun
from plaingrad.tables import TableEncoder, TableModel, Target


def iris() -> data.Dataset:
    x, y = load_iris(return_X_y=True)
    names = load_iris()
    return data.Dataset(
        torch.tensor(x).float(), torch.tensor(y), names.feature_names, list(names.target_names)
    )


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU()), nn.Linear(8, 3))


def test_it_trains_as_a_loop_of_ones_own_would() -> None:
    model = network()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    own = Own(model, iris(), optimizer=optimizer)
    run = OwnRun(own, own.state({"seed": 4, "batch_size": 20}))
    assert run.state.optimizer == {"name": "Adam", "lr": 0.01}
    for _ in range(12):
        run.train_batch()
    assert_same(model, network())  # which stays as it was

    twin = network()
    rule, loss = optim.Adam(twin.parameters(), lr=0.01), nn.CrossEntropyLoss()
    done = 0
    for epoch in range(3):
        for x, t in run.problem.train.batches(20, shuffle=True, seed=4 + epoch):
            if done == 12:
                break
            twin.zero_grad()
            loss(twin(x), t)
            twin.backward(loss.backward())
            rule.step()
            done += 1
    assert_same(run.model, twin)


def test_the_plane_is_that_of_the_first_two_columns_with_the_others_at_their_means() -> None:
    own = Own(network(), iris())
    run = OwnRun(own, own.state({}))
    grid = run.problem.grid(3)
    assert torch.equal(grid[:, 2:], run.problem.train.inputs[:, 2:].mean(0).expand(9, -1))
    left, right, bottom, top = run.problem.bounds
    assert grid[[0, -1], :2].tolist() == [pytest.approx([left, bottom]), pytest.approx([right, top])]


class Bridge:
    """A notebook's front end: it draws each frame at once."""

    def __init__(self, widget: Any) -> None:
        self.widget, self.texts, self.frames = widget, list[dict[str, Any]](), list[bytes]()
        widget.send = self.receive

    def receive(self, content: dict[str, Any], buffers: list[bytes] | None = None) -> None:
        if buffers is None:
            self.texts.append(json.loads(json.dumps(content, allow_nan=False)))
        else:
            assert content == {"type": "frame"}
            self.frames.append(buffers[0])
            self.send("drawn", frame=unpacked(buffers[0])[0]["frame"])

    def send(self, kind: str, **fields: Any) -> None:
        self.widget._receive(self.widget, {"type": kind, **fields}, [])

    def until(self, holds: Any) -> None:
        import time

        end = time.monotonic() + 60
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_the_widget_shows_the_frames_that_the_page_gets() -> None:
    from learn.playground.frames import Page

    widget = plaingrad.playground(data="spirals", classes=3, seed=5)
    bridge = Bridge(widget)
    bridge.send("start", state={})
    bridge.send("step", unit="epoch")
    bridge.until(lambda: bridge.frames and unpacked(bridge.frames[-1])[0]["epoch"] == 1)
    page = Page()
    page.begin(data="spirals", classes=3, seed=5)
    page.send("step", unit="epoch")
    page.until(lambda: page.header()["epoch"] == 1)
    (mine, a), (theirs, b) = unpacked(bridge.frames[-1]), unpacked(page.frames[-1])
    assert mine["loss"] == theirs["loss"]
    assert all((a[name] == b[name]).all() for name in a)
    assert widget.model is not None
    page.session.close()
    widget.close()
    widget.session.thread.join(20)
    assert not widget.session.thread.is_alive()


def test_the_widget_has_its_first_frame_while_the_notebook_runs_other_cells() -> None:
    """And the run is the one that goes on when they are done."""
    widget = plaingrad.playground(data="spirals", classes=3, seed=5)
    assert [text["type"] for text in widget.first_texts] == ["state", "data"]
    header, arrays = unpacked(widget.first_frame)
    assert header["epoch"] == 0
    bridge = Bridge(widget)
    bridge.send("start", state={})
    bridge.until(lambda: bridge.frames)
    later, same = unpacked(bridge.frames[0])
    assert later["loss"] == header["loss"]
    assert all((same[name] == arrays[name]).all() for name in same)
    widget.close()


def test_the_widget_of_a_network_of_ones_own() -> None:
    widget = plaingrad.playground(network(), iris())
    bridge = Bridge(widget)
    bridge.send("start", state={})
    bridge.send("change", state={"optimizer": {"name": "Adam", "lr": 0.02}})
    bridge.send("play")
    bridge.until(lambda: bridge.frames and unpacked(bridge.frames[-1])[0]["epoch"] > 20)
    bridge.send("pause")
    bridge.send("export", format="program")
    bridge.until(lambda: any("yours has its program" in text.get("words", "") for text in bridge.texts))
    state = next(text for text in bridge.texts if text["type"] == "state")
    assert state["network"]["editable"] is False
    assert [layer["activation"] for layer in state["network"]["layers"]] == ["BatchNorm1d, ReLU", None]
    assert unpacked(bridge.frames[-1])[0]["accuracy"] > 0.8
    widget.close()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_the_widget_of_a_model_of_a_table() -> None:
    """Its first network is trained further from where it is, on the columns as it sees them."""
    frame = load_breast_cancer(as_frame=True).frame
    columns = frame.drop(columns="target")
    encoder, target = TableEncoder().fit(columns), Target.of(frame["target"])
    estimator = MLPClassifier((8,), max_iter=60, random_state=0)
    model = TableModel.of(estimator.fit(encoder.transform(columns), frame["target"]), encoder, target)
    widget = plaingrad.playground(model, frame, train_share=0.7)
    header, _ = unpacked(widget.first_frame)
    assert header["accuracy"] > 0.9
    state = next(text for text in widget.first_texts if text["type"] == "state")
    assert state["state"]["features"] == list(model.encoder.get_feature_names_out())
    assert state["network"]["layers"][-1]["labels"] == ["0", "1"]
    widget.close()


PLANE = data.spirals(60, seed=0)


def flat() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 2))


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (
            (flat(),),
            {},
            r"data: expected a Dataset or a pair .* to train your model on, got none",
        ),
        ((flat(), "spirals"), {}, "data: expected a Dataset or .* got the name 'spirals'"),
        (
            ("spirals",),
            {},
            r"model: expected a Module .* got 'spirals'; data alone are playground\(data=",
        ),
        ((PLANE,), {}, "model: expected a Module .* got Dataset"),
        ((nn.Sequential, PLANE), {}, "model: expected a Module"),
        (
            (flat(), (PLANE.inputs, torch.eye(2)[PLANE.targets])),
            {},
            "one number for each sample, got .*60, 2",
        ),
        ((flat(), PLANE), {"loss": "mse"}, "loss: expected a loss such as nn.MSELoss"),
        ((None, PLANE), {"loss": nn.MSELoss()}, "loss: expected a name"),
        ((), {"optimizer": optim.SGD(flat().parameters(), lr=1)}, "optimizer: expected a model whose"),
        ((flat(), PLANE), {"optimizer": "Adam"}, "optimizer: expected an Optimizer"),
        ((flat(), PLANE), {"layers": [{"units": 3}]}, "layers: expected no such field, for your model"),
        ((None, PLANE), {"samples": 50}, "samples: expected no such field, for your data"),
        ((None, PLANE), {"link": "#x"}, "link: expected neither a model nor data"),
        ((None, "spirals"), {"link": "#x"}, "link: expected neither a model nor data"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: Any, options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        plaingrad.playground(*arguments, **options)


def test_a_rule_and_a_loss_have_names() -> None:
    widgets = [
        plaingrad.playground(data="xor", loss="mse", optimizer={"name": "Adam", "lr": 0.1}),
        plaingrad.playground(flat(), PLANE, optimizer={"name": "Adam", "lr": 0.1}),
    ]
    states = [widget.first_texts[0]["state"] for widget in widgets]
    assert [state["optimizer"] for state in states] == [{"name": "Adam", "lr": 0.1}] * 2
    assert [state["loss"] for state in states] == ["mse", "cross_entropy"]
    assert type(widgets[1].session.run.optimizer) is optim.Adam
    for widget in widgets:
        widget.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: Own(nn.Sequential(nn.Conv1d(1, 2, 3)), iris()),
            "expected a chain that begins with a Linear",
        ),
        (lambda: Own(None, iris(), optimizer=optim.SGD(network().parameters(), lr=1)), "expected a model"),
        (lambda: Own(network(), iris(), optimizer=optim.SGD(network().parameters(), lr=1)), "optimizer"),
        (
            lambda: Own(None, data.Dataset(torch.zeros(3, 2, 2), torch.zeros(3, 1))),
            r"inputs of shape \(n, k\)",
        ),
        (lambda: plaingrad.playground(layers=7), "state"),
        (lambda: plaingrad.playground(link="x"), "expected an address of the playground"),
    ],
)
def test_what_cannot_be_shown_is_refused(make: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
