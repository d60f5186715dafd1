"""Trains networks whose compiled code is watched by AddressSanitizer and UBSan: ``make sanitize``.

Sizes, batches and data are such that an index one too far leaves its buffer: the compiled buffers end in a
zone that nobody may touch, and what the caller hands over is as large as it must be.
"""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from unittest.mock import patch

# What is watched is optimised less, or compiling would take ten times as long.
COMPILER = '#!/bin/sh\nexec g++ "$@" {} -fsanitize=address,undefined -fno-sanitize-recover=all\n'
BATCHES = 1, 2, 7
SIZES = 1, 15, 16, 17, 31, 33


def runtime() -> str | None:
    """The libraries that must be loaded before Python; None where there are none."""
    if shutil.which("g++") is None:
        return None
    # The sanitizer looks for C++'s exceptions when it begins, and Python alone has none.
    paths = [_asked("g++", f"-print-file-name={name}") for name in ("libasan.so", "libstdc++.so")]
    return " ".join(paths) if all(Path(path).is_absolute() for path in paths) else None


def _asked(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def watched(program: str, *arguments: str, optimised: str = "-O1") -> subprocess.CompletedProcess[str]:
    """Run a Python program whose compiled code is watched; it ends badly if anything is found."""
    with tempfile.TemporaryDirectory() as folder:
        compiler = Path(folder, "c++")
        compiler.write_text(COMPILER.format(optimised))
        compiler.chmod(0o755)
        environment = {
            **os.environ,
            "CXX": str(compiler),
            "PLAINGRAD_CACHE": f"{folder}/cache",
            "LD_PRELOAD": runtime() or "",
            "ASAN_OPTIONS": "detect_leaks=0",
            "PYTHONMALLOC": "malloc",  # so that the ends of Python's own objects are watched too
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path]),
        }
        command = [sys.executable, "-c", f"import os; del os.environ['LD_PRELOAD']\n{program}", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True)


def train_all(few: bool = False) -> int:
    """Train the networks, or a few of them that are smaller, and return how many that were."""
    found = runs(few)
    for train in found:
        train()
    return len(found)


def runs(few: bool) -> list[Callable[[], object]]:
    """Trainings in which every layer, loss and rule that the kernels know comes at least once.

    Each is evaluated too, and its network predicts.
    """
    import torch
    from torch import Tensor

    from native.networks import random_training
    from plaingrad import nn, optim
    from plaingrad.native.activations import CONSTANTS
    from plaingrad.native.lower.sparsity import mostly_zero
    from plaingrad.train import TrainingDiverged, compile_predict
    from train.small import run

    activations = [kind for kind in CONSTANTS if kind not in (nn.Threshold, nn.Identity)]
    between = [
        *(lambda size, kind=kind: kind() for kind in activations),
        lambda size: nn.GELU(approximate="tanh"),
        lambda size: nn.Threshold(0.1, 0.2),
        lambda size: nn.Linear(size, size, bias=False),
        lambda size: nn.BatchNorm1d(size),
        lambda size: nn.LayerNorm(size),
        lambda size: nn.Dropout(0.3),
        lambda size: nn.Residual(nn.Linear(size, size)),
        lambda size: nn.Sequential(nn.Tanh(), nn.Mish()),  # the second has no linear layer before it
    ]
    values = [
        nn.MSELoss(),
        nn.L1Loss(),
        nn.HuberLoss(),
        nn.SmoothL1Loss(),
        nn.PoissonNLLLoss(),
        nn.PoissonNLLLoss(log_input=False, full=True),
        nn.QuantileLoss(0.3),
        nn.BCELoss(),
        nn.BCEWithLogitsLoss(),
        nn.MSELoss(reduction="sum"),
    ]
    classes = [
        nn.CrossEntropyLoss(),
        nn.NLLLoss(),
        nn.CrossEntropyLoss(weight=torch.rand(33) + 0.5, label_smoothing=0.1, ignore_index=0),
    ]
    wide = [*values, nn.QuantileLoss(torch.linspace(0.1, 0.9, 33).tolist()), *classes]
    kinds = torch.float32, torch.float64
    rules = [
        lambda p: optim.SGD(p, lr=1e-3),
        lambda p: optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: optim.Adam(p, lr=1e-3, amsgrad=True),
        lambda p: optim.AdamW(p, lr=1e-3),
        lambda p: optim.RMSprop(p, lr=1e-3, centered=True, momentum=0.5),
        lambda p: optim.Adagrad(p, lr=1e-3),
        lambda p: optim.SGD(p, lr=1e-3, clip_norm=0.5),
    ]

    def trained(number: int, layers: list[nn.Module], x: Tensor, t: Tensor, size: int, loss: nn.Loss) -> None:
        dtype = kinds[number % 2]
        model, x = nn.Sequential(*layers).to(dtype), x.to(dtype) if x.is_floating_point() else x
        split = not any(isinstance(module, (nn.BatchNorm1d, nn.Embedding)) for module in layers)
        with patch("plaingrad.native.cost.threads_for", lambda task: 1 + number % 3 * split):
            run(
                model,
                (x, t),
                batch_size=size,
                loss=loss.to(dtype),
                optimizer=rules[number % len(rules)](model.parameters()),
                sample_weight=torch.rand(len(x)) if number % 2 else None,
                weight_decay_per=("batch", "sample")[number // 2 % 2],
                validation=(x[1:].clone(), t[1:].clone()),
                engine="native",
            )
        predict = compile_predict(model, x.shape[1:])
        for rows in (x[0], x[:1], x, torch.cat([x] * 12)):
            predict(rows.clone())
            predict(rows.numpy().copy())

    def dense(number: int, size: int, widths: tuple[int, ...]) -> None:
        generator = torch.Generator().manual_seed(number)
        layers: list[nn.Module] = []
        for place, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
            layer = between[(5 * number + place) % len(between)](outputs)
            if size < 7 and isinstance(layer, nn.BatchNorm1d):  # which takes no batch of one
                layer = nn.Softmax(-1)
            layers += [nn.Linear(inputs, outputs), layer]
        n = 2 * size + max(1, size - 2)
        loss = wide[number // 2 % len(wide)] if widths[-1] == 33 else values[number % len(values)]
        x = torch.randn(n, widths[0], generator=generator)
        if loss in classes:
            layers += [nn.Linear(33, 33)]
            t = torch.randint(33, (n,), generator=generator)
        else:
            layers += [nn.Linear(widths[-1], widths[-1]), nn.Sigmoid()]
            t = torch.rand(n, widths[-1], generator=generator)
        trained(number, layers, x, t, size, loss)

    def of_indices(number: int, size: int, width: int) -> None:
        n = 2 * size + max(1, size - 2)
        x = torch.arange(3 * n).reshape(n, 3).flip(0) % width
        layers = [nn.Embedding(width, 17, padding_idx=width // 2), nn.Flatten(), nn.Linear(51, 33)]
        x = x.to((torch.int32, torch.int64)[number // 2 % 2])
        trained(number, [*layers, nn.LogSoftmax(1)], x, torch.arange(n) % 33, size, nn.NLLLoss())

    def of_columns(number: int, size: int, width: int) -> None:
        n = 2 * size + max(1, size - 2)
        x = torch.randn(n, width + 2)
        x[:, 0], x[:, width] = torch.arange(n).flip(0) % width, torch.arange(n) % 5
        coded = nn.ColumnEmbedding(width + 2, {0: (width, 17), width: (5, width)})
        layers = [coded, nn.Linear(coded.out_features, 3), nn.Softmax(1)]
        trained(number, layers, x, torch.rand(n, 3), size, nn.MSELoss())

    def of_zeros(number: int, size: int, width: int) -> None:
        n = 6 * size + max(1, size - 2)
        x = torch.zeros(n, 32 + width)
        x[:, -2:] = x[-1:] = 1
        assert mostly_zero(x)
        layers = [nn.Linear(32 + width, width), nn.ReLU(), nn.Linear(width, 3), nn.Softmax(1)]
        trained(number, layers, x, torch.rand(n, 3), size, nn.MSELoss())

    def at_random(seed: int) -> None:
        training, dtype = random_training(seed)
        with suppress(TrainingDiverged):
            training.run("native", dtype, 3)

    orders = [
        (33, 1, 15, 16, 17, 31, 33),
        (1, 33, 31, 17, 16, 15, 1),
        (16, 33, 15, 1, 31, 17, 33),
        (17, 17, 16, 16, 33, 33, 31),
    ]
    if few:
        orders = [(17, 1, 33), (1, 31, 15)]
    sizes = [7] if few else BATCHES
    cases = [(dense, order) for order in orders * (1 if few else 7)]
    cases += [(of_indices, width) for width in ([17] if few else SIZES)]
    cases += [(of_columns, width) for width in ([17] if few else SIZES)]
    cases += [(of_zeros, width) for width in ([17] if few else SIZES)]
    given = [
        lambda a=(number, size, what), train=train: train(*a)
        for number, ((train, what), size) in enumerate(zip(cases, itertools.cycle(sizes)))
    ]
    return given + [partial(at_random, seed) for seed in range(2 if few else 60)]


def main() -> None:
    done = watched("from native.sanitized import train_all; print(train_all(), 'networks are clean')")
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
