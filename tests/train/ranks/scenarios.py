"""Scenarios that several processes run together; each returns what its test compares."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from plaingrad import fit, nn, optim
from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.optim import Optimizer
from plaingrad.train.callbacks import Average, Callback, CSVLogger, EarlyStopping, ModelCheckpoint

RANK = int(os.environ.get("RANK", "0"))
ROWS = 46


def classes(n: int = ROWS, ignored: bool = False) -> Dataset:
    """Points and three classes in float64, of which the first eight odd ones may be ignored."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    t = x.argmax(1)
    if ignored:
        t[1:17:2] = -100
        t[20::5] = -100
    return Dataset(x, t)


def network(seed: int = 0, normalised: bool = False) -> nn.Sequential:
    torch.manual_seed(seed)
    first = nn.Linear(3, 5, dtype=torch.float64)
    middle: list[Module] = [nn.BatchNorm1d(5, dtype=torch.float64)] if normalised else []
    return nn.Sequential(first, *middle, nn.ReLU(), nn.Linear(5, 3, dtype=torch.float64))


class Look(Callback):
    """Keeps what the first parameters are after each epoch."""

    def __init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        self.seen.append(next(value.clone() for value, _ in self.run.model.parameters()))


def train(model: Module, data: Any, optimizer: Optimizer, **arguments: Any) -> dict[str, Any]:
    """Everything that a run leaves behind."""
    arguments = {"epochs": 3, "batch_size": 4, "seed": 0, "loss": nn.CrossEntropyLoss(), **arguments}
    history = fit(model, data, optimizer=optimizer, progress=False, **arguments)
    return {
        "model": {name: value.clone() for name, value in model.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "epochs": history.epochs,
        "engine": history.engine,
        "reason": history.engine_reason,
        "stopped": history.stopped,
    }


def rounds() -> dict[str, Any]:
    """Rounds of an epoch, in both engines; each process begins with a network of its own."""
    results = {}
    for engine in ("eager", "native"):
        model = network(seed=RANK, normalised=True)
        optimizer = optim.Adam(model.parameters(), lr=0.01 * (RANK + 1))
        look = Look()
        results[engine] = train(
            model,
            classes().shard(),
            optimizer,
            engine=engine,
            metrics=["accuracy"],
            validation=classes(20),
            shuffle=False,
            callbacks=[Average(), look],
        )
        results[engine]["seen"] = look.seen
    return results


def longer_rounds() -> dict[str, Any]:
    """Rounds of two epochs, the last of which is cut short."""
    model = network()
    frozen = model[0].bias
    frozen.frozen = True
    before = frozen.value.clone()
    look = Look()
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    result = train(model, classes().shard(), optimizer, callbacks=[Average(every=2), look])
    return {**result, "seen": look.seen, "is_frozen": torch.equal(frozen.value, before)}


def descent(engine: str, **arguments: Any) -> dict[str, Any]:
    """A run of plain gradient descent over 48 samples, or this process's share of them."""
    model = network()
    data = classes(48) if "callbacks" not in arguments else classes(48).shard()
    return train(
        model, data, optim.SGD(model.parameters(), lr=0.3), engine=engine, shuffle=False, **arguments
    )


def rounds_of_steps() -> dict[tuple[str, int | None], Any]:
    """Rounds of one step, of three, of more than an epoch has, and of an epoch."""
    return {
        (engine, size): descent(engine, callbacks=[Average(every_n_steps=size)])
        for engine in ("eager", "native")
        for size in (1, 3, 99, None)
    }


STEPS: dict[str, dict[str, Any]] = {
    "momentum": {"rule": lambda params: optim.SGD(params, lr=0.1, momentum=0.9, clip_norm=0.3)},
    "sum": {"loss": nn.CrossEntropyLoss(reduction="sum"), "rule": lambda p: optim.SGD(p, lr=0.01)},
    "adam": {"rule": lambda params: optim.Adam(params, lr=0.01, weight_decay=0.1)},
    "decay": {
        "rule": lambda params: optim.SGD(params, lr=0.1, weight_decay=0.3),
        "weight_decay_per": "sample",
    },
    "gathered": {"gradient_accumulation_steps": 2, "rule": lambda params: optim.SGD(params, lr=0.1)},
    "weights": {"weights": True, "rule": lambda params: optim.SGD(params, lr=0.1)},
    "ignored": {"ignored": True, "rule": lambda params: optim.SGD(params, lr=0.1, momentum=0.9)},
}


def step(name: str, alone: bool) -> dict[str, Any]:
    """One case of shared gradients; alone, with batches as large as those of two processes."""
    arguments = dict(STEPS[name])
    data, rule = classes(ignored=arguments.pop("ignored", False)), arguments.pop("rule")
    if arguments.pop("weights", False):
        weights = torch.arange(len(data)) % 5 / 3
        arguments["sample_weight"] = weights if alone else weights[RANK::2]
    if not alone:
        data = data.shard()
        arguments |= {"callbacks": [Average(every="step")]}
    model = network()
    return train(
        model, data, rule(model.parameters()), batch_size=8 if alone else 4, shuffle=False, **arguments
    )


def steps() -> dict[str, Any]:
    return {name: step(name, alone=False) for name in STEPS}


def best() -> dict[str, Any]:
    """The best weights are restored in rounds of three epochs, whichever callback comes first."""
    results = {}
    for name in ("first", "last"):
        model = network()
        optimizer = optim.SGD(model.parameters(), lr=2.0)
        average = Average(every=3)
        stopping = EarlyStopping(patience=2, restore_best_weights=True)
        saving = ModelCheckpoint(f"{name}-{{epoch}}.safetensors")
        callbacks = [average, stopping, saving] if name == "first" else [saving, stopping, average]
        held_out = classes(20).shard()
        result = train(
            model, classes().shard(), optimizer, epochs=10, validation=held_out, callbacks=callbacks
        )
        results[name] = {**result, "best_epoch": stopping.best_epoch}
    return results


def plateau() -> dict[str, Any]:
    """A schedule that watches the loss; early stopping and what is written."""
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    folder = Path(f"out{RANK}")
    folder.mkdir()
    result = train(
        model,
        classes().shard(),
        optimizer,
        epochs=30,
        validation=classes(20).shard(),
        schedule=optim.ReduceLROnPlateau(optimizer, patience=1),
        callbacks=[
            Average(),
            CSVLogger(folder / "log.csv"),
            ModelCheckpoint(folder / "best.safetensors", save_best_only=True),
            EarlyStopping(patience=4),
        ],
    )
    return {**result, "files": sorted(path.name for path in folder.iterdir())}


def stopped() -> dict[str, Any]:
    """One process is interrupted in the second epoch, and one stops in the third of another run."""

    class Press(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 1 and RANK == 1:
                signal.raise_signal(signal.SIGINT)

    class Stop(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 2 and RANK == 0:
                self.run.stop("enough")

    results = {}
    for name, callback in (("pressed", Press()), ("stopped", Stop())):
        model = network()
        optimizer = optim.SGD(model.parameters(), lr=0.1)
        results[name] = train(
            model, classes().shard(), optimizer, epochs=9, callbacks=[Average(every=4), callback]
        )
    return results


def refused() -> dict[str, str]:
    """What several processes cannot train together, and what they say."""

    def attempt(action: Callable[[], Any]) -> str:
        try:
            action()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return "trained"

    def other_network() -> None:
        model = nn.Sequential(nn.Linear(3, 3 + RANK, dtype=torch.float64))
        train(model, classes().shard(), optim.SGD(model.parameters(), lr=0.1), callbacks=[Average()])

    def attempted(
        rule: Any = optim.SGD, data: Any = None, every: Any = 1, steps: Any = None, **arguments: Any
    ) -> None:
        model = network()
        own = classes().shard() if data is None else data
        average = Average(every, every_n_steps=steps)
        train(model, own, rule(model.parameters(), lr=0.1), callbacks=[average], **arguments)

    own = classes().shard()
    huge = Dataset(own.inputs * (1e200 if RANK else 1.0), own.targets)
    pairs = [(classes().inputs, classes().targets)]
    return {
        "network": attempt(other_network),
        "epochs": attempt(lambda: attempted(epochs=2 + RANK)),
        "optimizer": attempt(lambda: attempted(optim.Adam if RANK else optim.SGD)),
        "closure": attempt(lambda: attempted(optim.LBFGS)),
        "every": attempt(lambda: attempted(every=1 + RANK)),
        "batches": attempt(lambda: attempted(data=pairs, every="step", batch_size=None)),
        "long batches": attempt(lambda: attempted(data=pairs, steps=10, batch_size=None)),
        "updates": attempt(lambda: attempted(data=classes(20 + 10 * RANK), every="step")),
        "native": attempt(lambda: attempted(every="step", engine="native")),
        "diverged": attempt(lambda: attempted(data=huge)),
        "diverged in a round": attempt(lambda: attempted(data=huge, steps=2, engine="native")),
        "after all": attempt(attempted),
    }


def parted() -> None:
    """What is registered before training runs when all else has ended, and sees the connections."""
    file = Path(f"connected{RANK}").absolute()
    atexit.register(lambda: file.write_text(str(dist.is_initialized())))
    model = network()
    train(model, classes().shard(), optim.SGD(model.parameters(), lr=0.1), callbacks=[Average()])


def going_on(dies: dict[int, int]) -> dict[str, Any]:
    """A run with a checkpoint, of which each of these processes dies once, before this epoch."""

    class Die(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            died = Path(f"died-{RANK}")
            if epoch == dies.get(RANK) and not died.exists():
                died.touch()
                os._exit(3)
            with Path(f"epochs-{RANK}").open("a") as file:
                print(epoch, file=file)

    model = network(normalised=True)
    rule = optim.Adam(model.parameters(), lr=0.02)
    logger, stopping = CSVLogger("log.csv"), EarlyStopping("loss", patience=9)
    callbacks = [logger, stopping, Average(), Die()]
    result = train(
        model,
        classes().shard(),
        rule,
        epochs=6,
        callbacks=callbacks,
        checkpoint="checkpoint",
        checkpoint_every=0,
    )
    return {**result, "best": stopping.best}


def whole() -> dict[str, Any]:
    return going_on({})


def together() -> dict[str, Any]:
    """The scenarios that go well, one after another, each in a folder of its own."""
    # What is to be the last in the end comes first.
    several: list[Callable[[], Any]] = [parted, rounds, rounds_of_steps, longer_rounds, steps, best]
    several += [plateau, stopped, refused, whole]
    results = {}
    for scenario in several:
        folder = Path(scenario.__name__)
        folder.mkdir(exist_ok=True)
        with chdir(folder):
            results[scenario.__name__] = scenario()
    return results


def lost() -> None:
    """One process dies in the third epoch."""

    class Die(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 2 and RANK == 1:
                os._exit(3)

    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    train(model, classes().shard(), optimizer, epochs=9, callbacks=[Average(), Die()])


def silent() -> None:
    """One process hangs in the third epoch."""

    class Hang(Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, float]) -> None:
            if epoch == 2 and RANK == 1:
                signal.pause()

    signal.alarm(20)
    model = network()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    train(model, classes().shard(), optimizer, epochs=9, callbacks=[Average(timeout=2.0), Hang()])


def main(scenario: str) -> None:
    signal.alarm(90)  # if they wait for each other for ever
    torch.set_num_threads(1)
    torch.save(globals()[scenario](), f"{RANK}.pt")
