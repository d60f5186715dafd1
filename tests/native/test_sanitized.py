from __future__ import annotations

import pytest

from native.sanitized import runtime, watched

pytestmark = pytest.mark.skipif(runtime() is None, reason="no g++ with AddressSanitizer")

OVERFLOW = """
import ctypes
from plaingrad.native.compile.cache import library
from plaingrad.native.call import workspace

loaded = library('''// an overflow
#include "base/matrix.hpp"
using namespace plaingrad;
struct Two { Matrix<float, 2, 17> a, b; };
extern "C" unsigned long size() { return sizeof(Two); }
extern "C" void write(void* memory, int row) { Store(Zero<float>(), object_at<Two>(memory).a.row(row)); }
''')
memory, address = workspace(loaded.size())
for row in (0, 1, 2):
    print(row, flush=True)
    loaded.write(ctypes.c_void_p(address), row)
"""


def test_networks_are_clean() -> None:
    done = watched("from native.sanitized import train_all; print(train_all(few=True))", optimised="-O0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "7\n"


def test_an_index_one_too_far_is_caught() -> None:
    done = watched(OVERFLOW, optimised="-O0")
    assert done.returncode != 0
    assert done.stdout == "0\n1\n2\n"
    assert "ERROR: AddressSanitizer: use-after-poison" in done.stderr
