"""Whatever the native engine trains becomes what the eager engine makes of it, to rounding."""

from __future__ import annotations

import copy
import platform
import shlex
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from effort import draws
from native.networks import (
    ACTIVATIONS,
    RULES,
    Made,
    Training,
    dense,
    disagreement,
    joined,
    random_training,
    sensitivity,
)
from native.scripts import script
from plaingrad import fit, nn, optim
from plaingrad.module import Module, ModuleError
from plaingrad.native import cost
from plaingrad.native.compile.builder import ZIG
from plaingrad.nn import Loss
from plaingrad.train.callbacks import EarlyStopping
from plaingrad.train.diagnose import TrainingDiverged
from train.small import run

NETWORKS = draws(60)
DTYPES = (torch.float64, torch.float32)
SLOW = partial(optim.SGD, lr=0.003)


@pytest.fixture(scope="module", autouse=True)
def quickest_compiler() -> Iterator[None]:
    """Hardly any optimisation: these networks are compiled by the hundred and run for moments."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", """sh -c 'exec c++ "$@" -Og' c++""")
        yield


def expect_parity(training: Training, *dtypes: torch.dtype) -> None:
    """After one step and after 200."""
    for dtype in dtypes:
        for steps in (1, 200):
            key, found = worst(disagreement(training, dtype, steps))
            assert found <= 1, f"{key} after {steps} steps of {dtype}: {found:.3g}"


def worst(found: dict[tuple[str, str], float]) -> tuple[tuple[str, str], float]:
    return max(found.items(), key=lambda entry: entry[1])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation: Made) -> None:
    layers = (*dense(3, 17, between=activation), activation, activation, *dense(17, 2))
    expect_parity(Training(layers, 3, 2), torch.float64)


@pytest.mark.parametrize("rule", RULES)
def test_rules(rule: tuple[type[optim.Optimizer], dict[str, object]]) -> None:
    kind, options = rule
    training = Training(dense(3, 17, 2), 3, 2, optimizer=partial(kind, **options), groups=({}, {"lr": 0.001}))
    expect_parity(training, torch.float64)


@pytest.mark.parametrize("kind", [optim.SGD, optim.AdamW])
@pytest.mark.parametrize("options", [{"weight_decay": 0.1}, {"clip_norm": 0.1}])
@pytest.mark.parametrize("threads", [1, 2])
def test_frozen_parameters(kind: type[optim.Optimizer], options: dict[str, float], threads: int) -> None:
    rule = partial(kind, lr=0.01, **options)
    expect_parity(
        Training(dense(3, 17, 5, 2), 3, 2, optimizer=rule, frozen=(0, 3), threads=threads), torch.float64
    )


@pytest.mark.parametrize(("inputs", "targets", "lr"), [(1e3, 1e17, 1.0), (1e-3, 1e-25, 1e25)])
@pytest.mark.parametrize("threads", [1, 2])
def test_clipping_gradients_whose_squares_are_out_of_range(
    inputs: float, targets: float, lr: float, threads: int
) -> None:
    def fitted(engine: str) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 2, bias=False))
        model[0].weight.value.zero_()
        rule = optim.SGD(model.parameters(), lr=lr, clip_norm=1.0)
        data = inputs * torch.randn(8, 3), targets * torch.randn(8, 2)
        with patch.object(cost, "threads_for", lambda task: threads):
            fit(
                model,
                data,
                loss=nn.MSELoss(),
                optimizer=rule,
                epochs=1,
                batch_size=8,
                engine=engine,
                progress=False,
            )
        return model[0].weight.value

    native, eager = fitted("native"), fitted("eager")
    assert 1e-5 < float(eager.norm()) < 1.01
    torch.testing.assert_close(native, eager, rtol=1e-4, atol=1e-5 * float(eager.norm()))


@pytest.mark.parametrize("rule", [rule for rule in RULES if "weight_decay" in rule[1]])
@pytest.mark.parametrize("weighted", [False, True])
def test_weight_decay_per_sample(
    rule: tuple[type[optim.Optimizer], dict[str, object]], weighted: bool
) -> None:
    """With a last batch that is smaller, and a batch without any weight if samples count differently."""
    kind, options = rule
    for size in (1, 7):
        training = Training(
            dense(3, 17, 2),
            3,
            2,
            optimizer=partial(kind, **options),
            schedule=partial(optim.StepLR, step_size=3, gamma=0.7, interval="step"),
            batch_size=size,
            weighted=weighted,
            decay_per="sample",
        )
        expect_parity(training, torch.float64)


def test_clipping_at_full_optimisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The norm takes whole vectors: what the compiler leaves in lanes beyond the last column would count."""
    monkeypatch.delenv("CXX")
    rule = partial(optim.SGD, lr=1.0, clip_norm=0.1)
    expect_parity(Training(dense(5, 17, 17, 3), 5, 3, optimizer=rule, batch_size=17), torch.float64)


WEIGHTS = torch.tensor([0.5, 2.0, 1.0])
LOSSES: tuple[tuple[Callable[..., Loss], tuple[Made, ...]], ...] = (
    (nn.MSELoss, ()),
    (nn.L1Loss, ()),
    (partial(nn.HuberLoss, delta=0.4), ()),
    (partial(nn.SmoothL1Loss, beta=0.4), ()),
    (partial(nn.SmoothL1Loss, beta=0.0), ()),
    (nn.PoissonNLLLoss, ()),
    (partial(nn.PoissonNLLLoss, log_input=False, full=True, eps=1e-3), (nn.Softplus,)),
    (partial(nn.QuantileLoss, 0.3), ()),
    (partial(nn.QuantileLoss, [0.1, 0.5, 0.8]), ()),
    (partial(nn.BCELoss, WEIGHTS), (nn.Sigmoid,)),
    (partial(nn.BCEWithLogitsLoss, WEIGHTS, pos_weight=WEIGHTS.flip(0)), ()),
    (partial(nn.BCEWithLogitsLoss, pos_weight=torch.tensor(3.0)), ()),
    (partial(nn.CrossEntropyLoss, WEIGHTS, label_smoothing=0.1), ()),
    (partial(nn.CrossEntropyLoss, ignore_index=1), ()),
    (partial(nn.NLLLoss, WEIGHTS, ignore_index=2), (partial(nn.LogSoftmax, -1),)),
)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses(loss: tuple[Callable[..., Loss], tuple[Made, ...]], reduction: str) -> None:
    """With samples that count differently, or all alike."""
    make, last = loss
    make = partial(make, reduction=reduction)
    layers = (*dense(5, 17, 3), *last)
    training = Training(layers, 5, 3, loss=make, optimizer=SLOW, samples=32, batch_size=20)
    expect_parity(training, torch.float64)
    expect_parity(replace(training, weighted=True), torch.float64)


def test_many_classes_fit_on_a_small_stack() -> None:
    training = Training(dense(3, 20_000), 3, 20_000, loss=nn.CrossEntropyLoss, optimizer=SLOW)
    found = []
    before = threading.stack_size(2**20)
    try:
        thread = threading.Thread(target=lambda: found.append(disagreement(training, torch.float64, 1)))
        thread.start()
        thread.join()
    finally:
        threading.stack_size(before)
    assert worst(found[0])[1] <= 1


def test_a_second_moment_that_overflows_stops_the_weight() -> None:
    """As dividing by infinity does."""
    x, t = torch.full((8, 4), 1e18), torch.zeros(8, 40)
    both = []
    for engine in ("native", "eager"):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 40))
        optimizer, loss = optim.Adam(model.parameters(), lr=0.1), nn.MSELoss(reduction="sum")
        fit(model, (x, t), loss=loss, optimizer=optimizer, epochs=1, batch_size=8, seed=0,
            engine=engine, progress=False)  # fmt: skip
        both.append(model[0].weight.value)
    assert torch.equal(*both)


@pytest.mark.parametrize("weighted", [False, True])
def test_what_is_no_probability_is_refused(weighted: bool) -> None:
    """In the epoch in which it comes up, and the rows of the last batch that hold no sample are no matter."""
    layers = (partial(nn.Linear, 3, 1), partial(nn.Threshold, 0.05, 0.5), partial(nn.Hardtanh, -2.0, 2.0))
    training = Training(layers, 3, 1, nn.BCELoss, partial(optim.SGD, lr=0.5), seed=3, weighted=weighted)
    told = []
    for engine in ("native", "eager"):
        with pytest.raises(ModuleError, match=r"BCELoss\(\): expected prediction in 0..1, got") as caught:
            training.run(engine, torch.float64, 200)
        told.append(str(caught.value))
    assert told[0] == told[1]


RELU, DROPOUT, NORM = nn.ReLU(), nn.Dropout(0.5), nn.BatchNorm1d(2, affine=False)
LAYERS: dict[str, Training] = {
    "dropout": Training(
        (
            partial(nn.Dropout, 0.1),
            *dense(5, 17),
            partial(nn.Dropout, 0.0),
            partial(nn.Dropout, 0.6),
            *dense(17, 2),
        ),
        5,
        2,
    ),
    "everything dropped": Training((partial(nn.Dropout, 1.0), *dense(3, 2)), 3, 2),
    "batch normalisation": Training(
        (
            partial(nn.BatchNorm1d, 5),
            *dense(5, 17),
            partial(nn.BatchNorm1d, 17, eps=0.01, momentum=None, bias=False),
            nn.ReLU,
            *dense(17, 2),
            partial(nn.BatchNorm1d, 2, momentum=0.9, affine=False),
            partial(nn.BatchNorm1d, 2, track_running_stats=False),
        ),
        5,
        2,
    ),
    "layer normalisation": Training(
        (
            partial(nn.LayerNorm, 5),
            *dense(5, 17),
            partial(nn.LayerNorm, 17, bias=False),
            *dense(17, 7),
            partial(nn.LayerNorm, 7, eps=0.01, elementwise_affine=False),
        ),
        5,
        7,
        optimizer=partial(optim.SGD, lr=0.05, clip_norm=0.5),  # whose norm counts what lies beyond a row
    ),
    "one module in several places": Training(
        (partial(nn.Linear, 5, 17), lambda: RELU, partial(nn.Linear, 17, 17), lambda: RELU, *dense(17, 2)),
        5,
        2,
    ),
    "softmax": Training(
        (*dense(5, 17), partial(nn.Softmax, -1), *dense(17, 3), partial(nn.LogSoftmax, 1)),
        5,
        3,
        loss=nn.NLLLoss,
    ),
    "residual": Training(
        (
            partial(
                joined,
                nn.Residual,
                (*dense(5, 17), partial(joined, nn.Residual, dense(17, 17)), *dense(17, 5)),
            ),
            partial(joined, nn.Residual, [nn.Identity]),
            *dense(5, 2),
        ),
        5,
        2,
    ),
    "embedding": Training(
        (partial(nn.Embedding, 6, 5, padding_idx=-1), nn.Flatten, *dense(15, 2)), (6, 5, 3), 2
    ),
    "embedding with a rule that remembers": Training(
        (partial(nn.Embedding, 6, 16), nn.Flatten, *dense(48, 2)),
        (6, 5, 3),
        2,
        optimizer=partial(optim.Adam, lr=0.003),
    ),
    "embedding with clipped gradients": Training(
        (partial(nn.Embedding, 6, 16), nn.Flatten, *dense(48, 2)),
        (6, 5, 3),
        2,
        optimizer=partial(optim.SGD, lr=0.05, weight_decay=0.01, clip_norm=0.5),
    ),
    "embedded columns": Training(
        (partial(nn.ColumnEmbedding, 7, {5: (6, 5), 0: (4, 1), 3: (1, 16)}), *dense(26, 9, 2)),
        7,
        2,
        codes=((0, 4), (3, 1), (5, 6)),
        weighted=True,
    ),
    "embedded columns alone, with a rule that remembers": Training(
        (partial(nn.ColumnEmbedding, 2, {0: (6, 3), 1: (3, 16)}), *dense(19, 2)),
        2,
        2,
        optimizer=partial(optim.Adam, lr=0.003),
        codes=((0, 6), (1, 3)),
    ),
    "embedded columns with clipped gradients": Training(
        (partial(nn.ColumnEmbedding, 3, {1: (6, 17)}), partial(nn.LayerNorm, 19), *dense(19, 2)),
        3,
        2,
        optimizer=partial(optim.SGD, lr=0.05, weight_decay=0.01, clip_norm=0.5),
        codes=((1, 6),),
    ),
    "frozen embedding": Training(
        (
            partial(nn.Embedding.from_pretrained, torch.linspace(-1, 1, 30).view(6, 5)),
            nn.Flatten,
            *dense(15, 2),
        ),
        (6, 5, 3),
        2,
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name: str) -> None:
    expect_parity(LAYERS[name], *DTYPES)


@pytest.mark.parametrize("seed", range(NETWORKS))
def test_random_networks(seed: int) -> None:
    """After 200 steps, unless the network itself makes much of the least rounding: then after fewer.

    Training may diverge, as long as it does with both engines, and they tell the same of it; unless, again,
    the least rounding decides when.
    """
    training, dtype = random_training(seed)
    for steps in (1, 200):
        try:
            key, found = worst(disagreement(training, dtype, steps))
        except TrainingDiverged as error:
            with pytest.raises(TrainingDiverged) as other:
                training.run("eager", dtype, steps)
            if str(other.value) != str(error) and not led_astray(training, dtype, steps):
                pytest.fail(f"eagerly, {other.value}; natively, {error}")
            continue
        while found > 1 and steps > 1 and led_astray(training, dtype, steps):
            steps //= 4
            key, found = worst(disagreement(training, dtype, steps))
        assert found <= 1, f"{key} after {steps} steps of {dtype}: {found:.3g}"


def led_astray(training: Training, dtype: torch.dtype, steps: int) -> bool:
    """Whether the network makes much of the least rounding."""
    return sensitivity(training, dtype, steps) > 1e4 * torch.finfo(dtype).eps


def test_the_real_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    """As networks are compiled outside of the tests."""
    monkeypatch.delenv("CXX")
    layers = (partial(nn.Dropout, 0.2), *dense(5, 33, 17), partial(nn.BatchNorm1d, 17), *dense(17, 3))
    loss = partial(nn.CrossEntropyLoss, WEIGHTS)
    expect_parity(Training(layers, 5, 3, loss=loss, optimizer=partial(optim.AdamW, lr=0.003)), *DTYPES)


X86 = pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="flags of x86 alone")


@pytest.mark.parametrize(
    "command",
    [
        f"{shlex.join([sys.executable, *ZIG])} {{}}",
        pytest.param("c++ {} -mno-avx512dq", marks=X86),
        pytest.param("c++ {} -mno-avx512f", marks=X86),
        pytest.param("c++ {} -mno-avx", marks=X86),
    ],
    ids=["clang", "wide vectors, few instructions", "narrower vectors", "narrowest vectors"],
)
def test_other_compilers_and_processors(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    command = command.format('"$@" -Og')
    monkeypatch.setenv("CXX", str(script(tmp_path / "cxx", f"exec {command}")))
    layers = (
        *(partial(nn.Linear, 70, 65), nn.ReLU, partial(nn.Dropout, 0.2), partial(nn.Linear, 65, 33), nn.GELU),
        *(partial(nn.BatchNorm1d, 33), *dense(33, 17), partial(nn.LayerNorm, 17), *dense(17, 3)),
    )
    loss, adam = partial(nn.CrossEntropyLoss, WEIGHTS), partial(optim.Adam, lr=0.003)
    expect_parity(Training(layers, 70, 3, loss=loss, optimizer=adam, batch_size=16, zeros=0.8), *DTYPES)


def test_the_same_seed_gives_the_same_bits() -> None:
    training = LAYERS["dropout"]
    first, second = (training.run("native", torch.float32, 50) for _ in range(2))
    assert all(torch.equal(tensor, second.tensors[key]) for key, tensor in first.tensors.items())


def test_both_engines_stop_early_at_the_same_best_weights() -> None:
    training = Training(dense(3, 33, 1), 3, 1, optimizer=partial(optim.Adam, lr=0.03))
    data, held_out = training.data(torch.float64), replace(training, seed=1).data(torch.float64)
    found = []
    for engine in ("native", "eager"):
        model = training.network(torch.float64)
        stopping = EarlyStopping(patience=5, restore_best_weights=True)
        history = fit(
            model,
            data,
            loss=nn.MSELoss(),
            optimizer=training.optimizer(model.parameters()),
            epochs=200,
            batch_size=7,
            validation=held_out,
            callbacks=[stopping],
            seed=0,
            engine=engine,
            progress=False,
        )
        found.append((stopping.best_epoch, len(history), model.state_dict()))
    (best, epochs, weights), eager = found
    assert (best, epochs) == eager[:2]
    assert epochs < 200
    for name, value in weights.items():
        torch.testing.assert_close(value, eager[2][name], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("inputs", "layers"),
    [
        (torch.arange(20, dtype=torch.int32) % 6, [nn.Embedding(6, 5)]),
        (torch.arange(40).view(20, 2) % 6, [nn.Embedding(6, 5), nn.Flatten(), nn.Linear(10, 5)]),
    ],
)
def test_embeddings_of_any_integers(inputs: torch.Tensor, layers: list[Module]) -> None:
    model = nn.Sequential(*layers, nn.Linear(5, 1)).to(torch.float64)
    other, target = copy.deepcopy(model), torch.linspace(-1, 1, 20).view(20, 1)
    for network, engine in ((model, "native"), (other, "eager")):
        optimizer = optim.Adam(network.parameters(), lr=0.01)
        fit(
            network,
            (inputs, target),
            loss=nn.MSELoss(),
            optimizer=optimizer,
            epochs=20,
            batch_size=7,
            seed=0,
            engine=engine,
            progress=False,
        )
    for value, expected in zip(model.parameters(), other.parameters()):
        torch.testing.assert_close(value.value, expected.value, rtol=1e-9, atol=1e-12)


ZEROS = partial(nn.Threshold, 1e6, 0.0)
NOT_FIRST: list[Made] = [ZEROS, partial(nn.ColumnEmbedding, 2, {0: (6, 1)})]


@pytest.mark.parametrize(
    ("layers", "columns", "reason"),
    [
        ([partial(nn.Embedding, 6, 1, max_norm=1.0), nn.Flatten], (6, 6), "max_norm"),
        ([partial(nn.Embedding, 6, 1, scale_grad_by_freq=True), nn.Flatten], (6, 6), "scale_grad_by_freq"),
        (NOT_FIRST, 2, "inputs other than the data"),
        ([partial(joined, nn.Residual, NOT_FIRST)], 2, "inputs other than the data"),
        ([*dense(3, 2), partial(nn.Softmax, 0)], 3, "dim=0"),
        ([*dense(3, 2), partial(nn.BatchNorm1d, 2, eps=0.0)], 3, "eps of 0"),
        ([*dense(3, 2), nn.Softmin], 3, "Softmin is not among its layers"),
        ([*dense(3, 2), *[lambda: DROPOUT] * 2], 3, "to be used twice"),
        ([*dense(3, 2), *[lambda: NORM] * 2], 3, "statistics that are used twice"),
    ],
)
def test_refusals(layers: list[Made], columns: int | tuple[int, ...], reason: str) -> None:
    with pytest.raises(ValueError, match=f"engine 'native' cannot run this: .*{reason}"):
        Training(tuple(layers), columns, 2).run("native", torch.float32, 1)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.LayerNorm])
def test_numbers_that_are_alike_are_normalised_to_0(kind: Callable[[int], Module]) -> None:
    """Were their mean rounded, what is left of each would be rounding alone, made large."""
    layers = (*dense(5, 17), partial(nn.Threshold, 1e6, 2.1), partial(kind, 17), *dense(17, 2))
    expect_parity(Training(layers, 5, 2, optimizer=SLOW), *DTYPES)


@pytest.mark.parametrize("engine", ["native", "eager"])
def test_a_code_without_a_vector_is_told_before_training(engine: str) -> None:
    """Wherever in the data it is."""
    model = nn.Sequential(nn.ColumnEmbedding(2, {1: (3, 2)}), nn.Linear(3, 1))
    before = model[1].weight.value.clone()
    x, t = torch.zeros(5000, 2), torch.ones(5000, 1)
    x[4999, 1] = 3
    for train, validation in (((x, t), None), ((x[:9], t[:9]), (x, t))):
        with pytest.raises(ModuleError, match=r"^Sequential\[0\] ColumnEmbedding.* in column 1, got 3.0 at"):
            run(model, train, validation=validation, engine=engine)
    assert torch.equal(model[1].weight.value, before)
