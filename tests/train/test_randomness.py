"""Random numbers of a run: from its seed alone, and without a trace in PyTorch's global generator."""

from __future__ import annotations

import threading

import pytest
import torch
from sklearn.datasets import load_iris

from plaingrad import Module, data, evaluate, fit, init, nn, optim
from plaingrad.estimators import MLPClassifier
from plaingrad.train.randomness import seeded


def network(seed: int) -> nn.Sequential:
    with init.drawing_from(torch.Generator().manual_seed(seed)):
        return nn.Sequential(nn.Linear(2, 8), nn.RReLU(), nn.Dropout(0.2), nn.Linear(8, 2))


def trained(seed: int) -> list[torch.Tensor]:
    model = network(seed)
    rule = optim.SGD(model.parameters(), lr=0.1)
    fit(
        model,
        data.moons(64, seed=0),
        loss=nn.CrossEntropyLoss(),
        optimizer=rule,
        epochs=5,
        batch_size=4,
        seed=seed,
        engine="eager",
        progress=False,
    )
    return [parameter.value.clone() for parameter in model.parameters()]


def same(ours: list[torch.Tensor], theirs: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(ours, theirs))


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_order_and_modules_draw_from_different_streams(seed: int) -> None:
    module = nn.Dropout()
    with seeded(seed, torch.device("cpu"), module) as (order, _):
        drawn = torch.randperm(100, generator=module.generator)
        assert not torch.equal(torch.randperm(100, generator=order), drawn)


def test_seeded_fits_in_threads_do_what_each_does_alone_and_leave_the_global_state() -> None:
    alone = {seed: trained(seed) for seed in range(3)}
    assert not same(alone[0], alone[1])
    state, found = torch.get_rng_state(), {}

    def work(seed: int) -> None:
        found[seed] = trained(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(same(found[seed], alone[seed]) for seed in alone)


def test_an_estimator_leaves_the_global_state() -> None:
    x, y = load_iris(return_X_y=True)
    for module in (None, lambda inputs, outputs: nn.Sequential(nn.Linear(inputs, 5), nn.Linear(5, outputs))):
        state = torch.get_rng_state()
        first, second = (MLPClassifier(module=module, max_iter=3, random_state=1) for _ in range(2))
        with pytest.warns(UserWarning, match="Maximum iterations"):
            assert first.fit(x, y).loss_curve_ == second.fit(x, y).loss_curve_
        assert torch.equal(torch.get_rng_state(), state)


def test_without_a_seed_the_global_generator_governs_everything() -> None:
    def losses() -> list[float]:
        torch.manual_seed(7)
        model = nn.Sequential(nn.Linear(2, 8), nn.RReLU(), nn.Linear(8, 2))
        rule = optim.SGD(model.parameters(), lr=0.1)
        options = {"loss": nn.CrossEntropyLoss(), "optimizer": rule, "epochs": 3, "batch_size": 4}
        return fit(model, data.moons(64, seed=0), engine="eager", progress=False, **options)["loss"]

    assert losses() == losses()


class Careless(Module):
    """Draws from where it should not."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x + torch.randn_like(x)
        self.save(None, y)
        return y

    def backward(self, dy: torch.Tensor) -> torch.Tensor:
        self.restore(dy)
        return dy


def test_who_draws_from_the_global_generator_is_named() -> None:
    model, x = nn.Sequential(nn.Linear(3, 3), Careless()), torch.randn(4, 3)
    rule = optim.SGD(model.parameters(), lr=0.1)
    options = {"loss": nn.MSELoss(), "optimizer": rule, "epochs": 1, "batch_size": 4, "progress": False}
    with pytest.warns(RuntimeWarning, match="Careless drew from torch's global generator"):
        fit(model, (x, x), seed=1, **options)
    fit(model, (x, x), **options)


def test_a_generator_is_inherited_down_the_tree() -> None:
    model, x = nn.Sequential(nn.Dropout(), nn.Residual(nn.RReLU())), torch.randn(50, 3)
    state = torch.get_rng_state()
    outputs = []
    for _ in range(2):
        model.generator = torch.Generator().manual_seed(3)
        outputs.append(model.forward(x))
    assert torch.equal(*outputs)
    assert torch.equal(torch.get_rng_state(), state)
    model.generator = None
    model.forward(x)
    assert not torch.equal(torch.get_rng_state(), state)


def test_training_wants_no_gradient_of_the_input() -> None:
    seen: list[object] = []

    class Looking(nn.Linear):
        may_skip_input_grad = True

        def backward(self, dy: torch.Tensor) -> torch.Tensor | None:
            dx = super().backward(dy)
            seen.append(dx)
            return dx

    def train(*modules: Module) -> None:
        model = nn.Sequential(*modules)
        rule = optim.SGD(model.parameters(), lr=0.1)
        options = {"loss": nn.MSELoss(), "optimizer": rule, "epochs": 1, "batch_size": 4}
        x = torch.randn(4, 3)
        fit(model, (x, x), engine="eager", progress=False, **options)

    train(Looking(3, 3), nn.Tanh(), nn.Linear(3, 3))
    assert seen == [None]
    shared = Looking(3, 3)
    seen.clear()
    train(shared, nn.Tanh(), shared)  # the second use needs what the first one does not
    assert all(isinstance(dx, torch.Tensor) for dx in seen)
    seen.clear()
    train(nn.Residual(Looking(3, 3)), nn.Linear(3, 3))
    assert isinstance(seen[0], torch.Tensor)
    layer = Looking(3, 3)
    layer.forward(torch.randn(4, 3))
    assert isinstance(layer.backward(torch.randn(4, 3)), torch.Tensor)
    assert evaluate(layer, (torch.zeros(2, 3), torch.zeros(2, 3)), loss=nn.MSELoss())["loss"] >= 0


def test_a_subclass_that_needs_the_gradient_of_its_input_gets_it() -> None:
    class Tripled(nn.Linear):
        def backward(self, dy: torch.Tensor) -> torch.Tensor:
            return super().backward(3 * dy) * 2

    class Around(nn.Sequential):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + super().forward(x)

        def backward(self, dy: torch.Tensor) -> torch.Tensor:
            return dy + super().backward(dy)

    x = torch.randn(4, 3)
    for model in (nn.Sequential(Tripled(3, 3)), Around(nn.Linear(3, 3)), nn.Residual(nn.Linear(3, 3))):
        rule = optim.SGD(model.parameters(), lr=0.1)
        options = {"loss": nn.MSELoss(), "optimizer": rule, "epochs": 1, "batch_size": 4, "progress": False}
        fit(model, (x, x), engine="eager", **options)
