"""What all tests share."""

import atexit
import os
import shutil
import tempfile

import matplotlib
import pytest
import torch

# The tests run side by side, one process for each core; threads of their own would only be in the way.
torch.set_num_threads(1)
matplotlib.use("Agg")

# Nor does what was compiled before the tests decide which engine runs in them.
os.environ["PLAINGRAD_CACHE"] = tempfile.mkdtemp(prefix="plaingrad-tests-")
atexit.register(shutil.rmtree, os.environ["PLAINGRAD_CACHE"], ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let each test draw the same numbers, whichever ran before it."""
    torch.manual_seed(0)
