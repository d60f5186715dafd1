"""Networks with several inputs and several outputs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Module, ModuleError, evaluate, nn, optim, predict
from plaingrad.data import Dataset
from train.small import network, plane, run, values

D = torch.float64
MSE, CE = torch.nn.MSELoss(), torch.nn.CrossEntropyLoss()


def two_towers() -> nn.Graph:
    """A network of two inputs and two outputs."""
    torch.manual_seed(0)
    nodes: dict[str, tuple[Any, ...]] = {
        "seen": (nn.Linear(3, 4, dtype=D), "image"),
        "read": (nn.Linear(2, 4, dtype=D), "text"),
        "sum": (nn.Add(), "seen", "read"),
        "hidden": (nn.Tanh(), "sum"),
        "score": (nn.Linear(4, 1, dtype=D), "hidden"),
        "class": (nn.Linear(4, 3, dtype=D), "hidden"),
    }
    return nn.Graph(["image", "text"], nodes, ("score", "class"))


class Towers(torch.nn.Module):
    """The same network in PyTorch."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        self.seen, self.read = torch.nn.Linear(3, 4), torch.nn.Linear(2, 4)
        self.score, self.last = torch.nn.Linear(4, 1), torch.nn.Linear(4, 3)
        self.double().load_state_dict({key.replace("class", "last"): value for key, value in weights.items()})

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.tanh(self.seen(image) + self.read(text))
        return self.score(hidden), self.last(hidden)


def samples(n: int = 20) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    image, text, score = (torch.randn(n, k, generator=generator, dtype=D) for k in (3, 2, 1))
    return (image, text), (score, torch.randint(3, (n,), generator=generator))


def as_dicts(x: tuple[Tensor, ...], y: tuple[Tensor, ...]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    # In other orders than the network has.
    return {"text": x[1], "image": x[0]}, {"class": y[1], "score": y[0]}


def losses(form: type, weight: Tensor | None = None) -> Any:
    both = {"class": nn.CrossEntropyLoss(weight), "score": nn.MSELoss()}
    return both if form is dict else (both["score"], both["class"])


def orders(n: int, epochs: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(7)
    return [torch.randperm(n, generator=generator) for _ in range(epochs)]


@pytest.mark.parametrize("form", [tuple, dict])
@pytest.mark.parametrize("weighted", [False, True])
def test_training_equals_that_by_hand_in_torch(form: type, weighted: bool) -> None:
    model, (x, y) = two_towers(), samples()
    peer = Towers(model.state_dict())
    rule, rate = torch.optim.Adam(peer.parameters(), lr=0.01), 0.01
    weights = (0.5, 2.0) if weighted else (1.0, 1.0)
    expected: list[list[float]] = []
    for order in orders(20, 3):
        totals = torch.zeros(3, dtype=D)
        for rows in order.split(8):
            score, logits = peer(x[0][rows], x[1][rows])
            parts = MSE(score, y[0][rows]), CE(logits, y[1][rows])
            loss = weights[0] * parts[0] + weights[1] * parts[1]
            rule.zero_grad()
            loss.backward()
            rule.step()
            totals += len(rows) / 20 * torch.stack([loss, *parts]).detach()
        expected.append(totals.tolist())
    options: dict[str, Any] = {"loss": losses(form), "optimizer": optim.Adam(model.parameters(), lr=rate)}
    if weighted:
        named = {"score": weights[0], "class": weights[1]}
        options["loss_weights"] = named if form is dict else weights
    steps = iter(orders(20, 3))
    data = as_dicts(x, y) if form is dict else (x, y)
    history = run(model, data, epochs=3, batch_size=8, shuffle=lambda: next(steps), **options)
    names = ("score", "class") if form is dict else ("output_0", "output_1")
    recorded = [history[name] for name in ("loss", *(f"{name}_loss" for name in names))]
    torch.testing.assert_close(torch.tensor(recorded, dtype=D).T, torch.tensor(expected, dtype=D))
    state = {key.replace("class", "last"): value for key, value in model.state_dict().items()}
    torch.testing.assert_close(state, dict(peer.state_dict()))
    assert history.engine == "eager"
    assert history.engine_reason == "eager: several inputs"


def test_names_and_order_give_the_same_bits() -> None:
    x, y = samples()
    one, other = two_towers(), two_towers()
    run(one, (x, y), loss=losses(tuple), epochs=3)
    run(other, as_dicts(x, y), loss=losses(dict), epochs=3)
    torch.testing.assert_close(values(one), values(other), rtol=1e-12, atol=1e-14)


def test_targets_go_to_the_losses_by_name_in_any_order() -> None:
    x, y = samples()
    by_name = {"score": y[0], "class": y[1]}
    backwards = dict(reversed(by_name.items()))
    first, second = two_towers(), two_towers()
    histories = [
        run(model, (x, targets), loss=losses(dict), loss_weights={"class": 3, "score": 1})
        for model, targets in ((first, by_name), (second, backwards))
    ]
    for name in ("loss", "class_loss", "score_loss"):
        assert histories[0][name] == histories[1][name]
    assert all(torch.equal(a, b) for a, b in zip(values(first), values(second)))
    results = [evaluate(first, (x, targets), loss=losses(dict)) for targets in (by_name, backwards)]
    assert results[0] == results[1]


def test_several_inputs_with_one_output_train_and_predict() -> None:
    x, (t, _) = samples()
    torch.manual_seed(0)
    nodes = {"both": (nn.Concatenate(1), "a", "b"), "y": (nn.Linear(5, 1, dtype=D), "both")}
    model, joint = nn.Graph(["a", "b"], nodes, "y"), nn.Sequential(nn.Linear(5, 1, dtype=D))
    joint.load_state_dict(
        {key.replace("both", "0").replace("y", "0"): v for key, v in model.state_dict().items()}
    )
    history = run(model, (x, t), validation=({"b": x[1], "a": x[0]}, t), metrics=["r2"])
    expected = run(
        joint, (torch.cat(x, 1), t), validation=(torch.cat(x, 1), t), metrics=["r2"], engine="eager"
    )
    for name in ("loss", "r2", "val_loss", "val_r2"):
        assert history[name] == pytest.approx(expected[name], rel=1e-12)
    torch.testing.assert_close(predict(model, x, batch_size=7), joint.forward(torch.cat(x, 1)))
    torch.testing.assert_close(
        predict(model, {"a": x[0].float().numpy(), "b": x[1]}),
        predict(joint, torch.cat([x[0].float(), x[1]], 1)),
    )


@pytest.mark.parametrize("size", [1, 7, 99])
def test_evaluation_is_over_all_the_data_for_each_output(size: int) -> None:
    model, (x, y) = two_towers(), samples()
    y[1][:4] = -100
    score, logits = predict(model, x, batch_size=size)
    parts = MSE(score, y[0]).item(), CE(logits, y[1]).item()
    metrics = {"class": ["accuracy"], "score": ["mse"]}
    found = evaluate(
        model,
        as_dicts(x, y),
        loss=losses(dict),
        loss_weights={"class": 3, "score": 1},
        metrics=metrics,
        batch_size=size,
    )
    right = (logits.argmax(1) == y[1])[4:].double().mean().item()
    expected = {"loss": parts[0] + 3 * parts[1], "class_loss": parts[1], "score_loss": parts[0]}
    expected |= {"class_accuracy": right, "score_mse": parts[0]}
    assert found == pytest.approx(expected, rel=1e-12)
    assert list(found) == list(expected)


def test_a_callable_gets_all_outputs_and_targets() -> None:
    model, (x, y) = two_towers(), samples()

    def spread(prediction: Any, target: Any) -> float:
        assert [each.shape for each in (*prediction, *target)] == [(20, 1), (20, 3), (20, 1), (20,)]
        return 5.0

    assert evaluate(model, (x, y), loss=losses(tuple), metrics=[spread])["spread"] == 5
    assert evaluate(model, (x, y), metrics=[spread]) == {"spread": 5}


def test_an_output_without_a_loss_gets_no_gradient() -> None:
    model, (x, y) = two_towers(), samples()
    before = model.state_dict()
    before = {name: value.clone() for name, value in before.items()}
    history = run(model, (x, {"class": y[1]}), loss={"class": nn.CrossEntropyLoss()})
    assert "class_loss" in history.epochs
    assert "score_loss" not in history.epochs
    after = model.state_dict()
    assert {name for name in before if torch.equal(before[name], after[name])} == {
        "score.weight",
        "score.bias",
    }


def test_a_loss_of_which_nothing_counts_in_a_batch_is_left_out() -> None:
    model, (x, y) = two_towers(), samples()
    peer = Towers(model.state_dict())
    rule = torch.optim.SGD(peer.parameters(), lr=0.05)
    y[1][:8] = -100  # all of the first batch
    last: list[float] = []
    for rows in torch.arange(20).split(8):
        score, logits = peer(x[0][rows], x[1][rows])
        loss = MSE(score, y[0][rows])
        if rows[0]:
            last.append(len(rows) / 12 * CE(logits, y[1][rows]).item())
            loss = loss + CE(logits, y[1][rows])
        rule.zero_grad()
        loss.backward()
        rule.step()
    history = run(model, (x, y), loss=losses(tuple), epochs=1, batch_size=8, shuffle=False)
    assert history["output_1_loss"] == pytest.approx([sum(last)], rel=1e-12)
    assert history.loss == pytest.approx([history["output_0_loss"][0] + sum(last)], rel=1e-12)
    torch.testing.assert_close(values(model)[:4], [v.detach() for v in peer.parameters()][:4])


def test_a_loss_of_which_nothing_counts_in_all_the_data_is_left_out_of_the_sum() -> None:
    model, (x, y) = two_towers(), samples()
    y[1][:] = -100
    score, _ = predict(model, x)
    result = evaluate(model, (x, y), loss=losses(tuple), loss_weights=[2, 3])
    assert result["loss"] == pytest.approx(2 * MSE(score, y[0]).item(), rel=1e-12)
    assert math.isnan(result["output_1_loss"])
    history = run(model, (x, y), loss=losses(tuple), loss_weights=[2, 3], epochs=1)
    assert history.loss == pytest.approx([2 * history["output_0_loss"][0]], rel=1e-12)
    assert math.isnan(history["output_1_loss"][0])
    of_nothing = evaluate(model, (x, {"class": y[1]}), loss={"class": nn.CrossEntropyLoss()})
    assert all(math.isnan(value) for value in of_nothing.values())


def test_sample_weights_count_for_each_loss() -> None:
    x, y = samples()
    weights = torch.arange(20) % 3
    many = torch.repeat_interleave(torch.arange(20), weights)
    one, other = two_towers(), two_towers()
    run(one, (x, y), loss=losses(tuple), epochs=3, batch_size=20, sample_weight=weights)
    again = Dataset(x, y).take(many)
    run(other, again, loss=losses(tuple), epochs=3, batch_size=len(many))
    torch.testing.assert_close(values(one), values(other))


def test_one_loss_may_stand_for_two_outputs() -> None:
    class Twice(Module):
        def __init__(self) -> None:
            self.one, self.two = network(2, 1, seed=1), network(2, 1, seed=2)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            y = self.one.forward(x), self.two.forward(x)
            self.save(None, y)
            return y

        def backward(self, *dys: Tensor) -> None:
            self.restore(*dys)
            self.two.backward(dys[1])
            self.one.backward(dys[0])

    x, t = plane()
    shared, apart, loss = Twice(), Twice(), nn.MSELoss()
    run(shared, (x, (t, -t)), loss=(loss, loss))
    run(apart, (x, (t, -t)), loss=(nn.MSELoss(), nn.MSELoss()))
    torch.testing.assert_close(values(shared), values(apart), rtol=0, atol=0)
    alone = network(2, 1, seed=2)
    run(alone, (x, -t), engine="eager")
    torch.testing.assert_close(values(shared)[2:], values(alone), rtol=1e-12, atol=1e-14)


def test_the_native_engine_refuses_with_the_reason() -> None:
    model, (x, y) = two_towers(), samples()
    with pytest.raises(ValueError, match="engine 'native' cannot run this: several inputs"):
        run(model, (x, y), loss=losses(tuple), engine="native")


X, Y = samples()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": (X[0], X[1][:9])}, r"data: expected 20 samples in inputs\[1\] as in inputs\[0\], got 9"),
        ({"x": {"image": X[0], "txt": X[1]}}, "Graph.*expected inputs image, text, got 0 and image and txt"),
        ({"x": (X[0],)}, "Graph.*expected inputs image, text, got 1"),
        ({"x": ()}, "data: expected "),
        ({"y": (Y[0], Y[1][:9])}, r"one target for each of 20 inputs in targets\[1\], got 9"),
        ({"y": Y[0]}, r"targets: expected one for each of the losses output_0, output_1, got \(20, 1\)"),
        (
            {"y": {"score": Y[0]}, "loss": losses(dict)},
            "expected one for each of the losses class, score, got score",
        ),
        ({"loss": nn.MSELoss()}, "targets: expected one tensor for a single loss, got 2 targets"),
        ({"loss": (nn.MSELoss(), 3)}, "loss: expected a Loss such as"),
        ({"loss": ()}, "loss: expected at least one, got none"),
        ({"loss": {"scor": nn.MSELoss()}}, "loss: expected names of outputs score, class, got scor"),
        (
            {"loss_weights": (1,)},
            "loss_weights: expected a number for each of the losses output_0, output_1, got",
        ),
        ({"loss_weights": (1, "a")}, "loss_weights: expected a number .* got 'a'"),
        ({"loss_weights": {"score": 1}}, "loss_weights: expected a number .* got score"),
        ({"metrics": ["accuracy"]}, "metrics: expected a dict with a list for each output, got 'accuracy'"),
        ({"metrics": {"a": ["mse"]}}, "metrics: expected names of losses, output_0, output_1, got 'a'"),
        (
            {"x": (torch.full_like(X[0], torch.nan), X[1])},
            r"expected finite inputs\[0\], got nan at \[0, 0\]",
        ),
    ],
)
def test_bad_input_gets_one_message_before_anything_changes(arguments: dict[str, Any], message: str) -> None:
    model = two_towers()
    before = values(model)
    arguments = {"x": X, "y": Y, "loss": losses(tuple), **arguments}
    with pytest.raises(ValueError, match=message) as caught:
        run(model, (arguments.pop("x"), arguments.pop("y")), **arguments)
    assert "\n" not in str(caught.value)
    torch.testing.assert_close(values(model), before, rtol=0, atol=0)


def test_a_single_output_and_inputs_of_other_names_are_refused() -> None:
    model, (x, t) = network(2, 1), plane()
    with pytest.raises(
        ValueError, match=r"inputs: expected the arguments of Sequential.forward: .*, got 2 inputs"
    ):
        run(model, ((x, x), t))
    with pytest.raises(ModuleError, match="expected 2 outputs, in a tuple, got "):
        run(model, (x, (t, t)), loss=(nn.MSELoss(), nn.MSELoss()))
    with pytest.raises(ValueError, match="loss_weights: expected None for a single loss"):
        run(model, (x, t), loss_weights=[1])
    with pytest.raises(ValueError, match=r"metrics: expected a list .* for a single loss, got a dict"):
        run(model, (x, t), metrics={"a": ["mse"]})
