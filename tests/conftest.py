"""What all tests share."""

import matplotlib
import pytest
import torch

# The tests run side by side, one process for each core; threads of their own would only be in the way.
torch.set_num_threads(1)
matplotlib.use("Agg")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let each test draw the same numbers, whichever ran before it."""
    torch.manual_seed(0)
