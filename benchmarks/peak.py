"""The most multiply-adds that a core can do: a loop that has all its numbers in registers."""

from __future__ import annotations

import ctypes
import os
import tempfile
import time
from pathlib import Path

from plaingrad.native.compile.builder import find_compiler

LOOPS, TRIALS = 2_000_000, 9

# Twelve sums, for each multiply-add takes about four cycles and two begin in one; with factor and term they
# fit into the sixteen registers that all have. The empty statements keep the sums there, and in the loop.
SOURCE = """
#if defined(__AVX512F__)
constexpr int BYTES = 64;
#elif defined(__AVX__)
constexpr int BYTES = 32;
#else
constexpr int BYTES = 16;
#endif
#if defined(__x86_64__)
#define KEEP(v) asm volatile("" : "+x"(v))
#else
#define KEEP(v) asm volatile("" : "+w"(v))
#endif
typedef float Vector __attribute__((vector_size(BYTES)));
#define EACH(DO) DO(a) DO(b) DO(c) DO(d) DO(e) DO(f) DO(g) DO(h) DO(i) DO(j) DO(k) DO(l)
#define DECLARE(sum) Vector sum{};
#define MULTIPLY_ADD(sum) sum = sum * factor + term; KEEP(sum);
#define ADD(sum) total += sum;

extern "C" int lanes() { return BYTES / 4; }

extern "C" float multiply_adds(long loops) {
    EACH(DECLARE)
    Vector factor = Vector{} + 0.5f, term = Vector{} + 0.25f, total{};
    KEEP(factor);
    KEEP(term);
    for (long n = 0; n < loops; ++n) { EACH(MULTIPLY_ADD) }
    EACH(ADD)
    return total[0];
}
"""


def peak() -> tuple[float, int]:
    """GFLOP/s of the best of some trials in this process, and the floats in a register."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "peak.so")
        find_compiler().compile(SOURCE, path)
        library = ctypes.CDLL(os.fspath(path))
    loop, best = library.multiply_adds, float("inf")
    loop.argtypes, loop.restype = [ctypes.c_long], ctypes.c_float
    for _ in range(TRIALS):
        start = time.perf_counter()
        loop(LOOPS)
        best = min(best, time.perf_counter() - start)
    return 2 * 12 * library.lanes() * LOOPS / best / 1e9, library.lanes()
