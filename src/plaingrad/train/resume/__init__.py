"""Checkpoints of a run: what a run that was killed goes on from."""
