"""Compare a GPU with the CPU: every row of the conformance table, then each example on the GPU.

Run as ``python tools/gpu_check.py [--device cuda] [--draws 8] [--only Linear,LSTM] [--no-examples]``, in the
environment of the tests. Each row's module gets the same numbers on both devices, in float64 and float32;
outputs, gradients and buffers that differ by more than rounding are printed. Random layers are compared in
evaluation, where they draw nothing; rows that draw in evaluation, too, are left out by name. Each example
runs at its ``--quick`` size, with the device as PyTorch's default. The exit status is 1 if anything differs
or fails, and 0 if there is no such device.
"""

from __future__ import annotations

import argparse
import copy
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from conformance.case import Case, Inputs, seeds  # noqa: E402
from conformance.edges.running import (  # noqa: E402
    DOUBLE,
    SINGLE,
    Upstream,
    as_tuple,
    converted,
    few,
    of_ours,
    upstream,
)
from conformance.table import CASES  # noqa: E402
from plaingrad import Module  # noqa: E402

UNITS = 2**10  # in the last place of a tensor's largest number; a sum in another order takes tens
ON_DEVICE = """
import runpy, sys, torch
device, sys.argv = sys.argv[1], sys.argv[2:]
torch.set_default_device(device)
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def main() -> int:
    """Compare, and print what differs; 1 if anything does."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--device", default="cuda", help="the second device")
    parser.add_argument("--draws", type=int, default=8, help="how often each row is drawn in each precision")
    parser.add_argument("--only", default="", help="names of rows, with commas between them")
    parser.add_argument("--no-examples", action="store_true", help="rows alone")
    options = parser.parse_args()
    absent = reason_for_absence(options.device)
    if absent:
        print(f"no GPU: {absent}")
        return 0
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    rows = [case for case in CASES if not options.only or case.ours.__name__ in options.only.split(",")]
    failures = compare_rows(rows, options.device, options.draws)
    if not options.no_examples:
        failures += run_examples(options.device)
    return 1 if failures else 0


def reason_for_absence(device: str) -> str:
    """Nothing if numbers can be computed on the device; else why not."""
    try:
        torch.ones(1, device=device).add(1).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return f"{device}: {str(error).splitlines()[0]}"
    return ""


def compare_rows(rows: list[Case], device: str, draws: int) -> int:
    """Compare rows, print what differs and what was left out, and return how many rows differ."""
    differ, left_out = 0, []
    for case in rows:
        if draws_in_evaluation(case):
            left_out.append(case.ours.__name__)
            continue
        lines = [line for dtype in (DOUBLE, SINGLE) for line in differences(case, dtype, device, draws)]
        differ += bool(lines)
        for line in dict.fromkeys(lines):
            print(line, flush=True)
    print(f"{len(rows) - len(left_out)} rows on {device}, {differ} differ", flush=True)
    for name in left_out:
        print(f"{name} left out: it draws at random in evaluation, too, in each device's own order")
    return differ


@st.composite
def modules(draw: st.DrawFn, case: Case, dtype: torch.dtype) -> tuple[Module, Inputs]:
    """A module with its inputs on the CPU, in a mode in which it draws nothing."""
    arguments = draw(case.arguments)
    inputs = converted(draw(case.inputs(arguments)), dtype)
    module = case.ours(**copy.deepcopy(arguments)).to(dtype)
    return module.eval(saving=True) if case.random or draw(st.booleans()) else module.train(), inputs


def draws_in_evaluation(case: Case) -> bool:
    """Whether two runs on the CPU differ."""
    if not case.random:
        return False
    differ: list[bool] = []

    @settings(few, max_examples=3)
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        module, inputs = data.draw(modules(case, DOUBLE))
        first, again = (as_tuple(copy.deepcopy(module).forward(*inputs)) for _ in range(2))
        differ.append(not all(torch.equal(x, y) for x, y in zip(first, again) if isinstance(x, Tensor)))

    run()
    return any(differ)


def differences(case: Case, dtype: torch.dtype, device: str, draws: int) -> list[str]:
    """A line for each tensor that differs."""
    lines: list[str] = []

    @settings(few, max_examples=draws)
    @given(data=st.data(), seed=seeds)
    def run(data: st.DataObject, seed: int) -> None:
        module, inputs = data.draw(modules(case, dtype))
        lines.extend(f"{case} in {dtype}: {line}" for line in compared(module, inputs, seed, device))

    run()
    return lines


def compared(module: Module, inputs: Inputs, seed: int, device: str) -> list[str]:
    """A line for each result of a module that differs between the device and the CPU."""
    make = functools.partial(upstream, seed=seed)

    exact = of_ours(copy.deepcopy(module).to(DOUBLE), converted(inputs, DOUBLE), make)
    here = of_ours(copy.deepcopy(module), inputs, make)
    try:
        there = copy.deepcopy(module).to(device)
        found = of_ours(there, tuple(x.to(device) for x in inputs), functools.partial(moved, make, device))
    except Exception as error:  # whatever is wrong there is a line, not the end
        return [f"{type(error).__name__}: {str(error).splitlines()[0]}"]
    lines = []
    for name, y in found.items():
        if y.device.type != torch.device(device).type:
            lines.append(f"{name} is on {y.device}")
        elif not is_close(y.cpu(), here[name], exact[name]):
            lines.append(f"{name}: {brief(y)} instead of {brief(here[name])}")
    return lines


def moved(make: Any, device: str, outputs: Any) -> Upstream:
    """The upstream gradients that the CPU's outputs get, on the device."""
    here = tuple(y.detach().cpu() for y in as_tuple(outputs))
    return tuple(None if dy is None else dy.to(device) for dy in make(here))


def is_close(y: Tensor, here: Tensor, exact: Tensor) -> bool:
    """Whether a result is the CPU's but for rounding, the extent of which double precision shows."""
    if y.shape != here.shape or y.dtype is not here.dtype:
        return False
    if not y.is_floating_point() or not y.numel():
        return torch.equal(y, here)
    off, size = (here.double() - exact.double()).abs(), here.double().abs()
    allowed = 8 * greatest(off) + UNITS * torch.finfo(y.dtype).eps * greatest(size)
    return torch.allclose(y.double(), here.double(), rtol=0, atol=allowed, equal_nan=True)


def greatest(x: Tensor) -> float:
    return x.nan_to_num(0, 0, 0).max().item()


def brief(x: Tensor) -> str:
    return f"{[float(f'{number:.6g}') for number in x.flatten()[:3].tolist()]} of {tuple(x.shape)}"


def run_examples(device: str) -> int:
    """Run each example on the device; print which fail, and return how many."""
    failed = 0
    for program in sorted((ROOT / "examples").glob("*.py")):
        if program.stem == "digits":
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", ON_DEVICE, device, program, "--quick"],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{program.parent}"},
                capture_output=True,
                text=True,
            )
        last = (done.stderr if done.returncode else done.stdout).strip().splitlines()[-1:]
        print(f"{program.name} {'fails' if done.returncode else 'runs'}: {''.join(last)}", flush=True)
        failed += bool(done.returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
