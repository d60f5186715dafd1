"""The machine code of the paper's network: how much work it is, told by its instructions and not by time.

The bounds hold for one instruction set, whatever the machine. Where a change of the kernels or a new compiler
moves the counts for good reasons, print `counted(...)` and write down what it says, with a fifth to spare.
"""

import itertools
import platform
import re
import subprocess
from pathlib import Path

import pytest
import torch

from plaingrad import nn, optim
from plaingrad.data import Dataset
from plaingrad.native.compile.builder import FLAGS, KERNELS, find_compiler
from plaingrad.native.lower import lower_training
from plaingrad.native.masks import Masks
from plaingrad.native.task import Task

# At most so many instructions by batch size, of which at least so many multiply and add whole vectors.
BOUNDS = {1: (1480, 190), 32: (2760, 180)}

COPIES = r"_ZZ?NK?9plaingrad9Parameter"  # the parameters from Python and back, once a call


@pytest.fixture(autouse=True)
def _real_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX")


needs_x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="the counts are those of AVX-512")


def assembly(batch_size: int, folder: Path) -> str:
    """What a step of the paper's network takes, for processors with AVX-512."""
    sizes = (2, 25, 25, 25, 2)
    layers = [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*layers[:-1])
    data = Dataset(torch.zeros(64, 2), torch.zeros(64, 2))
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    task = Task(model, nn.MSELoss(), optimizer, data, batch_size, Masks(model, 0))
    source, target = folder / "network.cpp", folder / "network.s"
    source.write_text(lower_training(task).source)
    flags = [flag for flag in FLAGS if not flag.startswith("-march") and flag != "-shared"]
    command = [*find_compiler().command, *flags, "-march=x86-64-v4", f"-I{KERNELS}", "-S"]
    subprocess.run([*command, str(source), "-o", str(target)], check=True)
    functions = re.split(r"^(?=[_a-zA-Z]\S*:)", target.read_text(), flags=re.MULTILINE)
    return "".join(text for text in functions if not re.match(COPIES, text))


def counted(text: str) -> dict[str, int]:
    """How many instructions there are, and of which kinds."""
    lines = [line for line in text.splitlines() if re.match(r"\t[a-z]", line)]
    kinds = {
        "all": r"",
        "multiply and add vectors": r"\tvfn?m(add|sub)\d+p.*%zmm",
        "multiply and add single numbers": r"\tvfn?m(add|sub)\d+s",
        "vectors put aside for want of registers": r"\tvmov[au]p. *\t?%zmm\d+, -?\d*\(%r[sb]p\)",
        "calls of functions elsewhere": r"\tcall\t(?!_ZZ?NK?9plaingrad)",
    }
    return {kind: sum(bool(re.match(pattern, line)) for line in lines) for kind, pattern in kinds.items()}


@needs_x86
@pytest.mark.parametrize("batch_size", BOUNDS)
def test_the_work_is_done_in_whole_vectors_that_stay_in_registers(batch_size: int, tmp_path: Path) -> None:
    found = counted(assembly(batch_size, tmp_path))
    most, least = BOUNDS[batch_size]
    assert found["all"] <= most
    assert found["multiply and add vectors"] >= least
    assert found["multiply and add single numbers"] <= 2  # the loss of the epoch is a sum of single numbers
    assert found["vectors put aside for want of registers"] == 0
    assert found["calls of functions elsewhere"] == 0
