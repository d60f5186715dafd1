"""Let MKL take the widest kernels of a processor that Intel has not made.

MKL asks a function of its own who made the processor, and on others takes AVX2 where AVX-512 would do. A
shared object that is loaded before it can answer in its place, and PyTorch's products have their full speed.
"""

from __future__ import annotations

import os
from pathlib import Path

from plaingrad.native.compile.builder import find_compiler

ANSWER = 'extern "C" int mkl_serv_intel_cpu_true() { return 1; }\n'


def any_cpu(folder: str) -> dict[str, str]:
    """The environment of a process in which MKL does not ask; compiles the shared object into the folder."""
    library = Path(folder, "mkl_any_cpu.so")
    if not library.exists():
        find_compiler().compile(ANSWER, library)
    others = os.environ.get("LD_PRELOAD", "")
    return {"LD_PRELOAD": f"{library}:{others}" if others else str(library)}
