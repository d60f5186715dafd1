"""Compiling what the lowering has written, and keeping it."""
