"""One training in a new process: ``python -m benchmarks.cold_process CLASS FILE EPOCHS``.

Imports nothing that the library in question does not import itself.
"""

from __future__ import annotations

import importlib
import json
import sys
from types import SimpleNamespace

import numpy as np


def main(place: str, file: str, epochs: str) -> None:
    module, kind = place.split(":")
    contender = getattr(importlib.import_module(f"benchmarks.contenders.{module}"), kind)
    arrays = np.load(file)
    workload = SimpleNamespace(**json.loads(str(arrays["workload"])))
    start = [arrays[f"p{i}"] for i in range(2 * len(workload.sizes) - 2)]
    contender(workload, arrays["x"], arrays["y"], start).train(int(epochs), True)


if __name__ == "__main__":
    main(*sys.argv[1:])
