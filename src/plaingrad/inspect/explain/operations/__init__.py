"""The numbers of operations on tensors: what moves, adds, multiplies and reduces elements."""
