"""Numbers as tensors without axes, which take the other operand's dtype and cost less than Python's."""

import torch

ZERO = torch.zeros((), device="cpu", dtype=torch.float32)
ONE = torch.ones((), device="cpu", dtype=torch.float32)
