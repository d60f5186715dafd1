"""Compiles elementwise functions of vectors and calls them on arrays."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

import plaingrad.native as native

KERNELS = Path(native.__file__).parent / "kernels"
FLAGS = (
    "-std=c++20 -O2 -march=native -fPIC -shared -fno-math-errno -fno-trapping-math -ffp-contract=fast -Wall"
)
TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
LOOP = """
extern "C" void {name}_{type}(const {type}** x, {type}* y, int count) {{
    for (int i = 0; i < count; i += Lanes<{type}>) Store({call}({arguments}), y + i);
}}"""


class Functions:
    """Functions over float and double, from a name to what to call in C++; ``pairs`` take two arrays."""

    def __init__(
        self,
        calls: dict[str, str],
        folder: Path,
        header: str,
        definitions: str = "",
        pairs: dict[str, str] | None = None,
    ) -> None:
        loops = [
            LOOP.format(name=name, type=t, call=call, arguments=arguments)
            for functions, arguments in (
                (calls, "Load(x[0] + i)"),
                (pairs or {}, "Load(x[0] + i), Load(x[1] + i)"),
            )
            for name, call in functions.items()
            for t in TYPES.values()
        ]
        source, library = folder / "functions.cpp", folder / "functions.so"
        source.write_text(
            f'#include "{header}"\nusing namespace plaingrad;\n{definitions}\n{"".join(loops)}\n'
        )
        command = ["c++", *FLAGS.split(), "-Wextra", "-Werror", f"-I{KERNELS}", source, "-o", library]
        subprocess.run(command, check=True)
        self.library = ctypes.CDLL(str(library))

    def __call__(self, name: str, *arrays: np.ndarray) -> np.ndarray:
        size, dtype = len(arrays[0]), arrays[0].dtype
        padded = -size % 64 + size
        inside, outside = [aligned(padded, dtype) for _ in arrays], aligned(padded, dtype)
        for copy, array in zip(inside, arrays, strict=True):
            copy[:size] = array
        pointers = (ctypes.c_void_p * len(arrays))(*[copy.ctypes.data for copy in inside])
        self.library[f"{name}_{TYPES[dtype]}"](pointers, ctypes.c_void_p(outside.ctypes.data), padded)
        return outside[:size]


def aligned(count: int, dtype: np.dtype) -> np.ndarray:
    """Zeros that begin at a multiple of 64 bytes."""
    memory = np.zeros(count * dtype.itemsize + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + count * dtype.itemsize].view(dtype)
