"""Lines of the user's source, for messages."""

from __future__ import annotations

import traceback

from torch import fx


def location(node: fx.Node) -> str:
    """The line of the user's source that an operation comes from, as far as it is known."""
    lines = [line.strip() for line in (node.stack_trace or "").splitlines() if line.strip()]
    files = [
        line
        for line in lines
        if line.startswith("File ") and "/torch/" not in line and "plaingrad/interop" not in line
    ]
    return files[-1] if files else f"operation {node.name!r}"


def own_frame(frames: traceback.StackSummary) -> str:
    """The last frame of a stack that is neither PyTorch's nor ours."""
    own = [
        frame
        for frame in frames
        if "/torch/" not in frame.filename and "plaingrad/interop" not in frame.filename
    ]
    return f"{own[-1].filename}, line {own[-1].lineno}, {own[-1].line!r}" if own else "its forward"
