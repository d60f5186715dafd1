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
from pathlib import Path
from unittest.mock import patch

# What is watched is optimised less, or compiling would take ten times as long.
COMPILER = '#!/bin/sh\nexec g++ "$@" -O1 -fsanitize=address,undefined -fno-sanitize-recover=all\n'
BATCHES = 1, 2, 7


def runtime() -> str | None:
    """The libraries that must be loaded before Python; None where there are none."""
    if shutil.which("g++") is None:
        return None
    # The sanitizer looks for C++'s exceptions when it begins, and Python alone has none.
    paths = [_asked("g++", f"-print-file-name={name}") for name in ("libasan.so", "libstdc++.so")]
    return " ".join(paths) if all(Path(path).is_absolute() for path in paths) else None


def _asked(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def watched(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python program whose compiled code is watched; it ends badly if anything is found."""
    with tempfile.TemporaryDirectory() as folder:
        compiler = Path(folder, "c++")
        compiler.write_text(COMPILER)
        compiler.chmod(0o755)
        environment = {
            **os.environ,
            "CXX": str(compiler),
            "PLAINGRAD_CACHE": f"{folder}/cache",
            "LD_PRELOAD": runtime() or "",
            "ASAN_OPTIONS": "detect_leaks=0",
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
    """Trainings in which every layer, loss and rule that the kernels know comes at least once."""
    import torch

    from plaingrad import nn, optim
    from plaingrad.train.native.activations import CONSTANTS
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
        nn.BCELoss(),
        nn.BCEWithLogitsLoss(),
        nn.MSELoss(reduction="sum"),
    ]
    classes = [
        nn.CrossEntropyLoss(),
        nn.NLLLoss(),
        nn.CrossEntropyLoss(weight=torch.rand(33) + 0.5, label_smoothing=0.1, ignore_index=0),
    ]
    rules = [
        lambda p: optim.SGD(p, lr=1e-3),
        lambda p: optim.SGD(p, lr=1e-3, momentum=0.9, nesterov=True, weight_decay=0.1),
        lambda p: optim.Adam(p, lr=1e-3, amsgrad=True),
        lambda p: optim.AdamW(p, lr=1e-3),
        lambda p: optim.RMSprop(p, lr=1e-3, centered=True, momentum=0.5),
        lambda p: optim.Adagrad(p, lr=1e-3),
        lambda p: optim.SGD(p, lr=1e-3, clip_norm=0.5),
    ]

    def training(number: int, dtype: torch.dtype, batch_size: int, sizes: tuple[int, ...]) -> object:
        generator = torch.Generator().manual_seed(number)
        layers: list[nn.Module] = []
        for place, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
            layer = between[(5 * number + place) % len(between)](outputs)
            if batch_size < 7 and isinstance(layer, nn.BatchNorm1d):  # which takes no batch of one
                layer = nn.Softmax(-1)
            layers += [nn.Linear(inputs, outputs), layer]
        n = 2 * batch_size + max(1, batch_size - 2)
        loss = (values + classes)[number // 2 % 10] if sizes[-1] == 33 else values[number % 7]
        x = torch.randn(n, sizes[0], generator=generator)
        if loss in classes:
            layers += [nn.Linear(33, 33)]
            t = torch.randint(33, (n,), generator=generator)
        else:
            layers += [nn.Linear(sizes[-1], sizes[-1]), nn.Sigmoid()]
            t = torch.rand(n, sizes[-1], generator=generator)
        model = nn.Sequential(*layers).to(dtype)
        rule = rules[number % len(rules)](model.parameters())
        split = not any(isinstance(module, nn.BatchNorm1d) for module in layers)
        with patch("plaingrad.train.native.cost.threads_for", lambda task: 1 + number % 3 * split):
            options = {"batch_size": batch_size, "loss": loss.to(dtype), "optimizer": rule}
            return run(model, (x, t), engine="native", **options)

    orders = [
        (33, 1, 15, 16, 17, 31, 33),
        (1, 33, 31, 17, 16, 15, 1),
        (16, 33, 15, 1, 31, 17, 33),
        (17, 17, 16, 16, 33, 33, 31),
    ]
    if few:
        orders = [(17, 1, 33), (1, 31, 15)]
    kinds = itertools.cycle([torch.float32, torch.float64])
    batches = itertools.cycle([7] if few else BATCHES)
    cases = zip(orders * (1 if few else 6), batches, kinds)
    return [
        lambda a=(number, dtype, batch_size, sizes): training(*a)
        for number, (sizes, batch_size, dtype) in enumerate(cases)
    ]


def main() -> None:
    done = watched("from train.native.sanitized import train_all; print(train_all(), 'networks are clean')")
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    raise SystemExit(done.returncode)


if __name__ == "__main__":
    main()
