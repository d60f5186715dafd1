"""Numbers as tensors without axes: they take on the dtype of the other operand, and cost less than Python's numbers."""

import torch

ZERO = torch.zeros((), device="cpu", dtype=torch.float32)
ONE = torch.ones((), device="cpu", dtype=torch.float32)
