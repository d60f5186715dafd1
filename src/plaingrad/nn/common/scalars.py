"""Scalar tensors, which adopt the other operand's dtype and cost less than Python numbers."""

import torch

ZERO = torch.zeros((), device="cpu", dtype=torch.float32)
ONE = torch.ones((), device="cpu", dtype=torch.float32)
